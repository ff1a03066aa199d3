"""A small city for tests of what is computed and published: a real SQLite store and real books, with a clock of its own."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from processors.air.days import DAILY_AQI
from processors.plans import Plan, shipped_plan
from processors.runner import Runner
from processors.windows import day_bounds
from sensors.instants import HOUR_MS
from sensors.reading import Doubt, Reading
from sensors.stations import Station
from store.books import Books
from store.judgements import Judgement, Judgements, Revision
from store.sqlite import SqliteStore

ZONE = ZoneInfo("Asia/Shanghai")
CLEAN = {"pm2_5": 20.0, "pm10": 30.0, "so2": 5.0, "no2": 15.0, "co": 0.5, "o3": 60.0}
DIRTY = {**CLEAN, "pm2_5": 100.0}


class World:
    """Four assessment stations and a background one, with a clock that a test turns."""

    def __init__(self, folder: Path) -> None:
        self.now = day_bounds(date(2026, 3, 6), ZONE)[0]
        self.books = Books(f"sqlite:///{folder / 'books.sqlite'}")
        self.books.prepare()
        self.store = SqliteStore(folder / "readings.sqlite")
        self.judgements = Judgements(self.books)
        self._batch = 0
        entries = [self.station(f"hx-0{n}", "background" if n == 5 else "assessment") for n in range(1, 6)]
        self.books.register(entries, who="test", now=0)
        self.plan: Plan = shipped_plan()

    @staticmethod
    def station(name: str, kind: str = "assessment") -> Station:
        return Station.model_validate(
            {"id": name, "family": "air", "name_zh": name, "district": "gaoxin", "kind": kind}
        )

    async def hours(
        self,
        day: date,
        values: dict[str, float],
        *,
        stations: Sequence[str] = ("hx-01", "hx-02", "hx-03", "hx-04"),
        hours: Sequence[int] = range(24),
        doubtful: dict[str, Doubt] | None = None,
    ) -> None:
        """Hourly readings of a civil day (hour n begins at n o'clock), stored and marked as ingest does."""
        start = day_bounds(day, ZONE)[0]
        ends = [start + (hour + 1) * HOUR_MS for hour in hours]
        await self.store.write(
            [Reading("air", s, "hour", end, self.now, values, doubtful or {}) for s in stations for end in ends]
        )
        known = self.books.registry()
        self._batch += 1
        self.books.settle(
            "j",
            self._batch,
            registry_version=known.version,
            now=self.now,
            letters=(),
            changed={
                ("air", "hour", end // HOUR_MS - 1): [s for s in stations if known.knows("air", s)] for end in ends
            },
            unknown={},
        )

    async def compute(self, **changes: Any) -> None:
        """Let the marks become quiet, and compute until there is nothing to do."""
        self.now += 11_000
        runner = Runner(
            self.store, self.books, changes.get("plan", self.plan), prepare=lambda: None, zone=ZONE,
            clock=lambda: self.now, variant=changes.get("variant", "CNEMC-realtime"), grace_hours=1,
        )  # fmt: skip
        while await runner.step():
            continue

    def go_to(self, day: date, hour: int) -> None:
        self.now = day_bounds(day, ZONE)[0] + hour * HOUR_MS

    def city_days(self) -> dict[str, Revision]:
        return {r.judgement.key.period: r for r in self.judgements.latest(DAILY_AQI, scope="city")}

    def year(self) -> Judgement:
        found = self.judgements.current("good_air_days", "city", "2026")
        assert found is not None
        return found[0]

    def aqi(self, station: str, day: date) -> list[float]:
        start, end = day_bounds(day, ZONE)
        frame = self.store.readings("air-index", "hour", start, end, [station])
        return [float(value) for value in frame["aqi"].dropna()]


@contextmanager
def a_city(folder: Path) -> Iterator[World]:
    """One in a folder, closed at the end."""
    made = World(folder)
    try:
        yield made
    finally:
        asyncio.run(made.store.close())
        made.books.close()
