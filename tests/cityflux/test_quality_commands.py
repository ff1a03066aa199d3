"""`cityflux quality`: what the rules say of stored values, and how a calibration that a person enters changes a published day."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from sensors.reading import Reading
from sensors.stations import Station, dump_registry
from simulators.city import city
from simulators.sensor_faults import Row, air_month, spoiled
from store.sqlite import SqliteStore
from tests.programs import Program, cityflux, wait_for

START = date(2026, 3, 1)
SPAN = ("--from", "2026-03-01", "--to", "2026-04-01")
NOT_VALUES = {"station", "observed_at", "received_at"}


async def store(folder: Path, rows: list[Row]) -> None:
    readings = SqliteStore(folder / "readings.sqlite")
    await readings.write(
        [
            Reading(
                "air", row["station"], "hour", row["observed_at"], row["received_at"],
                {code: value for code, value in row.items() if code not in NOT_VALUES},
            )
            for row in rows
        ]
    )  # fmt: skip
    await readings.close()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


async def test_the_report_names_station_rule_and_what_it_saw(data: Path) -> None:
    rows, events = spoiled(air_month(3, START, 10), "air", 3, events=1)
    await store(data, rows)
    environment = {"CITYFLUX_DATA_DIR": str(data)}
    asked = ("quality", "report", "air", "hour", *SPAN, "--format", "json")
    found = json.loads(cityflux(*asked, environment=environment))
    seen = {(row["station"], row["rule"]) for row in found}
    plain = [event for event in events if event.kind in {"spike", "× 1000", "PM10 below PM2.5"}]
    assert plain
    assert {(event.station, event.rule) for event in plain} <= seen
    assert all(row["detail"] and row["at"].endswith("+08:00") for row in found)
    only = json.loads(cityflux(*asked, "--station", plain[0].station, environment=environment))
    assert {row["station"] for row in only} == {plain[0].station}
    said = cityflux("quality", "report", "traffic", "raw", *SPAN, environment=environment, expect=2)
    assert "there are for air hour" in said
    rules = json.loads(cityflux("quality", "rules", "--format", "json", environment=environment))
    assert {row["rule"] for row in rules} >= {"spike", "stuck", "unit_shift"}
    assert all(row["source"] and row["chosen"] for row in rules)


@pytest.fixture
def assessment() -> list[Station]:
    return [station for station in city() if station.kind == "assessment"]


async def test_a_calibration_that_is_entered_changes_the_published_day_and_back(
    tmp_path: Path, data: Path, assessment: list[Station]
) -> None:
    (tmp_path / "stations.toml").write_text(dump_registry(assessment[:1]), "utf-8")
    name = assessment[0].id
    await store(data, [row for row in air_month(3, START, 2) if row["station"] == name])
    environment = {"CITYFLUX_DATA_DIR": str(data)}
    cityflux("stations", "import", str(tmp_path / "stations.toml"), environment=environment)

    def day() -> dict[str, Any] | None:
        asked = (
            "indicators",
            "--code",
            "air_daily_aqi",
            "--from",
            "2026-03-01",
            "--to",
            "2026-03-01",
            "--format",
            "json",
        )
        of_city = [row for row in json.loads(cityflux(*asked, environment=environment)) if row["scope"] == "city"]
        return of_city[0] if of_city else None

    def status() -> str:
        found = day()
        return "" if found is None else str(found["status"])

    with Program("process", environment=environment, log=tmp_path / "process.log") as process:
        wait_for("the day to be judged", lambda: status() == "met" or status() == "missed", process)
        first = day()
        add = ("quality", "interval", "add", name, "--why", "span gas", "--kind", "calibration")
        cityflux(*add, "--from", "2026-03-01T06:00", "--to", "2026-03-01T18:00", environment=environment)
        wait_for("the day to be judged again", lambda: status() == "not assessable", process)
        explained = json.loads(
            cityflux(
                "explain", "good_air_days", "2026", "--day", "2026-03-01", "--format", "json", environment=environment
            )
        )
        assert explained["state"] == "not_assessable"
        assert explained["same_when_computed_again"]
        [listed] = json.loads(cityflux("quality", "interval", "list", "--format", "json", environment=environment))
        assert (listed["station"], listed["why"], listed["kind"]) == (name, "span gas", "calibration")
        cityflux("quality", "interval", "remove", str(listed["id"]), environment=environment)
        wait_for("the day to be judged as before", lambda: status() == (first or {})["status"], process)
    assert (day() or {})["value"] == (first or {})["value"]
    flagged = [hour for station in explained["stations"] for hour in station["hours"] if hour["doubtful"]]
    assert len(flagged) == 12
    assert {doubt["flag"] for hour in flagged for doubt in hour["doubtful"].values()} == {"calibration"}
    for wrong, says in (
        (("add", "hx-99", "--why", "x", *SPAN), "hx-99"),
        (("add", name, "--why", "x", "--quantity", "pm25", *SPAN), "pm25"),
        (("add", name, "--why", "x", "--from", "2026-03-02", "--to", "2026-03-01"), "ends after it begins"),
        (("remove", "99"), "no interval 99"),
    ):
        assert says in cityflux("quality", "interval", *wrong, environment=environment, expect=2)
