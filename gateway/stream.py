"""A connection's bytes to frames: whole ones, broken ones, and how much lay between them. Pure, and the same for every way in
which TCP cuts the bytes.

A frame begins with `##` and its length. Where it cannot be read (`hj212_frame.take`), it ends where the next one begins, else
where it would have ended itself. What looks like a frame is kept as Broken; all else is counted as garbage. At most one frame and
the bytes last fed are held.
"""

import re
from typing import NamedTuple

from sensors.formats.hj212_frame import MAX_FRAME, Frame, FrameRefused, take
from sensors.refusals import Refusal

_BEGIN = b"##"
_LENGTH = re.compile(rb"##([0-9]{3})([0-9]?)")
# What every frame has (HJ 212-2017, table 3), and line noise has not.
_MARK = b"CP=&&"
# A length that counts checksum and CR LF as well.
_COUNTED_TOO = 6


class Whole(NamedTuple):
    """A frame whose checksum is right, and its bytes as received, without CR LF: that may come later, or never."""

    frame: Frame
    data: bytes


class Broken(NamedTuple):
    """Bytes that were a frame when they were sent, and what is wrong with them."""

    refusal: Refusal
    data: bytes


class Stream:
    """One connection. `garbage` counts the bytes since the last whole frame, broken ones too; `all_garbage` those since ever that
    belong to no frame."""

    def __init__(self) -> None:
        self._rest = b""
        self.garbage = 0
        self.all_garbage = 0

    @property
    def waiting(self) -> bool:
        """Whether a frame has begun and not ended."""
        return bool(self._rest)

    def feed(self, data: bytes) -> list[Whole | Broken]:
        """What has come with these bytes, in order."""
        buffer, start = self._rest + data, 0
        found: list[Whole | Broken] = []
        behind = _Behind(buffer)
        while (begin := buffer.find(_BEGIN, start)) >= 0:
            self._skip(buffer[start:begin])
            start = begin
            try:
                frame, after = take(buffer, start)
            except FrameRefused as refused:
                end = refused.end
                stop = behind.first(start + 1) if end is None else _end_of_broken(buffer, start, end)
                if stop is None:
                    break
                piece = buffer[start:stop]
                if _MARK in piece:
                    found.append(Broken(refused.refusal, piece.rstrip(b"\r\n")))
                    self.garbage += len(piece)
                else:
                    self._skip(piece)
                start = stop
            else:
                found.append(Whole(frame, buffer[start:after].rstrip(b"\r\n")))
                self.garbage = 0
                start = after
        else:
            held = 1 if buffer.endswith(b"#") and start < len(buffer) else 0
            self._skip(buffer[start : len(buffer) - held])
            start = len(buffer) - held
        self._rest = buffer[start:]
        return found

    def rest(self) -> Broken | None:
        """At the connection's end: the frame that was cut off, if any."""
        piece, self._rest = self._rest, b""
        try:
            take(piece)
        except FrameRefused as refused:
            if _MARK in piece:
                return Broken(refused.refusal, piece.rstrip(b"\r\n"))
        self._skip(piece)
        return None

    def _skip(self, between: bytes) -> None:
        size = len(between.strip())  # CR LF ends a frame and is none of it
        self.garbage += size
        self.all_garbage += size


class _Behind:
    """Where whole frames begin in `buffer`: what is behind a frame that has not ended was cut off. Found once however often it is
    asked."""

    def __init__(self, buffer: bytes) -> None:
        self._buffer = buffer
        self._known: int | None = -1

    def first(self, start: int) -> int | None:
        """Where the first whole frame at or behind `start` begins. `start` never goes back."""
        if self._known is not None and self._known < start:
            self._known = next(
                (m.start() for m in _LENGTH.finditer(self._buffer, start) if self._is_whole(m)),
                None,
            )
        return self._known

    def _is_whole(self, found: re.Match[bytes]) -> bool:
        # First whether it can be: hostile bytes are full of beginnings, and `take` costs more than this.
        length, begin = int(found[1] + found[2]), found.end()
        if not any(self._buffer[begin + n - 2 : begin + n] == b"&&" for n in (length, length - _COUNTED_TOO)):
            return False
        try:
            take(self._buffer, found.start())
        except FrameRefused:
            return False
        return True


def _end_of_broken(buffer: bytes, start: int, end: int) -> int | None:
    """Where the bytes end that begin as a frame at `start` and cannot be read; None: more bytes are needed to tell. `end` is
    where `take` would look on."""
    if end > start + 2:
        following = buffer.find(_BEGIN, start + 2, end + 1)
        if following >= 0:
            return following
        # Its last byte may be the first of the next frame's.
        return None if end == len(buffer) and buffer.endswith(b"#") else end
    if _LENGTH.match(buffer, start) is None:
        return start + 1
    # A length, and no end that fits it: it goes as far as a frame can.
    following = buffer.find(_BEGIN, start + 2, start + MAX_FRAME)
    if following >= 0:
        return following
    return start + MAX_FRAME if len(buffer) >= start + MAX_FRAME else None
