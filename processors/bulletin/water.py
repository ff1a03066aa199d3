"""Water of the month: how many sections keep their target, the rivers month by month, those that do not, what pollutes them."""

from typing import Any

from processors.bulletin.asked import Asked
from processors.bulletin.basis import section_names
from processors.bulletin.document import Cell, Lines, Part, Picture, Section, Table, explained_at
from processors.bulletin.words import full_month, listed, say, sentences
from processors.pictures.water_marks import class_name
from processors.plans import Indicator
from processors.scopes import SECTION
from processors.standards.water import water_standard
from processors.water.sections import WATER_SECTION
from processors.water.status import WATER_STATUS
from processors.windows import day_bounds
from sensors.stations import Station
from store.judgements import Judgement, Judgements


def water_section(of: Asked, strip: bytes | None) -> Section | None:
    """None where the plan has no row of water; `strip` is the rivers' year as SVG, None where there is nothing to draw."""
    row = of.row("water_sections")
    if row is None:
        return None
    end = day_bounds(of.last, of.zone)[1]
    registry = of.books.registry()
    sections = [one for one in registry.active("water", end - 1) if one.section is None]
    named = section_names(registry, of.language)
    judgements = Judgements(of.books)
    parts: list[Part] = []
    if not sections:
        parts.append(Lines([say("no_section", of.language)]))
    status = judgements.current(WATER_STATUS, row.scope, of.period)
    parts.append(Lines([say("nothing_of_month", of.language)] if status is None else _lines(of, status[0])))
    standing = judgements.standing(WATER_SECTION, first=of.period, last=of.period)
    found = {scope: judgement for (scope, _), (judgement, _) in standing.items()}
    rows = [_row(of, row, one, named(one.id), found.get(SECTION + one.id)) for one in sections]
    bad = [cells for cells, kept in rows if not kept]
    if bad:
        head = [say(one, of.language) for one in ("section", "class", "target", "kept", "main")]
        parts.append(Table(head, (30, 12, 12, 14, 32), bad))
    elif sections:
        parts.append(Lines([say("all_kept", of.language)]))
    if strip is None:
        parts.append(Lines([say("no_strip", of.language)]))
    else:
        parts.append(Picture(strip, say("strip", of.language)))
    return Section(say("water", of.language, month=full_month(of.first, of.language)), parts)


def _lines(of: Asked, status: Judgement) -> list[str]:
    detail = status.detail
    none = status.expected - status.valid
    parts = [
        say(
            "water_counted", of.language, kept=detail["kept"], of=detail["with_target"], none=none, all=status.expected
        ),
        say("shares", of.language, good=detail["percent_good"] or "–", inferior=detail["percent_inferior"] or "–"),
    ]
    if detail["status"]:
        parts.append(say("water_status", of.language, status=detail["status"][of.language]))
    if detail["main"]:
        shares = [
            say("item_share", of.language, item=item_name(of, one["item"]), percent=one["percent"])
            for one in detail["main"]
        ]
        parts.append(say("basin_main", of.language, items=listed(shares, of.language)))
    return [sentences(parts, of.language)]


def _row(
    of: Asked, row: Indicator, section: Station, name: str, judgement: Judgement | None
) -> tuple[list[Cell], bool]:
    """The section's cells, and whether it has a class and keeps its target, where it has one."""
    detail: dict[str, Any] = dict(judgement.detail) if judgement is not None else {}
    cls = None if judgement is None or judgement.value is None else int(judgement.value)
    target = detail.get("target", section.target_class)
    kept = cls is not None and (target is None or cls <= target)
    path = "" if judgement is None else explained_at(row.code, of.period, section=section.id)
    # What is above class Ⅲ; where nothing is, the items that its class is by.
    codes = detail.get("main") or detail.get("worst", ())
    main = listed([item_name(of, code) for code in codes], of.language)
    verdict = "undecided" if cls is None else "no_target" if target is None else "yes" if kept else "no"
    why = say("nothing_came", of.language, names=name) if judgement is None else main or "–"
    return [
        Cell(name, path),
        Cell("–" if cls is None else class_name(cls, of.language), path),
        Cell("–" if target is None else class_name(target, of.language)),
        Cell(say(verdict, of.language), tone="quiet" if cls is None else "" if kept else "bad"),
        Cell(why, tone="quiet" if judgement is None else ""),
    ], kept


def item_name(of: Asked, code: str) -> str:
    """An item's name in the language."""
    item = water_standard().by_code[code]
    return item.zh if of.language == "zh" else item.en
