"""Exceptional events (dust, …) that people enter with evidence: what they lift is counted both with and without them."""

from typing import Literal, NamedTuple

from sqlalchemy import Connection, insert, select, update

from sensors.instants import HOUR_MS
from store.books import Books
from store.schema import events
from store.transaction import note, touch

EventKind = Literal["dust", "wildfire", "fireworks", "other"]

EVERYWHERE = "@city"
"""The name under which an event marks the hours it covers: no station's, so that no station's readings are said to have
changed."""

# Chosen: the longest dust episodes last days; what is longer is a slip of the pen.
_MOST_HOURS = 31 * 24


class Event(NamedTuple):
    """One event: (since, until] [ms] in `scope` (`city`, or `district:<id>`), which raised `quantities`."""

    family: str
    kind: EventKind
    scope: str
    quantities: tuple[str, ...]
    since: int
    until: int
    evidence: str
    id: int = 0
    entered_by: str = ""
    entered_at: int = 0
    removed_by: str | None = None
    removed_at: int | None = None
    removed_why: str | None = None


class Events:
    """In `books`. Every call raises BooksUnavailable: nothing was written."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def add(self, event: Event, *, who: str, now: int) -> int:
        """Enter an event, and mark the hours it covers; its number. ValueError where it is empty or longer than 31 days."""
        if not 0 < event.until - event.since <= _MOST_HOURS * HOUR_MS:
            raise ValueError("an event ends after it begins, and within 31 days")
        if not event.evidence.strip():
            raise ValueError("an event has evidence: the notice, the analysis, where it is kept")
        row = event._replace(entered_by=who, entered_at=now)._asdict() | {"quantities": "+".join(event.quantities)}
        with self._books.writing() as connection:
            values = {name: value for name, value in row.items() if name != "id"}
            number: int = connection.execute(insert(events).values(values).returning(events.c.id)).scalar_one()
            self._note(connection, event._replace(id=number), "event entered", event.evidence, who, now)
            return number

    def remove(self, number: int, *, why: str, who: str, now: int) -> bool:
        """Take an event back. False where there is none of that number, or not any more."""
        with self._books.writing() as connection:
            still = events.c.id == number, events.c.removed_at.is_(None)
            row = connection.execute(select(*_COLUMNS).where(*still)).first()
            if row is None:
                return False
            changes = {"removed_by": who, "removed_at": now, "removed_why": why}
            connection.execute(update(events).where(*still).values(changes))
            self._note(connection, _event(row), "event removed", why, who, now)
            return True

    def all(self, family: str | None = None, *, removed: bool = False) -> list[Event]:
        """Those that hold, by time; or with `removed` those that were taken back."""
        chosen = select(*_COLUMNS).order_by(events.c.since, events.c.id)
        chosen = chosen.where(events.c.removed_at.is_not(None) if removed else events.c.removed_at.is_(None))
        if family is not None:
            chosen = chosen.where(events.c.family == family)
        with self._books.reading() as connection:
            return [_event(row) for row in connection.execute(chosen)]

    def _note(self, connection: Connection, of: Event, what: str, why: str, who: str, now: int) -> None:
        hours = range(of.since // HOUR_MS, (of.until - 1) // HOUR_MS + 1)
        touch(connection, {(of.family, "hour", hour): {EVERYWHERE} for hour in hours}, now)
        detail = {"kind": of.kind, "quantities": list(of.quantities), "since": of.since, "until": of.until, "why": why}
        note(connection, now, who, what, f"{of.family}/{of.scope}/{of.id}", detail)


_COLUMNS = [events.c[name] for name in Event._fields]


def _event(row: object) -> Event:
    found = Event(*row)  # type: ignore[misc]  # a row of _COLUMNS
    return found._replace(quantities=tuple(str(found.quantities).split("+")))
