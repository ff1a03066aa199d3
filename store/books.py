"""The books: everything a city must be able to account for, in one SQL database (SQLite by default, PostgreSQL when shared).

This file holds the engine and what ingest and people write: settled batches, dead letters, marks, unknown stations, the
registry, copies of the ledger, gaps. What processors write is in `store/judgements.py`, over the same engine.

Every write is one short transaction begun IMMEDIATE; `synchronous=FULL`; three processes share the file. Whatever the
database answers that is not ours to mend comes out as BooksUnavailable: nothing was written, try again.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple, cast

from sqlalchemy import Connection, Engine, Table, create_engine, delete, event, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from sensors.instants import to_millis
from sensors.refusals import Refusal
from sensors.stations import Registry, Station
from store.schema import (
    audit,
    counters,
    dead_letters,
    gaps,
    ledgers,
    metadata,
    origins,
    settled,
    stations,
    unknown_stations,
)

ALL_HOURS = -1
"""The hour of a mark that stands for every hour the station has readings in (an adopted or changed station)."""


class BooksUnavailable(Exception):
    """The books cannot be reached, or will not write now: nothing was written, try again."""


class StaleRegistry(Exception):
    """The registry changed since these verdicts were made: nothing was written, judge again with the new one."""


class MarkKey(NamedTuple):
    """A changed window: readings of a station's period that end in one UTC hour (hours since the epoch)."""

    family: str
    station: str
    period: str
    hour: int


class DeadLetter(NamedTuple):
    """A message that was not accepted, or not wholly: its bytes (of an oversized one the head) and why."""

    batch: int
    position: int
    received_at: int
    topic: str
    payload: bytes
    length: int
    sha256: str | None
    refusals: tuple[Refusal, ...]


class UnknownStation(NamedTuple):
    """A station that sends and is not in the registry. Times in ms since the epoch."""

    family: str
    station: str
    topic: str
    first_seen: int
    last_seen: int


class StoredDeadLetter(NamedTuple):
    """A dead letter as it lies in the books."""

    id: int
    journal: str
    letter: DeadLetter
    state: Literal["open", "replayed", "discarded"]


class LedgerRow(NamedTuple):
    """A journal's ledger as last copied."""

    journal: str
    updated_at: int
    journalled: int
    written: int
    refused: int
    pending: int
    readings_decoded: int
    readings_written: int
    readings_refused: int
    quantities_refused: int


