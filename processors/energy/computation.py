"""Energy, as the runner computes it: days of meters; meters, districts and the city over longer periods."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from zoneinfo import ZoneInfo

from processors.causes import Cause, why_energy_day, within
from processors.computation import Block, Moved, Touched
from processors.energy.balance import COAL_PER_KWH
from processors.energy.days import ENERGY_DAY, active_ms, emptied_day, meter_days
from processors.energy.felt import WhereFelt
from processors.energy.losses import Days, losses
from processors.energy.readings import MeterReadings, Meters
from processors.energy.rules import STANDARD, EnergyRules
from processors.energy.use import ENERGY_USE, Frame, meter_longer, meter_month, place_longer, place_month
from processors.scopes import CITY, DISTRICT, METER
from processors.windows import (
    blocks,
    civil_day,
    day_bounds,
    days_between,
    hours_of_day,
    period_bounds,
    period_days,
    periods_of,
)
from sensors.quantities import Family
from sensors.reading import Period
from sensors.stations import Station
from store.books import Books, MarkKey
from store.intervals import Intervals
from store.judgements import Judgement, Judgements, Key, Revision, Running
from store.port import ReadingsStore
from store.records import RECORDS, Records

_Months = dict[tuple[str, str], Judgement]
"""Judgements of months, by scope and period."""


class EnergyComputation:
    """A city's energy, from one store."""

    daily = ENERGY_DAY
    longer_codes: Collection[str] = frozenset({ENERGY_USE})
    silent: Collection[str] = frozenset({ENERGY_DAY, ENERGY_USE})

    def __init__(self, store: ReadingsStore, books: Books, zone: ZoneInfo, rules: EnergyRules) -> None:
        self._store = store
        self._books = books
        self._zone = zone
        self._rules = rules
        self._judgements = Judgements(books)

    def takes(self, key: MarkKey) -> bool:
        """Readings of energy; of what people enter the year's 等价值, on which nothing else rests."""
        return key.family == "energy" or (key.family == RECORDS and key.station == COAL_PER_KWH)

    def begin(self) -> None:
        """Registry, intervals and figures as they are now."""
        self._meters = Meters(self._books.registry(), self._zone)
        intervals = Intervals(self._books).all("energy")
        self._readings = MeterReadings(self._store, self._meters, intervals)
        self._felt = WhereFelt(self._store, self._meters, intervals)
        self._figures = {one.period: one for one in Records(self._books).in_force(COAL_PER_KWH, CITY)}
        self._entered: set[int] = set()

    def touched_by(self, key: MarkKey) -> Collection[tuple[Family, str, Period]]:
        """Its own readings."""
        return {("energy", one.id, one.period) for one in self._meters.entries.get(key.station, ())}

    def felt_on(self, touched: Touched) -> dict[date, dict[str, set[int]]]:
        """The days between a count's neighbours."""
        self._entered |= {day.year for day, of_day in touched.items() if COAL_PER_KWH in of_day}
        found: defaultdict[date, defaultdict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
        for part in blocks(sorted(touched)):
            written: defaultdict[str, list[int]] = defaultdict(list)
            day_of: dict[int, tuple[int, int]] = {}
            for day in part:
                bounds = day_bounds(day, self._zone)
                for name, hours in touched[day].items():
                    if name in self._meters.entries:
                        ends = sorted(hours or hours_of_day(day, self._zone))
                        written[name] += ends
                        day_of |= dict.fromkeys(ends, bounds)
            for name, spans in self._felt.of_hours(written).items():
                for one in spans:
                    start, end = day_of[one.hour]
                    if start <= one.since and one.until <= end:
                        continue
                    for day in days_between(civil_day(one.since + 1, self._zone), civil_day(one.until, self._zone)):
                        if day != civil_day(end, self._zone):
                            found[day][name].add(one.hour)
        return {day: dict(of_day) for day, of_day in found.items()}

    def days(self, block: Sequence[date], touched: Touched, now: int) -> Block:
        """The judgements of the meters that were touched, and of those whose day has ended; nothing is derived."""
        span = block[0].isoformat(), block[-1].isoformat()
        running = self._judgements.running(ENERGY_DAY, first=span[0], last=span[1])
        wanted: dict[date, set[str]] = {day: {n for n in touched[day] if n in self._meters.entries} for day in block}
        for one in running:
            day = date.fromisoformat(one.judgement.key.period)
            if day in wanted and one.closes_at <= now:
                wanted[day].add(one.judgement.key.scope.removeprefix(METER))
        made = meter_days(self._readings, self._meters, wanted, self._zone, self._rules, now)
        return Block([], made + self._emptied(wanted, {one.key for one in made}, running, now))

    def _emptied(
        self, wanted: Mapping[date, Collection[str]], made: Collection[Key], running: Iterable[Running], now: int
    ) -> list[Judgement]:
        """Of the days that have a judgement in the books and nothing came of any more."""
        keys = {
            Key(ENERGY_DAY, METER + name, day.isoformat(), STANDARD) for day, names in wanted.items() for name in names
        } - set(made)
        closed = {key: revision.judgement for key, revision in self._judgements.newest(keys).items()} if keys else {}
        there = {one.judgement.key: one.judgement for one in running} | closed
        return [emptied_day(there[key], now) for key in sorted(keys) if key in there]

    def why(
        self, before: Judgement, now: Judgement, touched: Mapping[str, set[int]],
        newest: Mapping[Key, Revision], fresh: Mapping[Key, Judgement],
    ) -> str:  # fmt: skip
        """From the hours that were written, of this day and of others."""
        start, end = day_bounds(date.fromisoformat(now.key.period), self._zone)
        return why_energy_day(before, now, touched, start, end)

    def longer(self, moved: Moved, last_closed: date, now: int) -> list[Judgement]:
        """Meters first, then what rests on them."""
        if not self._meters.entries or (moved.scopes is not None and not moved.scopes and not self._entered):
            return []
        periods = moved.periods(last_closed, ENERGY_DAY)
        for year in self._entered:
            of_year = days_between(*period_days(str(year)))
            periods |= {period for day in of_year for period in periods_of(day)}
        periods = {period for period in periods if period_days(period)[0] <= last_closed}
        found: list[Judgement] = []
        for year_text in sorted({period[:4] for period in periods}):
            of_year_now = sorted(period for period in periods if period[:4] == year_text)
            found += self._year(int(year_text), of_year_now, moved, Frame(
                self._rules, self._figures.get(year_text), last_closed, now
            ))  # fmt: skip
        return found

    def causes_of(self, judgement: Judgement, causes: Mapping[Key, str]) -> Iterable[Cause]:
        """Of a meter its days; of a district and the city their meters, which changed for the same period; the year's 等价值."""
        year = judgement.key.period[:4]
        figures = [
            Cause(f"{COAL_PER_KWH} {year}", f"{one.value} {one.unit} ({one.entered_by})")
            for one in [self._figures.get(year)]
            if one is not None and int(year) in self._entered
        ]
        if judgement.key.scope.startswith(METER):
            return [*figures, *within(judgement, causes, ENERGY_DAY, [judgement.key.scope])]
        found = [
            Cause(key.scope.removeprefix(METER), reason)
            for key, reason in sorted(causes.items())
            if key.indicator == ENERGY_USE
            and key.period == judgement.key.period
            and key.scope.removeprefix(METER) in judgement.stations
        ]
        # Of several meters only what they were and are: why is theirs to say.
        return [
            *figures,
            *(found if len(found) == 1 else [one._replace(reason=one.reason.partition(": ")[0]) for one in found]),
        ]

    def _year(self, year: int, periods: Sequence[str], moved: Moved, frame: Frame) -> list[Judgement]:
        in_books = self._judgements.standing(ENERGY_USE, first=f"{year}-01", last=f"{year}-12")
        months: _Months = {key: judgement for key, (judgement, _) in in_books.items()}
        names = self._to_compute(moved, year)
        found: list[Judgement] = []
        for period in [one for one in periods if _is_month(one)]:
            made = list(self._meter_months(names, period, moved, frame))
            months |= {(one.key.scope, period): one for one in made}
            found += made
            places = list(self._place_months(period, months, frame))
            months |= {(one.key.scope, period): one for one in places}
            found += places
        for period in [one for one in periods if not _is_month(one)]:
            found += self._of_months(names, period, months, frame)
        return found

    def _to_compute(self, moved: Moved, year: int) -> list[str]:
        """The meters whose days moved, and the main meters of those that are sub-meters."""
        if moved.scopes is None or year in self._entered:
            return sorted(self._meters.entries)
        names = {scope.removeprefix(METER) for scope in moved.scopes}
        mains = {one.main_meter for name in names for one in self._meters.entries.get(name, ()) if one.main_meter}
        return sorted(names | mains)

    def _meter_months(self, names: Sequence[str], period: str, moved: Moved, frame: Frame) -> Iterator[Judgement]:
        first, last = period_days(period)
        last = min(last, frame.last_closed)
        every = days_between(first, last)
        days: dict[str, Days] = {}

        def days_of(name: str) -> Days:
            if name not in days:
                days[name] = moved.of_scope(self._judgements, ENERGY_DAY, METER + name, first, last)
            return days[name]

        subs: defaultdict[str, set[str]] = defaultdict(set)
        for name, entries in self._meters.entries.items():
            for entry in entries:
                if entry.main_meter is not None:
                    subs[entry.main_meter].add(name)
        for name in names:
            own = days_of(name)
            if not own:
                continue
            lost = {}
            if subs[name]:
                of = {one: days_of(one) for one in [name, *sorted(subs[name])]}
                lost = losses(name, every, of, self._meters, self._zone)
            expected = self._expected(name, period, frame)
            yield meter_month(METER + name, period, [own[day] for day in sorted(own)], lost, expected, frame)

    def _place_months(
        self, period: str, months: Mapping[tuple[str, str], Judgement], frame: Frame
    ) -> Iterator[Judgement]:
        of_meters = {
            scope.removeprefix(METER): one for (scope, of), one in months.items()
            if of == period and scope.startswith(METER)
        }  # fmt: skip
        for scope, district in self._places(months):
            expected = self._expected_of(district, period, frame)
            was_there = (scope, period) in months
            judged = place_month(scope, period, of_meters, district, expected, frame, was_there=was_there)
            if judged is not None:
                yield judged

    def _of_months(self, names: Sequence[str], period: str, months: _Months, frame: Frame) -> Iterator[Judgement]:
        first, last = period_days(period)
        inside = [f"{first.year}-{number:02d}" for number in range(first.month, last.month + 1)]
        for name in names:
            own = [months[METER + name, month] for month in inside if (METER + name, month) in months]
            if own:
                yield meter_longer(METER + name, period, own, self._expected(name, period, frame), frame)
        for scope, district in self._places(months):
            own = [months[scope, month] for month in inside if (scope, month) in months]
            if own:
                yield place_longer(scope, period, own, self._expected_of(district, period, frame), frame)

    def _places(self, months: Iterable[tuple[str, str]]) -> list[tuple[str, str | None]]:
        """The districts of the registry, and those that have a month in the books; and the city."""
        districts = {one.district for entries in self._meters.entries.values() for one in entries}
        districts |= {scope.removeprefix(DISTRICT) for scope, _ in months if scope.startswith(DISTRICT)}
        return [*((DISTRICT + name, name) for name in sorted(districts)), (CITY, None)]

    def _span(self, period: str, frame: Frame) -> tuple[int, int]:
        """(start, end] of a period so far [ms]."""
        start, end = period_bounds(period, self._zone)
        return start, min(end, day_bounds(frame.last_closed, self._zone)[1])

    def _expected(self, name: str, period: str, frame: Frame) -> int:
        return active_ms(self._meters.entries[name], *self._span(period, frame))

    def _expected_of(self, district: str | None, period: str, frame: Frame) -> dict[str, int]:
        """How long each meter that counts in a district, or in the city, was to measure there [ms]."""
        span = self._span(period, frame)
        found = {
            name: active_ms([one for one in entries if _counts(one) and district in {None, one.district}], *span)
            for name, entries in self._meters.entries.items()
        }
        return {name: length for name, length in found.items() if length > 0}


def _counts(entry: Station) -> bool:
    """Whether a meter's use counts in its district and the city."""
    return entry.main_meter is None and entry.kind == "assessment"


def _is_month(period: str) -> bool:
    return len(period) == len("2026-03") and "Q" not in period
