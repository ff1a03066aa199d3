"""Classes of water: the vectors of the standards' facts, edges of the tables, and what is said of what is missing."""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.indicators.water_class import INFERIOR, item_class, saturated_oxygen, section_class
from processors.indicators.water_means import Sample, evaluated, keep_one, mean, rounded_as, sample
from processors.standards.water import water_standard

CLEAN = {"ph": "7.8", "dissolved_oxygen": "8", "codmn": "1", "nh3_n": "0.1", "total_phosphorus": "0.01"}
LIANGTAN = {
    "ph": "7.8", "dissolved_oxygen": "6.2", "codmn": "4.3", "cod": "18", "bod5": "3.2", "nh3_n": "0.86",
    "total_phosphorus": "0.183",
}  # fmt: skip


def of(values: Mapping[str, str]) -> dict[str, Fraction]:
    return {code: Fraction(text) for code, text in values.items()}


@pytest.mark.parametrize(
    ("values", "cls", "main", "multiples"),
    [
        (LIANGTAN, 3, (), {}),
        ({**LIANGTAN, "total_phosphorus": "0.24"}, 4, ("total_phosphorus",), {"total_phosphorus": "0.20"}),
        (
            {"nh3_n": "1.8", "cod": "26", "total_phosphorus": "0.35", "codmn": "7.2", "dissolved_oxygen": "5.5"},
            5,
            ("nh3_n", "total_phosphorus", "cod"),
            {"nh3_n": "0.80", "total_phosphorus": "0.75", "cod": "0.30"},
        ),
        ({**CLEAN, "dissolved_oxygen": "1.9"}, INFERIOR, ("dissolved_oxygen",), {}),
        ({**CLEAN, "nh3_n": "2.5", "lead": "0.06"}, INFERIOR, ("lead", "nh3_n"), {"lead": "0.20", "nh3_n": "1.50"}),
    ],
    ids=["Ⅲ", "Ⅳ by phosphorus", "four worse, three named", "oxygen without multiple", "heavy metals first"],
)
def test_the_vectors(values: Mapping[str, str], cls: int, main: tuple[str, ...], multiples: Mapping[str, str]) -> None:
    found = section_class(of(values), "river")
    assert (found.cls, found.main) == (cls, main)
    shown = {one.code: str(one.multiple) for one in found.items if one.code in main and one.multiple is not None}
    assert shown == dict(multiples)


def test_a_lake_has_its_own_limits_of_phosphorus() -> None:
    values = of({**CLEAN, "total_phosphorus": "0.08"})
    assert section_class(values, "river").cls == 2
    assert section_class(values, "lake").cls == 4


def test_warm_saturated_water_is_class_one_by_the_option_only() -> None:
    values = of({**CLEAN, "dissolved_oxygen": "7.4"})
    assert saturated_oxygen(Fraction(26)) == pytest.approx(8.125)
    assert section_class(values, "river", temperature=Fraction(26)).cls == 2
    found = section_class(values, "river", saturation=True, temperature=Fraction(26))
    assert (found.cls, found.saturation) == (1, True)
    assert section_class(values, "river", saturation=True).cls == 2, "without a temperature nothing is known"


@pytest.mark.parametrize(("temperature", "oxygen"), [(10, 11.25), (15, 10.043), (20, 9.07), (25, 8.269), (30, 7.597)])
def test_oxygen_at_saturation(temperature: int, oxygen: float) -> None:
    assert float(saturated_oxygen(Fraction(temperature))) == pytest.approx(oxygen, abs=6e-4)


def test_a_limit_is_of_the_better_class_and_beyond_the_last_is_inferior() -> None:
    item = water_standard().by_code["cod"]
    assert [item_class(item, Fraction(value), "river") for value in ("15", "15.1", "20", "40", "40.1")] == [
        1,
        3,
        3,
        5,
        6,
    ]


@pytest.mark.parametrize(("value", "cls"), [("5.99", 6), ("6", 1), ("9", 1), ("9.01", 6)])
def test_ph_has_a_band(value: str, cls: int) -> None:
    assert item_class(water_standard().by_code["ph"], Fraction(value), "river") == cls


def test_what_is_missing_makes_the_class_a_lower_bound() -> None:
    found = section_class(of({"ph": "7", "codmn": "3"}), "river")
    assert (found.cls, found.complete, found.missing) == (2, False, ("dissolved_oxygen", "nh3_n", "total_phosphorus"))
    assert section_class(of(CLEAN), "river").complete
    assert section_class({}, "river").cls is None


def test_multiples_of_the_target_are_told_from_those_of_class_three() -> None:
    [item] = section_class(of({"codmn": "5"}), "river", target=2).items
    assert (item.multiple, item.of_target) == (None, Decimal("0.25"))


@given(
    st.sampled_from([item.code for item in water_standard().items if item.better == "less"]),
    st.fractions(0, 50),
    st.fractions(0, 50),
)
def test_more_of_a_pollutant_is_never_a_better_class(code: str, one: Fraction, other: Fraction) -> None:
    item = water_standard().by_code[code]
    low, high = sorted((one, other))
    assert item_class(item, low, "river") <= item_class(item, high, "river")


def test_total_nitrogen_has_no_part_in_it() -> None:
    assert "total_nitrogen" not in water_standard().by_code
    assert len(water_standard().items) == 21


@pytest.mark.parametrize(
    ("value", "digits", "shown"),
    [
        ("0.0034", 3, "0.003"),
        ("0.0035", 3, "0.004"),
        ("0.0045", 3, "0.004"),
        ("0.00005", 3, "0.00005"),
        ("0", 3, "0.000"),
    ],
)
def test_half_even_and_one_digit_is_kept(value: str, digits: int, shown: str) -> None:
    assert f"{keep_one(Fraction(value), digits):f}" == shown


def test_the_mean_of_ph_is_that_of_hydrogen() -> None:
    values = [Sample(Fraction(text)) for text in ("6.5", "7.9", "8.8", "9", "6.78", "8.87")]
    assert float(mean("ph", values)) == pytest.approx(7.0803, abs=5e-5)
    assert str(rounded_as("ph", mean("ph", values), "hourly")) == "7.08"


def test_below_the_detection_limit_half_of_it_counts() -> None:
    assert mean("nh3_n", [sample("<0.02"), sample("0.05")]) == Fraction("0.03")
    assert sample("0.01L") == Sample(Fraction("0.01"), below=True)
    for wrong in ("", "<", "x", "-1", "<-1"):
        with pytest.raises(ValueError, match=r"is no sample|negative"):
            sample(wrong)


@pytest.mark.parametrize(("ph", "cls"), [("9.49", 1), ("9.5", 6), ("5.5", 1), ("5.49", 6)])
def test_an_evaluated_ph_is_a_whole_number(ph: str, cls: int) -> None:
    assert section_class(evaluated(of({**CLEAN, "ph": ph})), "river").cls == cls
