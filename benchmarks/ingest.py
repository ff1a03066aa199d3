"""CPU per message from broker to store, journal and ledger included, beside the bare pipe that promises nothing.

    python -m benchmarks.ingest [--messages 200000] [--rounds 3]

A backlog waits in a real Mosquitto; each consumer drains it in turn, several rounds. cityflux runs as users run it
(`cityflux ingest`), once into an HTTP sink of line protocol (VictoriaMetrics) and once into SQLite. The floor is a bare pipe
without journal, ledger or quality, into the same sink: floor.py of the tools beside this project, or CITYFLUX_BENCH_FLOOR.
CPU is user + system from the first message to the last one settled. What arrived is counted: a fast pipe that loses is not fast.
"""

import argparse
import asyncio
import os
import re
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.backlog import STATIONS, fill, prepare
from cityflux.broker import find_mosquitto, mosquitto_config
from cityflux.ports import free_port
from sensors.stations import Station, dump_registry

ROOT = Path(__file__).resolve().parent.parent
FLOOR = Path(os.environ.get("CITYFLUX_BENCH_FLOOR", ROOT.parent / "shared" / "tools" / "floor.py"))
CLIENTS = {"floor": "floor", "line protocol": "cityflux-ingest", "sqlite": "cityflux-ingest"}
_TICKS = os.sysconf("SC_CLK_TCK")
_WITHIN_S = 300.0


class Figure(NamedTuple):
    """One run: CPU [µs per message], rate [messages/s], resident memory [MB], messages that arrived."""

    cpu_us: float
    rate: float
    memory_mb: float
    arrived: int


def main() -> None:
    """Run the rounds and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    names = ["line protocol", "sqlite"]
    if FLOOR.is_file():
        names.insert(0, "floor")
    else:
        print(f"no floor: {FLOOR} is not there; set CITYFLUX_BENCH_FLOOR")
    figures: dict[str, list[Figure]] = {name: [] for name in names}
    for number in range(options.rounds):
        for name in names if number % 2 == 0 else reversed(names):
            figure = run(name, options.messages, seed=number)
            figures[name].append(figure)
            print(
                f"round {number + 1} {name:<14} {figure.cpu_us:6.2f} µs CPU/message {figure.rate:9,.0f} msg/s"
                f" {figure.memory_mb:5.0f} MB, {figure.arrived:,} of {options.messages:,} arrived",
                flush=True,
            )
    for name in names:
        cpu = statistics.median(f.cpu_us for f in figures[name])
        line = f"median {name:<14} {cpu:6.2f} µs CPU/message"
        if "floor" in figures and name != "floor":
            ratios = [own.cpu_us / floor.cpu_us for own, floor in zip(figures[name], figures["floor"], strict=True)]
            line += f", {statistics.median(ratios):.2f} times the floor ({min(ratios):.2f}–{max(ratios):.2f})"
        print(line)


def run(name: str, count: int, seed: int) -> Figure:
    """One backlog, drained by one consumer."""
    with tempfile.TemporaryDirectory(prefix="cityflux-bench-") as scratch, mosquitto(Path(scratch)) as port:
        asyncio.run(prepare(port, CLIENTS[name]))
        asyncio.run(fill(port, count, time.time_ns() // 1_000_000, seed))
        if name == "sqlite":
            return run_cityflux(Path(scratch), port, count, {"CITYFLUX_STORE": "sqlite"})
        with victoria_metrics(Path(scratch)) as url:
            if name == "floor":
                return run_floor(port, count, url)
            token = Path(scratch) / "token"
            token.write_text("none")
            return run_cityflux(
                Path(scratch), port, count,
                {"CITYFLUX_STORE": "influx", "CITYFLUX_INFLUX_URL": url, "CITYFLUX_INFLUX_TOKEN_FILE": str(token)},
            )  # fmt: skip


def run_floor(port: int, count: int, url: str) -> Figure:
    """The bare pipe, which measures itself from its first message on."""
    command = [sys.executable, str(FLOOR), "--port", str(port), "--count", str(count), "--url", f"{url}/api/v2/write"]
    said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=_WITHIN_S).stdout
    found = re.search(r"(\d+) messages, (\d+) msg/s, ([\d.]+) µs CPU/message, (\d+) MB", said)
    if found is None:
        raise RuntimeError(f"the floor said: {said}")
    return Figure(float(found[3]), float(found[2]), float(found[4]), int(found[1]))


def run_cityflux(folder: Path, port: int, count: int, store: dict[str, str]) -> Figure:
    """`cityflux ingest` until its ledger has every message, measured from outside."""
    data, environment = folder / "data", ingest_environment(folder, port) | store
    log = folder / "ingest.log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "cityflux", "ingest"], env=environment, stdout=said, stderr=said
        )
    try:
        until("ingest to receive", lambda: b"receiving" in log.read_bytes(), process, log, every_s=0.002)
        before, started = cpu_s(process.pid), time.monotonic()
        journal = data / "journal" / "journal.sqlite"
        until("the ledger to fill", lambda: settled(journal) >= count, process, log)
        used, took = cpu_s(process.pid) - before, time.monotonic() - started
        memory = resident_mb(process.pid)
    finally:
        process.terminate()
        process.wait(60)
    arrived = settled(journal)
    if "sqlite" in store.values():
        with closing(sqlite3.connect(data / "readings.sqlite")) as db:
            arrived = db.execute("SELECT count(*) FROM air_minute").fetchone()[0]
    return Figure(used / count * 1e6, count / took, memory, arrived)


def ingest_environment(folder: Path, port: int) -> dict[str, str]:
    """What `cityflux ingest` needs to know: its data below `folder`, the broker, the stations of the backlog."""
    registry = folder / "stations.toml"
    names = (f"st-{number:04d}" for number in range(STATIONS))
    registry.write_text(dump_registry(Station(id=n, family="air", name_zh=n, district="bench") for n in names), "utf-8")
    return {name: value for name, value in os.environ.items() if not name.startswith("CITYFLUX_")} | {
        "CITYFLUX_DATA_DIR": str(folder / "data"),
        "CITYFLUX_STATIONS": str(registry),
        "CITYFLUX_MQTT_URL": f"mqtt://127.0.0.1:{port}",
    }


def settled(journal: Path) -> int:
    """Messages written, by the ledger on disk."""
    with closing(sqlite3.connect(f"{journal.as_uri()}?mode=ro", uri=True, timeout=30)) as db:
        return int(db.execute("SELECT written FROM ledger").fetchone()[0])


def cpu_s(pid: int) -> float:
    """User + system time of a process and all its threads [s] (proc(5): utime and stime)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def resident_mb(pid: int) -> float:
    """Peak resident memory of a process [MB]."""
    peak = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(peak.split()[1]) / 1024


