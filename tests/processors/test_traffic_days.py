"""Days of traffic by hand: counts and single vehicles, what is whole and what is not, revisions with their causes; the
simulator's truth, the same from counts and from single vehicles."""

import asyncio
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from processors.traffic.rules import traffic_rules
from processors.windows import day_bounds
from sensors.instants import HOUR_MS
from sensors.reading import Doubt, Reading
from sensors.stations import Station
from sensors.vehicles import COUNTS, VEHICLE_CLASSES, Coding, codings
from simulators.vehicle_messages import single_vehicles
from simulators.vehicles import counted, driven, tunnel_stations
from store.intervals import Interval, Intervals
from tests.processors.traffic import MINUTE_MS, STEP_MS, Road, every_five
from tests.processors.world import ZONE

DAY = date(2026, 3, 5)
START, END = day_bounds(DAY, ZONE)
TEN = {"vehicles": 10.0, "vehicles_car": 8.0, "vehicles_large": 2.0, "speed": 40.0, "occupancy": 5.0}


@pytest.fixture
def road(tmp_path: Path) -> Iterator[Road]:
    made = Road(tmp_path)
    made.world.go_to(DAY + timedelta(days=1), 2)
    yield made
    asyncio.run(made.world.store.close())
    made.world.books.close()


def flow(road: Road, station: str, hour: int) -> Any:
    """The hour (0 to 23) of the series beside the readings."""
    end = START + (hour + 1) * HOUR_MS
    frame = road.world.store.readings("traffic-flow", "hour", end - 1, end, [station], detail=True)
    [row] = frame.to_dict("records")
    return row


async def test_a_day_of_counts_by_hand(road: Road) -> None:
    road.station("g", capacity_pcu_h=400, free_flow_km_h=80, length_km=2, lanes=2)
    rows = every_five(DAY, TEN)
    for slot in range(8 * 12 + 3, 9 * 12 + 3):  # 08:15 to 09:15
        rows[slot] = (
            rows[slot][0],
            {**TEN, "vehicles": 20.0, "vehicles_car": 16.0, "vehicles_large": 4.0, "speed": 20.0},
        )
    await road.send("g", rows)
    await road.compute()
    day = road.of("station:g", "2026-03-05")
    detail = day.detail
    assert (day.value, day.unit, day.status, day.valid, day.expected) == ("3000", "veh", "stated", 288, 288)
    assert detail["pcu"] == "3900.000", "276 intervals of 8 + 2 x 2.5, 12 of twice as much"
    assert (detail["by_class"], detail["without_pcu"]) == ({"car": 2400, "large": 600}, 0)
    peak = detail["peak"]
    assert (peak["from"][11:16], peak["to"][11:16], peak["pcu"], peak["factor"]) == (
        "08:15",
        "09:15",
        "312.000",
        "1.000",
    )
    assert (peak["saturation"], peak["level"]) == ("0.780", 6), "at a quarter of the free speed it is forced"
    # 2,760 vehicles at 40 and 240 at 20 km/h: the mean of vehicles, and the mean of their times.
    assert detail["speed_km_h"] == "38.40"
    assert detail["travel_time_index"] == "2.160"
    assert detail["congestion"]["en"] == "severely congested"
    assert detail["travel_min"] == "3.24"
    assert (detail["headway_s"], detail["headway_of"]) == ("57.60", "lane"), "86,400 s of two lanes over 3,000 vehicles"
    assert detail["occupancy_percent"] == "5.00"
    eight = flow(road, "g", 8)
    assert (eight["vehicles"], eight["pcu"], eight["coverage"]) == (210.0, 273.0, 1.0)
    assert (eight["saturation"], eight["level"]) == (0.6825, 6.0)


async def test_a_gap_is_no_empty_road(road: Road) -> None:
    road.station("g", capacity_pcu_h=400)
    await road.send("g", every_five(DAY, TEN, lacking=range(96, 101)))
    await road.compute()
    day = road.of("station:g", "2026-03-05")
    assert (day.value, day.valid, day.expected) == ("2830", 283, 288)
    assert day.detail["hours"]["vehicles"][7:10] == [120, None, 120]
    eight = flow(road, "g", 8)
    assert eight["vehicles"] != eight["vehicles"], "no good value"
    assert eight["doubtful"]["vehicles"] == Doubt("not_assessable", 70.0)
    assert eight["coverage"] == pytest.approx(7 / 12, abs=1e-4)
    # More than a tenth is lacking: what came is said, and nothing stated.
    await road.send("g", every_five(DAY + timedelta(days=1), TEN, lacking=range(100, 129)))
    await road.compute(DAY + timedelta(days=2))
    short = road.of("station:g", "2026-03-06")
    assert (short.value, short.status, short.valid) == (None, "not assessable", 259)
    assert "only 259 of 288 intervals came" in short.detail["sentence"]


