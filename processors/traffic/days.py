"""Traffic, from readings to the daily judgements of stations.

A day's value is the vehicles that were counted; where too few of its intervals came it is not assessable, and what came
is said. A peak hour is only of hours that came whole: a gap would look like an empty road. A saturation and a level of
service are only of those of them whose vehicles all have passenger car units; where some have none, the units of the
others are said to be the least that passed.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from fractions import Fraction
from itertools import groupby
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from processors.computation import CODE_VERSION, Block
from processors.indicators.exact import decimal
from processors.indicators.traffic_flow import Flow, PeakHour, flows, peak_hour
from processors.scopes import STATION
from processors.traffic.air import air_of_day
from processors.traffic.counts import COUNTED, NUMBERS, PERIODS, Counts, counted, step_of
from processors.traffic.driven import DRIVING, driving, is_whole, level_of, saturation_of
from processors.traffic.hours import hour_readings
from processors.traffic.rules import TrafficRules
from processors.windows import day_bounds, ends
from processors.withheld import withheld
from sensors.instants import HOUR_MS, iso
from sensors.stations import Registry, Station
from sensors.vehicles import classes_of
from store.intervals import Interval
from store.judgements import Judgement, Key
from store.port import ReadingsStore

TRAFFIC_DAY = "traffic_day"
"""Code of the daily indicator; its scopes are `station:<id>`, its standard is the scheme of passenger car units."""

_QUARTER_MS = HOUR_MS // 4


class DayCounts(NamedTuple):
    """A station's day: what it counted, and its readings by period."""

    day: date
    counts: Counts
    frames: Mapping[str, pd.DataFrame]

    def flows(self, minutes: int, rules: TrafficRules) -> list[Flow]:
        """Its flow by so many minutes."""
        return flows(self.counts.passed(minutes), rules.scheme, self.counts.start, self.counts.end, minutes)


def traffic_days(
    store: ReadingsStore,
    registry: Registry,
    day: date,
    zone: ZoneInfo,
    rules: TrafficRules,
    *,
    hours: Mapping[str, Collection[int]],
    intervals: Sequence[Interval],
    now: int,
    stations: Collection[str] | None = None,
) -> Block:
    """The judgements of a day of all stations, or of these, and the flows of their hours; while the day is not over of
    those that feel `hours` (ends [ms]) by station. Raises StoreUnavailable, StoreMisconfigured."""
    derived, judgements = [], []
    for one in counts_of_day(store, registry, day, zone, rules, intervals, now, stations):
        judgements.append(judgement_of(one, rules, zone, now))
        derived += hour_readings(one.counts, one.flows(60, rules), hours.get(one.counts.entry.id, ()), rules, now)
    return Block(derived, judgements)


def counts_of_day(
    store: ReadingsStore,
    registry: Registry,
    day: date,
    zone: ZoneInfo,
    rules: TrafficRules,
    intervals: Sequence[Interval],
    now: int,
    stations: Collection[str] | None = None,
) -> list[DayCounts]:
    """What the stations counted of which anything came on a day, by id; an entry that changes on the day holds for all
    of it."""
    return list(counts_of_days(store, registry, [day], zone, rules, intervals, now, stations))


def counts_of_days(
    store: ReadingsStore,
    registry: Registry,
    days: Sequence[date],
    zone: ZoneInfo,
    rules: TrafficRules,
    intervals: Sequence[Interval],
    now: int,
    stations: Collection[str] | None = None,
) -> Iterator[DayCounts]:
    """The same of days one after the other, which are read at once: by day, and by station."""
    bounds = [day_bounds(day, zone) for day in days]
    names = [name for name in traffic_stations(registry) if stations is None or name in stations]
    entries = [
        {name: entry for name in names if (entry := entry_of_day(registry, name, start, end))} for start, end in bounds
    ]
    by_day = _readings_of_days(store, bounds, entries, rules, intervals)
    for day, (start, end), of_day, by_station in zip(days, bounds, entries, by_day, strict=True):
        for name, frames in sorted(by_station.items()):
            entry = of_day[name]
            classes = classes_of(entry.vehicle_coding or rules.coding, day)
            hidden = [(of.since, of.until) for of in intervals if of.station == name and of.quantity in {"", *NUMBERS}]
            counts = counted(frames, entry, start, end, classes, rules.silence_s, now, hidden)
            yield DayCounts(day, counts, frames)


