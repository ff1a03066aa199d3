"""Sections, rivers and the city from samples in a real store: days, months, years, what they rest on, targets as dated, room,
revisions with their causes."""

import asyncio
from collections.abc import Iterator
from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest

from processors.water.validity import validity
from processors.windows import day_bounds
from sensors.instants import HOUR_MS
from sensors.reading import Doubt
from store.intervals import Interval, Intervals
from store.reviews import Reviews
from tests.processors.river import CLEAN, River
from tests.processors.world import ZONE

LT01 = "section:lt-01"


@pytest.fixture
def river(tmp_path: Path) -> Iterator[River]:
    made = River(tmp_path)
    yield made
    asyncio.run(made.world.store.close())
    made.world.books.close()


async def test_a_section_has_its_days_months_year_and_room(river: River) -> None:
    river.section("lt-01")
    await river.samples("lt-01", date(2026, 1, 1), 31, {**CLEAN, "nh3_n": 0.6})
    await river.samples("lt-01", date(2026, 2, 1), 28, {**CLEAN, "nh3_n": 1.6})
    await river.compute(date(2026, 3, 1))
    day = river.of(LT01, "2026-02-11", "water_section_day")
    assert (day.value, day.status, day.valid, day.expected) == ("5", "missed", 6, 6)
    assert day.detail["main"] == ["nh3_n"]
    assert day.detail["items"]["nh3_n"]["multiple_of_class_3"] == "0.60"
    january, february, year = (river.of(LT01, period) for period in ("2026-01", "2026-02", "2026"))
    assert (january.value, january.status, january.detail["definite"]) == ("3", "met", True)
    assert (february.value, february.status, february.detail["target"]) == ("5", "missed", 3)
    assert (year.value, year.status, year.detail["definite"]) == ("4", "at risk", False)
    assert year.detail["items"]["nh3_n"]["exact"] == "11/10"
    assert year.detail["samples"]["n"] == 59 * 6
    assert (year.detail["samples"]["percent"], year.detail["samples"]["verdict"]) == ("52.5", "not")
    # (12 x 1.005 - 2.2) / 10
    first = year.detail["room"][0]
    assert (first["item"], Fraction(first["may_average"]), first["limit"]) == ("nh3_n", Fraction("0.986"), "1.0")
    assert Fraction(first["margin"]) < 0
    assert "nh3_n may average ≤ 0.986 mg/L in the 10 months left" in year.detail["sentence"]
    assert {month: one["class"] for month, one in year.detail["months"].items()} == {"01": 3, "02": 5}


async def test_days_and_months_need_enough_and_a_city_may_say_how_much(river: River) -> None:
    river.section("lt-01")
    await river.samples("lt-01", date(2026, 1, 1), 31, CLEAN, hours=(4, 8, 12))
    await river.samples("lt-01", date(2026, 2, 1), 22, CLEAN)
    await river.compute(date(2026, 3, 1))
    day = river.of(LT01, "2026-01-05", "water_section_day")
    assert (day.value, day.status, day.detail["short"]["codmn"]) == (None, "not assessable", 3)
    assert [river.of(LT01, f"2026-0{n}").status for n in (1, 2)] == ["not assessable"] * 2, "22 of 28 days"
    year = river.of(LT01, "2026")
    assert (year.value, year.detail["months_short"]) == (None, ["01", "02"])
    assert "from memory" in year.detail["validity"]["known"]["values_of_day"]
    river.rule = validity(values_of_day=3, percent_of_month=75)
    for name in (1, 2):
        await river.samples("lt-01", date(2026, name, 1), 1, {"turbidity": 3.0})
    await river.compute()
    assert river.of(LT01, "2026-01-01", "water_section_day").value == "2"
    assert (
        river.of(LT01, "2026-01-01", "water_section_day").detail["validity"]["known"]["values_of_day"]
        == "set by the city"
    )


