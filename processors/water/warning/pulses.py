"""A pulse that was seen upstream, announced downstream: when it may arrive, and whether it has.

    window   from the cycle before the first sudden one, plus the shortest way; to the last sudden one (or now), plus the longest
    seen     the same item changes suddenly below, beginning within the window, or a cycle after it
    at once  it began below before it could have arrived: rain, or a cause that both have
    missed   the window is over, and nothing was seen: it was diluted, or the section was silent, which is said

Several reaches one after the other add up, and so do their shortest and longest times.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from processors.water.warning.runs import CYCLE_MS, Cycle, Warned
from processors.water.warning.travel import Reach
from sensors.instants import HOUR_MS

State = Literal["expected", "seen", "at once", "missed", "section silent"]


class Announced(NamedTuple):
    """A pulse of an item at `upstream` since `since` [ms], and when it arrives at `downstream`: earliest, expected, latest [ms];
    over which reaches; what has come of it; when it was seen there [ms], and how much of its rise was left [1]."""

    item: str
    upstream: str
    downstream: str
    since: int
    earliest: int
    expected: int
    latest: int
    reaches: tuple[Reach, ...]
    state: State
    seen: int | None
    left: float | None


def announced(
    changes: Mapping[str, Sequence[Warned]], reaches: Sequence[Reach], cycles: Mapping[str, Sequence[Cycle]], now: int
) -> list[Announced]:
    """Of the sudden changes of each section (as `sudden.sudden_changes` gives them) the pulses, each at every section below, in
    order of when it began and how far down. `cycles` are what each section measured, and `now` is [ms]."""
    found = []
    for section, its in changes.items():
        for one in its:
            # Before a second cycle it is no pulse; rain comes to all.
            if one.level == "warning" and (one.detail["usual"] or 0) < _greatest(one):
                found += [
                    _at(one, way, changes.get(way[-1].downstream, ()), cycles.get(way[-1].downstream, ()), now)
                    for way in _ways(section, reaches)
                ]
    return sorted(found, key=lambda one: (one.since, one.item, one.expected))


def _ways(section: str, reaches: Sequence[Reach]) -> list[tuple[Reach, ...]]:
    """The reaches down to each section below, the nearest first."""
    below = {one.upstream: one for one in reaches}
    found: list[tuple[Reach, ...]] = []
    way: tuple[Reach, ...] = ()
    while section in below and below[section] not in way:
        way = (*way, below[section])
        found.append(way)
        section = below[section].downstream
    return found


def _at(pulse: Warned, way: tuple[Reach, ...], there: Sequence[Warned], cycles: Sequence[Cycle], now: int) -> Announced:
    values = [int(at) for at in pulse.detail["values"]]
    earliest = round(pulse.since - CYCLE_MS + sum(one.low for one in way) * HOUR_MS)
    expected = round(pulse.since + sum(one.hours for one in way) * HOUR_MS)
    latest = round(
        (max(values) if pulse.until is not None else max(values[-1], now)) + sum(one.high for one in way) * HOUR_MS
    )
    same = [one for one in there if one.item == pulse.item and one.since <= latest + CYCLE_MS]
    in_time = [one for one in same if one.since >= earliest]
    before = [one for one in same if pulse.since - CYCLE_MS <= one.since < earliest]
    state: State = "expected"
    if in_time:
        state = "seen"
    elif before:
        state = "at once"
    elif now > latest + CYCLE_MS:
        # What nobody measured, nobody can have missed.
        measured = [one for one in cycles if earliest <= one.at <= latest + CYCLE_MS and pulse.item in one.values]
        state = "missed" if measured else "section silent"
    seen = in_time[0] if in_time else None
    return Announced(
        pulse.item, pulse.section, way[-1].downstream, pulse.since, earliest, expected, latest, way, state,
        None if seen is None else seen.since, None if seen is None else _rise(seen) / _rise(pulse),
    )  # fmt: skip


def _greatest(one: Warned) -> float:
    return float(max(one.detail["values"].values()))


def _rise(one: Warned) -> float:
    """The greatest value above the usual one."""
    return max(_greatest(one) - float(one.detail["usual"] or 0.0), 1e-12)
