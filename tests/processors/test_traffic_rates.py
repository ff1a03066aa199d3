"""What is no rate of traffic: vehicles without passenger car units, hours that something displaced since, silence that
people made."""

import asyncio
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from processors.traffic.rules import traffic_rules
from processors.windows import day_bounds
from sensors.instants import HOUR_MS
from sensors.reading import Doubt, Reading
from store.intervals import Interval, Intervals
from tests.processors.traffic import MINUTE_MS, Road, every_five
from tests.processors.world import ZONE

DAY = date(2026, 3, 5)
START, END = day_bounds(DAY, ZONE)
CARS = {"vehicles": 10.0, "vehicles_car": 10.0}


@pytest.fixture
def road(tmp_path: Path) -> Iterator[Road]:
    made = Road(tmp_path)
    made.world.go_to(DAY + timedelta(days=1), 2)
    yield made
    asyncio.run(made.world.store.close())
    made.world.books.close()


def flow(road: Road, station: str, hour: int, start: int = START) -> dict[str, Any]:
    """The good values of an hour (0 to 23) of the series beside the readings, and what is doubtful."""
    end = start + (hour + 1) * HOUR_MS
    frame = road.world.store.readings("traffic-flow", "hour", end - 1, end, [station], detail=True)
    [row] = frame.to_dict("records")
    return {code: value for code, value in row.items() if value == value}


async def test_vehicles_of_no_class_make_no_free_road(road: Road) -> None:
    road.rules = traffic_rules(percent_of_period=1)
    road.station("g", tunnel="t", capacity_pcu_h=2000)
    await road.send("g", every_five(DAY, {"vehicles": 160.0, "speed": 60.0}))
    await road.compute()
    day = road.of("station:g", "2026-03-05")
    assert (day.value, day.detail["without_pcu"], day.detail["peak"]) == (str(288 * 160), 288 * 160, None)
    assert day.detail["hours"]["vehicles"][8] == 1920
    assert day.detail["hours"]["pcu"][8] is None
    eight = flow(road, "g", 8)
    assert (eight["vehicles"], eight["coverage"]) == (1920.0, 1.0)
    assert not {"pcu", "saturation", "level"} & set(eight)
    assert eight["doubtful"]["pcu"] == Doubt("not_assessable", 0.0), "none at least"


async def test_where_some_vehicles_have_no_pcu_the_others_are_the_least_that_passed(road: Road) -> None:
    road.rules = traffic_rules(percent_of_period=1)
    road.station("g", tunnel="t", capacity_pcu_h=400)
    rows = every_five(DAY, CARS)
    for slot in range(96, 108):  # 08:00 to 09:00: the busiest, of which two in three have no class
        rows[slot] = (rows[slot][0], {"vehicles": 60.0, "vehicles_car": 20.0})
    await road.send("g", rows)
    await road.compute(date(2026, 4, 2))
    day = road.of("station:g", "2026-03-05")
    peak = day.detail["peak"]
    assert (peak["from"][11:16], peak["pcu"], peak["without_pcu"]) == ("08:00", "240.000", 480)
    assert (peak["saturation"], peak["level"]) == (None, None)
    assert "pcu at least: 480 vehicles are of no class" in day.detail["sentence"]
    month = road.of("tunnel:t", "2026-03", "tunnel_flow").detail
    assert (month["busiest_hour"]["pcu"], month["mean_saturation"]) == ("120.000", "0.300"), "of the other 23 hours"
