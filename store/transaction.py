"""What write transactions of the books are made of: inserts that may meet what is there, counters, marks, unknown stations,
lines of the audit. Every function works within the caller's transaction and commits nothing."""

import json
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from sqlalchemy import Connection, Table, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from sensors.instants import HOUR_MS
from store.schema import audit, counters, unknown_stations

if TYPE_CHECKING:
    from store.books import Changed, Earliest, Unknown

# Chosen: enough to see what a device sends; ten thousand unknown stations (ingest's bound) keep 40 MB at most.
SAMPLE_BYTES = 4 << 10

ALL_TIME = -1
"""Since when a series changed that did so in all of its time (an adopted or changed station)."""


class StaleRegistry(Exception):
    """The registry changed since these verdicts were made: nothing was written, judge again with the new one."""


def insert_into(connection: Connection, table: Table) -> sqlite.Insert:
    """An insert that can say what to do on a conflict."""
    # Both dialects' inserts have the same on_conflict methods; SQLAlchemy gives them no common type.
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    return cast("sqlite.Insert", make(table))


def counter(connection: Connection, name: str) -> int:
    """A counter; 0 where it was never raised."""
    return connection.execute(select(counters.c.value).where(counters.c.name == name)).scalar() or 0


def raise_counter(connection: Connection, name: str, by: int = 1) -> int:
    """Raise a counter, and give its new value."""
    upsert = insert_into(connection, counters)
    raised = connection.execute(
        upsert.on_conflict_do_update(
            index_elements=["name"], set_={"value": counters.c.value + upsert.excluded.value}
        ).returning(counters.c.value),
        {"name": name, "value": by},
    )
    return int(raised.scalar_one())


def require_registry(connection: Connection, version: int) -> None:
    """Raises StaleRegistry where the registry is no longer that of `version`."""
    if counter(connection, "registry_version") != version:
        raise StaleRegistry


_TOUCH = (
    "INSERT INTO marks (family, period, hour, first_touched, last_touched, sequence, leased_until, station)"
    " SELECT {0}, {0}, {0}, {0}, {0}, {0}, 0, value FROM {1}"
    " ON CONFLICT (family, station, period, hour)"
    " DO UPDATE SET sequence = excluded.sequence, last_touched = excluded.last_touched"
)
_TOUCH_OF = {
    # SQLite takes ON for a join's where the SELECT has no WHERE.
    "sqlite": _TOUCH.format("?", "json_each(?) WHERE true"),
    "postgresql": _TOUCH.format("%s", "json_array_elements_text(CAST(%s AS json)) AS value"),
}
"""The upsert of the marks of one window, stations as a JSON array, in the database's own words."""

_TOUCH_ALERTS = (
    "INSERT INTO alert_marks (family, period, since, first_touched, last_touched, sequence, station)"
    " SELECT {0}, {0}, {0}, {0}, {0}, {0}, value FROM {1}"
    " ON CONFLICT (family, station, period)"
    " DO UPDATE SET sequence = excluded.sequence, last_touched = excluded.last_touched,"
    " since = CASE WHEN excluded.since < alert_marks.since THEN excluded.since ELSE alert_marks.since END"
)
_TOUCH_ALERTS_OF = {
    "sqlite": _TOUCH_ALERTS.format("?", "json_each(?) WHERE true"),
    "postgresql": _TOUCH_ALERTS.format("%s", "json_array_elements_text(CAST(%s AS json)) AS value"),
}
"""The same of what alerts have to look at: a row a series, however many of its hours changed."""


def touch(connection: Connection, changed: "Changed", now: int, earliest: "Earliest" = MappingProxyType({})) -> None:
    """Mark windows as changed: a new sequence for each, and the time of the first and the last touch. `earliest` says of a window
    what changed first in it [ms]."""
    if not changed:
        return
    sequence = raise_counter(connection, "mark_sequence")
    # A statement for each window, not for each station: half the time, and this is the hot path.
    statement, of_alerts = _TOUCH_OF[connection.dialect.name], _TOUCH_ALERTS_OF[connection.dialect.name]
    of_series: dict[tuple[str, str, str], int] = {}
    for (family, period, hour), stations in changed.items():
        names = json.dumps(sorted(stations))  # neighbours in the table, one after the other
        connection.exec_driver_sql(statement, (family, period, hour, now, now, sequence, names))
        key = family, period, names
        first = earliest.get((family, period, hour))
        since = hour * HOUR_MS if first is None else first - 1
        since = ALL_TIME if hour < 0 else since
        of_series[key] = min(since, of_series.get(key, since))
    for (family, period, names), since in of_series.items():
        connection.exec_driver_sql(of_alerts, (family, period, since, now, now, sequence, names))


def touch_alerts(connection: Connection, changed: Mapping[tuple[str, str, int], Iterable[str]], now: int) -> None:
    """Mark series that are no readings as changed, for alerts alone: by (family, what of it, since when [ms]) whose."""
    if not changed:
        return
    sequence, statement = raise_counter(connection, "mark_sequence"), _TOUCH_ALERTS_OF[connection.dialect.name]
    for (family, what, since), names in changed.items():
        row = (family, what, since, now, now, sequence, json.dumps(sorted(names)))
        connection.exec_driver_sql(statement, row)


def list_unknown(connection: Connection, unknown: Mapping[tuple[str, str], "Unknown"], seen: int) -> None:
    """List stations, a message by (family, station), that are not in the registry and were seen at `seen` [ms]. Of each the first
    message stays."""
    if unknown:
        its, upsert = unknown_stations.c, insert_into(connection, unknown_stations)
        # Where it is NULL the station was listed by a version that did not keep this.
        first = {
            name: func.coalesce(its[name], upsert.excluded[name])
            for name in ("source", "device", "district", "period", "sample")
        }
        connection.execute(
            upsert.on_conflict_do_update(
                index_elements=["family", "station"],
                set_={"last_seen": upsert.excluded.last_seen, **first},
                where=its.last_seen < upsert.excluded.last_seen,
            ),
            [
                {
                    "family": family,
                    "station": station,
                    "topic": it.topic,
                    "first_seen": seen,
                    "last_seen": seen,
                    "source": it.source,
                    "device": it.device,
                    "district": it.district,
                    "period": it.period,
                    "sample": it.payload[:SAMPLE_BYTES],
                }
                for (family, station), it in unknown.items()
            ],
        )


def note(connection: Connection, now: int, who: str, what: str, subject: str, detail: object) -> None:
    """One line of the audit."""
    notes(connection, now, who, [(what, subject, detail)])


def notes(connection: Connection, now: int, who: str, lines: Iterable[tuple[str, str, object]]) -> None:
    """Lines of the audit: what was done, to what, and the detail (anything JSON holds)."""
    rows = [
        {"at": now, "who": who, "what": what, "subject": subject, "detail": json.dumps(detail, ensure_ascii=False)}
        for what, subject, detail in lines
    ]
    if rows:
        connection.execute(insert(audit), rows)
