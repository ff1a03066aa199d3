"""Sections of a year from a real store: months, what they rest on, targets as dated, and those at risk first."""

import asyncio
from collections.abc import Iterator
from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest

from processors.windows import day_bounds
from store.intervals import Interval, Intervals
from tests.processors.river import CLEAN, River
from tests.processors.world import ZONE


@pytest.fixture
def river(tmp_path: Path) -> Iterator[River]:
    made = River(tmp_path)
    yield made
    asyncio.run(made.world.store.close())
    made.world.books.close()


async def test_a_section_has_its_months_its_year_and_its_room(river: River) -> None:
    river.section("ltt-01")
    await river.samples("ltt-01", date(2026, 1, 1), 31, {**CLEAN, "nh3_n": 0.6})
    await river.samples("ltt-01", date(2026, 2, 1), 28, {**CLEAN, "nh3_n": 1.6})
    [found] = river.reports(date(2026, 3, 1))
    assert {month: one.cls for month, one in found.months.items()} == {1: 3, 2: 5}
    assert (found.year.evaluation.cls, found.year.compliant, found.year.definite) == (4, False, False)
    assert found.year.values["nh3_n"] == Fraction("1.1")
    assert (found.samples, found.verdict) == (59 * 6, "not")
    assert found.share == Fraction(31, 59)
    # (12 x 1.005 - 2.2) / 10
    assert found.room[0][:3] == ("nh3_n", found.room[0].limit, Fraction("0.986"))
    assert (found.margin or 0) < 0


async def test_days_and_months_need_enough(river: River) -> None:
    river.section("ltt-01")
    await river.samples("ltt-01", date(2026, 1, 1), 31, CLEAN, hours=(4, 8, 12))
    await river.samples("ltt-01", date(2026, 2, 1), 22, CLEAN)
    [found] = river.reports(date(2026, 3, 1))
    assert (found.months, found.short) == ({}, (1, 2)), "three values a day; 22 of 28 days"
    assert found.year.compliant is None
    [lenient] = river.reports(date(2026, 3, 1), values_of_day=3, percent_of_month=75)
    assert sorted(lenient.months) == [1, 2]


async def test_a_lake_is_judged_as_one_and_a_target_as_dated(river: River) -> None:
    river.section("res-01", water_body="lake", target_class=2, active_to="2026-02-01T00:00:00+08:00")
    river.section("res-01", water_body="lake", target_class=4, active_from="2026-02-01T00:00:00+08:00")
    await river.samples("res-01", date(2026, 1, 1), 31, {**CLEAN, "total_phosphorus": 0.08})
    [january] = river.reports(date(2026, 2, 1))
    assert (january.kind, january.target, january.year.compliant) == ("lake", 2, False)
    [later] = river.reports(date(2026, 3, 1))
    assert (later.target, later.year.compliant) == (4, True)


async def test_sections_at_risk_come_first_and_one_without_target_says_nothing(river: River) -> None:
    for name, nh3 in (("b-good", 0.1), ("c-near", 0.95), ("d-bad", 1.4)):
        river.section(name)
        await river.samples(name, date(2026, 1, 1), 31, {**CLEAN, "nh3_n": nh3})
    river.section("a-none", target_class=None)
    await river.samples("a-none", date(2026, 1, 1), 31, CLEAN)
    river.section("e-background", kind="background")
    await river.samples("e-background", date(2026, 1, 1), 31, CLEAN)
    found = river.reports(date(2026, 2, 1))
    assert [one.section for one in found] == ["d-bad", "c-near", "b-good", "a-none"]
    assert (found[-1].year.compliant, found[-1].room, found[-1].verdict) == (None, [], "")


async def test_calibration_counts_for_nothing(river: River) -> None:
    river.section("ltt-01")
    await river.samples("ltt-01", date(2026, 1, 1), 30, CLEAN)
    await river.samples("ltt-01", date(2026, 1, 31), 1, {**CLEAN, "nh3_n": 90.0})
    start, end = day_bounds(date(2026, 1, 31), ZONE)
    interval = Interval("water", "ltt-01", "nh3_n", start, end, "calibration", "standard check")
    Intervals(river.world.books).add(interval, period="raw", who="ann", now=0)
    [found] = river.reports(date(2026, 2, 1))
    assert found.year.values["nh3_n"] == Fraction("0.1")


def test_without_sections_there_is_no_report(river: River) -> None:
    assert river.reports() == []
