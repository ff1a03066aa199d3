"""`cityflux opendata export`: what is in the files, read back with plain csv, pyarrow and pandas."""

import csv
import json
import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from datetime import date, datetime
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from cityflux.main import app
from cityflux.opendata.export import Asked, export
from cityflux.opendata.readings import Source, write_readings
from cityflux.opendata.verifying import verify_folder
from processors.plans import shipped_plan
from processors.windows import period_bounds
from sensors.instants import to_millis
from sensors.quantities import OF_FAMILY
from sensors.reading import Doubt, Reading
from sensors.station_files import load_geojson
from sensors.stations import Registry, Station
from store.books import Books
from store.influx import InfluxStore
from store.judgements import Judgements
from store.port import ReadingsStore
from store.sqlite import SqliteStore
from tests.opendata.city import DAYS, FORMULA, MONTH, SECRETS, hourly
from tests.opendata.conftest import Exported
from tests.processors.world import ZONE
from tests.programs import Program, cityflux, wait_for
from tests.servers.influx import Influx


def table(folder: Path, path: str) -> list[dict[str, str]]:
    with (folder / f"{path}.csv").open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened, strict=True))


def typed(folder: Path, path: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(folder / f"{path}.parquet").to_pylist()
    return rows


def let_out(folder: Path) -> list[tuple[str, str]]:
    """Which secret is in which file."""
    found = []
    for file in (one for one in folder.rglob("*") if one.is_file()):
        said = file.read_bytes().decode("utf-8", "replace")
        if file.suffix == ".parquet":
            said = str(pq.read_table(file).to_pylist())
        found += [(file.name, secret) for secret in SECRETS if secret in said]
    return found


def test_hours_are_those_that_were_sent_to_the_last_digit(exported: Exported) -> None:
    rows = table(exported.folder, "readings/air-hour")
    said = {(row["station"], row["observed_at"]): row for row in rows}
    assert len(said) == len(rows) == 5 * 31 * 24 - 24 + 2
    assert (rows[0]["observed_at"], rows[-1]["observed_at"]) == (
        "2026-03-01T01:00:00+08:00",
        "2026-04-01T00:00:00+08:00",
    )
    assert [row["observed_at"] for row in rows] == sorted(row["observed_at"] for row in rows)
    for row in rows:
        if row["station"] == "hx-06":
            continue
        end = datetime.fromisoformat(row["observed_at"])
        hour = (end.hour - 1) % 24
        day = date.fromordinal(end.date().toordinal() - (end.hour == 0))
        sent = hourly(day, hour, row["station"])
        got = {code: Decimal(row[code]) for code in sent if row[code]}
        for code in sent.keys() - got.keys():
            assert (row["station"], day.day, hour, code) in {
                ("hx-01", 3, 7, "o3"), ("hx-01", 3, 7, "so2"), ("hx-02", 20, 0, "no2"), ("hx-02", 20, 1, "no2"),
                ("hx-03", 5, 0, "pm2_5"), ("hx-03", 5, 1, "pm2_5"),
            }  # fmt: skip
        assert got == {code: Decimal(repr(sent[code])) for code in got}
    assert not [cell for row in rows for cell in row.values() if "e" in cell.lower() or cell == "-0"]


def test_parquet_is_typed_and_has_units(exported: Exported) -> None:
    read = pq.read_table(exported.folder / "readings/air-hour.parquet")
    assert str(read.schema.field("observed_at").type) == "timestamp[ms, tz=Asia/Shanghai]"
    assert str(read.schema.field("co").type) == "double"
    assert read.schema.field("co").metadata[b"unit"].decode() == OF_FAMILY["air"]["co"].unit == "mg/m³"
    assert read.schema.field("pm2_5").metadata[b"title_zh"].decode() == "细颗粒物"
    first = read.slice(0, 1).to_pylist()[0]
    assert first["co"] == hourly(date(2026, 3, 1), 0, "hx-01")["co"]
    assert first["observed_at"].isoformat() == "2026-03-01T01:00:00+08:00"


def test_doubtful_values_are_apart_with_their_reason(exported: Exported) -> None:
    rows = table(exported.folder, "readings/air-hour-doubtful")
    assert [(row["station"], row["observed_at"][5:16], row["quantity"], row["flag"]) for row in rows] == [
        ("hx-01", "03-03T08:00", "o3", "fault"), ("hx-01", "03-03T08:00", "so2", "withdrawn"),
        ("hx-03", "03-05T01:00", "pm2_5", "maintenance"), ("hx-03", "03-05T02:00", "pm2_5", "maintenance"),
        ("hx-02", "03-20T01:00", "no2", "calibration"), ("hx-02", "03-20T02:00", "no2", "calibration"),
    ]  # fmt: skip
    assert [row["doubtful_value"] for row in rows[:2]] == ["999.5", ""], "what the sender took back has no number"
    assert rows[4]["doubtful_value"] == str(hourly(date(2026, 3, 20), 0, "hx-02")["no2"])


def test_the_month_can_be_judged_again_from_its_hours(exported: Exported) -> None:
    """Means of PM2.5 from the exported hours, by pandas alone, and by them the good days that the export states."""
    hours = pd.read_parquet(exported.folder / "readings/air-hour.parquet")
    hours = hours[hours["station"].isin(["hx-01", "hx-02", "hx-03", "hx-04"])]
    hours["day"] = (hours["observed_at"] - pd.Timedelta(hours=1)).dt.date
    of_stations = hours.groupby(["day", "station"])["pm2_5"].mean()
    of_city = of_stations.groupby("day").mean()
    days = {row["day"]: row for row in table(exported.folder, "days/air") if row["scope"] == "city"}
    assert len(days) == 31
    for day, mean in of_city.items():
        row = days[str(day)]
        if row["state"] != "not_assessable":
            assert abs(float(row["pm2_5"]) - mean) <= 0.5
            # GB 3095-2026, transition: 60 µg/m³ of a day; nothing else is near its limit.
            assert row["state"] == ("polluted" if mean > 60 else "good")
    good = sum(row["state"] == "good" for row in days.values())
    assert Counter(row["state"] for row in days.values()) == {"good": 28, "polluted": 2, "not_assessable": 1}
    [year] = [row for row in table(exported.folder, "indicators/indicators") if row["indicator"] == "good_air_days"]
    assert (year["value"], year["unit"], year["period"], year["finality"]) == (str(good), "d", "2026", "running")
    assert (year["kind"], year["target"], year["direction"]) == ("binding", "320", "at_least")
    assert year["last_day"] == "2026-04-01"


def test_classes_and_items_of_water(exported: Exported) -> None:
    sections = {(row["scope"], row["period"]): row for row in table(exported.folder, "classes/water-sections")}
    assert sections["section:lt-01", MONTH]["class_name"] == "Ⅴ"
    assert sections["section:lt-01", MONTH]["main"] == "nh3_n"
    assert sections["section:lt-02", MONTH]["definite"] == "true"
    assert sections["section:lt-02", "2026"]["finality"] == "running"
    items = {(row["scope"], row["period"], row["item"]): row for row in table(exported.folder, "classes/water-items")}
    # Of 31 equal days, as it was drawn: its zeroes say how far it is rounded.
    assert items["section:lt-01", MONTH, "nh3_n"]["value"] == "1.60"
    assert items["section:lt-01", MONTH, "nh3_n"]["unit"] == "mg/L"
    samples = table(exported.folder, "readings/water-raw")
    assert {row["nh3_n"] for row in samples if row["station"] == "lt-01"} == {"1.6"}
    below = table(exported.folder, "readings/water-raw-doubtful")
    assert {(row["quantity"], row["flag"], row["doubtful_value"]) for row in below} == {
        ("mercury", "below_detection", "0.00004")
    }


def test_coverage_says_what_lacks_and_what_was_left_out(exported: Exported) -> None:
    rows = {(row["table"], row["scope"], row["quantity"]): row for row in table(exported.folder, "coverage")}
    whole = rows["readings/air-hour", "station:hx-01", ""]
    assert (whole["expected"], whole["present"], whole["doubtful"]) == ("744", "744", "2")
    assert rows["readings/air-hour", "station:hx-01", "o3"]["present"] == "743"
    assert rows["readings/air-hour", "station:hx-04", ""]["present"] == "720"
    moved = rows["readings/air-hour", "station:hx-06", ""]
    assert (moved["expected"], moved["present"], moved["left_out"]) == (str(30 * 24), "2", "1")
    assert rows["readings/water-raw", "station:lt-01", ""]["expected"] == "", "nobody says how often it samples"


def test_revisions_are_append_only_and_name_what_they_supersede(exported: Exported) -> None:
    rows = table(exported.folder, "indicators/revisions")
    numbers = {row["revision"] for row in rows}
    assert {row["supersedes"] for row in rows} - {"0"} <= numbers
    twentieth = [row for row in rows if (row["scope"], row["period"]) == ("station:hx-02", "2026-03-20")]
    assert [row["reason"] for row in twentieth] == [
        "the period closed", "37, coverage 144/144 → 142/144: 2 hours of hx-02 withdrawn, doubtful or withheld",
    ]  # fmt: skip
    assert twentieth[1]["supersedes"] == twentieth[0]["revision"]
    fifth = {
        scope: [row for row in rows if (row["scope"], row["period"]) == (scope, "2026-03-05")]
        for scope in ("city", "district:gaoxin", "station:hx-03")
    }
    assert [(row["finality"], row["reason"]) for row in fifth["district:gaoxin"]] == [
        ("provisional", "the period closed"),
        ("final", "final"),
    ], "a proposal that nobody has decided is not published"
    proposed = {scope: fifth[scope][2] for scope in ("city", "station:hx-03")}
    assert "2 hours of hx-03 withdrawn, doubtful or withheld" in proposed["city"]["reason"]
    for scope, decision in {"city": "accepted", "station:hx-03": "rejected"}.items():
        assert [row["finality"] for row in fifth[scope]] == ["provisional", "final", "proposed", "final"]
        assert fifth[scope][3]["reason"] == f"proposal {proposed[scope]['revision']} {decision}"
    day = next(
        row for row in table(exported.folder, "days/air") if (row["scope"], row["day"]) == ("city", "2026-03-05")
    )
    assert (day["finality"], day["revision"]) == ("final", fifth["city"][3]["revision"])


def test_entered_figures_have_their_source_and_no_author(exported: Exported) -> None:
    [figure] = table(exported.folder, "indicators/figures")
    assert (figure["item"], figure["value"], figure["unit"]) == ("forest_cover", "46.25", "%")
    assert figure["source"] == "'=公报 2026", "a formula to a spreadsheet"
    assert typed(exported.folder, "indicators/figures")[0]["source"] == "=公报 2026"
    [row] = [row for row in table(exported.folder, "indicators/indicators") if row["indicator"] == "forest_cover"]
    assert row["value"] == "46.25"


def test_nothing_private_is_in_any_file(exported: Exported) -> None:
    with closing(sqlite3.connect(exported.data / "books.sqlite")) as db:
        held = "\n".join(db.iterdump())
    assert not [secret for secret in SECRETS if secret not in held], "it is there to be let out"
    assert not let_out(exported.folder)


def test_a_year_that_is_over_has_its_corrections_without_who_made_them(exported: Exported, tmp_path: Path) -> None:
    books, store = Books(f"sqlite:///{exported.data / 'books.sqlite'}"), SqliteStore(exported.data / "readings.sqlite")
    reasons = [one.reason for one in Judgements(books).histories("forest_cover", "2025", "2025")]
    assert SECRETS[1] in reasons[1], "the books say who; nobody else is to"
    asked = Asked("2025-12", ("air", "water"), shipped_plan(), ZONE, 1, None, None, None)
    export(tmp_path / "out", asked, store, books, to_millis(datetime(2026, 4, 3, tzinfo=ZONE)))
    rows = [row for row in table(tmp_path / "out", "indicators/revisions") if row["indicator"] == "forest_cover"]
    assert [(row["value"], row["reason"]) for row in rows] == [
        ("46.10", "the period closed"),
        ("46.25", "46.10 → 46.25"),
    ]
    assert not let_out(tmp_path / "out")
    assert verify_folder(tmp_path / "out", None).problems == ()
    books.close()


def test_no_cell_is_a_formula(exported: Exported) -> None:
    package = json.loads((exported.folder / "datapackage.json").read_text("utf-8"))
    checked = 0
    for resource in package["resources"]:
        if resource["format"] != "csv":
            continue
        kinds = {field["name"]: field["type"] for field in resource["schema"]["fields"]}
        for row in table(exported.folder, resource["path"].removesuffix(".csv")):
            for name, cell in row.items():
                if kinds[name] == "string":
                    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r")), (resource["path"], name, cell)
                    checked += bool(cell)
    assert checked > 1_000
    names = {row["id"]: row["name_zh"] for row in table(exported.folder, "stations")}
    assert names["lt-01"] == "'" + FORMULA
    assert names["lt-02"] == "梁滩河,二\n'桥'"
    assert {row["id"]: row["name_zh"] for row in typed(exported.folder, "stations")}["lt-01"] == FORMULA


def test_stations_are_dated_and_a_map_shows_the_same(exported: Exported) -> None:
    rows = [row for row in table(exported.folder, "stations") if row["id"] == "hx-06"]
    assert [(row["active_from"], row["active_to"], row["longitude"]) for row in rows] == [
        ("", "2026-03-11T00:00:00+08:00", "106.5"), ("2026-03-12T00:00:00+08:00", "", "106.25"),
    ]  # fmt: skip
    shown = load_geojson((exported.folder / "stations.geojson").read_text("utf-8"), "stations.geojson")
    assert len(shown) == len(table(exported.folder, "stations"))
    assert {one.device for one in shown} == {None}
    assert {one.longitude for one in shown if one.id == "hx-06"} == {106.5, 106.25}


def test_the_dictionary_describes_every_column_of_every_file(exported: Exported) -> None:
    package = json.loads((exported.folder / "datapackage.json").read_text("utf-8"))
    resources = {resource["path"]: resource for resource in package["resources"]}
    described = {(row["table"], row["column"]): row for row in table(exported.folder, "dictionary")}
    files = [one.relative_to(exported.folder).as_posix() for one in exported.folder.rglob("*.csv")]
    for path in files:
        if path == "dictionary.csv":
            continue
        with (exported.folder / path).open(encoding="utf-8", newline="") as opened:
            header = next(csv.reader(opened))
        fields = resources[path]["schema"]["fields"]
        assert [field["name"] for field in fields] == header
        assert pq.read_schema(exported.folder / resources[path]["parquet"]).names == header
        assert set(resources[path]["schema"]["primaryKey"]) <= set(header)
        for field in fields:
            row = described[path.removesuffix(".csv"), field["name"]]
            assert row["meaning"]
            assert row["zh"]
            assert row["en"]
            assert (row["type"], row["unit"]) == (field["type"], field.get("unit", ""))
    for code, quantity in OF_FAMILY["air"].items():
        row = described["readings/air-hour", code]
        assert (row["unit"], row["averages"], int(row["scale"])) == (quantity.unit, quantity.averages, quantity.scale)
        assert (float(row["low"]), float(row["high"])) == (quantity.low, quantity.high)
    assert resources["stations.geojson"]
    assert package["licenses"] == [{"path": "LICENCE.txt", "title": "LICENCE.txt"}]
    assert (exported.folder / "LICENCE.txt").read_text("utf-8") == "CC BY 4.0\n"


def test_rows_are_told_apart_by_their_keys(exported: Exported) -> None:
    package = json.loads((exported.folder / "datapackage.json").read_text("utf-8"))
    for resource in package["resources"]:
        if resource["format"] == "csv":
            rows = table(exported.folder, resource["path"].removesuffix(".csv"))
            keys = [tuple(row[name] for name in resource["schema"]["primaryKey"]) for row in rows]
            assert len(keys) == len(set(keys)), resource["path"]


def test_the_manifest_says_what_the_month_is(exported: Exported) -> None:
    said = json.loads((exported.folder / "manifest.json").read_bytes())
    assert (said["month"], said["zone"], said["after"], said["until"]) == (
        MONTH, "Asia/Shanghai", "2026-03-01T00:00:00+08:00", "2026-04-01T00:00:00+08:00",
    )  # fmt: skip
    assert (said["closed"], said["windows_waiting"], said["made_by"]) == (True, 0, f"cityflux {version('cityflux')}")
    assert said["judgements"] - said["running"] - said["provisional"] == 7, (
        "the fifth of March, of the city, its district and five stations"
    )
    assert said["standards"] == ["HJ633-2026", "GB3095-2026-transition", "HJ663-2026", "GB3838-2002"]
    rules = {row["name"]: row for row in table(exported.folder, "rules")}
    assert (rules["HJ633-2012"]["effective_to"], rules["HJ633-2012"]["in_force"]) == ("2026-02-28", "false")
    assert {name for name, row in rules.items() if row["in_force"] == "true"} == set(said["standards"])
    readme = (exported.folder / "README.md").read_text("utf-8")
    assert "高新区, the zone" in readme
    assert "单位统一" in readme


def test_the_same_store_and_books_give_the_same_bytes(exported: Exported, tmp_path: Path) -> None:
    environment = {
        "CITYFLUX_DATA_DIR": str(exported.data), "CITYFLUX_OPENDATA_PUBLISHER": "高新区, the zone",
        "CITYFLUX_OPENDATA_LICENCE": str(exported.folder / "LICENCE.txt"),
    }  # fmt: skip
    again = tmp_path / "again"
    cityflux("opendata", "export", MONTH, "--out", str(again), "--key", str(exported.private), environment=environment)
    names = [sorted(one.relative_to(of) for one in of.rglob("*")) for of in (exported.folder, again)]
    assert names[0] == names[1]
    changed = [
        name.name for name in names[0]
        if (again / name).is_file() and (again / name).read_bytes() != (exported.folder / name).read_bytes()
    ]  # fmt: skip
    assert changed == ["manifest.json", "manifest.json.sig"]
    one, other = (json.loads((of / "manifest.json").read_bytes()) for of in (exported.folder, again))
    assert {name for name in one if one[name] != other[name]} == {"made_at"}


async def test_both_stores_give_the_same_readings(influx: Influx, tmp_path: Path) -> None:
    start, end = period_bounds(MONTH, ZONE)
    registry = Registry(
        [Station(id=name, family="air", name_zh=name, district="gaoxin") for name in ("hx-01", "hx-02")]
    )
    sent = [
        Reading(
            "air", name, "hour", start + hour * 3_600_000, start, hourly(DAYS[hour // 24], hour % 24, name),
            {"humidity": Doubt("fault", 12.25)} if hour % 5 == 0 else {},
        )
        for name in ("hx-01", "hx-02") for hour in range(1, 72)
    ]  # fmt: skip
    stores: dict[str, ReadingsStore] = {
        "sqlite": SqliteStore(tmp_path / "readings.sqlite"),
        "influx": InfluxStore(influx.url, influx.org, influx.new_bucket(), influx.token),
    }
    for name, store in stores.items():
        await store.write(sent)
        (tmp_path / name).mkdir()
        written, _ = write_readings(tmp_path / name, Source(store, registry, (), start, end), "air", ZONE)
        assert [(one.name, rows) for one, rows in written] == [("air-hour", 142), ("air-hour-doubtful", 28)]
        await store.close()
    files = [one.relative_to(tmp_path / "sqlite") for one in (tmp_path / "sqlite").rglob("*.*")]
    assert len(files) == 4
    assert not [
        one for one in files if (tmp_path / "sqlite" / one).read_bytes() != (tmp_path / "influx" / one).read_bytes()
    ]


def test_a_month_that_runs_says_so(exported: Exported, tmp_path: Path) -> None:
    books, store = Books(f"sqlite:///{exported.data / 'books.sqlite'}"), SqliteStore(exported.data / "readings.sqlite")
    asked = Asked(MONTH, ("air",), shipped_plan(), ZONE, 1, None, None, None)
    noon = to_millis(datetime(2026, 3, 16, 12, tzinfo=ZONE))
    end = period_bounds(MONTH, ZONE)[1]
    made = export(tmp_path / "running", asked, store, books, noon)
    assert not made.closed
    assert made.key is None
    rows = {row["scope"]: row for row in table(tmp_path / "running", "coverage") if not row["quantity"]}
    assert rows["station:hx-01"]["expected"] == str(15 * 24 + 12), "what is still to come is not missing"
    assert not export(tmp_path / "grace", asked, store, books, end + 3_599_999).closed, "late data are waited for"
    assert export(tmp_path / "over", asked, store, books, end + 3_600_000).closed
    assert not list((tmp_path / "over").rglob("*water*")), "only of the families that were asked for"
    books.close()


async def test_vehicles_and_meters_are_exported_for_the_asking(tmp_path: Path) -> None:
    books, store = Books(f"sqlite:///{tmp_path / 'books.sqlite'}"), SqliteStore(tmp_path / "readings.sqlite")
    books.prepare()
    start, end = period_bounds(MONTH, ZONE)
    common = {"district": "gaoxin", "period": "raw"}
    entries = [
        Station.model_validate({**common, "id": "jf-out", "family": "traffic", "name_zh": "金凤", "tunnel": "jinfeng"}),
        Station.model_validate({**common, "id": "m-1", "family": "energy", "name_zh": "表", "meter_factor": 87654.0}),
    ]
    books.register(entries, who="test", now=0)
    vehicle, count = next(iter(OF_FAMILY["traffic"])), next(iter(OF_FAMILY["energy"]))
    await store.write(
        [Reading("traffic", "jf-out", "raw", start + 1_500, start, {vehicle: 1.0}, seq=seq) for seq in (0, 1, 2)]
        + [Reading("energy", "m-1", "raw", end, start, {count: -0.25, "electricity_counter": 777.0})]
        + [Reading("energy", "m-1", "raw", at, start, {count: 7.0}) for at in (start, end + 1)]
        + [Reading("energy", "nobody", "raw", end, start, {count: 7.0}, unknown_station=True)]
        + [Reading("energy", "m-1", "day", end, start, {}, {count: Doubt("fault", 3.0)})]
    )
    asked = Asked(MONTH, ("energy", "traffic"), shipped_plan(), ZONE, 1, None, None, None)
    export(tmp_path / "out", asked, store, books, end + 1)
    rows = table(tmp_path / "out", "readings/traffic-raw")
    assert [(row["observed_at"], row["seq"]) for row in rows] == [("2026-03-01T00:00:01.500+08:00", n) for n in "012"]
    [row] = table(tmp_path / "out", "readings/energy-raw")
    assert (row["station"], row["observed_at"], row[count]) == ("m-1", "2026-04-01T00:00:00+08:00", "-0.25")
    assert not [name for name in row if name.endswith("_counter")], "what a meter shows is nobody's but its owner's"
    [doubtful] = table(tmp_path / "out", "readings/energy-day-doubtful")
    assert (doubtful["flag"], doubtful["doubtful_value"]) == ("fault", "3"), "of what is only doubtful nothing is lost"
    assert b"87654" not in (tmp_path / "out" / "stations.csv").read_bytes()
    assert {one.name for one in (tmp_path / "out").iterdir()} >= {"indicators", "readings"}
    assert not (tmp_path / "out" / "days").exists()
    assert verify_folder(tmp_path / "out", None).problems == ()
    await store.close()
    books.close()


def test_a_killed_export_leaves_nothing_that_looks_whole(exported: Exported, tmp_path: Path) -> None:
    arguments = ("opendata", "export", MONTH, "--out", str(tmp_path / "out"))
    with Program(*arguments, environment={"CITYFLUX_DATA_DIR": str(exported.data)}, log=tmp_path / "log") as program:
        wait_for("its first table", lambda: list(tmp_path.glob(".out.*/stations.csv")), program)
        program.kill()
    assert not (tmp_path / "out").exists()
    [half] = tmp_path.glob(".out.*")
    assert "this is no export, or not a whole one" in cityflux("verify", str(half), environment={}, expect=1)


def test_an_export_that_fails_takes_its_files_away(exported: Exported, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    shutil.copy(exported.data / "books.sqlite", data / "books.sqlite")
    (data / "readings.sqlite").write_bytes(b"no database" * 1000)
    said = cityflux(
        "opendata",
        "export",
        MONTH,
        "--out",
        str(tmp_path / "out"),
        environment={"CITYFLUX_DATA_DIR": str(data)},
        expect=1,
    )
    assert "readings.sqlite" in said
    assert [one.name for one in tmp_path.iterdir()] == ["data"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("2026-3",), "is no period"),
        (("2026",), "2026 is no month"),
        (("2026-13",), "is no period"),
        (("2999-01",), "2999-01 has not begun"),
        ((MONTH, "--families", "air,fire"), "'fire' is none of air, water, energy, traffic"),
        ((MONTH, "--families", ","), "--families is empty"),
        ((MONTH, "--key", "nothing.pem"), "nothing.pem: No such file or directory"),
    ],
)
def test_wrong_use_is_said_and_makes_nothing(
    exported: Exported, tmp_path: Path, arguments: tuple[str, ...], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process: a child of its own for each would take most of the time of this file."""
    monkeypatch.setenv("CITYFLUX_DATA_DIR", str(exported.data))
    monkeypatch.chdir(tmp_path)
    ended = CliRunner().invoke(app, ["opendata", "export", *arguments, "--out", str(tmp_path / "out")])
    assert ended.exit_code == 2
    assert says in " ".join(ended.stderr.split())
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_not_written_over(exported: Exported, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    asked = ("opendata", "export", MONTH, "--out", str(tmp_path / "out"))
    assert "is there already" in cityflux(*asked, environment={"CITYFLUX_DATA_DIR": str(exported.data)}, expect=2)
    missing = ("opendata", "export", MONTH, "--out", str(tmp_path / "no" / "out"))
    assert "make it first" in cityflux(*missing, environment={"CITYFLUX_DATA_DIR": str(exported.data)}, expect=2)
