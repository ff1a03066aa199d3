"""How changes of incidents are written: in bulk, within the caller's transaction, which commits or leaves all of it."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Table, bindparam, delete, insert, select, update

from store.alert_schema import alert_marks, incident_log, incident_versions, incidents, pending_alerts
from store.judgements import Superseded
from store.parts import parts
from store.transaction import insert_into

if TYPE_CHECKING:
    from store.incidents import AlertMark, Change, Draft, Grouping, Of

# A statement for all of a family's stations, or of a rule's subjects: one for each costs ten times as much.
_CLEAR = "DELETE FROM alert_marks WHERE family = {0} AND period = {0} AND sequence = {0} AND station IN (SELECT value FROM {1})"
_RAISE = (
    "UPDATE incident_versions SET version = version + 1"
    " WHERE rule = {0} AND version = {0} AND subject IN (SELECT value FROM {1})"
)
# Bound parameters of one statement: SQLite's own limit is 32,766 since 3.32.
MOST_NAMES = 10_000


def require_marks(connection: Connection, taken: Sequence["AlertMark"]) -> None:
    """Raises Superseded where a mark that was taken is gone: another watch has looked since, maybe at newer data."""
    names = sorted({mark.station for mark in taken})
    its = alert_marks.c
    there = set()
    for part in parts(names, MOST_NAMES):
        rows = select(its.family, its.station, its.period).where(its.station.in_(part))
        there |= {tuple(row) for row in connection.execute(rows)}
    if any(mark[:3] not in there for mark in taken):
        raise Superseded


def clear(connection: Connection, marks: Sequence["AlertMark"]) -> None:
    """Take marks away. Where a series was touched meanwhile its mark stays, from its earliest instant on: looking there again
    changes nothing."""
    stations: dict[tuple[str, str, int], list[str]] = defaultdict(list)
    for mark in marks:
        stations[mark.family, mark.period, mark.sequence].append(mark.station)
    statement = _CLEAR.format(*_words(connection))
    for of, names in stations.items():
        connection.exec_driver_sql(statement, (*of, json.dumps(sorted(names))))


def raise_versions(connection: Connection, versions: Mapping["Of", int]) -> None:
    """Of each rule at a subject the version after this one. Raises Superseded where one is another."""
    new = [{"rule": rule, "subject": subject, "version": 1} for (rule, subject), was in versions.items() if was == 0]
    if new:
        made = connection.execute(insert_into(connection, incident_versions).on_conflict_do_nothing(), new)
        if made.rowcount != len(new):
            raise Superseded
    old: dict[tuple[str, int], list[str]] = defaultdict(list)
    for (rule, subject), was in versions.items():
        if was != 0:
            old[rule, was].append(subject)
    statement = _RAISE.format(*_words(connection))
    for of, subjects in old.items():
        if connection.exec_driver_sql(statement, (*of, json.dumps(sorted(subjects)))).rowcount != len(subjects):
            raise Superseded


def _words(connection: Connection) -> tuple[str, str]:
    """A parameter, and the values of one that is a JSON array, in the database's own words."""
    if connection.dialect.name == "postgresql":
        return "%s", "json_array_elements_text(CAST(%s AS json)) AS value"
    return "?", "json_each(?)"


def write(
    connection: Connection, changes: Mapping["Of", Sequence["Change"]], groups: Mapping["Of", "Grouping"], now: int
) -> dict["Of", list[int]]:
    """Changes with their lines of the log; by rule and subject the numbers of the incidents, in the order of the changes."""
    opened = [(key, change) for key, its in changes.items() for change in its if change.id is None]
    new = iter(_open(connection, opened, groups, now))
    numbers = {key: [next(new) if one.id is None else one.id for one in its] for key, its in changes.items()}
    drafts: dict[int, Draft] = {}
    lines: list[dict[str, Any]] = []
    for key, its in changes.items():
        for number, change in zip(numbers[key], its, strict=True):
            if change.draft is None or change.what == "closed":
                _end(connection, number, change)
            elif change.id is not None:
                drafts[number] = change.draft
            if change.what != "noted":
                level = 0 if change.draft is None else change.draft.level
                lines.append(
                    {
                        "incident": number,
                        "at": now,
                        "what": change.what,
                        "why": change.why,
                        "who": "cityflux",
                        "level": level,
                    }
                )
    _update(connection, incidents, [{"its_id": number, **_row(draft)} for number, draft in drafts.items()])
    if lines:
        connection.execute(insert(incident_log), lines)
    return numbers


