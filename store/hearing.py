"""What ingest could hear, and which stations it did not hear for long, over the engine of the books.

    span    ingest was connected and reading, and all that came until its end is stored and told here
    pause   a station was heard at `since` (0: never) and next at `until`, which is longer than it may be silent
            (`sensors/presence.py`)

Between two spans is an outage of ours or of the broker: of that time nobody knows who was silent.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import NamedTuple

from sqlalchemy import func, select

from sensors.instants import DAY_MS
from store.alert_schema import hearing, pauses
from store.books import Books
from store.parts import parts
from store.schema import sightings
from store.transaction import insert_into, touch_alerts

KEPT_MS = 90 * DAY_MS
"""Chosen: how long pauses and conditions that are over are kept; alerts look 35 days back, people some weeks more."""

NEVER = 0
"""When a station was heard last that never was [ms]."""


class Span(NamedTuple):
    """From `since` to `until` [ms], both within."""

    since: int
    until: int


class Hearing:
    """In `books`. Every call raises BooksUnavailable: nothing was written."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def keep(self, journal: str, span: Span) -> None:
        """Ingest on a journal has heard during a span; one with the same beginning gets longer."""
        with self._books.writing() as connection:
            upsert = insert_into(connection, hearing)
            connection.execute(
                upsert.on_conflict_do_update(
                    index_elements=["journal", "since"],
                    set_={"until": upsert.excluded.until},
                    where=hearing.c.until < upsert.excluded.until,
                ),
                {"journal": journal, **span._asdict()},
            )

    def last(self, journal: str) -> Span | None:
        """The last span of a journal."""
        query = select(hearing.c.since, hearing.c.until).where(hearing.c.journal == journal)
        with self._books.reading() as connection:
            row = connection.execute(query.order_by(hearing.c.since.desc()).limit(1)).first()
            return None if row is None else Span(*row)

    def known_until(self) -> int | None:
        """The latest instant [ms] of which any ingest knows what came."""
        with self._books.reading() as connection:
            return connection.execute(select(func.max(hearing.c.until))).scalar()

    def spans(self) -> list[Span]:
        """When anybody heard, in order and apart from each other."""
        with self._books.reading() as connection:
            rows = [Span(*row) for row in connection.execute(select(hearing.c.since, hearing.c.until))]
        found: list[Span] = []
        for span in sorted(rows):
            if found and span.since <= found[-1].until:
                found[-1] = Span(found[-1].since, max(found[-1].until, span.until))
            else:
                found.append(span)
        return found

    def pauses(self, family: str, stations: Collection[str], after: int) -> dict[str, list[Span]]:
        """The pauses of stations of a family that ended after an instant [ms], in order, by station."""
        its = pauses.c
        query = select(its.station, its.since, its.until).where(its.family == family, its.until > after)
        found: dict[str, list[Span]] = defaultdict(list)
        with self._books.reading() as connection:
            for chunk in parts(sorted(stations)):
                rows = query.where(its.station.in_(chunk)).order_by(its.station, its.since)
                for row in connection.execute(rows):
                    found[row.station].append(Span(row.since, row.until))
        return dict(found)

    def heard(self, family: str, stations: Collection[str]) -> dict[str, int]:
        """When stations were heard last [ms]; those that never were are not there."""
        its = sightings.c
        found: dict[str, int] = {}
        with self._books.reading() as connection:
            for chunk in parts(sorted(stations)):
                query = select(its.station, its.last_received).where(its.family == family, its.station.in_(chunk))
                found |= {row.station: row.last_received for row in connection.execute(query)}
        return found

    def mark(self, changed: Mapping[tuple[str, str, int], Collection[str]], now: int) -> None:
        """Have alerts look at series that are no readings: by (family, what of it, since when [ms]) whose."""
        with self._books.writing() as connection:
            touch_alerts(connection, changed, now)
