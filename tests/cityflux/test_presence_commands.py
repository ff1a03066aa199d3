"""From messages at the broker to how stations are: `cityflux stations status|uptime`, and the same for dashboards."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from cityflux.composition import now_ms, open_books, open_store, plan_of
from cityflux.settings import Settings
from sensors.formats.native import encode
from sensors.stations import Station, dump_registry
from simulators.message import OutMessage
from simulators.publisher import publish
from tests.programs import Program, cityflux, wait_for
from tests.servers.mosquitto import Mosquitto
from wall.app import make_app

NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
SOURCES = """
[[source]]
name = "lora"
topic = "application/+/device/{device}/event/+"
format = "chirpstack"
family = "air"
quantities = { air_temperature = "t" }

[[source]]
name = "status"
topic = "status/{device}"
format = "availability"
family = "air"
"""


def uplink(counter: int, rssi: int) -> OutMessage:
    event = {
        "time": NOW.isoformat(),
        "deviceInfo": {"devEui": "0101010101010101"},
        "fCnt": counter,
        "object": {"t": 21.5},
        "rxInfo": [{"rssi": rssi, "snr": 7.5}],
    }
    return OutMessage("application/1/device/0101010101010101/event/up", json.dumps(event).encode())


def station(name: str, **of: Any) -> Station:
    return Station.model_validate({"id": name, "family": "air", "name_zh": name, "district": "gaoxin", **of})


async def test_how_stations_are_is_known_within_seconds(tmp_path: Path) -> None:
    (tmp_path / "sources.toml").write_text(SOURCES, "utf-8")
    stations = [
        station("hx-01"),
        station("lora-1", device="0101010101010101", period="raw", expected_period_s=600),
        station("dead-1", device="D1", period="raw"),
        station("never-1"),
        station("gone-1", active_to=NOW - timedelta(days=1)),
    ]
    (tmp_path / "stations.toml").write_text(dump_registry(stations), "utf-8")
    hours = [NOW - timedelta(hours=back) for back in range(3)]
    sent = [
        *(
            OutMessage("cityflux/v1/gaoxin/air/hx-01/hour", encode([{"at": h.isoformat(), "values": {"o3": 1}}]))
            for h in hours
        ),
        *(uplink(counter, rssi) for counter, rssi in ((7, -90), (10, -60))),
        OutMessage("status/D1", b"online"),
        OutMessage("status/D1", b"offline"),
    ]
    with Mosquitto(tmp_path) as broker:
        environment = {
            "CITYFLUX_DATA_DIR": str(tmp_path / "data"),
            "CITYFLUX_STATIONS": str(tmp_path / "stations.toml"),
            "CITYFLUX_SOURCES": str(tmp_path / "sources.toml"),
            "CITYFLUX_MQTT_URL": f"mqtt://127.0.0.1:{broker.port}",
        }
        with Program("ingest", environment=environment, log=tmp_path / "ingest.log") as ingest:
            wait_for("ingest to subscribe", lambda: "receiving" in ingest.log(), ingest)
            assert await publish(sent, host="127.0.0.1", port=broker.port, version=5) == len(sent)

            def statuses() -> dict[str, dict[str, Any]]:
                found = json.loads(cityflux("stations", "status", "--format", "json", environment=environment))
                return {row["station"]: row for row in found}

            wait_for("devices to be told of", lambda: statuses()["dead-1"]["state"] == "offline", ingest)
            found = statuses()
    assert {name: row["state"] for name, row in found.items()} == {
        "dead-1": "offline",
        "never-1": "never seen",
        "hx-01": "online",
        "lora-1": "online",
    }
    assert next(iter(found)) == "dead-1", "the worst first"
    lora = found["lora-1"]
    assert (lora["rssi"], lora["snr"], lora["lost"]) == (-60.0, 7.5, 2)
    only = json.loads(
        cityflux("stations", "status", "--state", "never seen", "--format", "json", environment=environment)
    )
    assert [row["station"] for row in only] == ["never-1"]

    month = hours[0].astimezone(Settings.model_validate({}).zone)
    uptimes = json.loads(
        cityflux("stations", "uptime", "--month", month.strftime("%Y-%m"), "--format", "json", environment=environment)
    )
    of = {row["station"]: row for row in uptimes}
    assert 1 <= of["hx-01"]["received"] <= 3
    assert of["never-1"]["received"] == 0
    assert "month" in cityflux("stations", "uptime", "--month", "spring", environment=environment, expect=2)

    chosen = Settings.model_validate({"data_dir": tmp_path / "data"})
    with open_books(chosen) as books:
        app = make_app(open_store(chosen), books, plan_of(chosen), chosen.zone, now_ms)
        answer = TestClient(app).get("/api/stations").json()
    assert {row["station"]: row["state"] for row in answer} == {name: row["state"] for name, row in found.items()}
