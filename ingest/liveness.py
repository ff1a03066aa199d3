"""Liveness: which stations should have sent by now, and have not. A function of the registry, of what was stored, and of a
time that is passed in.

Every active station that is expected (`sensors/presence.py`) is overdue when it is silent, counted from the later of our start
and its last receipt. A family is silent when all of its expected stations are overdue: then it is not a station that fails but
what they share.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from sensors.presence import expected_ms, is_silent
from sensors.quantities import Family
from sensors.stations import Registry
from store.books import Changed


class Attendance(NamedTuple):
    """Of one family: how many stations should send, and how many of them are overdue."""

    expected: int
    overdue: int

    @property
    def silent(self) -> bool:
        """Whether nobody sends."""
        return 0 < self.expected == self.overdue


class Liveness:
    """Since `started_at` [ms]. What it remembers is bounded by the registry: marks are of known stations only."""

    def __init__(self, started_at: int) -> None:
        self.known_until = started_at
        """What came until then has been stored [ms]; what came later may still be in the journal."""
        self.has_stored = False
        """Whether anything was stored since our start; before, the journal may hold what came earlier."""
        self.registry = Registry(())
        self._started_at = started_at
        self._last: defaultdict[str, dict[str, int]] = defaultdict(dict)  # when, by family and station

    def stored(self, changed: Changed, received_at: int) -> None:
        """Readings that were received until `received_at` [ms] are stored; `changed` says of which stations."""
        self.known_until, self.has_stored = received_at, True
        for (family, _, _), stations in changed.items():
            self._last[family].update(dict.fromkeys(stations, received_at))

    def heard_by_others(self, stations: Mapping[tuple[str, str], int]) -> None:
        """Another ingest got something of these stations, then [ms]."""
        for (family, station), at in stations.items():
            if at > self._last[family].get(station, 0):
                self._last[family][station] = at

    def attendance(self, at: int) -> dict[Family, Attendance]:
        """Who was expected and who was overdue at `at` [ms]. Families of which nobody is expected are left out."""
        found: dict[Family, list[bool]] = {}
        for entry in self.registry:
            if expected_ms(entry) is None or not entry.active_at(at):
                continue
            last = max(self._last[entry.family].get(entry.id, 0), self._started_at)
            found.setdefault(entry.family, []).append(is_silent(entry, last, at))
        return {family: Attendance(len(overdue), sum(overdue)) for family, overdue in found.items()}
