"""What only the SQLite store promises: its file, its locks, its other readers."""

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from sensors.instants import HOUR_MS
from sensors.reading import Reading
from store.port import StoreMisconfigured, StoreUnavailable
from store.sqlite import SqliteStore
from tests.programs import ROOT
from tests.store.conftest import rows
from tests.store.test_contract import NOON, RECEIVED, WITHDRAWN, reading

READ_ELSEWHERE = """
import sys
from pathlib import Path
from store.sqlite import SqliteStore
frame = SqliteStore(Path(sys.argv[1])).readings("air", "hour", 0, 2**50, quantities=["pm2_5"])
print(sorted(frame["pm2_5"]))
"""
WRITE_AND_DIE = """
import asyncio, os, sys
from pathlib import Path
from sensors.reading import Reading
from store.sqlite import SqliteStore

async def main():
    store = SqliteStore(Path(sys.argv[1]))
    for n in range(3):
        await store.write([Reading("air", "hx-01", "hour", n, n, {"pm2_5": float(n)})])
    os.kill(os.getpid(), 9)

asyncio.run(main())
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "readings.sqlite"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    opened = SqliteStore(path)
    yield opened
    await opened.close()


def elsewhere(program: str, path: Path) -> subprocess.CompletedProcess[str]:
    """Run a program in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-c", program, str(path)],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


async def test_a_table_older_than_a_quantity_is_widened(store: SqliteStore, path: Path) -> None:
    await store.write([reading(pm2_5=1.0)])
    await store.close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("ALTER TABLE air_hour DROP COLUMN co")
    (row,) = rows(store.readings("air", "hour", 0, NOON))
    assert (row["pm2_5"], "co" in row) == (1.0, False), "read before anybody has widened it"
    newer = SqliteStore(path)
    await newer.write([reading(at=NOON + HOUR_MS, co=0.7), reading(received_at=RECEIVED + 1, co=0.5)])
    found = rows(newer.readings("air", "hour", 0, 2**50))
    await newer.close()
    assert [(row.get("pm2_5"), row["co"]) for row in found] == [(1.0, 0.5), (None, 0.7)]


async def test_a_commit_is_on_disk_and_readers_do_not_wait(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def connecting(*arguments: object, **options: object) -> sqlite3.Connection:
        opened.append(connect(*arguments, **options))  # type: ignore[call-overload] # passed through as they came
        return opened[-1]

    monkeypatch.setattr(sqlite3, "connect", connecting)
    await store.write([reading(pm2_5=1.0)])
    (db,) = opened
    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert db.execute("PRAGMA synchronous").fetchone() == (2,), "FULL"
    assert db.execute("PRAGMA busy_timeout").fetchone() == (30_000,)


def test_what_was_taken_survives_the_process(path: Path) -> None:
    assert elsewhere(WRITE_AND_DIE, path).returncode == -9
    assert [row["pm2_5"] for row in rows(SqliteStore(path).readings("air", "hour", -1, 2**50))] == [0.0, 1.0, 2.0]


async def test_another_process_reads_while_a_write_is_open(store: SqliteStore, path: Path) -> None:
    await store.write([reading(pm2_5=1.0)])
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        db.execute("UPDATE air_hour SET pm2_5 = 2.0")
        assert elsewhere(READ_ELSEWHERE, path).stdout == "[1.0]\n", "what is not committed is not seen"
        db.execute("COMMIT")
    assert elsewhere(READ_ELSEWHERE, path).stdout == "[2.0]\n"


def test_reading_makes_no_file(path: Path) -> None:
    assert len(SqliteStore(path).readings("air", "hour", 0, NOON)) == 0
    assert len(SqliteStore(path).latest("air", "hour")) == 0
    assert not path.exists()


async def test_a_locked_database_is_tried_again(
    store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.sqlite._BUSY_S", 0.05)
    await store.write([reading(pm2_5=1.0)])
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked"):
            await store.write([reading(at=NOON + HOUR_MS, pm2_5=2.0)])
        db.execute("ROLLBACK")
    await store.write([reading(at=NOON + HOUR_MS, pm2_5=2.0)])
    assert [row["pm2_5"] for row in rows(store.readings("air", "hour", 0, 2**50))] == [1.0, 2.0]


@pytest.mark.parametrize(
    "correction", [reading(at=NOON + HOUR_MS, co=0.5), reading(received_at=RECEIVED + 1, pm2_5=WITHDRAWN)]
)
async def test_a_batch_that_fails_in_the_middle_leaves_nothing(
    store: SqliteStore, path: Path, correction: Reading
) -> None:
    await store.write([reading(pm2_5=1.0), reading(pm2_5=1.0)._replace(family="water", values={})])
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TRIGGER full BEFORE INSERT ON water_hour BEGIN SELECT RAISE(ABORT, 'no more water'); END")
    before = rows(store.readings("air", "hour", 0, 2**50, detail=True))
    water = reading(at=NOON + HOUR_MS)._replace(family="water")
    with pytest.raises(StoreMisconfigured, match="no more water"):
        await store.write([correction, water])
    assert rows(store.readings("air", "hour", 0, 2**50, detail=True)) == before


@pytest.mark.parametrize("older", [False, True], ids=["a new table", "a new column"])
async def test_a_table_made_or_widened_by_a_write_that_fails_is_made_by_the_next(path: Path, older: bool) -> None:
    water = reading()._replace(family="water")
    first = SqliteStore(path)
    await first.write([water, reading(at=NOON - HOUR_MS)] if older else [water])
    await first.close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TRIGGER full BEFORE INSERT ON water_hour BEGIN SELECT RAISE(ABORT, 'no more water'); END")
        if older:
            db.execute("ALTER TABLE air_hour DROP COLUMN pm2_5")
    store = SqliteStore(path)
    with pytest.raises(StoreMisconfigured, match="no more water"):
        await store.write([reading(pm2_5=1.0), water])
    await store.write([reading(pm2_5=1.0)])
    await store.close()
    assert [row["pm2_5"] for row in rows(store.readings("air", "hour", NOON - 1, NOON))] == [1.0]


@pytest.mark.parametrize("content", [b"station,at,pm2_5\nhx-01,2026,35\n" * 100, b"SQLite format 3\0" + b"\xff" * 4080])
def test_a_file_that_is_no_database_waits_for_a_person(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    store = SqliteStore(path)
    with pytest.raises(StoreMisconfigured, match="move it away"):
        asyncio.run(store.write([reading(pm2_5=1.0)]))
    with pytest.raises(StoreMisconfigured, match="move it away"):
        store.readings("air", "hour", 0, NOON)
    with pytest.raises(StoreMisconfigured, match="move it away"):
        asyncio.run(store.check())
    assert path.read_bytes() == content


async def test_a_folder_that_is_not_there_waits_for_a_person(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "none" / "readings.sqlite")
    with pytest.raises(StoreMisconfigured, match="folder"):
        await store.write([reading(pm2_5=1.0)])
    with pytest.raises(StoreMisconfigured, match="folder"):
        await store.check()
