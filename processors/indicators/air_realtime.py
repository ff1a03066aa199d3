"""Real-time air quality index of stations and of a city: one row per hour, by a named variant of its own edition.

`CNEMC-realtime` reproduces what is published: 1-hour means of all six in both editions, AQI of the pollutants present.
`clause` is the text: in 2012 24-hour running means of PM, 1-hour and 8-hour O3; in 2026 rule 5.3.1, no AQI up to 100
while a pollutant is missing. A running mean takes the hours before its own from the frame: give it the 23 before the
first that matters.
"""

from collections.abc import Collection
from datetime import tzinfo
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pandas as pd

from processors.indicators.air_index import by_rules, index_columns
from processors.indicators.exact import Column, Integers, Ratios, column, mean_by
from processors.standards.tables import AirRules, Statistic
from processors.windows import civil_days, ends, hourly, running, window_sums

PRACTICE = "CNEMC-realtime"


def realtime(hours: pd.DataFrame, zone: tzinfo, variant: str = PRACTICE, standard: str | None = None) -> pd.DataFrame:
    """The index of each station and hour of `hours`.

    `hours`: `station`, `observed_at` (datetime64, UTC, end of the hour), `seq` or not, and float columns pm2_5, pm10,
    so2, no2, co, o3 [µg/m³, CO mg/m³], NaN or absent where missing. `standard` names an edition of HJ 633 for all rows;
    without it each hour's civil day decides.
    Columns: `station`, `observed_at`, `aqi` (Int64, NA where none is published), `primary` (codes joined by "+"),
    `standard`, `coverage` (valid / expected indicators of the variant [1]), `iaqi_<pollutant>` (Int64); sorted by
    station and time. Raises UnknownStandardError.
    """
    frame = hourly(hours, zone)
    statistics = _Statistics(frame)
    parts = []
    for rules, rows in by_rules(*civil_days(ends(frame), zone), standard):
        chosen = rules.index.variant("realtime", variant)
        under = _StationHours(statistics, rules, rows)
        part = index_columns(rules.index, chosen, under, len(rows)).drop(columns="exceeding").set_index(rows)
        part.insert(2, "standard", rules.index.name)
        part.insert(3, "coverage", part.pop("valid") / len(chosen.indicators))
        parts.append(part)
    return pd.concat([frame[["station", "observed_at"]], pd.concat(parts).sort_index()], axis=1)


def city_realtime(
    hours: pd.DataFrame,
    assessment: Collection[str] | None,
    zone: tzinfo,
    variant: str = PRACTICE,
    standard: str | None = None,
) -> pd.DataFrame:
    """The index of the city in each hour: mean of the stations' concentrations, then rounding, IAQI, and the greatest.

    `assessment` are the ids of the assessment stations, None for all in the frame. A pollutant counts with enough of
    them (HJ 663: 75 %, 50 % where there are fewer than 4).
    Columns as `realtime` without `station`; `coverage` is valid / expected indicators of all stations.
    """
    frame = hourly(hours if assessment is None else hours[hours["station"].isin(list(assessment))], zone)
    statistics = _Statistics(frame)
    expected = frame["station"].nunique() if assessment is None else len(set(assessment))
    at, hour = np.unique(ends(frame), return_inverse=True)
    parts = []
    for rules, rows in by_rules(*civil_days(at, zone), standard):
        chosen = rules.index.variant("realtime", variant)
        under = _CityHours(statistics, rules, rows, hour, expected)
        part = index_columns(rules.index, chosen, under, len(rows)).drop(columns=["exceeding", "valid"]).set_index(rows)
        valid = sum(under.stations(indicator.pollutant, indicator.statistic) for indicator in chosen.indicators)
        part.insert(2, "standard", rules.index.name)
        part.insert(3, "coverage", valid / max(expected * len(chosen.indicators), 1))
        parts.append(part)
    observed_at = pd.DataFrame({"observed_at": pd.DatetimeIndex(at.astype("datetime64[ms]"), tz="UTC")})
    return pd.concat([observed_at, pd.concat(parts).sort_index()], axis=1)


