"""The pages of an explanation: the same facts as the command line, and every text escaped."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from processors.windows import day_bounds
from store.events import Event, Events
from tests.processors.world import CLEAN, ZONE, World, a_city
from wall.app import make_app

FIFTH, SIXTH = date(2026, 3, 5), date(2026, 3, 6)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with a_city(tmp_path) as made:
        yield made


def client(world: World) -> TestClient:
    return TestClient(make_app(world.store, world.books, world.plan, ZONE, lambda: world.now))


async def test_from_the_year_to_the_hours_of_a_polluted_day(world: World) -> None:
    await world.hours(FIFTH, {**CLEAN, "pm10": 200.0})
    start, end = day_bounds(FIFTH, ZONE)
    event = Event("air", "dust", "city", ("pm10",), start, end, "<b>notice</b>")
    Events(world.books).add(event, who="ann", now=world.now)
    world.go_to(SIXTH, 2)
    await world.compute()
    seen = client(world)
    year = seen.get("/explain/good_air_days/2026").text
    assert '<a href="/explain/good_air_days/2026/2026-03-05">2026-03-05</a>' in year
    assert "&lt;b&gt;notice&lt;/b&gt;" in year
    assert "without 1 days that events lift: 0 polluted" in year
    day = seen.get("/explain/good_air_days/2026/2026-03-05").text
    assert "What a good day would have needed" in day
    assert "PM10 was 200.0 µg/m³, and an IAQI of 100 ends at 120" in day
    assert "GB 3095-2026" in day
    assert day.count("<details>") == 4
    assert "2026-03-05T10:00:00+08:00" in day


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/explain/nothing/2026", "no indicator"),
        ("/explain/good_air_days/2026", "not computed yet"),
        ("/explain/good_air_days/26", "is of a year"),
        ("/explain/good_air_days/2026/2026-13-01", "is not a day"),
    ],
)
def test_what_is_not_there_is_said(world: World, path: str, says: str) -> None:
    answer = client(world).get(path)
    assert answer.status_code == 404
    assert says in answer.json()["detail"]
