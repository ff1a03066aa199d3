"""A real SQLite store and real books, written to by the intake and the booking of ingest, with a clock that a story turns."""

from collections.abc import Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

from ingest.intake import Intake, changed_by
from ingest.journal import JournalBatch
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
        self._batch = 0

    async def take(self, messages: Sequence[OutMessage]) -> None:
        """Messages, settled as one batch that was received now. Raises AssertionError where one is refused."""
        self._batch += 1
        intake = Intake(self.books.registry(), set(), lambda _: 0, horizon_days=_HORIZON_DAYS, horizons={})
        batch = JournalBatch(self._batch, self.now, [Message(*message) for message in messages])
        verdict = intake.judge(batch)
        assert not verdict.letters, verdict.letters
        await self.store.write(verdict.readings)
        self.books.settle(
            "story", self._batch, registry_version=intake.registry.version, now=self.now, letters=(),
            changed=changed_by(verdict.readings), unknown={},
        )  # fmt: skip

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
