"""Intake's verdicts on whole batches: what becomes a reading, what a dead letter, and what is counted."""

import tracemalloc
from typing import Any

import pytest

from ingest.intake import Intake, changed_by
from ingest.journal import Counts, JournalBatch
from ingest.transport import Message, Oversized
from sensors.formats.native import encode
from sensors.instants import DAY_MS, HOUR_MS
from sensors.reading import Doubt
from sensors.stations import Registry, Station
from store.books import Unknown

NOON = 1_772_344_800_000
TOPIC = "cityflux/v1/gaoxin/air/hx-01/hour"
REGISTRY = Registry([Station(id="hx-01", family="air", name_zh="虎溪", district="gaoxin")], version=3)


def intake(unknown: set[tuple[str, str]] | None = None, horizon_days: int = 400) -> Intake:
    return Intake(
        REGISTRY,
        set() if unknown is None else unknown,
        lambda topic: 7,
        horizon_days=horizon_days,
        horizons={"archive": 36_500},
    )


def batch(*messages: tuple[str, bytes | Oversized]) -> JournalBatch:
    return JournalBatch(11, NOON, [Message(*message) for message in messages])


def test_an_ordinary_message_becomes_a_reading_with_its_lineage() -> None:
    verdict = intake().judge(batch((TOPIC, encode([{"at": NOON, "values": {"pm2_5": 35.2, "o3": None}}]))))
    [reading] = verdict.readings
    assert (reading.family, reading.station, reading.period) == ("air", "hx-01", "hour")
    assert (reading.observed_at, reading.received_at, reading.origin, reading.batch) == (NOON, NOON, 7, 11)
    assert reading.values == {"pm2_5": 35.2}
    assert not reading.unknown_station
    assert verdict.counts == Counts(written=1, readings_written=1)
    assert verdict.letters == {}


def test_text_times_and_integer_times_are_one() -> None:
    text = {"at": "2026-03-01T14:00:00+08:00", "values": {"o3": 1}}
    verdict = intake().judge(batch((TOPIC, encode([text])), (TOPIC, encode([{**text, "at": NOON}]))))
    assert verdict.readings[0] == verdict.readings[1]


@pytest.mark.parametrize(
    "values",
    [
        [{"pm2_5": 35.2, "co": 0.70049}, {"o3": 61}, {}],
        [{"pm2_5": 35.2}, {"o3": 12e-5}],
        [{"pm2_5": 35.2}, {"o3": None}],
        [{"pm2_5": 35.2}, {"o3": -1}],
    ],
)
def test_several_readings_in_a_message_come_out_as_one_by_one(values: list[dict[str, Any]]) -> None:
    records = [{"at": NOON - HOUR_MS * n, "values": each} for n, each in enumerate(values)]
    together = intake().judge(batch((TOPIC, encode(records))))
    alone = intake().judge(batch(*((TOPIC, encode([record])) for record in records)))
    assert together.readings == alone.readings
    assert together.letters == alone.letters == {}
    assert together.counts == Counts(written=1, readings_written=len(values))
    assert together.positions == [0] * len(values)


def test_one_old_reading_of_several_is_refused_alone() -> None:
    records = [{"at": NOON - days * DAY_MS, "values": {"o3": 1}} for days in (0, 400, 401)]
    verdict = intake().judge(batch((TOPIC, encode(records))))
    assert [r.observed_at for r in verdict.readings] == [NOON, NOON - 400 * DAY_MS]
    assert [(r.reading, r.code) for r in verdict.letters[0].refusals] == [(2, "too_old")]


def test_a_message_with_a_bad_part_is_refused_and_the_rest_is_stored() -> None:
    records: list[dict[str, Any]] = [
        {"at": NOON, "values": {"o3": 1}},
        {"at": "2026-03-01T14:00:00", "values": {"o3": 2}},
        {"at": NOON - HOUR_MS, "values": {"o3": "3", "co": 0.7}},
        {"at": NOON - 2 * HOUR_MS, "values": {"o3": True}},
    ]
    payload = encode(records)
    verdict = intake().judge(batch((TOPIC, payload)))
    assert [r.values for r in verdict.readings] == [{"o3": 1.0}, {"co": 0.7}]
    assert verdict.positions == [0, 0]
    letter = verdict.letters[0]
    assert (letter.topic, letter.payload, letter.received_at, letter.batch) == (TOPIC, payload, NOON, 11)
    assert [(r.reading, r.quantity, r.code) for r in letter.refusals] == [
        (1, None, "no_offset"),
        (2, "o3", "invalid_value"),
        (3, "o3", "invalid_value"),
    ]
    assert verdict.counts == Counts(refused=1, readings_written=2, readings_refused=2, quantities_refused=2)


