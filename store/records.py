"""Figures that people enter (GDP, energy of a statistical yearbook, a share of forest): append-only, each with its source, its
date and who entered it. A figure is corrected by a new entry with a reason; the one before stays."""

from collections.abc import Collection
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Select, func, insert, select
from sqlalchemy.exc import IntegrityError

from store.books import Books
from store.schema import records
from store.transaction import note, touch, touch_alerts

RECORDS = "records"
"""The family under which an entry marks the window that it changes: no device's."""


class RecordError(ValueError):
    """What was asked cannot be entered: the message says why."""


class Record(NamedTuple):
    """A figure `value` [unit] of a scope (`city`, `district:<id>`) and a period (a month, quarter or year). `dated` is the day of
    its source, as text; `supersedes` is 0 for the first entry, and `reason` empty."""

    code: str
    scope: str
    period: str
    value: Decimal
    unit: str
    source: str
    dated: str
    note: str = ""
    id: int = 0
    entered_by: str = ""
    entered_at: int = 0
    supersedes: int = 0
    reason: str = ""


class Records:
    """In `books`. Every call raises BooksUnavailable: nothing was written."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def add(self, record: Record, *, who: str, now: int, ends: int) -> int:
        """Enter a figure, and mark what rests on it; its number. `ends` is the hour since the epoch in which its period ends.
        Where there is one already it is superseded, for which `record.reason` is needed. Raises RecordError: nothing was
        written."""
        with self._books.writing() as connection:
            key = [records.c[name] == getattr(record, name) for name in ("code", "scope", "period")]
            last = connection.execute(select(records).where(*key).order_by(records.c.id.desc()).limit(1)).first()
            of = f"{record.code} of {record.scope} in {record.period}"
            if last is not None and not record.reason.strip():
                raise RecordError(
                    f"{of} is entered already: {last.value} {last.unit} (number {last.id}, {last.source}); give the reason why "
                    "it is another"
                )
            if last is not None and (Decimal(last.value), last.source, last.dated) == (
                record.value,
                record.source,
                record.dated,
            ):
                raise RecordError(f"{of} is {last.value} {last.unit} from that source already (number {last.id})")
            row = record._asdict() | {
                "value": str(record.value),
                "entered_by": who,
                "entered_at": now,
                "supersedes": 0 if last is None else last.id,
            }
            del row["id"]
            try:
                number: int = connection.execute(insert(records).values(row).returning(records.c.id)).scalar_one()
            except IntegrityError as error:
                raise RecordError(f"{of} was entered by somebody else just now: look again") from error
            touch(connection, {(RECORDS, "entry", ends): {record.code}}, now)
            # What it says may be of days to come, and may correct what was said long ago.
            touch_alerts(connection, {(RECORDS, "entry", 0): {record.code}}, now)
            detail = {
                "value": str(record.value),
                "source": record.source,
                "reason": record.reason,
                "was": last and last.value,
            }
            note(connection, now, who, "figure entered", f"{record.code}/{record.scope}/{record.period}", detail)
            return number

    def in_force(self, code: str | None = None, scope: str | None = None) -> list[Record]:
        """The last entry of every figure, by code, scope and period."""
        newest = select(func.max(records.c.id)).group_by(records.c.code, records.c.scope, records.c.period)
        query = select(records).where(records.c.id.in_(newest))
        return self._found(query.order_by(records.c.code, records.c.scope, records.c.period), code, scope)

    def entries(self, codes: Collection[str], scope: str, first: str, last: str) -> list[Record]:
        """Every entry of these figures of periods from `first` to `last` as text, both included, oldest first."""
        its = records.c
        query = select(records).where(its.code.in_(sorted(codes)), its.period >= first, its.period <= last)
        return self._found(query.order_by(its.id), None, scope)

    def history(self, code: str, scope: str, period: str) -> list[Record]:
        """Every entry of one figure, oldest first."""
        query = select(records).where(records.c.period == period).order_by(records.c.id)
        return self._found(query, code, scope)

    def _found(self, query: Select[Any], code: str | None, scope: str | None) -> list[Record]:
        if code is not None:
            query = query.where(records.c.code == code)
        if scope is not None:
            query = query.where(records.c.scope == scope)
        with self._books.reading() as connection:
            rows = [dict(row) for row in connection.execute(query).mappings()]
        return [Record(**(row | {"value": Decimal(row["value"])})) for row in rows]
