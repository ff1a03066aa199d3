"""Daily air quality of stations and of a city: concentrations, IAQI, AQI and the verdict on each civil day.

    daily mean  mean of the day's hourly means, with enough of them (GB 3095, Table 4)
    MDA8        greatest mean of 8 consecutive hours within the day: windows that end at hours 8 … 24. A window needs
                enough hours (GB 3095), the maximum enough windows, or to exceed the grade II limit all the same
                (HJ 663, 6.1.2; "exceeds" is read of the rounded value, chosen, because IAQI > 100 then says the same)
    city        mean of the stations' exact daily concentrations, of enough assessment stations (HJ 663); then rounding,
                IAQI, and the greatest: never the worst station, never a mean of indices

The verdict: a day is good only where every indicator of the variant is valid and AQI ≤ 100; it is polluted where the
AQI of those that are valid exceeds 100; else it is not assessable. That is rule 5.3.1 of HJ 633-2026, chosen for both
editions, because HJ 633-2012 says nothing of a missing pollutant and no data may never render as good.
"""

from collections.abc import Callable, Collection, Hashable, Mapping
from datetime import tzinfo
from math import lcm
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from processors.indicators.air_index import StatisticOf, by_rules, index_columns
from processors.indicators.day_grid import WINDOW_HOURS, DayGrid, running_maximum
from processors.indicators.exact import Column, Ratios, exact, from_fractions, half_even, mean_by
from processors.standards.tables import POLLUTANTS, AirRules, Index, Indicator, Statistic, Variant, air_rules
from processors.windows import Ints, hourly, hours_of_day
from sensors.quantities import OF_FAMILY

PRACTICE = "practice"

_DAILY: dict[str, Statistic] = {code: "mda8" if code == "o3" else "24h" for code in POLLUTANTS}

Lack = Callable[[int, Indicator], str]
"""(row, an indicator it lacks) to what there is and what is needed, in words."""


def station_days(
    hours: pd.DataFrame, zone: tzinfo, standard: str | None = None, variant: str = PRACTICE
) -> pd.DataFrame:
    """The daily values and verdict of each station and civil day that `hours` has a row of.

    `hours` as for `air_realtime.realtime`; give whole days. `standard` names an edition of HJ 633 for all days, gases then
    brought to its own reference state (GB 3095: 273 K to 2018-08-31, 298.15 K since); without it each day's date decides.
    `variant`: `practice` (O3 by MDA8) or `clause` (2012: the O3 1-hour maximum as well).

    Columns, sorted by station and day: `station`, `day` (datetime.date), `aqi` (Int64, NA where not published),
    `primary`, `exceeding` (codes joined by "+"), `standard`, `coverage` (= `valid_hours` / `expected_hours` of the six
    pollutants), `category` (code, "" where none), `state` (good | polluted | not_assessable), `why` ("" | exceeds |
    incomplete) and `why_text`; per pollutant `<code>` (rounded as published, float [µg/m³, CO mg/m³], NaN where not
    valid; o3 is MDA8), `<code>_exact` (Fraction, None), `hours_<code>` (valid hours), `iaqi_<code>` (Int64);
    `windows_o3` (valid 8-hour means), `mda8_end` (the hour of the day that the greatest of them ends, 0 without any) and
    `o3_max_1h_exact`. Raises UnknownStandardError.
    """
    frame = hourly(hours, zone)
    grid = DayGrid(frame, zone)
    parts = []
    for rules, rows in by_rules(grid.days, grid.day, standard):
        chosen = rules.index.variant("daily", variant)
        of_day = _StationDay(grid, rules, rows, standard is not None)
        part = index_columns(rules.index, chosen, of_day, len(rows)).drop(columns="valid")
        part["standard"] = rules.index.name
        part["valid_hours"] = sum(of_day.hours.values())
        part["expected_hours"] = len(POLLUTANTS) * grid.length[rows]
        parts.append(_finished(part, rules, chosen, of_day, of_day.lack).assign(**of_day.counts()).set_index(rows))
    keys = pd.DataFrame({"station": grid.stations, "day": [grid.days[each] for each in grid.day.tolist()]})
    return pd.concat([keys, pd.concat(parts).sort_index()], axis=1)


