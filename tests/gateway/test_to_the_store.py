"""From a station's socket to the store: gateway, broker, ingest, each the real program."""

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from textwrap import dedent

from tests.gateway.conftest import OTHER_MN, set_passwords
from tests.gateway.station import MN, Station, packet, segment
from tests.programs import Program, cityflux, ledger, wait_for
from tests.servers.mosquitto import Mosquitto

PAGE = Path(__file__).resolve().parents[2] / "docs" / "HJ212.md"
STATIONS = f"""
[[station]]
id = "huxi"
family = "air"
name_zh = "虎溪"
district = "gaoxin"
device = "{MN}"

[[station]]
id = "liangtan"
family = "water"
name_zh = "梁滩河"
district = "gaoxin"
device = "{OTHER_MN}"
"""


def sources_of_the_page() -> str:
    """The sources that docs/HJ212.md shows, for devices that send µg/m³."""
    (block,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    return dedent(block).replace("# units", "units")


def test_what_a_station_sends_is_stored_and_what_was_broken_is_a_dead_letter(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    (tmp_path / "sources.toml").write_text(sources_of_the_page())
    (tmp_path / "stations.toml").write_text(STATIONS)
    environment = {
        "CITYFLUX_MQTT_URL": f"mqtt://{mosquitto.host}:{mosquitto.port}",
        "CITYFLUX_DATA_DIR": str(tmp_path / "data"),
        "CITYFLUX_SOURCES": str(tmp_path / "sources.toml"),
        "CITYFLUX_STATIONS": str(tmp_path / "stations.toml"),
    }
    (tmp_path / "data").mkdir()
    set_passwords(tmp_path / "data")
    zone = timezone(timedelta(hours=8))
    start = datetime.now(UTC).astimezone(zone).replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
    time = f"{start:%Y%m%d%H%M%S}"
    part = partial(segment, cn="2061", flag=7, qn="20260701080000002")
    frames = [
        packet(part(f"DataTime={time};a34004-Avg=35.0,a34004-Flag=N", numbers="PNUM=2;PNO=1;")),
        packet(part("a34002-Avg=70.0,a34002-Flag=N", numbers="PNUM=2;PNO=2;")),
    ]
    water = packet(segment(f"DataTime={time};w01001-Avg=7.5,w01001-Flag=N", cn="2061", mn=OTHER_MN, st="21"))
    ingest = Program("ingest", environment=environment, log=tmp_path / "ingest.log")
    gateway = Program(
        "gateway", "hj212", "--listen", "127.0.0.1:0", environment=environment, log=tmp_path / "gateway.log"
    )
    with ingest, gateway:
        wait_for("ingest to subscribe", lambda: "receiving" in ingest.log(), ingest)
        found = wait_for("its address", lambda: re.search(r"address=127\.0\.0\.1:(\d+)", gateway.log()), gateway)
        address = ("127.0.0.1", int(found[1]))
        with Station(address) as air, Station(address) as section:
            for frame in frames:
                air.send(frame)
                assert air.answer().cn == "9014"
            air.send(frames[0].replace(b"35.0", b"36.0"))
            section.send(water)
            assert section.answer().cn == "9014"
            air.send(frames[0])
            assert air.answer().cn == "9014"
        wait_for("five frames to be settled", lambda: settled(environment) == 5, ingest, gateway)
        assert gateway.stop() == 0
        assert ingest.stop() == 0
    end = start + timedelta(hours=1)
    query = ("hour", "--from", start.isoformat(), "--to", end.isoformat(), "--format", "json")
    (row,) = json.loads(cityflux("readings", "air", *query, environment=environment))
    assert (row["station"], row["at"], row["pm2_5"], row["pm10"]) == ("huxi", end.isoformat(), 35.0, 70.0)
    (row,) = json.loads(cityflux("readings", "water", *query, environment=environment))
    assert (row["station"], row["ph"]) == ("liangtan", 7.5)
    assert "wrong_checksum" in cityflux("dead-letters", "list", environment=environment)
    assert ledger(environment)["messages"]["refused"] == 1


def settled(environment: dict[str, str]) -> int:
    messages = ledger(environment)["messages"]
    return int(messages["written"] + messages["refused"])
