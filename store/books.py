"""The books: everything a city must be able to account for, in one SQL database (SQLite by default, PostgreSQL when shared).

This file holds the engine and what settling and the registry write: settled batches, marks, unknown stations, copies of the
ledger, gaps. Over the same engine: dead letters in `store/letters.py`, what people ask ingest to replay in
`store/replays.py`, what processors write in `store/judgements.py`.

Every write is one short transaction begun IMMEDIATE; `synchronous=FULL`; three processes share the file. Whatever the
database answers that is not ours to mend comes out as BooksUnavailable: nothing was written, try again.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, create_engine, delete, event, select
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from sensors.instants import to_millis
from sensors.reading import Period
from sensors.stations import Registry, Station
from store.letters import DeadLetter, insert_letters
from store.parts import parts
from store.schema import audit, gaps, ledgers, metadata, origins, settled, stations, unknown_stations
from store.transaction import counter, insert_into, list_unknown, note, notes, raise_counter, require_registry, touch
from store.upgrade import bring_up_to_date

ALL_HOURS = -1
"""The hour of a mark that stands for every hour the station has readings in (an adopted or changed station)."""


# Chosen: ingest copies its ledger at least every five seconds; after ten it has stopped, or cannot reach the books.
INGEST_SILENT_MS = 10_000
"""A ledger copy older than this says that no ingest runs on that journal."""


class BooksUnavailable(Exception):
    """The books cannot be reached, or will not write now: nothing was written, try again."""


Window = tuple[str, str, int]
"""Family, period, and the hour (since the epoch, UTC) in which readings end."""

Changed = Mapping[Window, Collection[str]]
"""The stations of changed windows."""

Earliest = Mapping[Window, int]
"""Of changed windows the earliest instant that changed [ms], where it is known; else all of the window did."""


class MarkKey(NamedTuple):
    """A changed window of one station: readings of its period that end in one UTC hour (hours since the epoch)."""

    family: str
    station: str
    period: str
    hour: int


class Unknown(NamedTuple):
    """A message of a station that is not in the registry: what it says of the station, and its bytes as a sample."""

    topic: str
    district: str
    period: Period
    source: str
    """The source that takes the topic; `native` where none does."""
    device: str | None
    """The device by its own name, where that is not the station's id."""
    payload: bytes


class UnknownStation(NamedTuple):
    """A station that sends and is not in the registry. Times in ms since the epoch; the rest is of its first message,
    `sample` the first 4 KiB of its bytes. None where it was listed before that was kept."""

    family: str
    station: str
    topic: str
    first_seen: int
    last_seen: int
    source: str | None = None
    device: str | None = None
    district: str | None = None
    period: str | None = None
    sample: bytes | None = None


class AuditLine(NamedTuple):
    """Who did what, and when [ms]."""

    at: int
    who: str
    what: str
    detail: Mapping[str, Any]


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


_ALL_OF_IT: Earliest = MappingProxyType({})
_ADDED, _CHANGED = "station entry added", "station entry changed"


