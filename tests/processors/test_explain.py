"""Explain: what would have made a day good, what was left out and why, which rules were applied, what changed the year."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from processors.air.explain import explain_day, explain_year
from processors.windows import day_bounds
from sensors.instants import HOUR_MS
from sensors.reading import Doubt
from store.events import Event, Events
from store.intervals import Interval, Intervals
from tests.processors.world import CLEAN, DIRTY, ZONE, World, a_city

FIFTH, SIXTH = date(2026, 3, 5), date(2026, 3, 6)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with a_city(tmp_path) as made:
        yield made


def day_of(world: World, day: date = FIFTH) -> dict[str, Any]:
    return explain_day(world.books, world.store, world.plan.indicator("good_air_days"), "2026", day.isoformat(), ZONE)


async def computed(world: World) -> None:
    world.go_to(SIXTH, 2)
    await world.compute()


async def test_a_good_day_needs_nothing(world: World) -> None:
    await world.hours(FIFTH, CLEAN)
    await computed(world)
    assert day_of(world)["would_be_good"] == []


async def test_a_polluted_day_says_how_much_less_and_which_station_alone_did_it(world: World) -> None:
    await world.hours(FIFTH, {**CLEAN, "pm2_5": 50.0}, stations=("hx-01", "hx-02", "hx-03"))
    await world.hours(FIFTH, {**CLEAN, "pm2_5": 122.0}, stations=("hx-04",))
    await computed(world)
    [one] = day_of(world)["would_be_good"]
    assert (one["quantity"], one["limit"], one["above_by"]) == ("pm2_5", 60, "8.0")
    assert one["mean_without"] == {"hx-04": "50.0"}
    assert next(iter(one["stations"])) == "hx-04"
    assert one["text"].startswith(
        "PM2.5 was 68.0 µg/m³, and an IAQI of 100 ends at 60: 8.0 less on the mean of 4 stations"
    )


async def test_a_day_without_verdict_says_which_hours_are_lacking(world: World) -> None:
    await world.hours(FIFTH, CLEAN, stations=("hx-01", "hx-02"))
    await world.hours(FIFTH, {**CLEAN}, stations=("hx-03",), hours=range(18))
    await computed(world)
    needed = day_of(world)["would_be_good"]
    assert [one["quantity"] for one in needed] == ["pm2_5", "pm10", "so2", "no2", "co", "o3"]
    assert needed[0]["hours_lacking"] == {"hx-03": 2, "hx-04": 20}
    assert needed[0]["text"] == (
        "PM2.5: 2 of 4 stations have a daily value, 3 are needed; too few of 20 hours at hx-03 (2 more), hx-04 (20 more)"
    )


async def test_what_was_left_out_is_listed_with_the_reason(world: World) -> None:
    await world.hours(FIFTH, CLEAN, hours=[h for h in range(24) if h != 9])
    await world.hours(FIFTH, DIRTY, stations=("hx-05",))
    await world.hours(FIFTH, {**CLEAN}, stations=("hx-01",), hours=[9], doubtful={"pm2_5": Doubt("calibration", 3.0)})
    start = day_bounds(FIFTH, ZONE)[0]
    interval = Interval("air", "hx-02", "o3", start + 2 * HOUR_MS, start + 4 * HOUR_MS, "maintenance", "lamp")
    Intervals(world.books).add(interval, period="hour", who="ann", now=world.now)
    await computed(world)
    left = {(one["station"], one["what"]): one["why"] for one in day_of(world)["left_out"]}
    assert left["hx-01", "pm2_5 at 10:00 (3)"] == "calibration"
    assert left["hx-02", "o3 at 03:00 (60), 04:00 (60)"] == "maintenance"
    assert left["hx-03", "hours ended 10:00"] == "no reading came"
    assert left["hx-05", "the whole day"].startswith("no assessment station")


async def test_the_rules_applied_have_document_clause_and_mark(world: World) -> None:
    await world.hours(FIFTH, CLEAN)
    await computed(world)
    rules = day_of(world)["clauses"]
    assert {rule["document"].split()[1] for rule in rules} == {"3095-2026", "633-2026", "663-2026"}
    assert all(rule["clause"] and rule["mark"] for rule in rules)


async def test_a_year_carries_its_events_and_the_revisions_of_its_days(world: World) -> None:
    await world.hours(FIFTH, {**CLEAN, "pm10": 200.0})
    await computed(world)
    start, end = day_bounds(FIFTH, ZONE)
    events = Events(world.books)
    events.add(Event("air", "dust", "city", ("pm10",), start, end, "notice 7"), who="ann", now=world.now)
    await world.compute()
    year = explain_year(world.books, world.plan.indicator("good_air_days"), "2026", ZONE)
    assert [(one["kind"], one["evidence"], one["entered_by"]) for one in year["events"]] == [
        ("dust", "notice 7", "ann")
    ]
    assert year["without_events"]["lifted"] == ["2026-03-05"]
    assert [(one["day"], one["reason"].split(": ")[-1]) for one in year["revised_days"]] == [
        ("2026-03-05", "event 1 entered")
    ]
    assert year["bad_days"] == {"allowed": 45, "left": 45 - 64}
    assert day_of(world)["event"]["lifted"]


async def test_the_eight_hours_of_ozone_are_named(world: World) -> None:
    await world.hours(FIFTH, CLEAN)
    await world.hours(FIFTH, {**CLEAN, "o3": 90.0}, stations=("hx-01",), hours=range(11, 19))
    await computed(world)
    of = {one["station"]: one["mda8"] for one in day_of(world)["stations"]}
    assert of["hx-01"] == {"windows_valid": 17, "hours": "11:00–19:00"}
    assert of["hx-02"] == {"windows_valid": 17, "hours": "00:00–08:00"}, "the first of equal ones"
