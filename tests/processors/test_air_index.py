"""IAQI and AQI against the published vectors, and against an independent computation in fractions."""

from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.indicators.air_index import AirIndex, air_index, iaqi
from processors.indicators.exact import rounded
from processors.standards.tables import INDEXES, POLLUTANTS, Index, Publishes, UnknownStandardError, index_named

OLD, NEW = index_named("HJ633-2012"), index_named("HJ633-2026")

# concentration [µg/m³], IAQI by HJ 633-2012 (None: the edition gives no rounding rule), IAQI by HJ 633-2026
PM2_5 = [
    (0, 0, 0), (12, 18, 18), (34.5, None, 49), (35, 50, 50), (35.5, None, 52), (35.99, None, 52), (36, 52, 52),
    (41, 58, 62), (50, 69, 80), (55, 75, 90), (59, 80, 98), (60, 82, 100), (60.5, None, 100), (61, 83, 101),
    (75, 100, 114), (76, 102, 115), (83, 110, 121), (100, 132, 137), (115, 150, 150), (116, 152, 152), (150, 200, 200),
    (151, 201, 201), (250, 300, 300), (251, 301, 301), (350, 400, 400), (500, 500, 500), (501, 500, 500),
]  # fmt: skip
PM10 = [
    (50, 50, 50), (51, 51, 51), (69, 60, 64), (99, 75, 85), (118, 84, 99), (120, 85, 100), (120.5, None, 100),
    (121, 86, 101), (150, 100, 112), (151, 101, 112), (200, 125, 131), (250, 150, 150), (251, 151, 151),
    (350, 200, 200), (420, 300, 300), (421, 302, 302), (500, 400, 400), (600, 500, 500), (650, 500, 500),
]  # fmt: skip

# concentration [µg/m³, CO mg/m³], rounded, IAQI: both editions, but for what follows the end of a short table
GASES: dict[str, list[tuple[float, float | str, int]]] = {
    "so2_24h": [
        (5, 5, 5), (50, 50, 50), (51, 51, 51), (60, 60, 55), (100, 100, 75), (150, 150, 100), (151, 151, 101),
        (475, 475, 150), (800, 800, 200), (1600, 1600, 300), (2620, 2620, 500),
    ],
    "so2_1h": [(150, 150, 50), (500, 500, 100), (501, 501, 101), (650, 650, 150), (800, 800, 200)],
    "no2_24h": [
        (40, 40, 50), (41, 41, 52), (55, 55, 69), (80, 80, 100), (81, 81, 101), (180, 180, 150), (280, 280, 200),
        (940, 940, 500),
    ],
    "no2_1h": [
        (100, 100, 50), (150, 150, 75), (200, 200, 100), (201, 201, 101), (700, 700, 150), (1200, 1200, 200),
        (3840, 3840, 500),
    ],
    "co_24h": [
        (0.84, "0.8", 20), (0.85, "0.8", 20), (0.95, "1.0", 25), (1.25, "1.2", 30), (2, 2, 50), (2.05, "2.0", 50),
        (2.09, "2.1", 53), (2.2, "2.2", 55), (3.0, 3, 75), (4, 4, 100), (4.1, "4.1", 101), (14, 14, 150),
        (24, 24, 200), (36, 36, 300),
    ],
    "co_1h": [
        (1.1, "1.1", 11), (2.2, "2.2", 22), (4.4, "4.4", 44), (4.9, "4.9", 49), (5, 5, 50), (5.1, "5.1", 51),
        (10, 10, 100), (10.1, "10.1", 101), (35, 35, 150), (65.4, "65.4", 218),
    ],
    "o3_1h": [
        (100, 100, 32), (160, 160, 50), (161, 161, 52), (200, 200, 100), (201, 201, 101), (300, 300, 150),
        (400, 400, 200), (1200, 1200, 500), (1300, 1300, 500),
    ],
    "o3_8h": [
        (62, 62, 31), (100, 100, 50), (101, 101, 51), (120, 120, 67), (130, 130, 75), (149, 149, 91), (160, 160, 100),
        (161, 161, 101), (200, 200, 137), (215, 215, 150), (216, 216, 151), (265, 265, 200), (266, 266, 201),
        (300, 300, 207), (800, 800, 300),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("table", "concentration", "old", "new"),
    [("pm2_5_24h", *row) for row in PM2_5] + [("pm10_24h", *row) for row in PM10],
)
def test_particles_by_both_editions(table: str, concentration: float, old: int | None, new: int) -> None:
    assert iaqi(NEW, table, concentration) == new
    if old is not None:
        assert iaqi(OLD, table, concentration) == old
        assert iaqi(OLD, table, concentration, round_first=False) == old


@pytest.mark.parametrize("index", INDEXES, ids=lambda index: index.name)
@pytest.mark.parametrize(
    ("table", "concentration", "as_published", "expected"),
    [(table, *row) for table, rows in GASES.items() for row in rows],
)
def test_gases_by_both_editions(
    index: Index, table: str, concentration: float, as_published: float | str, expected: int
) -> None:
    assert rounded(concentration, 1 if table.startswith("co") else 0) == Fraction(as_published)
    assert iaqi(index, table, concentration) == expected


@pytest.mark.parametrize(
    ("table", "concentration", "new"),
    [("so2_1h", 801, 200), ("so2_1h", 1600, 200), ("o3_8h", 801, 300), ("o3_8h", 1000, 300)],
)
def test_above_a_short_table_2026_fixes_the_index_and_2012_looks_elsewhere(
    table: str, concentration: float, new: int
) -> None:
    assert iaqi(NEW, table, concentration) == new
    assert iaqi(OLD, table, concentration) is None


def test_rounding_comes_before_the_end_of_a_short_table() -> None:
    assert iaqi(OLD, "o3_8h", 800.5) == 300  # 800.5 is 800
    assert iaqi(OLD, "o3_8h", 800.5, round_first=False) is None


@pytest.mark.parametrize(
    ("number", "digits", "expected"),
    [
        (35.5, 0, "36"), (36.5, 0, "36"), (60.5, 0, "60"), (61.5, 0, "62"), (74.5, 0, "74"), (75.5, 0, "76"),
        (0.5, 0, "0"), (1.5, 0, "2"), (0.85, 1, "0.8"), (0.95, 1, "1.0"), (1.05, 1, "1.0"), (2.15, 1, "2.2"),
        (Fraction(1375, 8), 0, "172"), (Decimal("2.25"), 1, "2.2"),
    ],
)  # fmt: skip
def test_half_goes_to_even(number: float, digits: int, expected: str) -> None:
    assert rounded(number, digits) == Fraction(expected)


@given(st.decimals(min_value=0, max_value=10_000, places=4), st.integers(0, 3))
def test_rounding_is_that_of_the_decimal_module(number: Decimal, digits: int) -> None:
    expected = number.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_EVEN)
    assert rounded(float(number), digits) == Fraction(expected)


