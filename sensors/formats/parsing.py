"""What several formats need to read a payload: text, JSON, numbers, nested fields. Every fault is a Refused."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from pydantic_core import from_json

from sensors.formats.sample import Value
from sensors.instants import to_millis
from sensors.refusals import Refused

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_SHOWN = 80
"""Characters of a value that a refusal shows. Chosen: a line."""
_DEEPEST = 8
_LONGEST_NAME = 256
"""Levels of nesting and characters of a field's name. Chosen: more than any thing model has; without a bound a hostile message
of long names, nested, becomes thousands of times its size."""
_FIRST, _LAST = (
    to_millis(datetime(1, 1, 2, tzinfo=UTC)),
    to_millis(datetime(9999, 12, 31, tzinfo=UTC)),
)
"""A day within what a datetime holds [ms since the epoch]."""


def text_of(payload: bytes) -> str:
    """Payload to text. Raises Refused: undecodable."""
    try:
        return payload.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused(
            "undecodable", "payload", f"byte {error.start} is not UTF-8", "send the payload as UTF-8"
        ) from error


def json_of(payload: bytes) -> Any:
    """Payload to any JSON value; of a key that is there twice the last counts. Raises Refused: undecodable, invalid_json."""
    text = text_of(payload)
    try:
        return from_json(text)
    except ValueError as error:
        raise Refused("invalid_json", "payload", f"not JSON: {error}", "send one JSON text") from error


def object_of(value: object, place: str) -> Mapping[str, Any]:
    """`value` where it is an object. Raises Refused, naming `place`: invalid_shape."""
    if isinstance(value, dict):
        return value
    raise Refused("invalid_shape", place, f"{kind_of(value)}, not an object", "send an object")


def array_of(value: object, place: str) -> list[Any]:
    """`value` where it is an array. Raises Refused, naming `place`: invalid_shape."""
    if isinstance(value, list):
        return value
    raise Refused("invalid_shape", place, f"{kind_of(value)}, not an array", "send an array")


def text_at(members: Mapping[str, Any], name: str, place: str) -> str:
    """The text of that name, not empty. Raises Refused, naming `place`: invalid_shape."""
    value = members.get(name)
    if isinstance(value, str) and value:
        return value
    raise Refused("invalid_shape", place, f"{kind_of(value)}, not a text", "send a text that is not empty")


def kind_of(value: object) -> str:
    """What JSON calls a value, with its article; None is what is missing or null."""
    names: dict[type, str] = {
        list: "an array",
        dict: "an object",
        str: "a string" if value else "an empty string",
        bool: "a boolean",
        type(None): "missing",
    }
    return names.get(type(value), "a number")


def shown(value: object) -> str:
    """A value as a refusal shows it."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def number_or_text(text: str) -> float | str:
    """A float where the text is a finite decimal number, else the text as it is."""
    if _NUMBER.fullmatch(text) is None:
        return text
    number = float(text)
    return number if isfinite(number) else text


def number_of(value: object) -> float | None:
    """A finite number as a float; None for everything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if isfinite(number) else None


def count_of(value: object) -> int | None:
    """A whole number from 0 up; None for everything else."""
    return value if type(value) is int and value >= 0 else None


def fields_of(value: object, name: str, place: str) -> dict[str, Value]:
    """A value under its name, or, where it is an object or array, what is in it, under names joined by dots (`air.co`,
    `channel.0`). Raises Refused, naming `place`: invalid_shape, where two of them have one name or they nest too deep."""
    fields: dict[str, Value] = {}
    _gather(value, name, place, fields, _DEEPEST)
    return fields


def _gather(value: Any, name: str, place: str, fields: dict[str, Value], deepest: int) -> None:
    if not isinstance(value, dict | list):
        if name in fields:
            raise Refused("invalid_shape", place, f"{shown(name)} is there twice", "give each field a name of its own")
        fields[name] = value
        return
    if deepest == 0 or len(name) > _LONGEST_NAME:
        raise Refused(
            "invalid_shape",
            place,
            f"nests more than {_DEEPEST} levels, or its names are longer than {_LONGEST_NAME} characters",
            "send flat fields with short names",
        )
    for key, member in value.items() if isinstance(value, dict) else enumerate(value):
        _gather(member, f"{name}.{key}" if name else str(key), place, fields, deepest - 1)


def calendar_millis(time: datetime | int) -> int:
    """An aware datetime, or milliseconds since the epoch, to milliseconds that every zone can show. Raises OverflowError
    beyond."""
    millis = time if isinstance(time, int) else to_millis(time)
    if not _FIRST < millis < _LAST:
        raise OverflowError(f"{millis} ms is beyond the calendar")
    return millis
