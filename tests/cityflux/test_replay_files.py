"""Files of readings: what is read, what is refused with line and reason, and what stops the reading."""

import gzip
import json
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from cityflux.replay import Tally, messages, replay_profile, rows, stations
from sensors.profiles import ProfileError, ReplayProfile
from sensors.stations import Registry, dump_registry, load_registry
from tests.servers import missing

PROFILE = replay_profile("cnemc-air")
HEADER = "timepoint,stationcode,longitude,latitude,area,positionname,pm2_5,pm10,so2,no2,co,o3"
GOOD = "2026-03-01T1400,1416A,106.4,29.8,重庆市,天生,35,50,5,20,0.7,61"


def write(folder: Path, *lines: str, encoding: str = "utf-8") -> Path:
    path = folder / "air.csv"
    path.write_bytes("".join(f"{line}\n" for line in lines).encode(encoding))
    return path


def read(path: Path, profile: ReplayProfile = PROFILE) -> tuple[list[str], Tally]:
    tally = Tally()
    return [message.topic for message in messages(path, profile, tally)], tally


@pytest.fixture(scope="session")
def real_file() -> Path:
    place = os.environ.get("CITYFLUX_REAL_DATA", str(Path(__file__).parents[2].parent / "shared" / "data"))
    found = sorted(Path(place).glob("air/chongqing_stations_hourly_*.csv.gz")) if place != "none" else []
    if not found:
        missing("real air data", f"looked in {place}; set CITYFLUX_REAL_DATA to the folder that has air/")
    return found[0]


def test_the_real_file_becomes_a_message_for_each_row_and_nothing_is_refused(real_file: Path) -> None:
    topics, tally = read(real_file)
    assert len(topics) == tally.rows == 38_615
    assert (tally.refused_rows, tally.refused_cells, tally.refusals) == (0, 0, [])
    assert len(set(topics)) == 35


def test_the_first_message_of_the_real_file_says_what_its_first_row_says(real_file: Path) -> None:
    (first,) = islice(messages(real_file, PROFILE, Tally()), 1)
    assert first.topic == "cityflux/v1/chongqing/air/1416a/hour"
    assert json.loads(first.payload) == {
        "at": 1772107200000,  # 2026-02-26T20:00:00+08:00
        "values": {"pm2_5": 41.0, "pm10": 54.0, "so2": 9.0, "no2": 13.0, "co": 0.6, "o3": 59.0},
        "source": "cnemc-air",
    }


def test_the_real_file_makes_a_registry_of_its_35_stations(real_file: Path) -> None:
    entries = stations(real_file, PROFILE)
    assert len(Registry(entries)) == 35
    assert list(load_registry(dump_registry(entries), "made.toml")) == entries
    assert all(entry.name_zh and entry.longitude and entry.latitude for entry in entries)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("zipped", [False, True])
def test_gzip_and_byte_order_mark_are_told_by_content(tmp_path: Path, encoding: str, zipped: bool) -> None:
    path = write(tmp_path, HEADER, GOOD, encoding=encoding)
    if zipped:
        path.write_bytes(gzip.compress(path.read_bytes()))
    topics, tally = read(path)
    assert topics == ["cityflux/v1/chongqing/air/1416a/hour"]
    assert tally == Tally(rows=1)


def test_bad_rows_and_cells_are_counted_with_line_and_reason_and_cost_nothing_else(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        HEADER,
        GOOD,
        GOOD.replace("1416A", "14 16"),
        GOOD + ",7",
        "",
        GOOD.replace("2026-03-01T1400", "yesterday"),
        GOOD.replace(",50,", ",5O,"),
    )
    kept = list(rows(path, PROFILE, tally := Tally()))
    assert [sorted(row.record["values"]) for row in kept] == [
        ["co", "no2", "o3", "pm10", "pm2_5", "so2"],
        ["co", "no2", "o3", "pm2_5", "so2"],
    ]
    assert (tally.rows, tally.refused_rows, tally.refused_cells) == (5, 3, 1)
    assert [refusal.field for refusal in tally.refusals] == [
        "line 3, column stationcode",
        "line 4",
        "line 6, column timepoint",
        "line 7, column pm10",
    ]


def test_the_reasons_kept_are_bounded_and_the_counts_are_not(tmp_path: Path) -> None:
    _, tally = read(write(tmp_path, HEADER, *[GOOD.replace("1416A", "?")] * 1_500))
    assert (tally.rows, tally.refused_rows, len(tally.refusals)) == (1_500, 1_500, 1_000)


def cut_gzip() -> bytes:
    return gzip.compress(f"{HEADER}\n{GOOD}\n".encode() * 50)[:-20]


def wrong_files() -> Iterator[tuple[bytes, str]]:
    yield b"", "no column 'area'.*it has nothing"
    yield HEADER.replace("stationcode", "station_code").encode(), "no column 'stationcode'.*did you mean 'station_code'"
    yield f"{HEADER},co\n".encode(), "column 'co' is there twice"
    yield f"{HEADER}\n{GOOD}\n".encode("gb18030"), "after line 1: not UTF-8.*iconv"
    yield cut_gzip(), "after line"
    yield b"\x1f\x8bnot gzip", "after line 1"
    yield f'{HEADER}\n"{"x" * 200_000}"\n'.encode(), "after line 1: field larger"


@pytest.mark.parametrize(("content", "why"), list(wrong_files()))
def test_a_file_that_cannot_be_read_stops_with_one_line(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "air.csv"
    path.write_bytes(content)
    with pytest.raises(ProfileError, match=why) as caught:
        read(path)
    assert str(path) in str(caught.value)


def test_a_file_that_is_not_there_is_a_source_error(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match=r"none\.csv"):
        read(tmp_path / "none.csv")


def test_a_profile_of_ones_own_is_read_from_its_file(tmp_path: Path) -> None:
    shipped = Path(__file__).parents[2] / "sensors" / "profiles" / "cnemc-air.toml"
    own = tmp_path / "mine.toml"
    own.write_text(shipped.read_text("utf-8").replace('name = "cnemc-air"', 'name = "mine"'), "utf-8")
    assert replay_profile(str(own)).name == "mine"
    with pytest.raises(ProfileError, match=r"absent\.toml"):
        replay_profile(str(tmp_path / "absent.toml"))
