"""Frames of HJ 212: the checksum as annex A tells it, every form that real devices send, and bytes that are no frame."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sensors.formats import hj212_frame
from sensors.formats.hj212_frame import (
    MAX_FRAME,
    MAX_SEGMENT,
    Crc,
    ExeRtn,
    Frame,
    FrameRefused,
    Head,
    QnRtn,
    crc_hj212,
    crc_modbus,
    encode,
    take,
)
from tests.captures import CAPTURES

PAYLOADS = {
    capture.name.partition("/")[2]: capture.payload.rstrip(b"\r\n") for capture in CAPTURES if capture.format == "hj212"
}
STANDARD = PAYLOADS["annex-a-of-the-standard"]
SEGMENT = STANDARD[6:-4]


def as_annex_a_says(segment: bytes) -> int:
    """HJ 212-2017, annex A, step by step: each byte into the register's high byte moved down, then eight shifts."""
    register = 0xFFFF
    for byte in segment:
        register = (register >> 8) ^ byte
        for _ in range(8):
            out = register & 1
            register >>= 1
            if out:
                register ^= 0xA001
    return register


def refused(data: bytes, crc: Crc = "either") -> FrameRefused:
    with pytest.raises(FrameRefused) as caught:
        take(data, 0, crc)
    return caught.value


@given(st.builds(lambda length, dice: dice.randbytes(length), st.integers(1, MAX_SEGMENT), st.randoms()))
@example(b"\xff")
@example(b"\x00" * 256)
@example(b"A" * 257)
@example(b"A" * MAX_SEGMENT)
def test_the_checksum_is_that_of_annex_a(segment: bytes) -> None:
    assert crc_hj212(segment) == as_annex_a_says(segment)


def test_the_checksum_of_modbus_is_that_of_the_catalogues() -> None:
    assert crc_modbus(b"123456789") == 0x4B37


@pytest.mark.parametrize(
    ("capture", "of_hj212", "of_modbus"),
    [
        ("annex-a-of-the-standard", 0x1C80, 0x0759),
        ("tianjin-dust", 0xC241, 0x0EED),
        ("names-of-2005", 0x4380, 0x42A3),
        ("nanograms", 0x5440, 0x83CC),
        ("modbus-checksum", 0x0440, 0x8411),
        ("surface-water-flag-9", 0x1540, 0xCB8D),
        ("milliseconds-lower-case-checksum", 0x8C41, 0x5553),
    ],
)
def test_frames_of_real_devices_have_one_of_the_two_checksums(capture: str, of_hj212: int, of_modbus: int) -> None:
    segment, sent = PAYLOADS[capture][6:-4], int(PAYLOADS[capture][-4:], 16)
    assert (crc_hj212(segment), crc_modbus(segment)) == (of_hj212, of_modbus)
    assert sent in {of_hj212, of_modbus}


def test_the_example_of_the_standard_is_taken_apart() -> None:
    head = Head("32", "1062", "100000", "010000A8900016F000169DC0", 5)
    frame = Frame("20160801085857223", head, b"RtdInterval=30")
    assert take(STANDARD) == (frame, len(STANDARD))
    assert take(STANDARD + b"\r\n##") == (frame, len(STANDARD) + 2)
    assert take(b"noise" + STANDARD, 5) == (frame, 5 + len(STANDARD))
    assert head.wants_answer
    assert encode(*frame[:2], "RtdInterval=30") == STANDARD + b"\r\n"


@pytest.mark.parametrize(
    "data",
    [
        b"##0107" + SEGMENT + b"1C80",
        b"##101" + SEGMENT + b"1C80",
        b"##107" + SEGMENT + b"1C80\r\n",
        b"##0101" + SEGMENT + b"1c80",
        b"##0101" + SEGMENT + b"0759",
    ],
    ids=["counts checksum and CR LF", "three digits", "both", "lower case", "checksum of Modbus"],
)
def test_what_real_devices_write_otherwise_is_read_alike(data: bytes) -> None:
    assert take(data) == (take(STANDARD)[0], len(data))


