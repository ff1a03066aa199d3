"""The next days of the city, its districts and its stations, from the stored hours: what alerts and the wall may rely on.

A place's forecast is published only where it beats persistence in its own back-test (`forecast/short_term.py`). The hours of
the city and of a district are the means of their assessment stations' concentrations, where these are enough of them (HJ 663).
"""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import pandas as pd

from processors.air.days import counting_hours, runs, scopes
from processors.forecast.short_term import Forecast, NotPublished, forecast_places
from processors.standards.tables import POLLUTANTS, air_rules
from processors.windows import civil_day, day_bounds, days_between
from sensors.instants import DAY_MS, HOUR_MS
from sensors.stations import Registry
from store.intervals import Interval
from store.port import ReadingsStore

# Chosen: what a back-test of a year needs, and a month to learn from before it.
HISTORY_DAYS = 400


def outlook(
    store: ReadingsStore, registry: Registry, zone: ZoneInfo, now: int, intervals: Sequence[Interval]
) -> dict[str, tuple[Forecast | NotPublished, ...]]:
    """By scope (`city`, `district:ID`, `station:ID`) the next three days as of the last full hour before `now` [ms].

    Raises StoreUnavailable, StoreMisconfigured.
    """
    hour = now - now % HOUR_MS
    hours = counting_hours(store, registry, hour - HISTORY_DAYS * DAY_MS, hour, intervals)
    if hours.empty:
        return {}
    places: dict[str, pd.DataFrame] = {}
    for scope in scopes(registry):
        of_scope = place_hours(hours, registry, scope, zone)
        if not of_scope.empty:
            places[scope] = of_scope
    for station, own in hours.groupby("station", sort=True):
        places[f"station:{station}"] = own.drop(columns="station").reset_index(drop=True)
    return forecast_places(places, zone, hour)


def place_hours(hours: pd.DataFrame, registry: Registry, scope: str, zone: ZoneInfo) -> pd.DataFrame:
    """The hourly concentrations of the city or a district: `observed_at` and the pollutants, NaN where too few stations have one.

    `hours` is as `counting_hours` gives it.
    """
    ends = hours["observed_at"].astype("datetime64[ms, UTC]").astype("int64")
    days = days_between(civil_day(int(ends.min()), zone), civil_day(int(ends.max()), zone))
    parts = []
    for assessment, run in runs(registry, days, scope, zone):
        start, end = day_bounds(run[0], zone)[0], day_bounds(run[-1], zone)[1]
        own = hours[(ends > start) & (ends <= end) & hours["station"].isin(assessment)]
        grouped = own.groupby("observed_at")[list(POLLUTANTS)]
        stations = air_rules(run[-1]).assessment.stations
        enough = [stations.enough(count, len(assessment)) for count in range(len(assessment) + 1)]
        parts.append(grouped.mean().where(grouped.count().map(enough.__getitem__)))
    return pd.concat(parts).reset_index() if parts else pd.DataFrame(columns=["observed_at", *POLLUTANTS])
