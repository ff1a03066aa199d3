"""The daily AQI of the next three civil days of a place, from its own hours alone, or why none is shown.

    horizon    24, 48, 72 h: the first, second and third civil day after the one that `now` lies in (HJ 633-2026, 5.2: at least
               3 days ahead, excluding today), because classes and alerts are by civil day
    model      persistence damped towards the mean, on the log of the AQI: the mean of the last 90 days, and of what the last 24
               hours are above or below it a share, learnt from those days
    spread     the model's own misses in those days: median, 80 % interval, probabilities
    back-test  every past day is forecast at the same hour of the day with nothing but what was known then
    published  where that beats persistence (the last 24 hours carried forward) beyond chance and is no worse than the mean of all
               days so far; `NotPublished` otherwise

All days, past ones too, are judged by the edition in force on the forecast day, so that a change of the rule is no change of air.
Persistence is the AQI which that edition gives to the last 24 hours: means, and of ozone the greatest mean of 8 hours in a row.
What is not assessable is no air at all: it is not learnt from, not scored, and after 24 hours that are not assessable there is no
forecast. No hour after `now` is looked at. There is no chance in it: the same hours give the same forecast, bit for bit.

More was tried and was worse: concentrations, levels of one and four weeks, ridge of any strength. docs/FORECAST_HOURS.md has the
figures, and what the forecast was worth. What it cannot know: the weather to come, fires, dust, measures that are taken.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, timedelta, tzinfo
from math import atan, cos, pi, sin, sqrt
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from processors.indicators.air_daily import station_days
from processors.standards.tables import POLLUTANTS, Index, air_rules
from processors.windows import Ints, civil_day, day_bounds, days_between, ends
from sensors.instants import HOUR_MS, to_datetime

Floats = npt.NDArray[np.float64]

HORIZONS = (24, 48, 72)
"""[h]; each is so many civil days after today."""

ABOVE = (100, 150, 200)
"""The AQI above which a day is polluted, more than lightly, and heavily (HJ 633-2026, Table 1)."""

# Chosen: as for the year's forecast; four days in five should fall within it.
INTERVAL = 0.80
# Chosen: two weeks have seen some change of weather, and give the spread a tenth on either side.
LEAST_TRAINING = 14
# Chosen: fewer paired errors give no test that is worth its name, because errors of days in a row are alike.
LEAST_ORIGINS = 20
# Chosen: of forecasts that are no better than persistence one in twenty may be published; with a back-test of less than 60 days,
# where one spell of weather can decide and the test is only roughly right, one in a hundred.
LEVEL, LEVEL_OF_FEW, FEW_ORIGINS = 0.05, 0.01, 60
# Chosen: a year of back-test sees every season once; older errors say less of today's city, and the effort has a bound.
LONGEST_BACKTEST = 365
# Chosen: the last 90 days have about the season of the next ones, which then needs no term of its own; on made series with and
# without seasons 60 to 120 were alike, 45 and 180 worse in one kind or the other.
TRAINING_DAYS = 90
# Chosen, on made series and on the real hours (3, 10 and 30 tried; between 3 and 10 it hardly matters): the share is damped as if
# five more days had shown that nothing lasts.
_DAMPING_DAYS = 5.0
_DAY_MS = 24 * HOUR_MS


class Skill(NamedTuple):
    """What the forecast was worth over `origins` days of the back-test, `polluted` of them with AQI > 100."""

    origins: int
    polluted: int
    error: float
    """Mean absolute error of the median [AQI]; of persistence; of the mean of all days that were known."""
    error_persistence: float
    error_mean: float
    chance: float
    """How likely chance alone gives such a lead over persistence in `error` (one-sided)."""
    brier: float
    """Brier score of AQI > 100; of persistence, which says 0 or 1."""
    brier_persistence: float
    right_class: float
    """Share of days whose class the median had; persistence."""
    right_class_persistence: float
    within: float
    """Share of days within the interval."""


class Forecast(NamedTuple):
    """The daily AQI of `day`: the interval (`INTERVAL`) and the median; the class of the median, a code of the edition
    `standard`; the probability that the AQI is above each of `ABOVE`, never 0 or 1."""

    horizon: int
    day: date
    low: int
    median: int
    high: int
    category: str
    above: Mapping[int, float]
    standard: str
    skill: Skill


class NotPublished(NamedTuple):
    """There is none for `day`, and why; with what the back-test found, where there was one."""

    horizon: int
    day: date
    why: str
    skill: Skill | None


class Tried(NamedTuple):
    """A day of the back-test, forecast as if it lay ahead of `origin`, which was today then [AQI]; `above` is the probability of
    more than 100; `mean` and `mean_above` are the mean of all days known then and their share above 100."""

    origin: date
    day: date
    true: int
    low: int
    median: int
    high: int
    above: float
    persistence: int
    mean: float
    mean_above: float


class Backtest(NamedTuple):
    """The days of one place that were tried at one horizon, judged by the edition `standard`; no skill without days."""

    horizon: int
    standard: str
    tried: tuple[Tried, ...]
    skill: Skill | None


def forecast(hours: pd.DataFrame, zone: tzinfo, now: int) -> tuple[Forecast | NotPublished, ...]:
    """The next three days of one place, in the order of `HORIZONS`, as of the hour that ends at `now` [ms].

    `hours` has `observed_at` (datetime64, UTC, hour end) and a column for each pollutant of `POLLUTANTS` [µg/m³, CO mg/m³], NaN
    where missing; a column that is not there is missing. Raises ValueError where `now` ends no hour of the zone, or an hour is
    there twice.
    """
    return forecast_places({"place": hours}, zone, now)["place"]


def forecast_places(
    places: Mapping[str, pd.DataFrame], zone: tzinfo, now: int
) -> dict[str, tuple[Forecast | NotPublished, ...]]:
    """As `forecast`, for several places that learn from each other: one share for all; each around its own mean, with its own
    spread, back-test and verdict."""
    results: dict[str, list[Forecast | NotPublished]] = {name: [] for name in places}
    for series, ahead in _horizons(places, zone, now):
        tried = _tried(series, ahead)
        possible = _possible(series, len(series.days) - 1, ahead)
        for place, name in enumerate(places):
            results[name].append(_verdict(series, ahead, place, tried[place], possible.get(place)))
    return {name: tuple(found) for name, found in results.items()}


def backtest(places: Mapping[str, pd.DataFrame], zone: tzinfo, now: int) -> dict[str, tuple[Backtest, ...]]:
    """What `forecast_places` rests on: the days of each place that were tried, in the order of `HORIZONS`."""
    results: dict[str, list[Backtest]] = {name: [] for name in places}
    for series, ahead in _horizons(places, zone, now):
        for name, tried in zip(places, _tried(series, ahead), strict=True):
            skill = _skill(tried, series.edition, ahead)
            results[name].append(Backtest(HORIZONS[ahead - 1], series.edition.name, tuple(tried), skill))
    return {name: tuple(found) for name, found in results.items()}


class _Series(NamedTuple):
    """What is known of the places on each civil day up to today; arrays are (place, day) [AQI], NaN where not assessable.

    `aqi` of the day; `last` that of the 24 hours up to its origin, at the hour of the day that `now` is; `known` is the position
    of the last day that was complete at the origin.
    """

    edition: Index
    days: list[date]
    aqi: Floats
    last: Floats
    known: list[int]


def _horizons(places: Mapping[str, pd.DataFrame], zone: tzinfo, now: int) -> Iterator[tuple[_Series, int]]:
    """Each number of days ahead, with the series judged by the edition of that day."""
    local = to_datetime(now, zone)
    if (local.minute, local.second, local.microsecond) != (0, 0, 0):
        raise ValueError(f"now ends no hour of the zone: {local.isoformat()}")
    if not places:
        return
    columns = ["station", "observed_at", *POLLUTANTS]
    since = now - (LONGEST_BACKTEST + TRAINING_DAYS + 2 * len(HORIZONS)) * _DAY_MS
    frames = [
        hours.assign(station=name).reindex(columns=columns)[(ends(hours) > since) & (ends(hours) <= now)]
        for name, hours in places.items()
    ]
    hours = pd.concat(frames, ignore_index=True)
    made: dict[str, _Series] = {}
    for ahead in range(1, len(HORIZONS) + 1):
        edition = air_rules(civil_day(now, zone) + timedelta(days=ahead)).index
        if edition.name not in made:
            made[edition.name] = _series(hours, list(places), edition, zone, now)
        yield made[edition.name], ahead


def _series(hours: pd.DataFrame, places: list[str], edition: Index, zone: tzinfo, now: int) -> _Series:
    days = days_between(civil_day(int(ends(hours).min(initial=now)), zone), civil_day(now, zone))
    origins = {civil_day(now - ago * _DAY_MS, zone): now - ago * _DAY_MS for ago in range(len(days), -1, -1)}
    complete = [day_bounds(day, zone)[1] <= origins.get(day, 0) for day in days]
    # The 24 hours up to each origin become civil days of UTC, so that one rule says what is valid.
    shift = now % _DAY_MS
    shifted = hours.assign(observed_at=hours["observed_at"] - pd.Timedelta(shift, unit="ms"))
    of_day = {day: number for number, day in enumerate(days)}
    of_running = {civil_day(origins[day] - shift, UTC): number for day, number in of_day.items() if day in origins}
    return _Series(
        edition,
        days,
        _daily(station_days(hours, zone, edition.name), places, of_day),
        _daily(station_days(shifted, UTC, edition.name), places, of_running),
        [number if whole else number - 1 for number, whole in enumerate(complete)],
    )


def _daily(frame: pd.DataFrame, places: list[str], position: Mapping[date, int]) -> Floats:
    """The AQI by place and position of its day; a day that has none there is left out."""
    row = {name: number for number, name in enumerate(places)}
    aqi = np.full((len(places), 1 + max(position.values())), np.nan)
    for place, day, value in frame[["station", "day", "aqi"]].itertuples(index=False, name=None):
        if day in position and not pd.isna(value):
            aqi[row[place], position[day]] = value
    return aqi


def _possible(series: _Series, origin: int, ahead: int) -> dict[int, Ints]:
    """By place, the AQI that may come so many days after a day, ascending, each as likely as the others: what the model says and
    one of its misses. From all pairs of 24 hours and a day that were complete at the origin."""
    pairs = max(series.known[origin] - ahead + 1, 0)
    start = max(pairs - TRAINING_DAYS, 0)
    x, y = np.log(series.last[:, start:pairs]), np.log(series.aqi[:, start + ahead : pairs + ahead])
    usable = ~np.isnan(x) & ~np.isnan(y)
    count = usable.sum(axis=1)
    places = np.flatnonzero(count >= LEAST_TRAINING)
    if not len(places):
        return {}
    count, usable = count[places], usable[places]
    x, y = np.where(usable, x[places], 0.0), np.where(usable, y[places], 0.0)
    level, mean = x.sum(axis=1) / count, y.sum(axis=1) / count
    x, y = np.where(usable, x - level[:, np.newaxis], 0.0), np.where(usable, y - mean[:, np.newaxis], 0.0)
    squares = (x**2).sum(axis=1) * (1 + _DAMPING_DAYS / count)
    # Of a share below 0 or above 1 nothing is known of air: it comes from few days.
    share = float(np.clip((x * y).sum() / max(float(squares.sum()), 1e-12), 0.0, 1.0))
    # What each day would be missed by, had neither mean nor share seen it.
    seen = 1 / count[:, np.newaxis] + x**2 / np.maximum(squares, 1e-12)[:, np.newaxis]
    misses = (y - share * x) / (1 - seen)
    middle = mean + share * (np.log(series.last[places, origin]) - level)
    found = {}
    for row, place in enumerate(places.tolist()):
        if not np.isnan(middle[row]):
            possible = np.exp(middle[row] + np.sort(misses[row, usable[row]]))
            found[place] = np.rint(np.clip(possible, *series.edition.index.range)).astype(np.int64)
    return found


def _interval(possible: Ints) -> tuple[int, int, int]:
    # Of the n + 1 places between n values a new one takes each as likely (Hyndman and Fan 1996, definition 6).
    levels = ((1 - INTERVAL) / 2, 0.5, (1 + INTERVAL) / 2)
    low, median, high = np.rint(np.quantile(possible, levels, method="weibull")).astype(int).tolist()
    return low, median, high


def _probability(possible: Ints, limit: int) -> float:
    """Of more than `limit`; half a day is added to each side, because n days know nothing rarer than 1 in n."""
    return float(((possible > limit).sum() + 0.5) / (len(possible) + 1))


def _tried(series: _Series, ahead: int) -> list[list[Tried]]:
    """By place, every day of the back-test whose AQI is known and for which there was a forecast."""
    tried: list[list[Tried]] = [[] for _ in series.aqi]
    last = series.known[-1] - ahead
    for origin in range(max(last + 1 - LONGEST_BACKTEST, 0), last + 1):
        for place, possible in _possible(series, origin, ahead).items():
            true = series.aqi[place, origin + ahead]
            if np.isnan(true):
                continue
            low, median, high = _interval(possible)
            before = series.aqi[place, : series.known[origin] + 1]
            known: Ints = before[~np.isnan(before)].astype(np.int64)
            tried[place].append(
                Tried(
                    origin=series.days[origin],
                    day=series.days[origin + ahead],
                    true=int(true),
                    low=low,
                    median=median,
                    high=high,
                    above=_probability(possible, ABOVE[0]),
                    persistence=int(series.last[place, origin]),
                    mean=float(known.mean()),
                    mean_above=_probability(known, ABOVE[0]),
                )
            )
    return tried


def _skill(tried: Sequence[Tried], index: Index, ahead: int) -> Skill | None:
    if not tried:
        return None
    true = np.array([one.true for one in tried])
    median = np.array([one.median for one in tried])
    persistence = np.array([one.persistence for one in tried])
    polluted = true > ABOVE[0]
    error, error_persistence = np.abs(median - true), np.abs(persistence - true)
    number = [(one.day - tried[0].day).days for one in tried]
    lead = np.full(number[-1] + 1, np.nan)
    lead[number] = error_persistence - error

    def right(said: Ints) -> float:
        pairs = zip(said.tolist(), true.tolist(), strict=True)
        return float(np.mean([index.category(one) == index.category(other) for one, other in pairs]))

    return Skill(
        origins=len(tried),
        polluted=int(polluted.sum()),
        error=float(error.mean()),
        error_persistence=float(error_persistence.mean()),
        error_mean=float(np.abs(np.array([one.mean for one in tried]) - true).mean()),
        chance=_chance(lead, ahead),
        brier=float(((np.array([one.above for one in tried]) - polluted) ** 2).mean()),
        brier_persistence=float(((persistence > ABOVE[0]) != polluted).mean()),
        right_class=right(median),
        right_class_persistence=right(persistence),
        within=float(np.mean([one.low <= one.true <= one.high for one in tried])),
    )


def _chance(lead: Floats, ahead: int) -> float:
    """How likely a mean lead as great as this is where there is none: the test of Diebold and Mariano (1995, DOI
    10.1080/07350015.1995.10524599) with the correction for few errors of Harvey, Leybourne and Newbold (1997, DOI
    10.1016/S0169-2070(96)00719-4). `lead` has a place for each day, NaN where none was tried.

    Chosen rather than a bootstrap, because it is a formula: no seed decides what is published. Weights of Bartlett (Newey and
    West 1987) up to the cube root of the number of days, at least the days that two forecasts share, keep the variance positive.
    """
    there = ~np.isnan(lead)
    count = int(there.sum())
    mean = float(lead[there].mean())
    around = np.where(there, lead - mean, 0.0)
    lags = min(max(ahead - 1, round(count ** (1 / 3))), len(lead) - 1)
    variance = float((around**2).sum())
    for lag in range(1, lags + 1):
        variance += 2 * (1 - lag / (lags + 1)) * float((around[lag:] * around[:-lag]).sum())
    variance /= count
    if count < 2 or variance <= 0:  # one error, or always the same lead
        return 0.0 if count > 1 and mean > 0 else 1.0
    correction = max(count + 1 - 2 * ahead + ahead * (ahead - 1) / count, 0.0) / count
    return _beyond(sqrt(correction) * mean / sqrt(variance / count), count - 1)


def _beyond(value: float, freedom: int) -> float:
    """The probability that Student's t with so many degrees of freedom is greater (Abramowitz and Stegun, 26.7.3 and 26.7.4)."""
    angle = atan(value / sqrt(freedom))
    odd = freedom % 2
    term = cos(angle) if odd else 1.0
    total = 0.0
    for power in range(odd, freedom - 1, 2):
        total += term
        term *= cos(angle) ** 2 * (power + 1) / (power + 2)
    within = 2 / pi * (angle + sin(angle) * total) if odd else sin(angle) * total
    return (1 - within) / 2


