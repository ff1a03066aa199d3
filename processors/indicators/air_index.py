"""The air quality index: concentration to IAQI to AQI, exact, by the edition's tables (HJ 633).

    concentration  exact rational, rounded half-even to the edition's decimals where the variant rounds
    IAQI           linear between breakpoints, rounded up, in integers: ceil((Δiaqi·(C − lo) + iaqi_lo·Δbp) / Δbp);
                   floats get 22 of the one-decimal CO values wrong
    AQI            the greatest IAQI, kept within the edition's range; who enters it is the variant's list

A short table's `above` decides what follows its last breakpoint; a full table stays at its last IAQI.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from processors.indicators.exact import Ratios, exact, half_even, rounded
from processors.standards.tables import (
    POLLUTANTS,
    AirRules,
    Index,
    Indicator,
    Publishes,
    Statistic,
    Variant,
    air_rules,
    index_named,
)
from processors.windows import Ints

NONE = -1
"""In integer arrays of sub-indices: there is none."""

StatisticOf = Callable[[str, Statistic], Ratios]
"""(pollutant, statistic) to its column [canonical unit]."""

_ELSEWHERE = -2  # the table has ended, and the edition takes the sub-index of another averaging time
_BITS = 1 << np.arange(len(POLLUTANTS))  # a set of pollutants as bits of an integer


class AirIndex(NamedTuple):
    """An AQI, its primary pollutants (AQI > 50) and those that exceed (IAQI > 100), in the order of POLLUTANTS."""

    aqi: int | None
    primary: tuple[str, ...]
    exceeding: tuple[str, ...]


def iaqi(
    index: Index, table: str, concentration: float | Decimal | Fraction, *, round_first: bool = True
) -> int | None:
    """The sub-index of a concentration [canonical unit] by one table of an edition, e.g. "pm2_5_24h".

    None where the table has ended and the edition takes the sub-index of another averaging time instead
    (HJ 633-2012, Table 1, notes 2 and 3). Raises ValueError below 0, KeyError for a table that the edition has not.
    """
    pollutant = table.rpartition("_")[0]
    value = exact(concentration)
    if value < 0:
        raise ValueError(f"{table}: a concentration is not negative: {concentration}")
    if round_first:
        value = rounded(value, index.rounding.digits[pollutant])
    return _iaqi(index.name, table, value.numerator, value.denominator)


# 65,536 holds every rounded concentration that a city meets; a variant that does not round only computes again.
@lru_cache(maxsize=65536)
def _iaqi(standard: str, table: str, n: int, d: int) -> int | None:
    breakpoints = index_named(standard).breakpoints
    points = breakpoints.tables[table]
    for low, high, index_low, index_high in zip(
        points, points[1:], breakpoints.iaqi, breakpoints.iaqi[1:], strict=False
    ):
        if n <= high * d:
            span = (high - low) * d
            return -(-((index_high - index_low) * (n - low * d) + index_low * span) // span)
    if table in breakpoints.above:
        return breakpoints.above[table].iaqi
    return breakpoints.iaqi[-1]


def air_index(
    index: Index, iaqis: Mapping[str, int | None], publishes: Publishes = "complete or exceeding"
) -> AirIndex:
    """The index of one set of sub-indices by pollutant; absent and None are missing. No AQI, no primary pollutant."""
    row = np.array([[NONE if (value := iaqis.get(code)) is None else value for code in POLLUTANTS]])
    aqi, primary, exceeding = _judge(index, row, (row != NONE).all(axis=1), publishes)
    return AirIndex(None if aqi[0] == NONE else int(aqi[0]), _codes(primary[0]), _codes(exceeding[0]))


def index_columns(index: Index, variant: Variant, statistic: StatisticOf, rows: int) -> pd.DataFrame:
    """The index of each of `rows` rows by a variant.

    Columns: `aqi` (Int64, NA where none is published), `primary` and `exceeding` (codes joined by "+", "" where none),
    `valid` (indicators of the variant that are there), `iaqi_<pollutant>` (Int64; of several indicators the greatest).
    """
    sub = np.full((rows, len(POLLUTANTS)), NONE, np.int64)
    valid = np.zeros(rows, np.int64)
    for indicator in variant.indicators:
        found = _sub_indices(index, variant, indicator, statistic)
        column = POLLUTANTS.index(indicator.pollutant)
        sub[:, column] = np.maximum(sub[:, column], found)
        valid += found != NONE
    joined = ["+".join(_codes(members)) for members in range(1 << len(POLLUTANTS))]
    aqi, primary, exceeding = _judge(index, sub, valid == len(variant.indicators), variant.publishes)
    return pd.DataFrame(
        {
            "aqi": _nullable(aqi),
            "primary": [joined[members] for members in primary],
            "exceeding": [joined[members] for members in exceeding],
            "valid": valid,
            **{f"iaqi_{code}": _nullable(sub[:, column]) for column, code in enumerate(POLLUTANTS)},
        }
    )


def by_rules(days: list[date], position: Ints, standard: str | None) -> Iterator[tuple[AirRules, npt.NDArray[np.intp]]]:
    """The rules that judge the rows, each with its rows; `position` is each row's place in `days`.

    Without rows the newest rules come with none, so that a result has its columns. Raises UnknownStandardError.
    """
    rules = [air_rules(day, standard) for day in days]
    if not rules:
        yield air_rules(date.max, standard), np.zeros(0, np.intp)
    for one in dict.fromkeys(rules):
        yield one, np.flatnonzero(np.array([each is one for each in rules])[position])


def _sub_indices(index: Index, variant: Variant, indicator: Indicator, statistic: StatisticOf) -> Ints:
    found = _of_table(index, variant, indicator.table, statistic(indicator.pollutant, indicator.statistic))
    above = index.breakpoints.above.get(indicator.table)
    if above is not None and above.table is not None and (found == _ELSEWHERE).any():
        other = above.statistic(variant.kind)
        if other is None:
            raise ValueError(f"{index.name}: above.{indicator.table} names no statistic for {variant.kind}")
        found = np.where(
            found == _ELSEWHERE, _of_table(index, variant, above.table, statistic(indicator.pollutant, other)), found
        )
    return found


def _of_table(index: Index, variant: Variant, table: str, values: Ratios) -> Ints:
    """Sub-indices by one table; NONE without a value, _ELSEWHERE where the table has ended."""
    there = values.there
    if variant.round_first:
        digits = index.rounding.digits[table.rpartition("_")[0]]
        n = half_even(values, digits)[there].tolist()
        d = [10**digits] * len(n)
    else:
        n, d = values.n[there].tolist(), values.d[there].tolist()
    found = np.full(len(there), NONE, np.int64)
    name = index.name
    sub_indices = (_iaqi(name, table, *ratio) for ratio in zip(n, d, strict=True))
    found[there] = [_ELSEWHERE if sub_index is None else sub_index for sub_index in sub_indices]
    return found


def _judge(index: Index, sub: Ints, complete: npt.NDArray[np.bool_], publishes: Publishes) -> tuple[Ints, Ints, Ints]:
    """From rows of sub-indices: AQI (NONE where not published), primary and exceeding pollutants as sets of bits."""
    rule = index.index
    greatest = sub.max(axis=1)
    published = greatest != NONE
    if publishes == "complete or exceeding":
        published &= complete | (greatest > rule.exceeding_above)
    aqi = np.where(published, np.clip(greatest, *rule.range), NONE)
    primary = (sub == greatest[:, np.newaxis]) & (aqi > rule.primary_above)[:, np.newaxis]
    return aqi, primary @ _BITS, (sub > rule.exceeding_above) @ _BITS


def _codes(members: int) -> tuple[str, ...]:
    return tuple(code for bit, code in enumerate(POLLUTANTS) if members >> bit & 1)


def _nullable(values: Ints) -> pd.arrays.IntegerArray:
    return pd.arrays.IntegerArray(values, values == NONE)
