"""What a message costs from broker to store, and how long it takes: cityflux beside what a city would run otherwise.

    python -m benchmarks.ingest [--messages 500000] [--rounds 3] [--rates 1000,5000,10000,20000] [--seconds 10]
                                [--only floor,cityflux-influx] [--parts drain,quiet,live] [--json FILE]

Drain: a backlog waits in a real Mosquitto, and each consumer drains it in turn. Quiet: the same into a sink that costs nearly
nothing, because a real one takes more of two cores than the consumer does. Live: a publisher keeps a pace, and each
message is followed until it can be read. Rounds alternate in order; a ratio is one of two figures of one round, and the median
of the rounds is given. What arrived is counted by the sink: a fast pipe that loses is not fast. benchmarks/consumers.py says who
is measured; `python -m benchmarks.report FILE` makes tables and a plot of the figures.
"""

import argparse
import sys
from pathlib import Path

from benchmarks.consumers import CONSUMERS, Consumer, versions, why_missing
from benchmarks.drain import Drained, drain
from benchmarks.live import Flow, Lived, live
from benchmarks.measure import machine
from benchmarks.report import tables
from benchmarks.results import Results

DRAINED = (
    "null",
    "floor",
    "cityflux-influx",
    "cityflux-sqlite",
    "cityflux-2-workers",
    "telegraf-best",
    "telegraf-usual",
    "tutorial",
)
QUIET = ("null", "floor", "cityflux-influx", "cityflux-2-workers", "telegraf-best")
LIVED = (
    "floor",
    "cityflux-influx",
    "cityflux-sqlite",
    "telegraf-low-latency",
    "telegraf-best",
    "telegraf-usual",
    "tutorial",
)


def main() -> None:
    """Run the rounds, save each figure as soon as it is there, print the tables."""
    options = _options()
    results = Results(machine() | versions(), [], [], [])
    for number in range(options.rounds):
        for part, names, figures in (("drain", DRAINED, results.drained), ("quiet", QUIET, results.quiet)):
            for consumer in _in_turn(names, options.only, number) if part in options.parts else ():
                drained = drain(consumer, options.messages, number, quiet_sink=part == "quiet")
                figures.append((number, drained))
                results.write(options.json)
                print(f"round {number + 1} {part} {_shown_drained(drained)}", flush=True)
        if "live" in options.parts:
            for rate in options.rates:
                for consumer in _in_turn(LIVED, options.only, number):
                    lived = live(consumer, Flow(rate, options.seconds))
                    results.lived.append((number, lived))
                    results.write(options.json)
                    print(f"round {number + 1} live  {_shown_lived(lived)}", flush=True)
    print(f"\n{tables(results)}")


def _in_turn(names: tuple[str, ...], only: list[str], number: int) -> list[Consumer]:
    """Those that can be measured here, in the other order every other round."""
    there = [CONSUMERS[name] for name in names if (not only or name in only) and why_missing(CONSUMERS[name]) is None]
    return there if number % 2 == 0 else there[::-1]


def _shown_drained(it: Drained) -> str:
    return (
        f"{it.consumer:<21} {it.cpu_us:7.2f} µs CPU/message {it.rate:9,.0f} msg/s {it.memory_mb:5.0f} MB,"
        f" {it.arrived:,} of {it.published:,} arrived"
    )


def _shown_lived(it: Lived) -> str:
    return (
        f"{it.consumer:<21} {it.rate:6,} msg/s: p50 {it.p50_ms:7.1f} p95 {it.p95_ms:7.1f} p99 {it.p99_ms:7.1f} ms,"
        f" {it.cpu_us:7.2f} µs CPU/message {it.memory_mb:5.0f} MB, {it.arrived:,} of {it.published:,} arrived"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=500_000, help="in the backlog")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rates", type=_numbers, default=[1_000, 5_000, 10_000, 20_000], help="messages per second")
    parser.add_argument("--seconds", type=int, default=10, help="of each pace, after the warm-up")
    parser.add_argument("--only", type=_consumers, default=[], help="names of consumers")
    parser.add_argument("--parts", type=_words, default=["drain", "quiet", "live"])
    parser.add_argument("--json", type=Path, default=Path("build/benchmark.json"))
    options = parser.parse_args()
    for name in options.only or CONSUMERS:
        why = why_missing(CONSUMERS[name])
        if why is not None:
            print(f"without {name}: {why}", file=sys.stderr)
    return options


def _words(text: str) -> list[str]:
    return text.split(",")


def _numbers(text: str) -> list[int]:
    return [int(word) for word in text.split(",")]


def _consumers(text: str) -> list[str]:
    unknown = sorted(set(_words(text)) - set(CONSUMERS))
    if unknown:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)} is none of {', '.join(CONSUMERS)}")
    return _words(text)


if __name__ == "__main__":
    main()
