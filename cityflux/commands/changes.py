"""Commands that change a station from a date on, and say what it was: `stations change|retire|history|password`."""

import json
import sys
from typing import Annotated

import typer

from cityflux.commands.keep import differences, register
from cityflux.composition import now_ms, open_books, whoami
from cityflux.console import Format, instant, out, print_rows, settings, wrong
from sensors.instants import iso, to_datetime
from sensors.station_changes import change, find, retire
from sensors.stations import Registry, RegistryError, Station
from store.devices import DeviceKeys

FamilyOption = Annotated[str | None, typer.Option(help="where several families have a station of that name")]
NameArgument = Annotated[str, typer.Argument(help="the station's id")]


def change_station(
    name: NameArgument,
    values: Annotated[list[str], typer.Argument(help="KEY=VALUE of the entry; KEY= takes the key away")],
    since: Annotated[str, typer.Option("--from", help="from when on, e.g. 2026-03-01")],
    family: FamilyOption = None,
) -> None:
    """Make a station another one from a date on; until then it stays what it was, also for the indicators. Example:
    cityflux stations change hx-01 kind=control district=beibei --from 2026-03-01"""
    wanted = {}
    for text in values:
        key, equals, value = text.partition("=")
        if not equals:
            wrong(f"{text!r} is not KEY=VALUE; write for example kind=control")
        wanted[key] = value or None
    chosen = settings()
    registry, moment = _registry(), to_datetime(instant(since, chosen.zone, "--from"), chosen.zone)
    try:
        entries = change(registry, find(registry, name, family), name, wanted, moment)
    except RegistryError as error:
        wrong(str(error))
    held = registry.entry(entries[-1].family, name, instant(since, chosen.zone, "--from"))
    register(chosen, entries)
    out.print(f"from {moment.isoformat()}: {differences(held, entries[-1])}", markup=False, highlight=False)


def retire_station(
    name: NameArgument,
    at: Annotated[str, typer.Option(help="when it ends, e.g. 2026-03-01")],
    family: FamilyOption = None,
) -> None:
    """End a station: what it sends afterwards counts for nothing. Example: cityflux stations retire hx-01 --at 2026-03-01"""
    chosen, registry = settings(), _registry()
    moment = to_datetime(instant(at, chosen.zone, "--at"), chosen.zone)
    try:
        entries = retire(registry, find(registry, name, family), name, moment)
    except RegistryError as error:
        wrong(str(error))
    register(chosen, entries)


def history(
    name: NameArgument,
    family: FamilyOption = None,
    style: Annotated[Format, typer.Option("--format", help="table, csv or json")] = Format.TABLE,
) -> None:
    """Who made a station what it is, and when. Example: cityflux stations history hx-01"""
    chosen = settings()
    with open_books(chosen) as books:
        books.prepare()
        try:
            its = find(books.registry(), name, family)
        except RegistryError as error:
            wrong(str(error))
        lines = books.history(its, name)
    rows = []
    for line in lines:
        before, after = (
            None if (of := line.detail.get(key)) is None else Station.model_validate(of) for key in ("before", "after")
        )
        shown = json.dumps(line.detail, ensure_ascii=False) if after is None else differences(before, after)
        rows.append({"at": iso(line.at, chosen.zone), "who": line.who, "what": line.what, "change": shown})
    print_rows(rows, ["at", "who", "what", "change"], style, f"{its}/{name}")


def password(
    device: Annotated[str, typer.Argument(help="the device as it names itself (MN)")],
    remove: Annotated[bool, typer.Option("--remove", help="let the device in no more")] = False,
) -> None:
    """Set the password with which a device dials in; it is asked for, or read from stdin. Example:
    cityflux stations password LXHB0CS0306310 < password.txt"""
    with open_books(settings()) as books:
        books.prepare()
        keys = DeviceKeys(books)
        if remove:
            if not keys.remove(device, who=whoami(), now=now_ms()):
                wrong(f"{device!r} has no password")
            out.print(f"{device} is let in no more, within ten seconds")
            return
        text = typer.prompt("password", hide_input=True) if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
        try:
            keys.set(device, text, who=whoami(), now=now_ms())
        except ValueError as error:
            wrong(str(error))
    out.print(f"{device} has a new password")


def _registry() -> Registry:
    with open_books(settings()) as books:
        books.prepare()
        return books.registry()


def add_to(stations: typer.Typer) -> None:
    """Put the commands beside those that keep the registry."""
    stations.command("change")(change_station)
    stations.command("retire")(retire_station)
    stations.command("history")(history)
    stations.command("password")(password)