class Books:
    """The books at `url` (an SQLAlchemy URL); call `prepare` before anything else.

    `patience_s` is how long to wait for another writer's lock before BooksUnavailable (SQLite).
    """

    def __init__(self, url: str, *, patience_s: float = 30.0) -> None:
        self.engine = _engine(url, patience_s)

    def prepare(self) -> None:
        """Create the tables that are not there. Raises BooksUnavailable."""
        with self.writing() as connection:
            metadata.create_all(connection)

    def close(self) -> None:
        """Return the connections."""
        self.engine.dispose()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One write transaction, committed at the end of the block. Raises BooksUnavailable."""
        with self.translated(), self.engine.execution_options(immediate=True).begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent read. Raises BooksUnavailable."""
        with self.translated(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def translated(self) -> Iterator[None]:
        """The database's own errors as BooksUnavailable."""
        try:
            yield
        except OperationalError as error:
            raise BooksUnavailable(f"books {self.engine.url.render_as_string()}: {error.orig}") from error
        except DBAPIError as error:
            if error.connection_invalidated:
                raise BooksUnavailable(f"books {self.engine.url.render_as_string()}: {error.orig}") from error
            raise

    # What ingest writes.

    def settle(
        self,
        journal: str,
        last_batch: int,
        *,
        registry_version: int,
        now: int,
        letters: Sequence[DeadLetter],
        changed: Iterable[MarkKey],
        unknown: Mapping[tuple[str, str], str],
    ) -> None:
        """Book everything of the batches up to `last_batch`, in one transaction; what is booked already is left alone.

        `unknown` is the topic by (family, station). Raises StaleRegistry, BooksUnavailable: nothing was written.
        """
        with self.writing() as connection:
            if _counter(connection, "registry_version") != registry_version:
                raise StaleRegistry
            before = connection.execute(select(settled.c.last_batch).where(settled.c.journal == journal)).scalar() or 0
            if last_batch <= before:
                return
            if new := [letter for letter in letters if letter.batch > before]:
                connection.execute(
                    _insert(connection, dead_letters).on_conflict_do_nothing(), [_letter_row(journal, n) for n in new]
                )
            touch(connection, changed, now)
            if unknown:
                upsert = _insert(connection, unknown_stations)
                connection.execute(
                    upsert.on_conflict_do_update(
                        index_elements=["family", "station"], set_={"last_seen": upsert.excluded.last_seen}
                    ),
                    [
                        {"family": family, "station": station, "topic": topic, "first_seen": now, "last_seen": now}
                        for (family, station), topic in unknown.items()
                    ],
                )
            upsert = _insert(connection, settled)
            connection.execute(
                upsert.on_conflict_do_update(
                    index_elements=["journal"], set_={"last_batch": upsert.excluded.last_batch}
                ),
                {"journal": journal, "last_batch": last_batch},
            )

    def origins_of(self, journal: str, topics: Collection[str]) -> dict[str, int]:
        """The numbers under which readings name (journal, topic); new topics are given one."""
        with self.writing() as connection:
            connection.execute(
                _insert(connection, origins).on_conflict_do_nothing(),
                [{"journal": journal, "topic": topic} for topic in topics],
            )
            found: dict[str, int] = {}
            names = list(topics)
            for start in range(0, len(names), 500):
                rows = connection.execute(
                    select(origins.c.topic, origins.c.id).where(
                        origins.c.journal == journal, origins.c.topic.in_(names[start : start + 500])
                    )
                )
                found.update((topic, number) for topic, number in rows)
            return found

    def copy_ledger(self, row: LedgerRow, journal_gaps: Iterable[tuple[int, int | None, int]]) -> None:
        """Copy a journal's ledger and gaps (id, since, until) here, for processors and the wall."""
        with self.writing() as connection:
            upsert = _insert(connection, ledgers)
            values = row._asdict()
            connection.execute(
                upsert.on_conflict_do_update(index_elements=["journal"], set_={k: upsert.excluded[k] for k in values}),
                values,
            )
            for number, since, until in journal_gaps:
                connection.execute(
                    _insert(connection, gaps).on_conflict_do_nothing(),
                    {"journal": row.journal, "id": number, "since": since, "until": until},
                )

    # The registry.

    def registry_version(self) -> int:
        """Raised by every change of the registry."""
        with self.reading() as connection:
            return _counter(connection, "registry_version")

    def registry(self) -> Registry:
        """All entries, with the version they belong to."""
        with self.reading() as connection:
            version = _counter(connection, "registry_version")
            rows = connection.execute(select(stations.c.entry)).scalars()
            return Registry([Station.model_validate_json(row) for row in rows], version)

    def unknown(self) -> list[UnknownStation]:
        """Stations that send and are not in the registry, by first sight."""
        with self.reading() as connection:
            rows = connection.execute(
                select(unknown_stations).order_by(unknown_stations.c.first_seen, unknown_stations.c.station)
            )
            return [UnknownStation(*row) for row in rows]

    def register(self, entries: Iterable[Station], *, who: str, now: int) -> list[Station]:
        """Add or change registry entries and mark all windows of their stations; gives those that were new or changed.

        A changed entry replaces the one of the same station and `active_from`. Raises RegistryError where entries of one
        station would overlap: nothing was written.
        """
        with self.writing() as connection:
            known = {(s.family, s.id, _from(s)): s for s in self._entries(connection)}
            changed = [s for s in entries if known.get((s.family, s.id, _from(s))) != s]
            if not changed:
                return []
            known.update({(s.family, s.id, _from(s)): s for s in changed})
            Registry(known.values())
            upsert = _insert(connection, stations)
            connection.execute(
                upsert.on_conflict_do_update(
                    index_elements=["family", "id", "active_from"], set_={"entry": upsert.excluded.entry}
                ),
                [
                    {"family": s.family, "id": s.id, "active_from": _from(s), "entry": s.model_dump_json()}
                    for s in changed
                ],
            )
            for s in changed:
                connection.execute(
                    delete(unknown_stations).where(
                        unknown_stations.c.family == s.family, unknown_stations.c.station == s.id
                    )
                )
            _raise_counter(connection, "registry_version")
            touch(connection, {MarkKey(s.family, s.id, s.period, ALL_HOURS) for s in changed}, now)
            note(connection, now, who, "register", f"{len(changed)} stations", [s.id for s in changed])
            return changed

    def _entries(self, connection: Connection) -> list[Station]:
        return [Station.model_validate_json(row) for row in connection.execute(select(stations.c.entry)).scalars()]

    # What people read and work on.

    def ledgers(self) -> list[LedgerRow]:
        """Every journal's ledger as last copied."""
        with self.reading() as connection:
            return [LedgerRow(*row) for row in connection.execute(select(ledgers))]

    def gaps(self, start: int, end: int) -> list[tuple[int | None, int]]:
        """Spans (since, until] [ms] in which a broker lost our session, that touch (start, end]."""
        with self.reading() as connection:
            rows = connection.execute(
                select(gaps.c.since, gaps.c.until)
                .where(gaps.c.until > start, (gaps.c.since.is_(None)) | (gaps.c.since < end))
                .order_by(gaps.c.until)
            )
            return [(since, until) for since, until in rows]

    def topic_of(self, origin: int) -> tuple[str, str] | None:
        """(journal, topic) of a reading's origin number."""
        with self.reading() as connection:
            row = connection.execute(select(origins.c.journal, origins.c.topic).where(origins.c.id == origin)).first()
            return None if row is None else (row[0], row[1])

    def dead_letters(
        self, *, state: str | None = "open", code: str | None = None, after: int = 0, most: int = 1000
    ) -> list[StoredDeadLetter]:
        """Dead letters with id > `after`, oldest first, at most `most`; of one state and code where given."""
        query = select(dead_letters).where(dead_letters.c.id > after).order_by(dead_letters.c.id).limit(most)
        if state is not None:
            query = query.where(dead_letters.c.state == state)
        if code is not None:
            query = query.where(dead_letters.c.code == code)
        with self.reading() as connection:
            return [_stored_letter(row._mapping) for row in connection.execute(query)]

    def dead_letter(self, number: int) -> StoredDeadLetter | None:
        """One dead letter by its id."""
        with self.reading() as connection:
            row = connection.execute(select(dead_letters).where(dead_letters.c.id == number)).first()
            return None if row is None else _stored_letter(row._mapping)

    def count_dead_letters(self) -> dict[tuple[str, str], int]:
        """How many there are by (state, code)."""
        with self.reading() as connection:
            rows = connection.execute(
                select(dead_letters.c.state, dead_letters.c.code, func.count()).group_by(
                    dead_letters.c.state, dead_letters.c.code
                )
            )
            return {(state, code): count for state, code, count in rows}

    def move_dead_letter(
        self,
        number: int,
        state: Literal["open", "replayed", "discarded"],
        *,
        changed: Iterable[MarkKey] = (),
        registry_version: int | None = None,
        who: str,
        why: str,
        now: int,
    ) -> None:
        """A dead letter was replayed (readings of it stored in the `changed` windows; open where parts are still refused)
        or discarded, by whom and why.

        Raises StaleRegistry where the verdict behind it was made with another version.
        """
        with self.writing() as connection:
            if registry_version is not None and _counter(connection, "registry_version") != registry_version:
                raise StaleRegistry
            connection.execute(update(dead_letters).where(dead_letters.c.id == number).values(state=state))
            touch(connection, changed, now)
            note(connection, now, who, f"dead letter {state}", str(number), why)


_MARK_COLUMNS = "family, station, period, hour, first_touched, last_touched, sequence"
_TOUCH = {
    style: f"INSERT INTO marks ({_MARK_COLUMNS}, leased_until) VALUES ({', '.join([mark] * 7)}, 0)"  # noqa: S608 - no data in it
    " ON CONFLICT (family, station, period, hour)"
    " DO UPDATE SET sequence = excluded.sequence, last_touched = excluded.last_touched"
    for style, mark in {"qmark": "?", "format": "%s", "pyformat": "%s"}.items()
}
"""The upsert of a mark, by the driver's way to write a parameter."""


def touch(connection: Connection, changed: Iterable[MarkKey], now: int) -> None:
    """Mark windows as changed: a new sequence for each, and the time of the first and the last touch."""
    keys = list(changed)
    if not keys:
        return
    sequence = _raise_counter(connection, "mark_sequence")
    rows = [(*key, now, now, sequence) for key in keys]
    # By the driver's own executemany: this is the hot path, and Core's parameter dictionaries cost more than the rows.
    connection.exec_driver_sql(_TOUCH[connection.dialect.paramstyle], rows)


def note(connection: Connection, now: int, who: str, what: str, subject: str, detail: object) -> None:
    """One line of the audit."""
    connection.execute(
        insert(audit).values(at=now, who=who, what=what, subject=subject, detail=json.dumps(detail, ensure_ascii=False))
    )


def _engine(url: str, patience_s: float) -> Engine:
    engine = create_engine(url, connect_args={"timeout": patience_s} if url.startswith("sqlite") else {})
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _on_connect)
        event.listen(engine, "begin", _on_begin)
    return engine


