"""Dead letters as a person works them: grouped, exported, replayed by a running ingest, discarded; and ingest killed."""

import base64
import csv
import gzip
import io
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sensors.formats.native import encode
from sensors.stations import Station, dump_registry
from simulators.message import OutMessage
from simulators.publisher import publish
from tests.programs import Program, cityflux, ledger, wait_for
from tests.servers.mosquitto import Mosquitto

ZONE = ZoneInfo("Asia/Shanghai")
HOUR = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
TOPIC = "cityflux/v1/gaoxin/air/hx-01/hour"
TOO_OLD = "too_old:cityflux/v1/+/air/+/hour"
WIDER = {"CITYFLUX_HORIZON_DAYS": "20000"}


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    registry = tmp_path / "stations.toml"
    registry.write_text(dump_registry([Station(id="hx-01", family="air", name_zh="虎溪", district="gaoxin")]), "utf-8")
    (tmp_path / "broker").mkdir()
    with Mosquitto(tmp_path / "broker") as broker:
        yield {
            "CITYFLUX_DATA_DIR": str(tmp_path / "data"),
            "CITYFLUX_STATIONS": str(registry),
            "CITYFLUX_MQTT_URL": f"mqtt://127.0.0.1:{broker.port}",
            "USER": "wang",
            "SUDO_USER": "",
        }


def old(hours: int, values: dict[str, Any]) -> bytes:
    """An hour that is more than 400 days old."""
    return encode([{"at": (HOUR - timedelta(days=401, hours=hours)).isoformat(), "values": values}])


async def send(environment: dict[str, str], *messages: tuple[str, bytes]) -> None:
    port = int(environment["CITYFLUX_MQTT_URL"].rpartition(":")[2])
    assert await publish([OutMessage(*m) for m in messages], host="127.0.0.1", port=port) == len(messages)


async def refused(environment: dict[str, str], tmp_path: Path, *messages: tuple[str, bytes]) -> None:
    """An ingest takes these, and stops."""
    with Program("ingest", environment=environment, log=tmp_path / "ingest.log") as ingest:
        wait_for("ingest to subscribe", lambda: "receiving" in ingest.log(), ingest)
        await send(environment, *messages)
        wait_for("all to be settled", lambda: ledger(environment)["messages"]["refused"] == len(messages), ingest)
        assert ingest.stop() == 0


def ask(environment: dict[str, str], *arguments: str) -> Any:
    return json.loads(cityflux("dead-letters", *arguments, "--format", "json", environment=environment))


def books(environment: dict[str, str], sql: str) -> list[tuple[Any, ...]]:
    path = Path(environment["CITYFLUX_DATA_DIR"]) / "books.sqlite"
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=30)) as db:
        return db.execute(sql).fetchall()


def readings(environment: dict[str, str]) -> dict[str, str]:
    """Ozone by time."""
    span = ["--from", "1990-01-01", "--to", (HOUR + timedelta(days=1)).isoformat()]
    text = cityflux("readings", "air", "hour", *span, "--format", "csv", environment=environment)
    rows = list(csv.DictReader(io.StringIO(text)))
    found = {row["at"]: row["o3"] for row in rows}
    assert len(found) == len(rows), "none is doubled"
    return found


