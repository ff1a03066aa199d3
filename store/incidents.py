"""Incidents in the books: what alert rules have still to look at, what was told, and what people did about it.

An evaluator takes marks, looks, and saves in one transaction: changes of incidents with their log, and the marks, each only if
nobody touched its series since. What it knew of a rule at a subject has a version: of two evaluators the loser's save fails and
it looks again, so nothing is told twice. A crash before the save leaves the marks.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from store.books import Books
from store.judgements import Superseded
from store.schema import alert_marks, incident_log, incident_versions, incidents
from store.transaction import insert_into, note

Phase = Literal["firing", "recovering", "resolved"]
What = Literal[
    "opened", "raised", "lowered", "recovering", "fired again", "reopened", "resolved", "corrected", "withdrawn", "joined",
    "closed", "noted",
]  # fmt: skip
"""What became of an incident; `closed`: nobody measures it any more; `noted` is written and told to nobody."""


class AlertMark(NamedTuple):
    """A station's series that changed, from an hour on (since the epoch, UTC; -1: all), and the sequence it was taken at."""

    family: str
    station: str
    period: str
    hour: int
    sequence: int


class Draft(NamedTuple):
    """An incident as the data have it, times in [ms]: `episodes` is how many there were, more than one where it reopened; `shown`
    the values of its peak."""

    since: int
    fired: int
    level: int
    greatest: int
    phase: Phase
    well: int | None
    resolved: int | None
    last: int
    episodes: int
    shown: Mapping[str, Any]


class Change(NamedTuple):
    """What is to be written: of which incident (None: a new one), what, why, and what it is from now on (None where it is
    withdrawn, or joined to another, `into`). What is closed ends as it stands."""

    id: int | None
    what: What
    why: str
    draft: Draft | None
    into: int | None = None


class Incident(NamedTuple):
    """A stored incident: `gone` where it was withdrawn, joined to another or closed; who acknowledged it, when [ms], at which
    level."""

    id: int
    rule: str
    subject: str
    draft: Draft
    gone: Literal["withdrawn", "joined", "closed"] | None
    joined_into: int | None
    opened_at: int
    acknowledged_by: str | None
    acknowledged_at: int | None
    acknowledged_level: int | None

    @property
    def asks(self) -> bool:
        """Whether somebody is still to acknowledge it: nobody did, or it is of a higher level since."""
        return self.gone is None and self.draft.level > (self.acknowledged_level or 0)


class LogLine(NamedTuple):
    """What happened to an incident, when it was written [ms], by whom, and its level then."""

    at: int
    what: str
    why: str
    who: str
    level: int


class Known(NamedTuple):
    """The incidents of a rule at a subject, and the version of what is known of them."""

    version: int
    incidents: Sequence[Incident]


