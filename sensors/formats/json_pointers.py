"""Plain JSON, with a mapping (format `json`): JSON pointers (RFC 6901) say where device, time and fields are.

    [source.options]
    readings = "/data"                                  {"dev": "d7", "data": [{"ts": 1772344800, "v": {"pm": 35}},
    device = "/dev"                                                            {"ts": 1772344860, "v": {"pm": 36}}]}
    time = "/ts"
    time_format = "s"
    fields = { pm25 = "/v/pm" }

With `readings` each element of that array is a reading, and pointers start there; device, time, `issued` and vitals are looked
for in the whole message where the reading has none. A field that is missing or null is a missing value; one that is a
structure or an array is its members, under names joined by dots. Without `fields` every number that is a member of the object
at `values` is a field, except those that other pointers name. Numbers written as text stay text.

A status is a word (numbers and booleans as JSON writes them) that `status_words` translates, or one of ours. A word that is
neither makes its field doubtful: it says that something is not as usual, and nobody has said what.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from pydantic import Field, model_validator
from pydantic_core import to_json

from sensors.formats.options import Clock, FormatOptions, TimeFormat, clock, read_options
from sensors.formats.parsing import array_of, count_of, fields_of, json_of, kind_of, number_of, object_of, shown
from sensors.formats.pointers import MISSING, Pointer, PointerText
from sensors.formats.sample import Decode, Options, Sample, Value, Vitals
from sensors.reading import STATUSES, Status
from sensors.refusals import Refusal, Refused


class VitalsPointers(FormatOptions):
    """Where what the message says of the device itself is (see `Vitals`)."""

    battery: PointerText | None = None
    rssi: PointerText | None = None
    snr: PointerText | None = None
    counter: PointerText | None = None


class JsonOptions(FormatOptions):
    """Where everything is. `status_words` translates the words at `statuses` into ours."""

    readings: PointerText | None = None
    device: PointerText | None = None
    time: PointerText | None = None
    time_format: TimeFormat = "iso"
    fields: dict[str, PointerText] | None = None
    values: PointerText = ""
    statuses: dict[str, PointerText] = Field(default_factory=dict)
    status_words: dict[str, Status] = Field(default_factory=dict)
    seq: PointerText | None = None
    issued: PointerText | None = None
    vitals: VitalsPointers = VitalsPointers()

    @model_validator(mode="after")
    def _one_way_to_name_fields(self) -> "JsonOptions":
        if self.fields is not None and "values" in self.model_fields_set:
            raise ValueError("give either fields or values")
        if self.fields == {}:
            raise ValueError("fields is empty: name one, or leave it out to take all numbers")
        return self


def make(options: Options) -> Decode:
    """A decoder of JSON that is laid out as the options say. Raises OptionError."""
    chosen = read_options(JsonOptions, options)
    readings = None if chosen.readings is None else Pointer(chosen.readings)
    read = _Reader(chosen, clock(chosen.time_format, options.zone))

    def decode(payload: bytes) -> Sequence[Sample | Refusal]:
        message = json_of(payload)
        if readings is None:
            return (read.sample(message, message, ""),)
        found = readings(message)
        each = array_of(None if found is MISSING else found, readings.text or "payload")
        if not each:
            raise Refused("no_readings", readings.text or "payload", "is empty", "send at least one reading")
        parts: list[Sample | Refusal] = []
        for index, one in enumerate(each):
            try:
                parts.append(read.sample(one, message, f"{readings.text}/{index}"))
            except Refused as refused:
                parts.append(refused.refusal)
        return parts

    return decode


class _Reader:
    """Reads one reading of a message."""

    def __init__(self, options: JsonOptions, instant: Clock) -> None:
        self._instant = instant
        self._device = _pointer(options.device)
        self._time = _pointer(options.time)
        self._issued = _pointer(options.issued)
        self._seq = _pointer(options.seq)
        self._fields = None if options.fields is None else {n: Pointer(text) for n, text in options.fields.items()}
        self._values = Pointer(options.values)
        self._statuses = {name: Pointer(text) for name, text in options.statuses.items()}
        self._words: Mapping[str, Status] = options.status_words
        vitals = options.vitals
        self._vitals = [_pointer(text) for text in (vitals.battery, vitals.rssi, vitals.snr, vitals.counter)]
        others = [self._device, self._time, self._issued, self._seq, *self._vitals, *self._statuses.values()]
        self._no_fields = {one.steps for one in others if one is not None}

    def sample(self, reading: Any, message: Any, place: str) -> Sample:
        """The reading, which stands at `place`. Raises Refused: invalid_shape, invalid_time, no_readings."""
        device = at = issued = None
        seq = 0
        if self._device is not None:
            device = _device(_found(self._device, reading, message), f"{place}{self._device.text}")
        if self._time is not None:
            at = self._instant(_found(self._time, reading, message), f"{place}{self._time.text}")
        if self._issued is not None and (sent := _found(self._issued, reading, message)) is not None:
            issued = self._instant(sent, f"{place}{self._issued.text}")
        if self._seq is not None:
            seq = _seq(_found(self._seq, reading, reading), f"{place}{self._seq.text}")
        values = self._chosen(reading, place) if self._fields is not None else self._all_numbers(reading, place)
        statuses = self._states(reading)
        vitals = self._of_the_device(reading, message)
        if not values and not statuses and vitals is None:
            wanted = ", ".join(p.text for p in self._fields.values()) if self._fields else "a number"
            raise Refused("no_readings", place or "payload", f"has no {wanted}", "send it, or correct the pointers")
        return Sample(device, at, values, statuses, issued=issued, seq=seq, vitals=vitals)

    def _chosen(self, reading: Any, place: str) -> Mapping[str, Value]:
        values: dict[str, Value] = {}
        for name, pointer in (self._fields or {}).items():
            value = pointer(reading)
            if isinstance(value, dict | list):
                values |= fields_of(value, name, f"{place}{pointer.text}")
            elif value is not MISSING:
                values[name] = value
        return values

    def _all_numbers(self, reading: Any, place: str) -> Mapping[str, Value]:
        found = self._values(reading)
        members = object_of(None if found is MISSING else found, f"{place}{self._values.text}" or "payload")
        steps = self._values.steps
        return {
            name: value
            for name, value in members.items()
            if type(value) in (int, float) and (*steps, name) not in self._no_fields
        }

    def _states(self, reading: Any) -> Mapping[str, Status]:
        statuses: dict[str, Status] = {}
        for name, pointer in self._statuses.items():
            sent = _found(pointer, reading, reading)
            if sent is not None:
                word = _word(sent)
                status = self._words.get(word) or (cast("Status", word) if word in STATUSES else "doubtful")
                if status != "normal":
                    statuses[name] = status
        return statuses

    def _of_the_device(self, reading: Any, message: Any) -> Vitals | None:
        battery, rssi, snr, counter = (p and _found(p, reading, message) for p in self._vitals)
        vitals = Vitals(number_of(battery), number_of(rssi), number_of(snr), count_of(counter))
        return None if vitals == _NO_VITALS else vitals


_NO_VITALS = Vitals()


def _pointer(text: str | None) -> Pointer | None:
    return None if text is None else Pointer(text)


def _found(pointer: Pointer, reading: Any, message: Any) -> Any:
    """What the pointer finds in the reading, else in the message, else None."""
    value = pointer(reading)
    if value is MISSING and message is not reading:
        value = pointer(message)
    return None if value is MISSING else value


def _device(value: object, place: str) -> str:
    if type(value) is int or (isinstance(value, str) and value):
        return str(value)
    raise Refused(
        "invalid_shape", place, f"{kind_of(value)}, not the name of a device", "send a text or a whole number"
    )


def _seq(value: object, place: str) -> int:
    number = 0 if value is None else count_of(value)
    if number is None:
        raise Refused("invalid_shape", place, f"{shown(value)} is not a number from 0 up", "number events from 0 up")
    return number


def _word(value: object) -> str:
    return value if isinstance(value, str) else to_json(value, inf_nan_mode="constants").decode()
