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
    """A figure [unit] from `low` to `high`, or greater than `above`, of periods of these lengths. One of a quarter is of 1
    January until its end; where it `adds_up` it is a sum over that time, which cannot become less within a year. One that is
    `reissued` is issued anew again and again, of the same period."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str = Field(pattern=r"^[a-z0-9_]{1,64}$")
    zh: str
    en: str
    unit: str
    low: Decimal | None = None
    above: Decimal | None = None
    high: Decimal | None = None
    periods: tuple[Length, ...]
    adds_up: bool = False
    reissued: bool = False

    def admits(self, value: Decimal) -> bool:
        """Whether a value is within the range."""
        return (
            (self.low is None or value >= self.low)
            and (self.above is None or value > self.above)
            and (self.high is None or value <= self.high)
        )

    @property
    def range(self) -> str:
        """The range in words."""
        if self.above is not None:
            return f"more than {self.above}"
        return f"{self.low if self.low is not None else '…'} to {self.high if self.high is not None else '…'}"


@cache
def figures() -> Mapping[str, Figure]:
    """The table, by code."""
    table = tomllib.loads(files("processors.plans").joinpath("figures.toml").read_text("utf-8"))
    found = [Figure.model_validate(row) for row in table["figure"]]
    return {one.code: one for one in found}
