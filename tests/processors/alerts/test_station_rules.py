"""Stations that are stuck, and whose messages changed: through the watch, with real books and a real store."""

from datetime import date
from pathlib import Path

import pytest

from processors.alerts.history import look_back
from processors.alerts.rules import shipped_rules
from processors.alerts.signals.stations import came_together, late_min
from processors.alerts.watch import Watch
from processors.windows import day_bounds
from sensors.instants import HOUR_MS
from store.drifts import Drift, Drifts
from store.hearing import Hearing, Span
from store.incidents import Incidents
from store.intervals import Interval, Intervals
from tests.processors.world import CLEAN, ZONE, World

MINUTE = 60_000
DAY = date(2026, 3, 5)
ALL = ("hx-01", "hx-02", "hx-03", "hx-04")


def told(world: World, rule: str) -> list[tuple[str, str]]:
    """(subject, what) of all that was told by a rule, after the watch has looked."""
    world.now += 2_000
    rules = {rule: shipped_rules()[rule]}
    watch = Watch(world.store, world.books, rules, prepare=lambda: None, zone=ZONE, clock=lambda: world.now)
    while watch.step():
        pass
    found = [
        (one.id, one.subject, line.what)
        for one in Incidents(world.books).all()
        for line in Incidents(world.books).log(one.id)
    ]
    return [(subject, what) for _, subject, what in sorted(found, key=lambda one: one[0])]


async def day(world: World, first: int, last: int, stuck: float | None) -> None:
    """Hours of a day in which PM2.5 moves everywhere, but at hx-01 where it is stuck."""
    for hour in range(first, last):
        moves = {**CLEAN, "pm2_5": 20.0 + 3 * (hour % 8)}
        await world.hours(DAY, moves, stations=ALL[1:], hours=[hour])
        await world.hours(DAY, {**moves, "pm2_5": stuck or 21.0 + hour}, stations=ALL[:1], hours=[hour])


async def test_a_value_that_stands_still_while_others_move_is_told_once_and_is_over_when_it_moves(
    tmp_path: Path,
) -> None:
    world = World(tmp_path)
    await day(world, 0, 6, 33.0)
    assert told(world, "air_station_stuck") == [], "six hours from the first to the last are needed"
    await day(world, 6, 10, 33.0)
    assert told(world, "air_station_stuck") == [("hx-01", "opened")]
    await day(world, 10, 12, None)
    assert told(world, "air_station_stuck") == [("hx-01", "opened"), ("hx-01", "resolved")]
    start = world.now - 48 * HOUR_MS
    rule = shipped_rules()["air_station_stuck"]
    seen = look_back(world.store, world.books.registry(), (), rule, ZONE, start, world.now, books=world.books)
    (one,) = [one.incidents[0] for one in seen.values() if one.incidents]
    (stored,) = Incidents(world.books).all()
    assert one == stored.draft


async def test_a_station_that_people_work_on_is_not_stuck(tmp_path: Path) -> None:
    world = World(tmp_path)
    work = Interval("air", "hx-01", "", 0, world.now, "maintenance", "pump")
    Intervals(world.books).add(work, period="hour", who="test", now=world.now)
    await day(world, 0, 10, 33.0)
    assert told(world, "air_station_stuck") == []


@pytest.mark.parametrize("number", [1, 2])
def test_a_change_of_messages_is_told_until_somebody_accepts_it(tmp_path: Path, number: int) -> None:
    world = World(tmp_path)
    drifts = Drifts(world.books)
    found = [
        Drift(
            "native", "air", "hx-01", "missing", f"values.{field}", "there", "not there", world.now + field, "t", b"{}"
        )
        for field in range(number)
    ]
    drifts.add({}, found)
    drifts.add({}, found)
    assert told(world, "air_station_drifts") == [("hx-01", "opened")]
    world.now += HOUR_MS
    for accepted in range(1, number + 1):
        assert told(world, "air_station_drifts") == [("hx-01", "opened")]
        drifts.accept([accepted], who="test", now=world.now)
    assert told(world, "air_station_drifts") == [("hx-01", "opened"), ("hx-01", "resolved")]


@pytest.mark.parametrize(
    ("observed", "received", "spans", "found"),
    [
        (100, 190, [(0, 500)], 90),
        (100, 190, [(0, 120), (180, 500)], 30),
        # Nobody heard before 150: what is loaded at first is not late.
        (100, 190, [(150, 500)], 40),
        (100, 190, [], 0),
        (100, 90, [(0, 500)], 0),
        (100, 100 + 7 * 24 * 60 + 1, [(0, 50_000)], None),
    ],
)
def test_how_late_a_reading_is(observed: int, received: int, spans: list[tuple[int, int]], found: int | None) -> None:
    heard = [Span(since * 60_000, until * 60_000) for since, until in spans]
    assert late_min(observed * 60_000, received * 60_000, heard) == found


