"""What a station counted on a day, by interval: from single vehicles, or from counts over intervals; which intervals
came.

    single vehicles   readings of period `raw`: one vehicle each, of the class that its `vehicle_class` means, or
                      `vehicles` of them; `vehicles` = 0 is a sign of life
    counts            readings of period `minute` or `hour`: `vehicles`, by class, mean `speed`, `occupancy`. An
                      interval lasts for the entry's `expected_period_s`, else for its period; the lanes of a direction
                      may come apart, numbered by `seq`

The entry's own `period` says which of them counts: what came otherwise is said and not counted, so that nothing is
counted twice. An interval of counts came where each lane of that day came. Silence is no zero: of single vehicles an
interval came where something passed in it, or where the silence that it lies in is no longer than the station is ever
silent. A day is judged from its own readings alone, so its first and last silence end at midnight.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pandas as pd

from processors.indicators.exact import scaled
from processors.indicators.traffic_flow import Vehicles
from processors.windows import ends
from sensors.quantities import OF_FAMILY
from sensors.reading import Period
from sensors.stations import Station
from sensors.vehicles import COUNTS

PERIODS: tuple[Period, ...] = ("raw", "minute", "hour")
"""Of these flows are made; a count over a day has no hours."""

COUNTED = ("vehicles", "vehicle_class", *COUNTS.values(), "speed", "occupancy")
"""The quantities that say what passed."""

# Chosen: single vehicles are gathered by the shortest interval that flows are given of.
_EVENTS_STEP_S = 300
_PERIOD_S: Mapping[str, int] = {"minute": 60, "hour": 3_600}
# A share of an hour is added up in units of 10^-30: exact as far as anybody prints, and the same in any order.
_TINY = 10**30
_FINE = 10 ** OF_FAMILY["traffic"]["speed"].scale

Ints = npt.NDArray[np.int64]


def step_of(entry: Station) -> int:
    """How long an interval of an entry is [s]."""
    if entry.period == "raw":
        return _EVENTS_STEP_S
    return entry.expected_period_s or _PERIOD_S.get(entry.period, 3_600)


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
    other_periods: int
    """Readings of what passed that came with a period which is not the entry's."""
    speeds: pd.DataFrame
    """Readings with a speed: `slot`, `vehicles`, `speed` [km/h]."""
    occupancy: pd.DataFrame
    """Readings with an occupancy: `slot`, `occupancy` [%]."""

    def slots(self, since: int, until: int) -> slice:
        """The intervals that end in (since, until] [ms]."""
        last = len(self.came) if until >= self.end else (until - self.start) // self.step
        return slice((since - self.start) // self.step, last)

    def coverage(self, since: int, until: int) -> tuple[int, int]:
        """(that came, expected) of the intervals that end in (since, until]."""
        of = self.came[self.slots(since, until)]
        return int(of.sum()), len(of)

    def passed(self) -> Iterator[Vehicles]:
        """What passed, at the ends of the intervals."""
        for cls, numbers in self.by_class.items():
            for slot in np.flatnonzero(numbers).tolist():
                yield Vehicles(min(self.start + (slot + 1) * self.step, self.end), cls, int(numbers[slot]))

    def mean_speed(self, since: int, until: int) -> Fraction | None:
        """The mean speed of the vehicles that have one [km/h], each vehicle as much as another."""
        number, total, _ = self._speeds(since, until)
        return Fraction(total, number * _FINE) if number else None

    def travel(self, since: int, until: int) -> Fraction | None:
        """The mean time that they take for a kilometre [h]; where something stood still there is none."""
        number, _, hours = self._speeds(since, until)
        return Fraction(hours, number * _TINY) if number and hours is not None else None

    def mean_occupancy(self, since: int, until: int) -> Fraction | None:
        """The mean share of time in which the detectors were occupied [%]."""
        within = _within(self.occupancy, self.slots(since, until))
        if within.empty:
            return None
        n, power = scaled(within["occupancy"].to_numpy(np.float64), OF_FAMILY["traffic"]["occupancy"].scale)
        return Fraction(int(n.sum()), power * len(within))

    def _speeds(self, since: int, until: int) -> tuple[int, int, int | None]:
        """(vehicles, Σ vehicles · speed in 1/_FINE km/h, Σ vehicles / speed in 10^-30 h), of those that have a
        speed."""
        within = _within(self.speeds, self.slots(since, until))
        numbers = within["vehicles"].to_numpy(np.int64)
        speeds = np.rint(within["speed"].to_numpy(np.float64) * _FINE).astype(np.int64)
        by_speed: dict[int, int] = {}
        for speed, number in zip(speeds.tolist(), numbers.tolist(), strict=True):
            by_speed[speed] = by_speed.get(speed, 0) + number
        hours = None if by_speed.get(0) else sum(n * _FINE * _TINY // speed for speed, n in by_speed.items() if speed)
        return int(numbers.sum()), int((numbers * speeds).sum()), hours


def counted(
    frames: Mapping[str, pd.DataFrame],
    entry: Station,
    start: int,
    end: int,
    classes: Mapping[int, str],
    silence_s: int,
    now: int,
) -> Counts:
    """What the station of `entry` counted in (start, end] [ms]. `frames` are its readings of that time, as the store
    gives them, by period; `classes` what the numbers of `vehicle_class` mean; after `now` [ms] nothing is expected to
    have come."""
    step = 1_000 * step_of(entry)
    slots = -(-(end - start) // step)
    frame = _of_vehicles(frames.get(entry.period))
    slot = (ends(frame) - start - 1) // step
    frame = frame.assign(slot=slot)
    total, of_class, contradicting = _by_class(frame, classes)
    known = sum(of_class.values(), np.zeros(len(frame), np.int64))
    by_class: dict[str | None, Ints] = {}
    for cls, numbers in [*of_class.items(), (None, total - known)]:
        if numbers.any():
            by_class[cls] = np.bincount(slot, numbers, slots).astype(np.int64)
    if entry.period == "raw":
        came = _alive(ends(frame), start, end, step, slots, 1_000 * (entry.expected_period_s or silence_s))
        came &= np.minimum(start + step * (np.arange(slots) + 1), end) <= now
    else:
        of_lanes = frame.drop_duplicates(["seq", "slot"])
        came = np.bincount(of_lanes["slot"], minlength=slots) >= max(frame["seq"].nunique(), 1)
    frame = frame.assign(counted=total)
    with_speed = frame[frame["speed"].notna() & (total > 0)]
    with_occupancy = frame[frame["occupancy"].notna()]
    return Counts(
        entry, start, end, step, came, np.bincount(slot, total, slots).astype(np.int64), by_class, contradicting,
        sum(len(_of_vehicles(of)) for period, of in frames.items() if period != entry.period),
        pd.DataFrame({"slot": with_speed["slot"], "vehicles": with_speed["counted"], "speed": with_speed["speed"]}),
        pd.DataFrame({"slot": with_occupancy["slot"], "occupancy": with_occupancy["occupancy"]}),
    )  # fmt: skip


def _of_vehicles(frame: pd.DataFrame | None) -> pd.DataFrame:
    """The readings that say how many passed, or of which class one was."""
    if frame is None:
        frame = pd.DataFrame(
            {"observed_at": pd.Series([], dtype="datetime64[ms, UTC]"), "seq": pd.Series([], dtype="int64")}
        )
    named: pd.DataFrame = frame.reindex(columns=["observed_at", "seq", *COUNTED])
    says = named[["vehicles", "vehicle_class", *COUNTS.values()]].notna().any(axis=1)
    found: pd.DataFrame = named[says].reset_index(drop=True)
    return found


def _by_class(frame: pd.DataFrame, classes: Mapping[int, str]) -> tuple[Ints, dict[str, Ints], int]:
    """By reading: vehicles, and those of each class; and how many readings have more by class than vehicles."""
    of_class = {cls: frame[code].fillna(0).to_numpy(np.int64) for cls, code in COUNTS.items()}
    number = frame["vehicle_class"]
    sent = frame["vehicles"].to_numpy(np.float64)
    alone = np.where(np.isnan(sent) & number.notna().to_numpy(), 1.0, np.nan_to_num(sent)).astype(np.int64)
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


def _within(frame: pd.DataFrame, slots: slice) -> pd.DataFrame:
    found: pd.DataFrame = frame[(frame["slot"] >= slots.start) & (frame["slot"] < slots.stop)]
    return found
