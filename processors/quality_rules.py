"""The rules of processors/quality.py as typed, frozen data (`quality_rules.toml`): what is suspicious, where the test comes from.

Every rule says how far a flag looks: a flag at an instant depends on nothing further from it than `reach_h`. So what changed
tells which flags may change, and flags do not depend on what happened to be computed together.
"""

import tomllib
from collections.abc import Iterable, Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, field_validator

from sensors.quantities import OF_FAMILY, Family
from sensors.reading import Period


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Rule(_Row):
    """Whose readings; `source` of the test (document and clause) and where its numbers come from (`chosen`)."""

    family: Family
    periods: tuple[Period, ...]
    source: str = Field(min_length=1)
    chosen: str = Field(min_length=1)

    @property
    def codes(self) -> tuple[str, ...]:
        """The quantities that the rule looks at."""
        raise NotImplementedError

    @property
    def reach_h(self) -> float:
        """How far from an instant its flag looks, back and ahead [h]."""
        raise NotImplementedError

    @property
    def among(self) -> bool:
        """Whether the other stations have a say."""
        return False


class Departure(_Row):
    """A move by more than `least` [canonical unit], and by more than the factor `ratio`."""

    least: float = Field(gt=0)
    ratio: float = Field(ge=1)


class _Move(_Rule):
    within_h: float = Field(gt=0)
    agree: float | None = Field(default=None, gt=0)
    quantities: Mapping[str, Departure]

    @property
    def codes(self) -> tuple[str, ...]:
        return tuple(self.quantities)

    @property
    def among(self) -> bool:
        return self.agree is not None


class Spike(_Move):
    """A value that is far from the one before and the one after, on the same side of both."""

    rule: Literal["spike"]

    @property
    def reach_h(self) -> float:
        return self.within_h


class Rate(_Move):
    """A value that is far from the one before, and stays."""

    rule: Literal["rate"]

    @property
    def reach_h(self) -> float:
        return 2 * self.within_h


class Flat(_Row):
    """One value above `at_or_below` [canonical unit] for `lasting_h` [h] and `values` values, while the median of the other
    stations went through `moved` [canonical unit]."""

    lasting_h: float = Field(gt=0)
    values: int = Field(ge=2)
    at_or_below: float | None = None
    moved: float | None = Field(default=None, gt=0)


class Stuck(_Rule):
    """The same value again and again."""

    rule: Literal["stuck"]
    within_h: float = Field(gt=0)
    quantities: Mapping[str, Flat]

    @property
    def codes(self) -> tuple[str, ...]:
        return tuple(self.quantities)

    @property
    def reach_h(self) -> float:
        return max(max(f.lasting_h + self.within_h, (f.values - 1) * self.within_h) for f in self.quantities.values())

    @property
    def among(self) -> bool:
        return any(flat.moved is not None for flat in self.quantities.values())


class PartAboveWhole(_Rule):
    """A part of something that is more than `share` times the whole and `least` [canonical unit]: the whole is flagged."""

    rule: Literal["part_above_whole"]
    part: str
    whole: str
    share: float = Field(ge=1)
    least: float = Field(ge=0)

    @property
    def codes(self) -> tuple[str, ...]:
        return self.part, self.whole

    @property
    def reach_h(self) -> float:
        return 0


class Oversaturated(_Rule):
    """More dissolved oxygen than `share` times saturation at the water's temperature and `pressure_kpa` [kPa]."""

    rule: Literal["oversaturated"]
    share: float = Field(ge=1)
    pressure_kpa: float = Field(gt=50, lt=110)

    @property
    def codes(self) -> tuple[str, ...]:
        return "dissolved_oxygen", "water_temperature"

    @property
    def reach_h(self) -> float:
        return 0


class Factor(_Row):
    """A ratio of two units that `means` names: near it, up or down, within the factor `tolerance`; against the other
    stations where `among`."""

    factor: float = Field(gt=1)
    tolerance: float = Field(gt=1)
    among: bool
    means: str


class UnitShift(_Rule):
    """A step between `window_h` [h] before and after, of at least `values` values each, whose ratio is that of two units."""

    rule: Literal["unit_shift"]
    window_h: float = Field(gt=0)
    values: int = Field(ge=3)
    within_h: float = Field(gt=0)
    quantities: Mapping[str, tuple[Factor, ...]]

    @property
    def codes(self) -> tuple[str, ...]:
        return tuple(self.quantities)

    @property
    def reach_h(self) -> float:
        return self.window_h

    @property
    def among(self) -> bool:
        return any(factor.among for factors in self.quantities.values() for factor in factors)


class ClockSkew(_Rule):
    """A reading that came more than `ahead_s` [s] before its own time; or a station whose readings come later or earlier than
    the others' by more than `apart_s` [s], by the same for `window_h` [h] back and ahead (to `steady_s` [s])."""

    rule: Literal["clock_skew"]
    ahead_s: float = Field(gt=0)
    apart_s: float = Field(gt=0)
    window_h: float = Field(gt=0)
    values: int = Field(ge=3)
    steady_s: float = Field(gt=0)

    @property
    def codes(self) -> tuple[str, ...]:
        return ()

    @property
    def reach_h(self) -> float:
        return self.window_h

    @property
    def among(self) -> bool:
        return True


class CounterBack(_Rule):
    """A counter that is less than it was, and has not rolled over: `near` [share of its digits] says where it may."""

    rule: Literal["counter_back"]
    within_h: float = Field(gt=0)
    near: float = Field(gt=0, lt=0.5)
    quantities: tuple[str, ...]

    @property
    def codes(self) -> tuple[str, ...]:
        return self.quantities

    @property
    def reach_h(self) -> float:
        return 2 * self.within_h


Rule = Annotated[
    Spike | Rate | Stuck | PartAboveWhole | Oversaturated | UnitShift | ClockSkew | CounterBack,
    Field(discriminator="rule"),
]


class _Table(_Row):
    rule: tuple[Rule, ...]

    @field_validator("rule")
    @classmethod
    def _names_known_quantities(cls, rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        for rule in rules:
            if unknown := set(rule.codes) - set(OF_FAMILY[rule.family]):
                raise ValueError(f"rule {rule.rule} of {rule.family}: no quantity is called {min(unknown)!r}")
        return rules


def _load() -> tuple[Rule, ...]:
    text = files("processors").joinpath("quality_rules.toml").read_text("utf-8")
    return TypeAdapter(_Table).validate_python(tomllib.loads(text)).rule


RULES: tuple[Rule, ...] = _load()


def _by_window(rules: Iterable[Rule]) -> Mapping[tuple[str, str], tuple[Rule, ...]]:
    found: dict[tuple[str, str], tuple[Rule, ...]] = {}
    for rule in rules:
        for period in rule.periods:
            found[rule.family, period] = (*found.get((rule.family, period), ()), rule)
    return MappingProxyType(found)


RULES_OF: Mapping[tuple[str, str], tuple[Rule, ...]] = _by_window(RULES)
"""The rules of a (family, period); a pair that is not there has none."""

RULE_NAMES: tuple[str, ...] = tuple(
    get_args(kind.model_fields["rule"].annotation)[0] for kind in get_args(get_args(Rule)[0])
)
"""What flags may be called."""
