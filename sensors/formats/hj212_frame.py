"""Frames of HJ 212: bytes to frames and back. No I/O, no opinion on what a frame says (that is `hj212`).

    ##0101QN=20160801085857223;ST=32;CN=1062;PW=100000;MN=010000A8900016F000169DC0;Flag=5;CP=&&RtdInterval=30&&1C80\\r\\n

`##`, the length of the data segment in four digits (at most 1024), the data segment, its checksum in four hex digits, CR LF
(HJ 212-2017, 6.3). What real devices send besides is read too: three digits of length; a length that counts checksum and CR LF;
no CR LF; the checksum of Modbus; hex in lower case; no QN and no Flag (HJ/T 212-2005). Everything else is a FrameRefused.

The checksum (annex A) drops its register's low byte before each byte of the message. After each byte only eight bits of state
are left, which change linearly; applied eight times, that map is the identity. So a message has the checksum of one block of
eight bytes: its blocks, counted from its end, XORed into each other. That costs an eighth of a step for each byte, and shows how
weak this checksum is: it does not see two blocks change places.
"""

import re
from collections.abc import Callable, Mapping
from enum import IntEnum
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from sensors.refusals import Code, Refused

MAX_SEGMENT: Final = 1024
"""Bytes of a data segment (HJ 212-2017, table 2)."""
MAX_FRAME: Final = 2 + 4 + MAX_SEGMENT + 4 + 2
"""Bytes of a frame: `##`, length, data segment, checksum, CR LF."""

DATA: Final = frozenset({"2011", "2031", "2051", "2061"})
"""Command numbers (CN) of frames that carry readings: real-time, day, minute, hour (HJ 212-2017, table 9)."""

Crc = Literal["either", "hj212", "modbus", "none"]
"""Which checksum a frame must have: HJ 212's, Modbus's, one of the two, or none that is looked at."""

_TAIL = 6  # checksum and CR LF, which some devices count into the length
_LENGTHS: Mapping[bytes, int] = {b"##%04d" % length: length for length in range(MAX_SEGMENT + _TAIL + 1)}
_THREE_DIGITS = re.compile(rb"##([0-9]{3})[^0-9]")
_CHECKSUM = re.compile(rb"[0-9A-Fa-f]{4}")
_END = re.compile(rb"&&(?=[0-9A-Fa-f]{4})")
_FRAGMENT = re.compile(rb"#{0,2}|##[0-9]{0,4}")
_COMMAND = re.compile(r"[0-9]{4}", re.ASCII)
_COUNT = re.compile(r"[0-9]{1,4}", re.ASCII)
# Chosen: heads that are kept; a device has one per command number, and one more per packet number.
_KEPT_HEADS = 8192


class FrameRefused(Refused):
    """The bytes are no frame. `end` is where to look for the next one; None: they end before this one does."""

    def __init__(self, code: Code, field: str, detail: str, fix: str, end: int | None) -> None:
        super().__init__(code, field, detail, fix)
        self.end = end


class Head(NamedTuple):
    """What stands before CP, but for QN (HJ 212-2017, table 3); None for what is not there."""

    st: str | None
    cn: str
    pw: str | None
    mn: str | None
    flag: int | None = None
    pnum: int | None = None
    """How many packets there are, and which of them this is, from 1."""
    pno: int | None = None

    @property
    def wants_answer(self) -> bool:
        """Bit A of Flag."""
        return self.flag is not None and bool(self.flag & 1)


class Frame(NamedTuple):
    """One frame; `cp` is what stands between `CP=&&` and `&&`."""

    qn: str | None
    head: Head
    cp: bytes


class QnRtn(IntEnum):
    """What a request comes to at once (HJ 212-2017, table 7)."""

    READY = 1
    REFUSED = 2
    WRONG_PW = 3
    WRONG_MN = 4
    WRONG_ST = 5
    WRONG_FLAG = 6
    WRONG_QN = 7
    WRONG_CN = 8
    WRONG_CRC = 9
    UNKNOWN = 100


