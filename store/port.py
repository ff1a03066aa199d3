"""The readings port: what every store of readings promises. The prose is the promise; `tests/store/test_contract.py` holds
both adapters to it, against the real servers.

Writing
    `write` gives one of three answers, and nothing is lost whichever it is:
    - taken: the reading is durable and readable; writing it again changes nothing;
    - refused, by index, with the store's words: this reading will never be taken, the others were;
    - try again (StoreUnavailable): nothing is promised of this batch; the whole of it is to be written again, later.
      StoreMisconfigured is the same for the data, but a person must act first (token, bucket, permissions).

    A write merges per quantity. A quantity the reading does not name stays as it was. Of a named one the greater
    version (`Reading.version`) wins; equal versions: the later write. A doubtful value displaces a good one and the
    other way round. `in_order=True` promises that no stored version of these readings is newer unless it says so
    itself by `issued`; replays of dead letters pass False.

Reading
    `readings` selects start < observed_at ≤ end: an averaged period is stamped with its end. Frames are sorted by
    (station, observed_at, seq). Good values only, NaN where there is none; `detail=True` adds what is known besides.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from sensors.quantities import Family
from sensors.reading import Period, Reading

if TYPE_CHECKING:
    import pandas as pd


class StoreError(Exception):
    """The tree: StoreUnavailable is retried, StoreMisconfigured waits for a person (and is retried, rarely)."""


class StoreUnavailable(StoreError):
    """Try again: the store cannot be reached, is overloaded, or asks to wait `retry_after_s`."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class StoreMisconfigured(StoreError):
    """The store will not have us: wrong token, bucket or permission. Everything is kept until a person has mended it."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """Reading `index` of the batch will never be taken, because `why`."""

    index: int
    why: str


class ReadingsStore(Protocol):
    """A store of readings. One object serves one thread; open as many as you need."""

    async def write(self, readings: Sequence[Reading], *, in_order: bool = True) -> Sequence[Rejected]:
        """Write a batch; empty answer: all taken. Raises StoreUnavailable or StoreMisconfigured."""
        ...

    def readings(
        self,
        family: Family,
        period: Period,
        start: int,
        end: int,
        stations: Collection[str] | None = None,
        quantities: Iterable[str] | None = None,
        *,
        detail: bool = False,
    ) -> "pd.DataFrame":
        """Readings with start < observed_at ≤ end [ms since the epoch].

        Columns: `station` (str), `observed_at` (datetime64[ms, UTC]), `seq` (int64), then one float64 column per quantity
        asked for (all of the family by default), NaN where there is no good value. With `detail`: `received_at` and
        `issued` (Int64, ms), `unknown_station` (bool), `origin` and `batch` (int64), and `doubtful` (dict code → Doubt).
        Raises StoreUnavailable, StoreMisconfigured.
        """
        ...

    def latest(self, family: Family, period: Period, stations: Collection[str] | None = None) -> "pd.DataFrame":
        """The newest reading of each station: the columns of `readings`, without detail."""
        ...

    async def check(self) -> str:
        """One line that says what answered (name, version, place). Raises StoreUnavailable, StoreMisconfigured."""
        ...

    async def close(self) -> None:
        """Release connections; what was taken is durable already."""
        ...
