"""Quarters of energy and carbon per unit of GDP: the year to date against the same months before; provisional, and never a year.

The vector is that of standards.md §3.2: 3.0 %, 2.5 %, 4.0 % → 9.208 %, the last of them from January to June.
"""

import asyncio
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from processors.explain_page import page_of
from processors.explain_parts import NotFound
from processors.explaining import explained
from processors.records.entries import checked
from processors.scorecard import scorecard_rows
from store.records import Record, RecordError
from tests.processors.entered import Entered, a_city_with_figures
from tests.processors.world import ZONE

YEARS = (
    ("gdp", "2020", "1000"), ("energy_total", "2020", "500"),
    ("gdp", "2021", "1100"), ("gdp_deflator", "2021", "1.1"), ("energy_total", "2021", "485"),
    ("gdp", "2022", "1300"), ("gdp_deflator", "2022", "1.3"), ("energy_total", "2022", "472.875"),
)  # fmt: skip
"""Intensities of 0.5, 0.485 and 0.472875: reductions of 3.0 and 2.5 %."""
HALVES = (
    ("gdp", "2022-Q2", "520"), ("gdp_deflator", "2022-Q2", "1.3"), ("energy_total", "2022-Q2", "200"),
    ("gdp", "2023-Q2", "630"), ("gdp_deflator", "2023-Q2", "1.4"), ("energy_total", "2023-Q2", "216"),
)  # fmt: skip
"""January to June: 0.5 and 0.48, a reduction of 4.0 %."""


@pytest.fixture
def city(tmp_path: Path) -> Iterator[Entered]:
    with a_city_with_figures(tmp_path) as made:
        yield made


def add(city: Entered, *figures: tuple[str, str, str]) -> None:
    for code, period, value in figures:
        city.add(code, period, value)


async def test_a_quarter_is_the_year_to_date_against_the_same_months_before(city: Entered) -> None:
    add(city, *YEARS, *HALVES)
    await city.world.compute()
    half = city.row("energy_intensity", "2023-Q2")
    assert (half.value, half.unit, half.status) == ("9.21", "%", "on track"), "the path wants 8.33 % by 2023"
    assert half.detail["provisional"]
    assert half.detail["to_date"] == {
        "intensity": "12/25", "intensity_before": "1/2", "against": "2022-Q2", "reduction_percent": "4.00",
        "until": "2022", "until_percent": "5.42",
    }  # fmt: skip
    assert half.detail["sentence"].startswith(
        "provisional, January to June 2023: 4.00 % against the same months of 2022"
    )
    assert (half.valid, half.expected, half.detail["last_day"]) == (11, 11, "2023-06-30")
    assert {f"{one['code']} {one['period']}" for one in half.detail["figures"]} == {
        f"{code} {period}" for code, period, _ in (*YEARS, *HALVES) if period != "2021"
    }, "of the years before only the baseline and the last one have a part in it"
    assert city.world.judgements.current("energy_intensity", "city", "2023") is None, (
        "a quarter is never the year's value"
    )


async def test_a_quarter_short_of_the_path_is_at_risk_and_never_missed(city: Entered) -> None:
    add(city, *YEARS, *HALVES[:-1], ("energy_total", "2023-Q2", "225"))
    await city.world.compute()
    half = city.row("energy_intensity", "2023-Q2")
    assert (half.value, half.status) == ("5.42", "at risk"), (
        "no reduction against the same months: 5.425 % since 2020, half-even"
    )
    for code, period, value in (
        ("gdp", "2025", "1000"), ("gdp_deflator", "2025", "1"), ("energy_total", "2025", "450"),
        ("gdp", "2025-Q4", "1000"), ("gdp_deflator", "2025-Q4", "1"), ("energy_total", "2025-Q4", "450"),
        ("gdp", "2024", "1000"), ("gdp_deflator", "2024", "1"), ("energy_total", "2024", "460"),
        ("gdp", "2024-Q4", "1000"), ("gdp_deflator", "2024-Q4", "1"), ("energy_total", "2024-Q4", "460"),
    ):  # fmt: skip
        city.add(code, period, value)
    await city.world.compute()
    assert (city.row("energy_intensity", 2025).value, city.row("energy_intensity", 2025).status) == ("10.00", "missed")
    last = city.row("energy_intensity", "2025-Q4")
    assert (last.value, last.status) == ("10.00", "at risk"), "the same figures, and not the year's verdict"


