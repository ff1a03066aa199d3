"""Good-air days (空气质量优良天数): how many days of a span were good, were polluted, and could not be assessed.

Ratio = good / valid days, valid = good + polluted (published tables: 27/31 = 87.1 %). A day without data, or whose AQI
is NA, is neither good nor valid; it is counted and listed as not assessable.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import groupby
from typing import Literal, NamedTuple

import pandas as pd

from processors.indicators.exact import decimal
from processors.standards.tables import air_rules
from processors.windows import Coverage, days_between

State = Literal["good", "polluted", "not_assessable"]


class Day(NamedTuple):
    """One day of the span. `why` is "" for a good day, else exceeds, incomplete or no_data, with a sentence."""

    day: date
    state: State
    aqi: int | None
    primary: str
    standard: str
    coverage: float
    why: str
    why_text: str


class StandardSpan(NamedTuple):
    """The days from first to last, both included, that one edition judged."""

    standard: str
    first: date
    last: date


@dataclass(frozen=True)
class GoodDays:
    """The count. `expected` is all days of the span, `valid` those with a verdict; `ratio` is None without any."""

    good: int
    polluted: int
    not_assessable: int
    ratio: Fraction | None
    ratio_percent: Decimal | None
    standards: tuple[StandardSpan, ...]
    days: tuple[Day, ...]

    @property
    def valid(self) -> int:
        """Days with a verdict."""
        return self.good + self.polluted

    @property
    def expected(self) -> int:
        """Days of the span."""
        return len(self.days)

    @property
    def coverage(self) -> Coverage:
        """Valid days of the span's days."""
        return Coverage(self.valid, self.expected)


def good_days(city_days_frame: pd.DataFrame, first: date, last: date, standard: str | None = None) -> GoodDays:
    """Count the days from `first` to `last`, both included, from the frame of `air_daily.city_days`.

    For a year so far, `last` is the last complete civil day. A day that the frame has no row of is not assessable; its
    edition is that of its date, or `standard` where the frame was made with one. Rows outside the span are left out.
    Also counts one station's days (a frame of `station_days` with one station).
    Raises ValueError where the frame has two rows for a day or the span ends before it starts.
    """
    if last < first:
        raise ValueError(f"the span ends ({last}) before it starts ({first})")
    twice = city_days_frame["day"].duplicated()
    if twice.any():
        raise ValueError(f"two rows for the day {city_days_frame['day'][twice].iloc[0]}: give one city or one station")
    columns = ["day", "state", "aqi", "primary", "standard", "coverage", "why", "why_text"]
    rows = city_days_frame[columns].itertuples(index=False, name=None)
    known = {row[0]: Day(*row)._replace(aqi=None if pd.isna(row[2]) else int(row[2])) for row in rows}
    days = tuple(known.get(day) or _no_data(day, standard) for day in days_between(first, last))
    count = {state: sum(day.state == state for day in days) for state in ("good", "polluted", "not_assessable")}
    valid = count["good"] + count["polluted"]
    return GoodDays(
        good=count["good"],
        polluted=count["polluted"],
        not_assessable=count["not_assessable"],
        ratio=Fraction(count["good"], valid) if valid else None,
        ratio_percent=ratio_percent(count["good"], valid, last, standard),
        standards=tuple(_spans(days)),
        days=days,
    )


def ratio_percent(good: int, valid: int, last: date, standard: str | None = None) -> Decimal | None:
    """Good days of the valid ones [%], rounded as the rules of the span's last day say; None without a valid day."""
    digits = air_rules(last, standard).assessment.ratio.digits
    return decimal(100 * Fraction(good, valid), digits) if valid else None


def _no_data(day: date, standard: str | None) -> Day:
    name = air_rules(day, standard).index.name
    return Day(day, "not_assessable", None, "", name, 0.0, "no_data", "no station has an hour of this day")


def _spans(days: tuple[Day, ...]) -> list[StandardSpan]:
    spans = []
    for standard, group in groupby(days, key=lambda day: day.standard):
        members = list(group)
        spans.append(StandardSpan(standard, members[0].day, members[-1].day))
    return spans
