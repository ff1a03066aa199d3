"""What the runner asks of a family: which windows are its own, its days, and what longer periods make of them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple, Protocol

from processors.causes import Cause
from sensors.quantities import Family
from sensors.reading import Period, Reading
from store.books import MarkKey
from store.judgements import Judgement, Key, Revision

Touched = Mapping[date, Mapping[str, set[int]]]
"""By civil day and station the ends [ms] of the hours that were written; empty for a station all of whose hours were."""


class Block(NamedTuple):
    """What came of a run of days: series to store beside the readings, and the daily judgements."""

    derived: list[Reading]
    judgements: list[Judgement]


class Moved(NamedTuple):
    """Why longer periods are computed: the days that were touched, the periods that ended, the scopes whose closed days moved
    (None: any may have), and the judgements of days just computed and in force, which go before those in the books."""

    days: Collection[date]
    ended: Collection[Key]
    scopes: Collection[str] | None
    fresh: Sequence[Judgement]


class Computation(Protocol):
    """One family's indicators. Methods that read raise StoreUnavailable, StoreMisconfigured, BooksUnavailable."""

    daily: str
    """Code of the indicator of days; empty where there is none."""
    longer_codes: Collection[str]
    """Codes of the indicators of longer periods."""
    silent: Collection[str]
    """Those of them whose revisions are not logged one by one: they follow their days, many at a time."""

    def takes(self, key: MarkKey) -> bool:
        """Whether a marked window is one of its own."""
        ...

    def begin(self) -> None:
        """Read what holds for a whole computation: the registry, intervals, events."""
        ...

    def touched_by(self, key: MarkKey) -> Collection[tuple[Family, str, Period]]:
        """The readings (family, station, period) that say what days a changed entry of a station is felt on."""
        ...

    def days(self, block: Sequence[date], touched: Touched, now: int) -> Block:
        """The judgements of consecutive days; `derived` only of the hours that were touched."""
        ...

    def why(self, before: Judgement, now: Judgement, touched: Mapping[str, set[int]],
            newest: Mapping[Key, Revision], fresh: Mapping[Key, Judgement]) -> str:  # fmt: skip
        """Why a day's judgement is another now."""
        ...

    def longer(self, moved: Moved, last_closed: date, now: int) -> list[Judgement]:
        """The judgements of longer periods; one that rests on others comes after them."""
        ...

    def causes_of(self, judgement: Judgement, causes: Mapping[Key, str]) -> Iterable[Cause]:
        """Of what changed, what the judgement of a longer period rests on."""
        ...
