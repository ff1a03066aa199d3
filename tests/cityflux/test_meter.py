"""From a meter's counts at the broker to what was used: `cityflux meter`."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sensors.stations import Station, dump_registry
from simulators.message import OutMessage
from simulators.publisher import publish
from tests.programs import Program, cityflux, ledger, wait_for
from tests.servers.mosquitto import Mosquitto

NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
SOURCE = """
[[source]]
name = "meters"
topic = "meters/{device}/up"
format = "json"
family = "energy"
options = { time = "/ts", time_format = "s", fields = { wh = "/wh" } }
quantities = { electricity_counter = { field = "wh", unit = "Wh" } }
"""


def count(hours_ago: float, wh: float) -> OutMessage:
    at = NOW - timedelta(hours=hours_ago)
    return OutMessage("meters/E-0007/up", json.dumps({"ts": int(at.timestamp()), "wh": wh}).encode())


async def test_counts_in_wh_become_kwh_used_over_a_roll_over(tmp_path: Path) -> None:
    (tmp_path / "sources.toml").write_text(SOURCE, "utf-8")
    of = {"family": "energy", "name_zh": "总表", "district": "gaoxin", "period": "raw"}
    station = Station.model_validate(
        {"id": "m-07", "device": "e-0007", "meter_factor": 2, "meter_modulus": 1e5, **of, "measures": "electricity"}
    )
    (tmp_path / "stations.toml").write_text(dump_registry([station]), "utf-8")
    with Mosquitto(tmp_path) as broker:
        environment = {
            "CITYFLUX_DATA_DIR": str(tmp_path / "data"),
            "CITYFLUX_STATIONS": str(tmp_path / "stations.toml"),
            "CITYFLUX_SOURCES": str(tmp_path / "sources.toml"),
            "CITYFLUX_MQTT_URL": f"mqtt://127.0.0.1:{broker.port}",
        }
        with Program("ingest", environment=environment, log=tmp_path / "ingest.log") as ingest:
            wait_for("ingest to subscribe", lambda: "receiving" in ingest.log(), ingest)
            sent = [count(3, 99_998_500), count(2, 99_999_500), count(0, 250)]
            assert await publish(sent, host="127.0.0.1", port=broker.port, version=5) == 3
            wait_for("the counts to be settled", lambda: ledger(environment)["messages"]["written"] == 3, ingest)
        span = ("--from", (NOW - timedelta(hours=4)).isoformat(), "--to", NOW.isoformat(), "--format", "json")
        found = json.loads(cityflux("meter", "m-07", *span, environment=environment))
        assert [(use["hours"], use["used"], use["unit"], use["how"]) for use in found] == [
            (1.0, 2.0, "kWh", "counted"),
            (2.0, 1.5, "kWh", "rolled over"),
        ]
        assert "m-99" in cityflux("meter", "m-99", *span, environment=environment, expect=2)
        assert "gas" in cityflux("meter", "m-07", *span, "--quantity", "diesel", environment=environment, expect=2)
