"""The whole simulated city through the stack that Grafana draws: real Mosquitto, a real InfluxDB made ready by `cityflux setup
influx`, ingest, process and watch as programs, each with its own token."""

import asyncio
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from cityflux.composition import now_ms
from processors.records.entries import checked
from processors.windows import period_bounds
from sensors.formats.native import encode
from sensors.instants import HOUR_MS
from simulators.buildings import buildings_history, meters_registry_text
from simulators.city import history, registry_text
from simulators.figures import DATED, SOURCE, figures, quarters, tunnels_text
from simulators.message import OutMessage
from simulators.publisher import publish
from simulators.river import river_history, river_registry_text
from simulators.vehicle_messages import vehicles_history
from store.books import Books
from store.influx_projected import ProjectedStore
from store.measurements import INCIDENTS, INDICATORS, STATIONS
from store.records import Record, Records
from tests.programs import Program, cityflux, wait_for
from tests.servers.influx import Influx
from tests.servers.mosquitto import Mosquitto

ZONE = ZoneInfo("Asia/Shanghai")
SEED = 1
DAYS = 8
DATABASE = "gaoxin"
_PATIENCE_S = 400.0
"""Chosen: half a minute on a machine of its own, several where others work on it."""
_DIRTY = {"pm2_5": 180.0, "pm10": 240.0, "so2": 5.0, "no2": 15.0, "co": 0.5, "o3": 60.0}


class DrawnCity(NamedTuple):
    """A city that is wholly computed and projected: the server, the folder of secrets, the settings of process, when it was [ms],
    and what was drawn as it came, before all of it was drawn again."""

    server: Influx
    secrets: Path
    environment: Mapping[str, str]
    now: int
    as_it_came: set[str]

    def books(self, query: str) -> Any:
        """The first cell of a query to the books."""
        return _asked(self.environment, query)

    def token(self, name: str) -> str:
        """A token that set-up made."""
        return (self.secrets / f"influx-{name}-token").read_text().strip()


@contextmanager
def drawn(folder: Path, server: Influx) -> Iterator[DrawnCity]:
    """The city, in `folder`; its programs have ended."""
    now = now_ms()
    today = datetime.fromtimestamp(now / 1000, ZONE).date()
    first = today - timedelta(days=DAYS)
    registry, secrets = folder / "stations.toml", folder / "secrets"
    texts = (registry_text(), river_registry_text(), tunnels_text(), meters_registry_text(SEED, today))
    registry.write_text("\n".join(texts), "utf-8")
    (folder / "broker").mkdir()
    with Mosquitto(folder / "broker") as broker:
        environment = {
            "CITYFLUX_DATA_DIR": str(folder / "data"), "CITYFLUX_STATIONS": str(registry),
            "CITYFLUX_MQTT_URL": f"mqtt://127.0.0.1:{broker.port}", "CITYFLUX_STORE": "influx",
            "CITYFLUX_INFLUX_URL": server.url, "CITYFLUX_INFLUX_ORG": DATABASE, "CITYFLUX_INFLUX_BUCKET": DATABASE,
        }  # fmt: skip
        cityflux("setup", "influx", "--secrets", str(secrets), environment=environment)

        def of(name: str, **more: str) -> dict[str, str]:
            return {**environment, "CITYFLUX_INFLUX_TOKEN_FILE": str(secrets / f"influx-{name}-token"), **more}

        _enter(folder / "data", now)
        process_settings = of("process", CITYFLUX_INFLUX_PROJECTION="true")
        ingest = Program("ingest", environment=of("ingest"), log=folder / "ingest.log")
        process = Program("process", environment=process_settings, log=folder / "process.log")
        watch = Program("watch", environment=of("read"), log=folder / "watch.log")
        with ingest, process, watch:
            wait_for("ingest to subscribe", lambda: "receiving" in ingest.log(), ingest)
            everything = chain(
                history(SEED, first, now), river_history(SEED, first, now), buildings_history(SEED, first, now),
                vehicles_history(SEED, first, now), _trouble(now),
            )  # fmt: skip
            count = asyncio.run(publish(everything, host="127.0.0.1", port=broker.port))
            settled = "SELECT coalesce(sum(written + refused), 0) FROM ledgers"
            wait_for("all to be stored", lambda: _asked(environment, settled) >= count, ingest, within_s=_PATIENCE_S)
            left = "SELECT (SELECT count(*) FROM marks) + (SELECT count(*) FROM alert_marks)"
            wait_for(
                "all to be computed",
                lambda: not _asked(environment, left),
                ingest,
                process,
                watch,
                within_s=_PATIENCE_S,
            )
            # Whoever writes ends first, so that what is projected is all there will be.
            assert watch.stop() == 0, watch.log()
            assert ingest.stop() == 0, ingest.log()
            newest = (
                "SELECT (SELECT max(id) FROM revisions), (SELECT max(id) FROM incident_log),"
                " (SELECT count(*) FROM running), (SELECT max(computed_at) FROM running)"
            )
            wait_for(
                "all to be projected",
                lambda: _projected(server, secrets) == _row(environment, newest),
                process,
                within_s=_PATIENCE_S,
            )
            assert process.stop() == 0, process.log()
        with closing(_target(server, secrets)) as target:
            as_it_came = all_points(target)
        cityflux("project", environment=process_settings)
        yield DrawnCity(server, secrets, process_settings, now_ms(), as_it_came)


