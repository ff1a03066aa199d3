"""The command line as a user meets it: a real broker, the programs in their own processes, bad input, and its way back."""

import csv
import io
import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cityflux.ports import free_port
from sensors.formats.native import encode
from sensors.stations import Station, dump_registry
from simulators.city import registry_text
from simulators.message import OutMessage
from simulators.publisher import publish
from tests.programs import Program, cityflux, ledger, wait_for
from tests.servers.amqtt_broker import amqtt_broker
from tests.servers.mosquitto import Mosquitto

HOUR = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
TOPIC = "cityflux/v1/gaoxin/air/hx-01/hour"
GOOD = {"pm2_5": 35.0, "pm10": 50.0, "so2": 6.0, "no2": 22.0, "co": 0.7, "o3": 61.0}


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
        }


async def send(environment: dict[str, str], *messages: tuple[str, bytes]) -> None:
    port = int(environment["CITYFLUX_MQTT_URL"].rpartition(":")[2].partition("?")[0])
    version = 3 if "version=3" in environment["CITYFLUX_MQTT_URL"] else 5
    assert await publish([OutMessage(*m) for m in messages], host="127.0.0.1", port=port, version=version) == len(
        messages
    )


def hour(offset: int, values: dict[str, Any], **more: Any) -> bytes:
    return encode([{"at": (HOUR - timedelta(hours=offset)).isoformat(), "values": values, **more}])


def has(environment: dict[str, str], *, messages: int) -> bool:
    counts = ledger(environment)["messages"]
    return bool(counts["journalled"] == messages and counts["pending"] == 0)


def readings(environment: dict[str, str], period: str = "hour", family: str = "air") -> list[dict[str, str]]:
    span = ["--from", (HOUR - timedelta(days=500)).isoformat(), "--to", (HOUR + timedelta(days=1)).isoformat()]
    return list(
        csv.DictReader(
            io.StringIO(cityflux("readings", family, period, *span, "--format", "csv", environment=environment))
        )
    )


POISON: list[tuple[str, bytes, str]] = [
    (TOPIC, b"\xff\xfe", "undecodable"),
    (TOPIC, b"{", "invalid_json"),
    (TOPIC, b'{"readings": []}', "no_readings"),
    ("cityflux/v1/gaoxin/air/hx-01/week", hour(1, GOOD), "unknown_topic"),
    (TOPIC, encode([{"at": HOUR.replace(tzinfo=None).isoformat(), "values": GOOD}]), "no_offset"),
    (TOPIC, hour(-3, GOOD), "in_future"),
    (TOPIC, hour(24 * 401, GOOD), "too_old"),
    (TOPIC, hour(2, GOOD, station="hx-02"), "station_mismatch"),
    (TOPIC, b'{"at": 1, "values": {"o3": 1}, "pad": "' + b"x" * 300_000 + b'"}', "too_large"),
    (TOPIC, hour(3, {**GOOD, "pm25": 1}), "unknown_quantity"),
    (TOPIC, hour(4, {**GOOD, "o3": "61"}), "invalid_value"),
    (TOPIC, hour(5, GOOD).replace(b"61.0", b"NaN"), "invalid_value"),
    (TOPIC, hour(6, GOOD).replace(b"61.0", b"1e400"), "invalid_value"),
]


