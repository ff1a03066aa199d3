"""Times of use: which part of a day is peak, flat or valley, as dated data; the city's own file or the shipped example."""

import re
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Annotated, Literal, NamedTuple, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, model_validator

from processors.standards.reading import validated
from processors.standards.tables import Mark
from sensors.instants import to_millis

PeriodName = Literal["peak", "flat", "valley"]
PERIOD_NAMES: tuple[PeriodName, ...] = ("peak", "flat", "valley")

_SPAN = re.compile(r"([01]\d|2[0-4]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)", re.ASCII)
_DAY_MINUTES = 24 * 60


class TimeOfUseError(ValueError):
    """The file is wrong: the message names it, the table and the fix."""


class Segment(NamedTuple):
    """A part (since, until] [ms] of a civil day."""

    since: int
    until: int
    name: PeriodName


class _Table(BaseModel):
    """The periods of the days from `from_` on, in these months or in all."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    from_: date = Field(alias="from")
    months: frozenset[Annotated[int, Field(ge=1, le=12)]] = frozenset()
    peak: tuple[str, ...] = ()
    flat: tuple[str, ...] = ()
    valley: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _fills_the_day(self) -> Self:
        spans = self.spans
        edges = [0, *(until for _, until, _ in spans)]
        if not spans or edges[:-1] != [since for since, _, _ in spans] or edges[-1] != _DAY_MINUTES:
            raise ValueError(
                f"table from {self.from_}: its periods leave out or repeat a part of the day; fill 00:00 to 24:00"
            )
        return self

    @property
    def spans(self) -> list[tuple[int, int, PeriodName]]:
        """(since, until, name) in minutes of the day, in order."""
        return sorted((*_minutes(text), name) for name in PERIOD_NAMES for text in getattr(self, name))


class TimeOfUse(BaseModel):
    """A file of tables, with where it is from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    document: str
    mark: Mark
    tables: tuple[_Table, ...] = Field(alias="table", min_length=1)

    @model_validator(mode="after")
    def _has_every_month(self) -> Self:
        first = min(one.from_ for one in self.tables)
        named = {month for one in self.tables if one.from_ == first for month in one.months or range(1, 13)}
        if lacking := sorted(set(range(1, 13)) - named):
            raise ValueError(
                f"from {first} on there is no table of month {', '.join(map(str, lacking))}; add one, or one without months"
            )
        return self

    def segments(self, day: date, zone: ZoneInfo) -> list[Segment]:
        """The parts of a civil day by the clock of the zone; none before the first table."""
        table = self._of(day)
        return [] if table is None else list(_segments(table, day, zone))

    def _of(self, day: date) -> _Table | None:
        held = [one for one in self.tables if one.from_ <= day and (not one.months or day.month in one.months)]
        return max(held, key=lambda one: (one.from_, bool(one.months)), default=None)


def parse_time_of_use(text: str, place: str) -> TimeOfUse:
    """A file of tables; `place` names it in errors. Raises TimeOfUseError."""
    return validated(TimeOfUse, text, place, TimeOfUseError)


@cache
def shipped_time_of_use() -> TimeOfUse:
    """The example that cityflux ships."""
    name = "time-of-use.toml"
    return parse_time_of_use(files("processors.standards").joinpath(name).read_text("utf-8"), name)


def _minutes(text: str) -> tuple[int, int]:
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no part of a day; write 08:00-11:00")
    hour, minute, until_hour, until_minute = (int(part) for part in found.groups())
    return hour * 60 + minute, until_hour * 60 + until_minute


def _segments(table: _Table, day: date, zone: ZoneInfo) -> Iterator[Segment]:
    spans = table.spans
    edges = [_instant(day, since, zone) for since, _, _ in spans] + [_instant(day, _DAY_MINUTES, zone)]
    for (since, until), (_, _, name) in zip(pairwise(edges), spans, strict=True):
        if until > since:
            yield Segment(since, until, name)


def _instant(day: date, minutes: int, zone: ZoneInfo) -> int:
    """Of a time of the clock; of one that the clock skips that of the skip."""
    while True:
        days, rest = divmod(minutes, _DAY_MINUTES)
        local = datetime.combine(day + timedelta(days=days), time(rest // 60, rest % 60), zone)
        if to_millis(local) <= to_millis(local.replace(fold=1)):
            return to_millis(local)
        minutes += 1
