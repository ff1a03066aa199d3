"""The simulated air is what it says it is: recomputed here, independently, from the hourly values that are published.

Breakpoints are typed in from HJ 633-2012 table 1 and HJ 633-2026 table 3, and not read from the project's tables.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from functools import cache
from math import ceil

import pytest

from sensors.stations import Station
from simulators.air import SPREAD, Category, truth
from simulators.city import city, history

IAQI = (0, 50, 100, 150, 200, 300, 400, 500)
SAME = {
    "so2": (0, 50, 150, 475, 800, 1600, 2100, 2620),
    "no2": (0, 40, 80, 180, 280, 565, 750, 940),
    "co": (0, 2, 4, 14, 24, 36, 48, 60),
    "o3": (0, 100, 160, 215, 265, 800),
}
HJ_633_2012 = SAME | {
    "pm10": (0, 50, 150, 250, 350, 420, 500, 600),
    "pm2_5": (0, 35, 75, 115, 150, 250, 350, 500),
    "o3_1h": (0, 160, 200, 300, 400, 800, 1000, 1200),
}
HJ_633_2026 = SAME | {"pm10": (0, 50, 120, 250, 350, 420, 500, 600), "pm2_5": (0, 35, 60, 115, 150, 250, 350, 500)}
CHANGE = date(2026, 3, 1)
CLASSES: tuple[tuple[int, Category], ...] = (
    (50, "excellent"),
    (100, "good"),
    (150, "light"),
    (200, "moderate"),
    (300, "heavy"),
)

Daily = Mapping[str, Fraction]
Beijing = timedelta(hours=8)


def readings(seed: int, start: date, end: date) -> Iterator[tuple[str, date, int, Mapping[str, float]]]:
    """(station, civil day, hour of the day 1…24, values) of every published reading; the stamp is the hour's end."""
    end_ms = int((datetime(end.year, end.month, end.day, tzinfo=UTC) - Beijing).timestamp() * 1000)
    for topic, payload in history(seed, start, end_ms):
        message = json.loads(payload)
        for record in message.get("readings", [message]):
            began = datetime.fromtimestamp(record["at"] / 1000, UTC) + Beijing - timedelta(hours=1)
            yield topic.split("/")[4], began.date(), began.hour + 1, record["values"]


def daily(hours: Mapping[int, Mapping[str, float]]) -> Daily:
    """Daily means, MDA8 over the windows that end at 08:00 … 24:00, and the greatest hour of ozone: exact."""
    assert sorted(hours) == list(range(1, 25))
    column = {
        c: [Fraction(str(hours[h][c])) for h in range(1, 25)] for c in ("pm2_5", "pm10", "so2", "no2", "co", "o3")
    }
    ozone = column.pop("o3")
    means = {code: sum(values, Fraction(0)) / 24 for code, values in column.items()}
    return means | {"o3": max(sum(ozone[end - 8 : end], Fraction(0)) / 8 for end in range(8, 25)), "o3_1h": max(ozone)}


def sub_index(bands: Sequence[int], value: Fraction) -> Fraction:
    for (low, i_low), (high, i_high) in zip(
        zip(bands, IAQI, strict=False), zip(bands[1:], IAQI[1:], strict=False), strict=False
    ):
        if value <= high:
            return Fraction(i_high - i_low, high - low) * (value - low) + i_low
    raise AssertionError(f"{value} is beyond the table")


def judged(values: Daily, day: date) -> tuple[Category, str | None, Fraction]:
    """Class, primary pollutant, and how far the AQI is from the next sub-index, by the edition in force on `day`."""
    if day < CHANGE:
        indices = {code: sub_index(bands, values[code]) for code, bands in HJ_633_2012.items()}
    else:  # concentrations are rounded first, half to even as Fraction does; CO to one decimal
        rounded = {c: Fraction(round(v * 10), 10) if c == "co" else Fraction(round(v)) for c, v in values.items()}
        indices = {code: sub_index(bands, rounded[code]) for code, bands in HJ_633_2026.items()}
    (first, primary), (second, _) = sorted(((index, code) for code, index in indices.items()), reverse=True)[:2]
    aqi = ceil(first)
    return next(c for limit, c in CLASSES if aqi <= limit), primary if aqi > 50 else None, first - second


