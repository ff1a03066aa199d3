"""Intake of messages that sources take: whose they are, what is stored, what is refused, and what is told of the device."""

import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from ingest.intake import Intake, Verdict
from ingest.journal import JournalBatch
from ingest.transport import Message, Oversized
from sensors.formats.hj212_frame import Head, encode
from sensors.formats.sample import Vitals
from sensors.instants import DAY_MS, HOUR_MS
from sensors.sources import Sources, parse_sources
from sensors.stations import Registry, Station
from store.books import Unknown

NOW = int(datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp() * 1000)
MN = "LXHB0CS0306310"
SOURCES = """
[[source]]
name = "dust"
topic = "env/{district}/{station}"
format = "json"
family = "air"
period = "minute"
options = { time = "/ts", time_format = "ms", fields = { pm25 = "/pm25", o3 = "/o3" }, vitals = { battery = "/bat" } }
quantities = { pm2_5 = "pm25", o3 = { field = "o3", unit = "ppb" } }
ignore = ["x_*"]

[[source]]
name = "hj212-air"
topic = "hj212/22/{device}"
format = "hj212"
family = "air"

[[source]]
name = "gateway"
topic = "many"
format = "lineprotocol"
family = "air"
options = { device = "station" }
quantities = { pm2_5 = "pm25" }
"""


def station(name: str, **of: Any) -> Station:
    return Station.model_validate({"id": name, "family": "air", "name_zh": name, "district": "gaoxin", **of})


REGISTRY = Registry([station("hx-01"), station("hx-02", device=MN)])


def judged(*messages: tuple[str, bytes | Oversized], registry: Registry = REGISTRY, horizon_days: int = 400) -> Verdict:
    sources = Sources(parse_sources(SOURCES, "test", ZoneInfo("Asia/Shanghai")))
    intake = Intake(registry, set(), lambda topic: 7, horizon_days=horizon_days, horizons={}, sources=sources)
    batch = JournalBatch(3, NOW, [Message(*message) for message in messages])
    first, second = intake.judge(batch), intake.judge(batch)
    assert first == second, "what intake remembers of devices changes its verdict"
    return first


def dust(**fields: Any) -> bytes:
    return json.dumps({"ts": NOW - HOUR_MS, **fields}).encode()


def frame(cp: str, cn: str = "2061", mn: str = MN) -> bytes:
    return encode("20260301115959001", Head("22", cn, "123456", mn, 5), cp)


def codes(verdict: Verdict) -> list[tuple[str, str]]:
    return [(refusal.code, refusal.field) for letter in verdict.letters.values() for refusal in letter.refusals]


def test_a_sample_becomes_a_reading_of_its_topics_station() -> None:
    [reading] = judged(("env/gaoxin/hx-01", dust(pm25=35.5))).readings
    assert (reading.family, reading.station, reading.period) == ("air", "hx-01", "minute")
    assert (reading.observed_at, reading.received_at, reading.values) == (NOW - HOUR_MS, NOW, {"pm2_5": 35.5})
    assert (reading.origin, reading.batch, reading.unknown_station) == (7, 3, False)


def test_the_registry_says_whose_a_device_is_at_its_time() -> None:
    before, after = datetime(2026, 3, 1, 11, 30, tzinfo=UTC), datetime(2026, 3, 1, 11, 30, tzinfo=UTC)
    moved = Registry(
        [station("old", device=MN, active_to=before), station("new", device=MN.lower(), active_from=after)]
    )
    cp = "DataTime=20260301{}0000;a34004-Avg=35000,a34004-Flag=N"
    found = judged((f"hj212/22/{MN}", frame(cp.format(18))), (f"hj212/22/{MN}", frame(cp.format(19))), registry=moved)
    assert [(r.station, r.values, NOW - r.observed_at) for r in found.readings] == [
        ("old", {"pm2_5": 35.0}, HOUR_MS),
        ("new", {"pm2_5": 35.0}, 0),
    ]


def test_a_device_that_publishes_as_another_is_refused() -> None:
    assert codes(judged(("hj212/22/SOMEBODY", frame("DataTime=20260301190000;a34004-Avg=1,a34004-Flag=N")))) == [
        ("station_mismatch", "device")
    ]


def test_a_device_of_another_family_is_refused() -> None:
    registry = Registry([station("m-1", family="energy", device=MN)])
    sent = frame("DataTime=20260301190000;a34004-Avg=1,a34004-Flag=N")
    assert codes(judged((f"hj212/22/{MN}", sent), registry=registry)) == [("unknown_device", "device")]


