"""The demo: the main job on the embedded default, from an empty folder to a scorecard, in front of the user's eyes.

Broker, ingest, process and wall run as child processes over one SQLite store; a simulated city with its river and its buildings,
whose true answers are known, publishes its year to date over MQTT, and figures that no sensor measures are entered; the
scorecard comes from the books, and is compared with the truth.
"""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from fractions import Fraction
from functools import partial
from itertools import chain
from pathlib import Path

from cityflux import broker as brokers
from cityflux.commands.feed import live_messages, progress_bar, publish_to
from cityflux.composition import journal_folder, now_ms, open_books, plan_of
from cityflux.console import out
from cityflux.ports import free_port, is_free
from cityflux.programs import stop_signals
from cityflux.scorecard import as_text
from cityflux.settings import PREFIX, Settings, load_settings
from cityflux.supervisor import Part, StartError, listening, supervised
from ingest.journal import has_session, looking_at
from processors.energy.totals import totals_in
from processors.energy.use import ENERGY_USE
from processors.records.entries import checked
from processors.scopes import METER, SECTION, STATION
from processors.scorecard import scorecard_rows
from processors.windows import civil_day, day_bounds, days_between, period_bounds, period_days
from sensors.instants import HOUR_MS
from simulators.air import truth
from simulators.buildings import buildings_history, meters, meters_registry_text, true_use
from simulators.city import ZONE, city, history, registry_text
from simulators.figures import (
    DATED,
    LAST_YEAR,
    SOURCE,
    TRUE_TUNNEL_CAPACITY,
    figures,
    quarters,
    true_quarters,
    true_reductions,
    tunnels_text,
)
from simulators.river import arrivals, river, river_history, river_registry_text, spills, true_class
from simulators.vehicle_messages import vehicles_history
from simulators.vehicles import driven, tunnel_stations
from store.books import Books
from store.judgements import Claims, Judgements
from store.records import Record, Records

