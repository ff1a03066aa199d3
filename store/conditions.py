"""What cityflux knows of itself, change by change, over the engine of the books: from an instant on a condition of a part is of a
value, until the next change. Ingest tells what it sees of its journal, its store, its broker, the disk and the clock; the watch
tells of those that cannot speak for themselves.

A value is written when it passes one of its condition's `STEPS`, either way: rows stay few, and limits of rules are among them.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Final, Literal, NamedTuple, get_args

from sqlalchemy import Connection, delete, exists, func, select

from store.alert_schema import conditions
from store.books import Books
from store.hearing import KEPT_MS
from store.schema import ledgers, marks
from store.transaction import insert_into, touch_alerts

OURSELVES: Final = "cityflux"
"""The family of what changed of ourselves, for alerts; its stations are parts, and what of them changed is a condition's code."""
WATCH = "watch"
"""Who tells what nobody else can."""

Code = Literal[
    "ledger_off", "journal_percent", "store_down", "store_refuses", "broker_lost", "disk_percent", "clock_percent", "ingest_dead",
    "processor_min",
]  # fmt: skip
CODES: Sequence[Code] = get_args(Code)

STEPS: Mapping[Code, Sequence[int]] = {
    "ledger_off": (0,),
    "journal_percent": (40, 50, 70, 80, 89, 99),
    "store_down": (0,),
    "store_refuses": (0,),
    "broker_lost": (0,),
    "disk_percent": (40, 50, 90, 100),
    "clock_percent": (25, 50),
    "ingest_dead": (0,),
    "processor_min": (20, 30, 110, 120),
}
"""Of each condition the values that matter: the limits of its rules, and those limits less their margin."""


class Condition(NamedTuple):
    """From `at` [ms] on, as `teller` says it: the journal whose ingest it is, or `WATCH`."""

    part: str
    code: Code
    at: int
    value: Decimal
    why: str
    teller: str


def is_news(code: Code, before: Decimal | None, now: Decimal) -> bool:
    """Whether a value is to be written after this one; that all is well from the beginning is none."""
    return _passed(code, now) != (0 if before is None else _passed(code, before))


def _passed(code: Code, value: Decimal) -> int:
    return sum(value > step for step in STEPS[code])


class Conditions:
    """In `books`. Every call raises BooksUnavailable: nothing was written."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def add(self, found: Collection[Condition], now: int) -> None:
        """Write changes, and have alerts look at them. What is there already stays."""
        if not found:
            return
        rows = [{**one._asdict(), "value": f"{one.value.normalize():f}"} for one in found]
        with self._books.writing() as connection:
            connection.execute(insert_into(connection, conditions).on_conflict_do_nothing(), rows)
            its, after = conditions.c, conditions.alias()
            later = (after.c.part == its.part) & (after.c.code == its.code) & (after.c.at > its.at)
            connection.execute(delete(conditions).where(its.at < now - KEPT_MS, exists().where(later)))
            _touch(connection, found, now)

    def latest(self) -> dict[tuple[str, Code], Condition]:
        """How each condition of each part is now."""
        its = conditions.c
        last = select(its.part, its.code, func.max(its.at).label("at")).group_by(its.part, its.code).subquery()
        same = (its.part == last.c.part) & (its.code == last.c.code) & (its.at == last.c.at)
        with self._books.reading() as connection:
            found = [_condition(*row) for row in connection.execute(select(conditions).join(last, same))]
        return {(one.part, one.code): one for one in found}

    def series(self, code: Code, parts: Collection[str] | None, until: int) -> list[Condition]:
        """All changes of a condition up to an instant [ms], in order, of these parts or of all."""
        its = conditions.c
        query = select(conditions).where(its.code == code, its.at <= until).order_by(its.part, its.at)
        with self._books.reading() as connection:
            rows = connection.execute(query if parts is None else query.where(its.part.in_(sorted(parts))))
            return [_condition(*row) for row in rows]

    def said_until(self) -> dict[str, int]:
        """Of each ingest, by its journal, until when what it says of itself is known to hold [ms]."""
        with self._books.reading() as connection:
            return {row.journal: row.updated_at for row in connection.execute(select(ledgers))}

    def oldest_mark(self) -> int | None:
        """Since when something waits for the processor [ms]; None where nothing does."""
        with self._books.reading() as connection:
            return connection.execute(select(func.min(marks.c.first_touched))).scalar()

    def mark(self, found: Collection[Condition], now: int) -> None:
        """Have alerts look again at what has not changed for long."""
        with self._books.writing() as connection:
            _touch(connection, found, now)


def _touch(connection: Connection, found: Collection[Condition], now: int) -> None:
    changed: dict[tuple[str, str, int], set[str]] = defaultdict(set)
    for one in found:
        changed[OURSELVES, one.code, one.at - 1].add(one.part)
    touch_alerts(connection, changed, now)


def _condition(part: str, code: Code, at: int, value: str, why: str, teller: str) -> Condition:
    return Condition(part, code, at, Decimal(value), why, teller)
