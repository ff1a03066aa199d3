"""Hourly values of stations laid out by civil day: one row per station and day, one column per hour of the day."""

from datetime import tzinfo
from math import lcm
from typing import NamedTuple

import numpy as np
import pandas as pd

from processors.indicators.exact import Column, Integers, Ratios, column
from processors.windows import Ints, civil_days, day_bounds, ends, hours_of_day
from sensors.instants import HOUR_MS

WINDOW_HOURS = 8
"""Of a running mean within the day."""


class DayGrid:
    """Hourly values laid out as one row per station and day and one column per hour of the day; 25 where one has 25."""

    def __init__(self, frame: pd.DataFrame, zone: tzinfo) -> None:
        self._frame = frame
        at = ends(frame)
        self.days, day_of_row = civil_days(at, zone)
        codes, names = pd.factorize(frame["station"])
        pairs, self._row = np.unique(codes * max(len(self.days), 1) + day_of_row, return_inverse=True)
        self.stations = names.take(pairs // max(len(self.days), 1))
        self.day: Ints = pairs % max(len(self.days), 1)
        lengths = np.array([len(hours_of_day(day, zone)) for day in self.days], dtype=np.int64)
        starts = np.array([day_bounds(day, zone)[0] for day in self.days], dtype=np.int64)
        self.length: Ints = lengths[self.day]
        self._hour = (at - starts[day_of_row]) // HOUR_MS - 1
        self._width = int(lengths.max(initial=24))
        self._made: dict[str, Column] = {}

    def hours(self, code: str) -> Column:
        """One pollutant's grid."""
        if code not in self._made:
            values = column(self._frame, code)
            shape = (len(self.day), self._width)
            n, there = np.zeros(shape, values.n.dtype), np.zeros(shape, np.bool_)
            n[self._row, self._hour], there[self._row, self._hour] = values.n, values.there
            self._made[code] = Column(n, there, values.power)
        return self._made[code]


class RunningMaximum(NamedTuple):
    """Of each station day the greatest 8-hour mean (no value without any), how many of them are valid, and the hour of the day
    that the greatest ends (the first where several are; 0 without any)."""

    greatest: Ratios
    windows: Ints
    end: Ints


def running_maximum(hours: Column, length: Ints, needed: int) -> RunningMaximum:
    """Over the 8-hour means that lie within days of `length` hours and have `needed` values at least."""
    n, there, power = hours
    total, valid = _window_sums(n), _window_sums(there.astype(np.int64))
    within = np.arange(WINDOW_HOURS, n.shape[1] + 1) <= length[:, np.newaxis]
    good = (valid >= needed) & within
    common = lcm(*range(needed, WINDOW_HOURS + 1))
    means = np.where(good, total * (common // np.maximum(valid, 1)), -1)
    windows = good.sum(axis=1)
    end = np.where(windows > 0, means.argmax(axis=1) + WINDOW_HOURS, 0)
    greatest = np.maximum(means.max(axis=1), 0)
    return RunningMaximum(Ratios(greatest, np.where(windows > 0, common * power, 0)), windows, end)


def _window_sums(grid: Integers) -> Integers:
    """Sums of 8 consecutive columns, by the window's last column, from the 8th on."""
    total = np.concatenate((np.zeros((len(grid), 1), grid.dtype), np.cumsum(grid, axis=1)), axis=1)
    return np.asarray(total[:, WINDOW_HOURS:] - total[:, :-WINDOW_HOURS])
