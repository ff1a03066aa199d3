"""Format hj212: what fields, times and states of a frame become, packets that belong together, the two ways that read alike,
and the factor table beside the other tables."""

import csv
import json
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.formats import hj212, hj212_frame
from sensors.formats.hj212_frame import Frame, Head, crc_hj212, encode, take
from sensors.formats.sample import Decode, OptionError, Options, Sample, Vitals
from sensors.instants import to_millis
from sensors.quantities import MEASURED_FAMILIES, OF_FAMILY, QUANTITIES
from sensors.refusals import Refusal, Refused
from sensors.sources.rules import Rules
from sensors.units import conversion
from tests.captures import CAPTURES
from tests.programs import ROOT

QN = "20260301150000001"
CHINA = ZoneInfo("Asia/Shanghai")


def decoder(zone: ZoneInfo = CHINA, **table: Any) -> Decode:
    return hj212.make(Options(zone, table))


def frame(
    cp: str, cn: str = "2011", *, qn: str | None = QN, mn: str = "MN1", packet: tuple[int, int] | None = None
) -> bytes:
    pnum, pno = packet or (None, None)
    return encode(qn, Head("22", cn, "123456", mn, 7 if packet else 5, pnum, pno), cp)


def only(parts: Sequence[Sample | Refusal]) -> Sample:
    [sample] = parts
    assert isinstance(sample, Sample)
    return sample


def refusal(parts: Sequence[Sample | Refusal]) -> Refusal:
    [part] = parts
    assert isinstance(part, Refusal)
    return part


def at(text: str) -> int:
    return to_millis(datetime.fromisoformat(text))


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"crc": "crc32"}, "option crc = 'crc32'"),
        ({"minutes": 0}, "option minutes = 0"),
        ({"stamps": "begin"}, "option stamps = 'begin'"),
        ({"flags": {"X": "broken"}}, "option flags.X = 'broken'"),
        ({"stamp": "end"}, "did you mean stamps?"),
    ],
)
def test_an_option_that_is_wrong_says_what_it_may_be(table: Mapping[str, Any], says: str) -> None:
    with pytest.raises(OptionError, match=says):
        decoder(**table)


@pytest.mark.parametrize(
    ("cn", "table", "period", "end"),
    [
        ("2011", {}, "raw", "2026-03-01T00:00:00+08:00"),
        ("2051", {}, "minute", "2026-03-01T00:10:00+08:00"),
        ("2051", {"minutes": 1}, "minute", "2026-03-01T00:01:00+08:00"),
        ("2061", {}, "hour", "2026-03-01T01:00:00+08:00"),
        ("2031", {}, "day", "2026-03-02T00:00:00+08:00"),
        ("2011", {"stamps": "end"}, "raw", "2026-03-01T00:00:00+08:00"),
        ("2051", {"stamps": "end"}, "minute", "2026-03-01T00:00:00+08:00"),
        ("2061", {"stamps": "end"}, "hour", "2026-03-01T00:00:00+08:00"),
        ("2031", {"stamps": "end"}, "day", "2026-03-01T00:00:00+08:00"),
    ],
)
def test_the_command_number_says_the_period_and_a_sample_has_its_end(
    cn: str, table: Mapping[str, Any], period: str, end: str
) -> None:
    sample = only(decoder(**table)(frame("DataTime=20260301000000", cn)))
    assert (sample.device, sample.period, sample.at) == ("MN1", period, at(end))


def test_a_time_may_have_milliseconds() -> None:
    assert only(decoder()(frame("DataTime=20260301140000123"))).at == at("2026-03-01T14:00:00.123+08:00")


def test_a_day_ends_at_the_next_midnight_of_its_zone() -> None:
    sample = only(decoder(ZoneInfo("Europe/Berlin"))(frame("DataTime=20260329000000", "2031")))
    assert sample.at == at("2026-03-30T00:00:00+02:00")


@pytest.mark.parametrize(
    "time", ["", "2026030114", "20261301000000", "2026030114000x", "00000000000000", "99991231235959"]
)
def test_a_time_that_is_none_is_refused(time: str) -> None:
    assert refusal(decoder()(frame(f"DataTime={time};a34004-Avg=1", "2061"))).code == "invalid_time"


