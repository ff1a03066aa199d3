"""When each station was last heard, and what was last said of its device: battery, link, whether it is online, messages lost."""

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection, case, func, select, true

from store.books import Books
from store.schema import sightings
from store.transaction import insert_into


class Sighting(NamedTuple):
    """Of one station. Times in ms since the epoch; None where nothing was said."""

    family: str
    station: str
    last_received: int
    online: bool | None = None
    online_since: int | None = None
    """Since when the device is online, or offline."""
    battery: float | None = None
    """[%]"""
    rssi: float | None = None
    """[dBm]"""
    snr: float | None = None
    """[dB]"""
    counter: int | None = None
    """The device's own count of its messages."""
    lost: int | None = None
    """Messages that never came, by that count."""


class Sightings:
    """In `books`."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def add(self, found: Iterable[Sighting]) -> None:
        """Take what is newer; `lost` adds up. Raises BooksUnavailable: nothing was written."""
        with self._books.writing() as connection:
            add_sightings(connection, found)

    def all(self) -> dict[tuple[str, str], Sighting]:
        """By family and station. Raises BooksUnavailable."""
        with self._books.reading() as connection:
            rows = [Sighting(*row) for row in connection.execute(select(sightings))]
        return {(row.family, row.station): row for row in rows}


def add_sightings(connection: Connection, found: Iterable[Sighting]) -> None:
    """As `Sightings.add`, within a transaction."""
    rows = [sighting._asdict() for sighting in found]
    if not rows:
        return
    upsert, its = insert_into(connection, sightings), sightings.c
    new = upsert.excluded
    newer = new.last_received >= its.last_received
    said = {
        name: case((newer, func.coalesce(new[name], its[name])), else_=func.coalesce(its[name], new[name]))
        for name in ("battery", "rssi", "snr", "counter")
    }
    # Whoever sends is there, if anybody ever said whether he was.
    online = func.coalesce(new.online, case((its.online.is_not(None), true())))
    turned = newer & online.is_not(None) & (its.online.is_(None) | (online != its.online))
    connection.execute(
        upsert.on_conflict_do_update(
            index_elements=["family", "station"],
            set_={
                "last_received": case((newer, new.last_received), else_=its.last_received),
                "online": case((newer, func.coalesce(online, its.online)), else_=func.coalesce(its.online, new.online)),
                "online_since": case(
                    (turned, func.coalesce(new.online_since, new.last_received)), else_=its.online_since
                ),
                "lost": case((its.lost.is_(None), new.lost), else_=its.lost + func.coalesce(new.lost, 0)),
                **said,
            },
        ),
        rows,
    )
