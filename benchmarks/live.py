"""Messages at a steady pace through one consumer: how long until each can be read, and what that costs."""

import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.backlog import prepare
from benchmarks.consumers import Consumer, command
from benchmarks.drain import AFTERMATH_S, follow, run, stop
from benchmarks.measure import Usage
from benchmarks.servers import Broker, mosquitto
from benchmarks.sinks import Noted, Readings, noted

# Chosen: caches are warm, every station is known, and the first flush of a second is over.
WARM_UP_S = 3


class Flow(NamedTuple):
    """Messages a second, and for how long [s] after the warm-up."""

    rate: int
    seconds: int


class Lived(NamedTuple):
    """At `rate` [messages/s]: milliseconds from publish to readable, of the messages that arrived; CPU [µs per message], peak
    resident memory [MB]; messages published and arrived after the warm-up."""

    consumer: str
    rate: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    cpu_us: float
    memory_mb: float
    published: int
    arrived: int


def live(consumer: Consumer, flow: Flow) -> Lived:
    """Measure one consumer at one pace."""
    with tempfile.TemporaryDirectory(prefix="cityflux-bench-") as scratch, mosquitto(Path(scratch)) as broker:
        folder = Path(scratch)
        asyncio.run(prepare(broker.port, consumer.client_id))
        if consumer.sqlite:
            readings = Readings(folder / "data")
            with readings.watched():
                return _lived(consumer, flow, broker, folder, readings)
        with noted() as sink:
            return _lived(consumer, flow, broker, folder, sink)


def _lived(consumer: Consumer, flow: Flow, broker: Broker, folder: Path, sink: Noted | Readings) -> Lived:
    warm_up, count = flow.rate * WARM_UP_S, flow.rate * (WARM_UP_S + flow.seconds)
    first_at, sent = time.time_ns() // 1_000_000 - count, folder / "sent"
    running = run(consumer, command(consumer, folder, broker.port, sink.url, count), broker, folder)
    try:
        pace = ["--rate", str(flow.rate), "--warm-up", str(WARM_UP_S), "--seconds", str(flow.seconds)]
        where = ["--port", str(broker.port), "--first-at", str(first_at), "--sent", str(sent)]
        load = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.load", *pace, *where], stdout=subprocess.PIPE, text=True
        )
        before, taken_before = running.usage, 0
        for told in load.stdout or ():
            if told.strip() == "measuring":
                before, taken_before = Usage.of(running.process.pid), sink.taken()
        if load.wait():
            raise RuntimeError("the publisher has failed")
        taken, _ = follow(sink.taken, count, time.monotonic())
        time.sleep(AFTERMATH_S)
        used = Usage.of(running.process.pid)
        arrivals, stored = sink.arrivals(), sink.arrived()
    finally:
        stop(running.process)
    slices = np.fromfile(sent, np.int64).reshape(-1, 2)
    waited = latencies_ms(slices, arrivals, first_at, count, in_order=consumer.sqlite)[warm_up:]
    there = waited[~np.isnan(waited)]
    if not there.size:
        raise RuntimeError(f"{consumer.name} has stored nothing after the warm-up")
    p50, p95, p99 = (float(p) for p in np.percentile(there, (50, 95, 99)))
    cpu_us = (used.cpu_s - before.cpu_s) / (taken - taken_before) * 1e6
    arrived = stored - warm_up if consumer.sqlite else int(there.size)
    return Lived(consumer.name, flow.rate, p50, p95, p99, cpu_us, used.memory_mb, count - warm_up, arrived)


def latencies_ms(
    slices: NDArray[np.int64], arrivals: NDArray[np.int64], first_at: int, count: int, *, in_order: bool
) -> NDArray[np.float64]:
    """Of each message the time [ms] from its slice to its first arrival; NaN where it never arrived.

    `slices` and `arrivals` as `benchmarks.load` and `benchmarks.sinks` make them. `in_order`: an arrival is one of every
    message up to it.
    """
    published = np.repeat(slices[:, 1], np.diff(slices[:, 0], append=count))
    numbers, moments = arrivals[:, 0] - first_at, arrivals[:, 1]
    if in_order:
        arrived = np.append(moments.astype(np.float64), np.nan)[np.searchsorted(numbers, np.arange(count))]
    else:
        arrived = np.full(count, np.nan)
        ours = (numbers >= 0) & (numbers < count)
        # Backwards: of several arrivals the first is written last, and stays.
        arrived[numbers[ours][::-1]] = moments[ours][::-1]
    waited: NDArray[np.float64] = (arrived - published) / 1e6
    return waited
