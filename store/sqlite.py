"""Readings in SQLite: one table per family and period, a column per quantity, one file. The embedded default.

An ordinary batch (nothing stored yet under these identities, none of them twice) is one executemany of plain inserts. Otherwise
the stored points are read, merged (store/merge.py) and written back, in the same transaction. WAL: command line, page and
processors read while ingest writes.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sensors.instants import DAY_MS, FOREVER
from sensors.quantities import OF_FAMILY, Family
from sensors.reading import Period, Reading
from store.frames import frame_of
from store.merge import Point, merge, pack_extra, unpack_extra
from store.parts import parts
from store.port import Rejected, StoreMisconfigured, StoreUnavailable

if TYPE_CHECKING:
    import pandas as pd

# Columns of every table. `extra` (doubtful values, deviating versions; store/merge.py) is NULL in an ordinary row.
_PLAIN = ("station", "observed_at", "seq", "received_at", "issued", "unknown_station", "origin", "batch")
_FIXED = (*_PLAIN, "extra")
# Bound parameters of one statement: SQLite's own limit is 32,766 since 3.32.
_MOST_PARAMETERS = 30_000
# How long to wait for another writer's lock: chosen longer than any transaction of ours.
_BUSY_S = 30.0
_RECENT_MS = 2 * DAY_MS
Identity = tuple[str, int, int]


class SqliteStore:
    """The readings store in the file `path`; made at the first write.

    `patience_s` is how long a write waits for another writer's lock before StoreUnavailable.
    """

    def __init__(self, path: Path, *, patience_s: float = _BUSY_S) -> None:
        self._path = path
        self._patience_s = patience_s
        self._db: sqlite3.Connection | None = None
        self._prepared: set[tuple[str, str]] = set()

    async def write(self, readings: Sequence[Reading], *, in_order: bool = True) -> Sequence[Rejected]:
        """As the port promises; SQLite refuses no reading. `in_order` makes no difference: versions decide."""
        with self._translated():
            db = self._opened()
            try:
                db.execute("BEGIN IMMEDIATE")
                groups = list(_by_table(readings))
                for (family, period), group in groups:
                    self._write_table(db, family, period, group)
                # Only the commit leaves the loop's thread: it waits for the disk without the GIL.
                await asyncio.shield(asyncio.get_running_loop().run_in_executor(None, db.execute, "COMMIT"))
                # Not before the commit: a rollback takes a new table, or column, along.
                self._prepared.update(table for table, _ in groups)
            except sqlite3.Error:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
        return ()

    def _write_table(self, db: sqlite3.Connection, family: Family, period: Period, readings: list[Reading]) -> None:
        if (family, period) not in self._prepared:
            self._prepare(db, family, period)
        # Only the columns in use: binding NULLs for the others costs as much as the values.
        used = set().union(*[reading[5] for reading in readings])
        codes = tuple(code for code in OF_FAMILY[family] if code in used)
        columns: tuple[str, ...] = (*_PLAIN, *codes)
        rows: Iterable[tuple[Any, ...]] = map(_row_maker(codes), readings)
        if any(reading[6] for reading in readings):  # something doubtful
            columns = (*columns, "extra")
            rows = ((*row, pack_extra(Point(reading, {}))) for row, reading in zip(rows, readings, strict=True))
        db.execute("SAVEPOINT plain")
        insert = _insert(_table(family, period), columns) + " ON CONFLICT DO NOTHING"
        if db.executemany(insert, rows).rowcount == len(readings):
            db.execute("RELEASE plain")
            return
        db.execute("ROLLBACK TO plain")  # some were there already, or came twice: none of them as plain rows then
        db.execute("RELEASE plain")
        self._merge_table(db, family, period, readings)

    def _merge_table(self, db: sqlite3.Connection, family: Family, period: Period, readings: list[Reading]) -> None:
        codes = tuple(OF_FAMILY[family])
        points = {_identity(point.reading): point for point in self._stored(db, family, period, codes, readings)}
        for reading in readings:
            before = points.get(_identity(reading))
            points[_identity(reading)] = Point(reading, {}) if before is None else merge(before, reading)
        replace = _insert(_table(family, period), (*_PLAIN, *codes, "extra")).replace("INSERT", "INSERT OR REPLACE", 1)
        row = _row_maker(codes)
        db.executemany(replace, [(*row(point.reading), pack_extra(point)) for point in points.values()])

    def _stored(
        self, db: sqlite3.Connection, family: Family, period: Period, codes: tuple[str, ...], readings: list[Reading]
    ) -> Iterator[Point]:
        """The stored points of these readings' identities."""
        wanted = sorted({_identity(reading) for reading in readings})
        columns = ", ".join((*_FIXED, *codes))
        for part in parts(wanted, _MOST_PARAMETERS // 3):
            rows = db.execute(
                f"WITH wanted (s, o, q) AS (VALUES {', '.join(['(?, ?, ?)'] * len(part))}) "  # noqa: S608 - names from our table
                f"SELECT {columns} FROM wanted JOIN {_table(family, period)} ON station = s AND observed_at = o AND seq = q",
                [cell for identity in part for cell in identity],
            )
            for row in rows:
                yield _point(family, period, codes, row)

    def _prepare(self, db: sqlite3.Connection, family: Family, period: Period) -> None:
        """Make a table, or widen one that is older than the quantities table."""
        table, codes = _table(family, period), tuple(OF_FAMILY[family])
        # Time first: what arrives together lies together, and windows are read by time.
        db.execute(
            f"CREATE TABLE IF NOT EXISTS {table} (station TEXT NOT NULL, observed_at INTEGER NOT NULL, seq INTEGER NOT NULL,"
            " received_at INTEGER NOT NULL, issued INTEGER, unknown_station INTEGER NOT NULL, origin INTEGER NOT NULL,"
            f" batch INTEGER NOT NULL, extra TEXT, {', '.join(f'{code} REAL' for code in codes)},"
            " PRIMARY KEY (observed_at, station, seq)) WITHOUT ROWID"
        )
        there = {row[1] for row in db.execute(f"PRAGMA table_info({table})")}
        for code in codes:
            if code not in there:
                db.execute(f"ALTER TABLE {table} ADD COLUMN {code} REAL")

    def readings(
        self,
        family: Family,
        period: Period,
        start: int,
        end: int,
        stations: Collection[str] | None = None,
        quantities: Iterable[str] | None = None,
        *,
        detail: bool = False,
    ) -> "pd.DataFrame":
        """As the port promises."""
        where, parameters = "observed_at > ? AND observed_at <= ?", [start, end]
        return self._frame(family, period, where, parameters, stations, quantities, detail)

    def latest(self, family: Family, period: Period, stations: Collection[str] | None = None) -> "pd.DataFrame":
        """As the port promises."""
        table = _table(family, period)
        newest = (
            f"(station, observed_at) IN (SELECT station, max(observed_at) FROM {table} WHERE observed_at > "  # noqa: S608 - as above
            f"(SELECT max(observed_at) - ? FROM {table}) GROUP BY station)"
        )
        # The last days are a short read at the table's end; only a station that has been silent for longer needs all of it.
        frame = self._frame(family, period, newest, [_RECENT_MS], stations, None, False)
        if stations is None or len(set(stations)) > frame["station"].nunique():
            frame = self._frame(family, period, newest, [FOREVER], stations, None, False)
        return frame.drop_duplicates("station", keep="last", ignore_index=True)  # events of one instant: the last

    def _frame(
        self,
        family: Family,
        period: Period,
        where: str,
        parameters: list[int],
        stations: Collection[str] | None,
        quantities: Iterable[str] | None,
        detail: bool,
    ) -> "pd.DataFrame":
        codes = tuple(OF_FAMILY[family] if quantities is None else quantities)
        columns = (*_FIXED, *codes) if detail else (*_FIXED[:3], *codes)
        rows: list[tuple[Any, ...]] = []
        with self._translated(), self._reading() as db:
            there = {row[1] for row in db.execute(f"PRAGMA table_info({_table(family, period)})")} if db else set()
            if db is not None and there:
                picked = [column if column in there else f"NULL AS {column}" for column in columns]
                select = f"SELECT {', '.join(picked)} FROM {_table(family, period)} WHERE {where}"  # noqa: S608 - as above
                for some in [None] if stations is None else parts(sorted(set(stations)), _MOST_PARAMETERS):
                    among = "" if some is None else f" AND station IN ({', '.join('?' * len(some))})"
                    order = " ORDER BY station, observed_at, seq"
                    rows += db.execute(select + among + order, [*parameters, *(some or ())]).fetchall()
        return frame_of(rows, columns, codes, detail=detail)

    async def check(self) -> str:
        """As the port promises."""
        with self._translated():
            self._opened().execute("PRAGMA schema_version").fetchone()
        return f"SQLite {sqlite3.sqlite_version}, {self._path}"

    async def close(self) -> None:
        """As the port promises."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def _opened(self) -> sqlite3.Connection:
        if self._db is None:
            # Autocommit: transactions are begun and ended by hand. The commit alone runs in another thread.
            db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=self._patience_s)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            self._db = db
        return self._db

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        """A connection that only reads, for the calling thread; None where there is no file yet."""
        if not self._path.exists():
            yield None
            return
        with closing(sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=ro", uri=True, timeout=_BUSY_S)) as db:
            yield db

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """SQLite's errors as the port's: what passes (locked, full, I/O) is tried again, what does not needs a person."""
        try:
            yield
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}:
                raise StoreMisconfigured(
                    f"readings {self._path}: {error}; make the file and its folder writable"
                ) from error
            raise StoreUnavailable(f"readings {self._path}: {error}") from error
        except sqlite3.DatabaseError as error:
            raise StoreMisconfigured(f"readings {self._path}: {error}; restore the file, or move it away") from error


def _insert(table: str, columns: Sequence[str]) -> str:
    names, marks = ", ".join(columns), ", ".join("?" * len(columns))
    return f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608 - names from our table


def _by_table(readings: Sequence[Reading]) -> Iterator[tuple[tuple[Family, Period], list[Reading]]]:
    """Readings by (family, period), each group in its order; a batch is nearly always of one."""
    tables = {(reading[0], reading[2]) for reading in readings}
    if len(tables) == 1:
        yield tables.pop(), list(readings)
        return
    for table in sorted(tables):
        yield table, [reading for reading in readings if (reading[0], reading[2]) == table]


def _row_maker(codes: tuple[str, ...]) -> Callable[[Reading], tuple[Any, ...]]:
    """Makes the row (_PLAIN, then `codes`) of a reading."""

    def row(reading: Reading) -> tuple[Any, ...]:
        _, station, _, at, received_at, values, _, seq, issued, unknown, origin, batch = reading
        return (station, at, seq, received_at, issued, unknown, origin, batch, *map(values.get, codes))

    return row


def _point(family: Family, period: Period, codes: tuple[str, ...], row: Sequence[Any]) -> Point:
    station, at, seq, received_at, issued, unknown, origin, batch, extra = row[:9]
    values = {code: value for code, value in zip(codes, row[9:], strict=True) if value is not None}
    doubtful, older = unpack_extra(extra)
    reading = Reading(
        family, station, period, at, received_at, values, doubtful, seq, issued, bool(unknown), origin, batch
    )
    return Point(reading, older)


def _identity(reading: Reading) -> Identity:
    return (reading.station, reading.observed_at, reading.seq)


def _table(family: Family, period: Period) -> str:
    return f"{family}_{period}".replace("-", "_")
