"""Availability: birth, will and status messages that say whether a device is there, and nothing else.

    online                                    (the payload is the word)
    {"status": "offline", "utcTime": "…"}     state = "/status", time = "/utcTime"

Words are compared without spaces around them and without case; numbers and booleans are words as JSON writes them. A sample
has no values, only `online` among its vitals.
"""

from collections.abc import Sequence
from typing import Any

from pydantic import model_validator
from pydantic_core import to_json

from sensors.formats.options import FormatOptions, TimeFormat, clock, read_options
from sensors.formats.parsing import json_of, kind_of, shown, text_of
from sensors.formats.pointers import MISSING, Pointer, PointerText
from sensors.formats.sample import Decode, Options, Sample, Vitals
from sensors.refusals import Refusal, Refused


class AvailabilityOptions(FormatOptions):
    """`online` and `offline` are the words. `state`, `device` and `time` are where in a JSON payload they are; without `state`
    the whole payload is the word."""

    online: Sequence[str] = ("online", "1", "true", "connected")
    offline: Sequence[str] = ("offline", "0", "false", "disconnected")
    state: PointerText | None = None
    device: PointerText | None = None
    time: PointerText | None = None
    time_format: TimeFormat = "iso"

    @model_validator(mode="after")
    def _words_and_places_agree(self) -> "AvailabilityOptions":
        if both := {_folded(word) for word in self.online} & {_folded(word) for word in self.offline}:
            raise ValueError(f"{min(both)!r} is in online and in offline")
        if self.state is None and (self.device, self.time) != (None, None):
            raise ValueError("device and time are looked for in JSON: say with state where the word is")
        return self


def make(options: Options) -> Decode:
    """A decoder of availability messages. Raises OptionError."""
    chosen = read_options(AvailabilityOptions, options)
    instant = clock(chosen.time_format, options.zone)
    words = {_folded(word): True for word in chosen.online} | {_folded(word): False for word in chosen.offline}
    state, device, time = (
        None if text is None else Pointer(text) for text in (chosen.state, chosen.device, chosen.time)
    )

    def online(word: str, place: str) -> Vitals:
        found = words.get(_folded(word))
        if found is None:
            raise Refused(
                "invalid_value",
                place,
                f"{shown(word)} is neither online nor offline",
                f"send one of {', '.join(words)}, or name the word in the source's options",
            )
        return Vitals(online=found)

    def decode(payload: bytes) -> Sequence[Sample | Refusal]:
        if state is None:
            return (Sample(None, None, vitals=online(text_of(payload), "payload")),)
        message = json_of(payload)
        vitals = online(_word(state(message), state.text or "payload"), state.text or "payload")
        return (
            Sample(
                None if device is None else _name(device(message), device.text),
                None if time is None else instant(_or_none(time(message)), time.text),
                vitals=vitals,
            ),
        )

    return decode


def _folded(word: str) -> str:
    return word.strip().casefold()


def _word(value: Any, place: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return to_json(value, inf_nan_mode="constants").decode()
    raise Refused("invalid_shape", place, f"{kind_of(_or_none(value))}, not a word", "send a word")


def _name(value: Any, place: str) -> str:
    if isinstance(value, str) and value:
        return value
    raise Refused("invalid_shape", place, f"{kind_of(_or_none(value))}, not the name of a device", "send a text")


def _or_none(value: Any) -> Any:
    return None if value is MISSING else value
