"""A command from the command line to a device at a real broker and back: done, not done, no reply, somebody else's reply."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from cityflux.composition import connect_to
from ingest.transport import Broker, Session
from sensors.stations import Station, dump_registry
from tests.programs import cityflux
from tests.sensors.test_downlink import MODELS
from tests.servers.mosquitto import Mosquitto

Replies = Callable[[dict[str, Any]], list[dict[str, Any]]]


@asynccontextmanager
async def device(port: int, replies: Replies) -> AsyncIterator[list[dict[str, Any]]]:
    """A device that answers each command with what `replies` says; the commands it got."""
    got: list[dict[str, Any]] = []
    broker = Broker("127.0.0.1", port)
    async with connect_to(broker)(broker, Session("device", ("cmd/MN-7/request",), expiry_s=0)) as connection:

        async def answering() -> None:
            async for batch in connection:
                for message in batch.messages:
                    assert isinstance(message.payload, bytes)
                    got.append(json.loads(message.payload))
                    for reply in replies(got[-1]):
                        connection.publish("cmd/MN-7/reply", json.dumps(reply).encode())
                connection.acknowledge(batch)

        task = asyncio.create_task(answering())
        yield got
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_a_command_and_its_reply(tmp_path: Path) -> None:
    of = {"id": "hx-01", "family": "air", "name_zh": "虎溪", "district": "gaoxin"}
    other = Station.model_validate({**of, "id": "hx-02"})
    station = Station.model_validate({**of, "device": "MN-7", "model": "dust-200"})
    (tmp_path / "stations.toml").write_text(dump_registry([station, other]), "utf-8")
    (tmp_path / "models.toml").write_text(MODELS, "utf-8")
    with Mosquitto(tmp_path) as broker:
        environment = {
            "CITYFLUX_DATA_DIR": str(tmp_path / "data"),
            "CITYFLUX_MODELS": str(tmp_path / "models.toml"),
            "CITYFLUX_MQTT_URL": f"mqtt://127.0.0.1:{broker.port}",
        }
        cityflux("stations", "import", str(tmp_path / "stations.toml"), environment=environment)

        async def command(*arguments: str, expect: int = 0) -> str:
            asked = ("stations", "command", *arguments)
            return await asyncio.to_thread(cityflux, *asked, environment=environment, expect=expect)

        def obeys(sent: dict[str, Any]) -> list[dict[str, Any]]:
            return [{"id": "somebody else's", "code": 500}, {"id": sent["id"], "code": 0}]

        async with device(broker.port, obeys) as got:
            assert "done" in await command("hx-01", "calibrate", "mode=zero", "minutes=5")
            assert [(sent["method"], sent["params"]) for sent in got] == [("calibrate", {"mode": "zero", "minutes": 5})]
            assert "minutes = '61'" in await command("hx-01", "calibrate", "mode=zero", "minutes=61", expect=2)
            assert "did you mean restart" in await command("hx-01", "restrat", expect=2)
            assert "which model air/hx-02 is" in await command("hx-02", "restart", expect=2)
            assert len(got) == 1, "what is refused is not sent"
        async with device(broker.port, lambda sent: [{"id": sent["id"], "code": 503}]):
            assert "did not do it: status 503" in await command("hx-01", "restart", expect=1)
        assert "no reply" in await command("hx-01", "restart", "--timeout", "0.5", expect=1)
        history = json.loads(cityflux("stations", "history", "hx-01", "--format", "json", environment=environment))
        assert [line["what"] for line in history[1:]] == [
            *("command sent", "command answered"),
            *("command sent", "command answered"),
            *("command sent", "command not answered"),
        ]
        assert '"minutes": 5' in history[1]["change"]
        assert all(line["who"] for line in history)
