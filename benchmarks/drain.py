"""One backlog drained by one consumer: cost, rate, memory, and what arrived."""

import asyncio
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from benchmarks.backlog import ORDINARY, Load, fill, prepare, span_ms
from benchmarks.consumers import Command, Consumer, command
from benchmarks.measure import Usage
from benchmarks.servers import Broker, mosquitto, start, until
from benchmarks.sinks import Readings, Sink, noted, victoria

_LOOK_EVERY_S = 0.05
# Chosen: longer than any flush interval, retry or pause that is not the end.
_QUIET_S = 15.0
# What comes after the last write belongs to the message as well: acknowledging, settling.
AFTERMATH_S = 0.3
_WITHIN_S = 900.0
# Chosen: enough that code and caches are warm where there are few stations.
_WARM_UP_MESSAGES = 10_000
# Chosen: longer than until ingest reads the registry for its vitals (10 s), which takes a second of CPU for 100,000 stations.
_WARM_UP_S = 12.0


class Drained(NamedTuple):
    """CPU [µs per message that arrived], rate [messages/s], peak resident memory [MB], bytes to disk per message, seconds from
    the start of the program to the broker's CONNACK; messages published and arrived; the rate [messages/s] at which the broker
    was relieved of its backlog (cityflux: journalled and acknowledged). None: not measured, or not another."""

    consumer: str
    cpu_us: float
    rate: float
    memory_mb: float
    disk_bytes: float | None
    start_s: float | None
    published: int
    arrived: int
    relieved_rate: float | None = None


class Relief:
    """Looks at an ingest: how much it has settled, and when it had journalled all `count` messages."""

    def __init__(self, readings: Readings, count: int) -> None:
        self._readings = readings
        self._count = count
        self.complete_s: float | None = None

    def __call__(self) -> int:
        """Messages settled."""
        if self.complete_s is None and self._readings.journalled() >= self._count:
            self.complete_s = time.monotonic()
        return self._readings.taken()


class Running(NamedTuple):
    """A consumer that the broker has just accepted."""

    process: subprocess.Popen[bytes]
    start_s: float
    usage: Usage


def drain(consumer: Consumer, count: int, seed: int, *, quiet_sink: bool) -> Drained:
    """Drain `count` messages. `quiet_sink`: into the noting sink, which costs least, instead of VictoriaMetrics."""
    with tempfile.TemporaryDirectory(prefix="cityflux-bench-") as scratch, mosquitto(Path(scratch)) as broker:
        folder = Path(scratch)
        for client_id, subscription in consumer.sessions().items():
            asyncio.run(prepare(broker.port, client_id, subscription))
        asyncio.run(fill(broker.port, count, time.time_ns() // 1_000_000, seed))
        if consumer.sqlite:
            return _drained(consumer, count, broker, folder, Readings(folder / "data"))
        with noted() if quiet_sink else victoria(folder) as sink:
            return _drained(consumer, count, broker, folder, sink)


def _drained(consumer: Consumer, count: int, broker: Broker, folder: Path, sink: Sink) -> Drained:
    ready = command(consumer, folder, broker.port, sink.url, count)
    if consumer.name == "null":
        return _null(count, ready)
    running = run(consumer, ready, broker, folder)
    relief = Relief(Readings(folder / "data"), count) if consumer.client_id == "cityflux-ingest" else None
    started = time.monotonic()
    try:
        taken, took = follow(relief or sink.taken, count, started)
        time.sleep(AFTERMATH_S)
        used = Usage.of(running.process.pid)
    finally:
        stop(running.process)
    return Drained(
        consumer.name,
        (used.cpu_s - running.usage.cpu_s) / taken * 1e6,
        taken / took,
        used.memory_mb,
        (used.disk_bytes - running.usage.disk_bytes) / taken,
        running.start_s,
        count,
        sink.arrived(),
        count / (relief.complete_s - started) if relief and relief.complete_s else None,
    )


def _null(count: int, ready: Command) -> Drained:
    """The one that stores nothing: it counts and measures itself, from its first message on."""
    told = subprocess.run(
        ready.arguments, env=ready.environment, check=True, capture_output=True, text=True, timeout=_WITHIN_S
    ).stdout
    found = re.fullmatch(r"null: (\d+) messages, (\d+) msg/s, ([\d.]+) µs CPU/message, (\d+) MB\n", told)
    if found is None:
        raise RuntimeError(f"null said: {told}")
    return Drained("null", float(found[3]), float(found[2]), float(found[4]), None, None, count, int(found[1]))


def run(consumer: Consumer, ready: Command, broker: Broker, folder: Path) -> Running:
    """Start a consumer; returns when the broker has accepted it."""
    before, log = {name: broker.accepted(name) for name in consumer.sessions()}, folder / "consumer.log"
    started = time.monotonic()
    process = start(ready.arguments, log, ready.environment)

    def accepted() -> bool:
        return all(broker.accepted(name) > times for name, times in before.items())

    until(f"{consumer.name} to connect", accepted, process, log, every_s=0.002)
    return Running(process, time.monotonic() - started, Usage.of(process.pid))


def warm_up_of(load: Load) -> int:
    """Messages of the warm-up of an ingest: every station at least once."""
    return -(-_WARM_UP_MESSAGES // load.stations) * load.stations


def run_warm(
    consumer: Consumer, ready: Command, broker: Broker, folder: Path, count: int, load: Load = ORDINARY
) -> Running:
    """Start an ingest, and let it settle a first backlog, observed before the `count` messages that are to be measured: what it
    does once is behind it then (loading, preparing the books, numbering topics, asking the store what it has of a station)."""
    warm_up, now = warm_up_of(load), time.time_ns() // 1_000_000
    asyncio.run(prepare(broker.port, consumer.client_id, load.wire.subscription))
    asyncio.run(fill(broker.port, warm_up, now - span_ms(count, load), 0, load._replace(readings=1)))
    running = run(consumer, ready, broker, folder)
    accepted = time.monotonic()
    taken, _ = follow(Readings(folder / "data").taken, warm_up, accepted)
    if taken != warm_up:
        raise RuntimeError(f"{taken:,} of {warm_up:,} messages of the warm-up have been settled")
    time.sleep(max(0.0, accepted + _WARM_UP_S - time.monotonic()))
    return running


def backlog_for(running: Running, broker: Broker, count: int, seed: int, load: Load = ORDINARY) -> Usage:
    """Publish a backlog for a running ingest, which stands still (SIGSTOP) meanwhile; what it had used when it went on. For no
    more messages than can be published in 45 s, when the broker gives it up."""
    process = running.process
    process.send_signal(signal.SIGSTOP)
    try:
        asyncio.run(fill(broker.port, count, time.time_ns() // 1_000_000, seed, load))
        return Usage.of(process.pid)
    finally:
        process.send_signal(signal.SIGCONT)


def follow(taken: Callable[[], int], count: int, started: float) -> tuple[int, float]:
    """Until `count` messages are taken or none comes any more: how many, and how long after `started` the last one was seen."""
    seen, last = 0, time.monotonic()
    while seen < count and time.monotonic() - last < _QUIET_S:
        time.sleep(_LOOK_EVERY_S)
        now = taken()
        if now > seen:
            seen, last = now, time.monotonic()
    if not seen:
        raise RuntimeError("nothing has arrived")
    return seen, last - started


def stop(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, and wait."""
    process.terminate()
    process.wait(60)
