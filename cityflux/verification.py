"""Verification: a file's published indices and daily values against ours, every disagreement with its cause.

A cause is named only where it is shown: that the published index follows from a value within what a floor hides, that hours which
the published mean had are not in the file, that the difference is within what the file's own rounding can do. What is left is
"unexplained".
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pandas as pd

from cityflux.replay import Tally, rows_and_published
from processors.indicators.air_daily import station_days
from processors.indicators.air_index import iaqi
from processors.indicators.air_realtime import realtime
from processors.standards.tables import POLLUTANTS, air_rules
from processors.windows import civil_day, day_bounds
from sensors.instants import HOUR_MS, iso, to_datetime
from sensors.profiles import Published, ReplayProfile
from sensors.quantities import OF_FAMILY

INDEX = "real-time AQI"
UNEXPLAINED = "unexplained"


class Disagreement(NamedTuple):
    """One published value that ours is not. `at` is the end of the hour or the day."""

    what: str
    station: str
    at: str
    published: float
    ours: float | None
    cause: str


class Compared(NamedTuple):
    """One kind of value: how many were published and could be compared, how many are equal, which not."""

    what: str
    published: int
    equal: int
    disagreements: list[Disagreement]

    @property
    def share(self) -> float:
        """Of the values compared, those that are equal [1]; 1 where nothing was."""
        return self.equal / self.published if self.published else 1.0

    @property
    def causes(self) -> list[tuple[str, int]]:
        """How many disagreements each cause has, the most first."""
        return Counter(re.split("[:,]", one.cause)[0] for one in self.disagreements).most_common()


def verify(file: Path, profile: ReplayProfile, tally: Tally, zone: ZoneInfo) -> list[Compared]:
    """Compare a file of the profile: the real-time index of each station hour, and the daily values of each station day.

    Raises ProfileError.
    """
    readings, shown = [], []
    for row, published in rows_and_published(file, profile, tally):
        key = {"station": row.address.station, "observed_at": row.record["at"]}
        readings.append({**key, **row.record["values"]})
        shown.append({**key, **published})
    if not readings or profile.published is None:
        return []
    frame = pd.DataFrame(readings).reindex(columns=["station", "observed_at", *POLLUTANTS])
    frame["observed_at"] = pd.to_datetime(frame["observed_at"], unit="ms", utc=True)
    frame = frame.drop_duplicates(["station", "observed_at"], keep="last")
    of_hours = {(row["station"], row["observed_at"]): row for row in shown}
    return [
        _hours(frame, of_hours, profile.published, zone),
        *_days(frame, of_hours, profile.published, zone),
    ]


_Shown = dict[tuple[str, int], dict[str, Any]]


def _hours(frame: pd.DataFrame, shown: _Shown, published: Published, zone: ZoneInfo) -> Compared:
    values = {(row["station"], _ms(row["observed_at"])): row for row in frame.to_dict("records")}
    count = 0
    found: list[Disagreement] = []
    for row in realtime(frame, zone).to_dict("records"):
        key = str(row["station"]), _ms(row["observed_at"])
        index = shown[key].get("index")
        if index is None:
            continue
        count += 1
        ours = None if pd.isna(row["aqi"]) else int(row["aqi"])
        if ours != index:
            cause = _hour_cause(values[key], index, ours, key[1], published, zone)
            found.append(Disagreement(INDEX, key[0], iso(key[1], zone), index, ours, cause))
    return Compared(INDEX, count, count - len(found), found)


def _ms(moment: Any) -> int:
    return int(moment.value // 1_000_000)


def _hour_cause(
    values: Mapping[Any, Any], index: float, ours: int | None, at: int, published: Published, zone: ZoneInfo
) -> str:
    if ours is None:
        return "no value of any pollutant in the file"
    edition = air_rules(civil_day(at, zone)).index
    for code, floor in published.floors.items():
        # With the real value anywhere below the floor, the index is the published one.
        if values.get(code) == floor.shown and max(ours, 0) <= index <= (
            iaqi(edition, f"{code}_24h", floor.below) or 0
        ):
            return f"{code} published as {floor.shown:g} for all below {floor.below:g}: the index is of the real value"
    return UNEXPLAINED


def _days(frame: pd.DataFrame, shown: _Shown, published: Published, zone: ZoneInfo) -> Iterator[Compared]:
    days = {(row["station"], row["day"]): row for row in station_days(frame, zone).to_dict("records")}
    for code in published.daily:
        decimals = published.decimals.get(code, 0)
        floored = _floored(frame, published, code, zone)
        count = 0
        found: list[Disagreement] = []
        for (station, at), row in shown.items():
            value = row.get(code)
            if value is None or to_datetime(at, zone).hour != 0:
                continue
            day = civil_day(at, zone)
            judged: Mapping[Any, Any] = days.get((station, day), {})
            ours = None if pd.isna(judged.get(code)) else float(judged[code])
            count += 1
            if ours is None or round(ours, decimals) != round(value, decimals):
                start, end = day_bounds(day, zone)
                length = (end - start) // HOUR_MS
                cause = _day_cause(code, judged, value, ours, published, floored[station, day], length)
                found.append(Disagreement(_what(code), station, iso(at, zone), value, ours, cause))
        yield Compared(_what(code), count, count - len(found), found)


def _floored(frame: pd.DataFrame, published: Published, code: str, zone: ZoneInfo) -> Counter[tuple[str, date]]:
    """How many hours of each station day have the value that a floor shows."""
    floor = published.floors.get(code)
    if floor is None:
        return Counter()
    at_floor = frame[frame[code] == floor.shown]
    return Counter(
        (str(station), civil_day(_ms(at), zone))
        for station, at in zip(at_floor["station"], at_floor["observed_at"], strict=True)
    )


def _day_cause(
    code: str,
    judged: Mapping[Any, Any],
    value: float,
    ours: float | None,
    published: Published,
    floored: int,
    length: int,
) -> str:
    decimals = published.decimals.get(code, 0)
    hours = int(judged.get(f"hours_{code}", 0))
    half = 0.5 * 10**-decimals
    if hours < length:
        text = f"hours missing in the file: {hours} of {length} are there"
        exact = judged.get(f"{code}_exact")
        if code == "o3" or exact is None:
            return text
        # What they would have to average, for the published mean to be that of all hours.
        lacking = (length * value - hours * float(exact)) / (length - hours)
        slack = (length * half + hours * half) / (length - hours)
        of = OF_FAMILY["air"][code]
        if not of.low - slack <= lacking <= of.high:
            return UNEXPLAINED
        return f"{text}, the others would average {max(lacking, 0):.3g} {of.unit}"
    floor = published.floors.get(code)
    if floor is not None and floored and ours is not None:
        most = floored * max(floor.shown, floor.below - floor.shown) / length
        if abs(ours - value) > most + 2 * half:
            return UNEXPLAINED
        return f"published floor: {floored} hours are shown with it, the mean is of the real values"
    if ours is not None and abs(ours - value) <= 2.001 * half:
        return "rounding of the hours in the file: one unit of the last decimal"
    return UNEXPLAINED


def _what(code: str) -> str:
    return f"daily {'MDA8' if code == 'o3' else 'mean'} of {code}"
