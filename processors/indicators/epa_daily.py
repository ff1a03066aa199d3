"""The US EPA's daily index of stations and of a city, from the same hours: for comparison, never for the constraint.

What is the EPA's: breakpoints, truncation, rounding to the nearest, the greatest of the pollutants that are there. What is not,
so that the same hours can be compared: civil days, 8-hour means within the day, hours and stations that suffice as in GB 3095
and HJ 663, and for the city the mean of the stations' concentrations (the EPA reports its worst monitor).
"""

from collections.abc import Collection
from datetime import date, tzinfo
from fractions import Fraction
from math import floor
from typing import NamedTuple

import numpy as np
import pandas as pd

from processors.indicators.day_grid import DayGrid, running_maximum
from processors.indicators.exact import Ratios, mean_by
from processors.standards.epa import EpaTable, epa
from processors.standards.tables import AirRules, air_rules
from processors.windows import hourly

Statistics = dict[str, Fraction]
"""Exact concentrations [canonical unit] by the tables' names; what is not valid is absent."""


class EpaDay(NamedTuple):
    """An index (None without any pollutant) and the pollutants that have it."""

    day: date
    aqi: int | None
    primary: tuple[str, ...]


def epa_index(name: str, concentration: Fraction) -> int | None:
    """The index of a concentration [canonical unit] by one table, e.g. "pm2_5_24h"; None below its first row."""
    table = epa().pollutant[name]
    value = truncated(table.of_canonical(concentration), table.decimals)
    if value < table.rows[0].low:
        return None
    row = next((row for row in table.rows if value <= row.high), None)
    if row is None:
        if table.above is not None:
            return table.above
        row = table.rows[-1]
    low, high = Fraction(row.low), Fraction(row.high)
    return floor((row.index_high - row.index_low) / (high - low) * (value - low) + row.index_low + Fraction(1, 2))


def truncated(value: Fraction, decimals: int) -> Fraction:
    """A value cut off after so many decimals."""
    return Fraction(floor(value * 10**decimals), 10**decimals)


def epa_day(day: date, statistics: Statistics) -> EpaDay:
    """The index of a day."""
    found: dict[str, int] = {}
    for name, value in statistics.items():
        index = epa_index(name, value)
        if index is not None:
            code = epa().pollutant[name].quantity
            found[code] = max(found.get(code, 0), index)
    if not found:
        return EpaDay(day, None, ())
    greatest = max(found.values())
    return EpaDay(day, greatest, tuple(code for code, index in found.items() if index == greatest))


def city_epa_days(hours: pd.DataFrame, assessment: Collection[str], zone: tzinfo) -> list[EpaDay]:
    """The city's index of each day that `hours` (as for `air_daily.station_days`) has an assessment station of."""
    frame = hourly(hours[hours["station"].isin(list(assessment))], zone)
    grid = DayGrid(frame, zone)
    rules = [air_rules(day) for day in grid.days]
    expected, found = len(set(assessment)), [Statistics() for _ in grid.days]
    for name, table in epa().pollutant.items():
        means, counts = mean_by(_statistic(grid, table, rules), grid.day, len(grid.days))
        for place, (value, count) in enumerate(zip(means.fractions(), counts.tolist(), strict=True)):
            if value is not None and rules[place].assessment.stations.enough(count, expected):
                found[place][name] = value
    return [epa_day(day, of_day) for day, of_day in zip(grid.days, found, strict=True)]


def _statistic(grid: DayGrid, table: EpaTable, rules: list[AirRules]) -> Ratios:
    """The table's statistic of each station day."""
    n, there, power = grid.hours(table.quantity)
    valid = there.sum(axis=1)
    needed = np.array([rules[place].limits.validity.daily_hours for place in grid.day.tolist()], dtype=np.int64)
    if table.statistic == "24h":
        return Ratios(n.sum(axis=1), np.where(valid >= needed, valid * power, 0))
    if table.statistic == "max_1h":
        return Ratios(n.max(axis=1), np.where(valid >= needed, power, 0))
    greatest, good, _ = running_maximum(
        grid.hours(table.quantity), grid.length, rules[0].limits.validity.running_8h_hours
    )
    windows = np.array([rules[place].assessment.mda8.windows for place in grid.day.tolist()], dtype=np.int64)
    return greatest.where(good >= windows)
