"""Tables and a plot of a benchmark's figures.

    python -m benchmarks.report build/benchmark.json [--into docs/PERFORMANCE.md]

Prints the tables; with `--into` puts them into that page, between the marks that it must have, and the plot beside it.
Needs matplotlib (the extra `bench`) for the plot only.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from matplotlib.figure import Figure

from benchmarks.pages import machine_line, put, shown, table
from benchmarks.results import Pace, Results, Spread

_COLOURS = {
    "null": "#c8c8c8",
    "floor": "#8a8a8a",
    "cityflux-influx": "#0b6e4f",
    "cityflux-sqlite": "#6bbf59",
    "cityflux-2-workers": "#94d2bd",
    "telegraf-low-latency": "#f2a65a",
    "telegraf-best": "#c65d21",
    "telegraf-usual": "#7a3b12",
    "tutorial": "#5b5ea6",
}
_LOADED = 10_000  # messages/s, the pace that the bars name


class Bar(NamedTuple):
    """A bar: `consumer`'s field, or its ratio to that of `to`, at most (or at least) so much."""

    says: str
    consumer: str
    field: str
    limit: float
    to: str | None = None
    pace: Pace = None
    at_least: bool = False
    to_field: str | None = None

    def measured(self, results: Results) -> Spread | None:
        """What it is held against."""
        if self.to is None:
            return results.spread(self.consumer, self.field, self.pace)
        return results.ratio(self.consumer, self.to, self.field, self.pace, self.to_field)


BARS = (
    Bar("backlog, line protocol: CPU, times Telegraf's best", "cityflux-influx", "cpu_us", 1 / 3, "telegraf-best"),
    Bar("backlog, line protocol: CPU, times the floor", "cityflux-influx", "cpu_us", 2, "floor"),
    Bar(
        "backlog, SQLite: CPU, times Telegraf's best into InfluxDB", "cityflux-sqlite", "cpu_us", 1 / 2, "telegraf-best"
    ),
    Bar("10,000 msg/s: CPU, times Telegraf's best", "cityflux-influx", "cpu_us", 1 / 2, "telegraf-best", _LOADED),
    Bar("drain rate, times Telegraf's best", "cityflux-influx", "rate", 2, "telegraf-best", at_least=True),
    Bar("the same, quiet sink", "cityflux-influx", "rate", 2, "telegraf-best", "quiet", at_least=True),
    Bar("drain rate, times a null subscriber's", "cityflux-influx", "rate", 0.7, "null", at_least=True),
    Bar("the same, quiet sink", "cityflux-influx", "rate", 0.7, "null", "quiet", at_least=True),
    Bar(
        "the broker relieved of its backlog, times a null subscriber's rate",
        "cityflux-influx",
        "relieved_rate",
        0.7,
        "null",
        at_least=True,
        to_field="rate",
    ),
    Bar("10,000 msg/s, line protocol: p99 [ms]", "cityflux-influx", "p99_ms", 100, pace=_LOADED),
    Bar("10,000 msg/s, SQLite: p99 [ms]", "cityflux-sqlite", "p99_ms", 100, pace=_LOADED),
    Bar("backlog: resident memory [MB]", "cityflux-influx", "memory_mb", 120),
    Bar("10,000 msg/s: resident memory [MB]", "cityflux-influx", "memory_mb", 120, pace=_LOADED),
)


