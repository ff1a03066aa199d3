"""Our own outages through the whole path: real broker, ingest, store and watch, whose time of day a test turns (libfaketime).
What is told of them, what is said of the city meanwhile, and that no station is silent because of us."""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from sqlite3 import connect
from typing import Any

import pytest

from sensors.formats.native import encode
from sensors.instants import HOUR_MS
from simulators.message import OutMessage
from simulators.publisher import publish
from tests.faults.lab import FAKETIME
from tests.programs import Program, cityflux, wait_for
from tests.servers import missing
from tests.servers.influx import Influx
from tests.servers.mosquitto import Mosquitto

MINUTE_MS = 60_000
CLEAN, DIRTY = 20.0, 100.0
OTHERS = {"so2": 5.0, "no2": 15.0, "co": 0.5, "o3": 60.0}
STATIONS = "".join(
    f"""
[[station]]
id = "{name}"
family = "air"
name_zh = "站"
district = "gaoxin"
period = "{period}"
"""
    for name, period in [("hx-01", "hour"), ("m-01", "minute"), ("m-02", "minute"), ("m-03", "minute")]
)


class Place:
    """A data folder with its broker, and the time of day there."""

    def __init__(self, folder: Path, broker: Mosquitto, settings: Mapping[str, str]) -> None:
        if not FAKETIME.exists():
            missing("libfaketime", "apt-get install faketime")
        (folder / "stations.toml").write_text(STATIONS, "utf-8")
        self._clock = folder / "clock"
        self._offset_s = 0
        self.pass_by(0)
        self.broker = broker
        self.environment = {
            "CITYFLUX_DATA_DIR": str(folder / "data"),
            "CITYFLUX_STATIONS": str(folder / "stations.toml"),
            "CITYFLUX_PRESENCE_EVERY_S": "1",
            "CITYFLUX_MQTT_URL": f"mqtt://127.0.0.1:{broker.port}",
            "LD_PRELOAD": str(FAKETIME),
            "FAKETIME_TIMESTAMP_FILE": str(self._clock),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
            **settings,
        }
        self.ingest = Program("ingest", environment=self.environment, log=folder / "ingest.log")
        self.watch = Program("watch", environment=self.environment, log=folder / "watch.log")

    @property
    def now(self) -> int:
        """What the programs take for now [ms]."""
        return int(time.time() * 1000) + self._offset_s * 1000

    def pass_by(self, seconds: int) -> None:
        """So much time passes at once, for all programs; less than nothing sets their clock back."""
        self._offset_s += seconds
        new = self._clock.with_suffix(".new")
        new.write_text(f"{self._offset_s:+d}\n")
        new.rename(self._clock)

    def heard_on_for(self, seconds: int) -> None:
        """So much time passes while ingest looks on: less than a minute at once, for more would be a break."""
        for left in range(seconds, 0, -50):
            self.pass_by(min(left, 50))
            looked = self.now
            wait_for("ingest to have looked", lambda: self.knows(looked - 1), self.ingest, self.watch)  # noqa: B023 - called at once

    def send(self, *messages: OutMessage) -> None:
        assert asyncio.run(publish(messages, host="127.0.0.1", port=self.broker.port)) == len(messages)

    def minute(self, station: str, at: int | None = None) -> OutMessage:
        """A reading of a minute station, of now."""
        values = {"pm2_5": CLEAN, "pm10": CLEAN + 20, **OTHERS}
        return OutMessage(
            f"cityflux/v1/gaoxin/air/{station}/minute", encode([{"at": at or self.now, "values": values}])
        )

    def hours(self, values: Mapping[int, float]) -> list[OutMessage]:
        """Hours of hx-01, so many before now."""
        top = self.now // HOUR_MS * HOUR_MS
        return [
            OutMessage(
                "cityflux/v1/gaoxin/air/hx-01/hour",
                encode([{"at": top - ago * HOUR_MS, "values": {"pm2_5": value, "pm10": value + 20, **OTHERS}}]),
            )
            for ago, value in values.items()
        ]

    def alerts(self) -> dict[str, list[dict[str, Any]]]:
        """The incidents as `cityflux alerts list` has them, by rule."""
        text = cityflux("alerts", "list", "--format", "json", environment=self.environment)
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in json.loads(text):
            found[row["rule"]].append(row)
        return found

    def log_of(self, number: int) -> list[dict[str, Any]]:
        text = cityflux("alerts", "explain", str(number), "--format", "json", environment=self.environment)
        found: list[dict[str, Any]] = json.loads(text)
        return found

    def wait(self, what: str, rule: str, phase: str | None) -> None:
        """Until the newest incident of a rule is of a phase; None: until there is none that holds."""
        query = "SELECT phase FROM incidents WHERE rule = ? AND gone IS NULL ORDER BY id DESC LIMIT 1"
        running = [one for one in (self.ingest, self.watch) if one.process is not None and one.process.poll() is None]
        wait_for(what, lambda: self.asked(query, rule) == phase, *running)

    def asked(self, query: str, *values: str) -> Any:
        """The first value that the books answer."""
        with closing(connect(Path(self.environment["CITYFLUX_DATA_DIR"]) / "books.sqlite")) as db:
            row = db.execute(query, values).fetchone()
            return None if row is None else row[0]

    def told(self) -> str:
        """The rules of all incidents that ever were, in order; no processor runs here, which is told too."""
        rules = "SELECT rule FROM incidents WHERE rule != 'cityflux_processor_behind' ORDER BY rule"
        return str(self.asked(f"SELECT group_concat(rule, ' ') FROM ({rules})"))  # noqa: S608 - our own words

    def heard(self, station: str, after: int) -> bool:
        """Whether the books know that a station was heard after an instant [ms]."""
        last = self.asked("SELECT last_received FROM sightings WHERE station = ?", station)
        return last is not None and last > after

    def knows(self, after: int) -> bool:
        """Whether the books know who was heard until after an instant [ms]."""
        return (self.asked("SELECT max(until) FROM hearing") or 0) > after


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    (tmp_path / "broker").mkdir()
    with Mosquitto(tmp_path / "broker") as broker:
        yield broker


