"""The rules of hints at incidents as typed, frozen data (`rules.toml`)."""

import tomllib
from functools import cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict, Field


class _Rule(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Usual(_Rule):
    """Days looked back, intervals around the same time of day, values that are needed."""

    days: int = Field(ge=1)
    around: int = Field(ge=0)
    least_values: int = Field(ge=1)


class Drop(_Rule):
    """Shares of the usual and the recent flow and speed; intervals until it is said, and until it is over."""

    recent: int = Field(ge=1)
    flow: float = Field(gt=0, lt=1)
    speed: float = Field(gt=0, lt=1)
    least_vehicles: int = Field(ge=1)
    dwell: int = Field(ge=1)
    clear_speed: float = Field(gt=0, le=1)
    clear: int = Field(ge=1)


class Standing(_Rule):
    """Speed [km/h] and occupancy [%] of what stands; intervals until it is said, and until it is over."""

    speed_km_h: float = Field(gt=0)
    occupancy: float = Field(gt=0, le=100)
    dwell: int = Field(ge=1)
    clear_speed_km_h: float = Field(gt=0)
    clear: int = Field(ge=1)


class Stopped(_Rule):
    """Single vehicles that are so slow [km/h]: how many within how long [s], and how long after the last a faster one ends
    it [s]."""

    speed_km_h: float = Field(ge=0)
    vehicles: int = Field(ge=1)
    within_s: int = Field(ge=1)
    clear_s: int = Field(ge=1)


class Gaps(_Rule):
    """How far intervals may lie apart to be one after the other [min]; so many of their own lengths where that is more."""

    most_min: float = Field(gt=0)
    intervals: float = Field(ge=1)


class IncidentRules(_Rule):
    """All of them."""

    usual: Usual
    drop: Drop
    standing: Standing
    stopped: Stopped
    gaps: Gaps


@cache
def incident_rules() -> IncidentRules:
    """The rules that cityflux ships."""
    text = files("processors.traffic.incidents").joinpath("rules.toml").read_text("utf-8")
    return IncidentRules.model_validate(tomllib.loads(text))
