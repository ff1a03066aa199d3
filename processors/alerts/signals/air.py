"""Of air: the real-time index, running means of the city, and its days of any continuous 24 hours.

    station AQI, city AQI   real-time AQI of the hour [1]
    PM2.5, 24 h             the city's running 24-hour mean [µg/m³]
    ozone, 8 h              the city's running 8-hour mean [µg/m³]
    day windows             the city's daily AQI, PM2.5 and MDA8 of any 24 hours whose last hour came, across midnight too

A window is judged by the edition of the civil day in which it begins. What counts is what counts for indicators: active stations,
without what people have withheld. An index is that of the pollutants that are there; where one is missing that the place had
within two weeks before, it may be too low: then only what it exceeds is known, and nothing is taken for clean.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from fractions import Fraction
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from processors.air.days import counting_hours, runs
from processors.alerts.signals.look import Extremes, Look, Signal
from processors.alerts.signals.subjects import STATION, THE_CITY
from processors.alerts.values import AT_LEAST, VALUE, Known, Shown, Values
from processors.indicators.air_daily import city_days, station_days
from processors.indicators.air_realtime import PRACTICE, city_realtime, city_statistic, realtime
from processors.indicators.exact import exact
from processors.scopes import CITY
from processors.standards.tables import Statistic
from processors.windows import civil_day, day_bounds, days_between
from sensors.instants import DAY_MS, HOUR_MS
from sensors.reading import Period

# Chosen: a pollutant that is not measured for two weeks is none of the place's any more.
_HAD_H = 14 * 24
_HAD_MS = _HAD_H * HOUR_MS
_HOURLY: tuple[Period, ...] = ("hour",)

_AT_HOUR = "+"
"""Between a station's name and the hour at which its windows begin; no station id has it."""


class _Part(NamedTuple):
    """The hours of the city under one list of assessment stations, and the instants (start, end] [ms] that it is for; values are
    asked for points `after` an instant [ms] (`Look.after`)."""

    assessment: tuple[str, ...]
    hours: pd.DataFrame
    start: int
    end: int
    after: int | None


def _station_aqi(look: Look) -> Mapping[str, Values]:
    hours = counting_hours(look.store, look.registry, look.start, look.end, look.intervals, look.subjects)
    if hours.empty:
        return {}
    frame = realtime(hours, look.zone, PRACTICE)
    return {str(station): _indices(of) for station, of in frame.groupby("station", sort=False)}


def _city_aqi(part: _Part, zone: ZoneInfo) -> Values:
    return _indices(city_realtime(part.hours, part.assessment, zone, PRACTICE))


def _aqi_extremes(look: Look) -> Extremes:
    """Of each station the least and the greatest index, whichever pollutants it is of."""
    hours = counting_hours(look.store, look.registry, look.start, look.end, look.intervals, look.subjects)
    if hours.empty:
        return Extremes([], dict.fromkeys(_AQI, np.empty(0)), dict.fromkeys(_AQI, np.empty(0)), lambda *_: {})
    indices = realtime(hours, look.zone, PRACTICE).groupby("station", sort=False)["aqi"].agg(["min", "max"])
    least, greatest = (indices[name].to_numpy(np.float64, na_value=np.nan) for name in ("min", "max"))
    start = look.start - _HAD_MS

    def values(subjects: Collection[str], _: Collection[str]) -> Mapping[str, Values]:
        return _station_aqi(look._replace(start=start, subjects=subjects))

    names = [str(name) for name in indices.index]
    return Extremes(names, dict.fromkeys(_AQI, least), dict.fromkeys(_AQI, greatest), values)


def _indices(frame: pd.DataFrame) -> dict[int, Mapping[str, Fraction]]:
    """The index of each hour of a place where all pollutants that the place has are there; else only that it is at least so
    much."""
    at = np.array(_ends(frame), dtype=np.int64)
    there = frame[[name for name in frame.columns if name.startswith("iaqi_")]].notna().to_numpy()
    last = np.maximum.accumulate(np.where(there, at[:, None], at.min(initial=0) - _HAD_MS - 1), axis=0)
    whole = np.all(there | (at[:, None] - last > _HAD_MS), axis=1).tolist()
    return {
        end: {} if pd.isna(aqi) else {VALUE if is_whole else AT_LEAST: Fraction(int(aqi))}
        for end, aqi, is_whole in zip(at.tolist(), frame["aqi"], whole, strict=True)
    }


def _running(pollutant: str, statistic: Statistic) -> "_OfPart":
    def of_part(part: _Part, zone: ZoneInfo) -> Values:
        known = city_statistic(part.hours, part.assessment, zone, pollutant, statistic)
        return {at: {VALUE: known[at]} if at in known else {} for at in sorted(set(_ends(part.hours)))}

    return of_part


