"""An ingest without a broker: messages are journalled and settled, and its vitals tell the books whom it heard and what it could
hear, as those of the program do. It is connected unless it is said otherwise."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from ingest.conditions import Clock
from ingest.consume import Consumer
from ingest.devices import Devices
from ingest.health import Snapshot
from ingest.journal import Journal
from ingest.liveness import Liveness
from ingest.settle import Horizons, Said, Settler
from ingest.transport import Broker, Connection, Message, Session
from ingest.vitals import Vitals
from simulators.message import OutMessage
from store.books import Books, Changed
from store.sqlite import SqliteStore

_HORIZON_DAYS = 400
_LOOK_EVERY_MS = 60_000
# By the clock of the loop, which goes on only where stations are to be told of.
_STATIONS_EVERY_S = 1.0


class Receiving:
    """On a journal of its own in a folder, into a store and books, by a clock [ms]."""

    def __init__(self, folder: Path, store: SqliteStore, books: Books, clock: Callable[[], int]) -> None:
        self._store, self._books, self._clock = store, books, clock
        self._at, self._looked_s = clock(), 0.0
        self._journal = Journal(folder / "journal", reserve_bytes=0, ballast_bytes=0)
        self._journal.__enter__()
        self._liveness, self._devices = Liveness(clock()), Devices(counts_lost=True)
        self._consumer = Consumer(_never, Broker("nowhere", 0), Session("test", ()), self._journal, clock)
        self._consumer.connected = True
        self._vitals = Vitals(
            self._consumer,
            self._settler(),
            self._journal,
            books,
            self._liveness,
            lambda: self._at,
            _nobody_reads,
            self._devices,
            Clock(),
            stations_every_s=_STATIONS_EVERY_S,
        )
        self._tell()

    async def take(self, messages: Sequence[OutMessage]) -> None:
        """Messages, received now as one batch, settled and told of. Raises AssertionError where one is refused."""
        self.hear(True)
        await self._journal.append([Message(*message) for message in messages], self._clock())
        settler = self._settler()
        settler.stop()
        await settler.run()
        ledger = self._journal.ledger()
        assert (ledger.refused, ledger.pending) == (0, 0), ledger
        self._tell()

    def hear(self, hears: bool) -> None:
        """From now on it is connected, or not."""
        self._look_until_now()
        self._consumer.connected = hears
        self._tell()

    def close(self) -> None:
        """The journal."""
        self._journal.__exit__(None, None, None)

    def _tell(self) -> None:
        self._look_until_now()
        self._looked_s += _STATIONS_EVERY_S
        self._vitals.look(self._looked_s)

    def _look_until_now(self) -> None:
        """Each minute, so that it is no time in which a machine slept. Stations are not told of."""
        now = self._clock()
        while self._at + _LOOK_EVERY_MS < now:
            self._at += _LOOK_EVERY_MS
            self._vitals.look(self._looked_s)
        self._at = now

    def _settler(self) -> Settler:
        horizons = Horizons(_HORIZON_DAYS, {})
        return Settler(self._journal, self._store, self._books, self._clock, horizons, _ready, stored=self._stored)

    def _stored(self, changed: Changed, received_at: int, said: Said) -> None:
        self._liveness.stored(changed, received_at)
        self._devices.stored(changed, received_at, said)


def _ready() -> None:
    """The books are."""


def _never(broker: Broker, session: Session) -> AbstractAsyncContextManager[Connection]:
    raise AssertionError(f"nobody connects to {broker} as {session.client_id}")


def _nobody_reads(_snapshot: Snapshot) -> None:
    """Nobody does."""