def write_pending(connection: Connection, pending: Mapping["Of", int | None]) -> None:
    """Since when something is pending [ms], None where nothing is any more."""
    its = pending_alerts.c
    over = [{"its_rule": rule, "its_subject": subject} for (rule, subject), since in pending.items() if since is None]
    if over:
        same = its.rule == bindparam("its_rule"), its.subject == bindparam("its_subject")
        connection.execute(delete(pending_alerts).where(*same), over)
    upsert = insert_into(connection, pending_alerts)
    rows = [
        {"rule": rule, "subject": subject, "since": since}
        for (rule, subject), since in pending.items()
        if since is not None
    ]
    if rows:
        connection.execute(
            upsert.on_conflict_do_update(index_elements=["rule", "subject"], set_={"since": upsert.excluded.since}),
            rows,
        )


def _open(
    connection: Connection, opened: Sequence[tuple["Of", "Change"]], groups: Mapping["Of", "Grouping"], now: int
) -> list[int]:
    """New incidents, each in its group; their numbers."""
    if not opened:
        return []
    rows = []
    for (rule, subject), change in opened:
        if change.draft is None:
            raise ValueError(f"{change.what} is of an incident that is stored")
        its = groups.get((rule, subject))
        of = {"rule": rule, "subject": subject, "opened_at": now, "group_of": None if its is None else its.of}
        rows.append({**_row(change.draft), **of})
    made = connection.execute(insert(incidents).returning(incidents.c.id, sort_by_parameter_order=True), rows)
    numbers = [row.id for row in made]
    grouped = [
        (key[0], groups[key], change.draft.fired, number)
        for (key, change), number in zip(opened, numbers, strict=True)
        if key in groups and change.draft is not None
    ]
    _group(connection, grouped)
    return numbers


def _group(connection: Connection, opened: Iterable[tuple[str, "Grouping", int, int]]) -> None:
    """Give incidents (rule, grouping, fired, number) their groups, in the order they fired: the group whose first is nearest and
    near enough, or one of their own."""
    firsts: dict[tuple[str, str], dict[int, int]] = {}
    found = []
    of = incidents.c
    for rule, grouping, fired, number in sorted(opened, key=lambda one: one[2:]):
        key = rule, grouping.of
        if key not in firsts:
            its = of.rule == rule, of.group_of == grouping.of, of.group_id == of.id, of.fired >= fired - grouping.within
            firsts[key] = {row.id: row.fired for row in connection.execute(select(of.id, of.fired).where(*its))}
        near = {first: abs(at - fired) for first, at in firsts[key].items() if abs(at - fired) <= grouping.within}
        group = min(near, key=lambda first: (near[first], first)) if near else number
        if group == number:
            firsts[key][number] = fired
        found.append({"its_id": number, "group_id": group})
    _update(connection, incidents, found)


def _update(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows by their `its_id`, all of the same columns."""
    if not rows:
        return
    columns: dict[str, Any] = {name: bindparam(name) for name in rows[0] if name != "its_id"}
    compiled = (
        update(table).where(table.c.id == bindparam("its_id")).values(columns).compile(dialect=connection.dialect)
    )
    # Handed to the driver as they are: binding each by SQLAlchemy costs three times the writing.
    names = getattr(compiled, "positiontup", None)
    bound: list[Any] = list(rows) if names is None else [tuple(row[name] for name in names) for row in rows]
    connection.exec_driver_sql(compiled.string, bound)


def _row(draft: "Draft") -> dict[str, Any]:
    return {**draft._asdict(), "shown": json.dumps(draft.shown, ensure_ascii=False)}


def _end(connection: Connection, number: int, change: "Change") -> None:
    gone = "closed" if change.what == "closed" else "withdrawn" if change.into is None else "joined"
    connection.execute(update(incidents).where(incidents.c.id == number).values(gone=gone, joined_into=change.into))
    if change.into is not None:
        _keep_acknowledgement(connection, number, change.into)


def _keep_acknowledgement(connection: Connection, number: int, into: int) -> None:
    """What somebody knows of an incident he knows of the one that it is joined to."""
    names = ("acknowledged_by", "acknowledged_at", "acknowledged_level")
    columns = [incidents.c[name] for name in names]
    rows = {
        row.id: row._mapping
        for row in connection.execute(select(incidents.c.id, *columns).where(incidents.c.id.in_([number, into])))
    }
    one, other = rows[number], rows[into]
    if (one["acknowledged_level"] or 0) > (other["acknowledged_level"] or 0):
        values = {name: one[name] for name in names}
        connection.execute(update(incidents).where(incidents.c.id == into).values(values))
