"""What grows and what stays: CPU of `cityflux ingest` per message, with more stations, quantities, history, readings a message.

    python -m benchmarks.growth [--messages 200000] [--rounds 2] [--only stations,history] [--json build/growth.json]
    python -m benchmarks.growth --kept build/growth.json --into docs/PERFORMANCE.md     (or of several files, a series in each)

A backlog in a real Mosquitto is drained into the noting sink (line protocol), SQLite, or both; steps go up in one round and down
in the next; medians are given. A plot goes beside the JSON; `--into` puts tables and plot into a page that has the marks.

What is measured begins late, because a cost per message is asked for and not one per start or per station. Ingest first settles
a small backlog in which every station sends once, and has 12 s to read the registry for its vitals. Then it stands still
(SIGSTOP) until the backlog is in the broker; CPU counts from the moment it goes on to 0.3 s after the last message is settled.
Left out are therefore: loading and preparing, a station's first message, and the full garbage collection of each minute.
Every message must be in the ledger and every reading in the sink, else the run ends.

40 quantities are a simulation: the widest family has 15, so `benchmarks/wide.py` adds 25 to it. The history is hourly readings of
1,000 stations; how long it is costs us nothing with InfluxDB and VictoriaMetrics, whose own affair it is.
"""

import argparse
import asyncio
import json
import os
import random
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from benchmarks.backlog import ORDINARY, QUANTITIES, STATIONS, Load, station_id
from benchmarks.consumers import CONSUMERS, Command, ingest_environment, store_environment, versions
from benchmarks.drain import AFTERMATH_S, backlog_for, follow, run_warm, stop, warm_up_of
from benchmarks.measure import Usage, machine
from benchmarks.pages import machine_line, put, shown, table
from benchmarks.results import Spread
from benchmarks.servers import Broker, mosquitto
from benchmarks.sinks import Noted, Readings, noted
from benchmarks.wide import WIDE
from sensors.instants import DAY_MS, HOUR_MS
from sensors.reading import Reading
from store.sqlite import SqliteStore

LINES, SQLITE = "line protocol", "SQLite"
_CONSUMERS = {LINES: CONSUMERS["cityflux-influx"], SQLITE: CONSUMERS["cityflux-sqlite"]}
_COLOURS = {LINES: "#0b6e4f", SQLITE: "#6bbf59"}

# All that the family air has, then what is made up.
_REST = ("no", "nox", "tsp", "wind_speed", "wind_direction", "sound_level", "pressure")
_QUANTITIES = (*QUANTITIES, *((code, 1) for code in _REST), *((quantity.code, 1) for quantity in WIDE))
_REAL = len(QUANTITIES) + len(_REST)
# Chosen: what 2 rounds on one machine can tell apart for sure.
_FLAT = 0.2
# Hours written in one statement. Chosen: half a million rows, 100 MB of Python.
_HOURS_AT_ONCE = 500


_PARTS = ("message", "reading", "value")


class Series(NamedTuple):
    """One thing that grows, in steps; ratios are to the step `base`. `per` is what should stay as dear."""

    name: str
    title: str
    counts: str
    steps: tuple[int, ...]
    base: int
    sinks: tuple[str, ...]
    per: Literal["message", "reading"] = "message"

    def load(self, step: int) -> Load:
        """What messages are made of at one step."""
        match self.name:
            case "stations":
                return ORDINARY._replace(stations=step)
            case "quantities":
                return ORDINARY._replace(quantities=_QUANTITIES[:step])
            case "readings":
                return ORDINARY._replace(readings=step)
            case _:
                return ORDINARY


SERIES = (
    Series("stations", "Stations", "stations", (100, 1_000, 10_000, 100_000), 100, (LINES, SQLITE)),
    Series("quantities", "Quantities per message", "quantities", (1, 2, 4, 8, _REAL, len(_QUANTITIES)), 8, (LINES,)),
    # A day, a month, a year and three years.
    Series("history", "History in SQLite", "rows stored", (24_000, 720_000, 8_760_000, 26_280_000), 24_000, (SQLITE,)),
    Series("readings", "Readings per message", "readings a message", (1, 10, 100, 1_000), 1, (LINES,), "reading"),
)


