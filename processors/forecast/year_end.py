"""The good-air days that a year may end with: from the season of earlier years, from this year so far, and from the last day.

    season       share of good days around each day of the year, of the earlier years, the newer ones counting more
    this year    an effect on the logit of every day, unknown beforehand, known better with each day of the year
    last day     weather lasts: a day is more like the day before it than the season says
    no verdict   some days get none, and are never good

A day is good with p, on the logit the season's plus the year's effect; after a good day with p + r (1 - p), after a polluted one
with p (1 - r), so that p stays the share. r and the spread of the year's effect come from the earlier years. The distribution
of the count is exact for each effect (by adding day after day), and mixed over the effects by how well they explain this year.
There is no chance in it: the same days give the same forecast, bit for bit.

What it cannot know: the weather, measures that are taken, and a change of the rule: all days should be judged by one edition.
`benchmarks/forecast.py` holds it against climatology and persistence; docs/FORECAST.md has the figures.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from processors.windows import days_between

State = Literal["good", "polluted", "not_assessable"]
Floats = npt.NDArray[np.float64]

METHOD = "season, year effect and persistence; exact distribution"

# Chosen: not quite a year, because some days never get a verdict; with less, some season has not been seen at all.
LEAST_HISTORY = 330
# Chosen: the interval that is shown; eight years in ten should end within it.
INTERVAL = 0.80
# Chosen: a month and a half of neighbours; shorter follows single episodes, longer flattens the seasons.
_BANDWIDTH_DAYS = 20.0
# Chosen: each earlier year counts this much less than the one after it.
_OF_EACH_YEAR = 0.75
# Chosen: days of the average season that a day is given besides, so that no share is 0 or 1.
_PRIOR_DAYS = 8.0
# Chosen: of the year's effect [logit] as if three years had shown it: real cities change by some tens of days from year to year.
_PRIOR_SPREAD, _PRIOR_YEARS = 0.5, 3.0
# Chosen, by the back-test: how much of what a day says of its year is believed. Weather that lasts for weeks is more than the day
# before, so a cold January says less of the year than its days would if each were new.
_BELIEVED = 0.6
# Chosen: effects that are tried [logit]; and how long their tails are (Student's t): now and then a year is like none before it.
_EFFECTS = np.linspace(-4, 4, 81)
_DEGREES = 4.0
# Chosen: beyond so many days nothing is left of the last known day.
_REMEMBERED_DAYS = 5


class FanDay(NamedTuple):
    """Good days of the year by the end of that day: the interval and the median."""

    day: date
    low: int
    median: int
    high: int


class YearForecast(NamedTuple):
    """The count at the end of the year: the interval (`INTERVAL`), the median, the mean; `probability` of at least the target;
    `fan` from the day after the last known one; how many days of earlier years it rests on."""

    low: int
    median: int
    high: int
    mean: float
    probability: float
    fan: tuple[FanDay, ...]
    distribution: tuple[float, ...]
    """Probability of each count from 0."""
    history_days: int
    method: str


class NoForecast(NamedTuple):
    """There is none, and why."""

    why: str


def forecast_year(known: Mapping[date, State], year: int, last: date, target: int) -> YearForecast | NoForecast:
    """The forecast as of the end of `last`, a day of `year` or the last one before it, from the days known up to then; others are
    not looked at. Raises ValueError for another `last`."""
    first, end = date(year, 1, 1), date(year, 12, 31)
    if not first - timedelta(days=1) <= last <= end:
        raise ValueError(f"{last} is no day of {year}, nor the last one before it")
    before = {day: state for day, state in known.items() if day < first}
    judged = {day: state == "good" for day, state in before.items() if state != "not_assessable"}
    if len(judged) < LEAST_HISTORY:
        return NoForecast(f"{len(judged)} days of earlier years have a verdict, {LEAST_HISTORY} are needed")
    own = {day: known[day] for day in days_between(first, last) if day in known}
    model = _Model(judged, year)
    weights = model.posterior({day: state == "good" for day, state in own.items() if state != "not_assessable"})
    so_far = sum(state == "good" for state in own.values())
    left = days_between(last + timedelta(days=1), end)
    verdictless = (len(before) - len(judged) + 1) / (len(before) + 2)  # one more of each kind: never quite 0
    start = model.start(weights, own, last)
    fan, distribution = model.run(weights, left, start, verdictless, so_far)
    low, median, high = _quantiles(distribution)
    counts = np.arange(len(distribution))
    return YearForecast(
        low,
        median,
        high,
        float((counts * distribution).sum()),
        float(min(distribution[target:].sum(), 1.0)),
        tuple(FanDay(day, *quantiles) for day, quantiles in zip(left, fan, strict=True)),
        tuple(distribution.tolist()),
        len(judged),
        METHOD,
    )


class _Model:
    """What earlier years say: season, persistence, and how much years differ."""

    def __init__(self, judged: Mapping[date, bool], year: int) -> None:
        days = sorted(judged)
        place = np.array([_place(day) for day in days])
        good = np.array([judged[day] for day in days], dtype=np.float64)
        age = np.array([year - 1 - day.year for day in days])
        self._season = _season(place, good, _OF_EACH_YEAR**age)
        expected = self._season[place]
        self._persistence = _persistence(days, good, expected)
        spread = self._spread(days, good)
        self._prior = (1 + (_EFFECTS / spread) ** 2 / _DEGREES) ** (-(_DEGREES + 1) / 2)

    def _spread(self, days: list[date], good: Floats) -> float:
        """How much years differ [logit]: of each whole year the effect that explains it best, and a prior."""
        squares, years = _PRIOR_YEARS * _PRIOR_SPREAD**2, _PRIOR_YEARS
        of_year = np.array([day.year for day in days])
        tried = np.linspace(-1.5, 1.5, 61)
        for one in np.unique(of_year):
            chosen = of_year == one
            if chosen.sum() < LEAST_HISTORY:
                continue
            place = np.array([_place(day) for day, mine in zip(days, chosen, strict=True) if mine])
            shares = np.array([_shifted(self._season[place], effect).sum() for effect in tried])
            best = tried[int(np.abs(shares - good[chosen].sum()).argmin())]
            # What a year of independent days would show by chance is no difference between years.
            p = self._season[place]
            chance = (1 + self._persistence) / (1 - self._persistence) / (p * (1 - p)).sum()
            squares += max(best**2 - chance, 0.0)
            years += 1
        return float(np.sqrt(squares / years))

    def posterior(self, own: Mapping[date, bool]) -> Floats:
        """How well each effect explains this year's days."""
        log = np.log(self._prior)
        for day, good in own.items():
            p = _shifted(self._season[_place(day)], _EFFECTS)
            yesterday = own.get(day - timedelta(days=1))
            if yesterday is not None:
                p = self._after(p, yesterday)
            log += _BELIEVED * np.log(p if good else 1 - p)
        weights = np.exp(log - log.max())
        return np.asarray(weights / weights.sum(), dtype=np.float64)

    def _after(self, p: Floats, good: bool) -> Floats:
        r = self._persistence
        return p + r * (1 - p) if good else p * (1 - r)

    def start(self, weights: Floats, own: Mapping[date, State], last: date) -> Floats:
        """By effect, the probability that the last day is a good one, as far as it is known."""
        p = np.zeros_like(weights)
        for ago in range(_REMEMBERED_DAYS):
            state = own.get(last - timedelta(days=ago))
            if state in {"good", "polluted"}:
                p = np.full_like(weights, float(state == "good"))
                for day in days_between(last - timedelta(days=ago - 1), last):
                    each = _shifted(self._season[_place(day)], _EFFECTS)
                    p = p * self._after(each, good=True) + (1 - p) * self._after(each, good=False)
                return p
        return _shifted(self._season[_place(last)], _EFFECTS)

    def run(
        self, weights: Floats, left: list[date], start: Floats, verdictless: float, so_far: int
    ) -> tuple[list[tuple[int, int, int]], Floats]:
        """Day by day: the quantiles of the count at each day's end, and its distribution at the last."""
        size = so_far + len(left) + 1
        good = np.zeros((len(weights), size))
        bad = np.zeros_like(good)
        good[:, so_far], bad[:, so_far] = weights * start, weights * (1 - start)
        fan = []
        for day in left:
            p = _shifted(self._season[_place(day)], _EFFECTS)
            after_good = self._after(p, good=True)[:, np.newaxis]
            after_bad = self._after(p, good=False)[:, np.newaxis]
            comes = good * after_good + bad * after_bad
            bad = good * (1 - after_good) + bad * (1 - after_bad)
            good = comes * verdictless
            good[:, 1:] += comes[:, :-1] * (1 - verdictless)
            fan.append(_quantiles((good + bad).sum(axis=0)))
        return fan, (good + bad).sum(axis=0)