async def late_hours(world: World, hours: range, late_h: int, not_before: int = 0) -> None:
    start = day_bounds(DAY, ZONE)[0]
    for hour in hours:
        world.now = max(start + (hour + 1 + late_h) * HOUR_MS, not_before) + 5 * 60_000
        await world.hours(DAY, CLEAN, stations=ALL[:1], hours=[hour])


@pytest.mark.parametrize("outage", [False, True])
async def test_hours_that_come_late_are_told_but_not_where_we_were_away(tmp_path: Path, outage: bool) -> None:
    world = World(tmp_path)
    start, hearing = day_bounds(DAY, ZONE)[0], Hearing(world.books)
    hearing.keep("j", Span(start, start + 6 * HOUR_MS))
    # Away until the tenth hour, when all that waited comes.
    back = start + 10 * HOUR_MS if outage else start + 6 * HOUR_MS + 1
    await late_hours(world, range(5), 0)
    assert told(world, "air_station_late") == []
    hearing.keep("j", Span(back, start + 30 * HOUR_MS))
    await late_hours(world, range(5, 9), 0 if outage else 3, back)
    assert told(world, "air_station_late") == ([] if outage else [("hx-01", "opened")])
    await late_hours(world, range(9, 13), 0)
    expected = [] if outage else [("hx-01", "opened"), ("hx-01", "resolved")]
    assert told(world, "air_station_late") == expected


@pytest.mark.parametrize(
    ("received", "together"),
    [
        # Minutes after the hour at which readings of 60, 120 and 180 came; whether that of 120 came with another.
        ((61, 121, 181), False),
        ((241, 301, 361), False),
        ((241, 290, 361), False),
        ((400, 401, 402), True),
        ((61, 400, 401), True),
        ((399, 400, 900), True),
        ((None, 400, None), False),
    ],
)
def test_what_came_together(received: tuple[int | None, ...], together: bool) -> None:
    its = {60 * n * MINUTE: at * MINUTE for n, at in enumerate(received, 1) if at is not None}
    assert came_together(its, 120 * MINUTE, HOUR_MS) == together


@pytest.mark.parametrize("heard_h", [40, 6])
async def test_a_day_that_is_sent_again_makes_nobody_late(tmp_path: Path, heard_h: int) -> None:
    """By its sender; or by the broker, when we were away and it does not know that we have it."""
    world = World(tmp_path)
    start, hearing = day_bounds(DAY, ZONE)[0], Hearing(world.books)
    hearing.keep("j", Span(start, start + heard_h * HOUR_MS))
    await late_hours(world, range(12), 0)
    assert told(world, "air_station_late") == []
    world.now = start + 20 * HOUR_MS
    hearing.keep("k", Span(world.now, start + 40 * HOUR_MS))
    await world.hours(DAY, CLEAN, stations=ALL[:1], hours=range(12))
    assert told(world, "air_station_late") == []
    # A watch that has begun, and whatever it looks at from before, says the same.
    await late_hours(world, range(12, 14), 0, world.now)
    assert told(world, "air_station_late") == []


async def test_an_archive_of_the_last_days_makes_nobody_late(tmp_path: Path) -> None:
    world = World(tmp_path)
    start = day_bounds(DAY, ZONE)[0]
    world.now = start + 60 * HOUR_MS
    Hearing(world.books).keep("j", Span(start, world.now + HOUR_MS))
    # Looked at while it is loaded.
    for first in range(0, 24, 6):
        await world.hours(DAY, CLEAN, stations=ALL, hours=range(first, first + 6))
        assert told(world, "air_station_late") == []


async def test_dead_letters_that_are_replayed_make_nobody_late(tmp_path: Path) -> None:
    """They are stored as of their own receipt (`tests/ingest/test_replays.py`), days later."""
    world = World(tmp_path)
    start = day_bounds(DAY, ZONE)[0]
    Hearing(world.books).keep("j", Span(start, start + 60 * HOUR_MS))
    for hour in range(6):
        world.now = start + (hour + 1) * HOUR_MS + MINUTE
        await world.hours(DAY, CLEAN, stations=ALL[:1], hours=[hour])
    world.now = start + 50 * HOUR_MS
    assert told(world, "air_station_late") == []
