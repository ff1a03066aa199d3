"""What is no rate of traffic: vehicles without passenger car units, hours that something displaced since, silence that
people made."""

import asyncio
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from processors.traffic.explain_flow import explain_station_day
from processors.traffic.incidents.rules import incident_rules
from processors.traffic.incidents.watch import watch
from processors.traffic.rules import traffic_rules
from processors.windows import day_bounds
from sensors.instants import HOUR_MS
from sensors.reading import Doubt, Reading
from store.intervals import Interval, Intervals
from tests.processors.traffic import MINUTE_MS, STEP_MS, Road, every_five
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
    return {str(code): value for code, value in row.items() if code == "doubtful" or pd.notna(value)}


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


async def test_single_vehicles_that_people_withhold_are_no_empty_road(road: Road) -> None:
    road.station("e", period="raw", expected_period_s=None, capacity_pcu_h=1000)
    rows = [(at, {"vehicle_class": 1.0, "speed": 60.0}) for at in range(START + MINUTE_MS // 4, END, MINUTE_MS // 4)]
    await road.send("e", rows, "raw")
    until = START + 8 * HOUR_MS + 25 * MINUTE_MS
    interval = Interval("traffic", "e", "", START + 8 * HOUR_MS, until, "maintenance", "new loops")
    Intervals(road.world.books).add(interval, period="raw", who="test", now=road.world.now)
    await road.compute()
    day = road.of("station:e", "2026-03-05")
    assert (day.valid, day.expected) == (283, 288)
    assert day.detail["hours"]["vehicles"][7:10] == [240, None, 240]
    assert "vehicles" not in flow(road, "e", 8)
    # Where only the speed is withheld every vehicle is counted.
    Intervals(road.world.books).remove(1, period="raw", who="test", now=road.world.now)
    interval = interval._replace(quantity="speed")
    Intervals(road.world.books).add(interval, period="raw", who="test", now=road.world.now)
    await road.compute()
    day = road.of("station:e", "2026-03-05")
    assert (day.value, day.valid) == (str(len(rows)), 288)


async def test_a_sign_of_life_takes_no_vehicle_away(road: Road) -> None:
    """It shares instant and number with a vehicle, and is one reading with it in the store."""
    road.station("e", period="raw", expected_period_s=None)
    minutes = list(range(START + MINUTE_MS, END + 1, MINUTE_MS))
    await road.send("e", [(at, {"vehicle_class": 1.0, "speed": 60.0}) for at in minutes], "raw")
    await road.send("e", [(at, {"vehicles": 0.0}) for at in minutes[::10]], "raw")
    await road.compute()
    assert road.of("station:e", "2026-03-05").value == "1440"


async def test_single_vehicles_whose_class_is_not_known_passed(road: Road) -> None:
    road.station("e", period="raw", expected_period_s=None)
    minutes = list(range(START + MINUTE_MS, END, MINUTE_MS))

    def all_of(by: int, values: dict[str, float], doubtful: dict[str, Doubt]) -> list[Reading]:
        return [Reading("traffic", "e", "raw", at + by, road.world.now, values, doubtful) for at in minutes]

    await road.write(all_of(0, {"vehicle_class": 1.0, "speed": 60.0}, {}))
    await road.write(all_of(1_000, {"speed": 60.0}, {}))
    await road.write(all_of(2_000, {}, {"vehicle_class": Doubt("out_of_range", 120.0)}))
    await road.write(all_of(3_000, {}, {"vehicle_class": Doubt("withdrawn", None), "speed": Doubt("withdrawn", None)}))
    await road.write(all_of(4_000, {"occupancy": 4.0}, {}))
    await road.compute()
    day = road.of("station:e", "2026-03-05")
    assert (day.value, day.detail["without_pcu"]) == (str(3 * len(minutes)), 2 * len(minutes))
    assert f"{len(minutes)} readings do not say how many passed" in day.detail["sentence"]


async def test_counts_without_a_number_did_not_come_and_what_stands_is_seen(road: Road) -> None:
    road.station("g")
    rows = every_five(DAY, {**CARS, "speed": 60.0, "occupancy": 8.0})
    for slot in range(100, 106):
        rows[slot] = (rows[slot][0], {"occupancy": 95.0})
    await road.send("g", rows)
    await road.compute()
    day = road.of("station:g", "2026-03-05")
    assert (day.valid, day.detail["uncounted"]) == (282, 6)
    road.station("dead")
    registry = road.world.books.registry()
    watched = watch(road.world.store, registry, [], END, 1, ZONE, road.rules, incident_rules())
    [hint] = watched.hints
    assert watched.blind == ["dead"]
    assert (hint.rule, hint.since, hint.until) == ("standing", START + 100 * STEP_MS, START + 106 * STEP_MS)


async def test_the_last_hour_of_single_vehicles_is_whole_once_the_day_is_over(road: Road) -> None:
    """Nothing is written into it after its last vehicle, and when that was computed the hour had not ended."""
    road.station("e", period="raw", expected_period_s=None)
    seconds = [START + n * 20_000 for n in range(1, 24 * 180)]
    for rows in (seconds[: 23 * 180], seconds[23 * 180 :]):
        road.world.now = rows[-1] + 1_000
        await road.send("e", [(at, {"vehicle_class": 1.0}) for at in rows], "raw")
        await road.compute()
    assert "vehicles" not in flow(road, "e", 23)
    await road.compute(DAY + timedelta(days=1), 2)
    assert road.of("station:e", "2026-03-05").detail["hours"]["vehicles"][23] == 179
    assert (flow(road, "e", 23)["vehicles"], flow(road, "e", 23)["coverage"]) == (179.0, 1.0)


async def test_a_lane_that_first_comes_in_the_evening_displaces_the_hours_before(road: Road) -> None:
    road.station("l")
    rows = every_five(DAY, CARS)
    await road.send("l", rows)
    await road.compute()
    assert flow(road, "l", 3)["vehicles"] == 120.0
    late = [Reading("traffic", "l", "minute", at, road.world.now, CARS, seq=1) for at, _ in rows[240:]]
    await road.write(late)
    await road.compute()
    assert road.of("station:l", "2026-03-05").detail["hours"]["vehicles"][3] is None
    assert "vehicles" not in flow(road, "l", 3)
    assert flow(road, "l", 21)["vehicles"] == 240.0


@pytest.mark.parametrize("hour", [22, 26], ids=["running", "over"])
async def test_hours_of_a_day_out_of_service_are_no_good_values(road: Road, hour: int) -> None:
    road.station("g")
    road.world.now = START + hour * HOUR_MS
    await road.send("g", [row for row in every_five(DAY, CARS) if row[0] <= START + 20 * HOUR_MS])
    await road.compute()
    assert flow(road, "g", 8)["vehicles"] == 120.0
    road.station("g", active_to="2026-01-01T00:00:00+08:00")
    await road.compute()
    gone = road.of("station:g", "2026-03-05")
    assert (gone.value, gone.status) == (None, "not assessable")
    eight = flow(road, "g", 8)
    assert (eight["coverage"], eight["doubtful"]["vehicles"]) == (0.0, Doubt("not_assessable", None))
    assert "vehicles" not in eight


async def test_what_was_corrected_beside_the_counts_is_said(road: Road) -> None:
    road.station("g", length_km=2)
    rows = every_five(DAY, {**CARS, "speed": 60.0, "occupancy": 5.0, "tunnel_co": 20.0})
    await road.send("g", rows)
    await road.compute()
    for values in ({"tunnel_co": 40.0}, {"speed": 50.0}, {"occupancy": 9.0, "tunnel_co": 30.0}):
        road.world.now += 1_000
        await road.send("g", [(at, {**before, **values}) for at, before in rows[96:102]])
        await road.compute()
    road.station("g", length_km=1)
    await road.compute()
    assert [one.reason for one in road.revisions("station:g", "2026-03-05")[1:]] == [
        "2880, within what is rounded: air of 1 hour of g corrected",
        "2880, within what is rounded: speed, air of 1 hour of g corrected",
        "2880, within what is rounded: speed, occupancy, air of 1 hour of g corrected",
        "2880, within what is rounded: the readings are the same; what judges them changed",
    ], "air as it was before the second, speed before the third"


async def test_a_day_that_the_registry_emptied_is_the_same_when_computed_again(road: Road) -> None:
    road.station("g")
    await road.send("g", every_five(DAY, CARS))
    await road.compute()
    road.station("g", active_to="2026-01-01T00:00:00+08:00")
    await road.compute()
    answer = explain_station_day(road.world.books, road.world.store, "g", "2026-03-05", ZONE, road.rules)
    assert (answer["value"], answer["same_when_computed_again"]) == (None, True)
