"""Simulated air whose daily class is known by construction.

Every civil day of a seed has one kind (`air.toml`): a class, a primary pollutant, and daily values drawn well inside
that class. `hours` spreads a day's values over its 24 hours so that daily means and the greatest 8-hour ozone mean come
out as drawn; stations differ from the city by at most `SPREAD`. So every assessment station and the city have the class
that `truth` says, under HJ 633-2012 and HJ 633-2026 alike. Every day can be made alone: randomness is keyed by what it
is for.
"""

import tomllib
from calendar import monthrange
from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from importlib.resources import files
from math import cos, exp, pi
from random import Random
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from sensors.stations import Station

# The codes of processors/standards/hj633-*.toml.
Category = Literal["excellent", "good", "light", "moderate", "heavy"]
Primary = Literal["pm2_5", "pm10", "o3"]

_SITE = 0.025  # how far a station is from the city on all days [share], chosen with air.toml's ranges
_DAILY = 0.015  # and how much further on a single day
SPREAD = _SITE + _DAILY
_NOISE = 0.05  # of an hour against the shape of its day [share]
_LONGEST_EPISODE = 3  # polluted days in a row [d], chosen: what Chongqing's winters and heat waves are like


class DayTruth(NamedTuple):
    """What a day is: its class, its primary pollutant (None when excellent)."""

    day: date
    category: Category
    primary: Primary | None

    @property
    def good(self) -> bool:
        """Whether the day counts as a good-air day (优良)."""
        return self.category in ("excellent", "good")


class _Range(NamedTuple):
    low: float
    high: float

    def at(self, share: float) -> float:
        return self.low + share * (self.high - self.low)


