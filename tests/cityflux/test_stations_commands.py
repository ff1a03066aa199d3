"""The registry from the command line: files in three forms, dated changes and their history, unknown stations, passwords."""

import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from sensors.stations import load_registry
from store.books import Books, Unknown
from store.devices import DeviceKeys
from tests.programs import cityflux, clean_environment

STATIONS = """
[[station]]
id = "hx-01"
family = "air"
name_zh = "虎溪"
district = "gaoxin"
longitude = 106.3
latitude = 29.6
active_from = 2025-01-01T00:00:00+08:00

[[station]]
id = "ls-02"
family = "water"
name_zh = "梁滩河"
district = "gaoxin"
water_body = "river"
target_class = 4
expected_period_s = 14400
device = "A110000_0001"
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "data").mkdir()
    environment = {"CITYFLUX_DATA_DIR": str(tmp_path / "data")}
    with closing(books(environment)) as of:
        of.prepare()
        of.register(load_registry(STATIONS, "test"), who="test", now=0)
    return environment


def books(environment: dict[str, str]) -> Books:
    return Books(f"sqlite:///{environment['CITYFLUX_DATA_DIR']}/books.sqlite")


@pytest.mark.parametrize("form", ["toml", "csv", "geojson"])
def test_what_is_exported_is_imported_as_the_same(environment: dict[str, str], tmp_path: Path, form: str) -> None:
    file = tmp_path / f"all.{form}"
    file.write_text(cityflux("stations", "export", "--format", form, environment=environment), "utf-8")
    assert "0 of 2 entries" in cityflux("stations", "import", str(file), environment=environment)
    elsewhere = {"CITYFLUX_DATA_DIR": str(tmp_path / "elsewhere")}
    cityflux("stations", "import", str(file), environment=elsewhere)
    exported = cityflux("stations", "export", environment=elsewhere)
    assert exported == cityflux("stations", "export", environment=environment)


def test_a_geojson_has_positions_that_a_map_shows(environment: dict[str, str]) -> None:
    found = json.loads(cityflux("stations", "export", "--format", "geojson", environment=environment))
    geometries = {one["properties"]["id"]: one["geometry"] for one in found["features"]}
    assert geometries == {"hx-01": {"type": "Point", "coordinates": [106.3, 29.6]}, "ls-02": None}


def test_a_dry_run_says_what_would_change_and_changes_nothing(environment: dict[str, str], tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text(STATIONS.replace("target_class = 4", "target_class = 3"), "utf-8")
    said = cityflux("stations", "import", str(other), "--dry-run", environment=environment)
    assert "water/ls-02: target_class 4 → 3" in said
    assert "1 of 2 entries would be" in said
    assert "target_class = 4" in cityflux("stations", "export", environment=environment)


def test_a_change_is_dated_and_the_past_keeps_what_it_was(environment: dict[str, str]) -> None:
    change = ("stations", "change", "hx-01", "kind=control", "district=beibei", "--from", "2026-03-01")
    said = cityflux(*change, environment=environment)
    assert "district gaoxin → beibei" in said
    assert "kind assessment → control" in said
    registry = load_registry(cityflux("stations", "export", environment=environment), "export")
    of = [
        (e.kind, e.district, e.active_from and e.active_from.date(), e.active_to and e.active_to.date())
        for e in registry
    ]
    shown = [tuple(map(str, one)) for one in of if one[1] in {"gaoxin", "beibei"}][:2]
    assert shown == [
        ("assessment", "gaoxin", "2025-01-01", "2026-03-01"),
        ("control", "beibei", "2026-03-01", "None"),
    ]
    before = load_registry(cityflux("stations", "export", "--at", "2025-12-31", environment=environment), "export")
    assert [(e.id, e.kind) for e in before] == [("hx-01", "assessment"), ("ls-02", "assessment")]
    history = json.loads(cityflux("stations", "history", "hx-01", "--format", "json", environment=environment))
    assert [line["what"] for line in history] == [
        "station entry added",
        "station entry changed",
        "station entry added",
    ]
    assert "active_to None → 2026-03-01" in history[1]["change"]
    assert all(line["who"] for line in history)


def test_a_station_is_retired(environment: dict[str, str]) -> None:
    cityflux("stations", "retire", "ls-02", "--at", "2026-06-30", environment=environment)
    assert "ls-02" in cityflux("stations", "export", "--at", "2026-06-29", environment=environment)
    assert "ls-02" not in cityflux("stations", "export", "--at", "2026-06-30", environment=environment)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("change", "hx-09", "kind=control", "--from", "2026-03-01"), "'hx-09' is no station"),
        (("change", "hx-01", "kind", "--from", "2026-03-01"), "not KEY=VALUE"),
        (("change", "hx-01", "knd=control", "--from", "2026-03-01"), "did you mean kind"),
        (("change", "hx-01", "kind=controll", "--from", "2026-03-01"), "kind: "),
        (("change", "hx-01", "id=hx-02", "--from", "2026-03-01"), "id is not changed this way"),
        (("change", "hx-01", "device=a110000_0001", "--from", "2026-03-01"), "is that of"),
        (("change", "hx-01", "kind=control", "--from", "2024-01-01"), "has no entry at 2024-01-01"),
        (("retire", "hx-01", "--at", "soon"), "--at 'soon' is not a time"),
        (("import", "stations.xlsx"), "ends in .toml, .csv, .geojson"),
        (("adopt", "hx-77"), "'hx-77' is not an unknown station"),
    ],
)
def test_what_does_not_fit_is_one_line_and_exit_2(
    environment: dict[str, str], arguments: tuple[str, ...], says: str
) -> None:
    said = cityflux("stations", *arguments, environment=environment, expect=2)
    assert says in said
    assert said.count("\n") == 1


def test_an_unknown_station_is_adopted_with_what_its_message_says(environment: dict[str, str]) -> None:
    sent = b"##0101QN=20260301150000001;ST=22;CN=2061;PW=123456;MN=NEW_07;Flag=5;CP=&&..."
    unknown = Unknown("hj212/22/NEW_07", "unassigned", "hour", "hj212-air", "NEW_07", sent)
    with closing(books(environment)) as of:
        of.settle(
            "j1", 1, registry_version=of.registry_version(), now=1_772_344_800_000, letters=(), changed={},
            unknown={("air", "new-07"): unknown},
        )  # fmt: skip
    [row] = json.loads(cityflux("stations", "unknown", "--format", "json", environment=environment))
    assert (row["source"], row["device"], row["sample"][:12]) == ("hj212-air", "NEW_07", "##0101QN=202")
    cityflux("stations", "adopt", "new-07", "--district", "gaoxin", environment=environment)
    registry = load_registry(cityflux("stations", "export", environment=environment), "export")
    [entry] = [entry for entry in registry if entry.id == "new-07"]
    assert (entry.district, entry.device, entry.period) == ("gaoxin", "NEW_07", "hour")
    assert json.loads(cityflux("stations", "unknown", "--format", "json", environment=environment)) == []


def test_a_password_comes_from_stdin_and_never_shows(environment: dict[str, str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "cityflux", "stations", "password", "A110000_0001"],
        input="s3cret\n", text=True, capture_output=True, check=True, env={**clean_environment(), **environment},
    )  # fmt: skip
    assert "s3cret" not in ended.stdout + ended.stderr
    with closing(books(environment)) as of:
        keys = DeviceKeys(of)
        assert keys.verify("a110000_0001", "s3cret")
        assert not keys.verify("A110000_0001", "secret")
    cityflux("stations", "password", "A110000_0001", "--remove", environment=environment)
    with closing(books(environment)) as of:
        assert not DeviceKeys(of).verify("A110000_0001", "s3cret")
