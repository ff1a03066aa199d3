"""Several ingests that share the work, as processes of their own on a real Mosquitto: nothing is lost when one becomes several,
several one, or one of them is killed; and the newest version of a reading counts, whoever of them got it."""

import asyncio
import os
import random
import signal
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cityflux.ports import is_free
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

STATIONS = [f"st-{number:02d}" for number in range(40)]
HOUR = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


class City:
    """A broker, and the environment of the ingests of one machine."""

    def __init__(self, folder: Path, store: Mapping[str, str]) -> None:
        self.folder = folder
        registry = folder / "stations.toml"
        entries = (Station(id=name, family="air", name_zh=name, district="gaoxin") for name in STATIONS)
        registry.write_text(dump_registry(entries), "utf-8")
        (folder / "broker").mkdir()
        self.broker = Mosquitto(folder / "broker")
        self.environment = {
            "CITYFLUX_DATA_DIR": str(folder / "data"),
            "CITYFLUX_STATIONS": str(registry),
            "CITYFLUX_MQTT_URL": f"mqtt://127.0.0.1:{self.broker.port}",
            **store,
        }

    def ingest(self, *arguments: str, **more: str) -> Program:
        return Program("ingest", *arguments, environment={**self.environment, **more}, log=self.folder / "ingest.log")

    async def send(self, messages: list[OutMessage]) -> None:
        assert await publish(messages, host="127.0.0.1", port=self.broker.port) == len(messages)

    def stored(self) -> dict[tuple[str, str], dict[str, str]]:
        """All rows of the store, by station and time."""
        span = ["--from", (HOUR - timedelta(days=60)).isoformat(), "--to", (HOUR + timedelta(days=1)).isoformat()]
        told = cityflux("readings", "air", "hour", *span, "--format", "csv", environment=self.environment)
        head, *rows = [row.split(",") for row in told.splitlines()]
        found = [dict(zip(head, row, strict=False)) for row in rows]
        assert len({(row["station"], row["at"]) for row in found}) == len(found), "a reading is there twice"
        return {(row["station"], row["at"]): row for row in found}

    def settled(self, count: int) -> Any:
        """The ledger, once `count` messages or more are journalled and none is pending."""
        its = ledger(self.environment)
        return its if its["messages"]["journalled"] >= count and its["messages"]["pending"] == 0 else None

    async def has_session(self, client_id: str) -> bool:
        """Whether the broker has a session of this name; it is taken from whoever has it, and ended."""
        session = Session(client_id, ("test/nothing",), expiry_s=0)
        async with open_connection(Broker("127.0.0.1", self.broker.port), session) as connection:
            return connection.session_present


