"""Commands that publish: `replay` (a file of somebody else's readings) and `simulate` (the seeded city)."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from cityflux.composition import now_ms
from cityflux.console import civil_day, err, out, refused, settings, wrong
from cityflux.replay import Tally, messages, replay_profile, stations
from cityflux.settings import Settings, SettingsError
from sensors.instants import HOUR_MS
from sensors.profiles import ProfileError
from sensors.refusals import Refused
from sensors.stations import dump_registry
from simulators.city import ZONE, history, hour, live
from simulators.faults import KINDS, Fault, inject
from simulators.faults import Plan as FaultPlan
from simulators.message import OutMessage
from simulators.publisher import PublishRefused, publish

# Chosen: often enough to be seen, seldom enough for ten stations to stay readable in a log.
LIVE_EVERY_S = 5.0


def replay(
    file: Annotated[Path, typer.Argument(help="CSV, gzipped or not")],
    source: Annotated[str, typer.Option(help="replay profile: a shipped name such as cnemc-air, or a TOML file")],
    write_stations: Annotated[
        Path | None, typer.Option(help="write the stations in the file to this registry file, and publish nothing")
    ] = None,
) -> None:
    """Publish the rows of a file as native messages. Example: cityflux replay hours.csv.gz --source cnemc-air"""
    try:
        profile = replay_profile(source)
        if not file.is_file():
            wrong(f"{file} is not a file; name a CSV file, gzipped or not")
        if write_stations is not None:
            found = stations(file, profile)
            write_stations.write_text(dump_registry(found), "utf-8")
            out.print(f"{len(found)} stations written to {write_stations}")
            return
        tally = Tally()
        with progress_bar() as bar:
            task = bar.add_task(f"replaying {file.name}", total=None)
            count = asyncio.run(
                publish_to(settings(), messages(file, profile, tally), lambda n: bar.update(task, completed=n))
            )
    except (ProfileError, Refused) as error:
        wrong(str(error))
    except OSError as error:
        wrong(f"{error.filename}: {error.strerror}")
    out.print(f"{count} messages published and confirmed")
    if tally.refused_rows or tally.refused_cells:
        for refusal in tally.refusals[:10]:
            err.print(f"  {refusal.field}: {refusal.detail}; {refusal.fix}", markup=False, highlight=False)
        refused(
            f"{tally.refused_rows} rows and {tally.refused_cells} cells of {file} were refused; the first are above"
        )


def simulate(
    since: Annotated[str | None, typer.Option("--from", help="first day of history; default: 1 January")] = None,
    seed: Annotated[int, typer.Option(help="the same seed gives the same city")] = 1,
    stay: Annotated[bool, typer.Option("--live/--no-live", help="go on publishing after the history")] = True,
    fault: Annotated[
        list[str] | None, typer.Option(help=f"put a fault into the history, NAME=RATE; names: {', '.join(KINDS)}")
    ] = None,
    fault_log: Annotated[
        Path | None, typer.Option(help="write each fault, with what was true, to this file (JSON lines)")
    ] = None,
) -> None:
    """Publish the simulated city: its history, then live. Example: cityflux simulate --from 2026-11-01 --fault poison=0.01"""
    chosen = settings()
    plan = _fault_plan(fault or [])
    today = datetime.fromtimestamp(now_ms() / 1000, ZONE).date()
    first = civil_day(since, "--from") if since else today.replace(month=1, day=1)
    with progress_bar() as bar:
        task = bar.add_task(f"history since {first}", total=None)
        made: list[Fault] = []
        past = inject(history(seed, first, now_ms()), plan, seed, made.append)
        count = asyncio.run(publish_to(chosen, past, lambda n: bar.update(task, completed=n)))
    out.print(f"{count} messages of history published and confirmed, {len(made)} faults in them")
    if fault_log is not None:
        lines = (json.dumps(one._asdict(), ensure_ascii=False) + "\n" for one in made)
        fault_log.write_text("".join(lines), "utf-8")
    if stay:
        out.print("publishing live; Ctrl-C stops")
        asyncio.run(publish_to(chosen, live_messages(seed), lambda _: None))


def _fault_plan(rates: list[str]) -> FaultPlan:
    """NAME=RATE options as a plan, or one line and exit 2."""
    try:
        return FaultPlan.model_validate(dict(rate.split("=", 1) for rate in rates))
    except (ValidationError, ValueError):
        wrong(f"--fault {' '.join(rates)!r}: write NAME=RATE, a rate from 0 to 1; names are {', '.join(KINDS)}")


def progress_bar() -> Progress:
    """The progress bar of every command that takes a while."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=err,
    )


async def publish_to(
    chosen: Settings, source: Iterator[OutMessage] | AsyncIterator[OutMessage], progress: Callable[[int], None]
) -> int:
    """Publish to the settings' broker; how many were confirmed. Where the broker refuses: one line and exit 2."""
    try:
        broker = chosen.broker
        return await publish(
            source,
            host=broker.host,
            port=broker.port,
            username=broker.username,
            password=broker.password,
            tls=broker.tls,
            ca_file=broker.ca_file,
            version=broker.version,
            progress=progress,
        )
    except (SettingsError, PublishRefused) as error:
        wrong(str(error))


async def live_messages(seed: int) -> AsyncIterator[OutMessage]:
    """The city from now on, for ever: raw readings every few seconds, and each hour's means when it has ended."""
    last_hour = now_ms() // HOUR_MS
    while True:
        now = now_ms()
        for message in live(seed, now):
            yield message
        while last_hour < now // HOUR_MS:
            last_hour += 1
            for message in hour(seed, last_hour * HOUR_MS):
                yield message
        await asyncio.sleep(LIVE_EVERY_S)
