"""Energy through the whole path: real broker, ingest, store, runner. A house's power by the minute and its three sub-meters
(UCI data set 235) give the totals that a plain pandas computation over the file gives; the check reads the file by itself.

Once with SQLite, once with a real InfluxDB.
"""

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.programs import Program, cityflux, ledger, real_data, wait_for

SUBS = {"kitchen": "Sub_metering_1", "laundry": "Sub_metering_2", "heating": "Sub_metering_3"}
STATION = """
[[station]]
id = "{id}"
family = "energy"
name_zh = "住宅"
district = "sceaux"
period = "minute"
"""


@pytest.fixture
def environment(stored: dict[str, str], tmp_path: Path) -> dict[str, str]:
    registry = tmp_path / "stations.toml"
    subs = "".join(STATION.format(id=f"household-{name}") + 'main_meter = "household"\n' for name in SUBS)
    registry.write_text(STATION.format(id="household") + subs, "utf-8")
    return stored | {"CITYFLUX_STATIONS": str(registry), "CITYFLUX_TIMEZONE": "Europe/Paris"}


def plain(file: Path) -> pd.DataFrame:
    """The file as it stands, by the minute's start in local time, exact: kWh of the house and of each sub-meter."""
    table = pd.read_csv(file, sep=";", dtype=str)
    found = pd.DataFrame({"at": pd.to_datetime(table["Date"] + " " + table["Time"], format="%d/%m/%Y %H:%M:%S")})
    found["household"] = pd.Series(
        [Fraction(Decimal(text)) / 60 for text in table["Global_active_power"]], dtype=object
    )
    for name, column in SUBS.items():
        found[f"household-{name}"] = pd.Series([Fraction(Decimal(text)) / 1000 for text in table[column]], dtype=object)
    return found


def sums(keys: pd.Series, amounts: pd.Series) -> dict[Any, Fraction]:
    """Exact sums by key."""
    found: dict[Any, Fraction] = {}
    for key, amount in zip(keys, amounts, strict=True):
        found[key] = found.get(key, Fraction(0)) + amount
    return found


def of_json(environment: Mapping[str, str], *arguments: str) -> Any:
    return json.loads(cityflux(*arguments, "--format", "json", environment=environment))


def waiting(environment: Mapping[str, str]) -> int:
    with closing(sqlite3.connect(Path(environment["CITYFLUX_DATA_DIR"]) / "books.sqlite")) as db:
        return int(db.execute("SELECT count(*) FROM marks").fetchone()[0])


def test_a_house_gives_the_totals_of_a_plain_computation(environment: dict[str, str], tmp_path: Path) -> None:
    file = real_data("energy/household_power_*.txt")
    alone = plain(file)
    assert len(alone) == 2203
    ingest = Program("ingest", environment=environment, log=tmp_path / "ingest.log")
    process = Program("process", environment=environment, log=tmp_path / "process.log")
    with ingest, process:
        wait_for("ingest to subscribe", lambda: "receiving" in ingest.log(), ingest)
        for name in ("power", *SUBS):
            cityflux("replay", str(file), "--source", f"uci-household-{name}", environment=environment)
        wait_for("all to be settled", lambda: ledger(environment)["messages"]["written"] == 4 * len(alone), ingest)
        wait_for("every window to be computed", lambda: waiting(environment) == 0, process)
        assert ingest.stop() == 0, ingest.log()
        assert process.stop() == 0, process.log()

    stations = ["household", *(f"household-{name}" for name in SUBS)]
    judged = {
        (one["scope"], one["period"]): one for code in ("energy_day", "energy_use")
        for one in of_json(environment, "indicators", "--code", code)
    }  # fmt: skip
    by_day = {station: sums(alone["at"].dt.date, alone[station]) for station in stations}
    whole = {station: sum(of.values(), Fraction(0)) for station, of in by_day.items()}
    for station in stations:
        for day, amount in by_day[station].items():
            one = judged[f"meter:{station}", str(day)]
            assert exact(one) == amount, (day, station)
            assert one["valid"] == int((alone["at"].dt.date == day).sum())
        assert exact(judged[f"meter:{station}", "2006-12"]) == whole[station]
    for scope in ("city", "district:sceaux"):
        assert exact(judged[scope, "2006"]) == whole["household"], "the sub-meters' use is the house's: not twice"
    assert judged["city", "2006"]["status"] == "not assessable", "two days of a year"
    year = judged["city", "2006"]["detail"]
    assert Fraction(year["coal"]["exact"]) == whole["household"] * Fraction("0.1229") / 1000
    assert "no grid factor of national for 2006" in year["carbon"]["why"]

    # The seventeenth is the one day that was measured whole.
    day = {station: of[date(2006, 12, 17)] for station, of in by_day.items()}
    loss = judged["meter:household", "2006-12"]["detail"]["losses"]["electricity"]
    assert (loss["days"], loss["of"], loss["assessable"]) == (1, 31, False)
    assert Fraction(loss["loss"]) == day["household"] - sum(day[station] for station in stations[1:])
    check_load(environment, alone)


def check_load(environment: Mapping[str, str], alone: pd.DataFrame) -> None:
    """The curve in quarters of an hour, and what it says, against the file."""
    span = ("--from", "2006-12-17", "--to", "2006-12-18")
    found = of_json(environment, "energy", "load", "household", *span)
    day = alone[alone["at"].dt.date == date(2006, 12, 17)]
    quarters = sums(day["at"].dt.floor("15min"), day["household"])
    assert len(found) == len(quarters) == 96
    for row, (at, amount) in zip(found, quarters.items(), strict=True):
        assert row["since"].startswith(pd.Timestamp(at).strftime("%Y-%m-%dT%H:%M")), at
        assert row["amount"] == float(round(amount, 3))
        assert (row["measured_percent"], row["apportioned_percent"]) == (100.0, 0.0)
    said = cityflux("energy", "load", "household", *span, environment=environment)
    assert f"maximum demand {float(round(max(quarters.values()) * 4, 3))} kW" in said
    hours = of_json(environment, "energy", "load", "household", *span, "--minutes", "60", "--duration")
    powers = sums(day["at"].dt.hour, day["household"]).values()
    assert [one["power"] for one in hours] == [float(round(one, 3)) for one in sorted(powers, reverse=True)]
    assert hours[-1]["hours"] == 24


def exact(one: Mapping[str, Any]) -> Fraction:
    """The exact electricity of a judgement."""
    return Fraction(one["detail"]["totals"]["used"]["electricity"]["exact"])
