"""A year of a plan's row from entered figures: as entered; or the cumulative reduction of an amount per unit of GDP since the
plan's baseline year, against the path to its target.

    intensity of a year = amount / (GDP at its own prices / deflator)
    value               = 1 - intensity / intensity of the baseline year [%]
    path                = the same rate each year, so that the target is reached in the plan's last year

A figure that is missing makes the year not assessable, and is named. An entered row takes the year's own figure, else the last
quarter's of that year, which is provisional.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from processors.indicators.intensity import YearOfIntensity, reductions
from processors.plans import Indicator, Plan
from processors.records.parts import AMOUNT, DEFLATOR, GDP, intensity_of, judgement, percent, percent_text
from processors.windows import length_of
from store.judgements import Judgement
from store.records import Record


def entered_judgement(
    row: Indicator, year: int, figures: Sequence[Record], plan: Plan, last_closed: date, now: int
) -> Judgement | None:
    """The row of a year as it was entered; None where nothing was."""
    of_year = [one for one in figures if one.code == row.record and one.period[:4] == str(year)]
    own = [one for one in of_year if length_of(one.period) == "year"] or sorted(of_year, key=lambda one: one.period)
    if not own:
        return None
    taken = own[-1]
    is_provisional = length_of(taken.period) != "year"
    detail: dict[str, Any] = {
        "provisional": is_provisional,
        "sentence": f"{taken.value} {taken.unit} of {taken.period}, {taken.source} of {taken.dated}, by {taken.entered_by}",
    }
    status = _status(row, taken.value, year, plan, provisional=is_provisional)
    return judgement(row, str(year), taken.value, status, [taken], 1, detail, last_closed, now)


def intensity_judgement(
    row: Indicator, year: int, figures: Sequence[Record], plan: Plan, last_closed: date, now: int
) -> Judgement | None:
    """The cumulative reduction until a year; None where the year has none of its figures."""
    amount = AMOUNT[row.computation]
    known = {(one.code, int(one.period)): one for one in figures if length_of(one.period) == "year"}
    if not any((code, year) in known for code in (amount, GDP)):
        return None
    by_year, lacking = _intensities(amount, known, plan.baseline_year, year)
    target = None if row.target is None else Fraction(row.target) / 100
    years = reductions(by_year, plan.baseline_year, target, plan.target_year)
    last = next((one for one in years if one.year == year), None)
    taken = [
        known[key]
        for each in range(plan.baseline_year, year + 1)
        for code in (amount, GDP, DEFLATOR)
        if (key := (code, each)) in known and key != (DEFLATOR, plan.baseline_year)
    ]
    value = None if last is None or last.cumulative is None else percent(last.cumulative)
    detail: dict[str, Any] = {
        "lacking": lacking,
        "years": [_year(one) for one in years],
        "target_source": row.target_source,
        "sentence": _sentence(row, str(year), last, value, lacking, plan),
    }
    needed = 3 * (year - plan.baseline_year + 1) - 1  # the baseline year needs no deflator
    status = _on_path(row, last, value, year, plan)
    return judgement(row, str(year), value, status, taken, needed, detail, last_closed, now)


def _intensities(
    amount: str, known: Mapping[tuple[str, int], Record], base: int, until: int
) -> tuple[dict[int, Fraction], list[str]]:
    """The intensities of the years that have all of their figures, and the figures that are lacking."""
    found: dict[int, Fraction] = {}
    lacking = []
    for year in range(base, until + 1):
        # At the prices of the base year its deflator is 1, whether anybody has entered it or not.
        deflator = Decimal(1) if year == base else (known[DEFLATOR, year].value if (DEFLATOR, year) in known else None)
        missing = [code for code in (amount, GDP) if (code, year) not in known]
        missing += [] if deflator is not None else [DEFLATOR]
        if missing or deflator is None:
            lacking += [f"{code} {year}" for code in missing]
            continue
        found[year] = intensity_of(known[amount, year], known[GDP, year], deflator)
    return found, lacking


def _on_path(row: Indicator, last: YearOfIntensity | None, value: Decimal | None, year: int, plan: Plan) -> str:
    if value is None or last is None:
        return "not assessable"
    if verdict := plan.verdict(row, value, year):
        return verdict
    return "on track" if last.path is not None and float(last.intensity) <= last.path else "at risk"


def _status(row: Indicator, value: Decimal, year: int, plan: Plan, *, provisional: bool) -> str:
    """Of an entered figure: before the plan's last year a target that is not reached yet is no more than stated."""
    verdict = plan.verdict(row, value, year) or "stated"
    return {"met": "on track", "missed": "stated"}.get(verdict, verdict) if provisional else verdict


def _sentence(
    row: Indicator, year: str, last: YearOfIntensity | None, value: Decimal | None, lacking: Sequence[str], plan: Plan
) -> str:
    if last is None or value is None:
        needed = [one for one in lacking if one[-4:] in {str(plan.baseline_year), year}]
        return f"not assessable: {', '.join(needed)} not entered"
    text = f"{value} % since {plan.baseline_year}"
    if last.reduction is not None:
        text += f", {percent(last.reduction)} % in {last.year}"
    if row.target is not None:
        text += f"; target {row.wanted} by {plan.target_year}"
    if lacking:
        text += f"; figures are lacking of {', '.join(sorted({one[-4:] for one in lacking}))}"
    return text


def _year(one: YearOfIntensity) -> dict[str, Any]:
    return {
        "year": one.year,
        "intensity": str(one.intensity),
        "reduction_percent": percent_text(one.reduction),
        "cumulative_percent": percent_text(one.cumulative),
        "path": one.path,
    }
