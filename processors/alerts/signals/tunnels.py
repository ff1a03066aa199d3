"""Of tunnels and roads, by station: the air against its limits, how full the road is, and hints at incidents.

    air          the greatest share of a limit [1]: the newest mean of each quantity over its limit's minutes, by the clock,
                 against the limit of that state of traffic; `standing`: against those of traffic that hardly moves
    saturation   v / C by quarters of an hour, or by the station's own intervals where these are longer [1]
    hints        how long a drop, standing traffic or stopped vehicles last, from when it could be said on [min]; and `standing`

What counts is what counts for the day of a station (`processors/traffic/`). A quantity of air that the station had within three
days before and not now makes its share one that is known in part.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from processors.alerts.signals.look import Look, Signal
from processors.alerts.signals.subjects import STATION
from processors.alerts.values import VALUE, Known, Shown, Values, least_of
from processors.indicators.exact import exact
from processors.standards.tunnel_air import State
from processors.traffic.air import Means, means_of_day
from processors.traffic.counts import PERIODS
from processors.traffic.days import DayCounts, counts_of_days
from processors.traffic.driven import is_whole, saturation_of
from processors.traffic.incidents.hints import Hint, Slot, hints, stopped_vehicles
from processors.traffic.incidents.rules import incident_rules
from processors.traffic.incidents.watch import slots_of, vehicles_of
from processors.windows import civil_day, days_between
from sensors.instants import HOUR_MS
from sensors.quantities import OF_FAMILY

STANDING = "standing"
"""The greatest share of a limit of traffic that hardly moves."""
LASTS = "lasts"
"""How long the longest of all hints lasts."""

_MINUTE_MS = 60_000
_QUARTER_MIN = 15
# Chosen: a quantity of air that does not come for three days is none of the station's any more.
_HAD_H = 72
# Which intervals came, and by which readings a window is known, is of the day.
_FELT_H = 24
# What is usual of a station, or what of the air it has.
_HINTS_BEFORE_H = max(24 * incident_rules().usual.days, _HAD_H)
_AIR = ("tunnel_co", "tunnel_extinction", "tunnel_no2")
_HINTS = ("drop", "standing", "stopped")


class _Window(NamedTuple):
    """A mean as a share of its limit; `applies`: traffic was in the limit's state."""

    until: int
    share: Fraction
    mean: Fraction
    applies: bool


class _Limit(NamedTuple):
    """The windows of one limit at a station, in order of time; the state of traffic that it is of."""

    quantity: str
    width: int
    state: State | None
    windows: list[_Window]

    def last(self, instant: int) -> int | None:
        """When the newest window ended that had come then [ms]."""
        place = bisect_right(self.windows, instant, key=lambda one: one.until)
        return self.windows[place - 1].until if place else None

    def at(self, instant: int) -> _Window | None:
        """The newest window that has ended then; None where it did not come."""
        place = bisect_right(self.windows, instant, key=lambda one: one.until)
        if place == 0 or instant - self.windows[place - 1].until >= self.width:
            return None
        return self.windows[place - 1]


def _air(look: Look) -> Mapping[str, Values]:
    limits: dict[str, dict[int, _Limit]] = {}
    shown_from = look.start + _HAD_H * HOUR_MS
    for one in _days(look, look.start):
        _add_windows(limits.setdefault(one.counts.entry.id, {}), one, look)
    found: dict[str, Values] = {}
    for name, of in limits.items():
        at = sorted({window.until for limit in of.values() for window in limit.windows})
        if at:
            found[name] = {instant: _air_at(list(of.values()), instant) for instant in at if instant > shown_from}
    return found


def _add_windows(limits: dict[int, _Limit], one: DayCounts, look: Look) -> None:
    air = look.traffic.air
    of_day = {air.limits.index(of.limit): of for of in means_of_day(one.frames, one.counts, air)}
    for number, of in sorted(of_day.items()):
        if of.limit.quantity not in _AIR:
            continue
        limit = limits.setdefault(number, _Limit(of.limit.quantity, of.limit.minutes * _MINUTE_MS, of.limit.state, []))
        limit.windows.extend(window for window in _windows(of) if window.until <= look.over_by)


def _windows(of: Means) -> list[_Window]:
    found = []
    for its, applies in ((of.means, True), (of.others, False)):
        for one in its:
            mean = Fraction(one.total, one.parts)
            found.append(_Window(one.until, mean / of.most, mean, applies))
    return sorted(found)


def _air_at(limits: Sequence[_Limit], instant: int) -> dict[str, Known]:
    """The shares of an instant, of the quantities that the station has: whole where all are known."""
    found: dict[str, Known] = {}
    quantities = sorted(
        {
            one.quantity
            for one in limits
            if (last := one.last(instant)) is not None and instant - last <= _HAD_H * HOUR_MS
        }
    )
    shares: dict[str, list[Fraction]] = {VALUE: [], STANDING: []}
    for quantity in quantities:
        its = [(limit, limit.at(instant)) for limit in limits if limit.quantity == quantity]
        came = [(limit, window) for limit, window in its if window is not None]
        if came:
            found[quantity] = max(came, key=lambda pair: pair[1].until)[1].mean
        now = [window.share for _, window in came if window.applies]
        slow = [window.share for limit, window in came if limit.state == "slow"]
        # What has no limit of such traffic cannot be beyond one.
        slow = slow or [Fraction(0) for _ in now if not any(limit.state == "slow" for limit, _ in its)]
        shares[VALUE] += [max(now)] if now else []
        shares[STANDING] += [max(slow)] if slow else []
    for code, known in shares.items():
        if known:
            found[code if len(known) == len(quantities) else least_of(code)] = max(known)
    return found


