"""The outbox: whom people are told of incidents by which channel, in the books; and what became of each notice.

A planner reads the lines of the incidents' log after its cursor and saves notices and cursor in one transaction: a crash before
it repeats the decision, a crash after it repeats nothing, and of two planners the loser writes nothing. How it is then tried is
in `store/notice_tries.py`.
"""

import json
import secrets
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from sqlalchemy import Connection, Row, delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import Insert

from store.alert_schema import incident_log, incidents, ladders, notices, withheld
from store.books import Books
from store.judgements import Superseded
from store.parts import parts
from store.schema import counters
from store.transaction import insert_into

State = Literal["waiting", "sent", "in digest", "given up"]

_CURSOR = "notice_cursor"
GIVEN_UP = "not delivered"
"""The line of an incident's log that says that a notice of it was given up."""


class Line(NamedTuple):
    """A line of the log of incidents: what happened to which, when it was written [ms], why, and its level then."""

    id: int
    incident: int
    at: int
    what: str
    why: str
    who: str
    level: int


class NoticeDraft(NamedTuple):
    """What is to be told, to whom: of one `cause` a channel and a person are told once. `incident` 0: of none."""

    cause: str
    channel: str
    person: str
    incident: int
    what: str
    severity: str
    title: str
    body: str
    facts: Mapping[str, Any]


class Notice(NamedTuple):
    """A notice as stored, times in [ms]."""

    id: int
    uid: str
    channel: str
    person: str
    incident: int
    what: str
    severity: str
    title: str
    body: str
    facts: Mapping[str, Any]
    made_at: int
    due_at: int
    leased_until: int
    tries: int
    state: State
    done_at: int | None
    error: str
    digest: int | None


class Ladder(NamedTuple):
    """Whom of a role an incident has come to: the round that a line began, the step told last, and when the next one is due
    [ms]."""

    incident: int
    role: str
    round: int
    step: int
    due_at: int


class Withheld(NamedTuple):
    """An incident of which nobody was told on purpose, and why."""

    id: int
    incident: int
    why: str
    at: int


class Plan(NamedTuple):
    """What one look decided, saved as a whole: the line up to which the log is read, what is told, which ladders begin or go on
    and which end (incidents), what is withheld (incident, why; where it is already it stays so), and what is withheld no more
    (number, why)."""

    cursor: int
    told: Sequence[NoticeDraft] = ()
    ladders: Sequence[Ladder] = ()
    ended: Collection[tuple[int, str]] = ()
    withheld: Sequence[tuple[int, str]] = ()
    released: Sequence[tuple[int, str]] = ()


ITS = [notices.c[name] for name in Notice._fields]


