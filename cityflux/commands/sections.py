"""`cityflux sections`: water sections over a year against their target classes."""

from typing import Annotated, Any

import typer

from cityflux.composition import now_ms, open_books, open_store
from cityflux.console import Format, instant, out, print_rows, settings, wrong
from sensors.instants import iso
from store.intervals import Intervals


def sections(
    year: Annotated[int | None, typer.Argument(help="a year; else this one")] = None,
    section: Annotated[list[str] | None, typer.Option(help="only this one; may be given again")] = None,
    at: Annotated[str | None, typer.Option("--at", help="as of this moment; else now")] = None,
    values_of_day: Annotated[
        int | None, typer.Option(help="values that make a day's mean; else as the table says")
    ] = None,
    percent_of_month: Annotated[
        int | None, typer.Option(help="days that make a month's mean [%]; else as the table says")
    ] = None,
    style: Annotated[Format, typer.Option("--format", help="table, csv or json")] = Format.TABLE,
) -> None:
    """Class of each water section so far, against its target, by the year's mean and by the share of samples; and what the months
    left may average. Those at risk first. Example: cityflux sections 2026 --format csv"""
    from processors.indicators.water_periods import compliance_rate
    from processors.water import section_reports

    chosen = settings()
    moment = now_ms() if at is None else instant(at, chosen.zone, "--at")
    asked = year or int(iso(moment, chosen.zone)[:4])
    with open_books(chosen) as books:
        books.prepare()
        registry, intervals = books.registry(), Intervals(books).all("water")
    reports = section_reports(
        open_store(chosen), registry, asked, moment, chosen.zone, intervals,
        values_of_day=values_of_day, percent_of_month=percent_of_month,
    )  # fmt: skip
    known = [one.section for one in reports]
    for name in section or ():
        if name not in known:
            wrong(f"no samples of section {name!r} in {asked}; there are {', '.join(known[:12]) or 'none at all'}")
    shown = [one for one in reports if not section or one.section in section]
    columns = ["section", "name", "target", "class", "compliant", "definite", "months", "samples_percent", "by_samples"]
    columns += ["main", "next", "months_short", "kind"]
    print_rows([_row(one) for one in shown], columns, style, f"sections of {asked}")
    if style is Format.TABLE:
        kept, of = compliance_rate(one.year for one in reports)
        out.print(f"{kept} of {of} sections with a class and a target keep it by the mean of the year so far")


def _row(report: Any) -> dict[str, Any]:
    from processors.standards.water import water_standard

    names = [each.name for each in water_standard().classes]
    year = report.year
    return {
        "section": report.section,
        "name": report.name,
        "target": None if report.target is None else names[report.target - 1],
        "class": None if year.evaluation.cls is None else names[year.evaluation.cls - 1],
        "compliant": year.compliant,
        "definite": year.definite,
        "months": year.months,
        "samples_percent": None if report.share is None else f"{float(100 * report.share):.1f}",
        "by_samples": report.verdict,
        "main": "+".join(year.evaluation.main),
        "next": _next(report.room),
        "months_short": ",".join(map(str, report.short)),
        "kind": report.kind,
    }


def _next(found: list[Any]) -> str:
    """The item with the least room, and what it may average in the months left."""
    if not found:
        return ""
    first = found[0]
    if first.may_average is None:
        return f"{first.code}: the target cannot be reached any more"
    sign = "≥" if first.code == "dissolved_oxygen" else "≤"
    return f"{first.code} {sign} {float(first.may_average):.3g} mg/L"
