"""What is due: stations of which something is to be said because nothing came. Deadlines, no polling: of each station the next
instant at which its silence says something (`processors/alerts/silence.py`); passed by what ingest knows, never by the clock.

What is due is marked in the books as changed, like readings that came, and the watch looks at it like at those. To mark twice is
to look twice, which changes nothing: a restart counts all deadlines again, and of two watches both may mark.
"""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from processors.alerts.silence import Expected, expected, instants
from sensors.instants import HOUR_MS
from sensors.reading import PERIODS
from sensors.stations import Registry, Station
from store.books import Books, BooksUnavailable
from store.conditions import OURSELVES
from store.hearing import Hearing, Span
from store.incidents import AlertMark
from store.intervals import Interval, Intervals
from store.sightings import SILENCE

Name = tuple[str, str]
"""Family and id of a station."""

_READINGS = frozenset(PERIODS)

# Chosen: ingest tells who was heard each ten seconds.
_LOOK_EVERY_MS = 1_000
# Chosen: half a second to a second of work, so long another alert may wait.
_MOST_OF_BOOKS = 1_000


def in_turn(marks: Sequence[AlertMark]) -> Sequence[AlertMark]:
    """Of changes that wait, in their order, those to look at now: of ourselves, readings, or other things, as the first is. So a
    store that is down keeps nobody from saying so. Of other things only some: ten thousand stations that fall silent at once
    take seconds."""
    found = [mark for mark in marks if _kind(mark) == _kind(marks[0])]
    return found if found and found[0].period in _READINGS else found[:_MOST_OF_BOOKS]


class Due:
    """The deadlines of all stations. What it remembers is bounded by the registry."""

    def __init__(self, books: Books) -> None:
        self._hearing = Hearing(books)
        self._intervals = Intervals(books)
        self._books = books
        self._looked_at: int | None = None
        self._known_until = 0
        self._counted_by: object = None
        self._expected: Mapping[Name, Sequence[Expected]] = {}
        self._spans: Sequence[Span] = ()
        self._deadlines: list[tuple[int, Name]] = []

    def look(self, now: int) -> None:
        """Mark what is due. Raises BooksUnavailable: then it is marked the next time."""
        if self._looked_at is not None and abs(now - self._looked_at) < _LOOK_EVERY_MS:
            return
        self._looked_at = now
        known_until = self._hearing.known_until()
        if known_until is None:
            return
        registry, spans = self._books.registry(), self._hearing.spans()
        counted_by = registry.version, self._intervals.version(), [span.since for span in spans]
        if counted_by == self._counted_by:
            self._go_on(known_until, now)
        else:
            self._counted_by, self._spans = None, spans
            self._expected = _expected(registry, self._intervals.all())
            self._count_all(known_until, now)
            self._counted_by = counted_by
        self._known_until = known_until

    def _count_all(self, known_until: int, now: int) -> None:
        """All deadlines anew, and all stations are looked at: what was said of them may not be so any more."""
        heard = self._heard(self._expected)
        self._mark(self._expected, heard, now)
        self._deadlines = []
        for name in self._expected:
            self._push(name, self._instants(name, heard), known_until)

    def _go_on(self, known_until: int, now: int) -> None:
        names = []
        while self._deadlines and self._deadlines[0][0] <= known_until:
            names.append(heapq.heappop(self._deadlines)[1])
        if not names:
            return
        try:
            heard = self._heard(names)
            said = {name: self._instants(name, heard) for name in names}
            # Who was heard since has a later deadline.
            self._mark(
                [name for name in names if any(self._known_until < at <= known_until for at in said[name])], heard, now
            )
        except BooksUnavailable:
            self._counted_by = None
            raise
        for name in names:
            self._push(name, said[name], known_until)

    def _instants(self, name: Name, heard: Mapping[Name, int]) -> list[int]:
        return instants(heard.get(name), self._expected[name], self._spans)

    def _push(self, name: Name, said: Iterable[int], known_until: int) -> None:
        following = next((at for at in said if at > known_until), None)
        if following is not None:
            heapq.heappush(self._deadlines, (following, name))

    def _heard(self, names: Iterable[Name]) -> dict[Name, int]:
        """When stations were heard last [ms]; those that never were are not there."""
        found: dict[Name, int] = {}
        for family, stations in _by_family(names).items():
            found |= {(family, station): at for station, at in self._hearing.heard(family, stations).items()}
        return found

    def _mark(self, names: Iterable[Name], heard: Mapping[Name, int], now: int) -> None:
        changed: dict[tuple[str, str, int], list[str]] = defaultdict(list)
        for name in names:
            since = heard.get(name, self._spans[0].since)
            changed[name[0], SILENCE, since // HOUR_MS * HOUR_MS].append(name[1])
        self._hearing.mark(changed, now)


def _kind(mark: AlertMark) -> tuple[bool, bool]:
    return mark.family == OURSELVES, mark.period in _READINGS


def _by_family(names: Iterable[Name]) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for family, station in names:
        found[family].append(station)
    return found


def _expected(registry: Registry, intervals: Iterable[Interval]) -> dict[Name, Sequence[Expected]]:
    entries: dict[Name, list[Station]] = defaultdict(list)
    for entry in registry:
        entries[entry.family, entry.id].append(entry)
    worked_on: dict[Name, list[Interval]] = defaultdict(list)
    for one in intervals:
        worked_on[one.family, one.station].append(one)
    return {name: expected(its, worked_on.get(name, ())) for name, its in entries.items()}
