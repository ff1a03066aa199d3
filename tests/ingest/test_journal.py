"""The journal's promises: durable, in order, bounded, counted exactly, owned by one."""

import asyncio
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.journal import MEBI, Counts, Journal, JournalError, pack, unpack
from ingest.transport import Message, Oversized

ONE = [Message("a/b", b"1"), Message("a/c", b""), Message("a/b", Oversized(10**6, "ab" * 32, b"head"))]

TOPICS = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), min_size=1, max_size=20)
PAYLOADS = st.one_of(
    st.binary(max_size=50),
    st.builds(
        Oversized, st.integers(0, 2**60), st.binary(min_size=32, max_size=32).map(bytes.hex), st.binary(max_size=9)
    ),
)


@given(st.lists(st.builds(Message, TOPICS, PAYLOADS), min_size=1, max_size=20))
def test_packing_keeps_every_message(messages: list[Message]) -> None:
    assert unpack(pack(messages)) == messages


async def test_batches_come_back_in_order_and_once_settled_are_gone(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        first = await journal.append(ONE, 1000)
        second = await journal.append(ONE[:1], 2000)
        assert [(b.id, b.received_at, b.messages) for b in journal.front(100)] == [
            (first, 1000, ONE),
            (second, 2000, ONE[:1]),
        ]
        assert [b.id for b in journal.front(1)] == [first]
        assert [b.id for b in journal.front(100, most_bytes=len(pack(ONE)))] == [first]
        await journal.settle(first, Counts(written=2, refused=1, readings_written=5, readings_refused=1))
        assert [b.id for b in journal.front(100)] == [second]
        ledger = journal.ledger()
        assert (ledger.journalled, ledger.written, ledger.refused, ledger.pending) == (4, 2, 1, 1)
        assert (ledger.readings_decoded, ledger.readings_written, ledger.readings_refused) == (6, 5, 1)


async def test_a_batch_that_is_not_committed_yet_is_not_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Journal(tmp_path) as journal:
        commit, may_commit = journal._commit, asyncio.Event()

        async def commit_later() -> asyncio.CancelledError | None:
            await may_commit.wait()
            return await commit()

        monkeypatch.setattr(journal, "_commit", commit_later)
        appending = asyncio.create_task(journal.append(ONE, 1000))
        while not journal._db.in_transaction:
            await asyncio.sleep(0)
        assert journal.front(100) == []
        assert journal.ledger().journalled == 0
        may_commit.set()
        batch = await appending
        assert [found.id for found in journal.front(100)] == [batch]
        assert journal.ledger().journalled == 3


async def test_an_append_that_is_cancelled_while_it_commits_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Journal(tmp_path) as journal:
        loop, committing = asyncio.get_running_loop(), asyncio.Event()
        execute = loop.run_in_executor

        def slow(executor: None, function: Callable[[str], object], sql: str) -> asyncio.Future[object]:
            def after_a_moment() -> object:
                loop.call_soon_threadsafe(committing.set)
                may_end.wait(30)
                return function(sql)

            return execute(executor, after_a_moment)

        may_end = threading.Event()
        monkeypatch.setattr(loop, "run_in_executor", slow)
        journal.front(1)  # nothing: `appended` is clear now
        appending = asyncio.create_task(journal.append(ONE, 1000))
        await committing.wait()
        appending.cancel()
        await asyncio.sleep(0)
        may_end.set()
        with pytest.raises(asyncio.CancelledError):
            await appending
        assert journal.appended.is_set()
        assert journal.pending_bytes == len(pack(ONE))
        assert [batch.messages for batch in journal.front(100)] == [ONE]


async def test_a_restart_finds_everything_and_reuses_no_batch_id(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        uuid = journal.uuid
        first = await journal.append(ONE, 1000)
        await journal.settle(first, Counts(written=3))
    with Journal(tmp_path) as journal:
        assert journal.uuid == uuid
        assert journal.front(10) == []
        assert await journal.append(ONE, 3000) > first
        assert journal.ledger().journalled == 6
        assert journal.pending_bytes == len(pack(ONE))


def test_a_kill_after_append_loses_nothing(tmp_path: Path) -> None:
    script = (
        "import asyncio, os, pathlib, sys\n"
        "from ingest.journal import Journal\n"
        "from ingest.transport import Message\n"
        "async def main():\n"
        "    with Journal(pathlib.Path(sys.argv[1])) as journal:\n"
        "        await journal.append([Message('t', b'payload')] * 7, 1)\n"
        "        os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, tmp_path], check=False)
    assert killed.returncode == -9
    with Journal(tmp_path) as journal:
        [batch] = journal.front(100)
        assert batch.messages == [Message("t", b"payload")] * 7
        assert journal.ledger().pending == 7


def test_a_second_owner_is_refused(tmp_path: Path) -> None:
    with Journal(tmp_path), pytest.raises(JournalError, match="belongs to another running ingest"), Journal(tmp_path):
        pass
    with Journal(tmp_path):
        pass


def test_a_file_that_is_no_journal_is_named(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite").write_bytes(b"something else entirely, long enough" * 100)
    with pytest.raises(JournalError, match=r"journal\.sqlite"), Journal(tmp_path):
        pass


async def test_the_cap_is_said_and_settling_makes_room(tmp_path: Path) -> None:
    with Journal(tmp_path, cap_bytes=1000) as journal:
        assert journal.room()
        batch = await journal.append([Message("t", b"x" * 1000)], 1)
        assert not journal.room()
        assert "the cap is 1000" in journal.why_full()
        await journal.settle(batch, Counts(written=1))
        assert journal.room()


async def test_a_short_disk_takes_nothing(tmp_path: Path) -> None:
    with Journal(tmp_path, reserve_bytes=2**60) as journal:
        assert not journal.room()
        assert "the reserve is" in journal.why_full()


async def test_an_append_that_the_disk_refuses_leaves_nothing_and_keeps_the_ballast(tmp_path: Path) -> None:
    with Journal(tmp_path, ballast_bytes=1 << 16) as journal:
        assert (tmp_path / "ballast").stat().st_size == 1 << 16
        pages = journal._db.execute("PRAGMA page_count").fetchone()[0]
        journal._db.execute(f"PRAGMA max_page_count = {pages}")  # as a full disk answers
        with pytest.raises(JournalError, match=r"full; nothing of this batch was acknowledged"):
            await journal.append([Message("t", b"x" * MEBI)], 1)
        assert journal.front(1) == []
        assert journal.ledger().journalled == 0
        assert (tmp_path / "ballast").exists(), "it is for settling"
        journal._db.execute(f"PRAGMA max_page_count = {pages * 1000}")
        assert journal.room()
        await journal.append([Message("t", b"x" * MEBI)], 1)


async def test_settling_on_a_full_disk_gives_the_ballast_and_nothing_is_taken_before_it_is_back(tmp_path: Path) -> None:
    with Journal(tmp_path, ballast_bytes=1 << 16) as journal:
        batch = await journal.append(ONE, 1)
        with sqlite3.connect(
            journal.path
        ) as other:  # another hand holds the write lock: settling fails as on a full disk
            journal._db.execute("PRAGMA busy_timeout = 1")
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(JournalError, match="will be settled again"):
                await journal.settle(batch, Counts(written=3))
            other.rollback()
        assert not (tmp_path / "ballast").exists()
        journal.reserve_bytes = 2**60
        assert not journal.room()
        await journal.settle(batch, Counts(written=3))
        assert journal.ledger().pending == 0
        journal.reserve_bytes = 0
        assert journal.room(), "the ballast is back"
        assert (tmp_path / "ballast").exists()


async def test_a_lost_session_is_a_gap_since_the_last_receipt(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        assert not journal.had_session()
        journal.note_session(4000, present=False)
        await journal.append(ONE, 5000)
        assert journal.had_session()
        journal.note_session(8000, present=True)
        assert journal.gaps() == []
        journal.note_session(9000, present=False)
        assert [(gap.since, gap.until) for gap in journal.gaps()] == [(5000, 9000)]


async def test_filters_are_remembered_until_the_session_is_given_up(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        assert journal.asking_for(["a/#"]) == ()
        assert journal.asking_for(["b/#", "c/#"]) == ("a/#",)
        journal.note_session(4000, present=False)
    with Journal(tmp_path) as journal:
        assert journal.asking_for(["c/#"]) == ("a/#", "b/#")
        assert journal.had_session()
        journal.end_session()
        assert not journal.had_session()
        journal.note_session(9000, present=False)
        assert journal.gaps() == [], "nobody misses what was given up"
        assert journal.asking_for(["c/#"]) == ()


def test_keepsakes_survive_until_cleared(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        journal.save([b"one", b"two"])
    with Journal(tmp_path) as journal:
        assert journal.pending() == [b"one", b"two"]
        journal.clear()
        assert journal.pending() == []
