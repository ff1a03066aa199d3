"""A firmware renames a field: the real ingest says so with the first message, once, and a person accepts it."""

import json
import time
from contextlib import closing
from pathlib import Path

from sensors.shapes import Part, Profile
from simulators.message import OutMessage
from simulators.publisher import publish
from store.books import Books
from store.drifts import Drifts, Of
from tests.programs import Program, cityflux, wait_for
from tests.servers.mosquitto import Mosquitto

SOURCE = """
[[source]]
name = "dust"
topic = "dust/{station}"
format = "json"
family = "air"
options = { time = "/ts", time_format = "ms" }
quantities = { pm2_5 = "pm25", o3 = "o3" }
"""


def dust(station: str, field: str) -> OutMessage:
    body = {"ts": time.time_ns() // 1_000_000, field: 35.5, "o3": 61}
    return OutMessage(f"dust/{station}", json.dumps(body).encode())


async def test_a_renamed_field_is_said_once_and_accepted(tmp_path: Path) -> None:
    (tmp_path / "sources.toml").write_text(SOURCE, "utf-8")
    (tmp_path / "data").mkdir()
    learnt = Profile()
    for _ in range(6):
        learnt.look({"pm25": Part("number"), "o3": Part("number")}, None)
    with closing(Books(f"sqlite:///{tmp_path}/data/books.sqlite")) as books:
        books.prepare()
        Drifts(books).add({Of("dust", "air", name): learnt for name in ("hx-01", "hx-02")}, [])
    with Mosquitto(tmp_path) as broker:
        environment = {
            "CITYFLUX_DATA_DIR": str(tmp_path / "data"),
            "CITYFLUX_SOURCES": str(tmp_path / "sources.toml"),
            "CITYFLUX_MQTT_URL": f"mqtt://127.0.0.1:{broker.port}",
        }

        def drifts(*more: str) -> list[dict[str, str]]:
            found: list[dict[str, str]] = json.loads(
                cityflux("drifts", "list", "--format", "json", *more, environment=environment)
            )
            return found

        with Program("ingest", environment=environment, log=tmp_path / "ingest.log") as ingest:
            wait_for("ingest to subscribe", lambda: "receiving" in ingest.log(), ingest)
            sent = [dust(name, "pm_2.5") for name in ("hx-01", "hx-02", "hx-01")]
            assert await publish(sent, host="127.0.0.1", port=broker.port, version=5) == 3
            wait_for("the change to be told", lambda: len(drifts("--each")) == 2, ingest)
            log = ingest.log()
    assert log.count("messages are other than they were") == 2
    assert "pm_2.5" in log
    [row] = drifts()
    assert (row["source"], row["change"], row["field"], row["after"]) == ("dust", "new_field", "pm_2.5", "number")
    assert row["stations"] == "air/hx-01 and 1 others"
    first = row["ids"].split()[0]
    assert '"pm_2.5": 35.5' in cityflux("drifts", "show", first, environment=environment)
    assert "1 of 1" in cityflux("drifts", "accept", first, environment=environment)
    assert "1 of 1" in cityflux("drifts", "accept", "--all", environment=environment)
    assert drifts() == []
    assert len(drifts("--accepted", "--each")) == 2
    assert "no drift 99" in cityflux("drifts", "show", "99", environment=environment, expect=2)
