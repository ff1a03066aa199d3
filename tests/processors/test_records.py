"""Figures that people enter: append-only with source and reason; the plan's rows that rest on them, and why one changed."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from processors.plans import PlanError, load_plan
from processors.records.entries import checked
from processors.records.explain import explain_row
from processors.scorecard import scorecard_rows
from store.records import Record, RecordError
from store.reviews import Reviews
from tests.processors.entered import YEARBOOK, Entered, a_city_with_figures
from tests.processors.world import ZONE


@pytest.fixture
def city(tmp_path: Path) -> Iterator[Entered]:
    with a_city_with_figures(tmp_path) as made:
        yield made


def test_a_figure_is_never_replaced_but_superseded_with_a_reason(city: Entered) -> None:
    first = city.add("gdp", "2025", "1000")
    with pytest.raises(RecordError, match="is entered already: 1000 10⁴ yuan"):
        city.add("gdp", "2025", "1010")
    with pytest.raises(RecordError, match="from that source already"):
        city.add("gdp", "2025", "1000", reason="again")
    second = city.add("gdp", "2025", "1010", reason="final accounts")
    history = city.records.history("gdp", "city", "2025")
    assert [(one.id, one.value, one.supersedes, one.reason, one.entered_by) for one in history] == [
        (first, Decimal(1000), 0, "", "ann"), (second, Decimal(1010), first, "final accounts", "ann"),
    ]  # fmt: skip
    assert [one.value for one in city.records.in_force("gdp")] == [Decimal(1010)]
    assert [line.what for line in city.world.books.history("gdp", "city/2025")] == ["figure entered"] * 2


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"code": "gpd"}, "did you mean gdp"),
        ({"period": "2025-03"}, "gdp is of a quarter or year: 2025-03 is a month"),
        ({"period": "soon"}, "is no period"),
        ({"value": Decimal(-1)}, "is not within more than 0: gdp is in 10⁴ yuan"),
        ({"value": Decimal(0)}, "is not within more than 0: gdp is in 10⁴ yuan"),
        ({"code": "forest_cover", "value": Decimal(101)}, "is not within 0 to 100: forest_cover is in %"),
        ({"period": "2025-Q2"}, "from 1 January until the quarter's end .累计.* say --to-date"),
        ({"value": Decimal("NaN")}, "is no number"),
        ({"source": " "}, "a figure has a source"),
        ({"dated": "yesterday"}, "yesterday"),
    ],
)
def test_what_cannot_be_entered_says_why(change: dict[str, object], says: str) -> None:
    good = Record("gdp", "city", "2025", Decimal(1), "", YEARBOOK, "2026-03-20")
    assert checked(good).unit == "10⁴ yuan"
    with pytest.raises(RecordError, match=says):
        checked(good._replace(**change))  # type: ignore[arg-type]


async def test_the_cumulative_reduction_of_energy_per_gdp(city: Entered) -> None:
    # Intensities of 0.5, 0.485 and 0.46 at the prices of 2020.
    city.add("gdp", "2020", "1000")
    city.add("energy_total", "2020", "500")
    city.add("gdp", "2021", "1100")
    city.add("gdp_deflator", "2021", "1.1")
    city.add("energy_total", "2021", "485")
    await city.world.compute()
    first = city.row("energy_intensity", 2021)
    assert (first.value, first.unit, first.status) == ("3.00", "%", "on track")
    assert first.detail["years"][-1]["reduction_percent"] == "3.00"
    assert "national target" in first.detail["target_source"]
    city.add("gdp", "2023", "1200")
    city.add("gdp_deflator", "2023", "1.2")
    city.add("energy_total", "2023", "460")
    await city.world.compute()
    third = city.row("energy_intensity", 2023)
    assert (third.value, third.status, third.valid, third.expected) == ("8.00", "at risk", 8, 11), (
        "the path wants 8.33 %"
    )
    assert third.detail["lacking"] == ["energy_total 2022", "gdp 2022", "gdp_deflator 2022"]


async def test_a_corrected_figure_revises_its_year_and_those_after_it(city: Entered) -> None:
    for year, energy in ((2020, "500"), (2021, "480")):
        city.add("gdp", str(year), "1000")
        city.add("energy_total", str(year), energy)
    city.add("gdp_deflator", "2021", "1")
    await city.world.compute()
    assert city.row("energy_intensity", 2021).value == "4.00"
    city.add("energy_total", "2020", "510", source="yearbook 2025", reason="revised by the bureau")
    await city.world.compute()
    assert city.row("energy_intensity", 2021).value == "5.88"
    assert city.reasons("energy_intensity", 2021) == [
        "the period closed",
        "4.00 → 5.88: energy_total 2020: 510 tce, revised by the bureau (ann)",
    ]


async def test_a_year_without_its_figures_is_not_assessable_and_says_which(city: Entered) -> None:
    city.add("gdp", "2025", "1000")
    await city.world.compute()
    found = city.row("co2_intensity", 2025)
    assert (found.value, found.status) == (None, "not assessable")
    assert "co2_total 2025" in found.detail["sentence"]
    for code, period, value in (("co2_total", "2020", "8"), ("co2_total", "2025", "6"), ("gdp", "2020", "1000")):
        city.add(code, period, value)
    city.add("gdp_deflator", "2025", "1")
    await city.world.compute()
    assert city.reasons("co2_intensity", 2025)[-1].startswith("NA → 25.00: ")
    assert "gdp 2020: 1000 10⁴ yuan, entered (ann)" in city.reasons("co2_intensity", 2025)[-1]


async def test_an_entered_row_has_its_source(city: Entered) -> None:
    city.add("forest_cover", "2025", "48.3")
    city.add("safety_death_rate", "2025-Q3", "0.012")
    await city.world.compute()
    forest = city.row("forest_cover", 2025)
    assert (forest.value, forest.status) == ("48.3", "stated")
    assert forest.detail["sentence"] == f"48.3 % of 2025, {YEARBOOK} of 2026-03-20, by ann"
    assert city.row("safety_death_rate", 2025).detail["provisional"]
    explained = explain_row(city.world.books, city.world.plan.indicator("forest_cover"), "2025", ZONE)
    assert explained["figures"][0]["source"] == YEARBOOK


PLAN = """
[plan]
code = "p"
zh = "计划"
en = "plan"
baseline_year = 2020
target_year = 2025

