"""What a signal is asked: where it looks, and what it is."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

from processors.alerts.signals.subjects import Subject, Whose
from processors.alerts.values import Shown, Values
from sensors.stations import Registry
from store.books import Books
from store.intervals import Interval
from store.port import ReadingsStore


class Look(NamedTuple):
    """Where a signal looks: stored readings with start < at ≤ end [ms], without what `intervals` (of its family) cover; of these
    subjects alone, or of all; `books` for signals that are no readings."""

    store: ReadingsStore
    registry: Registry
    intervals: Sequence[Interval]
    zone: ZoneInfo
    start: int
    end: int
    subjects: Collection[str] | None = None
    books: Books | None = None


def books_of(look: Look) -> Books:
    """The books of a look. Raises ValueError where it has none."""
    if look.books is None:
        raise ValueError("this signal is of the books: say `books` in the look")
    return look.books


class Signal(NamedTuple):
    """What its subjects are; what its quantities are called, in the order they are shown; how it is made: of readings of a family
    and these periods (of what is no reading: what it is of), of which it needs so many hours before the first that matters [h];
    the length of its windows [ms]. `make` raises StoreUnavailable, StoreMisconfigured."""

    subject: Subject
    shows: Mapping[str, Shown]
    family: Whose
    periods: Collection[str]
    make: Callable[[Look], Mapping[str, Values]]
    before_h: int
    window: int
