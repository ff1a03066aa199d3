"""Sections over a year, rivers and lakes: compliance in both definitions, what the remaining months may hold, and the indices.

    year          mean of the monthly means of each item, rounded as an evaluation, then the class (环办〔2011〕22号)
    compliance    (a) by the year's class against the target, a section at a time; (b) by the share of its samples
    room          what the months left may average of an item, so that the year's mean still keeps the target: exact, with the
                  half a decimal that rounding gives
    river         of five sections and more by the shares of their classes; of fewer by the mean of their items
    lake          trophic level index of five items
    ranking       CWQI: the sum over the items of value over the limit of class III

Which definition of compliance a plan means is the plan's to say; both are named in what they give.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from math import log
from typing import Literal, NamedTuple

from processors.indicators.water_class import INFERIOR, SectionClass, Values, section_class
from processors.indicators.water_means import Sample, evaluated, mean
from processors.standards.water import Item, Kind, water_evaluation, water_standard

Months = Mapping[int, Values]
"""Monthly means by month, 1 to 12, exact."""


class SectionYear(NamedTuple):
    """A section's year so far: means rounded as an evaluation, its class, months it rests on, and whether it keeps its target;
    `definite` only where no month and no item is missing: until then both may change."""

    values: Values
    evaluation: SectionClass
    months: int
    target: int | None
    compliant: bool | None
    definite: bool


class Room(NamedTuple):
    """What the months left may average of an item: at most (at least, of dissolved oxygen), and whether just that still does;
    None where nothing can reach it any more. `margin` is how far that is from the mean so far, as a share of it: below 0 the
    months left must be better than those before; None where whatever comes is enough, or nothing is."""

    code: str
    limit: Decimal
    may_average: Fraction | None
    inclusive: bool
    margin: Fraction | None


def month_values(samples: Mapping[str, Sequence[Sample]]) -> dict[str, Fraction]:
    """The monthly means of the items that have a sample."""
    return {code: mean(code, of_item) for code, of_item in samples.items() if of_item}


def section_year(months: Months, kind: Kind, target: int | None, required: Iterable[str] | None = None) -> SectionYear:
    """Definition (a): the class of the mean of the monthly values against `target` (1 to 5, or none); `required` as above."""
    values = evaluated(_year_means(months))
    found = section_class(values, kind, required=required, target=target)
    compliant = None if found.cls is None or target is None else found.cls <= target
    definite = len(months) >= water_evaluation().year.months and found.complete
    return SectionYear(values, found, len(months), target, compliant, definite)


def _year_means(months: Months) -> dict[str, Fraction]:
    codes = {code for values in months.values() for code in values}
    return {
        code: mean(code, [Sample(values[code]) for values in months.values() if code in values])
        for code in sorted(codes)
        if code in water_standard().by_code
    }


def share_of_samples(classes: Sequence[int], target: int) -> tuple[Fraction, Literal["compliant", "basically", "not"]]:
    """Definition (b): the share of at least one sample that keeps the target, and what that is called."""
    share = Fraction(sum(cls <= target for cls in classes), len(classes))
    rule = water_evaluation().samples
    if 100 * share >= rule.compliant:
        return share, "compliant"
    return share, "basically" if 100 * share >= rule.basically else "not"


def compliance_rate(years: Iterable[SectionYear]) -> tuple[int, int]:
    """Sections that keep their target, of those that have a class."""
    verdicts = [year.compliant for year in years if year.compliant is not None]
    return sum(verdicts), len(verdicts)


def room(months: Months, kind: Kind, target: int, left: int) -> list[Room]:
    """For each item with a limit that is averaged as it is (not pH): what `left` more months may average. The one with the least
    margin first."""
    found = []
    for item in water_standard().items:
        values = [values[item.code] for values in months.values() if item.code in values]
        if not values or item.better == "band" or left < 1:
            continue
        limit = item.limits_of(kind)[target - 1]
        edge, inclusive = _edge(item, limit)
        may = (edge * (len(values) + left) - sum(values)) / left
        so_far = Fraction(sum(values), len(values))
        reachable = may >= 0 or item.better == "more"
        margin = None if not reachable or so_far == 0 else may / so_far - 1
        if item.better == "more" and margin is not None:
            # Less than nothing cannot be: whatever comes is enough.
            may, margin = max(may, Fraction(0)), None if may <= 0 else -margin
        found.append(Room(item.code, limit, may if reachable else None, inclusive, margin))
    return sorted(found, key=lambda one: (one.may_average is not None, one.margin is None, one.margin or 0))


def _edge(item: Item, limit: Decimal) -> tuple[Fraction, bool]:
    """The furthest mean that rounding still brings to the limit, half a last decimal beyond it; and whether that one is, which it
    is where the limit's last digit is even."""
    on_grid = Fraction(limit) * 10**item.evaluation
    if on_grid.denominator != 1:
        return Fraction(limit), True
    half = Fraction(1, 2 * 10**item.evaluation)
    return Fraction(limit) + (half if item.better == "less" else -half), on_grid.numerator % 2 == 0


