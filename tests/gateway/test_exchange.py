"""Which answer a frame asks for, its topic, and what is published for a packet of a message. Without a socket."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.exchange import ANSWERS, answer_to, answer_to_stranger, carries_data, topic_of
from gateway.split import FirstPackets
from gateway.stream import Stream, Whole
from sensors.formats.hj212_frame import Head
from tests.gateway.station import packet, segment


def whole(segment: str) -> Whole:
    (found,) = Stream().feed(packet(segment))
    assert isinstance(found, Whole)
    return found


@pytest.mark.parametrize(
    ("cn", "answer", "to_a_stranger", "data"),
    [
        *(
            (cn, b"CN=9014", None, True)
            for cn in ("2011", "2021", "2031", "2041", "2051", "2061", "2081", "3019", "3020")
        ),
        *((cn, b"CN=9013", None, False) for cn in ("1013", "9015")),
        *((cn, b"QnRtn=2", b"QnRtn=3", False) for cn in ("1000", "1012", "1062", "2012", "3011")),
        *((cn, None, None, False) for cn in sorted(ANSWERS)),
    ],
)
@pytest.mark.parametrize("flag", [5, 9, 1])
def test_a_frame_has_the_answer_of_its_kind(
    cn: str, answer: bytes | None, to_a_stranger: bytes | None, data: bool, flag: int
) -> None:
    frame = whole(segment(cn=cn, flag=flag))
    for expected, given_ in ((answer, answer_to(frame)), (to_a_stranger, answer_to_stranger(frame))):
        assert (given_ is None) == (expected is None)
        assert expected is None or (given_ is not None and expected in given_ and b"ST=91" in given_)
    assert carries_data(frame.frame) == data


@pytest.mark.parametrize("cn", ["2011", "1013", "1062", "9015"])
def test_who_does_not_ask_is_not_answered(cn: str) -> None:
    frame = whole(segment(cn=cn, flag=4))
    assert answer_to(frame) is None
    assert answer_to_stranger(frame) is None


@given(st.text(max_size=140), st.text(max_size=10))
def test_a_topic_has_three_levels_or_there_is_none(mn: str, system: str) -> None:
    topic = topic_of(Head(system, "2011", "1", mn))
    assert topic is None or (topic.count("/") == 2 and not set(topic) & set("+#\0\n"))


@pytest.mark.parametrize(
    "head", [Head("22", "2011", "1", None), Head(None, "2011", "1", "A"), Head("22", "2011", "1", "A" * 129)]
)
def test_what_cannot_be_a_topic_is_none(head: Head) -> None:
    assert topic_of(head) is None


def part(number: int, cp: str, qn: str = "20260701080001000", mn: str = "A") -> Whole:
    return whole(segment(cp, flag=7, qn=qn, mn=mn, numbers=f"PNUM=3;PNO={number};"))


def test_later_packets_come_with_the_first_one_of_their_own_message() -> None:
    firsts = FirstPackets()
    first, other = part(1, "DataTime=20260701080000;x-Rtd=1"), part(1, "DataTime=20260701080000;x-Rtd=2", mn="B")
    for its_first in (first, other):
        assert firsts.payload_of(*its_first) == its_first.data
    for number in (3, 2, 2):
        later = part(number, "y-Rtd=3")
        assert firsts.payload_of(*later) == first.data + b"\r\n" + later.data
    dated = part(2, "DataTime=20260701080000;y-Rtd=3")
    assert firsts.payload_of(*dated) == dated.data
    of_another = part(2, "y-Rtd=3", qn="20260701080002000")
    assert firsts.payload_of(*of_another) == of_another.data


def test_the_oldest_first_packets_are_forgotten() -> None:
    firsts = FirstPackets()
    for number in range(2_000):
        firsts.payload_of(*part(1, "DataTime=20260701080000;x-Rtd=1", qn=f"{number:017d}"))
    oldest, newest = (part(2, "y-Rtd=3", qn=f"{number:017d}") for number in (0, 1_999))
    assert firsts.payload_of(*oldest) == oldest.data
    assert firsts.payload_of(*newest) != newest.data
