"""What tests of telling people share."""

from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from store.books import Books
from tests.processors.alerts.notify.room import Room


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    with closing(Books(f"sqlite:///{tmp_path / 'books.sqlite'}")) as books:
        books.prepare()
        made = Room(books)
        await made.look()
        yield made
