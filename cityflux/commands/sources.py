"""`cityflux sources`: what the platform sends beside the native format. List the sources, try a message, learn a topic."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from cityflux.composition import connect_to, now_ms, open_books, sources_of
from cityflux.console import Format, err, instant, out, print_rows, refused, settings, wrong
from cityflux.listening import listen
from cityflux.settings import Settings, SettingsError
from cityflux.trial import Trial, outcome, trial
from ingest.transport import TransportError
from sensors.formats.catalogue import FormatError
from sensors.instants import iso
from sensors.reading import Reading
from sensors.refusals import Refusal
from sensors.sources import Sources
from sensors.sources.learning import LearningError, learn
from sensors.topics import is_id

sources = typer.Typer(
    no_args_is_help=True, help="What the platform sends beside the native format, and how it is read."
)


@sources.command("list")
def list_sources(style: Annotated[Format, typer.Option("--format", help="table, csv or json")] = Format.TABLE) -> None:
    """The sources of the settings, with what they take. Example: cityflux sources list"""
    rows = [
        {
            "name": source.name,
            "topic": source.filter.text,
            "family": source.family,
            "fields": ", ".join(f"{field}={code}" for field, code in source.rules.fields.items()),
        }
        for source in _sources(settings())
    ]
    print_rows(rows, ["name", "topic", "family", "fields"], style, "sources")


@sources.command("test")
def try_message(
    topic: Annotated[str, typer.Option(help="the topic it would be published to")],
    payload: Annotated[Path, typer.Option(help="a file with the payload, byte for byte")],
    received: Annotated[str | None, typer.Option(help="as if it had been received then; default: now")] = None,
    style: Annotated[Format, typer.Option("--format", help="table or json")] = Format.TABLE,
) -> None:
    """What would become of a message, step by step; exit 1 where anything of it is refused.

    Example: cityflux sources test --topic env/north/a/hx-1/data --payload message.json"""
    chosen = settings()
    if style is Format.CSV:
        wrong("a message's steps make no csv; use --format table or json")
    try:
        content = payload.read_bytes()
    except OSError as error:
        wrong(f"{payload}: {error.strerror}; name a readable file")
    received_at = now_ms() if received is None else instant(received, chosen.zone, "--received")
    with open_books(chosen) as books:
        books.prepare()
        registry = books.registry()
    found = trial(topic, content, _sources(chosen), registry, received_at=received_at, horizon_days=chosen.horizon_days)
    if style is Format.JSON:
        typer.echo(json.dumps(found.as_data(chosen.zone), ensure_ascii=False, indent=2))
    else:
        _print(found, chosen)
    if found.refusals:
        refused(
            f"{len(found.refusals)} refused: the message would be a dead letter, and what else was read of it stored"
        )


@sources.command("learn")
def learn_topic(
    topic: Annotated[str, typer.Argument(help="topic filter to listen to, such as env/#")],
    seconds: Annotated[float, typer.Option(min=0.1, help="how long to listen")] = 60,
    most: Annotated[int, typer.Option(min=1, max=100_000, help="messages after which to stop")] = 1000,
    name: Annotated[str, typer.Option(help="name of the source")] = "learned",
    form: Annotated[str | None, typer.Option("--as", help="the format, where the messages do not tell it")] = None,
) -> None:
    """Listen to a topic and propose its source as TOML on stdout, with what could not be placed.

    Example: cityflux sources learn 'env/#' --seconds 120 > sources/env.toml"""
    chosen = settings()
    if not is_id(name):
        wrong(f"--name {name!r} is not an id: use 1 to 64 of a-z, 0-9 and -")
    try:
        heard = asyncio.run(
            listen(
                connect_to(chosen.broker),
                chosen.broker,
                chosen.session(),
                topic,
                seconds=seconds,
                most=most,
                clock=now_ms,
            )
        )
        found = learn(heard, name, chosen.zone, form)
    except (SettingsError, FormatError) as error:
        wrong(str(error))
    except (TransportError, LearningError) as error:
        refused(str(error))
    typer.echo(found.text, nl=False)
    err.print(
        f"{len(heard)} messages of format {found.format}: {len(found.placed)} fields placed, {len(found.unplaced)} not",
        markup=False,
        highlight=False,
    )
    for where, why in found.unread:
        err.print(f"  not read, {where}: {why}", markup=False, highlight=False)


def _sources(chosen: Settings) -> Sources:
    try:
        return sources_of(chosen)
    except SettingsError as error:
        wrong(str(error))


def _print(found: Trial, chosen: Settings) -> None:
    say = _say
    say(f"topic    {found.topic}")
    if found.taken_by is None:
        say("source   none takes it")
    else:
        levels = "".join(f", {name} {level}" for name, level in found.parts.items())
        say(f"source   {found.taken_by}{levels}")
    for number, (sample, placed) in enumerate(found.samples):
        if isinstance(sample, Refusal):
            say(f"sample {number} refused: {sample.field}: {sample.detail}; {sample.fix}")
            continue
        at = "no time" if sample.at is None else iso(sample.at, chosen.zone)
        say(f"sample {number} of {sample.device or 'the topic'}, {at}")
        for one in placed:
            sent = f"{one.sent!r} {one.unit or ''}".strip()
            to = f" → {one.quantity} {one.value!r}" if one.quantity and one.value is not None else ""
            state = f" ({one.status})" if one.status else ""
            say(f"  {one.field} = {sent}{state}{to}: {outcome(one)}")
    _print_readings(found.readings, chosen)
    for refusal in found.refusals:
        of = "" if refusal.reading is None else f"reading {refusal.reading}, "
        say(f"refused  {of}{refusal.field}: {refusal.detail}; {refusal.fix} [{refusal.code}]")


def _print_readings(readings: Sequence[Reading], chosen: Settings) -> None:
    for reading in readings:
        unknown = ", not in the registry" if reading.unknown_station else ""
        at = iso(reading.observed_at, chosen.zone)
        _say(f"reading  {reading.family} {reading.station} {reading.period} {at}{unknown}")
        for code, value in reading.values.items():
            _say(f"  {code} = {value!r}")
        for code, doubt in reading.doubtful.items():
            _say(f"  {code} = {doubt.value!r}, doubtful: {doubt.flag}")


def _say(text: str) -> None:
    out.print(text, markup=False, highlight=False)
