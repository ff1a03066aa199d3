"""By which rules energy is judged: the basis of standard coal, the grid's factor, the times of use; and what a quantity is as a
carrier of energy."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Final, NamedTuple

from processors.indicators.energy_balance import Basis, EnergyError, GridPolicy
from processors.standards.time_of_use import TimeOfUse, shipped_time_of_use
from sensors.quantities import OF_FAMILY

STANDARD = "GB/T 2589-2020"
"""Of every judgement of energy; on which basis its detail says."""

BASES: Final[Mapping[Basis, str]] = {"equivalent": "当量值", "coal_equivalent": "等价值"}

CARRIERS: Final[Mapping[str, tuple[str, Fraction]]] = {
    "electricity": ("electricity", Fraction(1)),
    "gas": ("natural_gas", Fraction(1)),
    "heat": ("heat", Fraction(1, 1000)),
    "gasoline": ("gasoline", Fraction(1)),
    "diesel": ("diesel", Fraction(1)),
    "fuel_oil": ("fuel_oil", Fraction(1)),
    "lpg": ("lpg", Fraction(1)),
}
"""By quantity, the carrier of `standards/energy.toml` and how many of its unit one of ours is (heat: MJ to GJ). Gas is taken for
gas of an oil field (1.3300 kgce/m³), as natural gas is where nobody says of which."""

PHOTOVOLTAIC = ("generation", "exported")
"""What a photovoltaic plant made, and what of it went into the grid."""

WATER = "water_use"

USES: Final[tuple[str, ...]] = (*CARRIERS, *PHOTOVOLTAIC, WATER)
"""The quantities whose use is computed."""


class EnergyRules(NamedTuple):
    """What a city chose."""

    basis: Basis = "equivalent"
    grid: GridPolicy = GridPolicy("latest")
    time_of_use: TimeOfUse = shipped_time_of_use()


def grid_policy(text: str, place: str) -> GridPolicy:
    """A policy as a setting writes it: `year`, `latest`, or a year whose factor holds for all. Raises EnergyError."""
    if text == "year":
        return GridPolicy("year", place)
    if text == "latest":
        return GridPolicy("latest", place)
    if len(text) == len("2022") and text.isdecimal():
        return GridPolicy("fixed", place, int(text))
    raise EnergyError(f"{text!r} is no policy of the grid's factor: write year, latest, or a year such as 2022")


def unit_of(quantity: str) -> str:
    """The unit of an amount."""
    return OF_FAMILY["energy"][quantity].unit


def power_unit(code: str) -> str:
    """The unit of its use over time: kW of kWh, else the unit an hour."""
    return "kW" if unit_of(code) == "kWh" else f"{unit_of(code)}/h"
