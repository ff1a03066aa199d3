"""SenML in JSON (RFC 8428, with the features and versions of RFC 9100 and the secondary units of RFC 8798).

    [{"bn": "urn:dev:ow:10e2073a01080063:", "bt": 1772344800, "n": "temperature", "u": "Cel", "v": 12.1},
     {"n": "humidity", "u": "%RH", "v": 61}]

Records of one device and one time are one sample. A name is split into device and field: the device is the base name without
the separators it ends with, the field is the name. Without a base name the last separator splits, but the parts of a device
URN (RFC 9039) stay together, and so do the digits of `PM2.5`. A record without a name of its own is called by its unit, or
else `value`; the integral over time (`s`, RFC 8428 section 4.2) is called `<field>.sum`, with its unit times seconds.

Times are resolved as section 4.5.3 says, but a format knows no clock: a time relative to now is refused, and a pack without
any time is a sample without one. Update times (`ut`) and labels of extensions are passed over, but for those that must be
understood (section 4.4). Numbers that a double cannot hold become infinite; whoever judges values refuses them.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from math import inf
from types import MappingProxyType
from typing import Any, Final, cast

import msgspec

from sensors.formats.gathering import Gathering
from sensors.formats.options import FormatOptions, read_options
from sensors.formats.parsing import array_of, calendar_millis, json_of, kind_of, object_of, shown
from sensors.formats.sample import NOTHING, Decode, Options, Sample, Shape, Value
from sensors.refusals import Code, Refusal, Refused

UNITS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "%EL": "%",
        "%RH": "%",
        "/": "1",
        "/100": "%",
        "/1000": "‰",
        "Cel": "°C",
        "Ohm": "Ω",
        "W/m2": "W/m²",
        "deg": "°",
        "kg/m3": "kg/m³",
        "l": "L",
        "l/s": "L/s",
        "lat": "°",
        "lon": "°",
        "m/s2": "m/s²",
        "m2": "m²",
        "m3": "m³",
        "m3/s": "m³/s",
        "pH": "1",
        "ug/m3": "µg/m³",
    }
)
"""Our notation of units that RFC 8428 table 12, RFC 8798 tables 1 and 2 write otherwise; all others are written alike."""

VERSIONS: Final = frozenset({*range(1, 11), 26})
"""Versions understood: up to 10 (RFC 8428 section 4.4), and 26, which is 10 with secondary units (RFC 9100 section 4)."""

_RELATIVE = 2**28
"""Times below are relative to now [s] (section 4.5.3)."""
_BEYOND = 250_000_000_000
"""The year 9892 [s]. Chosen: a round number within the calendar."""
# Chosen: longer packs are records of many times, or cost little more the careful way for each of their records.
_MOST_ORDINARY = 64
# Chosen: shapes of packs that are remembered; a device has one or two.
_KEPT = 4096

_TEXT: tuple[type, ...] = (str,)
_NUMBER: tuple[type, ...] = (int, float)
_VALUES: Mapping[str, tuple[type, ...]] = {"v": _NUMBER, "vs": _TEXT, "vb": (bool,), "vd": _TEXT}
_BASES: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("bn", "bu"), _TEXT),
    **dict.fromkeys(("bt", "bv", "bs"), _NUMBER),
}
_REGULAR: Mapping[str, tuple[type, ...]] = {"n": _TEXT, "u": _TEXT, "t": _NUMBER, "s": _NUMBER, **_VALUES}
"""What a record may have, and of which type (section 4.3, table 1). Other labels are passed over."""

_DEVICE_URN = re.compile(r"(urn:dev:[^:]+:[^:_]+)[:_]?(.*)", re.DOTALL)
"""A device URN and the component that follows (RFC 9039 section 3)."""


class SenmlOptions(FormatOptions):
    """`separators`: the characters that may stand between device and field."""

    separators: str = ":/."


class _First(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The first record of an ordinary pack: it has base name and base time."""

    bn: str
    bt: float
    n: str
    v: float
    u: str = ""
    bu: str = ""


