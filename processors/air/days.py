"""Air, from readings to daily judgements: what the runner saves for a run of civil days.

Hourly indices go back into the readings store as a derived series; daily ones become judgements of stations, of each district
that has an assessment station, and of the city. What longer periods make of the days is in `statistics.py` and `year.py`.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import groupby
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from processors.air.events import covering, effect
from processors.computation import CODE_VERSION, Block
from processors.indicators.air_daily import city_days, station_days
from processors.indicators.air_realtime import city_realtime, realtime
from processors.scopes import CITY, DISTRICT, STATION
from processors.standards.tables import INDEXES, POLLUTANTS, index_named
from processors.windows import day_bounds
from processors.withheld import withheld
from sensors.instants import HOUR_MS
from sensors.quantities import OF_FAMILY
from sensors.reading import Doubt, Reading
from sensors.stations import Registry, Station
from store.events import Event
from store.intervals import Interval
from store.judgements import Judgement, Key
from store.port import ReadingsStore

DAILY_AQI = "air_daily_aqi"
"""Code of the daily indicator; its scopes are `city`, `district:<id>` and `station:<id>`."""

CITY_STATION = "@city"
"""Under this name the city's hours stand beside the stations' in the derived series; no station id can be it."""

_HOURS_OF = {"8h_running": 8, "24h_running": 24}

STATUS: Mapping[str, str] = MappingProxyType({"good": "met", "polluted": "missed", "not_assessable": "not assessable"})
"""The status of a day's judgement, by its state."""

_INDEX = OF_FAMILY["air-index"]


def compute_block(
    store: ReadingsStore,
    registry: Registry,
    days: Sequence[date],
    zone: ZoneInfo,
    *,
    variant: str,
    hours: Collection[int],
    now: int,
    intervals: Sequence[Interval],
    events: Sequence[Event] = (),
) -> Block:
    """Compute consecutive civil `days`; of their hourly indices give those that the changed `hours` (ends [ms]) reach. What
    `intervals` cover counts for nothing; what `events` cover is said with its day.

    Raises StoreUnavailable, StoreMisconfigured.
    """
    start, end = day_bounds(days[0], zone)[0], day_bounds(days[-1], zone)[1]
    reach = _reach_ms(variant)
    frame = counting_hours(store, registry, start - reach, end + reach, intervals)
    if frame.empty:
        return Block([], [])
    reached = {at for changed in hours if start < changed <= end for at in range(changed, changed + reach + 1, HOUR_MS)}
    derived = _derived(frame, registry, zone, variant, reached, now)
    within = frame[(frame["observed_at"] > _instant(start)) & (frame["observed_at"] <= _instant(end))]
    judgements: list[Judgement] = []
    if not within.empty:
        of_stations = station_days(within, zone)
        judgements += [
            _daily(row, f"{STATION}{row['station']}", (row["station"],), now, (), zone)
            for row in of_stations.to_dict("records")
        ]
        for scope in scopes(registry):
            for row, assessment in days_of_scope(of_stations, registry, days, scope, zone, None):
                judgements.append(_daily(row, scope, assessment, now, events, zone))
    return Block(derived, judgements)


def counting_hours(
    store: ReadingsStore,
    registry: Registry,
    start: int,
    end: int,
    intervals: Sequence[Interval],
    stations: Collection[str] | None = None,
) -> pd.DataFrame:
    """The hours of (start, end] [ms] that count: of stations (all, or these) that the registry holds active in them, without
    what `intervals` cover. Raises StoreUnavailable, StoreMisconfigured."""
    of = air_stations(registry) if stations is None else stations
    frame = store.readings("air", "hour", start, end, of, POLLUTANTS)
    return withheld(_while_active(frame, registry), intervals, "hour")


def runs(
    registry: Registry, days: Sequence[date], scope: str, zone: ZoneInfo
) -> list[tuple[tuple[str, ...], list[date]]]:
    """The days in runs with one list of assessment stations of the city or the district each."""

    def stations(day: date) -> tuple[str, ...]:
        return _of_scope(registry.active("air", day_bounds(day, zone)[1] - 1, kind="assessment"), scope)

    return [(assessment, list(run)) for assessment, run in groupby(days, key=stations)]


def days_of_scope(
    of_stations: pd.DataFrame,
    registry: Registry,
    days: Sequence[date],
    scope: str,
    zone: ZoneInfo,
    standard: str | None,
) -> Iterator[tuple[dict[Any, Any], tuple[str, ...]]]:
    """The rows of `city_days` of a scope, each with the stations it counts."""
    for assessment, run in runs(registry, days, scope, zone):
        rows = of_stations[of_stations["day"].isin(run) & of_stations["station"].isin(assessment)]
        if not rows.empty:
            for row in city_days(rows, assessment, zone, standard).to_dict("records"):
                yield row, assessment


def scopes(registry: Registry) -> list[str]:
    """What has daily values of its own beside the stations: the city, and each district that ever had an assessment station."""
    districts = {one.district for one in registry if one.family == "air" and one.kind == "assessment"}
    return [CITY, *(f"{DISTRICT}{name}" for name in sorted(districts))]


