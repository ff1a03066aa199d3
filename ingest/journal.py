"""The journal: what the broker delivered, durable on this machine's disk before it is acknowledged.

A SQLite file in WAL mode, `synchronous=FULL`, one row per batch. The promises:
- after `append` returns, the batch survives any crash, and `front` gives batches in the order they were appended;
- `settle` drops batches and raises the ledger's counters in one transaction, so `journalled = written + refused + pending`
  holds exactly in every state a crash can leave;
- batch ids are never reused (AUTOINCREMENT), and with the journal's UUID they name a batch for ever;
- one journal has one owner: an exclusive lock on its folder.

It is bounded twice: by `cap_bytes` of pending batches and by a reserve of free disk. At either bound `room()` is False;
the caller stops reading and acknowledging together, and the broker holds the rest. Deleting from a WAL needs space, so a
preallocated ballast file is given up when settling finds the disk full; nothing is taken again before it is back.
"""

import asyncio
import fcntl
import os
import shutil
import sqlite3
import struct
import uuid
from array import array
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from itertools import accumulate, repeat
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from ingest.pauses import Pause, no_pause
from ingest.transport import Message, Oversized

MEBI = 1 << 20
PAGE_BYTES = 16 * 1024
# Chosen: where the WAL is written back into the file. The ballast is four times as much: enough for that, and for settling.
WAL_BYTES = 4 * MEBI
# Chosen: empty pages that the file keeps for the next batches; more than this a backlog gives back.
KEPT_BYTES = 64 * MEBI

_SCHEMA = """
CREATE TABLE IF NOT EXISTS batches (
    id INTEGER PRIMARY KEY AUTOINCREMENT, received_at INTEGER NOT NULL, messages INTEGER NOT NULL, frames BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS ledger (
    only INTEGER PRIMARY KEY CHECK (only = 1), uuid TEXT NOT NULL,
    journalled INTEGER NOT NULL DEFAULT 0, written INTEGER NOT NULL DEFAULT 0, refused INTEGER NOT NULL DEFAULT 0,
    readings_decoded INTEGER NOT NULL DEFAULT 0, readings_written INTEGER NOT NULL DEFAULT 0,
    readings_refused INTEGER NOT NULL DEFAULT 0, quantities_refused INTEGER NOT NULL DEFAULT 0,
    last_received_at INTEGER, session INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS gaps (id INTEGER PRIMARY KEY AUTOINCREMENT, since INTEGER, until INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS filters (filter TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS keepsakes (id INTEGER PRIMARY KEY AUTOINCREMENT, line BLOB NOT NULL);
"""


class JournalError(Exception):
    """The journal cannot be used: the message says which folder, why, and what to do."""


class JournalLocked(JournalError):
    """Another running ingest owns the journal."""


class JournalBatch(NamedTuple):
    """One batch as journalled; `received_at` [ms since the epoch] is the receipt of all its messages."""

    id: int
    received_at: int
    messages: list[Message]


class Counts(NamedTuple):
    """What settling some batches adds to the ledger: deliveries, readings, quantities."""

    written: int = 0
    refused: int = 0
    readings_written: int = 0
    readings_refused: int = 0
    quantities_refused: int = 0


class Ledger(NamedTuple):
    """The conservation ledger: `journalled = written + refused + pending` deliveries,
    `readings_decoded = readings_written + readings_refused`. A delivery that left any dead letter is refused."""

    journalled: int
    written: int
    refused: int
    pending: int
    readings_decoded: int
    readings_written: int
    readings_refused: int
    quantities_refused: int


class Gap(NamedTuple):
    """The broker had lost our session: what was published in (since, until] [ms] may never have reached us."""

    id: int
    since: int | None
    until: int


