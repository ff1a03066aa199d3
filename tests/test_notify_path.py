"""Telling people through the whole path: the program as it is started, real HTTP and mail receivers that fail, the broker; with
kill -9 at random moments, and two at once."""

import asyncio
import json
import random
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from cityflux.composition import now_ms
from processors.alerts.notify.channels.services import UID_HEADER
from sensors.instants import HOUR_MS, to_datetime
from store.books import Books
from tests.processors.alerts.notify.told import draft, over, write
from tests.processors.world import ZONE
from tests.programs import Program, cityflux, wait_for
from tests.servers.mosquitto import Mosquitto
from tests.servers.receivers import HttpReceiver, MailReceiver

TOKEN = "sesame-4711-open"
FAST = """
[delivery]
timeout_s = 1
lease_s = 2.5
first_retry_s = 0.05
most_retry_s = 0.2
"""
CHANNELS = """
[[channel]]
name = "hook"
url = "json://127.0.0.1:{hook}/in/${{HOOK_TOKEN}}"
most_per_min = 10000

[[channel]]
name = "mail"
url = "mailto://127.0.0.1:{mail}?from=cityflux@example.org&to=duty@example.org&mode=insecure&format=text"
language = "en"
most_per_min = 10000

[[role]]
names = ["duty"]
step = [{{ tell = ["hook", "mail"] }}]
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {
        "CITYFLUX_DATA_DIR": str(tmp_path),
        "CITYFLUX_NOTIFY": str(tmp_path / "notify.toml"),
        "HOOK_TOKEN": TOKEN,
    }


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    with closing(Books(f"sqlite:///{tmp_path / 'books.sqlite'}")) as made:
        made.prepare()
        yield made


def told(environment: dict[str, str]) -> Counter[tuple[str, str]]:
    """How many notices there are, by channel and state."""
    with closing(sqlite3.connect(Path(environment["CITYFLUX_DATA_DIR"]) / "books.sqlite")) as db:
        rows = db.execute("SELECT channel, state, count(*) FROM notices GROUP BY channel, state")
        return Counter({(channel, state): count for channel, state, count in rows})


def test_every_notice_comes_once_by_its_id_whatever_is_killed_or_fails(
    tmp_path: Path, environment: dict[str, str], books: Books
) -> None:
    chance = random.Random(4711)
    troubles = ["take", "take", "take", "fail", "busy", "cut", "take and cut", "hang"]
    incidents = 32
    with HttpReceiver(retry_after_s=0) as hook, MailReceiver(*["451 later"] * 5) as mail:
        hook.script.extend(chance.choices(troubles, k=2 * incidents))  # type: ignore[arg-type]
        file = FAST + CHANNELS.format(hook=hook.port, mail=mail.port)
        (tmp_path / "notify.toml").write_text(file, "utf-8")
        # Two at once, one of them killed again and again.
        steady = Program("notify", environment=environment, log=tmp_path / "steady.log")
        killed = Program("notify", environment=environment, log=tmp_path / "killed.log")
        with steady, killed:
            for number in range(incidents):
                since = now_ms() - HOUR_MS
                one = write(books, "opened", draft(since), now=now_ms(), subject=f"hx-{number}")
                write(books, "resolved", over(since), now=now_ms(), number=one, subject=f"hx-{number}")
                if number % 8 == 7:
                    time.sleep(chance.uniform(0, 1.5))  # when it is killed is left to chance, not waited for
                    killed.kill()
                    killed.start()
            sent = {("hook", "sent"): 2 * incidents, ("mail", "sent"): 2 * incidents}
            wait_for("everything to be sent", lambda: told(environment) == sent, steady, killed)
            assert steady.stop() == killed.stop() == 0
    rows = json.loads(cityflux("alerts", "deliveries", "--format", "json", environment=environment))
    for channel, came in (
        ("hook", [one.headers[UID_HEADER] for one in hook.taken]),
        ("mail", [one[UID_HEADER] for one in mail.mails]),
    ):
        assert set(came) == {row["uid"] for row in rows if row["channel"] == channel}
    # Of one incident the end is first told after its beginning.
    first: dict[str, list[str]] = {}
    title_of = {row["uid"]: (row["incident"], row["what"]) for row in rows}
    for uid in dict.fromkeys(one.headers[UID_HEADER] for one in hook.taken):
        incident, what = title_of[uid]
        first.setdefault(incident, []).append(what)
    assert set(map(tuple, first.values())) == {("opened", "resolved")}
    logs = steady.log() + killed.log()
    assert "a channel does not take notices" in logs
    assert TOKEN not in logs
    assert TOKEN not in json.dumps(rows)


STEPS = """
[[channel]]
name = "duty"
url = "json://127.0.0.1:{duty}/${{HOOK_TOKEN}}"
language = "en"

[[channel]]
name = "leader"
url = "json://127.0.0.1:{leader}/${{HOOK_TOKEN}}"

[[channel]]
name = "bus"
mqtt = "city/alerts"

[[role]]
names = ["duty"]
step = [{{ tell = ["duty"] }}, {{ after_min = 0.02, tell = ["leader"] }}]
"""


def titles(receiver: HttpReceiver) -> list[str]:
    return [one.body["title"] for one in receiver.taken]


def test_the_city_is_told_by_steps_silences_and_the_broker(
    tmp_path: Path, environment: dict[str, str], books: Books
) -> None:
    (tmp_path / "broker").mkdir()
    with HttpReceiver() as duty, HttpReceiver() as leader, Mosquitto(tmp_path / "broker") as broker:
        environment["CITYFLUX_MQTT_URL"] = f"mqtt://127.0.0.1:{broker.port}"
        (tmp_path / "notify.toml").write_text(STEPS.format(duty=duty.port, leader=leader.port), "utf-8")
        until = to_datetime(now_ms() + HOUR_MS, ZONE).strftime("%Y-%m-%dT%H:%M")
        silence = ("alerts", "silence", "--subject", "hx-02", "--until", until, "--why", "drill")
        cityflux(*silence, environment=environment)
        with Program("notify", environment=environment, log=tmp_path / "notify.log") as notify:
            one = write(books, "opened", draft(now_ms() - HOUR_MS), now=now_ms())
            silenced = write(books, "opened", draft(now_ms() - HOUR_MS), now=now_ms(), subject="hx-02")
            wait_for("the leader to be told", lambda: titles(leader), notify)
            assert titles(duty) == ["[notice] hx-01: Real-time air quality of a station"]
            assert titles(leader) == ["【提示·未确认】hx-01：站点实时空气质量"]
            held = asyncio.run(retained(broker.port, 2))
            assert {number: data["withheld"] for number, data in held.items()} == {one: False, silenced: True}
            cityflux("alerts", "unsilence", "1", "--why", "done", environment=environment)
            wait_for("what was silenced to be told", lambda: len(titles(duty)) > 1, notify)
            assert titles(duty)[1:] == ["[notice] hx-02: Real-time air quality of a station, still holds"]
            assert notify.stop() == 0
        assert TOKEN not in notify.log()


async def retained(port: int, most: int) -> dict[int, dict[str, Any]]:
    """What holds, as the broker keeps it, by incident."""
    found: dict[int, dict[str, Any]] = {}
    async with asyncio.timeout(60), aiomqtt.Client("127.0.0.1", port) as client:
        await client.subscribe("city/alerts/state/+", qos=1)
        async for message in client.messages:
            data = json.loads(bytes(message.payload))
            found[data["incident"]] = data
            if len(found) == most:
                break
    return found
