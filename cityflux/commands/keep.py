"""Commands that keep the registry: `stations`, and stations that send and are not in it."""

from pathlib import Path
from typing import Annotated

import typer

from cityflux.composition import now_ms, open_books, read_registry, whoami
from cityflux.console import Format, out, print_rows, settings, wrong
from cityflux.settings import Settings, SettingsError
from sensors.instants import iso
from sensors.stations import RegistryError, Station, dump_registry
from sensors.topics import parse_topic

stations = typer.Typer(no_args_is_help=True, help="The station registry, and stations that send but are not in it.")

FormatOption = Annotated[Format, typer.Option("--format", help="table, csv or json")]


@stations.command("list")
def list_stations(style: FormatOption = Format.TABLE) -> None:
    """The registry. Example: cityflux stations list --format csv"""
    with open_books(settings()) as books:
        books.prepare()
        rows = [station.model_dump(mode="json") for station in books.registry()]
    print_rows(rows, list(Station.model_fields), style, "registry")


@stations.command("unknown")
def list_unknown(style: FormatOption = Format.TABLE) -> None:
    """Stations that send and are not in the registry. Example: cityflux stations unknown"""
    chosen = settings()
    with open_books(chosen) as books:
        books.prepare()
        rows = [
            {**u._asdict(), "first_seen": iso(u.first_seen, chosen.zone), "last_seen": iso(u.last_seen, chosen.zone)}
            for u in books.unknown()
        ]
    print_rows(rows, ["family", "station", "topic", "first_seen", "last_seen"], style, "unknown stations")


@stations.command("import")
def import_stations(file: Path) -> None:
    """Take a registry file (TOML) into the books. Example: cityflux stations import stations.toml"""
    _register(settings(), file=file)


@stations.command("adopt")
def adopt(
    names: Annotated[list[str] | None, typer.Argument(help="station ids, as `stations unknown` lists them")] = None,
    every: Annotated[bool, typer.Option("--all", help="adopt every unknown station")] = False,
    kind: Annotated[str, typer.Option(help="assessment, background, control, traffic, research")] = "assessment",
) -> None:
    """Put unknown stations into the registry; their windows are computed. Example: cityflux stations adopt hx-11"""
    chosen = settings()
    with open_books(chosen) as books:
        books.prepare()
        unknown = {u.station: u for u in books.unknown()}
    picked = list(unknown) if every else names or []
    if not picked:
        wrong("name the stations to adopt, or pass --all; `cityflux stations unknown` lists them")
    if absent := [name for name in picked if name not in unknown]:
        wrong(f"{absent[0]!r} is not an unknown station; `cityflux stations unknown` lists them")
    try:
        entries = [_entry_of(unknown[name].topic, kind) for name in picked]
    except ValueError as error:
        wrong(f"kind {kind!r}: {error}")
    _register(chosen, entries=entries)


@stations.command("export")
def export_stations() -> None:
    """The registry as TOML on stdout. Example: cityflux stations export > stations.toml"""
    with open_books(settings()) as books:
        books.prepare()
        typer.echo(dump_registry(books.registry()), nl=False)


def _entry_of(topic: str, kind: str) -> Station:
    address = parse_topic(topic)
    return Station.model_validate(
        {
            "id": address.station,
            "family": address.family,
            "name_zh": address.station,
            "district": address.district,
            "kind": kind,
            "period": address.period,
        }
    )


def _register(chosen: Settings, *, file: Path | None = None, entries: list[Station] | None = None) -> None:
    try:
        wanted = list(read_registry(file)) if file else entries or []
        with open_books(chosen) as books:
            books.prepare()
            changed = books.register(wanted, who=whoami(), now=now_ms())
    except (SettingsError, RegistryError) as error:
        wrong(str(error))
    out.print(f"{len(changed)} of {len(wanted)} entries were new or changed; their windows are marked for computing")
