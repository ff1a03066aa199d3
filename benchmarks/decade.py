"""Ten years of a city of fifty stations: the first computation of all its indicators, and what one late hour costs afterwards.

    python -m benchmarks.decade [--years 10] [--stations 50] [--late 5] [--into docs/PERFORMANCE.md]

Hourly means of six pollutants in the embedded store, made from a season, weather and noise; four districts. The runner is the
product's own. A late hour is one reading of one station in a closed year: the run ends where any judgement changes that does not
hold that hour.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import func, select

from benchmarks.measure import Usage, machine
from benchmarks.pages import machine_line, put, table
from processors.plans import shipped_plan
from processors.runner import Runner
from processors.standards.tables import POLLUTANTS
from processors.windows import day_bounds, hours_of_day, period_days
from sensors.instants import HOUR_MS
from sensors.reading import Reading
from sensors.stations import Station
from store.books import ALL_HOURS, Books
from store.judgements import Judgements, Key
from store.schema import revisions
from store.sqlite import SqliteStore

ZONE = ZoneInfo("Asia/Shanghai")
_LAST_YEAR = 2025
_MEANS = {"pm2_5": 35.0, "pm10": 55.0, "so2": 8.0, "no2": 30.0, "co": 0.7, "o3": 70.0}
_DECIMALS = {code: 2 if code == "co" else 0 for code in POLLUTANTS}


class Figures(NamedTuple):
    """What was measured: readings and judgements; the first computation; each late hour [ms], and what it changed."""

    readings: int
    judgements: int
    first_s: float
    first_cpu_s: float
    resident_mb: float
    late_ms: list[float]
    changed: list[int]


def registry(stations: int) -> list[Station]:
    """So many assessment stations, in four districts."""
    return [
        Station.model_validate(
            {
                "id": f"st-{number:03d}",
                "family": "air",
                "name_zh": f"{number}",
                "district": f"d{number % 4}",
                "kind": "assessment",
            }
        )
        for number in range(stations)
    ]


def month(year: int, number: int, names: list[str], dice: np.random.Generator) -> Iterator[Reading]:
    """The hours of a month, of all stations."""
    first, last = period_days(f"{year}-{number:02d}")
    ends = np.arange(day_bounds(first, ZONE)[0] + HOUR_MS, day_bounds(last, ZONE)[1] + HOUR_MS, HOUR_MS)
    season = 1 + 0.5 * np.cos(2 * np.pi * (number - 1) / 12)
    weather = np.repeat(dice.lognormal(0, 0.45, len(ends) // 24 + 1), 24)[: len(ends)]
    for name in names:
        columns = {}
        for code in POLLUTANTS:
            shape = (2 - season if code == "o3" else season) * weather * dice.lognormal(0, 0.15, len(ends))
            columns[code] = np.round(_MEANS[code] * shape, _DECIMALS[code]).tolist()
        for place, at in enumerate(ends.tolist()):
            yield Reading("air", name, "hour", at, at + 60_000, {code: columns[code][place] for code in POLLUTANTS})


async def measure(years: int, stations: int, late: int) -> Figures:
    """Fill, compute, then one late hour after another. Ends the program where a late hour changes what it should not."""
    with tempfile.TemporaryDirectory(prefix="cityflux-decade-") as scratch:
        folder, clock = Path(scratch), [day_bounds(date(_LAST_YEAR + 1, 1, 2), ZONE)[0]]
        books, store = Books(f"sqlite:///{folder / 'books.sqlite'}"), SqliteStore(folder / "readings.sqlite")
        books.prepare()
        entries = registry(stations)
        names = [entry.id for entry in entries]
        books.register(entries, who="benchmark", now=0)
        dice, readings = np.random.default_rng(1), 0
        for year in range(_LAST_YEAR - years + 1, _LAST_YEAR + 1):
            for number in range(1, 13):
                made = list(month(year, number, names, dice))
                readings += len(made)
                await store.write(made)
            print(f"{year} is stored", flush=True)
        runner = Runner(
            store, books, shipped_plan(), prepare=lambda: None, zone=ZONE, clock=lambda: clock[0], variant="CNEMC-realtime",
            grace_hours=1,
        )  # fmt: skip
        _mark(books, 1, {("air", "hour", ALL_HOURS): names}, clock[0])
        before, began = Usage.of(os.getpid()), time.monotonic()
        clock[0] += 11_000
        while await runner.step():
            continue
        first_s, after = time.monotonic() - began, Usage.of(os.getpid())
        judgements = Judgements(books)
        late_ms, changed = [], []
        for number in range(late):
            day = date(_LAST_YEAR - number * years // late, 5, 14)
            at = list(hours_of_day(day, ZONE))[number]
            station = names[number % len(names)]
            last = _last_id(books)
            await store.write([Reading("air", station, "hour", at, clock[0], dict.fromkeys(POLLUTANTS, 150.0))])
            _mark(books, 2 + number, {("air", "hour", at // HOUR_MS - 1): [station]}, clock[0])
            clock[0] += 11_000
            began = time.monotonic()
            while await runner.step():
                continue
            late_ms.append(1000 * (time.monotonic() - began))
            keys = _since(books, judgements, last)
            wrong = [key for key in keys if not _holds(key, day, station, entries)]
            if wrong or not keys:
                sys.exit(f"the late hour of {station} on {day} changed {wrong or 'nothing'}")
            changed.append(len(keys))
        count = _last_id(books)
        await store.close()
        books.close()
    return Figures(readings, count, first_s, after.cpu_s - before.cpu_s, after.memory_mb, late_ms, changed)


def _mark(books: Books, batch: int, changed: dict[tuple[str, str, int], list[str]], now: int) -> None:
    books.settle(
        "benchmark", batch, registry_version=books.registry().version, now=now, letters=(), changed=changed, unknown={}
    )  # fmt: skip


def _last_id(books: Books) -> int:
    with books.reading() as connection:
        return int(connection.execute(select(func.max(revisions.c.id))).scalar_one())


def _since(books: Books, judgements: Judgements, last: int) -> list[Key]:
    with books.reading() as connection:
        columns = [revisions.c[name] for name in Key._fields]
        return [Key(*row) for row in connection.execute(select(*columns).where(revisions.c.id > last))]


def _holds(key: Key, day: date, station: str, entries: list[Station]) -> bool:
    first, last = period_days(key.period)
    district = next(entry.district for entry in entries if entry.id == station)
    return first <= day <= last and key.scope in {"city", f"district:{district}", f"station:{station}"}


def text(found: Figures, years: int, stations: int) -> str:
    """The figures in Markdown."""
    rows = [
        ("readings", f"{found.readings:,} station hours of six pollutants"),
        ("judgements in the books", f"{found.judgements:,}"),
        ("first computation", f"{found.first_s:.0f} s, {found.first_cpu_s:.0f} s of CPU"),
        ("the same, per station hour", f"{1e6 * found.first_cpu_s / found.readings:.0f} µs of CPU"),
        ("greatest resident memory", f"{found.resident_mb:.0f} MB"),
        ("after one late hour", f"{np.median(found.late_ms):.0f} ms (greatest {max(found.late_ms):.0f} ms)"),
        ("of the first computation", f"1 : {1000 * found.first_s / float(np.median(found.late_ms)):,.0f}"),
        (
            "judgements it changed",
            f"{min(found.changed)} to {max(found.changed)}, all of periods and places that hold the hour",
        ),
    ]
    return f"{machine_line(machine())}\n\n{table(f'{years} years of {stations} stations', ('', ''), rows)}\n"


def main() -> None:
    """Measure, print, and write into a page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--years", type=int, default=10)
    parser.add_argument("--stations", type=int, default=50)
    parser.add_argument("--late", type=int, default=5, help="late hours, one after another")
    parser.add_argument("--into", type=Path, help="a page with the marks of `decade`")
    options = parser.parse_args()
    shown = text(asyncio.run(measure(options.years, options.stations, options.late)), options.years, options.stations)
    print(shown)
    if options.into is not None:
        put(options.into, "decade", shown)


if __name__ == "__main__":
    main()
