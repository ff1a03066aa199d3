"""Traffic, as the runner computes it: the capacity of the tunnels in service, year by year, from the registry."""

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from zoneinfo import ZoneInfo

from processors.causes import Cause
from processors.computation import Moved, WithoutDays
from processors.plans import Plan
from processors.traffic.capacity import capacity_judgement, tunnels
from processors.windows import day_bounds, period_days
from store.books import ALL_HOURS, Books, MarkKey
from store.judgements import Judgement, Key


class TrafficComputation(WithoutDays):
    """One plan's indicators of traffic."""

    def __init__(self, books: Books, plan: Plan, zone: ZoneInfo) -> None:
        self._books = books
        self._plan = plan
        self._zone = zone
        self._rows = [one for one in plan.indicators if one.computation == "tunnel_capacity"]
        self.longer_codes: Collection[str] = {one.code for one in self._rows}

    def takes(self, key: MarkKey) -> bool:
        """Changes of the registry: no reading has a part in a capacity."""
        return key.family == "traffic" and key.hour == ALL_HOURS

    def begin(self) -> None:
        """The registry as it is now."""
        self._registry = self._books.registry()

    def longer(self, moved: Moved, last_closed: date, now: int) -> list[Judgement]:
        """Every year of the plan so far: a dated entry may change any of them, and each is a sum of a few entries."""
        found = []
        for year in range(self._plan.baseline_year, last_closed.year + 1):
            end = day_bounds(min(last_closed, period_days(str(year))[1]), self._zone)[1]
            in_service = tunnels(self._registry, end - 1)
            for row in self._rows:
                judged = capacity_judgement(row, year, in_service, self._plan, last_closed, now)
                found += [] if judged is None else [judged]
        return found

    def causes_of(self, judgement: Judgement, causes: Mapping[Key, str]) -> Iterable[Cause]:
        """Which entries came and went is said of any judgement."""
        return []
