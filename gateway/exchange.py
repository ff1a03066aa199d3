"""What the centre's side of HJ 212 says: which answer a frame asks for, and the topic it is published under. Pure.

HJ 212-2017, 6.1 and table 9; of HJ 212-2025 the heartbeat (table 12). Bit A of Flag asks for an answer; without it, as in most
frames of HJ/T 212-2005, there is none.

| from the station | answer |
|---|---|
| data and everything else that is uploaded | 9014 |
| a notice: 1013 (asks for the time to be set), 9015 (heartbeat) | 9013 |
| a request, which only a centre may make (1062: set an interval) | 9011, QnRtn=2 (refused); 3 where the password is wrong |
| 9011 … 9014 | none: they are answers |

9012 tells what came of a request that 9011 accepted; this side accepts none, so it has none to send.
"""

import re
from typing import Final

from gateway.stream import Whole
from sensors.formats.hj212_frame import (
    Frame,
    Head,
    QnRtn,
    crc_hj212,
    crc_modbus,
    data_answer,
    notice_answer,
    request_answer,
)

NOTICES: Final = frozenset({"1013", "9015"})
ANSWERS: Final = frozenset({"9011", "9012", "9013", "9014"})
REQUESTS: Final = frozenset(
    {"1000", "1012", "1062", "1064", "1072", "2012", "2022", "3011", "3012", "3013", "3014", "3016", "3021"}
)
"""Command numbers that no station uploads anything with: to set, start or stop something."""

INTERACTION: Final = "91"
"""ST of frames that only answer, and of heartbeats (table 5)."""

_LENGTH = re.compile(rb"##[0-9]{3,4}")
# Table 3: two digits; the rest of it is room for what devices make of it.
_ST = re.compile(r"[0-9A-Za-z]{1,8}")
# As long as a device's name in the registry may be.
_LONGEST_NAME = 128


def carries_data(frame: Frame) -> bool:
    """Whether anything is lost where the frame is."""
    return frame.head.cn not in NOTICES | ANSWERS | REQUESTS


def answer_to(whole: Whole) -> bytes | None:
    """The answer that the frame asks for, once what it says is safe."""
    frame, cn = whole.frame, whole.frame.head.cn
    if not frame.head.wants_answer or cn in ANSWERS:
        return None
    if cn in NOTICES:
        return _in_kind(notice_answer(frame), whole)
    if cn in REQUESTS:
        return _in_kind(request_answer(frame, QnRtn.REFUSED), whole)
    return _in_kind(data_answer(frame), whole)


def answer_to_stranger(whole: Whole) -> bytes | None:
    """The answer to a frame whose password is wrong. Data have none that says no: they stay unanswered, and the station keeps
    them."""
    head = whole.frame.head
    if not head.wants_answer or head.cn not in REQUESTS:
        return None
    return _in_kind(request_answer(whole.frame, QnRtn.WRONG_PW), whole)


def _in_kind(answer: bytes, whole: Whole) -> bytes:
    """The answer with the checksum that the station itself uses: a firmware that sends Modbus's expects it."""
    segment, sent = _LENGTH.sub(b"", whole.data, count=1)[:-4], whole.data[-4:]
    if sent.upper() == b"%04X" % crc_hj212(segment):
        return answer
    return answer[:-6] + b"%04X" % crc_modbus(answer[6:-6]) + answer[-2:]


def topic_of(head: Head) -> str | None:
    """`hj212/{ST}/{MN}`; None where one of them is missing or cannot be a level of a topic."""
    st, mn = head.st, head.mn
    if st is None or mn is None or _ST.fullmatch(st) is None:
        return None
    if len(mn) > _LONGEST_NAME or not mn.isprintable() or set(mn) & set("+#/"):
        return None
    return f"hj212/{st}/{mn}"
