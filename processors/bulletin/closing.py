"""What closes a bulletin: the standards that judged the month, with their dates, and how it was made."""

import re
from collections.abc import Iterable
from datetime import date
from itertools import groupby

from processors.bulletin.asked import Asked
from processors.bulletin.document import Cell, Lines, Section, Table
from processors.bulletin.words import full_day, say
from processors.computation import CODE_VERSION
from processors.standards.tables import Dated, air_rules
from processors.standards.water import water_evaluation, water_standard
from processors.windows import days_between

_CHINESE = re.compile(r"[\u3000-\u9fff\uff00-\uffef]")


def standards_section(of: Asked) -> Section:
    """Each document with when it is in force and the closed days it was applied to."""
    rows = []
    if of.closed and of.row("good_air_days") is not None:
        days = days_between(of.first, of.until)
        for part in ("index", "limits", "assessment"):
            for standard, run in groupby(days, key=lambda day, part=part: getattr(air_rules(day), part)):  # type: ignore[misc]
                rows.append(_row(of, standard, list(run)))
    if of.closed and of.row("water_sections") is not None:
        rows += [_row(of, one, [of.first, of.until]) for one in (water_standard(of.until), water_evaluation())]
    head = [say(one, of.language) for one in ("document", "in_force", "applied")]
    lines = [] if rows else [say("no_closed_day", of.language)]
    return Section(say("standards", of.language), [Lines(lines), Table(head, (36, 32, 32), rows)])


def _row(of: Asked, standard: Dated, days: Iterable[date]) -> list[Cell]:
    every = list(days)
    applied = say("start_end", of.language, start=full_day(every[0], of.language), end=full_day(every[-1], of.language))
    return [Cell(_titled(of, standard)), Cell(_in_force(of, standard)), Cell(applied)]


def _titled(of: Asked, standard: Dated) -> str:
    """The document; in English only its number, or our name of it where the number is Chinese."""
    if of.language == "zh":
        return standard.document
    return _CHINESE.split(standard.document)[0].strip() or standard.name


def _in_force(of: Asked, standard: Dated) -> str:
    start = None if standard.effective_from is None else full_day(standard.effective_from, of.language)
    end = None if standard.effective_to is None else full_day(standard.effective_to, of.language)
    if start is None and end is None:
        return say("always", of.language)
    said = "start_end" if start and end else "open_end" if start else "until_end"
    return say(said, of.language, start=start, end=end)


def how_section(of: Asked, wall: str) -> Section:
    """By which version, when, and what running and provisional mean; where numbers lead to, if anywhere."""
    zone, version = of.zone.key, CODE_VERSION
    plan = f"{of.plan.zh if of.language == 'zh' else of.plan.en} ({of.plan.code})"
    lines = [
        say("by", of.language, version=version, at=of.made_at, zone=zone, plan=plan),
        *(say(one, of.language) for one in ("running_means", "provisional_means", "no_verdict_means")),
    ]
    if wall:
        lines.append(say("links", of.language, wall=wall))
    return Section(say("how", of.language), [Lines(lines)])