[[indicator]]
code = "forest"
zh = "森林"
en = "forest"
kind = "expected"
unit = "%"
direction = "at_least"
target = 45
baseline = 40
computation = "entered"
record = "forest_cover"
scope = "city"
"""


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"entered"', '"dreamt"', "dreamt"),
        ('unit = "%"', 'unit = ""', "unit"),
        ("baseline = 40", "baseline = 50", "on the wrong side of its baseline 50"),
        ('record = "forest_cover"', "", "record names the figure"),
        ('computation = "entered"', 'computation = "good_air_days"', "record names the figure"),
        ('record = "forest_cover"', 'record = "rain_forest"', "'rain_forest' is no figure: there are gdp"),
        ("target_year = 2025", "target_year = 2019", "is not after baseline_year"),
        ('record = "forest_cover"', 'record = "forest_cover"\ncolour = "red"', "colour"),
    ],
)
def test_a_wrong_plan_is_refused_and_says_what(old: str, new: str, says: str) -> None:
    assert load_plan(PLAN, "p.toml").indicators[0].goal == 45
    with pytest.raises(PlanError, match=says):
        load_plan(PLAN.replace(old, new), "p.toml")


async def test_what_is_proposed_for_a_final_value_is_no_revision_of_what_is_shown(city: Entered) -> None:
    city.add("forest_cover", "2025", "48.3")
    await city.world.compute()
    found = city.world.judgements.latest("forest_cover", scope="city")
    Reviews(city.world.books).move(found, "final", who="ann", why="audited", now=city.world.now)
    city.add("forest_cover", "2025", "49.9", reason="typo")
    await city.world.compute()
    assert [one.judgement.value for one in Reviews(city.world.books).proposals()] == ["49.9"]
    rows = scorecard_rows(city.world.judgements, city.world.plan, 2025, ZONE, city.world.now)
    row = next(one for one in rows if one["code"] == "forest_cover")
    assert (row["value"], row["finality"], row["last_reason"]) == ("48.3", "final", "final: audited (ann)")
