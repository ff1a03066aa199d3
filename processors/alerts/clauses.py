"""What a level of a rule asks of values, as typed, frozen data; and of which hours a rule speaks."""

import re
from collections.abc import Sequence
from datetime import time
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Annotated, Any, Literal, NamedTuple, Self, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from processors.alerts.values import VALUE

Severity = Literal["notice", "warning", "serious", "critical"]
SEVERITIES: Sequence[Severity] = ("notice", "warning", "serious", "critical")

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)


def _as_written(value: Any) -> Decimal:
    try:
        return Decimal(str(value))
    except InvalidOperation as error:
        raise ValueError(f"{value!r} is no number") from error


Number = Annotated[Decimal, BeforeValidator(_as_written)]
"""Exactly as it is written."""


def _of_a_clock(value: Any) -> Any:
    if not isinstance(value, str | time) or (isinstance(value, str) and not _HOUR_AND_MINUTE.match(value)):
        raise ValueError(f'{value!r} is no time of the city\'s clock; write it as "22:00"')
    return value


_HOUR_AND_MINUTE = re.compile(r"^\d{1,2}:\d{2}(:\d{2})?$")
Clock = Annotated[time, BeforeValidator(_of_a_clock)]
"""A time of the city's clock, which has no zone of its own."""


class Data(BaseModel):
    """A table of a rules file."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Ask(NamedTuple):
    """A clause as it is asked of values: which quantity, whether it has to be over its limit (else below it), the limit, the one
    up to which it is kept up, and in how many windows, all of them or any."""

    of: str
    over: bool
    limit: Fraction
    kept: Fraction
    windows: int
    all_of_them: bool


class Clause(Data):
    """A quantity over a limit, or below one, in this window and so many right before it (`windows` in all), or in any of so many
    (`within`)."""

    of: str = VALUE
    over: Number | None = None
    below: Number | None = None
    windows: int = Field(default=1, ge=1, le=14)
    within: int = Field(default=1, ge=1, le=14)

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if (self.over is None) == (self.below is None):
            raise ValueError("a clause has a limit, `over` or `below`, and not both")
        if self.windows > 1 and self.within > 1:
            raise ValueError("a clause has `windows` or `within`, not both")
        return self

    @property
    def looks_at(self) -> int:
        """How many windows it looks at."""
        return max(self.windows, self.within)

    def ask(self, margin: Decimal) -> Ask:
        """As it is asked; it is kept up as far as a margin within its limit."""
        is_over = self.over is not None
        limit = Fraction(self.over if self.over is not None else self.below or 0)
        kept = limit - Fraction(margin) if is_over else limit + Fraction(margin)
        return Ask(self.of, is_over, limit, kept, self.looks_at, self.within == 1)


class Level(Data):
    """A level: its severity, a scheme's own colour, when it holds, and its own dwell where that is not the rule's [min]."""

    severity: Severity
    colour: str = ""
    dwell_min: int | None = Field(default=None, ge=0)
    any: tuple[tuple[Clause, ...], ...]

    @model_validator(mode="before")
    @classmethod
    def _from_short(cls, data: Any) -> Any:
        short = [key for key in ("of", "over", "below") if key in data] if isinstance(data, dict) else []
        if not short:
            return data
        if "any" in data:
            raise ValueError(f"a level has `{short[-1]}` or `any`, not both")
        rest = {key: value for key, value in data.items() if key not in short}
        return {**rest, "any": [[{key: data[key] for key in short}]]}

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.any or not all(self.any):
            raise ValueError("a level has at least one clause, and so has each of its lists")
        return self


class Hours(Data):
    """Hours of some weekdays, by the city's clock; where `to` is not after `from` they end on the next day."""

    days: tuple[Weekday, ...] = Field(default=WEEKDAYS, min_length=1)
    since: Clock = Field(alias="from")
    until: Clock = Field(alias="to")

    def __str__(self) -> str:
        days = "" if self.days == WEEKDAYS else f"{', '.join(self.days)} "
        return f"{days}{self.since:%H:%M}–{self.until:%H:%M}"

    def covers(self, weekday: int, at: time) -> bool:
        """Whether they do a time of a weekday (0: Monday)."""
        here, before = WEEKDAYS[weekday] in self.days, WEEKDAYS[weekday - 1] in self.days
        if self.since < self.until:
            return here and self.since <= at < self.until
        return (here and at >= self.since) or (before and at < self.until)
