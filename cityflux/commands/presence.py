"""Commands that say how stations are: `stations status|uptime`."""

from datetime import date
from typing import Annotated

import typer

from cityflux.commands.keep import FormatOption
from cityflux.composition import now_ms, open_books, open_store
from cityflux.console import Format, print_rows, settings, wrong
from sensors.presence import STATES
from sensors.stations import Station


def status(
    state: Annotated[
        list[str] | None, typer.Option(help=f"only these: {', '.join(STATES)}; may be given again")
    ] = None,
    family: Annotated[str | None, typer.Option(help="only stations of this family")] = None,
    style: FormatOption = Format.TABLE,
) -> None:
    """Which stations send as they should, and which are late, silent, offline or were never seen. Example:
    cityflux stations status --state silent --state offline"""
    from wall.presence import COLUMNS, stations

    if wrong_states := sorted({*(state or [])} - {*STATES}):
        wrong(f"--state {wrong_states[0]!r} is none; use {', '.join(STATES)}")
    chosen = settings()
    with open_books(chosen) as books:
        books.prepare()
        rows = stations(books, chosen.zone, now_ms())
    rows = [row for row in rows if family in {None, row["family"]} and (not state or row["state"] in state)]
    columns = list(COLUMNS)
    if style is Format.TABLE:  # for people: only what any device says
        columns = [name for name in columns if any(row[name] is not None for row in rows) or name == "last_received"]
    print_rows(rows, columns, style, "stations")


def uptime(
    month: Annotated[str, typer.Option(help="e.g. 2026-11; of the present one the days until today")],
    family: Annotated[str | None, typer.Option(help="only stations of this family")] = None,
    style: FormatOption = Format.TABLE,
) -> None:
    """Of how many of its expected periods of a month something of each station is stored. Example:
    cityflux stations uptime --month 2026-11 --format csv"""
    from processors.uptime import uptime as uptime_of
    from processors.windows import day_bounds

    chosen = settings()
    try:
        first = date.fromisoformat(f"{month}-01")
    except ValueError:
        wrong(f"--month {month!r} is not a month; write for example 2026-11")
    following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    start, end = day_bounds(first, chosen.zone)[0], min(day_bounds(following, chosen.zone)[0], now_ms())
    with open_books(chosen) as books:
        books.prepare()
        stations: dict[tuple[str, str], list[Station]] = {}
        for entry in books.registry():
            if family in {None, entry.family}:
                stations.setdefault((entry.family, entry.id), []).append(entry)
    store = open_store(chosen)
    rows = []
    for (_, name), entries in sorted(stations.items()):
        of, periods = entries[0].family, sorted({entry.period for entry in entries})
        frames = [store.readings(of, period, start, end, [name], []) for period in periods]
        times = [at.value // 1_000_000 for frame in frames for at in frame["observed_at"]]
        found = uptime_of(times, entries, start, end)
        if found.expected:
            percent = None if found.percent is None else round(found.percent, 1)
            rows.append({"family": of, "station": name, **found._asdict(), "percent": percent})
    print_rows(rows, ["family", "station", "received", "expected", "percent"], style, f"uptime in {month} [%]")


def add_to(stations: typer.Typer) -> None:
    """Put the commands beside those that keep the registry."""
    stations.command("status")(status)
    stations.command("uptime")(uptime)
