"""The payloads of the documents, through the real broker and the real ingest: what is stored, and what is refused, is what the
documents say."""

import tomllib
from pathlib import Path
from typing import Any

from cityflux.composition import open_books, open_store
from cityflux.settings import Settings
from sensors.quantities import OF_FAMILY
from sensors.sources import SourceConfig
from simulators.message import OutMessage
from simulators.publisher import publish
from store.letters import Letters, Selection
from tests.captures import CAPTURES, Capture, in_millis
from tests.programs import Program, ledger, wait_for
from tests.servers.mosquitto import Mosquitto

DOCUMENTS = [
    "aliyun/property-post",
    "chirpstack/documents-uplink-without-codec",
    "chirpstack/status",
    "hj212/annex-a-of-the-standard",
    "hj212/tianjin-dust",
    "hj212/names-of-2005",
    "hj212/nanograms",
    "hj212/modbus-checksum",
    "hj212/surface-water-flag-9",
    "hj212/milliseconds-lower-case-checksum",
    "hj212/two-packets",
    "hj212/wrong-checksum",
    "huawei/property-report",
    "lineprotocol/documents-example",
    "senml/rfc8428-5-1-2-multiple",
    "senml/humidity-and-position",
    "ttn/uplink",
]


def source_of(capture: Capture, prefix: str) -> str:
    """The capture's source under topics of its own, for one topic has one source."""
    [source] = tomllib.loads(capture.source)["source"]
    config = SourceConfig.model_validate(source)
    text = capture.source.replace(f'topic = "{config.topic}"', f'topic = "{prefix}/{config.topic}"')
    return text.replace(f'name = "{config.name}"', f'name = "{prefix}"')


def identity(reading: dict[str, Any]) -> tuple[str, str, str, int]:
    """What a reading is known by."""
    return reading["family"], reading["period"], reading["station"], reading["at"]


async def test_what_documents_show_is_stored_as_they_say(tmp_path: Path) -> None:
    captures = {f"c{number}": one for number, one in enumerate(one for one in CAPTURES if one.name in DOCUMENTS)}
    assert len(captures) == len(DOCUMENTS)
    (tmp_path / "sources.toml").write_text("\n".join(source_of(one, p) for p, one in captures.items()), "utf-8")
    sent = [OutMessage(f"{prefix}/{one.topic}", one.payload) for prefix, one in captures.items()]
    with Mosquitto(tmp_path) as broker:
        environment = {
            "CITYFLUX_DATA_DIR": str(tmp_path / "data"),
            "CITYFLUX_SOURCES": str(tmp_path / "sources.toml"),
            "CITYFLUX_MQTT_URL": f"mqtt://127.0.0.1:{broker.port}",
        }
        with Program("ingest", environment=environment, log=tmp_path / "ingest.log") as ingest:
            wait_for("ingest to subscribe", lambda: "receiving" in ingest.log(), ingest)
            assert await publish(sent, host="127.0.0.1", port=broker.port, version=5) == len(sent)

            def all_settled() -> bool:
                counts = ledger(environment)["messages"]
                return bool(counts["journalled"] == len(sent) and counts["pending"] == 0)

            wait_for("all to be settled", all_settled, ingest)
    chosen = Settings.model_validate({"data_dir": tmp_path / "data"})
    with open_books(chosen) as books:
        refused = {
            found.letter.topic.partition("/")[0]: [(refusal.code, refusal.field) for refusal in found.letter.refusals]
            for found in Letters(books).page(Selection())
        }
    assert refused == {
        prefix: [(refusal["code"], refusal["field"]) for refusal in one.refusals]
        for prefix, one in captures.items()
        if one.refusals
    }
    store = open_store(chosen)
    expected = [reading for one in captures.values() for reading in in_millis(one.readings)]
    found = []
    for family, period in sorted({(one["family"], one["period"]) for one in expected}):
        frame = store.readings(family, period, 0, 2**42, None)
        for row in frame.to_dict("records"):
            values = {code: row[code] for code in OF_FAMILY[family] if row[code] == row[code]}
            at = row["observed_at"].value // 1_000_000
            found.append({"station": row["station"], "family": family, "period": period, "at": at, "values": values})
    assert sorted(found, key=identity) == sorted(expected, key=identity)