async def test_a_lake_is_judged_as_one_and_a_target_as_dated(river: River) -> None:
    river.section("res-01", water_body="lake", target_class=2, active_to="2026-02-01T00:00:00+08:00")
    river.section("res-01", water_body="lake", target_class=4, active_from="2026-02-01T00:00:00+08:00")
    lake = {**CLEAN, "total_phosphorus": 0.06, "total_nitrogen": 1.2, "codmn": 4.5}
    lake |= {"chlorophyll_a": 0.02, "transparency": 0.8}  # with these the vector of standards.md, 2.2
    await river.samples("res-01", date(2026, 1, 1), 59, lake)
    await river.compute(date(2026, 3, 1))
    january, february = river.of("section:res-01", "2026-01"), river.of("section:res-01", "2026-02")
    assert (january.value, january.detail["kind"], january.detail["target"], january.status) == (
        "4",
        "lake",
        2,
        "missed",
    )
    assert (february.detail["target"], february.status) == (4, "met")
    assert january.detail["trophic"] == {"index": 52.5, "zh": "轻度富营养", "en": "lightly eutrophic"}
    assert "total_nitrogen" not in january.detail["items"]
    assert january.detail["others"]["total_nitrogen"]["exact"] == "6/5"


async def test_people_sample_too_but_behind_the_automatic_station(river: River) -> None:
    river.section("lt-01")
    river.section("lt-01-lab", section="lt-01", sampling="manual")
    await river.samples("lt-01", date(2026, 1, 1), 31, {k: v for k, v in CLEAN.items() if k != "codmn"})
    below = {"mercury": Doubt("below_detection", 0.00004), "copper": Doubt("below_detection", 1.5)}
    await river.samples("lt-01-lab", date(2026, 1, 7), 1, {"nh3_n": 1.9, "codmn": 7.0, "lead": 0.02}, (10,), below)
    await river.samples(
        "lt-01-lab", date(2026, 1, 17), 1, {"codmn": 8.0}, (10,), {"lead": Doubt("below_detection", 0.01)}
    )
    await river.compute(date(2026, 2, 1))
    items = river.of(LT01, "2026-01").detail["items"]
    assert (items["nh3_n"]["by"], items["nh3_n"]["exact"]) == ("automatic", "1/10"), "82号: automatic first"
    assert (items["codmn"]["by"], items["codmn"]["n"], items["codmn"]["exact"]) == ("manual", 2, "15/2")
    assert items["lead"]["exact"] == "1/80", "half of the detection limit: (0.02 + 0.005) / 2"
    assert (items["mercury"]["class"], items["mercury"]["undetermined"]) == (1, False)
    assert (items["copper"]["undetermined"], items["copper"]["limit"]) == (True, "3/2"), (
        "its limit is above what is to be kept"
    )
    month = river.of(LT01, "2026-01")
    assert (month.value, month.stations, month.detail["definite"]) == ("4", ("lt-01", "lt-01-lab"), False)
    day = river.of(LT01, "2026-01-07", "water_section_day")
    assert day.detail["manual"]["mercury"] == ["<4e-05"]
    assert (day.valid, day.expected) == (6, 6), "samples of people are no cycles"


async def test_the_city_and_a_river_are_made_of_their_sections(river: River) -> None:
    for name, nh3 in (("b-good", 0.1), ("c-near", 0.95), ("d-bad", 1.4)):
        river.section(name, river="liangtan")
        await river.samples(name, date(2026, 1, 1), 31, {**CLEAN, "nh3_n": nh3})
    river.section("a-none", target_class=None)
    await river.samples("a-none", date(2026, 1, 1), 31, CLEAN)
    river.section("e-background", kind="background")
    await river.samples("e-background", date(2026, 1, 1), 31, CLEAN)
    river.section("f-silent", river="liangtan")
    await river.compute(date(2026, 2, 1))
    city = river.of("city", "2026-01", "water_status")
    assert (city.value, city.status, city.valid, city.expected) == ("66.7", "missed", 4, 5)
    assert city.detail["silent"] == ["f-silent"]
    assert city.detail["sections"]["a-none"]["kept"] is None
    assert "e-background" not in city.detail["sections"]
    assert (city.detail["percent_good"], city.detail["percent_inferior"]) == ("75.0", "0.0")
    its = river.of("river:liangtan", "2026-01", "water_status")
    assert (its.detail["status"]["zh"], its.detail["status"]["method"]) == ("良好", "mean of the sections")
    assert its.detail["main"] == [{"item": "nh3_n", "percent": "33.3"}]
    assert [name for name, _ in its.detail["ranking"]] == ["b-good", "c-near", "d-bad"]
    year = river.of("city", "2026", "water_sections")
    assert (year.value, year.unit, year.status) == ("66.7", "%", "at risk")
    assert year.detail["sentence"] == "2 of 3 sections keep their target by the mean of their months; not: d-bad Ⅳ/Ⅲ"