@pytest.mark.parametrize(
    ("cn", "item", "values"),
    [
        ("2011", "a34004-Rtd=35.5", {"a34004": 35.5}),
        ("2061", "a34004-Avg=35.5", {"a34004": 35.5}),
        ("2061", "a34004-Rtd=35.5", {"a34004-Rtd": 35.5}),
        ("2011", "a34004-Avg=35.5", {"a34004-Avg": 35.5}),
        ("2061", "LA-Cou=9,LA-Min=1,LA-Avg=2,LA-Max=3", {"LA-Cou": 9.0, "LA-Min": 1.0, "LA": 2.0, "LA-Max": 3.0}),
        ("2011", "A34004-Rtd=1;W01001-Rtd=2;la-Rtd=3", {"a34004": 1.0, "w01001": 2.0, "LA": 3.0}),
        ("2011", "pm25-Rtd=1;b01-Rtd=2;s02-Rtd=3", {"PM25": 1.0, "B01": 2.0, "S02": 3.0}),
        ("2011", "x99999-Rtd=1", {"x99999": 1.0}),
        ("2011", "a34004-Rtd=,a34004-Flag=", {"a34004": None}),
        ("2011", "a34004-Rtd=--", {"a34004": "--"}),
        ("2011", "a34004-Rtd=NaN", {"a34004": "NaN"}),
        ("2011", "a34004-Rtd=" + "9" * 400, {"a34004": "9" * 400}),
        ("2011", ";; a34004-Rtd = 1 ;", None),
        ("2011", " a34004-Rtd=1 ;", {"a34004": 1.0}),
        ("2011", "LA-SampleTime=20260301140000,LA-EFlag=A01", {"LA-SampleTime": 20260301140000.0, "LA-EFlag": "A01"}),
    ],
)  # fmt: skip
def test_a_field_is_called_by_its_factor(cn: str, item: str, values: Mapping[str, object] | None) -> None:
    parts = decoder()(frame(f"DataTime=20260301000000;{item}", cn))
    if values is None:
        assert refusal(parts).code == "invalid_shape"
    else:
        assert only(parts).values == values


@pytest.mark.parametrize(
    ("flag", "status"),
    [
        ("N", None), ("", None), ("F", "stopped"), ("M", "maintenance"), ("S", "manual"), ("D", "fault"),
        ("C", "calibration"), ("T", "above_range"), ("B", "no_link"), ("X", "doubtful"), ("n", "doubtful"),
    ],
)  # fmt: skip
def test_a_flag_is_the_instruments_state(flag: str, status: str | None) -> None:
    sample = only(decoder()(frame(f"DataTime=20260301000000;a34004-Rtd=1,a34004-Flag={flag}")))
    assert sample.statuses == ({} if status is None else {"a34004": status})


def test_a_source_may_say_what_other_flags_mean() -> None:
    decode = decoder(flags={"P": "normal", "Q": "calibration", "N": "doubtful"})
    for flag, status in (
        ("P", None),
        ("P", None),
        ("N", "doubtful"),
        ("N", "doubtful"),
        ("N", "doubtful"),
        ("Q", "calibration"),
    ):
        sent = frame(f"DataTime=20260301000000;a34004-Rtd=1,a34004-Flag={flag}")
        assert only(decode(sent)).statuses == ({} if status is None else {"a34004": status})


@pytest.mark.parametrize("cn", ["1062", "1013", "2021", "2041", "3020", "9011", "9015"])
def test_a_frame_without_data_says_that_its_device_is_online(cn: str) -> None:
    assert only(decoder()(frame("", cn))) == Sample("MN1", None, vitals=Vitals(online=True))


FIRST = frame("DataTime=20260301140000;a34004-Avg=1", "2061", packet=(2, 1))
LATER = frame("a21005-Avg=2,a21005-Flag=D", "2061", packet=(2, 2))


@pytest.mark.parametrize("between", [b"", b"\r\n\n ", FIRST, frame("", "9015")])
def test_packets_of_one_message_are_one_sample(between: bytes) -> None:
    [sample, *others] = decoder()(FIRST + between + LATER)
    assert sample == Sample(
        "MN1", at("2026-03-01T15:00:00+08:00"), {"a34004": 1.0, "a21005": 2.0}, {"a21005": "fault"}, period="hour"
    )
    assert all(isinstance(other, Sample) and not other.values for other in others)


