"""Air, as the runner computes it: days of stations, districts and the city; statistics of longer periods, the plan's years."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from zoneinfo import ZoneInfo

from processors.air.days import DAILY_AQI, compute_block, scopes
from processors.air.statistics import AIR_STATISTICS, period_judgement
from processors.air.year import year_judgement
from processors.causes import Cause, why_air_day, within
from processors.computation import Block, DaysOfTheirOwn, Moved, Touched, hours_written
from processors.plans import Plan
from processors.scopes import STATION
from processors.windows import days_between, hours_of_day, period_days
from sensors.quantities import Family
from sensors.reading import Period
from store.books import Books, MarkKey
from store.events import Events
from store.intervals import Intervals
from store.judgements import Judgement, Judgements, Key, Revision
from store.port import ReadingsStore

# Chosen: years before that a forecast of a year looks at; what is older says little of the air of today.
FORECAST_YEARS = 10


class AirComputation(DaysOfTheirOwn):
    """One plan's indicators of air, from one store; `variant` names the practice of the real-time AQI."""

    daily = DAILY_AQI
    silent: Collection[str] = frozenset({AIR_STATISTICS})

    def __init__(self, store: ReadingsStore, books: Books, plan: Plan, zone: ZoneInfo, variant: str) -> None:
        self._store = store
        self._books = books
        self._zone = zone
        self._variant = variant
        self._indicators = [one for one in plan.indicators if one.computation == "good_air_days"]
        self._judgements = Judgements(books)
        self.longer_codes: Collection[str] = {AIR_STATISTICS, *(one.code for one in self._indicators)}

    def takes(self, key: MarkKey) -> bool:
        """Hours of air."""
        return key.family == "air" and key.period == "hour"

    def begin(self) -> None:
        """Registry, intervals and events as they are now."""
        self._registry = self._books.registry()
        self._intervals = Intervals(self._books).all("air")
        self._events = Events(self._books).all("air")

    def touched_by(self, key: MarkKey) -> Collection[tuple[Family, str, Period]]:
        """The station's own hours."""
        return [("air", key.station, "hour")]

    def days(self, block: Sequence[date], touched: Touched, now: int) -> Block:
        """Hourly indices of the hours that were touched, and the daily judgements."""
        hours = {
            end for day in block for ends in touched[day].values() for end in (ends or hours_of_day(day, self._zone))
        }
        return compute_block(
            self._store, self._registry, block, self._zone, variant=self._variant, hours=hours, now=now,
            intervals=self._intervals, events=self._events,
        )  # fmt: skip

    def why(
        self, before: Judgement, now: Judgement, touched: Mapping[str, set[int]],
        newest: Mapping[Key, Revision], fresh: Mapping[Key, Judgement],
    ) -> str:  # fmt: skip
        """From the hours written since, and the stations' own judgements of the day, before and now."""
        day, hours = now.key.period, hours_written(touched, before, now, self._zone)
        had = {key.scope: one.judgement for key, one in newest.items() if key.period == day}
        has = {key.scope: one for key, one in fresh.items() if key.period == day}
        return why_air_day(
            before, now, hours,
            {station: had[STATION + station] for station in hours if STATION + station in had},
            {station: has[STATION + station] for station in hours if STATION + station in has},
        )  # fmt: skip

    def longer(self, moved: Moved, last_closed: date, now: int) -> list[Judgement]:
        """Statistics and the plan's indicators of the periods that have one of the days in them, or ended, or are running: from
        the scope's days, those just computed over those in the books."""
        of = [scope for scope in scopes(self._registry) if moved.scopes is None or scope in moved.scopes]
        periods = moved.periods(last_closed, DAILY_AQI)
        found: list[Judgement] = []
        for year in sorted({period[:4] for period in periods}):
            first, last = period_days(year)
            for scope in of:
                its_days = moved.of_scope(self._judgements, DAILY_AQI, scope, first, last)
                for period in sorted(each for each in periods if each[:4] == year):
                    judged = period_judgement(scope, period, its_days, last_closed=last_closed, now=now)
                    found += [] if judged is None else [judged]
                found += [
                    year_judgement(
                        indicator,
                        int(year),
                        days,
                        its_days,
                        earlier=self._earlier(scope, int(year)),
                        length=(last - first).days + 1,
                        now=now,
                    )
                    for indicator in self._indicators
                    if indicator.scope == scope and (days := days_between(first, min(last, last_closed)))
                ]
        return found

    def causes_of(self, judgement: Judgement, causes: Mapping[Key, str]) -> Iterable[Cause]:
        """The days of its scope."""
        return within(judgement, causes, DAILY_AQI, [judgement.key.scope])

    def _earlier(self, scope: str, year: int) -> dict[str, str]:
        """The statuses of the scope's days in the years before, as far back as a forecast looks."""
        return self._judgements.statuses(DAILY_AQI, scope, f"{year - FORECAST_YEARS}-01-01", f"{year - 1}-12-31")