class ExeRtn(IntEnum):
    """What a request comes to in the end (HJ 212-2017, table 6)."""

    DONE = 1
    FAILED = 2
    WRONG_CONDITION = 3
    TIMEOUT = 4
    BUSY = 5
    SYSTEM_FAULT = 6
    NO_DATA = 100


def take(data: bytes, start: int = 0, crc: Crc = "either") -> tuple[Frame, int]:
    """The frame that begins at `start`, and where it ends. Raises FrameRefused: undecodable, invalid_shape, wrong_checksum."""
    length = _LENGTHS.get(data[start : start + 6])
    begin = start + 6
    if length is None or length > MAX_SEGMENT or data[begin + length - 2 : begin + length] != b"&&":
        begin, length = _odd_length(data, start, length)
    after = begin + length
    segment, sent = data[begin:after], data[after : after + 4]
    end = after + 4
    if data[end : end + 2] == b"\r\n":
        end += 2
    if crc == "modbus" or sent != _TEXTS[crc_hj212(segment)]:
        _check(segment, sent, crc, end, whole=len(data) >= after + 4)
    try:
        return _frame(segment), end
    except Refused as refused:
        its = refused.refusal
        raise FrameRefused(its.code, its.field, its.detail, its.fix, end) from refused


LENGTH_ENDS, QN_ENDS = 6, 27
"""Where the length of a frame ends, and a QN that comes first."""


def before_cp(data: bytes) -> tuple[bytes, str]:
    """What stands before CP, without a QN that comes first, of bytes that begin with a frame; and a pattern of all that stands
    there in frames of that kind. Who knows what a device's frames look like need not take them apart."""
    begin = data.find(b"CP=&&")
    has_qn = data[6:9] == b"QN=" and data[26:27] == b";" and data[9:26].isalnum()
    before = data[QN_ENDS if has_qn else LENGTH_ENDS : begin]
    return before, f"##[0-9]{{4}}{'QN=[0-9A-Za-z]{17};' if has_qn else ''}(?s:.{{{len(before)}}})"


def end_of(data: bytes) -> int:
    """Where the data segment ends, if the bytes are one frame and nothing else."""
    return len(data) - (_TAIL if data[-2:] == b"\r\n" else 4)


def is_sound(data: bytes, end: int) -> bool:
    """Whether the data segment that ends there is as long as the frame says, and has HJ 212's checksum in upper case."""
    return (
        _LENGTHS.get(data[:6]) == end - 6
        and end - 6 <= MAX_SEGMENT
        and data[end : end + 4] == _TEXTS[crc_hj212(data[6:end])]
    )


def encode(qn: str | None, head: Head, cp: str = "") -> bytes:
    """A frame to its bytes. Raises ValueError where the data segment is longer than 1024 bytes."""
    fields: dict[str, str | int | None] = {"QN": qn, "ST": head.st, "CN": head.cn, "PW": head.pw, "MN": head.mn}
    fields |= {"Flag": head.flag, "PNUM": head.pnum, "PNO": head.pno}
    segment = "".join(f"{name}={value};" for name, value in fields.items() if value is not None) + f"CP=&&{cp}&&"
    data = segment.encode()
    if len(data) > MAX_SEGMENT:
        raise ValueError(f"a data segment of {len(data)} bytes: send at most {MAX_SEGMENT}, in several packets")
    return b"##%04d%b%04X\r\n" % (len(data), data, crc_hj212(data))


def data_answer(frame: Frame) -> bytes:
    """9014: the data have come. An answer has the QN of what it answers, and here also the number of the packet."""
    return _answer(frame, "9014", "")


def notice_answer(frame: Frame) -> bytes:
    """9013: the notice has come."""
    return _answer(frame, "9013", "")


def request_answer(frame: Frame, code: QnRtn) -> bytes:
    """9011: whether what was asked for is going to be done."""
    return _answer(frame, "9011", f"QnRtn={code.value}")


def result_answer(frame: Frame, code: ExeRtn) -> bytes:
    """9012: what came of it."""
    return _answer(frame, "9012", f"ExeRtn={code.value}")


