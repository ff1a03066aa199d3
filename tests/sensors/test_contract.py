"""The native format and the air contract: what is taken, what is flagged, what is refused and in which words."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.families import CONTRACTS
from sensors.families.contract import NOT_NOMINAL, values_of
from sensors.formats.native import decode, encode
from sensors.instants import DAY_MS, HOUR_MS
from sensors.reading import Doubt
from sensors.refusals import Refused

AIR = CONTRACTS["air"]
NOON = 1_772_344_800_000  # 2026-03-01T14:00:00+08:00
HORIZON = 400 * DAY_MS


def judge(record: object, *, received_at: int = NOON) -> Any:
    return AIR.judge(record, "hx-01", received_at, HORIZON)


def test_the_example_of_the_format() -> None:
    payload = (
        b'{"at": "2026-03-01T14:00:00+08:00", "values": {"pm2_5": 35.0, "co": 0.7}, "status": {"co": "calibration"}}'
    )
    [record] = decode(payload)
    judged = judge(record)
    assert judged.observed_at == NOON
    assert judged.values == {"pm2_5": 35.0}
    assert judged.doubtful == {"co": Doubt("calibration", 0.7)}
    assert judged.refusals == []


@pytest.mark.parametrize(
    ("payload", "code", "field"),
    [
        (b"\xff\xfe{}", "undecodable", "payload"),
        (b"", "invalid_json", "payload"),
        (b"{", "invalid_json", "payload"),
        (b'{"at": 1', "invalid_json", "payload"),
        (b"[" * 100_000, "invalid_json", "payload"),
        (b"[]", "invalid_shape", "payload"),
        (b"null", "invalid_shape", "payload"),
        (b"3", "invalid_shape", "payload"),
        (b'{"readings": []}', "no_readings", "readings"),
        (b'{"readings": {}}', "invalid_shape", "readings"),
        (b'{"readings": [{}], "at": 1}', "invalid_shape", "at"),
        (b'{"readings": [{}], "": 1}', "invalid_shape", '""'),
    ],
)
def test_a_message_that_cannot_be_taken_apart(payload: bytes, code: str, field: str) -> None:
    with pytest.raises(Refused) as refused:
        decode(payload)
    assert (refused.value.refusal.code, refused.value.refusal.field) == (code, field)
    assert refused.value.refusal.fix


@pytest.mark.parametrize(
    ("record", "code", "field"),
    [
        (3, "invalid_shape", "reading"),
        ({"values": {"pm2_5": 1}}, "invalid_time", "at"),
        ({"at": "2026-03-01T14:00:00", "values": {}}, "no_offset", "at"),
        ({"at": "yesterday", "values": {}}, "invalid_time", "at"),
        ({"at": NOON // 1000, "values": {}}, "invalid_time", "at"),
        ({"at": 1.5, "values": {}}, "invalid_time", "at"),
        ({"at": True, "values": {}}, "invalid_time", "at"),
        ({"at": None, "values": {}}, "invalid_time", "at"),
        ({"at": NOON + HOUR_MS + 1, "values": {}}, "in_future", "at"),
        ({"at": 10**30, "values": {}}, "in_future", "at"),
        ({"at": NOON - HORIZON - 1, "values": {}}, "too_old", "at"),
        ({"at": -(10**30), "values": {}}, "too_old", "at"),
        ({"at": NOON, "issued": NOON + HOUR_MS + 1, "values": {}}, "in_future", "issued"),
        ({"at": NOON, "issued": -(2**63) - 1, "values": {}}, "invalid_time", "issued"),
        ({"at": NOON, "issued": "1899-12-31T23:59:59Z", "values": {}}, "invalid_time", "issued"),
        ({"at": NOON, "station": "hx-02", "values": {}}, "station_mismatch", "station"),
        ({"at": NOON}, "invalid_shape", "values"),
        ({"at": NOON, "values": [1]}, "invalid_shape", "values"),
        ({"at": NOON, "values": {}, "status": "fault"}, "invalid_shape", "status"),
        ({"at": NOON, "values": {}, "seq": -1}, "invalid_shape", "seq"),
        ({"at": NOON, "values": {}, "seq": "1"}, "invalid_shape", "seq"),
        ({"at": NOON, "value": {"pm2_5": 1}}, "invalid_shape", "value"),
        ({"at": NOON, "": {"pm2_5": 1}}, "invalid_shape", '""'),
    ],
)
def test_a_reading_that_is_refused_as_a_whole(record: object, code: str, field: str) -> None:
    with pytest.raises(Refused) as refused:
        judge(record)
    assert (refused.value.refusal.code, refused.value.refusal.field) == (code, field)
    assert refused.value.refusal.fix


@pytest.mark.parametrize("at", [NOON + HOUR_MS, NOON - HORIZON, NOON])
def test_the_edges_of_the_time_window_are_in(at: int) -> None:
    assert judge({"at": at, "values": {"o3": 1}}).observed_at == at


@pytest.mark.parametrize("value", [True, False, "35", "", [], {}, float("nan"), float("inf"), 10**400])
def test_a_bad_value_refuses_its_quantity_only(value: object) -> None:
    judged = judge({"at": NOON, "values": {"pm2_5": value, "o3": 61}})
    assert judged.values == {"o3": 61.0}
    assert [(r.code, r.quantity, r.field) for r in judged.refusals] == [("invalid_value", "pm2_5", "values.pm2_5")]


def test_an_unknown_quantity_is_refused_with_the_nearest_known_one() -> None:
    judged = judge({"at": NOON, "values": {"pm25": 35, "o3": 61}})
    assert judged.values == {"o3": 61.0}
    assert [(r.code, r.quantity, r.fix) for r in judged.refusals] == [
        ("unknown_quantity", "pm25", "did you mean pm2_5?")
    ]


def test_an_unknown_status_refuses_its_quantity_only() -> None:
    judged = judge({"at": NOON, "values": {"pm2_5": 35, "o3": 61}, "status": {"pm2_5": "broken", "o3": "normal"}})
    assert judged.values == {"o3": 61.0}
    assert [(r.code, r.quantity) for r in judged.refusals] == [("unknown_status", "pm2_5")]


@pytest.mark.parametrize(
    ("values", "status", "good", "doubtful"),
    [
        ({"o3": None}, {}, {}, {}),
        ({"o3": -1}, {}, {}, {"o3": Doubt("out_of_range", -1.0)}),
        ({"o3": 2001}, {}, {}, {"o3": Doubt("out_of_range", 2001.0)}),
        ({"o3": 2000}, {}, {"o3": 2000.0}, {}),
        ({"o3": 1e25, "co": -1e308}, {}, {}, {"o3": Doubt("out_of_range", 1e25), "co": Doubt("out_of_range", -1e308)}),
        ({"o3": -1}, {"o3": "maintenance"}, {}, {"o3": Doubt("maintenance", -1.0)}),
        ({}, {"o3": "withdrawn"}, {}, {"o3": Doubt("withdrawn", None)}),
        ({"o3": None}, {"o3": "fault"}, {}, {"o3": Doubt("fault", None)}),
        ({"co": 0.70049}, {}, {"co": 0.7}, {}),
        ({"co": 0.0005}, {}, {"co": 0.0}, {}),
        ({"co": 0.0015}, {}, {"co": 0.002}, {}),
        ({"co": 2}, {}, {"co": 2.0}, {}),
    ],
)
def test_values_are_kept_flagged_and_quantised(
    values: dict[str, Any], status: dict[str, str], good: dict[str, float], doubtful: dict[str, Doubt]
) -> None:
    judged = judge({"at": NOON, "values": values, "status": status})
    assert (judged.values, judged.doubtful, judged.refusals) == (good, doubtful, [])
    assert all(type(value) is float for value in judged.values.values())


NUMBERS = st.one_of(
    st.integers(-10, 3000),
    st.floats(-10, 3000, allow_nan=False),
    st.decimals(0, 300, places=3).map(float),
    st.decimals(0, 300, places=4).map(float),
    st.floats(0, 0.01),
    st.none(),
)
CODES = st.sampled_from([*AIR.quantities, "pm25"])


@settings(max_examples=500)
@given(st.dictionaries(CODES, NUMBERS, max_size=6))
def test_the_ordinary_way_and_the_close_look_agree(values: dict[str, float | None]) -> None:
    payload = encode([{"at": NOON, "values": values}])
    judged = judge(decode(payload)[0])
    try:
        nominal = AIR.nominal(payload)
    except NOT_NOMINAL:
        missing_or_finer = any(v is None or v != round(v, 3) for v in values.values())
        assert judged.refusals or judged.doubtful or missing_or_finer
        return
    ordinary = values_of(nominal.values)
    if AIR.may_be_finer(payload):
        ordinary = AIR.quantised(ordinary)
    assert ordinary == judged.values
    assert not judged.refusals
    assert not judged.doubtful


@pytest.mark.parametrize(
    "payload",
    [
        '{"at": %d, "values": {"o3": 1}, "status": {"o3": "fault"}}',
        '{"at": %d, "values": {"o3": true}}',
        '{"at": %d, "values": {"o3": "1"}}',
        '{"at": %d, "values": {"o3": NaN}}',
        '{"at": %d, "values": {"o3": 1e400}}',
        '{"at": %d, "values": {"o3": null}}',
        '{"at": %d, "values": {"o3": 1}, "seq": 1}',
        '{"at": %d, "values": {"o3": 1}} 1',
        '{"at": %d, "values": {"o3": 1}, "extra": 1}',
        '{"at": %d, "values": {"o4": 1}}',
        '{"at": %d, "values": {"o3": -0.001}}',
        '{"at": %d.0, "values": {"o3": 1}}',
        '{"readings": [{"at": %d, "values": {"o3": 1}}]}',
    ],
)
def test_only_the_ordinary_goes_the_ordinary_way(payload: str) -> None:
    with pytest.raises(NOT_NOMINAL):
        AIR.nominal((payload % NOON).encode())


@pytest.mark.parametrize("at", [b"\xff", b"\\ud800", b"\xed\xa0\x80"])
def test_a_time_that_is_no_text_does_not_go_the_ordinary_way(at: bytes) -> None:
    with pytest.raises(NOT_NOMINAL):
        AIR.nominal(b'{"at": "' + at + b'", "values": {}}')


def test_several_ordinary_readings_go_the_ordinary_way_together() -> None:
    one, other = {"at": NOON, "values": {"pm2_5": 35.5, "co": 2}}, {"at": "2026-03-01T14:00:00+08:00", "values": {}}
    found = [(nominal.at, values_of(nominal.values)) for nominal in AIR.nominals(encode([one, other]))]
    assert found == [(NOON, {"pm2_5": 35.5, "co": 2.0}), ("2026-03-01T14:00:00+08:00", {})]
    for bad in ({**one, "seq": 1}, {**one, "status": {"co": "fault"}}, {"at": NOON, "values": {"o3": -1}}, 3):
        with pytest.raises(NOT_NOMINAL):
            AIR.nominals(json.dumps({"readings": [one, bad]}).encode())


def test_encoding_and_decoding_are_inverse() -> None:
    one = {"at": NOON, "values": {"pm2_5": 35.5}, "status": {"o3": "fault"}}
    assert decode(encode([one])) == [one]
    assert decode(encode([one, one])) == [one, one]
    assert json.loads(encode([one, one])) == {"readings": [one, one]}