def _windows_of(part: _Part, zone: ZoneInfo) -> Values:
    came = set(_ends(part.hours))
    # Windows that a point looks back at end at its hour of the day.
    asked = {_hour_of_day(end, zone) for end in came if part.after is None or end > part.after}
    if not asked:
        return {}
    # Moved back by so many hours the windows that begin at that hour are civil days. All of them are made days at once.
    moved = [
        part.hours.assign(
            observed_at=part.hours["observed_at"] - pd.Timedelta(hours=hour),
            station=part.hours["station"] + f"{_AT_HOUR}{hour}",
        )
        for hour in sorted(asked)
    ]
    days = station_days(pd.concat(moved, ignore_index=True), zone)
    names = days["station"].str.split(_AT_HOUR, n=1)
    days = days.assign(station=names.str[0], begins=names.str[1].astype(int))
    of_city = city_days(days, part.assessment, zone)
    found: dict[int, Mapping[str, Fraction]] = {}
    for day, hour, *values in of_city[["day", "begins", "aqi", "pm2_5", "o3"]].itertuples(index=False, name=None):
        end = day_bounds(day, zone)[1] + hour * HOUR_MS
        # A day that is not over yet is none: its last hour has come.
        if end in came:
            named = zip(_DAYS, values, strict=True)
            found[end] = {code: exact(float(value)) for code, value in named if not pd.isna(value)}
    return found


def _of_city(make: "_OfPart") -> Callable[[Look], Mapping[str, Values]]:
    """The city's values, under the list of assessment stations of each day; windows in which nothing came are not there."""

    def made(look: Look) -> dict[str, Values]:
        hours = counting_hours(look.store, look.registry, look.start, look.end, look.intervals)
        if hours.empty:
            return {}
        at = hours["observed_at"].astype("datetime64[ms, UTC]").astype("int64")
        days = days_between(civil_day(int(at.min()), look.zone), civil_day(int(at.max()), look.zone))
        found: dict[int, Mapping[str, Known]] = {}
        for assessment, run in runs(look.registry, days, CITY, look.zone):
            start, end = day_bounds(run[0], look.zone)[0], day_bounds(run[-1], look.zone)[1]
            own = hours[hours["station"].isin(assessment) & (at <= end)]
            if not own.empty:
                values = make(_Part(assessment, own, start, end, look.after), look.zone)
                found |= {instant: value for instant, value in values.items() if start < instant <= end}
        return {CITY: dict(sorted(found.items()))}

    return made


def _hour_of_day(at: int, zone: ZoneInfo) -> int:
    return datetime.fromtimestamp(at / 1000, zone).hour


def _ends(frame: pd.DataFrame) -> list[int]:
    return [int(at) for at in frame["observed_at"].astype("datetime64[ms, UTC]").astype("int64")]


_OfPart = Callable[[_Part, ZoneInfo], Values]

_AQI = {
    VALUE: Shown("实时空气质量指数", "real-time AQI"),
    AT_LEAST: Shown("实时空气质量指数至少", "real-time AQI, at least"),
}
_DAYS = {
    "aqi": Shown("空气质量指数", "AQI"),
    "pm2_5": Shown("PM2.5 均值", "PM2.5", "µg/m³"),
    "mda8": Shown("臭氧日最大八小时均值", "ozone MDA8", "µg/m³"),
}

SIGNALS: Mapping[str, Signal] = {
    "air_aqi_of_station": Signal(STATION, _AQI, "air", _HOURLY, _station_aqi, _HAD_H, HOUR_MS, _aqi_extremes),
    "air_aqi_of_city": Signal(THE_CITY, _AQI, "air", _HOURLY, _of_city(_city_aqi), _HAD_H, HOUR_MS),
    "air_pm2_5_24h": Signal(
        THE_CITY, {VALUE: Shown("PM2.5 二十四小时均值", "PM2.5, 24-hour mean", "µg/m³")}, "air", _HOURLY,
        _of_city(_running("pm2_5", "24h_running")), 23, HOUR_MS,
    ),
    "air_o3_8h": Signal(
        THE_CITY, {VALUE: Shown("臭氧八小时滑动均值", "ozone, 8-hour mean", "µg/m³")}, "air", _HOURLY,
        _of_city(_running("o3", "8h_running")), 7, HOUR_MS,
    ),
    "air_day_windows": Signal(THE_CITY, _DAYS, "air", _HOURLY, _of_city(_windows_of), 23, DAY_MS),
}  # fmt: skip
