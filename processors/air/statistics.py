"""Statistics of months, quarters and years as judgements, from the exact daily values in the daily judgements.

The value is the composite index; `detail` has each pollutant. They are made for the city and its districts; where exceptional
events cover days of the period, once more without what these raised.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from processors.air.days import counting_hours, days_of_scope
from processors.air.events import raised_on
from processors.air.year import BY_DATE
from processors.computation import CODE_VERSION
from processors.indicators.air_daily import station_days
from processors.indicators.air_periods import Daily, PeriodStatistics, period_statistics
from processors.scopes import STATION
from processors.standards.tables import POLLUTANTS
from processors.windows import blocks, day_bounds, days_between, period_days
from sensors.quantities import OF_FAMILY
from sensors.stations import Registry
from store.intervals import Interval
from store.judgements import Judgement, Key
from store.port import ReadingsStore

AIR_STATISTICS = "air_statistics"
"""Code of the indicator; its scopes are `city` and `district:<id>`, its periods months, quarters and years."""


def period_judgement(
    scope: str, period: str, of_scope: Mapping[str, Judgement], *, last_closed: date, now: int
) -> Judgement | None:
    """The statistics of `period` up to `last_closed`, from the scope's daily judgements by day text; None where there are
    none."""
    first, last = period_days(period)
    days = [day.isoformat() for day in days_between(first, min(last, last_closed))]
    there = [of_scope[day] for day in days if day in of_scope]
    if not there:
        return None
    found = period_statistics(_daily(there), first, last)
    detail: dict[str, Any] = {**shown(found), "last_day": days[-1], "without_events": None}
    if any(raised_on(judgement.detail) for judgement in there):
        detail["without_events"] = shown(period_statistics(_daily(there, without_events=True), first, last))
    equal = found.composites[0]
    valid = min(one.days for one in found.pollutants)
    detail["sentence"] = _sentence(found)
    stations = sorted({name for judgement in there for name in judgement.stations})
    value = None if equal.value is None else str(equal.value)
    status = _status(found, over=last <= last_closed, year=len(period) == 4)
    return Judgement(
        Key(AIR_STATISTICS, scope, period, BY_DATE),
        value, "1", status, valid, (last - first).days + 1, CODE_VERSION, tuple(stations), detail, now,
    )  # fmt: skip


def daily_values(
    store: ReadingsStore,
    registry: Registry,
    intervals: Sequence[Interval],
    days: Sequence[date],
    scope: str,
    zone: ZoneInfo,
    standard: str | None,
) -> Daily:
    """The exact daily values of the city, a district or a station, from the stored hours now. Raises UnknownStandardError,
    StoreUnavailable, StoreMisconfigured."""
    found: dict[date, dict[str, Fraction]] = {}
    for block in blocks(days):
        hours = counting_hours(
            store, registry, day_bounds(block[0], zone)[0], day_bounds(block[-1], zone)[1], intervals
        )
        if hours.empty:
            continue
        of_stations = station_days(hours, zone, standard)
        if scope.startswith(STATION):
            of_scope = of_stations[of_stations["station"] == scope.removeprefix(STATION)].to_dict("records")
        else:
            of_scope = [row for row, _ in days_of_scope(of_stations, registry, block, scope, zone, standard)]
        for row in of_scope:
            exact = {code: row[f"{code}_exact"] for code in POLLUTANTS}
            found[row["day"]] = {code: value for code, value in exact.items() if value is not None}
    return found


def shown(found: PeriodStatistics) -> dict[str, Any]:
    """Statistics as plain data: decimals as text, exact values as fractions."""
    return {
        "standard": found.standard,
        "pollutants": {
            one.pollutant: {
                name: value if value is None or isinstance(value, (bool, int, str)) else str(value)
                for name, value in one._asdict().items()
                if name != "pollutant"
            }
            for one in found.pollutants
        },
        "composite": [
            {**one._asdict(), "value": None if one.value is None else str(one.value)} for one in found.composites
        ],
    }


def _daily(there: Sequence[Judgement], *, without_events: bool = False) -> Daily:
    found = {}
    for judgement in there:
        left_out = raised_on(judgement.detail) if without_events else frozenset()
        exact = judgement.detail.get("exact", {})
        found[date.fromisoformat(judgement.key.period)] = {
            code: _fraction(text) for code, text in exact.items() if code not in left_out
        }
    return found


def _fraction(text: str) -> Fraction:
    n, _, d = text.partition("/")
    return Fraction(int(n), int(d or 1))


def _status(found: PeriodStatistics, *, over: bool, year: bool) -> str:
    """Of a whole year whether it is within all limits. A shorter period has none to be within, nor has what is still open: its
    figures are only stated."""
    if over and not all(one.valid for one in found.pollutants):
        return "not assessable"
    if over and year:
        return "met" if all(one.meets for one in found.pollutants) else "missed"
    return "stated"


def _sentence(found: PeriodStatistics) -> str:
    parts = []
    for one in found.pollutants:
        if one.headline is not None:
            quantity = OF_FAMILY["air"][one.pollutant]
            parts.append(f"{quantity.en} {one.headline} {quantity.unit}{'' if one.valid else ' (not valid)'}")
    return ", ".join(parts)
