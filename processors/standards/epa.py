"""The US EPA's index (2024) as typed, frozen data: a named standard for comparison, never for a constraint indicator."""

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from functools import cache
from importlib.resources import files
from typing import Literal

from pydantic import BaseModel, ConfigDict

from processors.standards.tables import Mark
from sensors.quantities import OF_FAMILY
from sensors.units import micrograms_per_ppb

_PER_PPB = {"µg/m³": None, "ppb": 1, "ppm": 1000}


class Row(BaseModel):
    """One line of breakpoints."""

    model_config = ConfigDict(frozen=True)

    low: Decimal
    high: Decimal
    index_low: int
    index_high: int


class EpaTable(BaseModel):
    """One pollutant and averaging time, in the table's own unit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    quantity: str
    statistic: Literal["24h", "max_8h", "max_1h"]
    decimals: int
    unit: Literal["µg/m³", "ppb", "ppm"]
    rows: tuple[Row, ...]
    above: int | None = None
    """The index above the last row; None: the last line goes on."""

    def of_canonical(self, concentration: Fraction) -> Fraction:
        """A concentration [canonical unit] in the table's unit; gases at 298.15 K and 101.325 kPa."""
        per_ppb = _PER_PPB[self.unit]
        if per_ppb is None:
            return concentration
        micrograms = concentration * (1000 if OF_FAMILY["air"][self.quantity].unit == "mg/m³" else 1)
        return micrograms / micrograms_per_ppb(self.quantity) / per_ppb


class Epa(BaseModel):
    """The document."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    document: str
    clause: str
    mark: Mark
    pollutant: Mapping[str, EpaTable]


@cache
def epa() -> Epa:
    """The tables of `epa-2024.toml`."""
    table = tomllib.loads(
        files("processors.standards").joinpath("epa-2024.toml").read_text("utf-8"), parse_float=Decimal
    )
    fields = ("low", "high", "index_low", "index_high")
    for of in table["pollutant"].values():
        of["rows"] = [dict(zip(fields, row, strict=True)) for row in of["rows"]]
    return Epa.model_validate(table)
