"""The course of the simulated river: its sections, what each is like, how far and how long the water goes between them."""

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict, Field

from sensors.stations import Registry, Station, load_registry


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Section(_Data):
    """A section: its class (1 to 6) with the items that make it, its flow [m³/s], and its levels in the middle of the year."""

    id: str
    cls: int = Field(alias="class")
    worst: tuple[str, ...]
    flow: float
    levels: Mapping[str, float]


class RainData(_Data):
    """How often it rains, and what the strongest hour of an average rain makes of a level (factor - 1)."""

    per_month: tuple[float, ...]
    hours_to_peak: float
    effect: Mapping[str, float]


class SpillData(_Data):
    """How many spills a year has and how strong they are; the dispersion [m²/s] of the river."""

    per_year: int
    substances: tuple[str, ...]
    hours: tuple[int, int]
    strength: tuple[float, float]
    dispersion: float


class UpkeepData(_Data):
    """How often a station is serviced, how likely a sensor fouls until the next time, and by how much."""

    every_days: int
    within_days: int
    chance: float
    share_a_day: tuple[float, float]
    codes: tuple[str, ...]


class RiverData(_Data):
    """`river.toml`."""

    section: tuple[Section, ...]
    swing: Mapping[str, float]
    scatter: Mapping[str, float]
    day: Mapping[str, float]
    rain: RainData
    spill: SpillData
    upkeep: UpkeepData


RIVER = RiverData.model_validate(tomllib.loads(files("simulators").joinpath("river.toml").read_text("utf-8")))
SECTIONS: Mapping[str, Section] = {one.id: one for one in RIVER.section}


def river_registry_text() -> str:
    """The registry of the river, as the TOML of `sensors.stations.load_registry`."""
    return files("simulators").joinpath("liangtan.toml").read_text("utf-8")


@lru_cache(maxsize=1)
def river() -> Registry:
    """Its sections."""
    return load_registry(river_registry_text(), "simulators/liangtan.toml")


def station(section: str) -> Station:
    """The registry's entry of a section. Raises KeyError."""
    entry = river().entry("water", section, 0)
    if entry is None:
        raise KeyError(section)
    return entry


def true_class(section: str) -> tuple[int, tuple[str, ...]]:
    """The class (1 to 6) of every month and year of a section that no spill passes, and the items that make it."""
    return SECTIONS[section].cls, SECTIONS[section].worst


def way(upstream: str, downstream: str) -> tuple[float, float] | None:
    """How far [km] and how long [h] the water goes from one section to another below it; None where it does not."""
    km = hours = 0.0
    at = station(upstream)
    while at.id != downstream:
        if at.downstream is None or at.travel_h is None:
            return None
        below = station(at.downstream)
        # Into another river its kilometres count from elsewhere: the water goes on at the same pace.
        step = (
            below.river_km - at.river_km if below.river == at.river and below.river_km and at.river_km else at.travel_h
        )
        km, hours, at = km + step, hours + at.travel_h, below
    return km, hours