def all_points(target: ProjectedStore) -> set[str]:
    """All that is drawn of the books, as text."""
    names = (INDICATORS, INCIDENTS, STATIONS)
    return {f"{of.name} {row}" for of in names for row in target.stored(of, list(of.fields))}


def _trouble(now: int) -> Iterator[OutMessage]:
    """Two stations in smoke, over by now and not over; a message that is refused, and a station that nobody knows."""
    hour = now - now % HOUR_MS
    for station, hours in (("hx-03", range(30, 24, -1)), ("hx-04", range(5, -1, -1))):
        readings = [{"at": hour - back * HOUR_MS, "values": _DIRTY} for back in hours]
        yield OutMessage(f"cityflux/v1/gaoxin/air/{station}/hour", encode(readings))
    yield OutMessage("cityflux/v1/gaoxin/air/hx-01/hour", b"{")
    yield OutMessage("cityflux/v1/gaoxin/air/who-knows/hour", encode([{"at": hour, "values": {"pm2_5": 20.0}}]))


def _enter(folder: Path, now: int) -> None:
    """The figures that people would enter."""
    folder.mkdir()
    books = Books(f"sqlite:///{folder / 'books.sqlite'}")
    books.prepare()
    records = Records(books)
    for figure in [*figures(), *quarters()]:
        end = period_bounds(figure.period, ZONE)[1]
        if end <= now:
            given = Record(figure.code, "city", figure.period, figure.value, "", SOURCE, DATED)
            entry, ends = checked(given, to_date="Q" in figure.period), end // HOUR_MS - 1
            records.add(entry, who="test", now=now, ends=ends)
    books.close()


def _projected(server: Influx, secrets: Path) -> tuple[int, ...]:
    with closing(_target(server, secrets)) as target:
        cursor = target.cursor()
        running = target.stored(INDICATORS, ["computed_at"], "\"finality\" = 'running'")
    return cursor["revision"], cursor["log"], len(running), max((row["computed_at"] for row in running), default=0)


def _target(server: Influx, secrets: Path) -> ProjectedStore:
    return ProjectedStore(server.url, DATABASE, DATABASE, (secrets / "influx-grafana-token").read_text().strip())


def _asked(environment: Mapping[str, str], query: str) -> Any:
    return _row(environment, query)[0]


def _row(environment: Mapping[str, str], query: str) -> tuple[Any, ...]:
    with closing(sqlite3.connect(Path(environment["CITYFLUX_DATA_DIR"]) / "books.sqlite")) as db:
        found: tuple[Any, ...] = db.execute(query).fetchone()
    return found
