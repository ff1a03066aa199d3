"""Exact arithmetic on columns: decimals as scaled integers, means as ratios of integers, rounding by GB/T 8170.

A concentration is the decimal that its float prints (`Decimal(repr(x))`), a mean is an exact rational, and the only
rounding is the one a clause asks for. Columns are int64, and Python integers in object arrays where int64 would be too
narrow.
"""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from math import lcm
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from sensors.quantities import OF_FAMILY

Integers = npt.NDArray[Any]
"""int64, or Python integers in an object array."""

_SAFE = 2**56  # of a mean's terms: room in int64 for the decimals and the doubling of half_even


def exact(number: float | Decimal | Fraction) -> Fraction:
    """A number as the decimal that it prints, exactly."""
    if not isinstance(number, float):
        return Fraction(number)
    # Most have one decimal or none, and then this is five times faster than reading what they print.
    tenths = number * 10
    if -1e15 < tenths < 1e15 and tenths == int(tenths) and int(tenths) / 10 == number:
        return Fraction(int(tenths), 10)
    return Fraction(repr(number))


def rounded(number: float | Decimal | Fraction, digits: int) -> Fraction:
    """Rounded to `digits` decimals, half to even (GB/T 8170)."""
    return round(exact(number), digits)


def decimal(number: Fraction, digits: int) -> Decimal:
    """Rounded half to even, and written with all of its decimals."""
    return Decimal(int(rounded(number, digits) * 10**digits)).scaleb(-digits)


class Ratios(NamedTuple):
    """A column of rationals n / d; d = 0 where there is no value."""

    n: Integers
    d: Integers

    @property
    def there(self) -> npt.NDArray[np.bool_]:
        """Where there is a value."""
        return np.asarray(self.d > 0, dtype=np.bool_)

    def where(self, keep: npt.NDArray[np.bool_]) -> "Ratios":
        """The same without the values outside `keep`."""
        return Ratios(self.n, np.where(keep, self.d, 0))

    def rows(self, rows: npt.NDArray[np.intp]) -> "Ratios":
        """These rows of the column."""
        return Ratios(self.n[rows], self.d[rows])

    def fractions(self) -> list[Fraction | None]:
        """The values, None where there is none."""
        return [Fraction(n, d) if d else None for n, d in zip(self.n.tolist(), self.d.tolist(), strict=True)]


def from_fractions(values: Sequence[Fraction | None]) -> Ratios:
    """The column of these values; numbers may be of any size."""
    n = np.array([0 if value is None else value.numerator for value in values], dtype=object)
    d = np.array([0 if value is None else value.denominator for value in values], dtype=object)
    return Ratios(n, d)


def scaled(values: npt.NDArray[np.float64], decimals: int) -> tuple[Integers, int]:
    """Finite decimals as integers, and the power of ten they were multiplied by.

    `decimals` is what a quantity usually has (its scale); values with more of them are exact all the same, and slower.
    """
    power = 10**decimals
    rounded = np.rint(values * power)
    if np.all(np.abs(rounded) < 2**53) and np.array_equal(rounded / power, values):
        return rounded.astype(np.int64), power
    exact = [Decimal(repr(value)) for value in values.tolist()]
    power = 10 ** max(-int(number.as_tuple().exponent) for number in [*exact, Decimal(1).scaleb(-decimals)])
    return np.array([int(number * power) for number in exact], dtype=object), power


class Column(NamedTuple):
    """Hourly concentrations as integers of 1/`power` of the canonical unit; 0 where not `there`."""

    n: Integers
    there: npt.NDArray[np.bool_]
    power: int


def column(hours: pd.DataFrame, code: str) -> Column:
    """The concentrations of an air quantity. A value that is no concentration (NaN, infinite, negative) is missing, and
    so is every value of a column that the frame has not."""
    if code not in hours:
        return Column(np.zeros(len(hours), np.int64), np.zeros(len(hours), np.bool_), 1)
    values = hours[code].to_numpy(np.float64)
    there = np.isfinite(values) & (values >= 0)
    n, power = scaled(np.where(there, values, 0.0), OF_FAMILY["air"][code].scale)
    return Column(n, there, power)


def half_even(values: Ratios, digits: int) -> Integers:
    """Values rounded half to even (GB/T 8170), in units of 10^-digits; 0 where there is none."""
    d = np.where(values.there, values.d, 1)
    n = np.where(values.there, values.n, 0) * 10**digits
    whole, rest = n // d, n % d  # np.divmod knows no Python integers
    up = (2 * rest > d) | ((2 * rest == d) & (whole % 2 == 1))
    return np.asarray(whole + up)


def mean_by(values: Ratios, groups: npt.NDArray[np.intp], count: int) -> tuple[Ratios, npt.NDArray[np.int64]]:
    """The mean of each of `count` groups of rows, and how many values each has; exact whatever the denominators."""
    there = values.there
    of = groups[there]
    valid = np.bincount(of, minlength=count).astype(np.int64)
    if not there.any():
        return Ratios(np.zeros(count, np.int64), np.zeros(count, np.int64)), valid
    n, d = values.n[there], values.d[there]
    common = lcm(*(int(each) for each in np.unique(d)))
    largest = max(abs(int(n.max())), abs(int(n.min())), 1) * (common // int(d.min())) * int(valid.max())
    if largest >= _SAFE or common * int(valid.max()) >= _SAFE:
        n, d = n.astype(object), d.astype(object)
    total = np.zeros(count, n.dtype)
    np.add.at(total, of, n * (common // d))
    return Ratios(total, valid.astype(n.dtype) * common), valid