_LOOK_EVERY_S = 0.2
# Chosen: a cold start of broker and ingest takes about two seconds.
_START_WITHIN_S = 60.0
# Chosen: vehicles are counted each five minutes, so only the last two weeks of them are sent, in a few seconds.
_VEHICLE_DAYS = 14


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
            _compare_air(books, seed, first, until)
            _compare_water(books, seed, first, until)
            _compare_energy(books, seed, first, chosen)
            _compare_traffic(books, seed, _counted_from(first, now), until)
            _compare_figures(books)
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
    counted_from = _counted_from(first, now)
    total = (len(city()) + len(river()) + len(meters())) * ((today - first).days + 1)
    total += len(tunnel_stations()) * ((today - counted_from).days + 1)
    everything = chain(
        history(seed, first, now),
        river_history(seed, first, now),
        buildings_history(seed, first, now),
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


def _compare_water(books: Books, seed: int, first: date, until: date) -> None:
    """The classes of the months that have closed whole, of sections that no spill passed meanwhile."""
    outcomes: Counter[bool] = Counter()
    for revision in Judgements(books).latest("water_section", first=first.isoformat()[:7]):
        key = revision.judgement.key
        begins, ends = period_days(key.period)
        if len(key.period) != len("2026-03") or begins < first or ends >= until:
            continue
        section = key.scope.removeprefix(SECTION)
        start, end = period_bounds(key.period, ZONE)
        years = {begins.year - 1, begins.year}
        passed = [
            one
            for year in years
            for spill in spills(seed, year)
            for one in arrivals(seed, spill)
            if one.section == section
        ]
        if not any(one.start < end and one.end > start for one in passed):
            outcomes[revision.judgement.value == str(true_class(section)[0])] += 1
    if outcomes:
        out.print(
            f"{outcomes[True]} of {outcomes.total()} months of sections are judged as the simulated river was made"
        )


def _compare_energy(books: Books, seed: int, first: date, chosen: Settings) -> None:
    """What each meter used in each month so far, of those that were measured whole: exact."""
    outcomes: Counter[bool] = Counter()
    for (scope, period), (judged, _) in Judgements(books).standing(ENERGY_USE, first=first.isoformat()[:7]).items():
        if not scope.startswith(METER) or len(period) != len("2026-03") or "Q" in period:
            continue
        start = max(day_bounds(first, chosen.zone)[0], period_bounds(period, chosen.zone)[0])
        end = day_bounds(date.fromisoformat(judged.detail["last_day"]), chosen.zone)[1]
        used = totals_in(judged.detail["totals"]).used
        if used and all(one.measured_ms == end - start for one in used.values()):
            name = scope.removeprefix(METER)
            true = {code: true_use(seed, name, code, start, end) for code in used}
            outcomes[true == {code: one.amount for code, one in used.items()}] += 1
    if outcomes:
        out.print(f"{outcomes[True]} of {outcomes.total()} meter months are as the simulated buildings used")


def _counted_from(first: date, now: int) -> date:
    """The first day of which vehicles are sent."""
    return max(first, datetime.fromtimestamp(now / 1000, ZONE).date() - timedelta(days=_VEHICLE_DAYS))


def _compare_traffic(books: Books, seed: int, first: date, until: date) -> None:
    """What passed each direction of the tunnels on the days that have closed: vehicles, classes, passenger car units."""
    outcomes: Counter[bool] = Counter()
    found = Judgements(books).standing("traffic_day", first=first.isoformat(), last=until.isoformat())
    for day in days_between(first, until - timedelta(days=1)):
        for station in tunnel_stations():
            true = driven(seed, station, *day_bounds(day, ZONE))
            judged, finality = found.get((STATION + station, day.isoformat()), (None, ""))
            if judged is None or finality == "running":
                outcomes[False] += 1
                continue
            passed = judged.detail["vehicles"], judged.detail["by_class"], Fraction(judged.detail["pcu"]), judged.valid
            outcomes[passed == (true.vehicles, true.by_class, true.pcu, true.intervals)] += 1
    out.print(f"{outcomes[True]} of {outcomes.total()} tunnel days are as the simulated vehicles drove")


def _compare_figures(books: Books) -> None:
    """The reductions of the plan's last year and of the quarters after it, from the figures that were entered."""
    true = {(code, str(LAST_YEAR)): value for code, value in true_reductions(LAST_YEAR).items()} | true_quarters()
    closed = [r.judgement for code in true_reductions(LAST_YEAR) for r in Judgements(books).latest(code)]
    found = {(one.key.indicator, one.key.period): one.value for one in closed}
    asked = [key for key in true if key in found or key[1] == str(LAST_YEAR)]
    right = sum(found.get(key) == str(true[key]) for key in asked)
    capacity = {r.judgement.key.period: r.judgement.value for r in Judgements(books).latest("tunnel_capacity")}
    known = [year for year, true in TRUE_TUNNEL_CAPACITY.items() if capacity.get(str(year)) == str(true)]
    out.print(
        f"{len(known)} of {len(TRUE_TUNNEL_CAPACITY)} years of tunnel capacity are as the simulated tunnels were opened"
    )
    out.print(f"{right} of {len(asked)} reductions per unit of GDP are as the simulated figures were made")


def _compare_air(books: Books, seed: int, first: date, until: date) -> None:
    """The simulated city's classes are known by construction: say whether every day that has closed, those before `until`,
    came out as it was made."""
    judged = {
        r.judgement.key.period: r.judgement
        for r in Judgements(books).latest("air_daily_aqi", scope="city", first=first.isoformat())
    }
    outcomes: Counter[bool] = Counter()
    day = first
    while day < until:
        found = judged.get(day.isoformat())
        outcomes[found is not None and (found.status == "met") == truth(seed, day).good] += 1
        day += timedelta(days=1)
    out.print(f"{outcomes[True]} of {outcomes.total()} closed days are judged as the simulated city was made")


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
