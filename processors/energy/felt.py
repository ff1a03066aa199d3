"""On which days a reading is felt: of a count those between the counts before and after it whose line it may change, of what has
a period those of its period, and of counts far apart around it. So a count that comes late changes the days between its
neighbours too.

Asked per station and span, not per reading: neighbours are looked for in what was read around the span, and further away only of
counts that have none there.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from processors.energy.meters import Meters
from processors.energy.readings import CODES, COUNTS, Counter, by_station, reach_out
from processors.indicators.energy_pieces import NEAR_MS
from processors.metering import LONGEST_MS, REACH
from processors.windows import ends
from processors.withheld import withheld
from sensors.instants import HOUR_MS
from sensors.quantities import COUNTERS
from sensors.reading import Period
from store.intervals import Interval
from store.port import ReadingsStore


class Felt(NamedTuple):
    """What was written in the hour that ends at `hour` [ms] is felt in (since, until] [ms]."""

    hour: int
    since: int
    until: int


class _Rows(NamedTuple):
    """Instants [ms], rising: of rows by station, and by station and count of all counts and of the good ones."""

    rows: defaultdict[str, list[int]]
    counts: defaultdict[Counter, list[int]]
    good: defaultdict[Counter, list[int]]


class WhereFelt:
    """Over one store. Every call raises StoreUnavailable, StoreMisconfigured."""

    def __init__(self, store: ReadingsStore, meters: Meters, intervals: Sequence[Interval]) -> None:
        self._store = store
        self._meters = meters
        self._intervals = intervals

    def of_hours(self, written: Mapping[str, Sequence[int]]) -> dict[str, list[Felt]]:
        """Of the hours in which readings were written, their ends [ms] by station in rising order."""
        if not written:
            return {}
        start = min(hours[0] for hours in written.values()) - HOUR_MS
        end = max(hours[-1] for hours in written.values())
        near = self._meters.near(written)
        seen = self._seen(written, start - near, end + near)
        own: dict[Counter, list[int]] = {}
        for name, hours in written.items():
            within = [one for hour in hours for one in _within(seen.rows[name], hour - HOUR_MS, hour)]
            if within:
                own |= {(name, COUNTERS[code]): within for code in self._meters.quantities(name) if code in COUNTERS}
        self._look_further(own, seen, end + near, forward=True)
        # What is no count is felt elsewhere only where it lies between two.
        own = {
            key: at for key, at in own.items()
            if _within(seen.counts[key], at[0] - 1, at[-1]) or seen.good[key][-1:] > [at[-1]]
        }  # fmt: skip
        self._look_further(own, seen, start - near, forward=False)
        found: dict[str, list[Felt]] = {}
        for name, hours in written.items():
            codes = [code for code in COUNTS if (name, code) in own]
            spans = (self._span(name, hour, codes, seen) for hour in hours)
            found[name] = [one for one in spans if one is not None]
        return found

    def _seen(self, names: Iterable[str], start: int, end: int) -> _Rows:
        found = _Rows(defaultdict(list), defaultdict(list), defaultdict(list))
        for period, of in self._meters.by_period(names).items():
            # Every code, not only the counts: a store may leave out rows that have none of what is asked for.
            frame = self._store.readings("energy", period, start, end, of, CODES, detail=True)
            kept = withheld(frame, self._intervals, period)
            for station, rows in by_station(kept):
                at = ends(rows).tolist()
                found.rows[station] += at
                doubts = rows["doubtful"].tolist()
                doubtful = {code for of_row in doubts for code in of_row}
                for code in COUNTS:
                    is_good = rows[code].notna().tolist()
                    if code in doubtful or any(is_good):
                        found.counts[station, code] += [
                            one for one, good, of_row in zip(at, is_good, doubts, strict=True) if good or code in of_row
                        ]
                        found.good[station, code] += self._held(station, period, at, is_good)
        for lists in found:
            for each in lists.values():
                each.sort()
        return found

    def _held(self, station: str, period: Period, at: Sequence[int], is_good: Sequence[bool]) -> list[int]:
        """The good counts that an entry holds for."""
        return [
            one for one, good in zip(at, is_good, strict=True) if good and self._meters.entry(station, period, one)
        ]  # fmt: skip

    def _look_further(self, own: Mapping[Counter, Sequence[int]], seen: _Rows, edge: int, *, forward: bool) -> None:
        """Add good counts of those that have too few on that side of their own."""
        beyond = {
            key: [one for one in seen.good[key] if (one > at[-1] if forward else one < at[0])]
            for key, at in own.items()
        }  # fmt: skip

        def further(names: Collection[str], since: int, until: int) -> Iterator[tuple[Counter, list[int]]]:
            found = self._seen(names, since, until).good
            for key in own:
                seen.good[key] += found[key]
                yield key, found[key]

        reach_out(beyond, edge, further, forward=forward)
        for key in own:
            seen.good[key].sort()

    def _span(self, name: str, hour: int, codes: Sequence[str], seen: _Rows) -> Felt | None:
        own = _within(seen.rows[name], hour - HOUR_MS, hour)
        if not own:
            return None
        since, until = self._of_periods(name, own)
        first, last = since, until
        for code in codes:
            counts = _within(seen.counts[name, code], hour - HOUR_MS, hour)
            before, after = _neighbours(seen.good[name, code], *(counts[0], counts[-1]) if counts else (first, last))
            # What is no count moves what is left of counts that are far apart.
            if counts or (before < first and last < after and after - before > NEAR_MS):
                since, until = min(since, before), max(until, after)
        return Felt(hour, since, until)

    def _of_periods(self, name: str, own: Sequence[int]) -> tuple[int, int]:
        """The periods that end at these instants; of samples as far as they are joined with others."""
        since, until = own[0], own[-1]
        for entry in self._meters.entries[name]:
            if entry.period == "raw":
                apart = self._meters.apart(name)
                since, until = min(since, own[0] - apart), max(until, own[-1] + apart)
            began = self._meters.since(own[0], entry)
            since = since if began is None else min(since, began)
        return since, until


def _within(at: Sequence[int], start: int, end: int) -> Sequence[int]:
    """Those of the instants, which rise, that lie in (start, end]."""
    return at[bisect_right(at, start) : bisect_right(at, end)]


def _neighbours(good: Sequence[int], first: int, last: int) -> tuple[int, int]:
    """From the good counts before `first` to those after `last` [ms] that they may put out of line, as far as counts bridge."""
    left, right = bisect_left(good, first), bisect_right(good, last)
    for one in reversed(good[max(0, left - REACH) : left]):
        if first - one > LONGEST_MS:
            break
        first = one
    for one in good[right : right + REACH]:
        if one - last > LONGEST_MS:
            break
        last = one
    return first, last
