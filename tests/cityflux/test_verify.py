"""`cityflux verify`: published indices and daily values against ours, and each disagreement with its cause."""

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.programs import cityflux as run
from tests.programs import real_air_data

HEADER = (
    "timepoint,area,positionname,stationcode,latitude,longitude,aqi,primarypollutant,"
    "pm2_5,pm10,so2,no2,co,o3,pm2_5_24h,pm10_24h,so2_24h,no2_24h,co_24h,o3_8h"
)
HOUR = {"pm2_5": "40", "pm10": "60", "so2": "5", "no2": "20", "co": "0.5", "o3": "80", "aqi": "60"}
DAY = {"pm2_5_24h": "40", "pm10_24h": "60", "so2_24h": "5", "no2_24h": "20", "co_24h": "0.5", "o3_8h": "80"}


def cityflux(*arguments: str, expect: int = 0) -> str:
    return run(*arguments, environment={}, expect=expect)


def write(path: Path, changes: Mapping[int, Mapping[str, str]], skip: frozenset[int] = frozenset()) -> Path:
    """A day of one station, hour ends 1 to 24; `changes` are by hour end."""
    lines = [HEADER]
    for hour in (hour for hour in range(1, 25) if hour not in skip):
        stamp = f"2026-03-{5 + hour // 24:02d}T{hour % 24:02d}00"
        cells = {
            "timepoint": stamp, "area": "重庆市", "positionname": "x", "stationcode": "1416A", "latitude": "29.5",
            "longitude": "106.5", "primarypollutant": "", **HOUR, **(DAY if hour == 24 else {}), **changes.get(hour, {}),
        }  # fmt: skip
        lines.append(",".join(cells.get(name, "") for name in HEADER.split(",")))
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def found(file: Path, expect: int = 0) -> list[dict[str, str]]:
    said = cityflux("verify", str(file), "--format", "csv", expect=expect)
    text = said[said.index("what,") :] if "what," in said else ""
    return [row for row in csv.DictReader(io.StringIO(text)) if row["cause"]]


def test_what_agrees_says_nothing(tmp_path: Path) -> None:
    assert found(write(tmp_path / "a.csv", {})) == []


def test_an_index_of_a_value_that_a_floor_hides(tmp_path: Path) -> None:
    hour = {"pm2_5": "3", "pm10": "4", "so2": "1", "no2": "1", "co": "0.1", "o3": "3", "aqi": "8"}
    file = write(
        tmp_path / "a.csv", {3: hour, 24: {"pm2_5_24h": "39", "pm10_24h": "58", "no2_24h": "19", "o3_8h": "80"}}
    )
    said = cityflux("verify", str(file), "--format", "csv", "--least", "90", expect=0)
    [row] = [row for row in csv.DictReader(io.StringIO(said)) if row["what"] == "real-time AQI"]
    assert (row["published"], row["ours"]) == ("8.0", "5")
    assert row["cause"] == "pm2_5 published as 3 for all below 6: the index is of the real value"


def test_an_index_without_a_cause_is_an_error(tmp_path: Path) -> None:
    said = cityflux("verify", str(write(tmp_path / "a.csv", {3: {"aqi": "61"}})), expect=1)
    assert "95.83 %" in said


def test_hours_that_the_file_lacks_are_the_cause_of_another_mean_only_where_they_can_be(tmp_path: Path) -> None:
    missing = frozenset({3, 4})
    [row] = found(write(tmp_path / "a.csv", {24: {"pm2_5_24h": "45"}}, missing))
    assert row["cause"] == "hours missing in the file: 22 of 24 are there, the others would average 100 µg/m³"
    rows = found(write(tmp_path / "b.csv", {24: {"pm2_5_24h": "30"}}, missing), expect=1)
    assert [row["cause"] for row in rows] == ["unexplained"], "no hours make 30 of 40 on average"


def test_a_file_without_a_published_column_is_named(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", {})
    file.write_text(file.read_text("utf-8").replace("aqi,", "aqx,", 1), "utf-8")
    assert "the file has no column 'aqi'" in cityflux("verify", str(file), expect=2)


def test_the_real_file_agrees_in_every_hour_and_each_other_mean_has_a_cause() -> None:
    file = real_air_data()
    said = json.loads(cityflux("verify", str(file), "--format", "json"))
    assert {row["what"] for row in said if row["what"] == "real-time AQI"} == set()
    assert len(said) > 2_000
    assert not [row for row in said if row["cause"] == "unexplained"]


@pytest.mark.parametrize("source", ["cnemc-water", "nothing"])
def test_a_profile_without_published_values_is_refused(tmp_path: Path, source: str) -> None:
    said = cityflux("verify", str(write(tmp_path / "a.csv", {})), "--source", source, expect=2)
    assert source in said
