"""Every row of the plan as a table: value, target, gap, status, trend, coverage, how far it is settled, and what it rests on."""

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from processors.bulletin.basis import basis, last_day
from processors.bulletin.document import Cell, Section, Table, Tone, explained_at
from processors.bulletin.reasons import reason_in
from processors.bulletin.words import say, unit, word
from processors.pictures.words import Language
from processors.plans import Indicator, Plan
from processors.scorecard import scorecard_rows, standing
from sensors.stations import Registry
from store.books import Books
from store.judgements import Judgement, Judgements

TONES: Mapping[str, Tone] = {
    "met": "good", "on track": "good", "at risk": "warn", "missed": "bad", "not assessable": "quiet", "not computed": "quiet",
    "not entered": "quiet",
}  # fmt: skip
"""Of statuses; others have none."""


def plan_section(books: Books, plan: Plan, year: int, zone: ZoneInfo, now: int, language: Language) -> Section:
    """The rows of a year, in the plan's order."""
    judgements, registry = Judgements(books), books.registry()
    rows = scorecard_rows(judgements, plan, year, zone, now)
    shown = []
    for indicator, row in zip(plan.indicators, rows, strict=True):
        found = standing(judgements, indicator, year)
        shown.append(_row(indicator, row, None if found is None else found[0], plan, registry, year, language))
    head = [say(one, language) for one in ("indicator", "period", "value", "target", "status", "coverage", "rests_on")]
    return Section(say("plan", language), [Table(head, (19, 12, 13, 13, 11, 11, 31), shown)])


def _row(
    indicator: Indicator,
    row: Mapping[str, Any],
    judgement: Judgement | None,
    plan: Plan,
    registry: Registry,
    year: int,
    language: Language,
) -> list[Cell]:
    name = indicator.zh if language == "zh" else indicator.en
    number = f"{indicator.number} " if indicator.number else ""
    first = Cell(f"{number}{name}", note=say(indicator.kind, language))
    status = Cell(word(row["status"], language), tone=TONES.get(row["status"], ""), note=_trend(row["trend"], language))
    if judgement is None:
        nothing = say("nothing_computed" if indicator.family else "nothing_entered", language, year=year)
        target = Cell(wanted(indicator, language))
        return [first, Cell(row["period"]), Cell("–"), target, status, Cell("–"), Cell(nothing, tone="quiet")]
    period = judgement.key.period
    gap = (
        "" if row["gap"] is None else say("gap", language, gap=row["gap"], unit=unit(indicator.unit, language)).strip()
    )
    return [
        first,
        Cell(period, note=last_day(judgement, language)),
        Cell(valued(judgement, language), explained_at(indicator.code, period)),
        Cell(wanted(indicator, language), note=gap),
        status,
        Cell(row["coverage"], note=word(row["finality"], language)),
        Cell(basis(indicator, judgement, plan, registry, language), note=_notes(indicator, row, language)),
    ]


def valued(judgement: Judgement, language: Language) -> str:
    """A value with its unit; a dash where there is none."""
    return "–" if judgement.value is None else f"{judgement.value} {unit(judgement.unit, language)}".strip()


def wanted(indicator: Indicator, language: Language) -> str:
    """The target in words; a dash where there is none."""
    if indicator.target is None:
        return "–"
    sign = "≥" if indicator.direction == "at_least" else "≤"
    return f"{sign} {indicator.target} {unit(indicator.unit, language)}"


def _trend(trend: str | None, language: Language) -> str:
    if trend is None:
        return ""
    name, bracket, change = trend.partition(" (")
    return f"{word(name, language)}{bracket}{change}"


def _notes(indicator: Indicator, row: Mapping[str, Any], language: Language) -> str:
    notes = []
    if row["source"]:
        notes.append(
            say("source_of", language, source=row["source"], dated=row["source_dated"], who=row["entered_by"],
                age=_age(row["age_days"], language))
        )  # fmt: skip
    if row["revised_at"]:
        at = row["revised_at"][:16].replace("T", " ")
        notes.append(say("last_revision", language, at=at, reason=reason_in(language, row["last_reason"])))
    target_source = (indicator.target_source_zh if language == "zh" else "") or indicator.target_source
    if target_source:
        notes.append(say("target_source", language, source=target_source))
    return " · ".join(notes)


def _age(days: int, language: Language) -> str:
    return say("today" if days == 0 else "yesterday" if days == 1 else "ago", language, days=days)
