"""Oxygen at saturation, against the published tables."""

import numpy as np
import pytest

from processors.indicators.oxygen import ATMOSPHERE_KPA, saturation


@pytest.mark.parametrize(
    ("celsius", "milligrams"),
    # USGS DOTABLES, 760 mm Hg, fresh water.
    [(0.0, 14.62), (5.0, 12.77), (10.0, 11.29), (15.0, 10.08), (20.0, 9.09), (25.0, 8.26), (30.0, 7.56), (35.0, 6.95)],
)
def test_saturation_at_one_atmosphere(celsius: float, milligrams: float) -> None:
    assert saturation(np.array([celsius]), ATMOSPHERE_KPA)[0] == pytest.approx(milligrams, abs=0.01)


def test_less_pressure_holds_less_and_beyond_the_equations_there_is_no_answer() -> None:
    high, low = saturation(np.array([20.0]), 101.325)[0], saturation(np.array([20.0]), 90.0)[0]
    assert low == pytest.approx(high * 0.886, rel=0.01)
    assert np.isnan(saturation(np.array([-1.0, 41.0, np.nan]), 101.325)).all()
