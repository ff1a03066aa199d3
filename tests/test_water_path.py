"""A river through the whole path: real broker, ingest, store, runner, `explain`; with a kill -9, duplicates, a message nobody can
read, cycles that come late, values that are corrected and withdrawn, maintenance, and samples that people drew.

Once with SQLite, once with a real InfluxDB. What was sent is the judge of what is explained.
"""

import asyncio
import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sensors.formats.native import encode
from simulators.message import OutMessage
from simulators.publisher import publish
from tests.programs import Program, cityflux, ledger, wait_for

ZONE = ZoneInfo("Asia/Shanghai")
CLEAN = {
    "water_temperature": 14.2, "ph": 7.6, "dissolved_oxygen": 8.1, "conductivity": 512.0, "turbidity": 21.0, "codmn": 3.1,
    "nh3_n": 0.31, "total_phosphorus": 0.08, "total_nitrogen": 2.4,
}  # fmt: skip
STATIONS = """
[[station]]
id = "lt-01"
family = "water"
name_zh = "上游"
district = "gaoxin"
period = "raw"
river = "liangtan"
target_class = 3

[[station]]
id = "lt-02"
family = "water"
name_zh = "下游"
district = "gaoxin"
period = "raw"
river = "liangtan"
target_class = 3

[[station]]
id = "lt-02-lab"
family = "water"
name_zh = "下游手工"
district = "gaoxin"
period = "raw"
section = "lt-02"
sampling = "manual"
"""
FIRST, DAYS = date(2026, 1, 1), 59
SPILL = date(2026, 2, 10)
LATE = date(2026, 2, 27)


@pytest.fixture
def environment(stored: dict[str, str], tmp_path: Path) -> dict[str, str]:
    registry = tmp_path / "stations.toml"
    registry.write_text(STATIONS, "utf-8")
    return stored | {"CITYFLUX_STATIONS": str(registry), "CITYFLUX_HORIZON_DAYS": "20000"}


def at(day: date, hour: int) -> str:
    return (datetime(day.year, day.month, day.day, tzinfo=ZONE) + timedelta(hours=hour)).isoformat()


def cycle(station: str, day: date, hour: int, values: Mapping[str, object], **more: Any) -> OutMessage:
    return OutMessage(
        f"cityflux/v1/gaoxin/water/{station}/raw", encode([{"at": at(day, hour), "values": values, **more}])
    )


def usual() -> list[OutMessage]:
    """Every cycle in time: one station in maintenance for a day, a spill at the other, the last two days of it missing; some
    messages twice, two that nobody can read; and what people drew."""
    rng, sent = Random(1), []
    for number in range(DAYS):
        day = FIRST + timedelta(days=number)
        for hour in range(4, 25, 4):
            state = dict.fromkeys(CLEAN, "maintenance") if number == 20 else {}
            sent.append(cycle("lt-01", day, hour, CLEAN, **({"status": state} if state else {})))
            if day < LATE:
                values = {**CLEAN, "nh3_n": 4.5} if day == SPILL and hour in {8, 12} else CLEAN
                sent.append(cycle("lt-02", day, hour, values))
    sent += rng.sample(sent, 40)
    sent.append(cycle("lt-02-lab", date(2026, 2, 5), 10, {"lead": 0.005, "mercury": "<0.00004", "codmn": 9.0}))
    sent.append(OutMessage("cityflux/v1/gaoxin/water/lt-01/raw", b'{"at": "2026-02-01T04:00:00", "values": {"ph": 7}}'))
    sent.append(OutMessage("cityflux/v1/gaoxin/water/lt-02/raw", b"\xff\x00"))
    return sent


def later() -> list[OutMessage]:
    """The missing cycles; the spill's values corrected, by messages that say when they were issued; one value withdrawn."""
    sent = [
        cycle("lt-02", day, hour, CLEAN)
        for day in (LATE, LATE + timedelta(days=1))
        for hour in range(4, 25, 4)
    ]  # fmt: skip
    # What has no `issued` is as new as its receipt, so a correction that says when it was issued says: now.
    issued = {"issued": datetime.now(ZONE).isoformat()}
    sent += [cycle("lt-02", SPILL, hour, {"nh3_n": 16.0}, **issued) for hour in (8, 12)]
    sent.append(cycle("lt-01", date(2026, 2, 3), 4, {"turbidity": 21.0}, status={"turbidity": "withdrawn"}))
    return sent


def send(environment: Mapping[str, str], messages: list[OutMessage]) -> None:
    port = int(environment["CITYFLUX_MQTT_URL"].rpartition(":")[2])
    assert asyncio.run(publish(messages, host="127.0.0.1", port=port)) == len(messages)


def explain(environment: Mapping[str, str], *arguments: str) -> Any:
    return json.loads(cityflux("explain", "water_sections", *arguments, "--format", "json", environment=environment))


def books(environment: Mapping[str, str], query: str) -> Any:
    with closing(sqlite3.connect(Path(environment["CITYFLUX_DATA_DIR"]) / "books.sqlite")) as db:
        return db.execute(query).fetchone()[0]


