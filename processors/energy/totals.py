"""Sums of use, exact: what days, months and meters add up to. As data they are text of rationals, so that nothing is rounded on
the way from a day to a year of the city.

    used       by quantity: the amount, how much of it was shared out by time, and how long it was measured
    periods    electricity by time of use
    self-use   generation − fed into the grid, of the time in which both were measured
"""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

from processors.energy.rules import CARRIERS

_NONE = Fraction(0)
# Chosen: below this share of the time an amount is no answer to what was used.
LEAST_COVERAGE = Fraction(95, 100)


class Tally(NamedTuple):
    """An amount in the quantity's unit, what of it was apportioned, and how long it was measured [ms]."""

    amount: Fraction
    apportioned: Fraction
    measured_ms: int

    def plus(self, other: "Tally") -> "Tally":
        """Both."""
        return Tally(
            self.amount + other.amount, self.apportioned + other.apportioned, self.measured_ms + other.measured_ms
        )


class Totals(NamedTuple):
    """What was used: by quantity, electricity by time of use, photovoltaic self-use with the days it is known of and those on
    which there was any, and days that have anything."""

    used: Mapping[str, Tally]
    periods: Mapping[str, Fraction]
    self_use: Fraction
    self_use_days: int
    pv_days: int
    days: int

    def plus(self, other: "Totals") -> "Totals":
        """Both."""
        nothing = Tally(_NONE, _NONE, 0)
        return Totals(
            {
                code: self.used.get(code, nothing).plus(other.used.get(code, nothing))
                for code in sorted({*self.used, *other.used})
            },
            {
                name: self.periods.get(name, _NONE) + other.periods.get(name, _NONE)
                for name in sorted({*self.periods, *other.periods})
            },
            self.self_use + other.self_use,
            self.self_use_days + other.self_use_days,
            self.pv_days + other.pv_days,
            self.days + other.days,
        )

    @property
    def measured_ms(self) -> int:
        """How long everything was measured that was measured at all [ms]; of a day with photovoltaics whose self-use nobody knows
        none, for what was used is not known either."""
        if self.self_use_days < self.pv_days:
            return 0
        return min((one.measured_ms for one in self.used.values()), default=0)

    def coal_amounts(self) -> dict[str, Fraction]:
        """By carrier, in its unit, what was used: electricity from the grid and from one's own roof."""
        found = self.grid_amounts()
        if self.self_use_days:
            found["electricity"] = found.get("electricity", _NONE) + self.self_use
        return found

    def grid_amounts(self) -> dict[str, Fraction]:
        """By carrier, in its unit, what was used, of electricity what came from the grid; what was never measured is no zero."""
        return {
            carrier: self.used[code].amount * units
            for code, (carrier, units) in CARRIERS.items() if code in self.used and self.used[code].measured_ms
        }  # fmt: skip

    def said(self) -> dict[str, Any]:
        """As data."""
        return {
            "used": {
                code: {"exact": str(one.amount), "apportioned": str(one.apportioned), "measured_ms": one.measured_ms}
                for code, one in sorted(self.used.items())
            },
            "periods": {name: str(one) for name, one in sorted(self.periods.items())},
            "self_use": str(self.self_use),
            "self_use_days": self.self_use_days,
            "pv_days": self.pv_days,
            "days": self.days,
        }


NOTHING = Totals({}, {}, _NONE, 0, 0, 0)


def totals_in(said: Mapping[str, Any]) -> Totals:
    """From data, as `Totals.said` gives it."""
    return Totals(
        {
            code: Tally(rational(one["exact"]), rational(one["apportioned"]), one["measured_ms"])
            for code, one in said["used"].items()
        },
        {name: rational(one) for name, one in said["periods"].items()},
        rational(said["self_use"]),
        said["self_use_days"],
        said["pv_days"],
        said["days"],
    )


def rational(text: str) -> Fraction:
    """A number as `str` of a Fraction writes it: a third of the time that Fraction takes, which reads decimals too."""
    numerator, _, denominator = text.partition("/")
    return Fraction(int(numerator), int(denominator or 1))


def sum_of(parts: Iterable[Totals]) -> Totals:
    """All of them."""
    found = NOTHING
    for part in parts:
        found = found.plus(part)
    return found
