"""`cityflux events`: dust and other exceptional events, entered by people with evidence; both counts are kept."""

from typing import Annotated, Any

import typer

from cityflux.composition import now_ms, open_books, whoami
from cityflux.console import Format, instant, out, print_rows, settings, wrong
from cityflux.settings import Settings
from processors.air.events import RAISED
from sensors.instants import iso
from sensors.quantities import OF_FAMILY
from store.events import Event, EventKind, Events

events = typer.Typer(no_args_is_help=True, help="Exceptional events: what they lift is counted with and without them.")


@events.command("add")
def add(
    kind: Annotated[EventKind, typer.Argument(help="dust, wildfire, fireworks, other")],
    since: Annotated[str, typer.Option("--from", help="when it begins")],
    until: Annotated[str, typer.Option("--to", help="when it ends")],
    evidence: Annotated[str, typer.Option(help="the notice or analysis, and where it is kept")],
    district: Annotated[str, typer.Option(help="only this district; else the whole city")] = "",
    quantity: Annotated[list[str] | None, typer.Option(help="what it raised; may be given again")] = None,
) -> None:
    """Enter an event of air. Its days are counted with it and without it, and computed again. Example:
    cityflux events add dust --from 2026-03-20T06:00 --to 2026-03-21T18:00 --evidence 'CNEMC notice 2026-12, file 88'"""
    chosen = settings()
    start, end = instant(since, chosen.zone, "--from"), instant(until, chosen.zone, "--to")
    raised = tuple(quantity or RAISED.get(kind, ()))
    known = list(OF_FAMILY["air"])
    if not raised:
        wrong(f"--quantity is missing: say what an event of kind {kind} raised")
    for code in raised:
        if code not in known:
            wrong(f"{code!r} is no quantity of air; there are {', '.join(known)}")
    with open_books(chosen) as books:
        books.prepare()
        districts = {station.district for station in books.registry() if station.family == "air"}
        if district and district not in districts:
            wrong(f"{district!r} is no district with an air station; there are {', '.join(sorted(districts))}")
        scope = f"district:{district}" if district else "city"
        try:
            number = Events(books).add(
                Event("air", kind, scope, raised, start, end, evidence.strip()), who=whoami(), now=now_ms()
            )
        except ValueError as error:
            wrong(str(error))
    out.print(f"event {number}; its days are marked for computing")


@events.command("list")
def list_events(
    removed: Annotated[bool, typer.Option("--removed", help="those that were taken back")] = False,
    style: Annotated[Format, typer.Option("--format", help="table, csv or json")] = Format.TABLE,
) -> None:
    """Exceptional events that people entered. Example: cityflux events list"""
    chosen = settings()
    with open_books(chosen) as books:
        books.prepare()
        found = Events(books).all(removed=removed)
    columns = ["id", "kind", "scope", "quantities", "since", "until", "evidence", "entered_by", "entered_at"]
    more = ["removed_by", "removed_at", "removed_why"] if removed else []
    print_rows([_row(one, chosen) for one in found], [*columns, *more], style, "events")


@events.command("remove")
def remove(
    number: Annotated[int, typer.Argument(help="its id, as `events list` shows it")],
    why: Annotated[str, typer.Option(help="the reason, for the auditor")],
) -> None:
    """Take an event back; its days count as they were. Example: cityflux events remove 3 --why 'notice was withdrawn'"""
    with open_books(settings()) as books:
        books.prepare()
        if not Events(books).remove(number, why=why, who=whoami(), now=now_ms()):
            wrong(f"there is no event {number}; `cityflux events list` shows them")
    out.print(f"event {number} is removed; its days are marked for computing")


def _row(one: Event, chosen: Settings) -> dict[str, Any]:
    times = {
        name: None if (at := getattr(one, name)) is None else iso(at, chosen.zone)
        for name in ("since", "until", "entered_at", "removed_at")
    }
    return {**one._asdict(), **times, "quantities": "+".join(one.quantities)}
