"""Every table against every other that says something about the same fact."""

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import pairwise

import pytest

from processors.standards.tables import (
    ASSESSMENTS,
    INDEXES,
    LIMITS,
    POLLUTANTS,
    Dated,
    Index,
    Limits,
    air_rules,
    index_named,
)
from sensors.quantities import OF_FAMILY

AIR = OF_FAMILY["air"]
OLD, NEW = index_named("HJ633-2012"), index_named("HJ633-2026")

by_name = pytest.mark.parametrize("index", INDEXES, ids=lambda index: index.name)
by_stage = pytest.mark.parametrize("stage", LIMITS, ids=lambda stage: stage.name)


@by_name
def test_index_tables_name_quantities_that_exist(index: Index) -> None:
    named = {table.rpartition("_")[0] for table in index.breakpoints.tables}
    named |= {indicator.pollutant for variant in index.variants for indicator in variant.indicators}
    assert named == set(index.rounding.digits) == set(POLLUTANTS)
    assert index.pollutants == POLLUTANTS
    assert named <= set(AIR)
    assert {f"iaqi_{code}" for code in POLLUTANTS} | {"aqi", "coverage"} == set(OF_FAMILY["air-index"])


@by_stage
def test_limits_name_quantities_that_exist_in_units_that_fit(stage: Limits) -> None:
    assert set(POLLUTANTS) < set(stage.limits) <= set(AIR)
    for code, limits in stage.limits.items():
        assert AIR[code].unit == ("mg/m³" if code == "co" else "µg/m³")
        for grade_1, grade_2 in limits.values():
            assert AIR[code].low < grade_1 <= grade_2 < AIR[code].high


@by_name
def test_breakpoints_rise_and_are_as_long_as_the_index_or_say_what_follows(index: Index) -> None:
    steps = index.breakpoints.iaqi
    assert all(low < high for low, high in pairwise(steps))
    for name, points in index.breakpoints.tables.items():
        assert points[0] == 0
        assert all(low < high for low, high in pairwise(points)), name
        assert (len(points) < len(steps)) == (name in index.breakpoints.above), name
        assert len(points) <= len(steps)
        assert points[-1] <= AIR[name.rpartition("_")[0]].high


def test_both_editions_have_the_same_tables_and_differ_in_two_cells() -> None:
    assert OLD.breakpoints.iaqi == NEW.breakpoints.iaqi
    assert {name: len(points) for name, points in OLD.breakpoints.tables.items()} == {
        name: len(points) for name, points in NEW.breakpoints.tables.items()
    }
    differing = {
        (name, steps, old, new)
        for name, points in OLD.breakpoints.tables.items()
        for steps, old, new in zip(OLD.breakpoints.iaqi, points, NEW.breakpoints.tables[name], strict=False)
        if old != new
    }
    assert differing == {("pm10_24h", 100, 150, 120), ("pm2_5_24h", 100, 75, 60)}


@by_name
def test_what_follows_a_short_table_is_the_index_it_ends_with_or_a_full_table(index: Index) -> None:
    for name, above in index.breakpoints.above.items():
        points = index.breakpoints.tables[name]
        if above.table is None:
            assert above.iaqi == index.breakpoints.iaqi[len(points) - 1]
        else:
            assert len(index.breakpoints.tables[above.table]) == len(index.breakpoints.iaqi)
            kinds = {v.kind for v in index.variants for i in v.indicators if i.table == name}
            assert all(above.statistic(kind) is not None for kind in kinds)


@by_name
def test_categories_cover_the_range_without_gap_or_overlap(index: Index) -> None:
    categories = index.categories
    assert (categories[0].low, categories[-1].high) == index.index.range
    assert all(following.low == category.high + 1 for category, following in pairwise(categories))
    assert [index.category(aqi).code for aqi in (50, 51, 100, 101, 300, 301, 500)] == [
        "excellent", "good", "good", "light", "heavy", "severe", "severe",
    ]  # fmt: skip
    assert {category.high for category in categories[:2]} == {index.index.primary_above, index.index.exceeding_above}


def test_categories_of_the_editions_differ_only_in_where_the_first_starts() -> None:
    without_start = [
        [c.model_dump(exclude={"low"} if c.code == "excellent" else set()) for c in index.categories]
        for index in INDEXES
    ]
    assert without_start[0] == without_start[1]


@by_name
def test_variants_hold_each_statistic_against_a_table_of_its_own_pollutant(index: Index) -> None:
    names = {(variant.kind, variant.name) for variant in index.variants}
    assert names == {("realtime", "CNEMC-realtime"), ("realtime", "clause"), ("daily", "practice"), ("daily", "clause")}
    assert len(index.variants) == len(names)
    for variant in index.variants:
        assert {indicator.pollutant for indicator in variant.indicators} == set(POLLUTANTS)
        for indicator in variant.indicators:
            assert indicator.table in index.breakpoints.tables
            assert indicator.table.startswith(f"{indicator.pollutant}_")


