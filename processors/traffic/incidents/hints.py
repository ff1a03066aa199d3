"""Hints at incidents of one station, from its intervals or its single vehicles: pure functions, with dwell and a clear
end.

    drop       flow falls with speed, against what is usual of the time of day and against the last intervals
    standing   detectors are occupied, and what passes them hardly moves
    stopped    single vehicles that hardly move

A hint says that somebody should look; it is no finding.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, tzinfo
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from processors.traffic.incidents.rules import IncidentRules
from processors.windows import civil_day, day_bounds
from sensors.instants import MINUTE_MS


class Slot(NamedTuple):
    """An interval that came, by its end [ms]: vehicles, mean speed [km/h] and occupancy [%] where they are known."""

    at: int
    vehicles: int | None
    speed: float | None
    occupancy: float | None


class Hint(NamedTuple):
    """`since` is when its first interval began, `said` the end of the interval at which it could be said, `until` the
    end of the last one before it was well again; None while it lasts [ms]. `silent` says that it lasts because nothing
    came any more."""

    rule: str
    station: str
    since: int
    said: int
    until: int | None
    silent: bool
    detail: Mapping[str, Any]


class _Usual(NamedTuple):
    vehicles: float
    speed: float


def hints(
    station: str, slots: Sequence[Slot], step_ms: int, until: int, rules: IncidentRules, zone: tzinfo
) -> list[Hint]:
    """The hints of intervals of `step_ms` [ms] each, in order of time, as of `until` [ms]: drops and what stands."""
    usual = _usual(slots, step_ms, rules, zone)
    return [
        *_drops(station, slots, usual, step_ms, until, rules),
        *_standing(station, slots, step_ms, until, rules),
    ]


def stopped_vehicles(station: str, passed: Sequence[tuple[int, float]], until: int, rules: IncidentRules) -> list[Hint]:
    """The hints of single vehicles (instant [ms], speed [km/h]) in order of time, as of `until` [ms]. It is over when one
    passes that does not hardly move, long enough after the last that did: a road that is blocked sends nothing."""
    rule = rules.stopped
    groups: list[list[tuple[int, float]]] = []
    is_over = True
    for one in passed:
        at, speed = one
        if speed > rule.speed_km_h:
            is_over |= at - groups[-1][-1][0] >= 1_000 * rule.clear_s if groups else True
        elif is_over:
            groups.append([one])
            is_over = False
        else:
            groups[-1].append(one)
    found = []
    for number, group in enumerate(groups):
        close = [
            group[n + rule.vehicles - 1][0]
            for n in range(len(group) - rule.vehicles + 1)
            if group[n + rule.vehicles - 1][0] - group[n][0] <= 1_000 * rule.within_s
        ]
        if close:
            lasts = number == len(groups) - 1 and not is_over
            silent = lasts and until - passed[-1][0] > _gap_ms(rules)
            detail = {"vehicles": len(group), "slowest_km_h": min(speed for _, speed in group)}
            found.append(
                Hint("stopped", station, group[0][0], close[0], None if lasts else group[-1][0], silent, detail)
            )
    return found


def may_begin(slots: Sequence[Slot], rules: IncidentRules) -> bool:
    """Whether a drop, or standing traffic, may begin in any of the intervals, whatever is usual of their time of day."""
    return any(
        (slot.occupancy or 0.0) >= rules.standing.occupancy
        or _falls(slot, slots[max(0, n - rules.drop.recent) : n], rules)
        for n, slot in enumerate(slots)
    )


def _falls(slot: Slot, before: Sequence[Slot], rules: IncidentRules) -> bool:
    """Whether flow and speed fall against any of the intervals before, of which a drop asks the median."""
    if slot.vehicles is None or slot.speed is None:
        return False
    speed = max((one.speed for one in before if one.speed is not None), default=0.0)
    vehicles = max((one.vehicles for one in before if one.vehicles is not None), default=0)
    return slot.speed <= rules.drop.speed * speed and slot.vehicles <= rules.drop.flow * vehicles


def _drops(
    station: str, slots: Sequence[Slot], usual: Sequence[_Usual | None], step_ms: int, until: int, rules: IncidentRules
) -> list[Hint]:
    rule = rules.drop

    def begins(n: int, first: int) -> bool:
        slot, of_time = slots[n], usual[n]
        if slot.vehicles is None or slot.speed is None or of_time is None:
            return False
        if of_time.vehicles < rule.least_vehicles or slot.vehicles > rule.flow * of_time.vehicles:
            return False
        of_recent = _recent(slots, first, rule.recent, step_ms)
        if of_recent is None:
            return False
        flow, speed = min(of_time.vehicles, of_recent.vehicles), min(of_time.speed, of_recent.speed)
        return slot.vehicles <= rule.flow * flow and slot.speed <= rule.speed * speed

    def is_well(n: int) -> bool:
        slot, of_time = slots[n], usual[n]
        return slot.speed is not None and (of_time is None or slot.speed >= rule.clear_speed * of_time.speed)

    found = []
    for first, said, last in _spans(slots, begins, is_well, rule.dwell, rule.clear, _gap_ms(rules, step_ms)):
        of_time, of_recent = usual[said], _recent(slots, first, rule.recent, step_ms)
        detail = {
            "vehicles": slots[said].vehicles,
            "usual_vehicles": None if of_time is None else round(of_time.vehicles),
            "recent_vehicles": None if of_recent is None else round(of_recent.vehicles),
            "speed_km_h": slots[said].speed,
            "usual_speed_km_h": None if of_time is None else round(of_time.speed, 1),
        }
        found.append(_hint("drop", station, slots, (first, said, last), step_ms, until, rules, detail))
    return found


def _standing(station: str, slots: Sequence[Slot], step_ms: int, until: int, rules: IncidentRules) -> list[Hint]:
    rule = rules.standing

    def begins(n: int, first: int) -> bool:
        del first
        slot = slots[n]
        moves = slot.speed is not None and slot.speed > rule.speed_km_h
        return not moves and slot.occupancy is not None and slot.occupancy >= rule.occupancy

    def is_well(n: int) -> bool:
        slot = slots[n]
        if slot.occupancy is not None and slot.occupancy < rule.occupancy and slot.speed is None:
            return True
        return slot.speed is not None and slot.speed >= rule.clear_speed_km_h

    return [
        _hint("standing", station, slots, span, step_ms, until, rules,
              {"speed_km_h": slots[span[1]].speed, "occupancy_percent": slots[span[1]].occupancy})
        for span in _spans(slots, begins, is_well, rule.dwell, rule.clear, _gap_ms(rules, step_ms))
    ]  # fmt: skip


def _spans(
    slots: Sequence[Slot],
    begins: Callable[[int, int], bool],
    is_well: Callable[[int], bool],
    dwell: int,
    clear: int,
    gap_ms: float,
) -> list[tuple[int, int, int | None]]:
    """(first, the one at which it is said, the first that was well again) by position, None while it lasts. `begins(n,
    first)` says whether `n` is bad where `first` is the first of those in a row. What a gap interrupts before it is
    said begins anew."""
    found: list[tuple[int, int, int | None]] = []
    first: int | None = None
    said: int | None = None
    well: list[int] = []
    for n, slot in enumerate(slots):
        if said is None or first is None:
            if first is not None and slot.at - slots[n - 1].at > gap_ms:
                first = None
            if not begins(n, n if first is None else first):
                first = None
                continue
            first = n if first is None else first
            if n - first + 1 >= dwell:
                said, well = n, []
        elif is_well(n):
            well.append(n)
            if len(well) >= clear:
                found.append((first, said, well[0]))
                first = said = None
        else:
            well = []
    if said is not None and first is not None:
        found.append((first, said, None))
    return found


def _hint(
    rule: str, station: str, slots: Sequence[Slot], span: tuple[int, int, int | None], step_ms: int, until: int,
    rules: IncidentRules, detail: dict[str, Any],
) -> Hint:  # fmt: skip
    first, said, well = span
    silent = well is None and until - slots[-1].at > _gap_ms(rules, step_ms)
    ended = None if well is None else slots[well].at - step_ms
    return Hint(rule, station, slots[first].at - step_ms, slots[said].at, ended, silent, detail)


def _gap_ms(rules: IncidentRules, step_ms: int = 0) -> float:
    """How far apart intervals may end, and vehicles pass, to be one after the other [ms]."""
    return max(rules.gaps.most_min * MINUTE_MS, rules.gaps.intervals * step_ms)


def _recent(slots: Sequence[Slot], n: int, count: int, step_ms: int) -> _Usual | None:
    """The medians of the intervals just before `n`; None where half of them lack."""
    before = [one for one in slots[max(0, n - count) : n] if slots[n].at - one.at <= count * step_ms]
    speeds = [one.speed for one in before if one.speed is not None]
    numbers = [one.vehicles for one in before if one.vehicles is not None]
    if 2 * min(len(speeds), len(numbers)) < count:
        return None
    return _Usual(float(np.median(numbers)), float(np.median(speeds)))


def _usual(slots: Sequence[Slot], step_ms: int, rules: IncidentRules, zone: tzinfo) -> list[_Usual | None]:
    """What is usual of each interval: medians of the same time on days of the same kind before; None where too few are
    known."""
    days: dict[date, int] = {}
    at_slot = []
    for slot in slots:
        day = civil_day(slot.at, zone)
        start = days.setdefault(day, day_bounds(day, zone)[0])
        at_slot.append((day, (slot.at - start - 1) // step_ms))
    if not days:
        return []
    width = 1 + max(number for _, number in at_slot)
    order = {day: row for row, day in enumerate(sorted(days))}
    grids = np.full((2, len(order), width), np.nan)
    for slot, (day, number) in zip(slots, at_slot, strict=True):
        grids[0, order[day], number] = np.nan if slot.vehicles is None else slot.vehicles
        grids[1, order[day], number] = np.nan if slot.speed is None else slot.speed
    medians = {day: _of_days(grids, order, day, rules) for day in order}
    return [medians[day][number] for day, number in at_slot]


def _of_days(
    grids: npt.NDArray[np.float64], order: Mapping[date, int], day: date, rules: IncidentRules
) -> list[_Usual | None]:
    rule = rules.usual
    rows = [
        row
        for one, row in order.items()
        if 0 < (day - one).days <= rule.days and (one.weekday() < 5) == (day.weekday() < 5)
    ]
    width = grids.shape[2]
    if not rows:
        return [None] * width
    around = range(-rule.around, rule.around + 1)
    padded = np.pad(grids[:, rows, :], ((0, 0), (0, 0), (rule.around, rule.around)), constant_values=np.nan)
    near = np.concatenate([padded[:, :, rule.around + by : rule.around + by + width] for by in around], axis=1)
    known = (~np.isnan(near)).sum(axis=1).min(axis=0) >= rule.least_values
    found: list[_Usual | None] = [None] * width
    if known.any():
        of = np.nanmedian(near[:, :, known], axis=1)
        for place, number in enumerate(np.flatnonzero(known).tolist()):
            found[number] = _Usual(float(of[0, place]), float(of[1, place]))
    return found