async def test_late_corrected_and_withdrawn_intervals_revise_the_day_and_say_so(road: Road) -> None:
    road.station("g", tunnel="huxi")
    await road.send("g", every_five(DAY, TEN, lacking=range(96, 101)))
    await road.compute()
    await road.send(
        "g", [row for row in every_five(DAY, TEN) if START + 96 * STEP_MS < row[0] <= START + 101 * STEP_MS]
    )
    await road.compute()
    at = START + 12 * STEP_MS
    await road.write(
        [Reading("traffic", "g", "minute", at, road.world.now, {**TEN, "vehicles_car": 6.0, "vehicles_bus": 2.0})]
    )
    await road.compute()
    withdrawn = {code: Doubt("withdrawn", None) for code in TEN} | {"vehicles_bus": Doubt("withdrawn", None)}
    await road.write([Reading("traffic", "g", "minute", at, road.world.now + 1, {}, withdrawn)])
    await road.compute()
    reasons = [one.reason for one in road.revisions("station:g", "2026-03-05")]
    assert reasons == [
        "the period closed",
        "2830 → 2880: 5 late intervals of g",
        "2880, within what is rounded: counts of 1 hour of g corrected",
        "2880 → 2870: 1 interval of g withdrawn, doubtful or withheld",
    ]
    month = road.revisions("tunnel:huxi", "2026-03", "tunnel_flow")
    assert not month, "a month that runs has one running value"
    await road.compute(date(2026, 4, 1))
    [first] = road.revisions("tunnel:huxi", "2026-03", "tunnel_flow")
    assert first.judgement.status == "not assessable", "one day of 31"
    await road.send("g", every_five(date(2026, 3, 9), TEN))
    await road.compute()
    assert "2026-03-09: the period closed" in road.revisions("tunnel:huxi", "2026-03", "tunnel_flow")[-1].reason


async def test_single_vehicles_silence_and_signs_of_life(road: Road) -> None:
    road.station("e", period="raw", expected_period_s=None)
    minutes = [
        at for at in range(START + MINUTE_MS, END, MINUTE_MS) if not START + 9 * HOUR_MS < at <= START + 12 * HOUR_MS
    ]
    await road.send("e", [(at, {"vehicle_class": 1.0, "speed": 60.0}) for at in minutes], "raw")
    await road.send("e", [(START + MINUTE_MS, {"vehicle_class": 9.0})] * 3, "raw")
    await road.compute()
    day = road.of("station:e", "2026-03-05")
    assert (day.valid, day.expected, day.status) == (252, 288, "not assessable"), (
        "three hours of silence are no empty road"
    )
    assert day.detail["by_class"]["car"] == len(minutes) - 1, "the first was sent again with another class"
    assert day.detail["without_pcu"] == 3, "a class that the coding does not have"
    # What says only that it lives makes the same silence an empty road.
    alive = [(START + 9 * HOUR_MS + n * 20 * MINUTE_MS, {"vehicles": 0.0}) for n in range(1, 10)]
    await road.send("e", alive, "raw")
    await road.compute()
    living = road.of("station:e", "2026-03-05")
    assert (living.valid, living.status, living.value) == (288, "stated", str(day.detail["vehicles"]))
    assert living.detail["hours"]["vehicles"][10] == 0
    # A station that sends every ten minutes at least is silent after less.
    road.station("e", period="raw", expected_period_s=600)
    await road.compute()
    assert road.of("station:e", "2026-03-05").valid == 252 + 9
    reasons = [one.reason for one in road.revisions("station:e", "2026-03-05")[1:]]
    assert reasons == [
        "NA → 1261: e was counting in 252 → 288 of its intervals",
        "1261, coverage 288/288 → 261/288: e was counting in 288 → 261 of its intervals; silence 1800 → 600",
    ]


async def test_lanes_that_come_apart_are_one_direction(road: Road) -> None:
    road.station("l", lanes=2)
    both = [row for row in every_five(DAY, TEN) for _ in range(2)]
    lost = START + 50 * STEP_MS
    await road.send("l", [row for number, row in enumerate(both) if not (row[0] == lost and number % 2)])
    await road.compute()
    day = road.of("station:l", "2026-03-05")
    assert (day.value, day.valid) == (str(288 * 20 - 10), 287), "where a lane lacks, the interval did not come"


