"""Energy, as the runner computes it: days of meters; meters, districts and the city over longer periods."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from zoneinfo import ZoneInfo

from processors.causes import Cause, why_energy_day, within
from processors.computation import Block, Moved, Touched
from processors.energy.balance import COAL_PER_KWH
from processors.energy.days import ENERGY_DAY, emptied_day, meter_days
from processors.energy.felt import WhereFelt
from processors.energy.longer import Longer
from processors.energy.meters import Meters
from processors.energy.readings import MeterReadings
from processors.energy.rules import STANDARD, EnergyRules
from processors.energy.use import ENERGY_USE, Frame
from processors.scopes import CITY, METER
from processors.windows import (
    blocks,
    civil_day,
    day_bounds,
    days_between,
    hours_of_day,
    period_days,
    periods_of,
)
from sensors.quantities import Family
from sensors.reading import PERIODS, Period
from store.books import Books, MarkKey
from store.intervals import Intervals
from store.judgements import Judgement, Judgements, Key, Revision, Running
from store.port import ReadingsStore
from store.records import RECORDS, Records


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
        """Its own readings, of every period: those of one that it had before count no more."""
        return {("energy", key.station, period) for period in PERIODS if key.station in self._meters.entries}

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
            frame = Frame(self._rules, self._figures.get(year_text), last_closed, now)
            of_year_now = sorted(period for period in periods if period[:4] == year_text)
            every = moved.scopes is None or int(year_text) in self._entered
            found += Longer(self._judgements, self._meters, self._zone, moved, frame).year(
                year_text, of_year_now, every=every
            )
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