@pytest.mark.parametrize(
    "later",
    [
        frame("a21005-Avg=2", "2061", packet=(2, 2), qn="20260301160000001"),
        frame("a21005-Avg=2", "2061", packet=(2, 2), qn=None),
        frame("a21005-Avg=2", "2061", packet=(2, 2), mn="MN2"),
        frame("a21005-Avg=2", "2051", packet=(2, 2)),
        frame("a21005-Avg=2", "2061", packet=(2, 1)),
        frame("a21005-Avg=2", "2061"),
        frame("DataTime=;a21005-Avg=2", "2061", packet=(2, 2)),
    ],
    ids=["another QN", "no QN", "another MN", "another CN", "a first packet", "no packet", "an empty time"],
)
def test_no_frame_takes_the_time_of_another_message(later: bytes) -> None:
    first, other = decoder()(FIRST + later)
    assert isinstance(first, Sample)
    assert isinstance(other, Refusal)
    assert (other.code, other.field) == ("invalid_time", "CP, DataTime")


def test_two_values_for_one_field_are_refused() -> None:
    for more in ("A34004-Rtd=2", "DataTime=20260301140001"):
        same = decoder()(frame(f"DataTime=20260301140000;a34004-Rtd=1;{more}"))
        assert refusal(same).code == "invalid_shape"
    one, two = decoder()(FIRST + frame("a34004-Avg=2", "2061", packet=(2, 2)))
    assert isinstance(one, Sample)
    assert one.values == {"a34004": 1.0}
    assert isinstance(two, Refusal)
    assert two.code == "invalid_shape"


def test_a_broken_frame_does_not_take_its_neighbours_along() -> None:
    times = [f"DataTime=2026030114000{number}" for number in range(3)]
    one, two, three = (frame(f"{time};a34004-Rtd=1") for time in times)
    found = decoder()(one + two.replace(b"=1&", b"=7&") + b"noise" + three)
    assert [part.code if isinstance(part, Refusal) else part.at for part in found] == [
        at("2026-03-01T14:00:00+08:00"),
        "wrong_checksum",
        at("2026-03-01T14:00:02+08:00"),
    ]


@pytest.mark.parametrize("cp", ["1F2E3D4C5B6A79", "c2VjcmV0cyBvZiBhIGRldmljZQ==", "mK8/+a0="])
def test_an_encrypted_cp_is_named(cp: str) -> None:
    found = refusal(decoder()(frame(cp, "2061")))
    assert (found.code, found.field) == ("undecodable", "CP")
    assert "encrypted" in found.detail


def test_a_payload_without_a_frame_is_refused() -> None:
    with pytest.raises(Refused) as caught:
        decoder()(b" \r\n")
    assert caught.value.refusal.code == "no_readings"


@given(st.binary(max_size=300), st.sampled_from([b"", FIRST, LATER[:60], FIRST[:-8]]))
def test_any_bytes_give_samples_or_refusals(noise: bytes, known: bytes) -> None:
    try:
        found = decoder()(known + noise)
    except Refused:
        return
    assert found


# What a device with a usual layout sends: mostly ordinary frames, and now and then one that is not.
texts = st.one_of(
    st.decimals(-10, 100_000, places=3).map(str),
    st.sampled_from(["0", "-0", "+1", "1.", ".5", "1.2.3", ".", "-", "", "--", "1e5", "NaN", "9" * 300, "9" * 400]),
)
flags = st.sampled_from("NNNNNNNNND")
items = st.one_of(
    st.builds("{0}-Rtd={1},{0}-Flag={2}".format, st.sampled_from(["a34004", "A21005", "PM25"]), texts, flags),
    st.builds("a01001-Min={0},a01001-Rtd={1},a01001-Flag=N".format, texts, texts),
    st.builds("w01001-Rtd={0}".format, texts),
)
cps = (
    st.tuples(
        st.sampled_from(["DataTime=20260301140000", "DataTime=20260301140100", "DataTime=20261301140000", ""]),
        st.lists(items, max_size=3),
    )
    .map(lambda parts: ";".join([parts[0], *parts[1]]))
    .filter(lambda cp: len(cp) < 900)
)
frames = st.builds(
    lambda cp, qn, end: frame(cp, qn=qn).removesuffix(end),
    cps,
    st.sampled_from([QN, "20260301150100001", None]),
    st.sampled_from([b"", b"\r\n"]),
)


@settings(max_examples=300)
@given(st.lists(frames, max_size=3), frames)
def test_what_was_read_before_changes_nothing(before: list[bytes], sent: bytes) -> None:
    warm = decoder()
    for payload in [*before, *before, sent, sent]:
        warm(payload)
    assert said(warm(sent)) == said(decoder()(sent))


def said(parts: Sequence[Sample | Refusal]) -> list[object]:
    """What a decoder said; the shape is no part of it."""
    return [part._replace(shape=None) if isinstance(part, Sample) else part for part in parts]