async def test_a_person_works_dead_letters_to_the_end(environment: dict[str, str], tmp_path: Path) -> None:
    sent = [
        (TOPIC, old(1, {"o3": 61})),
        (TOPIC, old(2, {"o3": 62, "x": 1})),
        (TOPIC.replace("hx-01", "hx-02"), old(3, {"o3": 63})),
        (TOPIC, b"\xff\xfe"),
        (TOPIC, b"{"),
    ]
    await refused(environment, tmp_path, *sent)

    groups = {group["fingerprint"]: group for group in ask(environment, "list")}
    assert {name: group["open"] for name, group in groups.items()} == {
        TOO_OLD: 3,
        "undecodable:cityflux/v1/+/air/+/hour": 1,
        "invalid_json:cityflux/v1/+/air/+/hour": 1,
    }
    assert all(
        group[name] for group in groups.values() for name in ("first_seen", "last_seen", "sample", "field", "fix")
    )
    assert [letter["id"] for letter in ask(environment, "list", "--fingerprint", TOO_OLD)] == [1, 2, 3]
    assert len(ask(environment, "list", "--each")) == 5

    cityflux("dead-letters", "export", "--out", str(tmp_path / "all.jsonl"), environment=environment)
    exported = [json.loads(line) for line in (tmp_path / "all.jsonl").read_text("utf-8").split("\n")[:-1]]
    assert [(line["topic"], payload_of(line)) for line in exported] == sent
    assert [line["sha256"] for line in exported] == [sha256(t.encode() + b"\0" + p).hexdigest() for t, p in sent]
    some = cityflux("dead-letters", "export", "--code", "undecodable", environment=environment)
    assert [json.loads(some)["id"]] == [line["id"] for line in exported if "payload_base64" in line]

    said = cityflux("dead-letters", "replay", "--code", "too_old", "--no-wait", environment=environment)
    assert "request 1 is kept" in said
    wider = environment | WIDER
    with Program("ingest", environment=wider, log=tmp_path / "wider.log") as ingest:
        wait_for("the request", lambda: ask(environment, "requests")[0]["state"] == "done", ingest)
        assert readings(environment).keys() == {
            (HOUR - timedelta(days=401, hours=n)).astimezone(ZONE).isoformat() for n in (1, 2, 3)
        }
        [partly] = ask(environment, "list", "--code", "unknown_quantity", "--each")
        assert (partly["id"], partly["state"]) == (2, "open"), "the rest of it is stored; it has its new reason"
        said = cityflux("dead-letters", "replay", "2", "4", environment=environment, expect=1)
        assert "0 replayed" in said
        assert "2 are refused again" in said
        assert ingest.stop() == 0
    assert [request["replayed"] for request in ask(environment, "requests")] == [0, 2]

    cityflux("dead-letters", "discard", "2", "--why", "typing error", environment=environment)
    said = cityflux("dead-letters", "replay", "2", environment=environment, expect=2)
    assert "dead letter 2 is discarded already" in said
    fingerprint = "invalid_json:cityflux/v1/+/air/+/hour"
    cityflux("dead-letters", "discard", "--fingerprint", fingerprint, "--why", "test device", environment=environment)
    shown = json.loads(cityflux("dead-letters", "show", "5", environment=environment))
    assert (shown["state"], shown["worked_by"], shown["why"]) == ("discarded", "wang", "test device")
    assert [letter["id"] for letter in ask(environment, "list", "--each")] == [4]
    audit = books(
        environment,
        "SELECT who, what, subject FROM audit WHERE what NOT IN ('register', 'station entry added') ORDER BY id",
    )
    assert audit == [
        ("wang", "replay asked", "1"),
        ("wang", "replay done", "1"),
        ("wang", "replay asked", "2"),
        ("wang", "replay done", "2"),
        ("wang", "dead letters discarded", "2-2"),
        ("wang", "dead letters discarded", "5-5"),
    ]
    assert ledger(environment)["messages"]["refused"] == 5, "the ledger says what happened at settling"


def payload_of(line: dict[str, Any]) -> bytes:
    return base64.b64decode(line["payload_base64"]) if "payload_base64" in line else str(line["payload"]).encode()


async def test_without_an_ingest_a_request_is_kept(environment: dict[str, str], tmp_path: Path) -> None:
    await refused(environment, tmp_path, (TOPIC, old(1, {"o3": 61})))
    said = cityflux("dead-letters", "replay", "1", environment=environment, expect=1)
    assert "request 1 is kept and waits: no ingest runs" in said
    with Program("ingest", environment=environment | WIDER, log=tmp_path / "wider.log") as ingest:
        wait_for("the request", lambda: ask(environment, "requests")[0]["state"] == "done", ingest)
        assert ingest.stop() == 0
    assert len(readings(environment)) == 1


