"""Meters for tests: counts and other readings in a real SQLite store and real books, computed by the real runner."""

from collections.abc import Mapping, Sequence
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

from processors.energy.days import ENERGY_DAY
from processors.energy.rules import EnergyRules
from processors.energy.use import ENERGY_USE
from processors.runner import Runner
from processors.windows import day_bounds
from sensors.instants import HOUR_MS
from sensors.reading import Doubt, Period, Reading
from sensors.stations import Station
from store.judgements import Judgement, Revision
from tests.processors.world import ZONE, World


def at(day: date, hour: float = 0) -> int:
    """An instant of a civil day of the city [ms]."""
    return day_bounds(day, ZONE)[0] + round(hour * HOUR_MS)


class Meters:
    """Meters in a real store and books, with a clock that a test turns."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder)
        self.rules = EnergyRules()
        self._batch = 0

    def meter(self, name: str, **changes: Any) -> None:
        fields = {"id": name, "family": "energy", "name_zh": name, "district": "gaoxin", "period": "raw"}
        self.world.books.register([Station.model_validate({**fields, **changes})], who="test", now=0)

    async def write(self, readings: Sequence[Reading]) -> None:
        """Store readings, and mark them as ingest does."""
        await self.world.store.write(readings)
        self._batch += 1
        changed: dict[tuple[str, str, int], set[str]] = {}
        for one in readings:
            changed.setdefault(("energy", one.period, (one.observed_at - 1) // HOUR_MS), set()).add(one.station)
        self.world.books.settle(
            "meters", self._batch, registry_version=self.world.books.registry().version, now=self.world.now, letters=(),
            changed=changed, unknown={},
        )  # fmt: skip

    async def send(
        self,
        name: str,
        values: Mapping[int, Mapping[str, float]],
        period: Period = "raw",
        doubtful: Mapping[str, Doubt] | None = None,
    ) -> None:
        """Readings by instant [ms]."""
        now = self.world.now
        await self.write(
            [Reading("energy", name, period, when, now, dict(of), dict(doubtful or {})) for when, of in values.items()]
        )

    async def compute(self, until: date | None = None, hour: float = 12) -> None:
        """Go to a time of a day, or only let the marks become quiet; compute until there is nothing to do."""
        if until is not None:
            self.world.go_to(until, 0)
            self.world.now += round(hour * HOUR_MS)
        self.world.now += 11_000
        runner = Runner(
            self.world.store, self.world.books, self.world.plan, prepare=lambda: None, zone=ZONE,
            clock=lambda: self.world.now, variant="CNEMC-realtime", grace_hours=1, energy=self.rules,
        )  # fmt: skip
        while await runner.step():
            continue

    def of(self, scope: str, period: str) -> Judgement:
        """The judgement in force of a day, or of a longer period."""
        found = self.world.judgements.current(_code(period), scope, period)
        assert found is not None, f"nothing of {scope} in {period}"
        return found[0]

    def used(self, scope: str, period: str, quantity: str = "electricity") -> Fraction:
        """The exact amount in force."""
        return Fraction(self.of(scope, period).detail["totals"]["used"][quantity]["exact"])

    def revisions(self, scope: str, period: str) -> list[Revision]:
        return self.world.judgements.history(self.of(scope, period).key)


def _code(period: str) -> str:
    return ENERGY_DAY if len(period) == len("2026-03-05") else ENERGY_USE
