"""Many things, so many at once: as a statement of a database takes, or a request of a server."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

# Chosen: every database takes so many parameters in one statement, and each costs little more than the next.
_MOST = 500


def parts(things: Iterable[T], most: int = _MOST) -> Iterator[list[T]]:
    """In their order, `most` at once at the most."""
    rest = iter(things)
    while part := list(islice(rest, most)):
        yield part
