"""What a station counted on a day, by interval: from single vehicles, or from counts over intervals; which intervals
came.

    single vehicles   readings of period `raw`: one vehicle each, of the class that its `vehicle_class` means, or
                      `vehicles` of them; of no known class where only a speed came, or a class that is out of range;
                      `vehicles` = 0 alone is a sign of life
    counts            readings of period `minute` or `hour`: `vehicles`, by class, mean `speed`, `occupancy`. An
                      interval lasts for the entry's `expected_period_s`, else for its period; the lanes of a direction
                      may come apart, numbered by `seq`

The entry's own `period` says which of them counts: what came otherwise is said and not counted, so that nothing is
counted twice. An interval of counts came where each lane did: where they come apart as many as the entry has `lanes`,
and at least as many as that day has. Silence is no zero: of single vehicles an interval came where something passed in
it, or where the silence that it lies in is no longer than the station is ever silent, but not where people withhold a
part of it: of what is taken out nobody knows what passed. A day is judged from its own readings alone, so its first and
last silence end at midnight.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from processors.indicators.traffic_flow import Vehicles
from processors.windows import Ints, ends
from sensors.instants import MINUTE_MS
from sensors.quantities import OF_FAMILY
from sensors.reading import Doubt, Period
from sensors.stations import Station
from sensors.vehicles import COUNTS

PERIODS: tuple[Period, ...] = ("raw", "minute", "hour")
"""Of these flows are made; a count over a day has no hours."""

COUNTED = ("vehicles", "vehicle_class", *COUNTS.values(), "speed", "occupancy")
"""The quantities that say what passed, and how."""

NUMBERS = ("vehicles", "vehicle_class", *COUNTS.values())
"""Those of them that say how many."""

# Of a vehicle whose class or speed is doubted so, it is the value that is wrong: it passed.
_OF_VALUES = frozenset({"out_of_range", "above_range", "doubtful"})

# Chosen: single vehicles are gathered by the shortest interval that flows are given of.
_EVENTS_STEP_S = 300
_PERIOD_S: Mapping[str, int] = {"minute": 60, "hour": 3_600}
# A share of an hour is added up in units of 10^-30: exact as far as anybody prints, and the same in any order.
_TINY = 10**30
_FINE = 10 ** OF_FAMILY["traffic"]["speed"].scale
_SHARE = 10 ** OF_FAMILY["traffic"]["occupancy"].scale


def step_of(entry: Station) -> int:
    """How long an interval of an entry is [s]."""
    if entry.period == "raw":
        return _EVENTS_STEP_S
    return entry.expected_period_s or _PERIOD_S.get(entry.period, 3_600)


class _Sums(NamedTuple):
    """Sums of the intervals before each, so that those of any span are a difference: vehicles that have a speed, their
    speeds in 1/_FINE km/h, their hours for a kilometre in 1/_TINY, those that stood; readings with an occupancy, and
    these in 1/_SHARE %."""

    measured: Sequence[int]
    speeds: Sequence[int]
    hours: Sequence[int]
    stood: Sequence[int]
    occupied: Sequence[int]
    occupancy: Sequence[int]


@dataclass(frozen=True)
class Counts:
    """The intervals of a station in (start, end] [ms], each `step` [ms] long, the last one maybe shorter."""

    entry: Station
    start: int
    end: int
    step: int
    came: npt.NDArray[np.bool_]
    """By interval: whether it was counted."""
    vehicles: Ints
    by_class: Mapping[str | None, Ints]
    """By class and interval; None: of no known class."""
    contradicting: int
    """Readings whose classes are more than their vehicles: the classes are taken."""
    off_step: int
    """Readings that do not end with an interval: the device counts over others than the entry says."""
    uncounted: int
    """Readings that say how it was driven and not how many drove: they count for nothing."""
    occupied: npt.NDArray[np.bool_]
    """By interval: whether all that came of it is how long the detectors were occupied."""
    other_periods: int
    """Readings of what passed that came with a period which is not the entry's."""
    sums: _Sums

    def slots(self, since: int, until: int) -> slice:
        """The intervals that end in (since, until] [ms]."""
        last = len(self.came) if until >= self.end else (until - self.start) // self.step
        return slice((since - self.start) // self.step, last)

    def coverage(self, since: int, until: int) -> tuple[int, int]:
        """(that came, expected) of the intervals that end in (since, until]."""
        of = self.came[self.slots(since, until)]
        return int(of.sum()), len(of)

    def passed(self, minutes: int) -> Iterator[Vehicles]:
        """What passed, gathered by so many minutes, or by the intervals where these are longer or do not divide
        them."""
        width = max(minutes * MINUTE_MS, self.step)
        width -= width % self.step
        for cls, numbers in self.by_class.items():
            gathered = np.add.reduceat(numbers, np.arange(0, len(numbers), width // self.step))
            for number in np.flatnonzero(gathered).tolist():
                yield Vehicles(min(self.start + (number + 1) * width, self.end), cls, int(gathered[number]))

    def mean_speed(self, since: int, until: int) -> Fraction | None:
        """The mean speed of the vehicles that have one [km/h], each vehicle as much as another."""
        of = self.slots(since, until)
        number = _between(self.sums.measured, of)
        return Fraction(_between(self.sums.speeds, of), number * _FINE) if number else None

    def is_slower(self, since: int, until: int, than: Fraction) -> bool:
        """Whether the mean speed is known and below another one [km/h]."""
        of = self.slots(since, until)
        number, speeds = _between(self.sums.measured, of), _between(self.sums.speeds, of)
        return number > 0 and speeds * than.denominator < than.numerator * number * _FINE

    def travel(self, since: int, until: int) -> Fraction | None:
        """The mean time that they take for a kilometre [h]; where something stood still there is none."""
        of = self.slots(since, until)
        number = _between(self.sums.measured, of)
        if not number or _between(self.sums.stood, of):
            return None
        return Fraction(_between(self.sums.hours, of), number * _TINY)

    def mean_occupancy(self, since: int, until: int) -> Fraction | None:
        """The mean share of time in which the detectors were occupied [%]."""
        of = self.slots(since, until)
        number = _between(self.sums.occupied, of)
        return Fraction(_between(self.sums.occupancy, of), number * _SHARE) if number else None


def counted(
    frames: Mapping[str, pd.DataFrame],
    entry: Station,
    start: int,
    end: int,
    classes: Mapping[int, str],
    silence_s: int,
    now: int,
    hidden: Sequence[tuple[int, int]] = (),
) -> Counts:
    """What the station of `entry` counted in (start, end] [ms]. `frames` are its readings of that time, as the store
    gives them, by period; `classes` what the numbers of `vehicle_class` mean; after `now` [ms] nothing is expected to
    have come, and nothing of single vehicles in the spans (since, until] [ms] that are `hidden`."""
    step = 1_000 * step_of(entry)
    slots = -(-(end - start) // step)
    frame = _of_vehicles(frames.get(entry.period), entry.period)
    says = frame["says"].to_numpy(np.bool_)
    slot = (ends(frame) - start - 1) // step
    total, of_class, contradicting = _by_class(frame, classes)
    known = sum(of_class.values(), np.zeros(len(frame), np.int64))
    by_class: dict[str | None, Ints] = {}
    for cls, numbers in [*of_class.items(), (None, total - known)]:
        if numbers.any():
            by_class[cls] = np.bincount(slot, numbers, slots).astype(np.int64)
    if entry.period == "raw":
        came = _alive(ends(frame)[says], start, end, step, slots, 1_000 * (entry.expected_period_s or silence_s))
        came &= np.minimum(start + step * (np.arange(slots) + 1), end) <= now
        for since, until in hidden:
            came[max(0, (since - start) // step) : max(0, -(-(until - start) // step))] = False
    else:
        lanes = np.unique(np.stack((slot, frame["seq"].to_numpy(np.int64)))[:, says], axis=1)
        apart = len(np.unique(lanes[1]))
        came = np.bincount(lanes[0], minlength=slots) >= (max(apart, entry.lanes or 0) if apart > 1 else 1)
    occupied = np.bincount(slot[~says & frame["occupancy"].notna().to_numpy()], minlength=slots) > 0
    return Counts(
        entry,
        start,
        end,
        step,
        came,
        np.bincount(slot, total, slots).astype(np.int64),
        by_class,
        contradicting,
        0 if entry.period == "raw" else int(((ends(frame)[says] - start) % step > 0).sum()),
        int((~says).sum()),
        occupied & (np.bincount(slot[says], minlength=slots) == 0),
        sum(int(_of_vehicles(of, period)["says"].sum()) for period, of in frames.items() if period != entry.period),
        _sums(frame, slot, total, slots),
    )


def _sums(frame: pd.DataFrame, slot: Ints, total: Ints, slots: int) -> _Sums:
    speed, occupancy = frame["speed"].to_numpy(np.float64), frame["occupancy"].to_numpy(np.float64)
    at_speed, occupied = ~np.isnan(speed) & (total > 0), ~np.isnan(occupancy)
    fine = np.rint(np.where(at_speed, speed, 0) * _FINE).astype(np.int64)
    share = np.rint(np.where(occupied, occupancy, 0) * _SHARE).astype(np.int64)
    hours = [0] * slots
    for place, speed_of, number in zip(
        slot[at_speed].tolist(), fine[at_speed].tolist(), total[at_speed].tolist(), strict=True
    ):
        hours[place] += number * _FINE * _TINY // speed_of if speed_of else 0

    def summed(values: Ints) -> Sequence[int]:
        return [0, *np.cumsum(np.bincount(slot, values, slots).astype(np.int64)).tolist()]

    measured = np.where(at_speed, total, 0)
    return _Sums(
        summed(measured), summed(measured * fine), [0, *accumulate(hours)], summed(np.where(fine == 0, measured, 0)),
        summed(occupied.astype(np.int64)), summed(share),
    )  # fmt: skip


def _between(sums: Sequence[int], of: slice) -> int:
    first, after = int(of.start), int(of.stop)
    return sums[after] - sums[first]


def _of_vehicles(frame: pd.DataFrame | None, period: str) -> pd.DataFrame:
    """The readings that say what passed or how; by `says` whether how many, by `single` whether one vehicle did."""
    if frame is None:
        frame = pd.DataFrame(
            {"observed_at": pd.Series([], dtype="datetime64[ms, UTC]"), "seq": pd.Series([], dtype="int64")}
        )
    named: pd.DataFrame = frame.reindex(columns=["observed_at", "seq", *COUNTED])
    single = pd.Series(False, index=named.index)
    if period == "raw":
        # A sign of life may have come under the same number as a vehicle that has a speed.
        single = (
            named["vehicle_class"].notna() | (named["speed"] > 0) | (named["speed"].notna() & named["vehicles"].isna())
        )
        if "doubtful" in frame:
            single |= pd.Series([_has_passed(doubts) for doubts in frame["doubtful"]], index=frame.index, dtype=bool)
    named = named.assign(says=named[list(NUMBERS)].notna().any(axis=1) | single, single=single)
    found: pd.DataFrame = named[named["says"] | named[["speed", "occupancy"]].notna().any(axis=1)].reset_index(
        drop=True
    )
    return found


def _has_passed(doubts: Mapping[str, Doubt]) -> bool:
    return any(code in doubts and doubts[code].flag in _OF_VALUES for code in ("vehicle_class", "speed"))


def _by_class(frame: pd.DataFrame, classes: Mapping[int, str]) -> tuple[Ints, dict[str, Ints], int]:
    """By reading: vehicles, and those of each class; and how many readings have more by class than vehicles."""
    of_class = {cls: frame[code].fillna(0).to_numpy(np.int64) for cls, code in COUNTS.items()}
    number = frame["vehicle_class"]
    sent = frame["vehicles"].to_numpy(np.float64)
    alone = np.where(np.isnan(sent) & number.notna().to_numpy(), 1.0, np.nan_to_num(sent)).astype(np.int64)
    alone = np.maximum(alone, frame["single"].to_numpy(np.int64))
    for code, cls in classes.items():
        of_class[cls] = of_class[cls] + np.where(number == code, alone, 0)
    known = sum(of_class.values(), np.zeros(len(frame), np.int64))
    contradicting = int(((known > alone) & ~np.isnan(sent)).sum())
    return np.maximum(alone, known), {cls: numbers for cls, numbers in of_class.items() if numbers.any()}, contradicting


def _alive(at: Ints, start: int, end: int, step: int, slots: int, silence: int) -> npt.NDArray[np.bool_]:
    """By interval: whether something came in it, or the silence that it lies in is no longer than `silence` [ms]."""
    moments = np.unique(at)
    came = np.zeros(slots, np.bool_)
    if not len(moments):
        return came
    came[(moments - start - 1) // step] = True
    edges = np.concatenate(([start], moments, [end]))
    first = start + step * np.arange(slots)
    gap = np.searchsorted(edges, first, side="right")
    return came | (edges[np.minimum(gap, len(edges) - 1)] - edges[gap - 1] <= silence)
