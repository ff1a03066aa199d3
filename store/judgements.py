"""What processors write into the books: claims on changed windows, indicators with their revisions, running values.

Indicators of closed periods are append-only: a revision names the one it supersedes and why, and (indicator, scope,
period, standard, supersedes) is unique, so of two processors the loser's save fails and it computes again. A period that
is still open has one running value, replaced in place.

A mark is claimed with a lease and cleared, in the transaction that saves what was computed from it, only if nobody has
touched the window since.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, Table, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from store.books import Books, MarkKey
from store.parts import parts
from store.schema import marks, revisions, running
from store.standings import mark_judged

Finality = Literal["provisional", "under review", "final", "proposed"]
"""How far a closed period is: published and revised by itself; people are looking at it, and it is still revised; settled. What
is computed of a settled one is only proposed until a person accepts it (`store/reviews.py`)."""


_SETTLED: Collection[Finality] = ("final", "proposed")


class Superseded(Exception):
    """Another processor saved the same revision first: nothing was written."""


class Key(NamedTuple):
    """What an indicator value is of. `period` is a civil day (2026-03-05), month (2026-03) or year (2026)."""

    indicator: str
    scope: str
    period: str
    standard: str


class Judgement(NamedTuple):
    """A computed value. `value` is decimal text, None where not assessable; coverage is `valid` of `expected`;
    `detail` is what `explain` shows besides; `computed_at` [ms]."""

    key: Key
    value: str | None
    unit: str
    status: str
    valid: int
    expected: int
    code_version: str
    stations: tuple[str, ...]
    detail: Mapping[str, Any]
    computed_at: int


class Revision(NamedTuple):
    """A judgement of a closed period as published; `supersedes` is 0 for the first."""

    id: int
    judgement: Judgement
    finality: Finality
    supersedes: int
    reason: str


class Running(NamedTuple):
    """The value of a period that is still open, and when it closes [ms]."""

    judgement: Judgement
    closes_at: int


class Closed(NamedTuple):
    """A judgement of a closed period that says something new: the revision it supersedes (None: the first), and why."""

    judgement: Judgement
    before: Revision | None
    reason: str


class Mark(NamedTuple):
    """A claimed window and the sequence it was claimed at."""

    key: MarkKey
    sequence: int


class Claims:
    """Marks, for one processor."""

    def __init__(self, books: Books, *, quiet_ms: int = 1_000, most_ms: int = 10_000, lease_ms: int = 60_000) -> None:
        self._books = books
        self._quiet_ms = quiet_ms
        self._most_ms = most_ms
        self._lease_ms = lease_ms

    def take(self, now: int, most: int) -> list[Mark]:
        """Lease up to `most` windows, oldest hours first, that have been quiet for a second or changing for ten."""
        ready = or_(marks.c.last_touched <= now - self._quiet_ms, marks.c.first_touched <= now - self._most_ms)
        with self._books.writing() as connection:
            rows = connection.execute(
                select(marks.c.family, marks.c.station, marks.c.period, marks.c.hour, marks.c.sequence)
                .where(ready, marks.c.leased_until <= now)
                .order_by(marks.c.hour)
                .limit(most)
            ).all()
            taken = [Mark(MarkKey(*row[:4]), row[4]) for row in rows]
            _lease(connection, taken, now + self._lease_ms)
            return taken

    def release(self, taken: Sequence[Mark]) -> None:
        """Give marks back unprocessed."""
        with self._books.writing() as connection:
            _lease(connection, taken, 0)

    def waiting(self) -> int:
        """How many windows are marked, claimed or not."""
        with self._books.reading() as connection:
            return int(connection.execute(select(func.count()).select_from(marks)).scalar_one())


class Judgements:
    """Indicators in the books."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def save(
        self, closed: Sequence[Closed], open_: Sequence[Running], cleared: Sequence[Mark], ended: Collection[Key] = ()
    ) -> None:
        """In one transaction: revisions of closed periods, running values of open ones, the marks they were computed from;
        the running values of `ended` periods are taken away; and alerts are to look at what changed (`standings.py`).

        A value that differs from a *final* one is saved as proposed: a person accepts it. Other revisions are as far as the one
        before. Raises Superseded.
        """
        with self._books.translated(), self._books.engine.execution_options(immediate=True).begin() as connection:
            insert_revisions(connection, (_following(one) for one in closed))
            gone = [_named(key) for key in (*ended, *(value.judgement.key for value in open_))]
            if gone:
                connection.execute(delete(running).where(*_IS_RUNNING), gone)
            if open_:
                rows = [_row(value.judgement) | {"closes_at": value.closes_at} for value in open_]
                connection.execute(insert(running), rows)
            in_force = [one.judgement for one in closed if one.before is None or one.before.finality not in _SETTLED]
            mark_judged(connection, in_force, [one.judgement for one in open_])
            if cleared:
                untouched = delete(marks).where(*_IS_MARK, marks.c.sequence == bindparam("its_sequence"))
                connection.execute(untouched, _rows(cleared))

    def latest(
        self,
        indicator: str | None = None,
        *,
        scope: str | None = None,
        first: str | None = None,
        last: str | None = None,
    ) -> list[Revision]:
        """The revision in force of every closed period, by key; periods from `first` to `last` as text, both included.

        A proposed revision is not in force until a person accepts it.
        """
        newest = _in_force(indicator, scope, first, last)
        query = select(revisions).where(revisions.c.id.in_(newest)).order_by(*_key_columns(revisions))
        with self._books.reading() as connection:
            return [_revision(row._mapping) for row in connection.execute(query)]

    def statuses(self, indicator: str, scope: str, first: str, last: str) -> dict[str, str]:
        """The status in force of each closed period from `first` to `last`, by period."""
        newest = _in_force(indicator, scope, first, last)
        query = select(revisions.c.period, revisions.c.status).where(revisions.c.id.in_(newest))
        with self._books.reading() as connection:
            return {row.period: row.status for row in connection.execute(query)}

    def current(self, indicator: str, scope: str, period: str) -> tuple[Judgement, str] | None:
        """The value of a period and its finality: `running` while it is open, else the revision in force."""
        for value in self.running(indicator, scope=scope, first=period, last=period):
            return value.judgement, "running"
        for revision in self.latest(indicator, scope=scope, first=period, last=period):
            return revision.judgement, revision.finality
        return None

    def standing(
        self, indicator: str, *, scope: str | None = None, first: str | None = None, last: str | None = None
    ) -> dict[tuple[str, str], tuple[Judgement, str]]:
        """By (scope, period) the value of each period and its finality, as `current` gives one."""
        closed = self.latest(indicator, scope=scope, first=first, last=last)
        found = {(r.judgement.key.scope, r.judgement.key.period): (r.judgement, str(r.finality)) for r in closed}
        return found | {
            (r.judgement.key.scope, r.judgement.key.period): (r.judgement, "running")
            for r in self.running(indicator, scope=scope, first=first, last=last)
        }

    def newest(self, keys: Collection[Key]) -> dict[Key, Revision]:
        """The last revision of each key that has any, proposed ones too: what the next one supersedes."""
        found: dict[Key, Revision] = {}
        last = select(func.max(revisions.c.id)).group_by(*_key_columns(revisions))
        periods = sorted({key.period for key in keys})
        with self._books.reading() as connection:
            for chunk in parts(periods):
                query = select(revisions).where(
                    revisions.c.period.in_(chunk), revisions.c.id.in_(last.where(revisions.c.period.in_(chunk)))
                )
                for row in connection.execute(query):
                    revision = _revision(row._mapping)
                    found[revision.judgement.key] = revision
        return {key: found[key] for key in keys if key in found}

    def last_ones(self, finality: Finality) -> list[Revision]:
        """Of the keys whose last revision is so far, that revision; oldest first."""
        last = select(func.max(revisions.c.id)).group_by(*_key_columns(revisions))
        query = select(revisions).where(revisions.c.finality == finality, revisions.c.id.in_(last))
        with self._books.reading() as connection:
            return [_revision(row._mapping) for row in connection.execute(query.order_by(revisions.c.id))]

    def revised(self, indicator: str, scope: str, first: str, last: str) -> list[Revision]:
        """Revisions that supersede one, of periods from `first` to `last`, oldest first; proposed ones too."""
        asked = _asked(revisions, indicator, scope, first, last)
        query = select(revisions).where(*asked, revisions.c.supersedes != 0).order_by(revisions.c.id)
        with self._books.reading() as connection:
            return [_revision(row._mapping) for row in connection.execute(query)]

    def histories(self, indicator: str, first: str, last: str) -> list[Revision]:
        """Every revision of an indicator's periods from `first` to `last`, oldest first, proposed ones too."""
        asked = _asked(revisions, indicator, None, first, last)
        with self._books.reading() as connection:
            rows = connection.execute(select(revisions).where(*asked).order_by(revisions.c.id))
            return [_revision(row._mapping) for row in rows]

    def after(self, number: int, most: int) -> list[Revision]:
        """Up to `most` revisions of everything after that number, oldest first, proposed ones too."""
        query = select(revisions).where(revisions.c.id > number).order_by(revisions.c.id).limit(most)
        with self._books.reading() as connection:
            if connection.dialect.name == "postgresql":
                # Numbers are given before they are committed: whoever writes now is waited for, so that none is passed over.
                connection.exec_driver_sql("LOCK TABLE revisions IN SHARE MODE")
            return [_revision(row._mapping) for row in connection.execute(query)]

    def history(self, key: Key) -> list[Revision]:
        """Every revision of one value, oldest first, proposed ones too."""
        with self._books.reading() as connection:
            rows = connection.execute(select(revisions).where(*_is(revisions, key)).order_by(revisions.c.id))
            return [_revision(row._mapping) for row in rows]

    def running(
        self,
        indicator: str | None = None,
        *,
        scope: str | None = None,
        first: str | None = None,
        last: str | None = None,
        closed_by: int | None = None,
        computed_from: int | None = None,
    ) -> list[Running]:
        """Running values; only those whose period closes at or before `closed_by` [ms], and that were computed at
        `computed_from` [ms] or after, where given."""
        query = select(running).where(*_asked(running, indicator, scope, first, last)).order_by(*_key_columns(running))
        if closed_by is not None:
            query = query.where(running.c.closes_at <= closed_by)
        if computed_from is not None:
            query = query.where(running.c.computed_at >= computed_from)
        with self._books.reading() as connection:
            return [Running(_judgement(row._mapping), row.closes_at) for row in connection.execute(query)]


