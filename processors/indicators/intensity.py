"""Energy and carbon dioxide per unit of GDP at constant prices: by year, and how far they have come down. Exact.

intensity    amount / GDP [per 10⁴ yuan of one base year's prices]
a year       k = 1 - e(t) / e(t-1)
several      K = 1 - Π (1 - k), which is 1 - e(last) / e(base): not the sum
target path  the same rate each year: e(base) (1 - K)^(t / n)
"""

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple


class YearOfIntensity(NamedTuple):
    """A year's intensity [amount per 10⁴ yuan], its reduction against the year before and since the base year [1] (None where
    a year before is missing), and what the path allows it at most."""

    year: int
    intensity: Fraction
    reduction: Fraction | None
    cumulative: Fraction | None
    path: float | None


def intensity(amount: Fraction, gdp: Fraction) -> Fraction:
    """An amount over GDP [10⁴ yuan] at constant prices. Raises ValueError where there is no GDP."""
    if gdp <= 0:
        raise ValueError(f"a GDP of {gdp} has no intensity")
    return amount / gdp


def reductions(
    by_year: Mapping[int, Fraction], base_year: int, target: Fraction | None = None, target_year: int | None = None
) -> list[YearOfIntensity]:
    """The years from `base_year` on, of their intensities at the prices of one year; with `target` [1] what the reduction until
    `target_year` is to be."""
    base = by_year.get(base_year)
    found = []
    for year in sorted(each for each in by_year if each >= base_year):
        value, before = by_year[year], by_year.get(year - 1)
        found.append(
            YearOfIntensity(
                year,
                value,
                None if year == base_year or before is None else 1 - value / before,
                None if base is None else 1 - value / base,
                _path(base, year - base_year, target, None if target_year is None else target_year - base_year),
            )
        )
    return found


def cumulative(yearly: Sequence[Fraction]) -> Fraction:
    """The reduction of several years together: 1 - Π (1 - k)."""
    left = Fraction(1)
    for one in yearly:
        left *= 1 - one
    return 1 - left


def yearly_rate(target: Fraction, years: int) -> float:
    """The rate that, each year the same, gives a reduction of `target` [1] in so many years."""
    return 1 - math.pow(1 - target, 1 / years)


def at_constant_prices(nominal: Fraction, deflator: Fraction) -> Fraction:
    """A year's GDP at the prices of the base year, from that at its own and the deflator [1, base year = 1]. Raises
    ValueError."""
    if deflator <= 0:
        raise ValueError(f"a deflator of {deflator} is none: prices of the year over those of the base year")
    return nominal / deflator


def left_on_path(target: Fraction, years: int, until: int) -> float:
    """What is left of the base year's intensity [1] after so many years of the same rate that reaches `target` [1] in `until`."""
    return math.pow(1 - yearly_rate(target, until), min(years, until))


def _path(base: Fraction | None, years: int, target: Fraction | None, until: int | None) -> float | None:
    if base is None or target is None or not until:
        return None
    return float(base) * left_on_path(target, years, until)
