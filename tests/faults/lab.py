"""One run: the city of a seed under the faults of the seed, and the verdict."""

import asyncio
import csv
import io
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path

from ingest.journal import read_ledger
from tests.faults.alerts import has_looked_at_all, judge_alerts
from tests.faults.broker_link import BrokerLink
from tests.faults.judge import MEMORY_BOUND_KIB, Stored, Verdict, judge_delivery, judge_journal
from tests.faults.messages import CODES, PAYLOAD_CAP, Key, Message, Messages
from tests.faults.patient import Patient
from tests.faults.polluted import REGISTRY
from tests.faults.publisher import Publisher
from tests.faults.store_link import StoreLink
from tests.programs import clean_environment
from tests.servers.influx import Influx
from tests.servers.mosquitto import Mosquitto
from tests.servers.processes import HOST

# Chosen: InfluxDB deletes displaced points one by one, and a loaded machine takes minutes for a backlog of them.
_SETTLED_WITHIN_S = 300.0
FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")


@dataclass(frozen=True)
class Setting:
    """What a seed decides before the first message."""

    seed: int
    store: str
    mqtt_version: int
    faults: tuple[str, ...]
    module: tuple[str, ...] = ("cityflux",)
    broker_saves_all: bool = False  # at each change, so that a kill of the broker loses next to nothing
    small_disk: bool = False  # the journal on a file system of its own
    own_clock: bool = False


@dataclass
class Lab:
    """Everything that a fault can get at."""

    setting: Setting
    folder: Path
    rng: random.Random
    environment: dict[str, str]
    broker: Mosquitto
    link: BrokerLink
    patient: Patient
    watch: Patient
    publisher: Publisher
    influx: Influx | None
    store_link: StoreLink | None
    struck: Counter[str] = field(default_factory=Counter)
    paused_at: Counter[str] = field(default_factory=Counter)
    broker_killed: bool = False
    others: list[tuple[Path, BrokerLink, dict[str, str]]] = field(default_factory=list)
    """Second ingests that took messages: data folder, link, environment."""

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def set_clock(self, offset_s: int) -> None:
        """What ingest takes for the time of day from now on, off by so much."""
        new = self.folder / "clock.new"
        new.write_text(f"{offset_s:+d}\n")
        new.rename(self.folder / "clock")

    def clock_of_ingest_s(self) -> float:
        """When the last batch was received, by ingest's clock [s since the epoch]; 0 before the first."""
        with (
            suppress(sqlite3.OperationalError),
            closing(sqlite3.connect(self.data / "journal" / "journal.sqlite")) as db,
        ):
            return (db.execute("SELECT last_received_at FROM ledger").fetchone()[0] or 0) / 1000
        return 0.0

    def pending(self) -> int:
        """Messages in the journal; -1 where it cannot be read now."""
        with suppress(sqlite3.OperationalError):
            return ledger_of(self.data)["pending"]
        return -1

    def journal_disk(self) -> Path:
        """The journal's own file system."""
        return self.data / "journal"

    def waits_for(self, what: str) -> Callable[[], str]:
        """Says what was waited for, and what ingest has said meanwhile."""
        return lambda: (
            f"{what}\n--- ingest ---\n{self.patient.log()[-3000:]}\n--- watch ---\n{self.watch.log()[-1000:]}"
        )


def scratch_environment() -> dict[str, str]:
    """Our environment, with temporary files in memory where there is room: what is killed here are processes, not machines,
    and a file system whose syncs cost nothing lets many runs go beside each other."""
    memory = Path("/dev/shm")  # noqa: S108 - what Linux calls it
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 4 << 30
    return {**os.environ, **({"TMPDIR": str(memory)} if roomy and "TMPDIR" not in os.environ else {})}


async def run(setting: Setting, influx: Influx | None, *, keep: Path | None = None) -> tuple[Verdict, Lab]:
    """The run of one seed. `influx` is a running server where the store is one; `keep` keeps the folder of a failed run."""
    folder = Path(tempfile.mkdtemp(prefix=f"cityflux-faults-{setting.seed}-"))
    well = False
    try:
        async with _laboratory(setting, folder, influx) as lab:
            verdict = await _experiment(lab)
            well = not verdict.wrong
            return verdict, lab
    finally:
        if not well and keep is not None:
            shutil.copytree(folder, keep / str(setting.seed), dirs_exist_ok=True)
        shutil.rmtree(folder, ignore_errors=True)


