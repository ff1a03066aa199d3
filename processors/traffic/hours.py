"""The flow of a station's hours, as readings that stand beside its own: what is not of a whole hour is no good value, and
displaces an earlier one.
"""

from collections.abc import Collection, Sequence
from datetime import date
from fractions import Fraction
from zoneinfo import ZoneInfo

from processors.indicators.exact import decimal
from processors.indicators.traffic_flow import Flow
from processors.traffic.counts import Counts
from processors.traffic.driven import is_whole, level_of, saturation_of, travel_time_index
from processors.traffic.rules import TrafficRules
from processors.windows import hours_of_day
from sensors.instants import HOUR_MS
from sensors.quantities import OF_FAMILY
from sensors.reading import Doubt, Reading
from sensors.stations import Station

_FLOW = OF_FAMILY["traffic-flow"]


def hour_readings(
    counts: Counts, hours: Sequence[Flow], touched: Collection[int], rules: TrafficRules, now: int
) -> list[Reading]:
    """The readings of a day's `hours`: of a day that is over all of them, for what came late, a lane that first came in
    the evening and the registry may each have changed any; before only those that feel a `touched` one (ends [ms])."""
    reach = HOUR_MS + _reach_ms(counts.entry, rules)
    return [
        _reading(counts, flow, now)
        for flow in hours
        if now >= counts.end or any(abs(flow.end - at) < reach for at in touched)
    ]


def emptied_hours(station: str, day: date, zone: ZoneInfo, now: int) -> list[Reading]:
    """The readings of a day of which nothing is left: they displace what was good before."""
    gone = {code: Doubt("not_assessable", None) for code in _FLOW if code != "coverage"}
    return [
        Reading("traffic-flow", station, "hour", end, now, {"coverage": 0.0}, gone)
        for end in hours_of_day(day, zone)
        if end <= now
    ]


def _reach_ms(entry: Station, rules: TrafficRules) -> int:
    """How far from an hour what came in another one is felt [ms]: by a single vehicle, as long as a silence that is
    none."""
    return 1_000 * (entry.expected_period_s or rules.silence_s) if entry.period == "raw" else 0


def _reading(counts: Counts, flow: Flow, now: int) -> Reading:
    start, end = flow.start, flow.end
    valid, expected = counts.coverage(start, end)
    ratio = saturation_of(flow.pcu, flow.without_pcu, counts.entry)
    numbers: dict[str, Fraction | int | None] = {
        "vehicles": flow.vehicles,
        "pcu": flow.pcu,
        "saturation": ratio,
        "level": level_of(ratio, counts, start, end),
        "speed": counts.mean_speed(start, end),
        "travel_time_index": travel_time_index(counts, start, end),
    }
    values = {
        "coverage": float(decimal(Fraction(valid, expected) if expected else Fraction(0), _FLOW["coverage"].scale))
    }
    doubtful = {}
    for code, number in numbers.items():
        value = None if number is None else float(decimal(Fraction(number), _FLOW[code].scale))
        # Where vehicles have no pcu, those of the others are less than what passed.
        if value is not None and is_whole(counts, start, end) and not (code == "pcu" and flow.without_pcu):
            values[code] = value
        else:
            doubtful[code] = Doubt("not_assessable", value if valid else None)
    return Reading("traffic-flow", counts.entry.id, "hour", end, now, values, doubtful)
