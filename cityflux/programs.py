"""The programs that run in the foreground: ingest, process, watch, wall, gateway. Each opens its parts, runs until SIGTERM or
SIGINT, and stops cleanly: the source first, then what is under way drains."""

import asyncio
import gc
import os
import resource
import signal
import time
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from cityflux.composition import (
    INGEST_PATIENCE_S,
    alert_rules_of,
    connect_to,
    energy_rules,
    horizons,
    journal_folder,
    letters_folder,
    make_data_folder,
    now_ms,
    open_books,
    open_projector,
    open_store,
    plan_of,
    prepare_books,
    read_registry,
    sources_of,
    traffic_rules_of,
)
from cityflux.settings import PREFIX, Settings, SettingsError
from ingest.conditions import Clock
from ingest.consume import Consumer
from ingest.devices import Devices
from ingest.intake import Verdict
from ingest.journal import Journal
from ingest.liveness import Liveness
from ingest.overflow import Overflow
from ingest.pauses import pause_of
from ingest.radar import Radar, keep
from ingest.retire import HEARTBEAT_S, emptied, end_session, leaving
from ingest.serving import Board, serving
from ingest.settle import Judged, Said, Settler
from ingest.vitals import Vitals
from store.books import Changed
from store.drifts import Drifts
from store.sharing import Sharing

if TYPE_CHECKING:
    from processors.projection.projector import Projector

log = structlog.get_logger()

# Chosen: how often to see whether the journal of an ingest that takes no more is empty.
_DRAINED_CHECK_S = 0.1
# Chosen: what is drawn a second after it was computed is drawn at once to whoever looks.
_PROJECT_EVERY_S = 1.0
# Chosen: files and sockets of the gateway that are no station's: books, broker, HTTP, and what Python has open.
_OTHER_FILES = 128


async def ingest(settings: Settings, worker: int = 1) -> None:
    """Broker → journal → store and books, with health and metrics on HTTP; `worker` is which of several we are. One past those
    that settings ask for gives its session up and ends. Raises SettingsError, JournalError before anything is started;
    SessionTaken where another client has our session, once the journal is drained."""
    # What is loaded by now lives as long as the program; young objects are messages, freed by reference counts, so looking for
    # cycles among them is wasted. What leaves cycles is asyncio, a few per batch, and they die young.
    gc.freeze()
    gc.disable()
    stopped = stop_signals()
    sources = sources_of(settings)
    broker, session = settings.broker, settings.session(worker, sources.subscriptions)
    heartbeat_s = settings.mqtt_heartbeat_s
    connect, pause = connect_to(broker), pause_of(os.environ)
    retires = worker > settings.ingest_workers
    if retires:
        session, heartbeat_s = leaving(session), HEARTBEAT_S
    if settings.ingest_workers > 1 or retires:
        structlog.contextvars.bind_contextvars(worker=worker)
    make_data_folder(settings)
    if settings.stations is not None:
        read_registry(settings.stations)
    with (
        Journal(
            journal_folder(settings, worker),
            cap_bytes=settings.journal_cap_bytes,
            reserve_bytes=settings.disk_reserve_bytes,
            pause=pause,
        ) as journal,
        open_books(settings, patience_s=INGEST_PATIENCE_S) as books,
    ):
        # Who retires may do so beside one that is alone.
        sharing = Sharing(books, journal.uuid) if retires or settings.share is not None else None
        writer = None if sharing is None else sharing.writer
        store = open_store(settings, journal, writer, patience_s=INGEST_PATIENCE_S)
        liveness, our_clock, board = Liveness(now_ms()), Clock(), Board(str(journal.folder.resolve()))
        devices = Devices(counts_lost=sharing is None)

        def stored(changed: Changed, received_at: int, said: Said) -> None:
            liveness.stored(changed, received_at)
            devices.stored(changed, received_at, said)

        radar, drifts = Radar(sources, lambda: liveness.registry), Drifts(books)

        def prepare() -> None:
            prepare_books(settings, books)
            radar.know(drifts.profiles())

        settler = Settler(
            journal,
            store,
            books,
            now_ms,
            horizons(settings),
            prepare,
            pause,
            stored,
            sources,
            _each(radar.look, our_clock.look),
        )
        consumer = Consumer(connect, broker, session, journal, now_ms, pause, heartbeat_s)
        vitals = Vitals(
            consumer, settler, journal, books, liveness, now_ms, board.show, devices, our_clock, sharing,
            stations_every_s=settings.presence_every_s,
        )  # fmt: skip
        beside = {"vitals": vitals.run(), "radar": keep(radar, drifts), "cycles": _collect_cycles()}
        if worker == 1:
            folder, cap_bytes = letters_folder(settings), settings.dead_letters_cap_bytes
            beside["overflow"] = Overflow(books, folder, cap_bytes, now_ms).run()
        try:
            with serving(board, settings.ingest_http_host, settings.ingest_http_port_of(worker)):
                await _take_and_settle(consumer, settler, beside, stopped, journal, retires=retires)
            if retires and not stopped.is_set() and consumer.taken is None and not journal.pending_bytes:
                await end_session(connect, broker, session, journal)
                log.info("retired: nothing waits at the broker any more, and the session there is ended")
        finally:
            await store.close()
    log.info("stopped")
    if consumer.taken is not None:
        raise consumer.taken


