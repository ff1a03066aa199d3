"""What other formats cost beside the native one: CPU of `cityflux ingest` per message, the same readings in each of them.

    python -m benchmarks.formats [--messages 200000] [--rounds 3] [--into docs/PERFORMANCE.md]

A backlog of readings of eight quantities in a real Mosquitto is drained into the noting sink, as in `benchmarks.growth`: warm,
and from the moment ingest goes on to 0.3 s after the last message is settled. Each round has every format once; a ratio is of
one round. Every message must be in the ledger as written, and every reading in the sink, else the run ends.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.backlog import ORDINARY
from benchmarks.consumers import CONSUMERS, Command, ingest_environment, store_environment, versions
from benchmarks.drain import AFTERMATH_S, backlog_for, follow, run_warm, stop, warm_up_of
from benchmarks.measure import Usage, machine
from benchmarks.pages import machine_line, put, shown, table
from benchmarks.results import Spread
from benchmarks.servers import mosquitto
from benchmarks.sinks import Readings, noted
from benchmarks.wires import NATIVE, WIRES, Wire


class Cost(NamedTuple):
    """CPU [µs per message] of a format, messages settled per second, and bytes of a payload."""

    cpu_us: float
    rate: float
    payload_bytes: int


def measure(wire: Wire, count: int, seed: int) -> Cost:
    """Drain `count` messages of one format. Ends the program where one of them did not become a reading."""
    load, consumer = ORDINARY._replace(wire=wire), CONSUMERS["cityflux-influx"]
    with tempfile.TemporaryDirectory(prefix="cityflux-bench-") as scratch, noted() as sink:
        folder = Path(scratch)
        with mosquitto(folder) as broker:
            environment = ingest_environment(folder, broker.port) | store_environment(folder, sink.url)
            if wire.sources:
                (folder / "sources.toml").write_text(wire.sources, "utf-8")
                environment["CITYFLUX_SOURCES"] = str(folder / "sources.toml")
            ready = Command([sys.executable, "-m", "cityflux", "ingest"], environment)
            running, warm_up = run_warm(consumer, ready, broker, folder, count, load), warm_up_of(load)
            try:
                before = backlog_for(running, broker, count, seed, load)
                taken, took = follow(Readings(folder / "data").taken, warm_up + count, time.monotonic())
                time.sleep(AFTERMATH_S)
                used = Usage.of(running.process.pid)
            finally:
                stop(running.process)
            if (taken, sink.arrived()) != (warm_up + count, warm_up + count):
                sys.exit(
                    f"{wire.name}: of {warm_up + count:,} messages {taken:,} are written, {sink.arrived():,} stored"
                )
    example = wire.payload("st-00001", [(0, dict.fromkeys([code for code, _ in load.quantities], 12.3))])
    return Cost((used.cpu_s - before.cpu_s) / count * 1e6, count / took, len(example))


def text(rounds: Sequence[dict[str, Cost]]) -> str:
    """The figures of all rounds in Markdown."""
    rows = []
    for name in WIRES:
        ratios = [costs[name].cpu_us / costs[NATIVE.name].cpu_us for costs in rounds]
        figures = (
            shown(Spread.of([costs[name].cpu_us for costs in rounds]), 2),
            shown(Spread.of(ratios), 2),
            shown(Spread.of([costs[name].rate for costs in rounds]), 0),
        )
        rows.append((name, str(rounds[0][name].payload_bytes), *figures))
    head = ("format", "payload [bytes]", "CPU [µs/message]", "× native", "rate [messages/s]")
    return f"{machine_line(machine() | versions())}\n\n{table('Formats', head, rows)}\n"


def main() -> None:
    """Measure, print, and write into a page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=200_000, help="in the backlog")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--into", type=Path, help="a page with the marks of `formats`")
    options = parser.parse_args()
    rounds = []
    for number in range(options.rounds):
        order = list(WIRES.values())[:: 1 if number % 2 == 0 else -1]
        rounds.append({wire.name: measure(wire, options.messages, number) for wire in order})
        print(f"round {number + 1}: " + ", ".join(f"{n} {c.cpu_us:.2f} µs" for n, c in rounds[-1].items()), flush=True)
    print(f"\n{text(rounds)}")
    if options.into is not None:
        put(options.into, "formats", text(rounds))


if __name__ == "__main__":
    main()