async def test_ingest_killed_in_the_middle_of_a_big_replay(environment: dict[str, str], tmp_path: Path) -> None:
    count = 12_000
    await refused(environment, tmp_path, *((TOPIC, old(n, {"o3": n % 500})) for n in range(count)))
    ingest = Program("ingest", environment=environment | WIDER, log=tmp_path / "wider.log")
    cityflux("dead-letters", "replay", "--fingerprint", TOO_OLD, "--no-wait", environment=environment)
    kills = 0
    with ingest:
        for part in (count // 5, count // 2, count * 4 // 5):
            wait_for(f"{part} replayed", partial(reached, environment, part), ingest)
            ingest.kill()
            kills += replayed(environment) < count
            check_halfway(environment, count)
            ingest.start()
        wait_for("the end of the replay", lambda: replayed(environment) == count, ingest)
        wait_for("the request", lambda: ask(environment, "requests")[0]["state"] == "done", ingest)
        assert ingest.stop() == 0
    assert kills > 0, "killed in the middle"
    stored = readings(environment)
    assert {at: float(o3) for at, o3 in stored.items()} == {
        (HOUR - timedelta(days=401, hours=n)).astimezone(ZONE).isoformat(): n % 500 for n in range(count)
    }
    check_halfway(environment, count)
    assert books(environment, "SELECT state, count(*) FROM dead_letters GROUP BY state") == [("replayed", count)]
    [asked, done] = books(environment, "SELECT who, what, detail FROM audit WHERE what LIKE 'replay%' ORDER BY id")
    assert (asked[:2], done[:2]) == (("wang", "replay asked"), ("wang", "replay done"))
    assert json.loads(asked[2])["count"] == count
    assert json.loads(done[2]) == {"replayed": count, "refused": 0}


def replayed(environment: dict[str, str]) -> int:
    return int(books(environment, "SELECT replayed FROM replay_requests")[0][0])


def reached(environment: dict[str, str], count: int) -> bool:
    return replayed(environment) >= count


def check_halfway(environment: dict[str, str], count: int) -> None:
    """The request has counted exactly the letters that are replayed; no letter is lost."""
    [(counted, last)] = books(environment, "SELECT replayed, last_id FROM replay_requests")
    states = dict(books(environment, "SELECT state, count(*) FROM dead_letters GROUP BY state"))
    assert states.get("replayed", 0) == counted
    assert sum(states.values()) == count
    assert books(environment, f"SELECT count(*) FROM dead_letters WHERE state = 'open' AND id <= {last}") == [(0,)]  # noqa: S608 - our own number


async def test_past_the_cap_letters_move_into_files_and_the_list_says_so(
    environment: dict[str, str], tmp_path: Path
) -> None:
    environment |= {"CITYFLUX_DEAD_LETTERS_CAP_BYTES": "65536"}
    folder = tmp_path / "data" / "dead-letters"
    with Program("ingest", environment=environment, log=tmp_path / "ingest.log") as ingest:
        wait_for("ingest to subscribe", lambda: "receiving" in ingest.log(), ingest)
        await send(environment, *((TOPIC, b"{" + bytes([65 + n % 26]) * 1000) for n in range(200)))
        wait_for("all to be settled", lambda: ledger(environment)["messages"]["refused"] == 200, ingest)
        wait_for("letters to move", lambda: books(environment, "SELECT 1 FROM exported_letters"), ingest)
        assert ingest.stop() == 0
    kept = [row[0] for row in books(environment, "SELECT id FROM dead_letters")]
    files = [gzip.decompress(file.read_bytes()) for file in folder.glob("*.jsonl.gz")]
    moved = [json.loads(line)["id"] for file in files for line in file.split(b"\n")[:-1]]
    assert sorted(kept + moved) == list(range(1, 201))
    said = cityflux("dead-letters", "discard", "1", "--why", "x", environment=environment, expect=2)
    assert f"{len(moved)} were exported" in said