@pytest.fixture
def place(tmp_path: Path, broker: Mosquitto) -> Iterator[Place]:
    yield from placed(tmp_path, broker, {})


def placed(folder: Path, broker: Mosquitto, settings: Mapping[str, str]) -> Iterator[Place]:
    place = Place(folder, broker, settings)
    with place.ingest, place.watch:
        wait_for("ingest to subscribe", lambda: "receiving" in place.ingest.log(), place.ingest)
        yield place


def test_ingest_that_is_killed_leaves_what_holds_unknown_and_no_station_silent(place: Place) -> None:
    begun = place.now
    place.send(*place.hours({4: CLEAN, 3: DIRTY, 2: DIRTY}), place.minute("m-01"))
    place.wait("the city's air to be told", "air_aqi_station", "firing")
    wait_for("the books to know of it", lambda: place.heard("m-01", begun - 1) and place.knows(begun), place.ingest)
    place.ingest.kill()
    # The watch was started a minute ago at least, and ingest said nothing for as long.
    place.pass_by(120)
    place.wait("ingest to be told as dead", "cityflux_ingest_dead", "firing")
    found = place.alerts()
    (dead,), (air,) = found["cityflux_ingest_dead"], found["air_aqi_station"]
    assert air["state"] == f"firing, not known since {dead['since']}"
    (opened,) = place.log_of(dead["id"])
    others = sum("not known since" in row["state"] for its in found.values() for row in its)
    assert opened["why"].endswith(f"open incidents that are not known meanwhile: {others}")
    # What is sent meanwhile waits at the broker. m-01 is silent after seven minutes; twenty pass.
    place.send(place.minute("m-01"))
    place.pass_by(20 * 60)
    restarted = place.now
    place.ingest.start()
    place.wait("ingest to be told as back", "cityflux_ingest_dead", "resolved")
    wait_for("the books to know of m-01", lambda: place.heard("m-01", restarted - 1), place.ingest)
    wait_for("the books to know until now", lambda: place.knows(restarted + 5_000), place.ingest, place.watch)
    found = place.alerts()
    assert found["air_station_silent"] == []
    (air,) = found["air_aqi_station"]
    assert air["state"] == "firing", "an outage of ours ends nothing"
    # Now it is truly silent: it is told once, and is over when it sends.
    place.heard_on_for(8 * 60)
    place.wait("m-01 to be told as silent", "air_station_silent", "firing")
    # Those that never sent are silent too.
    subjects = "SELECT group_concat(subject, ' ') FROM (SELECT subject FROM incidents WHERE rule = ? ORDER BY subject)"
    wait_for(
        "all of them to be told",
        lambda: place.asked(subjects, "air_station_silent") == "m-01 m-02 m-03",
        place.ingest,
        place.watch,
    )
    place.send(*(place.minute(f"m-0{number}") for number in (1, 2, 3)))
    resolved = "SELECT count(*) FROM incidents WHERE rule = 'air_station_silent' AND phase = 'resolved'"
    wait_for("them to be over", lambda: place.asked(resolved) == 3, place.ingest, place.watch)
    place.send(*place.hours({1: CLEAN, 0: CLEAN}), *place.hours({-1: CLEAN}))
    place.wait("the air to be clean", "air_aqi_station", "resolved")


