"""`compare` and `statistics`: a span of days under several editions, and its means, percentiles and compliance."""

import json
import sys
from datetime import date
from typing import Annotated, Any

import typer

from cityflux.composition import open_books, open_store
from cityflux.console import Format, out, print_rows, settings, wrong
from sensors.stations import Registry
from store.intervals import Intervals

Period = Annotated[str, typer.Argument(help="a month, quarter or year: 2026-03, 2026-Q1, 2026")]
Scope = Annotated[str, typer.Option(help="city, district:ID; with `statistics` also station:ID")]


def compare(
    period: Period,
    edition: Annotated[
        list[str] | None, typer.Option(help="by-date, HJ633-2012, HJ633-2026, EPA-2024; may be given again")
    ] = None,
    scope: Scope = "city",
    style: Annotated[Format, typer.Option("--format", help="table, csv or json")] = Format.TABLE,
) -> None:
    """Good-air days of a span, each day by its own rule, all by the old one, all by the new one; and the days that differ.
    Computed from the stored hours now. Example: cityflux compare 2026 --edition HJ633-2012 --edition HJ633-2026"""
    from processors.air.editions import compare as comparison
    from processors.standards.tables import UnknownStandardError

    chosen = settings()
    first, last = _days(period)
    editions = edition or ["by-date", "HJ633-2012", "HJ633-2026"]
    with open_books(chosen) as books:
        books.prepare()
        registry, intervals = books.registry(), Intervals(books).all("air")
    _known(registry, scope)
    try:
        found = comparison(
            open_store(chosen), registry, first, last, chosen.zone, scope=scope, editions=editions, intervals=intervals
        )
    except UnknownStandardError as error:
        wrong(str(error))
    counts = [one._asdict() for one in found.counts]
    days = [
        {"day": day.isoformat(), **{name: _said(under) for name, under in found.days[day].items()}}
        for day in found.differing
    ]
    if style is Format.JSON:
        answer = {"period": period, "scope": scope, "counts": counts, "days_that_differ": days}
        sys.stdout.write(json.dumps(answer, ensure_ascii=False, indent=2, default=str) + "\n")
        return
    print_rows(counts, ["name", "good", "polluted", "not_assessable", "ratio_percent"], style, f"{scope} {period}")
    if style is Format.TABLE:
        print_rows(days, ["day", *editions], style, "days that differ")


def statistics(
    period: Period,
    scope: Scope = "city",
    standard: Annotated[str | None, typer.Option(help="judge by the documents of this edition's time")] = None,
    limits: Annotated[
        str | None, typer.Option(help="hold against this stage of GB 3095, e.g. GB3095-2026-final")
    ] = None,
    style: Annotated[Format, typer.Option("--format", help="table, csv or json")] = Format.TABLE,
) -> None:
    """Means, percentiles, compliance and composite index of a month, quarter or year (HJ 663, GB 3095), from the stored hours
    now. Example: cityflux statistics 2026-03 --scope district:gaoxin"""
    from processors.air.statistics import daily_values, shown
    from processors.indicators.air_periods import period_statistics
    from processors.standards.tables import UnknownStandardError
    from processors.windows import days_between

    chosen = settings()
    first, last = _days(period)
    with open_books(chosen) as books:
        books.prepare()
        registry, intervals = books.registry(), Intervals(books).all("air")
    _known(registry, scope)
    days = days_between(first, last)
    try:
        daily = daily_values(open_store(chosen), registry, intervals, days, scope, chosen.zone, standard)
        found = period_statistics(daily, first, last, standard, limits)
    except UnknownStandardError as error:
        wrong(str(error))
    answer = shown(found)
    if style is Format.JSON:
        sys.stdout.write(json.dumps({"period": period, "scope": scope, **answer}, ensure_ascii=False, indent=2) + "\n")
        return
    rows = [{"pollutant": code, **of} for code, of in answer["pollutants"].items()]
    columns = ["pollutant", "headline", "days", "expected", "valid", "days_exceeding", "compliance_percent", "meets"]
    more = ["exceedance_multiple", "mean", "percent", "percentile", "why"] if style is not Format.TABLE else ["why"]
    print_rows(rows, [*columns, *more], style, f"{scope} {period}, {found.standard}")
    if style is Format.TABLE:
        for index in found.composites:
            out.print(f"composite index ({index.name}): {index.value or '–'}{'; ' + index.note if index.note else ''}")


def _days(period: str) -> tuple[date, date]:
    from processors.windows import period_days

    try:
        first, last = period_days(period)
    except ValueError as error:
        wrong(str(error))
    if first == last:
        wrong(f"{period} is a day: ask for a month, quarter or year")
    return first, last


def _known(registry: Registry, scope: str) -> None:
    from processors.air.days import all_scopes

    known = all_scopes(registry)
    if scope not in known:
        wrong(f"{scope!r} is no scope; there are {', '.join(known[:12])}{', …' if len(known) > 12 else ''}")


def _said(under: Any) -> str:
    if under.aqi is None:
        return "not assessable"
    return f"{under.aqi} {under.state}{f' ({under.primary})' if under.primary else ''}"
