"""Settling: batches from the journal's front into the store and the books, then out of the journal.

The order of steps is the proof of the delivery promise:
    1. readings into the store (idempotent): `Settler._write`
    2. one books transaction: dead letters, changed windows, unknown stations, settled(journal, last batch);
       it does nothing for batches that are in it already
    3. one journal transaction: the batches out, the ledger's counters up. 2 and 3 are `Settler._book`
2 and 3 take in what 1 has done with since the last time (`_Unbooked`): 1 makes a reading readable and is done at once, 2 and 3
cost as much for many batches as for one. A crash between any two repeats the batches, with the same verdict, without a trace;
the ledger counts them once. First in, first out: an old value cannot land on top of its correction.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from operator import add
from typing import Literal, NamedTuple

import structlog

from ingest.backoff import Backoff
from ingest.intake import MAX_REFUSALS_SHOWN, Intake, Verdict, changed_by, dead_letter
from ingest.journal import Counts, Gap, Journal, JournalBatch, JournalError, Ledger
from ingest.pauses import Pause, no_pause
from ingest.replays import Replayer
from ingest.rework import store_refusal
from sensors.formats.sample import Vitals
from sensors.reading import Reading
from sensors.sources import NO_SOURCES, Sources
from store.books import Books, BooksUnavailable, Changed, LedgerRow, Unknown, Window
from store.letters import DeadLetter
from store.port import ReadingsStore, StoreMisconfigured, StoreUnavailable
from store.transaction import StaleRegistry

log = structlog.get_logger()

Clock = Callable[[], int]
"""Milliseconds since the epoch, now."""

Said = Iterable[tuple[tuple[str, str], Vitals]]
"""What devices said of themselves, by (family, station), in order."""
Judged = Callable[[Verdict], None]
"""Shown each verdict; after a crash or a failure of the store the same one again."""
Stored = Callable[[Changed, int, Said], None]
"""Told after each booking: the windows it changed, when its last batch was received [ms], and what devices said."""

# Chosen: one settling keeps the loop busy for some 30 ms and takes 10 MB at most; with 2,000 a message costs 1.3 µs more.
SETTLE_MESSAGES = 6_000
# Chosen: when something keeps coming, how long what is stored may wait for its booking. Marks and ledger are that late.
BOOK_EVERY_S = 0.25
# Chosen: payloads of dead letters that are held for the books.
_LETTERS_BYTES = 1 << 20
# Chosen: topics that lineage names. Past it (somebody invents districts) a reading's origin is 0: its batch still finds it.
MAX_ORIGINS = 200_000
# Chosen: half of the time after which a copy of the ledger means that no ingest runs (INGEST_SILENT_MS).
_COPY_EVERY_S = 5.0


def _nobody(_changed: Changed, _received_at: int, _said: Said) -> None:
    """Nobody wants to know."""


def _nobody_looks(_verdict: Verdict) -> None:
    """Nobody looks."""


class Failing(NamedTuple):
    """Why nothing can be settled: which of the store's failures it is (None: another part's), and in words."""

    what: Literal["store_down", "store_refuses"] | None
    why: str


class Horizons(NamedTuple):
    """How old a reading may be [days]: of live sources, and of replays by the profile they name."""

    live_days: int
    by_source: Mapping[str, int]


class _Unbooked:
    """What the books and the ledger are to be told of batches whose readings are stored."""

    def __init__(self) -> None:
        self.registry_version = 0
        self.messages = 0
        self.received_at = 0
        self.letters: list[DeadLetter] = []
        self.letters_bytes = 0
        self.counts = Counts()
        self.changed: dict[Window, set[str]] = {}
        self.earliest: dict[Window, int] = {}
        self.unknown: dict[tuple[str, str], Unknown] = {}
        self.vitals: list[tuple[tuple[str, str], Vitals]] = []

    def add(self, verdicts: Sequence[Verdict], readings: Sequence[Reading], rejected: Mapping[int, str]) -> None:
        """Verdicts on further batches, all of their `readings`, and which of them (by index) the store will never take."""
        letters, counts = _gather(verdicts, rejected)
        self.messages += sum(len(verdict.batch.messages) for verdict in verdicts)
        self.received_at = verdicts[-1].batch.received_at
        self.letters += letters
        self.letters_bytes += sum(len(letter.payload) for letter in letters)
        self.counts = Counts(*map(add, self.counts, counts))
        stored = [r for n, r in enumerate(readings) if n not in rejected] if rejected else readings
        changed, earliest = changed_by(stored)
        for window, stations in changed.items():
            self.changed.setdefault(window, set()).update(stations)
            self.earliest[window] = min(earliest[window], self.earliest.get(window, earliest[window]))
        for verdict in verdicts:
            self.unknown = {**verdict.unknown, **self.unknown}  # the first message of each is its sample
            self.vitals += verdict.vitals


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
        stored: Stored = _nobody,
        sources: Sources = NO_SOURCES,
        judged: Judged = _nobody_looks,
    ) -> None:
        """`prepare` readies the books (tables, registry file) before the first batch; it may raise BooksUnavailable."""
        self._journal = journal
        self._store = store
        self._books = books
        self._clock = clock
        self._horizons = horizons
        self._prepare: Callable[[], None] | None = prepare
        self._pause = pause
        self._stored = stored
        self._sources = sources
        self._judged = judged
        self._replays = Replayer(books, store, journal.uuid, clock, sources)
        self._copied: tuple[Ledger, list[Gap]] | None = None
        self._copied_s = float("-inf")
        self._origins: dict[str, int] = {}
        self._unknown: set[tuple[str, str]] = set()
        self._intake: Intake | None = None
        self._unbooked = _Unbooked()
        self._stored_to = 0
        self._booked_s = float("-inf")
        self._stopping = asyncio.Event()
        self._failing: Failing | None = None

    @property
    def failing(self) -> Failing | None:
        """Why nothing can be settled; None while all is well."""
        return self._failing

    def stop(self) -> None:
        """Settle what the journal holds, if the store and the books take it now, and end."""
        self._stopping.set()
        self._journal.appended.set()

    async def run(self) -> None:
        """Until stopped: settle, and between batches do a slice of a replay; then, where there is neither, wait for the next
        append. Looks each second for what others changed, and copies the ledger where it changed."""
        async with asyncio.TaskGroup() as tasks:
            looking = tasks.create_task(self._look_around(), name="ledger copies")
            try:
                await self._settle_all()
            finally:
                looking.cancel()
        self._copy_ledger()

    async def _settle_all(self) -> None:
        backoff = Backoff()
        while True:
            try:
                if self._prepare is not None:
                    self._prepare()
                    self._prepare = None
                if not await self._do_next() and self._stopping.is_set():
                    return
            except (StoreUnavailable, StoreMisconfigured, BooksUnavailable, JournalError) as error:
                if self._stopping.is_set():
                    log.warning("stopped; the journal keeps what is in it", why=str(error))
                    return
                wait_s = backoff.next_s(getattr(error, "retry_after_s", None))
                self._say_once(error, wait_s)
                await self._wait(wait_s)
            except StaleRegistry:
                self._intake = None
                self._unbooked = _Unbooked()
                self._stored_to = 0
            else:
                if self._failing is not None:
                    log.info("settling again")
                    self._failing = None
                backoff = Backoff()

    async def _do_next(self) -> bool:
        """Book; or write, or wait for something to do, and then a slice of a replay. False: there is nothing at all to do."""
        stopping = self._stopping.is_set()
        if self._is_booking_due(stopping):
            await self._book()
            return True
        if batches := self._journal.front(SETTLE_MESSAGES, after=self._stored_to):
            await self._write(batches)
        elif stopping:
            return False
        elif self._unbooked.messages or not self._replays.waiting:
            await self._wait_for_more()
        if self._replays.waiting and not stopping:
            await self._replays.turn(self._intake or self._read_registry())
        return True

    def _is_booking_due(self, stopping: bool) -> bool:
        its = self._unbooked
        if not its.messages:
            return False
        enough = its.messages >= SETTLE_MESSAGES or its.letters_bytes >= _LETTERS_BYTES
        return stopping or enough or asyncio.get_running_loop().time() >= self._booked_s + BOOK_EVERY_S

    async def _wait_for_more(self) -> None:
        """Until something is appended, or a booking is due."""
        due_s = self._booked_s + BOOK_EVERY_S if self._unbooked.messages else None
        with suppress(TimeoutError):
            async with asyncio.timeout_at(due_s):
                await self._journal.appended.wait()

    async def _write(self, batches: Sequence[JournalBatch]) -> None:
        """Step 1. Raises StaleRegistry where what is not booked yet was judged with another registry."""
        intake = self._intake or self._read_registry()
        its = self._unbooked
        if its.messages and its.registry_version != intake.registry.version:
            raise StaleRegistry
        self._number_origins(batches)
        verdicts = [intake.judge(batch) for batch in batches]
        for verdict in verdicts:
            self._judged(verdict)
        readings = [reading for verdict in verdicts for reading in verdict.readings]
        self._pause("judged")
        rejected = await self._store.write(readings) if readings else ()
        self._pause("stored")
        its.registry_version = intake.registry.version
        its.add(verdicts, readings, {r.index: r.why for r in rejected})
        self._stored_to = batches[-1].id

    async def _book(self) -> None:
        """Steps 2 and 3, of everything that step 1 has done with."""
        its = self._unbooked
        # In this thread, though it waits for the disk: sqlite3 gives the GIL away at every row, and another thread would
        # wait for its return as often.
        self._books.settle(
            self._journal.uuid,
            self._stored_to,
            registry_version=its.registry_version,
            now=self._clock(),
            letters=its.letters,
            changed=its.changed,
            earliest=its.earliest,
            unknown=its.unknown,
        )
        self._pause("booked")
        await self._journal.settle(self._stored_to, its.counts)
        self._pause("settled")
        self._unbooked = _Unbooked()
        self._booked_s = asyncio.get_running_loop().time()
        self._stored(its.changed, its.received_at, its.vitals)

    def _read_registry(self) -> Intake:
        registry = self._books.registry()
        self._unknown = {(u.family, u.station) for u in self._books.unknown()}
        self._intake = Intake(
            registry,
            self._unknown,
            self._origin_of,
            horizon_days=self._horizons.live_days,
            horizons=self._horizons.by_source,
            sources=self._sources,
        )
        return self._intake

    def _number_origins(self, batches: Sequence[JournalBatch]) -> None:
        topics = {message[0] for batch in batches for message in batch.messages}
        new = [topic for topic in topics.difference(self._origins) if self._sources.takes(topic)]
        if new and len(self._origins) < MAX_ORIGINS:
            self._origins.update(self._books.origins_of(self._journal.uuid, new))

    def _origin_of(self, topic: str) -> int:
        return self._origins.get(topic, 0)

    def _say_once(self, error: Exception, wait_s: float) -> None:
        what: Literal["store_down", "store_refuses"] | None = None
        if isinstance(error, StoreUnavailable | StoreMisconfigured):
            what = "store_refuses" if isinstance(error, StoreMisconfigured) else "store_down"
        failing = Failing(what, str(error))
        if self._failing != failing:
            log.error("cannot settle; everything is kept in the journal", why=failing.why, next_try_s=round(wait_s, 1))
            self._failing = failing

    async def _wait(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return

    async def _look_around(self) -> None:
        while True:
            # First of all: who asks whether an ingest runs may ask in its first second.
            self._copy_ledger()
            await asyncio.sleep(1)
            self._look()

    def _copy_ledger(self) -> None:
        """Copy the ledger to the books where it changed, or where the last copy is about to look as if no ingest ran."""
        now_s = asyncio.get_running_loop().time()
        try:
            found = self._journal.ledger(), self._journal.gaps()
            if found == self._copied and now_s < self._copied_s + _COPY_EVERY_S:
                return
            ledger, gaps = found
            self._books.copy_ledger(LedgerRow(self._journal.uuid, self._clock(), *ledger), gaps)
        except (BooksUnavailable, JournalError) as error:
            log.debug("ledger not copied", why=str(error))
        else:
            self._copied, self._copied_s = found, now_s

    def _look(self) -> None:
        """Look whether the registry has changed, and whether somebody has asked for a replay."""
        try:
            if self._intake is not None and self._books.registry_version() != self._intake.registry.version:
                self._intake = None
            self._replays.look()
        except BooksUnavailable as error:
            log.debug("books not looked at", why=str(error))
        if self._replays.waiting:
            self._journal.appended.set()


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
                refusal = store_refusal(verdict.readings[index - start], rejected[index])
                message = verdict.batch.messages[position]
                before = found.get(position)
                found[position] = (
                    before._replace(refusals=(*before.refusals, refusal)[:MAX_REFUSALS_SHOWN])
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
        totals = list(map(add, totals, counts))
        start += len(verdict.readings)
    return letters, Counts(*totals)
