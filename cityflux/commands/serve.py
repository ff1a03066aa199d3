"""Commands that stay: `demo`, `up`, and the single programs `broker`, `ingest`, `process`, `watch`, `notify`, `wall`."""

import asyncio
import os
import tempfile
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from cityflux import broker as brokers
from cityflux import crew as crews
from cityflux import programs
from cityflux.console import out, settings
from cityflux.ports import is_free
from cityflux.programs import stop_signals
from cityflux.settings import MOST_WORKERS, Settings
from cityflux.supervisor import Part, listening, supervised


def demo(
    data_dir: Annotated[
        Path | None, typer.Option(help="keep the demo's data here; default: a folder that is removed at the end")
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, help="days of history; default: the year to date")] = None,
    once: Annotated[bool, typer.Option("--once", help="stop after the first scorecard")] = False,
    seed: Annotated[int, typer.Option(help="the same seed gives the same city")] = 1,
    wall_port: Annotated[int, typer.Option(help="port of the status page; 0: any free one")] = 8080,
) -> None:
    """A whole city on this machine: broker, a simulated year, indicators, a page; then live. Example: cityflux demo"""
    from cityflux import demonstration

    with tempfile.TemporaryDirectory(prefix="cityflux-demo-") as scratch:
        asyncio.run(demonstration.run(data_dir or Path(scratch), days=days, once=once, seed=seed, wall_port=wall_port))


def up() -> None:
    """Broker (where none listens), ingest, process, watch, notify and wall over one store. Example: cityflux up"""
    asyncio.run(_up(settings()))


def broker(
    host: Annotated[str, typer.Option(help="address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="port to listen on")] = 1883,
) -> None:
    """The embedded broker: Mosquitto where it is installed, else amqtt (MQTT 3.1.1). Example: cityflux broker --port 1884"""
    asyncio.run(brokers.serve(host, port, settings().data_dir / "broker"))


def ingest(
    workers: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=MOST_WORKERS,
            help="processes that share the messages (0: give all sessions up); default: CITYFLUX_INGEST_WORKERS",
        ),
    ] = None,
    worker: Annotated[int | None, typer.Option(min=1, max=MOST_WORKERS, hidden=True)] = None,
) -> None:
    """Broker → journal → store. In the foreground until SIGTERM. Example: CITYFLUX_MQTT_URL=mqtt://host:1883 cityflux ingest"""
    chosen = settings()
    if workers is not None:
        chosen = chosen.model_copy(update={"ingest_workers": workers})
    if worker is None and (crew := crews.crew_of(chosen)) != [1]:
        asyncio.run(crews.run(chosen, crew))
    else:
        asyncio.run(programs.ingest(chosen, worker or 1))


def process() -> None:
    """Changed windows → indicators. In the foreground until SIGTERM. Example: cityflux process"""
    asyncio.run(programs.process(settings()))


def watch() -> None:
    """Changed windows → alerts. In the foreground until SIGTERM. Example: cityflux watch"""
    asyncio.run(programs.watch(settings()))


def notify() -> None:
    """Alerts → the people and programs of CITYFLUX_NOTIFY. In the foreground until SIGTERM. Example: cityflux notify"""
    from cityflux import notifying

    asyncio.run(notifying.run(settings()))


def wall() -> None:
    """The status page. In the foreground until SIGTERM. Example: CITYFLUX_WALL_PORT=8080 cityflux wall"""
    asyncio.run(programs.wall(settings()))


async def _up(chosen: Settings) -> None:
    broker = chosen.broker
    parts = [
        Part("ingest"),
        Part("process"),
        Part("watch"),
        Part("notify"),
        Part("wall", ready=partial(listening, chosen.wall_host, chosen.wall_port)),
    ]
    local = broker.host in {"127.0.0.1", "localhost"} and not broker.tls
    if local and is_free(broker.port):
        arguments = ["--host", broker.host, "--port", str(broker.port)]
        parts.insert(0, Part("broker", arguments, partial(listening, broker.host, broker.port)))
        if broker.version == 5 and brokers.find_mosquitto() is None:
            os.environ["CITYFLUX_MQTT_URL"] = f"mqtt://{broker.host}:{broker.port}?version=3"  # what amqtt speaks
    stopped = stop_signals()
    async with supervised(parts):
        out.print(
            f"broker {broker}, status page http://{chosen.wall_host}:{chosen.wall_port}/; Ctrl-C stops everything"
        )
        await stopped.wait()