class Grown(NamedTuple):
    """One drain: CPU [µs per message], messages settled per second, peak resident memory since the start [MB]; readings a
    message and quantities a reading."""

    series: str
    step: int
    sink: str
    readings: int
    quantities: int
    cpu_us: float
    rate: float
    memory_mb: float

    def cost(self, per: str) -> float:
        """CPU [µs] per one of _PARTS."""
        return self.cpu_us / dict(zip(_PARTS, (1, self.readings, self.readings * self.quantities), strict=True))[per]


Figures = list[tuple[int, Grown]]
"""(round, figure) of every run."""


def measure(series: Series, step: int, sink: str, count: int, seed: int, history: Path | None, after: int) -> Grown:
    """Drain about `count` readings into a `sink`, which has this history up to the time `after` [ms]."""
    with tempfile.TemporaryDirectory(prefix="cityflux-bench-") as scratch, mosquitto(Path(scratch)) as broker:
        folder = Path(scratch)
        if sink == LINES:
            with noted() as lines:
                return _measured(series, step, sink, count, seed, broker, folder, lines)
        data = folder / "data"
        data.mkdir()
        if history is not None:
            shutil.copyfile(history, data / "readings.sqlite")
            os.sync()  # the disk is not to be busy with the copy while commits are measured
        return _measured(series, step, sink, count, seed, broker, folder, Readings(data, after))


def _measured(
    series: Series, step: int, name: str, count: int, seed: int, broker: Broker, folder: Path, sink: Noted | Readings
) -> Grown:
    load, consumer = series.load(step), _CONSUMERS[name]
    module = "cityflux" if len(load.quantities) <= _REAL else "benchmarks.wide"
    environment = ingest_environment(folder, broker.port, load.stations) | store_environment(folder, sink.url)
    messages = count // load.readings
    ready = Command([sys.executable, "-m", module, "ingest"], environment)
    running = run_warm(consumer, ready, broker, folder, messages, load)
    warm_up = warm_up_of(load)
    try:
        before = backlog_for(running, broker, messages, seed, load)
        taken, took = follow(Readings(folder / "data").taken, warm_up + messages, time.monotonic())
        time.sleep(AFTERMATH_S)
        used = Usage.of(running.process.pid)
    finally:
        stop(running.process)
    wanted, arrived = (warm_up + messages, warm_up + messages * load.readings), (taken, sink.arrived())
    if arrived != wanted:
        sys.exit(f"{series.name} {step:,}, {name}: messages and readings are {arrived}, not {wanted}")
    cpu_us = (used.cpu_s - before.cpu_s) / messages * 1e6
    return Grown(series.name, step, name, load.readings, len(load.quantities), cpu_us, messages / took, used.memory_mb)


