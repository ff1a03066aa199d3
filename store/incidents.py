"""Incidents in the books: what alert rules have still to look at, what was told, and what people did about it.

An evaluator takes marks, looks, and saves in one transaction: changes of incidents with their log, what is pending, and the
marks, each only if nobody touched its series since. What it knew of a rule at a subject has a version: of two evaluators the
loser's save fails and it looks again, so nothing is told twice. A crash before the save leaves the marks. How a save is written
is in `store/incident_writes.py`.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from sqlalchemy import ColumnElement, Connection, func, insert, select, update

from sensors.reading import PERIODS
from store import incident_writes
from store.alert_schema import alert_marks, incident_log, incident_versions, incidents, pending_alerts
from store.books import Books
from store.conditions import OURSELVES
from store.judgements import Superseded
from store.parts import parts
from store.transaction import counter, note, raise_counter

Phase = Literal["firing", "recovering", "resolved"]
What = Literal[
    "opened", "raised", "lowered", "recovering", "fired again", "reopened", "resolved", "corrected", "withdrawn", "joined",
    "closed", "flapping", "noted",
]  # fmt: skip
"""What became of an incident; `closed`: nobody measures it any more; `flapping`: it comes and goes, and is told again when it was
calm; `noted` is written and told to nobody."""

Of = tuple[str, str]
"""A rule and a subject."""


class AlertMark(NamedTuple):
    """A station's series that changed after an instant [ms] (-1: all of it), and the sequence it was taken at."""

    family: str
    station: str
    period: str
    since: int
    sequence: int


