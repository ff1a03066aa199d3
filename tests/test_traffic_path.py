"""Vehicles of real toll gates through the whole path: 36,550 single vehicles through real Mosquitto, journal, intake
and store to days; ingest is killed with SIGKILL in the middle.

The judge is the file itself, read with pandas alone: 928 of the vehicles share gate, direction and second with another
one.
"""

import csv
import io
import json
import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.programs import Program, cityflux, ledger, real_data, wait_for

ROWS, SHARING = 36_550, 928
GATES = {
    "1-0": "gate-1-entry", "1-1": "gate-1-exit", "2-0": "gate-2-entry", "3-0": "gate-3-entry", "3-1": "gate-3-exit",
}  # fmt: skip
# By the tables' own numbers, written again: model 1 is a car, 2 medium, 3 and 4 large, 5 to 7 articulated; of 0 nothing
# is known.
PCU = {1: 1.0, 2: 1.5, 3: 2.5, 4: 2.5, 5: 4.0, 6: 4.0, 7: 4.0}


def the_file() -> tuple[Path, pd.DataFrame]:
    """The file, and its rows with the gate and the civil day and hour in which each vehicle passed: one at 08:00:00
    sharp belongs to the hour that ends then."""
    path = real_data("traffic/tollgates_*.csv.gz")
    rows = pd.read_csv(path)
    rows["at"] = pd.to_datetime(rows["time"])
    rows["gate"] = (rows["tollgate_id"].astype(str) + "-" + rows["direction"].astype(str)).map(GATES)
    rows["hour"] = rows["at"].dt.ceil("h")
    rows["day"] = (rows["hour"] - pd.Timedelta(hours=1)).dt.strftime("%Y-%m-%d")
    rows["pcu"] = rows["vehicle_model"].map(PCU)
    return path, rows


def books(environment: dict[str, str], query: str) -> Any:
    with closing(sqlite3.connect(Path(environment["CITYFLUX_DATA_DIR"]) / "books.sqlite")) as db:
        return db.execute(query).fetchone()[0]


def messages(environment: dict[str, str]) -> dict[str, int]:
    found: dict[str, int] = ledger(environment)["messages"]
    return found


def test_the_vehicles_of_real_gates_give_the_totals_of_the_file(stored: dict[str, str], tmp_path: Path) -> None:
    path, rows = the_file()
    assert len(rows) == ROWS
    assert int(rows.duplicated(["gate", "time"]).sum()) == SHARING
    registry = tmp_path / "stations.toml"
    environment = {**stored, "CITYFLUX_STATIONS": str(registry)}
    cityflux(
        "replay", str(path), "--source", "kdd-tollgates", "--write-stations", str(registry), environment=environment
    )
    assert registry.read_text("utf-8").count('vehicle_coding = "kdd-tollgates"') == len(GATES)

    ingest = Program("ingest", environment=environment, log=tmp_path / "ingest.log")
    process = Program("process", environment=environment, log=tmp_path / "process.log")
    replay = Program(
        "replay", str(path), "--source", "kdd-tollgates", environment=environment, log=tmp_path / "replay.log"
    )
    with ingest, process:
        wait_for("ingest to subscribe", lambda: "receiving" in ingest.log(), ingest)
        with replay:
            middle = ROWS // 3
            wait_for(
                "the middle of the replay", lambda: messages(environment)["journalled"] >= middle, ingest, within_s=180
            )
            ingest.kill()
            ingest.start()
            assert replay.process is not None
            assert replay.process.wait(180) == 0, replay.log()
        wait_for(
            "the journal to be settled",
            lambda: (found := messages(environment))["pending"] == 0 and found["journalled"] >= ROWS,
            ingest,
            within_s=180,
        )
        wait_for("every window to be computed", lambda: books(environment, "SELECT count(*) FROM marks") == 0, process)
        assert ingest.stop() == 0, ingest.log()
        assert process.stop() == 0, process.log()

    balance = ledger(environment)
    assert balance["balances"]
    assert balance["messages"]["refused"] == 0
    check_days(environment, rows)
    check_hours(environment, rows)


