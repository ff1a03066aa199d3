"""Traffic, as the runner computes it: the capacity of the tunnels in service, year by year, from the registry."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from zoneinfo import ZoneInfo

from processors.causes import Cause
from processors.computation import Block, Moved, Touched
from processors.plans import Plan
from processors.traffic.capacity import capacity_judgement, tunnels
from processors.windows import day_bounds, period_days
from sensors.quantities import Family
from sensors.reading import Period
from store.books import ALL_HOURS, Books, MarkKey
from store.judgements import Judgement, Key, Revision


class TrafficComputation:
    """One plan's indicators of traffic."""

    daily = ""
    silent: Collection[str] = frozenset()

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

    def touched_by(self, key: MarkKey) -> Collection[tuple[Family, str, Period]]:
        """No day."""
        return []

    def days(self, block: Sequence[date], touched: Touched, now: int) -> Block:
        """Capacity has no days."""
        return Block([], [])

    def why(
        self, before: Judgement, now: Judgement, touched: Mapping[str, set[int]],
        newest: Mapping[Key, Revision], fresh: Mapping[Key, Judgement],
    ) -> str:  # fmt: skip
        """Not asked, for there are no days."""
        raise NotImplementedError("capacity has no days")

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
