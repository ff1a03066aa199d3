"""Of tunnels and roads, by station: the air against its limits, how full the road is, and hints at incidents.

    air          the greatest share of a limit [1]: the newest mean of each quantity over its limit's minutes, by the clock,
                 against the limit of that state of traffic; `standing`: against those of traffic that hardly moves
    saturation   v / C by quarters of an hour, or by the station's own intervals where these are longer [1]
    hints        how long a drop, standing traffic or stopped vehicles last, from when it could be said on [min]; and `standing`

What counts is what counts for the day of a station (`processors/traffic/`). A quantity of air that the station had within three
days before (of hints: a day) and not now makes its share one that is known in part.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import NamedTuple

from processors.alerts.signals.look import Look, Signal
from processors.alerts.signals.subjects import STATION
from processors.alerts.values import VALUE, Known, Shown, Values, least_of
from processors.indicators.exact import exact
from processors.standards.tunnel_air import State
from processors.traffic.air import Mean, means_of_day
from processors.traffic.counts import PERIODS
from processors.traffic.days import DayCounts, counts_of_days, traffic_stations
from processors.traffic.driven import is_whole, saturation_of
from processors.traffic.incidents.hints import Hint, Slot, hints, may_begin, stopped_vehicles
from processors.traffic.incidents.rules import incident_rules
from processors.traffic.incidents.watch import slots_of, vehicles_of
from processors.windows import civil_day, day_bounds, days_between, ends
from processors.withheld import withheld
from sensors.instants import DAY_MS, HOUR_MS, MINUTE_MS
from sensors.quantities import OF_FAMILY

STANDING = "standing"
"""The greatest share of a limit of traffic that hardly moves."""
LASTS = "lasts"
"""How long the longest of all hints lasts."""

# Chosen: today, and what a change of today is felt in.
_SHARED_DAYS = 3
_QUARTER_MIN = 15
# Chosen: a quantity of air that does not come for three days is none of the station's any more.
_HAD_H = 72
# Which intervals came, and by which readings a window is known, is of the day.
_FELT_H = 24
_HINTS_BEFORE_H = 24 * incident_rules().usual.days
_AIR = ("tunnel_co", "tunnel_extinction", "tunnel_no2")
_HINTS = ("drop", "standing", "stopped")


class _Window(NamedTuple):
    """A mean; `applies`: traffic was in the limit's state."""

    until: int
    mean: Mean
    applies: bool

    @property
    def value(self) -> Fraction:
        """The mean itself [canonical unit]."""
        return Fraction(self.mean.total, self.mean.parts)


class _Limit(NamedTuple):
    """The windows of one limit at a station, in order of time; the state of traffic that it is of, what a mean may be at most."""

    quantity: str
    width: int
    state: State | None
    most: Fraction
    windows: list[_Window]

    def at(self, instant: int) -> _Window | None:
        """The newest window that has ended then; None where it did not come."""
        place = bisect_right(self.windows, instant, key=lambda one: one.until)
        if place == 0 or instant - self.windows[place - 1].until >= self.width:
            return None
        return self.windows[place - 1]


class _Air:
    """The air of a station: its limits by their number, and when each of its quantities came [ms]; one that has not come for
    `had_ms` [ms] is none of the station's."""

    def __init__(self, had_ms: int) -> None:
        self.had_ms = had_ms
        self.limits: dict[tuple[int, Fraction], _Limit] = {}
        self.came: dict[str, list[int]] = {}

    def add(self, one: DayCounts, look: Look) -> None:
        """What came on a day, and its windows."""
        for quantity in _limited(look):
            there = [ends(frame[frame[quantity].notna()]) for frame in one.frames.values()]
            at = sorted({int(instant) for of in there for instant in of})
            if at:
                self.came.setdefault(quantity, []).extend(at)
        air = look.traffic.air
        for of in means_of_day(one.frames, one.counts, air):
            if of.limit.quantity in self.came:
                width = of.limit.minutes * MINUTE_MS
                new = _Limit(of.limit.quantity, width, of.limit.state, of.most, [])
                limit = self.limits.setdefault((air.limits.index(of.limit), of.most), new)
                found = [_Window(mean.until, mean, True) for mean in of.means]
                found += [_Window(mean.until, mean, False) for mean in of.others]
                limit.windows.extend(sorted(window for window in found if window.until <= look.over_by))

    def instants(self) -> list[int]:
        """At which a window has ended [ms]."""
        return sorted({window.until for limit in self.limits.values() for window in limit.windows})

    def at(self, instant: int) -> dict[str, Known]:
        """The shares of an instant, of the quantities that the station has: whole where all are known."""
        found: dict[str, Known] = {}
        quantities = [quantity for quantity, came in self.came.items() if self._has(came, instant)]
        shares: dict[str, list[Fraction]] = {VALUE: [], STANDING: []}
        for quantity in quantities:
            its = [(limit, limit.at(instant)) for limit in self.limits.values() if limit.quantity == quantity]
            came = [(limit, window) for limit, window in its if window is not None]
            if came:
                found[quantity] = max(came, key=lambda pair: pair[1].until)[1].value
            now = [window.value / limit.most for limit, window in came if window.applies]
            slow = [window.value / limit.most for limit, window in came if limit.state == "slow"]
            # What has no limit of such traffic cannot be beyond one.
            slow = slow or [Fraction(0) for _ in now if not any(limit.state == "slow" for limit, _ in its)]
            shares[VALUE] += [max(now)] if now else []
            shares[STANDING] += [max(slow)] if slow else []
        for code, known in shares.items():
            if known:
                found[code if len(known) == len(quantities) else least_of(code)] = max(known)
        return found

    def _has(self, came: Sequence[int], instant: int) -> bool:
        place = bisect_right(came, instant)
        return place > 0 and instant - came[place - 1] <= self.had_ms


