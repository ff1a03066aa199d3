"""What the forecast of a year's good-air days is worth: a back-test over years whose end is known, against two baselines.

    python -m benchmarks.forecast [--climates 30] [--into docs/FORECAST.md] [--picture docs/forecast-calibration.png]

Each climate is a synthetic city: four years to learn from, then five years that are forecast from the first of each month, each
with all the days before it. The years are not made the way the forecast thinks of them: weather is a latent series that remembers
for days, years differ by more than chance, the air gets slowly better or worse, and days are missing. A second series is the
simulated city (`simulators/air.py`), whose months all have the same number of bad days.

    climatology   the days left are good as often as the same days were in earlier years, each by itself
    persistence   the days left are good as often as this year's were so far
"""

import argparse
import random
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from math import cos, exp, pi, sqrt
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.pages import put, table
from processors.forecast.year_end import State, YearForecast, forecast_year
from processors.windows import days_between
from simulators.air import truth

Known = Mapping[date, State]
Floats = npt.NDArray[np.float64]

_FIRST, _LEARNT, _TESTED = 2016, 4, 5
_BINS = ((0.0, 0.05), (0.05, 0.2), (0.2, 0.4), (0.4, 0.6), (0.6, 0.8), (0.8, 0.95), (0.95, 1.01))


class Case(NamedTuple):
    """One forecast and how it came out: by method, the distribution of the count; the true one; and the target."""

    month: int
    by: Mapping[str, Floats]
    true: int
    target: int


def climate(seed: int) -> dict[date, State]:
    """All days of a synthetic city."""
    rng = random.Random(f"climate/{seed}")
    level, winter, summer = rng.uniform(1.4, 2.6), rng.uniform(0.4, 1.4), rng.uniform(-0.4, 0.8)
    memory, years_differ, trend = rng.uniform(0.4, 0.75), rng.uniform(0.1, 0.5), rng.uniform(-0.05, 0.12)
    missing, weather, known = rng.uniform(0.0, 0.04), 0.0, dict[date, State]()
    for year in range(_FIRST, _FIRST + _LEARNT + _TESTED):
        effect = rng.gauss(0, years_differ) + trend * (year - _FIRST)
        for day in days_between(date(year, 1, 1), date(year, 12, 31)):
            angle = 2 * pi * (day.timetuple().tm_yday - 15) / 365.25
            weather = memory * weather + sqrt(1 - memory**2) * rng.gauss(0, 1)
            threshold = level + effect - winter * cos(angle) - summer * cos(2 * angle)
            # Logistic noise beside the latent weather, so that it is not the forecast's own chain.
            good = rng.random() < 1 / (1 + exp(-1.4 * (threshold + 0.9 * weather)))
            known[day] = "not_assessable" if rng.random() < missing else "good" if good else "polluted"
    return known


def simulated(seed: int) -> dict[date, State]:
    """All days of the simulated city."""
    days = days_between(date(_FIRST, 1, 1), date(_FIRST + _LEARNT + _TESTED - 1, 12, 31))
    return {day: "good" if truth(seed, day).good else "polluted" for day in days}


def cases(known: Known) -> Iterator[Case]:
    """The forecasts of all test years of a city, from the first of each month. The target is about what earlier years had."""
    for year in range(_FIRST + _LEARNT, _FIRST + _LEARNT + _TESTED):
        counts = [_count(known, earlier) for earlier in range(_FIRST, year)]
        target, count = round(sum(counts) / len(counts)), _count(known, year)
        for month in range(1, 13):
            last = date(year, month, 1) - timedelta(days=1)
            made = forecast_year(known, year, last, target)
            if not isinstance(made, YearForecast):
                raise TypeError(made.why)
            by = {"cityflux": np.array(made.distribution)}
            by["climatology"] = _sum(known, year, last, _climatology(known, year))
            by["persistence"] = _sum(known, year, last, _persistence(known, year, last))
            yield Case(month, by, count, target)


def _count(known: Known, year: int) -> int:
    return sum(known[day] == "good" for day in days_between(date(year, 1, 1), date(year, 12, 31)))


def _climatology(known: Known, year: int) -> Callable[[date], float]:
    """Share of good days within 15 days of the same day of earlier years."""
    by_day = np.zeros((2, 366))
    for day, state in known.items():
        if day.year < year:
            by_day[0, day.timetuple().tm_yday - 1] += state == "good"
            by_day[1, day.timetuple().tm_yday - 1] += 1
    around = [np.take(by_day, range(place - 15, place + 16), axis=1, mode="wrap").sum(axis=1) for place in range(366)]
    shares = [(good + 0.5) / (of + 1) for good, of in around]
    return lambda day: float(shares[day.timetuple().tm_yday - 1])


def _persistence(known: Known, year: int, last: date) -> Callable[[date], float]:
    """This year's share so far; of a year without a day yet that of the last 30 days."""
    first = date(year, 1, 1) if last.year == year else last - timedelta(days=29)
    own = [known[day] == "good" for day in days_between(first, last)]
    share = (sum(own) + 0.5) / (len(own) + 1)
    return lambda _day: share


