"""Explain, of water: from the plan's share of sections down to a section's months, its days, and the samples of a day with the
messages they came in.

Answers are plain data, as in `explain.py`. A day is computed again from the samples as they lie in the store, and said to differ
where they no longer give what was published.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from processors.explain_parts import (
    NotFound,
    civil_day_of,
    gaps,
    heading,
    history,
    lineage,
    of_year,
    revised_days,
    shown,
)
from processors.plans import Indicator
from processors.scopes import SECTION
from processors.standards.water import Kind, water_evaluation, water_standard
from processors.water.days import PERIODS, WATER_DAY, SampleRow, sample_rows, section_days, sections
from processors.water.items import class_name
from processors.water.sections import WATER_SECTION
from processors.water.validity import Validity
from processors.windows import day_bounds, days_between, period_bounds, period_days
from sensors.instants import iso
from sensors.quantities import OF_FAMILY
from store.books import Books
from store.intervals import Intervals
from store.judgements import Judgement, Judgements
from store.port import ReadingsStore


def explain_water(
    books: Books,
    store: ReadingsStore,
    indicator: Indicator,
    period: str,
    zone: ZoneInfo,
    section: str | None = None,
    day: str | None = None,
) -> dict[str, Any]:
    """The plan's indicator of a year, a section of it, or a day of the section. Raises NotFound, StoreUnavailable,
    StoreMisconfigured."""
    if section is None:
        if day is not None:
            raise NotFound("a day is of a section: name it too, as --section")
        return explain_sections(books, indicator, period, zone)
    if day is None:
        return explain_section(books, indicator, period, section, zone)
    if not day.startswith(period[:4]):
        raise NotFound(f"{day} is not a day of {period}")
    return explain_section_day(books, store, indicator, section, day, zone)


def explain_sections(books: Books, indicator: Indicator, year: str, zone: ZoneInfo) -> dict[str, Any]:
    """The share of sections that keep their target: each section, what it rests on, what was revised. Raises NotFound."""
    judgements = Judgements(books)
    judgement, finality = of_year(
        judgements, indicator, year, write="write for example 2026, or add --section",
        nothing=" is not computed yet: no closed day with samples; see cityflux ledger",
    )  # fmt: skip
    start, end = period_bounds(year, zone)
    return {
        **heading(indicator, year),
        "target": {"direction": indicator.direction, "value": str(indicator.goal), "unit": indicator.unit},
        **shown(judgement, finality, zone),
        **{
            name: judgement.detail[name]
            for name in ("definition", "kept", "kept_by_samples", "with_target", "percent_by_samples", "percent_good",
                         "percent_inferior", "main", "ranking", "trend", "silent", "sections")
        },
        "water": judgement.detail["status"],
        "clauses": _clauses(saturation=False),
        "revisions": history(judgements, judgement, zone),
        "gaps": gaps(books, start, end, zone),
    }  # fmt: skip


def explain_section(books: Books, indicator: Indicator, period: str, section: str, zone: ZoneInfo) -> dict[str, Any]:
    """One section in a month, quarter or year: its items, what each mean rests on, its days. Raises NotFound."""
    _known(books, section)
    try:
        first, last = period_days(period)
    except ValueError as error:
        raise NotFound(str(error)) from error
    scope, judgements = SECTION + section, Judgements(books)
    found = judgements.current(WATER_SECTION, scope, period)
    if found is None:
        raise NotFound(f"section {section} has nothing computed of {period}: no closed day with samples")
    judgement, finality = found
    detail = judgement.detail
    start, end = period_bounds(period, zone)
    span = first.isoformat(), last.isoformat()
    days = {
        r.judgement.key.period: r.judgement
        for r in judgements.latest(WATER_DAY, scope=scope, first=span[0], last=span[1])
    }
    until = min(last, date.fromisoformat(detail["last_day"]))
    revised = [
        one for one in revised_days(judgements, WATER_DAY, scope, period[:4], zone) if span[0] <= one["day"] <= span[1]
    ]
    return {
        "indicator": indicator.code,
        "period": period,
        "section": section,
        "title": f"{detail['name']} {section} {period}",
        **shown(judgement, finality, zone),
        **_class(detail),
        **{name: detail[name] for name in ("samples", "room", "definite", "ranking_index", "trophic")},
        "months": detail.get("months", {}),
        "months_short": detail.get("months_short", []),
        "validity": detail["validity"],
        "clauses": _clauses(saturation=detail["saturation"]),
        "days": [_day_line(day.isoformat(), days.get(day.isoformat())) for day in days_between(first, until)],
        "revisions": history(judgements, judgement, zone),
        "revised_days": revised,
        "gaps": gaps(books, start, end, zone),
    }


def explain_section_day(
    books: Books, store: ReadingsStore, indicator: Indicator, section: str, day: str, zone: ZoneInfo
) -> dict[str, Any]:
    """A day of a section: its items, each sample and the message it came in, and what counted for nothing. Raises NotFound,
    StoreUnavailable, StoreMisconfigured."""
    _known(books, section)
    civil = civil_day_of(day)
    registry, intervals = books.registry(), Intervals(books).all("water")
    start, end = day_bounds(civil, zone)
    rows = [row for period in PERIODS for row in sample_rows(store, registry, period, start, end, intervals, [section])]
    judgements = Judgements(books)
    found = judgements.current(WATER_DAY, SECTION + section, day)
    answer: dict[str, Any] = {
        "indicator": indicator.code,
        "period": day[:4],
        "section": section,
        "day": day,
        "covers": {
            "from": iso(start, zone),
            "to": iso(end, zone),
            "rule": "a sample at 00:00 is the last of the day before",
        },
        "samples": [_sample(row, books, zone) for row in rows],
        "gaps": gaps(books, start, end, zone),
    }
    if found is None:
        why = "not published yet" if rows else "no sample of this day"
        return {**answer, "title": f"{section} {day}: {why}", "why": why}
    judgement, finality = found
    detail = judgement.detail
    rule = Validity(**{name: detail["validity"][name] for name in Validity._fields})
    again = section_days(store, registry, [civil], zone, rule=rule, intervals=intervals, now=0)
    now = {one.key.scope: one for one in again}.get(SECTION + section)
    return {
        **answer,
        "title": f"{detail['name']} {section} {day}: {judgement.detail['sentence']}",
        **shown(judgement, finality, zone),
        **_class(detail),
        "short": detail["short"],
        "validity": detail["validity"],
        "clauses": _clauses(saturation=detail["saturation"]),
        "same_when_computed_again": now is not None
        and (now.value, now.detail["items"]) == (judgement.value, judgement.detail["items"]),
        "revisions": history(judgements, judgement, zone),
    }


def _known(books: Books, section: str) -> None:
    known = sections(books.registry())
    if section not in known:
        raise NotFound(f"{section!r} is no section of the registry; there are {', '.join(known[:12]) or 'none'}")


def _class(detail: Mapping[str, Any]) -> dict[str, Any]:
    """The class, each item against its limits, and what it would take to keep the target."""
    target, kind = detail["target"], detail["kind"]
    items = [_item(code, one, kind, target) for code, one in detail["items"].items()]
    return {
        "class": detail["class"],
        "target_class": None if target is None else class_name(target),
        "water_body": kind,
        "worst": detail["worst"],
        "main": detail["main"],
        "missing": detail["missing"],
        "undetermined": detail["undetermined"],
        "saturation": detail["saturation"],
        "items": items,
        "would_keep": [one["would_keep"] for one in items if one["would_keep"]],
        "others": [
            {"quantity": code, "name": _name(code), "unit": OF_FAMILY["water"][code].unit, **one}
            for code, one in detail["others"].items()
        ],
    }


def _item(code: str, one: Mapping[str, Any], kind: Kind, target: int | None) -> dict[str, Any]:
    item = water_standard().by_code[code]
    limits = [str(limit) for limit in item.limits_of(kind)]
    would = ""
    if target is not None and one["class"] > target:
        if item.better == "band":
            would = f"{item.zh} {item.en} within {limits[0]} to {limits[1]}, not {one['value']}"
        else:
            sign = "≥" if item.better == "more" else "≤"
            would = f"{item.zh} {item.en} {sign} {limits[target - 1]} mg/L, not {one['value']}"
    return {
        "quantity": code,
        "name": _name(code),
        "unit": OF_FAMILY["water"][code].unit,
        **one,
        "class": class_name(one["class"]),
        "limits": limits,
        "would_keep": would,
    }


def _name(code: str) -> dict[str, str]:
    quantity = OF_FAMILY["water"][code]
    return {"zh": quantity.zh, "en": quantity.en}


def _day_line(day: str, judgement: Judgement | None) -> dict[str, Any]:
    if judgement is None:
        return {"day": day, "class": None, "status": "not assessable", "main": [], "cycles": 0, "short": {}}
    return {
        "day": day,
        "class": judgement.detail["class"],
        "status": judgement.status,
        "main": judgement.detail["main"],
        "cycles": judgement.valid,
        "short": judgement.detail["short"],
    }


def _sample(row: SampleRow, books: Books, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "at": iso(row.at, zone),
        "station": row.station,
        "by": "manual" if row.manual else "automatic",
        "values": {code: float(value) for code, value in row.values.items()},
        "below": {code: float(limit) for code, limit in row.limits.items()},
        "left_out": dict(row.why),
        **lineage(row.row, books, zone),
    }


def _clauses(*, saturation: bool) -> list[dict[str, str]]:
    """The rules that were applied, each with its document, clause and how far it is known."""
    standard, evaluation = water_standard(), water_evaluation()
    rules: Iterable[tuple[str, str, Any]] = [
        ("limits of the classes", standard.document, standard.limits),
        ("class of a section, main pollution items, multiples", standard.document, standard.evaluation),
        ("decimals", standard.document, standard.rounding),
        *([("oxygen by saturation", standard.document, standard.saturation)] if saturation else []),
        ("means of an automatic station", evaluation.document, evaluation.automatic),
        ("quarter", evaluation.document, evaluation.quarter),
        ("year", evaluation.document, evaluation.year),
        ("share of samples", evaluation.document, evaluation.samples),
        ("status of a river", evaluation.document, evaluation.ratio),
    ]
    return [
        {"what": what, "document": document, "clause": rule.clause, "mark": rule.mark} for what, document, rule in rules
    ]