async def test_bad_input_goes_to_the_dead_letters_and_the_rest_is_stored(
    environment: dict[str, str], tmp_path: Path
) -> None:
    with Program("ingest", environment=environment, log=tmp_path / "ingest.log") as ingest:
        wait_for("ingest to subscribe", lambda: "receiving" in ingest.log(), ingest)
        out_of_range, unknown = (TOPIC, hour(7, {**GOOD, "o3": -3})), (TOPIC.replace("hx-01", "hx-99"), hour(1, GOOD))
        messages = [(topic, payload) for topic, payload, _ in POISON]
        await send(environment, *messages, (TOPIC, hour(0, GOOD)), out_of_range, unknown)
        wait_for("all to be settled", lambda: has(environment, messages=len(POISON) + 3), ingest)

        balance = ledger(environment)
        assert balance["balances"]
        assert balance["messages"] == {"journalled": 16, "written": 3, "refused": 13, "pending": 0}
        assert balance["quantities"] == {"refused": 4}
        letters = json.loads(cityflux("dead-letters", "list", "--each", "--format", "json", environment=environment))
        assert [letter["reason"] for letter in letters] == [code for _, _, code in POISON]
        assert all(letter["field"] and letter["fix"] for letter in letters)
        big = next(letter for letter in letters if letter["reason"] == "too_large")
        shown = json.loads(cityflux("dead-letters", "show", str(big["id"]), environment=environment))
        assert shown["length"] > 300_000
        assert len(shown["payload_sha256"]) == 64
        assert len(shown["payload"]) == 65_536

        stored = {(row["station"], row["at"]): row for row in readings(environment)}
        assert len(stored) == 7, "the good one, the four with one bad quantity, the out of range, the unknown station's"
        flagged = [row for row in stored.values() if row["doubtful"]]
        assert [row["doubtful"] for row in flagged] == ["o3 out_of_range -3"]
        assert [row["station"] for row in stored.values() if row["unknown_station"] == "True"] == ["hx-99"]
        assert [row["o3"] for row in flagged] == [""]
        assert ingest.stop() == 0

    # The way back: the unknown station is adopted, the too old one is replayed under a wider horizon.
    unknown_rows = list(
        csv.DictReader(io.StringIO(cityflux("stations", "unknown", "--format", "csv", environment=environment)))
    )
    assert [row["station"] for row in unknown_rows] == ["hx-99"]
    cityflux("stations", "adopt", "hx-99", environment=environment)
    assert "hx-99" in cityflux("stations", "export", environment=environment)
    cityflux("stations", "adopt", "hx-99", environment=environment, expect=2)
    wider = {**environment, "CITYFLUX_HORIZON_DAYS": "500"}
    with Program("ingest", environment=wider, log=tmp_path / "wider.log") as ingest:
        wait_for("ingest to subscribe", lambda: "receiving" in ingest.log(), ingest)
        cityflux("dead-letters", "replay", "--code", "too_old", environment=environment)
        assert ingest.stop() == 0
    assert len(readings(environment)) == 8
    cityflux("dead-letters", "discard", str(big["id"]), "--why", "a test", environment=environment)
    left = json.loads(cityflux("dead-letters", "list", "--each", "--format", "json", environment=environment))
    assert len(left) == len(POISON) - 2


async def test_mqtt_3_1_1_over_the_embedded_amqtt(environment: dict[str, str], tmp_path: Path) -> None:
    with amqtt_broker(tmp_path) as port:
        environment = {**environment, "CITYFLUX_MQTT_URL": f"mqtt://127.0.0.1:{port}?version=3"}
        with Program("ingest", environment=environment, log=tmp_path / "ingest.log") as ingest:
            wait_for("ingest to subscribe", lambda: "receiving" in ingest.log(), ingest)
            await send(environment, *((TOPIC, hour(n, GOOD)) for n in range(100)), (TOPIC, b"{"))
            wait_for("all to be settled", lambda: has(environment, messages=101), ingest)
            assert ingest.stop() == 0
    assert len(readings(environment)) == 100
    assert ledger(environment)["messages"]["refused"] == 1


async def test_a_clean_stop_drains_and_a_restart_goes_on(environment: dict[str, str], tmp_path: Path) -> None:
    ingest = Program("ingest", environment=environment, log=tmp_path / "ingest.log")
    with ingest:
        wait_for("ingest to subscribe", lambda: "receiving" in ingest.log(), ingest)
        await send(environment, *((TOPIC, hour(n, GOOD)) for n in range(50)))
        assert ingest.stop() == 0
        assert ledger(environment)["messages"]["pending"] == 0
        await send(environment, *((TOPIC, hour(n, GOOD)) for n in range(50, 80)))
        ingest.start()
        wait_for("what waited at the broker", lambda: len(readings(environment)) == 80, ingest)
        assert ingest.stop() == 0
    assert ledger(environment)["balances"]


def test_a_second_ingest_on_the_same_folder_is_refused(environment: dict[str, str], tmp_path: Path) -> None:
    with Program("ingest", environment=environment, log=tmp_path / "ingest.log") as ingest:
        wait_for("ingest to subscribe", lambda: "receiving" in ingest.log(), ingest)
        said = cityflux("ingest", environment=environment, expect=2)
        assert "belongs to another running ingest" in said
        assert "Traceback" not in said


def test_a_broker_that_is_not_there_is_said_once_and_waited_for(environment: dict[str, str], tmp_path: Path) -> None:
    port = free_port()
    environment = {**environment, "CITYFLUX_MQTT_URL": f"mqtt://127.0.0.1:{port}"}
    with Program("ingest", environment=environment, log=tmp_path / "ingest.log") as ingest:
        wait_for("the complaint", lambda: "not receiving" in ingest.log(), ingest)
        (tmp_path / "late").mkdir()
        with Mosquitto(tmp_path / "late", port=port):
            wait_for("ingest to subscribe", lambda: "receiving   " in ingest.log(), ingest)
            assert ingest.log().count("not receiving") == 1
            assert ingest.stop() == 0


