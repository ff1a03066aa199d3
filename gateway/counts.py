"""What the gateway counts, and the lines it says about its peers: never more than a few a minute, whatever they send."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import structlog

_log = structlog.get_logger()

# Chosen: of each kind; the rest is counted. Of each, so that who sends garbage cannot hide what an operator must see.
_LINES_PER_MINUTE = 5


def _count(of: str) -> int:
    number: int = field(default=0, metadata={"of": of})
    return number


@dataclass(slots=True)
class Counts:
    """Since the gateway was started."""

    connections: int = _count("Connections that were let in.")
    turned_away: int = _count("Connections past a bound.")
    cut: int = _count("Connections that a bound ended: silence, garbage, answers not read, wrong passwords.")
    frames: int = _count("Whole frames.")
    broken: int = _count("Broken frames.")
    garbage_bytes: int = _count("Bytes that were no frame, of connections that have ended.")
    wrong_password: int = _count("Frames whose ST, MN or PW was wrong.")
    published: int = _count("Frames given to the broker.")
    not_taken: int = _count("Frames that the broker did not take: nobody has subscribed, or it is not allowed.")
    answered: int = _count("Answers, each after its PUBACK.")


MEANINGS: Mapping[str, str] = {each.name: each.metadata["of"] for each in fields(Counts)}
"""What each count is, by its name."""


class Notices:
    """Lines about peers: each at most once a minute for the same peer, and few of each kind."""

    def __init__(self, counts: Counts) -> None:
        self.counts = counts
        self._said: defaultdict[str, set[str]] = defaultdict(set)
        self._unsaid = 0
        self._before = asdict(counts)

    def say(self, event: str, who: str, **fields: Any) -> None:
        """A warning about `who` (a peer or a topic, which `fields` name), unless there were too many."""
        said = self._said[event]
        if who in said:
            return
        if len(said) >= _LINES_PER_MINUTE:
            self._unsaid += 1
            return
        said.add(who)
        _log.warning(event, **fields)

    def sum_up(self, **now: Any) -> None:
        """The line of the minute, where anything was counted; then the next minute begins."""
        totals = asdict(self.counts)
        if totals != self._before:
            _log.info("in all so far", **now, **totals, **({"lines_left_out": self._unsaid} if self._unsaid else {}))
        self._before = totals
        self._said.clear()
        self._unsaid = 0