def histories(folder: Path, steps: tuple[int, ...], until: int) -> dict[int, Path]:
    """For each of `steps` a readings store of so many rows: 1,000 stations, hour by hour, all before `until` [ms]."""
    growing, dice, files = folder / "growing.sqlite", random.Random(1), {}
    first = until - max(steps) // STATIONS * HOUR_MS
    names = [station_id(number) for number in range(STATIONS)]
    codes = [code for code, _ in QUANTITIES]
    # As many different values as there are stations and one more, so that a station's go on changing.
    values = [tuple(round(dice.uniform(1, 40), digits) for _, digits in QUANTITIES) for _ in range(STATIONS + 1)]
    columns = ("station", "observed_at", "seq", "received_at", "unknown_station", "origin", "batch", *codes)
    insert = f"INSERT OR IGNORE INTO air_minute ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608 - names of ours

    def rows(hours: range) -> Iterator[tuple[object, ...]]:
        for hour in hours:
            at = first + hour * HOUR_MS
            for number, name in enumerate(names):
                yield (name, at, 0, at, 0, number + 1, hour + 1, *values[(hour + number) % len(values)])

    asyncio.run(
        _begin(growing, Reading("air", names[0], "minute", first, first, dict(zip(codes, values[0], strict=True))))
    )
    with closing(sqlite3.connect(growing, isolation_level=None)) as db:
        # Nothing here is worth a journal: what is cut off is made again.
        db.execute("PRAGMA journal_mode = OFF")
        db.execute("PRAGMA synchronous = OFF")
        done = 0
        for step in sorted(steps):
            for start in range(done, step // STATIONS, _HOURS_AT_ONCE):
                db.execute("BEGIN")
                db.executemany(insert, rows(range(start, min(start + _HOURS_AT_ONCE, step // STATIONS))))
                db.execute("COMMIT")
            done = step // STATIONS
            files[step] = Path(shutil.copyfile(growing, folder / f"{step}.sqlite"))
    return files


async def _begin(path: Path, reading: Reading) -> None:
    """Let the store make its file and its table."""
    store = SqliteStore(path)
    await store.write([reading])
    await store.close()


def tables(about: Mapping[str, str], figures: Figures) -> str:
    """All of it in Markdown."""
    parts = [_table(series, figures) for series in SERIES]
    return "\n\n".join([machine_line(dict(about)), *(part for part in parts if part)]) + "\n"


def _table(series: Series, figures: Figures) -> str:
    line = _line(series, figures)
    rows = []
    for sink in series.sinks:
        for step in series.steps:
            found = _of(series, step, sink, figures)
            base = _of(series, series.base, sink, figures)
            if not found:
                continue
            ratios = [its.cost(series.per) / base[n].cost(series.per) for n, its in found.items() if n in base]
            ratio = Spread.of(ratios) if ratios else None
            costs = {per: Spread.of([its.cost(per) for its in found.values()]) for per in _PARTS}
            memory = Spread.of([its.memory_mb for its in found.values()])
            if line is None:
                judged = "–" if ratio is None else _judged(ratio.median)
            else:
                judged = f"{costs['message'].median / (line.fixed + line.each * step) - 1:+.0%}"
            rows.append(
                (
                    f"{step:,}",
                    sink,
                    *(shown(costs[per], 2) for per in costs),
                    shown(ratio, 2),
                    judged,
                    shown(memory, 0),
                )
            )
    head = (
        series.counts, "into", "CPU [µs/message]", "[µs/reading]", "[µs/value]", f"per {series.per}, × that of {series.base:,}",
        "within 20 %" if line is None else "off the line", "peak memory [MB]",
    )  # fmt: skip
    return table(series.title, head, rows) + (f"\n\n{line.says()}" if line and rows else "")


def _of(series: Series, step: int, sink: str, figures: Figures) -> dict[int, Grown]:
    """The figures of one step, by round."""
    return {number: its for number, its in figures if (its.series, its.step, its.sink) == (series.name, step, sink)}


def _judged(ratio: float) -> str:
    if ratio > 1 + _FLAT:
        return "no, dearer"
    return "no, cheaper" if ratio < 1 - _FLAT else "yes"


class _Line(NamedTuple):
    """CPU [µs] of a message = fixed + each × values, and how far the steps are off: root mean square [µs]."""

    fixed: float
    each: float
    off_us: float

    def says(self) -> str:
        return (
            f"By least squares a message costs {self.fixed:.2f} + {self.each:.3f} × values [µs CPU]; the steps are"
            f" {self.off_us:.2f} µs off that line (root mean square)."
        )


def _line(series: Series, figures: Figures) -> _Line | None:
    """The line through the medians, where the series is of quantities and was measured."""
    found = {step: _of(series, step, LINES, figures) for step in series.steps} if series.name == "quantities" else {}
    points = [(step, statistics.median(its.cpu_us for its in by.values())) for step, by in found.items() if by]
    if len(points) < 3:
        return None
    values, costs = np.array(points).T
    each, fixed = np.polyfit(values, costs, 1)
    off_us = float(np.sqrt(np.mean((costs - fixed - each * values) ** 2)))
    return _Line(float(fixed), float(each), off_us)


def plot(figures: Figures, file: Path) -> None:
    """A panel for each series, as PNG."""
    figure = Figure(figsize=(13, 3.4), layout="constrained")
    for axes, series in zip(figure.subplots(1, len(SERIES)), SERIES, strict=True):
        line, highest = _line(series, figures), 0.0
        for sink in series.sinks:
            found = {step: by for step in series.steps if (by := _of(series, step, sink, figures))}
            costs = [Spread.of([its.cost(series.per) for its in by.values()]) for by in found.values()]
            highest = max(highest, *(cost.most for cost in costs), 0.0)
            ranges = [[its.median - its.least for its in costs], [its.most - its.median for its in costs]]
            medians = [its.median for its in costs]
            style = "o" if line else "o-"
            axes.errorbar(list(found), medians, ranges, fmt=style, markersize=4, label=sink, color=_COLOURS[sink])
        if line:
            ends = (0, max(series.steps))
            axes.plot(ends, [line.fixed + line.each * end for end in ends], "--", color="#8a8a8a", zorder=0)
        else:
            axes.set_xscale("log")
        axes.set_ylim(0, 1.3 * highest or 1)  # the legend is above the lines
        axes.set(title=series.title, xlabel=series.counts, ylabel=f"CPU [µs per {series.per}]")
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    figure.savefig(file, dpi=120)


def run(rounds: int, count: int, only: list[str], kept: Path) -> None:
    """Every round of the series in `only`, each figure in the file `kept` as soon as it is there."""
    about, figures, after = machine() | versions(), [], time.time_ns() // 1_000_000 - DAY_MS
    chosen = [series for series in SERIES if series.name in only]
    points = [(series, step, sink) for series in chosen for sink in series.sinks for step in series.steps]
    with tempfile.TemporaryDirectory(prefix="cityflux-bench-") as scratch:
        stored: dict[int, Path] = {}
        for series in chosen:
            if series.name == "history":
                stored = histories(Path(scratch), series.steps, after)
        for number in range(rounds):
            for series, step, sink in points if number % 2 == 0 else points[::-1]:
                history = stored[step] if series.name == "history" else None
                grown = measure(series, step, sink, count, number, history, after if history else 0)
                figures.append((number, grown))
                _write(kept, about, figures)
                print(
                    f"round {number + 1} {series.name:<10} {step:>10,} {sink:<13} {grown.cpu_us:9.2f} µs CPU/message,"
                    f" {grown.cost('reading'):6.2f} /reading {grown.rate:8,.0f} msg/s {grown.memory_mb:4.0f} MB",
                    flush=True,
                )


def _write(file: Path, about: Mapping[str, str], figures: Figures) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    kept = {"machine": about, "figures": [(number, its._asdict()) for number, its in figures]}
    file.write_text(json.dumps(kept, ensure_ascii=False, indent=1) + "\n", "utf-8")


def read(files: Sequence[Path]) -> tuple[dict[str, str], Figures]:
    """The figures of files that `run` has written, no series in two of them, and the machine of the first."""
    kept = [json.loads(file.read_text("utf-8")) for file in files]
    return kept[0]["machine"], [(number, Grown(**its)) for one in kept for number, its in one["figures"]]


def main() -> None:
    """Measure, or take what was kept; print, or write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--messages", type=int, default=200_000, help="in the backlog; of the series `readings`: readings"
    )
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--only", type=_names, default=[series.name for series in SERIES], help="names of series")
    parser.add_argument("--json", type=Path, default=Path("build/growth.json"))
    parser.add_argument("--kept", type=Path, nargs="+", help="measure nothing: the figures of these files")
    parser.add_argument("--into", type=Path, help="a page with the marks; the plot goes beside it as growth.png")
    options = parser.parse_args()
    if not options.kept:
        run(options.rounds, options.messages, options.only, options.json)
    about, figures = read(options.kept or [options.json])
    print(f"\n{tables(about, figures)}")
    plot(figures, options.json.with_suffix(".png"))
    if options.into is not None:
        picture = options.into.with_name("growth.png")
        plot(figures, picture)
        put(options.into, "growth", f"{tables(about, figures)}\n![CPU per message as things grow]({picture.name})")


def _names(text: str) -> list[str]:
    unknown = sorted(set(text.split(",")) - {series.name for series in SERIES})
    if unknown:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)} is none of {', '.join(s.name for s in SERIES)}")
    return text.split(",")


if __name__ == "__main__":
    main()
