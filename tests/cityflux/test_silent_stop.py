"""Silent stops and takeovers as an operator meets them: real Mosquitto, `cityflux ingest` in processes of its own, /health."""

import asyncio
import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import mqtt5
import pytest
from prometheus_client.parser import text_string_to_metric_families

from cityflux.asking import ask_broker
from ingest.mqtt5 import open_connection
from ingest.transport import Broker, Session
from sensors.formats.native import encode
from sensors.stations import Station, dump_registry
from simulators.message import OutMessage
from simulators.publisher import publish
from tests.programs import Program, cityflux, ledger, wait_for
from tests.servers import free_port
from tests.servers.influx import Influx
from tests.servers.mosquitto import Mosquitto

HOUR = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
TOPIC = "cityflux/v1/gaoxin/air/hx-01/hour"
OPEN = "topic readwrite #\ntopic read $SYS/#\n"
NO_READING = "topic write #\n"
SOON = {"CITYFLUX_MQTT_HEARTBEAT_S": "0.5"}


class City:
    """A broker whose access list can be changed, and the environment of one ingest."""

    def __init__(self, folder: Path, *settings: str) -> None:
        self.folder = folder
        self.access = folder / "access"
        self.access.write_text(OPEN)
        registry = folder / "stations.toml"
        registry.write_text(
            dump_registry([Station(id="hx-01", family="air", name_zh="虎溪", district="gaoxin")]), "utf-8"
        )
        (folder / "broker").mkdir()
        self.broker = Mosquitto(folder / "broker", f"acl_file {self.access}", *settings)
        self.environment = {
            "CITYFLUX_DATA_DIR": str(folder / "data"),
            "CITYFLUX_STATIONS": str(registry),
            "CITYFLUX_MQTT_URL": f"mqtt://127.0.0.1:{self.broker.port}",
        }

    def ingest(self, name: str = "ingest", **more: str) -> Program:
        return Program("ingest", environment={**self.environment, **more}, log=self.folder / f"{name}.log")

    def allow(self, access: str) -> None:
        self.access.write_text(access)
        self.broker.reload()

    async def send(self, first: int, count: int) -> None:
        """Hourly readings, one a message, that end `first` and more hours ago."""
        messages = [
            OutMessage(TOPIC, encode([{"at": (HOUR - timedelta(hours=n)).isoformat(), "values": {"o3": 61.0}}]))
            for n in range(first, first + count)
        ]
        assert await publish(messages, host="127.0.0.1", port=self.broker.port) == count

    def stored(self, data: Path | None = None) -> set[str]:
        """The hours that are in the store of one data folder."""
        environment = {**self.environment, **({"CITYFLUX_DATA_DIR": str(data)} if data else {})}
        span = ["--from", (HOUR - timedelta(days=60)).isoformat(), "--to", (HOUR + timedelta(days=1)).isoformat()]
        rows = cityflux("readings", "air", "hour", *span, "--format", "csv", environment=environment).splitlines()
        return {row.split(",")[1] for row in rows[1:]}


@pytest.fixture
def city(tmp_path: Path) -> Iterator[City]:
    city = City(tmp_path, "sys_interval 1", "max_queued_messages 10")
    with city.broker:
        yield city


def url_of(program: Program) -> str:
    return str(re.findall(r"url=(http://\S+)/health", program.log())[-1])


def health(program: Program) -> dict[str, Any]:
    """/health; that 503 means red is asserted by the way."""
    try:
        with urllib.request.urlopen(f"{url_of(program)}/health", timeout=30) as answer:  # noqa: S310 - our own, on loopback
            status, body = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, body = error.code, error.read()
    found: dict[str, Any] = json.loads(body)
    assert (status == 503) == (found["status"] == "red")
    return found


def metric(program: Program, name: str) -> float:
    with urllib.request.urlopen(f"{url_of(program)}/metrics", timeout=30) as answer:  # noqa: S310 - our own, on loopback
        families = text_string_to_metric_families(answer.read().decode())
    return next(
        sample.value for family in families for sample in family.samples if sample.name == f"cityflux_ingest_{name}"
    )


def is_green(program: Program) -> bool:
    return bool(health(program)["status"] == "green")


