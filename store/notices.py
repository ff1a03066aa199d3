"""The outbox: whom people are told of incidents by which channel, in the books; and what became of each notice.

A planner reads the lines of the incidents' log after its cursor and saves notices and cursor in one transaction: a crash before
it repeats the decision, a crash after it repeats nothing, and of two planners the loser writes nothing. A notice is then tried by
whoever holds its lease until it is sent or given up; what its holder has not said by the lease's end is tried again, with the
same `uid`. So everything is sent at least once, and a receiver that remembers uids has it once.

    waiting   → sent | in digest | given up
"""

import json
import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from typing import Any, Literal, NamedTuple

from sqlalchemy import Connection, Row, delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import Insert

from store.books import Books
from store.judgements import Superseded
from store.schema import counters, incident_log, incidents, ladders, notices, withheld
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


class Waiting(NamedTuple):
    """What is looked at of notices that wait, to choose which is tried; times in [ms]."""

    id: int
    incident: int
    person: str
    what: str
    severity: str
    title: str
    due_at: int
    leased_until: int
    tries: int


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


_ITS = [notices.c[name] for name in Notice._fields]


class Outbox:
    """The outbox in the books. Methods raise BooksUnavailable."""

    def __init__(self, books: Books) -> None:
        self._books = books

    # What a planner reads and writes.

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
            for chunk in _chunks(sorted(found)):
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
                connection.execute(_new_notice(connection), [_values(draft, now) for draft in plan.told])

    def add(self, draft: NoticeDraft, now: int) -> int | None:
        """One more notice, outside of any plan; its number. None where of its cause they were told."""
        with self._books.writing() as connection:
            return _add(connection, draft, now)

    # What those who deliver read and write.

    def due(self, now: int) -> list[str]:
        """The channels for which notices wait that can be tried now."""
        its = notices.c
        query = select(its.channel).where(its.state == "waiting", its.due_at <= now, its.leased_until <= now)
        with self._books.reading() as connection:
            return sorted(connection.execute(query.distinct()).scalars())

    def waiting(self, channel: str, most: int) -> list[Waiting]:
        """Up to `most` notices of a channel that are not sent, the oldest first; those that are tried now too."""
        its = notices.c
        columns = [its[name] for name in Waiting._fields]
        query = select(*columns).where(its.channel == channel, its.state == "waiting").order_by(its.id).limit(most)
        with self._books.reading() as connection:
            return [Waiting(*row) for row in connection.execute(query)]

    def in_digests(self, channel: str) -> Set[tuple[int, str]]:
        """Of which incidents notices are in digests of a channel that wait, with the person that is told."""
        its, digest = notices.c, notices.alias()
        query = (
            select(its.incident, its.person)
            .join(digest, its.digest == digest.c.id)
            .where(its.channel == channel, its.state == "in digest", digest.c.state == "waiting", its.incident > 0)
        )
        with self._books.reading() as connection:
            return {(row.incident, row.person) for row in connection.execute(query)}

    def sent_since(self, channel: str, since: int, most: int) -> list[int]:
        """When notices of a channel went out after that time [ms], oldest first, the last `most`; those that are tried now count
        as of then."""
        its = notices.c
        gone = (its.state == "sent") & (its.done_at > since)
        query = select(its.done_at).where(its.channel == channel, gone).order_by(its.done_at.desc()).limit(most)
        tried = select(its.leased_until).where(
            its.channel == channel, its.state == "waiting", its.leased_until > since, its.holder != ""
        )
        with self._books.reading() as connection:
            return sorted([*connection.execute(query).scalars(), *connection.execute(tried).scalars()])

    def take(self, number: int, holder: str, now: int, until: int) -> Notice | None:
        """Hold the lease of a notice; None where somebody was first."""
        with self._books.writing() as connection:
            held = _taken(connection, [number], {"holder": holder, "leased_until": until}, now) == 1
            return _one(connection, number) if held else None

    def digest(
        self, members: Sequence[Waiting], draft: NoticeDraft, holder: str, now: int, until: int
    ) -> Notice | None:
        """Put notices into one, whose lease is held; None where somebody was first: nothing was written."""
        try:
            with self._books.writing() as connection:
                number = _add(connection, draft, now)
                into = {"state": "in digest", "done_at": now, "digest": number}
                _require(
                    number is not None and _taken(connection, [one.id for one in members], into, now) == len(members)
                )
                _taken(connection, [number or 0], {"holder": holder, "leased_until": until}, now)
                return _one(connection, number or 0)
        except Superseded:
            return None

    def sent(self, notice: Notice, holder: str, now: int) -> None:
        """It was taken by its receiver. Said by whoever tried it, also after its lease."""
        self._done(notice, holder, {"state": "sent", "done_at": now, "error": ""})

    def failed(self, notice: Notice, holder: str, *, error: str, due_at: int) -> None:
        """It was not taken, and is tried again at that time [ms]."""
        self._done(notice, holder, {"due_at": due_at, "error": error})

    def _done(self, notice: Notice, holder: str, values: Mapping[str, Any]) -> None:
        its = notices.c
        held = (its.id == notice.id) & (its.holder == holder) & (its.state == "waiting")
        with self._books.writing() as connection:
            connection.execute(
                update(notices).where(held).values(**values, tries=its.tries + 1, leased_until=0, holder="")
            )

    def give_up(self, notice: Notice, holder: str, *, error: str, now: int) -> None:
        """It was not taken, and is tried no more; so it is with what went into it. Said in the log of the incidents, which people
        are told of; but not of one that says so itself."""
        its = notices.c
        held = (its.id == notice.id) & (its.holder == holder) & (its.state == "waiting")
        end = {"state": "given up", "done_at": now, "error": error, "leased_until": 0, "holder": ""}
        with self._books.writing() as connection:
            done = connection.execute(update(notices).where(held).values(**end, tries=its.tries + 1)).rowcount
            if done != 1:
                return
            connection.execute(
                update(notices).where(its.digest == notice.id).values(state="given up", error=error, done_at=now)
            )
            lost = select(its.incident).where(
                (its.id == notice.id) | (its.digest == notice.id), its.incident > 0, its.what != GIVEN_UP
            )
            numbers = sorted(set(connection.execute(lost).scalars()))
            for number in numbers:
                level = connection.execute(select(incidents.c.level).where(incidents.c.id == number)).scalar() or 0
                why = f"{notice.channel}: {error}"
                values = {
                    "incident": number,
                    "at": now,
                    "what": GIVEN_UP,
                    "why": why,
                    "who": "cityflux",
                    "level": level,
                }
                connection.execute(insert(incident_log), values)

    # What people read.

    def deliveries(self, *, incident: int | None = None, since: int = 0) -> list[Notice]:
        """Notices made at `since` [ms] or later, of one incident or of all, the newest first."""
        query = select(*_ITS).where(notices.c.made_at >= since)
        if incident is not None:
            query = query.where(notices.c.incident == incident)
        with self._books.reading() as connection:
            return [_notice(row) for row in connection.execute(query.order_by(notices.c.id.desc()))]

    def one(self, number: int) -> Notice | None:
        """A notice by its number."""
        with self._books.reading() as connection:
            return _one(connection, number)


