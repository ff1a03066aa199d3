"""Air, from readings to judgements: what the runner saves for a run of civil days.

Hourly indices go back into the readings store as a derived series; daily ones become judgements of stations and the city;
the plan's good-air days of a year are counted from the city's days.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from importlib.metadata import version
from itertools import groupby
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pandas as pd

from processors.indicators.air_daily import city_days, station_days
from processors.indicators.air_realtime import city_realtime, realtime
from processors.indicators.good_days import GoodDays, good_days
from processors.plans import Indicator
from processors.standards.tables import INDEXES, POLLUTANTS, index_named
from processors.windows import day_bounds
from processors.withheld import withheld
from sensors.instants import HOUR_MS
from sensors.quantities import OF_FAMILY
from sensors.reading import Doubt, Reading
from sensors.stations import Registry
from store.intervals import Interval
from store.judgements import Judgement, Key
from store.port import ReadingsStore

DAILY_AQI = "air_daily_aqi"
"""Code of the daily indicator; its scopes are `city` and `station:<id>`."""

CITY = "city"
CITY_STATION = "@city"
"""Under this name the city's hours stand beside the stations' in the derived series; no station id can be it."""

BY_DATE = "by-date"
"""The standard of a value over days that are each judged by the edition of their own date."""

CODE_VERSION = version("cityflux")

_HOURS_OF = {"8h_running": 8, "24h_running": 24}

_STATUS = {"good": "met", "polluted": "missed", "not_assessable": "not assessable"}
_INDEX = OF_FAMILY["air-index"]


class AirBlock(NamedTuple):
    """What came of a run of days: the hourly indices to store, and the daily judgements."""

    derived: list[Reading]
    judgements: list[Judgement]


def compute_block(
    store: ReadingsStore,
    registry: Registry,
    days: Sequence[date],
    zone: ZoneInfo,
    *,
    variant: str,
    hours: Collection[int],
    now: int,
    intervals: Sequence[Interval],
) -> AirBlock:
    """Compute consecutive civil `days`; of their hourly indices give those that the changed `hours` (ends [ms]) reach. What
    `intervals` cover counts for nothing.

    Raises StoreUnavailable, StoreMisconfigured.
    """
    start, end = day_bounds(days[0], zone)[0], day_bounds(days[-1], zone)[1]
    known = sorted({station.id for station in registry if station.family == "air"})
    reach = _reach_ms(variant)
    frame = store.readings("air", "hour", start - reach, end + reach, known, POLLUTANTS)
    frame = withheld(_while_active(frame, registry), intervals, "hour")
    if frame.empty:
        return AirBlock([], [])
    reached = {at for changed in hours if start < changed <= end for at in range(changed, changed + reach + 1, HOUR_MS)}
    derived = _derived(frame, registry, zone, variant, reached, now)
    within = frame[(frame["observed_at"] > _instant(start)) & (frame["observed_at"] <= _instant(end))]
    judgements: list[Judgement] = []
    if not within.empty:
        of_stations = station_days(within, zone)
        judgements += [
            _daily(row, f"station:{row['station']}", (row["station"],), now) for row in of_stations.to_dict("records")
        ]
        for assessment, run in groupby(days, key=lambda day: _assessment(registry, day, zone)):
            rows = of_stations[of_stations["day"].isin(list(run)) & of_stations["station"].isin(assessment)]
            if not rows.empty:
                of_city = city_days(rows, assessment, zone)
                judgements += [_daily(row, CITY, assessment, now) for row in of_city.to_dict("records")]
    return AirBlock(derived, judgements)


def year_judgement(
    indicator: Indicator, year: int, days: Sequence[date], city: Mapping[str, Judgement], *, length: int, now: int
) -> Judgement:
    """Good-air days of `year` so far: over its closed `days`, from the city's daily judgements by day text.

    `length` is how many days the year has: what is left decides whether the target can still be reached. Days without a
    verdict are never good; with too many of them the year is not assessable.
    """
    rows = [_as_row(day, city[day.isoformat()]) for day in days if day.isoformat() in city]
    columns = ["day", "state", "aqi", "primary", "standard", "coverage", "why", "why_text"]
    counted = good_days(pd.DataFrame(rows, columns=columns), days[0], days[-1])
    left = length - len(days)
    status = _year_status(indicator, counted, left)
    stations = sorted({name for day in days if day.isoformat() in city for name in city[day.isoformat()].stations})
    detail = {
        "sentence": _sentence(counted, left, indicator),
        "good": counted.good,
        "polluted": counted.polluted,
        "not_assessable": counted.not_assessable,
        "valid": counted.valid,
        "ratio_percent": None if counted.ratio_percent is None else str(counted.ratio_percent),
        "standards": [span.standard for span in counted.standards],
        "last_day": days[-1].isoformat(),
        "days_left": left,
    }
    return Judgement(
        Key(indicator.code, indicator.scope, str(year), BY_DATE),
        str(counted.good), indicator.unit, status, counted.valid, counted.expected, CODE_VERSION, tuple(stations), detail, now,
    )  # fmt: skip


def _year_status(indicator: Indicator, counted: GoodDays, left: int) -> str:
    if counted.coverage.ratio < indicator.least_coverage:
        return "not assessable"
    if counted.good >= indicator.target:
        return "met"
    if left == 0 or counted.good + left < indicator.target:
        return "missed"
    pace = counted.ratio or 0  # the share of good days so far, taken for the days left
    return "on track" if counted.good + pace * left >= indicator.target else "at risk"


def _sentence(counted: GoodDays, left: int, indicator: Indicator) -> str:
    ratio = "" if counted.ratio_percent is None else f" ({counted.ratio_percent} % of {counted.valid} valid days)"
    text = (
        f"{counted.good} good{ratio}, {counted.polluted} polluted, {counted.not_assessable} not assessable "
        f"of {counted.expected} days to {counted.days[-1].day}"
    )
    missing = int(indicator.target) - counted.good
    if left and missing > 0:
        text += f"; {missing} more needed of the {left} days left"
    return text


def _daily(row: Mapping[Any, Any], scope: str, stations: Sequence[str], now: int) -> Judgement:
    aqi = None if pd.isna(row["aqi"]) else str(int(row["aqi"]))
    index = index_named(row["standard"])
    category = index.category(int(aqi)) if aqi else None
    detail = {
        "state": row["state"],
        "why": row["why"],
        "why_text": row["why_text"],
        "primary": row["primary"],
        "category": f"{category.zh} {category.en}" if category else "",
        "colour": category.hex if category else "",
        "concentrations": {c: None if pd.isna(row[c]) else row[c] for c in POLLUTANTS},
        "iaqi": {c: None if pd.isna(row[f"iaqi_{c}"]) else int(row[f"iaqi_{c}"]) for c in POLLUTANTS},
    }
    return Judgement(
        Key(DAILY_AQI, scope, row["day"].isoformat(), row["standard"]),
        aqi, "1", _STATUS[row["state"]], int(row["valid_hours"]), int(row["expected_hours"]), CODE_VERSION, tuple(stations),
        detail, now,
    )  # fmt: skip


def _as_row(day: date, judgement: Judgement) -> tuple[Any, ...]:
    detail = judgement.detail
    coverage = judgement.valid / judgement.expected if judgement.expected else 0.0
    aqi = None if judgement.value is None else int(judgement.value)
    return (
        day,
        detail["state"],
        aqi,
        detail["primary"],
        judgement.key.standard,
        coverage,
        detail["why"],
        detail["why_text"],
    )


def _derived(
    frame: pd.DataFrame, registry: Registry, zone: ZoneInfo, variant: str, reached: set[int], now: int
) -> list[Reading]:
    stations = realtime(frame, zone, variant)
    parts = [stations[_ends(stations).isin(reached)]]
    ends = _ends(frame)
    for assessment, hours in groupby(sorted(reached), key=lambda at: _assessment_at(registry, at - 1)):
        run = list(hours)
        lead = frame[(ends >= run[0] - _reach_ms(variant)) & (ends <= run[-1]) & frame["station"].isin(assessment)]
        if not lead.empty:
            city = city_realtime(lead, assessment, zone, variant)
            parts.append(city[_ends(city).isin(run)].assign(station=CITY_STATION))
    rows = pd.concat(parts, ignore_index=True)
    return [_index_reading(row, now) for row in rows.to_dict("records")]


def _index_reading(row: Mapping[Any, Any], now: int) -> Reading:
    """A row of indices as a reading; where there is no index, that it is not assessable displaces an earlier one."""
    values: dict[str, float] = {"coverage": round(float(row["coverage"]), _INDEX["coverage"].scale)}
    doubtful: dict[str, Doubt] = {}
    for code in ("aqi", *(f"iaqi_{pollutant}" for pollutant in POLLUTANTS)):
        if pd.isna(row[code]):
            doubtful[code] = Doubt("not_assessable", None)
        else:
            values[code] = float(row[code])
    at = row["observed_at"].value // 1_000_000
    return Reading("air-index", row["station"], "hour", at, now, values, doubtful)


def _reach_ms(variant: str) -> int:
    """How far back an hour's index reads, and so how far ahead a changed hour is felt: by the longest running mean that
    enters the variant in any edition."""
    statistics = {i.statistic for index in INDEXES for i in index.variant("realtime", variant).indicators}
    return (max(_HOURS_OF.get(statistic, 1) for statistic in statistics) - 1) * HOUR_MS


def _while_active(frame: pd.DataFrame, registry: Registry) -> pd.DataFrame:
    """The rows of stations that the registry holds active in the hour they end."""
    ends = _ends(frame)
    active = [registry.entry("air", s, at - 1) is not None for s, at in zip(frame["station"], ends, strict=True)]
    return frame[active]


def _assessment(registry: Registry, day: date, zone: ZoneInfo) -> tuple[str, ...]:
    return _assessment_at(registry, day_bounds(day, zone)[1] - 1)


def _assessment_at(registry: Registry, at: int) -> tuple[str, ...]:
    return tuple(station.id for station in registry.active("air", at, kind="assessment"))


def _ends(frame: pd.DataFrame) -> "pd.Series[int]":
    return frame["observed_at"].astype("datetime64[ms, UTC]").astype("int64")


def _instant(at: int) -> pd.Timestamp:
    return pd.Timestamp(at, unit="ms", tz="UTC")
