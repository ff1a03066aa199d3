"""Consuming: from the broker to the journal, acknowledged; again and again over reconnects, until stopped.

Message → journal (durable) → PUBACK, in order of receipt. While the journal has no room nothing is read and nothing is
acknowledged: the broker holds the rest. Stopping closes the source first; the settler then drains what is journalled.
"""

import asyncio
from collections.abc import Callable

import structlog

from ingest.backoff import Backoff
from ingest.journal import Journal, JournalError
from ingest.pauses import Pause, no_pause
from ingest.transport import Broker, Connect, Connection, ConnectionLost, ConnectionRefused, Session

log = structlog.get_logger()

# Chosen: how often a full journal or disk is looked at again; the settler makes room in steps of tens of milliseconds.
_ROOM_CHECK_S = 0.1


class Consumer:
    """Keeps one subscription flowing into one journal."""

    def __init__(
        self,
        connect: Connect,
        broker: Broker,
        session: Session,
        journal: Journal,
        clock: Callable[[], int],
        pause: Pause = no_pause,
    ) -> None:
        self._connect = connect
        self._broker = broker
        self._session = session
        self._journal = journal
        self._clock = clock
        self._pause = pause
        self._failure: str | None = None

    async def run(self) -> None:
        """For ever; ends by cancellation, which closes the connection first."""
        backoff = Backoff()
        while True:
            try:
                async with self._connect(self._broker, self._session) as connection:
                    self._on_connected(connection)
                    backoff = Backoff()
                    await self._take(connection)
            except (ConnectionLost, ConnectionRefused, JournalError) as error:
                wait_s = backoff.next_s()
                if self._failure != str(error):
                    log.error("not receiving", broker=str(self._broker), why=str(error), next_try_s=round(wait_s, 1))
                    self._failure = str(error)
                await asyncio.sleep(wait_s)

    def _on_connected(self, connection: Connection) -> None:
        if self._journal.had_session() and not connection.session_present:
            log.warning("the broker has lost our session; what it held for us is gone", broker=str(self._broker))
        self._journal.note_session(self._clock(), present=connection.session_present)
        self._failure = None
        log.info("receiving", broker=str(self._broker), client_id=self._session.client_id)

    async def _take(self, connection: Connection) -> None:
        async for batch in connection:
            if not self._journal.room():
                await self._wait_for_room(connection)
            await self._journal.append(batch.messages, self._clock())
            self._pause("journalled")
            connection.acknowledge(batch)
            self._pause("acknowledged")

    async def _wait_for_room(self, connection: Connection) -> None:
        log.error(
            "journal full: reading and acknowledging stopped, the broker holds the rest", why=self._journal.why_full()
        )
        connection.pause()
        while not self._journal.room():
            await asyncio.sleep(_ROOM_CHECK_S)
        connection.resume()
        log.info("journal has room again")