@contextmanager
def mosquitto(folder: Path) -> Iterator[int]:
    """A real Mosquitto that holds any backlog; its port."""
    binary = find_mosquitto()
    if binary is None:
        sys.exit("mosquitto is not installed: apt-get install mosquitto")
    port, config = free_port(), folder / "mosquitto.conf"
    config.write_text(mosquitto_config("127.0.0.1", port, folder))
    with server([str(binary), "-c", str(config)], port):
        yield port


@contextmanager
def victoria_metrics(folder: Path) -> Iterator[str]:
    """A sink for line protocol; its URL."""
    port = free_port()
    with server(sink(folder, port), port):
        yield f"http://127.0.0.1:{port}"


def sink(folder: Path, port: int) -> list[str]:
    """The command that starts VictoriaMetrics on `port`; what it holds is in `folder`."""
    binary = shutil.which("victoria-metrics")
    if binary is None:
        sys.exit("victoria-metrics is not installed: apt-get install victoria-metrics")
    where = [f"-httpListenAddr=127.0.0.1:{port}", f"-storageDataPath={folder / 'metrics'}", "-retentionPeriod=100y"]
    return [binary, *where]


@contextmanager
def server(command: list[str], port: int) -> Iterator[None]:
    """A server, up when its port answers."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(command[0], lambda: answers(port), process, None)
        yield
    finally:
        process.terminate()
        process.wait(60)


def answers(port: int) -> bool:
    """Whether something listens."""
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def until(
    what: str, found: Callable[[], bool], process: subprocess.Popen[bytes], log: Path | None, every_s: float = 0.05
) -> None:
    """Look until `found()`; give up with the log where the process ends or it takes too long."""
    deadline = time.monotonic() + _WITHIN_S
    while not found():
        if process.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"waited in vain for {what}\n{log.read_text() if log else ''}")
        time.sleep(every_s)


if __name__ == "__main__":
    main()
