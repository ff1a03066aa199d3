"""Dead letters past the cap: in the books or in a file, whatever happens between, and never in neither."""

import gzip
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from ingest import overflow
from ingest.overflow import Overflow
from sensors.refusals import Refusal
from store.books import Books, BooksUnavailable
from store.letters import DeadLetter, Letters, Selection, line_of

CAP = 100_000


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    opened = Books(f"sqlite:///{tmp_path / 'books.sqlite'}")
    opened.prepare()
    yield opened
    opened.close()


@pytest.fixture
def keeper(books: Books, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Overflow:
    monkeypatch.setattr(overflow, "_SLICE_LETTERS", 7)
    return Overflow(books, tmp_path / "dead-letters", CAP, lambda: 5)


def book(books: Books, count: int, batch: int = 1) -> None:
    why = (Refusal("invalid_json", "payload", "is no JSON", "send JSON"),)
    letters = [DeadLetter(batch, n, n, "t", bytes([n % 256]) * 4000, 4000, None, why) for n in range(count)]
    books.settle("j1", batch, registry_version=0, now=0, letters=letters, changed={}, unknown={})


def in_books(books: Books) -> list[int]:
    return [stored.id for stored in Letters(books).all(Selection())]


def in_files(folder: Path) -> list[dict[str, Any]]:
    files = sorted((folder / "dead-letters").glob("*.jsonl.gz"))
    return [json.loads(line) for file in files for line in gzip.decompress(file.read_bytes()).split(b"\n")[:-1]]


async def test_below_the_cap_nothing_moves(books: Books, keeper: Overflow, tmp_path: Path) -> None:
    book(books, 20)
    await keeper.relieve()
    assert len(in_books(books)) == 20
    assert not (tmp_path / "dead-letters").exists()


async def test_past_the_cap_closed_ones_move_first_then_the_oldest_down_to_nine_tenths(
    books: Books, keeper: Overflow, tmp_path: Path
) -> None:
    book(books, 40)
    Letters(books).discard(Selection(ids=(30, 35)), who="me", why="test", now=1)
    as_they_were = {stored.id: json.loads(line_of(stored)) for stored in Letters(books).all(Selection())}
    await keeper.relieve()
    assert 0.6 * CAP < Letters(books).bytes() <= 0.9 * CAP
    moved = in_files(tmp_path)
    assert {line["id"]: line for line in moved} == {line["id"]: as_they_were[line["id"]] for line in moved}
    assert sorted([line["id"] for line in moved] + in_books(books)) == list(range(1, 41)), "each in one place"
    assert {30, 35} < {line["id"] for line in moved}
    assert max(line["id"] for line in moved if line["state"] == "open") < min(in_books(books))
    exported = Letters(books).exported()
    assert (exported.letters, exported.folders) == (len(moved), (str(tmp_path / "dead-letters"),))
    names = {path.name for path in (tmp_path / "dead-letters").iterdir()}
    assert len(names) == exported.files
    assert "30-35.jsonl.gz" in names


async def test_a_crash_between_file_and_books_loses_and_doubles_nothing(
    books: Books, keeper: Overflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dying(*_: Any, **__: Any) -> bool:
        raise BooksUnavailable("locked")

    book(books, 40)
    with monkeypatch.context() as patched:
        patched.setattr(Letters, "drop", dying)
        with pytest.raises(BooksUnavailable):
            await keeper.relieve()
    assert len(in_books(books)) == 40
    assert len(in_files(tmp_path)) == 7, "a file that the books do not name"
    assert Letters(books).exported().letters == 0
    await keeper.relieve()
    places = Counter([line["id"] for line in in_files(tmp_path)] + in_books(books))
    assert places == Counter(range(1, 41))


async def test_a_letter_that_is_worked_while_it_is_written_moves_as_it_is_then(
    books: Books, keeper: Overflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book(books, 40)
    write = overflow._write

    def working(file: Path, letters: Sequence[Any]) -> None:
        write(file, letters)
        Letters(books).discard(Selection(ids=(2,)), who="me", why="test", now=1)

    with monkeypatch.context() as patched:
        patched.setattr(overflow, "_write", working)
        await keeper.relieve()
    assert len(in_books(books)) == 40
    assert in_files(tmp_path) == []
    await keeper.relieve()
    assert [line["state"] for line in in_files(tmp_path) if line["id"] == 2] == ["discarded"]


async def test_a_folder_that_cannot_be_written_keeps_all_in_the_books(
    books: Books, keeper: Overflow, tmp_path: Path
) -> None:
    book(books, 40)
    (tmp_path / "dead-letters").write_text("in the way")
    with pytest.raises(OSError, match="dead-letters"):
        await keeper.relieve()
    assert len(in_books(books)) == 40
