"""What pictures are drawn from: a day as it is to be marked, and a day of a forecast."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import NamedTuple


class DayMark(NamedTuple):
    """One day.

    `state` is good, polluted or not_assessable, "" while it is not known. `colour` is the hex of its class, "" where it has none;
    `label` the class in words, shown only for a colour that no edition of the standard has. `primary` are codes (pm2_5, pm10,
    so2, no2, co, o3). `finality` is provisional, under review or final; running while the day is open; "" without a judgement.
    """

    day: date
    state: str
    aqi: int | None
    colour: str
    label: str
    primary: tuple[str, ...]
    finality: str

    @property
    def is_closed(self) -> bool:
        """Whether the day has ended with a verdict, or without one: only such days are counted."""
        return self.state != "" and self.finality != "running"


class FanPoint(NamedTuple):
    """Good days of the year by the end of that day, as forecast: the ends of the interval and the median."""

    day: date
    low: int
    median: int
    high: int


def by_day(days: Iterable[DayMark], first: date, last: date) -> Mapping[date, DayMark]:
    """The marks from `first` to `last`, both included; of two for one day the last one stands."""
    return {mark.day: mark for mark in days if first <= mark.day <= last}
