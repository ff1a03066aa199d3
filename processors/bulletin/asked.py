"""What a bulletin is asked of: a plan and a month, as the books have them at a time."""

from datetime import date, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from processors.pictures.words import Language
from processors.plans import Indicator, Plan
from processors.windows import last_closed_day, length_of, period_days
from sensors.instants import iso
from store.books import Books


class NoBulletin(ValueError):
    """There is none of what was asked; the message says why."""


class Asked(NamedTuple):
    """The month from `first` to `last`; `until` is the last of its days that has closed, the day before `first` where none has.
    Times [ms]."""

    books: Books
    plan: Plan
    first: date
    last: date
    until: date
    zone: ZoneInfo
    now: int
    language: Language

    @property
    def period(self) -> str:
        """As text: 2026-03."""
        return f"{self.first:%Y-%m}"

    @property
    def year(self) -> int:
        """Of the month."""
        return self.first.year

    @property
    def made_at(self) -> str:
        """When, to the second, in the city's zone."""
        return moment(self.now, self.zone)

    @property
    def closed(self) -> int:
        """How many days have closed."""
        return (self.until - self.first).days + 1

    def row(self, computation: str) -> Indicator | None:
        """The plan's first row that is fed so."""
        return next((one for one in self.plan.indicators if one.computation == computation), None)

    def name(self, row: Indicator) -> str:
        """A row's name in the language."""
        return row.zh if self.language == "zh" else row.en


def asked(
    books: Books, plan: Plan, month: str, *, zone: ZoneInfo, grace_ms: int, now: int, language: Language
) -> Asked:
    """A month (2026-03) that has begun by `now` [ms]. Raises NoBulletin."""
    try:
        is_month = length_of(month) == "month"
    except ValueError:
        is_month = False
    if not is_month:
        raise NoBulletin(f"{month!r} is no month; write for example 2026-03")
    first, last = period_days(month)
    closed = last_closed_day(now, grace_ms, zone)
    if first > closed + timedelta(days=1):
        raise NoBulletin(f"{month} has not begun: the last day that has closed is {closed}")
    until = max(min(last, closed), first - timedelta(days=1))
    return Asked(books, plan, first, last, until, zone, now, language)


def moment(at: int, zone: ZoneInfo) -> str:
    """A time [ms] as people read it: 2026-04-01 12:00:05."""
    return iso(at - at % 1000, zone)[:19].replace("T", " ")