class Draft(NamedTuple):
    """An incident as the data have it, times in [ms]: `episodes` is how many there were, more than one where it reopened; `shown`
    the values of its peak; `flapping`: it came and went too often to be told each time."""

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
    flapping: bool = False


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
    level; and the first incident of its group, maybe itself, where its rule makes groups."""

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
    group_id: int | None = None

    @property
    def holds(self) -> bool:
        """Whether it is not over, and was not taken away."""
        return self.gone is None and self.draft.phase != "resolved"

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


class Grouping(NamedTuple):
    """Whose incidents of a rule are of one group (a district, or the city), where they fire within so long [ms] of its first."""

    of: str
    within: int


_NOTHING_PENDS: Mapping[Of, int | None] = MappingProxyType({})
_NO_GROUPS: Mapping[Of, Grouping] = MappingProxyType({})
# Chosen: of more subjects all incidents that hold are read; naming each costs more.
_FEW = 500


_LOOKS = "alert_looks"


class Incidents:
    """Incidents in the books. Methods raise BooksUnavailable."""

    def __init__(self, books: Books, *, quiet_ms: int = 500, most_ms: int = 2_000) -> None:
        self._books = books
        self._quiet_ms = quiet_ms
        self._most_ms = most_ms

    def take(self, now: int, most: int, *, readings_first: bool = False) -> list[AlertMark]:
        """Up to `most` changed series that have been quiet for half a second or changing for two: those of ourselves first, then
        what is no readings or, if asked, readings, then the others, each by how long they wait. They stay until what was made
        of them is saved."""
        its = alert_marks.c
        ready = (its.last_touched <= now - self._quiet_ms) | (its.first_touched <= now - self._most_ms)
        query = select(its.family, its.station, its.period, its.since, its.sequence).where(ready)
        of_readings = its.period.in_(PERIODS)
        # However many readings wait for a store that is down.
        order = (its.family != OURSELVES, ~of_readings if readings_first else of_readings, its.first_touched)
        with self._books.reading() as connection:
            rows = connection.execute(query.order_by(*order).limit(most))
            return [AlertMark(*row) for row in rows]

    def known(self, rule: str, subjects: Collection[str], since: int) -> dict[str, Known]:
        """By subject the incidents of a rule that were not resolved before `since` [ms]; all subjects are there."""
        versions: dict[str, int] = {}
        found: dict[str, list[Incident]] = {subject: [] for subject in subjects}
        its, of = incident_versions.c, incidents.c
        with self._books.reading() as connection:
            for chunk in parts(sorted(subjects), incident_writes.MOST_NAMES):
                rows = select(its.subject, its.version).where(its.rule == rule, its.subject.in_(chunk))
                versions |= {row.subject: row.version for row in connection.execute(rows)}
                query = select(incidents).where(of.rule == rule, of.subject.in_(chunk), *_touching(since))
                for row in connection.execute(query.order_by(of.since, of.id)):
                    found[row.subject].append(_incident(row._mapping))
        return {subject: Known(versions.get(subject, 0), its) for subject, its in found.items()}

    def touched(self, rules: Collection[str], subjects: Collection[str], since: int) -> set[Of]:
        """Of rules and subjects those with incidents that were not resolved before `since` [ms]."""
        of, found = incidents.c, set[Of]()
        query = select(of.rule, of.subject).where(of.rule.in_(rules), *_touching(since)).distinct()
        with self._books.reading() as connection:
            if len(subjects) > _FEW:
                return {(row.rule, row.subject) for row in connection.execute(query) if row.subject in subjects}
            for chunk in parts(sorted(subjects), incident_writes.MOST_NAMES):
                found |= {(row.rule, row.subject) for row in connection.execute(query.where(of.subject.in_(chunk)))}
        return found

    def pending(self, rules: Collection[str]) -> dict[Of, int]:
        """What has begun and is not told yet, by rule and subject: since when [ms]."""
        its = pending_alerts.c
        with self._books.reading() as connection:
            rows = connection.execute(select(its.rule, its.subject, its.since).where(its.rule.in_(rules)))
            return {(row.rule, row.subject): row.since for row in rows}

    def looks(self) -> int:
        """How many looks all evaluators have saved: who remembers points knows by it whether another has looked at some since."""
        with self._books.reading() as connection:
            return counter(connection, _LOOKS)

    def save(
        self,
        rule_changes: Mapping[Of, tuple[int, Sequence[Change]]],
        cleared: Sequence[AlertMark],
        now: int,
        *,
        pending: Mapping[Of, int | None] = _NOTHING_PENDS,
        groups: Mapping[Of, Grouping] = _NO_GROUPS,
        after: int | None = None,
    ) -> dict[Of, list[int]]:
        """In one transaction: by (rule, subject) the changes, made knowing that version; since when something is pending [ms]
        (None: nothing is any more); and the marks. What is opened joins the group of its `groups`. Gives the numbers of the
        incidents changed, in the order of the changes. `after` is the number of looks that was known (`looks`). Raises
        Superseded, also where another look was saved since: nothing was written."""
        changed = {key: of for key, of in rule_changes.items() if of[1]}
        with self._books.writing() as connection:
            if after is not None and raise_counter(connection, _LOOKS) != after + 1:
                raise Superseded
            if changed or pending:
                incident_writes.require_marks(connection, cleared)
            incident_writes.raise_versions(connection, {key: version for key, (version, _) in changed.items()})
            written = incident_writes.write(connection, {key: of for key, (_, of) in changed.items()}, groups, now)
            incident_writes.write_pending(connection, pending)
            incident_writes.clear(connection, cleared)
        return written

    def acknowledge(self, number: int, *, who: str, why: str, now: int) -> Incident | None:
        """Somebody has seen an incident at its level of now; None where there is none of that number."""
        with self._books.writing() as connection:
            found = _one(connection, number)
            return (
                None if found is None else _acknowledged(connection, found, LogLine(now, "acknowledged", why, who, 0))
            )

    def acknowledge_group(self, number: int, *, who: str, why: str, now: int) -> list[Incident]:
        """Somebody has seen an incident, and all of its group that ask, the one of the number first; none where there is none.
        One without a group is by itself."""
        with self._books.writing() as connection:
            found = _one(connection, number)
            line = LogLine(now, "acknowledged", why, who, 0)
            if found is None or found.group_id is None:
                return [] if found is None else [_acknowledged(connection, found, line)]
            of = incidents.c
            rows = connection.execute(
                select(incidents).where(of.group_id == found.group_id, of.id != number).order_by(of.id)
            )
            others = [one for row in rows if (one := _incident(row._mapping)).asks]
            return [_acknowledged(connection, one, line) for one in (found, *others)]

    def one(self, number: int) -> Incident | None:
        """An incident by its number."""
        with self._books.reading() as connection:
            return _one(connection, number)

    def some(self, numbers: Collection[int]) -> dict[int, Incident]:
        """Incidents by their numbers; those that there are."""
        found: dict[int, Incident] = {}
        with self._books.reading() as connection:
            for part in parts(sorted(numbers)):
                query = select(incidents).where(incidents.c.id.in_(part))
                found |= {row.id: _incident(row._mapping) for row in connection.execute(query)}
        return found

    def holding(self, rules: Collection[str]) -> list[Incident]:
        """The incidents of some rules that hold."""
        of = incidents.c
        query = select(incidents).where(of.rule.in_(rules), *_holding())
        with self._books.reading() as connection:
            return [_incident(row._mapping) for row in connection.execute(query.order_by(of.id))]

    def grouped(self, groups: Collection[int]) -> list[Incident]:
        """The incidents of some groups that hold, in order of number."""
        of, found = incidents.c, list[Incident]()
        with self._books.reading() as connection:
            for part in parts(sorted(groups)):
                query = select(incidents).where(of.group_id.in_(part), *_holding())
                found += [_incident(row._mapping) for row in connection.execute(query.order_by(of.id))]
        return found

    def all(self, *, open_only: bool = False, since: int | None = None) -> list[Incident]:
        """Incidents, the newest first: those that still hold, or that were not over, or closed, before
        `since` [ms]."""
        of = incidents.c
        query = select(incidents).where(of.gone.is_(None) | (of.gone == "closed"))
        if open_only:
            query = query.where(*_holding())
        if since is not None:
            its = incident_log.c
            closed = select(its.id).where(its.incident == of.id, its.what == "closed", its.at >= since).exists()
            query = query.where((of.resolved >= since) | (of.resolved.is_(None) & (of.gone.is_(None) | closed)))
        with self._books.reading() as connection:
            rows = connection.execute(query.order_by(of.fired.desc(), of.id.desc()))
            return [_incident(row._mapping) for row in rows]

    def group(self, number: int) -> list[Incident]:
        """The incidents of a group by its number, those that fired first first."""
        of = incidents.c
        with self._books.reading() as connection:
            rows = connection.execute(select(incidents).where(of.group_id == number).order_by(of.fired, of.id))
            return [_incident(row._mapping) for row in rows]

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


def _acknowledged(connection: Connection, one: Incident, line: LogLine) -> Incident:
    """An incident after somebody has seen it."""
    of, level = incidents.c, one.draft.level
    seen = {"acknowledged_by": line.who, "acknowledged_at": line.at, "acknowledged_level": level}
    connection.execute(update(incidents).where(of.id == one.id).values(seen))
    connection.execute(insert(incident_log), {"incident": one.id, **line._replace(level=level)._asdict()})
    note(connection, line.at, line.who, "alert acknowledged", f"incident/{one.id}", {"note": line.why})
    return one._replace(acknowledged_by=line.who, acknowledged_at=line.at, acknowledged_level=level)


def _holding() -> tuple[ColumnElement[bool], ...]:
    of = incidents.c
    return of.gone.is_(None), of.phase != "resolved"


def _touching(since: int) -> tuple[ColumnElement[bool], ...]:
    of = incidents.c
    return of.gone.is_(None), (of.resolved.is_(None)) | (of.resolved >= since)


def _one(connection: Connection, number: int) -> Incident | None:
    row = connection.execute(select(incidents).where(incidents.c.id == number)).first()
    return None if row is None else _incident(row._mapping)


def _incident(row: Mapping[Any, Any]) -> Incident:
    of_draft = {name: row[name] for name in Draft._fields if name not in {"shown", "flapping"}}
    draft = Draft(**of_draft, shown=json.loads(row["shown"]), flapping=bool(row["flapping"]))
    rest = {name: row[name] for name in Incident._fields if name != "draft"}
    return Incident(draft=draft, **rest)
