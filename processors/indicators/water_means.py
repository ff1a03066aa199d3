"""Means of water samples and their decimals: pH through H⁺, values below the detection limit as half of it, half even. Exact
where the formula is.

A value that would round to 0 keeps one significant digit (总站水字〔2018〕87号). Hourly values and evaluations have decimals
of their own. Of a sample below the detection limit the mean takes half the limit (环办监测函〔2020〕82号, 7).
"""

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from fractions import Fraction
from typing import Literal, NamedTuple

from processors.indicators.exact import decimal, rounded
from processors.standards.water import water_standard

# Chosen: digits of the logarithms of pH; a pH has four decimals at most.
_DIGITS = 30


class Sample(NamedTuple):
    """A measured value, or a detection limit that it was below (`<0.01`)."""

    value: Fraction
    below: bool = False

    @property
    def counted(self) -> Fraction:
        """What enters a mean."""
        return self.value / 2 if self.below else self.value


def sample(text: str) -> Sample:
    """A sample as people write it: `0.05`, `<0.01`, or `0.01L` as laboratories do. Raises ValueError for other text."""
    stripped = text.strip()
    below = stripped.startswith("<") or stripped.upper().endswith("L")
    number = stripped.lstrip("<").rstrip("lL").strip()
    try:
        value = Fraction(Decimal(number))
    except ArithmeticError as error:
        raise ValueError(
            f"{text!r} is no sample: write a number, or <limit for one below the detection limit"
        ) from error
    if value < 0:
        raise ValueError(f"{text!r} is negative: a concentration is not")
    return Sample(value, below)


def mean(code: str, samples: Sequence[Sample]) -> Fraction:
    """The mean of at least one sample of an item; of pH through the concentration of H⁺."""
    values = [one.counted for one in samples]
    return _ph_mean(values) if code == "ph" else Fraction(sum(values), len(values))


def _ph_mean(values: Sequence[Fraction]) -> Fraction:
    with localcontext(Context(prec=_DIGITS, rounding=ROUND_HALF_EVEN)):
        ten = Decimal(10)
        total = sum((ten ** -(Decimal(v.numerator) / Decimal(v.denominator)) for v in values), Decimal(0))
        return Fraction(-(total / len(values)).log10())


def rounded_as(code: str, value: Fraction, use: Literal["hourly", "evaluation"]) -> Decimal:
    """A value with the decimals of its item. Raises KeyError for an item that has none for that use."""
    item = water_standard().by_code[code]
    digits = item.hourly if use == "hourly" else item.evaluation
    if digits is None:
        raise KeyError(f"{code} has no {use} decimals")
    return keep_one(value, digits)


def keep_one(value: Fraction, digits: int) -> Decimal:
    """Half even to so many decimals; where that gives 0 of a value that is none, to one significant digit."""
    if value > 0:
        while rounded(value, digits) == 0:
            digits += 1
    return decimal(value, digits)


def evaluated(values: Mapping[str, Fraction]) -> dict[str, Fraction]:
    """Means with the decimals of an evaluation, for `water_class.section_class`."""
    return {code: Fraction(rounded_as(code, value, "evaluation")) for code, value in values.items()}