async def test_revoked_permission_to_read_is_an_alarm_and_heals(city: City) -> None:
    with city.ingest(**SOON) as ingest:
        wait_for("all to be well", lambda: "url=" in ingest.log() and is_green(ingest), ingest)
        await city.send(0, 1)
        city.allow(NO_READING)
        found = wait_for("the alarm", lambda: (h := health(ingest))["status"] == "red" and h, ingest)
        said = found["causes"][0]["what"]
        assert "lacks read on cityflux/v1/#" in said
        assert "write on cityflux/v1/heartbeat/cityflux-ingest" in said
        assert metric(ingest, "silent") == 1
        wait_for("another try", lambda: metric(ingest, "reconnects_total") >= 2, ingest)
        assert ingest.log().count("lacks read") == 1, "said once, however often it is tried"
        assert health(ingest)["status"] == "red", "until something comes"
        city.allow(OPEN)
        wait_for("it to heal", lambda: "receiving again" in ingest.log(), ingest)
        wait_for("the end of the alarm", lambda: metric(ingest, "silent") == 0, ingest)
        assert health(ingest)["status"] == "yellow"
        assert "1 gaps" in health(ingest)["causes"][0]["what"]
        await city.send(1, 1)
        wait_for("data again", lambda: len(city.stored()) == 2, ingest)
        assert ingest.stop() == 0
    counts = ledger(city.environment)["messages"]
    assert (counts["journalled"], counts["refused"]) == (2, 0), "heartbeats are in no books"
    assert json.loads(cityflux("dead-letters", "list", "--format", "json", environment=city.environment)) == []


@pytest.mark.parametrize("version", ["5", "3"])
async def test_a_broker_that_forgot_everything_is_an_alarm_and_data_flow_again(city: City, version: str) -> None:
    url = city.environment["CITYFLUX_MQTT_URL"] + f"?version={version}"
    with city.ingest(CITYFLUX_MQTT_URL=url) as ingest:
        wait_for("ingest to subscribe", lambda: "receiving " in ingest.log(), ingest)
        await city.send(0, 1)
        city.broker.forget()
        wait_for("the alarm", lambda: "the broker has lost our session" in ingest.log(), ingest)
        wait_for("the metric", lambda: metric(ingest, "sessions_lost_total") == 1, ingest)
        assert ["1 gaps" in cause["what"] for cause in health(ingest)["causes"]] == [True]
        await city.send(1, 1)
        wait_for("data again", lambda: len(city.stored()) == 2, ingest)
        assert ingest.stop() == 0


async def test_a_store_that_is_down_is_red_and_green_after(city: City, tmp_path: Path) -> None:
    token = tmp_path / "token"
    with Influx() as influx:
        token.write_text(influx.token)
        bucket = influx.new_bucket()
        settings = {
            "CITYFLUX_STORE": "influx",
            "CITYFLUX_INFLUX_URL": influx.url,
            "CITYFLUX_INFLUX_BUCKET": bucket,
            "CITYFLUX_INFLUX_TOKEN_FILE": str(token),
        }
        influx.stop()
        with city.ingest(**settings) as ingest:
            wait_for("ingest to subscribe", lambda: "receiving " in ingest.log(), ingest)
            await city.send(0, 3)
            found = wait_for("red", lambda: (h := health(ingest))["status"] == "red" and h, ingest)
            assert "cannot settle" in found["causes"][0]["what"]
            assert metric(ingest, "store_up") == 0
            assert metric(ingest, "pending_messages") == 3
            influx.restart()
            wait_for("green", lambda: is_green(ingest), ingest)
            wait_for("the ledger's counters", lambda: metric(ingest, "messages_written_total") == 3, ingest)
            assert metric(ingest, "store_up") == 1
            assert ingest.stop() == 0


