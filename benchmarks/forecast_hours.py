"""What the forecast of the next days' AQI is worth: its own back-test on real stations, on the simulated city and on made series.

    python -m benchmarks.forecast_hours --air FILE [--seed 7] [--days 400] [--series 40] [--into docs/FORECAST_HOURS.md]

    persistence   the AQI of the last 24 hours carried forward; above 100 or not is said with certainty
    mean          the mean AQI of all days known so far; above 100 as often as they were
    alone         each place learns from its own days only
    together      all places learn one share, each around its own mean

The city's hours are the means of the stations', where enough of them have the pollutant. Forecasts are those of 18:00, because
HJ 633-2026 (5.2) wants them before 20:00.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.pages import put, table
from cityflux.replay import Tally, replay_profile, rows
from processors.forecast.short_term import ABOVE, HORIZONS, Backtest, Forecast, backtest, forecast_places
from processors.standards.tables import POLLUTANTS, air_rules, index_named
from processors.windows import civil_day, day_bounds, ends, hours_of_day
from sensors.instants import HOUR_MS
from simulators.air import hours as simulated_hours
from simulators.city import city

Places = Mapping[str, pd.DataFrame]
Found = Mapping[str, Sequence[Backtest]]

_ZONE = ZoneInfo("Asia/Shanghai")
_CITY = "city"
_ISSUED_HOUR = 18
_FIRST_SERIES = 1000  # beyond the seeds by which the method was chosen
_FIRST = date(2026, 3, 2)
_CLEAN = {"pm2_5": 0.0, "pm10": 30.0, "so2": 5.0, "no2": 20.0, "co": 0.5, "o3": 60.0}


class Scores(NamedTuple):
    """Of some days tried: how many, with AQI > 100, and by method (ours, persistence, mean) error, right class, Brier score."""

    days: int
    polluted: int
    error: tuple[float, float, float]
    right: tuple[float, float, float]
    brier: tuple[float, float, float]
    within: float


def real(file: Path) -> dict[str, pd.DataFrame]:
    """The hours of each real station, by id."""
    made = [
        {"station": row.address.station, "observed_at": row.record["at"], **row.record["values"]}
        for row in rows(file, replay_profile("cnemc-air"), Tally())
    ]
    return _by_station(pd.DataFrame(made))


def simulated(seed: int, days: int) -> dict[str, pd.DataFrame]:
    """The hours of the simulated city's assessment stations, by id."""
    made = []
    for station in city():
        if station.kind != "assessment":
            continue
        for number in range(days):
            day = _FIRST + timedelta(days=number)
            values = simulated_hours(seed, station, day)
            for end, hour in zip(hours_of_day(day, _ZONE), values, strict=True):
                made.append({"station": station.id, "observed_at": end, **{code: hour[code] for code in POLLUTANTS}})
    return _by_station(pd.DataFrame(made))