@pytest.mark.parametrize(
    ("topic", "payload", "code"),
    [
        ("elsewhere", b"{}", "unknown_topic"),
        ("cityflux/v1/gaoxin/noise/wq-01/hour", b"{}", "unknown_topic"),
        (TOPIC, b"\xff", "undecodable"),
        (TOPIC, b"{", "invalid_json"),
        (TOPIC, b'{"readings":[]}', "no_readings"),
        (TOPIC, Oversized(10**6, "ab" * 32, b"{"), "too_large"),
    ],
)
def test_poison_keeps_its_bytes(topic: str, payload: bytes | Oversized, code: str) -> None:
    good = (TOPIC, encode([{"at": NOON, "values": {"o3": 1}}]))
    verdict = intake().judge(batch(good, (topic, payload), good))
    assert list(verdict.letters) == [1]
    letter = verdict.letters[1]
    assert letter.refusals[0].code == code
    if isinstance(payload, Oversized):
        assert (letter.length, letter.sha256, letter.payload) == (10**6, "ab" * 32, b"{")
    else:
        assert (letter.length, letter.sha256, letter.payload) == (len(payload), None, payload)
    assert verdict.counts == Counts(written=2, refused=1, readings_written=2)
    assert verdict.positions == [0, 2]


def test_the_horizon_is_the_replay_profiles_own() -> None:
    old = {"at": NOON - 500 * DAY_MS, "values": {"o3": 1}}
    verdict = intake().judge(batch((TOPIC, encode([old])), (TOPIC, encode([{**old, "source": "archive"}]))))
    assert [r.code for letter in verdict.letters.values() for r in letter.refusals] == ["too_old"]
    assert len(verdict.readings) == 1


def test_doubtful_values_are_apart_from_good_ones() -> None:
    record = {"at": NOON, "values": {"o3": -5, "co": 0.7}, "status": {"co": "calibration", "no2": "withdrawn"}}
    [reading] = intake().judge(batch((TOPIC, encode([record])))).readings
    assert reading.values == {}
    assert reading.doubtful == {
        "o3": Doubt("out_of_range", -5.0),
        "co": Doubt("calibration", 0.7),
        "no2": Doubt("withdrawn", None),
    }


def test_an_unknown_station_is_stored_flagged_and_marks_nothing() -> None:
    topic = "cityflux/v1/gaoxin/air/hx-99/hour"
    payload = encode([{"at": NOON, "values": {"o3": 1}}])
    verdict = intake().judge(batch((topic, payload)))
    assert verdict.readings[0].unknown_station
    assert verdict.unknown == {("air", "hx-99"): Unknown(topic, "gaoxin", "hour", "native", None, payload)}
    assert changed_by(verdict.readings) == ({}, {})


def test_past_ten_thousand_unknown_stations_new_ones_are_refused() -> None:
    seen = {("air", f"x-{n}") for n in range(10_000)}
    payload = encode([{"at": NOON, "values": {"o3": 1}}])
    verdict = intake(seen).judge(
        batch(("cityflux/v1/gaoxin/air/new/hour", payload), ("cityflux/v1/gaoxin/air/x-5/hour", payload))
    )
    assert verdict.letters[0].refusals[0].code == "too_many_unknown_stations"
    assert [reading.station for reading in verdict.readings] == ["x-5"]


def test_refused_topics_are_not_remembered() -> None:
    one = intake()
    tracemalloc.start()
    try:
        for number in range(500):
            one.judge(batch((f"{number}/{'x' * 60_000}", b"")))
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 1_000_000


def test_a_window_is_the_utc_hour_in_which_the_reading_ends() -> None:
    records = [{"at": NOON + offset, "values": {"o3": 1}} for offset in (0, -1, 1)]
    readings = intake().judge(batch((TOPIC, encode(records)))).readings
    hour = NOON // HOUR_MS
    before, after = ("air", "hour", hour - 1), ("air", "hour", hour)
    assert changed_by(readings) == ({before: {"hx-01"}, after: {"hx-01"}}, {before: NOON - 1, after: NOON + 1})


def test_of_each_window_the_earliest_instant_is_known_in_whichever_order_readings_come() -> None:
    offsets = (2, 5 - HOUR_MS, 1, 3 - HOUR_MS, 4 - HOUR_MS, 3)
    readings = intake().judge(batch((TOPIC, encode([{"at": NOON + o, "values": {"o3": 1}} for o in offsets])))).readings
    hour = NOON // HOUR_MS
    assert changed_by(readings)[1] == {
        ("air", "hour", hour): NOON + 1,
        ("air", "hour", hour - 1): NOON + 3 - HOUR_MS,
    }


def test_a_second_verdict_equals_the_first() -> None:
    messages = batch(
        (TOPIC, encode([{"at": NOON, "values": {"o3": 1.23456, "x": 1}}])),
        (TOPIC, b"{"),
        ("nowhere", b""),
    )
    assert intake().judge(messages) == intake().judge(messages)


def test_a_bomb_of_refusals_is_shown_in_part_and_kept_whole() -> None:
    payload = encode([{"at": NOON, "values": {f"q{n}": 1 for n in range(5000)}}])
    letter = intake().judge(batch((TOPIC, payload))).letters[0]
    assert len(letter.refusals) == 100
    assert letter.payload == payload
