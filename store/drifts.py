"""Drifts: what the radar knows of each station's messages, and each change that it saw, once, until a person accepts it."""

from collections.abc import Collection, Iterable, Mapping
from typing import Final, NamedTuple

from sqlalchemy import Connection, func, select, update

from sensors.shapes import Profile
from store.books import Books
from store.schema import drifts, shapes
from store.transaction import insert_into, note, touch_alerts

DRIFT: Final = "drift"
"""Of a station, as what of it changed for alerts."""


class Of(NamedTuple):
    """Whose messages: the source that takes them (`native`), family and station."""

    source: str
    family: str
    station: str


class Drift(NamedTuple):
    """One change; `first_seen` [ms], `example` the first bytes of the message that showed it."""

    source: str
    family: str
    station: str
    kind: str
    field: str
    before: str
    after: str
    first_seen: int
    topic: str
    example: bytes
    id: int = 0
    accepted_by: str | None = None
    accepted_at: int | None = None


_KEY = ("source", "family", "station", "kind", "field", "before", "after")


class Drifts:
    """In `books`. Every call raises BooksUnavailable: nothing was written."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def profiles(self) -> dict[Of, Profile]:
        """All that is known."""
        with self._books.reading() as connection:
            rows = connection.execute(select(shapes.c.source, shapes.c.family, shapes.c.station, shapes.c.profile))
            return {Of(*row[:3]): Profile.model_validate_json(row[3]) for row in rows}

    def add(self, profiles: Mapping[Of, Profile], found: Iterable[Drift]) -> list[Drift]:
        """Keep profiles, and changes that nobody has told before; gives those."""
        new: list[Drift] = []
        with self._books.writing() as connection:
            if profiles:
                upsert = insert_into(connection, shapes)
                connection.execute(
                    upsert.on_conflict_do_update(
                        index_elements=["source", "family", "station"], set_={"profile": upsert.excluded.profile}
                    ),
                    [{**of._asdict(), "profile": profile.model_dump_json()} for of, profile in profiles.items()],
                )
            for drift in found:
                row = {name: value for name, value in drift._asdict().items() if name != "id"}
                told = connection.execute(
                    insert_into(connection, drifts).values(row).on_conflict_do_nothing(index_elements=_KEY)
                )
                if told.rowcount:
                    new.append(drift)
            _touch(connection, new, max((drift.first_seen for drift in new), default=0))
        return new

    def page(self, *, accepted: bool = False, most: int = 1000) -> list[Drift]:
        """Changes that are to be looked at, or those that were accepted; oldest first."""
        chosen = drifts.c.accepted_at.is_not(None) if accepted else drifts.c.accepted_at.is_(None)
        columns = [drifts.c[name] for name in Drift._fields]
        with self._books.reading() as connection:
            return [
                Drift(*row)
                for row in connection.execute(select(*columns).where(chosen).order_by(drifts.c.id).limit(most))
            ]

    def waiting(self) -> int:
        """How many are to be looked at."""
        with self._books.reading() as connection:
            counted = select(func.count()).select_from(drifts).where(drifts.c.accepted_at.is_(None))
            return connection.execute(counted).scalar_one()

    def told(self, family: str, until: int) -> list[tuple[str, int, int | None]]:
        """Of a family each change that was seen up to an instant [ms]: whose, when, and when it was accepted [ms]."""
        its = drifts.c
        query = select(its.station, its.first_seen, its.accepted_at).where(
            its.family == family, its.first_seen <= until
        )
        with self._books.reading() as connection:
            return [(row.station, row.first_seen, row.accepted_at) for row in connection.execute(query)]

    def accept(self, numbers: Collection[int], *, who: str, now: int) -> int:
        """Say that these changes are known and meant; how many of them were waiting."""
        with self._books.writing() as connection:
            waiting = drifts.c.id.in_(numbers) & drifts.c.accepted_at.is_(None)
            done = connection.execute(update(drifts).where(waiting).values(accepted_by=who, accepted_at=now)).rowcount
            if done:
                columns = [drifts.c[name] for name in Drift._fields]
                accepted = connection.execute(select(*columns).where(drifts.c.id.in_(numbers)))
                _touch(connection, [Drift(*row) for row in accepted], now)
                note(connection, now, who, "drifts accepted", f"{done} drifts", sorted(numbers))
        return done


def _touch(connection: Connection, of: Iterable[Drift], now: int) -> None:
    changed: dict[tuple[str, str, int], set[str]] = {}
    for drift in of:
        changed.setdefault((drift.family, DRIFT, drift.first_seen - 1), set()).add(drift.station)
    touch_alerts(connection, changed, now)