def _each(*looks: Judged) -> Judged:
    """Each of them looks, in order."""

    def judged(verdict: Verdict) -> None:
        for look in looks:
            look(verdict)

    return judged


async def _take_and_settle(
    consumer: Consumer,
    settler: Settler,
    beside: Mapping[str, Coroutine[Any, Any, None]],
    stopped: asyncio.Event,
    journal: Journal,
    *,
    retires: bool,
) -> None:
    """Until stopped, or until there is nothing more to take (where it `retires`: none waits at the broker); then the source is
    closed first, and the journal drains."""
    async with asyncio.TaskGroup() as tasks:
        others = [tasks.create_task(work, name=name) for name, work in beside.items()]
        settling = tasks.create_task(settler.run(), name="settle")
        consuming = tasks.create_task(consumer.run(), name="consume")
        # Another client may have our session. What we acknowledged before is settled, however long the store is down: nobody
        # starts us again by himself.
        ends = [stopped.wait(), _and_drained(asyncio.wait([consuming]), journal)]
        if retires:
            ends.append(_and_drained(emptied(consumer), journal))
        await first_of(*ends)
        log.info("stopping: the broker first, then the journal drains")
        consuming.cancel()
        await asyncio.wait([consuming])
        settler.stop()
        await settling
        for task in others:
            task.cancel()


async def _collect_cycles() -> None:
    """The young each second, all each minute: to go through everything (a thousand routes, a registry) takes 8 ms."""
    while True:
        for _ in range(60):
            await asyncio.sleep(1)
            gc.collect(0)
        gc.collect()


async def _and_drained(ended: Coroutine[Any, Any, object], journal: Journal) -> None:
    """Until taking has `ended`, and the journal is empty."""
    await ended
    while journal.pending_bytes:
        await asyncio.sleep(_DRAINED_CHECK_S)


async def first_of(*awaited: Coroutine[Any, Any, object]) -> None:
    """Wait for one of them and give the others up."""
    tasks = [asyncio.create_task(each) for each in awaited]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