def _readings_of_days(
    store: ReadingsStore,
    bounds: Sequence[tuple[int, int]],
    entries: Sequence[Mapping[str, Station]],
    rules: TrafficRules,
    intervals: Sequence[Interval],
    *,
    detail: bool = False,
) -> list[dict[str, dict[str, pd.DataFrame]]]:
    """By day what `readings_of` gives of one."""
    names = sorted({name for of_day in entries for name in of_day})
    codes = [*COUNTED, *sorted({limit.quantity for limit in rules.air.limits})]
    found: list[dict[str, dict[str, pd.DataFrame]]] = [{} for _ in bounds]
    for period in PERIODS:
        if not names:
            continue
        # Of single vehicles the doubts say too what passed.
        wanted = detail or period == "raw"
        frame = store.readings("traffic", period, bounds[0][0], bounds[-1][1], names, codes, detail=wanted)
        day = np.searchsorted([end for _, end in bounds], ends(frame))
        for number in np.unique(day).tolist():
            of_day = frame if len(bounds) == 1 else frame[day == number]
            for station, of in of_day.groupby("station", sort=False):
                entry = entries[number].get(str(station))
                if entry is not None:
                    length = 1_000 * step_of(entry) if period == entry.period != "raw" else None
                    kept = withheld(of.reset_index(drop=True), intervals, period, length)
                    found[number].setdefault(str(station), {})[period] = kept
    return found


def readings_of(
    store: ReadingsStore,
    start: int,
    end: int,
    entries: Mapping[str, Station],
    rules: TrafficRules,
    intervals: Sequence[Interval],
    *,
    detail: bool = False,
) -> dict[str, dict[str, pd.DataFrame]]:
    """The readings in (start, end] [ms] of the stations of `entries` without what `intervals` cover, by station and
    period; stations of which there are none are left out."""
    (found,) = _readings_of_days(store, [(start, end)], [entries], rules, intervals, detail=detail)
    return dict(sorted(found.items()))


def traffic_stations(registry: Registry) -> list[str]:
    """The ids of the stations of traffic that the registry ever knew, sorted."""
    return sorted({one.id for one in registry if one.family == "traffic"})


def entry_of_day(registry: Registry, station: str, start: int, end: int) -> Station | None:
    """The station's entry at the end of a day (start, end] [ms], else the one at its start."""
    return registry.entry("traffic", station, end - 1) or registry.entry("traffic", station, start)


def judgement_of(of: DayCounts, rules: TrafficRules, zone: ZoneInfo, now: int) -> Judgement:
    """The judgement of a station's day."""
    counts = of.counts
    entry, start, end = counts.entry, counts.start, counts.end
    hours = [(hour, is_whole(counts, hour.start, hour.end)) for hour in of.flows(60, rules)]
    vehicles, pcu = sum(hour.vehicles for hour, _ in hours), sum((hour.pcu for hour, _ in hours), Fraction(0))
    valid, expected = counts.coverage(start, end)
    counts_vehicles = bool(counts.came.any() or counts.vehicles.any() or counts.uncounted)
    enough = counts_vehicles and 100 * valid >= rules.percent_of_day * expected
    peak = _peak(of, rules)
    detail: dict[str, Any] = {
        "name": entry.name_zh,
        "tunnel": entry.tunnel,
        "form": ("vehicles" if entry.period == "raw" else "intervals") if counts_vehicles else None,
        "interval_s": counts.step // 1_000,
        "silence_s": (entry.expected_period_s or rules.silence_s) if entry.period == "raw" else None,
        "capacity_pcu_h": entry.capacity_pcu_h,
        "vehicles": vehicles,
        "pcu": str(decimal(pcu, 3)),
        "without_pcu": sum(hour.without_pcu for hour, _ in hours),
        "by_class": {cls or "unknown": int(numbers.sum()) for cls, numbers in counts.by_class.items()},
        "hours": {
            "vehicles": [hour.vehicles if whole else None for hour, whole in hours],
            "pcu": [str(decimal(hour.pcu, 3)) if whole and not hour.without_pcu else None for hour, whole in hours],
        },
        "peak": None if peak is None else _said(peak, counts, zone),
        **driving(counts, start, end),
        "contradicting": counts.contradicting,
        "off_step": counts.off_step,
        "uncounted": counts.uncounted,
        "other_periods": counts.other_periods,
        "air": air_of_day(of.frames, counts, rules.air, zone),
        "air_document": f"{rules.air.document}: {rules.air.mark}",
        "rule": {"percent_of_day": rules.percent_of_day, "scheme": rules.scheme.name,
                 "coding": entry.vehicle_coding or rules.coding},
    }  # fmt: skip
    detail["sentence"] = _sentence(detail, valid, expected, enough=enough)
    return Judgement(
        Key(TRAFFIC_DAY, STATION + entry.id, of.day.isoformat(), rules.scheme.name),
        str(vehicles) if enough else None, "veh", "stated" if enough else "not assessable", valid, expected,
        CODE_VERSION, (entry.id,), detail, now,
    )  # fmt: skip