class Books:
    """The books at `url` (an SQLAlchemy URL); call `prepare` before anything else.

    `patience_s` is how long to wait for another writer's lock before BooksUnavailable (SQLite).
    """

    def __init__(self, url: str, *, patience_s: float = 30.0) -> None:
        self.engine = _engine(url, patience_s)
        # The last one read: whoever asks for the same version shares it, and 100,000 stations are 150 MB.
        self._registry = Registry(())

    def prepare(self) -> None:
        """Create the tables that are not there, and the columns that an older version did not have. Raises BooksUnavailable."""
        with self.writing() as connection:
            metadata.create_all(connection)
            bring_up_to_date(connection)

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
        changed: Changed,
        unknown: Mapping[tuple[str, str], Unknown],
        earliest: Earliest = _ALL_OF_IT,
    ) -> None:
        """Book everything of the batches up to `last_batch`, in one transaction; what is booked already is left alone.

        `unknown` is a message by (family, station). Raises StaleRegistry, BooksUnavailable: nothing was written.
        """
        with self.writing() as connection:
            require_registry(connection, registry_version)
            before = connection.execute(select(settled.c.last_batch).where(settled.c.journal == journal)).scalar() or 0
            if last_batch <= before:
                return
            insert_letters(connection, journal, [letter for letter in letters if letter.batch > before])
            touch(connection, changed, now, earliest)
            list_unknown(connection, unknown, now)
            upsert = insert_into(connection, settled)
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
                insert_into(connection, origins).on_conflict_do_nothing(),
                [{"journal": journal, "topic": topic} for topic in topics],
            )
            found: dict[str, int] = {}
            for part in parts(topics):
                rows = connection.execute(
                    select(origins.c.topic, origins.c.id).where(origins.c.journal == journal, origins.c.topic.in_(part))
                )
                found.update((topic, number) for topic, number in rows)
            return found

    def copy_ledger(self, row: LedgerRow, journal_gaps: Iterable[tuple[int, int | None, int]]) -> None:
        """Copy a journal's ledger and gaps (id, since, until) here, for processors and the wall."""
        with self.writing() as connection:
            upsert = insert_into(connection, ledgers)
            values = row._asdict()
            connection.execute(
                upsert.on_conflict_do_update(index_elements=["journal"], set_={k: upsert.excluded[k] for k in values}),
                values,
            )
            for number, since, until in journal_gaps:
                connection.execute(
                    insert_into(connection, gaps).on_conflict_do_nothing(),
                    {"journal": row.journal, "id": number, "since": since, "until": until},
                )

    # The registry.

    def registry_version(self) -> int:
        """Raised by every change of the registry."""
        with self.reading() as connection:
            return counter(connection, "registry_version")

    def registry(self) -> Registry:
        """All entries, with the version they belong to."""
        with self.reading() as connection:
            version = counter(connection, "registry_version")
            if self._registry.version != version:
                self._registry = Registry(self._entries(connection), version)
            return self._registry

    def unknown(self) -> list[UnknownStation]:
        """Stations that send and are not in the registry, by first sight."""
        with self.reading() as connection:
            rows = connection.execute(
                select(unknown_stations).order_by(unknown_stations.c.first_seen, unknown_stations.c.station)
            )
            return [UnknownStation(*row) for row in rows]

    def register(self, entries: Iterable[Station], *, who: str, now: int) -> list[Station]:
        """Add or change registry entries and mark all windows of their stations; gives those that were new or changed.

        A changed entry replaces the one of the same station and `active_from`; the audit has what it was. Raises RegistryError
        where entries of one station would overlap: nothing was written.
        """
        with self.writing() as connection:
            known = {(s.family, s.id, _from(s)): s for s in self._entries(connection)}
            changed = [s for s in entries if known.get((s.family, s.id, _from(s))) != s]
            if not changed:
                return []
            before = {key: known[key] for s in changed if (key := (s.family, s.id, _from(s))) in known}
            known.update({(s.family, s.id, _from(s)): s for s in changed})
            Registry(known.values())
            upsert = insert_into(connection, stations)
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
            raise_counter(connection, "registry_version")
            windows: dict[Window, set[str]] = defaultdict(set)
            for s in changed:
                windows[s.family, s.period, ALL_HOURS].add(s.id)
            touch(connection, windows, now)
            note(connection, now, who, "register", f"{len(changed)} stations", [s.id for s in changed])
            notes(connection, now, who, (_line(s, before.get((s.family, s.id, _from(s)))) for s in changed))
            return changed

    def _entries(self, connection: Connection) -> list[Station]:
        return [Station.model_validate_json(row) for row in connection.execute(select(stations.c.entry)).scalars()]

    def record(self, who: str, now: int, what: str, subject: str, detail: Mapping[str, Any]) -> None:
        """One line of the audit. Raises BooksUnavailable."""
        with self.writing() as connection:
            note(connection, now, who, what, subject, detail)

    # What people read.

    def history(self, family: str, station: str) -> list[AuditLine]:
        """What was done to a station, its entries and its device, oldest first."""
        chosen = audit.c.subject == f"{family}/{station}"
        with self.reading() as connection:
            lines = select(audit.c.at, audit.c.who, audit.c.what, audit.c.detail).where(chosen).order_by(audit.c.id)
            rows = connection.execute(lines)
            return [AuditLine(row.at, row.who, row.what, json.loads(row.detail)) for row in rows]

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


def _from(station: Station) -> int:
    return to_millis(station.active_from) if station.active_from else 0


def _line(entry: Station, before: Station | None) -> tuple[str, str, object]:
    """What the audit says of an entry that is new, or other than `before`."""
    each = {"after": entry} if before is None else {"before": before, "after": entry}
    detail = {name: of.model_dump(mode="json", exclude_none=True) for name, of in each.items()}
    return _ADDED if before is None else _CHANGED, f"{entry.family}/{entry.id}", detail
