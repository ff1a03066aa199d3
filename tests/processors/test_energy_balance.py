"""Standard coal, carbon dioxide and intensity: the vectors of standards.md §3.5 and §3.2, and what is refused."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.indicators.energy_balance import EnergyError, GridPolicy, emissions, grid_factor, standard_coal
from processors.indicators.intensity import at_constant_prices, cumulative, intensity, reductions, yearly_rate
from processors.standards.energy import energy_tables

CHONGQING = GridPolicy("year", "chongqing")
NATIONAL = GridPolicy("year")


@pytest.mark.parametrize(
    ("carrier", "amount", "tce"),
    [
        ("electricity", 1_000_000, "122.9"),
        ("raw_coal", 100_000, "71.43"),
        ("diesel", 100_000, "145.71"),
        ("natural_gas", 10_000, "13.30"),
        ("heat", 1_000, "34.12"),
    ],
)
def test_standard_coal(carrier: str, amount: int, tce: str) -> None:
    assert standard_coal({carrier: Fraction(amount)}, "equivalent").tce == Fraction(tce)


def test_carbon_dioxide() -> None:
    found = emissions({"diesel": Fraction(100_000)}, 2023, NATIONAL)
    assert round(float(found.tonnes), 2) == 309.59
    assert round(float(emissions({"natural_gas": Fraction(10_000)}, 2023, NATIONAL).tonnes), 2) == 21.62
    of_grid = emissions({"electricity": Fraction(1_000_000)}, 2023, CHONGQING)
    assert of_grid.tonnes == Fraction("558.1")
    assert of_grid.grid is not None
    assert (of_grid.grid.of_year, of_grid.grid.policy) == (2023, "the year's own factor, chongqing")
    assert emissions({"electricity": Fraction(1_000_000)}, 2023, NATIONAL).tonnes == Fraction("530.6")


@pytest.mark.parametrize(
    ("carrier", "factor"),
    [("raw_coal", 1.9003), ("coke", 2.8604), ("crude_oil", 3.0202), ("fuel_oil", 3.1705), ("gasoline", 2.9251),
     ("kerosene", 3.0179), ("diesel", 3.0959), ("lpg", 3.1013), ("refinery_gas", 3.0119), ("natural_gas", 2.1622)],
)  # fmt: skip
def test_factors_of_fuels(carrier: str, factor: float) -> None:
    assert round(float(energy_tables().fuels[carrier].factor), 4) == factor


def test_the_two_values_of_electricity_are_kept_apart() -> None:
    amounts = {"electricity": Fraction(1_000_000), "diesel": Fraction(100_000)}
    with pytest.raises(EnergyError, match="等价值"):
        standard_coal(amounts, "coal_equivalent")
    found = standard_coal(amounts, "coal_equivalent", coal_per_kwh=Decimal("0.305"))
    assert found.basis == "coal_equivalent"
    assert (found.by_carrier["electricity"], found.tce) == (Fraction(305), Fraction("450.71"))
    assert standard_coal(amounts, "equivalent", measured={"diesel": Decimal("1.46")}).by_carrier["diesel"] == 146


def test_a_policy_says_which_factor_it_took_or_that_there_is_none() -> None:
    assert grid_factor(2025, GridPolicy("latest", "chongqing")).of_year == 2023
    assert grid_factor(2025, GridPolicy("fixed", "national", 2021)).factor == Decimal("0.5568")
    with pytest.raises(EnergyError, match="no grid factor of chongqing for 2024: there are those of 2021, 2022, 2023"):
        grid_factor(2024, CHONGQING)
    with pytest.raises(EnergyError, match="no grid factor of national for 2020"):
        grid_factor(2020, GridPolicy("latest"))
    with pytest.raises(EnergyError, match="'atlantis'"):
        grid_factor(2023, GridPolicy("year", "atlantis"))


def test_what_has_no_factor_is_named_and_what_is_no_carrier_is_refused() -> None:
    found = emissions({"heat": Fraction(10), "diesel": Fraction(1000)}, 2023, NATIONAL)
    assert (found.without_factor, set(found.by_carrier), found.grid) == (("heat",), {"diesel"}, None)
    for refuse in (
        lambda: standard_coal({"wood": Fraction(1)}, "equivalent"),
        lambda: emissions({"wood": Fraction(1)}, 2023, NATIONAL),
    ):
        with pytest.raises(EnergyError, match="'wood' is no carrier"):
            refuse()


def test_tables_agree_with_each_other() -> None:
    tables = energy_tables()
    assert set(tables.fuels) <= set(tables.carriers)
    assert len(tables.carriers) == len(tables.coal.carriers)
    for fuel, of in tables.fuels.items():
        assert tables.carriers[fuel].unit == ("m³" if fuel.startswith("natural_gas") else "kg")
        # The printed coefficient is the calorific value over 29,271 kJ/kgce, of refinery gas over the standard's own 29,307.6.
        per_kilogram = 29_307.6 if fuel == "refinery_gas" else 29_271
        assert abs(of.ncv / per_kilogram - float(tables.carriers[fuel].equivalent)) < 0.0001
    for year in tables.grid.years:
        assert set(year.factors) == set(year.marks)


@pytest.mark.parametrize(("target", "years", "rate"), [("0.20", 5, 4.3648), ("0.135", 5, 2.859), ("0.18", 5, 3.891)])
def test_the_rate_of_each_year(target: str, years: int, rate: float) -> None:
    assert round(100 * yearly_rate(Fraction(target), years), 4 if target == "0.20" else 3) == rate


def test_reductions_multiply() -> None:
    assert round(100 * float(cumulative([Fraction("0.03"), Fraction("0.025"), Fraction("0.04")])), 3) == 9.208


def test_years_against_the_path() -> None:
    by_year = {2020: Fraction("0.5"), 2021: Fraction("0.485"), 2023: Fraction("0.46")}
    found = {one.year: one for one in reductions(by_year, 2020, Fraction("0.135"), 2025)}
    assert found[2020].reduction is None
    assert found[2020].cumulative == 0
    assert (found[2021].reduction, found[2021].cumulative) == (Fraction("0.03"), Fraction("0.03"))
    assert (found[2023].reduction, found[2023].cumulative) == (None, Fraction("0.08")), "2022 is missing"
    assert found[2021].path is not None
    assert round(found[2021].path, 5) == round(0.5 * (1 - 0.0285896), 5)
    assert reductions({2021: Fraction(1)}, 2020)[0].cumulative is None


@given(st.lists(st.fractions(Fraction(1, 2), 2), min_size=2, max_size=8))
def test_yearly_reductions_give_the_cumulative_one(levels: list[Fraction]) -> None:
    found = reductions(dict(enumerate(levels, start=2020)), 2020)
    assert cumulative([one.reduction for one in found if one.reduction is not None]) == found[-1].cumulative


def test_constant_prices() -> None:
    assert at_constant_prices(Fraction(1100), Fraction("1.1")) == 1000
    assert intensity(Fraction(500), Fraction(1000)) == Fraction(1, 2)
    with pytest.raises(ValueError, match="a deflator of 0"):
        at_constant_prices(Fraction(1), Fraction(0))
    with pytest.raises(ValueError, match="a GDP of 0"):
        intensity(Fraction(1), Fraction(0))
