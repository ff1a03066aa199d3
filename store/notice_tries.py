"""How notices are tried: who holds which, what became of it, and what goes into one digest.

A notice is tried by whoever holds its lease until it is sent or given up; what its holder has not said by the lease's end is
tried again, with the same `uid`. So everything is sent at least once, and a receiver that remembers uids has it once.

    waiting   → sent | in digest | given up
"""

from collections.abc import Mapping, Sequence, Set
from typing import Any, NamedTuple

from sqlalchemy import Connection, insert, select, update

from store.alert_schema import incident_log, incidents, notices
from store.books import Books
from store.judgements import Superseded
from store.notices import GIVEN_UP, ITS, Notice, NoticeDraft, new_notice, notice_of, values_of
from store.parts import parts


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


class Tries:
    """What those who deliver read and write. Methods raise BooksUnavailable."""

    def __init__(self, books: Books) -> None:
        self._books = books

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


def _add(connection: Connection, draft: NoticeDraft, now: int) -> int | None:
    """The number of a new notice; None where of its cause they were told."""
    made = new_notice(connection).returning(notices.c.id)
    return connection.execute(made, values_of(draft, now)).scalar()


def _taken(connection: Connection, numbers: Sequence[int], values: Mapping[str, Any], now: int) -> int:
    """How many of these notices waited, unheld, and have these values now."""
    its, done = notices.c, 0
    for chunk in parts(numbers):
        free = its.id.in_(chunk) & (its.state == "waiting") & (its.leased_until <= now)
        done += connection.execute(update(notices).where(free).values(**values)).rowcount
    return done


def _require(condition: bool) -> None:
    """Raises Superseded where it is not so: nothing is written."""
    if not condition:
        raise Superseded


def _one(connection: Connection, number: int) -> Notice | None:
    row = connection.execute(select(*ITS).where(notices.c.id == number)).first()
    return None if row is None else notice_of(row)