def computed(environment: Mapping[str, str]) -> bool:
    return bool(books(environment, "SELECT count(*) FROM marks") == 0)


def settled(environment: Mapping[str, str], count: int) -> bool:
    messages = ledger(environment)["messages"]
    return bool(messages["pending"] == 0 and messages["journalled"] >= count)


def test_a_river_through_the_whole_path(environment: dict[str, str], tmp_path: Path) -> None:
    ingest = Program("ingest", environment=environment, log=tmp_path / "ingest.log")
    process = Program("process", environment=environment, log=tmp_path / "process.log")
    first = usual()

    def last_is_stored() -> bool:
        """Whether the last message of `later` is: the messages of one ingest are settled in their order."""
        day = date(2026, 2, 3)
        asked = ("--from", at(day, 3), "--to", at(day, 4), "--station", "lt-01", "--format", "json")
        [row] = json.loads(cityflux("readings", "water", "raw", *asked, environment=environment))
        return "turbidity" in row["doubtful"] and settled(environment, 0)

    with ingest, process:
        wait_for("ingest to subscribe", lambda: "receiving" in ingest.log(), ingest)
        send(environment, first[:300])
        ingest.kill()
        ingest.start()
        send(environment, first[300:])
        wait_for("the journal to be settled", lambda: settled(environment, len(first)), ingest)
        wait_for("every window to be computed", lambda: computed(environment), process)
        before = explain(environment, "2026-02", "--section", "lt-02")
        send(environment, later())
        wait_for("what came later to be stored", last_is_stored, ingest)
        wait_for("every window to be computed again", lambda: computed(environment), process)
        assert ingest.stop() == 0, ingest.log()
        assert process.stop() == 0, process.log()

    balance = ledger(environment)
    assert balance["balances"]
    assert balance["messages"]["refused"] == 2

    # Before: 26 days of 28 suffice for a month; two spilled cycles of 156 lift its mean.
    assert before["class"] == "Ⅱ"
    assert {one["quantity"]: one["exact"] for one in before["items"]}["nh3_n"] == mean_of(4.5, 26)
    month = explain(environment, "2026-02", "--section", "lt-02")
    items = {one["quantity"]: one for one in month["items"]}
    assert items["nh3_n"]["exact"] == mean_of(16.0, 28)
    assert (items["codmn"]["by"], items["codmn"]["exact"]) == ("automatic", "31/10"), (
        "the automatic station goes before"
    )
    assert (items["lead"]["by"], items["mercury"]["below"], items["mercury"]["class"]) == ("manual", 1, "Ⅰ")
    assert month["coverage"] == {"valid": 28, "expected": 28}
    assert month["revisions"][0]["reason"] == "the period closed"
    later_reasons = " | ".join(one["reason"] for one in month["revisions"][1:])
    assert "2026-02-10: 5 → 6: 2 corrected samples of lt-02" in later_reasons
    assert "2026-02-27: the period closed" in later_reasons, "a day of which nothing had come"
    check_days(environment, month)


def check_days(environment: Mapping[str, str], month: Mapping[str, Any]) -> None:
    """Days down to samples and their messages; a day in maintenance is no clean one; nothing is doubled."""
    spill = explain(environment, "2026", "--section", "lt-02", "--day", SPILL.isoformat())
    assert (spill["class"], spill["main"]) == ("劣Ⅴ", ["nh3_n"])
    assert spill["revisions"][-1]["reason"] == "5 → 6: 2 corrected samples of lt-02"
    eight = next(one for one in spill["samples"] if one["at"].startswith("2026-02-10T08:00"))
    assert eight["values"]["nh3_n"] == 16.0
    assert eight["topic"] == "cityflux/v1/gaoxin/water/lt-02/raw"
    assert eight["journal"]
    assert spill["same_when_computed_again"]

    maintained = explain(environment, "2026", "--section", "lt-01", "--day", "2026-01-21")
    assert (maintained["class"], maintained["coverage"]["valid"]) == (None, 0), "maintenance is no clean water"
    assert maintained["samples"][0]["left_out"]["nh3_n"] == "maintenance"

    sections = json.loads(cityflux("sections", "2026-02", "--format", "json", environment=environment))
    assert {row["section"]: row["class"] for row in sections} == {"lt-01": "Ⅱ", "lt-02": month["class"]}
    counted = {station: len(readings(environment, station)) for station in ("lt-01", "lt-02")}
    assert counted == dict.fromkeys(("lt-01", "lt-02"), DAYS * 6), "every cycle is stored, none is doubled"


def readings(environment: Mapping[str, str], station: str) -> list[Any]:
    span = ("--from", at(FIRST, 0), "--to", at(FIRST + timedelta(days=DAYS), 0))
    asked = ("readings", "water", "raw", *span, "--station", station, "--format", "json")
    found: list[Any] = json.loads(cityflux(*asked, environment=environment))
    return found


def mean_of(spilled: float, days: int) -> str:
    """The mean of ammonia over days of which one has two cycles of six with `spilled` mg/L."""
    usual_day = Fraction("0.31")
    that_day = (4 * usual_day + 2 * Fraction(str(spilled))) / 6
    return str((usual_day * (days - 1) + that_day) / days)
