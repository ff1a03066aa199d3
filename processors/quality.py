"""Quality: what a value's neighbours say of it: in time, of the same reading, at the other stations. A function of stored
readings and of the rules in `quality_rules.toml`; how they arrived, and in which order and batches, changes nothing.

A flag is said beside a value and deletes nothing. What one value decides by itself (range, instrument state) is decided at intake
(`sensors/quality.py`), and such values are not looked at here.

A flag at an instant depends on nothing that is further from it than the `reach_h` of its rule: who asks for the flags of a span
gives the readings of a span that is longer by that on both sides, and gets the same flags whatever span it is.
"""

from collections.abc import Callable, Iterator
from functools import cached_property, singledispatch
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from processors.indicators.oxygen import saturation
from processors.quality_rules import (
    RULES_OF,
    ClockSkew,
    CounterBack,
    Departure,
    Flat,
    Oversaturated,
    PartAboveWhole,
    Rate,
    Rule,
    Spike,
    Stuck,
    UnitShift,
)
from sensors.instants import HOUR_MS

Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.int64]


class Flagged(NamedTuple):
    """One value that a rule finds suspicious; `observed_at` [ms]; without `quantity` it is the whole reading."""

    station: str
    observed_at: int
    quantity: str
    rule: str
    detail: str


class Series:
    """One quantity of one station: times [ms], rising, and values."""

    def __init__(self, station: str, times: Times, values: Floats, rest: Floats) -> None:
        """`rest`: the values of the stations that have a say, a row for each of these times."""
        self.station, self.times, self.values = station, times, values
        self._rest = rest

    @cached_property
    def others(self) -> Floats:
        """Their median at these times, NaN where there are too few."""
        found = np.full(len(self.times), np.nan)
        enough = (~np.isnan(self._rest)).sum(axis=1) >= _LEAST_OTHERS
        if enough.any():
            found[enough] = np.nanmedian(self._rest[enough], axis=1)
        return found


# Chosen, on the real air data: of the hours of a day, how many must make a step, to this factor, to be a change of unit.
_STEADY_SHARE, _STEADY = 0.8, 1.3
# Chosen: stations whose median may speak for the others; two can both be wrong.
_LEAST_OTHERS = 3


def reach_ms(family: str, period: str) -> int:
    """How far from an instant its flags look, at most [ms]."""
    return int(max((rule.reach_h for rule in RULES_OF.get((family, period), ())), default=0) * HOUR_MS)


def flags(frame: pd.DataFrame, family: str, period: str, start: int, end: int) -> list[Flagged]:
    """The flags within (start, end] [ms], in order of time, station, quantity and rule.

    `frame` has a row for each reading, of any station: `station`, `observed_at` [ms], `received_at` [ms], and a column for each
    quantity that a rule names, with its good values; it covers the span and `reach_ms` on both sides.
    """
    frame = frame.sort_values(["observed_at", "station"], ignore_index=True)
    found: set[Flagged] = set()
    for rule in RULES_OF.get((family, period), ()):
        found |= {flag for flag in _flags(rule, frame) if start < flag.observed_at <= end}
    return sorted(found, key=lambda flag: (flag.observed_at, flag.station, flag.quantity, flag.rule))


def series(frame: pd.DataFrame, code: str, *, among: bool) -> Iterator[Series]:
    """The values of a quantity, station by station."""
    wide = frame.pivot_table(index="observed_at", columns="station", values=code, aggfunc="last")
    times = wide.index.to_numpy(np.int64)
    matrix = wide.to_numpy(np.float64)
    for column, station in enumerate(wide.columns):
        there = ~np.isnan(matrix[:, column])
        if not there.any():
            continue
        rest = np.delete(matrix[there], column, axis=1) if among else np.empty((int(there.sum()), 0))
        yield Series(str(station), times[there], matrix[there, column], rest)


@singledispatch
def _flags(rule: Rule, frame: pd.DataFrame) -> Iterator[Flagged]:
    raise NotImplementedError(type(rule).__name__)


def _each(
    rule: Spike | Rate | Stuck | UnitShift,
    frame: pd.DataFrame,
    look: Callable[[Series, str], Iterator[tuple[int, str]]],
) -> Iterator[Flagged]:
    for code in rule.codes:
        if code in frame:
            for its in series(frame, code, among=rule.among):
                for index, detail in look(its, code):
                    yield Flagged(its.station, int(its.times[index]), code, rule.rule, detail)


@_flags.register
def _spike(rule: Spike, frame: pd.DataFrame) -> Iterator[Flagged]:
    def look(its: Series, code: str) -> Iterator[tuple[int, str]]:
        departure, near = rule.quantities[code], _near(its.times, rule.within_h)
        for index in range(1, len(its.values) - 1):
            if not (near[index - 1] and near[index]):
                continue
            before, value, after = its.values[index - 1 : index + 2]
            apart = abs(value - (before + after) / 2) - abs(after - before) / 2
            if (
                apart <= departure.least
                or not _is_manifold(value, before, departure)
                or not _is_manifold(value, after, departure)
            ):
                continue
            move = value - (before + after) / 2
            others = its.others[index] - (its.others[index - 1] + its.others[index + 1]) / 2
            if not _agree(others, move, rule.agree):
                yield index, f"{before:g}, {value:g}, {after:g}"

    return _each(rule, frame, look)