USUAL = "DataTime=2026030114000{0};a34004-Rtd={0}.5,a34004-Flag=N;a21005-Rtd=0.{0},a21005-Flag=N"
EXTREMES = "DataTime=2026030114000{0};a34004-Min=0.{0},a34004-Avg=1.{0},a34004-Max=2,a34004-Flag=N"


@pytest.mark.parametrize(
    ("frames_", "fields", "crc"),
    [
        ([frame(USUAL.format(number)) for number in range(3)], 2, "either"),
        ([frame(USUAL.format(number))[:-2] for number in range(3)], 2, "either"),
        ([frame(USUAL.format(number), qn=None) for number in range(3)], 2, "either"),
        ([frame(USUAL.format(number)) for number in range(3)], 2, "none"),
        ([frame(EXTREMES.format(number), "2061")[:-2] for number in range(3)], 3, "either"),
    ],
    ids=[
        "as the standard says",
        "without CR LF, as the gateway publishes",
        "without QN",
        "checksums not looked at",
        "with extremes",
    ],
)
def test_the_third_frame_of_a_kind_is_not_taken_apart(
    frames_: list[bytes], fields: int, crc: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode = decoder(crc=crc)
    for payload in frames_[:2]:
        decode(payload)

    def dear(data: bytes, start: int = 0, crc: str = "either") -> tuple[Frame, int]:
        raise AssertionError(f"{data!r} is taken apart")

    monkeypatch.setattr(hj212_frame, "take", dear)
    assert len(only(decode(frames_[2])).values) == fields


def test_the_factor_table_agrees_with_the_quantities() -> None:
    for family in MEASURED_FAMILIES:
        found = hj212.placements(family)
        for quantity in OF_FAMILY[family].values():
            if quantity.hj212:
                assert found[quantity.hj212].quantity == quantity.code
        for placement in found.values():
            assert placement.unit is None or conversion(OF_FAMILY[family][placement.quantity], placement.unit)
    placed = {field for family in MEASURED_FAMILIES for field in hj212.placements(family)}
    assert {quantity.hj212 for quantity in QUANTITIES if quantity.hj212} <= placed


def test_what_is_placed_is_not_ignored() -> None:
    for family in MEASURED_FAMILIES:
        rules = Rules(family, defaults={}, ignored=hj212.IGNORED, chosen=[], units={}, devices={})
        assert not [field for field in hj212.placements(family) if rules.is_ignored(field)]
        assert rules.is_ignored("a34004-Min")
        assert rules.is_ignored("a34013")
        assert not rules.is_ignored("a34004")
        assert not rules.is_ignored("x99999")


def payloads_folder() -> Path:
    place = os.environ.get("CITYFLUX_REAL_DATA", str(ROOT.parent / "shared" / "data"))
    folder = Path(place) / "payloads"
    if place == "none" or not folder.is_dir():
        pytest.skip(f"collected payloads are not there: {folder}")
    return folder


UNITS = {
    "微克/升": "µg/L", "个/升": "cells/L",
    "无量纲": "1", "毫克/升": "mg/L", "摄氏度": "°C", "微西[门子]/厘米": "µS/cm", "[角]度": "°", "纳克/立方米": "ng/m³",
    "毫克/立方米": "mg/m³", "千帕": "kPa", "米/秒": "m/s", "%": "%", "分贝": "dB",
}  # fmt: skip
NOT_IN_THE_TABLES = {"a05024", "w01003"}


def test_every_factor_of_the_standard_is_placed_with_its_unit_or_ignored() -> None:
    with (payloads_folder() / "hj212_2017_factor_codes.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["编码"]: row for row in csv.DictReader(file)}
    placed = {field: its for family in MEASURED_FAMILIES for field, its in hj212.placements(family).items()}
    for code, row in rows.items():
        for name in {code, row["原编码"]} - {"--", ""}:
            assert name in placed or name in hj212.IGNORED, name
            if name in placed:
                assert UNITS[row["缺省计量单位(浓度)"]] == placed[name].unit, name
    assert {quantity.hj212 for quantity in QUANTITIES if quantity.hj212} - set(rows) == NOT_IN_THE_TABLES


def test_every_collected_frame_is_taken_and_is_a_capture() -> None:
    collected = json.loads((payloads_folder() / "hj212_frames.json").read_text("utf-8"))
    assert collected
    captured = {capture.payload.rstrip() for capture in CAPTURES}
    for one in collected:
        data = one["frame"].encode()
        segment = data[6:-4]
        assert take(data)[1] == len(data)
        assert f"{crc_hj212(segment):04X}" == one["crc_hj212_2017"]
        assert data in captured, one["source"]
