"""Stories through the whole path: real broker, ingest, books, watch. The watch is killed with -9 in every state of an incident,
while it looks and after it has; or a second one runs beside it."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ingest.journal import read_ledger
from sensors.stations import dump_registry
from simulators.alerts import SCENARIOS, Story, Turn
from simulators.publisher import publish
from tests.alerts.city import ZONE, Told
from tests.alerts.judge import Judge
from tests.programs import Program, wait_for
from tests.servers.mosquitto import Mosquitto


class Programs:
    """The programs of a story, over one data folder."""

    def __init__(self, folder: Path, story: Story, port: int) -> None:
        self.data, self._port, self._sent = folder / "data", port, 0
        (folder / "stations.toml").write_text(dump_registry(story.stations), "utf-8")
        environment = {
            "CITYFLUX_DATA_DIR": str(self.data),
            "CITYFLUX_STATIONS": str(folder / "stations.toml"),
            "CITYFLUX_MQTT_URL": f"mqtt://127.0.0.1:{port}",
        }
        self.ingest = Program("ingest", environment=environment, log=folder / "ingest.log")
        self.watch = Program("watch", environment=environment, log=folder / "watch.log")
        self.second = Program("watch", environment=environment, log=folder / "second.log")

    def take(self, turn: Turn) -> None:
        """Send it, let happen what happens to the watch, and wait until everything is looked at."""
        if turn.upset == "two at once":
            self.second.start()
        assert asyncio.run(publish(turn.messages, host="127.0.0.1", port=self._port)) == len(turn.messages)
        self._sent += len(turn.messages)
        if turn.upset == "dies before it saves":
            self.watch.kill()
            self.watch.start()
        wait_for("the messages to be settled", self._is_settled, self.ingest)
        wait_for("the watch to have looked", self._has_looked, self.ingest, self.watch)
        if turn.upset in {"restart", "dies after it saved"}:
            self.watch.kill()
            self.watch.start()
        if turn.upset == "two at once":
            self.second.kill()

    def _is_settled(self) -> bool:
        with closing(sqlite3.connect(self.data / "journal" / "journal.sqlite", timeout=30)) as db:
            ledger = read_ledger(db)
        return (ledger.written, ledger.pending) == (self._sent, 0)

    def _has_looked(self) -> bool:
        with closing(sqlite3.connect(self.data / "books.sqlite", timeout=30)) as db:
            return not db.execute("SELECT count(*) FROM alert_marks").fetchone()[0]


@contextmanager
def running(folder: Path, story: Story) -> Iterator[Programs]:
    (folder / "broker").mkdir()
    with Mosquitto(folder / "broker") as broker:
        path = Programs(folder, story, broker.port)
        with path.ingest, path.watch:
            try:
                wait_for("ingest to subscribe", lambda: "receiving" in path.ingest.log(), path.ingest)
                yield path
            finally:
                path.second.__exit__(None, None, None)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["restart in each state", "late upload"])
def test_what_is_told_is_what_is_so_whatever_dies(tmp_path: Path, name: str) -> None:
    today = datetime.now(ZONE).date()
    story = SCENARIOS[name](7, today - timedelta(days=14 + today.weekday()))
    judge = Judge(story)
    with running(tmp_path, story) as path, Told(path.data) as told:
        for turn in story.turns:
            path.take(turn)
            judge.look(turn, told)
            told.acknowledge(turn)
        verdict = judge.end(told)
        assert path.watch.stop() == 0, path.watch.log()
        assert path.ingest.stop() == 0, path.ingest.log()
    assert not verdict.wrong, "\n".join(verdict.wrong)
    assert verdict.incidents