async def test_what_is_missing_is_named_and_what_is_known_is_said(city: Entered) -> None:
    add(city, *HALVES[:-1], *YEARS[:-1])
    await city.world.compute()
    half = city.row("energy_intensity", "2023-Q2")
    assert (half.value, half.status) == (None, "not assessable")
    assert half.detail["lacking"] == ["energy_total 2023-Q2", "energy_total 2022"]
    assert half.detail["sentence"].endswith("not assessable: energy_total 2023-Q2, energy_total 2022 not entered")
    add(city, HALVES[-1])
    await city.world.compute()
    half = city.row("energy_intensity", "2023-Q2")
    assert (half.value, half.status, half.detail["to_date"]["reduction_percent"]) == (None, "not assessable", "4.00")
    assert (
        "4.00 % against the same months of 2022; since 2020 not assessable: energy_total 2022 not entered"
        in (half.detail["sentence"])
    )
    add(city, YEARS[-1])
    await city.world.compute()
    assert city.reasons("energy_intensity", "2023-Q2") == [
        "the period closed",
        "NA, coverage 9/11 → 10/11: energy_total 2023-Q2: 216 tce, entered (ann)",
        "NA → 9.21: energy_total 2022: 472.875 tce, entered (ann)",
    ]


async def test_the_year_after_the_baseline_needs_no_years_before_it(city: Entered) -> None:
    for period, energy in (("2020-Q1", "120"), ("2021-Q1", "117")):
        add(city, ("gdp", period, "240"), ("gdp_deflator", period, "1"), ("energy_total", period, energy))
    await city.world.compute()
    assert city.row("energy_intensity", "2021-Q1").value == "2.50"
    assert city.world.judgements.current("energy_intensity", "city", "2020-Q1") is None, "there is nothing before it"


async def test_when_the_year_comes_it_stands_and_its_quarters_stay_as_they_were(city: Entered) -> None:
    add(city, *YEARS, *HALVES)
    await city.world.compute()
    before = city.world.judgements.history(city.row("energy_intensity", "2023-Q2").key)
    rows = {
        row["code"]: row for row in scorecard_rows(city.world.judgements, city.world.plan, 2023, ZONE, city.world.now)
    }
    row = rows["energy_intensity"]
    assert (row["period"], row["value"], row["provisional"], row["status"]) == ("2023-Q2", "9.21", True, "on track")
    assert row["explained_by"] == "cityflux explain energy_intensity 2023-Q2"
    add(city, ("gdp", "2023", "1400"), ("gdp_deflator", "2023", "1.4"))
    await city.world.compute()
    assert city.row("energy_intensity", 2023).status == "not assessable"
    shown = {r["code"]: r for r in scorecard_rows(city.world.judgements, city.world.plan, 2023, ZONE, city.world.now)}
    assert shown["energy_intensity"]["period"] == "2023-Q2", "the year has no value yet"
    city.add("energy_total", "2023", "460")
    await city.world.compute()
    shown = {r["code"]: r for r in scorecard_rows(city.world.judgements, city.world.plan, 2023, ZONE, city.world.now)}
    assert (shown["energy_intensity"]["period"], shown["energy_intensity"]["value"]) == ("2023", "8.00")
    assert shown["energy_intensity"]["trend"] == "better (+2.58)", "against 2022, 5.42: not against a quarter"
    assert city.world.judgements.history(city.row("energy_intensity", "2023-Q2").key) == before
    later = {r["code"]: r for r in scorecard_rows(city.world.judgements, city.world.plan, 2024, ZONE, city.world.now)}
    assert later["energy_intensity"]["period"] == "2023", (
        "of a year without any the last that has one, not its quarters"
    )


