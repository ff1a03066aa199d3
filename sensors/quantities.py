"""The quantities table: what each number is called, its unit, its physical range, its scale and how it averages.

The rows are data (`quantities.toml`); every other table of the project names quantities by the codes found here, and
`tests/test_tables_agree.py` fails where one does not.
"""

import tomllib
from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from importlib.resources import files
from types import MappingProxyType
from typing import Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

Family = Literal["air", "water", "energy", "traffic", "air-index", "traffic-flow"]
Averages = Literal["mean", "vector_mean", "energy_mean", "hydrogen_mean", "sum", "last", "derived"]

FAMILIES: tuple[Family, ...] = get_args(Family)
MEASURED_FAMILIES: tuple[Family, ...] = ("air", "water", "energy", "traffic")


class Quantity(BaseModel):
    """One row of the table. `low` and `high` are in `unit`; `scale` is a number of decimals."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    family: Family
    code: str = Field(pattern=r"^[a-z0-9_]{1,64}$")
    zh: str
    en: str
    unit: str
    low: float
    high: float
    scale: int = Field(ge=0, le=9)
    averages: Averages
    hj212: str | None = None

    @model_validator(mode="after")
    def _range_has_two_ends(self) -> "Quantity":
        if self.low >= self.high:
            raise ValueError(f"quantity {self.code}: low {self.low} must be below high {self.high}")
        return self


def _load() -> tuple[Quantity, ...]:
    table = tomllib.loads(files("sensors").joinpath("quantities.toml").read_text("utf-8"))
    return tuple(Quantity.model_validate(row) for row in table["quantity"])


QUANTITIES: tuple[Quantity, ...] = _load()

OF_FAMILY: Mapping[str, Mapping[str, Quantity]] = MappingProxyType(
    {family: MappingProxyType({q.code: q for q in QUANTITIES if q.family == family}) for family in FAMILIES}
)


COUNTERS: Final[Mapping[str, str]] = {
    "electricity": "electricity_counter",
    "gas": "gas_counter",
    "heat": "heat_counter",
    "water_use": "water_counter",
    "generation": "generation_counter",
    "exported": "exported_counter",
}
"""The quantity that is a meter's count, by the one that is what was used; both have one unit."""

# From here on every float is a whole number.
_ALL_WHOLE = 2.0**52


def quantise(value: float, scale: int) -> float:
    """`value` rounded half-even, as written in decimal, to `scale` decimals: 0.95 at scale 1 is 1.0 (binary 0.95 is less).

    Exact in the sense of GB/T 8170: the digits that count are those of `repr(value)`.
    """
    if not -_ALL_WHOLE < value < _ALL_WHOLE:
        return value
    power = 10.0**scale
    scaled = value * power
    nearest = round(scaled)
    # Away from a tie, and where floats still hold thousandths, the nearest integer is the decimal answer too.
    if abs(scaled - nearest) < 0.499 and -1e12 < scaled < 1e12:
        return nearest / power
    exact = Decimal(repr(value)).quantize(Decimal(1).scaleb(-scale), rounding=ROUND_HALF_EVEN)
    return float(exact)