@_flags.register
def _rate(rule: Rate, frame: pd.DataFrame) -> Iterator[Flagged]:
    def look(its: Series, code: str) -> Iterator[tuple[int, str]]:
        departure, near = rule.quantities[code], _near(its.times, rule.within_h)
        for index in range(1, len(its.values)):
            before, value = its.values[index - 1], its.values[index]
            move = value - before
            if not near[index - 1] or abs(move) <= departure.least or not _is_manifold(value, before, departure):
                continue
            # Up and down again is a spike: of this value, or of the one before it.
            goes_back = index + 1 < len(its.values) and near[index] and _is_back(its.values[index + 1], before, move)
            came_back = index >= 2 and near[index - 2] and _is_back(value, its.values[index - 2], move)
            if goes_back or came_back or _agree(its.others[index] - its.others[index - 1], move, rule.agree):
                continue
            yield index, f"{before:g}, {value:g}"

    return _each(rule, frame, look)


@_flags.register
def _stuck(rule: Stuck, frame: pd.DataFrame) -> Iterator[Flagged]:
    def look(its: Series, code: str) -> Iterator[tuple[int, str]]:
        flagged: set[int] = set()
        for start, stop in _flat(rule, its, code):
            flagged.update(range(start, stop + 1))
        for index in sorted(flagged):
            yield index, f"{its.values[index]:g} again and again"

    return _each(rule, frame, look)


def stuck_at(rule: Stuck, frame: pd.DataFrame) -> Iterator[Flagged]:
    """The values with which one had been the same for too long, so that it could be said: the last ones of what is flagged.
    `frame` as in `flags`, in order of time."""

    def look(its: Series, code: str) -> Iterator[tuple[int, str]]:
        for stop in sorted({stop for _, stop in _flat(rule, its, code)}):
            yield stop, f"{its.values[stop]:g} again and again"

    return _each(rule, frame, look)


def _flat(rule: Stuck, its: Series, code: str) -> Iterator[tuple[int, int]]:
    """The windows in which one value was the same for too long."""
    flat, near = rule.quantities[code], _near(its.times, rule.within_h)
    for first, last in _runs(its.values, near):
        value = its.values[first]
        if flat.at_or_below is not None and value <= flat.at_or_below:
            continue
        for start, stop in _windows(its.times, first, last, flat):
            if flat.moved is None or _moved(its.others[start : stop + 1]) >= flat.moved:
                yield start, stop


@_flags.register
def _part_above_whole(rule: PartAboveWhole, frame: pd.DataFrame) -> Iterator[Flagged]:
    if not {rule.part, rule.whole} <= set(frame):
        return
    part, whole = frame[rule.part], frame[rule.whole]
    for row in frame[(part > rule.share * whole) & (part - whole > rule.least)].to_dict("records"):
        detail = f"{rule.part} {row[rule.part]:g}, {rule.whole} {row[rule.whole]:g}"
        yield Flagged(row["station"], int(row["observed_at"]), rule.whole, rule.rule, detail)


@_flags.register
def _oversaturated(rule: Oversaturated, frame: pd.DataFrame) -> Iterator[Flagged]:
    if not {"dissolved_oxygen", "water_temperature"} <= set(frame):
        return
    most = rule.share * saturation(frame["water_temperature"].to_numpy(np.float64), rule.pressure_kpa)
    for at, row in zip(most, frame.to_dict("records"), strict=True):
        if row["dissolved_oxygen"] > at:  # never where either is NaN
            oxygen, celsius = row["dissolved_oxygen"], row["water_temperature"]
            detail = f"{oxygen:g} mg/L at {celsius:g} °C; {at:.3g} is {rule.share:g} × saturation"
            yield Flagged(row["station"], int(row["observed_at"]), "dissolved_oxygen", rule.rule, detail)


@_flags.register
def _unit_shift(rule: UnitShift, frame: pd.DataFrame) -> Iterator[Flagged]:
    def look(its: Series, code: str) -> Iterator[tuple[int, str]]:
        with np.errstate(divide="ignore", invalid="ignore"):
            levels = np.log(its.values)
            apart = levels - np.log(its.others)
        factors = rule.quantities[code]
        for index in range(1, len(its.values)):
            alone, among = (_step_at(its.times, of, index, rule) for of in (levels, apart))
            for factor in factors:
                step = among if factor.among else alone
                if step is None or abs(abs(step) - np.log(factor.factor)) > np.log(factor.tolerance):
                    continue
                if factor.among and not _is_steady(its.times, apart, index, step, rule):
                    continue
                yield index, f"× {np.exp(step):.3g} from here on, as {factor.means} would be"
                break

    return _each(rule, frame, look)


