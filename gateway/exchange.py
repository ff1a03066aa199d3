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

from sensors.formats.hj212_frame import Frame, Head, QnRtn, data_answer, notice_answer, request_answer

NOTICES: Final = frozenset({"1013", "9015"})
ANSWERS: Final = frozenset({"9011", "9012", "9013", "9014"})
REQUESTS: Final = frozenset(
    {"1000", "1012", "1062", "1064", "1072", "2012", "2022", "3011", "3012", "3013", "3014", "3016", "3021"}
)
"""Command numbers that no station uploads anything with: to set, start or stop something."""

# Table 3: two digits; the rest of it is room for what devices make of it.
_ST = re.compile(r"[0-9A-Za-z]{1,8}")
# As long as a device's name in the registry may be.
_LONGEST_NAME = 128


def answer_to(frame: Frame) -> bytes | None:
    """The answer that the frame asks for, once what it says is safe."""
    head = frame.head
    if not head.wants_answer or head.cn in ANSWERS:
        return None
    if head.cn in NOTICES:
        return notice_answer(frame)
    if head.cn in REQUESTS:
        return request_answer(frame, QnRtn.REFUSED)
    return data_answer(frame)


def answer_to_stranger(frame: Frame) -> bytes | None:
    """The answer to a frame whose password is wrong. Data have none that says no: they stay unanswered, and the station keeps
    them."""
    asks = frame.head.wants_answer and frame.head.cn in REQUESTS
    return request_answer(frame, QnRtn.WRONG_PW) if asks else None


def topic_of(head: Head) -> str | None:
    """`hj212/{ST}/{MN}`; None where one of them is missing or cannot be a level of a topic."""
    st, mn = head.st, head.mn
    if st is None or mn is None or _ST.fullmatch(st) is None:
        return None
    if len(mn) > _LONGEST_NAME or not mn.isprintable() or set(mn) & set("+#/"):
        return None
    return f"hj212/{st}/{mn}"
