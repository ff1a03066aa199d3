"""Settling: batches from the journal's front into the store and the books, then out of the journal.

The order of steps is the proof of the delivery promise, so it stands in one function, `Settler._settle`:
    1. readings into the store (idempotent)
    2. one books transaction: dead letters, changed windows, unknown stations, settled(journal, last batch);
       it does nothing for batches that are in it already
    3. one journal transaction: the batches out, the ledger's counters up
A crash between any two repeats the batches, with the same verdict, without a trace; the ledger counts them once.
First in, first out: an old value cannot land on top of its correction.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import structlog

from ingest.backoff import Backoff
from ingest.intake import Intake, Verdict, dead_letter, marks_of
from ingest.journal import Counts, Journal, JournalBatch, JournalError
from ingest.pauses import Pause, no_pause
from sensors.reading import Reading
from sensors.refusals import Refusal
from sensors.topics import is_topic
from store.books import Books, BooksUnavailable, DeadLetter, LedgerRow, StaleRegistry
from store.port import ReadingsStore, StoreMisconfigured, StoreUnavailable

log = structlog.get_logger()

Clock = Callable[[], int]
"""Milliseconds since the epoch, now."""

# Chosen: one settling keeps the event loop busy for at most about 50 ms, and one books transaction below that.
SETTLE_MESSAGES = 5_000
# Chosen: topics that lineage names. Past it (somebody invents districts) a reading's origin is 0: its batch still finds it.
MAX_ORIGINS = 200_000


class Horizons(NamedTuple):
    """How old a reading may be [days]: of live sources, and of replays by the profile they name."""

    live_days: int
    by_source: Mapping[str, int]


class Settler:
    """Settles one journal into one store and the books until told to stop."""

    def __init__(
        self,
        journal: Journal,
        store: ReadingsStore,
        books: Books,
        clock: Clock,
        horizons: Horizons,
        prepare: Callable[[], None],
        pause: Pause = no_pause,
    ) -> None:
        """`prepare` readies the books (tables, registry file) before the first batch; it may raise BooksUnavailable."""
        self._journal = journal
        self._store = store
        self._books = books
        self._clock = clock
        self._horizons = horizons
        self._prepare: Callable[[], None] | None = prepare
        self._pause = pause
        self._origins: dict[str, int] = {}
        self._unknown: set[tuple[str, str]] = set()
        self._intake: Intake | None = None
        self._stopping = asyncio.Event()
        self._failure: str | None = None

    def stop(self) -> None:
        """Settle what the journal holds, if the store and the books take it now, and end."""
        self._stopping.set()
        self._journal.appended.set()

    async def run(self) -> None:
        """Until stopped: settle; then, where the journal is empty, wait for the next append. Copies the ledger each second."""
        async with asyncio.TaskGroup() as tasks:
            copying = tasks.create_task(self._copy_ledgers(), name="ledger copies")
            try:
                await self._settle_all()
            finally:
                copying.cancel()
        self._copy_ledger()

    async def _settle_all(self) -> None:
        backoff = Backoff()
        while True:
            batches: list[JournalBatch] = []
            try:
                batches = self._journal.front(SETTLE_MESSAGES)
                if not batches and self._prepare is None:
                    if self._stopping.is_set():
                        return
                    await self._journal.appended.wait()
                    continue
                if self._prepare is not None:
                    self._prepare()
                    self._prepare = None
                if batches:
                    await self._settle(batches)
            except (StoreUnavailable, StoreMisconfigured, BooksUnavailable, JournalError) as error:
                if self._stopping.is_set():
                    log.warning("stopped; the journal keeps what is in it", why=str(error), pending=len(batches))
                    return
                wait_s = backoff.next_s(getattr(error, "retry_after_s", None))
                self._say_once(str(error), wait_s)
                await self._wait(wait_s)
            except StaleRegistry:
                self._intake = None
            else:
                if self._failure is not None:
                    log.info("settling again")
                    self._failure = None
                backoff = Backoff()

    async def _settle(self, batches: Sequence[JournalBatch]) -> None:
        intake = self._intake or self._read_registry()
        self._number_origins(batches)
        verdicts = [intake.judge(batch) for batch in batches]
        readings = [reading for verdict in verdicts for reading in verdict.readings]
        self._pause("judged")
        rejected = await self._store.write(readings) if readings else ()
        self._pause("stored")
        letters, counts = _gather(verdicts, {r.index: r.why for r in rejected})
        refused = {r.index for r in rejected}
        written = [r for n, r in enumerate(readings) if n not in refused] if refused else readings
        # In this thread, though it waits for the disk: sqlite3 gives the GIL away at every row, and another thread would
        # wait for its return as often.
        self._books.settle(
            self._journal.uuid,
            batches[-1].id,
            registry_version=intake.registry.version,
            now=self._clock(),
            letters=letters,
            changed=marks_of(written),
            unknown={key: topic for verdict in verdicts for key, topic in verdict.unknown.items()},
        )
        self._pause("booked")
        await self._journal.settle(batches[-1].id, counts)
        self._pause("settled")

    def _read_registry(self) -> Intake:
        registry = self._books.registry()
        self._unknown = {(u.family, u.station) for u in self._books.unknown()}
        self._intake = Intake(
            registry,
            self._unknown,
            self._origin_of,
            horizon_days=self._horizons.live_days,
            horizons=self._horizons.by_source,
        )
        return self._intake

    def _number_origins(self, batches: Sequence[JournalBatch]) -> None:
        topics = {message.topic for batch in batches for message in batch.messages}
        new = [topic for topic in topics if topic not in self._origins and is_topic(topic)]
        if new and len(self._origins) < MAX_ORIGINS:
            self._origins.update(self._books.origins_of(self._journal.uuid, new))

    def _origin_of(self, topic: str) -> int:
        return self._origins.get(topic, 0)

    def _say_once(self, error: str, wait_s: float) -> None:
        if self._failure != error:
            log.error("cannot settle; everything is kept in the journal", why=error, next_try_s=round(wait_s, 1))
            self._failure = error

    async def _wait(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return

    async def _copy_ledgers(self) -> None:
        while True:
            await asyncio.sleep(1)
            self._copy_ledger()

    def _copy_ledger(self) -> None:
        """Copy the ledger to the books, and look whether the registry has changed."""
        try:
            row = LedgerRow(self._journal.uuid, self._clock(), *self._journal.ledger())
            self._books.copy_ledger(row, self._journal.gaps())
            if self._intake is not None and self._books.registry_version() != self._intake.registry.version:
                self._intake = None
        except (BooksUnavailable, JournalError) as error:
            log.debug("ledger not copied", why=str(error))


def _gather(verdicts: Sequence[Verdict], rejected: Mapping[int, str]) -> tuple[list[DeadLetter], Counts]:
    """All dead letters and counts, with the readings that the store refused (by index over all verdicts) moved over."""
    letters: list[DeadLetter] = []
    totals = [0] * len(Counts._fields)
    start = 0
    for verdict in verdicts:
        counts = verdict.counts
        found = dict(verdict.letters)
        for index in range(start, start + len(verdict.readings)) if rejected else ():
            if index in rejected:
                position = verdict.positions[index - start]
                refusal = _store_refusal(verdict.readings[index - start], rejected[index])
                message = verdict.batch.messages[position]
                before = found.get(position)
                found[position] = (
                    before._replace(refusals=(*before.refusals, refusal))
                    if before
                    else dead_letter(verdict.batch.id, position, verdict.batch.received_at, message, [refusal])
                )
                counts = counts._replace(
                    written=counts.written - (before is None),
                    refused=counts.refused + (before is None),
                    readings_written=counts.readings_written - 1,
                    readings_refused=counts.readings_refused + 1,
                )
        letters += found.values()
        totals = [total + count for total, count in zip(totals, counts, strict=True)]
        start += len(verdict.readings)
    return letters, Counts(*totals)


def _store_refusal(reading: Reading, why: str) -> Refusal:
    return Refusal(
        "store_refused",
        "reading",
        f"the store refused the reading of {reading.station}: {why}",
        "mend what the store names, then cityflux dead-letters replay",
    )
