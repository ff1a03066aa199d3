"""`cityflux record`: figures entered, listed, corrected; the scorecard and the explanation that rest on them."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.programs import Program, cityflux, wait_for

SOURCE = ("--source", "yearbook 2024, file 12", "--dated", "2026-03-20")


class City:
    def __init__(self, folder: Path) -> None:
        self.environment = {"CITYFLUX_DATA_DIR": str(folder)}
        self._folder = folder

    def __call__(self, *arguments: str, expect: int = 0) -> str:
        return cityflux(*arguments, environment=self.environment, expect=expect)

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "--format", "json"))

    def compute(self, code: str, value: str) -> None:
        """Let `cityflux process` work until an indicator is that."""

        def there() -> bool:
            return value in [row["value"] for row in self.json("indicators", "--code", code)]

        with Program("process", environment=self.environment, log=self._folder / "process.log") as process:
            wait_for(f"{code} to be {value}", there, process)
            assert process.stop() == 0, process.log()


@pytest.fixture
def city(tmp_path: Path) -> City:
    return City(tmp_path)


def test_figures_make_the_plans_rows_and_are_explained(city: City) -> None:
    for code, period, value in (
        ("gdp", "2020", "1000"), ("energy_total", "2020", "500"), ("gdp", "2021", "1100"), ("gdp_deflator", "2021", "1.1"),
        ("energy_total", "2021", "485"), ("forest_cover", "2021", "48.3"),
    ):  # fmt: skip
        assert f"{code} {period} is {value}" in city("record", "add", code, period, value, *SOURCE)
    city.compute("energy_intensity", "3.00")
    scorecard = city("indicators")
    assert "energy_total" not in scorecard
    assert "3.00 % since 2020" in scorecard
    assert "yearbook 2024, file 12" in scorecard
    assert "gdp_deflator 2021" not in city("explain", "energy_intensity", "2021")
    told = city("explain", "energy_intensity", "2021")
    assert "yearbook 2024, file 12" in told
    assert "from memory, unverified" in told
    said = city("record", "add", "energy_total", "2020", "510", *SOURCE, expect=2)
    assert "is entered already: 500 tce" in said
    city("record", "add", "energy_total", "2020", "510", *SOURCE, "--reason", "revised by the bureau")
    city.compute("energy_intensity", "4.90")
    answer = city.json("explain", "energy_intensity", "2021")
    assert [one["reason"] for one in answer["revisions"]][-1] == (
        f"3.00 → 4.90: energy_total 2020: 510 tce, revised by the bureau ({answer['figures'][0]['entered_by']})"
    )
    assert [one["value"] for one in answer["corrected"]] == ["500", "510"]
    history = city.json("record", "history", "energy_total", "2020")
    assert [(row["value"], row["reason"]) for row in history] == [("500", ""), ("510", "revised by the bureau")]
    assert [row["value"] for row in city.json("record", "list", "energy_total")] == ["510", "485"]


def test_the_scorecard_of_a_year_for_scripts_and_for_a_printer(city: City, tmp_path: Path) -> None:
    for code, period, value in (
        ("forest_cover", "2020", "45.0"),
        ("forest_cover", "2021", "48.3"),
        ("gdp", "2021", "9"),
    ):
        city("record", "add", code, period, value, "--source", "<yearbook>", "--dated", "2026-03-20")
    city.compute("forest_cover", "48.3")
    rows = {row["code"]: row for row in city.json("scorecard", "2021")}
    assert [row["number"] for row in rows.values()] == ["25", "28", "29", "30", None, "32", "33", "34", "41"]
    forest = rows["forest_cover"]
    assert (forest["value"], forest["trend"], forest["status"], forest["target"]) == (
        "48.3",
        "better (+3.3)",
        "stated",
        "–",
    )
    assert (forest["source"], forest["age_days"], forest["explained_by"]) == (
        "<yearbook>", 0, "cityflux explain forest_cover 2021",
    )  # fmt: skip
    assert (rows["energy_intensity"]["value"], rows["energy_intensity"]["status"]) == (None, "not assessable")
    assert rows["park_area"]["status"] == "not entered"
    assert rows["good_air_days"]["status"] == "not computed"
    assert {row["code"]: row["period"] for row in city.json("scorecard", "2026")}["forest_cover"] == "2021", (
        "the last known"
    )
    page = tmp_path / "scorecard.html"
    city("scorecard", "2021", "--format", "html", "--out", str(page), "--wall", "http://wall:8080/")
    html = page.read_text("utf-8")
    assert "&lt;yearbook&gt;" in html
    assert "<yearbook>" not in html
    assert 'href="http://wall:8080/explain/forest_cover/2021"' in html
    assert "status" in html
    city("scorecard", "2021", "--format", "html", "--language", "zh", "--out", str(page))
    chinese = page.read_text("utf-8")
    assert "森林覆盖率" in chinese
    assert "Forest cover" not in chinese
    assert city("scorecard", "2021", "--format", "csv").startswith("number,code,zh,en,kind,period,value")
    assert "--out is the file of --format html" in city("scorecard", "--format", "html", expect=2)


def test_what_cannot_be_entered_or_explained_says_why(city: City) -> None:
    assert "did you mean gdp" in city("record", "add", "gpd", "2025", "1", *SOURCE, expect=2)
    assert "'many' is no number" in city("record", "add", "gdp", "2025", "many", *SOURCE, expect=2)
    assert "'moon' is no scope" in city("record", "add", "gdp", "2025", "1", *SOURCE, "--scope", "moon", expect=2)
    assert "nothing was entered of gdp" in city("record", "history", "gdp", "2025", expect=2)
    assert "cityflux record add forest_cover" in city("explain", "forest_cover", "2025", expect=2)
    assert "has no days" in city("explain", "forest_cover", "2025", "--day", "2025-01-01", expect=2)
    assert "10⁴ yuan" in city("record", "list", "--known")


def test_a_quarter_is_entered_to_date_and_stands_in_for_its_year(city: City) -> None:
    said = city("record", "add", "gdp", "2021-Q2", "500", *SOURCE, expect=2)
    assert "say --to-date where it is that" in said
    for code, period, value in (
        ("gdp", "2020-Q2", "480"), ("gdp_deflator", "2020-Q2", "1"), ("energy_total", "2020-Q2", "240"),
        ("gdp", "2021-Q2", "550"), ("gdp_deflator", "2021-Q2", "1.1"), ("energy_total", "2021-Q2", "240"),
    ):  # fmt: skip
        city("record", "add", code, period, value, "--to-date", *SOURCE)
    assert "both begin on 1 January" in city("record", "add", "gdp", "2021-Q1", "600", *SOURCE, expect=2)
    city.compute("energy_intensity", "4.00")
    row = {one["code"]: one for one in city.json("scorecard", "2021")}["energy_intensity"]
    assert (row["period"], row["value"], row["provisional"], row["status"]) == ("2021-Q2", "4.00", True, "on track")
    assert "provisional, January to June 2021: 4.00 % against the same months of 2020" in row["sentence"]
    listed = {one["period"]: one for one in city.json("indicators", "--code", "energy_intensity")}
    assert list(listed) == ["2021-Q2"]
    assert "2021-Q2, from 1 January" in city("explain", "energy_intensity", "2021-Q2")
    assert "stay provisional" in city("review", "finish", "2021-Q2", "--why", "audited")
    assert city.json("indicators", "--code", "energy_intensity")[0]["finality"] == "provisional"
    assert "1 January until its end" in city("record", "list", "--known")
