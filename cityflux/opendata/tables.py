"""The tables of an export and their columns, as data (`tables.toml`, quantities from `sensors/quantities.toml`): what writes
them, what describes them and what explains them all read this."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal, NamedTuple, get_args

from pydantic import BaseModel, ConfigDict

from sensors.quantities import COUNTERS, OF_FAMILY, Averages, Family, Quantity
from sensors.reading import Flag, Period

Type = Literal["string", "integer", "number", "boolean", "datetime", "date"]


class Field(BaseModel):
    """A column. Of quantities `averages`, `scale` (decimals) and the range from `low` to `high` [unit] are known too."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    zh: str
    en: str
    type: Type
    meaning: str
    unit: str = ""
    one_of: tuple[str, ...] = ()
    averages: Averages | None = None
    scale: int | None = None
    low: float | None = None
    high: float | None = None


class Table(BaseModel):
    """A table: its files are `path` with the ending .csv and .parquet. `key` are the columns that tell its rows apart."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    path: str
    zh: str
    en: str
    meaning_zh: str
    meaning: str
    key: tuple[str, ...]
    fields: tuple[Field, ...]
    family: Family | None = None


class Named(NamedTuple):
    """What an indicator is called."""

    zh: str
    en: str


_FAMILIES: Mapping[str, Named] = {
    "air": Named("空气", "Air"), "water": Named("水", "Water"), "energy": Named("能源", "Energy"),
    "traffic": Named("交通", "Traffic"), "air-index": Named("空气质量指数", "Air quality index"),
    "traffic-flow": Named("交通流", "Traffic flow"),
}  # fmt: skip
MADE_OF: Mapping[Family, Family] = {"air-index": "air", "traffic-flow": "traffic"}
"""Of which family's readings each derived one is made."""
_PERIODS: Mapping[str, Named] = {
    "raw": Named("原始值", "single values"), "minute": Named("分钟值", "by the minute"),
    "hour": Named("小时值", "by the hour"), "day": Named("日值", "by the day"),
}  # fmt: skip
_AVERAGED: Mapping[Averages, str] = {
    "mean": "arithmetic mean", "vector_mean": "mean of vectors", "energy_mean": "mean by energy",
    "hydrogen_mean": "mean of the hydrogen ions", "sum": "sum", "last": "last value", "derived": "derived by cityflux",
}  # fmt: skip


@cache
def tables() -> Mapping[str, Table]:
    """The tables that every export may have, by name."""
    found = {}
    for row in _data()["table"]:
        said = {name: value for name, value in row.items() if name != "columns"}
        found[row["name"]] = Table.model_validate({**said, "fields": tuple(map(_column, row["columns"]))})
    return found


@cache
def indicator_names() -> Mapping[str, Named]:
    """What indicators are called that are no row of a plan, by code."""
    return {row["code"]: Named(row["zh"], row["en"]) for row in _data()["indicator"]}


def readings_table(family: Family, period: Period) -> Table:
    """The table of a family's readings of a period: every quantity of the family in each month, so that months fit together."""
    of, how = _FAMILIES[family], _PERIODS[period]
    # What is derived is of the city too, which is no station.
    key = ("scope", "observed_at") if family == "air-index" else ("station", "observed_at", "seq")
    return Table(
        name=f"{family}-{period}",
        path=f"readings/{family}-{period}",
        zh=f"{of.zh}{how.zh}",
        en=f"{of.en}, {how.en}",
        meaning_zh="只含有效值,单位统一;空单元格表示没有值或存疑",
        meaning="good values only, in canonical units; an empty cell is a value that is not there or is doubtful",
        key=key,
        fields=tuple(map(_column, (*key, *(f"{family}/{code}" for code in published(family))))),
        family=family,
    )


def published(family: Family) -> list[str]:
    """The quantities of a family that are published: all but the counts of meters, whose use is."""
    return [code for code in OF_FAMILY[family] if code not in COUNTERS.values()]


def doubtful_table(of: Table) -> Table:
    """The table of the doubtful values beside a table of readings."""
    key = (*of.key, "quantity")
    return Table(
        name=f"{of.name}-doubtful",
        path=f"{of.path}-doubtful",
        zh=f"{of.zh}(存疑)",
        en=f"{of.en}: doubtful values",
        meaning_zh="不参与任何平均的值,各注明原因;没有悄悄删去的数据",
        meaning="values that are in no average, each with the reason; nothing is left out silently",
        key=key,
        fields=tuple(map(_column, (*key, "flag", "doubtful_value"))),
        family=of.family,
    )


@cache
def _data() -> Mapping[str, list[dict[str, Any]]]:
    return tomllib.loads(files("cityflux.opendata").joinpath("tables.toml").read_text("utf-8"))


@cache
def _fields() -> Mapping[str, Field]:
    found = {row["name"]: Field.model_validate(row) for row in _data()["field"]}
    # The flags there are stand in sensors/reading.py.
    return found | {"flag": found["flag"].model_copy(update={"one_of": get_args(Flag)})}


def _column(name: str) -> Field:
    family, _, code = name.rpartition("/")
    return _of_quantity(OF_FAMILY[family][code]) if family else _fields()[code]


def _of_quantity(of: Quantity) -> Field:
    return Field(
        name=of.code, zh=of.zh, en=of.en, type="number", unit=of.unit, meaning=_AVERAGED[of.averages], averages=of.averages,
        scale=of.scale, low=of.low, high=of.high,
    )  # fmt: skip