@pytest.mark.parametrize(
    ("crc", "sent", "taken"),
    [
        ("either", b"1C80", True), ("either", b"0759", True), ("either", b"1C81", False),
        ("hj212", b"1C80", True), ("hj212", b"0759", False), ("hj212", b"1c80", True),
        ("modbus", b"1C80", False), ("modbus", b"0759", True),
        ("none", b"0000", True), ("none", b"1C80", True),
    ],
)  # fmt: skip
def test_a_source_says_which_checksum_there_must_be(crc: Crc, sent: bytes, taken: bool) -> None:
    data = b"##0101" + SEGMENT + sent
    if taken:
        assert take(data, 0, crc)[1] == len(data)
    else:
        assert refused(data, crc).refusal.code == "wrong_checksum"


def sealed(segment: bytes) -> bytes:
    return b"##%04d%b%04X\r\n" % (len(segment), segment, crc_hj212(segment))


@pytest.mark.parametrize(
    ("data", "code", "field", "end"),
    [
        (b"", "undecodable", "frame", None),
        (b"##01", "undecodable", "frame", None),
        (STANDARD[:50], "undecodable", "frame", None),
        (STANDARD[:-2], "undecodable", "frame", None),
        (b"x" + STANDARD, "invalid_shape", "frame", 1),
        (b"##x101" + SEGMENT, "invalid_shape", "length", 2),
        (b"##9999" + SEGMENT + b"1C80", "invalid_shape", "length", 2),
        (b"##0099" + SEGMENT + b"1C80", "invalid_shape", "length", len(STANDARD)),
        (b"##0101" + SEGMENT + b"1C8x", "invalid_shape", "CRC", len(STANDARD)),
        (sealed(b"ST=22;CN=2011&&"), "invalid_shape", "CP", 27),
        (sealed(b"ST=22;CP=&&&&"), "invalid_shape", "CN", 25),
        (sealed(b"ST=22;CN=20x1;CP=&&&&"), "invalid_shape", "CN", 33),
        (sealed(b"CN=2011;CN=2051;CP=&&&&"), "invalid_shape", "CN", 35),
        (sealed(b"CN=2011;MN;CP=&&&&"), "invalid_shape", "MN", 30),
        (sealed(b"CN=2011;Flag=x;CP=&&&&"), "invalid_shape", "Flag", 34),
        (sealed(b"CN=2011;PNUM=2;PNO=3;CP=&&&&"), "invalid_shape", "PNO", 40),
        (sealed(b"CN=2011;PNUM=2;CP=&&&&"), "invalid_shape", "PNO", 34),
        (sealed(b"CN=2011;MN=\xff;CP=&&&&"), "undecodable", "frame", 32),
    ],
)
def test_what_is_no_frame_is_refused_and_says_where_to_go_on(
    data: bytes, code: str, field: str, end: int | None
) -> None:
    error = refused(data)
    assert (error.refusal.code, error.refusal.field, error.end) == (code, field, end)
    assert error.refusal.detail
    assert error.refusal.fix


@pytest.mark.parametrize("capture", ["annex-a-of-the-standard", "surface-water-flag-9", "two-packets"])
def test_every_truncation_waits_for_more(capture: str) -> None:
    data = PAYLOADS[capture].partition(b"\r\n")[0]
    for length in range(len(data)):
        assert refused(data[:length]).end is None, length


@given(st.binary(max_size=80), st.sampled_from([b"", b"##", b"##0101", STANDARD, STANDARD[:60], b"CP=&&&&1C80"]))
def test_any_bytes_are_a_frame_or_refused_and_never_hold_up(noise: bytes, known: bytes) -> None:
    for data in (noise, known + noise, noise + known, known[:40] + noise + known[40:]):
        end: int | None
        try:
            _, end = take(data)
        except FrameRefused as refused_:
            end = refused_.end
        assert end is None or 0 < end <= len(data)


words = st.text("ABCabc0123456789_", min_size=1, max_size=20)
heads = st.builds(
    Head,
    st.none() | words,
    st.from_regex(r"[0-9]{4}", fullmatch=True),
    st.none() | words,
    st.none() | words,
    st.none() | st.integers(0, 255),
    st.none(),
    st.none(),
)
numbered = st.tuples(heads, st.integers(1, 9999)).flatmap(
    lambda of: st.integers(1, of[1]).map(lambda pno: of[0]._replace(pnum=of[1], pno=pno))
)
contents = st.text(st.characters(codec="utf-8", exclude_characters="&"), max_size=200)


