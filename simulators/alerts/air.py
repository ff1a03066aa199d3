"""Air of which the index is known: plateaus well inside the classes of HJ 633, 2012 and 2026 alike, and what is told of them."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from random import Random
from typing import NamedTuple

from sensors.instants import HOUR_MS, to_millis
from simulators.alerts.sending import Row
from simulators.alerts.story import Incident, What, incident
from simulators.city import ZONE

STATION_AQI, CITY_AQI, PM_DAY, OZONE = "air_aqi_station", "air_aqi_city", "air_pm2_5_day", "air_o3_8h"
CHONGQING, NATIONAL = "air_heavy_chongqing", "air_heavy_national"

HOURS_OF: Mapping[str, tuple[int, int]] = {
    STATION_AQI: (1, 2), CITY_AQI: (1, 2), PM_DAY: (0, 6), OZONE: (0, 3), CHONGQING: (0, 36), NATIONAL: (0, 36),
}  # fmt: skip
"""What the truth takes the rules' dwell and clear times for [h]; a test holds it to the rules."""

LEVELS: Sequence[tuple[int, int]] = ((12, 30), (86, 104), (121, 139), (172, 234), (272, 380))
"""PM2.5 of an hour [µg/m³] that is of no level, and of levels 1 to 4, of the real-time index in both editions of HJ 633."""


class Plateau(NamedTuple):
    """From hour `first` on (hour n ends n hours after the story's midnight) the index is of a level."""

    first: int
    level: int


def first_day(rng: Random, day: date | None = None) -> date:
    """`day`, or where there is none a Monday under HJ 633-2012 or HJ 633-2026."""
    drawn = rng.choice([date(2026, 1, 5), date(2026, 9, 7)]) + timedelta(days=7 * rng.randrange(4))
    return day or drawn


def midnight(day: date) -> int:
    """Its beginning [ms]."""
    return to_millis(datetime.combine(day, time(), ZONE))


def air(pm2_5: float, **others: float) -> dict[str, float]:
    """Six pollutants of an hour of which only PM2.5 and the `others` are remarkable."""
    quiet = {"pm10": pm2_5 + 15, "so2": 6.0, "no2": 25.0, "co": 0.6, "o3": 60.0}
    return {"pm2_5": round(pm2_5, 1), **quiet, "pm10": round(pm2_5 + 15, 1), **others}


def index_incident(rule: str, subject: str, start: int, plateaus: Sequence[Plateau]) -> Incident:
    """The incident of plateaus of four hours or more, the last of no level: told an hour after a rise, two hours after a fall."""
    states: list[tuple[int, What, int]] = []
    level = 0
    for hour, of in plateaus:
        if of > level:
            states.append((start + (hour + 1) * HOUR_MS, "raised" if level else "opened", of))
        elif of:
            states.append((start + (hour + 2) * HOUR_MS, "lowered", of))
        else:
            states.append((start + hour * HOUR_MS, "recovering", level))
            states.append((start + (hour + 2) * HOUR_MS, "resolved", level))
        level = of
    return incident(rule, subject, start + plateaus[0].first * HOUR_MS, *states)


def inside(plateaus: Sequence[Plateau], end: int) -> list[int]:
    """The hours in which a plateau has lasted and goes on: whether one of them is there decides nothing."""
    edges = [2, *(one.first for one in plateaus), end + 1]
    return [hour for since, until in pairwise(edges) for hour in range(since + 4, until - 2)]


def with_gaps(rng: Random, rows: Sequence[Row], hours: Sequence[int], start: int) -> list[Row]:
    """The same with some of these hours missing, in calibration or late: one station at a time, so that the city has enough."""
    names = sorted({row.station for row in rows})
    gaps = {
        (rng.choice(names), start + hour * HOUR_MS): rng.choice(["missing", "calibration", "late"])
        for hour in _apart(rng, hours)
    }
    found = []
    for row in rows:
        what = gaps.get((row.station, row.at))
        if what == "calibration":
            found.append(row._replace(status={"pm2_5": "calibration"}))
        elif what == "late":
            found.append(row._replace(late_h=rng.randint(1, 3)))
        elif what is None:
            found.append(row)
    return found


def _apart(rng: Random, hours: Sequence[int]) -> list[int]:
    """Up to four of them, no two within six hours."""
    found: list[int] = []
    for hour in rng.sample(hours, len(hours)):
        if len(found) < 4 and all(abs(hour - other) > 6 for other in found):
            found.append(hour)
    return found
