"""What a changed minute costs the watch: ten thousand stations of eight quantities, twenty rules, a real store, real books.

    python -m benchmarks.alerts --into docs/PERFORMANCE.md

Minute after minute every station sends one reading; what ingest does of it (write, settle, mark) is not measured, then one
`Watch.step` is timed. Scenes: how many stations exceed, and how many of the rules. First minutes, in which incidents are opened,
are a line of their own.
"""

import argparse
import asyncio
import random
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import structlog

from benchmarks.measure import machine
from benchmarks.pages import machine_line, put, table
from processors.alerts.rules import load_rules
from processors.alerts.watch import Watch
from sensors.instants import HOUR_MS
from sensors.reading import Reading
from sensors.stations import Station
from store.books import Books
from store.incidents import Incidents
from store.sqlite import SqliteStore

CODES = ("pm2_5", "pm10", "so2", "no2", "co", "o3", "pressure", "humidity")
RULES = 20
_START = 1_790_000_000_000 // HOUR_MS * HOUR_MS
_MINUTE_MS = 60_000


class Scene(NamedTuple):
    """So many stations of a thousand exceed so many of the rules."""

    name: str
    permille: int
    rules: int


SCENES = (
    Scene("nobody exceeds", 0, 0),
    Scene("1 % of the stations exceed all 20 rules", 10, 20),
    Scene("all stations exceed 1 rule", 1000, 1),
    Scene("all stations exceed all 20 rules", 1000, 20),
)


def rules_text(exceeded: int) -> str:
    """Twenty rules over eight quantities, of four levels each; an exceeded one is of PM2.5 or PM10, which may be 900."""
    found = []
    for number in range(RULES):
        code = CODES[number % 2] if number < exceeded else CODES[2 + number % 6]
        levels = ", ".join(
            f'{{ severity = "{severity}", of = "{code}", over = {limit + number} }}'
            for severity, limit in (("notice", 500), ("warning", 600), ("serious", 700), ("critical", 950))
        )
        found.append(
            f'[[rule]]\ncode = "rule_{number}"\nsignal = "readings.air.minute"\nzh = "规则"\nen = "Rule"\nrunbook = "air"\n'
            f'roles = ["duty"]\ndocument = "d"\nclause = "c"\nmark = "chosen"\neffective_from = 2020-01-01\n'
            f"levels = [{levels}]\nmargin = 5\ndwell_min = 2\nclear_min = 5\ngap_min = 10\nreopen_min = 30\n"
        )
    return "\n".join(found)


def measured(scene: Scene, stations: int, minutes: int, folder: Path) -> dict[str, list[float]]:
    """CPU and wall [s] of each step: of those that open incidents, and of the rest."""
    books, store = Books(f"sqlite:///{folder / 'books.sqlite'}"), SqliteStore(folder / "readings.sqlite")
    books.prepare()
    names = [f"st-{number:05d}" for number in range(stations)]
    entry = {"family": "air", "name_zh": "站", "district": "gaoxin", "period": "minute"}
    books.register([Station.model_validate({"id": name, **entry}) for name in names], who="benchmark", now=0)
    clock, rng = [_START], random.Random(1)
    rules = load_rules(rules_text(scene.rules), "the benchmark's rules")
    watch = Watch(store, books, rules, prepare=lambda: None, zone=ZoneInfo("Asia/Shanghai"), clock=lambda: clock[0])
    watch.step()
    exceeding = set(names[: stations * scene.permille // 1000])
    found: dict[str, list[float]] = {"opening": [], "cpu": [], "wall": []}
    for minute in range(1, minutes + 1):
        at = _START + minute * _MINUTE_MS
        readings = [Reading("air", name, "minute", at, at, _values(rng, dirty=name in exceeding)) for name in names]
        asyncio.run(_written(store, readings))
        window = ("air", "minute", (at - 1) // HOUR_MS)
        books.settle(
            "j", minute, registry_version=books.registry_version(), now=at, letters=(), changed={window: names},
            unknown={}, earliest={window: at},
        )  # fmt: skip
        clock[0] = at + 2_000
        before = len(Incidents(books).all()) if minute <= 4 else None
        cpu, wall = time.process_time(), time.perf_counter()
        watch.step()
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        if before is not None and len(Incidents(books).all()) > before:
            found["opening"].append(cpu)
        elif minute > 4:
            found["cpu"].append(cpu)
            found["wall"].append(wall)
    books.close()
    return found


async def _written(store: SqliteStore, readings: Sequence[Reading]) -> None:
    await store.write(readings)
    await store.close()


def _values(rng: random.Random, *, dirty: bool) -> dict[str, float]:
    raised = {"pm2_5", "pm10"} if dirty else set()
    return {code: round(rng.uniform(750, 900) if code in raised else rng.uniform(5, 60), 1) for code in CODES}


def main() -> None:
    """Measure, print, and write into a page."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stations", type=int, default=10_000)
    parser.add_argument("--minutes", type=int, default=15)
    parser.add_argument("--scenes", type=int, nargs="*", default=range(len(SCENES)))
    parser.add_argument("--into", type=Path, help="a page with the marks of `alerts`")
    options: Any = parser.parse_args()
    rows = []
    for number in options.scenes:
        with TemporaryDirectory() as folder:
            found = measured(SCENES[number], options.stations, options.minutes, Path(folder))
        opening = f"{max(found['opening']):.2f}" if found["opening"] else "–"
        rows.append(
            (
                SCENES[number].name,
                f"{median(found['cpu']):.2f}",
                f"{max(found['cpu']):.2f}",
                f"{median(found['wall']):.2f}",
                opening,
            )
        )
        print(rows[-1], flush=True)
    head = ("scene", "CPU, median [s]", "CPU, most [s]", "wall, median [s]", "CPU of the minute that opens them [s]")
    shown = (
        f"{options.stations:,} stations, {len(CODES)} quantities a minute, {RULES} rules; {options.minutes - 4} minutes each. "
        f"{machine_line(machine())}\n\n{table('A changed minute', head, rows)}"
    )
    print(shown)
    if options.into is not None:
        put(options.into, "alerts", shown)


if __name__ == "__main__":
    main()
