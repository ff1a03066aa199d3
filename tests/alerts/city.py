"""A real SQLite store and real books, written to by the settling of ingest from a real journal; a story turns the clock."""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self
from zoneinfo import ZoneInfo

from sensors.stations import Station
from simulators.alerts import Turn
from simulators.message import OutMessage
from store.books import Books
from store.incidents import Incident, Incidents, LogLine
from store.sqlite import SqliteStore
from tests.alerts.receiving import Receiving

ZONE = ZoneInfo("Asia/Shanghai")


class Told:
    """What the books of a data folder say was told, and people who acknowledge it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = 0
        self.books = Books(f"sqlite:///{folder / 'books.sqlite'}")
        self.books.prepare()
        self.incidents = Incidents(self.books)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.books.close()

    def every_incident(self) -> list[Incident]:
        """All that were ever opened, those that are gone too, by number."""
        found: list[Incident] = []
        while (one := self.incidents.one(len(found) + 1)) is not None:
            found.append(one)
        return found

    def log(self) -> list[tuple[Incident, LogLine]]:
        """Every line of the log, by incident and time."""
        return [(one, line) for one in self.every_incident() for line in self.incidents.log(one.id)]

    def acknowledge(self, turn: Turn) -> None:
        """What people do after a turn."""
        for rule, subject in turn.people:
            for one in self.incidents.all(open_only=True):
                if (one.rule, one.subject) == (rule, subject):
                    self.incidents.acknowledge(one.id, who="li", why="seen", now=self.now)


class City(Told):
    """Stations in a store and books of their own, and what receives for them from the first message on."""

    def __init__(self, folder: Path, stations: Sequence[Station]) -> None:
        super().__init__(folder)
        self.store = SqliteStore(folder / "readings.sqlite")
        self.books.register(stations, who="test", now=0)
        self._receiving: Receiving | None = None

    async def take(self, messages: Sequence[OutMessage]) -> None:
        """Messages, received now as one batch, and settled. Raises AssertionError where one is refused."""
        if self._receiving is None:
            self._receiving = Receiving(self.folder, self.store, self.books, lambda: self.now)
        await self._receiving.take(messages)

    def hear(self, hears: bool) -> None:
        """Whether ingest is connected from now on, once it has received something; with the next message it is."""
        if self._receiving is not None:
            self._receiving.hear(hears)

    async def close(self) -> None:
        """The store, the books and what receives."""
        if self._receiving is not None:
            self._receiving.close()
        await self.store.close()
        self.books.close()
