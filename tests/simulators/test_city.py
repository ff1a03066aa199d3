"""The simulated city as a sender: what it publishes, when, and that a seed decides all of it."""

import json
from datetime import date
from typing import Any

import pytest

from sensors.families import CONTRACTS
from sensors.instants import HOUR_MS, parse_instant
from sensors.stations import load_registry
from sensors.topics import parse_topic
from simulators.city import city, history, hour, live, registry_text
from simulators.message import OutMessage

END = parse_instant("2026-03-03T10:20:00+08:00")
START = date(2026, 2, 27)


def records(message: OutMessage) -> list[dict[str, Any]]:
    payload = json.loads(message.payload)
    found: list[dict[str, Any]] = payload.get("readings", [payload])
    return found


def test_the_registry_is_ten_stations_of_the_high_tech_zone() -> None:
    stations = list(load_registry(registry_text(), "gaoxin.toml"))
    assert [s.id for s in stations] == [f"hx-{n:02}" for n in range(1, 11)]
    assert {s.district for s in stations} == {"gaoxin"}
    assert sorted(s.kind for s in stations) == ["assessment"] * 8 + ["background", "traffic"]
    assert len({s.name_zh for s in stations}) == len({s.name_en for s in stations}) == 10
    for station in stations:
        assert 106.25 < (station.longitude or 0) < 106.42
        assert 29.40 < (station.latitude or 0) < 29.66


def test_the_same_seed_gives_the_same_bytes_and_another_one_others() -> None:
    first = list(history(7, START, END))
    assert first == list(history(7, START, END))
    assert [m.topic for m in first] == [m.topic for m in history(8, START, END)]
    assert all(a.payload != b.payload for a, b in zip(first, history(8, START, END), strict=True))


def test_a_day_is_the_same_alone_as_in_a_long_history() -> None:
    long = {(m.topic, records(m)[0]["at"]): m for m in history(7, START, END)}
    midnight = parse_instant("2026-03-02T00:00:00+08:00")
    for message in history(7, date(2026, 3, 1), midnight):
        assert long[message.topic, records(message)[0]["at"]] == message


def test_history_is_one_message_per_station_and_day_in_order_and_ends_with_the_last_whole_hour() -> None:
    messages = list(history(7, START, END))
    assert [parse_topic(m.topic).station for m in messages] == [s.id for s in city()] * 5
    assert {parse_topic(m.topic).period for m in messages} == {"hour"}
    of_one = [record["at"] for m in messages if "hx-01" in m.topic for record in records(m)]
    first = parse_instant("2026-02-27T01:00:00+08:00")
    assert of_one == list(range(first, parse_instant("2026-03-03T10:00:00+08:00") + 1, HOUR_MS))
    assert [len(records(m)) for m in messages[::10]] == [24, 24, 24, 24, 10]


@pytest.mark.parametrize(
    ("end", "readings"),
    [
        ("2026-02-27T00:00:00+08:00", 0),
        ("2026-02-27T00:59:59+08:00", 0),
        ("2026-02-27T01:00:00+08:00", 1),
        ("2026-02-28T00:00:00+08:00", 24),
        ("2026-02-28T00:30:00+08:00", 24),
    ],
)
def test_history_holds_exactly_the_hours_that_have_ended(end: str, readings: int) -> None:
    messages = [m for m in history(7, START, parse_instant(end)) if "hx-01" in m.topic]
    assert sum(len(records(m)) for m in messages) == readings


def test_an_hour_alone_is_what_history_says_of_it() -> None:
    end = parse_instant("2026-03-01T00:00:00+08:00")
    told = {m.topic: r["values"] for m in history(7, START, END) for r in records(m) if r["at"] == end}
    assert {m.topic: records(m)[0]["values"] for m in hour(7, end)} == told
    with pytest.raises(ValueError, match="not the end of an hour"):
        hour(7, end + 1)


@pytest.mark.parametrize(
    ("at", "end"),
    [
        ("2026-03-01T13:59:59.999+08:00", "2026-03-01T14:00:00+08:00"),
        ("2026-03-01T14:00:00+08:00", "2026-03-01T14:00:00+08:00"),
        ("2026-03-01T14:00:00.001+08:00", "2026-03-01T15:00:00+08:00"),
    ],
)
def test_a_live_value_flickers_around_its_hour(at: str, end: str) -> None:
    instant = parse_instant(at)
    means = {m.topic.replace("/hour", "/raw"): records(m)[0]["values"] for m in hour(7, parse_instant(end))}
    messages = live(7, instant)
    assert messages == live(7, instant)
    assert [parse_topic(m.topic).station for m in messages] == [s.id for s in city()]
    for message in messages:
        (record,) = records(message)
        assert record["at"] == instant
        assert record["values"] == pytest.approx(means[message.topic], rel=0.031, abs=0.02)


def test_everything_it_says_is_accepted_as_good_by_the_air_contract() -> None:
    for message in [*history(7, START, END), *hour(7, END - END % HOUR_MS), *live(7, END)]:
        for record in records(message):
            judged = CONTRACTS["air"].judge(record, parse_topic(message.topic).station, END, 400 * 24 * HOUR_MS)
            assert not judged.refusals
            assert not judged.doubtful
            assert set(judged.values) == {
                "pm2_5", "pm10", "so2", "no2", "co", "o3", "air_temperature", "humidity",
            }  # fmt: skip
            assert judged.values["pm2_5"] < judged.values["pm10"]
