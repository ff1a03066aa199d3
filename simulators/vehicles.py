"""Vehicles through the simulated tunnels: rush hours, trucks by night, queues, incidents of known time and place, air
that follows.

A direction passes what arrives, up to its capacity; what is left waits. Its speed is that of the fundamental diagram of
Greenshields (1935): with a flow q of a capacity C the speed is ½ v (1 ± √(1 - q/C)), with v that of free flow; + where
traffic flows, - where something waits. An incident leaves a share of the capacity. Counts are whole vehicles of a class
in an interval; single vehicles are made of the same counts, so both have the same totals, and the truth of any span is
a sum of them. A day is made alone: it begins without a queue, and randomness is keyed by what it is for.
"""

import tomllib
from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from importlib.resources import files
from math import floor, sqrt
from random import Random
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from sensors.instants import to_millis
from sensors.stations import Station, load_registry
from simulators.city import ZONE
from simulators.figures import tunnels_text


class Incident(NamedTuple):
    """Something that leaves a direction `passes` of its capacity from `start` to `end` [ms]."""

    station: str
    start: int
    end: int
    passes: float


class Interval(NamedTuple):
    """What passed a direction in the interval that ends `at` [ms]; whether its count is sent."""

    at: int
    by_class: Mapping[str, int]
    speed: float
    occupancy: float
    air: Mapping[str, float]
    sent: bool

    @property
    def vehicles(self) -> int:
        """All of them."""
        return sum(self.by_class.values())


class Driven(NamedTuple):
    """The truth of a span: what was sent of what passed."""

    vehicles: int
    by_class: Mapping[str, int]
    pcu: Fraction
    intervals: int


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Day(_Data):
    weekend: float
    scatter: float
    rain_chance: float
    rain_speed: float
    rain_vehicles: float
    holiday_chance: float
    holiday_vehicles: float


class _Speed(_Data):
    scatter: float
    detector_m: float


class _Air(_Data):
    co: tuple[float, float]
    no2: tuple[float, float]
    extinction: tuple[float, float]
    wind: tuple[float, float]
    scatter: float


class _Incident(_Data):
    per_year: int
    from_hour: float
    to_hour: float
    minutes: tuple[int, int]
    passes: tuple[float, float]


class _Missing(_Data):
    single: float
    run: float
    length: tuple[int, int]


class _Vehicles(_Data):
    interval_s: int
    daily: Mapping[str, int]
    shares: Mapping[str, tuple[float, ...]]
    day: _Day
    mix: Mapping[str, Mapping[str, float]]
    pcu: Mapping[str, Decimal]
    speed: _Speed
    air: _Air
    incident: _Incident
    missing: _Missing


_OF = _Vehicles.model_validate(tomllib.loads(files("simulators").joinpath("vehicles.toml").read_text("utf-8")))
INTERVAL_MS = 1_000 * _OF.interval_s
_SLOTS = 86_400 // _OF.interval_s
_PER_HOUR = 3_600 // _OF.interval_s
_NIGHT = frozenset((22, 23, 0, 1, 2, 3, 4))
_UNITS = {
    when: 1 + sum(share * (float(_OF.pcu[cls]) - 1) for cls, share in mix.items()) for when, mix in _OF.mix.items()
}
"""Passenger car units of a vehicle on average [pcu]."""


@lru_cache(maxsize=1)
def tunnel_stations() -> Mapping[str, Station]:
    """The directions of the tunnels, by id."""
    return {one.id: one for one in load_registry(tunnels_text(), "simulators/tunnels.toml")}


@lru_cache(maxsize=64)
def incidents(seed: int, year: int) -> tuple[Incident, ...]:
    """Those of a year, in order of time."""
    rng, of = Random(f"{seed}/incidents/{year}"), _OF.incident
    first, length = date(year, 1, 1), (date(year + 1, 1, 1) - date(year, 1, 1)).days
    found = []
    for _ in range(of.per_year):
        midnight = midnight_of(first + timedelta(days=rng.randrange(length)))
        start = midnight + round(rng.uniform(of.from_hour, of.to_hour) * 3_600_000)
        end = start + 60_000 * rng.randint(*of.minutes)
        found.append(Incident(rng.choice(sorted(_OF.daily)), start, end, rng.uniform(*of.passes)))
    return tuple(sorted(found, key=lambda one: one.start))


