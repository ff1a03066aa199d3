"""Overflow: dead letters past the cap move from the books into files, the closed ones first, then the oldest; none is forgotten.

A slice of letters is written to `{first id}-{last id}.jsonl.gz`, file and folder are synced, and only then one transaction
takes them out of the books and says in `exported_letters` and in the audit where they are. A crash between the two leaves a
file that the books do not name: its letters are in the books still, and will be moved again.
"""

import asyncio
import gzip
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from store.books import Books, BooksUnavailable
from store.letters import Letters, StoredDeadLetter, line_of

log = structlog.get_logger()

_LOOK_EVERY_S = 1.0
# Chosen: down to this part of the cap at a time, so that not every new letter makes a file.
_DOWN_TO = 0.9
# Chosen: the transaction that deletes a slice takes about 50 ms.
_SLICE_LETTERS = 1_000
_SLICE_BYTES = 4 << 20


class Overflow:
    """Keeps the dead letters of `books` below `cap_bytes`, by files in `folder`; `clock` is ms since the epoch."""

    def __init__(self, books: Books, folder: Path, cap_bytes: int, clock: Callable[[], int]) -> None:
        self._letters = Letters(books)
        self._folder = folder
        self._cap_bytes = cap_bytes
        self._clock = clock
        self._failure: str | None = None

    async def run(self) -> None:
        """For ever: look each second."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            try:
                await self.relieve()
            except (BooksUnavailable, OSError) as error:
                if self._failure != str(error):
                    log.error("dead letters past their cap stay in the books", why=str(error))
                    self._failure = str(error)
            else:
                self._failure = None

    async def relieve(self) -> None:
        """Past the cap, move letters until nine tenths of it are left. Raises BooksUnavailable, OSError: the rest stays."""
        if self._letters.bytes() <= self._cap_bytes:
            return
        while self._letters.bytes() > _DOWN_TO * self._cap_bytes:
            letters = self._letters.oldest(most=_SLICE_LETTERS, most_bytes=_SLICE_BYTES)
            if not letters:
                return
            file = (self._folder / f"{letters[0].id}-{letters[-1].id}.jsonl.gz").absolute()
            # In a thread: compressing takes longer than settling may stand still, and gives the GIL away.
            await asyncio.to_thread(_write, file, letters)
            if not self._letters.drop(letters, file, now=self._clock()):
                file.unlink()  # one of them was worked meanwhile; the next look takes them as they are then
                return
            log.warning("dead letters past their cap were moved", letters=len(letters), file=str(file))


def _write(file: Path, letters: Sequence[StoredDeadLetter]) -> None:
    """The letters as compressed lines, durable on return; whatever a crash left under that name is replaced."""
    file.parent.mkdir(parents=True, exist_ok=True)
    made = file.with_suffix(".tmp")
    with made.open("wb") as raw:
        with gzip.open(raw, "wb") as lines:
            lines.writelines(map(line_of, letters))
        raw.flush()
        os.fsync(raw.fileno())
    made.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