async def test_a_lane_that_is_dead_all_day_lacks_in_every_interval(road: Road) -> None:
    for name, lanes in (("four", 4), ("unknown", None), ("together", 4)):
        road.station(name, lanes=lanes)
        count = 1 if name == "together" else 3
        await road.send(name, [row for row in every_five(DAY, TEN) for _ in range(count)])
    await road.compute()
    days = {name: road.of(f"station:{name}", "2026-03-05") for name in ("four", "unknown", "together")}
    assert days["four"].detail["form"] == "intervals", "it is there to count"
    assert {name: day.valid for name, day in days.items()} == {"four": 0, "unknown": 288, "together": 288}, (
        "where lanes come together one reading is all of them"
    )


async def test_what_the_registry_does_not_name_is_not_counted_twice(road: Road) -> None:
    road.station("g")
    await road.send("g", every_five(DAY, TEN))
    await road.send("g", [(START + HOUR_MS, {"vehicle_class": 1.0})], "raw")
    await road.send("g", [(START + HOUR_MS, {"vehicles": 120.0})], "hour")
    await road.compute()
    day = road.of("station:g", "2026-03-05")
    assert (day.value, day.detail["other_periods"]) == ("2880", 2)


async def test_classes_that_are_more_than_the_vehicles_are_said(road: Road) -> None:
    road.station("g")
    rows = every_five(DAY, TEN)
    rows[5] = (rows[5][0], {"vehicles": 5.0, "vehicles_car": 8.0})
    rows[6] = (rows[6][0], {"vehicles_car": 8.0})
    rows[7] = (rows[7][0], {"vehicles": 9.0})
    await road.send("g", rows)
    await road.compute()
    day = road.of("station:g", "2026-03-05")
    assert (day.value, day.detail["contradicting"], day.detail["without_pcu"]) == (str(285 * 10 + 8 + 8 + 9), 1, 9)


async def test_readings_that_do_not_end_with_an_interval_are_said(road: Road) -> None:
    road.station("g")
    await road.send("g", [(at + MINUTE_MS - STEP_MS, TEN) for at, _ in every_five(DAY, TEN)])
    await road.compute()
    day = road.of("station:g", "2026-03-05")
    assert (day.value, day.detail["off_step"]) == ("2880", 288)
    assert "288 readings do not end with an interval of 300 s" in day.detail["sentence"]


async def test_what_people_withhold_is_not_counted(road: Road) -> None:
    road.station("g")
    await road.send("g", every_five(DAY, TEN))
    until = START + 2 * HOUR_MS + MINUTE_MS
    interval = Interval("traffic", "g", "", START, until, "maintenance", "new loops")
    Intervals(road.world.books).add(interval, period="minute", who="test", now=road.world.now)
    await road.compute()
    day = road.of("station:g", "2026-03-05")
    assert (day.valid, day.detail["vehicles"]) == (263, 2630), "what began before the end of it too"


async def test_hours_that_are_counted_whole_have_no_quarters(road: Road) -> None:
    road.station("h", period="hour", expected_period_s=None, capacity_pcu_h=1000)
    hours = [(START + (n + 1) * HOUR_MS, {"vehicles": 100.0 + n, "vehicles_car": 100.0 + n}) for n in range(24)]
    await road.send("h", hours, "hour")
    await road.compute()
    day = road.of("station:h", "2026-03-05")
    assert (day.value, day.valid, day.expected) == (str(2400 + 276), 24, 24)
    assert (day.detail["peak"]["pcu"], day.detail["peak"]["factor"], day.detail["peak"]["level"]) == (
        "123.000",
        None,
        1,
    )


async def test_the_scheme_is_the_citys_and_another_one_is_another_value(road: Road) -> None:
    road.station("g")
    road.rules = traffic_rules("CJJ-37-2012")
    await road.send(
        "g", every_five(DAY, {"vehicles": 3.0, "vehicles_car": 1.0, "vehicles_medium": 1.0, "vehicles_bus": 1.0})
    )
    await road.compute()
    day = road.of("station:g", "2026-03-05")
    assert (day.key.standard, day.detail["pcu"], day.detail["without_pcu"]) == ("CJJ-37-2012", "864.000", 288)
    with pytest.raises(ValueError, match=r"known are JTG-B01-2014-design, traffic-survey"):
        traffic_rules("JTG")
    with pytest.raises(ValueError, match="known are cityflux, kdd-tollgates"):
        traffic_rules(coding="own")


