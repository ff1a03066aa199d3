"""Alerts over indicators: days of meters that are not as days like them, rows of the plan that are at risk."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path

import pytest

from processors.alerts.history import look_back
from processors.alerts.rules import shipped_rules
from processors.alerts.watch import Watch
from processors.windows import day_bounds
from sensors.instants import DAY_MS, iso
from store.incidents import Incident, Incidents
from store.judgements import Judgement, Key, Running
from store.standings import STANDINGS, Standings
from tests.processors.meters import Meters, at
from tests.processors.world import CLEAN, ZONE, World, a_city

RULES = {code: shipped_rules()[code] for code in ("energy_anomaly", "energy_day_off", "plan_target")}
# Nine weeks before a Monday.
MONDAY = date(2026, 3, 9)
FIRST = MONDAY - timedelta(days=63)
DIRTY = {**CLEAN, "pm2_5": 200.0}


def look(world: World, *codes: str) -> None:
    """A new watch: each call is a restart."""
    world.now += 2_000
    rules = {code: RULES[code] for code in codes} if codes else RULES
    watch = Watch(world.store, world.books, rules, prepare=lambda: None, zone=ZONE, clock=lambda: world.now)
    while watch.step():
        pass


def incidents(world: World) -> list[Incident]:
    return sorted(Incidents(world.books).all(), key=lambda one: (one.draft.fired, one.rule))


def said(one: Incident) -> tuple[str, str, str, str, int]:
    """Rule, subject; fired, resolved; greatest level."""
    return one.rule, one.subject, _clock(one.draft.fired), _clock(one.draft.resolved), one.draft.greatest


def _clock(instant: int | None) -> str:
    return "" if instant is None else iso(instant, ZONE)[5:16]


def usual(day: date) -> float:
    """An office: a hundred on working days, twenty on days off."""
    return 100.0 if day.weekday() < 5 else 20.0


async def used(meters: Meters, days: Mapping[date, float], name: str = "m-1") -> None:
    """What days used, and the runner and the watch after each."""
    for day, amount in days.items():
        await meters.send(name, {at(day, 24): {"electricity": amount}}, "day")
        following = day + timedelta(days=1)
        await meters.compute(following if following > day_of(meters.world.now) else None, 2)
        look(meters.world)


def day_of(now: int) -> date:
    return date.fromisoformat(iso(now, ZONE)[:10])


@pytest.fixture
async def office(tmp_path: Path) -> Meters:
    """Nine weeks of it."""
    found = Meters(tmp_path)
    found.meter("m-1", period="day", measures="electricity")
    days = [FIRST + timedelta(days=number) for number in range(63)]
    await found.send("m-1", {at(day, 24): {"electricity": usual(day)} for day in days}, "day")
    await found.compute(MONDAY, 2)
    look(found.world)
    assert incidents(found.world) == []
    return found


async def test_a_weekend_that_is_used_as_a_working_day_is_one_incident_that_the_anomaly_stands_behind(
    office: Meters,
) -> None:
    week = [MONDAY + timedelta(days=number) for number in range(8)]
    await used(office, {day: 96.0 if day.weekday() >= 5 else usual(day) for day in week})
    anomaly, day_off = incidents(office.world)
    # Saturday is the 14th: known when it is over.
    assert said(day_off) == ("energy_day_off", "m-1", "03-15T00:00", "03-17T00:00", 1)
    assert said(anomaly) == ("energy_anomaly", "m-1", "03-15T00:00", "03-17T00:00", 2)
    # (96 − 20) / (100 − 20), and 76 of a range of a tenth of 20.
    shown = day_off.draft.shown
    assert (shown["other_kind"], shown["usual_day_off"], shown["usual_working_day"]) == ("0.95", "20", "100")
    assert (anomaly.draft.shown["value"], anomaly.draft.shown["used"]) == ("38", "96 kWh")
    assert RULES["energy_anomaly"].inhibited_by == ("energy_day_off",)


async def test_a_working_day_that_is_silent_is_the_reverse_and_a_usual_week_is_nothing(office: Meters) -> None:
    await used(office, {MONDAY: 21.0, MONDAY + timedelta(days=1): 100.0})
    assert [said(one) for one in incidents(office.world)] == [
        ("energy_anomaly", "m-1", "03-10T00:00", "03-11T00:00", 2),
        ("energy_day_off", "m-1", "03-10T00:00", "03-11T00:00", 1),
    ]
    assert incidents(office.world)[1].draft.shown["other_kind"] == "0.988"


async def test_half_as_much_again_is_an_anomaly_and_no_day_off_and_a_correction_withdraws_it(office: Meters) -> None:
    # Expected 100, at least a tenth of it either way: 115 is one and a half times the range.
    await used(office, {MONDAY: 115.0})
    (one,) = incidents(office.world)
    assert said(one) == ("energy_anomaly", "m-1", "03-10T00:00", "", 1)
    await used(office, {MONDAY: 110.0})
    assert incidents(office.world) == [], "at the edge of the range is within it"


async def test_a_meter_whose_days_off_are_as_its_working_days_tells_nothing_of_them(tmp_path: Path) -> None:
    meters = Meters(tmp_path)
    meters.meter("m-1", period="day", measures="electricity")
    days = [FIRST + timedelta(days=number) for number in range(63)]
    await meters.send("m-1", {at(day, 24): {"electricity": 100.0} for day in days}, "day")
    await used(meters, {MONDAY + timedelta(days=5): 100.0})
    assert incidents(meters.world) == []


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with a_city(tmp_path) as found:
        yield found


def stands(world: World, day: date, status: str, code: str = "forest_cover", year: int = 2026) -> None:
    """A year's value as the runner saves it on a day."""
    world.go_to(day, 2)
    key = Key(code, "city", str(year), "records")
    judged = Judgement(key, "51.2", "%", status, 1, 1, "test", (), {"sentence": f"it is {status}"}, world.now)
    closes = day_bounds(date(year + 1, 1, 1), ZONE)[0]
    world.judgements.save((), [Running(judged, closes)], ())


