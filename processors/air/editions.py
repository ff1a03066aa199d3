"""A span of days under several editions at once: each by its own date, all by one edition, all by another; and which days differ.

In the year in which the rule changes people ask for all three (HJ 633-2012, HJ 633-2026). The US EPA's index is one more name,
for comparison with other countries only; there a day counts as good up to 100 as well. The days are computed from the stored
hours.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pandas as pd

from processors.air.days import counting_hours, days_of_scope, runs
from processors.air.year import BY_DATE
from processors.indicators.air_daily import station_days
from processors.indicators.epa_daily import city_epa_days
from processors.indicators.good_days import ratio_percent
from processors.standards.epa import epa
from processors.standards.tables import INDEXES, UnknownStandardError, index_named
from processors.windows import blocks, day_bounds, days_between
from sensors.stations import Registry
from store.intervals import Interval
from store.port import ReadingsStore


class DayUnder(NamedTuple):
    """A day under one edition. Without any reading it is not assessable, with no standard."""

    state: str
    aqi: int | None
    primary: str
    standard: str


class Count(NamedTuple):
    """A span under one edition."""

    name: str
    good: int
    polluted: int
    not_assessable: int
    ratio_percent: Decimal | None


class Comparison(NamedTuple):
    """Counts by edition, in the order asked for, and the days on which any two of them differ in good or not, or in the class."""

    counts: list[Count]
    days: dict[date, dict[str, DayUnder]]
    differing: list[date]


def known_editions() -> list[str]:
    """The names that can be compared."""
    return [BY_DATE, *(index.name for index in INDEXES), epa().name]


def compare(
    store: ReadingsStore,
    registry: Registry,
    first: date,
    last: date,
    zone: ZoneInfo,
    *,
    scope: str,
    editions: Sequence[str],
    intervals: Sequence[Interval],
) -> Comparison:
    """The days from `first` to `last` of a scope under each of `editions`.

    Raises UnknownStandardError, StoreUnavailable, StoreMisconfigured.
    """
    for name in editions:
        if name not in known_editions():
            raise UnknownStandardError("edition", name, known_editions())
    nothing = DayUnder("not_assessable", None, "", "")
    every = days_between(first, last)
    found: dict[date, dict[str, DayUnder]] = {day: dict.fromkeys(editions, nothing) for day in every}
    for block in blocks(every):
        bounds = day_bounds(block[0], zone)[0], day_bounds(block[-1], zone)[1]
        hours = counting_hours(store, registry, *bounds, intervals)
        if hours.empty:
            continue
        for name in editions:
            for day, under in _under(name, hours, registry, block, scope, zone).items():
                found[day][name] = under
    counts = [_count(name, [of_day[name] for of_day in found.values()], last) for name in editions]
    differing = [day for day, of_day in found.items() if _differ(list(of_day.values()))]
    return Comparison(counts, found, differing)


def _under(
    name: str, hours: pd.DataFrame, registry: Registry, days: Sequence[date], scope: str, zone: ZoneInfo
) -> Mapping[date, DayUnder]:
    if name == epa().name:
        found = {}
        for assessment, run in runs(registry, days, scope, zone):
            for day in city_epa_days(hours, assessment, zone):
                if day.day in set(run):
                    state = "not_assessable" if day.aqi is None else "good" if day.aqi <= 100 else "polluted"
                    found[day.day] = DayUnder(state, day.aqi, "+".join(day.primary), name)
        return found
    standard = None if name == BY_DATE else name
    of_stations = station_days(hours, zone, standard)
    rows = (row for row, _ in days_of_scope(of_stations, registry, days, scope, zone, standard))
    return {
        row["day"]: DayUnder(
            row["state"], None if pd.isna(row["aqi"]) else int(row["aqi"]), row["primary"], row["standard"]
        )
        for row in rows
    }


def _differ(under: Sequence[DayUnder]) -> bool:
    """Whether a day is good by one and not by another, or is of two classes; the EPA's classes are not those of HJ 633."""
    classes = {
        None if day.aqi is None else index_named(day.standard).category(day.aqi).code
        for day in under
        if day.standard != epa().name
    }
    return len({day.state for day in under}) > 1 or len(classes) > 1


def _count(name: str, days: Sequence[DayUnder], last: date) -> Count:
    count = {state: sum(day.state == state for day in days) for state in ("good", "polluted", "not_assessable")}
    ratio = ratio_percent(count["good"], count["good"] + count["polluted"], last)
    return Count(name, count["good"], count["polluted"], count["not_assessable"], ratio)
