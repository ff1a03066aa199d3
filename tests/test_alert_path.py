"""An alert through the whole path: real broker, ingest, store, watch; with kill -9 of the watch between hours, a repeat of every
message, hours that come late, and a person who acknowledges."""

import asyncio
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sensors.formats.native import encode
from sensors.instants import HOUR_MS, iso, to_millis
from simulators.message import OutMessage
from simulators.publisher import publish
from tests.programs import Program, cityflux, wait_for
from tests.servers.mosquitto import Mosquitto

ZONE = ZoneInfo("Asia/Shanghai")
NOON = to_millis(datetime.now(ZONE).replace(hour=12, minute=0, second=0, microsecond=0)) - 48 * HOUR_MS
CLEAN, DIRTY = 20.0, 100.0
STATIONS = """
[[station]]
id = "hx-01"
family = "air"
name_zh = "虎溪"
district = "gaoxin"
"""


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    (tmp_path / "broker").mkdir()
    (tmp_path / "stations.toml").write_text(STATIONS, "utf-8")
    with Mosquitto(tmp_path / "broker") as broker:
        yield {
            "CITYFLUX_DATA_DIR": str(tmp_path / "data"),
            "CITYFLUX_STATIONS": str(tmp_path / "stations.toml"),
            "CITYFLUX_MQTT_URL": f"mqtt://127.0.0.1:{broker.port}",
        }


def hours(values: Mapping[int, float]) -> list[OutMessage]:
    """Hours counted from noon, each a message, with its PM2.5."""
    others = {"so2": 5.0, "no2": 15.0, "co": 0.5, "o3": 60.0}
    return [
        OutMessage(
            "cityflux/v1/gaoxin/air/hx-01/hour",
            encode([{"at": NOON + hour * HOUR_MS, "values": {"pm2_5": value, "pm10": value + 20, **others}}]),
        )
        for hour, value in values.items()
    ]


def send(environment: Mapping[str, str], messages: Sequence[OutMessage]) -> None:
    port = int(environment["CITYFLUX_MQTT_URL"].rpartition(":")[2])
    assert asyncio.run(publish(messages, host="127.0.0.1", port=port)) == len(messages)


def alerts(environment: Mapping[str, str], *arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(
        cityflux("alerts", *arguments, "--format", "json", environment=environment)
    )
    return found


def books(environment: Mapping[str, str], query: str) -> int:
    with closing(sqlite3.connect(Path(environment["CITYFLUX_DATA_DIR"]) / "books.sqlite")) as db:
        return int(db.execute(query).fetchone()[0])


def marked(environment: Mapping[str, str]) -> int:
    """Raised whenever something is marked as changed, in the transaction that marks it."""
    return books(environment, "SELECT max(value) FROM counters WHERE name = 'mark_sequence'")


def looked_since(environment: Mapping[str, str], before: int) -> bool:
    """Whether something was marked since, and the watch has looked at all that is."""
    return marked(environment) > before and not books(environment, "SELECT count(*) FROM alert_marks")


def is_over(environment: Mapping[str, str]) -> bool:
    return bool(
        books(environment, "SELECT count(*) FROM incidents WHERE phase = 'resolved' AND rule = 'air_aqi_station'")
    )


def test_an_alert_is_told_once_whatever_dies_and_late_hours_correct_it(
    environment: dict[str, str], tmp_path: Path
) -> None:
    ingest = Program("ingest", environment=environment, log=tmp_path / "ingest.log")
    watch = Program("watch", environment=environment, log=tmp_path / "watch.log")
    with ingest, watch:
        wait_for("ingest to subscribe", lambda: "receiving" in ingest.log(), ingest)
        for hour, value in enumerate((CLEAN, DIRTY, DIRTY, DIRTY), start=1):
            before = marked(environment)
            send(environment, hours({hour: value}))
            wait_for(f"hour {hour} to be looked at", partial(looked_since, environment, before), ingest, watch)
            watch.kill()
            watch.start()
        (one,) = [row for row in alerts(environment, "list") if row["rule"] == "air_aqi_station"]
        cityflux("alerts", "ack", str(one["id"]), "--note", "crew called", environment=environment)
        # All of it again, and the hour before that came late: it was dirty too.
        send(environment, hours({2: DIRTY, 3: DIRTY, 1: DIRTY, 4: DIRTY, 5: CLEAN, 6: CLEAN, 7: CLEAN}))
        wait_for("its end", partial(is_over, environment), ingest, watch)
        assert watch.stop() == 0, watch.log()
        assert ingest.stop() == 0, ingest.log()
    (after,) = [row for row in alerts(environment, "list") if row["rule"] == "air_aqi_station"]
    assert after["id"] == one["id"]
    assert (after["since"], after["well"], after["state"]) == (
        iso(NOON + HOUR_MS, ZONE),
        iso(NOON + 5 * HOUR_MS, ZONE),
        "resolved",
    )
    # The city is this one station: its rule stands for the station's.
    assert after["stands_behind"] in {row["id"] for row in alerts(environment, "list") if row["rule"] == "air_aqi_city"}
    lines = [(row["what"], row["who"]) for row in alerts(environment, "explain", str(one["id"]))]
    told = [what for what, _ in lines]
    assert told[:2] == ["opened", "acknowledged"]
    # Whether the watch looked between the clean hours is chance; that it is over was told once.
    assert sorted(what for what in told if what != "recovering") == ["acknowledged", "corrected", "opened", "resolved"]
