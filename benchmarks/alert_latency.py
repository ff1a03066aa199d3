"""How long from a message to the incident that it makes, and to the notice of it: real broker, ingest, books, watch and notify,
under all shipped rules.

    python -m benchmarks.alert_latency --into docs/ALERTS.md

A city of stations with two days of history. The hour with which each station's incident can be said is sent, one station after
the other, and then of another city all of them at once. Measured is from before the message is published until the incident can
be read; and until an HTTP receiver has the notice, of a rule like the stations' own without group, so that each of them is told.
"""

import argparse
import asyncio
import json
import os
import re
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from benchmarks.pages import put, table
from benchmarks.servers import mosquitto, start, until
from sensors.formats.native import encode
from sensors.instants import HOUR_MS
from sensors.stations import Station, dump_registry
from simulators.message import OutMessage
from simulators.publisher import publish

_HISTORY_H = 48
_LOOK_EVERY_S = 0.005
_GAP_S = (0.5, 2.5)
_WITHIN_S = 120.0
_CLEAN, _DIRTY = 20.0, 100.0
_RULES = """
[[rule]]
code = "told_of_each"
signal = "readings.air.hour"
zh = "逐站告知"
en = "told of each"
runbook = "air-quality"
roles = ["each"]
document = "benchmarks"
clause = "none"
mark = "chosen"
effective_from = 2012-01-01
levels = [{ severity = "warning", of = "pm2_5", over = 75 }]
margin = 0
dwell_min = 60
clear_min = 120
gap_min = 180
reopen_min = 360
"""
_NOTIFY = """
[[channel]]
name = "others"
url = "json://127.0.0.1:{port}/others"
most_per_min = 10000

[[channel]]
name = "each"
url = "json://127.0.0.1:{port}/each"
most_per_min = 10000

[[role]]
names = ["duty"]
step = [{{ tell = ["others"] }}]

[[role]]
names = ["each"]
step = [{{ tell = ["each"] }}]
"""


class Measured(NamedTuple):
    """How messages were sent, and of each how long until its incident could be read and until its notice came [s], in order."""

    how: str
    stations: int
    incidents: list[float]
    notices: list[float]


