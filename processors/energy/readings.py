"""Meters' readings from the store, as pieces of use.

A count says what was used since the one before it, however long ago, and its neighbours say whether it is in line. So the
readings of a span are read with two days on both sides (or as long as an amount may be), and further away only where too few
counts lie there: in steps that grow, each up to what a count may bridge at all. What is read is a question of the store alone,
so that the order in which readings came changes nothing.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain, count
from math import isnan
from typing import NamedTuple

import numpy as np
import pandas as pd

from processors.energy.meters import Meters
from processors.energy.rules import USES
from processors.indicators.energy_pieces import (
    NEAR_MS,
    Averaged,
    Piece,
    by_precedence,
    counted,
    of_intervals,
    of_mean_powers,
    of_samples,
)
from processors.metering import LONGEST_MS, REACH, Count, uses
from processors.windows import ends
from processors.withheld import withheld
from sensors.instants import DAY_MS
from sensors.quantities import COUNTERS
from sensors.reading import Period
from sensors.stations import Station
from store.intervals import Interval
from store.port import ReadingsStore

POWER = "active_power"
COUNTS = tuple(COUNTERS.values())
USE_OF: Mapping[str, str] = {counter: use for use, counter in COUNTERS.items()}
"""The quantity of use, by the count that says it."""
CODES = (*USES, *COUNTS, POWER)
"""What is read of a meter."""

# Chosen: in how many days further counts are looked for, step by step; the last is what a count may bridge.
STEPS = (8 * DAY_MS, 32 * DAY_MS, LONGEST_MS)


class Read(NamedTuple):
    """What was read of a station: the instants [ms] at which anything was, counts and amounts by quantity of use, mean powers,
    samples of power, and the instants of amounts of which nobody knows the period."""

    at: list[int]
    counts: defaultdict[str, list[Count]]
    amounts: defaultdict[str, list[Averaged]]
    powers: list[Averaged]
    samples: list[tuple[int, float]]
    without_length: list[int]

    def take_in(self, more: "Read") -> None:
        """Add what was read of another span."""
        for code, counts in more.counts.items():
            self.counts[code].extend(counts)
        for code, amounts in more.amounts.items():
            self.amounts[code].extend(amounts)
        self.at.extend(more.at)
        self.powers.extend(more.powers)
        self.samples.extend(more.samples)
        self.without_length.extend(more.without_length)


Counter = tuple[str, str]
"""Station, and quantity or count."""
Beyond = Mapping[Counter, list[int]]
"""Instants [ms] of counts on one side of a span."""


class MeterReadings:
    """The readings of a city's meters. Every call raises StoreUnavailable, StoreMisconfigured."""

    def __init__(self, store: ReadingsStore, meters: Meters, intervals: Sequence[Interval]) -> None:
        self._store = store
        self._meters = meters
        self._intervals = intervals

    def read(self, stations: Iterable[str], start: int, end: int) -> dict[str, Read]:
        """What was read in (start, end] [ms] of those stations of which anything was."""
        found: dict[str, Read] = {}
        for period, names in self._meters.by_period(stations).items():
            frame = self._store.readings("energy", period, start, end, names, CODES)
            frame = withheld(frame[frame["seq"] == 0], self._intervals, period)
            for station, rows in by_station(frame):
                self._take(found.setdefault(station, nothing_read()), station, period, rows)
        return found

    def pieces(
        self, stations: Iterable[str], start: int, end: int
    ) -> tuple[dict[str, dict[str, list[Piece]]], dict[str, Read]]:
        """By station and quantity the pieces of use that touch (start, end] [ms], and what they were made from."""
        names = sorted(stations)
        near = self._meters.near(names)
        found = self.read(names, start - near, end + near)
        read = {name: found.get(name, nothing_read()) for name in names}
        self._look_further(read, start, end, near)
        self._fill_far_counts(read, start, end, near)
        return {name: self._of_station(name, read[name], start, end) for name in names}, read

    def _take(self, into: Read, station: str, period: Period, rows: pd.DataFrame) -> None:
        """Add rows of one station and period; those of a time in which its entry has another period are not of this meter."""
        columns = {code: values for code in CODES if not np.isnan(values := rows[code].to_numpy(np.float64)).all()}
        for index, at in enumerate(ends(rows).tolist()):
            entry = self._meters.entry(station, period, at)
            # An averaged period that ends as its entry does is still of that entry; a count then is the next one's.
            of_period = entry or self._meters.entry(station, period, at - 1)
            if of_period is None:
                continue
            into.at.append(at)
            for code, values in columns.items():
                value = float(values[index])
                if isnan(value):
                    continue
                if code not in USE_OF:
                    self._take_averaged(into, code, at, value, of_period)
                elif entry is not None:
                    into.counts[USE_OF[code]].append(Count(at, value))

    def _take_averaged(self, into: Read, code: str, at: int, value: float, entry: Station) -> None:
        since = self._meters.since(at, entry)
        if code == POWER and entry.period == "raw":
            into.samples.append((at, value))
        elif since is None:
            into.without_length.append(at)
        elif code == POWER:
            into.powers.append(Averaged(since, at, value))
        else:
            into.amounts[code].append(Averaged(since, at, value, is_raw=entry.period == "raw"))

    def _of_station(self, station: str, read: Read, start: int, end: int) -> dict[str, list[Piece]]:
        entries = self._meters.entries.get(station, [])
        powers = [*of_mean_powers(read.powers), *of_samples(read.samples, self._meters.apart(station))]
        powers.sort(key=lambda one: one.until)
        found = {}
        for code in self._meters.quantities(station):
            of_counts = counted(uses(read.counts[code], entries, code)) if read.counts.get(code) else []
            of_amounts = of_intervals(read.amounts[code]) if read.amounts.get(code) else []
            made = by_precedence(of_counts, of_amounts, powers if code == "electricity" else [])
            touching = [one for one in made if one.until > start and one.since < end]
            if touching:
                found[code] = touching
        return found

    def _look_further(self, read: dict[str, Read], start: int, end: int, near: int) -> None:
        """Add counts outside of what was read, as many as may change what is said: the next ones first, for without them those
        before say nothing."""
        wanted = {(name, code) for name in read for code in self._meters.quantities(name) if code in COUNTERS}
        ahead = {
            (name, code): [one.at for one in read[name].counts.get(code, ()) if one.at >= end] for name, code in wanted
        }  # fmt: skip
        self._add(read, ahead, end + near, forward=True)
        behind = {
            (name, code): [one.at for one in counts if one.at <= start]
            for name, code in wanted if (counts := read[name].counts.get(code))
        }  # fmt: skip
        self._add(read, behind, start - near, forward=False)

    def _fill_far_counts(self, read: dict[str, Read], start: int, end: int, near: int) -> None:
        """Add what was sent between counts that are far apart and touch the span: of those only what it leaves is shared out."""
        for name, of in read.items():
            entries = self._meters.entries.get(name, [])
            far = [
                one for code in self._meters.quantities(name) if of.counts.get(code)
                for one in counted(uses(of.counts[code], entries, code))
                if one.until > start and one.since < end and one.until - one.since > NEAR_MS
            ]  # fmt: skip
            first, last = min((one.since for one in far), default=start), max((one.until for one in far), default=end)
            for since, until in ((first - near, start - near), (end + near, last + near)):
                if since < until and (more := self.read([name], since, until).get(name)):
                    of.take_in(more)

    def _add(self, read: dict[str, Read], at: Beyond, edge: int, *, forward: bool) -> None:
        def further(names: Collection[str], since: int, until: int) -> Iterator[tuple[Counter, list[int]]]:
            for name, of in self.read(names, since, until).items():
                for code in [code for code in of.counts if (name, code) in at]:
                    read[name].counts[code] += of.counts[code]
                    yield (name, code), [one.at for one in of.counts[code]]

        reach_out(at, edge, further, forward=forward)