def _step_at(times: Times, levels: Floats, index: int, rule: UnitShift) -> float | None:
    """By how much the median of the window from `index` on is above that of the window before, where the step is there: this
    value belongs to the window after it, and the one before it to the other. None where there is none, or too few values."""
    at, window = times[index], int(rule.window_h * HOUR_MS)
    here, last = levels[index], levels[index - 1]
    if at - times[index - 1] > rule.within_h * HOUR_MS or not (np.isfinite(here) and np.isfinite(last)):
        return None
    first, stop = np.searchsorted(times, [at - window, at + window], side="left")
    before, after = (part[np.isfinite(part)] for part in (levels[first:index], levels[index:stop]))
    if len(before) < rule.values or len(after) < rule.values:
        return None
    low, high = float(np.median(before)), float(np.median(after))
    return high - low if abs(here - high) < abs(here - low) and abs(last - low) < abs(last - high) else None


def _is_steady(times: Times, apart: Floats, index: int, step: float, rule: UnitShift) -> bool:
    """Whether nearly every hour of the day made the step, each against itself a window before: a unit does, weather does not."""
    window = int(rule.window_h * HOUR_MS)
    stop = int(np.searchsorted(times, times[index] + window, side="left"))
    before = np.searchsorted(times, times[index:stop] - window, side="left")
    same = times[before] == times[index:stop] - window
    with np.errstate(invalid="ignore"):
        moves = (apart[index:stop] - apart[before])[same]
    moves = moves[np.isfinite(moves)]
    return len(moves) >= rule.values and bool(np.mean(np.abs(moves - step) <= np.log(_STEADY)) >= _STEADY_SHARE)


@_flags.register
def _clock_skew(rule: ClockSkew, frame: pd.DataFrame) -> Iterator[Flagged]:
    late = frame.assign(late=(frame["received_at"] - frame["observed_at"]) / 1000.0)
    for its in series(late, "late", among=True):
        window, apart = int(rule.window_h * HOUR_MS), its.values - its.others
        for index, at in enumerate(its.times):
            if its.values[index] < -rule.ahead_s:
                yield Flagged(
                    its.station, int(at), "", rule.rule, f"came {-its.values[index]:.0f} s before its own time"
                )
                continue
            first, stop = np.searchsorted(its.times, [at - window, at + window], side="left")
            near = apart[first : stop + 1]
            near = near[~np.isnan(near)]
            if len(near) < rule.values or np.isnan(apart[index]) or abs(apart[index]) <= rule.apart_s:
                continue
            if near.max() - near.min() <= rule.steady_s:
                detail = f"comes {abs(apart[index]):.0f} s {'later' if apart[index] > 0 else 'earlier'} than the others"
                yield Flagged(its.station, int(at), "", rule.rule, detail)


@_flags.register
def _counter_back(rule: CounterBack, frame: pd.DataFrame) -> Iterator[Flagged]:
    for code in rule.codes:
        if code not in frame:
            continue
        for its in series(frame, code, among=False):
            near = _near(its.times, rule.within_h)
            for index, (before, value) in enumerate(pairwise(its.values), start=1):
                if near[index - 1] and value < before and not _rolls_over(before, value, rule.near):
                    yield Flagged(its.station, int(its.times[index]), code, rule.rule, f"{before:g}, {value:g}")


def _near(times: Times, within_h: float) -> npt.NDArray[np.bool_]:
    """Whether each time and the next are neighbours."""
    return np.diff(times) <= within_h * HOUR_MS


def _is_manifold(value: float, other: float, departure: Departure) -> bool:
    """Whether one of them is more than `ratio` times the other."""
    if departure.ratio == 1:
        return True
    low, high = sorted((abs(value), abs(other)))
    return bool(high > departure.ratio * low)


def _agree(others: float, move: float, share: float | None) -> bool:
    """Whether the other stations made their share of the move."""
    return share is not None and not np.isnan(others) and others / move >= share


def _is_back(value: float, before: float, move: float) -> bool:
    """Whether a value is where another was before the move: nearer to it than half the move."""
    return bool(abs(value - before) < abs(move) / 2)


def _runs(values: Floats, near: npt.NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """First and last index of values that are the same, neighbour by neighbour."""
    first = 0
    for index in range(1, len(values) + 1):
        if index == len(values) or not near[index - 1] or values[index] != values[first]:
            if index - first > 1:
                yield first, index - 1
            first = index


def _windows(times: Times, first: int, last: int, flat: Flat) -> Iterator[tuple[int, int]]:
    """The shortest windows within a run that are long enough. A flag looks no further than one of them, so that it does not
    depend on where the readings that were asked for begin."""
    stop = first
    for start in range(first, last + 1):
        while stop <= last and (
            stop - start + 1 < flat.values or times[stop] - times[start] < flat.lasting_h * HOUR_MS
        ):
            stop += 1
        if stop > last:
            return
        yield start, stop


def _moved(others: Floats) -> float:
    there = others[~np.isnan(others)]
    return float(there.max() - there.min()) if len(there) else 0.0


def _rolls_over(before: float, value: float, near: float) -> bool:
    """Whether a counter was in the last part of its digits, and is in the first."""
    most = 10.0 ** len(str(int(before)))
    return before >= (1 - near) * most and value <= near * most


__all__ = ["Flagged", "flags", "reach_ms", "stuck_at"]