async def test_a_year_whose_target_is_out_of_reach_is_missed_before_it_ends(river: River) -> None:
    river.section("lt-01")
    await river.samples("lt-01", date(2026, 1, 1), 31, {**CLEAN, "nh3_n": 13.0})
    await river.compute(date(2026, 2, 1))
    assert "cannot be reached any more" in river.of(LT01, "2026").detail["sentence"]
    assert [river.of(scope, "2026", code).status for scope, code in ((LT01, "water_section"), ("city", "water_sections"))] == [
        "missed", "missed",
    ]  # fmt: skip


async def test_late_samples_revise_day_month_river_and_say_so(river: River) -> None:
    river.section("lt-01")
    await river.samples("lt-01", date(2026, 1, 1), 30, CLEAN)
    await river.samples("lt-01", date(2026, 1, 31), 1, CLEAN, hours=(4, 8, 12, 16))
    await river.compute(date(2026, 2, 2))
    assert river.of(LT01, "2026-01").value == "2"
    await river.samples("lt-01", date(2026, 1, 31), 1, {**CLEAN, "nh3_n": 90.0}, hours=(20, 24))
    await river.compute()
    day = river.revisions(LT01, "2026-01-31", "water_section_day")[-1]
    assert day.reason == "2 → 6: 2 late samples of lt-01"
    month = river.revisions(LT01, "2026-01")[-1]
    assert month.reason == f"2 → 4: 2026-01-31: {day.reason}"
    city = river.revisions("city", "2026-01", "water_status")[-1]
    assert city.reason == f"100.0 → 0.0: lt-01: {month.reason}"
    await river.samples("lt-01", date(2026, 1, 31), 1, {}, (20, 24), {"nh3_n": Doubt("withdrawn", 90.0)})
    await river.compute()
    assert river.revisions(LT01, "2026-01-31", "water_section_day")[-1].reason == (
        "6 → 2: 2 samples of lt-01 withdrawn, doubtful or withheld"
    )
    assert river.of("city", "2026-01", "water_status").value == "100.0"


async def test_calibration_counts_for_nothing(river: River) -> None:
    river.section("lt-01")
    await river.samples("lt-01", date(2026, 1, 1), 30, CLEAN)
    await river.samples("lt-01", date(2026, 1, 31), 1, {**CLEAN, "nh3_n": 90.0})
    await river.compute(date(2026, 2, 1))
    assert river.of(LT01, "2026-01").value == "6"
    start, end = day_bounds(date(2026, 1, 31), ZONE)
    interval = Interval("water", "lt-01", "nh3_n", start, end, "calibration", "standard check")
    Intervals(river.world.books).add(interval, period="raw", who="ann", now=river.world.now)
    await river.compute()
    assert river.of(LT01, "2026-01").detail["items"]["nh3_n"]["exact"] == "1/10"


async def test_another_target_is_said_as_the_cause(river: River) -> None:
    river.section("lt-01")
    await river.samples("lt-01", date(2026, 1, 1), 31, {**CLEAN, "nh3_n": 0.6})
    await river.compute(date(2026, 2, 2))
    river.section("lt-01", target_class=2)
    await river.compute()
    assert river.of(LT01, "2026-01").status == "missed"
    assert river.revisions(LT01, "2026-01-31", "water_section_day")[-1].reason == "3, met → missed: target 3 → 2"


