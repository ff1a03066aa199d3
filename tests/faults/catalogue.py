"""The faults: what each strikes, when it can be struck, and how it heals. One that fails to strike fails the run."""

import asyncio
import signal
import sqlite3
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing, suppress
from typing import NamedTuple

from ingest.pauses import POINTS, Point
from tests.faults.lab import Lab, ledger_of, remount, second_ingest, until
from tests.faults.patient import Patient
from tests.faults.store_link import MODES, Mode

PAUSE_WITHIN_S = 6.0
# How many times a batch comes by before the process is stopped there.
_MOST_PASSES = 12


class Fault(NamedTuple):
    """One fault. It returns when the cause is gone; what follows of it may still go on."""

    strike: Callable[[Lab], Awaitable[None]]
    store: str | None = None  # only with this store
    needs: str | None = None  # the field of Setting that must be True


# Ingest.


async def kill_ingest(lab: Lab) -> None:
    lab.patient.kill()
    await asyncio.sleep(lab.rng.uniform(0, 0.5))
    lab.patient.start()
    # At any moment of its start, too.
    await asyncio.sleep(lab.rng.choice([lab.rng.uniform(0.3, 1.2), 1.5]))


def kill_at(point: Point) -> Callable[[Lab], Awaitable[None]]:
    async def strike(lab: Lab) -> None:
        lab.patient.kill()
        lab.patient.start(pause=(point, lab.rng.randint(1, _MOST_PASSES)))
        if await lab.patient.paused(PAUSE_WITHIN_S):
            lab.paused_at[point] += 1
        lab.patient.kill()
        lab.patient.start()
        await asyncio.sleep(1)

    return strike


async def stop_ingest(lab: Lab) -> None:
    """SIGTERM with a full pipeline; half of the time while the store takes nothing, so that the journal keeps a backlog."""
    await until(lab.patient.is_receiving, lab.waits_for("ingest to be up"), within_s=60)
    if lab.rng.random() < 0.5:
        async with _store_in_trouble(lab):
            await until(lambda: lab.pending() > 300, lab.waits_for("a backlog"), within_s=60)
            code = await lab.patient.stop()
            assert lab.pending() > 0, "it stopped before its journal was empty, or the store was not in trouble"
    else:
        code = await lab.patient.stop()
    assert code == 0, f"SIGTERM: exit {code}\n{lab.patient.log()[-2000:]}"
    lab.patient.start()
    await asyncio.sleep(1)