async def test_a_correction_revises_the_quarters_that_rest_on_it(city: Entered) -> None:
    add(city, *YEARS, *HALVES)
    await city.world.compute()
    city.add("gdp", "2022-Q2", "546", source="monthly 2023", reason="census")
    await city.world.compute()
    half = city.row("energy_intensity", "2023-Q2")
    assert half.detail["to_date"]["reduction_percent"] == "-0.80", "0.48 against 200 / 420"
    assert city.reasons("energy_intensity", "2023-Q2")[-1] == "9.21 → 4.67: gdp 2022-Q2: 546 10⁴ yuan, census (ann)"
    assert city.row("energy_intensity", "2022-Q2").status == "not assessable", "nothing is entered of the year before"


@settings(max_examples=12, deadline=None, phases=(Phase.generate,))
@given(st.permutations([*YEARS, *HALVES]), st.integers(1, 13))
def test_in_any_order_the_quarter_ends_the_same(figures: list[tuple[str, str, str]], cut: int) -> None:
    with TemporaryDirectory() as folder, a_city_with_figures(Path(folder)) as city:
        for part in (figures[:cut], figures[cut:]):
            add(city, *part)
            asyncio.run(city.world.compute())
        half = city.row("energy_intensity", "2023-Q2")
        assert (half.value, half.detail["to_date"]["until_percent"], half.valid) == ("9.21", "5.42", 11)


async def test_a_period_that_ends_while_nothing_runs_is_published_afterwards(city: Entered) -> None:
    city.world.go_to(date(2022, 12, 28), 12)
    add(city, *YEARS)
    for period, energy in (("2021-Q4", "485"), ("2022-Q4", "470")):
        add(city, ("gdp", period, "1000"), ("gdp_deflator", period, "1"), ("energy_total", period, energy))
    await city.world.compute()
    for period in ("2022-Q4", "2022"):
        assert city.world.judgements.current("energy_intensity", "city", period)[1] == "running"  # type: ignore[index]
    city.world.go_to(date(2023, 1, 4), 12)
    await city.world.compute()
    for period in ("2022-Q4", "2022"):
        assert city.reasons("energy_intensity", period) == ["the period closed"]


async def test_a_quarter_is_explained_to_its_figures(city: Entered) -> None:
    add(city, *YEARS, *HALVES)
    await city.world.compute()
    row = city.world.plan.indicator("energy_intensity")
    answer = explained(city.world.books, city.world.store, row, "2023-Q2", ZONE)
    page = page_of(answer)
    said = repr(page)
    assert page.title.endswith("cumulative 2023-Q2")
    assert "('2023-Q2, from 1 January', '0.48', '4.00', '9.21')" in said
    assert "('2022-Q2, from 1 January', '0.5', '', '')" in said
    assert "yearbook 2024, file 12" in said
    with pytest.raises(NotFound, match="write for example 2025, or 2026-Q1"):
        explained(city.world.books, city.world.store, row, "2023-05", ZONE)
    forest = city.world.plan.indicator("forest_cover")
    with pytest.raises(NotFound, match="is of a year"):
        explained(city.world.books, city.world.store, forest, "2023-Q2", ZONE)


def test_what_adds_up_cannot_become_less(city: Entered) -> None:
    city.add("gdp", "2025-Q1", "500")
    with pytest.raises(RecordError, match=r"gdp of 2025-Q2 is 480 .* and of 2025-Q1 500: both begin on 1 January"):
        city.add("gdp", "2025-Q2", "480")
    city.add("gdp", "2025-Q2", "1020")
    with pytest.raises(RecordError, match=r"gdp of 2025-Q1 is 1100 .* and of 2025-Q2 1020"):
        city.add("gdp", "2025-Q1", "1100", reason="typed wrong")
    with pytest.raises(RecordError, match="gdp of 2025 is 900"):
        city.add("gdp", "2025", "900")
    city.add("gdp", "2025-Q4", "2100")
    city.add("gdp", "2025", "2080")
    city.add("gdp_deflator", "2025-Q1", "1.02")
    city.add("gdp_deflator", "2025-Q2", "1.01")
    year = Record("gdp", "city", "2025", city.records.in_force("gdp")[0].value, "", "yearbook", "2026-03-20")
    with pytest.raises(RecordError, match="--to-date is of a quarter: 2025 is a year"):
        checked(year, to_date=True)
    assert checked(year._replace(period="2025-Q1")).period == "2025-Q1", "of the first quarter both mean the same"