class _Next(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A further record of an ordinary pack: name, value and perhaps a unit."""

    n: str
    v: float
    u: str = ""


@lru_cache(_KEPT)
def _pack(records: int) -> Callable[[bytes], tuple[_First | _Next, ...]]:
    """The decoder of an ordinary pack of so many records."""
    return msgspec.json.Decoder(tuple[(_First, *[_Next] * (records - 1))]).decode  # type: ignore[misc]  # made at run time


@lru_cache(_KEPT)
def _units(names: tuple[str, ...], units: tuple[str, ...], base: str) -> tuple[Mapping[str, str], Shape]:
    """The units of an ordinary pack in our notation, by name, and its shape."""
    found = {
        name: UNITS.get(unit or base, unit or base) for name, unit in zip(names, units, strict=True) if unit or base
    }
    return found, Shape()


NOT_ORDINARY = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def make(options: Options) -> Decode:
    """A decoder of SenML packs. Raises OptionError."""
    names = _Names(read_options(SenmlOptions, options).separators)

    def decode(payload: bytes) -> Sequence[Sample | Refusal]:
        sample = ordinary(payload, names)
        return careful(payload, names) if sample is None else (sample,)

    return decode


class _Names:
    """How names are split at `separators`."""

    def __init__(self, separators: str) -> None:
        self.separators = separators
        places = [rf"(?<!\d){re.escape(c)}|{re.escape(c)}(?!\d)" if c == "." else re.escape(c) for c in separators]
        self._last = re.compile(rf"(.*)(?:{'|'.join(places)})(.*)", re.DOTALL) if places else None

    def split(self, base: str, name: str) -> tuple[str | None, str]:
        """Base name and name to device (None where no name has one) and field ("" where there is no name of it)."""
        if base:
            return base.rstrip(self.separators) or None, name
        found = _DEVICE_URN.fullmatch(name) or (self._last and self._last.fullmatch(name))
        return (found[1] or None, found[2]) if found else (None, name)


def ordinary(payload: bytes, names: _Names) -> Sample | None:
    """The sample of a pack whose first record has base name and base time, and whose others have name, value and unit only;
    None for every other payload. What it gives is what `careful` gives, at a tenth of its cost."""
    count = payload.count(b"{")  # of records; where one stood in a string, the pack is not ordinary
    if not 0 < count <= _MOST_ORDINARY:
        return None
    try:
        records = _pack(count)(payload)
    except NOT_ORDINARY:
        return None
    first = cast("_First", records[0])
    device = first.bn.rstrip(names.separators)
    values: dict[str, Value] = {record.n: record.v for record in records}
    # A record without a name; a name that is there twice.
    if not device or not _RELATIVE <= first.bt < _BEYOND or "" in values or len(values) != count:
        return None
    units, shape = _units(tuple(values), tuple([record.u for record in records]), first.bu)
    # Half of the time of Sample(…). In the order of its fields.
    return tuple.__new__(Sample, (device, round(first.bt * 1000), values, NOTHING, units, None, None, 0, None, shape))


def careful(payload: bytes, names: _Names) -> Sequence[Sample | Refusal]:
    """The samples of any pack, and in their places the records that cannot be read. Raises Refused: undecodable,
    invalid_json, invalid_shape, no_readings."""
    records = array_of(json_of(payload), "payload")
    gathering = Gathering()
    base: dict[str, Any] = {}
    for index, record in enumerate(records):
        place = f"[{index}]"
        members: Mapping[str, Any] = {}
        with gathering.part():
            members = object_of(record, place)
        _understand(members, place)
        base |= _checked(members, _BASES, place)
        if members.keys() <= {*_BASES, "bver"}:
            continue
        with gathering.part():
            device, at, fields, units = _resolved(base, _checked(members, _REGULAR, place), place, names)
            gathering.add(device, at, fields, place, units)
    return gathering.parts("payload", "send at least one record with a value")


def _understand(members: Mapping[str, Any], place: str) -> None:
    """Raises Refused where the pack is one that only newer readers may use (section 4.4)."""
    for label in members:
        if label.endswith("_"):
            raise Refused(
                "invalid_shape",
                f"{place}.{shown(label)}",
                "must be understood, and is not",
                "send it without that label",
            )
    version = members.get("bver", 10)
    if type(version) is not int or version not in VERSIONS:
        raise Refused(
            "invalid_shape",
            f"{place}.bver",
            f"version {shown(version)} is not understood",
            "send version 10 (RFC 8428)",
        )


def _checked(members: Mapping[str, Any], types: Mapping[str, tuple[type, ...]], place: str) -> dict[str, Any]:
    """The members named in `types`, numbers as floats. Raises Refused where one is of another type."""
    checked = {}
    for label in types.keys() & members.keys():
        value = members[label]
        if not isinstance(value, types[label]) or (isinstance(value, bool) and label != "vb"):
            code: Code = "invalid_value" if label in _VALUES else "invalid_shape"
            raise Refused(
                code, f"{place}.{label}", f"{kind_of(value)}: {shown(value)}", "send what RFC 8428 table 1 says"
            )
        checked[label] = _double(value) if isinstance(value, int) and label != "vb" else value
    return checked


def _double(number: int) -> float:
    try:
        return float(number)
    except OverflowError:
        return inf if number > 0 else -inf


def _resolved(
    base: Mapping[str, Any], record: Mapping[str, Any], place: str, names: _Names
) -> tuple[str | None, int | None, dict[str, Value], dict[str, str]]:
    """Device, time, fields and their units of a record (section 4.6). Raises Refused."""
    unit: str = record.get("u") or base.get("bu") or ""
    device, field = names.split(base.get("bn", ""), record.get("n", ""))
    if device is None and not field:
        raise Refused("invalid_shape", f"{place}.n", "the record has neither name nor base name", "send a name")
    field = field or unit or "value"
    sent = _VALUES.keys() & record.keys()
    if len(sent) > 1:
        raise Refused("invalid_shape", place, f"has {' and '.join(sorted(sent))}", "send one value in a record")
    ours = UNITS.get(unit, unit)
    fields: dict[str, Value] = {}
    units = {field: ours} if unit else {}
    if "v" in sent or (not sent and "s" not in record and "bv" in base):
        fields[field] = record.get("v", 0.0) + base.get("bv", 0.0)
    for label in sent - {"v"}:
        fields[field] = record[label]
    if "s" in record:
        total = f"{field}.sum"
        fields[total] = record["s"] + base.get("bs", 0.0)
        units = {of: ours if of == field else f"{ours}·s" for of in fields} if unit else {}
    if not fields:
        raise Refused("invalid_shape", place, "has no value", "send v, vs, vb, vd or s")
    at = _instant(base.get("bt", 0.0) + record.get("t", 0.0), place)
    return device, at, fields, units


def _instant(seconds: float, place: str) -> int | None:
    """A resolved time [s] to ms since the epoch; None where it is zero, which is to say now. Raises Refused."""
    if seconds == 0:
        return None
    if seconds < _RELATIVE:
        raise Refused(
            "invalid_time",
            f"{place}.t",
            f"{seconds:g} s is relative to when the message was sent, which it does not say",
            "send the base time bt, in seconds since the epoch",
        )
    try:
        return calendar_millis(round(seconds * 1000))
    except (ValueError, OverflowError) as error:
        raise Refused(
            "invalid_time", f"{place}.t", f"{seconds:g} s is beyond the calendar", "send seconds since the epoch"
        ) from error
