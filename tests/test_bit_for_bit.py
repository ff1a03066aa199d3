"""The same raw messages give the same indicators, byte for byte: in two runs with other batches, and on both stores.

Real station hours go through real Mosquitto, journal, intake and store; one of the runs is fed in reverse order and twice.
"""

import csv
import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.programs import Program, cityflux, ledger, real_air_data, wait_for
from tests.servers.influx import Influx
from tests.servers.mosquitto import Mosquitto
from tests.test_straight_path import settled, waiting_marks

DAYS = ("2026-02-27", "2026-02-28", "2026-03-01", "2026-03-02")


@pytest.fixture(scope="module")
def hours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four days around the change of the rule, of a dozen stations; and the same rows the other way round, each twice."""
    with gzip.open(real_air_data(), "rt", encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["timepoint"][:10] in DAYS]
    stations = sorted({row["stationcode"] for row in rows})[:12]
    rows = [row for row in rows if row["stationcode"] in stations]
    folder = tmp_path_factory.mktemp("hours")
    for name, chosen in (("forward", rows), ("backward", [row for row in reversed(rows) for _ in range(2)])):
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(chosen)
    return folder


def exported(folder: Path, file: Path, store: dict[str, str]) -> tuple[str, str]:
    """What a run exports: the judgements, and the hourly indices."""
    (folder / "broker").mkdir(parents=True)
    registry, messages = folder / "stations.toml", len(file.read_text("utf-8").splitlines()) - 1
    environment = {**store, "CITYFLUX_DATA_DIR": str(folder / "data"), "CITYFLUX_STATIONS": str(registry)}
    with Mosquitto(folder / "broker") as broker:
        environment["CITYFLUX_MQTT_URL"] = f"mqtt://127.0.0.1:{broker.port}"
        cityflux(
            "replay", str(file), "--source", "cnemc-air", "--write-stations", str(registry), environment=environment
        )
        ingest = Program("ingest", environment=environment, log=folder / "ingest.log")
        process = Program("process", environment=environment, log=folder / "process.log")
        with ingest, process:
            wait_for("ingest to subscribe", lambda: "receiving" in ingest.log(), ingest)
            cityflux("replay", str(file), "--source", "cnemc-air", environment=environment)
            wait_for("the journal to be settled", lambda: settled(environment, messages), ingest, within_s=180)
            wait_for("every window to be computed", lambda: waiting_marks(environment) == 0, process, within_s=180)
            assert ingest.stop() == 0, ingest.log()
            assert process.stop() == 0, process.log()
    assert ledger(environment)["messages"]["refused"] == 0
    asked = ("indicators", "--comparison", "--format", "csv")
    indices = ("readings", "air-index", "hour", "--from", DAYS[0], "--to", "2026-03-04", "--format", "csv")
    hourly = csv.DictReader(cityflux(*indices, environment=environment).splitlines())
    kept = [",".join(value for name, value in row.items() if name != "received_at") for row in hourly]
    return cityflux(*asked, environment=environment), "\n".join(kept)


def test_the_same_messages_give_the_same_bytes(hours: Path, influx: Influx, tmp_path: Path) -> None:
    def runs(number: int) -> list[tuple[str, str]]:
        return [
            exported(tmp_path / f"{number}-one", hours / "forward.csv", {"CITYFLUX_STORE": "sqlite"}),
            exported(tmp_path / f"{number}-two", hours / "backward.csv", {"CITYFLUX_STORE": "sqlite"}),
            exported(tmp_path / f"{number}-three", hours / "forward.csv", influx.settings(tmp_path)),
        ]

    found = runs(1)
    if len({judgements for judgements, _ in found}) > 1 and near_midnight():
        found = runs(2)  # the year had one day more in a later run
    judgements, indices = zip(*found, strict=True)
    assert judgements[0].count("\n") > 60
    assert "2026-03-01" in judgements[0]
    assert "computed_at" not in judgements[0]
    assert judgements[0] == judgements[1], "another order, other batches, every message twice"
    assert judgements[0] == judgements[2], "another store"
    assert indices[0] == indices[1] == indices[2]
    assert indices[0].count("\n") > 1_000


def near_midnight() -> bool:
    """Whether a day of the city has just begun."""
    return (datetime.now(UTC) + timedelta(hours=8)).hour in {0, 23}
