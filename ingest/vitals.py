"""Vitals: once a second what ingest knows of itself, as a snapshot for `ingest/serving.py`; and alarms that nobody else
raises: a family that is silent, a backlog and its end."""

import asyncio
import shutil
from collections.abc import Callable

import structlog

from ingest.conditions import Clock, Disk, Teller, seen
from ingest.consume import Consumer
from ingest.devices import Devices
from ingest.drain import Drain
from ingest.health import Snapshot
from ingest.hearing import Ears
from ingest.journal import Journal, JournalError, Ledger
from ingest.liveness import Attendance, Liveness
from ingest.settle import Settler
from sensors.instants import DAY_MS
from sensors.presence import silent_after_ms
from sensors.quantities import Family
from store.books import Books, BooksUnavailable
from store.hearing import Hearing
from store.sharing import Sharing
from store.sightings import Sightings

log = structlog.get_logger()

_LOOK_EVERY_S = 1.0
# Chosen: stations told of at once; more would hold the loop for longer than a tenth of a second.
_MOST_TOLD = 5_000


class Vitals:
    """Looks at one ingest. `liveness` hears from the settler; `show` gets each snapshot; `clock` is ms since the epoch."""

    def __init__(
        self,
        consumer: Consumer,
        settler: Settler,
        journal: Journal,
        books: Books,
        liveness: Liveness,
        clock: Callable[[], int],
        show: Callable[[Snapshot], None],
        devices: Devices,
        our_clock: Clock,
        sharing: Sharing | None = None,
        *,
        stations_every_s: float,
    ) -> None:
        """`devices` hears from the settler too, `our_clock` sees what it judged; `sharing` is where other ingests are, that get a
        part of each station's messages. Stations are looked at and told of every so many seconds: it takes milliseconds of
        thousands of them."""
        self._consumer = consumer
        self._settler = settler
        self._journal = journal
        self._books = books
        self._liveness = liveness
        self._clock = clock
        self._show = show
        self._sharing = sharing
        self._devices = devices
        self._sightings = Sightings(books)
        self._our_clock = our_clock
        self._teller = Teller(books, journal.uuid, None if sharing is None else sharing.writer)
        self._hearing = Hearing(books)
        self._ears: Ears | None = None
        self._drain = Drain()
        self._ledger = Ledger(*[0] * len(Ledger._fields))
        self._gaps: list[int] = []
        self._attendance: dict[Family, Attendance] = {}
        self._silent: set[Family] = set()
        self._stations_every_s = stations_every_s
        self._stations_due_s = float("-inf")

    async def run(self) -> None:
        """For ever."""
        while True:
            now = self.look(asyncio.get_running_loop().time())
            self._show(now)
            self._tell_conditions(now)
            await asyncio.sleep(_LOOK_EVERY_S)

    def look(self, now_s: float) -> Snapshot:
        """What is known at `now_s` of the loop's clock; what is due is told to the books."""
        journal, consumer, heartbeat = self._journal, self._consumer, self._consumer.heartbeat
        journal_failure = None
        try:
            self._ledger = journal.ledger()
            self._gaps = [gap.until for gap in journal.gaps()]
        except JournalError as error:
            journal_failure = str(error)
        if (
            line := self._drain.look(now_s, self._ledger.pending, self._ledger.written + self._ledger.refused)
        ) is not None:
            log.info(line)
        self._listen()
        if now_s >= self._stations_due_s:
            self._stations_due_s = now_s + self._stations_every_s
            self._look_at_stations()
        return Snapshot(
            made_s=now_s,
            ledger=self._ledger,
            pending_bytes=journal.pending_bytes,
            cap_bytes=journal.cap_bytes,
            journal_failure=journal_failure,
            journal_full=consumer.full,
            connected=consumer.connected,
            connections=consumer.connections,
            receiving_failure=consumer.failure,
            silent=heartbeat.alarm is not None,
            taken=consumer.taken is not None,
            message_age_s=None if consumer.message_at_s is None else now_s - consumer.message_at_s,
            heartbeat_age_s=None if heartbeat.came_at_s is None else now_s - heartbeat.came_at_s,
            store_failure=None if self._settler.failing is None else self._settler.failing.why,
            settled_per_s=self._drain.settled_per_s,
            backlog_left_s=self._drain.left_s,
            backlog=self._drain.backlog,
            gaps=len(self._gaps),
            gaps_of_late=sum(until > self._clock() - DAY_MS for until in self._gaps),
            attendance=self._attendance,
        )

    def _tell_conditions(self, now: Snapshot) -> None:
        at, journal = self._clock(), self._journal
        disk = None
        try:
            disk = Disk(shutil.disk_usage(journal.folder).free, journal.reserve_bytes)
        except OSError as error:
            log.debug("disk not looked at", why=str(error))
        self._teller.tell(seen(now, self._settler.failing, disk, self._our_clock.percent(at)), at)

    def _listen(self) -> None:
        """Note whether what stations publish reaches us now."""
        consumer = self._consumer
        try:
            if self._ears is None:
                self._ears = Ears(self._hearing.last(self._journal.uuid))
        except BooksUnavailable as error:
            log.debug("books not looked at", why=str(error))
            return
        hears = consumer.connected and consumer.full is None and consumer.heartbeat.alarm is None
        self._ears.look(self._clock(), hears=hears, lost_at=max(self._gaps, default=None))

    def _look_at_stations(self) -> None:
        liveness = self._liveness
        # What waits in the journal has come, but nobody knows of whom: so far only is anybody overdue.
        waits = bool(self._journal.pending_bytes)
        at = liveness.known_until if waits else self._clock()
        try:
            if self._books.registry_version() != liveness.registry.version:
                liveness.registry = self._books.registry()
            at = self._tell(at)
            if not waits or liveness.has_stored:
                self._tell_hearing(at)
        except BooksUnavailable as error:
            log.debug("registry not read, or stations not told of", why=str(error))
            if self._sharing is not None:
                return  # nobody is late only because we cannot ask who heard him
        self._attendance = liveness.attendance(at)
        silent = {family for family, attendance in self._attendance.items() if attendance.silent}
        for family in sorted(silent - self._silent):
            log.error("no station of this family sends", family=family, expected=self._attendance[family].expected)
        for family in sorted(self._silent - silent):
            log.info("stations of this family send again", family=family)
        self._silent = silent

    def _tell(self, at: int) -> int:
        """Tell the books which stations were heard; until when all that came is stored [ms], here or, where several ingests
        share, everywhere. Raises BooksUnavailable."""
        # Who shares must tell all at once: the others take what he has not heard for silent.
        heard = self._devices.take(_MOST_TOLD if self._sharing is None else None)
        try:
            if self._sharing is None:
                self._sightings.add(heard, self._limit)
                return at
            others, at_all = self._sharing.exchange(heard, at, self._clock(), self._limit)
        except BooksUnavailable:
            self._devices.give_back(heard)
            raise
        self._liveness.heard_by_others(others)
        return at_all

    def _tell_hearing(self, at: int) -> None:
        """Tell the books until when we know who was heard: not past what is not told yet. Raises BooksUnavailable."""
        untold = self._devices.untold_since()
        span = None if self._ears is None else self._ears.span(at if untold is None else min(at, untold - 1))
        if span is not None:
            self._hearing.keep(self._journal.uuid, span)

    def _limit(self, family: str, station: str, at: int) -> int | None:
        entry = self._liveness.registry.entry(family, station, at)
        return None if entry is None else silent_after_ms(entry)
