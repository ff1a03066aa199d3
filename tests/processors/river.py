"""A river for tests: sections and samples in a real SQLite store and real books, computed by the real runner."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from processors.runner import Runner
from processors.water.validity import Validity, validity
from processors.windows import day_bounds
from sensors.instants import HOUR_MS
from sensors.reading import Doubt, Reading
from sensors.stations import Station
from store.judgements import Judgement, Revision
from tests.processors.world import ZONE, World

CLEAN = {"ph": 7.5, "dissolved_oxygen": 8.0, "codmn": 2.0, "nh3_n": 0.1, "total_phosphorus": 0.05}
FOUR_HOURS = range(4, 25, 4)


class River:
    """Sections in a real store and books, with a clock that a test turns."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder)
        self.world.go_to(date(2026, 1, 1), 0)
        self.rule: Validity = validity()
        self._batch = 0

    def section(self, name: str, **changes: Any) -> None:
        fields = {"id": name, "family": "water", "name_zh": name, "district": "gaoxin", "period": "raw"}
        entry = Station.model_validate({**fields, "target_class": 3, "water_body": "river", **changes})
        self.world.books.register([entry], who="test", now=0)

    async def samples(
        self,
        name: str,
        first: date,
        days: int,
        values: Mapping[str, float],
        hours: Sequence[int] = FOUR_HOURS,
        doubtful: Mapping[str, Doubt] | None = None,
    ) -> None:
        """Samples at those hours of each day, stored and marked as ingest does."""
        starts = [day_bounds(first + timedelta(days=number), ZONE)[0] for number in range(days)]
        ends = [start + hour * HOUR_MS for start in starts for hour in hours]
        at, books = self.world.now, self.world.books
        await self.world.store.write(
            [Reading("water", name, "raw", end, at, dict(values), dict(doubtful or {})) for end in ends]
        )
        self._batch += 1
        books.settle(
            "river",
            self._batch,
            registry_version=books.registry().version,
            now=at,
            letters=(),
            changed={("water", "raw", (end - 1) // HOUR_MS): [name] for end in ends},
            unknown={},
        )

    async def compute(self, until: date | None = None) -> None:
        """Go to noon of a day, or only let the marks become quiet; compute until there is nothing to do."""
        if until is not None:
            self.world.go_to(until, 12)
        self.world.now += 11_000
        runner = Runner(
            self.world.store, self.world.books, self.world.plan, prepare=lambda: None, zone=ZONE,
            clock=lambda: self.world.now, variant="CNEMC-realtime", grace_hours=1, water=self.rule,
        )  # fmt: skip
        while await runner.step():
            continue

    def of(self, scope: str, period: str, indicator: str = "water_section") -> Judgement:
        """The judgement in force."""
        found = self.world.judgements.current(indicator, scope, period)
        assert found is not None, f"{indicator} of {scope} in {period} is not there"
        return found[0]

    def revisions(self, scope: str, period: str, indicator: str = "water_section") -> list[Revision]:
        return self.world.judgements.history(self.of(scope, period, indicator).key)
