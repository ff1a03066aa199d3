"""The flow of stations by 5 or 15 minutes or the hour over any span, from the stored readings."""

from collections.abc import Iterator, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from processors.indicators.exact import decimal
from processors.traffic.counts import step_of
from processors.traffic.days import counts_of_day, entry_of_day
from processors.traffic.driven import driving, is_whole, level_of, saturation_of
from processors.traffic.rules import TrafficRules
from processors.windows import civil_day, day_bounds, days_between
from sensors.instants import MINUTE_MS
from sensors.stations import Registry
from store.intervals import Interval
from store.port import ReadingsStore


def flow_rows(
    store: ReadingsStore,
    registry: Registry,
    intervals: Sequence[Interval],
    stations: Sequence[str],
    span: tuple[int, int],
    minutes: int,
    zone: ZoneInfo,
    rules: TrafficRules,
    now: int,
) -> Iterator[dict[str, Any]]:
    """A row for each interval of so many minutes that lies in the span (start, end] [ms], of days of which anything
    came; what is not of a whole interval, or of vehicles that have no
    pcu, has no rate. Stations of longer intervals are left out (`too_long`). Raises
    StoreUnavailable, StoreMisconfigured."""
    since, until = span
    for day in days_between(civil_day(since + 1, zone), civil_day(until, zone)):
        for one in counts_of_day(store, registry, day, zone, rules, intervals, now, stations):
            counts = one.counts
            if minutes * MINUTE_MS % counts.step:
                continue
            for flow in one.flows(minutes, rules):
                if flow.start < since or flow.end > until:
                    continue
                came, expected = counts.coverage(flow.start, flow.end)
                whole = is_whole(counts, flow.start, flow.end)
                ratio = saturation_of(flow.pcu_per_hour, flow.without_pcu, counts.entry) if whole else None
                driven = driving(counts, flow.start, flow.end)
                yield {
                    "from": flow.start,
                    "to": flow.end,
                    "station": counts.entry.id,
                    "vehicles": flow.vehicles if came else None,
                    "pcu": str(decimal(flow.pcu, 3)) if came else None,
                    "without_pcu": flow.without_pcu if came else None,
                    "pcu_per_hour": str(decimal(flow.pcu_per_hour, 1)) if whole and not flow.without_pcu else None,
                    "saturation": None if ratio is None else str(decimal(ratio, 3)),
                    "level": level_of(ratio, counts, flow.start, flow.end),
                    **{name: driven[name] for name in ("speed_km_h", "travel_time_index", "occupancy_percent")},
                    "came": came,
                    "expected": expected,
                }


def too_long(
    registry: Registry, stations: Sequence[str], span: tuple[int, int], minutes: int, zone: ZoneInfo
) -> dict[str, int]:
    """Those of the stations whose own intervals make none of so many minutes on a day of the span (start, end] [ms], with
    how long these are [s]: `flow_rows` leaves them out then."""
    found = {}
    for day in days_between(civil_day(span[0] + 1, zone), civil_day(span[1], zone)):
        for name in stations:
            entry = entry_of_day(registry, name, *day_bounds(day, zone))
            if entry is not None and 60 * minutes % step_of(entry):
                found[name] = step_of(entry)
    return found