@pytest.mark.parametrize("editions", [INDEXES, LIMITS, ASSESSMENTS], ids=["HJ 633", "GB 3095", "HJ 663"])
def test_dates_of_editions_follow_each_other_without_gap_or_overlap(editions: Sequence[Dated]) -> None:
    assert editions[0].effective_from is None
    assert editions[-1].effective_to is None
    for edition, following in pairwise(editions):
        assert edition.effective_to is not None
        assert following.effective_from == edition.effective_to + timedelta(days=1)
    assert len({edition.name for edition in editions}) == len(editions)


@pytest.mark.parametrize(
    ("day", "names"),
    [
        (date(2014, 5, 13), ("HJ633-2012", "GB3095-2012", "HJ663-2013")),
        (date(2018, 8, 31), ("HJ633-2012", "GB3095-2012", "HJ663-2013")),
        (date(2018, 9, 1), ("HJ633-2012", "GB3095-2012+2018", "HJ663-2013")),
        (date(2026, 2, 28), ("HJ633-2012", "GB3095-2012+2018", "HJ663-2013")),
        (date(2026, 3, 1), ("HJ633-2026", "GB3095-2026-transition", "HJ663-2026")),
        (date(2030, 12, 31), ("HJ633-2026", "GB3095-2026-transition", "HJ663-2026")),
        (date(2031, 1, 1), ("HJ633-2026", "GB3095-2026-final", "HJ663-2026")),
    ],
)
def test_the_date_chooses_the_editions(day: date, names: tuple[str, str, str]) -> None:
    rules = air_rules(day)
    assert (rules.index.name, rules.limits.name, rules.assessment.name) == names


@pytest.mark.parametrize(
    ("day", "standard", "limits"),
    [
        (date(2025, 6, 1), "HJ633-2026", "GB3095-2026-transition"),
        (date(2026, 6, 1), "HJ633-2012", "GB3095-2012+2018"),
        (date(2032, 6, 1), "HJ633-2026", "GB3095-2026-final"),
        (date(2017, 6, 1), "HJ633-2012", "GB3095-2012"),
    ],
)
def test_an_edition_on_request_brings_the_limits_of_its_own_time(day: date, standard: str, limits: str) -> None:
    rules = air_rules(day, standard)
    assert (rules.index.name, rules.limits.name) == (standard, limits)


DAILY_TABLES = {"pm2_5": "daily", "pm10": "daily", "so2": "daily", "no2": "daily", "co": "daily", "o3": "mda8"}


def at_100(index: Index, table: str) -> int:
    """The concentration at which the sub-index is 100."""
    return index.breakpoints.tables[table][index.breakpoints.iaqi.index(100)]


@pytest.mark.parametrize(
    "day", [date(2016, 1, 1), date(2020, 1, 1), date(2026, 2, 28), date(2026, 3, 1), date(2030, 12, 31)]
)
def test_index_100_is_the_grade_ii_limit_until_the_end_of_2030(day: date) -> None:
    rules = air_rules(day)
    for code, averaging in DAILY_TABLES.items():
        assert (
            at_100(rules.index, f"{code}_{'8h' if code == 'o3' else '24h'}") == rules.limits.limits[code][averaging][1]
        )
    for code in ("so2", "no2", "co", "o3"):
        assert at_100(rules.index, f"{code}_1h") == rules.limits.limits[code]["1h"][1]


def test_from_2031_four_daily_limits_are_below_index_100() -> None:
    rules = air_rules(date(2031, 1, 1))
    apart = {
        code: (
            at_100(rules.index, f"{code}_{'8h' if code == 'o3' else '24h'}"),
            rules.limits.limits[code][averaging][1],
        )
        for code, averaging in DAILY_TABLES.items()
    }
    assert {code: pair for code, pair in apart.items() if pair[0] != pair[1]} == {
        "pm2_5": (60, 50), "pm10": (120, 100), "so2": (150, 50), "no2": (80, 50),
    }  # fmt: skip


def test_grade_i_limits_are_index_50_where_both_editions_say_so() -> None:
    for rules in (air_rules(date(2026, 2, 28)), air_rules(date(2026, 3, 1))):
        step = rules.index.breakpoints.iaqi.index(50)
        assert rules.index.breakpoints.tables["pm2_5_24h"][step] == rules.limits.limits["pm2_5"]["daily"][0]
        assert rules.index.breakpoints.tables["o3_8h"][step] == rules.limits.limits["o3"]["mda8"][0]