@given(st.none() | st.from_regex(r"[0-9]{14}[0-9A-Z]{3}", fullmatch=True), heads | numbered, contents)
def test_what_is_encoded_is_what_is_taken(qn: str | None, head: Head, cp: str) -> None:
    data = encode(qn, head, cp)
    assert take(data, 0, "hj212") == (Frame(qn, head, cp.encode()), len(data))
    before, pattern = hj212_frame.before_cp(data)
    rest = b"CP=&&%b&&" % cp.encode()
    assert before == data[6 if qn is None else 27 : -6 - len(rest)]
    for one in (data, data[:-2]):
        end = hj212_frame.end_of(one)
        assert re.fullmatch(pattern.encode() + re.escape(rest), one[:end]) is not None
        assert hj212_frame.is_sound(one, end)


def test_a_frame_has_at_most_1024_bytes_of_data() -> None:
    head = Head("22", "2011", "123456", "MN1", 5)
    most = MAX_SEGMENT - len(encode(None, head)) + 12
    longest = encode(None, head, "x" * most)
    assert len(longest) == MAX_FRAME
    assert take(longest) == (Frame(None, head, b"x" * most), MAX_FRAME)
    with pytest.raises(ValueError, match="1025 bytes"):
        encode(None, head, "x" * (most + 1))


@pytest.mark.parametrize(
    "data",
    [
        STANDARD[:-1],
        STANDARD + b"\r",
        STANDARD + STANDARD,
        STANDARD[:-4] + b"1c80",
        STANDARD[:-4] + b"0759",
        b"##0107" + SEGMENT + b"1C80",
        b"##",
        b"",
    ],
)
def test_what_is_not_one_frame_as_the_standard_writes_it_is_not_sound(data: bytes) -> None:
    assert hj212_frame.is_sound(STANDARD, hj212_frame.end_of(STANDARD))
    assert not hj212_frame.is_sound(data, hj212_frame.end_of(data))


@pytest.mark.parametrize(
    "data",
    [sealed(b"QN=2016-801085857223;CN=1062;CP=&&&&"), sealed(b"CN=1062;QN=20160801085857223;CP=&&&&")],
)
def test_a_qn_is_left_out_only_where_the_standard_has_it(data: bytes) -> None:
    assert b"QN=" in hj212_frame.before_cp(data)[0]


REQUEST = Frame("20160801085857223", Head("32", "1062", "100000", "MN1", 5), b"")


@pytest.mark.parametrize(
    ("answer", "segment"),
    [
        (hj212_frame.data_answer(REQUEST), b"CN=9014;PW=100000;MN=MN1;Flag=4;CP=&&&&"),
        (hj212_frame.notice_answer(REQUEST), b"CN=9013;PW=100000;MN=MN1;Flag=4;CP=&&&&"),
        (
            hj212_frame.request_answer(REQUEST, QnRtn.REFUSED),
            b"CN=9011;PW=100000;MN=MN1;Flag=4;CP=&&QnRtn=2&&",
        ),
        (
            hj212_frame.result_answer(REQUEST, ExeRtn.NO_DATA),
            b"CN=9012;PW=100000;MN=MN1;Flag=4;CP=&&ExeRtn=100&&",
        ),
        (
            hj212_frame.data_answer(REQUEST._replace(head=REQUEST.head._replace(flag=7, pnum=2, pno=1))),
            b"CN=9014;PW=100000;MN=MN1;Flag=6;PNUM=2;PNO=1;CP=&&&&",
        ),
    ],
)
def test_an_answer_has_the_qn_of_what_it_answers(answer: bytes, segment: bytes) -> None:
    assert answer == sealed(b"QN=20160801085857223;ST=91;" + segment)
    assert not take(answer)[0].head.wants_answer


def test_an_answer_in_the_form_of_2005_names_qn_in_its_cp() -> None:
    of_2005 = REQUEST._replace(head=REQUEST.head._replace(flag=1))
    assert hj212_frame.data_answer(of_2005) == sealed(b"ST=91;CN=9014;PW=100000;MN=MN1;CP=&&QN=20160801085857223&&")
    assert hj212_frame.request_answer(of_2005, QnRtn.READY) == sealed(
        b"ST=91;CN=9011;PW=100000;MN=MN1;CP=&&QN=20160801085857223;QnRtn=1&&"
    )
