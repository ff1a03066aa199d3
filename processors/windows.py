"""Windows, civil days and coverage: the one place that says which hours a period has and how many of them are there.

An averaged period is stamped with its end, and a window holds start < t ≤ end. So the hour that ends at 00:00 is the
last of the day before, a civil day of a zone is (midnight, next midnight], and where the clock changes it has 23 or 25.
Times are milliseconds since the epoch, UTC; no database computes a day, and nothing here asks what time it is.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from processors.plans.figures import Length
from sensors.instants import HOUR_MS, to_datetime, to_millis

Ints = npt.NDArray[np.int64]

# Chosen: days computed at once: a month of a thousand stations is 744,000 rows, some 100 MB.
BLOCK_DAYS = 31

_PERIOD = re.compile(r"(\d{4})(?:-Q([1-4])|-(\d{2})(?:-(\d{2}))?)?", re.ASCII)


class Coverage(NamedTuple):
    """How many of the expected values were valid."""

    valid: int
    expected: int

    @property
    def ratio(self) -> float:
        """valid / expected [1]; 0 where nothing was expected, because nothing cannot support a judgement."""
        return self.valid / self.expected if self.expected else 0.0


def civil_day(end: int, zone: tzinfo) -> date:
    """The day to which a period that ends at `end` [ms] belongs."""
    return to_datetime(end - 1, zone).date()


def last_closed_day(now: int, grace_ms: int, zone: tzinfo) -> date:
    """The last civil day that has closed by `now` [ms]: a day stays open for `grace_ms` after its end."""
    day = civil_day(now - grace_ms, zone)
    return day if now - grace_ms >= day_bounds(day, zone)[1] else day - timedelta(days=1)


def day_bounds(day: date, zone: tzinfo) -> tuple[int, int]:
    """(start, end] of a civil day [ms]."""
    return _midnight(day, zone), _midnight(day + timedelta(days=1), zone)


def year_bounds(year: int, zone: tzinfo) -> tuple[int, int]:
    """(start, end] of a calendar year [ms]."""
    return period_bounds(str(year), zone)


def period_days(period: str) -> tuple[date, date]:
    """The first and last civil day of a day (2026-03-05), month (2026-03), quarter (2026-Q1) or year (2026).

    Raises ValueError, with what a period is written like, for any other text.
    """
    found = _PERIOD.fullmatch(period)
    try:
        if found is not None:
            year, quarter, month, day = (None if part is None else int(part) for part in found.groups())
            first = month or (3 * quarter - 2 if quarter else 1)
            last = month or (3 * quarter if quarter else 12)
            if day is not None:
                return date(year or 0, first, day), date(year or 0, first, day)
            return date(year or 0, first, 1), _following(year or 0, last) - timedelta(days=1)
    except ValueError:
        pass
    raise ValueError(
        f"{period!r} is no period: write a day (2026-03-05), month (2026-03), quarter (2026-Q1) or year (2026)"
    )


def length_of(period: str) -> Length:
    """How long a period is. Raises ValueError where it is none."""
    period_days(period)
    if "Q" in period:
        return "quarter"
    lengths: dict[int, Length] = {4: "year", 7: "month", 10: "day"}
    return lengths[len(period)]


def period_bounds(period: str, zone: tzinfo) -> tuple[int, int]:
    """(start, end] of a day, month, quarter or year [ms]. Raises ValueError where it is none of these."""
    first, last = period_days(period)
    return _midnight(first, zone), _midnight(last + timedelta(days=1), zone)


def periods_of(day: date) -> tuple[str, str, str]:
    """The month, quarter and year of a day, as text."""
    return f"{day:%Y-%m}", f"{day.year}-Q{(day.month + 2) // 3}", f"{day.year}"


def days_between(first: date, last: date) -> list[date]:
    """All civil days from the first to the last, both included."""
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def blocks(days: Sequence[date]) -> Iterator[list[date]]:
    """Days in runs of consecutive ones, each at most BLOCK_DAYS long."""
    block: list[date] = []
    for day in days:
        if block and (day - block[-1] > timedelta(days=1) or len(block) >= BLOCK_DAYS):
            yield block
            block = []
        block.append(day)
    if block:
        yield block


def _following(year: int, month: int) -> date:
    return date(year + 1, 1, 1) if month == 12 else date(year, month + 1, 1)


def hours_of_day(day: date, zone: tzinfo) -> range:
    """The ends of the hours of a civil day [ms]: 24 of them, 23 or 25 where the clock changes."""
    start, end = day_bounds(day, zone)
    return range(start + HOUR_MS, end + 1, HOUR_MS)


def _midnight(day: date, zone: tzinfo) -> int:
    """Where the clock skips midnight, the instant it skips at; where midnight comes twice, the first."""
    return to_millis(datetime.combine(day, time(), zone))


def hourly(hours: pd.DataFrame, zone: tzinfo) -> pd.DataFrame:
    """The rows that are hourly means of the zone, sorted by (station, observed_at), index from 0.

    `hours` has columns `station` and `observed_at` (datetime64, UTC), and `seq` or not. A row with a `seq` other than 0
    is an event and a stamp off the zone's whole hours ends no hour of it: neither is an hourly mean, both are left out.
    Raises ValueError where a station has two rows for one hour, because a mean would count it twice.
    """
    local = hours["observed_at"].dt.tz_convert(zone).dt.tz_localize(None)
    keep = local == local.dt.floor("h")
    if "seq" in hours:
        keep &= hours["seq"] == 0
    frame: pd.DataFrame = hours[keep].sort_values(["station", "observed_at"], ignore_index=True)
    twice = frame.duplicated(["station", "observed_at"])
    if twice.any():
        row = frame[twice].iloc[0]
        raise ValueError(
            f"station {row['station']} has two rows for the hour that ends {row['observed_at'].isoformat()}"
        )
    return frame


def ends(frame: pd.DataFrame) -> Ints:
    """The column `observed_at` as milliseconds since the epoch."""
    return frame["observed_at"].to_numpy("datetime64[ms]").astype(np.int64)


def civil_days(at: Ints, zone: tzinfo) -> tuple[list[date], Ints]:
    """The civil days of hour ends [ms], ascending, and for each end the position of its day among them."""
    local = pd.DatetimeIndex((at - 1).astype("datetime64[ms]"), tz="UTC").tz_convert(zone).tz_localize(None)
    days, position = np.unique(local.to_numpy().astype("datetime64[D]"), return_inverse=True)
    return days.astype(object).tolist(), position


def running(stations: Ints, at: Ints, hours: int) -> Ints:
    """For each row, the first row of its window (end - hours, end]. Rows are sorted by (station code, end)."""
    if len(at) == 0:
        return np.zeros(0, np.int64)
    width = hours * HOUR_MS
    line = stations * (int(np.ptp(at)) + width + 1) + (at - at.min())  # stations further apart than any window is long
    return np.asarray(np.searchsorted(line, line - width, side="right"), dtype=np.int64)


def window_sums(values: npt.NDArray[Any], first: Ints) -> npt.NDArray[Any]:
    """Sums of rows first[i] … i, exact: int64, or Python integers in an object array."""
    total = np.concatenate((np.zeros(1, values.dtype), np.cumsum(values)))
    return np.asarray(total[1:] - total[first])