def reach_out(
    at: Beyond,
    edge: int,
    further: Callable[[Collection[str], int, int], Iterable[tuple[Counter, Sequence[int]]]],
    *,
    forward: bool,
) -> None:
    """Add to the instants [ms] of counts beyond a span, which are known up to `edge`, until there are REACH of each, or none
    follows that a count may bridge; `further` gives those of some stations in (since, until] [ms]."""
    for since, until in _steps_from(edge, forward=forward):
        begin = since if forward else until
        wanted = {
            key for key, there in at.items()
            if len(there) < REACH and abs(begin - (max if forward else min)([*there, edge])) < LONGEST_MS
        }  # fmt: skip
        if not wanted:
            return
        for key, found in further({name for name, _ in wanted}, since, until):
            if key in wanted:
                at[key].extend(found)


def _steps_from(edge: int, *, forward: bool) -> Iterator[tuple[int, int]]:
    """Spans (since, until] [ms] that go away from `edge`, one after the other, without an end."""
    reached = 0
    for step in chain(STEPS, count(STEPS[-1] + LONGEST_MS, LONGEST_MS)):
        yield (edge + reached, edge + step) if forward else (edge - step, edge - reached)
        reached = step


def nothing_read() -> Read:
    """Of a station of which nothing was read."""
    return Read([], defaultdict(list), defaultdict(list), [], [], [])


def by_station(frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The rows of each station."""
    for name, rows in frame.groupby("station", sort=True):
        yield str(name), rows
