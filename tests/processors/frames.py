"""Hourly frames for tests: a station's day from a row of values, in the shape that the readings port gives."""

from collections.abc import Mapping, Sequence
from datetime import date, tzinfo
from zoneinfo import ZoneInfo

import pandas as pd

from processors.standards.tables import POLLUTANTS
from processors.windows import hours_of_day

BEIJING = ZoneInfo("Asia/Shanghai")
OLD_DAY = date(2026, 2, 27)
NEW_DAY = date(2026, 3, 5)
CLEAN: Mapping[str, float] = {"pm2_5": 20.0, "pm10": 30.0, "so2": 5.0, "no2": 20.0, "co": 0.5, "o3": 60.0}
"""Concentrations whose IAQI are all below 50."""

Values = float | Sequence[float | None] | None


def station_hours(
    station: str = "a",
    day: date = NEW_DAY,
    zone: tzinfo = BEIJING,
    hours: int | None = None,
    values: Mapping[str, Values] | None = None,
    **named: Values,
) -> pd.DataFrame:
    """The hours of a day (the first `hours` of them), `CLEAN` but for `values` and what is `named`: a number for all
    hours, one per hour, or None for none at all."""
    given = {**CLEAN, **(values or {}), **named}
    ends = list(hours_of_day(day, zone))[:hours]
    frame = pd.DataFrame({"station": station, "observed_at": pd.to_datetime(ends, unit="ms", utc=True)})
    frame["observed_at"] = frame["observed_at"].astype("datetime64[ms, UTC]")
    for code in POLLUTANTS:
        value = given[code]
        numbers = [value] * len(ends) if value is None or isinstance(value, (int, float)) else list(value)
        frame[code] = pd.Series(numbers, dtype="float64")
    return frame


def gap(valid: int, value: float, hours: int = 24) -> list[float | None]:
    """`valid` hours of `value`, then none."""
    return [value] * valid + [None] * (hours - valid)


def together(*frames: pd.DataFrame) -> pd.DataFrame:
    """Frames under each other."""
    return pd.concat(frames, ignore_index=True)
