"""Consuming: from the broker to the journal, acknowledged; again and again over reconnects, until stopped.

Message → journal (durable) → PUBACK, in order of receipt. While the journal has no room nothing is read and nothing is
acknowledged: the broker holds the rest. Stopping closes the source first; the settler then drains what is journalled.
Where somebody else has our session (`ingest/takeover.py`) consuming ends for good.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import structlog

from ingest.backoff import Backoff
from ingest.heartbeat import Heartbeat
from ingest.journal import Journal, JournalError
from ingest.pauses import Pause, no_pause
from ingest.takeover import Takeovers
from ingest.transport import (
    Broker,
    Connect,
    Connection,
    ConnectionClosed,
    Session,
    SessionTaken,
    TransportError,
)

log = structlog.get_logger()

# Chosen: how often a full journal or disk is looked at again; the settler makes room in steps of tens of milliseconds.
_ROOM_CHECK_S = 0.1
# Chosen: a batch costs a commit, a write to the store and their wake-ups, about 3 ms of CPU, be it of 1 message or of 1,000.
# So after a small batch the next one gathers in the kernel: 14 µs a message at 10,000/s instead of 60, for 50 ms at most.
_GATHER_S = 0.05
# Chosen: a batch of more says that there is a backlog, or too much a second to wait. What is left of a read after a whole batch
# is small as well: only two small ones in a row say that there is nothing more (a fifth of the time of a drain was waiting).
_SMALL_BATCH = 2_000


class Consumer:
    """Keeps one subscription flowing into one journal. Its attributes say how that goes; times are of the event loop [s]."""

    def __init__(
        self,
        connect: Connect,
        broker: Broker,
        session: Session,
        journal: Journal,
        clock: Callable[[], int],
        pause: Pause = no_pause,
        heartbeat_s: float = 0,
    ) -> None:
        """`heartbeat_s` is the interval of the heartbeat; 0: none."""
        self._connect = connect
        self._broker = broker
        self._session = session
        self._journal = journal
        self._clock = clock
        self._pause = pause
        self._takeovers = Takeovers()
        self.heartbeat = Heartbeat(session.client_id, heartbeat_s)
        self.connected = False
        self.connected_at_s: float | None = None
        """When the last connection was opened."""
        self.connections = 0
        """How many were opened."""
        self.failure: str | None = None
        """Why nothing is received; None while all is well, and before the first try has ended."""
        self.full: str | None = None
        """Which bound of the journal keeps us from reading."""
        self.message_at_s: float | None = None
        """When the last batch came that was not heartbeats only."""
        self.taken: SessionTaken | None = None
        """Somebody else has our session: nothing is taken any more."""

    async def run(self) -> None:
        """Until somebody else has our session, then `taken` is set; or until cancelled, which closes the connection first."""
        backoff, loop = Backoff(), asyncio.get_running_loop()
        while True:
            opened_at_s: float | None = None
            wait_s = 0.0
            try:
                session = replace(self._session, unwanted=self._journal.asking_for(self._session.topics))
                async with self._connect(self._broker, session) as connection:
                    opened_at_s = self.connected_at_s = loop.time()
                    self._on_connected(connection)
                    backoff = Backoff()
                    async with self.heartbeat.beating(connection):
                        await self._take(connection)
            except (TransportError, JournalError) as error:
                if self._is_takeover(error, None if opened_at_s is None else loop.time() - opened_at_s):
                    self._on_taken(error)
                    return
                if not self._takeovers.suspected:
                    wait_s = backoff.next_s()
                if self.failure != str(error):
                    log.error("not receiving", broker=str(self._broker), why=str(error), next_try_s=round(wait_s, 1))
                    self.failure = str(error)
            finally:
                self.connected = False
            await asyncio.sleep(wait_s)

    def _is_takeover(self, error: TransportError | JournalError, open_for_s: float | None) -> bool:
        if isinstance(error, SessionTaken):
            return self._takeovers.told()
        closed = isinstance(error, ConnectionClosed)
        if open_for_s is None and not closed:
            self._takeovers.not_connected()
            return False
        return self._takeovers.ended(open_for_s or 0.0, closed=closed)

    def _on_taken(self, error: Exception) -> None:
        self.taken = SessionTaken(
            f"another client connected to {self._broker} as {self._session.client_id!r}; this ingest stops taking; the journal "
            "is drained; stop the other one or give one of them another CITYFLUX_MQTT_CLIENT_ID, then start again"
        )
        self.failure = str(self.taken)
        log.error(self.failure, why=str(error))

    def _on_connected(self, connection: Connection) -> None:
        if self._journal.had_session() and not connection.session_present:
            log.error("the broker has lost our session; what it held for us is gone", broker=str(self._broker))
        self._journal.note_session(self._clock(), present=connection.session_present)
        self.connected = True
        self.connections += 1
        self.failure = self.heartbeat.alarm
        if self.failure is None:
            log.info("receiving", broker=str(self._broker), client_id=self._session.client_id)

    def _on_heard_again(self) -> None:
        """The broker kept our session, but what was published while it gave us nothing may be gone: that is a gap as well."""
        self._journal.note_session(self._clock(), present=False)
        self.failure = None
        log.info("receiving again", broker=str(self._broker), client_id=self._session.client_id)

    async def _take(self, connection: Connection) -> None:
        loop, heartbeat = asyncio.get_running_loop(), self.heartbeat
        heartbeat.listening(loop.time())
        before = 0
        async for batch in connection:
            now_s = loop.time()
            if heartbeat.alarm is not None:
                self._on_heard_again()
            heartbeat.heard()
            messages = heartbeat.sorted_out(batch, now_s)
            if messages:
                self.message_at_s = now_s
                if not self._journal.room():
                    await self._wait_for_room(connection)
                await self._journal.append(messages, self._clock())
                self._pause("journalled")
            connection.acknowledge(batch)
            self._pause("acknowledged")
            if max(before, len(batch.messages)) < _SMALL_BATCH:
                await asyncio.sleep(_GATHER_S)
            before = len(batch.messages)
            heartbeat.listening(loop.time())

    async def _wait_for_room(self, connection: Connection) -> None:
        self.full = self._journal.why_full()
        log.error("journal full: reading and acknowledging stopped, the broker holds the rest", why=self.full)
        connection.pause()
        try:
            while not self._journal.room():
                await asyncio.sleep(_ROOM_CHECK_S)
        finally:
            self.full = None
        connection.resume()
        log.info("journal has room again")
