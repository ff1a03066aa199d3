"""Intervals of calibration and maintenance that people enter: what was measured in them counts for nothing, and says why."""

from collections.abc import Collection
from typing import Literal, NamedTuple

from sqlalchemy import Connection, func, insert, select, update

from sensors.instants import HOUR_MS
from store.books import ALL_HOURS, Books, Changed
from store.schema import intervals
from store.transaction import note, touch

IntervalKind = Literal["calibration", "maintenance"]
# Chosen: a month; a longer interval marks all windows of its station instead of each of its hours.
_MOST_HOURS = 31 * 24


class Interval(NamedTuple):
    """Of one station, (since, until] [ms]; without `quantity` of all of them."""

    family: str
    station: str
    quantity: str
    since: int
    until: int
    kind: IntervalKind
    why: str
    id: int = 0
    entered_by: str = ""
    entered_at: int = 0
    removed_by: str | None = None
    removed_at: int | None = None


class Intervals:
    """In `books`. Every call raises BooksUnavailable: nothing was written."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def add(self, interval: Interval, *, period: str, who: str, now: int) -> int:
        """Enter an interval, and mark the windows of `period` that it changes; its number. ValueError where it is empty."""
        if interval.since >= interval.until:
            raise ValueError("an interval ends after it begins")
        row = interval._replace(entered_by=who, entered_at=now)._asdict()
        with self._books.writing() as connection:
            values = {name: value for name, value in row.items() if name != "id"}
            number: int = connection.execute(insert(intervals).values(values).returning(intervals.c.id)).scalar_one()
            self._note(connection, interval, period, "interval entered", who, now)
            return number

    def remove(self, number: int, *, period: str, who: str, now: int) -> bool:
        """Take an interval back; what it withheld counts again. False where there is none of that number, or not any more."""
        with self._books.writing() as connection:
            row = connection.execute(
                select(*(intervals.c[name] for name in Interval._fields)).where(
                    intervals.c.id == number, intervals.c.removed_at.is_(None)
                )
            ).first()
            if row is None:
                return False
            connection.execute(update(intervals).where(intervals.c.id == number).values(removed_by=who, removed_at=now))
            self._note(connection, Interval(*row), period, "interval removed", who, now)
            return True

    def all(self, family: str | None = None, *, removed: bool = False) -> list[Interval]:
        """Those that hold, by time; or with `removed` those that were taken back."""
        columns = [intervals.c[name] for name in Interval._fields]
        chosen = select(*columns).order_by(intervals.c.since, intervals.c.id)
        chosen = chosen.where(intervals.c.removed_at.is_not(None) if removed else intervals.c.removed_at.is_(None))
        if family is not None:
            chosen = chosen.where(intervals.c.family == family)
        with self._books.reading() as connection:
            rows = connection.execute(chosen)
            return [Interval(*row) for row in rows]

    def version(self) -> tuple[int, int]:
        """Another whenever an interval was entered or taken back."""
        query = select(func.coalesce(func.max(intervals.c.id), 0), func.count(intervals.c.removed_at))
        with self._books.reading() as connection:
            last, removed = connection.execute(query).one()
            return last, removed

    def _note(self, connection: Connection, of: Interval, period: str, what: str, who: str, now: int) -> None:
        touch(connection, _changed(of, period), now)
        detail = {"quantity": of.quantity, "since": of.since, "until": of.until, "kind": of.kind, "why": of.why}
        note(connection, now, who, what, f"{of.family}/{of.station}", detail)


def _changed(of: Interval, period: str) -> Changed:
    hours = range(of.since // HOUR_MS, (of.until - 1) // HOUR_MS + 1)
    windows: Collection[int] = hours if len(hours) <= _MOST_HOURS else (ALL_HOURS,)
    return {(of.family, period, hour): {of.station} for hour in windows}
