"""Plans: the indicators a city is judged by, with their targets. Data (TOML), one file a plan."""

import tomllib
from decimal import Decimal
from importlib.resources import files
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from processors.plans.figures import figures
from sensors.quantities import Family

ComputationName = Literal[
    "good_air_days", "water_sections", "tunnel_capacity", "entered", "energy_intensity", "co2_intensity"
]
"""What feeds a row: readings, the registry, or what people enter (`cityflux record`)."""

_NEEDS_TARGET = frozenset({"good_air_days", "water_sections"})


class PlanError(ValueError):
    """The plan file is wrong: the message names the file, the indicator and the key."""


class Indicator(BaseModel):
    """One row of a plan. `kind`: binding (约束性) or expected (预期性); `baseline` and `target` in `unit`, absent where the
    plan's were not given. `number` is the row's own in the plan."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str = Field(pattern=r"^[a-z0-9_]{1,64}$")
    number: str = ""
    zh: str
    en: str
    kind: Literal["binding", "expected"]
    unit: str = Field(min_length=1)
    direction: Literal["at_least", "at_most"]
    target: Decimal | None = None
    target_source: str = ""
    """Where the target is from, where that is not the plan; and the same in Chinese, which may be left out."""
    target_source_zh: str = ""
    baseline: Decimal | None = None
    family: Family | None = None
    """What it is measured by; absent: it is entered."""
    computation: ComputationName
    definition: Literal["annual_mean", "share_of_samples"] | None = None
    """Of `water_sections`: when a section complies."""
    record: str | None = None
    """Of `entered`: which figure."""
    scope: str
    least_coverage: float = Field(default=1.0, ge=0, le=1)

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.target is None and self.computation in _NEEDS_TARGET:
            raise ValueError(f"{self.code}: a row of {self.computation} has a target")
        if (self.computation == "entered") != (self.record is not None):
            raise ValueError(f"{self.code}: record names the figure of a row that is entered, and of no other")
        if self.record is not None and self.record not in figures():
            raise ValueError(f"{self.code}: record {self.record!r} is no figure: there are {', '.join(figures())}")
        if self.target is not None and self.baseline is not None:
            is_right = self.target >= self.baseline if self.direction == "at_least" else self.target <= self.baseline
            if not is_right:
                raise ValueError(
                    f"{self.code}: {self.direction} {self.target} is on the wrong side of its baseline {self.baseline}"
                )
        return self

    @property
    def goal(self) -> Decimal:
        """The target. Raises PlanError for a row without one."""
        if self.target is None:
            raise PlanError(f"{self.code} has no target")
        return self.target

    def reached(self, value: Decimal) -> bool:
        """Whether a value is at the target. Raises PlanError for a row without one."""
        return value >= self.goal if self.direction == "at_least" else value <= self.goal

    @property
    def wanted(self) -> str:
        """The target in words; a dash where there is none."""
        if self.target is None:
            return "–"
        return f"{'≥' if self.direction == 'at_least' else '≤'} {self.target} {self.unit}"


class Plan(BaseModel):
    """A plan: its indicators, and the years it runs between."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str
    zh: str
    en: str
    baseline_year: int
    target_year: int
    indicators: tuple[Indicator, ...]

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        codes = [one.code for one in self.indicators]
        if twice := {code for code in codes if codes.count(code) > 1}:
            raise ValueError(f"{min(twice)} is there twice; give each row a code of its own")
        if self.baseline_year >= self.target_year:
            raise ValueError(f"target_year {self.target_year} is not after baseline_year {self.baseline_year}")
        return self

    def verdict(self, row: Indicator, value: Decimal, year: int) -> Literal["stated", "met", "missed"] | None:
        """What is said of a row's value at a year's end, whatever it is made of: without a target it is stated; None where the
        target is not reached and the plan's last year is still to come."""
        if row.target is None:
            return "stated"
        if row.reached(value):
            return "met"
        return "missed" if year >= self.target_year else None

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
        said = first["msg"].removeprefix("Value error, ")
        shown = "" if isinstance(first["input"], dict) else f" = {first['input']!r}"
        raise PlanError(f"{place}: {where}{shown}: {said}" if where else f"{place}: {said}") from error


def shipped_plan() -> Plan:
    """The example that cityflux ships: Chongqing High-tech Zone."""
    name = "chongqing-hightech-2025.toml"
    return load_plan(files("processors.plans").joinpath(name).read_text("utf-8"), name)
