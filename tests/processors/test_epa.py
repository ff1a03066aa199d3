"""The US EPA's index against the worked examples of its own document, and edges of its tables."""

from datetime import date
from fractions import Fraction

import pytest

from processors.indicators.epa_daily import EpaDay, city_epa_days, epa_day, epa_index
from processors.standards.epa import epa
from sensors.quantities import OF_FAMILY
from sensors.units import micrograms_per_ppb
from tests.processors.frames import BEIJING, station_hours, together


def canonical(name: str, value: str) -> Fraction:
    """A concentration in the table's unit, in ours."""
    table = epa().pollutant[name]
    if table.unit == "µg/m³":
        return Fraction(value)
    micrograms = Fraction(value) * micrograms_per_ppb(table.quantity) * (1000 if table.unit == "ppm" else 1)
    return micrograms / (1000 if OF_FAMILY["air"][table.quantity].unit == "mg/m³" else 1)


@pytest.mark.parametrize(
    ("name", "value", "index"),
    [
        ("o3_8h", "0.07853333", 126), ("pm2_5_24h", "35.9", 102), ("co_8h", "8.4", 90),  # EPA-454/B-24-002, examples
        ("pm2_5_24h", "12.0", 56), ("pm2_5_24h", "150", 225),  # derived from its table
        ("pm2_5_24h", "9.09", 50), ("pm2_5_24h", "9.1", 51), ("pm2_5_24h", "325.4", 500), ("pm10_24h", "54.9", 50),
        ("pm2_5_24h", "425.3", 699),  # the last line goes on
        ("so2_1h", "304.9", 200), ("so2_1h", "305", 200), ("so2_24h", "305", 201), ("so2_24h", "304", None),
        ("o3_1h", "0.124", None), ("o3_1h", "0.125", 101), ("no2_1h", "53.9", 50), ("no2_1h", "54", 51),
    ],
)  # fmt: skip
def test_the_index_of_a_concentration(name: str, value: str, index: int | None) -> None:
    assert epa_index(name, canonical(name, value)) == index


def test_the_greater_of_two_averaging_times_counts() -> None:
    day = date(2026, 3, 5)
    statistics = {"o3_8h": canonical("o3_8h", "0.060"), "o3_1h": canonical("o3_1h", "0.130")}
    assert epa_day(day, statistics) == EpaDay(day, 107, ("o3",))
    assert epa_day(day, {}) == EpaDay(day, None, ())


def test_a_city_has_the_mean_of_its_stations() -> None:
    day = date(2026, 3, 5)
    hours = together(station_hours("hx-01", day, pm2_5=10.0), station_hours("hx-02", day, pm2_5=30.0))
    [found] = city_epa_days(hours, ["hx-01", "hx-02"], BEIJING)
    assert found == EpaDay(day, 71, ("pm2_5",))  # 20.0: 51 + 49 x (20.0 - 9.1) / (35.4 - 9.1) = 71.3
