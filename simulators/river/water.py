"""What is in the water of the simulated river at an instant, and where a spill is felt.

The course of a spill is a formula: what is let in at a rate of m [g/s] from 0 to T is, x downstream (advection and dispersion,
the leading term of Ogata and Banks, 1961),

    added(x, t) = m / Q · ½ [erfc((x - u t) / √(4 D t)) - erfc((x - u (t - T)) / √(4 D (t - T)))]      [mg/L = g/m³]

with the flow Q [m³/s] at the section at that instant, so that rain thins a spill and no more passes than was let in, the
velocity u [m/s] of the way, which is the registry's in any weather, and the dispersion D [m²/s].
"""

from datetime import datetime
from functools import lru_cache
from math import cos, erfc, pi, sqrt
from random import Random
from typing import NamedTuple

from sensors.instants import DAY_MS, HOUR_MS, to_datetime, to_millis
from simulators.city import ZONE
from simulators.river.course import RIVER, SECTIONS, way
from simulators.river.events import REACHES_H, USUAL, Scenario, Spill, raining, spills_felt

_NODE_MS = 3 * DAY_MS  # between the knots of the slow part of the scatter, chosen
_YEAR_MS = 365.25 * DAY_MS
_WINTER_MS = to_millis(datetime(2026, 1, 20, tzinfo=ZONE))  # when it is coldest, chosen


class Arrival(NamedTuple):
    """A spill at a section: when it adds more than a tenth of its greatest there, from when till when, and when how much at most
    [ms, ms, ms, mg/L]."""

    section: str
    start: int
    end: int
    peak: int
    added: float


def true_values(seed: int, section: str, at: int, scenario: Scenario = USUAL) -> dict[str, float]:
    """What is in the water at an instant [ms], by quantity [canonical unit]: without scatter of instruments and fouling."""
    of, rain = SECTIONS[section], raining(seed, at, scenario)
    local = to_datetime(at, ZONE)
    winter = cos(2 * pi * (at - _WINTER_MS) / _YEAR_MS)
    afternoon = cos(2 * pi * (local.hour + local.minute / 60 - 15) / 24)
    values = {"water_temperature": 18 - 9.5 * winter + 0.8 * afternoon, **of.levels}
    for code, share in RIVER.swing.items():
        if code in values:
            values[code] *= 1 + share * winter
    for code, share in RIVER.day.items():
        values[code] *= 1 + share * afternoon
    # Cold water holds more oxygen.
    values["dissolved_oxygen"] *= 1 + 0.05 * winter
    for code in values:
        values[code] *= _weathered(seed, section, code, at, rain)
    values["flow"] = flow(seed, section, at, scenario)
    for spill in spills_felt(seed, at, scenario):
        values[spill.code] += added(spill, section, at, values["flow"])
    return values


def flow(seed: int, section: str, at: int, scenario: Scenario = USUAL) -> float:
    """The flow [m³/s] at an instant [ms]."""
    return SECTIONS[section].flow * _weathered(seed, section, "flow", at, raining(seed, at, scenario))


def added(spill: Spill, section: str, at: int, flow: float) -> float:
    """What a spill adds at a section at an instant [ms] at which so much flows by [m³/s]: mg/L of its substance."""
    gone = way(spill.section, section)
    since = (at - spill.at) / HOUR_MS
    if gone is None or not 0 < since < REACHES_H:
        return 0.0
    # It enters half an hour above its section, and half a kilometre.
    seconds = (gone[1] + 0.5) * 3_600
    distance = 1_000 * (gone[0] + 0.5)
    elapsed = since * 3_600
    passed = _front(distance, distance / seconds, elapsed) - _front(
        distance, distance / seconds, elapsed - spill.hours * 3_600
    )
    return 1_000 * spill.mass_kg / (spill.hours * 3_600) / flow * passed


def arrivals(seed: int, spill: Spill, scenario: Scenario = USUAL) -> list[Arrival]:
    """Where a spill is felt, in order of time."""
    found = []
    for section in SECTIONS:
        if way(spill.section, section) is None:
            continue
        moments = range(spill.at, spill.at + int(REACHES_H) * HOUR_MS, HOUR_MS // 4)
        series = [(added(spill, section, at, flow(seed, section, at, scenario)), at) for at in moments]
        greatest, peak = max(series)
        if greatest > 0:
            felt = [at for value, at in series if value > greatest / 10]
            found.append(Arrival(section, felt[0], felt[-1], peak, greatest))
    return sorted(found, key=lambda arrival: arrival.peak)


def _weathered(seed: int, section: str, code: str, at: int, rain: float) -> float:
    """What scatter of some days and rain make of a level or flow [factor]."""
    share = RIVER.scatter.get(code, 0.0)
    scattered = 1 + 0.6 * share * _slow(seed, section, code, at) if share else 1.0
    return scattered * (1 + RIVER.rain.effect.get(code, 0.0) * rain)


def _front(distance: float, velocity: float, elapsed: float) -> float:
    """How much of its plateau a release that began so long ago [s] has reached, so far downstream [m]."""
    if elapsed <= 0:
        return 0.0
    return erfc((distance - velocity * elapsed) / sqrt(4 * RIVER.spill.dispersion * elapsed)) / 2


def _slow(seed: int, section: str, code: str, at: int) -> float:
    """The part of the scatter that lasts for days: normal, joined smoothly from knot to knot."""
    number, rest = divmod(at, _NODE_MS)
    share = (1 - cos(pi * rest / _NODE_MS)) / 2
    return (1 - share) * _knot(seed, section, code, number) + share * _knot(seed, section, code, number + 1)


@lru_cache(maxsize=20_000)
def _knot(seed: int, section: str, code: str, number: int) -> float:
    return max(-2.0, min(2.0, Random(f"{seed}/{section}/{code}/knot/{number}").gauss(0, 1)))
