"""Flow of vehicles and passenger car units, peak hour, saturation, level of service, travel time. Exact counts; pcu as fractions.

    flow             vehicles and pcu whose instants lie in (start, end], by 5 or 15 minutes or the hour
    peak hour        the four consecutive quarter hours with the most; its factor: hour / (4 × its greatest quarter)
    saturation       v / C of an hour; the level of service is that of its table, but the last where traffic is forced
    travel time      over that of free flow; the network's TPI from the share of severely congested kilometres

A vehicle of a class that the scheme does not have is counted as a vehicle, and said to have no pcu: nothing is made up for it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from math import lcm
from typing import NamedTuple

from processors.standards.traffic import CongestionLevel, Scheme, traffic_tables
from sensors.instants import MINUTE_MS

QUARTERS = 4


class Vehicles(NamedTuple):
    """So many vehicles of a class at an instant [ms]; class as the scheme names it, None where it is not known."""

    at: int
    cls: str | None
    number: int = 1


class Flow(NamedTuple):
    """What passed in (start, end] [ms]: vehicles, passenger car units, vehicles that have none by the scheme."""

    start: int
    end: int
    vehicles: int
    pcu: Fraction
    without_pcu: int

    @property
    def pcu_per_hour(self) -> Fraction:
        """As an hourly rate [pcu/h]."""
        return self.pcu * 60 * MINUTE_MS / (self.end - self.start)


class PeakHour(NamedTuple):
    """The busiest hour: when it starts and ends [ms], its pcu, the peak-hour factor [1], and its vehicles that have no pcu."""

    start: int
    end: int
    pcu: Fraction
    factor: Fraction
    without_pcu: int


def flows(passed: Iterable[Vehicles], scheme: Scheme, start: int, end: int, minutes: int) -> list[Flow]:
    """The flow of each interval of so many minutes in (start, end], those without a vehicle too. Raises ValueError where the span
    is no whole number of intervals."""
    width = minutes * MINUTE_MS
    if minutes < 1 or end <= start or (end - start) % width:
        raise ValueError(f"{end - start} ms is no whole number of intervals of {minutes} min")
    vehicles, without, scaled = Counter[int](), Counter[int](), Counter[int]()
    # The same whole number of parts of a unit for each class: an exact sum of integers.
    parts = lcm(*(Fraction(factor).denominator for factor in scheme.factors.values()))
    factors = {cls: int(Fraction(factor) * parts) for cls, factor in scheme.factors.items()}
    for one in passed:
        if not start < one.at <= end:
            continue
        number = (one.at - start - 1) // width
        vehicles[number] += one.number
        factor = None if one.cls is None else factors.get(one.cls)
        if factor is None:
            without[number] += one.number
        else:
            scaled[number] += one.number * factor
    return [
        Flow(
            start + number * width,
            start + (number + 1) * width,
            vehicles[number],
            Fraction(scaled[number], parts),
            without[number],
        )
        for number in range((end - start) // width)
    ]


def peak_hour(quarters: Sequence[Flow]) -> PeakHour | None:
    """Of consecutive quarter hours the hour with the most pcu, the first where several have; None without any traffic. Raises
    ValueError where they are no consecutive quarter hours."""
    if any(flow.end - flow.start != 15 * MINUTE_MS for flow in quarters) or any(
        before.end != after.start for before, after in pairwise(quarters)
    ):
        raise ValueError("a peak hour is of consecutive quarter hours")
    best: PeakHour | None = None
    for number in range(len(quarters) - QUARTERS + 1):
        hour = quarters[number : number + QUARTERS]
        total, greatest = sum((flow.pcu for flow in hour), Fraction(0)), max(flow.pcu for flow in hour)
        if greatest and (best is None or total > best.pcu):
            without = sum(flow.without_pcu for flow in hour)
            best = PeakHour(hour[0].start, hour[-1].end, total, total / (QUARTERS * greatest), without)
    return best


def saturation(pcu_per_hour: Fraction, capacity: Decimal) -> Fraction:
    """v / C [1]. Raises ValueError where there is no capacity."""
    if capacity <= 0:
        raise ValueError(f"a capacity of {capacity} pcu/h is none")
    return pcu_per_hour / Fraction(capacity)


def level_of_service(ratio: Fraction, speed: Fraction | None = None) -> int:
    """1 (free) to 6 of a saturation; where the `speed` is known, as a share of that of free flow, 6 where it is forced."""
    service = traffic_tables().service
    if speed is not None and speed < Fraction(service.forced_below):
        return service.levels[-1].level
    for level in service.levels:
        if level.to is None or ratio <= Fraction(level.to):
            return level.level
    raise AssertionError("the last level has no end")


def congestion(ratio: Fraction) -> CongestionLevel:
    """The level of travel time over that of free flow."""
    for level in traffic_tables().congestion.levels:
        if level.to is None or ratio <= Fraction(level.to):
            return level
    raise AssertionError("the last level has no end")


def network_tpi(severe: Mapping[str, Fraction], weights: Mapping[str, Fraction]) -> Fraction:
    """TPI of a network, 0 to 10: `severe` is the share of severely congested kilometres [1] by class of road, `weights` its
    vehicle kilometres. Raises ValueError where the weights are not of the same roads, or add up to nothing."""
    total = sum(weights.values(), Fraction(0))
    if set(severe) != set(weights) or total <= 0:
        raise ValueError("every class of road has a share and vehicle kilometres, and some of it is driven on")
    percent = 100 * sum((severe[road] * weights[road] for road in severe), Fraction(0)) / total
    points = traffic_tables().tpi.points
    for (low, index), (high, following) in pairwise(points):
        if percent <= high:
            return index + (following - index) * (percent - low) / (high - low)
    return Fraction(points[-1][1])