async def test_days_of_another_scheme_do_not_stand_before_those_of_this_one(road: Road) -> None:
    road.rules = traffic_rules("traffic-survey", percent_of_period=1)
    road.station("g", tunnel="huxi", capacity_pcu_h=400)
    await road.send("g", every_five(date(2026, 2, 10), {"vehicles": 2.0, "vehicles_car": 1.0, "vehicles_large": 1.0}))
    await road.compute()
    assert road.of("tunnel:huxi", "2026-02", "tunnel_flow").detail["average_daily_pcu"] == "1152"
    road.rules = traffic_rules("JTG-B01-2014-design", percent_of_period=1)
    road.station("g", tunnel="huxi", capacity_pcu_h=500)
    await road.compute()
    both = {
        r.judgement.key.standard: r.judgement for r in road.world.judgements.latest("tunnel_flow", scope="tunnel:huxi")
    }
    assert both["JTG-B01-2014-design"].detail["average_daily_pcu"] == "1008"
    assert both["traffic-survey"].detail["average_daily_pcu"] == "1152"


async def test_a_changed_entry_judges_its_days_again(road: Road) -> None:
    road.station("g", capacity_pcu_h=400)
    await road.send("g", every_five(DAY, TEN))
    await road.compute()
    assert road.of("station:g", "2026-03-05").detail["peak"]["saturation"] == "0.390"
    road.station("g", capacity_pcu_h=200)
    await road.compute()
    last = road.revisions("station:g", "2026-03-05")[-1]
    assert last.judgement.detail["peak"]["saturation"] == "0.780"
    assert last.reason == "2880, within what is rounded: capacity 400.0 → 200.0"
    road.station("g", active_to="2026-01-01T00:00:00+08:00")
    await road.compute()
    gone = road.of("station:g", "2026-03-05")
    assert (gone.value, gone.status, gone.valid) == (None, "not assessable", 0)


async def test_air_against_its_limits(road: Road) -> None:
    road.station("t", length_km=2)
    rows = every_five(DAY, {**TEN, "speed": 60.0, "tunnel_co": 20.0, "tunnel_wind": -3.0})
    for slot in range(12, 18):  # an hour and a half after midnight: two means of a quarter above what 2 km may have
        rows[slot] = (rows[slot][0], {**rows[slot][1], "tunnel_co": 126.0})
    for slot in range(24, 28):  # one mean of 20 minutes in a jam, within what it may be then
        rows[slot] = (rows[slot][0], {**rows[slot][1], "speed": 5.0, "tunnel_co": 140.0})
    await road.send("t", rows)
    await road.compute()
    moving, slow, wind = road.of("station:t", "2026-03-05").detail["air"]
    assert (moving["limit"], moving["above"], moving["greatest"], moving["at"][11:16]) == ("125", 2, "126.00", "01:15")
    assert (slow["while"], slow["limit"], slow["means"], slow["above"], slow["greatest"]) == (
        "slow",
        "150",
        1,
        0,
        "140.00",
    )
    assert (wind["quantity"], wind["limit"], wind["greatest"], wind["above"]) == ("tunnel_wind", "10", "3.00", 0)
    assert "tunnel_co above 125" in road.of("station:t", "2026-03-05").detail["sentence"]


async def test_simulated_tunnels_from_counts_and_from_single_vehicles(road: Road, tmp_path: Path) -> None:
    """The same day of the same directions: both forms give the vehicles, classes and pcu that drove."""
    (tmp_path / "single").mkdir()
    single = Road(tmp_path / "single")
    single.world.go_to(DAY + timedelta(days=1), 2)
    for name in ("xiyong-e", "xiyong-w"):
        entry = tunnel_stations()[name]
        road.world.books.register([entry], who="test", now=0)
        changes = {"period": "raw", "expected_period_s": None}
        single.world.books.register([Station.model_validate({**entry.model_dump(), **changes})], who="test", now=0)
        records = single_vehicles(3, name, START, END)
        await single.write(
            [Reading("traffic", name, "raw", one["at"], END, one["values"], seq=one["seq"]) for one in records]
        )
        rows = [one for one in counted(3, name, DAY) if one.sent]
        await road.send(
            name, [(one.at, {"vehicles": one.vehicles, "speed": one.speed, **of_classes(one)}) for one in rows]
        )
    try:
        await road.compute()
        await single.compute()
        for name in ("xiyong-e", "xiyong-w"):
            true = driven(3, name, START, END)
            counts, vehicles = road.of(f"station:{name}", "2026-03-05"), single.of(f"station:{name}", "2026-03-05")
            for found in (counts, vehicles):
                assert found.detail["vehicles"] == true.vehicles
                assert Fraction(found.detail["pcu"]) == true.pcu
                assert {**found.detail["by_class"]} == true.by_class
            assert counts.valid == true.intervals
            assert counts.detail["peak"]["pcu"] == vehicles.detail["peak"]["pcu"]
            assert float(counts.detail["speed_km_h"]) == pytest.approx(float(vehicles.detail["speed_km_h"]), abs=0.5)
    finally:
        await single.world.store.close()
        single.world.books.close()


