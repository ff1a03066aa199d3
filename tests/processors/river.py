"""A river for tests: sections and samples in a real SQLite store and real books."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from processors.water import SectionReport, section_reports
from processors.windows import day_bounds
from sensors.instants import HOUR_MS
from sensors.reading import Reading
from sensors.stations import Station
from store.intervals import Intervals
from tests.processors.world import ZONE, World

CLEAN = {"ph": 7.5, "dissolved_oxygen": 8.0, "codmn": 2.0, "nh3_n": 0.1, "total_phosphorus": 0.05}
FOUR_HOURS = range(4, 25, 4)


class River:
    """Sections in a real store and books."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder)

    def section(self, name: str, **changes: Any) -> None:
        fields = {"id": name, "family": "water", "name_zh": name, "district": "gaoxin", "period": "raw"}
        entry = Station.model_validate({**fields, "target_class": 3, "water_body": "river", **changes})
        self.world.books.register([entry], who="test", now=0)

    async def samples(
        self, name: str, first: date, days: int, values: Mapping[str, float], hours: Sequence[int] = FOUR_HOURS
    ) -> None:
        starts = [day_bounds(first + timedelta(days=number), ZONE)[0] for number in range(days)]
        ends = [start + hour * HOUR_MS for start in starts for hour in hours]
        await self.world.store.write([Reading("water", name, "raw", end, end, dict(values)) for end in ends])

    def reports(self, until: date = date(2027, 1, 1), **options: int) -> list[SectionReport]:
        at = day_bounds(until, ZONE)[0]
        intervals = Intervals(self.world.books).all("water")
        return section_reports(self.world.store, self.world.books.registry(), 2026, at, ZONE, intervals, **options)
