"""Plans: the indicators a city is judged by, with their targets. Data (TOML), one file a plan."""

import tomllib
from decimal import Decimal
from importlib.resources import files
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sensors.quantities import Family


class PlanError(ValueError):
    """The plan file is wrong: the message names the file, the indicator and the key."""


class Indicator(BaseModel):
    """One indicator of a plan. `kind`: binding (约束性) or expected (预期性); `target` in `unit`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str = Field(pattern=r"^[a-z0-9_]{1,64}$")
    zh: str
    en: str
    kind: Literal["binding", "expected"]
    unit: str
    direction: Literal["at_least", "at_most"]
    target: Decimal
    baseline: Decimal | None = None
    family: Family
    computation: Literal["good_air_days", "water_sections"]
    definition: Literal["annual_mean", "share_of_samples"] | None = None
    """Of `water_sections`: when a section complies."""
    scope: str
    least_coverage: float = Field(ge=0, le=1)


class Plan(BaseModel):
    """A plan: its indicators, and the years it runs between."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str
    zh: str
    en: str
    baseline_year: int
    target_year: int
    indicators: tuple[Indicator, ...]

    def indicator(self, code: str) -> Indicator:
        """The indicator `code`. Raises PlanError that lists the plan's own."""
        for indicator in self.indicators:
            if indicator.code == code:
                return indicator
        known = ", ".join(i.code for i in self.indicators)
        raise PlanError(f"plan {self.code} has no indicator {code!r}; it has {known}")


def load_plan(text: str, place: str) -> Plan:
    """A plan from TOML; `place` names the file in errors. Raises PlanError."""
    try:
        table = tomllib.loads(text)
        return Plan(**table.get("plan", {}), indicators=table.get("indicator", ()))
    except tomllib.TOMLDecodeError as error:
        raise PlanError(f"{place}: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise PlanError(f"{place}: {where} = {first['input']!r}: {first['msg']}") from error


def shipped_plan() -> Plan:
    """The example that cityflux ships: Chongqing High-tech Zone."""
    name = "gaoxin-2025.toml"
    return load_plan(files("processors.plans").joinpath(name).read_text("utf-8"), name)
