"""Water, as the runner computes it: days of sections; sections, rivers, districts and the city over longer periods; the plan's
years."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from zoneinfo import ZoneInfo

from processors.causes import Cause, why_water_day, within
from processors.computation import Block, DaysOfTheirOwn, Moved, Touched, hours_written
from processors.plans import Plan
from processors.scopes import CITY, DISTRICT, RIVER, SECTION
from processors.water.days import PERIODS, WATER_DAY, emptied_day, section_days, sections
from processors.water.sections import WATER_SECTION, SectionDays, section_judgement
from processors.water.status import WATER_STATUS, plan_judgement, status_judgement
from processors.water.validity import Validity
from processors.windows import day_bounds, period_days
from sensors.quantities import Family
from sensors.reading import Period
from sensors.stations import Station
from store.books import Books, MarkKey
from store.intervals import Intervals
from store.judgements import Judgement, Judgements, Key, Revision
from store.port import ReadingsStore


class WaterComputation(DaysOfTheirOwn):
    """One plan's indicators of water, from one store."""

    daily = WATER_DAY
    silent: Collection[str] = frozenset({WATER_SECTION, WATER_STATUS})

    def __init__(self, store: ReadingsStore, books: Books, plan: Plan, zone: ZoneInfo, rule: Validity) -> None:
        self._store = store
        self._books = books
        self._zone = zone
        self._rule = rule
        self._indicators = [one for one in plan.indicators if one.computation == "water_sections"]
        self._judgements = Judgements(books)
        self.longer_codes: Collection[str] = {WATER_SECTION, WATER_STATUS, *(one.code for one in self._indicators)}

    def takes(self, key: MarkKey) -> bool:
        """Samples of water, single ones or hourly."""
        return key.family == "water" and key.period in PERIODS

    def begin(self) -> None:
        """Registry and intervals as they are now."""
        self._registry = self._books.registry()
        self._intervals = Intervals(self._books).all("water")

    def touched_by(self, key: MarkKey) -> Collection[tuple[Family, str, Period]]:
        """Its own samples, and those of whoever samples it as a section."""
        return {
            (one.family, one.id, one.period)
            for one in self._registry
            if one.family == "water" and key.station in {one.id, one.section}
        }

    def days(self, block: Sequence[date], touched: Touched, now: int) -> Block:
        """The judgements of the sections of those days; nothing is derived."""
        judgements = section_days(
            self._store, self._registry, block, self._zone, rule=self._rule, intervals=self._intervals, now=now
        )
        return Block([], judgements + self._emptied(block, {one.key for one in judgements}, now))

    def _emptied(self, block: Sequence[date], made: Collection[Key], now: int) -> list[Judgement]:
        """Of the days that have a judgement in the books and nothing came of any more (who samples the section was changed)."""
        days = {day.isoformat() for day in block}
        return [
            emptied_day(r.judgement, now)
            for r in self._judgements.latest(WATER_DAY, first=min(days), last=max(days))
            if r.judgement.key.period in days and r.judgement.key not in made
        ]

    def why(
        self, before: Judgement, now: Judgement, touched: Mapping[str, set[int]],
        newest: Mapping[Key, Revision], fresh: Mapping[Key, Judgement],
    ) -> str:  # fmt: skip
        """From the samples counted before and now, and where they were written since."""
        return why_water_day(before, now, hours_written(touched, before, now, self._zone))

    def longer(self, moved: Moved, last_closed: date, now: int) -> list[Judgement]:
        """Sections first, then what rests on them."""
        if moved.scopes is not None and not moved.scopes:
            return []
        periods = moved.periods(last_closed, WATER_DAY)
        found: list[Judgement] = []
        for year in sorted({period[:4] for period in periods}):
            of_year = sorted(period for period in periods if period[:4] == year)
            made = self._sections(year, of_year, moved, last_closed, now)
            found += made
            for period in of_year:
                found += self._statuses(period, made, found, last_closed, now)
        return found

    def causes_of(self, judgement: Judgement, causes: Mapping[Key, str]) -> Iterable[Cause]:
        """Of a section its days; of others their sections, which changed for the same period."""
        if judgement.key.indicator == WATER_SECTION:
            return within(judgement, causes, WATER_DAY, [judgement.key.scope])
        found = [
            Cause(key.scope.removeprefix(SECTION), reason)
            for key, reason in sorted(causes.items())
            if key.indicator == WATER_SECTION
            and key.period == judgement.key.period
            and key.scope.removeprefix(SECTION) in judgement.stations
        ]
        # Of several sections only what they were and are: why is theirs to say.
        return found if len(found) == 1 else [one._replace(reason=one.reason.partition(": ")[0]) for one in found]

    def _sections(
        self, year: str, periods: Sequence[str], moved: Moved, last_closed: date, now: int
    ) -> list[Judgement]:
        first, last = period_days(year)
        found = []
        for name in sections(self._registry):
            scope = SECTION + name
            if moved.scopes is not None and scope not in moved.scopes:
                continue
            days = moved.of_scope(self._judgements, WATER_DAY, scope, first, last)
            of_section = SectionDays(days, self._rule, last_closed)
            for period in periods:
                entry = self._entry(name, period, last_closed)
                judged = entry and section_judgement(entry, period, of_section, now)
                found += [judged] if judged else []
        return found

    def _statuses(
        self, period: str, sections_now: Sequence[Judgement], longer: Sequence[Judgement], last_closed: date, now: int
    ) -> list[Judgement]:
        assessed = self._assessed(period, last_closed)
        in_books = self._judgements.standing(WATER_SECTION, first=period, last=period)
        by_id = {scope.removeprefix(SECTION): one for (scope, _), (one, _) in in_books.items()}
        by_id |= {one.key.scope.removeprefix(SECTION): one for one in sections_now if one.key.period == period}
        is_over = period_days(period)[1] <= last_closed
        found: list[Judgement] = []
        for scope, names in _groups(assessed).items():
            before = {name: self._before(scope, other, longer) for name, other in _compared(period).items()}
            status = status_judgement(scope, period, names, by_id, before=before, is_over=is_over, now=now)
            if status is None:
                continue
            found.append(status)
            if len(period) == len("2026"):
                last_day = min(last_closed, period_days(period)[1])
                found += [plan_judgement(one, status, last_day, now) for one in self._indicators if one.scope == scope]
        return found

    def _before(self, scope: str, period: str, longer: Sequence[Judgement]) -> Judgement | None:
        for one in longer:
            if (one.key.indicator, one.key.scope, one.key.period) == (WATER_STATUS, scope, period):
                return one
        for revision in self._judgements.latest(WATER_STATUS, scope=scope, first=period, last=period):
            return revision.judgement
        return None

    def _entry(self, name: str, period: str, last_closed: date) -> Station | None:
        """The section's entry at the end of a period so far."""
        return self._registry.entry("water", name, self._end(period, last_closed) - 1)

    def _end(self, period: str, last_closed: date) -> int:
        first, last = period_days(period)
        return day_bounds(max(first, min(last, last_closed)), self._zone)[1]

    def _assessed(self, period: str, last_closed: date) -> list[Station]:
        """The assessed sections at the end of a period so far, by id."""
        at = self._end(period, last_closed) - 1
        return [one for one in self._registry.active("water", at, kind="assessment") if one.section is None]


def _groups(assessed: Iterable[Station]) -> dict[str, list[str]]:
    """The sections of the city, of each district and each river."""
    found: dict[str, list[str]] = {}
    for one in assessed:
        rivers = [] if one.river is None else [RIVER + one.river]
        for scope in (CITY, DISTRICT + one.district, *rivers):
            found.setdefault(scope, []).append(one.id)
    return found


def _compared(period: str) -> dict[str, str]:
    """The period before, and the same a year ago."""
    year = int(period[:4])
    if len(period) == len("2026"):
        return {"year before": str(year - 1)}
    if "Q" in period:
        quarter = int(period[-1])
        before = f"{year - 1}-Q4" if quarter == 1 else f"{year}-Q{quarter - 1}"
        return {"quarter before": before, "year before": f"{year - 1}{period[4:]}"}
    month = int(period[-2:])
    before = f"{year - 1}-12" if month == 1 else f"{year}-{month - 1:02d}"
    return {"month before": before, "year before": f"{year - 1}{period[4:]}"}
