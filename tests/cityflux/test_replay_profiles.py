"""The shipped replay profiles on rows of their files, on the whole files where they are there, and through the real broker."""

import json
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from cityflux.replay import Tally, messages, replay_profile, rows, stations
from sensors.instants import to_millis
from sensors.profiles import Row, load_profile, shipped_profiles
from tests.programs import ROOT, Program, cityflux, ledger, real_data, wait_for
from tests.servers.mosquitto import Mosquitto

SLICES = {
    name: ROOT / "tests" / "data" / "profiles" / f"{name}.csv"
    for name in ("cnemc-water", "kdd-tollgates", "uci-household-power")
}
"""Some rows of each file, as they stand there."""


def at(text: str) -> int:
    return to_millis(datetime.fromisoformat(text))


def read(path: Path, name: str) -> tuple[list[Row], Tally]:
    tally = Tally()
    return list(rows(path, replay_profile(name), tally)), tally


def test_every_profile_says_what_it_is() -> None:
    assert [load_profile(name).name for name in shipped_profiles()] == shipped_profiles()
    assert {load_profile(name).family for name in shipped_profiles()} == {"air", "water", "traffic", "energy"}


def test_water_reads_the_unrounded_values_and_the_state_of_the_station() -> None:
    found, tally = read(SLICES["cnemc-water"], "cnemc-water")
    assert (tally.rows, tally.skipped_rows, tally.refused_rows, tally.refused_cells) == (4, 1, 0, 0)
    maintained, shown, last_year = (row.record for row in found)
    assert maintained["values"]["ph"] == 8.56262
    assert set(maintained["status"].values()) == {"maintenance"}
    assert shown["values"]["codmn"] == 1.44, "where the unrounded value is not there, the one that is shown"
    assert "status" not in shown
    assert "chlorophyll_a" not in shown["values"]
    assert (maintained["at"], last_year["at"]) == (at("2020-05-08T15:00+08:00"), at("2019-12-31T20:00+08:00"))


def test_a_sections_id_is_made_of_province_and_name_and_its_name_is_kept() -> None:
    entries = stations(SLICES["cnemc-water"], replay_profile("cnemc-water"))
    assert {entry.name_zh for entry in entries} == {"玉滩水库", "晒网坝"}
    assert all(entry.id.startswith("wq-") and entry.district == "chongqing" for entry in entries)


def test_vehicles_of_one_second_are_told_apart() -> None:
    found, _ = read(SLICES["kdd-tollgates"], "kdd-tollgates")
    assert [
        (row.address.station, row.record.get("seq", 0), row.record["values"]["vehicle_class"]) for row in found
    ] == [
        ("gate-3-entry", 0, 1.0),
        ("gate-3-entry", 1, 2.0),
        ("gate-3-exit", 0, 3.0),
        ("gate-3-entry", 0, 1.0),
    ]
    assert all(row.record["values"]["vehicles"] == 1 for row in found)


def test_a_house_is_a_main_meter_and_three_others() -> None:
    path = SLICES["uci-household-power"]
    [first, gap], _ = read(path, "uci-household-power")
    assert first.record["values"] == {
        "active_power": 4.216,
        "reactive_power": 0.418,
        "voltage": 234.84,
        "current": 18.4,
    }
    assert first.record["at"] == at("2006-12-16T17:25+01:00")
    assert gap.record["values"] == {}
    of = {
        name: read(path, f"uci-household-{name}")[0][0].record["values"] for name in ("kitchen", "laundry", "heating")
    }
    assert of == {
        "kitchen": {"electricity": 0.0},
        "laundry": {"electricity": 0.001},
        "heating": {"electricity": pytest.approx(0.017)},
    }


@pytest.mark.parametrize(
    ("file", "profile", "counts"),
    [
        ("water/chongqing_sections_2020.csv", "cnemc-water", (331, 189, 1)),
        ("water/national_sections_202005-202006.csv", "cnemc-water", (5037, 925, 132)),
        ("traffic/tollgates_vehicles_2days.csv.gz", "kdd-tollgates", (36_550, 0, 0)),
        ("energy/household_power_20061216-18.txt", "uci-household-power", (2203, 0, 0)),
        ("energy/household_power_20061216-18.txt", "uci-household-heating", (2203, 0, 0)),
    ],
)
def test_the_whole_files_are_read(file: str, profile: str, counts: tuple[int, int, int]) -> None:
    found, tally = read(real_data(file), profile)
    assert (tally.rows, tally.skipped_rows, tally.refused_rows) == counts
    assert tally.refused_cells == 0
    assert {refusal.code for refusal in tally.refusals} <= {"invalid_time"}, "rows under maintenance without a time"
    identities = Counter((row.address, row.record["at"], row.record.get("seq", 0)) for row in found)
    assert max(identities.values()) <= (1 if profile != "cnemc-water" else 2), (
        "the feed repeats a snapshot now and then"
    )
    if profile == "kdd-tollgates":
        assert sum("seq" in row.record for row in found) == 928


def test_slices_go_through_the_real_broker_into_the_store(tmp_path: Path) -> None:
    with Mosquitto(tmp_path) as broker:
        environment = {
            "CITYFLUX_DATA_DIR": str(tmp_path / "data"),
            "CITYFLUX_MQTT_URL": f"mqtt://127.0.0.1:{broker.port}",
        }
        with Program("ingest", environment=environment, log=tmp_path / "ingest.log") as ingest:
            wait_for("ingest to subscribe", lambda: "receiving" in ingest.log(), ingest)
            sent = 0
            for name, path in SLICES.items():
                cityflux("replay", str(path), "--source", name, environment=environment)
                sent += len(list(messages(path, replay_profile(name), Tally())))
            wait_for("all to be settled", lambda: ledger(environment)["messages"]["written"] == sent, ingest)

    def stored(family: str, period: str, *span: str) -> list[dict[str, Any]]:
        asked = ("readings", family, period, "--from", span[0], "--to", span[1], "--format", "json")
        found: list[dict[str, Any]] = json.loads(cityflux(*asked, environment=environment))
        return found

    vehicles = stored("traffic", "raw", "2016-10-18", "2016-10-19")
    assert sorted((row["station"], row["at"][11:19], row["seq"], row["vehicle_class"]) for row in vehicles) == [
        ("gate-3-entry", "23:55:58", 0, 1.0),
        ("gate-3-entry", "23:55:58", 1, 2.0),
        ("gate-3-entry", "23:56:52", 0, 1.0),
        ("gate-3-exit", "23:55:58", 0, 3.0),
    ]
    water = stored("water", "raw", "2019-12-31", "2020-06-01")
    assert sorted(row["ph"] or 0 for row in water) == [0, 7.817, 7.817], "what is under maintenance is not good"
    assert [row["doubtful"]["ph"]["flag"] for row in water if row["doubtful"]] == ["maintenance"]
    minutes = stored("energy", "minute", "2006-12-16", "2006-12-18")
    assert [row["active_power"] for row in minutes] == [4.216, None]