class Incidents:
    """Incidents in the books. Methods raise BooksUnavailable."""

    def __init__(self, books: Books, *, quiet_ms: int = 500, most_ms: int = 2_000) -> None:
        self._books = books
        self._quiet_ms = quiet_ms
        self._most_ms = most_ms

    def take(self, now: int, most: int) -> list[AlertMark]:
        """Up to `most` changed series, those that wait longest first, that have been quiet for half a second or changing for
        two. They stay until what was made of them is saved."""
        its = alert_marks.c
        ready = (its.last_touched <= now - self._quiet_ms) | (its.first_touched <= now - self._most_ms)
        query = select(its.family, its.station, its.period, its.hour, its.sequence)
        with self._books.reading() as connection:
            rows = connection.execute(query.where(ready).order_by(its.first_touched).limit(most))
            return [AlertMark(*row) for row in rows]

    def known(self, rule: str, subjects: Collection[str], since: int) -> dict[str, Known]:
        """By subject the incidents of a rule that were not resolved before `since` [ms]; all subjects are there."""
        versions: dict[str, int] = {}
        found: dict[str, list[Incident]] = {subject: [] for subject in subjects}
        names = sorted(subjects)
        with self._books.reading() as connection:
            for start in range(0, len(names), 500):
                chunk = names[start : start + 500]
                its = incident_versions.c
                rows = select(its.subject, its.version).where(its.rule == rule, its.subject.in_(chunk))
                versions |= {row.subject: row.version for row in connection.execute(rows)}
                of = incidents.c
                touching = (of.resolved.is_(None)) | (of.resolved >= since)
                query = select(incidents).where(of.rule == rule, of.subject.in_(chunk), of.gone.is_(None), touching)
                for row in connection.execute(query.order_by(of.since, of.id)):
                    found[row.subject].append(_incident(row._mapping))
        return {subject: Known(versions.get(subject, 0), its) for subject, its in found.items()}

    def save(
        self,
        rule_changes: Mapping[tuple[str, str], tuple[int, Sequence[Change]]],
        cleared: Sequence[AlertMark],
        now: int,
    ) -> dict[tuple[str, str], list[int]]:
        """In one transaction: by (rule, subject) the changes, made knowing that version; and the marks. Gives the numbers of the
        incidents changed, in the order of the changes. Raises Superseded: nothing was written."""
        written: dict[tuple[str, str], list[int]] = {}
        with self._books.writing() as connection:
            if any(changes for _, changes in rule_changes.values()):
                _require_marks(connection, cleared)
            for key, (version, changes) in rule_changes.items():
                if changes:
                    _raise_version(connection, *key, version)
                    written[key] = [_write(connection, *key, change, now) for change in changes]
            if cleared:
                # Where a series was touched meanwhile, its earliest hour stays: looking there again changes nothing.
                untouched = delete(alert_marks).where(
                    *(
                        alert_marks.c[name] == bindparam(f"its_{name}")
                        for name in ("family", "station", "period", "sequence")
                    )
                )
                connection.execute(untouched, [{f"its_{k}": v for k, v in mark._asdict().items()} for mark in cleared])
        return written

    def acknowledge(self, number: int, *, who: str, why: str, now: int) -> Incident | None:
        """Somebody has seen an incident at its level of now; None where there is none of that number."""
        with self._books.writing() as connection:
            found = _one(connection, number)
            if found is None:
                return None
            connection.execute(
                update(incidents)
                .where(incidents.c.id == number)
                .values(acknowledged_by=who, acknowledged_at=now, acknowledged_level=found.draft.level)
            )
            _log(connection, number, LogLine(now, "acknowledged", why, who, found.draft.level))
            note(connection, now, who, "alert acknowledged", f"incident/{number}", {"note": why})
            return _one(connection, number)

    def one(self, number: int) -> Incident | None:
        """An incident by its number."""
        with self._books.reading() as connection:
            return _one(connection, number)

    def all(self, *, open_only: bool = False, since: int | None = None) -> list[Incident]:
        """Incidents, the newest first: those that still hold, or that were not over before `since` [ms]."""
        of = incidents.c
        query = select(incidents).where(of.gone.is_(None) | (of.gone == "closed"))
        if open_only:
            query = query.where(of.gone.is_(None), of.phase != "resolved")
        if since is not None:
            query = query.where((of.resolved.is_(None)) | (of.resolved >= since))
        with self._books.reading() as connection:
            rows = connection.execute(query.order_by(of.fired.desc(), of.id.desc()))
            return [_incident(row._mapping) for row in rows]

    def logged_after(self, line: int, most: int) -> list[tuple[int, int]]:
        """Up to `most` lines of the log after that one, oldest first: the line's number and the incident's."""
        its = incident_log.c
        query = select(its.id, its.incident).where(its.id > line).order_by(its.id).limit(most)
        with self._books.reading() as connection:
            return [(row.id, row.incident) for row in connection.execute(query)]

    def waiting(self) -> int:
        """How many changed series are still to be looked at."""
        with self._books.reading() as connection:
            return connection.execute(select(func.count()).select_from(alert_marks)).scalar_one()

    def log(self, number: int) -> list[LogLine]:
        """What happened to an incident, oldest first."""
        its = incident_log.c
        query = select(its.at, its.what, its.why, its.who, its.level).where(its.incident == number).order_by(its.id)
        with self._books.reading() as connection:
            return [LogLine(*row) for row in connection.execute(query)]


