"""Months, quarters and years of energy from what moved: meters first, then the districts and the city that rest on them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from zoneinfo import ZoneInfo

from processors.computation import Moved
from processors.energy.days import ENERGY_DAY, active_ms, counts_in_sums
from processors.energy.losses import Days, losses
from processors.energy.meters import Meters
from processors.energy.use import ENERGY_USE, Frame, meter_longer, meter_month, place_longer, place_month
from processors.scopes import CITY, DISTRICT, METER
from processors.windows import day_bounds, days_between, length_of, period_bounds, period_days
from store.judgements import Judgement, Judgements

_Months = dict[tuple[str, str], Judgement]
"""Judgements of months, by scope and period."""


class Longer:
    """What some days that moved make of the longer periods of a year. Raises BooksUnavailable."""

    def __init__(self, judgements: Judgements, meters: Meters, zone: ZoneInfo, moved: Moved, frame: Frame) -> None:
        self._judgements = judgements
        self._meters = meters
        self._zone = zone
        self._why = moved
        self._frame = frame

    def year(self, year: str, periods: Sequence[str], *, every: bool) -> list[Judgement]:
        """The judgements of some periods of a year: of the meters that moved, or of `every` one; then of what rests on them."""
        in_books = self._judgements.standing(ENERGY_USE, first=f"{year}-01", last=f"{year}-12")
        months: _Months = {key: judgement for key, (judgement, _) in in_books.items()}
        names = sorted(self._meters.entries) if every else self._moved()
        found: list[Judgement] = []

        def accepted(made: Sequence[Judgement]) -> _Months:
            """By scope and period, without those of which a final one stands: they are only proposed."""
            keys = ((one, (one.key.scope, one.key.period)) for one in made)
            return {key: one for one, key in keys if key not in in_books or in_books[key][1] != "final"}

        for period in [one for one in periods if length_of(one) == "month"]:
            made = list(self._meter_months(names, period))
            months |= accepted(made)
            places = list(self._place_months(period, months))
            months |= accepted(places)
            found += made + places
        for period in [one for one in periods if length_of(one) != "month"]:
            found += self._of_months(names, period, months)
        return found

    def _moved(self) -> list[str]:
        """The meters whose days moved, and the main meters of those that are sub-meters."""
        names = {scope.removeprefix(METER) for scope in self._why.scopes or ()}
        mains = {one.main_meter for name in names for one in self._meters.entries.get(name, ()) if one.main_meter}
        return sorted(names | mains)

    def _meter_months(self, names: Sequence[str], period: str) -> Iterator[Judgement]:
        first, last = period_days(period)
        last = min(last, self._frame.last_closed)
        every = days_between(first, last)
        days: dict[str, Days] = {}

        def days_of(name: str) -> Days:
            if name not in days:
                days[name] = self._why.of_scope(self._judgements, ENERGY_DAY, METER + name, first, last)
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
            expected = self._expected(name, period)
            yield meter_month(METER + name, period, [own[day] for day in sorted(own)], lost, expected, self._frame)

    def _place_months(self, period: str, months: Mapping[tuple[str, str], Judgement]) -> Iterator[Judgement]:
        of_meters = {
            scope.removeprefix(METER): one for (scope, of), one in months.items()
            if of == period and scope.startswith(METER)
        }  # fmt: skip
        for scope, district in self._places(months):
            expected = self._expected_of(district, period)
            was_there = (scope, period) in months
            judged = place_month(scope, period, of_meters, district, expected, self._frame, was_there=was_there)
            if judged is not None:
                yield judged

    def _of_months(self, names: Sequence[str], period: str, months: _Months) -> Iterator[Judgement]:
        first, last = period_days(period)
        inside = [f"{first.year}-{number:02d}" for number in range(first.month, last.month + 1)]
        for name in names:
            own = [months[METER + name, month] for month in inside if (METER + name, month) in months]
            if own:
                yield meter_longer(METER + name, period, own, self._expected(name, period), self._frame)
        for scope, district in self._places(months):
            own = [months[scope, month] for month in inside if (scope, month) in months]
            if own:
                yield place_longer(scope, period, own, self._expected_of(district, period), self._frame)

    def _places(self, months: Iterable[tuple[str, str]]) -> list[tuple[str, str | None]]:
        """The districts of the registry, and those that have a month in the books; and the city."""
        districts = {one.district for entries in self._meters.entries.values() for one in entries}
        districts |= {scope.removeprefix(DISTRICT) for scope, _ in months if scope.startswith(DISTRICT)}
        return [*((DISTRICT + name, name) for name in sorted(districts)), (CITY, None)]

    def _span(self, period: str) -> tuple[int, int]:
        """(start, end] of a period so far [ms]."""
        start, end = period_bounds(period, self._zone)
        return start, min(end, day_bounds(self._frame.last_closed, self._zone)[1])

    def _expected(self, name: str, period: str) -> int:
        return active_ms(self._meters.entries.get(name, ()), *self._span(period))

    def _expected_of(self, district: str | None, period: str) -> dict[str, int]:
        """How long each meter that counts in a district, or in the city, was to measure there [ms]."""
        span = self._span(period)
        found = {
            name: active_ms([one for one in entries if counts_in_sums(one) and district in {None, one.district}], *span)
            for name, entries in self._meters.entries.items()
        }
        return {name: length for name, length in found.items() if length > 0}
