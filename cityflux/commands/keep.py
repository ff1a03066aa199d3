"""Commands that keep the registry: `stations list|import|export|unknown|adopt`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from cityflux.composition import now_ms, open_books, read_registry, whoami
from cityflux.console import Format, instant, out, print_rows, settings, wrong
from cityflux.settings import Settings, SettingsError
from sensors.instants import iso
from sensors.station_files import FORMS
from sensors.stations import Registry, RegistryError, Station, what_is_wrong
from sensors.topics import is_topic, parse_topic
from store.books import UnknownStation

stations = typer.Typer(no_args_is_help=True, help="The station registry, and stations that send but are not in it.")

FormatOption = Annotated[Format, typer.Option("--format", help="table, csv or json")]

_SHOWN_BYTES = 60


class Form(StrEnum):
    """How a registry is written."""

    TOML = "toml"
    CSV = "csv"
    GEOJSON = "geojson"


@stations.command("list")
def list_stations(style: FormatOption = Format.TABLE) -> None:
    """The registry. Example: cityflux stations list --format csv"""
    with open_books(settings()) as books:
        books.prepare()
        rows = [station.model_dump(mode="json") for station in books.registry()]
    columns = list(Station.model_fields)
    if style is Format.TABLE:  # for people: only what somebody said
        columns = [name for name in columns if any(row[name] is not None for row in rows)]
    print_rows(rows, columns, style, "registry")


@stations.command("unknown")
def list_unknown(style: FormatOption = Format.TABLE) -> None:
    """Stations that send and are not in the registry, each with the beginning of its first message. Example:
    cityflux stations unknown"""
    chosen = settings()
    with open_books(chosen) as books:
        books.prepare()
        rows = [_unknown_row(unknown, chosen) for unknown in books.unknown()]
    columns = [
        "family",
        "station",
        "district",
        "source",
        "device",
        "period",
        "topic",
        "first_seen",
        "last_seen",
        "sample",
    ]
    print_rows(rows, columns, style, "unknown stations")


def _unknown_row(unknown: UnknownStation, chosen: Settings) -> dict[str, Any]:
    sample = "" if unknown.sample is None else unknown.sample.decode("utf-8", "replace")
    shown = sample if len(sample) <= _SHOWN_BYTES else f"{sample[:_SHOWN_BYTES]}…"
    return {
        **unknown._asdict(),
        "first_seen": iso(unknown.first_seen, chosen.zone),
        "last_seen": iso(unknown.last_seen, chosen.zone),
        "sample": shown,
    }


@stations.command("import")
def import_stations(
    file: Annotated[Path, typer.Argument(help="a registry: .toml, .csv, .geojson or .json")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would change, and change nothing")] = False,
) -> None:
    """Take a registry file into the books; entries that are not in the file stay. Example:
    cityflux stations import stations.csv --dry-run"""
    chosen = settings()
    try:
        wanted = list(read_registry(file))
        if not dry_run:
            register(chosen, wanted)
            return
        with open_books(chosen) as books:
            books.prepare()
            registry = books.registry()
        known = {(s.family, s.id, s.active_from): s for s in registry}
        changed = [s for s in wanted if known.get((s.family, s.id, s.active_from)) != s]
        Registry({**known, **{(s.family, s.id, s.active_from): s for s in changed}}.values())
    except (SettingsError, RegistryError) as error:
        wrong(str(error))
    for entry in changed:
        before = known.get((entry.family, entry.id, entry.active_from))
        out.print(f"{entry.family}/{entry.id}: {differences(before, entry)}", markup=False, highlight=False)
    out.print(f"{len(changed)} of {len(wanted)} entries would be new or changed")


def differences(before: Station | None, after: Station) -> str:
    """What is other of an entry, as a person reads it."""
    if before is None:
        return "new" if after.active_from is None else f"new from {after.active_from.isoformat()}"
    was, now = before.model_dump(mode="json"), after.model_dump(mode="json")
    return ", ".join(f"{key} {was[key]} → {now[key]}" for key in now if was[key] != now[key]) or "the same"


@stations.command("export")
def export_stations(
    form: Annotated[Form, typer.Option("--format", help="toml, csv or geojson")] = Form.TOML,
    at: Annotated[str | None, typer.Option(help="only the entries that hold then, e.g. 2025-12-31")] = None,
) -> None:
    """The registry on stdout, as a file that `import` takes. Example:
    cityflux stations export --format geojson > stations.geojson"""
    chosen = settings()
    with open_books(chosen) as books:
        books.prepare()
        entries = list(books.registry())
    if at is not None:
        moment = instant(at, chosen.zone, "--at")
        entries = [entry for entry in entries if entry.active_at(moment)]
    typer.echo(FORMS[form].dump(entries), nl=False)


@stations.command("adopt")
def adopt(
    names: Annotated[list[str] | None, typer.Argument(help="station ids, as `stations unknown` lists them")] = None,
    every: Annotated[bool, typer.Option("--all", help="adopt every unknown station")] = False,
    kind: Annotated[str, typer.Option(help="assessment, background, control, traffic, research")] = "assessment",
    district: Annotated[str | None, typer.Option(help="where nobody says it: the district they are in")] = None,
) -> None:
    """Put unknown stations into the registry, with the district, period and device that their messages say; their windows are
    computed. Example: cityflux stations adopt hx-11"""
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
        entries = [_entry_of(unknown[name], kind, district) for name in picked]
    except ValidationError as error:
        wrong(what_is_wrong(error))
    register(chosen, entries)


def _entry_of(unknown: UnknownStation, kind: str, district: str | None) -> Station:
    its_district, period = unknown.district, unknown.period
    if its_district is None and is_topic(unknown.topic):  # listed by a version that kept the topic only
        its_district, _, _, period = parse_topic(unknown.topic)
    entry = {
        "id": unknown.station,
        "family": unknown.family,
        "name_zh": unknown.station,
        "district": district or its_district or "unassigned",
        "kind": kind,
        "period": period,
    }
    if unknown.device is not None and unknown.device != unknown.station:
        entry["device"] = unknown.device
    return Station.model_validate({key: value for key, value in entry.items() if value is not None})


def register(chosen: Settings, entries: list[Station]) -> None:
    """Put entries into the books, and say how many were new or changed; exit 2 where they do not fit together."""
    try:
        with open_books(chosen) as books:
            books.prepare()
            changed = books.register(entries, who=whoami(), now=now_ms())
    except RegistryError as error:
        wrong(str(error))
    out.print(f"{len(changed)} of {len(entries)} entries were new or changed; their windows are marked for computing")