async def _experiment(lab: Lab) -> Verdict:
    from tests.faults.catalogue import CATALOGUE

    messages = Messages(lab.rng, time.time_ns() // 1_000_000, store=lab.setting.store)
    made: dict[Key, Message] = {}
    publishing = asyncio.Event()
    publishing.set()

    async def publish() -> None:
        while publishing.is_set():
            for _ in range(lab.rng.randint(1, 12)):
                message = messages.next()
                made[message.key] = message
                await lab.publisher.publish(message)
            await asyncio.sleep(lab.rng.uniform(0, 0.08))

    lab.patient.start()
    lab.watch.start()
    await until(lambda: bool(lab.link.legs) and "receiving" in lab.patient.log(), lab.waits_for("ingest to subscribe"))
    working = asyncio.create_task(publish())
    await asyncio.sleep(lab.rng.uniform(0.1, 0.5))
    for name in lab.setting.faults:
        await CATALOGUE[name].strike(lab)
        lab.struck[name] += 1
        await asyncio.sleep(lab.rng.uniform(0.0, 0.8))
    publishing.clear()
    await working
    last = Message("cityflux/v1/gaoxin/air/st-01/hour", b"the last message of the run", "last", refused=True)
    made[last.key] = last
    await lab.publisher.publish(last)
    await lab.publisher.drain()
    await until(
        lambda: lab.link.has_acknowledged(last.key) and lab.pending() == 0, lab.waits_for("everything to be settled")
    )
    await until(lambda: has_looked_at_all(lab.data), lab.waits_for("the watch to have looked at everything"))
    verdict = Verdict()
    for name, program in (("ingest", lab.patient), ("watch", lab.watch)):
        code = await program.stop()
        verdict.check(code == 0, f"SIGTERM of {name} at the end: exit {code}")
        ends = program.unexpected_ends()
        verdict.check(not ends, f"{name} ended by itself: exits {ends}\n{program.log()[-2000:]}")
    await judge_alerts(verdict, lab.data, lab.folder, lab.environment)
    verdict.peak_memory_kib = lab.patient.peak_memory_kib
    verdict.check(lab.patient.peak_memory_kib < MEMORY_BOUND_KIB, f"memory: {lab.patient.peak_memory_kib} KiB")
    journalled: Counter[Key] = Counter()
    places = [(lab.data, lab.link, lab.environment), *lab.others]
    for data, link, environment in places:
        verdict.wrong += link.faults()
        keys = link.journalled()
        journalled.update(keys)
        if strange := [key for key in keys if key not in made]:
            verdict.check(False, f"journalled, but never sent: {strange[:3]}")
            continue
        judge_journal(
            verdict,
            [made[key] for key in keys],
            ledger=ledger_of(data),
            dead_letters=_dead_letters(data),
            stored=await asyncio.to_thread(_stored, environment),
        )
    publisher = lab.publisher
    judge_delivery(verdict, publisher.accepted, publisher.sent, journalled, broker_may_lose=lab.broker_killed)
    verdict.check(publisher.unheard == 0, f"{publisher.unheard} messages found no subscriber: our session was gone")
    return verdict


@asynccontextmanager
async def _laboratory(setting: Setting, folder: Path, influx: Influx | None) -> AsyncIterator[Lab]:
    (folder / "broker").mkdir()
    (folder / "data" / "journal").mkdir(parents=True)
    broker = Mosquitto(
        folder / "broker",
        "max_inflight_messages 100",
        autosave_on_changes=setting.broker_saves_all,
        autosave_interval=1 if setting.broker_saves_all else 1800,
    )
    store_link = StoreLink(influx.url) if influx is not None else None
    link = BrokerLink(broker.port, lambda: journalled_in(folder / "data"))
    publisher = Publisher(broker.port)
    with broker, _mounted(folder / "data" / "journal", setting.small_disk):
        await link.open()
        if store_link is not None:
            await store_link.open()
        environment = _environment(setting, folder, link.port, influx, store_link)
        patient = Patient(folder, environment, setting.module)
        watch = Patient(folder, environment, program="watch")
        lab = Lab(
            setting,
            folder,
            random.Random(f"faults {setting.seed}"),
            environment,
            broker,
            link,
            patient,
            watch,
            publisher,
            influx,
            store_link,
        )
        lab.set_clock(0)
        tasks = [
            asyncio.create_task(publisher.run()),
            *(asyncio.create_task(one.supervise()) for one in (patient, watch)),
        ]
        try:
            yield lab
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            patient.kill()
            watch.kill()
            for _, other, _ in lab.others:
                await other.close()
            await link.close()
            if store_link is not None:
                await store_link.close()


async def remount(place: Path, how: str) -> None:
    """The journal's file system "ro" or "rw"."""
    command = partial(subprocess.run, ["mount", "-o", f"remount,{how}", place], check=True)
    await asyncio.to_thread(command)


@contextmanager
def _mounted(place: Path, small: bool) -> Iterator[None]:
    """A small file system at `place`, where one is wanted; needs root."""
    if small:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "cityflux-faults", place], check=True)
    try:
        yield
    finally:
        if small:
            subprocess.run(["umount", "--lazy", place], check=True)