def city_statistic(
    hours: pd.DataFrame, assessment: Collection[str], zone: tzinfo, pollutant: str, statistic: Statistic
) -> dict[int, Fraction]:
    """The city's mean of one statistic (`1h`, `8h_running`, `24h_running`) by the end of the hour [ms], exact [µg/m³, CO mg/m³],
    where enough of the assessment stations have it (HJ 663)."""
    frame = hourly(hours[hours["station"].isin(list(assessment))], zone)
    statistics = _Statistics(frame)
    at, hour = np.unique(ends(frame), return_inverse=True)
    found: dict[int, Fraction] = {}
    for rules, rows in by_rules(*civil_days(at, zone), None):
        values = _CityHours(statistics, rules, rows, hour, len(set(assessment)))(pollutant, statistic).fractions()
        found |= {int(at[row]): value for row, value in zip(rows, values, strict=True) if value is not None}
    return dict(sorted(found.items()))


class _Statistics:
    """1-hour values and running sums of sorted hourly rows; a running sum is made when it is first asked for."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame
        self._stations = pd.factorize(frame["station"])[0].astype(np.int64)
        self._columns: dict[str, Column] = {}
        self._running: dict[tuple[str, int], tuple[Integers, Integers]] = {}

    def column(self, pollutant: str) -> Column:
        if pollutant not in self._columns:
            self._columns[pollutant] = column(self._frame, pollutant)
        return self._columns[pollutant]

    def of(self, pollutant: str, statistic: Statistic, rules: AirRules) -> Ratios:
        """The statistic of each row, valid by the rules."""
        values = self.column(pollutant)
        if statistic == "1h":
            return Ratios(values.n, np.where(values.there, values.power, 0))
        hours, needed = {
            "8h_running": (8, rules.limits.validity.running_8h_hours),
            "24h_running": (24, rules.limits.validity.daily_hours),
        }[statistic]
        if (pollutant, hours) not in self._running:
            first = running(self._stations, ends(self._frame), hours)
            sums = window_sums(values.n, first), window_sums(values.there.astype(np.int64), first)
            self._running[pollutant, hours] = sums
        total, valid = self._running[pollutant, hours]
        return Ratios(total, np.where(valid >= needed, valid * values.power, 0))


class _StationHours:
    """A statistic of some rows under their rules."""

    def __init__(self, statistics: _Statistics, rules: AirRules, rows: npt.NDArray[np.intp]) -> None:
        self._statistics, self._rules, self._rows = statistics, rules, rows

    def __call__(self, pollutant: str, statistic: Statistic) -> Ratios:
        return self._statistics.of(pollutant, statistic, self._rules).rows(self._rows)


class _CityHours:
    """The city's statistic in some hours under their rules: mean of the stations', where they are enough."""

    def __init__(
        self,
        statistics: _Statistics,
        rules: AirRules,
        hours: npt.NDArray[np.intp],
        hour_of_row: npt.NDArray[np.intp],
        expected: int,
    ) -> None:
        self._statistics, self._rules, self._expected = statistics, rules, expected
        place = np.full(int(hour_of_row.max(initial=-1)) + 1, -1)
        place[hours] = np.arange(len(hours))
        self._rows = np.flatnonzero(place[hour_of_row] >= 0)
        self._group, self._count = place[hour_of_row][self._rows], len(hours)

    def _mean(self, pollutant: str, statistic: Statistic) -> tuple[Ratios, npt.NDArray[np.int64]]:
        of_stations = self._statistics.of(pollutant, statistic, self._rules).rows(self._rows)
        return mean_by(of_stations, self._group, self._count)

    def __call__(self, pollutant: str, statistic: Statistic) -> Ratios:
        mean, valid = self._mean(pollutant, statistic)
        enough = self._rules.assessment.stations.enough
        return mean.where(np.array([enough(count, self._expected) for count in valid.tolist()], dtype=np.bool_))

    def stations(self, pollutant: str, statistic: Statistic) -> npt.NDArray[np.int64]:
        """How many stations have the statistic, in each hour."""
        return self._mean(pollutant, statistic)[1]
