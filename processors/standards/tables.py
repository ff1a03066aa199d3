"""The air standards as typed, frozen data, and which of them apply to a day.

Three kinds of document judge the air, each with dated editions (`*.toml` beside this file, one per document):

    HJ 633   Index        concentration to IAQI to AQI: breakpoints, rounding, classes, which statistics enter
    GB 3095  Limits       concentration limits by stage, and how many hours make a valid mean
    HJ 663   Assessment   MDA8 validity, station to city, what a year is evaluated by, decimals, composite index

The civil day of the data chooses the editions: an hour that ends 2026-03-01T00:00+08:00 belongs to 2026-02-28 and is
judged by HJ 633-2012. Any period can be judged by another edition of HJ 633 on request; the other two documents are
then those of that edition's own time. Code holds no limit: it asks here.
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

POLLUTANTS = ("pm2_5", "pm10", "so2", "no2", "co", "o3")
"""The six pollutants of the index, in the order in which joint primary pollutants are written; the test that tables
agree holds each edition to it."""

Mark = Literal[
    "2+ sources agree, text read",
    "2+ sources agree",
    "1 source, text read",
    "1 source",
    "from memory, unverified",
]
"""How far a table can be trusted."""

Kind = Literal["realtime", "daily"]
Statistic = Literal["1h", "8h_running", "24h_running", "24h", "max_1h", "mda8"]
"""`1h` hourly mean; `8h_running`, `24h_running` mean of the hours up to this one; of a civil day: `24h` mean, `max_1h`
greatest hourly mean, `mda8` greatest 8-hour running mean."""

Publishes = Literal["present", "complete or exceeding"]
"""When there is an AQI: with the indicators that are present, or only where all are there or it exceeds anyway
(HJ 633-2026, 5.3.1)."""


class UnknownStandardError(ValueError):
    """No standard or variant has this name: the message names the known ones and the nearest."""

    def __init__(self, what: str, name: str, known: Iterable[str]) -> None:
        names = list(known)
        near = get_close_matches(name, names, n=1, cutoff=0.4)
        hint = f"; did you mean {near[0]}?" if near else ""
        super().__init__(f"no {what} is called {name!r}: known are {', '.join(names)}{hint}")


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Clause(_Row):
    """Where in the document a table stands, and how far it can be trusted."""

    clause: str
    mark: Mark


class Dated(_Row):
    """A document, or a stage of one, in force from the first to the last day named, both included; open where None."""

    name: str
    document: str
    source: str
    effective_from: date | None = None
    effective_to: date | None = None

    def nearest_day(self, day: date) -> date:
        """`day`, or the first or last day of force where `day` is before or after it."""
        if self.effective_from is not None and day < self.effective_from:
            return self.effective_from
        if self.effective_to is not None and day > self.effective_to:
            return self.effective_to
        return day


DatedT = TypeVar("DatedT", bound=Dated)


class IndexTable(Clause):
    """Range of the AQI; above `primary_above` pollutants are primary, and one with IAQI > `exceeding_above` exceeds."""

    range: tuple[int, int]
    primary_above: int
    exceeding_above: int


class Rounding(Clause):
    """Decimals of a concentration in its canonical unit, by pollutant."""

    digits: Mapping[str, int]


class Above(_Row):
    """The sub-index above a short table's last breakpoint: a fixed `iaqi`, or that of `table` for a statistic."""

    iaqi: int | None = None
    table: str | None = None
    realtime: Statistic | None = None
    daily: Statistic | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.iaqi is None) == (self.table is None):
            raise ValueError("give either iaqi or table")
        return self

    def statistic(self, kind: Kind) -> Statistic | None:
        """The statistic that is held against `table`."""
        return self.realtime if kind == "realtime" else self.daily


class Breakpoints(Clause):
    """Concentrations [canonical unit] by table, each as long as `iaqi` or shorter; then `above` says what follows."""

    iaqi: tuple[int, ...]
    tables: Mapping[str, tuple[int, ...]]
    above: Mapping[str, Above] = Field(default_factory=dict)


class Category(_Row):
    """A class of the AQI, both ends included."""

    code: str
    low: int = Field(alias="from")
    high: int = Field(alias="to")
    level: str
    zh: str
    en: str
    colour_zh: str
    colour_en: str
    hex: str = Field(pattern="^#[0-9A-F]{6}$")


class Indicator(_Row):
    """One statistic of one pollutant, held against one table of breakpoints."""

    pollutant: str
    statistic: Statistic
    table: str


class Variant(Clause):
    """A named way to compute the index."""

    kind: Kind
    name: str
    round_first: bool
    publishes: Publishes
    indicators: tuple[Indicator, ...]


class Index(Dated):
    """An edition of HJ 633."""

    pollutants: tuple[str, ...]
    index: IndexTable
    rounding: Rounding
    breakpoints: Breakpoints
    categories: tuple[Category, ...]
    variants: tuple[Variant, ...]

    def variant(self, kind: Kind, name: str) -> Variant:
        """The variant of that kind and name. Raises UnknownStandardError."""
        named = {variant.name: variant for variant in self.variants if variant.kind == kind}
        if name not in named:
            raise UnknownStandardError(f"{kind} variant of {self.name}", name, named)
        return named[name]

    def category(self, aqi: int) -> Category:
        """The class of an AQI within the edition's range."""
        return next(category for category in self.categories if category.low <= aqi <= category.high)