class Outbox:
    """The outbox in the books. Methods raise BooksUnavailable."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def cursor(self) -> int | None:
        """The last line of the log that is decided; None where nobody has looked yet."""
        with self._books.reading() as connection:
            there = select(counters.c.value).where(counters.c.name == _CURSOR)
            return connection.execute(there).scalar()

    def begin(self, since: int) -> None:
        """Look at the log from the first line written at `since` [ms] or later; does nothing where somebody has looked."""
        with self._books.writing() as connection:
            last = select(func.max(incident_log.c.id)).where(incident_log.c.at < since)
            values = {"name": _CURSOR, "value": connection.execute(last).scalar() or 0}
            connection.execute(insert_into(connection, counters).on_conflict_do_nothing(), values)

    def lines(self, after: int, most: int) -> list[Line]:
        """Up to `most` lines of the log after that one, oldest first."""
        its = incident_log.c
        query = select(*(its[name] for name in Line._fields)).where(its.id > after).order_by(its.id).limit(most)
        with self._books.reading() as connection:
            if connection.dialect.name == "postgresql":
                # Numbers are given before they are committed: whoever writes now is waited for, so that none is passed over.
                connection.exec_driver_sql("LOCK TABLE incident_log IN SHARE MODE")
            return [Line(*row) for row in connection.execute(query)]

    def told(self, numbers: Collection[int]) -> dict[int, set[tuple[str, str]]]:
        """By incident who was told of it, or of one that was joined to it: (channel, person)."""
        found: dict[int, set[tuple[str, str]]] = {number: set() for number in numbers}
        its = notices.c
        with self._books.reading() as connection:
            for chunk in parts(sorted(found)):
                query = select(its.incident, its.channel, its.person).where(its.incident.in_(chunk)).distinct()
                # What was joined to an incident, of the same rule and subject, goes on as that one.
                one, other = incidents.alias(), incidents.alias()
                same = (other.c.rule == one.c.rule) & (other.c.subject == one.c.subject)
                joined = (
                    select(one.c.id, its.channel, its.person)
                    .join(other, same & (other.c.joined_into == one.c.id))
                    .join(notices, its.incident == other.c.id)
                    .where(one.c.id.in_(chunk))
                )
                for number, channel, person in [*connection.execute(query), *connection.execute(joined)]:
                    found[number].add((channel, person))
        return found

    def due_ladders(self, now: int, most: int) -> list[Ladder]:
        """Ladders whose next step is due, those that wait longest first."""
        query = select(*ladders.c).where(ladders.c.due_at <= now).order_by(ladders.c.due_at).limit(most)
        with self._books.reading() as connection:
            return [Ladder(*row) for row in connection.execute(query)]

    def withheld(self) -> list[Withheld]:
        """What is withheld now, oldest first."""
        query = select(*(withheld.c[name] for name in Withheld._fields)).where(withheld.c.ended_at.is_(None))
        with self._books.reading() as connection:
            return [Withheld(*row) for row in connection.execute(query.order_by(withheld.c.id))]

    def save(self, plan: Plan, *, knowing: int, now: int) -> None:
        """What was decided, knowing the log up to the cursor `knowing`, in one transaction. Raises Superseded: nothing was
        written."""
        with self._books.writing() as connection:
            its = counters.c
            same = (its.name == _CURSOR) & (its.value == knowing)
            if connection.execute(update(counters).where(same).values(value=plan.cursor)).rowcount != 1:
                raise Superseded
            for incident, role in plan.ended:
                of = ladders.c
                connection.execute(delete(ladders).where(of.incident == incident, of.role == role))
            _set_ladders(connection, plan.ladders)
            for number, why in plan.released:
                ended = update(withheld).where(withheld.c.id == number, withheld.c.ended_at.is_(None))
                if connection.execute(ended.values(ended_at=now, ended_why=why)).rowcount != 1:
                    raise Superseded
            # A ladder that is due moves no cursor: of two planners both may withhold its incident.
            there = set(connection.execute(select(withheld.c.incident).where(withheld.c.ended_at.is_(None))).scalars())
            rows = [{"incident": one, "why": why, "at": now} for one, why in plan.withheld if one not in there]
            if rows:
                connection.execute(insert(withheld), rows)
            if plan.told:
                connection.execute(new_notice(connection), [values_of(draft, now) for draft in plan.told])

    def deliveries(self, *, incident: int | None = None, since: int = 0) -> list[Notice]:
        """Notices made at `since` [ms] or later, of one incident or of all, the newest first."""
        query = select(*ITS).where(notices.c.made_at >= since)
        if incident is not None:
            query = query.where(notices.c.incident == incident)
        with self._books.reading() as connection:
            return [notice_of(row) for row in connection.execute(query.order_by(notices.c.id.desc()))]


def new_notice(connection: Connection) -> Insert:
    """The insert of notices; of one cause a channel and a person are told once."""
    return insert_into(connection, notices).on_conflict_do_nothing(index_elements=["cause", "channel", "person"])


def values_of(draft: NoticeDraft, now: int) -> dict[str, Any]:
    """A new notice as it is stored, with its uid."""
    facts = json.dumps(draft.facts, ensure_ascii=False)
    return {**draft._asdict(), "facts": facts, "uid": secrets.token_hex(8), "made_at": now, "due_at": now}


def _set_ladders(connection: Connection, its: Sequence[Ladder]) -> None:
    if its:
        upsert = insert_into(connection, ladders)
        changed = {name: upsert.excluded[name] for name in Ladder._fields}
        connection.execute(
            upsert.on_conflict_do_update(index_elements=["incident", "role"], set_=changed),
            [ladder._asdict() for ladder in its],
        )


def notice_of(row: Row[Any]) -> Notice:
    """A row of `ITS`."""
    values = dict(row._mapping)
    return Notice(**{**values, "facts": json.loads(values["facts"])})
