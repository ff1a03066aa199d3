"""Silences and shift notes in the books: what people do not want to be told for a while, and what one shift leaves to the next.

A silence changes no incident: it lives on, and is told when the silence ends and it still holds. What follows a beginning that
people were told of before, its end too, is told meanwhile.
"""

import json
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import insert, select, update

from store.alert_schema import shift_notes, silences
from store.books import Books
from store.incidents import Incident
from store.transaction import note


class Silence(NamedTuple):
    """From `since` to `until` [ms] nobody is told of beginnings of incidents of a rule ("": of any) at a subject
    ("": at any)."""

    rule: str
    subject: str
    since: int
    until: int
    why: str
    id: int = 0
    entered_by: str = ""
    ended_by: str | None = None
    ended_at: int | None = None

    def covers(self, one: Incident, now: int) -> bool:
        """Whether nobody is told of that incident now."""
        its = self.rule in {"", one.rule} and self.subject in {"", one.subject}
        return its and self.since <= now < self.until and self.ended_at is None


class ShiftNote(NamedTuple):
    """What somebody left to the next shift, when [ms], and the incidents that held then."""

    id: int
    at: int
    who: str
    note: str
    open: Sequence[int]


class Silences:
    """Silences in the books. Methods raise BooksUnavailable."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def add(self, silence: Silence, *, who: str) -> int:
        """Enter a silence; its number. Raises ValueError where it ends before it begins, or is of everything."""
        if silence.until <= silence.since:
            raise ValueError("a silence ends after it begins")
        if not silence.rule and not silence.subject:
            raise ValueError("a silence is of a rule, of a subject, or of both: one of everything would hide all")
        values = {name: getattr(silence, name) for name in ("rule", "subject", "since", "until", "why")}
        with self._books.writing() as connection:
            made = insert(silences).values(**values, entered_by=who).returning(silences.c.id)
            number: int = connection.execute(made).scalar_one()
            note(connection, silence.since, who, "alerts silenced", f"silence/{number}", values)
            return number

    def end(self, number: int, *, who: str, why: str, now: int) -> bool:
        """End a silence before its time; False where none of that number holds."""
        its = silences.c
        holds = (its.id == number) & its.ended_at.is_(None) & (its.until > now)
        with self._books.writing() as connection:
            done = connection.execute(update(silences).where(holds).values(ended_by=who, ended_at=now)).rowcount == 1
            if done:
                note(connection, now, who, "silence ended", f"silence/{number}", {"why": why})
            return done

    def all(self, *, since: int) -> list[Silence]:
        """Those that were not over before `since` [ms], by their beginning."""
        its = silences.c
        query = select(*(its[name] for name in Silence._fields)).where(its.until > since).order_by(its.since, its.id)
        with self._books.reading() as connection:
            return [Silence(*row) for row in connection.execute(query)]


class ShiftNotes:
    """Shift notes in the books. Methods raise BooksUnavailable."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def write(self, text: str, holding: Sequence[int], *, who: str, now: int) -> int:
        """Leave a note with the numbers of the incidents that hold; its number."""
        values = {"at": now, "who": who, "note": text, "open": json.dumps(list(holding))}
        with self._books.writing() as connection:
            made = insert(shift_notes).values(values).returning(shift_notes.c.id)
            number: int = connection.execute(made).scalar_one()
            note(
                connection, now, who, "shift handed over", f"shift-note/{number}", {"note": text, "open": list(holding)}
            )
            return number

    def last(self, most: int) -> list[ShiftNote]:
        """The last ones, the newest first."""
        query = select(*(shift_notes.c[name] for name in ShiftNote._fields)).order_by(shift_notes.c.id.desc())
        with self._books.reading() as connection:
            rows = connection.execute(query.limit(most))
            return [ShiftNote(row.id, row.at, row.who, row.note, json.loads(row.open)) for row in rows]