def test_a_row_that_is_at_risk_missed_and_on_track_again(world: World) -> None:
    days = [date(2026, 5, 1) + timedelta(days=number) for number in range(6)]
    for day, status in zip(
        days, ("on track", "at risk", "at risk", "missed", "not assessable", "on track"), strict=True
    ):
        stands(world, day, status)
        look(world)
    (one,) = incidents(world)
    assert said(one) == ("plan_target", "forest_cover", "05-02T02:00", "05-06T02:00", 2)
    shown = one.draft.shown
    assert (shown["status"], shown["year"], shown["reached"], shown["sentence"]) == (
        "missed",
        "2026",
        "51.2 %",
        "it is missed",
    )
    assert [line.what for line in Incidents(world.books).log(one.id)] == ["opened", "raised", "resolved"]


def test_what_stands_as_before_marks_nothing(world: World) -> None:
    stands(world, date(2026, 5, 1), "at risk")
    look(world)
    stands(world, date(2026, 5, 2), "at risk")
    world.now += 2_000
    assert [mark for mark in Incidents(world.books).take(world.now, 10) if mark.family == STANDINGS] == []
    assert len(Standings(world.books).until(world.now)) == 1


def test_a_year_that_is_over_is_of_the_past_when_the_next_one_stands(world: World) -> None:
    stands(world, date(2026, 12, 30), "missed")
    look(world)
    stands(world, date(2027, 1, 3), "on track", year=2027)
    look(world)
    stands(world, date(2027, 1, 9), "missed", code="other")
    stands(world, date(2027, 1, 10), "at risk", year=2026)
    look(world)
    of = {one.subject: one.draft.phase for one in incidents(world)}
    assert of == {"forest_cover": "resolved", "other": "firing"}


def test_a_new_year_of_which_nothing_can_be_said_yet_ends_the_old_one_and_its_fall_is_told_anew(world: World) -> None:
    stands(world, date(2026, 12, 1), "missed")
    stands(world, date(2027, 1, 3), "not assessable", year=2027)
    look(world)
    (old,) = incidents(world)
    assert said(old)[2:] == ("12-01T02:00", "01-03T02:00", 2)
    stands(world, date(2027, 3, 3), "at risk", year=2027)
    look(world)
    assert [said(one)[2:] for one in incidents(world)] == [said(old)[2:], ("03-03T02:00", "", 1)]


def test_a_back_test_sees_how_a_row_stood_long_after_it_changed(world: World) -> None:
    stands(world, date(2026, 3, 1), "at risk")
    world.go_to(date(2026, 6, 1), 0)
    start = day_bounds(date(2026, 5, 20), ZONE)[0]
    rule, registry = RULES["plan_target"], world.books.registry()
    found = look_back(world.store, registry, (), rule, ZONE, start, start + 5 * DAY_MS, books=world.books)
    assert [one.phase for one in found["forest_cover"].incidents] == ["firing"]
    assert len(found["forest_cover"].points) == 5


async def test_good_air_days_that_fall_behind_are_told_through_the_runner(world: World) -> None:
    for number in range(4):
        day = date(2026, 1, 1) + timedelta(days=number)
        await world.hours(day, DIRTY)
        world.go_to(day + timedelta(days=1), 3)
        await world.compute()
        look(world)
    (one,) = incidents(world)
    assert (one.rule, one.subject, one.draft.level) == ("plan_target", "good_air_days", 1)
    assert "0 good" in one.draft.shown["sentence"]
