"""A section's year, rivers, lakes and rankings: vectors, and that what is said of the months left is exact."""

from collections.abc import Mapping
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from processors.indicators.water_class import INFERIOR
from processors.indicators.water_means import sample
from processors.indicators.water_periods import (
    by_ratio,
    compliance_rate,
    month_values,
    ranking_index,
    river_status,
    room,
    section_year,
    share_of_samples,
    trophic_level,
    trophic_state,
)
from processors.standards.water import water_evaluation, water_standard

CLEAN = {"ph": "7.5", "dissolved_oxygen": "8", "codmn": "2", "nh3_n": "0.1", "total_phosphorus": "0.05"}


def of(**changes: str) -> dict[str, Fraction]:
    return {code: Fraction(text) for code, text in {**CLEAN, **changes}.items()}


def year(*nh3: str) -> Mapping[int, Mapping[str, Fraction]]:
    return {month: of(nh3_n=value) for month, value in enumerate(nh3, start=1)}


def test_the_class_of_a_year_is_that_of_the_mean_of_its_months() -> None:
    found = section_year(year(*["0.4"] * 11, "3.0"), "river", target=3)
    assert found.values["nh3_n"] == Fraction("0.62")  # (11 x 0.4 + 3.0) / 12 = 0.6167
    assert (found.evaluation.cls, found.compliant, found.definite) == (3, True, True)
    assert not section_year(year("0.4"), "river", target=3).definite, "a month is no year"
    assert section_year({}, "river", target=3).compliant is None


def test_compliance_in_both_definitions() -> None:
    good, bad, none = (section_year(months, "river", 2) for months in (year("0.4"), year("1.2"), {}))
    assert compliance_rate([good, bad, none]) == (1, 2)
    assert share_of_samples([2] * 8 + [4] * 2, 2) == (Fraction(4, 5), "compliant")
    assert share_of_samples([2] * 7 + [4] * 3, 2)[1] == "basically"
    assert share_of_samples([2] * 6 + [4] * 4, 2)[1] == "not"


def test_a_month_takes_half_the_detection_limit() -> None:
    values = month_values({"nh3_n": [sample("<0.02"), sample("0.05")], "codmn": []})
    assert values == {"nh3_n": Fraction("0.03")}


amounts = st.decimals(0, 3, places=3, allow_nan=False, allow_infinity=False).map(Fraction)


@given(st.lists(amounts, min_size=1, max_size=11), st.sampled_from([2, 3, 4]))
def test_the_room_of_the_months_left_is_exact(months: list[Fraction], target: int) -> None:
    known = {number: {"nh3_n": value} for number, value in enumerate(months, start=1)}
    left = 12 - len(months)
    [found] = room(known, "river", target, left)
    if found.may_average is None:
        best = {**known, **{12 - number: {"nh3_n": Fraction(0)} for number in range(left)}}
        assert not section_year(best, "river", target).compliant
        return
    assume(found.may_average >= 0)
    at_edge = {**known, **{12 - number: {"nh3_n": found.may_average} for number in range(left)}}
    beyond = {**known, **{12 - number: {"nh3_n": found.may_average + Fraction(1, 1000)} for number in range(left)}}
    within = {
        **known,
        **{12 - n: {"nh3_n": max(found.may_average - Fraction(1, 1000), Fraction(0))} for n in range(left)},
    }
    assert section_year(at_edge, "river", target).compliant is found.inclusive
    assert not section_year(beyond, "river", target).compliant
    if found.may_average > Fraction(1, 1000):
        assert section_year(within, "river", target).compliant


def test_items_at_risk_come_first() -> None:
    months = {month: of(nh3_n="0.9", total_phosphorus="0.25", dissolved_oxygen="6") for month in range(1, 7)}
    found = room(months, "river", 3, 6)
    assert [one.code for one in found[:3]] == ["total_phosphorus", "nh3_n", "dissolved_oxygen"]
    assert (found[0].margin or 0) < 0, "phosphorus must be less than it was"
    lost = room({month: of(nh3_n="9") for month in range(1, 12)}, "river", 3, 1)
    assert (lost[0].code, lost[0].may_average) == ("nh3_n", None)


@pytest.mark.parametrize(
    ("good", "inferior", "status"),
    [
        (10, 0, "优"), (9, 0, "优"), (8, 0, "良好"), (7, 1, "轻度污染"), (7, 2, "中度污染"), (6, 4, "重度污染"),
        (7, 3, "中度污染"), (0, 10, "重度污染"), (8, 2, "良好"),
    ],
)  # fmt: skip
def test_ten_sections_by_the_shares_of_their_classes(good: int, inferior: int, status: str) -> None:
    classes = [2] * good + [INFERIOR] * inferior + [4] * (10 - good - inferior)
    assert by_ratio(classes).status_zh == status


def test_four_sections_are_averaged_first() -> None:
    sections = [of(), of(), of(), of(nh3_n="5.3")]  # mean of ammonia 1.4
    found = river_status(sections)
    assert (found.method, found.cls, found.status_zh) == ("mean of the sections", 4, "轻度污染")
    assert river_status([*sections, of()]).method == "class ratio"


def test_the_trophic_level_of_the_vector() -> None:
    lake = {"chlorophyll_a": 20, "total_phosphorus": 0.06, "total_nitrogen": 1.2, "transparency": 0.8, "codmn": 4.5}
    index = trophic_level(lake)
    assert index == pytest.approx(52.50, abs=5e-3)
    assert trophic_state(index or 0) == ("轻度富营养", "lightly eutrophic")
    assert trophic_level({**lake, "codmn": 0}) is None
    assert float(sum(term.w for term in water_evaluation().trophic.terms.values())) == pytest.approx(1)


def test_the_ranking_adds_up_shares_of_class_three() -> None:
    # pH 0.25, oxygen 5/8, CODMn 2/6, ammonia 0.1, phosphorus 0.25
    assert ranking_index(of(), "river") == Fraction("0.25") + Fraction(5, 8) + Fraction(1, 3) + Fraction("0.35")
    assert ranking_index(of(ph="6.5"), "river") == Fraction("0.5") + Fraction(5, 8) + Fraction(1, 3) + Fraction("0.35")
    assert ranking_index(of(dissolved_oxygen="0"), "river") is None


def test_every_item_of_a_room_is_one_of_the_standard() -> None:
    assert {one.code for one in room({1: of()}, "lake", 3, 3)} <= set(water_standard().by_code) - {"ph"}
