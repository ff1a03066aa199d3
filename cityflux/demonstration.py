"""The demo: the main job on the embedded default, from an empty folder to a scorecard, in front of the user's eyes.

Broker, ingest, process and wall run as child processes over one SQLite store; a simulated city with its river and its buildings,
whose true answers are known, publishes its year to date over MQTT, and figures that no sensor measures are entered; the
scorecard comes from the books, and is compared with the truth.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from functools import partial
from itertools import chain
from pathlib import Path

from cityflux import broker as brokers
from cityflux.commands.feed import live_messages, progress_bar, publish_to
from cityflux.composition import journal_folder, now_ms, open_books, plan_of
from cityflux.console import out
from cityflux.demo_truth import compare_air, compare_energy, compare_figures, compare_traffic, compare_water
from cityflux.ports import free_port, is_free
from cityflux.programs import stop_signals
from cityflux.scorecard import as_text
from cityflux.settings import PREFIX, Settings, load_settings
from cityflux.supervisor import Part, StartError, listening, supervised
from ingest.journal import has_session, looking_at
from processors.records.entries import checked
from processors.scorecard import scorecard_rows
from processors.windows import civil_day, period_bounds
from sensors.instants import HOUR_MS
from simulators.buildings import buildings_history, meters, meters_registry_text
from simulators.city import ZONE, city, history, registry_text
from simulators.figures import (
    DATED,
    SOURCE,
    figures,
    quarters,
    tunnels_text,
)
from simulators.river import river, river_history, river_registry_text
from simulators.vehicle_messages import vehicles_history
from simulators.vehicles import tunnel_stations
from store.books import Books
from store.judgements import Claims, Judgements
from store.records import Record, Records

_LOOK_EVERY_S = 0.2
# Chosen: a cold start of broker and ingest takes about two seconds.
_START_WITHIN_S = 60.0
# Chosen: vehicles are counted each five minutes, meters read each hour: only the last weeks of them are sent, in some seconds.
_VEHICLE_DAYS = 14
_METER_DAYS = 62


async def run(folder: Path, *, days: int | None, once: bool, seed: int, wall_port: int) -> None:
    """Everything of `cityflux demo`, until Ctrl-C (or, `once`, until the first scorecard)."""
    now = now_ms()
    today = datetime.fromtimestamp(now / 1000, ZONE).date()
    first = today - timedelta(days=days) if days else today.replace(month=1, day=1)
    chosen = _configure(folder, wall_port, meters_registry_text(seed, today))
    broker = chosen.broker
    parts = [
        Part(
            "broker", ["--host", broker.host, "--port", str(broker.port)], partial(listening, broker.host, broker.port)
        ),
        Part("ingest"),
        Part("process"),
        Part("wall", ready=partial(listening, chosen.wall_host, chosen.wall_port)),
    ]
    stopped = stop_signals()
    with open_books(chosen) as books:
        books.prepare()
        _enter(books, now)
        async with supervised(parts), _ended_by(stopped):
            await _subscribed(chosen)
            await _load(chosen, books, seed, first, now)
            plan = plan_of(chosen)
            rows = scorecard_rows(Judgements(books), plan, today.year, chosen.zone, now_ms())
            out.print(as_text(rows, plan, today.year))
            until = civil_day(now - chosen.grace_hours * HOUR_MS, ZONE)
            compare_air(books, seed, first, until)
            compare_water(books, seed, first, until)
            compare_energy(books, seed, _days_before(today, _METER_DAYS, first), chosen.zone)
            compare_traffic(books, seed, _days_before(today, _VEHICLE_DAYS, first), until)
            compare_figures(books)
            if not once:
                out.print(f"\nstatus page: http://{chosen.wall_host}:{chosen.wall_port}/   data: {folder}")
                out.print("live readings every 5 s; Ctrl-C stops everything")
                await publish_to(chosen, live_messages(seed), lambda _: None)


def _configure(folder: Path, wall_port: int, meters_text: str) -> Settings:
    """Set this process and its children to the embedded default in `folder`, whatever the shell was set to."""
    folder.mkdir(parents=True, exist_ok=True)
    registry, config = folder / "stations.toml", folder / "cityflux.toml"
    registry.write_text("\n".join((registry_text(), river_registry_text(), tunnels_text(), meters_text)), "utf-8")
    config.write_text("# the demo runs on the defaults\n", "utf-8")
    version = "" if brokers.find_mosquitto() else "?version=3"
    wall = wall_port if wall_port and is_free(wall_port) else free_port()
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]
    os.environ |= {
        "CITYFLUX_CONFIG": str(config),
        "CITYFLUX_DATA_DIR": str(folder),
        "CITYFLUX_STATIONS": str(registry),
        "CITYFLUX_MQTT_URL": f"mqtt://127.0.0.1:{free_port()}{version}",
        "CITYFLUX_WALL_PORT": str(wall),
        "CITYFLUX_INGEST_HTTP_PORT": "0",
    }
    return load_settings()


async def _subscribed(chosen: Settings) -> None:
    """Wait until ingest has its session at the broker: what is published before would reach nobody."""
    deadline = asyncio.get_running_loop().time() + _START_WITHIN_S
    while asyncio.get_running_loop().time() < deadline:
        with looking_at(journal_folder(chosen)) as db:
            if db is not None and has_session(db):
                return
        await asyncio.sleep(_LOOK_EVERY_S)
    raise StartError(f"ingest has no session at {chosen.broker} after {_START_WITHIN_S:.0f} s; its messages are above")


async def _load(chosen: Settings, books: Books, seed: int, first: date, now: int) -> None:
    """Publish the history and wait until the last of it is in the store and every window is computed."""
    today = datetime.fromtimestamp(now / 1000, ZONE).date()
    metered_from, counted_from = (_days_before(today, days, first) for days in (_METER_DAYS, _VEHICLE_DAYS))
    feeds = ((len(city()) + len(river()), first), (len(meters()), metered_from), (len(tunnel_stations()), counted_from))
    total = sum(stations * ((today - since).days + 1) for stations, since in feeds)
    everything = chain(
        history(seed, first, now),
        river_history(seed, first, now),
        buildings_history(seed, metered_from, now),
        vehicles_history(seed, counted_from, now),
    )
    with progress_bar() as bar:
        published = bar.add_task("published over MQTT", total=total)
        stored = bar.add_task("journalled and stored", total=total)
        count = await publish_to(chosen, everything, lambda n: bar.update(published, completed=n))
        bar.update(published, total=count)
        bar.update(stored, total=count)
        while (settled := sum(row.written + row.refused for row in books.ledgers())) < count:
            bar.update(stored, completed=settled)
            await asyncio.sleep(_LOOK_EVERY_S)
        bar.update(stored, completed=count)
        claims = Claims(books)
        waiting = most = claims.waiting()
        computed = bar.add_task("windows computed", total=most)
        while waiting:
            most = max(most, waiting)
            bar.update(computed, total=most, completed=most - waiting)
            await asyncio.sleep(_LOOK_EVERY_S)
            waiting = claims.waiting()
        bar.update(computed, total=most, completed=most)


def _enter(books: Books, now: int) -> None:
    """What people would enter: simulated, and said to be."""
    records = Records(books)
    there = {(one.code, one.period) for one in records.in_force()}
    for figure in [*figures(), *quarters()]:
        end = period_bounds(figure.period, ZONE)[1]
        if (figure.code, figure.period) not in there and end <= now:
            given = Record(figure.code, "city", figure.period, figure.value, "", SOURCE, DATED)
            entry, ends = checked(given, to_date="Q" in figure.period), end // HOUR_MS - 1
            records.add(entry, who="cityflux demo", now=now, ends=ends)


def _days_before(today: date, days: int, first: date) -> date:
    """The first day of a feed of which only the last days are sent."""
    return max(first, today - timedelta(days=days))


@asynccontextmanager
async def _ended_by(stopped: asyncio.Event) -> AsyncIterator[None]:
    """Run the block until it ends or `stopped` is set, whichever is first."""
    task = asyncio.current_task()
    watcher = asyncio.create_task(stopped.wait(), name="Ctrl-C")
    watcher.add_done_callback(lambda _: task.cancel() if task and stopped.is_set() else None)
    try:
        yield
    except asyncio.CancelledError:
        if not stopped.is_set():
            raise
        out.print("stopping")
    finally:
        watcher.cancel()
