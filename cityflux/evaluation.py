"""Evaluation: a file of readings straight to a table of indices, by the same contract and the same indicator code."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pandas as pd

from cityflux.replay import Tally, rows
from processors.indicators.air_daily import city_days, station_days
from processors.indicators.air_realtime import city_realtime, realtime
from processors.scopes import CITY
from processors.windows import day_bounds
from sensors.families import CONTRACTS
from sensors.instants import FOREVER, iso
from sensors.profiles import ReplayProfile
from sensors.refusals import Refused

_HOURLY = {
    "station": "station",
    "at": "at",
    "aqi": "aqi",
    "primary": "primary",
    "standard": "standard",
    "coverage": "coverage",
}
_DAILY = {**_HOURLY, "day": "day", "state": "state", "why_text": "why"}
_COVERAGE_DECIMALS = 4


class Question(NamedTuple):
    """What is asked of a file. `assessment` are the stations that count for the city (None: all in the file);
    `standard` an edition for every hour (None: by date); `variant` of the real-time or, with `daily`, the daily index."""

    daily: bool
    city: bool
    assessment: tuple[str, ...] | None
    standard: str | None
    variant: str


def evaluate(file: Path, profile: ReplayProfile, tally: Tally, asked: Question, zone: ZoneInfo) -> pd.DataFrame:
    """The indices of a file, one row per station (or the city) and hour (or day), columns as they are written.

    What is refused is in `tally`. Raises ProfileError, UnknownStandardError.
    """
    contract = CONTRACTS[profile.family]
    frame = pd.DataFrame(readings_of(file, profile, tally), columns=["station", "observed_at", *contract.quantities])
    frame["observed_at"] = pd.to_datetime(frame["observed_at"], unit="ms", utc=True)
    frame = frame.drop_duplicates(["station", "observed_at"], keep="last")  # as in the store, the later row wins
    return _days(frame, asked, zone) if asked.daily else _hours(frame, asked, zone)


def write(path: Path, judged: pd.DataFrame) -> None:
    """The table as CSV, UTF-8; what is missing is an empty cell. Raises OSError."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(judged.columns)
        for row in judged.itertuples(index=False, name=None):
            writer.writerow("" if pd.isna(cell) else cell for cell in row)


def readings_of(file: Path, profile: ReplayProfile, tally: Tally) -> Iterator[dict[str, Any]]:
    """The good values of each row, by the family's contract, and under `doubtful` the others; what it refuses is in the tally."""
    contract = CONTRACTS[profile.family]
    for row in rows(file, profile, tally):
        try:
            record = contract.judge(row.record, row.address.station, received_at=FOREVER, horizon_ms=2 * FOREVER)
        except Refused as error:
            tally.refused_rows += 1
            tally.note([error.refusal])
            continue
        tally.refused_cells += len(record.refusals)
        tally.note(record.refusals)
        yield {"station": row.address.station, "observed_at": record.observed_at, **record.values,
               "doubtful": record.doubtful}  # fmt: skip


def _hours(frame: pd.DataFrame, asked: Question, zone: ZoneInfo) -> pd.DataFrame:
    if asked.city:
        judged = city_realtime(frame, asked.assessment, zone, asked.variant, asked.standard).assign(station=CITY)
    else:
        judged = realtime(frame, zone, asked.variant, asked.standard)
    judged["at"] = [moment.isoformat() for moment in judged["observed_at"].dt.tz_convert(zone)]
    return _columns(judged, _HOURLY)


def _days(frame: pd.DataFrame, asked: Question, zone: ZoneInfo) -> pd.DataFrame:
    judged = station_days(frame, zone, asked.standard, asked.variant)
    if asked.city:
        judged = city_days(judged, asked.assessment, zone, asked.standard, asked.variant).assign(station=CITY)
    judged["at"] = [iso(day_bounds(day, zone)[1], zone) for day in judged["day"]]
    return _columns(judged, _DAILY)


def _columns(judged: pd.DataFrame, names: dict[str, str]) -> pd.DataFrame:
    return judged[list(names)].rename(columns=names).round({"coverage": _COVERAGE_DECIMALS})