class Journal:
    """The journal in `folder`. Use as a context manager; one object, one event loop.

    `cap_bytes` bounds pending batches, `reserve_bytes` is the free disk below which nothing is taken, `ballast_bytes` is
    given up to drain a full disk.
    """

    def __init__(
        self,
        folder: Path,
        *,
        cap_bytes: int = 1024 * MEBI,
        reserve_bytes: int = 256 * MEBI,
        ballast_bytes: int = 4 * WAL_BYTES,
        pause: Pause = no_pause,
    ) -> None:
        self.folder = folder
        self.path = folder / "journal.sqlite"
        self.cap_bytes = cap_bytes
        self.reserve_bytes = reserve_bytes
        self._ballast = folder / "ballast"
        self._ballast_bytes = ballast_bytes
        self._pause = pause
        self._one_transaction = asyncio.Lock()
        self.pending_bytes = 0
        self._free_at_check = 0
        self._taken_since_check = 0
        self._has_ballast = False
        self.appended = asyncio.Event()
        """Set when there may be something at the front."""

    def __enter__(self) -> Self:
        self._own_folder()
        try:
            try:
                self._open()
            except sqlite3.OperationalError:
                if not self._ballast.exists():
                    raise
                self._give_ballast()  # on a full disk not even the index of the WAL can be made
                self._open()
            self._look_at_disk()
        except sqlite3.OperationalError as error:
            self._lock_file.close()
            raise JournalError(f"journal {self.path}: {error}; free some space, or make the folder writable") from error
        except sqlite3.Error as error:
            self._lock_file.close()
            raise JournalError(f"journal {self.path}: {error}; move the file away to start a new journal") from error
        self.appended.set()
        return self

    def _own_folder(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock_file = (self.folder / "lock").open("w")
        except OSError as error:
            raise JournalError(f"journal {self.folder}: {error.strerror}; make the folder writable") from error
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._lock_file.close()
            raise JournalLocked(
                f"journal {self.folder} belongs to another running ingest; stop that one, or set another CITYFLUX_DATA_DIR"
            ) from error

    def _open(self) -> None:
        self._db = _connect(self.path)
        # Large pages and no overwriting of deleted ones: half the CPU of the defaults for batches of a megabyte.
        self._db.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        self._db.execute(f"PRAGMA wal_autocheckpoint = {WAL_BYTES // PAGE_BYTES}")
        self._db.execute("PRAGMA secure_delete = OFF")
        self._db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.executescript(_SCHEMA)
        self._db.execute("INSERT OR IGNORE INTO ledger (only, uuid) VALUES (1, ?)", (str(uuid.uuid4()),))
        # Reads what is committed, whatever append and settle are at: only that survives a crash.
        self._committed = _connect(self.path)
        self.uuid = str(self._one("SELECT uuid FROM ledger")[0])
        self.pending_bytes = int(self._one("SELECT coalesce(sum(length(frames)), 0) FROM batches")[0])

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._committed.close()
        self._db.close()
        self._lock_file.close()

    async def append(self, messages: Sequence[Message], received_at: int) -> int:
        """Make a batch durable and give its id. Raises JournalError where the disk will not take it: nothing is journalled."""
        frames = pack(messages)
        async with self._one_transaction:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                batch = self._db.execute(
                    "INSERT INTO batches (received_at, messages, frames) VALUES (?, ?, ?)",
                    (received_at, len(messages), frames),
                ).lastrowid
                self._db.execute(
                    "UPDATE ledger SET journalled = journalled + ?, last_received_at = ?, session = 1",
                    (len(messages), received_at),
                )
                cancelled = await self._commit()
            except sqlite3.Error as error:
                self._roll_back()
                self._free_at_check = 0  # look again before the next batch, whatever the disk said
                raise JournalError(f"journal {self.path}: {error}; nothing of this batch was acknowledged") from error
        self.pending_bytes += len(frames)
        self._taken_since_check += len(frames)
        self.appended.set()
        if cancelled is not None:
            raise cancelled
        return int(batch or 0)

    def front(self, most_messages: int, most_bytes: int = 2 * MEBI, *, after: int = 0) -> list[JournalBatch]:
        """The oldest batches `after` one, in order: at least one where there is any, and no further one past either bound.

        Raises JournalError.
        """
        rows: list[tuple[int, int, int, bytes]] = []
        messages = size = 0
        with self._reading() as db:
            found = db.execute(
                "SELECT id, received_at, messages, frames FROM batches WHERE id > ? ORDER BY id", (after,)
            )
            for row in found:
                messages, size = messages + row[2], size + len(row[3])
                if rows and (messages > most_messages or size > most_bytes):
                    break
                rows.append(row)
                if messages >= most_messages or size >= most_bytes:
                    break
        if not rows:
            self.appended.clear()
        return [JournalBatch(batch, received_at, unpack(frames)) for batch, received_at, _, frames in rows]

    async def settle(self, last_batch: int, counts: Counts) -> None:
        """Drop every batch up to `last_batch` and count it, in one transaction. Raises JournalError: nothing was dropped."""
        async with self._one_transaction:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                dropped = self._one("SELECT coalesce(sum(length(frames)), 0) FROM batches WHERE id <= ?", last_batch)[0]
                self._db.execute("DELETE FROM batches WHERE id <= ?", (last_batch,))
                self._db.execute(
                    "UPDATE ledger SET written = written + ?, refused = refused + ?,"
                    " readings_decoded = readings_decoded + ? + ?, readings_written = readings_written + ?,"
                    " readings_refused = readings_refused + ?, quantities_refused = quantities_refused + ?",
                    (
                        counts.written,
                        counts.refused,
                        counts.readings_written,
                        counts.readings_refused,
                        counts.readings_written,
                        counts.readings_refused,
                        counts.quantities_refused,
                    ),
                )
                cancelled = await self._commit()
            except sqlite3.Error as error:
                self._roll_back()
                self._give_ballast()
                raise JournalError(
                    f"journal {self.path}: {error}; the batch stays and will be settled again"
                ) from error
        self.pending_bytes -= int(dropped)
        if self.pending_bytes == 0:
            self._give_space_back()
        if cancelled is not None:
            raise cancelled

    def room(self) -> bool:
        """Whether another batch may be taken: below the cap, and the disk above its reserve."""
        if self._taken_since_check > MEBI or not self._disk_is_well():
            self._look_at_disk()
        return self.pending_bytes < self.cap_bytes and self._disk_is_well()

    def why_full(self) -> str:
        """The bound that `room` found reached, in words."""
        if self.pending_bytes >= self.cap_bytes:
            return f"{self.pending_bytes} bytes wait for the store, the cap is {self.cap_bytes}"
        needed = self.reserve_bytes + (0 if self._has_ballast else self._ballast_bytes)
        return f"{self._free_at_check} bytes are free in {self.folder}, the reserve is {needed}"

    def ledger(self) -> Ledger:
        """The counters as they stand on disk. Raises JournalError."""
        with self._reading() as db:
            return read_ledger(db)

    def had_session(self) -> bool:
        """Whether we have ever had a session at the broker: its absence there is then a gap. Raises JournalError."""
        with self._reading() as db:
            return has_session(db)

    def note_session(self, now: int, *, present: bool) -> None:
        """We are subscribed at `now` [ms]. Where the broker no longer had the session that we had, (last receipt, now] is
        recorded as a gap. Raises JournalError."""
        with self._beside() as db:
            if has_session(db) and not present:
                db.execute("INSERT INTO gaps (since, until) SELECT last_received_at, ? FROM ledger", (now,))
            db.execute("UPDATE ledger SET session = 1")

    def asking_for(self, filters: Sequence[str]) -> tuple[str, ...]:
        """We are about to subscribe to `filters`. Gives those that the session may have besides, from earlier. Raises
        JournalError."""
        with self._beside() as db:
            known = [row[0] for row in db.execute("SELECT filter FROM filters ORDER BY filter")]
            new = [(wanted,) for wanted in filters if wanted not in known]
            db.executemany("INSERT INTO filters (filter) VALUES (?)", new)
        return tuple(old for old in known if old not in filters)

    def end_session(self) -> None:
        """We give our session at the broker up, and nothing waits in it: its absence will be no gap. Raises JournalError."""
        with self._beside() as db:
            db.execute("UPDATE ledger SET session = 0")
            db.execute("DELETE FROM filters")

    def gaps(self) -> list[Gap]:
        """All gaps of this journal, oldest first. Raises JournalError."""
        with self._reading() as db:
            return [Gap(*row) for row in db.execute("SELECT id, since, until FROM gaps ORDER BY id")]

    def save(self, lines: Sequence[bytes]) -> None:
        """Keep merged points of the InfluxDB store over its delete-and-rewrite; durable on return. Raises JournalError."""
        with self._draining(), self._beside() as db:
            db.executemany("INSERT INTO keepsakes (line) VALUES (?)", [(line,) for line in lines])
        self._pause("kept")

    def pending(self) -> list[bytes]:
        """Points that a crash left between delete and rewrite. Raises JournalError."""
        with self._reading() as db:
            return [bytes(row[0]) for row in db.execute("SELECT line FROM keepsakes ORDER BY id")]

    def clear(self) -> None:
        """The saved points are written. Raises JournalError."""
        with self._draining(), self._beside() as db:
            db.execute("DELETE FROM keepsakes")

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        try:
            yield self._committed
        except sqlite3.Error as error:
            raise JournalError(f"journal {self.path}: {error}") from error

    @contextmanager
    def _beside(self) -> Iterator[sqlite3.Connection]:
        """A transaction of a second connection, durable at the end of the block, whatever append and settle are at."""
        try:
            with closing(_connect(self.path)) as db:
                db.execute("BEGIN IMMEDIATE")
                yield db
                db.execute("COMMIT")
        except sqlite3.Error as error:
            raise JournalError(f"journal {self.path}: {error}") from error

    @contextmanager
    def _draining(self) -> Iterator[None]:
        """What must be written in order to settle: where the disk does not take it, the ballast is given up for the next try."""
        try:
            yield
        except JournalError:
            self._give_ballast()
            raise

    def _one(self, sql: str, *parameters: object) -> tuple[int | str, ...]:
        row: tuple[int | str, ...] = self._db.execute(sql, parameters).fetchone()
        return row

    async def _commit(self) -> asyncio.CancelledError | None:
        """Commit; give a cancellation that came meanwhile, to be raised when the books of this object are right again.

        Only the commit leaves the loop's thread: it waits for the disk without the GIL.
        """
        committing = asyncio.get_running_loop().run_in_executor(None, self._db.execute, "COMMIT")
        try:
            await asyncio.shield(committing)
        except asyncio.CancelledError as cancelled:
            await asyncio.wait([committing])
            committing.result()
            return cancelled
        return None

    def _roll_back(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def _disk_is_well(self) -> bool:
        return self._has_ballast and self._free_at_check >= self.reserve_bytes

    def _look_at_disk(self) -> None:
        """See how much is free, and make the ballast where it is missing and there is room for it."""
        self._taken_since_check = 0
        self._free_at_check = shutil.disk_usage(self.folder).free
        self._has_ballast = self._ballast.exists()
        if not self._has_ballast and self._free_at_check > self.reserve_bytes + self._ballast_bytes:
            try:
                with self._ballast.open("wb") as ballast:
                    os.posix_fallocate(ballast.fileno(), 0, self._ballast_bytes)
            except OSError:  # somebody else took the space first
                self._give_ballast()
            else:
                self._has_ballast = True

    def _give_ballast(self) -> None:
        """Make room for settling on a full disk."""
        with suppress(OSError):
            self._ballast.unlink()
        self._has_ballast = False

    def _give_space_back(self) -> None:
        """After a backlog, or on a short disk: the pages that are empty now back to the file system."""
        if self._disk_is_well() and int(self._one("PRAGMA freelist_count")[0]) * PAGE_BYTES <= KEPT_BYTES:
            return
        with suppress(sqlite3.OperationalError):  # locked by a reader: the next time will do
            self._db.execute("PRAGMA incremental_vacuum").fetchall()
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _connect(path: Path) -> sqlite3.Connection:
    """The journal file, for writing; transactions are begun and ended by hand, a commit is on disk when it returns."""
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
    db.execute("PRAGMA synchronous = FULL")
    return db


@contextmanager
def looking_at(folder: Path) -> Iterator[sqlite3.Connection | None]:
    """The journal file of `folder`, read only, also while another process owns it; None where there is none (yet)."""
    path = folder / "journal.sqlite"
    try:
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=30)
        ready = db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'keepsakes'").fetchone()[0]
    except sqlite3.OperationalError:
        yield None
        return
    with closing(db):
        yield db if ready else None


def has_session(db: sqlite3.Connection) -> bool:
    """Whether ingest has ever been subscribed at the broker: what is published from then on waits for it there."""
    return bool(db.execute("SELECT coalesce(max(session), 0) FROM ledger").fetchone()[0])


def read_ledger(db: sqlite3.Connection) -> Ledger:
    """The ledger of an open journal file, also one that another process owns."""
    row = db.execute(
        "SELECT journalled, written, refused, journalled - written - refused,"
        " readings_decoded, readings_written, readings_refused, quantities_refused FROM ledger"
    ).fetchone()
    return Ledger(*row)


# A batch as one blob: columns, because joining and splitting columns costs a tenth of framing message by message.
#   header | payload lengths (u32 each) | topics, joined by U+0000 (which MQTT forbids in topics)
#   | oversized: (index u32, length u64, SHA-256) each | payloads, joined (of an oversized one: its head)
_HEADER = struct.Struct("<4sIII")
_OVERSIZED = struct.Struct("<IQ32s")
_MAGIC = b"CFJ1"


def pack(messages: Sequence[Message]) -> bytes:
    """Messages to the blob that `unpack` reads."""
    topics, payloads = zip(*messages, strict=True) if messages else ((), ())
    oversized = []
    if Oversized in set(map(type, payloads)):
        oversized = [(index, payload) for index, payload in enumerate(payloads) if isinstance(payload, Oversized)]
        payloads = tuple(payload.head if isinstance(payload, Oversized) else payload for payload in payloads)
    names = "\0".join(topics).encode()
    return b"".join(
        (
            _HEADER.pack(_MAGIC, len(payloads), len(names), len(oversized)),
            array("I", map(len, payloads)).tobytes(),
            names,
            *(_OVERSIZED.pack(index, big.length, bytes.fromhex(big.sha256)) for index, big in oversized),
            *payloads,
        )
    )


def unpack(frames: bytes) -> list[Message]:
    """The messages of a blob made by `pack`. Raises JournalError where it is none."""
    magic, count, names_size, oversized_count = _HEADER.unpack_from(frames)
    if magic != _MAGIC:
        raise JournalError(f"a journal batch begins with {magic!r}, not {_MAGIC!r}: it was written by another version")
    at = _HEADER.size
    lengths = array("I", frames[at : at + 4 * count])
    at += 4 * count
    topics = frames[at : at + names_size].decode().split("\0")
    at += names_size
    big = [_OVERSIZED.unpack_from(frames, at + n * _OVERSIZED.size) for n in range(oversized_count)]
    at += oversized_count * _OVERSIZED.size
    ends = list(accumulate(lengths, initial=at))
    payloads = map(frames.__getitem__, map(slice, ends[:-1], ends[1:]))
    # A third of the time of Message(…), which would be half of this function. Of no messages there is one topic: "".
    messages = list(map(tuple.__new__, repeat(Message), zip(topics, payloads, strict=False)))
    for index, length, digest in big:
        head = messages[index].payload
        if isinstance(head, bytes):
            messages[index] = Message(messages[index].topic, Oversized(length, digest.hex(), head))
    return messages