def _saturation(look: Look) -> Mapping[str, Values]:
    found: dict[str, dict[int, Mapping[str, Known]]] = {}
    for one in _days(look, look.start):
        counts = one.counts
        if counts.entry.capacity_pcu_h is None:
            continue
        for flow in one.flows(_QUARTER_MIN, look.traffic):
            if not look.start < flow.end <= look.over_by:
                continue
            whole = is_whole(counts, flow.start, flow.end)
            ratio = saturation_of(flow.pcu_per_hour, flow.without_pcu, counts.entry) if whole else None
            values: dict[str, Known] = {} if ratio is None else {VALUE: ratio}
            speed = counts.mean_speed(flow.start, flow.end)
            found.setdefault(counts.entry.id, {})[flow.end] = values if speed is None else {**values, "speed": speed}
    return found


def _hints(look: Look) -> Mapping[str, Values]:
    rules = incident_rules()
    shown_from = look.start + _HINTS_BEFORE_H * HOUR_MS
    slots: dict[tuple[str, int], list[Slot]] = {}
    passed: dict[str, list[tuple[int, float]]] = {}
    limits: dict[str, dict[int, _Limit]] = {}
    for one in _days(look, look.start):
        counts = one.counts
        name = counts.entry.id
        slots.setdefault((name, counts.step), []).extend(slot for slot in slots_of(counts) if slot.at <= look.over_by)
        if counts.end > shown_from - _HAD_H * HOUR_MS:
            passed.setdefault(name, []).extend(vehicles_of(one, look.over_by))
            _add_windows(limits.setdefault(name, {}), one, look)
    found: dict[str, dict[int, Mapping[str, Known]]] = {}
    for (name, step), of in slots.items():
        its = hints(name, of, step, look.over_by, rules, look.zone)
        its += stopped_vehicles(name, passed.get(name, []), look.over_by, rules)
        air = list(limits.get(name, {}).values())
        found.setdefault(name, {}).update(
            (slot.at, {**_lasting(its, slot, step), **_only_standing(_air_at(air, slot.at))})
            for slot in of
            if slot.at > shown_from
        )
    return {name: dict(sorted(of.items())) for name, of in found.items()}


def _lasting(found: Sequence[Hint], slot: Slot, step: int) -> dict[str, Known]:
    """How long each hint lasts at the end of an interval; nothing where neither a speed nor an occupancy came."""
    if slot.speed is None and slot.occupancy is None:
        return {}
    lasts: dict[str, Known] = {}
    longest = Fraction(0)
    for rule in _HINTS:
        its = [
            Fraction(slot.at - one.since, _MINUTE_MS)
            for one in found
            if one.rule == rule and one.said <= slot.at and (one.until is None or slot.at - step < one.until)
        ]
        lasts[f"{rule}_min"] = max(its, default=Fraction(0))
        longest = max([longest, *its])
    values = {**lasts, LASTS: longest}
    return values if slot.speed is None else {**values, "speed": exact(slot.speed)}


def _only_standing(air: Mapping[str, Known]) -> dict[str, Known]:
    return {code: air[code] for code in (STANDING, least_of(STANDING), *_AIR) if code in air}


def _days(look: Look, since: int) -> Iterator[DayCounts]:
    """The days of the stations that are asked for."""
    days = days_between(civil_day(since + 1, look.zone), civil_day(look.over_by, look.zone))
    traffic = look.traffic
    return counts_of_days(
        look.store, look.registry, days, look.zone, traffic, look.intervals, look.over_by, look.subjects
    )


_MEASURED = {
    "tunnel_co": Shown("一氧化碳", "CO", OF_FAMILY["traffic"]["tunnel_co"].unit),
    "tunnel_extinction": Shown(
        "烟尘（消光系数）", "visibility (extinction K)", OF_FAMILY["traffic"]["tunnel_extinction"].unit
    ),
    "tunnel_no2": Shown("二氧化氮", "NO2", OF_FAMILY["traffic"]["tunnel_no2"].unit),
}
_STANDING = {
    STANDING: Shown("占阻滞交通限值的比例", "share of the limit of standing traffic"),
    least_of(STANDING): Shown("占阻滞交通限值的比例至少", "share of the limit of standing traffic, at least"),
}
_SPEED = {"speed": Shown("平均车速", "mean speed", "km/h")}

SIGNALS: Mapping[str, Signal] = {
    "tunnel_air": Signal(
        STATION,
        {
            VALUE: Shown("占限值的比例", "share of its limit"),
            least_of(VALUE): Shown("占限值的比例至少", "share of its limit, at least"),
            **_STANDING, **_MEASURED,
        },
        "traffic", PERIODS, _air, _HAD_H, 0, felt_h=_FELT_H,
    ),
    "traffic_saturation": Signal(
        STATION, {VALUE: Shown("饱和度", "saturation v/C"), **_SPEED}, "traffic", PERIODS, _saturation, 0,
        _QUARTER_MIN * _MINUTE_MS, felt_h=_FELT_H,
    ),
    "traffic_hints": Signal(
        STATION,
        {
            LASTS: Shown("持续时间", "lasts", "min"),
            "drop_min": Shown("流量与车速骤降", "flow and speed dropped", "min"),
            "standing_min": Shown("车流停滞", "standing traffic", "min"),
            "stopped_min": Shown("车辆停驶", "stopped vehicles", "min"),
            **_SPEED, **_STANDING, **_MEASURED,
        },
        "traffic", PERIODS, _hints, _HINTS_BEFORE_H, 0, felt_h=_FELT_H,
    ),
}  # fmt: skip
