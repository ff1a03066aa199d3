"""`doctor`: each part tried, each finding with its fix."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Annotated, NamedTuple

import typer

from cityflux.asking import ask_broker, ask_health
from cityflux.composition import (
    connect_to,
    journal_folder,
    now_ms,
    open_books,
    open_store,
    plan_of,
    read_registry,
    sources_of,
)
from cityflux.console import Format, out, print_rows, refused, settings
from cityflux.crew import crew_of
from cityflux.settings import Settings, SettingsError
from ingest.transport import TransportError
from sensors.instants import iso
from store.books import BooksUnavailable
from store.letters import Letters
from store.port import StoreError


class Finding(NamedTuple):
    """One part: whether it is well, what was found, and what to do where it is not."""

    part: str
    well: bool
    found: str


def doctor(
    show_settings: Annotated[
        bool, typer.Option("--settings", help="list every setting with its value and variable")
    ] = False,
) -> None:
    """Try broker, ingest, store, books, disk, registry and plan; say what is wrong and how to mend. Example: cityflux doctor"""
    chosen = settings()
    if show_settings:
        rows = [
            {
                "setting": name,
                "value": getattr(chosen, name),
                "variable": f"CITYFLUX_{name.upper()}",
                "meaning": f.description,
            }
            for name, f in Settings.model_fields.items()
        ]
        print_rows(rows, ["setting", "value", "variable", "meaning"], Format.TABLE, "settings")
        return
    findings = asyncio.run(_examine(chosen))
    for finding in findings:
        mark = "[green]well[/green]" if finding.well else "[red]ill [/red]"
        out.print(f"{mark} {finding.part:<9} ", end="")
        out.print(finding.found, markup=False, highlight=False)
    if ill := [finding for finding in findings if not finding.well]:
        refused(f"{len(ill)} of {len(findings)} parts are not well: {', '.join(finding.part for finding in ill)}")


async def _examine(chosen: Settings) -> list[Finding]:
    checks: list[tuple[str, Callable[[Settings], Awaitable[str]]]] = [
        ("broker", _broker),
        ("ingest", _ingest),
        ("store", _store),
        ("books", _books),
        ("disk", _disk),
        ("registry", _registry),
        ("plan", _plan),
    ]
    findings = []
    for part, check in checks:
        try:
            findings.append(Finding(part, True, await check(chosen)))
        except (TransportError, StoreError, BooksUnavailable, SettingsError, _Ill) as error:
            findings.append(Finding(part, False, str(error)))
    return findings


# What keeps Mosquitto from dropping what we have not taken yet, and from forgetting it when it is restarted or killed.
_BROKER_SETTINGS = "max_queued_messages 0, max_queued_bytes 0, persistence true, autosave_interval 30 or less"


class _Ill(Exception):
    """A finding that no part raises by itself."""


async def _broker(chosen: Settings) -> str:
    broker = chosen.broker
    # To what ingest subscribes to, so that permissions are tried too; but under another name, leaving no session behind, and
    # never as one of a share: what we would be given of it nobody else gets.
    name = f"{chosen.mqtt_client_id}-doctor"
    session = replace(chosen.session(), client_id=name, topics=sources_of(chosen).subscriptions, expiry_s=0)
    connect = connect_to(broker)
    async with connect(broker, session):
        found = f"{broker} answers, MQTT {'5' if broker.version == 5 else '3.1.1'}"
    says = await ask_broker(connect, broker, session)
    if says.version is not None:
        found += f", {says.version}"
    if says.dropped:
        raise _Ill(
            f"{found}; it has dropped {says.dropped} messages since it was started: set {_BROKER_SETTINGS} in mosquitto.conf"
        )
    found += (
        "; what it dropped it does not show (that needs $SYS, and read on it)"
        if says.dropped is None
        else "; it has dropped nothing"
    )
    return f"{found}; not shown by any broker, look yourself at mosquitto.conf: {_BROKER_SETTINGS}"


async def _ingest(chosen: Settings) -> str:
    if chosen.ingest_http_port <= 0:
        return f"not asked: ingest_http_port is {chosen.ingest_http_port}"
    crew = crew_of(chosen)
    if crew == [1]:
        return await _worker(chosen, 1)
    found, ill = [], False
    for worker in crew:
        try:
            found.append(f"worker {worker}: {await _worker(chosen, worker)}")
        except _Ill as error:
            found.append(f"worker {worker}: {error}")
            ill = True
    if ill:
        raise _Ill("; ".join(found))
    return "; ".join(found) or "not asked: ingest_workers is 0"


async def _worker(chosen: Settings, worker: int) -> str:
    host, port = chosen.ingest_http_host, chosen.ingest_http_port_of(worker)
    here = str(journal_folder(chosen, worker).resolve())
    health = await asyncio.to_thread(ask_health, host, port)
    if health is None:
        return f"no ingest answers at http://{host}:{port}/health; is it running?"
    if health.get("journal") != here:
        return f"the one at http://{host}:{port}/health has the journal {health.get('journal')}, not {here}: not asked"
    causes = [cause["what"] for cause in health["causes"]]
    if health["status"] == "red":
        raise _Ill("; ".join(causes))
    return "; ".join([f"{health['status']}, {health['pending_messages']} messages wait for the store", *causes])


async def _store(chosen: Settings) -> str:
    store = open_store(chosen)
    try:
        return await store.check()
    finally:
        await store.close()


async def _books(chosen: Settings) -> str:
    with open_books(chosen) as books:
        books.prepare()
        copies = books.ledgers()
        letters = sum(count for (state, _), count in Letters(books).count().items() if state == "open")
        last = max((row.updated_at for row in copies), default=None)
        seen = f"ingest last seen {iso(last, chosen.zone)}" if last else "no ingest has run yet"
        return f"{books.engine.url.render_as_string()}: {letters} open dead letters, {seen}"


async def _disk(chosen: Settings) -> str:
    free = shutil.disk_usage(chosen.data_dir if chosen.data_dir.exists() else ".").free
    if free < chosen.disk_reserve_bytes:
        raise _Ill(
            f"{free >> 20} MiB free in {chosen.data_dir}, below the reserve of {chosen.disk_reserve_bytes >> 20} MiB: "
            "ingest takes nothing; free some space, or lower disk_reserve_bytes"
        )
    return f"{free >> 20} MiB free in {chosen.data_dir}"


async def _registry(chosen: Settings) -> str:
    if chosen.stations is not None:
        read_registry(chosen.stations)
    with open_books(chosen) as books:
        books.prepare()
        known, unknown = len(books.registry()), len(books.unknown())
    if chosen.stations is None and not known:
        raise _Ill("empty, so no indicator can be computed; set CITYFLUX_STATIONS, or cityflux stations import FILE")
    if unknown:
        raise _Ill(f"{known} entries, and {unknown} unknown stations send; look at them with cityflux stations unknown")
    return f"{known} entries in the books" + (f", file {chosen.stations} is right" if chosen.stations else "")


async def _plan(chosen: Settings) -> str:
    plan = plan_of(chosen)
    return f"{plan.code}: {len(plan.indicators)} indicators, as of {iso(now_ms(), chosen.zone)}"
