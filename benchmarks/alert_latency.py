"""How long from a message to the incident that it makes: real broker, ingest, books and watch, under all shipped rules.

    python -m benchmarks.alert_latency --into docs/ALERTS.md

A city of stations with two days of history. The hour with which each station's incident can be said is sent, one station after
the other, and then of another city all of them at once. Measured is from before the message is published until the incident can
be read.
"""

import argparse
import asyncio
import os
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import closing, contextmanager
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


class Measured(NamedTuple):
    """How messages were sent, and of each that made an incident how long that took [s], in order."""

    how: str
    stations: int
    seconds: list[float]


class City:
    """Stations, and when the incident of each could be read [s since the epoch]."""

    def __init__(self, folder: Path, count: int, port: int) -> None:
        self._port = port
        self._books = folder / "data" / "books.sqlite"
        self.names = [f"hx-{number:03}" for number in range(1, count + 1)]
        self._now = time.time_ns() // 1_000_000 // HOUR_MS * HOUR_MS
        entries = [
            Station.model_validate({"id": name, "family": "air", "name_zh": name, "district": "gaoxin"})
            for name in self.names
        ]
        (folder / "stations.toml").write_text(dump_registry(entries), "utf-8")
        ours = {name: value for name, value in os.environ.items() if not name.startswith("CITYFLUX_")}
        self.environment = {
            **ours,
            "CITYFLUX_DATA_DIR": str(folder / "data"),
            "CITYFLUX_STATIONS": str(folder / "stations.toml"),
            "CITYFLUX_MQTT_URL": f"mqtt://127.0.0.1:{port}",
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
        """Send the second polluted hour of each station, so far apart, and wait for all incidents."""
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
            while len(self.said) < len(self.names):
                if time.monotonic() > deadline:
                    sys.exit(f"{len(self.names) - len(self.said)} incidents did not come within {_WITHIN_S:.0f} s")
                time.sleep(_LOOK_EVERY_S)
        finally:
            self._stopped.set()
            following.join()
        return Measured(how, len(self.names), sorted(self.said[name] - sent[name] for name in self.names))

    def has_looked(self) -> bool:
        """Whether all of the history is settled, and the watch has looked at it."""
        with closing(sqlite3.connect(self._books, timeout=30)) as db:
            heard = db.execute("SELECT count(DISTINCT station) FROM marks WHERE hour >= 0").fetchone()[0]
            last = (self._now - HOUR_MS - 1) // HOUR_MS
            ends = db.execute("SELECT count(*) FROM marks WHERE hour = ?", (last,)).fetchone()[0]
            waits = db.execute("SELECT count(*) FROM alert_marks").fetchone()[0]
        return heard == ends == len(self.names) and not waits

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
        folder = Path(scratch)
        city = City(folder, count, broker.port)
        programs = {
            name: start([sys.executable, "-m", "cityflux", name], folder / f"{name}.log", city.environment)
            for name in ("ingest", "watch")
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


def text(measured: Sequence[Measured]) -> str:
    """The figures as Markdown."""
    rows = [
        (one.how, str(one.stations), *(f"{_share(one.seconds, share):.2f}" for share in (0.5, 0.95, 0.99, 1.0)))
        for one in measured
    ]
    head = ("messages", "stations", "median [s]", "95 % [s]", "99 % [s]", "longest [s]")
    return table("From the message to the incident", head, rows)


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
