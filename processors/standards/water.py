"""The surface-water standard as typed, frozen data: classes, items, decimals (GB 3838-2002 and what evaluates by it)."""

import tomllib
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import cache, cached_property
from importlib.resources import files
from typing import Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from processors.standards.tables import Clause, Dated

Kind = Literal["river", "lake"]
"""Lakes and reservoirs have their own limits of total phosphorus."""

KINDS: tuple[Kind, ...] = get_args(Kind)


class WaterClass(BaseModel):
    """A class; 6 is inferior V."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: int
    name: str
    status_zh: str
    status_en: str
    colour: str


class Item(BaseModel):
    """One evaluated item. `limits` are of classes I to V [mg/L]; of `band` the lowest and highest that is any class at all."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str
    zh: str
    en: str
    better: Literal["less", "more", "band"]
    limits: tuple[Decimal, ...]
    lake: tuple[Decimal, ...] | None = None
    hourly: int | None = None
    evaluation: int
    first: bool = False

    @model_validator(mode="after")
    def _as_many_as_classes(self) -> Self:
        if len(self.limits) != (2 if self.better == "band" else 5):
            raise ValueError(f"{self.code}: {len(self.limits)} limits")
        return self

    def limits_of(self, kind: Kind) -> tuple[Decimal, ...]:
        """The limits in a river or a lake."""
        return self.lake if kind == "lake" and self.lake is not None else self.limits

    @cached_property
    def exact(self) -> Mapping[Kind, tuple[Fraction, ...]]:
        """The same as fractions: a sample is held against them more often than anything else is done."""
        return {kind: tuple(Fraction(limit) for limit in self.limits_of(kind)) for kind in KINDS}


class Evaluation(Clause):
    """How a section is evaluated."""

    main_items: int
    reference_class: int
    automatic: tuple[str, ...]


class Saturation(Clause):
    """`share` of numerator / (offset + temperature [°C]) is class I of dissolved oxygen."""

    share: Decimal
    numerator: Decimal
    offset: Decimal


class WaterStandard(Dated):
    """GB 3838."""

    limits: Clause
    evaluation: Evaluation
    saturation: Saturation
    rounding: Clause
    classes: tuple[WaterClass, ...] = Field(alias="class")
    items: tuple[Item, ...] = Field(alias="item")

    @cached_property
    def by_code(self) -> Mapping[str, Item]:
        """The items by code."""
        return {item.code: item for item in self.items}

    def class_named(self, name: str) -> WaterClass:
        """The class Ⅰ … 劣Ⅴ. Raises KeyError."""
        return {each.name: each for each in self.classes}[name]


@cache
def water_standard(day: date | None = None) -> WaterStandard:
    """The standard in force on a day; there is one."""
    found = WaterStandard.model_validate(
        tomllib.loads(files("processors.standards").joinpath("gb3838-2002.toml").read_text("utf-8"))
    )
    if day is not None and found.nearest_day(day) != day:
        raise ValueError(f"{day} is before {found.name} came into force on {found.effective_from}")
    return found


class River(BaseModel):
    """One row of the class-ratio table: conditions in percent, and the status where they hold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    good_from: int = 0
    inferior_below: int | None = None
    status_zh: str
    status_en: str


class Ratio(Clause):
    """From how many sections on a river is evaluated by shares."""

    sections: int


class Samples(Clause):
    """Shares of compliant samples [%]."""

    compliant: int
    basically: int


class Year(Clause):
    """Months that a year's mean needs."""

    months: int
    months_where_frozen: int


class Quarter(Clause):
    """Months that a quarter's mean needs."""

    months: int


class Trend(Clause):
    """Points of percent beyond which a difference of shares is some change, and a clear one."""

    some: int
    clear: int


class Basin(Clause):
    """How many items are named as a river's main pollution."""

    main_items: int


class Automatic(Clause):
    """What makes the means of an automatic station: values of a day, and days of a month [%]."""

    values_of_day: int
    percent_of_month: int


class Term(BaseModel):
    """TLI = 10 (a + b ln value), weighted by w."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    a: Decimal
    b: Decimal
    w: Decimal


class TrophicState(BaseModel):
    """A state up to an index, included; without `to` whatever is above."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    to: int | None = None
    zh: str
    en: str


class Trophic(Clause):
    """The trophic level index."""

    terms: Mapping[str, Term]
    states: tuple[TrophicState, ...] = Field(alias="state")


class Ranking(Clause):
    """The city ranking index."""

    ph_low: int
    ph_high: int


class WaterEvaluation(Dated):
    """环办〔2011〕22号 and what names it."""

    ratio: Ratio
    rivers: tuple[River, ...] = Field(alias="river")
    samples: Samples
    year: Year
    quarter: Quarter
    trend: Trend
    basin: Basin
    automatic: Automatic
    trophic: Trophic
    ranking: Ranking


@cache
def water_evaluation() -> WaterEvaluation:
    """The tables of `water-evaluation.toml`."""
    text = files("processors.standards").joinpath("water-evaluation.toml").read_text("utf-8")
    return WaterEvaluation.model_validate(tomllib.loads(text))