async def second_in_same_folder(lab: Lab) -> None:
    ended = await asyncio.to_thread(
        subprocess.run,
        lab.patient.command,
        env=lab.patient.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2, f"a second ingest on the same folder: exit {ended.returncode}\n{ended.stderr}"
    assert "another running ingest" in ended.stderr


async def second_with_same_client_id(lab: Lab) -> None:
    """The one that comes later has the session; the one that loses it ends, and is not started again."""
    async with second_ingest(lab, f"second-{len(lab.others)}") as (second, data, link, environment):
        second.start()
        first, other = lab.patient, second
        await until(
            lambda: first.has_ended() or other.has_ended(), lab.waits_for("one of two ingests to give way"), within_s=60
        )
        loser, winner = (first, other) if first.has_ended() else (other, first)
        code = await loser.ended()
        assert code == 3, f"the loser of a session: exit {code}\n{loser.log()[-2000:]}"
        await asyncio.sleep(lab.rng.uniform(0.2, 1))
        if winner is second:
            assert await second.stop() == 0
        else:
            first.kill()  # it has lost its session twice already: once more soon, for whatever reason, and it would give way
        first.start()
        lab.others.append((data, link, environment))
    await asyncio.sleep(1)


# The watch.


async def kill_watch(lab: Lab) -> None:
    """Again and again, at any moment of its start and of its work."""
    for _ in range(lab.rng.randint(1, 3)):
        lab.watch.kill()
        lab.watch.start()
        await asyncio.sleep(lab.rng.uniform(0.5, 4))


async def kill_both(lab: Lab) -> None:
    """As where the machine fails."""
    lab.patient.kill()
    lab.watch.kill()
    await asyncio.sleep(lab.rng.uniform(0, 1))
    lab.watch.start()
    lab.patient.start()
    await asyncio.sleep(lab.rng.uniform(1, 3))


async def stop_watch(lab: Lab) -> None:
    code = await lab.watch.stop()
    # In the moments of its start, before it listens, a signal ends it as a kill does.
    assert code in {0, -signal.SIGTERM}, f"SIGTERM of the watch: exit {code}\n{lab.watch.log()[-2000:]}"
    await asyncio.sleep(lab.rng.uniform(0, 1))
    lab.watch.start()


async def second_watch(lab: Lab) -> None:
    """Two over the same books, until one of them is killed."""
    folder = lab.folder / "second-watch"
    folder.mkdir(exist_ok=True)
    second = Patient(folder, lab.environment, program="watch")
    second.start()
    try:
        await asyncio.sleep(lab.rng.uniform(3, 6))
        assert not second.has_ended(), f"a second watch has ended\n{second.log()[-2000:]}"
    finally:
        second.kill()


# Broker and network.


async def restart_broker(lab: Lab) -> None:
    await asyncio.to_thread(lab.broker.stop)
    await asyncio.sleep(lab.rng.uniform(0, 1))
    await asyncio.to_thread(lab.broker.restart)


async def kill_broker(lab: Lab) -> None:
    lab.broker_killed = True
    await asyncio.to_thread(lab.broker.kill)
    await asyncio.sleep(lab.rng.uniform(0, 1))
    await asyncio.to_thread(lab.broker.restart)


async def cut_network(lab: Lab) -> None:
    async with _no_way_through(lab):
        lab.link.cut()
        await asyncio.sleep(lab.rng.uniform(0, 1.5))


@asynccontextmanager
async def _no_way_through(lab: Lab) -> AsyncIterator[None]:
    """The broker cannot be reached, until ingest has tried in vain: a network that fails, and not somebody else who connects
    in our name (three connections closed in a row without a failed one between them are taken for that)."""
    before, lab.link.refusing = lab.link.refused, True
    yield
    await until(lambda: lab.link.refused > before, lab.waits_for("ingest to try in vain"), within_s=60)
    lab.link.refusing = False


async def reset_in_packet(lab: Lab) -> None:
    before = len(lab.link.legs)
    lab.link.reset_in_packet()
    await until(lambda: len(lab.link.legs) > before, lab.waits_for("ingest to connect after a reset"), within_s=60)


async def half_open(lab: Lab) -> None:
    before = len(lab.link.legs)
    lab.link.freeze()
    await until(
        lambda: len(lab.link.legs) > before, lab.waits_for("ingest to notice that nothing comes any more"), within_s=60
    )


async def slow_network(lab: Lab) -> None:
    lab.link.bytes_per_s = 1_000
    await asyncio.sleep(lab.rng.uniform(2, 5))
    lab.link.bytes_per_s = None


async def late_acknowledgements(lab: Lab) -> None:
    before = len(lab.link.legs)
    async with _no_way_through(lab):
        lab.link.deliver_acknowledgements_late()
    await until(lambda: len(lab.link.legs) > before, lab.waits_for("ingest to connect again"), within_s=60)


# Store and books.


def answer(mode: Mode) -> Callable[[Lab], Awaitable[None]]:
    async def strike(lab: Lab) -> None:
        assert lab.store_link is not None
        lab.store_link.mode = mode
        before = lab.store_link.answered[mode]
        seen = lab.store_link.answered
        await until(lambda: seen[mode] > before, lab.waits_for(f"a request answered {mode}"), within_s=60)
        await asyncio.sleep(lab.rng.uniform(0.1, 2))
        lab.store_link.mode = None

    return strike


async def kill_database(lab: Lab) -> None:
    assert lab.influx is not None
    await asyncio.to_thread(lab.influx.kill)
    await asyncio.sleep(lab.rng.uniform(0, 1.5))
    await asyncio.to_thread(lab.influx.restart)


async def restart_database(lab: Lab) -> None:
    assert lab.influx is not None
    await asyncio.to_thread(lab.influx.stop)
    await asyncio.to_thread(lab.influx.restart)


def locked(name: str, seconds: float) -> Callable[[Lab], Awaitable[None]]:
    """Another writer keeps a SQLite file locked."""

    async def strike(lab: Lab) -> None:
        path = lab.data / name
        await until(path.exists, lab.waits_for(f"{name} to be there"), within_s=60)
        with closing(sqlite3.connect(path, isolation_level=None, timeout=60)) as db:
            db.execute("BEGIN IMMEDIATE")
            await asyncio.sleep(seconds)
            db.execute("ROLLBACK")

    return strike


# Disk and clock.


async def fill_disk(lab: Lab) -> None:
    """The journal's file system full to the last byte, while messages wait to be settled and more come."""
    async with _store_in_trouble(lab):
        await until(lambda: lab.pending() > 300, lab.waits_for("a backlog"), within_s=60)
        filler = lab.journal_disk() / "filler"
        with filler.open("wb", buffering=0) as file:
            for size in (65_536, 4_096, 1):
                with suppress(OSError):
                    while file.write(b"\0" * size):
                        pass
        await asyncio.sleep(lab.rng.uniform(1, 4))  # the backlog grows, until the disk takes no more
        if lab.rng.random() < 0.5:
            lab.patient.kill()
            lab.patient.start()  # it must come up on a full disk
    settled = ledger_of(lab.data)
    await until(
        lambda: ledger_of(lab.data)["written"] > settled["written"] and lab.pending() == 0,
        lab.waits_for("the journal to drain on a full disk"),
        within_s=60,
    )
    filler.unlink()


@asynccontextmanager
async def _store_in_trouble(lab: Lab) -> AsyncIterator[None]:
    if lab.store_link is not None:
        lab.store_link.mode = "500"
        try:
            yield
        finally:
            lab.store_link.mode = None
        return
    await until((lab.data / "readings.sqlite").exists, lab.waits_for("the store to be there"), within_s=60)
    with closing(sqlite3.connect(lab.data / "readings.sqlite", isolation_level=None, timeout=60)) as db:
        db.execute("BEGIN IMMEDIATE")
        yield
        db.execute("ROLLBACK")


async def read_only_disk(lab: Lab) -> None:
    """The journal's file system read-only over a restart of ingest: it ends, with one line, until that is mended."""
    lab.patient.may_end_with |= {1, 2}
    lab.patient.kill()
    place = lab.journal_disk()
    await remount(place, "ro")
    said, ends = len(lab.patient.log()), len(lab.patient.ended_with)
    lab.patient.start()
    await until(
        lambda: len(lab.patient.ended_with) > ends, lab.waits_for("ingest to refuse a read-only journal"), within_s=60
    )
    await remount(place, "rw")
    told = lab.patient.log()[said:]
    assert "Traceback" not in told, told
    assert str(place) in told, told


async def jump_clock(lab: Lab) -> None:
    for offset_s in lab.rng.choice([(3600, 0), (-3600, 0), (3600, -3600, 0)]):
        lab.set_clock(offset_s)
        await until(
            lambda: abs(lab.clock_of_ingest_s() - time.time() - offset_s) < 600,  # noqa: B023 - awaited here
            lab.waits_for(f"messages received at a clock {offset_s:+} s off"),
            within_s=60,
        )
        await asyncio.sleep(lab.rng.uniform(0.3, 1.5))


CATALOGUE: dict[str, Fault] = {
    "kill -9 of ingest": Fault(kill_ingest),
    **{f"kill -9 at: {point}": Fault(kill_at(point), "influx" if point == "kept" else None) for point in POINTS},
    "SIGTERM of ingest": Fault(stop_ingest),
    "second ingest, same folder": Fault(second_in_same_folder),
    "second ingest, same client id": Fault(second_with_same_client_id),
    "kill -9 of the watch": Fault(kill_watch),
    "kill -9 of ingest and watch": Fault(kill_both),
    "SIGTERM of the watch": Fault(stop_watch),
    "second watch": Fault(second_watch),
    "broker restarted": Fault(restart_broker),
    "kill -9 of the broker": Fault(kill_broker, needs="broker_saves_all"),
    "network cut": Fault(cut_network),
    "reset inside a packet": Fault(reset_in_packet),
    "half-open connection": Fault(half_open),
    "1 kB/s": Fault(slow_network),
    "acknowledgements late": Fault(late_acknowledgements),
    **{f"InfluxDB: {mode}": Fault(answer(mode), "influx") for mode in MODES},
    "kill -9 of InfluxDB": Fault(kill_database, "influx"),
    "InfluxDB restarted": Fault(restart_database, "influx"),
    "books locked for 30 s": Fault(locked("books.sqlite", 30)),
    "readings locked for 3 s": Fault(locked("readings.sqlite", 3), "sqlite"),
    "journal's disk full": Fault(fill_disk, needs="small_disk"),
    "journal's disk read-only": Fault(read_only_disk, needs="small_disk"),
    "clock jumps": Fault(jump_clock, needs="own_clock"),
}
