"""The programs that run in the foreground: ingest, process, wall. Each opens its parts, runs until SIGTERM or SIGINT, and
stops cleanly: the source first, then what is under way drains."""

import asyncio
import gc
import os
import signal
from functools import partial

import structlog

from cityflux.composition import (
    INGEST_PATIENCE_S,
    connect_to,
    horizons,
    journal_folder,
    make_data_folder,
    now_ms,
    open_books,
    open_store,
    plan_of,
    prepare_books,
)
from cityflux.settings import Settings
from ingest.consume import Consumer
from ingest.journal import Journal
from ingest.pauses import pause_of
from ingest.settle import Settler

log = structlog.get_logger()


async def ingest(settings: Settings) -> None:
    """Broker → journal → store and books. Raises SettingsError, JournalError before anything is started."""
    # What is loaded by now lives as long as the program; young objects are messages, freed by reference counts.
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)
    stopped = stop_signals()
    broker, session = settings.broker, settings.session
    pause = pause_of(os.environ)
    make_data_folder(settings)
    with (
        Journal(
            journal_folder(settings),
            cap_bytes=settings.journal_cap_bytes,
            reserve_bytes=settings.disk_reserve_bytes,
            pause=pause,
        ) as journal,
        open_books(settings, patience_s=INGEST_PATIENCE_S) as books,
    ):
        store = open_store(settings, journal, patience_s=INGEST_PATIENCE_S)
        prepare = partial(prepare_books, settings, books)
        settler = Settler(journal, store, books, now_ms, horizons(settings), prepare, pause)
        consumer = Consumer(connect_to(broker), broker, session, journal, now_ms, pause)
        try:
            async with asyncio.TaskGroup() as tasks:
                settling = tasks.create_task(settler.run(), name="settle")
                consuming = tasks.create_task(consumer.run(), name="consume")
                await stopped.wait()
                log.info("stopping: the broker first, then the journal drains")
                consuming.cancel()
                await asyncio.wait([consuming])
                settler.stop()
                await settling
        finally:
            await store.close()
    log.info("stopped")


async def process(settings: Settings) -> None:
    """Changed windows → indicators. Raises SettingsError before anything is started."""
    from processors.runner import Runner

    stopped = stop_signals()
    plan = plan_of(settings)
    with open_books(settings) as books:
        store = open_store(settings)
        runner = Runner(
            store,
            books,
            plan,
            prepare=partial(prepare_books, settings, books),
            zone=settings.zone,
            clock=now_ms,
            variant=settings.realtime_variant,
            grace_hours=settings.grace_hours,
        )
        try:
            await runner.run(stopped)
        finally:
            await store.close()
    log.info("stopped")


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
