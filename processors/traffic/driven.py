"""How a station was driven in a span of its day: speed, travel time, headway, occupancy; v / C with its level of service.

What is of a part of the vehicles is no rate: where intervals lack, or vehicles have no passenger car units, a full road
would look like a free one.
"""

from decimal import Decimal
from fractions import Fraction
from typing import Any

from processors.indicators.exact import decimal, exact
from processors.indicators.traffic_flow import congestion, level_of_service, saturation
from processors.traffic.counts import Counts
from sensors.stations import Station

DRIVING = ("speed_km_h", "travel_time_index", "congestion", "travel_min", "headway_s", "occupancy_percent")
"""What `driving` says, but for what the headway is of."""


def is_whole(counts: Counts, since: int, until: int) -> bool:
    """Whether all intervals that end in (since, until] [ms] came."""
    valid, expected = counts.coverage(since, until)
    return 0 < expected == valid


def saturation_of(pcu_per_hour: Fraction, without_pcu: int, entry: Station) -> Fraction | None:
    """v / C of a station [1]; None where its capacity is not known, or vehicles passed that have no pcu."""
    if entry.capacity_pcu_h is None or without_pcu:
        return None
    return saturation(pcu_per_hour, Decimal(repr(entry.capacity_pcu_h)))


def level_of(ratio: Fraction | None, counts: Counts, since: int, until: int) -> int | None:
    """The level of service in (since, until] [ms], by v / C and, where they are known, by speed and that of free
    flow."""
    speed, free = counts.mean_speed(since, until), counts.entry.free_flow_km_h
    share = None if speed is None or free is None else speed / exact(free)
    return None if ratio is None else level_of_service(ratio, share)


def driving(counts: Counts, since: int, until: int) -> dict[str, Any]:
    """How the intervals that end in (since, until] were driven: mean speed, travel time and its index with their level
    where length and free flow are known, headway, occupancy."""
    entry, speed, travel = counts.entry, counts.mean_speed(since, until), counts.travel(since, until)
    index = travel_time_index(counts, since, until)
    level = None if index is None else congestion(index)
    of = counts.slots(since, until)
    came = counts.came[of]
    lanes = entry.lanes or 1
    in_them = int(counts.vehicles[of][came].sum())
    occupancy = counts.mean_occupancy(since, until)
    return {
        "speed_km_h": None if speed is None else str(decimal(speed, 2)),
        "travel_time_index": None if index is None else str(decimal(index, 3)),
        "congestion": None if level is None else {"zh": level.zh, "en": level.en},
        "travel_min": None if travel is None or entry.length_km is None
        else str(decimal(60 * travel * exact(entry.length_km), 2)),
        "headway_s": str(decimal(Fraction(int(came.sum()) * counts.step * lanes, 1_000 * in_them), 2)) if in_them else
        None, "headway_of": "lane" if entry.lanes else "direction",
        "occupancy_percent": None if occupancy is None else str(decimal(occupancy, 2)),
    }  # fmt: skip


def travel_time_index(counts: Counts, since: int, until: int) -> Fraction | None:
    """Mean travel time over that of free flow [1]; the length is the same in both."""
    travel, free = counts.travel(since, until), counts.entry.free_flow_km_h
    return None if travel is None or free is None else travel * exact(free)
