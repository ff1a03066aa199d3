"""Bytes to frames, whatever TCP and the line make of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.stream import Broken, Stream, Whole
from sensors.formats.hj212_frame import MAX_FRAME
from tests.gateway.station import packet, segment

ONE = packet(segment(qn="20260701080000001"))
TWO = packet(segment("DataTime=20260701090000;a34002-Rtd=70.0", qn="20260701080000002"))
BAD_CHECKSUM = TWO.replace(b"70.0", b"71.0")
# As some devices write it: the length counts checksum and CR LF, in three digits.
COUNTS_MORE = b"##%03d" % (int(ONE[2:6]) + 6) + ONE[6:]


def kinds(found: list[Whole | Broken]) -> list[tuple[type, bytes]]:
    return [(type(each), each.data) for each in found]


def whole(data: bytes) -> tuple[type, bytes]:
    return Whole, data.rstrip()


def broken(data: bytes) -> tuple[type, bytes]:
    return Broken, data.rstrip()


CASES = [
    ("two together", ONE + TWO, [whole(ONE), whole(TWO)], 0),
    ("without CR LF", ONE.rstrip() + TWO, [whole(ONE), whole(TWO)], 0),
    ("another length", COUNTS_MORE + TWO, [whole(COUNTS_MORE), whole(TWO)], 0),
    ("noise between", b"noise" + ONE + b"\r\n\x00\x01" + TWO, [whole(ONE), whole(TWO)], 7),
    ("one # too many", b"#" + ONE, [whole(ONE)], 1),
    ("a beginning that is none", b"##AT##" + ONE, [whole(ONE)], 6),
    ("a wrong checksum", ONE + BAD_CHECKSUM + TWO, [whole(ONE), broken(BAD_CHECKSUM), whole(TWO)], 0),
    ("cut off within its data", ONE[:100] + TWO, [broken(ONE[:100]), whole(TWO)], 0),
    ("cut off within its head", ONE[:20] + TWO, [whole(TWO)], 20),
    ("cut off within its checksum", ONE[:-4] + TWO, [broken(ONE[:-4]), whole(TWO)], 0),
    ("a length too small", b"##0050" + ONE[6:] + TWO, [broken(b"##0050" + ONE[6:]), whole(TWO)], 0),
    ("a length too great", b"##0900" + ONE[6:] + TWO, [broken(b"##0900" + ONE[6:]), whole(TWO)], 0),
]


@pytest.mark.parametrize(("data", "expected", "garbage"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
@pytest.mark.parametrize("size", [1, 7, 4096])
def test_frames_are_found_however_the_bytes_come(
    data: bytes, expected: list[tuple[type, bytes]], garbage: int, size: int
) -> None:
    stream = Stream()
    found = [each for at in range(0, len(data), size) for each in stream.feed(data[at : at + size])]
    assert kinds(found) == expected
    assert stream.all_garbage == garbage
    assert stream.rest() is None


@pytest.mark.parametrize("size", range(len(ONE) - 6))
def test_a_frame_that_the_connection_cuts_off_is_kept_once_it_is_one(size: int) -> None:
    stream = Stream()
    assert not stream.feed(ONE[:size])
    rest = stream.rest()
    assert rest == (None if b"CP=&&" not in ONE[:size] else rest)
    assert rest is None or rest.data == ONE[:size]
    assert stream.all_garbage == (size if rest is None else 0)


def test_no_more_is_held_than_one_frame() -> None:
    stream = Stream()
    pieces = (b"##1024", b"x" * 500, b"##0900CP=&&", b"y" * 5000, b"#" * 5000)
    for piece in pieces:
        stream.feed(piece)
        assert len(stream._rest) <= MAX_FRAME
    assert stream.garbage == len(b"".join(pieces)) - len(stream._rest)


@given(st.lists(st.one_of(st.sampled_from([ONE, TWO, BAD_CHECKSUM, b"##", b"#", b"&&"]), st.binary(max_size=40))))
def test_no_byte_is_lost_or_counted_twice(parts: list[bytes]) -> None:
    data = b"".join(parts)
    for size in (1, 13, 4096):
        stream = Stream()
        found = [each for at in range(0, len(data), size) for each in stream.feed(data[at : at + size])]
        rest = stream.rest()
        kept = sum(len(each.data.strip()) for each in found) + (len(rest.data.strip()) if rest else 0)
        blank = sum(data.count(byte) for byte in (b" ", b"\t", b"\n", b"\r", b"\x0b", b"\x0c"))
        assert len(data) - blank <= kept + stream.all_garbage <= len(data)


@given(st.lists(st.sampled_from([ONE, TWO, BAD_CHECKSUM, ONE[:100], b"noise", b"\r\n"])), st.randoms())
def test_the_cuts_of_tcp_change_nothing(parts: list[bytes], chance: object) -> None:
    data = b"".join(parts)
    outcomes = []
    for size in (1, 3, 64, 1500):
        stream = Stream()
        found = [each for at in range(0, len(data), size) for each in stream.feed(data[at : at + size])]
        outcomes.append((kinds([each for each in found if isinstance(each, Whole)]), data.count(TWO)))
    assert all(each == outcomes[0] for each in outcomes)
    assert len(outcomes[0][0]) == sum(part in (ONE, TWO) for part in parts)
