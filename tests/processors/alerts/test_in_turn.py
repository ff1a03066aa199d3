"""Which changes the watch looks at next: ourselves before all, and many at once hold up nobody else for long."""

from pathlib import Path

import pytest

from processors.alerts.due import in_turn
from store.books import Books
from store.conditions import OURSELVES
from store.hearing import Hearing
from store.incidents import Incidents
from store.sightings import SILENCE

NOW = 1_772_344_800_000
MANY = [f"s-{number:05}" for number in range(10_050)]


@pytest.fixture
def books(tmp_path: Path) -> Books:
    books = Books(f"sqlite:///{tmp_path}/books.sqlite")
    books.prepare()
    return books


def change(books: Books, family: str, what: str, names: list[str], at: int) -> None:
    Hearing(books).mark({(family, what, 0): names}, at)


@pytest.mark.parametrize("waits", ["minute", SILENCE])
@pytest.mark.parametrize("readings_first", [False, True])
def test_what_is_of_ourselves_is_looked_at_first_however_much_waits(
    books: Books, waits: str, readings_first: bool
) -> None:
    change(books, "air", waits, MANY, NOW)
    change(books, OURSELVES, "store_down", ["store"], NOW + 1)
    found = in_turn(Incidents(books).take(NOW + 5_000, 10_000, readings_first=readings_first))
    assert [(mark.family, mark.station) for mark in found] == [(OURSELVES, "store")]


def test_many_silent_stations_are_looked_at_in_parts_and_readings_between_them(books: Books) -> None:
    change(books, "air", SILENCE, MANY, NOW)
    change(books, "air", "hour", ["hx-01"], NOW + 1)
    incidents = Incidents(books)
    part = in_turn(incidents.take(NOW + 5_000, 10_000))
    assert {mark.period for mark in part} == {SILENCE}
    assert 0 < len(part) <= 1_000
    found = in_turn(incidents.take(NOW + 5_000, 10_000, readings_first=True))
    assert [(mark.period, mark.station) for mark in found] == [("hour", "hx-01")]


def test_what_is_no_readings_does_not_wait_for_readings_of_a_store_that_is_down(books: Books) -> None:
    change(books, "air", "hour", MANY, NOW)
    change(books, "air", SILENCE, ["hx-01"], NOW + 1)
    found = in_turn(Incidents(books).take(NOW + 5_000, 10_000))
    assert [(mark.period, mark.station) for mark in found] == [(SILENCE, "hx-01")]
    assert in_turn([]) == []