@cache
def year(seed: int, of: int) -> Mapping[date, Mapping[str, Daily]]:
    hours: dict[tuple[date, str], dict[int, Mapping[str, float]]] = defaultdict(dict)
    for station, day, hour, values in readings(seed, date(of, 1, 1), date(of + 1, 1, 1)):
        hours[day, station][hour] = values
    days: dict[date, dict[str, Daily]] = defaultdict(dict)
    for (day, station), values_by_hour in hours.items():
        days[day][station] = daily(values_by_hour)
    return days


def mean(of: Sequence[Daily]) -> Daily:
    return {code: sum((values[code] for values in of), Fraction(0)) / len(of) for code in of[0]}


ASSESSMENT = [station.id for station in city() if station.kind == "assessment"]


@pytest.mark.parametrize("seed", [1, 20260301])
def test_every_day_of_2026_has_its_class_and_primary_pollutant_at_every_assessment_station_and_for_the_city(
    seed: int,
) -> None:
    days = year(seed, 2026)
    assert len(days) == 365
    for day, stations in days.items():
        expected = truth(seed, day)
        places = {name: stations[name] for name in ASSESSMENT}
        for name, values in (places | {"city": mean(list(places.values()))}).items():
            category, primary, _ = judged(values, day)
            assert (category, primary) == (expected.category, expected.primary), (name, day, values)


def test_no_place_comes_near_an_edge_or_a_second_primary_pollutant() -> None:
    """Rounding moves a mean by 0.5 at most, so 2 from an edge, and 2 between sub-indices, decides by a wide margin."""
    for day, stations in year(1, 2026).items():
        for name in ASSESSMENT:
            values = stations[name]
            assert not 55 < values["pm2_5"] < 85, (day, name)
            primary = truth(1, day).primary
            _, _, lead = judged(values, day)
            for bands in (HJ_633_2012, HJ_633_2026):
                if primary is None:
                    assert all(values[code] <= bands[code][1] - 2 for code in ("pm2_5", "pm10", "o3", "no2")), (
                        day,
                        name,
                    )
                else:
                    assert min(abs(values[primary] - edge) for edge in bands[primary]) >= 2, (day, name, primary)
                    assert lead >= 2, (day, name)


@pytest.mark.parametrize("seed", range(5))
def test_a_year_is_like_chongqing(seed: int) -> None:
    days = [truth(seed, date(2026, 1, 1) + timedelta(days=n)) for n in range(365)]
    assert 0.86 <= sum(day.good for day in days) / 365 <= 0.90
    assert {day.category for day in days} == {"excellent", "good", "light", "moderate", "heavy"}
    polluted = Counter((day.primary, day.day.month in (11, 12, 1, 2)) for day in days if not day.good)
    assert polluted["pm2_5", True] > polluted["pm2_5", False], "particles pollute in winter"
    assert polluted["o3", False] > polluted["o3", True] == 0, "ozone pollutes in summer"
    assert all(day.good == (day.category in ("excellent", "good")) for day in days)
    assert all((day.primary is None) == (day.category == "excellent") for day in days)


def test_another_seed_is_another_year() -> None:
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(365)]
    assert [truth(1, day) for day in days] != [truth(2, day) for day in days]


def test_other_kinds_of_station_differ_from_the_city() -> None:
    """So that a city value which lets them in is a different number."""
    kinds: dict[str, Station] = {s.kind: s for s in city() if s.kind != "assessment"}
    assert set(kinds) == {"background", "traffic"}
    for day, stations in year(1, 2026).items():
        level = mean([stations[name] for name in ASSESSMENT])
        share = {kind: float(stations[s.id]["pm2_5"] / level["pm2_5"]) for kind, s in kinds.items()}
        assert share["background"] < 0.8, day
        assert share["traffic"] > 1.1, day
        for name in ASSESSMENT:
            assert abs(stations[name]["pm2_5"] / level["pm2_5"] - 1) < 2.2 * SPREAD, (day, name)