def _place(day: date) -> int:
    """Day of the year from 0 to 364; 29 February is with 28."""
    return day.timetuple().tm_yday - 1 - (day.month > 2 and _is_leap(day.year)) - (day.month == 2 and day.day == 29)


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _season(place: npt.NDArray[np.int64], good: Floats, weight: Floats) -> Floats:
    """The share of good days around each of 365 days."""
    of_day = np.bincount(place, weight, 365)
    good_of_day = np.bincount(place, weight * good, 365)
    apart = np.arange(365)
    apart = np.minimum(apart, 365 - apart)
    kernel = np.exp(-0.5 * (apart / _BANDWIDTH_DAYS) ** 2)
    around = kernel[(np.arange(365)[:, np.newaxis] - np.arange(365)) % 365]
    overall = (good_of_day.sum() + 1) / (of_day.sum() + 2)
    # Sums in a fixed order: a product of matrices may add differently from machine to machine.
    shares = (
        (around * good_of_day).sum(axis=1) + _PRIOR_DAYS * overall
    ) / ((around * of_day).sum(axis=1) + _PRIOR_DAYS)  # fmt: skip
    return np.asarray(shares, dtype=np.float64)


def _persistence(days: list[date], good: Floats, expected: Floats) -> float:
    """Correlation of a day with the day before, beyond the season."""
    surprise = (good - expected) / np.sqrt(expected * (1 - expected))
    follows = np.array([later - day == timedelta(days=1) for day, later in pairwise(days)])
    if not follows.any():
        return 0.0
    pairs, one, other = follows.sum(), surprise[:-1][follows], surprise[1:][follows]
    return float(np.clip((one * other).sum() / pairs / max(float((surprise**2).mean()), 1e-9), 0.0, 0.9))


def _shifted(p: Floats, effect: Floats) -> Floats:
    """A share moved by an effect on its logit."""
    return np.asarray(1 / (1 + (1 - p) / p * np.exp(-effect)), dtype=np.float64)


def _quantiles(distribution: Floats) -> tuple[int, int, int]:
    total = np.cumsum(distribution)
    low, median, high = (
        int(np.searchsorted(total, level * total[-1])) for level in ((1 - INTERVAL) / 2, 0.5, (1 + INTERVAL) / 2)
    )
    return low, median, high