def test_doctor_finds_the_ill_part_and_says_what_to_do(environment: dict[str, str]) -> None:
    said = cityflux("doctor", environment=environment).splitlines()
    assert [line.split()[:2] for line in said] == [
        ["well", part] for part in ("broker", "ingest", "store", "books", "disk", "registry", "plan")
    ]
    lost = {**environment, "CITYFLUX_MQTT_URL": f"mqtt://127.0.0.1:{free_port()}"}
    assert "1 of 7 parts are not well: broker" in cityflux("doctor", environment=lost, expect=1)
    assert "CITYFLUX_MQTT_URL" in cityflux("doctor", "--settings", environment=environment)


@pytest.mark.parametrize(
    ("arguments", "change", "said"),
    [
        (["ingest"], {"CITYFLUX_STORE": "mongo"}, ["CITYFLUX_STORE", "mongo", "sqlite"]),
        (["ingest"], {"CITYFLUX_STOER": "sqlite"}, ["CITYFLUX_STOER", "CITYFLUX_STORE"]),
        (["ingest"], {"CITYFLUX_STORE": "influx"}, ["CITYFLUX_INFLUX_TOKEN_FILE"]),
        (["ingest"], {"CITYFLUX_STATIONS": "/nowhere.toml"}, ["CITYFLUX_STATIONS", "/nowhere.toml"]),
        (["ingest"], {"CITYFLUX_DATA_DIR": "/dev/null/x"}, ["CITYFLUX_DATA_DIR", "/dev/null/x"]),
        (["ledger"], {"CITYFLUX_DATA_DIR": "/dev/null/x"}, ["CITYFLUX_DATA_DIR", "/dev/null/x"]),
        (["process"], {"CITYFLUX_PLAN": "/nowhere.toml"}, ["/nowhere.toml"]),
        (["replay", "/nowhere.csv", "--source", "cnemc-air"], {}, ["/nowhere.csv"]),
        (["replay", "x.csv", "--source", "cnemc"], {}, ["cnemc-air"]),
        (["evaluate", "air", "x.csv", "--source", "cnemc-air", "--out", "x", "--standard", "HJ1"], {}, ["x.csv"]),
        (["readings", "air", "hour", "--from", "noon", "--to", "2026-01-01"], {}, ["--from", "noon"]),
        (["explain", "good_air_day", "2026"], {}, ["good_air_days"]),
        (["explain", "good_air_days", "26"], {}, ["2026"]),
        (["dead-letters", "show", "99"], {}, ["99", "dead-letters list"]),
        (["dead-letters", "export", "99"], {}, ["99", "dead-letters list"]),
        (["dead-letters", "export", "--out", "/dev/null/x"], {}, ["--out", "/dev/null/x"]),
        (["dead-letters", "list", "--state", "shut"], {}, ["shut", "discarded"]),
        (["dead-letters", "replay", "99"], {}, ["99", "dead-letters list"]),
        (["dead-letters", "replay"], {}, ["--code", "--fingerprint"]),
        (["dead-letters", "replay", "--code", "too_old", "--fingerprint", "x"], {}, ["--code", "--fingerprint"]),
        (["dead-letters", "replay", "--fingerprint", "too_old:x"], {}, ["too_old:x", "dead-letters list"]),
        (["dead-letters", "discard", "--code", "too_old", "--why", "x"], {}, ["too_old", "dead-letters list"]),
        (["dead-letters", "discard", "--code", "too_old", "--why", " "], {}, ["--why"]),
    ],
)
def test_wrong_use_is_one_line_and_exit_2(
    environment: dict[str, str], arguments: list[str], change: dict[str, str], said: list[str], tmp_path: Path
) -> None:
    text = cityflux(*arguments, environment={**environment, **change}, expect=2, cwd=tmp_path)
    assert "Traceback" not in text
    assert len(text.strip().splitlines()) == 1, text
    assert all(part in text for part in said), text


def test_ingest_never_loads_pandas() -> None:
    script = "import sys, cityflux.main, cityflux.programs, store.sqlite, store.influx; print('pandas' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout == "False\n"
    )


