"""Simulated figures: what the city would compute from them is what they were made with."""

import math
from decimal import Decimal

from processors.plans.figures import figures as known
from simulators.figures import BASE_YEAR, LAST_YEAR, figures, quarters, true_quarters, true_reductions


def test_amounts_give_the_rates_they_were_made_with() -> None:
    of = {(one.code, int(one.period)): float(one.value) for one in figures()}

    def intensity(code: str, year: int) -> float:
        return of[code, year] * of["gdp_deflator", year] / of["gdp", year]

    for year in range(BASE_YEAR, LAST_YEAR + 1):
        for row, code in (("energy_intensity", "energy_total"), ("co2_intensity", "co2_total")):
            reduction = 100 * (1 - intensity(code, year) / intensity(code, BASE_YEAR))
            assert math.isclose(reduction, float(true_reductions(year)[row]), abs_tol=0.006)
    assert true_reductions(2021) == {"energy_intensity": Decimal("3.10"), "co2_intensity": Decimal("3.80")}


def test_quarters_give_the_rates_they_were_made_with() -> None:
    of = {(one.code, one.period): float(one.value) for one in [*figures(), *quarters()]}

    def intensity(code: str, period: str) -> float:
        return of[code, period] * of["gdp_deflator", period] / of["gdp", period]

    assert len(true_quarters()) == 6
    for (row, period), true in true_quarters().items():
        code = {"energy_intensity": "energy_total", "co2_intensity": "co2_total"}[row]
        until = intensity(code, str(LAST_YEAR)) / intensity(code, str(BASE_YEAR))
        now = intensity(code, period) / intensity(code, f"{LAST_YEAR}{period[4:]}")
        assert math.isclose(100 * (1 - until * now), float(true), abs_tol=0.006)


def test_every_figure_is_one_that_can_be_entered() -> None:
    for one in [*figures(), *quarters()]:
        assert known()[one.code].admits(one.value)