def _by_station(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    frame["observed_at"] = pd.to_datetime(frame["observed_at"], unit="ms", utc=True)
    return {str(name): hours.drop(columns="station") for name, hours in frame.groupby("station")}


def city_hours(places: Places) -> pd.DataFrame:
    """The mean of the stations' concentrations of each hour and pollutant that enough of them have (HJ 663)."""
    hours = pd.concat(places.values()).groupby("observed_at")
    mean, valid = hours[list(POLLUTANTS)].mean(), hours[list(POLLUTANTS)].count()
    enough = air_rules(_FIRST).assessment.stations.enough
    return mean.where(valid.map(lambda count: enough(count, len(places)))).reset_index()


def issued(hours: pd.DataFrame) -> int:
    """18:00 of the last day of which that hour is there."""
    last = int(ends(hours).max())
    at = day_bounds(civil_day(last, _ZONE), _ZONE)[0] + _ISSUED_HOUR * HOUR_MS
    return at if at <= last else at - 24 * HOUR_MS


def walk(seed: int, days: int) -> list[float]:
    """PM2.5 [µg/m³] whose logarithm is a random walk: nothing beats persistence."""
    steps = np.random.default_rng(seed).normal(size=days) * 0.12
    return [float(each) for each in np.clip(45 * np.exp(np.cumsum(steps)), 4, 450)]


def returning(memory: float, seed: int, days: int) -> list[float]:
    """PM2.5 [µg/m³] whose logarithm returns to its mean; a day keeps the share `memory` of the one before."""
    away, found = 0.0, []
    for chance in np.random.default_rng(seed).normal(size=days):
        away = memory * away + float(np.sqrt(1 - memory**2) * 0.45 * chance)
        found.append(45 * float(np.exp(away)))
    return found


def made(pm2_5: Sequence[float]) -> pd.DataFrame:
    """Days of the same PM2.5 all day long, clean otherwise."""
    day_ends = [hours_of_day(_FIRST + timedelta(days=number), _ZONE) for number in range(len(pm2_5))]
    frame = pd.DataFrame({"observed_at": pd.to_datetime([end for day in day_ends for end in day], unit="ms", utc=True)})
    values = [round(value, 1) for value, day in zip(pm2_5, day_ends, strict=True) for _ in day]
    return frame.assign(**_CLEAN).assign(pm2_5=values)


def scores(found: Sequence[Backtest]) -> Scores | None:
    """Of all days that some back-tests of one horizon tried; None without any."""
    lines = [line for one in found for line in _lines(one)]
    if not lines:
        return None
    polluted, error, right, brier, within = (np.array(column, dtype=np.float64) for column in zip(*lines, strict=True))
    return Scores(len(lines), int(polluted.sum()), _three(error), _three(right), _three(brier), float(within.mean()))


def _three(column: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    ours, persistence, mean = column.mean(axis=0).tolist()
    return ours, persistence, mean


def _lines(one: Backtest) -> list[tuple[bool, list[float], list[bool], list[float], bool]]:
    """Of each day tried: polluted or not; error, right class and squared error of the probability by method; within or not."""
    category = index_named(one.standard).category
    lines = []
    for tried in one.tried:
        polluted = tried.true > ABOVE[0]
        said = (tried.median, tried.persistence, round(tried.mean))
        above = (tried.above, float(tried.persistence > ABOVE[0]), tried.mean_above)
        lines.append(
            (
                polluted,
                [abs(value - tried.true) for value in (tried.median, tried.persistence, tried.mean)],
                [category(value) == category(tried.true) for value in said],
                [(probability - polluted) ** 2 for probability in above],
                tried.low <= tried.true <= tried.high,
            )
        )
    return lines


_HEAD = (
    "horizon", "learnt", "days", "> 100", "error [AQI]", "persistence", "mean", "right class", "persistence", "mean",
    "Brier > 100", "persistence", "mean", "within 80 %",
)  # fmt: skip


def _row(horizon: int, learnt: str, found: Scores | None) -> tuple[str, ...]:
    if found is None:
        return (f"{horizon} h", learnt, "0", *["–"] * (len(_HEAD) - 3))
    return (
        f"{horizon} h",
        learnt,
        f"{found.days:,}",
        f"{found.polluted:,}",
        *(f"{value:.1f}" for value in found.error),
        *(f"{100 * value:.0f} %" for value in found.right),
        *(f"{value:.4f}" for value in found.brier),
        f"{100 * found.within:.0f} %",
    )


def _reason(why: str) -> str:
    """What kind of reason it is."""
    kinds = (
        ("are needed", "too few days"),
        ("not assessable", "last 24 hours not assessable"),
        ("beyond chance", "better than persistence, but it may be chance"),
        ("does not beat", "worse than persistence"),
        ("mean of the days", "worse than the mean"),
        ("polluted days", "polluted days known worse"),
        ("learnt from", "too little of late"),
    )
    return next(kind for part, kind in kinds if part in why)


def measure(places: Places, name: str) -> str:
    """The tables of real or simulated stations and their city."""
    now = max(issued(hours) for hours in places.values())
    whole = {**places, _CITY: city_hours(places)}
    alone = {place: backtest({place: hours}, _ZONE, now)[place] for place, hours in whole.items()}
    together = backtest(whole, _ZONE, now)
    parts = []
    for title, chosen in ((f"{name}: {len(places)} stations", list(places)), (f"{name}: the city", [_CITY])):
        lines = [
            _row(horizon, learnt, scores([found[place][number] for place in chosen]))
            for number, horizon in enumerate(HORIZONS)
            for learnt, found in (("alone", alone), ("together", together))
        ]
        parts.append(table(title, _HEAD, lines))
    parts.append(_verdicts(whole, now, name))
    return "\n\n".join(parts)


def _verdicts(whole: Places, now: int, name: str) -> str:
    """How many places would be shown, as of `now`, and why not the others."""
    counts: Counter[tuple[str, str, int]] = Counter()
    verdicts = {
        "alone": [one for place, hours in whole.items() for one in forecast_places({place: hours}, _ZONE, now)[place]],
        "together": [one for found in forecast_places(whole, _ZONE, now).values() for one in found],
    }
    for learnt, found in verdicts.items():
        for one in found:
            counts["published" if isinstance(one, Forecast) else _reason(one.why), learnt, one.horizon] += 1
    kinds = ["published", *sorted({kind for kind, _, _ in counts} - {"published"})]
    ways = [(learnt, horizon) for learnt in verdicts for horizon in HORIZONS]
    lines = [(kind, *(str(counts[kind, *way]) for way in ways)) for kind in kinds]
    at = datetime.fromtimestamp(now / 1000, UTC).astimezone(_ZONE)
    head = ("verdict", *(f"{horizon} h {learnt}" for learnt, horizon in ways))
    return table(f"{name}: {len(whole)} places by verdict, as of {at:%Y-%m-%d %H:%M}", head, lines)


def by_station(places: Places) -> str:
    """Each place alone: days tried, and the errors of ours, persistence and the mean."""
    now = max(issued(hours) for hours in places.values())
    lines = []
    for place, hours in {**places, _CITY: city_hours(places)}.items():
        cells = [place]
        for one in backtest({place: hours}, _ZONE, now)[place]:
            skill = one.skill
            cells += (
                ["0", "–", "–"]
                if skill is None
                else [
                    str(skill.origins),
                    f"{skill.error:.1f} / {skill.error_persistence:.1f} / {skill.error_mean:.1f}",
                    f"{skill.chance:.3f}",
                ]
            )
        lines.append(tuple(cells))
    head = ["place"]
    for horizon in HORIZONS:
        head += [f"days, {horizon} h", "error: ours / persistence / mean", "chance"]
    return table("Real hours: each place alone", head, lines)


def made_series(count: int) -> str:
    """How many made series of each kind would be published."""
    kinds = (
        ("random walk", walk, "persistence is the best there is"),
        (
            "keeps 0.9",
            lambda seed, days: returning(0.9, seed, days),
            "the best there is misses about 3 % less the next day",
        ),
        ("keeps 0.6", lambda seed, days: returning(0.6, seed, days), "11 % less"),
        ("keeps 0.3", lambda seed, days: returning(0.3, seed, days), "19 % less"),
        ("keeps 0", lambda seed, days: returning(0.0, seed, days), "29 % less, and it is the mean"),
    )
    lines = []
    for name, series, what in kinds:
        for days in (45, 90, 240):
            published: Counter[int] = Counter()
            for seed in range(_FIRST_SERIES, _FIRST_SERIES + count):
                hours = made(series(seed, days))
                for one in forecast_places({name: hours}, _ZONE, int(ends(hours).max()))[name]:
                    published[one.horizon] += isinstance(one, Forecast)
            shares = (f"{100 * published[horizon] / count:.0f} %" for horizon in HORIZONS)
            lines.append((name, what, str(days), *shares))
    head = ("PM2.5 from day to day", "what there is to know", "days", *(f"{horizon} h" for horizon in HORIZONS))
    return table(f"Made series: share of {count} that would be published", head, lines)


def main() -> None:
    """Measure, print, and write into a page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--air", type=Path, required=True, help="the real station hours, a file of profile cnemc-air")
    parser.add_argument("--seed", type=int, default=7, help="of the simulated city")
    parser.add_argument("--days", type=int, default=400, help="of the simulated city")
    parser.add_argument("--series", type=int, default=40, help="made series of each kind and length")
    parser.add_argument("--into", type=Path, help="a page with the marks of `forecast-hours`")
    options = parser.parse_args()
    if not options.air.is_file():
        sys.exit(f"{options.air} is not there")
    stations = real(options.air)
    shown = "\n\n".join(
        (
            measure(stations, "Real hours"),
            by_station(stations),
            measure(simulated(options.seed, options.days), f"Simulated city, {options.days} days"),
            made_series(options.series),
        )
    )
    print(shown)
    if options.into is not None:
        put(options.into, "forecast-hours", shown)


if __name__ == "__main__":
    main()
