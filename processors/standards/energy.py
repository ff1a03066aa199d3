"""Coefficients of energy as typed, frozen data: standard coal (GB/T 2589), carbon of fuels, the yearly factors of electricity."""

import tomllib
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import cache, cached_property
from importlib.resources import files
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from processors.standards.tables import Mark

Unit = Literal["kWh", "GJ", "kg", "m³", "t"]


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Carrier(_Data):
    """A carrier of energy: kgce in one `unit` of it. Of electricity that is its 当量值; its 等价值 is of a year and of power
    plants, and no constant: whoever wants it gives it."""

    code: str
    zh: str
    en: str
    unit: Unit
    equivalent: Decimal
    mark: Mark


class Coal(_Data):
    """Standard coal."""

    document: str
    clause: str
    source: str
    carriers: tuple[Carrier, ...] = Field(alias="carrier")


class Fuel(_Data):
    """What a fuel emits: net calorific value [kJ/kg, of gas kJ/m³], carbon [tC/TJ], share that is oxidised."""

    carriers: tuple[str, ...]
    ncv: int
    carbon: Decimal
    oxidation: Decimal

    @property
    def factor(self) -> Fraction:
        """Carbon dioxide [kg per kg, of gas per m³]: exact."""
        tonnes_of_carbon_per_terajoule = Fraction(self.carbon)
        kilograms_per_kilojoule = tonnes_of_carbon_per_terajoule / 10**6
        return self.ncv * kilograms_per_kilojoule * Fraction(self.oxidation) * Fraction(44, 12)


class Carbon(_Data):
    """Carbon of fuels."""

    document: str
    clause: str
    source: str
    mark: Mark
    fuels: tuple[Fuel, ...] = Field(alias="fuel")


class GridYear(_Data):
    """The factors of electricity of a data year [kg/kWh], by place."""

    year: int
    document: str
    published: date
    factors: Mapping[str, Decimal]
    marks: Mapping[str, Mark]


class Grid(_Data):
    """All years."""

    clause: str
    years: tuple[GridYear, ...] = Field(alias="year")


class EnergyTables(_Data):
    """The document of coefficients."""

    coal: Coal
    carbon: Carbon
    grid: Grid

    @cached_property
    def carriers(self) -> Mapping[str, Carrier]:
        """The carriers by code."""
        return {one.code: one for one in self.coal.carriers}

    @cached_property
    def fuels(self) -> Mapping[str, Fuel]:
        """What is burnt, by the carrier's code."""
        return {code: fuel for fuel in self.carbon.fuels for code in fuel.carriers}


@cache
def energy_tables() -> EnergyTables:
    """The tables of `energy.toml`."""
    text = files("processors.standards").joinpath("energy.toml").read_text("utf-8")
    return EnergyTables.model_validate(tomllib.loads(text))
