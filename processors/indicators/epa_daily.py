"""The US EPA's daily index of stations and of a city, from the same hours: for comparison, never for the constraint.

What is the EPA's: breakpoints, truncation, rounding to the nearest, the greatest of the pollutants that are there. What is not,
so that the same hours can be compared: civil days, 8-hour means within the day, hours and stations that suffice as in GB 3095
and HJ 663, and for the city the mean of the stations' concentrations (the EPA reports its worst monitor).
"""

from collections.abc import Collection
from datetime import date, tzinfo
from fractions import Fraction
from math import floor, lcm
from typing import NamedTuple

import numpy as np
import pandas as pd

from processors.indicators.day_grid import WINDOW_HOURS, DayGrid, window_sums_of_day
from processors.indicators.exact import Ratios
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
    columns = {name: _statistic(grid, table, rules).fractions() for name, table in epa().pollutant.items()}
    by_day: dict[date, dict[str, list[Fraction]]] = {day: {} for day in grid.days}
    for row, place in enumerate(grid.day.tolist()):
        for name, values in columns.items():
            value = values[row]
            if value is not None:
                by_day[grid.days[place]].setdefault(name, []).append(value)
    expected = len(set(assessment))
    return [
        epa_day(
            day,
            {
                name: sum(values, Fraction(0)) / len(values)
                for name, values in of_day.items()
                if rule.assessment.stations.enough(len(values), expected)
            },
        )
        for (day, of_day), rule in zip(by_day.items(), rules, strict=True)
    ]


def _statistic(grid: DayGrid, table: EpaTable, rules: list[AirRules]) -> Ratios:
    """The table's statistic of each station day."""
    n, there, power = grid.hours(table.quantity)
    valid = there.sum(axis=1)
    needed = np.array([rules[place].limits.validity.daily_hours for place in grid.day.tolist()], dtype=np.int64)
    if table.statistic == "24h":
        return Ratios(n.sum(axis=1), np.where(valid >= needed, valid * power, 0))
    if table.statistic == "max_1h":
        return Ratios(n.max(axis=1), np.where(valid >= needed, power, 0))
    total, of_window = window_sums_of_day(n), window_sums_of_day(there.astype(np.int64))
    least = rules[0].limits.validity.running_8h_hours
    within = np.arange(WINDOW_HOURS, n.shape[1] + 1) <= grid.length[:, np.newaxis]
    good = (of_window >= least) & within
    common = lcm(*range(least, WINDOW_HOURS + 1))
    greatest = np.where(good, total * (common // np.maximum(of_window, 1)), 0).max(axis=1)
    windows = np.array([rules[place].assessment.mda8.windows for place in grid.day.tolist()], dtype=np.int64)
    return Ratios(greatest, np.where(good.sum(axis=1) >= windows, common * power, 0))