def by_fractions(points: tuple[int, ...], index: tuple[int, ...], concentration: Fraction) -> int:
    """The clause's equation (1), word for word."""
    for low, high, index_low, index_high in zip(points, points[1:], index, index[1:], strict=False):
        if concentration <= high:
            return ceil(Fraction(index_high - index_low, high - low) * (concentration - low) + index_low)
    return index[-1]


@pytest.mark.parametrize("index", INDEXES, ids=lambda index: index.name)
@pytest.mark.parametrize("table", ["co_1h", "co_24h"])
def test_every_carbon_monoxide_value_of_one_decimal_is_exact(index: Index, table: str) -> None:
    points, steps = index.breakpoints.tables[table], index.breakpoints.iaqi
    values = [tenths / 10 for tenths in range(1501)]
    expected = [by_fractions(points, steps, Fraction(tenths, 10)) for tenths in range(1501)]
    assert len(values) == 1501
    assert [iaqi(index, table, value) for value in values] == expected


@pytest.mark.parametrize("index", INDEXES, ids=lambda index: index.name)
@pytest.mark.parametrize("table", sorted(NEW.breakpoints.tables))
@given(thousandths=st.integers(0, 3_000_000))
def test_unrounded_values_follow_the_equation(index: Index, table: str, thousandths: int) -> None:
    points = index.breakpoints.tables[table]
    concentration = Fraction(thousandths, 1000)
    if concentration <= points[-1]:
        expected = by_fractions(points, index.breakpoints.iaqi, concentration)
        assert iaqi(index, table, concentration, round_first=False) == expected


@pytest.mark.parametrize("table", sorted(NEW.breakpoints.tables))
@given(st.floats(0, 5000), st.floats(0, 5000))
def test_more_concentration_is_never_less_index(table: str, one: float, other: float) -> None:
    low, high = sorted((one, other))
    less, more = iaqi(NEW, table, low), iaqi(NEW, table, high)
    assert less is not None
    assert more is not None
    assert 0 <= less <= more <= 500


def test_a_negative_concentration_is_refused() -> None:
    with pytest.raises(ValueError, match="not negative"):
        iaqi(NEW, "co_1h", -0.1)


def of_all(**known: int) -> dict[str, int | None]:
    return {code: known.get(code, 20) for code in POLLUTANTS}


def test_a_tie_names_both_primary_pollutants_in_the_order_of_the_table() -> None:
    pm10, pm2_5 = iaqi(NEW, "pm10_24h", 120), iaqi(NEW, "pm2_5_24h", 60)
    assert pm10 == pm2_5 == 100
    assert air_index(NEW, of_all(pm10=100, pm2_5=100)) == AirIndex(100, ("pm2_5", "pm10"), ())


def test_at_50_there_is_no_primary_pollutant() -> None:
    assert air_index(NEW, of_all(o3=50)) == AirIndex(50, (), ())
    assert air_index(NEW, of_all(o3=51)) == AirIndex(51, ("o3",), ())


def test_exceeding_pollutants_are_all_above_100_not_only_the_worst() -> None:
    assert air_index(NEW, of_all(pm2_5=150, o3=101, pm10=100)) == AirIndex(150, ("pm2_5",), ("pm2_5", "o3"))


@pytest.mark.parametrize(
    ("greatest", "publishes", "expected"),
    [
        (83, "complete or exceeding", None),
        (100, "complete or exceeding", None),
        (101, "complete or exceeding", 101),
        (83, "present", 83),
    ],
)
def test_a_missing_pollutant_withholds_all_but_an_exceeding_index(
    greatest: int, publishes: Publishes, expected: int | None
) -> None:
    found = air_index(NEW, of_all(pm2_5=greatest) | {"o3": None}, publishes)
    assert found.aqi == expected
    assert found.primary == (() if expected is None else ("pm2_5",))


def test_without_any_pollutant_there_is_no_index() -> None:
    assert air_index(NEW, {}, "present") == AirIndex(None, (), ())


def test_an_index_of_nothing_but_zeros_is_the_least_of_the_edition() -> None:
    zeros: dict[str, int | None] = dict.fromkeys(POLLUTANTS, 0)
    assert air_index(OLD, zeros).aqi == 0
    assert air_index(NEW, zeros).aqi == 1


def test_an_unknown_standard_is_told_the_known_ones() -> None:
    with pytest.raises(UnknownStandardError, match=r"HJ633-2012, HJ633-2026; did you mean HJ633-2026\?"):
        index_named("HJ633-2025")
