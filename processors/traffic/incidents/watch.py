"""The hints at incidents of stations from the stored readings: what began in the last days, or still lasts."""

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from processors.traffic.counts import Counts
from processors.traffic.days import DayCounts, counts_of_days
from processors.traffic.incidents.hints import Hint, Slot, hints, stopped_vehicles
from processors.traffic.incidents.rules import IncidentRules
from processors.traffic.rules import TrafficRules
from processors.windows import civil_day, days_between, ends
from sensors.instants import DAY_MS
from sensors.stations import Registry
from store.intervals import Interval
from store.port import ReadingsStore


class Watched(NamedTuple):
    """The hints, in order of when they could be said; and the stations of which none could be given, because neither
    speed nor occupancy came of them."""

    hints: list[Hint]
    blind: list[str]


def watch(
    store: ReadingsStore,
    registry: Registry,
    intervals: Sequence[Interval],
    until: int,
    days: int,
    zone: ZoneInfo,
    traffic: TrafficRules,
    rules: IncidentRules,
    only: Collection[str] | None = None,
) -> Watched:
    """Of the stations (all, or `only` these) what began in the `days` before `until` [ms] or lasts then. Raises
    StoreUnavailable, StoreMisconfigured."""
    since = until - days * DAY_MS
    slots: dict[tuple[str, int], list[Slot]] = {}
    passed: dict[str, list[tuple[int, float]]] = {}
    days_read = days_between(civil_day(since - rules.usual.days * DAY_MS, zone), civil_day(until, zone))
    for one in counts_of_days(store, registry, days_read, zone, traffic, intervals, until, only):
        counts = one.counts
        of = slots.setdefault((counts.entry.id, counts.step), [])
        of += [slot for slot in slots_of(counts) if slot.at <= until]
        if counts.end > since:
            passed.setdefault(counts.entry.id, []).extend(vehicles_of(one, until))
    found = [hint for (name, step), of in slots.items() for hint in hints(name, of, step, until, rules, zone)]
    found += [hint for name, of in passed.items() for hint in stopped_vehicles(name, of, until, rules)]
    shown = [one for one in found if one.said > since or (one.until is None and not one.silent)]
    seen = {
        name
        for (name, _), of in slots.items()
        if any(slot.at > since and (slot.speed is not None or slot.occupancy is not None) for slot in of)
    }
    there = {one.id for one in registry.active("traffic", until - 1) if only is None or one.id in only}
    return Watched(sorted(shown, key=lambda one: (one.said, one.station, one.rule)), sorted(there - seen))


def slots_of(counts: Counts) -> list[Slot]:
    """The intervals that came, with their mean speed and occupancy where something has one; those too of which only the
    occupancy did."""
    found = []
    for n in np.flatnonzero(counts.came | counts.occupied).tolist():
        start, end = counts.start + n * counts.step, min(counts.start + (n + 1) * counts.step, counts.end)
        speed, occupancy = counts.mean_speed(start, end), counts.mean_occupancy(start, end)
        found.append(
            Slot(
                end,
                int(counts.vehicles[n]) if counts.came[n] else None,
                None if speed is None else float(speed),
                None if occupancy is None else float(occupancy),
            )
        )
    return found


def vehicles_of(one: DayCounts, until: int) -> Iterator[tuple[int, float]]:
    """(instant [ms], speed [km/h]) of the single vehicles of a day that had passed by `until` [ms], in order of time."""
    frame = one.frames.get("raw") if one.counts.entry.period == "raw" else None
    if frame is not None:
        known = frame[frame["speed"].notna()]
        moments = zip(ends(known).tolist(), known["speed"].tolist(), strict=True)
        yield from ((at, speed) for at, speed in moments if at <= until)
