r"""Line protocol of InfluxDB: one line, one sample.

    air,station=hx-01 pm2_5=35.5,o3=61i,mode="auto",open=true 1772344800000000000

Source: InfluxDB OSS v2 documentation, "Line protocol" (elements, data types, special characters, comments). Commas, equals signs
and spaces in names and tags are escaped with a backslash, quotes and backslashes in string values too; any other backslash
is one. Values are floats, integers (`1i`), unsigned integers (`1u`), booleans and quoted strings. A line without a
timestamp has no time. Empty lines and comments (`#`) are passed over; a line that is malformed, or has one value that is, is
refused as a whole, as InfluxDB does.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from sensors.formats.options import FormatOptions, clock, read_options
from sensors.formats.parsing import number_or_text, shown, text_of
from sensors.formats.sample import Decode, Options, Sample, Value
from sensors.refusals import Refusal, Refused

# A backslash escapes what it stands before only if that is special there. Possessive: no text can be read in two ways, and
# hostile ones are not tried in all.
_MEASUREMENT = r"(?:[^, \n\\]|\\[, ]|\\(?![, ]))++"
_KEY = r"(?:[^,= \n\\]|\\[,= ]|\\(?![,= ]))++"
_STRING = r'"(?:[^"\\]|\\.)*+"'
_LINE = re.compile(
    rf"(?P<measurement>{_MEASUREMENT})(?P<tags>(?:,{_KEY}={_KEY})*+)\ ++"
    rf"(?P<fields>{_KEY}=(?:{_STRING}|[^, \r\n\"]++)(?:,{_KEY}=(?:{_STRING}|[^, \r\n\"]++))*+)"
    r"(?:\ ++(?P<time>-?\d{1,20}))?\ *+\r?(?:\n|\Z)",
    re.DOTALL | re.ASCII,
)
_TAG = re.compile(rf",({_KEY})=({_KEY})")
_FIELD = re.compile(rf"({_KEY})=({_STRING}|[^, \r\n\"]++)", re.DOTALL)
_PASSED_OVER = re.compile(r"(?:[ \r]*+\n|#[^\n]*+(?:\n|\Z)|[ \r]++\Z)++")

_BOOLEANS: Mapping[str, bool] = {
    **dict.fromkeys(("t", "T", "true", "True", "TRUE"), True),
    **dict.fromkeys(("f", "F", "false", "False", "FALSE"), False),
}
_INTEGERS: Mapping[str, range] = {"i": range(-(2**63), 2**63), "u": range(2**64)}
_INTEGER = re.compile(r"(-?\d{1,20})([iu])", re.ASCII)


class LineProtocolOptions(FormatOptions):
    """`device`: the tag that names the device; without it only the topic does. `precision`: of timestamps. `names`: a field is
    called by its key, or by its measurement too, joined by a dot."""

    device: str | None = None
    precision: Literal["ns", "us", "ms", "s"] = "ns"
    names: Literal["field", "measurement.field"] = "field"


def make(options: Options) -> Decode:
    """A decoder of line protocol. Raises OptionError."""
    chosen = read_options(LineProtocolOptions, options)
    instant = clock(chosen.precision, options.zone)

    def sample(line: re.Match[str], place: str) -> Sample:
        device = None
        if chosen.device is not None:
            tags = {_unescaped(key): _unescaped(value) for key, value in _TAG.findall(line["tags"])}
            device = tags.get(chosen.device)
            if device is None:
                raise Refused(
                    "invalid_shape", place, f"has no tag {shown(chosen.device)}", "tag each line with its device"
                )
        prefix = f"{_unescaped(line['measurement'])}." if chosen.names == "measurement.field" else ""
        values: dict[str, Value] = {}
        for key, value in _FIELD.findall(line["fields"]):
            name = f"{prefix}{_unescaped(key)}"
            if name in values:
                raise Refused("invalid_shape", place, f"{shown(name)} is there twice", "send each field once")
            values[name] = _value(value, f"{place}, {name}")
        return Sample(device, None if line["time"] is None else instant(int(line["time"]), place), values)

    def decode(payload: bytes) -> Sequence[Sample | Refusal]:
        parts: list[Sample | Refusal] = []
        for line, number in _lines(text_of(payload)):
            place = f"line {number}"
            if line is None:
                parts.append(
                    Refusal("invalid_shape", place, "is not line protocol", "send measurement,tag=… field=… time")
                )
                continue
            try:
                parts.append(sample(line, place))
            except Refused as refused:
                parts.append(refused.refusal)
        if not parts:
            raise Refused("no_readings", "payload", "has no lines", "send at least one line")
        return parts

    return decode


def _lines(text: str) -> Iterator[tuple[re.Match[str] | None, int]]:
    """Each line with its number, None where it is malformed; a quoted string may hold a line's end."""
    position, number = 0, 1
    while position < len(text):
        passed = _PASSED_OVER.match(text, position)
        line = None if passed else _LINE.match(text, position)
        found = passed or line
        end = found.end() if found else text.find("\n", position) + 1 or len(text)
        if passed is None:
            yield line, number
        number += text.count("\n", position, end)
        position = end


def _value(text: str, place: str) -> Value:
    if text[0] == '"':
        return re.sub(r'\\(["\\])', r"\1", text[1:-1])
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if (whole := _INTEGER.fullmatch(text)) is not None and int(whole[1]) in _INTEGERS[whole[2]]:
        return int(whole[1])
    number = number_or_text(text)
    if isinstance(number, float):
        return number
    raise Refused("invalid_value", place, f"{shown(text)} is no value", "send a number, 1i, true, or a quoted string")


def _unescaped(text: str) -> str:
    return re.sub(r"\\([,= ])", r"\1", text) if "\\" in text else text
