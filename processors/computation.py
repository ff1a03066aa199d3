"""What the runner asks of a family: which windows are its own, its days, and what longer periods make of them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from importlib.metadata import version
from itertools import chain
from typing import NamedTuple, Protocol
from zoneinfo import ZoneInfo

from processors.causes import Cause
from processors.windows import hours_of_day, periods_of
from sensors.quantities import Family
from sensors.reading import Period, Reading
from store.books import MarkKey
from store.events import EVERYWHERE
from store.judgements import Judgement, Judgements, Key, Revision

CODE_VERSION = version("cityflux")

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

    def periods(self, last_closed: date, daily: str) -> set[str]:
        """The months, quarters and years that have one of the days in them, ended, or are running."""
        found = {period for day in [*self.days, last_closed] for period in periods_of(day)}
        return found | {key.period for key in self.ended if key.indicator != daily}

    def of_scope(
        self, books: Judgements, daily: str, scope: str, first: date, last: date, standard: str | None = None
    ) -> dict[str, Judgement]:
        """A scope's days from `first` to `last`, those just computed over those in the books, by day as text; by one standard
        alone where days of several may stand beside each other."""
        span = first.isoformat(), last.isoformat()
        in_books = (r.judgement for r in books.latest(daily, scope=scope, first=span[0], last=span[1]))
        return {
            one.key.period: one
            for one in chain(in_books, self.fresh)
            if (one.key.indicator, one.key.scope) == (daily, scope)
            and span[0] <= one.key.period <= span[1]
            and standard in {None, one.key.standard}
        }


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

    def felt_on(self, touched: Touched) -> Touched:
        """On which other days what was written is felt, with the hours it was written in; none where each day is its own."""
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


class DaysOfTheirOwn:
    """What a computation answers of which each day is made of its own readings alone."""

    def felt_on(self, touched: Touched) -> Touched:
        """On no other day."""
        return {}


class WithoutDays(DaysOfTheirOwn):
    """What a computation answers whose indicators have no days."""

    daily = ""
    silent: Collection[str] = frozenset()

    def touched_by(self, key: MarkKey) -> Collection[tuple[Family, str, Period]]:
        """No reading says on what day a change is felt."""
        return []

    def days(self, block: Sequence[date], touched: Touched, now: int) -> Block:
        """There are none."""
        return Block([], [])

    def why(self, before: Judgement, now: Judgement, touched: Mapping[str, set[int]],
            newest: Mapping[Key, Revision], fresh: Mapping[Key, Judgement]) -> str:  # fmt: skip
        """Not asked, for there are no days."""
        raise NotImplementedError(f"{now.key.indicator} has no days")


def hours_written(touched: Mapping[str, set[int]], before: Judgement, now: Judgement, zone: ZoneInfo) -> dict[str, int]:
    """In how many hours of a day readings were written, of the stations that it was or is made of."""
    every = len(hours_of_day(date.fromisoformat(now.key.period), zone))
    return {
        station: len(ends) or every
        for station, ends in touched.items()
        if station in {*now.stations, *before.stations} and station != EVERYWHERE
    }
