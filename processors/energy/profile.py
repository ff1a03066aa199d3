"""The load curve of one meter over a span, from the readings as they lie in the store: buckets, demand, times of use, gaps."""

from collections.abc import Mapping
from datetime import timedelta
from fractions import Fraction
from typing import NamedTuple
from zoneinfo import ZoneInfo

from processors.energy.day_totals import by_time_of_use
from processors.energy.meters import Meters
from processors.energy.readings import MeterReadings
from processors.energy.rules import EnergyRules
from processors.indicators.energy_load import (
    Bucket,
    Peak,
    base_load,
    load_factor,
    maximum_demand,
    shared,
)
from processors.indicators.energy_pieces import Gap, Piece, gaps
from processors.standards.time_of_use import Segment
from processors.windows import civil_day, day_bounds, days_between
from store.books import Books
from store.intervals import Intervals
from store.port import ReadingsStore


class Profile(NamedTuple):
    """Of (start, end] [ms]: the buckets, the pieces they were made from, gaps, the segments of the times of use, and the
    electricity of each of these [kWh]."""

    start: int
    end: int
    buckets: list[Bucket]
    pieces: list[Piece]
    gaps: list[Gap]
    segments: list[Segment]
    periods: Mapping[str, Fraction]

    @property
    def total(self) -> Fraction:
        """What is known to have been used."""
        return sum((one.amount for one in self.buckets), Fraction(0))

    @property
    def measured_ms(self) -> int:
        """How much of the span was measured."""
        return sum(one.measured_ms for one in self.buckets)

    @property
    def demand(self) -> Peak | None:
        """The greatest power of a bucket."""
        return maximum_demand(self.buckets)

    @property
    def base_load(self) -> Fraction | None:
        """The power that 95 % of the buckets reach."""
        return base_load(self.buckets)

    @property
    def load_factor(self) -> Fraction | None:
        """Mean over greatest power."""
        return load_factor(self.buckets)


def profile(
    store: ReadingsStore, books: Books, station: str, span: tuple[int, int], minutes: int, zone: ZoneInfo,
    rules: EnergyRules, quantity: str = "electricity",
) -> Profile:  # fmt: skip
    """The curve of `quantity` in buckets of so many minutes from each midnight of the zone, over the span (start, end] [ms].
    Raises StoreUnavailable, StoreMisconfigured, BooksUnavailable."""
    start, end = span
    meters = Meters(books.registry(), zone)
    readings = MeterReadings(store, meters, Intervals(books).all("energy"))
    of_station, _ = readings.pieces([station], start, end)
    pieces = of_station[station].get(quantity, [])
    buckets = shared(pieces, _edges(start, end, minutes, zone))
    segments = _segments(start, end, zone, rules) if quantity == "electricity" else []
    periods = by_time_of_use(pieces, start, end, segments)
    return Profile(start, end, buckets, pieces, gaps(pieces, start, end), segments, periods)


def _edges(start: int, end: int, minutes: int, zone: ZoneInfo) -> list[int]:
    """The edges of the buckets: from each midnight on, so that a bucket lies in one day whatever the clock does."""
    found = {start, end}
    for day in days_between(civil_day(start + 1, zone), civil_day(end, zone)):
        midnight, following = day_bounds(day, zone)
        found |= {at for at in range(midnight, following, minutes * 60_000) if start < at < end}
    return sorted(found)


def _segments(start: int, end: int, zone: ZoneInfo, rules: EnergyRules) -> list[Segment]:
    """The times of use, cut to the span."""
    first, last = civil_day(start + 1, zone), civil_day(end, zone)
    every = [
        one for n in range((last - first).days + 1) for one in rules.time_of_use.segments(first + timedelta(n), zone)
    ]
    return [
        Segment(max(start, one.since), min(end, one.until), one.name)
        for one in every
        if one.until > start and one.since < end
    ]