def test_a_clock_that_is_behind_and_a_broker_that_is_away_are_told_and_silence_nobody(place: Place) -> None:
    begun = place.now
    stations = ("m-01", "m-02", "m-03")
    # Thirty minutes behind: what is sent now is still to come.
    messages = [place.minute(name) for name in stations]
    place.pass_by(-30 * 60)
    place.send(*messages)
    place.wait("the clock to be told as off", "cityflux_clock_off", "firing")
    place.pass_by(30 * 60)
    assert place.now >= begun
    right = place.now
    place.send(*(place.minute(name) for name in stations))
    place.wait("the clock to be told as right", "cityflux_clock_off", "resolved")
    wait_for("the books to know of it", lambda: place.heard("m-01", right - 1) and place.knows(right), place.ingest)
    place.broker.stop()
    lost = "SELECT value FROM conditions WHERE code = 'broker_lost' ORDER BY at DESC LIMIT 1"
    wait_for("ingest to see it", lambda: place.asked(lost) == "1", place.ingest, place.watch)
    place.pass_by(30 * 60)
    place.wait("the broker to be told as lost", "cityflux_broker_lost", "firing")
    back = place.now
    place.broker.restart()
    place.wait("the broker to be told as back", "cityflux_broker_lost", "resolved")
    wait_for("the books to know until now", lambda: place.knows(back), place.ingest, place.watch)
    number = place.asked("SELECT id FROM incidents WHERE rule = 'cityflux_broker_lost'")
    explained = cityflux("alerts", "explain", str(number), environment=place.environment)
    assert "as cityflux says: mqtt://" in explained.replace("\n", " ")
    assert place.told() == "cityflux_broker_lost cityflux_clock_off"


def test_a_store_that_is_down_and_a_journal_that_fills_are_told_although_the_watch_cannot_read(
    tmp_path: Path, broker: Mosquitto
) -> None:
    with Influx() as influx:
        settings = {**influx.settings(tmp_path), "CITYFLUX_JOURNAL_CAP_BYTES": str(1 << 20)}
        for place in placed(tmp_path, broker, settings):
            begun = place.now
            place.send(place.minute("m-01"))
            wait_for("it to be stored", lambda: place.heard("m-01", begun - 1), place.ingest, place.watch)  # noqa: B023 - called at once
            influx.stop()
            full = [place.minute("m-01", begun - number * 1000) for number in range(8_000)]
            place.send(*full)
            place.wait("the journal to be told as full", "cityflux_journal_fills", "firing")
            place.pass_by(120)
            place.wait("the store to be told as down", "cityflux_store_down", "firing")
            influx.restart()
            place.wait("the store to be told as back", "cityflux_store_down", "resolved")
            place.wait("the journal to be told as empty", "cityflux_journal_fills", "resolved")
            assert place.told() == "cityflux_journal_fills cityflux_store_down"
            greatest = "SELECT max(incident_log.level) FROM incident_log JOIN incidents ON incident = incidents.id WHERE rule = ?"
            assert place.asked(greatest, "cityflux_journal_fills") == 3, "critical"
