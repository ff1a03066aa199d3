"""`cityflux record`: figures that no sensor measures, entered with their source; corrected by a new entry with a reason."""

from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

import typer

from cityflux.composition import now_ms, open_books, whoami
from cityflux.console import Format, out, print_rows, settings, wrong
from cityflux.settings import Settings
from sensors.instants import HOUR_MS, iso
from store.records import Record, RecordError, Records

record = typer.Typer(no_args_is_help=True, help="Figures that people enter, each with source, date and author.")

Scope = Annotated[str, typer.Option(help="city, or district:ID")]


@record.command("add")
def add(
    code: Annotated[str, typer.Argument(help="what it is, e.g. gdp; `record list --known` shows all")],
    period: Annotated[str, typer.Argument(help="a year, quarter, month or day: 2025, 2026-Q1, 2026-03, 2026-01-13")],
    value: Annotated[str, typer.Argument(help="the figure, in the unit that `record list --known` shows")],
    source: Annotated[str, typer.Option(help="the document, and where it is kept")],
    dated: Annotated[str, typer.Option(help="the day of the source, e.g. 2026-03-20")],
    scope: Scope = "city",
    note: Annotated[str, typer.Option(help="what else must be known, e.g. preliminary")] = "",
    reason: Annotated[str, typer.Option(help="why it is another than the one that was entered")] = "",
    to_date: Annotated[
        bool, typer.Option("--to-date", help="of a quarter: the figure is of 1 January until the quarter's end (累计)")
    ] = False,
) -> None:
    """Enter a figure; what rests on it is computed again. A quarter's is of 1 January until the quarter's end, as statistics are
    published: 2026-Q2 is the first half year, and --to-date says so. Examples:

    cityflux record add gdp 2025 3456789 --source '统计公报 2025, file 12' --dated 2026-03-20

    cityflux record add gdp 2026-Q2 1823456 --to-date --source '统计月报 2026-06, file 31' --dated 2026-07-20

    cityflux record add forecast_aqi 2026-01-13 230 --source '市监测中心会商' --dated 2026-01-11"""
    from processors.records.entries import checked
    from processors.windows import period_bounds

    chosen = settings()
    try:
        number = Decimal(value)
    except InvalidOperation:
        wrong(f"{value!r} is no number; write for example 3456789.5")
    with open_books(chosen) as books:
        books.prepare()
        known = {"city", *(f"district:{station.district}" for station in books.registry())}
        if scope not in known:
            wrong(f"{scope!r} is no scope; there are {', '.join(sorted(known))}")
        try:
            given = Record(code, scope, period, number, "", source, dated, note.strip(), reason=reason)
            records = Records(books)
            entry = checked(given, records.in_force(code, scope), to_date=to_date)
            ends = period_bounds(period, chosen.zone)[1] // HOUR_MS - 1
            made = records.add(entry, who=whoami(), now=now_ms(), ends=ends)
        except RecordError as error:
            wrong(str(error))
    out.print(f"number {made}: {code} {period} is {number} {entry.unit}")


@record.command("list")
def list_records(
    code: Annotated[str | None, typer.Argument(help="only this one")] = None,
    known: Annotated[bool, typer.Option("--known", help="what can be entered, not what was")] = False,
    style: Annotated[Format, typer.Option("--format", help="table, csv or json")] = Format.TABLE,
) -> None:
    """The figures in force. Example: cityflux record list gdp"""
    from processors.plans.figures import figures

    if known:
        rows = [
            {
                **one.model_dump(),
                "periods": "+".join(one.periods),
                "of_a_quarter": "1 January until its end" if "quarter" in one.periods else None,
            }
            for one in figures().values()
        ]
        columns = ["code", "zh", "en", "unit", "low", "above", "high", "periods", "of_a_quarter"]
        print_rows(rows, columns, style, "figures that can be entered")
        return
    chosen = settings()
    with open_books(chosen) as books:
        books.prepare()
        found = Records(books).in_force(code)
    print_rows([_row(one, chosen) for one in found], _COLUMNS, style, "figures")


@record.command("history")
def history(
    code: Annotated[str, typer.Argument(help="what it is")],
    period: Annotated[str, typer.Argument(help="of which period")],
    scope: Scope = "city",
    style: Annotated[Format, typer.Option("--format", help="table, csv or json")] = Format.TABLE,
) -> None:
    """Every entry of one figure, oldest first. Example: cityflux record history gdp 2025"""
    chosen = settings()
    with open_books(chosen) as books:
        books.prepare()
        found = Records(books).history(code, scope, period)
    if not found:
        wrong(f"nothing was entered of {code} of {scope} in {period}; `cityflux record list` shows what was")
    print_rows([_row(one, chosen) for one in found], _COLUMNS, style, f"{code} {period}")


_COLUMNS = [
    "id", "code", "scope", "period", "value", "unit", "source", "dated", "note", "entered_by", "entered_at", "supersedes",
    "reason",
]  # fmt: skip


def _row(one: Record, chosen: Settings) -> dict[str, Any]:
    return {
        **one._asdict(),
        "value": str(one.value),
        "entered_at": iso(one.entered_at, chosen.zone),
        "supersedes": one.supersedes or None,
    }