def same_verdict(one: Judgement, other: Judgement) -> bool:
    """Whether nothing changed of what is published, or of what longer periods are made of: all but when and by which version of
    the code it was computed."""
    return _published(one) == _published(other)


def _published(judgement: Judgement) -> tuple[object, ...]:
    # As JSON, because what was read from the books has lists where what was just computed may have tuples.
    detail = json.dumps(judgement.detail, sort_keys=True)
    return (
        judgement.key, judgement.value, judgement.status, judgement.valid, judgement.expected, judgement.stations, detail,
    )  # fmt: skip


def _lease(connection: Connection, taken: Sequence[Mark], until: int) -> None:
    if taken:
        unchanged = marks.c.sequence == bindparam("its_sequence")
        connection.execute(update(marks).where(*_IS_MARK, unchanged).values(leased_until=until), _rows(taken))


_IS_MARK = tuple(marks.c[name] == bindparam(f"its_{name}") for name in MarkKey._fields)


def _rows(taken: Iterable[Mark]) -> list[dict[str, Any]]:
    """Marks as the parameters of `_IS_MARK`, and their sequence."""
    return [{f"its_{k}": v for k, v in m.key._asdict().items()} | {"its_sequence": m.sequence} for m in taken]


_IS_RUNNING = tuple(running.c[name] == bindparam(f"its_{name}") for name in Key._fields)


