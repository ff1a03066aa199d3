"""The outlook: whose hours are forecast, and that nothing is stated of what is not known."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from processors.air.days import counting_hours
from processors.air.outlook import outlook, place_hours
from processors.forecast.short_term import NotPublished
from processors.windows import day_bounds
from tests.processors.world import CLEAN, ZONE, World, a_city

FIFTH = date(2026, 3, 5)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with a_city(tmp_path) as made:
        yield made


async def test_the_city_has_the_mean_of_enough_assessment_stations(world: World) -> None:
    await world.hours(FIFTH, CLEAN, stations=("hx-01", "hx-02"))
    await world.hours(FIFTH, {**CLEAN, "pm2_5": 50.0}, stations=("hx-03",), hours=range(20))
    await world.hours(FIFTH, {**CLEAN, "pm2_5": 900.0}, stations=("hx-05",))  # background: not the city's
    registry, bounds = world.books.registry(), day_bounds(FIFTH, ZONE)
    hours = counting_hours(world.store, registry, *bounds, ())
    for scope in ("city", "district:gaoxin"):
        found = place_hours(hours, registry, scope, ZONE)
        assert found["pm2_5"].tolist()[:20] == [30.0] * 20
        assert found["pm2_5"].isna().tolist() == [False] * 20 + [True] * 4, "two of four stations are too few"


async def test_without_hours_there_is_nothing(world: World) -> None:
    assert outlook(world.store, world.books.registry(), ZONE, world.now, ()) == {}


async def test_a_few_days_are_forecast_for_nobody(world: World) -> None:
    await world.hours(FIFTH, CLEAN)
    found = outlook(world.store, world.books.registry(), ZONE, day_bounds(FIFTH, ZONE)[1], ())
    assert set(found) == {"city", "district:gaoxin", *(f"station:hx-0{n}" for n in range(1, 5))}
    assert [made.horizon for made in found["city"]] == [24, 48, 72]
    assert all(isinstance(made, NotPublished) and made.why for of in found.values() for made in of)
