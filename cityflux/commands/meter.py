"""The command `meter`: what was used between the counts of a meter."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cityflux.composition import open_books, open_store
from cityflux.console import Format, instant, print_rows, settings, wrong
from cityflux.settings import Settings
from sensors.instants import HOUR_MS, iso
from sensors.quantities import OF_FAMILY
from sensors.reading import Period

if TYPE_CHECKING:
    from processors.metering import Use


def meter(
    station: Annotated[str, typer.Argument(help="the energy station whose counts are looked at")],
    since: Annotated[str, typer.Option("--from", help="counts after this moment")],
    until: Annotated[str, typer.Option("--to", help="up to and including this moment")],
    quantity: Annotated[
        str, typer.Option(help="electricity, gas, heat, water_use, generation or exported")
    ] = "electricity",
    period: Annotated[Period, typer.Option(help="of the readings that hold the counts")] = "raw",
    style: Annotated[Format, typer.Option("--format", help="table, csv or json")] = Format.TABLE,
) -> None:
    """What was used between a meter's counts, and how that is known: counted, rolled over, replaced, went back. Example:
    cityflux meter m-07 --from 2026-03-01 --to 2026-04-01 --format csv"""
    from processors.metering import Count, uses
    from sensors.quantities import COUNTERS

    chosen = settings()
    if quantity not in COUNTERS:
        wrong(f"--quantity {quantity!r} has no counter; use one of {', '.join(COUNTERS)}")
    counter = COUNTERS[quantity]
    with open_books(chosen) as books:
        books.prepare()
        entries = [entry for entry in books.registry() if (entry.family, entry.id) == ("energy", station)]
    if not entries:
        wrong(f"{station!r} is not an energy station of the registry; `cityflux stations list` shows them")
    start, end = instant(since, chosen.zone, "--from"), instant(until, chosen.zone, "--to")
    frame = open_store(chosen).readings("energy", period, start, end, [station], [counter])
    shown = frame[frame[counter].notna()]
    counts = [
        Count(at.value // 1_000_000, float(value))
        for at, value in zip(shown["observed_at"], shown[counter], strict=True)
    ]
    unit = OF_FAMILY["energy"][quantity].unit
    rows = [_row(use, unit, chosen) for use in uses(counts, entries, quantity)]
    print_rows(rows, ["since", "until", "hours", "used", "unit", "how"], style)


def _row(use: "Use", unit: str, chosen: Settings) -> dict[str, Any]:
    return {
        "since": iso(use.since, chosen.zone),
        "until": iso(use.until, chosen.zone),
        "hours": round((use.until - use.since) / HOUR_MS, 3),
        "used": None if use.used is None else float(use.used),
        "unit": unit,
        "how": use.how,
    }