def emptied_day(before: Judgement, now: int) -> Judgement:
    """The judgement of a day of which nothing is left to judge."""
    nothing: dict[str, Any] = {
        "form": None,
        "vehicles": 0,
        "pcu": "0.000",
        "without_pcu": 0,
        "by_class": {},
        "peak": None,
        "air": [],
    }
    hours: dict[str, list[None]] = {name: [None] * len(of) for name, of in before.detail["hours"].items()}
    driven = dict.fromkeys(DRIVING)
    detail = {
        **before.detail,
        **nothing,
        "hours": hours,
        **driven,
        "contradicting": 0,
        "off_step": 0,
        "uncounted": 0,
        "other_periods": 0,
    }
    detail["sentence"] = "no reading is left of this day, or the station was not in service"
    return before._replace(value=None, status="not assessable", valid=0, detail=detail, computed_at=now)


def _peak(of: DayCounts, rules: TrafficRules) -> PeakHour | Flow | None:
    """The busiest hour of quarters that came whole; where intervals are longer than quarters the busiest hour of the
    clock. None where no hour came whole, or nothing passed."""
    counts = of.counts
    if _QUARTER_MS % counts.step:
        busy = [hour for hour in of.flows(60, rules) if hour.pcu and is_whole(counts, hour.start, hour.end)]
        return max(busy, key=lambda hour: (hour.pcu, -hour.start), default=None)
    runs = groupby(of.flows(15, rules), key=lambda quarter: is_whole(counts, quarter.start, quarter.end))
    found = [one for whole, run in runs if whole and (one := peak_hour(list(run))) is not None]
    return max(found, key=lambda one: (one.pcu, -one.start), default=None)


def _said(peak: PeakHour | Flow, counts: Counts, zone: ZoneInfo) -> dict[str, Any]:
    said: dict[str, Any] = {
        "from": iso(peak.start, zone), "to": iso(peak.end, zone), "pcu": str(decimal(peak.pcu, 3)),
        "without_pcu": peak.without_pcu,
        "factor": str(decimal(peak.factor, 3)) if isinstance(peak, PeakHour) else None, "saturation": None, "level":
        None,
    }  # fmt: skip
    ratio = saturation_of(peak.pcu, peak.without_pcu, counts.entry)
    level = level_of(ratio, counts, peak.start, peak.end)
    return said if ratio is None else said | {"saturation": str(decimal(ratio, 3)), "level": level}


def _sentence(detail: Mapping[str, Any], valid: int, expected: int, *, enough: bool) -> str:
    if detail["form"] is None:
        return "no vehicles were counted" + (": only the air was measured" if detail["air"] else "")
    text = f"{detail['vehicles']} vehicles, {float(detail['pcu']):g} pcu"
    if detail["without_pcu"]:
        text += f" at least: {detail['without_pcu']} vehicles are of no class that {detail['rule']['scheme']} has"
    if detail["off_step"]:
        text += f"; {detail['off_step']} readings do not end with an interval of {detail['interval_s']} s"
    if detail["uncounted"]:
        text += f"; {detail['uncounted']} readings do not say how many passed, and count for nothing"
    peak = detail["peak"]
    if peak is not None:
        text += f"; busiest hour {peak['from'][11:16]}–{peak['to'][11:16]} with {float(peak['pcu']):g} pcu"
        text += " at least" if peak["without_pcu"] else ""
        text += "" if peak["saturation"] is None else f", v/C {peak['saturation']}, level {peak['level']}"
    if not enough:
        text += f"; only {valid} of {expected} intervals came: not assessable"
    above = [f"{one['quantity']} above {one['limit']} {one['unit']}" for one in detail["air"] if one["above"]]
    return "; ".join([text, *dict.fromkeys(above)])
