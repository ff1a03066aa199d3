"""`cityflux sections`: water sections of a month, quarter or year against their target classes."""

from fractions import Fraction
from typing import Annotated, Any

import typer

from cityflux.composition import now_ms, open_books
from cityflux.console import Format, out, print_rows, settings, wrong
from sensors.instants import iso
from store.judgements import Judgement, Judgements


def sections(
    period: Annotated[
        str | None, typer.Argument(help="a month, quarter or year: 2026-03, 2026-Q1, 2026; else this year")
    ] = None,
    section: Annotated[list[str] | None, typer.Option(help="only this one; may be given again")] = None,
    style: Annotated[Format, typer.Option("--format", help="table, csv or json")] = Format.TABLE,
) -> None:
    """Class of each water section against its target, by the mean of the period and by the share of samples; of a running year
    what the months left may average. Those at risk first. Example: cityflux sections 2026 --format csv"""
    from processors.scopes import CITY, SECTION
    from processors.water.sections import WATER_SECTION
    from processors.water.status import WATER_STATUS
    from processors.windows import period_days

    chosen = settings()
    asked = period or iso(now_ms(), chosen.zone)[:4]
    try:
        first, last = period_days(asked)
    except ValueError as error:
        wrong(str(error))
    if first == last:
        wrong(f"{asked} is a day: ask for a month, quarter or year; a day is in cityflux explain water_sections")
    with open_books(chosen) as books:
        books.prepare()
        judgements = Judgements(books)
        found = judgements.standing(WATER_SECTION, first=asked, last=asked)
        status = judgements.current(WATER_STATUS, CITY, asked)
    known = {scope.removeprefix(SECTION): one for (scope, _), one in found.items()}
    for name in section or ():
        if name not in known:
            wrong(f"nothing is computed of section {name!r} in {asked}; there are {_some(known) or 'none at all'}")
    shown = {name: one for name, one in known.items() if not section or name in section}
    rows = [_row(name, *shown[name]) for name in sorted(shown, key=lambda name: _risk(name, shown[name][0]))]
    columns = ["section", "name", "target", "class", "status", "definite", "months", "samples_percent", "by_samples"]
    columns += ["main", "next", "months_short", "kind", "finality"]
    print_rows(rows, columns, style, f"sections of {asked}")
    if style is Format.TABLE and status is not None:
        out.print(f"{status[0].detail['sentence']}", markup=False)


def _some(known: dict[str, Any]) -> str:
    return ", ".join(sorted(known)[:12])


def _risk(name: str, judgement: Judgement) -> tuple[Any, ...]:
    """Those that miss their target first, then by how little room they have."""
    room = judgement.detail["room"]
    margins = [Fraction(one["margin"]) for one in room if one["margin"] is not None]
    lost = any(one["may_average"] is None for one in room)
    return judgement.status not in {"missed", "at risk"}, not lost, not margins, min(margins, default=0), name


def _row(name: str, judgement: Judgement, finality: str) -> dict[str, Any]:
    from processors.water.items import class_name

    detail = judgement.detail
    samples = detail["samples"] or {}
    return {
        "section": name,
        "name": detail["name"],
        "target": None if detail["target"] is None else class_name(detail["target"]),
        "class": detail["class"],
        "status": judgement.status,
        "definite": detail["definite"],
        "months": len(detail["months"]) if "months" in detail else None,
        "samples_percent": samples.get("percent"),
        "by_samples": samples.get("verdict"),
        "main": "+".join(detail["main"]),
        "next": _next(detail["room"]),
        "months_short": ",".join(detail.get("months_short", ())),
        "kind": detail["kind"],
        "finality": finality,
    }


def _next(found: list[dict[str, Any]]) -> str:
    """The item with the least room, and what it may average in the months left."""
    if not found:
        return ""
    first = found[0]
    if first["may_average"] is None:
        return f"{first['item']}: the target cannot be reached any more"
    sign = "≥" if first["item"] == "dissolved_oxygen" else "≤"
    return f"{first['item']} {sign} {float(Fraction(first['may_average'])):.3g} mg/L"