def all_scopes(registry: Registry) -> list[str]:
    """What has daily values: city, districts, and the stations that the registry ever knew."""
    return [*scopes(registry), *(f"{STATION}{name}" for name in air_stations(registry))]


def air_stations(registry: Registry) -> list[str]:
    """The ids of the stations of air that the registry ever knew, sorted."""
    return sorted({station.id for station in registry if station.family == "air"})


def _of_scope(stations: Iterable[Station], scope: str) -> tuple[str, ...]:
    """The ids of those of the stations that are in the city or the district."""
    return tuple(station.id for station in stations if scope in {CITY, f"{DISTRICT}{station.district}"})


def _daily(
    row: Mapping[Any, Any], scope: str, stations: Sequence[str], now: int, events: Sequence[Event], zone: ZoneInfo
) -> Judgement:
    aqi = None if pd.isna(row["aqi"]) else str(int(row["aqi"]))
    index = index_named(row["standard"])
    category = index.category(int(aqi)) if aqi else None
    detail: dict[str, Any] = {
        "state": row["state"],
        "why": row["why"],
        "why_text": row["why_text"],
        "primary": row["primary"],
        "exceeding": row["exceeding"],
        "category": f"{category.zh} {category.en}" if category else "",
        "colour": category.hex if category else "",
        "concentrations": {c: None if pd.isna(row[c]) else row[c] for c in POLLUTANTS},
        "iaqi": {c: None if pd.isna(row[f"iaqi_{c}"]) else int(row[f"iaqi_{c}"]) for c in POLLUTANTS},
        "exact": {c: str(row[f"{c}_exact"]) for c in POLLUTANTS if row[f"{c}_exact"] is not None},
    }
    if "hours_o3" in row:
        detail["hours"] = {c: int(row[f"hours_{c}"]) for c in POLLUTANTS}
    event = effect(covering(events, scope, *day_bounds(row["day"], zone)), row["state"], row["exceeding"])
    if event is not None:
        detail["event"] = event
    return Judgement(
        Key(DAILY_AQI, scope, row["day"].isoformat(), row["standard"]),
        aqi, "1", STATUS[row["state"]], int(row["valid_hours"]), int(row["expected_hours"]), CODE_VERSION, tuple(stations),
        detail, now,
    )  # fmt: skip


def _derived(
    frame: pd.DataFrame, registry: Registry, zone: ZoneInfo, variant: str, reached: set[int], now: int
) -> list[Reading]:
    stations = realtime(frame, zone, variant)
    parts = [stations[_ends(stations).isin(reached)]]
    ends = _ends(frame)
    for assessment, hours in groupby(sorted(reached), key=lambda at: _assessment_at(registry, at - 1)):
        run = list(hours)
        lead = frame[(ends >= run[0] - _reach_ms(variant)) & (ends <= run[-1]) & frame["station"].isin(assessment)]
        if not lead.empty:
            city = city_realtime(lead, assessment, zone, variant)
            parts.append(city[_ends(city).isin(run)].assign(station=CITY_STATION))
    rows = pd.concat(parts, ignore_index=True)
    return [_index_reading(row, now) for row in rows.to_dict("records")]


def _index_reading(row: Mapping[Any, Any], now: int) -> Reading:
    """A row of indices as a reading; where there is no index, that it is not assessable displaces an earlier one."""
    values: dict[str, float] = {"coverage": round(float(row["coverage"]), _INDEX["coverage"].scale)}
    doubtful: dict[str, Doubt] = {}
    for code in ("aqi", *(f"iaqi_{pollutant}" for pollutant in POLLUTANTS)):
        if pd.isna(row[code]):
            doubtful[code] = Doubt("not_assessable", None)
        else:
            values[code] = float(row[code])
    at = row["observed_at"].value // 1_000_000
    return Reading("air-index", row["station"], "hour", at, now, values, doubtful)


def _reach_ms(variant: str) -> int:
    """How far back an hour's index reads, and so how far ahead a changed hour is felt: by the longest running mean that
    enters the variant in any edition."""
    statistics = {i.statistic for index in INDEXES for i in index.variant("realtime", variant).indicators}
    return (max(_HOURS_OF.get(statistic, 1) for statistic in statistics) - 1) * HOUR_MS


def _while_active(frame: pd.DataFrame, registry: Registry) -> pd.DataFrame:
    """The rows of stations that the registry holds active in the hour they end."""
    ends = _ends(frame)
    active = [registry.entry("air", s, at - 1) is not None for s, at in zip(frame["station"], ends, strict=True)]
    # As an array: an empty list would choose no columns.
    return frame[np.array(active, dtype=np.bool_)]


def _assessment_at(registry: Registry, at: int) -> tuple[str, ...]:
    return _of_scope(registry.active("air", at, kind="assessment"), CITY)


def _ends(frame: pd.DataFrame) -> "pd.Series[int]":
    return frame["observed_at"].astype("datetime64[ms, UTC]").astype("int64")


def _instant(at: int) -> pd.Timestamp:
    return pd.Timestamp(at, unit="ms", tz="UTC")
