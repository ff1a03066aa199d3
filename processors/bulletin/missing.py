"""What is missing: stations and sections that were silent on closed days of the month, rows without a value, and times in which
the broker had lost our session."""

from collections import Counter

from processors.air.days import DAILY_AQI
from processors.bulletin.asked import Asked, moment
from processors.bulletin.basis import lacking_figures, section_names
from processors.bulletin.document import Cell, Lines, Part, Section, Table
from processors.bulletin.words import say, word
from processors.scopes import SECTION, STATION
from processors.scorecard import standing
from processors.water.days import WATER_DAY
from processors.windows import day_bounds, days_between, period_bounds
from sensors.quantities import Family
from sensors.stations import Registry
from store.judgements import Judgements


def missing_section(of: Asked) -> Section:
    """Of air a day counts with a verdict, of water one with a class."""
    registry = of.books.registry()
    air, water = _air(of, registry), _water(of, registry)
    parts: list[Part] = []
    for columns, counted in ((("station", "verdicts"), air), (("section", "classes"), water)):
        rows = [_row(of, *one) for one in counted if one[1] < one[2]]
        head = [*(say(one, of.language) for one in columns), say("status", of.language)]
        parts.append(Table(head, (40, 30, 30), rows))
    if not air and not water:
        parts.append(Lines([say("no_station" if of.closed else "no_closed_day", of.language)]))
    elif all(there == due for _, there, due in (*air, *water)):
        parts.append(Lines([say("nothing_missing", of.language, count=len(air) + len(water))]))
    parts.append(Lines([*_rows(of), *_gaps(of)]))
    return Section(say("missing", of.language), parts)


Counted = tuple[str, int, int]
"""A name, the days that are there, and the closed days on which it was in service."""


def _row(of: Asked, name: str, there: int, due: int) -> list[Cell]:
    silent = Cell(say("silent", of.language), tone="bad") if there == 0 else Cell("")
    return [Cell(name), Cell(f"{there}/{due}"), silent]


def _air(of: Asked, registry: Registry) -> list[Counted]:
    """The stations of air that were in service on a closed day of the month."""
    names = {
        one.id: (one.name_zh if of.language == "zh" else one.name_en) or one.id
        for one in registry
        if one.family == "air"
    }
    found = Judgements(of.books).standing(DAILY_AQI, first=of.first.isoformat(), last=of.until.isoformat())
    there = Counter(
        scope.removeprefix(STATION) for (scope, _), (one, _) in found.items() if scope.startswith(STATION) and one.value
    )
    due = _in_service(of, registry, "air")
    return [(names[name], there[name], days) for name, days in sorted(due.items())]


def _water(of: Asked, registry: Registry) -> list[Counted]:
    """The sections that were in service so; one that only people sampled was expected once."""
    named = section_names(registry, of.language)
    found = Judgements(of.books).standing(WATER_DAY, first=of.first.isoformat(), last=of.until.isoformat())
    days = [(scope.removeprefix(SECTION), one.detail) for (scope, _), (one, _) in found.items() if one.value]
    there = Counter(name for name, _ in days)
    measured = {name for name, detail in days if any(item["by"] == "automatic" for item in detail["items"].values())}
    due = _in_service(of, registry, "water")
    return [
        (named(name), there[name], there[name] if there[name] and name not in measured else days_due)
        for name, days_due in sorted(due.items())
    ]


def _in_service(of: Asked, registry: Registry, family: Family) -> Counter[str]:
    """By id on how many closed days of the month the registry held it active; of water only sections themselves."""
    days = (day_bounds(day, of.zone)[1] - 1 for day in days_between(of.first, of.until))
    return Counter(one.id for at in days for one in registry.active(family, at) if one.section is None)


def _rows(of: Asked) -> list[str]:
    """The plan's rows without a value, and which figures that is for."""
    found = []
    for row in of.plan.indicators:
        known = standing(Judgements(of.books), row, of.year)
        if known is not None and known[0].value is not None:
            continue
        status = "not computed" if row.family else "not entered"
        text = word(status if known is None else known[0].status, of.language)
        if known is not None and known[0].detail.get("lacking"):
            text = lacking_figures(known[0].detail, of.language)
        found.append(say("row_missing", of.language, name=of.name(row), status=text))
    return found


def _gaps(of: Asked) -> list[str]:
    start, end = period_bounds(of.period, of.zone)
    return [
        say("gap_of_session", of.language, start=say("beginning", of.language) if since is None else moment(since, of.zone),
            end=moment(until, of.zone))
        for since, until in of.books.gaps(start, end)
    ]  # fmt: skip