def _require_marks(connection: Connection, taken: Sequence[AlertMark]) -> None:
    """Raises Superseded where a mark that was taken is gone: another watch has looked since, maybe at newer data."""
    names = sorted({mark.station for mark in taken})
    its = alert_marks.c
    there = set()
    for start in range(0, len(names), 500):
        rows = select(its.family, its.station, its.period).where(its.station.in_(names[start : start + 500]))
        there |= {tuple(row) for row in connection.execute(rows)}
    if any(mark[:3] not in there for mark in taken):
        raise Superseded


def _raise_version(connection: Connection, rule: str, subject: str, version: int) -> None:
    """The version after this one. Raises Superseded where it is another."""
    key = {"rule": rule, "subject": subject}
    if version == 0:
        made = connection.execute(
            insert_into(connection, incident_versions).on_conflict_do_nothing(), {**key, "version": 1}
        )
    else:
        its = incident_versions.c
        same = (its.rule == rule) & (its.subject == subject) & (its.version == version)
        made = connection.execute(update(incident_versions).where(same).values(version=version + 1))
    if made.rowcount != 1:
        raise Superseded


def _write(connection: Connection, rule: str, subject: str, change: Change, now: int) -> int:
    number = change.id
    if change.draft is None or change.what == "closed":
        gone = "closed" if change.what == "closed" else "withdrawn" if change.into is None else "joined"
        connection.execute(update(incidents).where(incidents.c.id == number).values(gone=gone, joined_into=change.into))
        if number is not None and change.into is not None:
            _keep_acknowledgement(connection, number, change.into)
    else:
        values = {**change.draft._asdict(), "shown": json.dumps(change.draft.shown, ensure_ascii=False)}
        if number is None:
            values |= {"rule": rule, "subject": subject, "opened_at": now}
            number = connection.execute(insert(incidents).values(values).returning(incidents.c.id)).scalar_one()
        else:
            connection.execute(update(incidents).where(incidents.c.id == number).values(values))
    if number is None:
        raise ValueError(f"{change.what} is of an incident that is stored")
    if change.what != "noted":
        level = 0 if change.draft is None else change.draft.level
        _log(connection, number, LogLine(now, change.what, change.why, "cityflux", level))
    return number


def _keep_acknowledgement(connection: Connection, number: int, into: int) -> None:
    """What somebody knows of an incident he knows of the one that it is joined to."""
    one, other = _one(connection, number), _one(connection, into)
    if one is not None and other is not None and (one.acknowledged_level or 0) > (other.acknowledged_level or 0):
        names = ("acknowledged_by", "acknowledged_at", "acknowledged_level")
        values = {name: getattr(one, name) for name in names}
        connection.execute(update(incidents).where(incidents.c.id == into).values(values))


def _log(connection: Connection, number: int, line: LogLine) -> None:
    connection.execute(insert(incident_log), {"incident": number, **line._asdict()})


def _one(connection: Connection, number: int) -> Incident | None:
    row = connection.execute(select(incidents).where(incidents.c.id == number)).first()
    return None if row is None else _incident(row._mapping)


def _incident(row: Mapping[Any, Any]) -> Incident:
    of_draft = {name: row[name] for name in Draft._fields if name != "shown"}
    draft = Draft(**of_draft, shown=json.loads(row["shown"]))
    rest = {name: row[name] for name in Incident._fields if name != "draft"}
    return Incident(draft=draft, **rest)