def _on_connect(connection: Any, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # the begin event says how a transaction begins, not the driver
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")


def _on_begin(connection: Connection) -> None:
    immediate = connection.get_execution_options().get("immediate", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _insert(connection: Connection, table: Table) -> sqlite.Insert:
    # Both dialects' inserts have the same on_conflict methods; SQLAlchemy gives them no common type.
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    return cast("sqlite.Insert", make(table))


def _counter(connection: Connection, name: str) -> int:
    return connection.execute(select(counters.c.value).where(counters.c.name == name)).scalar() or 0


def _raise_counter(connection: Connection, name: str) -> int:
    upsert = _insert(connection, counters)
    raised = connection.execute(
        upsert.on_conflict_do_update(index_elements=["name"], set_={"value": counters.c.value + 1}).returning(
            counters.c.value
        ),
        {"name": name, "value": 1},
    )
    return int(raised.scalar_one())


def _from(station: Station) -> int:
    return to_millis(station.active_from) if station.active_from else 0


def _letter_row(journal: str, letter: DeadLetter) -> dict[str, Any]:
    return {
        **letter._asdict(),
        "journal": journal,
        "code": letter.refusals[0].code,
        "refusals": json.dumps([r._asdict() for r in letter.refusals], ensure_ascii=False),
        "state": "open",
    }


def _stored_letter(row: Mapping[Any, Any]) -> StoredDeadLetter:
    refusals = tuple(Refusal(**r) for r in json.loads(row["refusals"]))
    letter = DeadLetter(**{name: row[name] for name in DeadLetter._fields if name != "refusals"}, refusals=refusals)
    return StoredDeadLetter(row["id"], row["journal"], letter, row["state"])
