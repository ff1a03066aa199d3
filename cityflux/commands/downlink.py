"""The command that talks to a device: `stations command`."""

import asyncio
import secrets
from typing import Annotated

import typer

from cityflux.commanding import send
from cityflux.commands.changes import FamilyOption, NameArgument
from cityflux.composition import connect_to, models_of, now_ms, open_books, whoami
from cityflux.console import out, refused, settings, wrong
from cityflux.settings import SettingsError
from ingest.transport import TransportError
from sensors.downlink import DownlinkError, request
from sensors.station_changes import find
from sensors.stations import RegistryError


def command(
    name: NameArgument,
    what: Annotated[str, typer.Argument(metavar="COMMAND", help="one that the model of its device has")],
    values: Annotated[list[str] | None, typer.Argument(metavar="ARG=VALUE…", help="its arguments")] = None,
    timeout: Annotated[float, typer.Option(min=0.1, max=3600, help="how long to wait for the reply [s]")] = 30,
    family: FamilyOption = None,
) -> None:
    """Send a command to a station's device through the platform, and wait for the reply; exit 1 where none comes, or the device
    did not do it. Who sent what, and what came, is in `cityflux stations history`. Example:
    cityflux stations command hx-01 calibrate mode=zero --timeout 60"""
    arguments = {}
    for text in values or []:
        key, equals, value = text.partition("=")
        if not equals:
            wrong(f"{text!r} is not ARG=VALUE; write for example minutes=10")
        arguments[key] = value
    chosen = settings()
    with open_books(chosen) as books:
        books.prepare()
        registry = books.registry()
        try:
            models = models_of(chosen)
            its = find(registry, name, family)
            entry = registry.entry(its, name, now_ms())
            if entry is None or entry.model is None:
                wrong(f"nobody says which model {its}/{name} is: cityflux stations change {name} model=… --from …")
            if entry.model not in models:
                wrong(
                    f"model {entry.model!r} of {its}/{name} is not in the models; there are {', '.join(models) or 'none'}"
                )
            model, device = models[entry.model], entry.device or entry.id
            asked = request(model, what, arguments, device=device, station=name, number=secrets.token_hex(8))
        except (RegistryError, DownlinkError, SettingsError) as error:
            wrong(str(error))
        about, subject = {"command": what, "arguments": dict(asked.arguments), "id": asked.id}, f"{its}/{name}"
        books.record(whoami(), now_ms(), "command sent", subject, {**about, "topic": asked.topic})
        try:
            sent = send(connect_to(chosen.broker), chosen.broker, chosen.session(), model, asked, seconds=timeout)
            outcome = asyncio.run(sent)
        except TransportError as error:
            books.record(whoami(), now_ms(), "command not sent", subject, {**about, "why": str(error)})
            refused(str(error))
        said = None if outcome.payload is None else outcome.payload.decode("utf-8", "replace")
        books.record(
            whoami(),
            now_ms(),
            "command answered" if said else "command not answered",
            subject,
            {**about, "reply": said},
        )
    if outcome.answer is None:
        refused(
            f"no reply to {asked.id} under {asked.reply_topic} within {timeout:g} s; the device may have done it all the same"
        )
    if not outcome.answer.done:
        refused(f"the device did not do it: status {outcome.answer.status!r}; it said {said}")
    out.print(f"done: {said}", markup=False, highlight=False)


def add_to(stations: typer.Typer) -> None:
    """Put the command beside those that keep the registry."""
    stations.command("command")(command)
