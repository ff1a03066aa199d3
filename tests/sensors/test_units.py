"""Units against published conversions, and the table against the quantities."""

import pytest

from sensors.quantities import OF_FAMILY, QUANTITIES, Quantity
from sensors.units import SAME, UnitError, conversion, known_units


@pytest.mark.parametrize(
    ("family", "code", "sent", "unit", "canonical"),
    [
        # Factors at 298.15 K as published with the limits: O3 1.962, NO2 1.880, SO2 2.619 µg/m³ per ppb, CO 1.145 mg/m³ per ppm.
        ("air", "o3", 100, "ppb", pytest.approx(196.2, abs=0.05)),
        ("air", "no2", 100, "ppb", pytest.approx(188.0, abs=0.05)),
        ("air", "so2", 100, "ppb", pytest.approx(261.9, abs=0.1)),
        ("air", "co", 2, "ppm", pytest.approx(2.290, abs=0.001)),
        ("traffic", "tunnel_co", 1.145, "mg/m³", pytest.approx(1.0, abs=0.001)),
        ("air", "pm2_5", 75600, "ng/m³", pytest.approx(75.6)),
        ("air", "no2", 0.08, "mg/m3", pytest.approx(80)),
        ("water", "total_phosphorus", 200, "ug/L", pytest.approx(0.2)),
        # GB/T 2589-2020, 当量值: 1,000,000 kWh are 122.9 tce; 1 GJ of heat is 34.12 kgce.
        ("energy", "electricity", 122.9, "tce", pytest.approx(1_000_000)),
        ("energy", "heat", 34.12, "kgce", pytest.approx(1000)),
        ("energy", "electricity", 1, "MWh", 1000),
        ("energy", "electricity", 3.6, "MJ", pytest.approx(1)),
        ("energy", "heat", 1, "GJ", 1000),
        ("water", "flow", 3600, "m³/h", pytest.approx(1)),
        ("water", "flow", 8.64, "万m³/d", pytest.approx(1)),
        ("air", "air_temperature", 212, "°F", pytest.approx(100)),
        ("air", "air_temperature", 273.15, "K", pytest.approx(0)),
        ("air", "air_temperature", 20, "Cel", 20),
        ("air", "pressure", 1013.25, "hPa", pytest.approx(101.325)),
        ("air", "humidity", 0.5, "1", 50),
        ("traffic", "speed", 10, "m/s", 36),
        ("energy", "active_power", 1500, "W", 1.5),
        ("water", "conductivity", 0.05, "S/m", 500),
    ],
)
def test_a_number_in_the_canonical_unit(family: str, code: str, sent: float, unit: str, canonical: float) -> None:
    assert conversion(OF_FAMILY[family][code], unit).of(sent) == canonical


@pytest.mark.parametrize("quantity", QUANTITIES, ids=lambda q: f"{q.family}/{q.code}")
def test_every_quantity_takes_its_own_unit_and_every_unit_it_lists(quantity: Quantity) -> None:
    assert conversion(quantity, quantity.unit) == SAME
    for unit in known_units(quantity):
        assert conversion(quantity, unit).factor > 0


def test_both_kinds_of_micro_are_one() -> None:
    pm = OF_FAMILY["air"]["pm2_5"]
    assert conversion(pm, "μg/m³") == conversion(pm, "µg/m3") == conversion(pm, "ug/m^3") == SAME


@pytest.mark.parametrize(
    ("family", "code", "unit", "says"),
    [
        ("air", "pm2_5", "ppb", "pm2_5 cannot be in 'ppb'; it can be in µg/m³"),
        ("air", "o3", "ppbb", "did you mean ppb?"),
        ("energy", "active_power", "kWh", "active_power cannot be in 'kWh'"),
        ("energy", "active_power", "mw", "it can be in kW, W, MW"),
        ("water", "ph", "mg/L", "ph cannot be in 'mg/L'"),
    ],
)
def test_a_unit_that_is_none_of_the_quantity_is_refused_with_those_that_are(
    family: str, code: str, unit: str, says: str
) -> None:
    with pytest.raises(UnitError) as error:
        conversion(OF_FAMILY[family][code], unit)
    assert says in str(error.value)
