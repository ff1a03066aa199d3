"""Days of meters that are not as days like them were, from the days in the books and the temperature that the air stations of the
meter's district measured."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple
from zoneinfo import ZoneInfo

from processors.energy.days import ENERGY_DAY, totals_of
from processors.energy.totals import Tally
from processors.indicators.energy_anomaly import DAYS_BEFORE, DaysOff, DayUse, Verdict, against_other_kind, judge
from processors.scopes import METER
from processors.windows import civil_day, day_bounds, ends
from store.books import Books
from store.judgements import Judgement, Judgements
from store.port import ReadingsStore

# Chosen: the mean of fewer hours is no day's.
_LEAST_HOURS = 18


class JudgedDay(NamedTuple):
    """A day of a meter and a quantity, how much of it was measured [%], what was expected of it, and how it lies between days off
    and working days; None where too few days were like it, or it was not measured whole."""

    meter: str
    quantity: str
    use: DayUse
    measured_percent: Decimal
    verdict: Verdict | None
    days_off: DaysOff | None


def judged_days(
    store: ReadingsStore, books: Books, names: Sequence[str], first: date, last: date, zone: ZoneInfo, *,
    quantities: Sequence[str] = ("electricity",), holidays: Collection[date] = (),
) -> Iterator[JudgedDay]:  # fmt: skip
    """The days of meters from `first` to `last` that have one of these quantities, those measured whole against the sixty before
    each. Raises StoreUnavailable, StoreMisconfigured, BooksUnavailable."""
    judgements = Judgements(books)
    since = first - timedelta(days=DAYS_BEFORE)
    warmth: dict[str, Mapping[date, float]] = {}
    for name in names:
        found = judgements.latest(ENERGY_DAY, scope=METER + name, first=since.isoformat(), last=last.isoformat())
        uses: dict[str, list[tuple[DayUse, Decimal]]] = {quantity: [] for quantity in quantities}
        for day in (one.judgement for one in found):
            district = day.detail["district"]
            if district not in warmth:
                warmth[district] = _temperatures(store, books, district, since, last, zone)
            used, civil = totals_of(day).used, date.fromisoformat(day.key.period)
            for quantity, of in uses.items():
                if (one := used.get(quantity)) is not None and day.expected:
                    of.append((DayUse(civil, one.amount, warmth[district].get(civil)), _measured_percent(one, day)))
        for quantity, of in uses.items():
            whole = [use for use, measured in of if measured == 100]
            for use, measured in of:
                if use.day >= first:
                    is_whole = measured == 100
                    yield JudgedDay(
                        name, quantity, use, measured, judge(use, whole, holidays) if is_whole else None,
                        against_other_kind(use, whole, holidays) if is_whole else None,
                    )  # fmt: skip


def _measured_percent(one: Tally, day: Judgement) -> Decimal:
    """How much of a day was measured [%], rounded down: only a day measured whole is 100."""
    share = Fraction(100 * min(one.measured_ms, day.expected * 60_000), day.expected * 60_000)
    return Decimal(int(share * 10)) / 10


def _temperatures(
    store: ReadingsStore, books: Books, district: str, first: date, last: date, zone: ZoneInfo
) -> dict[date, float]:
    """The mean of a district's hourly air temperatures [°C], by day; days with too few hours are left out."""
    names = sorted({one.id for one in books.registry() if one.family == "air" and one.district == district})
    if not names:
        return {}
    start, end = day_bounds(first, zone)[0], day_bounds(last, zone)[1]
    frame = store.readings("air", "hour", start, end, names, ["air_temperature"])
    frame = frame[frame["air_temperature"].notna()]
    by_day: dict[date, dict[int, list[float]]] = {}
    for at, value in zip(ends(frame).tolist(), frame["air_temperature"].tolist(), strict=True):
        by_day.setdefault(civil_day(at, zone), {}).setdefault(at, []).append(value)
    return {
        day: sum(sum(of) / len(of) for of in hours.values()) / len(hours)
        for day, hours in by_day.items()
        if len(hours) >= _LEAST_HOURS
    }
