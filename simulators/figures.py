"""Simulated figures of the city, as people enter them: GDP, energy, carbon dioxide, green; and its tunnels. Their truth is here.

Each year's energy and carbon dioxide per unit of GDP come down by a chosen rate; amounts follow from them, so the cumulative
reduction of a year is 1 - Π (1 - rate), whatever anybody computes from the amounts. So it is with the quarters of the year after
the last, each from 1 January on and against the same months.
"""

from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from importlib.resources import files
from typing import NamedTuple

BASE_YEAR, LAST_YEAR = 2020, 2025
SOURCE = "simulated city, no real figure"
DATED = "2026-03-31"

# Chosen, all of them. Rates are shares; GDP in 10⁴ yuan at the prices of 2020 [10⁴ yuan], energy in tce, carbon dioxide in t.
_GDP, _ENERGY_PER_GDP, _CO2_PER_GDP = 4_600_000, Fraction(32, 100), Fraction(68, 100)
_GROWTH = ("0.082", "0.041", "0.066", "0.059", "0.054")
_PRICES = ("0.021", "0.014", "-0.003", "0.002", "0.006")
_ENERGY_RATE = ("0.031", "0.024", "0.029", "0.033", "0.027")
_CO2_RATE = ("0.038", "0.040", "0.037", "0.044", "0.041")
# Of a year's GDP until the end of its first, second and third quarter; and how the intensity of those months is to the year's.
_SHARE, _SEASON = ("0.23", "0.48", "0.73"), ("1.06", "0.99", "1.01")
_GROWTH_NOW, _PRICES_NOW = ("0.051", "0.050", "0.052"), ("0.004", "0.006", "0.005")
_ENERGY_RATE_NOW, _CO2_RATE_NOW = ("0.022", "0.026", "0.028"), ("0.035", "0.038", "0.039")
_GREEN = {
    "forest_cover": ("44.8", "45.3", "45.9", "46.4", "46.8", "47.1"),
    "green_cover": ("42.0", "42.4", "42.9", "43.1", "43.6", "44.0"),
    "park_area": ("16.1", "16.4", "16.9", "17.2", "17.4", "17.9"),
    "safety_death_rate": ("0.021", "0.019", "0.018", "0.016", "0.015", "0.013"),
}


class Figure(NamedTuple):
    """A figure of a year, or of a quarter from 1 January on, in the unit of `processors/plans/figures.toml`."""

    code: str
    period: str
    value: Decimal


# By the year at whose end they are in service [10⁴ pcu/h], as `tunnels.toml` has them.
TRUE_TUNNEL_CAPACITY = {2020: Decimal("5.10"), 2022: Decimal("6.70"), 2024: Decimal("8.30")}


def tunnels_text() -> str:
    """The tunnels, as the TOML of `sensors.stations.load_registry`."""
    return files("simulators").joinpath("tunnels.toml").read_text("utf-8")


def figures() -> list[Figure]:
    """Every figure of every year, in order of time."""
    found = []
    gdp, prices, energy, carbon = Fraction(_GDP), Fraction(1), _ENERGY_PER_GDP, _CO2_PER_GDP
    for number in range(LAST_YEAR - BASE_YEAR + 1):
        year = str(BASE_YEAR + number)
        if number:
            gdp *= 1 + Fraction(_GROWTH[number - 1])
            prices *= 1 + Fraction(_PRICES[number - 1])
            energy *= 1 - Fraction(_ENERGY_RATE[number - 1])
            carbon *= 1 - Fraction(_CO2_RATE[number - 1])
        found += [
            Figure("gdp", year, _written(gdp * prices, 2)),
            Figure("gdp_deflator", year, _written(prices, 6)),
            Figure("energy_total", year, _written(energy * gdp, 1)),
            Figure("co2_total", year, _written(carbon * gdp, 1)),
            *(Figure(code, year, Decimal(values[number])) for code, values in _GREEN.items()),
        ]
    return found


def quarters() -> list[Figure]:
    """Of the year after the last one and of the last, the quarters until the third, each from 1 January on, in order of time."""
    gdp, prices = Fraction(_GDP), Fraction(1)
    for growth, rise in zip(_GROWTH, _PRICES, strict=True):
        gdp, prices = gdp * (1 + Fraction(growth)), prices * (1 + Fraction(rise))
    left = _left(LAST_YEAR)
    found: dict[int, list[Figure]] = {LAST_YEAR: [], LAST_YEAR + 1: []}
    for number, (share, season) in enumerate(zip(_SHARE, _SEASON, strict=True)):
        then = gdp * Fraction(share)
        for year, real, deflator, energy, carbon in (
            (LAST_YEAR, then, prices, Fraction(1), Fraction(1)),
            (
                LAST_YEAR + 1, then * (1 + Fraction(_GROWTH_NOW[number])), prices * (1 + Fraction(_PRICES_NOW[number])),
                1 - Fraction(_ENERGY_RATE_NOW[number]), 1 - Fraction(_CO2_RATE_NOW[number]),
            ),
        ):  # fmt: skip
            period, per_gdp = f"{year}-Q{number + 1}", Fraction(season) * real
            found[year] += [
                Figure("gdp", period, _written(real * deflator, 2)),
                Figure("gdp_deflator", period, _written(deflator, 6)),
                Figure(
                    "energy_total", period, _written(_ENERGY_PER_GDP * left["energy_intensity"] * energy * per_gdp, 1)
                ),
                Figure("co2_total", period, _written(_CO2_PER_GDP * left["co2_intensity"] * carbon * per_gdp, 1)),
            ]
    return [one for each in found.values() for one in each]


def true_quarters() -> dict[tuple[str, str], Decimal]:
    """The cumulative reductions until a quarter [%], by the plan's codes and the quarter: from the rates alone."""
    left = _left(LAST_YEAR)
    return {
        (code, f"{LAST_YEAR + 1}-Q{number + 1}"): _written(100 * (1 - left[code] * (1 - Fraction(rate))), 2)
        for code, rates in (("energy_intensity", _ENERGY_RATE_NOW), ("co2_intensity", _CO2_RATE_NOW))
        for number, rate in enumerate(rates)
    }


def true_reductions(year: int) -> dict[str, Decimal]:
    """The cumulative reductions until a year [%], by the plan's codes: from the rates alone."""
    return {code: _written(100 * (1 - share), 2) for code, share in _left(year).items()}


def _left(year: int) -> dict[str, Fraction]:
    """What is left of the base year's intensities [1] in a year."""
    number = year - BASE_YEAR
    left = {"energy_intensity": Fraction(1), "co2_intensity": Fraction(1)}
    for code, rates in (("energy_intensity", _ENERGY_RATE), ("co2_intensity", _CO2_RATE)):
        for rate in rates[:number]:
            left[code] *= 1 - Fraction(rate)
    return left


def _written(value: Fraction, digits: int) -> Decimal:
    exact = Decimal(value.numerator) / Decimal(value.denominator)
    return exact.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_EVEN)