def check_days(environment: dict[str, str], rows: pd.DataFrame) -> None:
    """Vehicles, classes and passenger car units of each gate and day; of hours that came whole, each hour."""
    asked = ("indicators", "--code", "traffic_day", "--format", "json")
    days = {(one["scope"], one["period"]): one for one in json.loads(cityflux(*asked, environment=environment))}
    by_day = {(f"station:{gate}", str(day)): of for (gate, day), of in rows.groupby(["gate", "day"])}
    # Two vehicles passed at midnight sharp: they belong to the day before, and are all of it.
    assert set(by_day) == set(days)
    for (scope, day), of in by_day.items():
        found = days[scope, day]
        detail = found["detail"]
        assert detail["vehicles"] == len(of)
        assert Decimal(detail["pcu"]) == Decimal(str(of["pcu"].sum()))
        assert detail["without_pcu"] == int(of["pcu"].isna().sum()) == detail["by_class"].get("unknown", 0)
        assert detail["by_class"].get("car", 0) == int((of["vehicle_model"] == 1).sum())
        assert found["standard"] == "JTG-B01-2014-design"
        if found["status"] == "stated":
            assert found["value"] == str(len(of))
        for number, vehicles in enumerate(detail["hours"]["vehicles"]):
            hour = pd.Timestamp(day) + pd.Timedelta(hours=number + 1)
            assert vehicles in {None, int((of["hour"] == hour).sum())}
    assert sum(one["detail"]["vehicles"] for one in days.values()) == ROWS
    not_assessable = {key for key, one in days.items() if one["status"] == "not assessable"}
    silent = {("station:gate-2-entry", "2016-10-18"), ("station:gate-2-entry", "2016-10-19")}
    assert not_assessable == silent | {key for key in days if key[1] == "2016-10-17"}, (
        "gate 2 was silent for hours: that is no empty road"
    )
    check_peak(days["station:gate-3-entry", "2016-10-18"]["detail"]["peak"], rows)


def check_peak(peak: dict[str, Any], rows: pd.DataFrame) -> None:
    """The four quarters in a row with the most, by pandas' rolling sum."""
    of = rows[(rows["gate"] == "gate-3-entry") & (rows["day"] == "2016-10-18")]
    every = pd.date_range("2016-10-18 00:15", "2016-10-19 00:00", freq="15min")
    quarters = of.groupby(of["at"].dt.ceil("15min"))["pcu"].sum().reindex(every, fill_value=0.0)
    hours = quarters.rolling(4).sum()
    assert Decimal(peak["pcu"]) == Decimal(str(hours.max()))
    last = int(hours.argmax())
    assert pd.Timestamp(peak["to"]).tz_localize(None) == every[last]
    greatest = quarters.iloc[last - 3 : last + 1].max()
    assert float(peak["factor"]) == pytest.approx(hours.max() / (4 * greatest), abs=0.0005)


def check_hours(environment: dict[str, str], rows: pd.DataFrame) -> None:
    """The series beside the readings: each whole hour as the file has it, no other as a good value."""
    asked = ("readings", "traffic-flow", "hour", "--from", "2016-10-17", "--to", "2016-10-21", "--format", "csv")
    found = list(csv.DictReader(io.StringIO(cityflux(*asked, environment=environment))))
    passed = rows.groupby(["gate", "hour"]).size()
    whole = 0
    for row in found:
        hour = pd.Timestamp(row["at"]).tz_localize(None)
        if row["vehicles"]:
            whole += 1
            assert float(row["coverage"]) == 1.0
            assert float(row["vehicles"]) == int(passed.get((row["station"], hour), 0)), row
    assert whole > 200
    assert {(row["station"], pd.Timestamp(row["at"]).tz_localize(None)) for row in found} >= set(passed.index)
