"""Conditions: what ingest tells the books of itself, for alerts: change by change, never in the way of the data.

What it sees is a function of a snapshot, of the disk and of what messages say of the clock. What cannot be written is written the
next second, as it is then.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

import structlog

from ingest.health import Snapshot
from ingest.intake import Verdict
from ingest.settle import Failing
from store.books import Books, BooksUnavailable
from store.conditions import Code, Condition, Conditions, is_news

log = structlog.get_logger()

# Chosen: devices are a few seconds ahead; what is two minutes ahead was not measured yet by our clock.
_AHEAD_MS = 2 * 60_000
# Chosen: so long a station's last word on the clock counts; hourly stations send within some minutes of the hour.
_RECENT_MS = 20 * 60_000
# Chosen: one or two devices with a wrong clock say nothing of ours.
_LEAST_STATIONS = 3
# Chosen: of a batch; more say the same.
_MOST_LOOKED_AT = 50
# Chosen: stations that are remembered; past them all are forgotten, and said again within minutes.
_MOST_REMEMBERED = 10_000

_PARTS: Mapping[Code, str] = {
    "ledger_off": "ingest",
    "journal_percent": "ingest",
    "store_down": "store",
    "store_refuses": "store",
    "broker_lost": "broker",
    "disk_percent": "disk",
    "clock_percent": "clock",
}


_OF_THE_STORE: Sequence[Code] = ("store_down", "store_refuses")


class Disk(NamedTuple):
    """Of the journal: what is free, and below what nothing is taken [bytes]."""

    free: int
    reserve: int


class Clock:
    """How many of the stations that were heard of late sent readings of a time that is still to come: where most did, it is our
    clock that is behind."""

    def __init__(self) -> None:
        self._ahead: dict[str, tuple[int, bool]] = {}

    def look(self, verdict: Verdict) -> None:
        """Look at some readings of a batch that was judged, and at those that were refused for their time."""
        received_at = verdict.batch.received_at
        if len(self._ahead) > _MOST_REMEMBERED:
            self._ahead.clear()
        for reading in verdict.readings[:_MOST_LOOKED_AT]:
            self._ahead[reading.station] = received_at, reading.observed_at > received_at + _AHEAD_MS
        for letter in list(verdict.letters.values())[:_MOST_LOOKED_AT]:
            if any(refusal.code == "in_future" for refusal in letter.refusals):
                self._ahead[letter.topic] = received_at, True

    def percent(self, now: int) -> Decimal:
        """The share of stations that are ahead of us; 0 where too few were heard."""
        recent = [ahead for at, ahead in self._ahead.values() if abs(now - at) <= _RECENT_MS]
        return Decimal(100 * sum(recent)) / len(recent) if len(recent) >= _LEAST_STATIONS else Decimal(0)


def seen(
    now: Snapshot, failing: Failing | None, disk: Disk | None, ahead: Decimal
) -> Iterator[tuple[Code, Decimal, str]]:
    """What each condition is, and what is to be said of it; what is not known is left out."""
    ledger = now.ledger
    off = abs(ledger.journalled - ledger.written - ledger.refused - ledger.pending)
    off += abs(ledger.readings_decoded - ledger.readings_written - ledger.readings_refused)
    if now.journal_failure is None:
        yield "ledger_off", Decimal(off), f"{off} deliveries or readings are not accounted for"
    waits = Decimal(100 * now.pending_bytes) / now.cap_bytes
    full = "" if now.journal_full is None else f"; the broker holds the rest: {now.journal_full}"
    yield "journal_percent", waits, f"{now.ledger.pending} messages wait for the store{full}"
    for code in _OF_THE_STORE:
        why = failing.why if failing is not None and failing.what == code else None
        yield code, Decimal(why is not None), why or ""
    if now.silent:
        yield "broker_lost", Decimal(1), "nothing comes from the broker, not even our own heartbeat"
    elif now.connected:
        yield "broker_lost", Decimal(0), ""
    elif now.receiving_failure is not None:
        yield "broker_lost", Decimal(1), now.receiving_failure
    if disk is not None:
        low = Decimal(100 * disk.reserve) / max(disk.free, 1)
        yield "disk_percent", low, f"{disk.free >> 20} MiB are free, the reserve is {disk.reserve >> 20} MiB"
    yield "clock_percent", ahead, f"{ahead:.0f} % of the stations heard of late send times that are still to come"


class Teller:
    """Tells the books of changes, in the name of a journal; `writer` is its number where several ingests share the work."""

    def __init__(self, books: Books, journal: str, writer: Callable[[], int] | None = None) -> None:
        self._conditions = Conditions(books)
        self._journal = journal
        self._writer = writer
        self._suffix = ""
        self._told: dict[Code, Condition] | None = None

    def tell(self, found: Iterator[tuple[Code, Decimal, str]], now: int) -> None:
        """Write what is news at `now` [ms]."""
        try:
            if self._told is None:
                self._suffix = "" if self._writer is None else f"-{self._writer()}"
                latest = self._conditions.latest()
                ours = {code: latest.get((self._part(code), code)) for code in _PARTS}
                self._told = {code: one for code, one in ours.items() if one is not None}
            news = [one for one in self._all(found, now) if is_news(one.code, self._value(one.code), one.value)]
            self._conditions.add(news, now)
        except BooksUnavailable as error:
            log.debug("conditions not told", why=str(error))
            return
        self._told.update({one.code: one for one in news})

    def _all(self, found: Iterator[tuple[Code, Decimal, str]], now: int) -> Iterator[Condition]:
        told = self._told or {}
        for code, value, why in found:
            # Where our clock was set back, what changes comes after what was before nevertheless.
            at = max(now, told[code].at + 1) if code in told else now
            yield Condition(self._part(code), code, at, round(value, 1), why, self._journal)

    def _value(self, code: Code) -> Decimal | None:
        before = (self._told or {}).get(code)
        return None if before is None else before.value

    def _part(self, code: Code) -> str:
        return _PARTS[code] + self._suffix