def _sum(known: Known, year: int, last: date, share: Callable[[date], float]) -> Floats:
    """The distribution of the year's count where the days left are independent."""
    so_far = sum(known[day] == "good" for day in days_between(date(year, 1, 1), last))
    distribution = np.zeros(so_far + 1)
    distribution[so_far] = 1.0
    for day in days_between(last + timedelta(days=1), date(year, 12, 31)):
        p = share(day)
        distribution = np.append(distribution * (1 - p), 0.0) + np.append(0.0, distribution * p)
    return distribution


class Score(NamedTuple):
    """Of many forecasts: mean absolute error of the median [d], CRPS [d], share within the 80 % interval, Brier score."""

    error: float
    crps: float
    within: float
    brier: float


def score(found: list[Case], method: str) -> Score:
    """The scores of a method."""
    errors, crps, within, brier = [], [], [], []
    for case in found:
        distribution = case.by[method]
        total = np.cumsum(distribution)
        low, median, high = (int(np.searchsorted(total, level * total[-1])) for level in (0.1, 0.5, 0.9))
        errors.append(abs(median - case.true))
        reached = np.arange(max(len(total), case.true + 1)) >= case.true
        padded = np.concatenate((total, np.ones(len(reached) - len(total))))
        crps.append(float(((padded - reached) ** 2).sum()))
        within.append(low <= case.true <= high)
        brier.append((float(distribution[case.target :].sum()) - (case.true >= case.target)) ** 2)
    return Score(*(float(np.mean(each)) for each in (errors, crps, within, brier)))


def text(of_series: Mapping[str, list[Case]]) -> str:
    """The figures in Markdown."""
    parts = []
    methods = ("cityflux", "climatology", "persistence")
    for name, found in of_series.items():
        rows = []
        for month in range(1, 13):
            scores = {method: score([case for case in found if case.month == month], method) for method in methods}
            rows.append(
                (
                    f"1st of month {month}",
                    *(f"{scores[m].error:.1f}" for m in methods),
                    *(f"{scores[m].crps:.2f}" for m in methods),
                    *(f"{100 * scores[m].within:.0f} %" for m in methods),
                    *(f"{scores[m].brier:.3f}" for m in methods),
                )
            )
        columns = ("error [d]", "CRPS [d]", "within 80 %", "Brier")
        head = ("as of", *(f"{what}, {m}" for what in columns for m in methods))
        parts.append(table(f"{name}: {len(found):,} forecasts", head, rows))
        lines = [
            (f"{100 * low:.0f}–{min(100 * high, 100):.0f} %", str(len(pairs)), f"{100 * np.mean([p for p, _ in pairs]):.0f} %",
             f"{100 * np.mean([hit for _, hit in pairs]):.0f} %")
            for low, high in _BINS
            if (pairs := [pair for pair in _pairs(found) if low <= pair[0] < high])
        ]  # fmt: skip
        parts.append(table(f"{name}: the probability of the target, and how often it was reached",
                           ("said", "forecasts", "mean of what was said", "reached"), lines))  # fmt: skip
    return "\n\n".join(parts)


def _pairs(found: list[Case]) -> list[tuple[float, bool]]:
    return [(float(case.by["cityflux"][case.target :].sum()), case.true >= case.target) for case in found]


def picture(of_series: Mapping[str, list[Case]], path: Path) -> None:
    """What was said against what came, by series."""
    figure = Figure(figsize=(5.2, 5.0), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color="#b0b7c0", linewidth=1)
    for (name, found), (colour, mark) in zip(of_series.items(), (("#1f5fa8", "o"), ("#c2571a", "s")), strict=False):
        points = []
        for low, high in _BINS:
            pairs = [pair for pair in _pairs(found) if low <= pair[0] < high]
            if len(pairs) >= 10:
                points.append((np.mean([p for p, _ in pairs]), np.mean([hit for _, hit in pairs])))
        x, y = zip(*points, strict=True)
        axes.plot(x, y, color=colour, marker=mark, linewidth=1.5)
        axes.annotate(name, (x[-2], y[-2]), xytext=(-8, 8 if mark == "o" else -16), textcoords="offset points", color=colour,
                      ha="right" if mark == "o" else "left")  # fmt: skip
    axes.set(
        xlim=(0, 1), ylim=(0, 1), xlabel="probability that was said", ylabel="share of years that reached the target"
    )
    axes.set_aspect("equal")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Software": None})


def main() -> None:
    """Measure, print, write into a page, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--climates", type=int, default=30)
    parser.add_argument("--first-seed", type=int, default=1000)
    parser.add_argument("--into", type=Path, help="a page with the marks of `forecast`")
    parser.add_argument("--picture", type=Path, help="a PNG of the calibration")
    options = parser.parse_args()
    seeds = range(options.first_seed, options.first_seed + options.climates)
    series = {
        "Synthetic climates": [case for seed in seeds for case in cases(climate(seed))],
        "Simulated city": [
            case for seed in list(seeds)[: max(options.climates // 3, 1)] for case in cases(simulated(seed))
        ],
    }
    shown = text(series)
    print(shown)
    if options.into is not None:
        put(options.into, "forecast", shown)
    if options.picture is not None:
        picture(series, options.picture)


if __name__ == "__main__":
    main()
