"""What happens to the simulated river: rains and spills, drawn for a year from a seed."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from math import exp
from random import Random
from typing import NamedTuple

from sensors.instants import DAY_MS, HOUR_MS, to_datetime, to_millis
from simulators.city import ZONE
from simulators.river.course import RIVER, station

REACHES_H = 96.0
"""How long a spill or a rain is felt at most [h]: chosen beyond the longest way down the river."""

_MOST_RAIN = 2.0  # that several rains at once make together [strongest hours of an average one], chosen


class Spill(NamedTuple):
    """So much of a substance [kg] let into the river just above a section, evenly over some hours from `at` [ms] on."""

    at: int
    section: str
    code: str
    mass_kg: float
    hours: int


class Rain(NamedTuple):
    """A rain that begins at `at` [ms], so strong against the average."""

    at: int
    strength: float


class Scenario(NamedTuple):
    """What happens: spills as drawn (None) or these; rain, fouling and service or not."""

    spills: Sequence[Spill] | None = None
    rain: bool = True
    fouling: bool = True
    maintenance: bool = True


USUAL = Scenario()


@lru_cache(maxsize=32)
def spills(seed: int, year: int) -> tuple[Spill, ...]:
    """The spills of a year, by time."""
    rng, of = Random(f"{seed}/spills/{year}"), RIVER.spill
    start = to_millis(datetime(year, 1, 1, tzinfo=ZONE))
    rivers = [one for one in RIVER.section if station(one.id).water_body == "river"]
    found = []
    for _ in range(of.per_year):
        section = rng.choice(rivers)
        code, hours = rng.choice(of.substances), rng.randint(*of.hours)
        plateau = rng.uniform(*of.strength) * section.levels[code]  # mg/L above the level, at the section's usual flow
        at = start + rng.randrange(int(364 * DAY_MS / HOUR_MS)) * HOUR_MS
        found.append(Spill(at, section.id, code, plateau * section.flow * hours * 3.6, hours))
    return tuple(sorted(found))


@lru_cache(maxsize=32)
def rains(seed: int, year: int) -> tuple[Rain, ...]:
    """The rains of a year, by time."""
    rng = Random(f"{seed}/rain/{year}")
    found = []
    for month, usual in enumerate(RIVER.rain.per_month, start=1):
        begins = to_millis(datetime(year, month, 1, tzinfo=ZONE))
        for _ in range(max(0, round(rng.gauss(usual, 1)))):
            found.append(Rain(begins + rng.randrange(28 * 24) * HOUR_MS, rng.uniform(0.3, 1.7)))
    return tuple(sorted(found))


def spills_felt(seed: int, at: int, scenario: Scenario) -> list[Spill]:
    """The spills that may be felt somewhere at an instant [ms], of last year too."""
    drawn = scenario.spills
    if drawn is None:
        drawn = [spill for year in _years(at) for spill in spills(seed, year)]
    return [one for one in drawn if 0 < at - one.at < REACHES_H * HOUR_MS]


def raining(seed: int, at: int, scenario: Scenario) -> float:
    """How much it rains into the river at an instant: 1 in the strongest hour of an average rain, everywhere alike."""
    return _raining(seed, at) if scenario.rain else 0.0


@lru_cache(maxsize=20_000)
def _raining(seed: int, at: int) -> float:
    total, to_peak = 0.0, RIVER.rain.hours_to_peak
    for rain in (rain for year in _years(at) for rain in rains(seed, year)):
        hours = (at - rain.at) / HOUR_MS
        if 0 < hours < REACHES_H:
            total += rain.strength * hours / to_peak * exp(1 - hours / to_peak)
    return min(total, _MOST_RAIN)


def _years(at: int) -> list[int]:
    """The civil years whose events may be felt at an instant [ms]."""
    years = {to_datetime(at, ZONE).year, to_datetime(at - int(REACHES_H * HOUR_MS), ZONE).year}
    return sorted(years)