class RiverStatus(NamedTuple):
    """A river's or basin's status, and by which method."""

    status_zh: str
    status_en: str
    method: Literal["class ratio", "mean of the sections"]
    good_percent: Fraction | None
    inferior_percent: Fraction | None
    cls: int | None


def river_status(sections: Sequence[Values], kind: Kind = "river") -> RiverStatus:
    """Of at least one section's values."""
    rule = water_evaluation()
    if len(sections) < rule.ratio.sections:
        codes = {code for values in sections for code in values}
        means = {
            code: mean(code, [Sample(values[code]) for values in sections if code in values]) for code in sorted(codes)
        }
        cls = section_class(evaluated(means), kind).cls
        named = water_standard().classes[(cls or INFERIOR) - 1]
        return RiverStatus(named.status_zh, named.status_en, "mean of the sections", None, None, cls)
    return by_ratio([section_class(values, kind).cls or INFERIOR for values in sections])


def by_ratio(classes: Sequence[int]) -> RiverStatus:
    """The status by the shares of at least one section's classes."""
    good = Fraction(100 * sum(cls <= 3 for cls in classes), len(classes))
    inferior = Fraction(100 * sum(cls == INFERIOR for cls in classes), len(classes))
    for row in water_evaluation().rivers:
        if good >= row.good_from and (row.inferior_below is None or inferior < row.inferior_below):
            return RiverStatus(row.status_zh, row.status_en, "class ratio", good, inferior, None)
    raise AssertionError("the last row of the table has no condition")


def trophic_level(values: Mapping[str, float]) -> float | None:
    """TLI of a lake: chlorophyll_a [mg/m³], total_phosphorus and total_nitrogen [mg/L], transparency [m], codmn [mg/L]; None
    where one is missing or not above 0."""
    total = 0.0
    for code, term in water_evaluation().trophic.terms.items():
        value = values.get(code, 0.0)
        if value <= 0:
            return None
        total += float(term.w) * 10 * (float(term.a) + float(term.b) * log(value))
    return total


def trophic_state(index: float) -> tuple[str, str]:
    """What an index is called, in Chinese and English."""
    for state in water_evaluation().trophic.states:
        if state.to is None or index <= state.to:
            return state.zh, state.en
    raise AssertionError("the last state has no end")


def ranking_index(values: Values, kind: Kind) -> Fraction | None:
    """CWQI of a section: the more, the worse. None where there is no oxygen at all, which no number is large enough for."""
    total, rule = Fraction(0), water_evaluation().ranking
    for item in water_standard().items:
        value = values.get(item.code)
        if value is None:
            continue
        if item.better == "band":
            total += (7 - value) / (7 - rule.ph_low) if value <= 7 else (value - 7) / (rule.ph_high - 7)
            continue
        limit = Fraction(item.limits_of(kind)[2])
        if item.better == "more" and value <= 0:
            return None
        total += value / limit if item.better == "less" else limit / value
    return total