def _add(connection: Connection, draft: NoticeDraft, now: int) -> int | None:
    """The number of a new notice; None where of its cause they were told."""
    made = _new_notice(connection).returning(notices.c.id)
    return connection.execute(made, _values(draft, now)).scalar()


def _new_notice(connection: Connection) -> Insert:
    return insert_into(connection, notices).on_conflict_do_nothing(index_elements=["cause", "channel", "person"])


def _values(draft: NoticeDraft, now: int) -> dict[str, Any]:
    facts = json.dumps(draft.facts, ensure_ascii=False)
    return {**draft._asdict(), "facts": facts, "uid": secrets.token_hex(8), "made_at": now, "due_at": now}


def _taken(connection: Connection, numbers: Sequence[int], values: Mapping[str, Any], now: int) -> int:
    """How many of these notices waited, unheld, and have these values now."""
    its, done = notices.c, 0
    for chunk in _chunks(numbers):
        free = its.id.in_(chunk) & (its.state == "waiting") & (its.leased_until <= now)
        done += connection.execute(update(notices).where(free).values(**values)).rowcount
    return done


def _require(condition: bool) -> None:
    """Raises Superseded where it is not so: nothing is written."""
    if not condition:
        raise Superseded


def _set_ladders(connection: Connection, its: Sequence[Ladder]) -> None:
    if its:
        upsert = insert_into(connection, ladders)
        changed = {name: upsert.excluded[name] for name in Ladder._fields}
        connection.execute(
            upsert.on_conflict_do_update(index_elements=["incident", "role"], set_=changed),
            [ladder._asdict() for ladder in its],
        )


def _chunks(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    """So many at once as a statement takes."""
    return (numbers[start : start + 500] for start in range(0, len(numbers), 500))


def _one(connection: Connection, number: int) -> Notice | None:
    row = connection.execute(select(*_ITS).where(notices.c.id == number)).first()
    return None if row is None else _notice(row)


def _notice(row: Row[Any]) -> Notice:
    values = dict(row._mapping)
    return Notice(**{**values, "facts": json.loads(values["facts"])})