@lru_cache(maxsize=1024)
def counted(seed: int, station: str, day: date, *, disturbed: bool = True) -> tuple[Interval, ...]:
    """The intervals of a direction on a civil day; where not `disturbed`, as they had been without an incident."""
    entry, rng = tunnel_stations()[station], Random(f"{seed}/vehicles/{station}/{day}")
    capacity, lanes, free = entry.capacity_pcu_h or 0.0, entry.lanes or 1, entry.free_flow_km_h or 0.0
    expected, weather = _demand(seed, station, day, rng)
    midnight, waiting, found = midnight_of(day), 0.0, []
    tomorrow = midnight + _SLOTS * INTERVAL_MS
    events = [
        one
        for one in incidents(seed, day.year)
        if disturbed and one.station == station and midnight < one.end and one.start < tomorrow
    ]
    lost = _missing(seed, station, day)
    jam = 4 * capacity / free
    for slot in range(_SLOTS):
        at = midnight + (slot + 1) * INTERVAL_MS
        when = "night" if slot // _PER_HOUR in _NIGHT else "day"
        mix, units = _OF.mix[when], _UNITS[when]
        left = _left(events, at)
        most = capacity * left / _PER_HOUR / units
        wanting = expected[slot] + waiting
        passing = min(wanting, most)
        waiting = wanting - passing
        number = max(0, round(rng.gauss(passing, 0.7 * sqrt(passing))))
        by_class = _split(number, mix, rng)
        flow = min(number * units * _PER_HOUR / capacity, 0.98)
        root = sqrt(1 - flow)
        share = 0.5 * (1 - root if waiting else 1 + root) * (0.7 if left < 1 and not waiting else 1)
        speed = max(0.5, free * share * (1 if waiting else weather) * rng.gauss(1, _OF.speed.scatter))
        density = min(number * units * _PER_HOUR / speed / jam, 1.0)
        occupancy = min(100.0, density * jam / lanes * _OF.speed.detector_m / 10)
        air = _air(density, speed / free, rng)
        found.append(Interval(at, by_class, round(speed, 1), round(occupancy, 1), air, slot not in lost))
    return tuple(found)


def driven(seed: int, station: str, since: int, until: int) -> Driven:
    """What the intervals that end in (since, until] [ms] and are sent hold."""
    by_class, intervals = Counter[str](), 0
    day = datetime.fromtimestamp(since / 1000, ZONE).date()
    while midnight_of(day) < until:
        for one in counted(seed, station, day):
            if one.sent and since < one.at <= until:
                by_class.update(one.by_class)
                intervals += 1
        day += timedelta(days=1)
    pcu = sum((number * Fraction(_OF.pcu[cls]) for cls, number in by_class.items()), Fraction(0))
    return Driven(by_class.total(), {cls: n for cls, n in sorted(by_class.items()) if n}, pcu, intervals)


def _demand(seed: int, station: str, day: date, rng: Random) -> tuple[list[float], float]:
    """Vehicles that arrive by interval, and how fast the day's weather lets them drive [share]."""
    of, of_city = _OF.day, Random(f"{seed}/day/{day}")
    rain, holiday = of_city.random() < of.rain_chance, of_city.random() < of.holiday_chance
    weekend = day.weekday() >= 5 or holiday
    total = _OF.daily[station] * (of.weekend if weekend else 1) * (of.rain_vehicles if rain else 1)
    total *= (of.holiday_vehicles if holiday else 1) * rng.gauss(1, of.scatter)
    shares = _OF.shares["weekend" if weekend else station[-1]]
    of_slots = []
    for slot in range(_SLOTS):
        hours = (slot + 0.5) / _PER_HOUR - 0.5
        low, part = floor(hours), hours - floor(hours)
        of_slots.append(shares[low % 24] * (1 - part) + shares[(low + 1) % 24] * part)
    whole = sum(of_slots)
    return [total * share / whole for share in of_slots], of.rain_speed if rain else 1.0


def _left(events: list[Incident], at: int) -> float:
    """What is left of the capacity in the interval that ends `at`."""
    left = 1.0
    for one in events:
        overlap = min(one.end, at) - max(one.start, at - INTERVAL_MS)
        left -= (1 - one.passes) * max(overlap, 0) / INTERVAL_MS
    return max(left, 0.02)


def _split(number: int, mix: Mapping[str, float], rng: Random) -> dict[str, int]:
    found, left = {}, number
    for cls, share in mix.items():
        found[cls] = min(left, floor(number * share + rng.random()))
        left -= found[cls]
    return {"car": left, **found}


def _air(density: float, speed: float, rng: Random) -> dict[str, float]:
    of = _OF.air
    air = {
        name: low + more * density
        for name, (low, more) in (("co", of.co), ("no2", of.no2), ("extinction", of.extinction))
    }
    air["wind"] = of.wind[0] + of.wind[1] * speed
    return {name: value * rng.gauss(1, of.scatter) for name, value in air.items()}


def _missing(seed: int, station: str, day: date) -> set[int]:
    """The intervals whose counts are not sent."""
    rng, of = Random(f"{seed}/missing/{station}/{day}"), _OF.missing
    lost = {slot for slot in range(_SLOTS) if rng.random() < of.single}
    if rng.random() < of.run:
        first = rng.randrange(_SLOTS)
        lost |= set(range(first, min(_SLOTS, first + rng.randint(*of.length))))
    return lost


def midnight_of(day: date) -> int:
    """When a civil day of the city begins [ms]."""
    return to_millis(datetime.combine(day, time(), ZONE))