def _answer(frame: Frame, cn: str, cp: str) -> bytes:
    qn, of = frame.qn, frame.head
    version = (of.flag or 0) & ~3
    if version == 0:  # HJ/T 212-2005 names the QN that is answered in CP
        named = [f"QN={qn}"] if qn is not None else []
        return encode(None, Head("91", cn, of.pw, of.mn), ";".join([*named, cp] if cp else named))
    numbered = 0 if of.pnum is None else 2
    return encode(qn, Head("91", cn, of.pw, of.mn, version | numbered, of.pnum, of.pno), cp)


def _table() -> tuple[int, ...]:
    """What eight shifts with A001 make of each register below 256."""
    registers = list(range(256))
    for _ in range(8):
        registers = [(register >> 1) ^ (0xA001 if register & 1 else 0) for register in registers]
    return tuple(registers)


_T = _table()
_H = tuple(register >> 8 for register in _T)
_TEXTS = {register: b"%04X" % register for register in _T}
_BLOCK, _MOST_BLOCKS = (1 << 64) - 1, (1 << 1024) - 1
_FIRST = tuple(0xFF << 8 * ((length - 1) % 8) for length in range(8))
"""The register begins as FFFF: as if the first byte were inverted. Where that is in the block, by the message's length mod 8."""


def crc_hj212(segment: bytes) -> int:
    """The checksum of HJ 212-2017, annex A, of 1 to 1024 bytes."""
    blocks = int.from_bytes(segment, "big")
    if len(segment) > 256:
        blocks ^= blocks >> 4096
        blocks ^= blocks >> 2048
    blocks = (blocks ^ blocks >> 1024) & _MOST_BLOCKS
    blocks ^= blocks >> 512
    blocks ^= blocks >> 256
    blocks ^= blocks >> 128
    blocks ^= blocks >> 64
    a, b, c, d, e, f, g, h = (blocks & _BLOCK ^ _FIRST[len(segment) & 7]).to_bytes(8, "big")
    return _T[h ^ _H[g ^ _H[f ^ _H[e ^ _H[d ^ _H[c ^ _H[b ^ _H[a]]]]]]]]


def crc_modbus(segment: bytes) -> int:
    """The checksum of Modbus (Modbus over serial line V1.02, 6.2.2), which one firmware sends, high byte first."""
    register = 0xFFFF
    for byte in segment:
        register = (register >> 8) ^ _T[(register ^ byte) & 0xFF]
    return register


_CHECKS: Mapping[Crc, Mapping[str, Callable[[bytes], int]]] = {
    "either": {"HJ 212": crc_hj212, "Modbus": crc_modbus},
    "hj212": {"HJ 212": crc_hj212},
    "modbus": {"Modbus": crc_modbus},
    "none": {},
}


def _check(segment: bytes, sent: bytes, crc: Crc, end: int, *, whole: bool) -> None:
    """Refuse a checksum that is not HJ 212's in upper case, unless it is one of `crc`."""
    if _CHECKSUM.fullmatch(sent) is None:
        if not whole:
            raise _cut_off("checksum")
        detail = f"{sent!r} is not four hex digits"
        raise FrameRefused("invalid_shape", "CRC", detail, "send the checksum of the data segment", end)
    if crc == "none":
        return
    values: list[str] = []
    for name, of in _CHECKS[crc].items():
        value = b"%04X" % of(segment)
        if value == sent.upper():
            return
        values.append(f"{value.decode()} ({name})")
    detail = f"{sent.decode()} was sent, and the data segment has {' or '.join(values)}"
    raise FrameRefused("wrong_checksum", "CRC", detail, "send the frame again; mend the line or the firmware", end)


