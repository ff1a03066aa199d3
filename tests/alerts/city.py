"""A real SQLite store and real books, written to by the settling of ingest from a real journal; a story turns the clock."""

from collections.abc import Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

from ingest.journal import Journal
from ingest.settle import Horizons, Settler
from ingest.transport import Message
from sensors.stations import Station
from simulators.message import OutMessage
from store.books import Books
from store.incidents import Incident, Incidents, LogLine
from store.sqlite import SqliteStore

ZONE = ZoneInfo("Asia/Shanghai")
_HORIZON_DAYS = 400


class City:
    """Stations in a store and books of their own."""

    def __init__(self, folder: Path, stations: Sequence[Station]) -> None:
        self.now = 0
        self.folder = folder
        self.books = Books(f"sqlite:///{folder / 'books.sqlite'}")
        self.books.prepare()
        self.store = SqliteStore(folder / "readings.sqlite")
        self.incidents = Incidents(self.books)
        self.books.register(stations, who="test", now=0)

    async def take(self, messages: Sequence[OutMessage]) -> None:
        """Messages, received now as one batch, and settled. Raises AssertionError where one is refused."""
        with Journal(self.folder / "journal", reserve_bytes=0, ballast_bytes=0) as journal:
            await journal.append([Message(*message) for message in messages], self.now)
            settler = Settler(
                journal, self.store, self.books, lambda: self.now, Horizons(_HORIZON_DAYS, {}), lambda: None
            )
            settler.stop()
            await settler.run()
            ledger = journal.ledger()
        assert (ledger.refused, ledger.pending) == (0, 0), ledger

    def every_incident(self) -> list[Incident]:
        """All that were ever opened, those that are gone too, by number."""
        found: list[Incident] = []
        while (one := self.incidents.one(len(found) + 1)) is not None:
            found.append(one)
        return found

    def log(self) -> list[tuple[Incident, LogLine]]:
        """Every line of the log, by incident and time."""
        return [(one, line) for one in self.every_incident() for line in self.incidents.log(one.id)]

    async def close(self) -> None:
        await self.store.close()
        self.books.close()