@pytest.mark.parametrize("version", ["5", "3"])
async def test_of_two_ingests_with_one_client_id_one_goes_on_and_nothing_is_lost(city: City, version: str) -> None:
    url = city.environment["CITYFLUX_MQTT_URL"] + f"?version={version}"
    folders = {name: city.folder / name for name in ("first", "second")}
    first, second = (
        city.ingest(name, CITYFLUX_MQTT_URL=url, CITYFLUX_DATA_DIR=str(folder)) for name, folder in folders.items()
    )
    with first, second:
        wait_for("both to connect", lambda: "receiving " in first.log() and "receiving " in second.log())
        await city.send(0, 5)
        wait_for("one to give way", lambda: any(p.process and p.process.poll() is not None for p in (first, second)))
        loser, winner = (first, second) if first.process and first.process.poll() is not None else (second, first)
        assert loser.process is not None
        assert loser.process.wait(60) == 3
        for part in ("another client connected to", "'cityflux-ingest'", "CITYFLUX_MQTT_CLIENT_ID", "start again"):
            assert part in loser.log()
        await city.send(5, 5)
        last = {(HOUR - timedelta(hours=n)).astimezone().isoformat() for n in range(5, 10)}
        its = folders["first" if winner is first else "second"]
        wait_for("all of it at the winner", lambda: len(city.stored(its)) >= len(last), winner)
        assert winner.stop() == 0
    stored = {name: city.stored(folder) for name, folder in folders.items()}
    assert len(stored["first"] | stored["second"]) == 10, "what the loser had acknowledged is in its store"
    for folder in folders.values():
        balance = ledger({**city.environment, "CITYFLUX_DATA_DIR": str(folder)})
        assert (balance["balances"], balance["messages"]["pending"]) == (True, 0)


async def test_the_brokers_word_is_enough_and_the_journal_is_drained_first(city: City) -> None:
    """A broker that says 0x8E, which Mosquitto does from 2.0.15 on."""
    message = mqtt5.PublishPacket(TOPIC, b"{", qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=1).write()
    taken = mqtt5.DisconnectPacket(reason_code=mqtt5.DisconnectReasonCode.SESSION_TAKEN_OVER).write()
    answers = [bytes.fromhex("20 03 00 00 00"), bytes.fromhex("90 04 00 01 00 01") + message, taken]
    connections = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        for data in answers:
            await reader.read(1 << 16)
            writer.write(data)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with city.ingest(CITYFLUX_MQTT_URL=f"mqtt://127.0.0.1:{port}", CITYFLUX_MQTT_HEARTBEAT_S="0") as ingest:
            assert ingest.process is not None
            assert await asyncio.to_thread(ingest.process.wait, 60) == 3
            assert "session taken over" in ingest.log()
    assert len(connections) == 1, "it does not connect again"
    counts = ledger(city.environment)["messages"]
    assert (counts["journalled"], counts["refused"], counts["pending"]) == (1, 1, 0)


def test_doctor_asks_broker_and_ingest(city: City) -> None:
    port = free_port()
    environment = {**city.environment, "CITYFLUX_INGEST_HTTP_PORT": str(port), **SOON}
    with Program("ingest", environment=environment, log=city.folder / "ingest.log") as ingest:
        wait_for("all to be well", lambda: "url=" in ingest.log() and is_green(ingest), ingest)
        said = wait_for(
            "the broker's first count",
            lambda: "dropped nothing" in (s := cityflux("doctor", environment=environment)) and s,
        )
        assert "mosquitto version 2" in said
        assert "max_queued_messages 0" in said
        assert "well ingest    green, 0 messages wait" in said
        other = {**environment, "CITYFLUX_DATA_DIR": str(city.folder / "other")}
        assert "not asked" in cityflux("doctor", environment=other)

        city.allow(NO_READING)
        wait_for("the alarm", lambda: not is_green(ingest), ingest)
        said = cityflux("doctor", environment=environment, expect=1)
        assert "ill  ingest" in said
        assert "lacks read on cityflux/v1/#" in said
        assert "what it dropped it does not show" in said
        city.allow(OPEN)
        assert ingest.stop() == 0
    said = cityflux("doctor", environment=environment)
    assert "no ingest answers" in said
    asyncio.run(city.send(0, 50))  # to a session that holds 10
    broker, session = Broker("127.0.0.1", city.broker.port), Session("test", ())
    wait_for("the broker's count", lambda: asyncio.run(ask_broker(open_connection, broker, session)).dropped)
    said = cityflux("doctor", environment=environment, expect=1)
    assert re.search(r"ill  broker .* it has dropped [1-9]\d* messages .* set max_queued_messages 0", said), said