async def test_a_final_day_is_only_proposed_and_its_month_follows_when_a_person_accepts(river: River) -> None:
    river.section("lt-01")
    await river.samples("lt-01", date(2026, 1, 1), 31, CLEAN)
    await river.compute(date(2026, 2, 2))
    reviews, judgements = Reviews(river.world.books), river.world.judgements
    reviews.move(
        judgements.latest(first="2026-01", last="2026-01~"), "final", who="ann", why="audited", now=river.world.now
    )
    await river.samples("lt-01", date(2026, 1, 31), 1, {"nh3_n": 90.0}, hours=(24,))
    await river.compute()
    assert river.of(LT01, "2026-01").value == "2"
    [proposed] = reviews.proposals()
    assert (proposed.judgement.key.period, proposed.judgement.value) == ("2026-01-31", "6")
    window = ("water", "raw", day_bounds(date(2026, 1, 31), ZONE)[1] // HOUR_MS - 1)
    reviews.decide(proposed.id, "accept", who="ann", why="confirmed", now=river.world.now, window=window)
    await river.compute()
    assert {one.judgement.key.indicator for one in reviews.proposals()} == {"water_section", "water_status"}


async def test_points_of_a_lake_are_averaged_over_time_then_over_space(river: River) -> None:
    river.section("res-01", water_body="lake")
    river.section("res-01-b", section="res-01")
    await river.samples("res-01", date(2026, 1, 1), 1, {**CLEAN, "codmn": 2.0})
    await river.samples("res-01-b", date(2026, 1, 1), 1, {**CLEAN, "codmn": 4.0}, hours=(4, 8, 12, 16))
    await river.compute(date(2026, 1, 3))
    day = river.of("section:res-01", "2026-01-01", "water_section_day")
    assert day.detail["items"]["codmn"]["exact"] == "3", "not 14/5"


async def test_who_samples_a_section_may_change_afterwards(river: River) -> None:
    river.section("lt-01")
    river.section("lt-02")
    river.section("probe", section="lt-01")
    await river.samples("probe", date(2026, 1, 1), 31, CLEAN)
    await river.compute(date(2026, 2, 2))
    assert river.of(LT01, "2026-01").value == "2"
    river.section("lt-01", target_class=1)
    await river.compute()
    assert river.of(LT01, "2026-01").status == "missed", "a section that others sample has its days too"
    river.section("probe", section="lt-02")
    await river.compute()
    assert river.of("section:lt-02", "2026-01").value == "2"
    assert (river.of(LT01, "2026-01").value, river.of(LT01, "2026-01-05", "water_section_day").status) == (
        None, "not assessable",
    )  # fmt: skip
    assert river.revisions(LT01, "2026-01-05", "water_section_day")[-1].reason == (
        "2 → NA: 6 samples of probe withdrawn, doubtful or withheld"
    )


async def test_a_section_that_is_not_assessed_any_more_leaves_the_city_of_closed_months_too(river: River) -> None:
    for name, nh3 in (("lt-01", 0.1), ("lt-02", 1.4)):
        river.section(name)
        await river.samples(name, date(2026, 1, 1), 31, {**CLEAN, "nh3_n": nh3})
    await river.compute(date(2026, 2, 2))
    assert river.of("city", "2026-01", "water_status").value == "50.0"
    river.section("lt-02", kind="background")
    await river.compute()
    assert river.of("city", "2026-01", "water_status").value == "100.0"
    assert river.revisions("city", "2026-01", "water_status")[-1].reason == "50.0 → 100.0: made of others: -lt-02"


async def test_a_month_is_compared_with_the_one_before_and_a_year_ago(river: River) -> None:
    river.section("lt-01", river="liangtan")
    await river.samples("lt-01", date(2025, 1, 1), 31, {**CLEAN, "nh3_n": 3.0})
    await river.samples("lt-01", date(2025, 12, 1), 31, CLEAN)
    await river.samples("lt-01", date(2026, 1, 1), 31, CLEAN)
    await river.compute(date(2026, 2, 2))
    trend = river.of("river:liangtan", "2026-01", "water_status").detail["trend"]
    assert trend["month before"] == {"against": "2025-12", "points": "0.0", "says": "no change"}
    assert trend["year before"] == {"against": "2025-01", "points": "200.0", "says": "clear improvement"}


async def test_a_quarter_is_the_mean_of_its_months_and_needs_two(river: River) -> None:
    river.section("lt-01")
    await river.samples("lt-01", date(2026, 1, 1), 31, {**CLEAN, "nh3_n": 0.8})
    await river.compute(date(2026, 4, 2))
    assert river.of(LT01, "2026-Q1").status == "not assessable"
    await river.samples("lt-01", date(2026, 3, 1), 31, {**CLEAN, "nh3_n": 1.4})
    await river.compute()
    quarter = river.of(LT01, "2026-Q1")
    assert (quarter.value, quarter.detail["items"]["nh3_n"]["exact"], quarter.status) == ("4", "11/10", "missed")


async def test_without_sections_there_is_nothing(river: River) -> None:
    await river.compute(date(2026, 2, 1))
    assert river.world.judgements.current("water_status", "city", "2026-01") is None
