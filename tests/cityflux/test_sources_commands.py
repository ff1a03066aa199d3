"""`cityflux sources`: which there are, what would become of a message, and a source learnt from what a real broker delivers."""

import asyncio
import json
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ingest.intake import Intake
from ingest.journal import JournalBatch
from ingest.transport import Message
from sensors.formats.sample import Sample
from sensors.sources import Sources, parse_sources
from sensors.stations import Registry
from simulators.message import OutMessage
from simulators.publisher import publish
from tests.captures import CAPTURES, NOW
from tests.programs import cityflux, clean_environment
from tests.servers.mosquitto import Mosquitto

NANOGRAMS = next(one for one in CAPTURES if one.name == "hj212/nanograms")
RECEIVED = ("--received", "2018-04-27T13:00:00+08:00")
SOURCES = """
[[source]]
name = "hj212"
topic = "hj212/22/{device}"
format = "hj212"
family = "air"
units = { a34001 = "µg/m³" }
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "sources.toml").write_text(SOURCES, "utf-8")
    return {"CITYFLUX_DATA_DIR": str(tmp_path / "data"), "CITYFLUX_SOURCES": str(tmp_path / "sources.toml")}


def test_the_sources_and_what_they_take(environment: dict[str, str]) -> None:
    [row] = json.loads(cityflux("sources", "list", "--format", "json", environment=environment))
    assert (row["name"], row["topic"], row["family"]) == ("hj212", "hj212/22/{device}", "air")
    assert "a34004=pm2_5" in row["fields"]


def test_a_folder_of_files_is_all_of_them(environment: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "a.toml").write_text(SOURCES, "utf-8")
    (folder / "b.toml").write_text(SOURCES.replace("22", "21").replace('"hj212"\nt', '"water"\nt'), "utf-8")
    both = {**environment, "CITYFLUX_SOURCES": str(folder)}
    assert [row["name"] for row in json.loads(cityflux("sources", "list", "--format", "json", environment=both))] == [
        "hj212",
        "water",
    ]
    (folder / "c.toml").write_text("[[source]]\nnam = 1\n", "utf-8")
    assert "c.toml: source number 1" in cityflux("sources", "list", environment=both, expect=2)


def test_what_would_become_of_a_message_step_by_step(environment: dict[str, str], tmp_path: Path) -> None:
    payload = tmp_path / "frame"
    payload.write_bytes(NANOGRAMS.payload)
    asked = ("sources", "test", "--topic", NANOGRAMS.topic, "--payload", str(payload), *RECEIVED)
    said = cityflux(*asked, environment=environment)
    assert "source   hj212, device LXHB0CS0306310" in said
    assert "a34004 = 75600.0 ng/m³ → pm2_5 75.6" in said
    assert "reading  air lxhb0cs0306310 raw 2018-04-27T12:58:09+08:00, not in the registry" in said
    found = json.loads(cityflux(*asked, "--format", "json", environment=environment, expect=0))
    [reading] = found["readings"]
    assert reading["values"]["pm2_5"] == 75.6
    assert reading["flags"]["tsp"] == {"flag": "out_of_range", "value": 178_000.0}
    assert (found["refusals"], found["source"]) == ([], "hj212")


def test_a_refusal_is_exit_1_with_its_reason(environment: dict[str, str], tmp_path: Path) -> None:
    payload = tmp_path / "frame"
    payload.write_bytes(NANOGRAMS.payload.replace(b"75600", b"75601"))
    asked = ("sources", "test", "--topic", NANOGRAMS.topic, "--payload", str(payload), *RECEIVED)
    found = json.loads(
        cityflux(*asked, "--format", "json", environment=environment, expect=1).partition("\ncityflux:")[0]
    )
    assert [refusal["code"] for refusal in found["refusals"]] == ["wrong_checksum"]
    said = cityflux(
        "sources", "test", "--topic", "elsewhere", "--payload", str(payload), environment=environment, expect=1
    )
    assert "source   none takes it" in said
    assert "unknown_topic" in said
    said = cityflux("sources", "test", "--topic", "x", "--payload", "absent", environment=environment, expect=2)
    assert "absent" in said


async def learnt(tmp_path: Path, topic: str, messages: list[OutMessage], *more: str) -> tuple[str, str]:
    """What `sources learn` says on stdout and on stderr while the messages come, again and again until it has enough."""
    with Mosquitto(tmp_path) as broker:
        environment = {"CITYFLUX_DATA_DIR": str(tmp_path), "CITYFLUX_MQTT_URL": f"mqtt://127.0.0.1:{broker.port}"}
        arguments = ("sources", "learn", topic, "--seconds", "60", "--most", str(len(messages)), *more)
        learning = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cityflux", *arguments),
            env={**clean_environment(), **environment},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said = asyncio.create_task(learning.communicate())
        while not said.done():
            await publish(messages, host="127.0.0.1", port=broker.port, version=5)
            await asyncio.wait([said], timeout=0.05)
        out, err = (text.decode() for text in said.result())
    assert learning.returncode == 0, err
    return out, err


async def test_a_learnt_source_takes_what_it_was_learnt_from(tmp_path: Path) -> None:
    pack = (
        '[{"bn":"mast-%d:","bt":1772344800,"n":"temperature","u":"Cel","v":12.5},'
        '{"n":"humidity","u":"%%RH","v":61},{"n":"xyz","v":1}]'
    )
    messages = [OutMessage(f"env/gaoxin/mast-{n}/data", (pack % n).encode()) for n in range(1, 4)]
    text, told = await learnt(tmp_path, "env/#", messages)
    assert "senml" in told
    [source] = parse_sources(text, "learnt", ZoneInfo("Asia/Shanghai"))
    assert source.family == "air"
    assert source.rules.fields == {"temperature": "air_temperature", "humidity": "humidity"}
    assert "xyz" in text
    intake = Intake(Registry(()), set(), lambda topic: 1, horizon_days=400, horizons={}, sources=Sources([source]))
    verdict = intake.judge(JournalBatch(1, NOW, [Message(one.topic, one.payload) for one in messages]))
    assert [(one.station, one.values) for one in verdict.readings] == [
        (f"mast-{n}", {"air_temperature": 12.5, "humidity": 61.0}) for n in range(1, 4)
    ]


async def test_json_is_learnt_with_its_pointers(tmp_path: Path) -> None:
    body = '{"deviceId": "D-%d", "ts": 1772344800000, "data": {"pm25": 35.5, "o3": 61, "label": "x"}}'
    messages = [OutMessage(f"dust/{n}", (body % n).encode()) for n in range(1, 4)]
    text, _ = await learnt(tmp_path, "dust/+", messages, "--name", "dust")
    [source] = parse_sources(text, "learnt", ZoneInfo("Asia/Shanghai"))
    assert source.name == "dust"
    [sample] = source.decode(messages[0].payload)
    assert isinstance(sample, Sample)
    assert (sample.device, sample.at) == ("D-1", 1_772_344_800_000)
    assert {field: source.rules.fields.get(field) for field in sample.values}.items() >= {
        "pm25": "pm2_5",
        "o3": "o3",
    }.items()
