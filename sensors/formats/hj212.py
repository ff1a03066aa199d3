"""HJ 212-2017 and HJ/T 212-2005: what environmental monitors upload. The frames themselves are `hj212_frame`'s.

    ##0173QN=20180427125809000;ST=22;CN=2011;PW=…;MN=LXHB0CS0306310;Flag=5;CP=&&DataTime=20180427125809;
    a34004-Rtd=75600.000,a34004-Flag=N;a01001-Rtd=24.8,a01001-Flag=N&&B4C0

A payload is one frame or several, as the gateway publishes the packets of one message. Of data frames (CN 2011 real-time, 2051
minute, 2061 hour, 2031 day) all of one device, command and DataTime are one sample:

- The device is MN. A field is called by its factor code and holds -Rtd of real-time data, -Avg of all others; what else is sent
  of a factor keeps its ending (`a34004-Min`). Codes are written as in `hj212.toml`, however a device writes them; old codes (HJ/T
  212-2005) and the names PM25, SO2, … are fields of their own, for their units differ.
- DataTime is the start of the interval of averaged data (C.15); the national air platform stamps the end, for which there is the
  option `stamps`. It has no offset: it is of the source's zone.
- -Flag is the instrument's state (table 8); a letter that is not in the table makes its value doubtful, unless an option
  translates it. Values that are no numbers stay text.

A later packet of a message (PNO 2 and up) without DataTime has that of the frame before it in the payload with the same MN,
CN and QN. A frame that carries no data (state, running time, answers, heartbeats) says that its device is online. An
encrypted CP (HJ 212-2025) is refused. Factors of another family than the source's are unknown fields.
"""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from functools import cache, lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple, cast

import msgspec
from pydantic import Field

from sensors.formats import hj212_frame
from sensors.formats.hj212_frame import LENGTH_ENDS, QN_ENDS, Crc, Frame, FrameRefused, Head
from sensors.formats.options import FormatOptions, read_options
from sensors.formats.parsing import calendar_millis, number_or_text, shown
from sensors.formats.sample import NOTHING, Decode, Options, Placement, Sample, Shape, Value, Vitals
from sensors.instants import HOUR_MS, MINUTE_MS
from sensors.quantities import Family
from sensors.reading import Period, Status
from sensors.refusals import Refusal, Refused

_TABLE: Mapping[str, Any] = tomllib.loads(files("sensors.formats").joinpath("hj212.toml").read_text("utf-8"))
FLAGS: Final[Mapping[str, Status]] = MappingProxyType(_TABLE["flags"])
"""Status by flag (HJ 212-2017, table 8)."""

_PERIODS: Mapping[str, Period] = {"2011": "raw", "2051": "minute", "2061": "hour", "2031": "day"}
_ITS_VALUE = {cn: "Rtd" if period == "raw" else "Avg" for cn, period in _PERIODS.items()}
"""What a value ends with, by command number."""

IGNORED = (
    *_TABLE["others"]["codes"],
    *_TABLE["others"]["codes_2005"],
    *("*-Min", "*-Max", "*-Cou", "*-Zs*", "*-SampleTime", "*-EFlag"),
)
"""Factors of the tables that are no quantities of ours; of each factor extremes, amounts, converted values, and what the
instrument says of itself in words of its maker."""

_ITEM = re.compile(r"([A-Za-z0-9_.]+)(?:-([A-Za-z]+))?=(.*)", re.DOTALL)
_BLANK = re.compile(rb"\s+")
_PARTS = ((0, 4), (4, 6), (6, 8), (8, 10), (10, 12), (12, 14))
_TIME = re.compile(r"[0-9]{14}(?:[0-9]{3})?", re.ASCII)
# Text without a field: base64 ends with =, but nothing follows it.
_HAS_FIELDS = re.compile(rb"DataTime=|=[^=]")
# 300 digits are no number that a double cannot hold.
_TIME_FIRST, _VALUE_OF_A_FIELD = "DataTime=([0-9]{14})", "([-+.0-9]{1,300})"
# Chosen: layouts that are kept; a device has one per command number.
_KEPT_LAYOUTS = 8192
_KEPT_TIMES = 4096


