"""What a signal is asked: where it looks, and what it is."""

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from processors.alerts.signals.subjects import Subject
from processors.alerts.values import Shown, Values
from processors.traffic.rules import TrafficRules, traffic_rules
from sensors.stations import Registry
from store.books import Books
from store.intervals import Interval
from store.port import ReadingsStore


class Look(NamedTuple):
    """Where a signal looks: stored readings with start < at ≤ end [ms], without what `intervals` (of its family) cover; of these
    subjects alone, or of all; which of its quantities are asked for, None: any; `books` for signals that are no readings; how the
    city counts its traffic. What ends after `now` [ms], where it is said, is not over: more may come of it."""

    store: ReadingsStore
    registry: Registry
    intervals: Sequence[Interval]
    zone: ZoneInfo
    start: int
    end: int
    subjects: Collection[str] | None = None
    quantities: Collection[str] | None = None
    books: Books | None = None
    traffic: TrafficRules = traffic_rules()
    now: int | None = None
    shared: dict[Hashable, Any] | None = None
    """What looks of one step at the same data need not make again."""
    after: int | None = None
    """Values are for points after this instant [ms]: of those before it only such as lie whole windows before one are needed."""

    @property
    def over_by(self) -> int:
        """By when a window is to have ended to be over [ms]."""
        return self.end if self.now is None else min(self.end, self.now)


def books_of(look: Look) -> Books:
    """The books of a look. Raises ValueError where it has none."""
    if look.books is None:
        raise ValueError("this signal is of the books: say `books` in the look")
    return look.books


class Extremes(NamedTuple):
    """Of each subject the least and the greatest known value of quantities in a look, as floats; NaN where none is known.
    `values` gives all values of some of the subjects, of some quantities at least."""

    subjects: Sequence[str]
    least: Mapping[str, npt.NDArray[np.float64]]
    greatest: Mapping[str, npt.NDArray[np.float64]]
    values: Callable[[Collection[str], Collection[str]], Mapping[str, Values]]


class Signal(NamedTuple):
    """What its subjects are; what its quantities are called, in the order they are shown; how it is made: of readings of a family
    and these periods (of what is no reading: what it is of), of which it needs so many hours before the first that matters [h];
    the length of its windows [ms], 0 where it has none. `extremes`, where it is there, says of all subjects at once what is to
    be looked at closer; it reads by itself what it needs before. Quantities that are `apart` have nothing to do with each other:
    a rule shows those that it asks of. `basis`: whether its values were measured, are of a forecast, or are what cityflux sees by
    itself. `make` and `extremes` raise StoreUnavailable, StoreMisconfigured.

    A value depends on what was measured in that time before it, in so many hours after it (`felt_h`), and on nothing else: each
    look that reaches so far gives the same.
    """

    subject: Subject
    shows: Mapping[str, Shown]
    family: str
    periods: Collection[str]
    make: Callable[[Look], Mapping[str, Values]]
    before_h: int
    window: int
    extremes: Callable[[Look], Extremes] | None = None
    apart: bool = False
    felt_h: int = 0
    basis: Literal["observed", "forecast", "itself"] = "observed"