def test_an_unknown_device_is_stored_flagged_and_listed_with_a_sample() -> None:
    sent = frame("DataTime=20260301190000;a34004-Avg=1000,a34004-Flag=N", mn="NEW_07")
    verdict = judged(("hj212/22/NEW_07", sent))
    assert [(r.station, r.unknown_station) for r in verdict.readings] == [("new-07", True)]
    assert verdict.unknown == {
        ("air", "new-07"): Unknown("hj212/22/NEW_07", "unassigned", "hour", "hj212-air", "NEW_07", sent)
    }


def test_the_topics_district_is_told_of_an_unknown_station() -> None:
    verdict = judged(("env/gaoxin/hx-77", dust(pm25=1)))
    assert verdict.unknown["air", "hx-77"].district == "gaoxin"


def test_a_flag_makes_its_value_doubtful_and_leaves_the_others_good() -> None:
    cp = "DataTime=20260301190000;a34004-Avg=35000,a34004-Flag=C;a21005-Avg=0.7,a21005-Flag=N"
    [reading] = judged((f"hj212/22/{MN}", frame(cp))).readings
    assert (reading.values, {code: tuple(d) for code, d in reading.doubtful.items()}) == (
        {"co": 0.7},
        {"pm2_5": ("calibration", 35.0)},
    )


def test_what_nobody_named_is_refused_and_the_rest_is_stored() -> None:
    sent = b"air,station=hx-01 pm25=35,pm_25=36 %d000000\n" % (NOW - 1)
    verdict = judged(("many", sent))
    assert [reading.values for reading in verdict.readings] == [{"pm2_5": 35.0}]
    assert codes(verdict) == [("unknown_field", "pm_25")]
    assert verdict.letters[0].payload == sent
    assert (verdict.counts.written, verdict.counts.refused, verdict.counts.quantities_refused) == (0, 1, 1)


def test_each_sample_of_a_message_is_its_own_devices() -> None:
    lines = b"air,station=hx-01 pm25=35 %d000000\nair,station=HX-02 pm25=36 %d000000\nair pm25=1\n" % (NOW - 2, NOW - 1)
    verdict = judged(("many", lines))
    assert [(r.station, r.values["pm2_5"]) for r in verdict.readings] == [("hx-01", 35.0), ("hx-02", 36.0)]
    assert [(r.code, r.reading) for r in verdict.letters[0].refusals] == [("invalid_shape", 2)]
    assert verdict.counts.readings_refused == 1


def test_what_a_message_says_of_its_device_is_told_and_is_no_reading() -> None:
    verdict = judged(("env/gaoxin/hx-01", dust(bat=88.3)), ("env/gaoxin/hx-01", dust(bat=88, pm25=1)))
    assert verdict.vitals == [(("air", "hx-01"), Vitals(battery=88.3)), (("air", "hx-01"), Vitals(battery=88.0))]
    assert [reading.values for reading in verdict.readings] == [{"pm2_5": 1.0}]
    assert (verdict.counts.written, verdict.counts.refused) == (2, 0)


def test_a_frame_without_data_says_that_its_device_is_online() -> None:
    verdict = judged((f"hj212/22/{MN}", frame("", cn="9015")))
    assert (verdict.vitals, verdict.readings, verdict.letters) == ([(("air", "hx-02"), Vitals(online=True))], [], {})


def test_what_is_too_old_or_in_the_future_is_refused_as_in_the_native_format() -> None:
    old, coming = dust(pm25=1, ts=NOW - 401 * DAY_MS), dust(pm25=1, ts=NOW + 2 * HOUR_MS)
    assert [code for code, _ in codes(judged(("env/gaoxin/hx-01", old), ("env/gaoxin/hx-01", coming)))] == [
        "too_old",
        "in_future",
    ]


def test_a_message_over_the_cap_and_one_that_cannot_be_read_keep_what_there_is_of_them() -> None:
    verdict = judged(("env/gaoxin/hx-01", Oversized(10**6, "ab" * 32, b"{")), ("env/gaoxin/hx-01", b'{"ts":'))
    assert [code for code, _ in codes(verdict)] == ["too_large", "invalid_json"]
    assert [letter.payload for letter in verdict.letters.values()] == [b"{", b'{"ts":']


def test_a_topic_that_no_source_takes_is_told_about_sources() -> None:
    [letter] = judged(("elsewhere/1", b"{}")).letters.values()
    assert letter.refusals[0].code == "unknown_topic"
    assert "cityflux sources" in letter.refusals[0].fix
