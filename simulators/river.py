"""A simulated river: sections up and down stream, rain, spills of known time, place and mass, sensors that foul and are cleaned.

A section's levels lie in the middle of a class (`river.toml`) and stay inside it with season, scatter and rain, so its class is
known by construction; spills are apart, and their course is a formula: what is let in at a rate of m [g/s] from 0 to T is, x
downstream (advection and dispersion, the leading term of Ogata and Banks, 1961),

    added(x, t) = m / Q · ½ [erfc((x - u t) / √(4 D t)) - erfc((x - u (t - T)) / √(4 D (t - T)))]      [mg/L = g/m³]

with the flow Q [m³/s] at the section, the velocity u [m/s] of the way and the dispersion D [m²/s]. Every cycle can be made alone:
randomness is keyed by what it is for. The water that passes a section four-hourly is measured; noise is of the instrument too.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from importlib.resources import files
from math import cos, erfc, exp, pi, sqrt
from random import Random
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from sensors.formats.native import encode
from sensors.instants import DAY_MS, HOUR_MS, to_datetime, to_millis
from sensors.quantities import OF_FAMILY
from sensors.reading import Status
from sensors.stations import Registry, Station, load_registry
from sensors.topics import Address, topic_of
from simulators.city import ZONE
from simulators.message import OutMessage

CYCLE_MS = 4 * HOUR_MS
_NODE_MS = 3 * DAY_MS  # between the knots of the slow part of the scatter, chosen
_YEAR_MS = 365.25 * DAY_MS
_WINTER_MS = to_millis(datetime(2026, 1, 20, tzinfo=ZONE))  # when it is coldest, chosen
_REACHES_H = 96.0  # how long a spill or a rain is felt at most [h], chosen beyond the longest way down the river


class Spill(NamedTuple):
    """So much of a substance [kg] let into the river just above a section, evenly over some hours from `at` [ms] on."""

    at: int
    section: str
    code: str
    mass_kg: float
    hours: int


class Arrival(NamedTuple):
    """A spill at a section: when it adds more than a tenth of its greatest there, from when till when, and when how much at most
    [ms, ms, ms, mg/L]."""

    section: str
    start: int
    end: int
    peak: int
    added: float


class Rain(NamedTuple):
    """A rain that begins at `at` [ms], so strong against the average."""

    at: int
    strength: float


class Sampled(NamedTuple):
    """What a station sends of a cycle: its end [ms], values by quantity, and the state of its instruments."""

    at: int
    values: Mapping[str, float]
    state: Status = "normal"


class Scenario(NamedTuple):
    """What happens: spills as drawn (None) or these; rain, fouling and maintenance or not."""

    spills: Sequence[Spill] | None = None
    rain: bool = True
    fouling: bool = True
    maintenance: bool = True


USUAL = Scenario()


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Section(_Data):
    id: str
    cls: int = Field(alias="class")
    worst: tuple[str, ...]
    flow: float
    levels: Mapping[str, float]


class _Rain(_Data):
    per_month: tuple[float, ...]
    hours_to_peak: float
    effect: Mapping[str, float]


class _Spills(_Data):
    per_year: int
    substances: tuple[str, ...]
    hours: tuple[int, int]
    strength: tuple[float, float]
    dispersion: float


class _Fouling(_Data):
    cleaned_every_days: int
    chance: float
    share_a_day: tuple[float, float]
    codes: tuple[str, ...]


class _River(_Data):
    section: tuple[_Section, ...]
    swing: Mapping[str, float]
    scatter: Mapping[str, float]
    day: Mapping[str, float]
    rain: _Rain
    spill: _Spills
    fouling: _Fouling


_RIVER = _River.model_validate(tomllib.loads(files("simulators").joinpath("river.toml").read_text("utf-8")))
_SECTIONS: Mapping[str, _Section] = {one.id: one for one in _RIVER.section}


def river_registry_text() -> str:
    """The registry of the river, as the TOML of `sensors.stations.load_registry`."""
    return files("simulators").joinpath("liangtan.toml").read_text("utf-8")


@lru_cache(maxsize=1)
def river() -> Registry:
    """Its sections."""
    return load_registry(river_registry_text(), "simulators/liangtan.toml")


def true_class(section: str) -> tuple[int, tuple[str, ...]]:
    """The class (1 to 6) of every month and year of a section that no spill passes, and the items that make it."""
    return _SECTIONS[section].cls, _SECTIONS[section].worst


@lru_cache(maxsize=32)
def spills(seed: int, year: int) -> tuple[Spill, ...]:
    """The spills of a year, by time."""
    rng, of = Random(f"{seed}/spills/{year}"), _RIVER.spill
    start = to_millis(datetime(year, 1, 1, tzinfo=ZONE))
    found = []
    for _ in range(of.per_year):
        section = rng.choice([one for one in _RIVER.section if _station(one.id).water_body == "river"])
        code, hours = rng.choice(of.substances), rng.randint(*of.hours)
        plateau = rng.uniform(*of.strength) * section.levels[code]  # mg/L above the level
        at = start + rng.randrange(int(364 * DAY_MS / HOUR_MS)) * HOUR_MS
        found.append(Spill(at, section.id, code, plateau * section.flow * hours * 3.6, hours))
    return tuple(sorted(found))


@lru_cache(maxsize=32)
def rains(seed: int, year: int) -> tuple[Rain, ...]:
    """The rains of a year, by time."""
    rng = Random(f"{seed}/rain/{year}")
    found = []
    for month, usual in enumerate(_RIVER.rain.per_month, start=1):
        begins = to_millis(datetime(year, month, 1, tzinfo=ZONE))
        for _ in range(max(0, round(rng.gauss(usual, 1)))):
            found.append(Rain(begins + rng.randrange(28 * 24) * HOUR_MS, rng.uniform(0.3, 1.7)))
    return tuple(sorted(found))


def way(upstream: str, downstream: str) -> tuple[float, float] | None:
    """How far [km] and how long [h] the water goes from one section to another below it; None where it does not."""
    km = hours = 0.0
    at = _station(upstream)
    while at.id != downstream:
        if at.downstream is None or at.travel_h is None:
            return None
        below = _station(at.downstream)
        # Into another river its kilometres count from elsewhere: the water goes on at the same pace.
        step = (
            below.river_km - at.river_km if below.river == at.river and below.river_km and at.river_km else at.travel_h
        )
        km, hours, at = km + step, hours + at.travel_h, below
    return km, hours


def added(spill: Spill, section: str, at: int) -> float:
    """What a spill adds at a section at an instant [ms]: mg/L of its substance."""
    gone = way(spill.section, section)
    since = (at - spill.at) / HOUR_MS
    if gone is None or not 0 < since < _REACHES_H:
        return 0.0
    # It enters half an hour above its section, and half a kilometre.
    seconds = (gone[1] + 0.5) * 3_600
    distance = 1_000 * (gone[0] + 0.5)
    plateau = 1_000 * spill.mass_kg / (spill.hours * 3_600) / _SECTIONS[section].flow
    elapsed = since * 3_600
    passed = _front(distance, distance / seconds, elapsed) - _front(
        distance, distance / seconds, elapsed - spill.hours * 3_600
    )
    return plateau * passed


def _front(distance: float, velocity: float, elapsed: float) -> float:
    """How much of its plateau a release that began so long ago [s] has reached, so far downstream [m]."""
    if elapsed <= 0:
        return 0.0
    return erfc((distance - velocity * elapsed) / sqrt(4 * _RIVER.spill.dispersion * elapsed)) / 2


def arrivals(spill: Spill) -> list[Arrival]:
    """Where a spill is felt, in order of time."""
    found = []
    for one in _RIVER.section:
        series = [
            (added(spill, one.id, at), at) for at in range(spill.at, spill.at + int(_REACHES_H) * HOUR_MS, HOUR_MS // 4)
        ]
        greatest, peak = max(series)
        if greatest > 0:
            felt = [at for value, at in series if value > greatest / 10]
            found.append(Arrival(one.id, felt[0], felt[-1], peak, greatest))
    return sorted(found, key=lambda arrival: arrival.peak)


def true_values(seed: int, section: str, at: int, scenario: Scenario = USUAL) -> dict[str, float]:
    """What is in the water at an instant [ms], by quantity [canonical unit]: without scatter of instruments and fouling."""
    of = _SECTIONS[section]
    local = to_datetime(at, ZONE)
    winter = cos(2 * pi * (at - _WINTER_MS) / _YEAR_MS)
    afternoon = cos(2 * pi * (local.hour + local.minute / 60 - 15) / 24)
    values = {"water_temperature": 18 - 9.5 * winter + 0.8 * afternoon, **of.levels, "flow": of.flow}
    for code, share in _RIVER.swing.items():
        if code in values:
            values[code] *= 1 + share * winter
    for code, share in _RIVER.day.items():
        values[code] *= 1 + share * afternoon
    # Cold water holds more oxygen.
    values["dissolved_oxygen"] *= 1 + 0.05 * winter
    for code in values:
        share = _RIVER.scatter.get(code, 0.0)
        if share:
            values[code] *= 1 + 0.6 * share * _slow(seed, section, code, at)
    if scenario.rain:
        for code, effect in _RIVER.rain.effect.items():
            values[code] *= 1 + effect * _rain(seed, at)
    drawn = spills(seed, local.year) if scenario.spills is None else scenario.spills
    for spill in drawn:
        values[spill.code] += added(spill, section, at)
    return values


def samples(seed: int, section: str, day: date, scenario: Scenario = USUAL) -> list[Sampled]:
    """The six cycles of a civil day: those that end at 04:00, 08:00, … and at the next midnight."""
    start = to_millis(datetime.combine(day, time(), ZONE))
    return [_sampled(seed, section, start + number * CYCLE_MS, scenario) for number in range(1, 7)]


def river_history(seed: int, start_day: date, end_ms: int, scenario: Scenario = USUAL) -> Iterator[OutMessage]:
    """What the stations send of the civil days from `start_day` on, as far as cycles have ended by `end_ms`: day by day one
    message per station."""
    day = start_day
    while to_millis(datetime.combine(day, time(), ZONE)) < end_ms:
        for station in river():
            records = [_record(one) for one in samples(seed, station.id, day, scenario) if one.at <= end_ms]
            if records:
                yield OutMessage(
                    topic_of(Address(station.district, station.family, station.id, "raw")), encode(records)
                )
        day += timedelta(days=1)


def _sampled(seed: int, section: str, at: int, scenario: Scenario) -> Sampled:
    rng = Random(f"{seed}/{section}/{at}")
    values = true_values(seed, section, at, scenario)
    for code in values:
        values[code] *= 1 + 0.8 * _RIVER.scatter.get(code, 0.0) * rng.gauss(0, 1)
    if scenario.fouling:
        code, share = _fouled(seed, section, at)
        if code in values:
            values[code] *= 1 + share
    for code, value in values.items():
        quantity = OF_FAMILY["water"][code]
        values[code] = round(min(max(value, quantity.low), quantity.high), min(quantity.scale, 4))
    state: Status = "maintenance" if scenario.maintenance and _maintained(seed, section, at) else "normal"
    return Sampled(at, values, state)


def _record(one: Sampled) -> dict[str, Any]:
    record: dict[str, Any] = {"at": one.at, "values": one.values}
    if one.state != "normal":
        record["status"] = dict.fromkeys(one.values, one.state)
    return record


def _rain(seed: int, at: int) -> float:
    """How much it rains into the river at an instant: 1 in the strongest hour of an average rain, everywhere alike."""
    year, total, to_peak = to_datetime(at, ZONE).year, 0.0, _RIVER.rain.hours_to_peak
    for rain in (*rains(seed, year - 1)[-3:], *rains(seed, year)):
        hours = (at - rain.at) / HOUR_MS
        if 0 < hours < _REACHES_H:
            total += rain.strength * hours / to_peak * exp(1 - hours / to_peak)
    return min(total, 2.0)


def _slow(seed: int, section: str, code: str, at: int) -> float:
    """The part of the scatter that lasts for days: normal, joined smoothly from knot to knot."""
    number, rest = divmod(at, _NODE_MS)
    share = (1 - cos(pi * rest / _NODE_MS)) / 2
    return (1 - share) * _knot(seed, section, code, number) + share * _knot(seed, section, code, number + 1)


@lru_cache(maxsize=20_000)
def _knot(seed: int, section: str, code: str, number: int) -> float:
    return max(-2.0, min(2.0, Random(f"{seed}/{section}/{code}/knot/{number}").gauss(0, 1)))


def _fouled(seed: int, section: str, at: int) -> tuple[str, float]:
    """Which sensor is fouled at an instant, if any, and by how much it reads off [share]."""
    of = _RIVER.fouling
    span, rest = divmod(at, of.cleaned_every_days * DAY_MS)
    rng = Random(f"{seed}/{section}/fouling/{span}")
    code, chance, share = rng.choice(of.codes), rng.random(), rng.uniform(*of.share_a_day)
    if chance >= of.chance:
        return "", 0.0
    # A fouled oxygen probe reads low, the others high.
    return code, (-share if code == "dissolved_oxygen" else share) * rest / DAY_MS


def _maintained(seed: int, section: str, at: int) -> bool:
    """Whether the station is cleaned and calibrated: two cycles in each of its spans."""
    span, rest = divmod(at, _RIVER.fouling.cleaned_every_days * DAY_MS)
    begins = Random(f"{seed}/{section}/maintenance/{span}").randrange(24) * DAY_MS + 8 * HOUR_MS
    return begins < rest <= begins + 2 * CYCLE_MS


def _station(section: str) -> Station:
    entry = river().entry("water", section, 0)
    if entry is None:
        raise KeyError(section)
    return entry
