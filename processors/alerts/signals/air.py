"""Of air: the real-time index, running means of the city, and its days of any continuous 24 hours.

    station AQI, city AQI   real-time AQI of the hour [1]
    PM2.5, 24 h             the city's running 24-hour mean [µg/m³]
    ozone, 8 h              the city's running 8-hour mean [µg/m³]
    day windows             the city's daily AQI, PM2.5 and MDA8 of any 24 hours, one window an hour, across midnight too

A window is judged by the edition of the civil day in which it begins. What counts is what counts for indicators: active stations,
without what people have withheld.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta, timezone
from fractions import Fraction
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pandas as pd

from processors.air.days import counting_hours, runs
from processors.alerts.levels import Values
from processors.alerts.rules import VALUE
from processors.alerts.signals.look import Look, Signal
from processors.indicators.air_daily import city_days, station_days
from processors.indicators.air_realtime import PRACTICE, city_realtime, city_statistic, realtime
from processors.indicators.exact import exact
from processors.scopes import CITY
from processors.standards.tables import Statistic
from processors.windows import civil_day, day_bounds, days_between
from sensors.instants import DAY_MS, HOUR_MS, to_datetime
from sensors.reading import Period

_DAY_HOURS = 24
_HOURLY: tuple[Period, ...] = ("hour",)


class _Part(NamedTuple):
    """The hours of the city under one list of assessment stations, and the instants (start, end] [ms] that it is for."""

    assessment: tuple[str, ...]
    hours: pd.DataFrame
    start: int
    end: int


def _station_aqi(look: Look) -> Mapping[str, Values]:
    hours = counting_hours(look.store, look.registry, look.start, look.end, look.intervals, look.subjects)
    found: dict[str, dict[int, Mapping[str, Fraction]]] = {}
    frame = realtime(hours, look.zone, PRACTICE)
    for station, at, aqi in zip(frame["station"], _ends(frame), frame["aqi"], strict=True):
        found.setdefault(str(station), {})[at] = {} if pd.isna(aqi) else {VALUE: Fraction(int(aqi))}
    return dict(found)


def _city_aqi(part: _Part, zone: ZoneInfo) -> Values:
    frame = city_realtime(part.hours, part.assessment, zone, PRACTICE)
    return {
        at: {} if pd.isna(aqi) else {VALUE: Fraction(int(aqi))}
        for at, aqi in zip(_ends(frame), frame["aqi"], strict=True)
    }


def _running(pollutant: str, statistic: Statistic) -> "_OfPart":
    def of_part(part: _Part, zone: ZoneInfo) -> Values:
        known = city_statistic(part.hours, part.assessment, zone, pollutant, statistic)
        return {at: {VALUE: known[at]} if at in known else {} for at in sorted(set(_ends(part.hours)))}

    return of_part


def _windows_of(part: _Part, zone: ZoneInfo) -> Values:
    found: dict[int, Mapping[str, Fraction]] = {}
    local = zone.utcoffset(to_datetime(part.end, zone)) or timedelta()
    for hour in range(_DAY_HOURS):
        # A zone whose midnight is that hour of ours: its civil days are the windows.
        shifted = timezone(local - timedelta(hours=hour))
        days = city_days(station_days(part.hours, shifted), part.assessment, shifted)
        for row in days.to_dict("records"):
            named = {"aqi": row["aqi"], "pm2_5": row["pm2_5"], "mda8": row["o3"]}
            found[day_bounds(row["day"], shifted)[1]] = {
                code: exact(float(value)) for code, value in named.items() if not pd.isna(value)
            }
    return found


def _of_city(make: "_OfPart") -> Callable[[Look], Mapping[str, Values]]:
    """The city's values, under the list of assessment stations of each day; windows in which nothing came are not there."""

    def made(look: Look) -> dict[str, Values]:
        hours = counting_hours(look.store, look.registry, look.start, look.end, look.intervals)
        if hours.empty:
            return {}
        at = hours["observed_at"].astype("datetime64[ms, UTC]").astype("int64")
        days = days_between(civil_day(int(at.min()), look.zone), civil_day(int(at.max()), look.zone))
        found: dict[int, Mapping[str, Fraction]] = {}
        for assessment, run in runs(look.registry, days, CITY, look.zone):
            start, end = day_bounds(run[0], look.zone)[0], day_bounds(run[-1], look.zone)[1]
            own = hours[hours["station"].isin(assessment) & (at <= end)]
            if not own.empty:
                values = make(_Part(assessment, own, start, end), look.zone)
                found |= {instant: value for instant, value in values.items() if start < instant <= end}
        return {CITY: dict(sorted(found.items()))}

    return made


def _ends(frame: pd.DataFrame) -> list[int]:
    return [int(at) for at in frame["observed_at"].astype("datetime64[ms, UTC]").astype("int64")]


_OfPart = Callable[[_Part, ZoneInfo], Values]

STATION_AQI = Signal("air", _HOURLY, _station_aqi, 0, HOUR_MS, {VALUE: "1"})
CITY_AQI = Signal("air", _HOURLY, _of_city(_city_aqi), 0, HOUR_MS, {VALUE: "1"})
PM2_5_24H = Signal("air", _HOURLY, _of_city(_running("pm2_5", "24h_running")), 23, HOUR_MS, {VALUE: "µg/m³"})
O3_8H = Signal("air", _HOURLY, _of_city(_running("o3", "8h_running")), 7, HOUR_MS, {VALUE: "µg/m³"})
DAY_WINDOWS = Signal("air", _HOURLY, _of_city(_windows_of), 23, DAY_MS, {"aqi": "1", "pm2_5": "µg/m³", "mda8": "µg/m³"})
