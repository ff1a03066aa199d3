"""Messages in several packets (PNUM, PNO): only the first has DataTime, and each is published and answered by itself.

So that every payload can be read by itself, a later packet without DataTime is published with the first one before it. Writing
the first one's readings again is writing them once. Pure.
"""

from collections import OrderedDict
from typing import Final

from sensors.formats.hj212_frame import DATA, Frame

_TIME: Final = b"DataTime="
# Chosen: first packets that are kept, of at most 1,036 bytes: one for each of a city's stations, and a megabyte.
_KEPT = 1024


class FirstPackets:
    """The first packets of messages that have more, of all connections: a station may dial in again between two packets."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str | None, ...], bytes] = OrderedDict()

    def payload_of(self, frame: Frame, data: bytes) -> bytes:
        """What to publish for a frame that was received as `data`."""
        head = frame.head
        if head.pnum is None or head.pnum < 2 or head.cn not in DATA or frame.qn is None:
            return data
        # QN is one for all packets of a message (HJ 212-2017, table 3); without it nothing says what belongs together.
        key = (head.mn, head.st, head.cn, frame.qn, str(head.pnum))
        if _TIME in frame.cp:
            if head.pno == 1:
                self._kept[key] = data
                self._kept.move_to_end(key)
                if len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
            return data
        first = self._kept.get(key)
        return data if first is None else first + b"\r\n" + data