def city_days(
    station_days_frame: pd.DataFrame,
    assessment: Collection[str] | None,
    zone: tzinfo,
    standard: str | None = None,
    variant: str = PRACTICE,
) -> pd.DataFrame:
    """The city's daily values and verdict, of each day that `station_days_frame` has an assessment station of. Where the frame
    has a column `begins`, days of another value there are other days, and the result has it too.

    `assessment` are the ids of the assessment stations, None for all in the frame. `standard` and `variant` as for
    `station_days`, and the same as the frame was made with.
    Columns as `station_days` without `station`, `hours_<code>`, `windows_o3` and `mda8_end`, and with `stations_<code>`, how many
    stations have a valid daily concentration, and `stations` expected; hours are those of all expected stations.
    """
    frame = station_days_frame
    if assessment is not None:
        frame = frame[frame["station"].isin(list(assessment))]
    expected = frame["station"].nunique() if assessment is None else len(set(assessment))
    keys = list(zip(*(frame[name] for name in ("day", "begins") if name in frame), strict=True))
    own = sorted(set(keys))
    days = [key[0] for key in own]
    position = {key: place for place, key in enumerate(own)}
    day_of_row = np.array([position[key] for key in keys], dtype=np.intp)
    parts = []
    for rules, rows in by_rules(days, np.arange(len(days)), standard):
        chosen = rules.index.variant("daily", variant)
        of_day = _CityDay(frame, rules, rows, day_of_row, expected)
        part = index_columns(rules.index, chosen, of_day, len(rows)).drop(columns="valid")
        part["standard"] = rules.index.name
        valid_hours = np.zeros(len(days), np.int64)
        np.add.at(valid_hours, day_of_row, frame["valid_hours"].to_numpy(np.int64))
        part["valid_hours"] = valid_hours[rows]
        hours = np.array([len(hours_of_day(days[row], zone)) for row in rows.tolist()], dtype=np.int64)
        part["expected_hours"] = len(POLLUTANTS) * expected * hours
        parts.append(_finished(part, rules, chosen, of_day, of_day.lack).assign(**of_day.counts()).set_index(rows))
    named = {"day": days, **({"begins": [key[1] for key in own]} if "begins" in frame else {})}
    return pd.concat([pd.DataFrame(named, dtype=object), pd.concat(parts).sort_index()], axis=1)


class _StationDay:
    """The statistics of some station-days under their rules."""

    def __init__(self, grid: DayGrid, rules: AirRules, rows: npt.NDArray[np.intp], foreign: bool) -> None:
        """`foreign`: the rules may be of another time than the days."""
        self._grid, self._rules, self._rows = grid, rules, rows
        self._factors = self._of_reference_state() if foreign else None
        self.hours = {code: self._of(code).there.sum(axis=1) for code in POLLUTANTS}
        self._mda8, self._windows, self._mda8_end = self._running_maximum()

    def __call__(self, pollutant: str, statistic: Statistic) -> Ratios:
        if statistic == "mda8":
            return self._mda8
        n, _, power = self._of(pollutant)
        valid = self.hours[pollutant]
        enough = valid >= self._rules.limits.validity.daily_hours
        if statistic == "max_1h":  # as many hours as a daily mean: chosen, GB 3095 names no number
            return Ratios(n.max(axis=1), np.where(enough, power, 0))
        return Ratios(n.sum(axis=1), np.where(enough, valid * power, 0))

    def _of(self, pollutant: str) -> Column:
        n, there, power = self._grid.hours(pollutant)
        if self._factors is None or pollutant not in self._rules.limits.gases:
            return Column(n[self._rows], there[self._rows], power)
        factors, common = self._factors
        return Column(n[self._rows] * factors[:, np.newaxis], there[self._rows], power * common)

    def _of_reference_state(self) -> tuple[Ints, int] | None:
        """What brings each row's gases to the rules' temperature, over a common denominator; None where all are at it."""
        kelvin = exact(self._rules.limits.gas_kelvin)
        of_days = [exact(air_rules(day).limits.gas_kelvin) / kelvin for day in self._grid.days]
        factors = [of_days[place] for place in self._grid.day[self._rows].tolist()]
        if all(factor == 1 for factor in factors):
            return None
        common = lcm(*(factor.denominator for factor in factors))
        return np.array([int(factor * common) for factor in factors], dtype=np.int64), common

    def _running_maximum(self) -> tuple[Ratios, Ints, Ints]:
        """MDA8, how many of the day's 8-hour means are valid, and the hour of the day that the greatest of them ends (the first
        where several are; 0 without any)."""
        of_any, windows, end = running_maximum(
            self._of("o3"), self._grid.length[self._rows], self._rules.limits.validity.running_8h_hours
        )
        digits = self._rules.index.rounding.digits["o3"]
        exceeds = half_even(of_any, digits) > self._rules.limits.limits["o3"]["mda8"][1] * 10**digits
        return of_any.where((windows >= self._rules.assessment.mda8.windows) | exceeds.astype(np.bool_)), windows, end

    def counts(self) -> dict[str, Ints]:
        """The columns that count what was there."""
        counts = {f"hours_{code}": valid for code, valid in self.hours.items()}
        return counts | {"windows_o3": self._windows, "mda8_end": self._mda8_end}

    def lack(self, row: int, indicator: Indicator) -> str:
        """What a statistic that is not valid has, and what it needs."""
        length = int(self._grid.length[self._rows[row]])
        if indicator.statistic == "mda8":
            possible, needed = length - WINDOW_HOURS + 1, self._rules.assessment.mda8.windows
            return f"{self._windows[row]} of {possible} 8-hour means, {needed} needed"
        needed = self._rules.limits.validity.daily_hours
        return f"{self.hours[indicator.pollutant][row]} of {length} hours, {needed} needed"


