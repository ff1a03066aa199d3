"""Directions of tunnels for tests: real SQLite store and books, computed by the real runner."""

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from processors.runner import Runner
from processors.traffic.rules import TrafficRules, traffic_rules
from processors.windows import day_bounds
from sensors.instants import HOUR_MS
from sensors.reading import Period, Reading
from sensors.stations import Station
from store.judgements import Judgement, Revision
from tests.processors.world import ZONE, World

MINUTE_MS = 60_000
STEP_MS = 5 * MINUTE_MS


class Road:
    """Stations of traffic in a real store and books, with a clock that a test turns."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder)
        self.rules: TrafficRules = traffic_rules()
        self._batch = 0

    def station(self, name: str, **changes: Any) -> None:
        """An entry of counts each five minutes, if nothing else is said."""
        usual = {"kind": "traffic", "period": "minute", "expected_period_s": 300}
        fields = {"id": name, "family": "traffic", "name_zh": name, "district": "gaoxin", **usual, **changes}
        entry = Station.model_validate({key: value for key, value in fields.items() if value is not None})
        self.world.books.register([entry], who="test", now=0)

    async def send(self, name: str, rows: Iterable[tuple[int, Mapping[str, float]]], period: Period = "minute") -> None:
        """Readings (at [ms], values), numbered within an instant, stored and marked as ingest does."""
        numbered: dict[int, int] = {}
        readings = []
        for at, values in rows:
            seq = numbered[at] = numbered.get(at, -1) + 1
            readings.append(Reading("traffic", name, period, at, self.world.now, dict(values), seq=seq))
        await self.write(readings)

    async def write(self, readings: list[Reading]) -> None:
        """Store and mark."""
        await self.world.store.write(readings)
        self._batch += 1
        changed: dict[tuple[Any, Any, int], set[str]] = {}
        earliest: dict[tuple[Any, Any, int], int] = {}
        for one in readings:
            key = "traffic", one.period, (one.observed_at - 1) // HOUR_MS
            changed.setdefault(key, set()).add(one.station)
            earliest[key] = min(one.observed_at, earliest.get(key, one.observed_at))
        self.world.books.settle(
            "road", self._batch, registry_version=self.world.books.registry().version, now=self.world.now, letters=(),
            changed=changed, unknown={}, earliest=earliest,
        )  # fmt: skip

    async def compute(self, until: date | None = None, hour: int = 12) -> None:
        """Go to an hour of a day, or only let the marks become quiet; compute until there is nothing to do."""
        if until is not None:
            self.world.go_to(until, hour)
        self.world.now += 11_000
        runner = Runner(
            self.world.store, self.world.books, self.world.plan, prepare=lambda: None, zone=ZONE,
            clock=lambda: self.world.now, variant="CNEMC-realtime", grace_hours=1, traffic=self.rules,
        )  # fmt: skip
        while await runner.step():
            continue

    def of(self, scope: str, period: str, indicator: str = "traffic_day") -> Judgement:
        """The judgement in force, or the running one."""
        found = self.world.judgements.current(indicator, scope, period)
        assert found is not None, f"{indicator} of {scope} in {period} is not there"
        return found[0]

    def revisions(self, scope: str, period: str, indicator: str = "traffic_day") -> list[Revision]:
        """Every revision, oldest first."""
        return self.world.judgements.history(self.of(scope, period, indicator).key)


def every_five(
    day: date, values: Mapping[str, float], lacking: Iterable[int] = ()
) -> list[tuple[int, dict[str, float]]]:
    """The same counts for each interval of a day, but for those that lack (0 to 287)."""
    start, end = day_bounds(day, ZONE)
    left_out = set(lacking)
    count = (end - start) // STEP_MS
    return [(start + (slot + 1) * STEP_MS, dict(values)) for slot in range(count) if slot not in left_out]
