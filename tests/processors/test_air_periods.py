"""Months, quarters and years of air: HJ 663's formulas on published vectors, and the validity of GB 3095 table 4."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.indicators.air_periods import Daily, PollutantPeriod, percentile, period_statistics
from processors.standards.tables import POLLUTANTS, UnknownStandardError
from processors.windows import days_between, period_days

# Every day the same.
FLAT: Mapping[str, Fraction] = {
    "so2": Fraction(6), "no2": Fraction(20), "pm10": Fraction(35), "pm2_5": Fraction(21), "co": Fraction(1),
    "o3": Fraction(120),
}  # fmt: skip


def days_of(period: str, values: Mapping[str, Fraction] = FLAT) -> dict[date, Mapping[str, Fraction]]:
    return dict.fromkeys(days_between(*period_days(period)), values)


def of(daily: Daily, period: str, code: str, standard: str | None = None) -> PollutantPeriod:
    found = period_statistics(daily, *period_days(period), standard)
    return found.pollutants[POLLUTANTS.index(code)]


def test_the_percentile_of_the_published_vector() -> None:
    assert percentile([Fraction(v) for v in (3, 4, 8, 2, 5, 4)], 90) == Fraction("6.5")


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=400), st.sampled_from([90, 95, 98]))
def test_the_percentile_is_the_linear_one_of_numpy(values: list[int], percent: int) -> None:
    ours = percentile([Fraction(value) for value in values], percent)
    assert float(ours) == pytest.approx(float(np.percentile(values, percent, method="linear")))


def test_the_headline_is_the_mean_of_particles_and_the_percentile_of_ozone() -> None:
    daily = days_of("2025-06")
    for number, day in enumerate(sorted(daily)):
        daily[day] = {**FLAT, "pm2_5": Fraction(number), "o3": Fraction(100 + number)}
    assert of(daily, "2025-06", "pm2_5").headline == Decimal(14)  # 14.5, half to even
    assert of(daily, "2025-06", "o3").headline == Decimal(126)  # 100 + 0.9 x 29 = 126.1


def test_the_newer_edition_publishes_one_decimal_more() -> None:
    daily = days_of("2026-06") | {date(2026, 6, 1): {**FLAT, "pm2_5": Fraction(36)}}
    assert of(daily, "2026-06", "pm2_5").headline == Decimal("21.5")
    assert of(daily, "2026-06", "pm2_5", "HJ633-2012").headline == Decimal(22)


@pytest.mark.parametrize(
    ("missing", "valid"), [(0, True), (3, True), (4, False), (30, False)], ids=["all", "27", "26", "none"]
)
def test_a_month_needs_27_days(missing: int, valid: bool) -> None:
    daily = days_of("2026-06")
    for number in range(missing):
        del daily[date(2026, 6, 1) + timedelta(days=number)]
    found = of(daily, "2026-06", "pm2_5")
    assert (found.valid, found.days) == (valid, 30 - missing)
    assert valid or found.why == f"2026-06: {30 - missing} days, 27 needed"


def test_february_needs_25_days_and_a_year_324() -> None:
    february = days_of("2026-02")
    for number in range(3):
        del february[date(2026, 2, 1) + timedelta(days=number)]
    assert of(february, "2026-02", "so2").valid
    # Each month keeps its 27 (25), the year has too few all the same.
    year = {day: values for day, values in days_of("2026").items() if day.day <= (25 if day.month == 2 else 27)}
    assert of(year, "2026", "so2").why == "322 days, 324 needed"


def test_a_year_meets_the_standard_with_mean_and_percentile() -> None:
    year = days_of("2026")
    assert of(year, "2026", "pm2_5").meets is True
    for day in list(year)[50:90]:  # a tenth of the year at 70, from 2026-02-20 on
        year[day] = {**FLAT, "pm2_5": Fraction(70)}
    found = of(year, "2026", "pm2_5")
    assert (found.mean or 0) < 30  # the mean is within its limit, the 95th percentile is not
    assert (found.percentile or 0) > 60
    assert found.meets is False
    assert found.days_exceeding == 31  # until 2026-02-28 the daily limit was 75
    assert found.compliance_percent == Decimal("91.5")


def test_the_exceedance_multiple_has_two_decimals() -> None:
    year = days_of("2025", {**FLAT, "pm2_5": Fraction(42)})
    assert of(year, "2025", "pm2_5").exceedance_multiple == Decimal("0.20")
    assert of(year, "2025", "no2").exceedance_multiple is None


def test_the_composite_index_names_the_weighting_that_nobody_has_confirmed() -> None:
    found = {one.name: one for one in period_statistics(days_of("2026-06"), *period_days("2026-06")).composites}
    # 6/60 + 20/40 + 35/60 + 21/30 + 1/4 + 120/160
    assert (found["equal"].value, found["equal"].confirmed, found["equal"].note) == (Decimal("2.88"), True, "")
    assert found["weighted"].value == Decimal("5.53")
    assert not found["weighted"].confirmed
    assert "not confirmed" in found["weighted"].note
    before = period_statistics(days_of("2025-06"), *period_days("2025-06")).composites
    assert [(one.name, one.value) for one in before] == [("equal", Decimal("2.70"))]


def test_without_a_pollutant_there_is_no_composite_index() -> None:
    daily = days_of("2025-06", {code: value for code, value in FLAT.items() if code != "co"})
    [index] = period_statistics(daily, *period_days("2025-06")).composites
    assert (index.value, index.note) == (None, "no value of co")


def test_a_period_is_held_against_the_limits_of_another_stage() -> None:
    year = days_of("2026", {**FLAT, "pm2_5": Fraction(28)})
    first, last = period_days("2026")
    for limits, meets in ((None, True), ("GB3095-2026-final", False)):
        found = period_statistics(year, first, last, limits=limits).pollutants[POLLUTANTS.index("pm2_5")]
        assert found.meets is meets  # 30 until 2030, 25 from 2031 on
    with pytest.raises(UnknownStandardError, match="did you mean GB3095-2026-final"):
        period_statistics(year, first, last, limits="GB3095-2026-finale")