def _air(look: Look) -> Mapping[str, Values]:
    if not _limited(look):
        return {}
    shown_from = look.start + _HAD_H * HOUR_MS
    newest = shown_from - max(limit.minutes for limit in look.traffic.air.limits) * MINUTE_MS
    days_from = day_bounds(civil_day(newest, look.zone), look.zone)[0]
    stations: dict[str, _Air] = {}
    for name, quantity, came in _came(look, days_from):
        stations.setdefault(name, _Air(_HAD_H * HOUR_MS)).came[quantity] = came
    for one in _days(look, days_from):
        stations.setdefault(one.counts.entry.id, _Air(_HAD_H * HOUR_MS)).add(one, look)
    found = {
        name: {instant: air.at(instant) for instant in air.instants() if instant > shown_from}
        for name, air in stations.items()
    }
    return {name: of for name, of in found.items() if of}


def _came(look: Look, until: int) -> Iterator[tuple[str, str, list[int]]]:
    """When the quantities of air of stations came until then [ms], in order of time."""
    names = [name for name in traffic_stations(look.registry) if look.subjects is None or name in look.subjects]
    found: dict[tuple[str, str], set[int]] = {}
    for period in PERIODS:
        frame = withheld(
            look.store.readings("traffic", period, look.start, until, names, _limited(look)), look.intervals, period
        )
        for quantity in _limited(look):
            there = frame[frame[quantity].notna()]
            for station, at in zip(there["station"].tolist(), ends(there).tolist(), strict=True):
                found.setdefault((station, quantity), set()).add(at)
    yield from ((station, quantity, sorted(at)) for (station, quantity), at in found.items())


def _limited(look: Look) -> list[str]:
    """The quantities of air that the city has a limit of."""
    return [code for code in _AIR if any(limit.quantity == code for limit in look.traffic.air.limits)]


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


class _Driven:
    """What was counted of stations: intervals by station and length [ms], and single vehicles."""

    def __init__(self, days: Iterable[DayCounts], until: int) -> None:
        self.slots: dict[tuple[str, int], list[Slot]] = {}
        self.passed: dict[str, list[tuple[int, float]]] = {}
        self.days: list[DayCounts] = []
        for one in days:
            name = one.counts.entry.id
            its = [slot for slot in slots_of(one.counts) if slot.at <= until]
            self.slots.setdefault((name, one.counts.step), []).extend(its)
            self.passed.setdefault(name, []).extend(vehicles_of(one, until))
            self.days.append(one)

    def suspicious(self) -> set[str]:
        """The stations at which a hint may have begun."""
        rules = incident_rules()
        slow = {name for name, of in self.passed.items() if any(speed <= rules.stopped.speed_km_h for _, speed in of)}
        return slow | {name for (name, _), of in self.slots.items() if may_begin(of, rules)}


def _hints(look: Look) -> Mapping[str, Values]:
    # What is usual is read of those alone at which something may have begun, a day before the first point at the earliest.
    shown_from = look.start + _HINTS_BEFORE_H * HOUR_MS
    driven = _Driven(_days(look, shown_from - DAY_MS), look.over_by)
    suspicious = driven.suspicious()
    known = _Driven(_days(look._replace(subjects=suspicious), look.start), look.over_by) if suspicious else driven
    rules = incident_rules()
    air: dict[str, _Air] = {}
    for one in driven.days:
        air.setdefault(one.counts.entry.id, _Air(DAY_MS)).add(one, look)
    found: dict[str, dict[int, Mapping[str, Known]]] = {}
    for (name, step), of in driven.slots.items():
        its: list[Hint] = []
        if name in suspicious:
            its = hints(name, known.slots[name, step], step, look.over_by, rules, look.zone)
            its += stopped_vehicles(name, known.passed[name], look.over_by, rules)
        found.setdefault(name, {}).update(
            (slot.at, {**_lasting(its, slot, step), **_only_standing(air[name].at(slot.at))})
            for slot in of
            if slot.at > shown_from
        )
    return {name: dict(sorted(of.items())) for name, of in found.items() if of}


def _lasting(found: Sequence[Hint], slot: Slot, step: int) -> dict[str, Known]:
    """How long each hint lasts at the end of an interval; nothing where neither a speed nor an occupancy came."""
    if slot.speed is None and slot.occupancy is None:
        return {}
    lasts: dict[str, Known] = {}
    longest = Fraction(0)
    for rule in _HINTS:
        its = [
            Fraction(slot.at - one.since, MINUTE_MS)
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
    """The days of the stations that are asked for; the newest are shared by the looks of a step."""
    days = days_between(civil_day(since + 1, look.zone), civil_day(look.over_by, look.zone))
    shared = {} if look.shared is None else look.shared
    stations = None if look.subjects is None else frozenset(look.subjects)
    newest = [("traffic", day, stations) for day in days[-_SHARED_DAYS:]]
    yield from _counted(look, days[: len(days) - len(newest)])
    lacking = [key[1] for key in newest if key not in shared]
    shared |= {("traffic", day, stations): [] for day in lacking}
    for one in _counted(look, lacking):
        shared["traffic", one.day, stations].append(one)
    for key in newest:
        yield from shared[key]


def _counted(look: Look, days: Sequence[date]) -> Iterator[DayCounts]:
    if days:
        yield from counts_of_days(
            look.store, look.registry, days, look.zone, look.traffic, look.intervals, look.over_by, look.subjects
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
        _QUARTER_MIN * MINUTE_MS, felt_h=_FELT_H,
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