class Hj212Options(FormatOptions):
    """`crc`: which checksum a frame must have. `minutes`: how long the interval of minute data is, which no frame says; chosen:
    10, the MinInterval of the standard's examples (CN 1063, 1064). `stamps`: what DataTime is of averaged data. `flags`: statuses
    of flags that are not in table 8, or mean something else."""

    crc: Crc = "either"
    minutes: int = Field(default=10, ge=1, le=60)
    stamps: Literal["start", "end"] = "start"
    flags: dict[str, Status] = Field(default_factory=dict)


def make(options: Options) -> Decode:
    """A decoder of payloads of frames. Raises OptionError."""
    chosen = read_options(Hj212Options, options)
    reader = _Reader(chosen, options.zone)

    def decode(payload: bytes) -> Sequence[Sample | Refusal]:
        sample = reader.ordinary(payload)
        return _several(payload, chosen.crc, reader) if sample is None else (sample,)

    return decode


@cache
def placements(family: Family) -> Mapping[str, Placement]:
    """The factors of the tables that are quantities of the family, with the units of the tables."""
    found: dict[str, Placement] = {}
    for factor in _TABLE["factor"]:
        its, code = factor["quantity"].split("/")
        if its == family:
            found[factor["code"]] = Placement(code, factor["unit"])
            if "code_2005" in factor:
                found[factor["code_2005"]] = Placement(code, factor["unit"])
    for name, quantity in _TABLE["names"].items():
        its, code = quantity.split("/")
        if its == family:
            found[name] = Placement(code)
    return MappingProxyType(found)


def _spellings() -> Iterator[str]:
    for factor in _TABLE["factor"]:
        yield factor["code"]
        if "code_2005" in factor:
            yield factor["code_2005"]
    yield from _TABLE["names"]
    yield from _TABLE["others"]["codes"]
    yield from _TABLE["others"]["codes_2005"]


_SPELLING = {code.casefold(): code for code in _spellings()}


def _factor(name: str) -> str:
    """The factor's code as the tables write it, where they have it."""
    return _SPELLING.get(name.casefold(), name)


def _field(name: str, ending: str, cn: str) -> str:
    """What a field is called: its factor, with its ending where it is not the value of this command number."""
    return f"{_factor(name)}-{ending}" if ending and ending != _ITS_VALUE[cn] else _factor(name)


class _Layout(NamedTuple):
    """What an ordinary frame of a device is, but for what stands before CP. Groups of the pattern are DataTime and the values of
    its fields; `template` makes JSON of the groups: an object by field."""

    head: Head
    period: Period
    pattern: re.Pattern[bytes]
    template: bytes
    shape: Shape


@lru_cache(_KEPT_LAYOUTS)
def _compiled(pattern: str) -> re.Pattern[bytes]:
    """One object for all devices of a kind, so that it stays in the processor's cache."""
    return re.compile(pattern.encode())


@lru_cache(_KEPT_LAYOUTS)
def _shape(_fields: tuple[str, ...]) -> Shape:
    return Shape()


@lru_cache(_KEPT_LAYOUTS)
def _template(fields: tuple[str, ...]) -> bytes:
    """%.0b is DataTime, and leaves nothing of it."""
    names = (msgspec.json.encode(field).replace(b"%", b"%%") for field in fields)
    return b"%.0b{" + b",".join(name + b":%b" for name in names) + b"}"


_floats: Callable[[bytes], dict[str, float]] = msgspec.json.Decoder(dict[str, float]).decode