class Receiver:
    """An HTTP server that takes every notice, and when it had that of each station [s since the epoch]."""

    def __init__(self) -> None:
        self.told: dict[str, float] = {}
        told = self.told

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.path.startswith("/each"):
                    told.setdefault(re.findall(r"hx-\d+", json.loads(body)["title"])[0], time.time())
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class City:
    """Stations, and when the incident of each could be read [s since the epoch]."""

    def __init__(self, folder: Path, count: int, port: int, receiver: Receiver) -> None:
        self._port = port
        self._told = receiver.told
        self._books = folder / "data" / "books.sqlite"
        self.names = [f"hx-{number:03}" for number in range(1, count + 1)]
        self._now = time.time_ns() // 1_000_000 // HOUR_MS * HOUR_MS
        entries = [
            Station.model_validate({"id": name, "family": "air", "name_zh": name, "district": "gaoxin"})
            for name in self.names
        ]
        (folder / "stations.toml").write_text(dump_registry(entries), "utf-8")
        (folder / "rules.toml").write_text(_RULES, "utf-8")
        (folder / "notify.toml").write_text(_NOTIFY.format(port=receiver.port), "utf-8")
        ours = {name: value for name, value in os.environ.items() if not name.startswith("CITYFLUX_")}
        self.environment = {
            **ours,
            "CITYFLUX_DATA_DIR": str(folder / "data"),
            "CITYFLUX_STATIONS": str(folder / "stations.toml"),
            "CITYFLUX_MQTT_URL": f"mqtt://127.0.0.1:{port}",
            "CITYFLUX_ALERT_RULES": str(folder / "rules.toml"),
            "CITYFLUX_NOTIFY": str(folder / "notify.toml"),
            "CITYFLUX_INGEST_HTTP_PORT": "0",
        }
        self.said: dict[str, float] = {}
        self._stopped = threading.Event()

    def history(self) -> Iterator[OutMessage]:
        """Two clean days and a polluted hour."""
        for name in self.names:
            for hour in range(-_HISTORY_H, 0):
                yield self._hour(name, hour, _DIRTY if hour == -1 else _CLEAN)

    def send(self, messages: Iterator[OutMessage] | AsyncIterator[OutMessage]) -> None:
        """Through the broker."""
        asyncio.run(publish(messages, host="127.0.0.1", port=self._port))

    def measure(self, how: str, gap_s: tuple[float, float]) -> Measured:
        """Send the second polluted hour of each station, so far apart, and wait for all incidents and notices."""
        sent: dict[str, float] = {}
        rng = Random(1)

        async def messages() -> AsyncIterator[OutMessage]:
            for name in self.names:
                await asyncio.sleep(rng.uniform(*gap_s))
                sent[name] = time.time()
                yield self._hour(name, 0, _DIRTY)

        following = threading.Thread(target=self._follow)
        following.start()
        try:
            self.send(messages())
            deadline = time.monotonic() + _WITHIN_S
            while len(self.said) < len(self.names) or len(self._told) < len(self.names):
                if time.monotonic() > deadline:
                    missing = [len(self.names) - len(came) for came in (self.said, self._told)]
                    sys.exit(f"{missing[0]} incidents and {missing[1]} notices did not come within {_WITHIN_S:.0f} s")
                time.sleep(_LOOK_EVERY_S)
        finally:
            self._stopped.set()
            following.join()
        incidents, notices = (sorted(at[name] - sent[name] for name in self.names) for at in (self.said, self._told))
        return Measured(how, len(self.names), incidents, notices)

    def has_looked(self) -> bool:
        """Whether all of the history is settled, the watch has looked at it, and the notifier reads the log."""
        with closing(sqlite3.connect(self._books, timeout=30)) as db:
            heard = db.execute("SELECT count(DISTINCT station) FROM marks WHERE hour >= 0").fetchone()[0]
            last = (self._now - HOUR_MS - 1) // HOUR_MS
            ends = db.execute("SELECT count(*) FROM marks WHERE hour = ?", (last,)).fetchone()[0]
            waits = db.execute("SELECT count(*) FROM alert_marks").fetchone()[0]
            read = db.execute("SELECT count(*) FROM counters WHERE name = 'notice_cursor'").fetchone()[0]
        return heard == ends == len(self.names) and not waits and bool(read)

    def _follow(self) -> None:
        query = "SELECT subject FROM incidents WHERE rule = 'air_aqi_station'"
        with closing(sqlite3.connect(self._books, timeout=30)) as db:
            while not self._stopped.is_set():
                now = time.time()
                for (name,) in db.execute(query):
                    self.said.setdefault(name, now)
                time.sleep(_LOOK_EVERY_S)

    def _hour(self, name: str, hour: int, pm2_5: float) -> OutMessage:
        values = {"pm2_5": pm2_5, "pm10": pm2_5 + 20, "so2": 5.0, "no2": 20.0, "co": 0.5, "o3": 60.0}
        return OutMessage(
            f"cityflux/v1/gaoxin/air/{name}/hour", encode([{"at": self._now + hour * HOUR_MS, "values": values}])
        )


@contextmanager
def _a_city(count: int) -> Iterator[City]:
    with tempfile.TemporaryDirectory(prefix="cityflux-bench-") as scratch, mosquitto(Path(scratch)) as broker:
        folder, receiver = Path(scratch), Receiver()
        city = City(folder, count, broker.port, receiver)
        programs = {
            name: start([sys.executable, "-m", "cityflux", name], folder / f"{name}.log", city.environment)
            for name in ("ingest", "watch", "notify")
        }
        try:
            until("ingest", lambda: broker.accepted("cityflux-ingest") > 0, programs["ingest"], folder / "ingest.log")
            city.send(city.history())
            until("the history", city.has_looked, programs["watch"], folder / "watch.log")
            yield city
        finally:
            for program in programs.values():
                program.kill()
                program.wait()
            receiver.close()


def text(measured: Sequence[Measured]) -> str:
    """The figures as Markdown."""
    rows = [
        (one.how, str(one.stations), until, *(f"{_share(seconds, share):.2f}" for share in (0.5, 0.95, 0.99, 1.0)))
        for one in measured
        for until, seconds in (("incident", one.incidents), ("notice", one.notices))
    ]
    head = ("messages", "stations", "until", "median [s]", "95 % [s]", "99 % [s]", "longest [s]")
    return table("From the message to the incident and to the notice", head, rows)


def _share(seconds: Sequence[float], share: float) -> float:
    """The least that so many are not over."""
    return seconds[min(len(seconds) - 1, max(0, -(-int(share * 1000) * len(seconds) // 1000) - 1))]


def main() -> None:
    """Measure, print, and write into a page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stations", type=int, default=100)
    parser.add_argument("--into", type=Path, help="a page with the marks of `alert-latency`")
    options: Any = parser.parse_args()
    measured = []
    for how, gap_s in (("one after the other", _GAP_S), ("all at once", (0.0, 0.0))):
        with _a_city(options.stations) as city:
            measured.append(city.measure(how, gap_s))
    shown = text(measured)
    print(shown)
    if options.into is not None:
        put(options.into, "alert-latency", shown)


if __name__ == "__main__":
    main()