def _odd_length(data: bytes, start: int, length: int | None) -> tuple[int, int]:
    """Where the data segment begins and how long it is, where its length as sent is not that. Raises FrameRefused."""
    begin = start + 6
    if length is None:
        digits = _THREE_DIGITS.match(data, start)
        if digits is None:
            raise _no_length(data, start)
        begin, length = start + 5, int(digits[1])
    for real in (length, length - _TAIL):
        after = begin + real
        if 2 <= real <= MAX_SEGMENT and data[after - 2 : after] == b"&&" and _CHECKSUM.match(data, after) is not None:
            return begin, real
    # Otherwise where does it end?
    fix = "send the number of bytes from the length to the checksum, without both"
    opening = data.find(b"CP=&&", begin, start + MAX_FRAME)
    closing = None if opening < 0 else _END.search(data, opening + 5, start + MAX_FRAME)
    if closing is not None:
        detail = f"is {length}, and the data segment has {closing.end() - begin} bytes"
        raise FrameRefused("invalid_shape", "length", detail, fix, closing.end() + 4)
    if len(data) < begin + length + 4:
        raise _cut_off("data segment")
    detail = f"is {length}, and no data segment ends there"
    raise FrameRefused("invalid_shape", "length", detail, fix, start + 2)


def _no_length(data: bytes, start: int) -> FrameRefused:
    begins = data[start : start + 6]
    if len(begins) < 6 and _FRAGMENT.fullmatch(begins) is not None:
        return _cut_off("length")
    if begins[:2] != b"##":
        detail = f"begins with {begins!r}, not with ##"
        return FrameRefused("invalid_shape", "frame", detail, "send whole frames and nothing between them", start + 1)
    if begins[2:].isdigit():
        detail = f"is {int(begins[2:])}, and a data segment has at most {MAX_SEGMENT} bytes"
        return FrameRefused("invalid_shape", "length", detail, "send it in several packets (PNUM, PNO)", start + 2)
    detail = f"{begins[2:]!r} is not four digits"
    return FrameRefused("invalid_shape", "length", detail, "send the data segment's length in four digits", start + 2)


def _cut_off(within: str) -> FrameRefused:
    return FrameRefused("undecodable", "frame", f"ends within its {within}", "send whole frames", None)


def _frame(segment: bytes) -> Frame:
    """A data segment that ends with `&&`, taken apart. Raises Refused."""
    before, _, rest = segment.partition(b"CP=&&")
    if len(rest) < 2:
        raise Refused("invalid_shape", "CP", "the data segment has none", "end the data segment with CP=&&…&&")
    if before[:3] == b"QN=" and before[20:21] == b";" and before[3:20].isalnum():
        again, head = _head(before[21:])  # without QN, which is another one each time
        if again is None:
            return Frame(before[3:20].decode(), head, rest[:-2])
    qn, head = _head(before)
    return Frame(qn, head, rest[:-2])


@lru_cache(_KEPT_HEADS)
def _head(before: bytes) -> tuple[str | None, Head]:
    """QN, and the rest of what stands before CP. Raises Refused."""
    try:
        parts = [part.partition("=") for part in before.decode().split(";") if part]
    except UnicodeDecodeError as error:
        raise Refused("undecodable", "frame", "is not UTF-8", "send ASCII, and Chinese as UTF-8") from error
    fields: dict[str, str | None] = {}
    for name, equals, value in parts:
        if not equals or name in fields:
            detail = "is there twice" if equals else "has no value"
            raise Refused("invalid_shape", name, detail, "send each field once, as name=value, with ; after it")
        fields[name] = value or None
    cn = fields.get("CN") or ""
    if _COMMAND.fullmatch(cn) is None:
        raise Refused("invalid_shape", "CN", f"{cn!r} is not four digits", "send the command number as CN")
    flag, pnum, pno = (_count(fields, name) for name in ("Flag", "PNUM", "PNO"))
    if not pnum:  # 0 packets are none
        pnum = pno = None
    elif not 1 <= (pno or 0) <= pnum:
        raise Refused("invalid_shape", "PNO", f"{pno} of {pnum} packets", "number packets from 1 to PNUM")
    return fields.get("QN"), Head(fields.get("ST"), cn, fields.get("PW"), fields.get("MN"), flag, pnum, pno)


def _count(fields: Mapping[str, str | None], name: str) -> int | None:
    text = fields.get(name)
    if text is None:
        return None
    if _COUNT.fullmatch(text) is None:
        raise Refused("invalid_shape", name, f"{text!r} is not a number", f"send {name} as a number, or leave it out")
    return int(text)
