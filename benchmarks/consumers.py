"""Who is measured: how each consumer is started on a broker and a sink. All at QoS 1, with a persistent session.

null             reads and acknowledges: what Mosquitto delivers
floor            the bare pipe without journal, ledger or quality: floor.py, or CITYFLUX_BENCH_FLOOR
cityflux-influx  `cityflux ingest` as users run it, into line protocol
cityflux-sqlite  the same into SQLite
cityflux-2-workers  `cityflux ingest --workers 2` into line protocol: what it costs to share the work
telegraf-…       Telegraf with one of the configurations in benchmarks/telegraf
tutorial         aiomqtt and influxdb-client, as every tutorial shows them
"""

import importlib.util
import os
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

from benchmarks.backlog import STATIONS, station_id
from benchmarks.measure import said
from cityflux.broker import find_mosquitto
from cityflux.settings import Settings
from sensors.stations import Station, dump_registry
from sensors.topics import SUBSCRIPTION

_HERE = Path(__file__).resolve().parent
_FLOOR = Path(os.environ.get("CITYFLUX_BENCH_FLOOR", _HERE.parent.parent / "shared" / "tools" / "floor.py"))
_TELEGRAF_BUILT = Path("~/.cache/cityflux/bin/telegraf").expanduser()


class Consumer(NamedTuple):
    """`sqlite`: what it stores is a file of its own. Only `null` stores nothing: it ends after so many messages, and says so."""

    name: str
    client_id: str
    sqlite: bool = False
    workers: int = 1

    def sessions(self) -> dict[str, str]:
        """The filter of each of its client ids."""
        if self.workers == 1:
            return {self.client_id: SUBSCRIPTION}
        chosen = Settings.model_validate({"mqtt_client_id": self.client_id, "ingest_workers": self.workers})
        workers = map(chosen.session, range(1, self.workers + 1))
        return {session.client_id: session.topics[0] for session in workers}


CONSUMERS = {
    consumer.name: consumer
    for consumer in (
        Consumer("null", "null"),
        Consumer("floor", "floor"),
        Consumer("cityflux-influx", "cityflux-ingest"),
        Consumer("cityflux-sqlite", "cityflux-ingest", sqlite=True),
        Consumer("cityflux-2-workers", "cityflux-ingest", workers=2),
        Consumer("telegraf-best", "telegraf"),
        Consumer("telegraf-usual", "telegraf"),
        Consumer("telegraf-low-latency", "telegraf"),
        Consumer("tutorial", "tutorial"),
    )
}


class Command(NamedTuple):
    """A consumer ready to be started."""

    arguments: list[str]
    environment: dict[str, str]


def command(consumer: Consumer, folder: Path, port: int, url: str, count: int) -> Command:
    """Start `consumer` on the broker at `port`, writing to `url`; what it keeps is in `folder`."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CITYFLUX_")}
    match consumer.name.partition("-"):
        case "null", _, _:
            return Command([*_module("benchmarks.null"), "--port", str(port), "--count", str(count)], environment)
        case "floor", _, _:
            # One more than there are: it would end with the last one, and leave nothing to measure.
            where = ["--port", str(port), "--count", str(count + 1), "--url", f"{url}/api/v2/write"]
            return Command([sys.executable, str(_FLOOR), *where], environment)
        case "tutorial", _, _:
            where = ["--port", str(port), "--url", url, "--token", "none"]
            return Command([*_module("benchmarks.tutorial"), *where], environment)
        case "telegraf", _, configuration:
            environment |= {"MQTT_SERVER": f"tcp://127.0.0.1:{port}", "INFLUX_URL": url, "INFLUX_TOKEN": "none"}
            file = _HERE / "telegraf" / f"{configuration}.conf"
            return Command([str(find_telegraf()), "--config", str(file)], environment)
        case _:
            environment = ingest_environment(folder, port) | store_environment(folder, "" if consumer.sqlite else url)
            return Command([*_module("cityflux"), "ingest", "--workers", str(consumer.workers)], environment)


def why_missing(consumer: Consumer) -> str | None:
    """Why it cannot be measured here, and how to mend that; None where it can."""
    if consumer.name == "floor" and not _FLOOR.is_file():
        return f"{_FLOOR} is not there; set CITYFLUX_BENCH_FLOOR"
    if consumer.client_id == "telegraf" and find_telegraf() is None:
        return "no telegraf on PATH; run benchmarks/telegraf/build.sh (needs Go)"
    if consumer.name == "tutorial" and importlib.util.find_spec("influxdb_client") is None:
        return "no influxdb-client; pip install -c constraints.txt -e '.[bench]'"
    return None


def find_telegraf() -> Path | None:
    """The one that benchmarks/telegraf/build.sh makes, else the one on PATH."""
    if _TELEGRAF_BUILT.exists():
        return _TELEGRAF_BUILT
    found = shutil.which("telegraf")
    return None if found is None else Path(found)


def versions() -> dict[str, str]:
    """The versions of Mosquitto and Telegraf."""
    telegraf = find_telegraf()
    return {
        "mosquitto": said(str(find_mosquitto()), "-h").removeprefix("mosquitto version "),
        "telegraf": said(str(telegraf), "version").removeprefix("Telegraf ") if telegraf else "none",
    }


def ingest_environment(folder: Path, port: int, stations: int = STATIONS) -> dict[str, str]:
    """What `cityflux ingest` needs to know: its data below `folder`, the broker, the stations of the backlog."""
    registry = folder / "stations.toml"
    names = map(station_id, range(stations))
    registry.write_text(dump_registry(Station(id=n, family="air", name_zh=n, district="bench") for n in names), "utf-8")
    return {name: value for name, value in os.environ.items() if not name.startswith("CITYFLUX_")} | {
        "CITYFLUX_DATA_DIR": str(folder / "data"),
        "CITYFLUX_STATIONS": str(registry),
        "CITYFLUX_MQTT_URL": f"mqtt://127.0.0.1:{port}",
        "CITYFLUX_INGEST_HTTP_PORT": "0",
    }


def store_environment(folder: Path, url: str) -> dict[str, str]:
    """Line protocol to `url`; SQLite where there is none."""
    if not url:
        return {"CITYFLUX_STORE": "sqlite"}
    token = folder / "token"
    token.write_text("none")
    return {"CITYFLUX_STORE": "influx", "CITYFLUX_INFLUX_URL": url, "CITYFLUX_INFLUX_TOKEN_FILE": str(token)}


def _module(name: str) -> list[str]:
    return [sys.executable, "-m", name]
