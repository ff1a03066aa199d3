"""Our own condition, as the watch sees it: of those that cannot speak for themselves, and what lasts although nothing changes.

    ingest_dead     no ingest has copied its ledger for half a minute: it is dead, or cut off from the books
    processor_min   how long the oldest change waits for the processor

What is found is written to the books like what ingest says of itself (`store/conditions.py`); of two watches both may write it.
A watch that has just begun gives ingest a minute: they are started together.
"""

from collections.abc import Mapping
from decimal import Decimal

from processors.alerts.signals.cityflux import said_again
from sensors.instants import FOREVER, MINUTE_MS, iso
from store.books import Books
from store.conditions import WATCH, Code, Condition, Conditions, is_news

# Chosen: ingest copies its ledger each five seconds at least; a machine under load misses some.
_DEAD_AFTER_MS = 30_000
_START_MS = 60_000
# Chosen: where the clock is set, or a machine slept, the last word looks old at once; so many looks it has to stay the same.
_DEAD_LOOKS = 10
_LOOK_EVERY_MS = 1_000
# Chosen: a look at the marks goes through all of them.
_MARKS_EVERY_MS = 60_000


Latest = Mapping[tuple[str, Code], Condition]
"""How each condition of each part was said last."""


class Own:
    """Looks for one watch."""

    def __init__(self, books: Books) -> None:
        self._conditions = Conditions(books)
        self._began_at: int | None = None
        self._looked_at: int | None = None
        self._same = 0
        self._marks_at: int | None = None
        self._said_until: dict[str, int] = {}

    def look(self, now: int) -> None:
        """Write what is news, and have alerts look again at what lasts. Raises BooksUnavailable: it is written the next time."""
        if self._looked_at is not None and abs(now - self._looked_at) < _LOOK_EVERY_MS:
            return
        self._looked_at = now
        began = self._began_at = now if self._began_at is None else self._began_at
        latest, said_until = self._conditions.latest(), self._conditions.said_until()
        self._same = self._same + 1 if said_until == self._said_until else 0
        news = [self._processor(latest, now)]
        if said_until:
            spoke = max(said_until.values())
            if now - spoke <= _DEAD_AFTER_MS:
                news.append(_of(latest, "ingest", "ingest_dead", spoke, Decimal(0), ""))
            elif self._same >= _DEAD_LOOKS and now - began >= _START_MS:
                why = f"ingest said nothing to the books after {iso(spoke)}"
                news.append(_of(latest, "ingest", "ingest_dead", spoke + _DEAD_AFTER_MS, Decimal(1), why))
        self._conditions.add([one for one in news if one is not None], now)
        lasting = [one for one in latest.values() if self._is_due(one, said_until)]
        if lasting:
            self._conditions.mark(lasting, now)
        self._said_until = said_until

    def _processor(self, latest: Latest, now: int) -> Condition | None:
        if self._marks_at is not None and abs(now - self._marks_at) < _MARKS_EVERY_MS:
            return None
        self._marks_at = now
        oldest = self._conditions.oldest_mark()
        waits = Decimal(0) if oldest is None else round(Decimal(max(now - oldest, 0)) / MINUTE_MS, 1)
        return _of(latest, "processor", "processor_min", now, waits, "changes wait for the processor")

    def _is_due(self, one: Condition, said_until: Mapping[str, int]) -> bool:
        """Whether its teller has lived past an instant at which it is said again since the last look."""
        seen = self._said_until.get(one.teller, 0)
        return any(seen < at for at in said_again(one, FOREVER, said_until.get(one.teller, 0)))


def _of(latest: Latest, part: str, code: Code, at: int, value: Decimal, why: str) -> Condition | None:
    """A condition from an instant on [ms], where it is news."""
    before = latest.get((part, code))
    if not is_news(code, None if before is None else before.value, value):
        return None
    return Condition(part, code, at if before is None else max(at, before.at + 1), value, why, WATCH)
