"""The rules of early warning as typed, frozen data (`rules.toml`)."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Rule(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Exceedance(_Rule):
    """Cycles in a row that warn, and that end it."""

    cycles: int = Field(ge=1)
    clear_cycles: int = Field(ge=1)


class ClassDrop(Exceedance):
    """Against the class of the medians of so many days before, of at least so many values."""

    usual_days: int = Field(ge=1)
    least_values: int = Field(ge=1)


class SuddenItem(_Rule):
    """Which way a value is worse, on which scale; its own least change and scatter [share of the level] where they differ."""

    worse: Literal["more", "less", "both"]
    log: bool
    least_change: float | None = Field(default=None, gt=0)
    least_scatter: float | None = Field(default=None, gt=0)


class Sudden(_Rule):
    """A value against the same hour of day in the days before."""

    usual_days: int = Field(ge=1)
    same_hour: int = Field(ge=0, le=12)
    least_values: int = Field(ge=3)
    score: float = Field(gt=0)
    least_change: float = Field(gt=0)
    least_scatter: float = Field(gt=0)
    new_usual_days: int = Field(ge=1)
    clear_cycles: int = Field(ge=1)
    items: Mapping[str, SuddenItem]


class Rain(_Rule):
    """Scores of turbidity and conductivity that together are rain; how much of a rise it explains at most [share]."""

    turbidity_score: float
    conductivity_score: float
    most_change: float


class Cycles(_Rule):
    """How far cycles may lie apart to be one after the other [h]."""

    most_gap_h: float = Field(gt=0)


class Travel(_Rule):
    """How far a configured travel time may be off [share]; the longest that is looked for [h]; pulses that an estimate needs."""

    configured_spread: float = Field(ge=0, lt=1)
    most_h: float = Field(gt=0)
    least_pulses: int = Field(ge=1)


class WarningRules(_Rule):
    """All of them."""

    exceedance: Exceedance
    class_drop: ClassDrop
    sudden: Sudden
    rain: Rain
    cycles: Cycles
    travel: Travel


@cache
def warning_rules() -> WarningRules:
    """The rules that cityflux ships."""
    text = files("processors.water.warning").joinpath("rules.toml").read_text("utf-8")
    return WarningRules.model_validate(tomllib.loads(text))