class _Reader:
    """Payloads to samples. What a device's last frame looked like is tried first: it sends the same fields each time."""

    def __init__(self, options: Hj212Options, zone: tzinfo) -> None:
        self._zone = zone
        self._minutes = options.minutes
        self._stamps_start = options.stamps == "start"
        self._flags = {**FLAGS, **options.flags}
        # What `ordinary` asks of a frame: the checksum of HJ 212, and N for normal.
        self._has_ordinary = options.crc != "modbus" and self._flags["N"] == "normal"
        # By what stands before CP, without QN.
        self._layouts: dict[bytes, _Layout] = {}
        self._last_patterns: dict[bytes, str] = {}
        self._ends = lru_cache(_KEPT_TIMES)(self._end)

    def ordinary(self, payload: bytes) -> Sample | None:
        """The sample of one frame that looks like the last one of its device, whose values are numbers and whose flags are N;
        None for every other payload. What it gives is what `careful` gives."""
        begin = payload.find(b"CP=&&")
        layout = self._layouts.get(payload[QN_ENDS:begin]) or self._layouts.get(payload[LENGTH_ENDS:begin])
        if layout is None:
            return None
        head, period, pattern, template, shape = layout
        end = hj212_frame.end_of(payload)
        try:
            found = pattern.fullmatch(payload, 0, end)
            if found is None or not hj212_frame.is_sound(payload, end):
                return None
            groups = found.groups()
            at = self._ends(groups[0], head.cn)
            # As JSON: a third of the time of float() for each of them.
            values = _floats(template % groups)
        except (msgspec.DecodeError, Refused):  # "1.2.3", "+1", "01"; a time that is none
            return None
        # Half of the time of Sample(…). In the order of its fields.
        return tuple.__new__(Sample, (head.mn, at, values, NOTHING, NOTHING, period, None, 0, None, shape))

    def careful(self, frame: Frame, data: bytes, time: str | None) -> tuple[Sample, str]:
        """The sample of any data frame, and its DataTime; `data` is its bytes, `time` is that of the packet before it. Raises
        Refused."""
        values: dict[str, Value] = {}
        statuses: dict[str, Status] = {}
        own_time: str | None = None
        for name, ending, text in _items(frame.cp):
            if name == "DataTime" and not ending:
                if own_time is not None:
                    raise _twice(name)
                own_time = text
                continue
            if ending == "Flag":
                status = self._flags.get(text, "doubtful" if text else "normal")
                if status != "normal":
                    statuses[_factor(name)] = status
                continue
            field = _field(name, ending, frame.head.cn)
            if field in values:
                raise _twice(field)
            values[field] = number_or_text(text) if text else None
        if own_time is not None:
            time = own_time
        if time is None:
            raise Refused(
                "invalid_time",
                "CP, DataTime",
                "is missing",
                "send it in the first packet, and the packets of one message together, with one QN",
            )
        at = self._ends(time.encode(), frame.head.cn)
        if self._has_ordinary and not statuses:
            self._remember(frame, data)
        return Sample(frame.head.mn, at, values, statuses, NOTHING, _PERIODS[frame.head.cn]), time

    def _remember(self, frame: Frame, data: bytes) -> None:
        """Make the layout of a frame that was read: DataTime first, then numbers and flags, written as the standard does. Only of
        the second one in a row, for to compile a pattern costs as much as to read a dozen frames with care."""
        before, head = hj212_frame.before_cp(data)
        if b"QN=" in before or not hj212_frame.is_sound(data, hj212_frame.end_of(data)):
            return
        patterns, fields = [_TIME_FIRST], []
        parts = re.split("([,;])", frame.cp.decode())
        for part in parts[1:]:
            item = _ITEM.fullmatch(part)
            if item is None and part in {"", ",", ";"}:
                patterns.append(part)
            elif item is not None and item[2] == "Flag":
                patterns.append(re.escape(f"{item[1]}-Flag=N"))
            elif item is not None and item[1] != "DataTime":
                fields.append(_field(item[1], item[2] or "", frame.head.cn))
                name = item[1] if item[2] is None else f"{item[1]}-{item[2]}"
                patterns.append(re.escape(f"{name}=") + _VALUE_OF_A_FIELD)
            else:
                return  # only `careful` reads it
        if re.fullmatch(_TIME_FIRST, parts[0]) is None:
            return
        pattern = f"{head}CP=&&{''.join(patterns)}&&"
        if self._last_patterns.get(before) == pattern:
            if len(self._layouts) >= _KEPT_LAYOUTS:
                self._layouts.clear()
            self._layouts[before] = _Layout(
                frame.head,
                _PERIODS[frame.head.cn],
                _compiled(pattern),
                _template(tuple(fields)),
                _shape(tuple(fields)),
            )
        else:
            if len(self._last_patterns) >= _KEPT_LAYOUTS:
                self._last_patterns.clear()
            self._last_patterns[before] = pattern

    def _end(self, time: bytes, cn: str) -> int:
        """DataTime, as sent, to the end of the interval [ms]. Raises Refused."""
        text = time.decode()
        if _TIME.fullmatch(text) is None:
            raise _no_time(text)
        try:
            # A fifth of the time of strptime, and it comes once for every second that devices name.
            year, month, day, hour, minute, second = (int(text[a:b]) for a, b in _PARTS)
            moment = datetime(year, month, day, hour, minute, second, tzinfo=self._zone)
            if cn == "2031" and self._stamps_start:
                # The next midnight, which is not always 24 hours away.
                moment = (moment.replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=self._zone)
            millis = calendar_millis(moment) + int(text[14:] or 0)
        except (ValueError, OverflowError) as error:
            raise _no_time(text) from error
        if self._stamps_start:
            millis += {"2051": self._minutes * MINUTE_MS, "2061": HOUR_MS}.get(cn, 0)
        return millis