def tables(results: Results) -> str:
    """All of it in Markdown."""
    parts = [
        machine_line(results.machine),
        _bars(results),
        _drained(results, "Draining a backlog", None),
        _drained(results, "Draining a backlog into a quiet sink", "quiet"),
        *(_lived(results, rate) for rate in results.rates()),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _bars(results: Results) -> str:
    rows = []
    for bar in BARS:
        found = bar.measured(results)
        if found is not None:
            met = found.median >= bar.limit if bar.at_least else found.median <= bar.limit
            rows.append(
                (
                    bar.says,
                    f"{'≥' if bar.at_least else '≤'} {bar.limit:.3g}",
                    shown(found, 2),
                    "met" if met else "missed",
                )
            )
    return table("Bars", ("figure", "bar", "measured", ""), rows)


def _drained(results: Results, title: str, pace: Pace) -> str:
    rows = [
        (
            name,
            shown(results.spread(name, "cpu_us", pace), 2),
            shown(results.ratio(name, "floor", "cpu_us", pace), 2),
            shown(results.ratio(name, "telegraf-best", "cpu_us", pace), 2),
            shown(results.spread(name, "rate", pace), 0),
            shown(results.spread(name, "relieved_rate", pace), 0),
            shown(results.spread(name, "memory_mb", pace), 0),
            shown(results.spread(name, "disk_bytes", pace), 0),
            shown(results.spread(name, "start_s", pace), 2),
            _arrived(results, name, pace),
        )
        for name in results.consumers(pace)
    ]
    head = (
        "consumer", "CPU [µs/message]", "× floor", "× Telegraf best", "rate [msg/s]", "broker relieved [msg/s]",
        "peak memory [MB]", "to disk [B/message]", "start [s]", "arrived",
    )  # fmt: skip
    return table(title, head, rows)


def _lived(results: Results, rate: int) -> str:
    rows = [
        (
            name,
            *(shown(results.spread(name, field, rate), 1) for field in ("p50_ms", "p95_ms", "p99_ms")),
            shown(results.spread(name, "cpu_us", rate), 2),
            shown(results.ratio(name, "telegraf-best", "cpu_us", rate), 2),
            shown(results.spread(name, "memory_mb", rate), 0),
            _arrived(results, name, rate),
        )
        for name in results.consumers(rate)
    ]
    head = (
        "consumer", "p50 [ms]", "p95 [ms]", "p99 [ms]", "CPU [µs/message]", "× Telegraf best", "peak memory [MB]", "arrived",
    )  # fmt: skip
    return table(f"Live at {rate:,} messages/s, publish to readable", head, rows)


def _arrived(results: Results, name: str, pace: Pace) -> str:
    """The least share of what was published, of all rounds; more than all of it came twice."""
    shares = results.shares(name, pace)
    if shares is None:
        return "–"
    return "all" if shares.least == shares.most == 1 else f"{shares.least:.2%}–{shares.most:.2%}"


def plot(results: Results, file: Path) -> None:
    """CPU per message and p99, as PNG."""
    figure = Figure(figsize=(12, 4.5), layout="constrained")
    cost, live_cost, latency = figure.subplots(1, 3)
    names = results.consumers()
    found = [spread for name in names if (spread := results.spread(name, "cpu_us"))]
    cost.barh(names, [spread.median for spread in found], color=[_COLOURS[name] for name in names])
    cost.invert_yaxis()
    cost.set(title="Draining a backlog", xlabel="CPU [µs per message]")
    for axes, field, label in ((live_cost, "cpu_us", "CPU [µs per message]"), (latency, "p99_ms", "p99 [ms]")):
        for name, points in _by_rate(results, field):
            axes.plot(*zip(*points, strict=True), marker="o", label=name, color=_COLOURS[name])
        axes.set(title="Live", xlabel="messages/s", ylabel=label, yscale="log")
    if results.lived:
        latency.legend(fontsize="small")
    figure.savefig(file, dpi=120)


def _by_rate(results: Results, field: str) -> Iterator[tuple[str, list[tuple[int, float]]]]:
    names = dict.fromkeys(name for rate in results.rates() for name in results.consumers(rate))
    for name in names:
        yield name, [(rate, it.median) for rate in results.rates() if (it := results.spread(name, field, rate))]


def main() -> None:
    """Print, or write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("--into", type=Path, help="a page with the marks; the plot goes beside it as performance.png")
    options = parser.parse_args()
    results = Results.read(options.results)
    print(tables(results))
    if options.into is None:
        return
    picture = options.into.with_name("performance.png")
    plot(results, picture)
    put(options.into, "benchmark", f"{tables(results)}\n![CPU per message and latency]({picture.name})")


if __name__ == "__main__":
    main()
