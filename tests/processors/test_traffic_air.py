"""Means of tunnel air: of one period, of enough readings."""

import asyncio
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from processors.windows import day_bounds
from sensors.instants import HOUR_MS
from tests.processors.traffic import MINUTE_MS, Road, every_five
from tests.processors.world import ZONE

DAY = date(2026, 3, 5)
START, END = day_bounds(DAY, ZONE)


@pytest.fixture
def road(tmp_path: Path) -> Iterator[Road]:
    made = Road(tmp_path)
    made.station("t", length_km=2)
    made.world.go_to(DAY + timedelta(days=1), 2)
    yield made
    asyncio.run(made.world.store.close())
    made.world.books.close()


def moving(road: Road) -> dict[str, Any]:
    """What is said of carbon monoxide in traffic that moves."""
    found = road.of("station:t", "2026-03-05").detail["air"]
    [one] = [one for one in found if (one["quantity"], one["while"]) == ("tunnel_co", "moving")]
    return dict(one)


async def test_means_of_an_hour_hide_no_quarter(road: Road) -> None:
    rows = every_five(DAY, {"tunnel_co": 20.0})
    for slot in (105, 106, 107):
        rows[slot] = (rows[slot][0], {"tunnel_co": 130.0})
    await road.send("t", rows)
    await road.send("t", [(START + (n + 1) * HOUR_MS, {"tunnel_co": 20.0}) for n in range(24)], "hour")
    await road.compute()
    one = moving(road)
    assert (one["means"], one["above"], one["greatest"], one["at"][11:16]) == (96, 1, "130.00", "09:00")


async def test_hours_alone_say_nothing_of_a_quarter(road: Road) -> None:
    await road.send("t", [(START + (n + 1) * HOUR_MS, {"tunnel_co": 200.0}) for n in range(24)], "hour")
    await road.compute()
    one = moving(road)
    assert (one["came"], one["windows"], one["means"], one["greatest"]) == (0, 96, 0, None)


async def test_a_mean_needs_three_of_four_of_its_readings(road: Road) -> None:
    # Of a quarter's three intervals one or two are lost in the first two quarters.
    await road.send("t", every_five(DAY, {"tunnel_co": 20.0}, lacking=[0, 3, 4]))
    await road.compute()
    assert (moving(road)["came"], moving(road)["means"]) == (94, 94)
    # By the minute beside counts by five minutes they are a minute apart: of the first quarter 12 of 15 are enough.
    minutes = [
        (START + n * MINUTE_MS, {"tunnel_co": 30.0}) for n in range(1, 1441) if n not in {2, 3, 4, 17, 18, 19, 20}
    ]
    await road.send("t", minutes, "raw")
    await road.compute()
    assert (moving(road)["came"], moving(road)["greatest"]) == (95, "30.00")


async def test_two_stray_readings_do_not_displace_a_day(road: Road) -> None:
    await road.send("t", every_five(DAY, {"tunnel_co": 20.0}))
    await road.send("t", [(START + n * MINUTE_MS, {"tunnel_co": 500.0}) for n in (1, 2)], "raw")
    await road.compute()
    assert (moving(road)["came"], moving(road)["above"]) == (96, 0)
