"""The radar over judged batches: what it looks at, whose it is, and that each change is kept once."""

import json
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ingest.intake import Intake
from ingest.journal import JournalBatch
from ingest.radar import Radar
from ingest.transport import Message
from sensors.formats.native import encode
from sensors.sources import Sources, parse_sources
from sensors.stations import Registry, Station
from store.books import Books
from store.drifts import Drift, Drifts, Of

START = 1_772_344_800_000
MINUTE = 60_000
NATIVE = "cityflux/v1/gaoxin/air/hx-01/minute"
SOURCES = Sources(
    parse_sources(
        """
        [[source]]
        name = "dust"
        topic = "dust/{device}"
        format = "json"
        family = "air"
        options = { time = "/ts", time_format = "ms" }
        quantities = { pm2_5 = "pm25", o3 = "o3" }
        """,
        "test",
        ZoneInfo("Asia/Shanghai"),
    )
)
REGISTRY = Registry(
    [Station.model_validate({"id": "hx-09", "family": "air", "name_zh": "x", "district": "gaoxin", "device": "D9"})]
)


class Stream:
    """Batches, judged and looked at, a minute apart."""

    def __init__(self) -> None:
        self.radar = Radar(SOURCES, lambda: REGISTRY)
        self.radar.know({})
        self._intake = Intake(REGISTRY, set(), lambda topic: 1, horizon_days=400, horizons={}, sources=SOURCES)
        self._minute = 0

    def minute(self, *messages: tuple[str, bytes]) -> list[Drift]:
        self._minute += 1
        at = START + self._minute * MINUTE
        made = [Message(topic, payload.replace(b"AT", b"%d" % at)) for topic, payload in messages]
        self.radar.look(self._intake.judge(JournalBatch(self._minute, at, made)))
        return self.radar.take()[1]


def dust(**fields: object) -> tuple[str, bytes]:
    return "dust/D9", json.dumps({"ts": "AT", **fields}).replace('"AT"', "AT").encode()


def test_a_field_that_a_firmware_renames_is_told_with_its_first_message() -> None:
    stream = Stream()
    for _ in range(6):
        assert stream.minute(dust(pm25=35, o3=61)) == []
    [drift] = stream.minute(dust(pm2_5=35, o3=61))
    assert (drift.source, drift.family, drift.station) == ("dust", "air", "hx-09")
    assert (drift.kind, drift.field, drift.after) == ("new_field", "pm2_5", "number")
    assert b'"pm2_5": 35' in drift.example
    assert drift.topic == "dust/D9"
    found = [one for _ in range(3) for one in stream.minute(dust(pm2_5=35, o3=61))]
    assert [(one.kind, one.field) for one in found] == [("missing_field", "pm25")]


def test_the_native_format_is_looked_at_too() -> None:
    stream = Stream()
    for _ in range(6):
        assert stream.minute((NATIVE, encode([{"at": 1, "values": {"o3": 61}}]).replace(b"1,", b"AT,"))) == []
    [drift] = stream.minute((NATIVE, b'{"at":AT,"values":{"o3":"61"}}'))
    assert (drift.source, drift.station, drift.kind, drift.after) == ("native", "hx-01", "type_change", "text")


def test_of_a_topic_one_message_a_minute_is_looked_at_and_the_others_are_counted() -> None:
    stream = Stream()
    every_ten_seconds = [dust(pm25=1, o3=1)] * 6
    for _ in range(7):
        assert stream.minute(*every_ten_seconds) == []
    found = [one for _ in range(6) for one in stream.minute(dust(pm25=1, o3=1))]
    assert [(one.kind, one.before, one.after) for one in found] == [("rate_change", "every 10 s", "every 60 s")]


def test_what_cannot_be_read_is_passed_over() -> None:
    stream = Stream()
    assert stream.minute(("dust/D9", b"{"), (NATIVE, b"\xff"), ("elsewhere", b"{}"), ("dust/D9", b"[]")) == []


def test_until_it_knows_what_was_known_it_looks_at_nothing() -> None:
    radar = Radar(SOURCES, lambda: REGISTRY)
    intake = Intake(REGISTRY, set(), lambda topic: 1, horizon_days=400, horizons={}, sources=SOURCES)
    radar.look(intake.judge(JournalBatch(1, START, [Message(*dust(pm25=1))])))
    assert radar.take() == ({}, [])


@pytest.fixture
def drifts(tmp_path: Path) -> Drifts:
    books = Books(f"sqlite:///{tmp_path}/books.sqlite")
    books.prepare()
    return Drifts(books)


def test_a_change_is_told_once_over_restarts_and_workers(drifts: Drifts) -> None:
    stream = Stream()
    for _ in range(6):
        stream.minute(dust(pm25=35, o3=61))
    stream.radar.give_back({Of("dust", "air", "hx-09"): None}, [])  # type: ignore[dict-item]  # only its key counts
    learnt, _ = stream.radar.take()
    assert drifts.add(learnt, []) == []
    told = []
    for _ in range(2):
        again = Stream()
        again.radar.know(drifts.profiles())
        found = again.minute(dust(pm25=35, o3=61, new=1))
        assert [one.field for one in found] == ["new"]
        told += drifts.add({}, found)
    assert [one.field for one in told] == ["new"], "the second time nobody is told"
    [kept] = drifts.page()
    assert (kept.field, kept.accepted_by) == ("new", None)
    assert drifts.waiting() == 1
    assert drifts.accept([kept.id], who="li", now=5) == 1
    assert drifts.accept([kept.id], who="li", now=6) == 0
    assert (drifts.page(), drifts.waiting()) == ([], 0)
    assert [(one.accepted_by, one.accepted_at) for one in drifts.page(accepted=True)] == [("li", 5)]
