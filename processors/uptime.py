"""Uptime: of how many of its expected periods something of a station is stored. A function of times and a registry entry.

The share is 100 × periods with a reading, good or doubtful, / periods in which the entry holds: a station that says that it is in
calibration is up. Whether its data are valid is another question, which the indicators answer.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sensors.instants import to_millis
from sensors.presence import expected_ms
from sensors.stations import Station


class Uptime(NamedTuple):
    """Periods with a reading, of so many that were expected."""

    received: int
    expected: int

    @property
    def percent(self) -> float | None:
        """[%]; None where none was expected."""
        return None if self.expected == 0 else 100 * self.received / self.expected


def uptime(times: Iterable[int], entries: Sequence[Station], start: int, end: int) -> Uptime:
    """Of one station within (start, end] [ms]: `times` are the ends of its readings' periods, or instants [ms]. Time in which no
    entry holds, or nobody says how often the station sends, is not counted."""
    seen = sorted(set(times))
    received = expected = 0
    for entry in entries:
        period = expected_ms(entry)
        first = start if entry.active_from is None else max(start, to_millis(entry.active_from))
        last = end if entry.active_to is None else min(end, to_millis(entry.active_to))
        if period is None or last <= first:
            continue
        whole = (last - first) // period
        expected += whole
        received += len({(at - first - 1) // period for at in seen if first < at <= first + whole * period})
    return Uptime(received, expected)
