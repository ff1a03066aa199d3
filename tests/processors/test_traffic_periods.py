"""Longer periods of tunnels: stations that change tunnel, directions that never sent, jams."""

import asyncio
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from processors.traffic.rules import traffic_rules
from sensors.stations import Station
from tests.processors.traffic import Road, every_five

FEBRUARY = [date(2026, 2, 1) + timedelta(days=number) for number in range(28)]


@pytest.fixture
def road(tmp_path: Path) -> Iterator[Road]:
    made = Road(tmp_path)
    made.rules = traffic_rules(percent_of_period=1)
    made.world.go_to(date(2026, 3, 6), 2)
    yield made
    asyncio.run(made.world.store.close())
    made.world.books.close()


def cars(number: float, **more: float) -> dict[str, float]:
    return {"vehicles": number, "vehicles_car": number, **more}


async def test_a_station_that_changes_tunnel_is_a_direction_of_each(road: Road) -> None:
    def entry(name: str, **changes: Any) -> Station:
        usual = {"family": "traffic", "name_zh": name, "district": "gaoxin", "kind": "traffic", "period": "minute"}
        fields = {"id": name, **usual, "expected_period_s": 300, "capacity_pcu_h": 1000, **changes}
        return Station.model_validate(fields)

    moved = "2026-02-15T00:00:00+08:00"
    entries = [
        entry("x", tunnel="a", active_to=moved),
        entry("x", tunnel="b", active_from=moved),
        entry("y", tunnel="a"),
    ]
    road.world.books.register(entries, who="test", now=0)
    for number, day in enumerate(FEBRUARY):
        await road.send("x", every_five(day, cars(10 if number < 14 else 30)))
        await road.send("y", every_five(day, cars(20)))
    await road.compute(date(2026, 3, 6))
    city = road.of("city", "2026-02", "tunnel_flow")
    said = [(one["station"], one["tunnel"], one["days"], one["expected"]) for one in city.detail["directions"]]
    assert said == [("x", "a", 14, 14), ("x", "b", 14, 14), ("y", "a", 28, 28)]
    assert city.value == str(288 * (10 + 30 + 20))
    assert (city.detail["busiest_hour"]["pcu"], city.detail["busiest_hour"]["saturation"]) == ("600.000", "0.300")
    assert city.detail["busiest_hour"]["hour_ended"].startswith("2026-02-15T01"), "30 and 20, since x is of b"
    assert road.of("tunnel:a", "2026-02", "tunnel_flow").detail["busiest_hour"]["pcu"] == "360.000"


async def test_while_a_direction_has_no_day_its_tunnel_has_no_busiest_hour(road: Road) -> None:
    for name in ("a-e", "a-w"):
        road.station(name, tunnel="a", capacity_pcu_h=1000)
    for day in FEBRUARY:
        await road.send("a-e", every_five(day, cars(40)))
    await road.compute(date(2026, 3, 6))
    month = road.of("tunnel:a", "2026-02", "tunnel_flow")
    assert (month.status, month.detail["busiest_hour"], month.detail["short"]) == ("not assessable", None, ["a-w"])


async def test_a_jam_is_not_a_good_level_in_the_month(road: Road) -> None:
    road.station("a-e", tunnel="a", capacity_pcu_h=1000, free_flow_km_h=80)
    await road.send("a-e", every_five(FEBRUARY[9], cars(40, speed=20)))
    await road.compute(date(2026, 3, 6))
    assert road.of("station:a-e", "2026-02-10").detail["peak"]["level"] == 6
    month = road.of("tunnel:a", "2026-02", "tunnel_flow")
    assert month.detail["busiest_hour"]["saturation"] == "0.480"
    assert "level" not in month.detail["busiest_hour"]
    assert month.detail["directions"][0]["peak"]["level"] == 6
