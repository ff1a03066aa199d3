"""Draining: how fast the journal is settled, and when it will be empty. A function of what was pending and settled, when."""

from collections import deque
from typing import NamedTuple

# Chosen: a bad minute of a large city; less than this is settled before anybody has read the line.
BACKLOG = 100_000
# Chosen: about what is settled in a second.
_CAUGHT_UP = 5_000
# Chosen: rates are of the last ten seconds, and so often a line is due.
_SPAN_S = 10.0


class _Look(NamedTuple):
    at_s: float
    pending: int
    settled: int


class Drain:
    """Looked at every second or so; times are of a monotonic clock [s]."""

    def __init__(self) -> None:
        self.backlog = False
        """Whether there is a backlog, from `BACKLOG` pending messages up until it is caught up with."""
        self._looks: deque[_Look] = deque()
        self._said_s = float("-inf")

    def look(self, now_s: float, pending: int, settled: int) -> str | None:
        """`pending` messages wait and `settled` ever were. What is to be said now, if anything."""
        self._looks.append(_Look(now_s, pending, settled))
        while now_s - self._looks[0].at_s > _SPAN_S and len(self._looks) > 2:
            self._looks.popleft()
        if self.backlog and pending <= _CAUGHT_UP:
            self.backlog = False
            return "caught up with the backlog"
        self.backlog = self.backlog or pending > BACKLOG
        if not self.backlog or self.settled_per_s == 0 or now_s - self._said_s < _SPAN_S:
            return None
        self._said_s = now_s
        left_s = self.left_s
        end = "it grows" if left_s is None else f"done in about {left_s:.0f} s"
        return f"settling a backlog: {pending} messages, {self.settled_per_s:.0f}/s, {end}"

    @property
    def settled_per_s(self) -> float:
        """Messages settled per second, of late."""
        first, last = self._looks[0], self._looks[-1]
        return (last.settled - first.settled) / (last.at_s - first.at_s) if last.at_s > first.at_s else 0.0

    @property
    def left_s(self) -> float | None:
        """How long until nothing is pending, if all goes on as of late [s]; None where it does not shrink."""
        first, last = self._looks[0], self._looks[-1]
        shrunk = first.pending - last.pending
        return last.pending * (last.at_s - first.at_s) / shrunk if shrunk > 0 else None
