"""Units: what a sender's number is in a quantity's canonical unit. One table (`units.toml`), one straight line per pair.

    canonical = value × factor + offset

Concentrations of a gas go between mass (µg/m³) and amount (ppb) at 298.15 K and 1013.25 hPa (GB 3095-2012, 2018 amendment);
energy between kWh or MJ and tonnes of coal equivalent by GB/T 2589-2020, 当量值.
"""

import tomllib
import unicodedata
from collections.abc import Mapping
from difflib import get_close_matches
from fractions import Fraction
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from sensors.quantities import QUANTITIES, Quantity

_MOLE_L = Fraction("8.314462618") * Fraction("298.15") / Fraction("101.325")
"""What a mole of gas fills at 298.15 K and 101.325 kPa [L]: R·T/p, CODATA 2018."""

_COAL_KG = {"kgce": 1, "tce": 1000, "10⁴ tce": 10_000_000}
"""Units of coal equivalent [kg of standard coal]."""


class UnitError(ValueError):
    """The unit is unknown, or not one of the quantity: the message names the ones that are."""


class Line(NamedTuple):
    """canonical = value × factor + offset."""

    factor: float
    offset: float = 0.0

    def of(self, value: float) -> float:
        """`value` in the canonical unit."""
        return value * self.factor + self.offset


SAME = Line(1.0)


class _Unit(NamedTuple):
    """base unit of the dimension = number × factor + offset, exactly."""

    name: str
    dimension: str
    factor: Fraction
    offset: Fraction


def conversion(quantity: Quantity, unit: str) -> Line:
    """From `unit` to the quantity's canonical unit. Raises UnitError."""
    if _folded(unit) == _folded(quantity.unit):
        return SAME
    table = _units_of(quantity)
    line = table.get(_folded(unit))
    if line is None:
        near = get_close_matches(unit, known_units(quantity), n=1)
        hint = f"did you mean {near[0]}?" if near else f"it can be in {', '.join(known_units(quantity))}"
        raise UnitError(f"{quantity.code} cannot be in {unit!r}; {hint}")
    return line


def known_units(quantity: Quantity) -> list[str]:
    """The units that a quantity's numbers may be in, by their first names, the canonical one first."""
    canonical = quantity.unit
    own = [u.name for u in _table().values() if _joins(u, quantity)]
    coal = list(_COAL_KG) if quantity.code in _coal_equivalents() else []
    return list(dict.fromkeys([canonical, *own, *coal]))


def micrograms_per_ppb(code: str) -> Fraction:
    """µg/m³ of one ppb of a gas at 298.15 K and 101.325 kPa, exactly. KeyError for a quantity without a molar mass."""
    # ppb × g/mol ÷ (L/mol): 10⁻⁹ mol/mol × g/mol ÷ (10⁻³ m³/mol).
    return _molar_masses()[code] / _MOLE_L


@cache
def _units_by_code() -> Mapping[str, Mapping[str, Line]]:
    return {f"{q.family}/{q.code}": _lines(q) for q in QUANTITIES}


def _units_of(quantity: Quantity) -> Mapping[str, Line]:
    return _units_by_code()[f"{quantity.family}/{quantity.code}"]


def _lines(quantity: Quantity) -> dict[str, Line]:
    canonical = _table().get(_folded(quantity.unit))
    found: dict[str, Line] = {}
    if canonical is not None:
        for text, unit in _table().items():
            if _joins(unit, quantity):
                found[text] = _between(unit, canonical, quantity)
    per_unit = _coal_equivalents().get(quantity.code)
    if per_unit is not None:
        found |= {_folded(name): Line(float(kilograms / per_unit)) for name, kilograms in _COAL_KG.items()}
    return found


def _joins(unit: _Unit, quantity: Quantity) -> bool:
    """Whether numbers in `unit` can be numbers of the quantity."""
    canonical = _table().get(_folded(quantity.unit))
    if canonical is None:
        return False
    if unit.dimension == canonical.dimension:
        return True
    gases = {"mass_concentration", "amount_fraction"}
    return quantity.code in _molar_masses() and {unit.dimension, canonical.dimension} == gases


def _between(unit: _Unit, canonical: _Unit, quantity: Quantity) -> Line:
    factor, offset = unit.factor, unit.offset
    if unit.dimension != canonical.dimension:
        per_ppb = micrograms_per_ppb(quantity.code)
        factor *= per_ppb if unit.dimension == "amount_fraction" else 1 / per_ppb
    return Line(float(factor / canonical.factor), float((offset - canonical.offset) / canonical.factor))


def _folded(unit: str) -> str:
    # NFKC makes one of m³ and m3, and of both kinds of µ. Case tells MW from mW, so it is kept.
    return unicodedata.normalize("NFKC", unit).replace(" ", "").replace("^", "")


@cache
def _file() -> dict[str, Any]:
    return tomllib.loads(files("sensors").joinpath("units.toml").read_text("utf-8"))


@cache
def _table() -> Mapping[str, _Unit]:
    """Every way to write a unit, folded."""
    found: dict[str, _Unit] = {}
    for dimension, units in _file()["dimension"].items():
        for name, row in units.items():
            unit = _Unit(name, dimension, Fraction(str(row["factor"])), Fraction(str(row.get("offset", 0))))
            for text in (name, *row["also"]):
                if found.setdefault(_folded(text), unit) != unit:
                    raise ValueError(f"units.toml: {text!r} is two units")
    return found


@cache
def _molar_masses() -> Mapping[str, Fraction]:
    return {code: Fraction(str(mass)) for code, mass in _file()["molar_mass"].items()}


@cache
def _coal_equivalents() -> Mapping[str, Fraction]:
    return {code: Fraction(str(kilograms)) for code, kilograms in _file()["coal_equivalent"].items()}
