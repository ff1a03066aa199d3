"""From the message to the person through the whole path: real broker, ingest, store, watch, notify and an HTTP receiver, with
kill -9 of watch and notify at random moments. A receiver that knows ids has each piece of news once, and none is missing."""

import asyncio
import json
import random
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from processors.alerts.notify.channels.services import UID_HEADER
from sensors.formats.native import encode
from sensors.instants import HOUR_MS, to_millis
from simulators.message import OutMessage
from simulators.publisher import publish
from tests.programs import Program, cityflux, wait_for
from tests.servers.mosquitto import Mosquitto
from tests.servers.receivers import HttpReceiver

ZONE = ZoneInfo("Asia/Shanghai")
NOON = to_millis(datetime.now(ZONE).replace(hour=12, minute=0, second=0, microsecond=0)) - 48 * HOUR_MS
STATIONS = [f"hx-{number:02}" for number in range(1, 9)]
CLEAN, DIRTY = 20.0, 100.0
# Each station by itself: no group, and nothing that it stands behind.
RULES = """
off = ["air_aqi_station", "air_aqi_city", "air_pm2_5_day"]

[[rule]]
code = "dust"
signal = "readings.air.hour"
zh = "细颗粒物"
en = "fine dust"
runbook = "air-quality"
roles = ["duty"]
document = "a test"
clause = "of it"
mark = "chosen"
effective_from = 2012-01-01
levels = [{ severity = "warning", of = "pm2_5", over = 75 }]
margin = 0
dwell_min = 60
clear_min = 60
gap_min = 180
reopen_min = 0
"""
NOTIFY = """
[delivery]
timeout_s = 1
lease_s = 2
first_retry_s = 0.05
most_retry_s = 0.2

[[channel]]
name = "hook"
url = "json://127.0.0.1:{hook}/in"
most_per_min = 10000

[[role]]
names = ["duty"]
step = [{{ tell = ["hook"] }}]
"""


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    (tmp_path / "broker").mkdir()
    stations = (
        f'[[station]]\nid = "{name}"\nfamily = "air"\nname_zh = "{name}"\ndistrict = "gaoxin"\n' for name in STATIONS
    )
    (tmp_path / "stations.toml").write_text("\n".join(stations), "utf-8")
    (tmp_path / "rules.toml").write_text(RULES, "utf-8")
    with Mosquitto(tmp_path / "broker") as broker:
        yield {
            "CITYFLUX_DATA_DIR": str(tmp_path / "data"),
            "CITYFLUX_STATIONS": str(tmp_path / "stations.toml"),
            "CITYFLUX_MQTT_URL": f"mqtt://127.0.0.1:{broker.port}",
            "CITYFLUX_ALERT_RULES": str(tmp_path / "rules.toml"),
            "CITYFLUX_NOTIFY": str(tmp_path / "notify.toml"),
        }


def send(environment: Mapping[str, str], hour: int, value: float) -> None:
    """An hour counted from noon, of each station a message."""
    values = {"pm2_5": value, "pm10": value + 20, "so2": 5.0, "no2": 15.0, "co": 0.5, "o3": 60.0}
    payload = encode([{"at": NOON + hour * HOUR_MS, "values": values}])
    messages = [OutMessage(f"cityflux/v1/gaoxin/air/{name}/hour", payload) for name in STATIONS]
    port = int(environment["CITYFLUX_MQTT_URL"].rpartition(":")[2])
    assert asyncio.run(publish(messages, host="127.0.0.1", port=port)) == len(messages)


def books(environment: Mapping[str, str], query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(Path(environment["CITYFLUX_DATA_DIR"]) / "books.sqlite", timeout=30)) as db:
        return db.execute(query).fetchall()


def are_all(environment: Mapping[str, str], phase: str) -> bool:
    """Whether each station has an incident in that phase."""
    found = books(environment, "SELECT phase FROM incidents WHERE rule = 'dust'")
    return found == [(phase,)] * len(STATIONS)


def is_all_sent(environment: Mapping[str, str]) -> bool:
    """Whether the log is read to its end, and no notice waits."""
    cursor = "(SELECT value FROM counters WHERE name = 'notice_cursor')"
    unread = f"SELECT id FROM incident_log WHERE id > {cursor}"  # noqa: S608 - of a constant
    return not books(environment, unread) and not books(environment, "SELECT id FROM notices WHERE state != 'sent'")


@pytest.mark.slow
def test_every_piece_of_news_comes_once_by_its_id_whatever_is_killed(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    chance = random.Random(4711)
    ingest, watch, notify = (
        Program(name, environment=environment, log=tmp_path / f"{name}.log") for name in ("ingest", "watch", "notify")
    )
    with HttpReceiver(retry_after_s=0) as hook, ingest, watch:
        hook.script.extend(chance.choices(["take", "take", "take and cut", "cut", "fail"], k=4 * len(STATIONS)))
        (tmp_path / "notify.toml").write_text(NOTIFY.format(hook=hook.port), "utf-8")
        with notify:
            wait_for("ingest to subscribe", lambda: "receiving" in ingest.log(), ingest)
            for hours, phase in (({1: CLEAN, 2: DIRTY, 3: DIRTY}, "firing"), ({4: CLEAN, 5: CLEAN}, "resolved")):
                for hour, value in hours.items():
                    send(environment, hour, value)
                    time.sleep(chance.uniform(0, 1.5))  # when they are killed is left to chance, not waited for
                    for program in chance.sample((watch, notify), k=chance.randint(1, 2)):
                        program.kill()
                        program.start()
                wait_for(f"all to be {phase}", partial(are_all, environment, phase), ingest, watch)
            wait_for("everything to be sent", lambda: is_all_sent(environment), notify)
            assert [program.stop() for program in (notify, watch, ingest)] == [0, 0, 0]
    rows = json.loads(cityflux("alerts", "deliveries", "--format", "json", environment=environment))
    uids = [one.headers[UID_HEADER] for one in hook.taken]
    assert set(uids) == {row["uid"] for row in rows}
    assert len(uids) > len(rows), "nothing came twice: the receiver cut no answer, so this says little"
    news = {row["uid"]: (row["incident"], row["what"]) for row in rows}
    of = {
        row["id"]: row["subject"]
        for row in json.loads(cityflux("alerts", "list", "--format", "json", environment=environment))
        if row["rule"] == "dust"
    }
    # By what the receiver has: of each station its beginning and its end, in this order.
    told = [(of[news[uid][0]], news[uid][1]) for uid in dict.fromkeys(uids) if news[uid][0] in of]
    assert Counter(told) == Counter((name, what) for name in STATIONS for what in ("opened", "resolved"))
    assert all(told.index((name, "opened")) < told.index((name, "resolved")) for name in STATIONS)