class _Scenario(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    category: Category
    primary: Primary | Literal[""]
    pm2_5: _Range
    pm10: _Range
    o3: _Range
    so2: _Range
    no2: _Range
    co: _Range


class _Month(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    excellent: int
    polluted: tuple[tuple[Category, Primary, int], ...]
    good: Mapping[Primary, int]
    temperature: float
    humidity: float


class _Climate(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    scenario: tuple[_Scenario, ...]
    month: tuple[_Month, ...]
    kind: Mapping[str, Mapping[str, float]]


_CLIMATE = _Climate.model_validate(tomllib.loads(files("simulators").joinpath("air.toml").read_text("utf-8")))
_SCENARIOS: Mapping[tuple[str, str], _Scenario] = {(s.category, s.primary): s for s in _CLIMATE.scenario}


def truth(seed: int, day: date) -> DayTruth:
    """What `day` is, at every assessment station and for the city."""
    scenario = _month(seed, day.year, day.month)[day.day - 1]
    return DayTruth(day, scenario.category, scenario.primary or None)


def hours(seed: int, station: Station, day: date) -> Sequence[Mapping[str, float]]:
    """The 24 hours of a civil day, values by quantity code [canonical units]; number i is the hour from i to i + 1."""
    rng = Random(f"{seed}/{station.id}/{day}")
    values = _daily_values(seed, day)
    factors = _CLIMATE.kind.get(station.kind, {})
    site = _site(seed, station.id)
    near = {group: 1 + offset + rng.uniform(-_DAILY, _DAILY) for group, offset in site.items()}
    columns: dict[str, list[float]] = {}
    particles = _noisy(_SHAPES["particles"], rng)  # one shape for both: coarse never falls below fine
    for code in ("pm2_5", "pm10", "so2", "no2", "co"):
        level = values[code] * near[_GROUPS[code]] * factors.get(code, 1.0)
        shape = particles if _GROUPS[code] == "particles" else _noisy(_SHAPES[code], rng)
        mean = sum(shape) / len(shape)
        columns[code] = [round(level * part / mean, 2 if code == "co" else 1) for part in shape]
    ozone = _noisy(_SHAPES["o3"], rng)
    scale = values["o3"] * near["o3"] * factors.get("o3", 1.0) / _greatest_8_hour_mean(ozone)
    columns["o3"] = [round(scale * part, 1) for part in ozone]
    columns |= _weather(seed, day, sunny=values["o3"] / _SUNNY_O3, rng=rng)
    return [dict(zip(columns, hour, strict=True)) for hour in zip(*columns.values(), strict=True)]


@lru_cache(maxsize=64)
def _month(seed: int, year: int, month: int) -> Sequence[_Scenario]:
    """The kinds of the days of a month: a fixed number of each, nearly, in episodes, in an order of the seed's."""
    rng = Random(f"{seed}/{year}-{month:02}")
    row = _CLIMATE.month[month - 1]
    length = monthrange(year, month)[1]
    polluted: list[tuple[str, str]] = []
    for number, (category, primary, count) in enumerate(row.polluted):
        polluted += [(category, primary)] * (count + (rng.choice((-1, 0, 0, 1)) if number == 0 else 0))
    rng.shuffle(polluted)
    clean: list[tuple[str, str]] = [("excellent", "")] * (row.excellent + rng.randint(-2, 2))
    weights = list(row.good.values())
    clean += [("good", p) for p in rng.choices(list(row.good), weights, k=length - len(polluted) - len(clean))]
    episodes = [[kind] for kind in clean]
    while polluted:
        days = rng.randint(1, _LONGEST_EPISODE)
        episodes.append(polluted[:days])
        del polluted[:days]
    rng.shuffle(episodes)
    return [_SCENARIOS[kind] for episode in episodes for kind in episode]


@lru_cache(maxsize=64)
def _daily_values(seed: int, day: date) -> Mapping[str, float]:
    """The city's daily means, and for ozone its MDA8, by quantity code."""
    rng = Random(f"{seed}/city/{day}")
    scenario = _month(seed, day.year, day.month)[day.day - 1]
    share = {group: rng.random() for group in dict.fromkeys(_GROUPS.values())}
    ranges: Mapping[str, _Range] = {code: getattr(scenario, code) for code in _GROUPS}
    return {code: of.at(share[_GROUPS[code]]) for code, of in ranges.items()}


@lru_cache(maxsize=256)
def _site(seed: int, station: str) -> Mapping[str, float]:
    rng = Random(f"{seed}/{station}")
    return {group: rng.uniform(-_SITE, _SITE) for group in dict.fromkeys(_GROUPS.values())}


# What rises and falls together: the two particle sizes, and each gas for itself.
_GROUPS: Mapping[str, str] = {
    "pm2_5": "particles",
    "pm10": "particles",
    "o3": "o3",
    "so2": "so2",
    "no2": "no2",
    "co": "co",
}

_MIDDLES = [hour + 0.5 for hour in range(24)]  # [h]


def _bump(hour: float, peak: float, width: float) -> float:
    return exp(-(((hour - peak) / width) ** 2))


# Shapes of a day, chosen: particles high before midnight and in the morning rush; NO2 and CO in both rushes; SO2 around
# noon; ozone a bell at half past three, low at night, so that its greatest 8-hour mean lies within one civil day.
_SHAPES: Mapping[str, Sequence[float]] = {
    "particles": [1 + 0.18 * cos((h - 22) * pi / 12) + 0.08 * cos((h - 9) * pi / 6) for h in _MIDDLES],
    "so2": [0.8 + 0.4 * _bump(h, 12, 4) for h in _MIDDLES],
    "no2": [0.75 + 0.45 * _bump(h, 8.5, 2) + 0.6 * _bump(h, 19.5, 3) for h in _MIDDLES],
    "co": [0.85 + 0.3 * _bump(h, 8.5, 2) + 0.3 * _bump(h, 20, 3) for h in _MIDDLES],
    "o3": [0.15 + _bump(h, 15.5, 5) for h in _MIDDLES],
}

_SUNNY_O3 = 250  # the MDA8 [µg/m³] of the sunniest day here; the weather follows the ozone


def _noisy(shape: Sequence[float], rng: Random) -> list[float]:
    return [part * rng.uniform(1 - _NOISE, 1 + _NOISE) for part in shape]


def _greatest_8_hour_mean(values: Sequence[float]) -> float:
    """Over the windows that end at 08:00 … 24:00, as HJ 663 has the MDA8."""
    return max(sum(values[end - 8 : end]) for end in range(8, 25)) / 8


def _weather(seed: int, day: date, sunny: float, rng: Random) -> dict[str, list[float]]:
    """Air temperature [°C] and relative humidity [%]: warmer, drier and with a greater swing on a sunny day."""
    row = _CLIMATE.month[day.month - 1]
    mean = row.temperature + Random(f"{seed}/weather/{day}").uniform(-3, 3) + 2 * sunny
    swing = 1.5 + 4 * sunny
    waves = [swing * cos((hour - 15.5) * pi / 12) + rng.uniform(-0.3, 0.3) for hour in _MIDDLES]
    return {
        "air_temperature": [round(mean + wave, 1) for wave in waves],
        "humidity": [round(min(99.0, max(20.0, row.humidity - 8 * sunny - 3 * wave)), 1) for wave in waves],
    }
