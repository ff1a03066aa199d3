"""`python -m tests.alerts`: every scenario over many seeds, and a table of what was told wrong. Exit 1 where anything was."""

import argparse
import asyncio
import logging
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import structlog

from benchmarks.pages import put, table
from simulators.alerts import SCENARIOS
from tests.alerts.judge import COUNTED
from tests.alerts.play import play_seed


class Outcome(NamedTuple):
    """Of one seed of a scenario: what is wrong in words, how often each kind, and how much was looked at."""

    name: str
    seed: int
    wrong: list[str]
    counts: dict[str, int]
    seconds: float


def outcome_of(name: str, seed: int) -> Outcome:
    """Play it."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    began = time.perf_counter()
    found = asyncio.run(play_seed(SCENARIOS[name](seed)))
    counts = {kind: len(getattr(found, kind)) for kind in COUNTED}
    counts |= {"incidents": found.incidents, "lines": found.lines, "looks": found.looks}
    return Outcome(name, seed, found.wrong, counts, time.perf_counter() - began)


def text(outcomes: Sequence[Outcome]) -> str:
    """The figures as Markdown."""
    columns = ("incidents", "lines", "looks", *COUNTED)
    rows = []
    for name in dict.fromkeys(one.name for one in outcomes):
        its = [one for one in outcomes if one.name == name]
        sums = [f"{sum(one.counts[column] for one in its):,}" for column in columns]
        rows.append((name, str(len(its)), *sums))
    return table("Alerts told against the truth", ("scenario", "seeds", *columns), rows)


def main() -> int:
    """The exit code."""
    options = _parser().parse_args()
    seeds = range(options.first, options.first + options.seeds)
    outcomes: list[Outcome] = []
    with ProcessPoolExecutor(options.jobs) as pool:
        for name in options.scenario or SCENARIOS:
            for one in pool.map(partial(outcome_of, name), seeds):
                outcomes.append(one)
                for said in one.wrong:
                    print(f"{name}, seed {one.seed}: {said}", flush=True)
            print(f"{name}: {sum(one.seconds for one in outcomes if one.name == name):.0f} s", flush=True)
    shown = text(outcomes)
    print(f"\n{shown}")
    if options.into is not None:
        put(options.into, "truth", shown)
    return 1 if any(one.wrong for one in outcomes) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.alerts", description=__doc__)
    parser.add_argument("--seeds", type=int, default=50, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--scenario", action="append", choices=list(SCENARIOS), help="this one; may be given again")
    parser.add_argument("--jobs", type=int, default=2, help="how many at once")
    parser.add_argument("--into", type=Path, help="a page with the marks of `truth`")
    return parser


if __name__ == "__main__":
    sys.exit(main())