def _environment(
    setting: Setting, folder: Path, port: int, influx: Influx | None, store_link: StoreLink | None
) -> dict[str, str]:
    (folder / "stations.toml").write_text(REGISTRY, "utf-8")
    environment = {
        "CITYFLUX_DATA_DIR": str(folder / "data"),
        "CITYFLUX_STATIONS": str(folder / "stations.toml"),
        "CITYFLUX_MQTT_URL": f"mqtt://{HOST}:{port}" + ("?version=3" if setting.mqtt_version == 3 else ""),
        "CITYFLUX_MQTT_KEEP_ALIVE_S": "2",
        "CITYFLUX_PAYLOAD_CAP_BYTES": str(PAYLOAD_CAP),
        "CITYFLUX_STORE": setting.store,
        "CITYFLUX_DISK_RESERVE_BYTES": str(1 << 20),
    }
    if influx is not None and store_link is not None:
        (folder / "token").write_text(influx.token)
        environment |= {
            "CITYFLUX_INFLUX_URL": f"http://{HOST}:{store_link.port}",
            "CITYFLUX_INFLUX_ORG": influx.org,
            "CITYFLUX_INFLUX_BUCKET": influx.new_bucket(),
            "CITYFLUX_INFLUX_TOKEN_FILE": str(folder / "token"),
        }
    if setting.own_clock:
        if not FAKETIME.exists():
            raise RuntimeError(f"{FAKETIME} is not there: apt-get install faketime")
        environment |= {
            "LD_PRELOAD": str(FAKETIME),
            "FAKETIME_TIMESTAMP_FILE": str(folder / "clock"),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }
    return environment


@asynccontextmanager
async def second_ingest(lab: Lab, name: str) -> AsyncIterator[tuple[Patient, Path, BrokerLink, dict[str, str]]]:
    """Another ingest with a data folder, a store and a link of its own, and the client id of the first."""
    folder = lab.folder / name
    (folder / "data" / "journal").mkdir(parents=True)
    link = BrokerLink(lab.broker.port, lambda: journalled_in(folder / "data"))
    await link.open()
    environment = {
        **lab.environment,
        "CITYFLUX_DATA_DIR": str(folder / "data"),
        "CITYFLUX_MQTT_URL": lab.environment["CITYFLUX_MQTT_URL"].replace(str(lab.link.port), str(link.port)),
    }
    if lab.influx is not None:
        environment["CITYFLUX_INFLUX_BUCKET"] = lab.influx.new_bucket()
    patient = Patient(folder, environment, lab.setting.module)
    try:
        yield patient, folder / "data", link, environment
    finally:
        patient.kill()


async def until(found: Callable[[], bool], what: Callable[[], str], within_s: float = _SETTLED_WITHIN_S) -> None:
    """Wait until it is so. Raises AssertionError that says what did not come."""
    deadline = time.monotonic() + within_s
    while not found():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {within_s:.0f} s in vain for {what()}")
        await asyncio.sleep(0.05)


# What is on the disk.


def journalled_in(data: Path) -> int:
    """The journal's counter; 0 where there is no journal yet."""
    return ledger_of(data)["journalled"] if (data / "journal" / "journal.sqlite").exists() else 0


def ledger_of(data: Path) -> dict[str, int]:
    """The ledger's counters."""
    with closing(sqlite3.connect(data / "journal" / "journal.sqlite", timeout=30)) as db:
        return read_ledger(db)._asdict()


def _dead_letters(data: Path) -> Counter[Key]:
    with closing(sqlite3.connect(data / "books.sqlite", timeout=30)) as db:
        rows = db.execute("SELECT topic, payload, sha256 FROM dead_letters")
        return Counter((topic, digest or sha256(payload).hexdigest()) for topic, payload, digest in rows)


def _stored(environment: Mapping[str, str]) -> Stored:
    """Every reading that a reader sees, by `cityflux readings`."""
    stored: Stored = {}
    today = datetime.now(UTC).date()
    for period in ("hour", "minute"):
        ended = subprocess.run(
            [
                *(sys.executable, "-m", "cityflux", "readings", "air", period, "--format", "csv"),
                *("--from", str(today - timedelta(days=340)), "--to", str(today + timedelta(days=2))),
            ],
            env={**clean_environment(), **environment, "LD_PRELOAD": ""},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if ended.returncode:
            raise AssertionError(f"cityflux readings: exit {ended.returncode}\n{ended.stderr}")
        for row in csv.DictReader(io.StringIO(ended.stdout)):
            at = round(datetime.fromisoformat(row["at"]).timestamp() * 1000)
            identity = (period, row["station"], at)
            if identity in stored:
                raise AssertionError(f"{identity} is visible twice")
            stored[identity] = {code: float(row[code]) for code in CODES if row[code]}
    return stored