async def process(settings: Settings) -> None:
    """Changed windows → indicators. Raises SettingsError before anything is started."""
    from processors.runner import Runner
    from processors.water.validity import Validity, validity

    stopped = stop_signals()
    plan, energy, traffic = plan_of(settings), energy_rules(settings), traffic_rules_of(settings)
    with open_books(settings) as books:
        store = open_store(settings)
        projector = open_projector(settings, books) if settings.influx_projection else None
        prepare = partial(prepare_books, settings, books)
        runner = Runner(
            store,
            books,
            plan,
            prepare=prepare,
            zone=settings.zone,
            clock=now_ms,
            variant=settings.realtime_variant,
            grace_hours=settings.grace_hours,
            water=validity(**{name: getattr(settings, f"water_{name}") for name in Validity._fields}),
            energy=energy,
            traffic=traffic,
        )
        try:
            async with asyncio.TaskGroup() as tasks:
                if projector is not None:
                    tasks.create_task(_project(projector, prepare, stopped), name="project")
                tasks.create_task(runner.run(stopped), name="compute")
        finally:
            await store.close()
    log.info("stopped")


async def _project(projector: "Projector", prepare: Callable[[], None], stopped: asyncio.Event) -> None:
    """The books as they change → InfluxDB, on a thread of its own: the runner does not wait for it."""
    from processors.keeping import keep_stepping

    async def step() -> bool:
        return await asyncio.to_thread(projector.step)

    await keep_stepping(step, prepare, stopped, idle_s=_PROJECT_EVERY_S, verb="project", stays="the books have it all")


async def watch(settings: Settings) -> None:
    """Changed windows → what the operations centre is told. Raises SettingsError before anything is started."""
    from processors.alerts.watch import Watch

    stopped, rules, traffic = stop_signals(), alert_rules_of(settings), traffic_rules_of(settings)
    with open_books(settings) as books:
        store = open_store(settings)
        prepare = partial(prepare_books, settings, books)
        zone = settings.zone
        try:
            its = Watch(store, books, rules, prepare=prepare, zone=zone, clock=now_ms, traffic=traffic)
            await its.run(stopped)
        finally:
            await store.close()
    log.info("stopped")


async def hj212_gateway(settings: Settings, host: str | None, port: int) -> None:
    """Stations that dial in → broker, with health and metrics on HTTP. Raises SettingsError before anything is started."""
    from gateway.doorman import Doorman
    from gateway.publisher import Publisher
    from gateway.server import Gateway
    from gateway.watch import Watch
    from store.devices import DeviceKeys

    stopped = stop_signals()
    broker, limits = settings.broker, settings.hj212_limits
    if broker.version != 5:
        raise SettingsError(
            f"mqtt_url = {settings.mqtt_url!r}: only MQTT 5 says that nobody takes a message, and a station that was "
            "answered forgets it; use a broker that speaks it, without ?version=3"
        )
    _allow_open_files(limits.connections + _OTHER_FILES)
    with open_books(settings) as books:
        books.prepare()
        watch, doorman = Watch(), Doorman(DeviceKeys(books).verify, time.monotonic)
        try:
            with serving(watch, settings.hj212_http_host, settings.hj212_http_port, f"{PREFIX}HJ212_HTTP_PORT"):
                await Gateway(doorman, Publisher(broker, limits), limits, watch.show).run(host, port, stopped)
        except OSError as error:
            raise SettingsError(f"cannot listen on {host or ''}:{port}: {error}; choose another --listen") from error
        finally:
            doorman.close()
    log.info("stopped")


def _allow_open_files(count: int) -> None:
    """Raise our own limit of open files to `count`, as far as the system lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < count:
        most = count if hard == resource.RLIM_INFINITY else min(count, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        if most < count:
            log.warning(
                "fewer stations can connect than hj212_connections: raise the limit of open files", open_files=most
            )


async def wall(settings: Settings) -> None:
    """The status page, until stopped."""
    import uvicorn

    from wall.app import make_app

    with open_books(settings) as books:
        books.prepare()
        app = make_app(open_store(settings), books, plan_of(settings), settings.zone, now_ms)
        config = uvicorn.Config(app, settings.wall_host, settings.wall_port, log_level="warning", lifespan="off")
        await uvicorn.Server(config).serve()


def stop_signals() -> asyncio.Event:
    """Set by SIGTERM or SIGINT."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    return stopped
