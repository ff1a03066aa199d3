"""A long outage of the store under a steady load: does memory stay flat, and how fast does the backlog drain?

    python -m benchmarks.outage [--minutes 10] [--rate 5000]

Real Mosquitto, `cityflux ingest` as users run it, line protocol into VictoriaMetrics, which is stopped for so long and started
again while messages go on coming. At the end every published message must be in the ledger as written.
"""

import argparse
import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path

import mqtt5

from benchmarks.backlog import packets
from benchmarks.consumers import ingest_environment, store_environment
from benchmarks.servers import answers, mosquitto, start, until, victoria_command
from benchmarks.sinks import settled
from cityflux.ports import free_port

_LIVE_S = 20.0  # of ordinary flow before the outage, after which memory is taken as ordinary
_SLICE_S = 0.05


def main() -> None:
    """Run it and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rate", type=int, default=5_000, help="messages per second")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cityflux-outage-") as scratch, mosquitto(Path(scratch)) as broker:
        asyncio.run(outage(Path(scratch), broker.port, options.minutes * 60, options.rate))


async def outage(folder: Path, port: int, seconds: float, rate: int) -> None:
    """Ordinary flow, the store stopped for so long, the store back, until the journal is empty."""
    store_port = free_port()
    store = start_sink(folder, store_port)
    environment = ingest_environment(folder, port) | store_environment(folder, f"http://127.0.0.1:{store_port}")
    environment["CITYFLUX_JOURNAL_CAP_BYTES"] = str(4 << 30)
    log, journal = folder / "ingest.log", folder / "data" / "journal" / "journal.sqlite"
    ingest = start([sys.executable, "-m", "cityflux", "ingest"], log, environment)
    try:
        until("ingest to receive", lambda: b"receiving" in log.read_bytes(), ingest, log)
        sent = [0]
        most = int(rate * (2 * seconds + 600))
        publishing = asyncio.create_task(publish(port, rate, most, sent))
        await asyncio.sleep(_LIVE_S)
        before = memory_mb(ingest.pid)
        print(f"live       {memory_mb(ingest.pid):6.1f} MB resident, {settled(journal):11,} settled", flush=True)
        store.send_signal(signal.SIGKILL)
        store.wait()
        seen = [before]
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            await asyncio.sleep(1)
            seen.append(memory_mb(ingest.pid))
        size = sum(file.stat().st_size for file in journal.parent.iterdir())
        waiting = sent[0] - settled(journal)
        print(
            f"outage     {min(seen):6.1f} to {max(seen):.1f} MB resident over {seconds:.0f} s, {waiting:,} waiting,"
            f" journal {size >> 20:,} MiB",
            flush=True,
        )
        store = start_sink(folder, store_port)
        started, first = None, settled(journal)
        while sent[0] - settled(journal) > 2 * rate:
            await asyncio.sleep(0.2)
            seen.append(memory_mb(ingest.pid))
            if started is None and settled(journal) > first:
                started, first = time.monotonic(), settled(journal)
        took = time.monotonic() - (started or time.monotonic())
        print(
            f"drain      {max(seen):6.1f} MB at most, {(settled(journal) - first) / took:,.0f} messages/s settled for"
            f" {took:.0f} s, while {rate:,}/s came in",
            flush=True,
        )
        publishing.cancel()
        with suppress(asyncio.CancelledError):
            await publishing
        until("the journal to be empty", lambda: pending(journal) == 0, ingest, log)
        print(
            f"after      {memory_mb(ingest.pid):6.1f} MB resident; {sent[0]:,} published, {settled(journal):,} written;"
            f" memory moved by {min(seen) - before:+.1f} to {max(seen) - before:+.1f} MB"
        )
    finally:
        ingest.terminate()
        ingest.wait(60)
        store.kill()
        store.wait()


async def publish(port: int, rate: int, most: int, sent: list[int]) -> None:
    """`rate` QoS 1 messages a second, at most so many; `sent[0]` counts those the broker has acknowledged."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(mqtt5.ConnectPacket("bench-publisher", clean_start=True, keep_alive=0).write())
    await reader.readexactly((await reader.readexactly(2))[1])  # CONNACK
    coming = packets(most, time.time_ns() // 1_000_000, seed=1)
    begun, handed = time.monotonic(), 0
    acknowledging = asyncio.create_task(_count_acknowledgements(reader, sent))
    try:
        while True:
            due = int((time.monotonic() - begun) * rate) - handed
            writer.writelines([next(coming)[1] for _ in range(due)])
            handed += due
            await writer.drain()
            await asyncio.sleep(_SLICE_S)
    finally:
        while sent[0] < handed:
            await asyncio.sleep(_SLICE_S)
        acknowledging.cancel()
        writer.close()


async def _count_acknowledgements(reader: asyncio.StreamReader, sent: list[int]) -> None:
    while True:
        head = await reader.readexactly(2)
        await reader.readexactly(head[1])
        sent[0] += 1


def start_sink(folder: Path, port: int) -> subprocess.Popen[bytes]:
    """VictoriaMetrics on `port`, up."""
    process = start(victoria_command(folder, port), None)
    until("the store", lambda: answers(port), process, None)
    return process


def pending(journal: Path) -> int:
    """Messages in the journal."""
    with closing(sqlite3.connect(f"{journal.as_uri()}?mode=ro", uri=True, timeout=30)) as db:
        return int(db.execute("SELECT journalled - written - refused FROM ledger").fetchone()[0])


def memory_mb(pid: int) -> float:
    """Resident memory of a process now [MB]."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


if __name__ == "__main__":
    main()