def of_classes(one: Any) -> dict[str, float]:
    return {COUNTS[cls]: float(number) for cls, number in one.by_class.items()}


async def test_a_month_of_a_tunnel_and_the_city(road: Road) -> None:
    """Both directions of two tunnels over a short month, one of them opened on its 15th day: by hand from the truth."""
    for name in ("a-e", "a-w"):
        road.station(name, tunnel="a", capacity_pcu_h=600)
    road.station("b-e", tunnel="b", capacity_pcu_h=500, active_from="2026-02-15T00:00:00+08:00")
    road.station("fan", tunnel="a", period="minute")
    first = date(2026, 2, 1)
    for number in range(28):
        day = first + timedelta(days=number)
        await road.send("a-e", every_five(day, {"vehicles": 10.0, "vehicles_car": 10.0}))
        await road.send(
            "a-w", every_five(day, {"vehicles": 20.0, "vehicles_car": 20.0}, lacking=range(40) if number < 7 else ())
        )
        await road.send("fan", every_five(day, {"tunnel_co": 12.0}, lacking=range(3, 288)))
        if number >= 14:
            rows = every_five(day, {"vehicles": 5.0, "vehicles_car": 5.0})
            if number == 20:
                rows[100:104] = [(at, {"vehicles": 100.0, "vehicles_car": 100.0}) for at, _ in rows[100:104]]
            await road.send("b-e", rows)
    await road.compute(date(2026, 3, 6))
    tunnel = road.of("tunnel:a", "2026-02", "tunnel_flow")
    assert (tunnel.value, tunnel.unit, tunnel.status) == ("8640", "veh/d", "stated"), (
        "288 x 30, of days that are assessable"
    )
    assert (tunnel.valid, tunnel.expected) == (28 + 21, 56)
    assert tunnel.detail["mean_saturation"] is not None
    assert [one["station"] for one in tunnel.detail["directions"]] == ["a-e", "a-w"], (
        "where only air is measured nobody counts"
    )
    busiest = tunnel.detail["busiest_hour"]
    assert (busiest["pcu"], busiest["capacity_pcu_h"], busiest["saturation"]) == ("360.000", "1200", "0.300")
    assert tunnel.detail["directions"][1]["peak"]["saturation"] == "0.400"
    city = road.of("city", "2026-02", "tunnel_flow")
    extra = Decimal(14 * 1440 + 4 * 95) / 14
    assert city.value == str(8640 + round(extra))
    assert city.detail["busiest_hour"]["hour_ended"] == "2026-02-21T09:00:00+08:00"
    assert city.detail["busiest_hour"]["pcu"] == str(Decimal("360.000") + 4 * 100 + 8 * 5)
    # A day that was not in service counts for nobody: b has 14 days of 14.
    assert [(one["station"], one["expected"]) for one in city.detail["directions"]][-1] == ("b-e", 14)
    year = road.of("city", "2026", "tunnel_flow")
    assert year.status == "not assessable", "28 days of 64"


def test_what_the_tables_of_vehicles_say_of_one_another() -> None:
    from processors.standards.traffic import traffic_tables
    from processors.standards.tunnel_air import TunnelAirError, parse_tunnel_air, shipped_tunnel_air
    from sensors.quantities import OF_FAMILY

    assert set(COUNTS) == set(VEHICLE_CLASSES)
    assert {code for code in OF_FAMILY["traffic"] if code.startswith("vehicles_")} == set(COUNTS.values())
    for scheme in traffic_tables().schemes:
        assert set(scheme.factors) <= set(VEHICLE_CLASSES)
    for coding in codings():
        assert set(coding.classes.values()) <= set(VEHICLE_CLASSES)
    with pytest.raises(ValueError, match="'van' is no class of vehicles"):
        Coding(name="x", document="x", mark="x", classes={1: "van"})
    assert {one.quantity for one in shipped_tunnel_air().limits} == {
        code for code in OF_FAMILY["traffic"] if code.startswith("tunnel_")
    }
    text = 'document="x"\nmark="1 source"\nslow_km_h=20\n[[limit]]\nquantity="co"\nminutes=15\nmost="1"\nclause="x"'
    with pytest.raises(TunnelAirError, match=r"own.toml: limit.0: 'co' is no quantity of tunnel air"):
        parse_tunnel_air(text, "own.toml")
