"""A quarter of a row of intensity: the year to date against the same months of the year before, and since the baseline year.
Always provisional.

    span          1 January until the quarter's end: a figure of a quarter is entered so (`processors/plans/figures.toml`)
    intensity     amount of the span / (GDP of the span at its own prices / deflator of the span)
    reduction k   1 - intensity / intensity of the same span of the year before
    value         1 - (1 - K) (1 - k) [%], K: the reduction from the baseline year until the year before, of years' own figures

In the year after the baseline year K is 0 whatever was entered. A figure that is missing is named; without k or K there is no
value. A quarter is never a year's value, not even the fourth: accounts of the year revise those of its quarters, and what comes
of the year later leaves the quarter as it was. So it is *on track* or *at risk*, never met or missed.

The baseline year needs no deflator as a whole; its quarters do, because they are not at the year's prices.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from processors.indicators.intensity import cumulative, left_on_path
from processors.plans import Indicator, Plan
from processors.records.parts import AMOUNT, DEFLATOR, GDP, intensity_of, judgement, percent, percent_text
from processors.windows import length_of
from store.judgements import Judgement
from store.records import Record

Known = Mapping[tuple[str, str], Record]
"""Figures in force by code and period."""


class _Part(NamedTuple):
    """A period's intensity, None where figures are missing; the figures it rests on, and those that are missing, as text."""

    intensity: Fraction | None
    taken: list[Record]
    lacking: list[str]


def quarter_judgement(
    row: Indicator, period: str, figures: Sequence[Record], plan: Plan, last_closed: date, now: int
) -> Judgement | None:
    """The row of a quarter (2026-Q2: January to June); None where none of its own figures is entered."""
    amount, year, quarter = AMOUNT[row.computation], int(period[:4]), period[4:]
    known = {(one.code, one.period): one for one in figures if length_of(one.period) in {"quarter", "year"}}
    if not any((code, period) in known for code in (amount, GDP)):
        return None
    this, before = (_part(amount, f"{each}{quarter}", known) for each in (year, year - 1))
    parts = [this, before]
    reduction = _reduction(before, this)
    until: Fraction | None = Fraction(0)
    if year - 1 > plan.baseline_year:
        base = _part(amount, str(plan.baseline_year), known, is_base=True)
        last = _part(amount, str(year - 1), known)
        parts += [base, last]
        until = _reduction(base, last)
    since = None if reduction is None or until is None else cumulative([until, reduction])
    lacking = [name for part in parts for name in part.lacking]
    taken = [one for part in parts for one in part.taken]
    detail: dict[str, Any] = {
        "provisional": True,
        "lacking": lacking,
        "to_date": {
            "intensity": None if this.intensity is None else str(this.intensity),
            "intensity_before": None if before.intensity is None else str(before.intensity),
            "against": f"{year - 1}{quarter}",
            "reduction_percent": percent_text(reduction),
            "until": str(year - 1),
            "until_percent": percent_text(until),
        },
        "target_source": row.target_source,
        "sentence": _sentence(row, period, reduction, since, lacking, plan),
    }
    value = None if since is None else percent(since)
    status = _status(row, since, year, plan)
    return judgement(row, period, value, status, taken, len(taken) + len(lacking), detail, last_closed, now)


def _part(amount: str, period: str, known: Known, *, is_base: bool = False) -> _Part:
    codes = (amount, GDP) if is_base else (amount, GDP, DEFLATOR)
    taken = [known[code, period] for code in codes if (code, period) in known]
    lacking = [f"{code} {period}" for code in codes if (code, period) not in known]
    if lacking:
        return _Part(None, taken, lacking)
    deflator = Decimal(1) if is_base else known[DEFLATOR, period].value
    return _Part(intensity_of(known[amount, period], known[GDP, period], deflator), taken, [])


def _reduction(before: _Part, now: _Part) -> Fraction | None:
    if before.intensity is None or now.intensity is None:
        return None
    return 1 - now.intensity / before.intensity


def _status(row: Indicator, since: Fraction | None, year: int, plan: Plan) -> str:
    if since is None:
        return "not assessable"
    if row.target is None:
        return "stated"
    length = plan.target_year - plan.baseline_year
    allowed = left_on_path(Fraction(row.target) / 100, year - plan.baseline_year, length)
    return "on track" if row.reached(percent(since)) or float(1 - since) <= allowed else "at risk"


def _sentence(
    row: Indicator, period: str, reduction: Fraction | None, since: Fraction | None, lacking: Sequence[str], plan: Plan
) -> str:
    months = f"provisional, January to {_LAST_MONTH[period[5:]]} {period[:4]}"
    against = f"the same months of {int(period[:4]) - 1}"
    missing = f"{', '.join(lacking)} not entered"
    if reduction is None:
        return f"{months}: not assessable: {missing}"
    text = f"{months}: {percent(reduction)} % against {against}"
    if since is None:
        return f"{text}; since {plan.baseline_year} not assessable: {missing}"
    text += f", {percent(since)} % since {plan.baseline_year}"
    return text if row.target is None else f"{text}; target {row.wanted} by {plan.target_year}"


_LAST_MONTH = {"Q1": "March", "Q2": "June", "Q3": "September", "Q4": "December"}
