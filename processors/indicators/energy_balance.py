"""Energy used, as standard coal and as carbon dioxide, each with the basis that it was computed on. Exact.

    standard coal   amount × coefficient. Electricity at its equivalent value (当量值, 0.1229 kgce/kWh: terminal use, enterprises)
                    or at the coal that its generation took (等价值: primary energy; a year's own figure, which must be given)
    carbon dioxide  fuels by what is in them; electricity by the grid factor that the policy names. Heat has no factor here.

The two bases, and two policies, are never added up, nor is one taken where another was asked for.
"""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Literal, NamedTuple

from processors.standards.energy import GridYear, energy_tables

Basis = Literal["equivalent", "coal_equivalent"]
"""当量值, 等价值."""


class EnergyError(ValueError):
    """An amount has no coefficient, or a year no factor; the message says which there are."""


class GridPolicy(NamedTuple):
    """Which factor of electricity holds for a year: that of the year itself (`year`), of the last year before it that has one
    (`latest`), or of one fixed year; of the nation or of a province."""

    which: Literal["year", "latest", "fixed"]
    place: str = "national"
    fixed_year: int | None = None

    @property
    def said(self) -> str:
        """As a result names it."""
        when = {
            "year": "the year's own factor",
            "latest": "the latest factor by then",
            "fixed": f"the factor of {self.fixed_year}",
        }
        return f"{when[self.which]}, {self.place}"


class GridFactor(NamedTuple):
    """The factor [kg/kWh] that a policy gave for a year."""

    factor: Decimal
    of_year: int
    document: str
    policy: str


class Coal(NamedTuple):
    """Standard coal [tce] by carrier, in all, and on which basis."""

    by_carrier: Mapping[str, Fraction]
    basis: Basis

    @property
    def tce(self) -> Fraction:
        """In all."""
        return sum(self.by_carrier.values(), Fraction(0))


class Emissions(NamedTuple):
    """Carbon dioxide [t] by carrier, the grid factor that electricity took (None without any), carriers that have no factor."""

    by_carrier: Mapping[str, Fraction]
    grid: GridFactor | None
    without_factor: tuple[str, ...]

    @property
    def tonnes(self) -> Fraction:
        """In all, without the carriers that have no factor."""
        return sum(self.by_carrier.values(), Fraction(0))


def standard_coal(
    amounts: Mapping[str, Fraction],
    basis: Basis,
    *,
    coal_per_kwh: Decimal | None = None,
    measured: Mapping[str, Decimal] | None = None,
) -> Coal:
    """Amounts by carrier, each in the carrier's unit, as tonnes of standard coal. On the basis `coal_equivalent` electricity
    counts `coal_per_kwh` [kgce/kWh]; `measured` coefficients [kgce per unit] go before the table's. Raises EnergyError."""
    found = {}
    for code, amount in amounts.items():
        carrier = energy_tables().carriers.get(code)
        if carrier is None:
            raise EnergyError(f"{code!r} is no carrier of energy: there are {', '.join(energy_tables().carriers)}")
        coefficient = (measured or {}).get(code, carrier.equivalent)
        if code == "electricity" and basis == "coal_equivalent":
            if coal_per_kwh is None:
                raise EnergyError("等价值: what a kWh took in coal is a year's own figure; enter it with its source")
            coefficient = coal_per_kwh
        found[code] = amount * Fraction(coefficient) / 1000
    return Coal(found, basis)


def emissions(amounts: Mapping[str, Fraction], year: int, policy: GridPolicy) -> Emissions:
    """Carbon dioxide of amounts by carrier, each in the carrier's unit, in a year. Raises EnergyError where electricity has no
    factor by that policy."""
    found, without = {}, []
    factor = None
    for code, amount in amounts.items():
        if code not in energy_tables().carriers:
            raise EnergyError(f"{code!r} is no carrier of energy: there are {', '.join(energy_tables().carriers)}")
        if code == "electricity":
            factor = grid_factor(year, policy)
            found[code] = amount * Fraction(factor.factor) / 1000
        elif code in energy_tables().fuels:
            found[code] = amount * energy_tables().fuels[code].factor / 1000
        else:
            without.append(code)
    return Emissions(found, factor, tuple(without))


def grid_factor(year: int, policy: GridPolicy) -> GridFactor:
    """The factor of electricity for a year. Raises EnergyError where the policy gives none."""
    wanted = policy.fixed_year if policy.which == "fixed" else year
    known = [one for one in energy_tables().grid.years if policy.place in one.factors]
    if not known:
        places = sorted({place for one in energy_tables().grid.years for place in one.factors})
        raise EnergyError(f"there is no grid factor of {policy.place!r}: there are {', '.join(places)}")
    found: GridYear | None
    if policy.which == "latest":
        found = max((one for one in known if one.year <= year), key=lambda one: one.year, default=None)
    else:
        found = next((one for one in known if one.year == wanted), None)
    if found is None:
        years = ", ".join(str(one.year) for one in known)
        raise EnergyError(
            f"no grid factor of {policy.place} for {wanted}: there are those of {years}; choose a policy that takes one"
        )
    return GridFactor(found.factors[policy.place], found.year, found.document, policy.said)