def _several(payload: bytes, crc: Crc, reader: _Reader) -> Sequence[Sample | Refusal]:
    """The samples of a payload of any number of frames, and in their places the frames that cannot be read. Raises Refused: as
    its frame, where it is only one; no_readings."""
    parts: list[Sample | Refusal] = []
    places: dict[tuple[str | None, str, int | None], int] = {}
    times: dict[_Message, str] = {}
    position: int | None = 0
    while position is not None and (begin := _blank_ends(payload, position)) < len(payload):
        try:
            frame, position = hj212_frame.take(payload, begin, crc)
            sample, time = _sample(frame, payload[begin:position], reader, times)
        except Refused as refused:
            if isinstance(refused, FrameRefused):
                position = refused.end
                # From here to the next frame.
                position = None if position is None else payload.find(b"##", position)
                position = None if position == -1 else position
            parts.append(refused.refusal)
            continue
        if time is None:
            parts.append(sample)
            continue
        times[_message_of(frame)] = time
        key = (sample.device, frame.head.cn, sample.at)
        if key not in places:
            places[key] = len(parts)
            parts.append(sample)
            continue
        with_it = _joined(cast("Sample", parts[places[key]]), sample)
        if isinstance(with_it, Refusal):
            parts.append(with_it)
        else:
            parts[places[key]] = with_it
    if not parts:
        raise Refused("no_readings", "payload", "has no frame", "send at least one frame")
    return parts


def _blank_ends(payload: bytes, position: int) -> int:
    """Where the next frame begins: past CR LF and blanks."""
    found = _BLANK.match(payload, position)
    return position if found is None else found.end()


_Message = tuple[str | None, str, str | None]


def _message_of(frame: Frame) -> _Message:
    """What packets of one message have in common: MN, CN, QN (HJ 212-2017, table 3)."""
    return frame.head.mn, frame.head.cn, frame.qn


def _sample(frame: Frame, data: bytes, reader: _Reader, times: Mapping[_Message, str]) -> tuple[Sample, str | None]:
    """The sample of a frame, and its DataTime if it carries data. Raises Refused."""
    if frame.head.cn not in hj212_frame.DATA:
        return Sample(frame.head.mn, None, vitals=Vitals(online=True)), None
    if frame.cp and _HAS_FIELDS.search(frame.cp) is None:
        raise Refused(
            "undecodable",
            "CP",
            f"{shown(frame.cp)} is not text of fields; HJ 212-2025 lets it be encrypted, which is not supported",
            "let the device send without encryption",
        )
    is_later = (frame.head.pno or 1) > 1
    return reader.careful(frame, data, times.get(_message_of(frame)) if is_later else None)


def _joined(first: Sample, second: Sample) -> Sample | Refusal:
    """What two packets of one message say. What is in both must be the same: the first packet comes again with later ones."""
    for field in first.values.keys() & second.values.keys():
        if first.values[field] != second.values[field]:
            return Refusal(
                "invalid_shape", f"CP, {field}", "is there twice with two values", "send each field of a time once"
            )
    return first._replace(
        values={**first.values, **second.values}, statuses={**first.statuses, **second.statuses}, shape=None
    )


def _items(cp: bytes) -> Iterator[tuple[str, str, str]]:
    """Name, ending and text of each field. Raises Refused."""
    try:
        text = cp.decode()
    except UnicodeDecodeError as error:
        raise Refused("undecodable", "CP", f"byte {error.start} is not UTF-8", "send ASCII") from error
    for part in re.split("[,;]", text):
        if not part.strip():
            continue
        item = _ITEM.fullmatch(part.strip())
        if item is None:
            raise Refused("invalid_shape", "CP", f"{shown(part)} is not a field", "send code-Rtd=value, code-Flag=N; …")
        yield item[1], item[2] or "", item[3].strip()


def _twice(field: str) -> Refused:
    return Refused("invalid_shape", f"CP, {field}", "is there twice", "send each field once")


def _no_time(text: str) -> Refused:
    return Refused(
        "invalid_time", "CP, DataTime", f"{shown(text)} is not a time", "send YYYYMMDDhhmmss, or with milliseconds"
    )
