"""Traffic, as the runner computes it: days of stations with the flow of their hours; tunnels over longer periods; the
capacity of the tunnels in service, year by year, from the registry."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from zoneinfo import ZoneInfo

from processors.causes import Cause, why_traffic_day, within
from processors.computation import Block, DaysOfTheirOwn, Moved, Touched, hours_written
from processors.plans import Plan
from processors.scopes import STATION
from processors.traffic.capacity import capacity_judgement, tunnels
from processors.traffic.counts import PERIODS
from processors.traffic.days import TRAFFIC_DAY, emptied_day, traffic_days, traffic_stations
from processors.traffic.hours import emptied_hours
from processors.traffic.periods import TUNNEL_FLOW, directions, flow_judgements
from processors.traffic.rules import TrafficRules
from processors.windows import day_bounds, hours_of_day, period_days
from sensors.quantities import Family
from sensors.reading import Period
from store.books import ALL_HOURS, Books, MarkKey
from store.intervals import Intervals
from store.judgements import Judgement, Judgements, Key, Revision
from store.port import ReadingsStore


class TrafficComputation(DaysOfTheirOwn):
    """One plan's indicators of traffic, from one store."""

    daily = TRAFFIC_DAY
    silent: Collection[str] = frozenset({TUNNEL_FLOW})

    def __init__(self, store: ReadingsStore, books: Books, plan: Plan, zone: ZoneInfo, rules: TrafficRules) -> None:
        self._store = store
        self._books = books
        self._plan = plan
        self._zone = zone
        self._rules = rules
        self._judgements = Judgements(books)
        self._rows = [one for one in plan.indicators if one.computation == "tunnel_capacity"]
        self.longer_codes: Collection[str] = {TUNNEL_FLOW, *(one.code for one in self._rows)}

    def takes(self, key: MarkKey) -> bool:
        """Vehicles, single or counted, and changes of the registry."""
        return key.family == "traffic" and (key.hour == ALL_HOURS or key.period in PERIODS)

    def begin(self) -> None:
        """Registry and intervals as they are now."""
        self._registry = self._books.registry()
        self._intervals = Intervals(self._books).all("traffic")

    def touched_by(self, key: MarkKey) -> Collection[tuple[Family, str, Period]]:
        """The station's own readings, however they came."""
        return [("traffic", key.station, period) for period in PERIODS]

    def days(self, block: Sequence[date], touched: Touched, now: int) -> Block:
        """The judgements of the stations of those days, and the flow of the hours that were touched."""
        hours: dict[str, set[int]] = {}
        for day in block:
            for station, ends in touched[day].items():
                hours.setdefault(station, set()).update(ends or hours_of_day(day, self._zone))
        derived, judgements = [], []
        for day in block:
            # Of a day that is not over only what was touched: single vehicles are many, and others stay as they are.
            only = set(touched[day]) if now < day_bounds(day, self._zone)[1] and touched[day] else None
            made = traffic_days(
                self._store, self._registry, day, self._zone, self._rules,
                hours=hours, intervals=self._intervals, now=now, stations=only,
            )  # fmt: skip
            emptied = self._emptied(day, only, made.judgements, now)
            derived += made.derived
            for one in emptied:
                derived += emptied_hours(one.stations[0], day, self._zone, now)
            judgements += [*made.judgements, *emptied]
        return Block(derived, judgements)

    def _emptied(self, day: date, only: Collection[str] | None, made: Sequence[Judgement], now: int) -> list[Judgement]:
        """Of the stations (all, or `only` these) that have a judgement of the day in the books, and nothing came of any
        more (the registry was changed)."""
        text, keys = day.isoformat(), {one.key for one in made}
        in_books = [
            *(r.judgement for r in self._judgements.latest(TRAFFIC_DAY, first=text, last=text)),
            *(r.judgement for r in self._judgements.running(TRAFFIC_DAY, first=text, last=text)),
        ]
        return [
            emptied_day(one, now)
            for key, one in {one.key: one for one in in_books}.items()
            if key.standard == self._rules.scheme.name and key not in keys and (only is None or one.stations[0] in only)
        ]

    def why(
        self, before: Judgement, now: Judgement, touched: Mapping[str, set[int]],
        newest: Mapping[Key, Revision], fresh: Mapping[Key, Judgement],
    ) -> str:  # fmt: skip
        """From what was counted before and now, and where it was written since."""
        return why_traffic_day(before, now, hours_written(touched, before, now, self._zone))

    def longer(self, moved: Moved, last_closed: date, now: int) -> list[Judgement]:
        """Tunnels and the city where a day of theirs moved; the capacity of every year of the plan so far, for a dated
        entry may change any of them, and each is a sum of a few entries."""
        return [*self._flows(moved, last_closed, now), *self._capacities(last_closed, now)]

    def _flows(self, moved: Moved, last_closed: date, now: int) -> list[Judgement]:
        if moved.scopes is not None and not moved.scopes:
            return []
        found: list[Judgement] = []
        periods = moved.periods(last_closed, TRAFFIC_DAY)
        for year in sorted({period[:4] for period in periods}):
            first, last = period_days(year)
            days = {
                station: moved.of_scope(
                    self._judgements,
                    TRAFFIC_DAY,
                    STATION + station,
                    first,
                    min(last, last_closed),
                    self._rules.scheme.name,
                )
                for station in traffic_stations(self._registry)
            }
            for period in sorted(each for each in periods if each[:4] == year):
                begins, ends = period_days(period)
                of = directions(self._registry, begins, ends, days, self._zone)
                found += flow_judgements(period, of, self._rules, self._zone, last_closed, now)
        return found

    def _capacities(self, last_closed: date, now: int) -> list[Judgement]:
        found = []
        for row in self._rows:
            in_books = {period for _, period in self._judgements.standing(row.code, scope=row.scope)}
            for year in range(self._plan.baseline_year, last_closed.year + 1):
                end = day_bounds(min(last_closed, period_days(str(year))[1]), self._zone)[1]
                in_service = tunnels(self._registry, end - 1)
                if in_service or str(year) in in_books:
                    found.append(capacity_judgement(row, year, in_service, self._plan, last_closed, now))
        return found

    def causes_of(self, judgement: Judgement, causes: Mapping[Key, str]) -> Iterable[Cause]:
        """Of tunnels the days of their directions; of a capacity which entries came and went is said of any
        judgement."""
        if judgement.key.indicator != TUNNEL_FLOW:
            return []
        return within(judgement, causes, TRAFFIC_DAY, [STATION + station for station in judgement.stations])