def test_every_command_has_a_help_with_an_example(environment: dict[str, str]) -> None:
    commands = [
        "demo", "up", "broker", "ingest", "process", "watch", "wall", "simulate", "replay", "evaluate", "readings", "indicators",
        "explain", "ledger", "doctor",
    ]  # fmt: skip
    for command in commands:
        assert "Example: " in " ".join(cityflux(command, "--help", environment=environment).split()), command


async def test_the_faults_of_the_simulated_city_are_found_again(environment: dict[str, str], tmp_path: Path) -> None:
    registry = tmp_path / "city.toml"
    registry.write_text(registry_text(), "utf-8")
    environment = {**environment, "CITYFLUX_STATIONS": str(registry)}
    log, first = tmp_path / "faults.jsonl", (HOUR - timedelta(days=20)).date().isoformat()
    with Program("ingest", environment=environment, log=tmp_path / "ingest.log") as ingest:
        wait_for("ingest to subscribe", lambda: "receiving" in ingest.log(), ingest)
        options = [
            "--no-live",
            "--from",
            first,
            "--fault",
            "poison=0.1",
            "--fault",
            "duplicate=0.1",
            "--fault-log",
            str(log),
        ]
        said = cityflux("simulate", *options, environment=environment)
        count = int(said.split()[0])
        wait_for("all to be settled", lambda: has(environment, messages=count), ingest)
        assert ingest.stop() == 0
    faults = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    poison = [fault["refusal"] for fault in faults if fault["kind"] == "poison"]
    letters = json.loads(
        cityflux("dead-letters", "list", "--each", "--most", "1000", "--format", "json", environment=environment)
    )
    assert len(poison) > 5
    assert sorted(letter["reason"] for letter in letters) == sorted(poison)
    assert "names are" in cityflux("simulate", "--fault", "posion=1", environment=environment, expect=2)


def test_the_demo_from_an_empty_folder_to_a_scorecard(tmp_path: Path) -> None:
    said = cityflux(
        "demo", "--once", "--days", "12", "--data-dir", str(tmp_path / "demo"), environment={}, cwd=tmp_path
    )
    found = re.search(r"(\d+) of (\d+) closed days are judged as the simulated city was made", said)
    assert found is not None, said
    assert found[1] == found[2]
    assert found[2] in {"11", "12"}, "yesterday is open for an hour after midnight"
    assert "空气质量优良天数" in said
    found = re.search(r"(\d+) of (\d+) reductions per unit of GDP are as the simulated figures were made", said)
    assert found is not None, said
    assert found[1] == found[2]
    assert int(found[2]) in {2, 4, 6, 8}, "the last year, and of the quarters after it those that have ended"
    meters = re.search(r"(\d+) of (\d+) meter months are as the simulated buildings used", said)
    assert meters is not None, said
    assert meters[1] == meters[2]
    assert int(meters[2]) >= 9, "all that were measured whole; one may be late, one is read at midnight"
    assert "3 of 3 years of tunnel capacity are as the simulated tunnels were opened" in said
    assert "simulated city, no real figure" in said
    here = {"CITYFLUX_DATA_DIR": str(tmp_path / "demo")}
    assert ledger(here)["messages"]["refused"] == 0
    assert not running_from(tmp_path), "no process is left behind"


def test_the_demos_page_answers_and_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    arguments = ["demo", "--days", "3", "--wall-port", "0", "--data-dir", str(tmp_path / "demo")]
    with Program(*arguments, environment={}, log=tmp_path / "demo.log") as demo:
        wait_for("the page", lambda: "status page: " in demo.log(), demo)
        url = demo.log().split("status page: ")[1].split()[0]
        page = urllib.request.urlopen(url, timeout=30).read().decode()  # noqa: S310 - our own page on loopback
        assert "虎溪" in page

        def status() -> dict[str, Any]:
            answer: dict[str, Any] = json.loads(urllib.request.urlopen(url + "api/status", timeout=30).read())  # noqa: S310 - as above
            return answer

        assert len(status()["stations"]) == 10
        wait_for("a moment without anything under way", lambda: status()["pipeline"]["pending"] == 0, demo)
        assert demo.process is not None
        demo.process.send_signal(2)
        assert demo.process.wait(60) == 0
    assert not running_from(tmp_path)


def running_from(folder: Path) -> list[str]:
    """Command lines and environments of processes that name this folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = (process / "environ").read_bytes()
            command = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if str(folder).encode() in environment + command and int(process.name) != os.getpid():
            found.append(command.replace(b"\0", b" ").decode())
    return found