@pytest.fixture(params=["sqlite", "influx"])
def city(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[City]:
    store = {"CITYFLUX_STORE": "sqlite"}
    if request.param == "influx":
        store = request.getfixturevalue("influx").settings(tmp_path)
    city = City(tmp_path, store)
    with city.broker:
        yield city


def message(station: str, hours_ago: int, value: float | None, issued: datetime | None = None) -> OutMessage:
    record: dict[str, Any] = {"at": (HOUR - timedelta(hours=hours_ago)).isoformat(), "values": {"o3": value}}
    if value is None:
        record = {"at": record["at"], "status": {"o3": "withdrawn"}}
    if issued is not None:
        record["issued"] = issued.isoformat()
    return OutMessage(f"cityflux/v1/gaoxin/air/{station}/hour", encode([record]))


def hourly(hours: range) -> list[OutMessage]:
    return [message(station, hours_ago, 61.0) for hours_ago in hours for station in STATIONS]


def receiving(program: Program, workers: int) -> None:
    wait_for("all workers to receive", lambda: program.log().count("[info     ] receiving") >= workers, program)


def children(pid: int) -> list[int]:
    return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


async def test_of_corrections_spread_over_two_workers_the_newest_counts(city: City) -> None:
    dice = random.Random(5)
    versions: list[OutMessage] = []
    newest: dict[tuple[str, str], float | None] = {}
    for station in STATIONS:
        for hours_ago in range(2, 12):
            values: list[float | None] = [float(n) for n in range(1, dice.randint(2, 5))]
            if dice.random() < 0.2:
                values.append(None)
            for number, value in enumerate(values):
                versions.append(message(station, hours_ago, value, HOUR + timedelta(seconds=number)))
            newest[station, (HOUR - timedelta(hours=hours_ago)).isoformat()] = values[-1]
    dice.shuffle(versions)
    with city.ingest("--workers", "2") as crew:
        receiving(crew, 2)
        await city.send(versions)
        its = wait_for("everything to settle", lambda: city.settled(len(versions)), crew)
        assert crew.stop() == 0
    assert its["messages"]["journalled"] == its["messages"]["written"] == len(versions), "each came to one of them"
    assert len(its["journals"]) == 2
    for folder in ("journal", "journal-2"):
        assert (city.folder / "data" / folder / "journal.sqlite").exists()
    rows = {
        (station, datetime.fromisoformat(at).astimezone(UTC).isoformat()): r
        for (station, at), r in city.stored().items()
    }
    assert {identity: float(row["o3"]) if row["o3"] else None for identity, row in rows.items()} == newest


async def test_one_becomes_three_and_three_become_one(city: City) -> None:
    with city.ingest() as alone:
        receiving(alone, 1)
        await city.send(hourly(range(2, 4)))
        wait_for("the first part", lambda: city.settled(80), alone)
        assert alone.stop() == 0
    await city.send(hourly(range(4, 6)))  # waits in the session of the one
    with city.ingest("--workers", "3") as crew:
        receiving(crew, 1 + 3)
        await city.send(hourly(range(6, 10)))
        wait_for("the second part", lambda: city.settled(320), crew)
        assert crew.stop() == 0
    await city.send(hourly(range(10, 16)))  # waits in the sessions of the three
    with city.ingest() as last:
        wait_for("the last part", lambda: city.settled(560), last)
        wait_for("the others to retire", lambda: last.log().count("retired") == 2, last)
        await city.send(hourly(range(16, 18)))
        its = wait_for("what came after", lambda: city.settled(640), last)
        assert last.stop() == 0
    assert its["messages"]["journalled"] == 640, "nothing comes by an old subscription as well"
    assert len(city.stored()) == 640
    assert "the broker has lost our session" not in last.log()
    assert await city.has_session("cityflux-ingest")
    assert not await city.has_session("cityflux-ingest-2")
    assert not await city.has_session("cityflux-ingest-3")
    with city.ingest() as again:
        receiving(again, 1 + 3 + 3 + 1)
        assert again.log().count("retired") == 2, "who has retired is not asked again"


async def test_a_worker_that_is_killed_is_started_again_and_loses_nothing(city: City) -> None:
    with city.ingest("--workers", "2") as crew:
        receiving(crew, 2)
        assert crew.process is not None
        second = children(crew.process.pid)[1]
        sending = asyncio.create_task(city.send(hourly(range(2, 40))))
        os.kill(second, signal.SIGKILL)
        await sending
        its = wait_for("everything to settle", lambda: city.settled(1520), crew)
        assert crew.stop() == 0
    assert its["balances"]
    assert its["messages"]["refused"] == 0
    assert len(city.stored()) == 1520


async def test_two_machines_share_by_name(influx: Influx, tmp_path: Path) -> None:
    """Two data folders, so two journals, over the same books and store: what two machines have in common."""
    city = City(tmp_path, influx.settings(tmp_path))
    city.environment |= {"CITYFLUX_MQTT_SHARE": "city", "CITYFLUX_BOOKS_URL": f"sqlite:///{tmp_path}/books.sqlite"}
    other = {"CITYFLUX_MQTT_CLIENT_ID": "other", "CITYFLUX_DATA_DIR": str(tmp_path / "other")}
    with city.broker, city.ingest() as here, city.ingest(**other) as there:
        receiving(here, 2)
        await city.send(hourly(range(2, 12)))
        its = wait_for("everything to settle", lambda: city.settled(400), here, there)
        assert here.stop() == there.stop() == 0
    assert its["messages"]["journalled"] == 400
    assert len(its["journals"]) == 2
    assert len(city.stored()) == 400


async def test_a_machine_leaves_the_share(tmp_path: Path) -> None:
    city = City(tmp_path, {})
    with city.broker:
        with city.ingest("--workers", "2") as crew:
            receiving(crew, 2)
            assert crew.stop() == 0
        await city.send(hourly(range(2, 4)))
        cityflux("ingest", "--workers", "0", environment=city.environment)
        assert city.settled(80)
        assert len(city.stored()) == 80
        assert not await city.has_session("cityflux-ingest")
        assert not await city.has_session("cityflux-ingest-2")
        assert cityflux("ingest", "--workers", "0", environment=city.environment) == ""


def test_mqtt_3_has_no_shared_subscriptions(tmp_path: Path) -> None:
    environment = {"CITYFLUX_DATA_DIR": str(tmp_path), "CITYFLUX_MQTT_URL": "mqtt://127.0.0.1:1?version=3"}
    said = cityflux("ingest", "--workers", "2", environment=environment, expect=2)
    assert "MQTT 3.1.1 has no shared subscriptions" in said
    assert "ingest_workers" in said


async def test_doctor_asks_every_worker(tmp_path: Path) -> None:
    city = City(tmp_path, {"CITYFLUX_INGEST_HTTP_PORT": str(_two_free_ports()), "CITYFLUX_INGEST_WORKERS": "2"})
    with city.broker, city.ingest() as crew:
        receiving(crew, 2)
        wait_for("health of both", lambda: crew.log().count("health and metrics") == 2, crew)
        told = wait_for("both to be well", lambda: _well(city), crew)
        assert "worker 1: " in told
        assert "worker 2: " in told
        assert crew.stop() == 0
    assert "worker 2: no ingest answers" in cityflux("doctor", environment=city.environment, expect=1)


def _well(city: City) -> str:
    told = cityflux("doctor", environment=city.environment, expect=0)
    return told if told.count("0 messages wait for the store") == 2 else ""


def _two_free_ports() -> int:
    """A port that is free, and so is the next."""
    while not is_free((port := free_port()) + 1):
        pass
    return port