def _verdict(
    series: _Series, ahead: int, place: int, tried: Sequence[Tried], possible: Ints | None
) -> Forecast | NotPublished:
    horizon, day = HORIZONS[ahead - 1], series.days[-1] + timedelta(days=ahead)
    skill = _skill(tried, series.edition, ahead)
    why = _why_not(skill, lasts=not np.isnan(series.last[place, -1]), learnt=possible is not None)
    if skill is None or possible is None or why:
        return NotPublished(horizon, day, why, skill)
    low, median, high = _interval(possible)
    return Forecast(
        horizon=horizon,
        day=day,
        low=low,
        median=median,
        high=high,
        category=series.edition.category(median).code,
        above={limit: _probability(possible, limit) for limit in ABOVE},
        standard=series.edition.name,
        skill=skill,
    )


def _why_not(skill: Skill | None, *, lasts: bool, learnt: bool) -> str:
    """Why there is no forecast, "" where there is one. `lasts`: the last 24 hours have an AQI; `learnt`: the days before were
    enough to learn from."""
    if not lasts:
        return "the last 24 hours are not assessable"
    if skill is None or skill.origins < LEAST_ORIGINS:
        return (
            f"{0 if skill is None else skill.origins} days of the past could be tried, {LEAST_ORIGINS} are needed, each with "
            f"{LEAST_TRAINING} days to learn from before it"
        )
    if not learnt:
        return f"fewer than {LEAST_TRAINING} of the last {TRAINING_DAYS} days can be learnt from"
    errors = f"mean error {skill.error:.1f} AQI over {skill.origins} days"
    level = LEVEL if skill.origins >= FEW_ORIGINS else LEVEL_OF_FEW
    if skill.error >= skill.error_persistence:
        return f"does not beat persistence: {errors}, persistence {skill.error_persistence:.1f}"
    if skill.chance > level:
        return (
            f"does not beat persistence beyond chance: {errors}, persistence {skill.error_persistence:.1f}; chance gives such a "
            f"lead with {100 * skill.chance:.1f} %, allowed are {100 * level:.0f} %"
        )
    if skill.error > skill.error_mean:
        return f"is worse than the mean of the days so far: {errors}, the mean {skill.error_mean:.1f}"
    if skill.polluted and skill.brier > skill.brier_persistence:
        return (
            f"knows polluted days worse than persistence: Brier score {skill.brier:.3f}, persistence "
            f"{skill.brier_persistence:.3f}, {skill.polluted} polluted days"
        )
    return ""
