"""The figures that people enter (`cityflux record`), as data: what each is called, its unit, its range, which periods."""

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Length = Literal["day", "month", "quarter", "year"]


class Figure(BaseModel):
    """A figure [unit] from `low` to `high`, of periods of these lengths."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str = Field(pattern=r"^[a-z0-9_]{1,64}$")
    zh: str
    en: str
    unit: str
    low: Decimal | None = None
    high: Decimal | None = None
    periods: tuple[Length, ...]


@cache
def figures() -> Mapping[str, Figure]:
    """The table, by code."""
    table = tomllib.loads(files("processors.plans").joinpath("figures.toml").read_text("utf-8"))
    found = [Figure.model_validate(row) for row in table["figure"]]
    return {one.code: one for one in found}
