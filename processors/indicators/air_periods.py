"""Statistics of air over a month, quarter or year: means, percentiles, compliance, the composite index (HJ 663, GB 3095).

    mean          of the daily values of the calendar period (GB 3095-2026, 3.10 to 3.13), exact
    percentile    k = 1 + (n - 1) p / 100 of the daily values in order, linear between neighbours (HJ 663, annex A)
    headline      what is published of a pollutant: its mean, of CO the 95th and of O3 (MDA8) the 90th percentile
    valid         a month with enough daily values, a quarter and a year of valid months, and of a year enough of all days
                  (GB 3095 table 4). The table asks that of a year, and not of CO and O3: for them, months and quarters it is
                  chosen, so that no figure stands on fewer days than that of PM2.5
    compliance    share of the days with a value on which it meets the grade II daily limit of its own date
    composite     sum over the pollutants of weight x headline / grade II limit, the annual one, of CO daily, of O3 MDA8

Daily values are not rounded before; what is published is rounded once, at the end (GB/T 8170). The rules of the last day judge
the period; another edition can be asked for.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from math import floor, lcm
from typing import NamedTuple

from processors.indicators.exact import decimal, rounded
from processors.standards.tables import POLLUTANTS, AirRules, Composite, air_rules
from processors.windows import days_between

Daily = Mapping[date, Mapping[str, Fraction]]
"""Exact daily values [canonical unit] by day and pollutant; o3 is MDA8. What is not valid is absent."""


class PollutantPeriod(NamedTuple):
    """One pollutant of a period. Values are exact [canonical unit], None without a daily value; `headline` is rounded."""

    pollutant: str
    days: int
    expected: int
    valid: bool
    why: str
    """What is lacking where not valid."""
    mean: Fraction | None
    percentile: Fraction | None
    percent: int
    """Which percentile."""
    headline: Decimal | None
    days_exceeding: int
    compliance_percent: Decimal | None
    meets: bool | None
    """Of a year: whether all that it is evaluated by is within the grade II limits; None for other periods, or not valid."""
    exceedance_multiple: Decimal | None
    """(headline - limit) / limit where it is above its limit of a year."""


class CompositeIndex(NamedTuple):
    """A composite index; None where a pollutant has no value. `confirmed` as in the table of its edition."""

    name: str
    value: Decimal | None
    confirmed: bool
    note: str


class PeriodStatistics(NamedTuple):
    """A period: by pollutant, in the order of POLLUTANTS, and as a whole."""

    standard: str
    """Editions of HJ 663 and GB 3095 that judged it."""
    pollutants: tuple[PollutantPeriod, ...]
    composites: tuple[CompositeIndex, ...]


def period_statistics(
    daily: Daily, first: date, last: date, standard: str | None = None, limits: str | None = None
) -> PeriodStatistics:
    """The statistics of the days from `first` to `last`, both included: whole months.

    `standard` names an edition of HJ 633, whose time's other documents are then taken; `limits` a stage of GB 3095, whose limits
    then hold for all days. Raises UnknownStandardError.
    """
    rules = air_rules(last, standard, limits)
    days = {day: air_rules(day, standard, limits) for day in days_between(first, last)}
    found = tuple(_pollutant(code, daily, days, rules) for code in POLLUTANTS)
    return PeriodStatistics(
        f"{rules.assessment.name} + {rules.limits.name}",
        found,
        tuple(_composite(composite, found, rules) for composite in rules.assessment.composites),
    )


def percentile(values: Sequence[Fraction], percent: int) -> Fraction:
    """The percentile of at least one value (HJ 663, annex A)."""
    ordered, common = _in_common(values)
    return _percentile(sorted(ordered), percent) / common


def _percentile(ordered: Sequence[int], percent: int) -> Fraction:
    k = 1 + Fraction((len(ordered) - 1) * percent, 100)
    s = floor(k)
    return ordered[s - 1] + (ordered[min(s, len(ordered) - 1)] - ordered[s - 1]) * (k - s)


def _in_common(values: Sequence[Fraction]) -> tuple[list[int], int]:
    """Values as integers over a common denominator: a tenth of the time of adding and sorting fractions."""
    common = lcm(*{value.denominator for value in values})
    return [value.numerator * (common // value.denominator) for value in values], common


def _pollutant(code: str, daily: Daily, days: Mapping[date, AirRules], rules: AirRules) -> PollutantPeriod:
    there = {day: daily[day][code] for day in days if code in daily.get(day, {})}
    assessment, is_year = rules.assessment, len(days) > 360
    percent = assessment.evaluation.percentiles[code]
    why = _lacking(there, days, rules)
    if not there:
        return PollutantPeriod(code, 0, len(days), False, why, None, None, percent, None, 0, None, None, None)
    scaled, common = _in_common(list(there.values()))
    mean, high = Fraction(sum(scaled), common * len(scaled)), _percentile(sorted(scaled), percent) / common
    by_mean = code in assessment.evaluation.means
    headline = mean if by_mean else high
    exceeding = sum(_exceeds(code, value, days[day]) for day, value in there.items())
    limit = _limit(code, rules)
    within = high <= _daily_limit(code, rules) and (not by_mean or mean <= limit)
    multiple = (headline - limit) / limit
    return PollutantPeriod(
        pollutant=code,
        days=len(there),
        expected=len(days),
        valid=not why,
        why=why,
        mean=mean,
        percentile=high,
        percent=percent,
        headline=decimal(headline, assessment.decimals.concentration[code]),
        days_exceeding=exceeding,
        compliance_percent=decimal(100 * Fraction(len(there) - exceeding, len(there)), assessment.ratio.digits),
        meets=within if is_year and not why else None,
        exceedance_multiple=decimal(multiple, assessment.decimals.exceedance_multiple)
        if is_year and multiple > 0
        else None,
    )


def _lacking(there: Mapping[date, Fraction], days: Collection[date], rules: AirRules) -> str:
    """What the period lacks to be valid, in words; "" where nothing."""
    validity = rules.limits.validity
    counts = {(day.year, day.month): 0 for day in days}
    for day in there:
        counts[day.year, day.month] += 1
    short = [
        f"{year}-{month:02d}: {count} days, {needed} needed"
        for (year, month), count in counts.items()
        if count < (needed := validity.days_of_month(month))
    ]
    if len(days) > 360 and len(there) < validity.annual_days:
        short.insert(0, f"{len(there)} days, {validity.annual_days} needed")
    return "; ".join(short)


def _exceeds(code: str, value: Fraction, rules: AirRules) -> bool:
    """Whether a daily value, rounded as it is published, is above the daily limit of grade II."""
    return rounded(value, rules.index.rounding.digits[code]) > _daily_limit(code, rules)


def _daily_limit(code: str, rules: AirRules) -> int:
    return rules.limits.limits[code]["mda8" if code == "o3" else "daily"][1]


def _limit(code: str, rules: AirRules) -> int:
    """What the headline is held against: the annual limit, of CO and O3 the daily one."""
    limits = rules.limits.limits[code]
    return limits["annual"][1] if "annual" in limits else _daily_limit(code, rules)


def _composite(composite: Composite, found: Sequence[PollutantPeriod], rules: AirRules) -> CompositeIndex:
    total, means = Fraction(0), rules.assessment.evaluation.means
    missing = [one.pollutant for one in found if one.mean is None]
    for one in found:
        exact = one.mean if one.pollutant in means else one.percentile
        if exact is not None:
            total += composite.weights[one.pollutant] * exact / _limit(one.pollutant, rules)
    note = "" if composite.confirmed else f"weights not confirmed: {composite.clause} ({composite.mark})"
    value = None if missing else decimal(total, composite.digits)
    return CompositeIndex(
        composite.name, value, composite.confirmed, f"no value of {', '.join(missing)}" if missing else note
    )