def _named(key: Key) -> dict[str, Any]:
    """A key as the parameters of `_IS_RUNNING`."""
    return {f"its_{name}": value for name, value in key._asdict().items()}


def _is(table: Table, key: Key) -> tuple[Any, ...]:
    return tuple(table.c[name] == value for name, value in key._asdict().items())


def _key_columns(table: Table) -> tuple[Any, ...]:
    return tuple(table.c[name] for name in Key._fields)


def _asked(
    table: Table, indicator: str | None, scope: str | None, first: str | None, last: str | None
) -> list[ColumnElement[bool]]:
    """The conditions of a question, those that were asked."""
    conditions: list[ColumnElement[bool]] = []
    if indicator is not None:
        conditions.append(table.c.indicator == indicator)
    if scope is not None:
        conditions.append(table.c.scope == scope)
    if first is not None:
        conditions.append(table.c.period >= first)
    if last is not None:
        conditions.append(table.c.period <= last)
    return conditions


def _in_force(indicator: str | None, scope: str | None, first: str | None, last: str | None) -> Select[tuple[int]]:
    """The numbers of the revisions in force, of those that were asked for."""
    asked = _asked(revisions, indicator, scope, first, last)
    in_force = select(func.max(revisions.c.id)).where(*asked, revisions.c.finality != "proposed")
    return in_force.group_by(*_key_columns(revisions))


def insert_revisions(connection: Connection, made: Iterable[tuple[Judgement, Finality, int, str]]) -> None:
    """Revisions (judgement, finality, supersedes, reason) within the caller's transaction. Raises Superseded where another one
    supersedes the same."""
    rows = [
        _row(judgement) | {"finality": finality, "supersedes": supersedes, "reason": reason}
        for judgement, finality, supersedes, reason in made
    ]
    if rows:
        try:
            connection.execute(insert(revisions), rows)
        except IntegrityError as error:
            raise Superseded from error


def _following(closed: Closed) -> tuple[Judgement, Finality, int, str]:
    """What a judgement becomes after the revision before it."""
    judgement, before, reason = closed
    if before is None:
        return judgement, "provisional", 0, reason
    return judgement, "proposed" if before.finality == "final" else before.finality, before.id, reason


def _row(judgement: Judgement) -> dict[str, Any]:
    fields = judgement._asdict()
    del fields["key"]
    return {
        **fields,
        **judgement.key._asdict(),
        "stations": json.dumps(judgement.stations),
        "detail": json.dumps(judgement.detail, ensure_ascii=False),
    }


def _judgement(row: Mapping[Any, Any]) -> Judgement:
    fields = {name: row[name] for name in Judgement._fields if name not in {"key", "stations", "detail"}}
    key = Key(*(row[name] for name in Key._fields))
    return Judgement(key=key, stations=tuple(json.loads(row["stations"])), detail=json.loads(row["detail"]), **fields)


def _revision(row: Mapping[Any, Any]) -> Revision:
    return Revision(row["id"], _judgement(row), row["finality"], row["supersedes"], row["reason"])
