"""A format's options: one model per format, and one way to say what is wrong with them.

What stands under `[source.options]` is read with `read_options`, which knows only what the model names. Times are options of
several formats, so how a time is written is defined here too.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, tzinfo
from difflib import get_close_matches
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from sensors.formats.parsing import calendar_millis, number_or_text, shown
from sensors.formats.sample import OptionError, Options
from sensors.refusals import Refused


class FormatOptions(BaseModel):
    """The options of one format: the base of its model."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class NoOptions(FormatOptions):
    """Of a format whose document leaves nothing to choose."""


Model = TypeVar("Model", bound=FormatOptions)


def read_options(model: type[Model], options: Options) -> Model:
    """The source's options as the format's model. Raises OptionError, which names the option and what it may be."""
    try:
        return model.model_validate(dict(options.table))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "options"
        if first["type"] == "extra_forbidden" and len(first["loc"]) == 1:
            raise OptionError(f"option {where} is unknown: {_hint(where, list(model.model_fields))}") from error
        detail = first["msg"].removeprefix("Value error, ")
        raise OptionError(f"option {where} = {shown(first['input'])}: {detail}") from error


def _hint(word: str, words: list[str]) -> str:
    near = get_close_matches(word, words, n=1)
    if near:
        return f"did you mean {near[0]}?"
    return f"there are {', '.join(sorted(words))}" if words else "this format has none"


_UNITS: Mapping[str, tuple[int, int]] = {"s": (1000, 1), "ms": (1, 1), "us": (1, 1000), "ns": (1, 1_000_000)}
"""What a number of the unit is multiplied and divided by to be milliseconds."""
_EARLIEST = 100_000_000_000
"""3 March 1973 [ms since the epoch]. Chosen: a number taken for a coarser or finer unit than it is falls before it, or beyond
the calendar, for all times of measurement there are."""
_EXAMPLE = datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC)


def _a_time_format(text: str) -> str:
    if text == "iso" or text in _UNITS:
        return text
    try:
        if "%" in text and datetime.strptime(_EXAMPLE.strftime(text), text).date() == _EXAMPLE.date():  # noqa: DTZ007 - only its date is looked at
            return text
    except ValueError as error:
        raise ValueError(f"is no format of a time: {error}") from error
    raise ValueError('must be "iso", "s", "ms", "us", "ns" or a strptime format with year, month and day')


TimeFormat = Annotated[str, AfterValidator(_a_time_format)]
"""How a time is written: "iso" (ISO 8601), a number since the epoch in "s", "ms", "us" or "ns", or a strptime format."""

Clock = Callable[[object, str], int]
"""A time as sent, and the place it stood at, to milliseconds since the epoch. Raises Refused: invalid_time."""


def clock(form: str, zone: tzinfo) -> Clock:
    """What reads the times of a source: of `form` (a TimeFormat), in `zone` where they have no offset."""
    if form in _UNITS:
        return _numbers(form)
    iso = form == "iso"

    def read(value: object, place: str) -> int:
        if not isinstance(value, str):
            raise _no_time(value, place, form)
        try:
            moment = datetime.fromisoformat(value) if iso else datetime.strptime(value, form)  # noqa: DTZ007 - the zone is attached below
            return calendar_millis(moment if moment.tzinfo is not None else moment.replace(tzinfo=zone))
        except (ValueError, OverflowError) as error:
            raise _no_time(value, place, form) from error

    return read


def _numbers(unit: str) -> Clock:
    multiplier, divisor = _UNITS[unit]

    def read(value: object, place: str) -> int:
        number = number_or_text(value) if isinstance(value, str) else value
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise _no_time(value, place, unit)
        try:
            millis = round(number * multiplier / divisor)
            if millis >= _EARLIEST:
                return calendar_millis(millis)
        except (ValueError, OverflowError):
            pass
        raise Refused(
            "invalid_time",
            place,
            f"{shown(value)} {unit} since the epoch is before 1973 or beyond the calendar",
            "set the device's clock, or correct time_format",
        )

    return read


def _no_time(value: object, place: str, form: str) -> Refused:
    wanted = {"iso": "ISO 8601, for example 2026-03-01T14:00:00+08:00"}.get(form, form)
    return Refused("invalid_time", place, f"{shown(value)} is not a time", f"send {wanted}, or correct time_format")
