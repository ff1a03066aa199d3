"""What was revised since it was published, and why: whatever was revised in the month, and what ended in it, whenever that was
revised.

Of the plan's rows, of the days of air that they count, and of the months of water sections.
"""

from collections.abc import Callable
from functools import partial

from processors.air.days import DAILY_AQI
from processors.bulletin.asked import Asked, moment
from processors.bulletin.basis import section_names
from processors.bulletin.document import Cell, Lines, Part, Section, Table, explained_at
from processors.bulletin.reasons import reason_in
from processors.bulletin.words import full_month, say, word
from processors.pictures.water_marks import class_name
from processors.scopes import SECTION
from processors.water.days import sections
from processors.water.sections import WATER_SECTION
from processors.windows import period_bounds, period_days
from store.judgements import Judgement, Judgements, Revision

_MOST = 40
"""Chosen: what a reader goes through; how many more there are is said."""


def revisions_section(of: Asked) -> Section:
    """The newest first."""
    found = sorted(_found(of), key=lambda one: -one[0].id)
    month = full_month(of.first, of.language)
    parts: list[Part] = []
    if not found:
        parts.append(Lines([say("no_revision", of.language, month=month)]))
    head = [say(one, of.language) for one in ("revised_at", "of", "period", "value", "why")]
    rows = [_row(of, *one) for one in found[:_MOST]]
    parts.append(Table(head, (13, 22, 11, 10, 44), rows))
    if len(found) > _MOST:
        parts.append(Lines([say("more_revisions", of.language, count=len(found) - _MOST)]))
    return Section(say("revisions", of.language), parts)


def _found(of: Asked) -> list[tuple[Revision, str, str]]:
    """Each revision with the name of what it is of, and where that is explained."""
    judgements = Judgements(of.books)
    start, end = period_bounds(of.period, of.zone)
    first, last = str(of.plan.baseline_year), f"{of.year}~"
    found: list[tuple[Revision, str, str]] = []

    def take(indicator: str, scope: str, name: str, path: Callable[[str], str]) -> None:
        for revision in judgements.revised(indicator, scope, first, last):
            period = revision.judgement.key.period
            of_month = of.first <= period_days(period)[1] <= of.last
            if of_month or start < revision.judgement.computed_at <= end:
                found.append((revision, name, path(period)))

    for row in of.plan.indicators:
        take(row.code, row.scope, of.name(row), partial(explained_at, row.code))
    air, water = of.row("good_air_days"), of.row("water_sections")
    if air is not None:
        code = air.code
        take(DAILY_AQI, air.scope, "AQI", lambda day: explained_at(code, day[:4], day=day))
    if water is not None:
        registry = of.books.registry()
        named = section_names(registry, of.language)
        for name in sections(registry):
            take(WATER_SECTION, SECTION + name, named(name), partial(explained_at, water.code, section=name))
    return found


def _row(of: Asked, revision: Revision, name: str, path: str) -> list[Cell]:
    judgement = revision.judgement
    note = say("proposed", of.language) if revision.finality == "proposed" else word(revision.finality, of.language)
    return [
        Cell(moment(judgement.computed_at, of.zone)[:16]),
        Cell(name),
        Cell(judgement.key.period),
        Cell(_value(of, judgement), path, note=note),
        Cell(reason_in(of.language, revision.reason)),
    ]


def _value(of: Asked, judgement: Judgement) -> str:
    if judgement.value is None:
        return "NA"
    if judgement.key.indicator == WATER_SECTION:
        return class_name(int(judgement.value), of.language)
    return judgement.value
