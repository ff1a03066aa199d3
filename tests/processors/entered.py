"""A city for tests that enters figures: real books, computed by the real runner."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path

from processors.records.entries import checked
from processors.windows import period_bounds
from sensors.instants import HOUR_MS
from store.judgements import Judgement
from store.records import Record, Records
from tests.processors.world import ZONE, World

YEARBOOK = "yearbook 2024, file 12"


def enter(world: World, code: str, period: str, value: str, *, source: str = YEARBOOK, reason: str = "") -> int:
    """Enter a figure of the city as the command does, by ann; of a quarter from 1 January on. Raises RecordError."""
    records = Records(world.books)
    given = Record(code, "city", period, Decimal(value), "", source, "2026-03-20", reason=reason)
    entry = checked(given, records.in_force(code, "city"), to_date="Q" in period)
    ends = period_bounds(period, ZONE)[1] // HOUR_MS - 1
    world.now += 1
    return records.add(entry, who="ann", now=world.now, ends=ends)


class Entered:
    """A city that enters figures, with a clock that a test turns."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder)
        self.world.go_to(date(2026, 4, 1), 12)
        self.records = Records(self.world.books)

    def add(self, code: str, period: str, value: str, *, source: str = YEARBOOK, reason: str = "") -> int:
        """Enter one. Raises RecordError."""
        return enter(self.world, code, period, value, source=source, reason=reason)

    def row(self, code: str, period: int | str) -> Judgement:
        """What stands of a row."""
        found = self.world.judgements.current(code, "city", str(period))
        assert found is not None, f"{code} {period} is not there"
        return found[0]

    def reasons(self, code: str, period: int | str) -> list[str]:
        """Why each revision of a row was made."""
        return [one.reason for one in self.world.judgements.history(self.row(code, period).key)]


@contextmanager
def a_city_with_figures(folder: Path) -> Iterator[Entered]:
    """One in a folder, closed at the end."""
    made = Entered(folder)
    try:
        yield made
    finally:
        asyncio.run(made.world.store.close())
        made.world.books.close()