class Validity(Clause):
    """Hourly means that make a valid mean [h]; daily means that make a valid month and year [d]."""

    running_8h_hours: int
    daily_hours: int
    annual_days: int
    month_days: int
    february_days: int

    def days_of_month(self, month: int) -> int:
        """Daily means that the month needs [d]."""
        return self.february_days if month == 2 else self.month_days


class Limits(Dated):
    """A stage of GB 3095. `limits[quantity][averaging]`: (grade I, II) [canonical unit, gases at `gas_kelvin` K]."""

    clause: str
    mark: Mark
    limits_clause: Clause
    limits: Mapping[str, Mapping[str, tuple[int, int]]]
    gas_kelvin: float
    gases: tuple[str, ...]
    validity: Validity


class Mda8(Clause):
    """Valid 8-hour running means of a day that make its maximum valid."""

    windows: int


class Stations(Clause):
    """Share [%] of the assessment stations that makes a city value; `percent_of_few` below `few` stations."""

    percent: int
    percent_of_few: int
    few: int

    def enough(self, valid: int, of: int) -> bool:
        """Whether `valid` of `of` stations make a city value; never without any."""
        return valid > 0 and 100 * valid >= of * self.share(of)

    def share(self, of: int) -> int:
        """The share that a city of `of` stations needs [%]."""
        return self.percent_of_few if of < self.few else self.percent


class Ratio(Clause):
    """Decimals of a compliance rate [%]."""

    digits: int


class Evaluation(Clause):
    """What a year is evaluated by: the mean of `means`, and of each pollutant a percentile of its daily values [%]."""

    means: tuple[str, ...]
    percentiles: Mapping[str, int]


class Decimals(Clause):
    """Decimals of a month's or longer period's concentration in its canonical unit, by pollutant; of an exceedance multiple."""

    concentration: Mapping[str, int]
    exceedance_multiple: int


class Composite(Clause):
    """A way to weigh the pollutants of a composite index (综合指数). Where not `confirmed`, nobody has read that it is law."""

    name: str
    confirmed: bool
    weights: Mapping[str, int]
    digits: int


class Assessment(Dated):
    """An edition of HJ 663."""

    mda8: Mda8
    stations: Stations
    ratio: Ratio
    evaluation: Evaluation
    decimals: Decimals
    composites: tuple[Composite, ...]


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads(files("processors.standards").joinpath(name).read_text("utf-8"))


def _index(name: str) -> Index:
    table = _read(name)
    lists = table.pop("indicators")
    variants = [{**variant, "indicators": lists[variant["indicators"]]} for variant in table.pop("variant")]
    categories = table.pop("category")
    return Index.model_validate({**table, "categories": categories, "variants": variants})


def _stages(name: str) -> list[Limits]:
    table = _read(name)
    sets = table.pop("limits")
    shared = {
        "document": table["document"],
        "source": table["source"],
        "validity": table["validity"],
        "gases": table["gases"],
        "limits_clause": {"clause": sets["clause"], "mark": sets["mark"]},
    }
    return [Limits.model_validate({**shared, **stage, "limits": sets[stage["limits"]]}) for stage in table["stage"]]


def _assessment(name: str) -> Assessment:
    table = _read(name)
    composites = table.pop("composite")
    return Assessment.model_validate({**table, "composites": composites})


INDEXES: tuple[Index, ...] = tuple(_index(name) for name in ("hj633-2012.toml", "hj633-2026.toml"))
LIMITS: tuple[Limits, ...] = (*_stages("gb3095-2012.toml"), *_stages("gb3095-2026.toml"))
ASSESSMENTS: tuple[Assessment, ...] = tuple(_assessment(name) for name in ("hj663-2013.toml", "hj663-2026.toml"))


@dataclass(frozen=True, eq=False)
class AirRules:
    """The documents that judge one day. There is one object for each combination, so identity is equality."""

    index: Index
    limits: Limits
    assessment: Assessment


@cache
def index_named(name: str) -> Index:
    """The edition of HJ 633 of that name. Raises UnknownStandardError."""
    for index in INDEXES:
        if index.name == name:
            return index
    raise UnknownStandardError("air quality index standard", name, (index.name for index in INDEXES))


# A year's days under each edition, a few times over; a longer period only looks up again.
@lru_cache(maxsize=4096)
def air_rules(day: date, standard: str | None = None, limits: str | None = None) -> AirRules:
    """The rules for data of a civil day: by its date, or by a named edition of HJ 633, or with the limits of a named stage of
    GB 3095. Raises UnknownStandardError."""
    index = _in_force(INDEXES, day) if standard is None else index_named(standard)
    of_its_time = index.nearest_day(day)
    stage = _in_force(LIMITS, of_its_time) if limits is None else limits_named(limits)
    return _together(index.name, stage.name, _in_force(ASSESSMENTS, of_its_time).name)


@cache
def limits_named(name: str) -> Limits:
    """The stage of GB 3095 of that name. Raises UnknownStandardError."""
    for stage in LIMITS:
        if stage.name == name:
            return stage
    raise UnknownStandardError("stage of GB 3095", name, (stage.name for stage in LIMITS))


@cache
def _together(index: str, limits: str, assessment: str) -> AirRules:
    return AirRules(
        index_named(index),
        limits_named(limits),
        next(edition for edition in ASSESSMENTS if edition.name == assessment),
    )


def _in_force(editions: Sequence[DatedT], day: date) -> DatedT:
    return next(edition for edition in editions if edition.nearest_day(day) == day)