class _CityDay:
    """The city's statistics of some days under their rules: mean of the stations', where they are enough."""

    def __init__(
        self,
        frame: pd.DataFrame,
        rules: AirRules,
        rows: npt.NDArray[np.intp],
        day_of_row: npt.NDArray[np.intp],
        expected: int,
    ) -> None:
        self._rules, self._expected = rules, expected
        place = np.full(int(day_of_row.max(initial=-1)) + 1, -1)
        place[rows] = np.arange(len(rows))
        group = place[day_of_row]
        self._frame, self._group, self._count = frame[group >= 0], group[group >= 0], len(rows)
        self._means: dict[str, tuple[Ratios, Ints]] = {}

    def _mean(self, pollutant: str, statistic: Statistic) -> tuple[Ratios, Ints]:
        """The mean of the stations that have the statistic, and how many have it."""
        name = "o3_max_1h_exact" if statistic == "max_1h" else f"{pollutant}_exact"
        if name not in self._means:
            self._means[name] = mean_by(from_fractions(self._frame[name].tolist()), self._group, self._count)
        return self._means[name]

    def __call__(self, pollutant: str, statistic: Statistic) -> Ratios:
        mean, valid = self._mean(pollutant, statistic)
        enough = self._rules.assessment.stations.enough
        return mean.where(np.array([enough(count, self._expected) for count in valid.tolist()], dtype=np.bool_))

    def counts(self) -> dict[str, Ints | int]:
        """The columns that count what was there."""
        valid = {f"stations_{code}": self._mean(code, statistic)[1] for code, statistic in _DAILY.items()}
        return {"stations": self._expected, **valid}

    def lack(self, row: int, indicator: Indicator) -> str:
        """What a statistic that is not valid has, and what it needs."""
        valid = self._mean(indicator.pollutant, indicator.statistic)[1][row]
        return f"{valid} of {self._expected} stations, {self._rules.assessment.stations.share(self._expected)} % needed"


def _finished(
    part: pd.DataFrame, rules: AirRules, variant: Variant, statistic: StatisticOf, lack: Lack
) -> pd.DataFrame:
    """The index columns with coverage, concentrations and verdict."""
    index = rules.index
    values = {code: statistic(code, of) for code, of in _DAILY.items()}
    for code, ratios in values.items():
        digits = index.rounding.digits[code]
        part[code] = np.where(ratios.there, half_even(ratios, digits).astype(np.float64) / 10**digits, np.nan)
    for code, ratios in values.items():
        part[f"{code}_exact"] = pd.Series(ratios.fractions(), index=part.index, dtype=object)
    maximum = statistic("o3", "max_1h")
    part["o3_max_1h_exact"] = pd.Series(maximum.fractions(), index=part.index, dtype=object)
    expected_hours = part["expected_hours"].to_numpy(np.float64)
    part["coverage"] = part["valid_hours"].to_numpy(np.float64) / np.maximum(expected_hours, 1)
    missing = {each: ~statistic(each.pollutant, each.statistic).there for each in variant.indicators}
    told = ["aqi", "exceeding", *POLLUTANTS, *(f"iaqi_{code}" for code in POLLUTANTS)]
    verdicts = []
    for row, values_of_day in enumerate(part[told].to_dict("records")):
        aqi = values_of_day["aqi"]
        if pd.isna(aqi):
            lacking = [each for each, absent in missing.items() if absent[row]]
            text = "; ".join(f"{OF_FAMILY['air'][each.pollutant].en}: {lack(row, each)}" for each in lacking)
            verdicts.append(("", "not_assessable", "incomplete", text))
        elif aqi > index.index.exceeding_above:
            verdicts.append((index.category(aqi).code, "polluted", "exceeds", _exceeds(index, values_of_day)))
        else:
            verdicts.append((index.category(aqi).code, "good", "", ""))
    columns = ["category", "state", "why", "why_text"]
    verdict = pd.DataFrame(verdicts, columns=columns, index=part.index, dtype=object)
    return pd.concat([part, verdict], axis=1)


def _exceeds(index: Index, row: Mapping[Hashable, Any]) -> str:
    """The pollutants that exceed, worst first, each with its IAQI and its daily concentration."""
    texts = []
    for code in sorted(row["exceeding"].split("+"), key=lambda code: -int(row[f"iaqi_{code}"])):
        quantity = OF_FAMILY["air"][code]
        value = f" ({row[code]:.{index.rounding.digits[code]}f} {quantity.unit})"
        texts.append(f"{quantity.en}: IAQI {row[f'iaqi_{code}']}{'' if np.isnan(row[code]) else value}")
    return "; ".join(texts)
