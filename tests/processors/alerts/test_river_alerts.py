"""Rivers: a section worse than its usual class, a sudden change that is no rain, a pulse on its way to the section below."""

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

import pytest

from processors.alerts.history import look_back
from processors.alerts.rules import shipped_rules
from processors.alerts.watch import Watch
from processors.windows import day_bounds
from sensors.instants import DAY_MS, iso
from store.incidents import Incident, Incidents
from tests.processors.river import CLEAN, River
from tests.processors.world import ZONE

DAY = date(2026, 3, 10)
RULES = {code: shipped_rules()[code] for code in ("water_class_drop", "water_sudden", "water_pulse")}
USUAL = {**CLEAN, "turbidity": 20.0, "conductivity": 400.0}
# Of 0.1 mg/l: five times its usual, class Ⅱ (0.15 to 0.5); the section is of class Ⅱ by its phosphorus.
SPILL = {"nh3_n": 0.5}
# Class Ⅲ (0.5 to 1.0) and Ⅳ (1.0 to 1.5).
WORSE, WORST = {"nh3_n": 0.8}, {"nh3_n": 1.2}
# What rain washes in: turbid and thin, and not twice as much of anything.
RAIN = {"nh3_n": 0.16, "turbidity": 200.0, "conductivity": 250.0}


def watch_of(river: River, *codes: str) -> Watch:
    rules = {code: RULES[code] for code in codes} if codes else RULES
    world = river.world
    return Watch(world.store, world.books, rules, prepare=lambda: None, zone=ZONE, clock=lambda: world.now)


def look(river: River, *codes: str, watch: Watch | None = None) -> None:
    """A watch, until there is nothing to look at; a new one is a restart."""
    river.world.now += 2_000
    watch = watch or watch_of(river, *codes)
    while watch.step():
        pass


async def send(river: River, name: str, *changed: Mapping[str, float], first: int = 1) -> None:
    """Cycles of the day from its first on (04:00), with what is changed in each."""
    for number, values in enumerate(changed, start=first):
        day, cycle = DAY + timedelta(days=(number - 1) // 6), (number - 1) % 6 + 1
        await river.samples(name, day, 1, {**USUAL, **values}, hours=[4 * cycle])


def incidents(river: River) -> list[Incident]:
    return sorted(Incidents(river.world.books).all(), key=lambda one: (one.draft.fired, one.rule, one.subject))


def said(one: Incident) -> tuple[str, str, str, str, str, str, int]:
    """Rule, subject; since, fired, well, resolved by the clock; greatest level."""
    draft = one.draft
    since, fired, well, resolved = map(_clock, (draft.since, draft.fired, draft.well, draft.resolved))
    return one.rule, one.subject, since, fired, well, resolved, draft.greatest


def _clock(at: int | None) -> str:
    return "" if at is None else iso(at, ZONE)[8:16]


def _river(folder: Path) -> River:
    found = River(folder)
    found.section("lt-01", river="lt", river_km=1, downstream="lt-02", travel_h=8)
    found.section("lt-02", river="lt", river_km=30, downstream="lt-03", travel_h=4)
    found.section("lt-03", river="lt", river_km=50)
    found.world.go_to(date(2026, 3, 13), 1)
    return found


@pytest.fixture
async def river(tmp_path: Path) -> River:
    """Six weeks of usual water at three sections, one below the other."""
    found = _river(tmp_path)
    for name in ("lt-01", "lt-02", "lt-03"):
        await found.samples(name, DAY - timedelta(days=42), 42, USUAL)
    look(found)
    assert incidents(found) == []
    return found


async def test_two_cycles_of_a_worse_class_than_usual_are_told_whatever_the_target(river: River) -> None:
    await send(river, "lt-03", {}, WORSE, {}, WORSE, WORSE, WORST, WORST, {}, {})
    look(river, "water_class_drop")
    (one,) = incidents(river)
    assert said(one) == ("water_class_drop", "lt-03", "10T16:00", "10T20:00", "11T08:00", "11T12:00", 2)
    assert (one.draft.shown["value"], one.draft.shown["class"], one.draft.shown["usual_class"]) == ("2", "Ⅳ", "Ⅱ")


async def test_a_sudden_change_is_told_by_its_second_cycle_and_rain_is_not(river: River) -> None:
    await send(river, "lt-03", {}, SPILL)
    look(river, "water_sudden")
    assert incidents(river) == [], "a second cycle confirms"
    await send(river, "lt-03", SPILL, {}, {}, first=3)
    await send(river, "lt-02", {}, RAIN, RAIN, {}, {})
    look(river, "water_sudden")
    (one,) = incidents(river)
    assert said(one) == ("water_sudden", "lt-03", "10T08:00", "10T12:00", "10T16:00", "10T20:00", 1)
    assert (one.draft.shown["nh3_n"], one.draft.shown["nh3_n_times_usual"]) == ("0.5", "5")


async def test_rain_that_turns_out_to_be_more_is_told_alike_by_one_watch_and_by_a_look_back(river: River) -> None:
    watch = watch_of(river, "water_sudden")
    # Of an incident that may reopen the watch remembers the course; that 20:00 was no rain is said by midnight.
    for number, values in enumerate([SPILL, SPILL, {}, {}, RAIN, {**RAIN, **SPILL}], start=1):
        await send(river, "lt-03", values, first=number)
        look(river, watch=watch)
    (one,) = incidents(river)
    assert (one.draft.phase, one.draft.episodes) == ("firing", 2)
    world, start = river.world, day_bounds(DAY, ZONE)[0]
    registry = world.books.registry()
    seen = look_back(world.store, registry, (), RULES["water_sudden"], ZONE, start, start + 2 * DAY_MS, ["lt-03"])
    assert seen["lt-03"].incidents == (one.draft,)


async def test_a_pulse_is_of_the_sections_below_until_it_is_seen_there(river: River) -> None:
    await send(river, "lt-01", SPILL)
    look(river)
    assert incidents(river) == []
    await send(river, "lt-01", SPILL, {}, {}, first=2)
    look(river)
    near, far = (one for one in incidents(river) if one.rule == "water_pulse")
    assert (said(near)[:4], said(far)[:4]) == (
        ("water_pulse", "lt-02", "10T08:00", "10T08:00"),
        ("water_pulse", "lt-03", "10T08:00", "10T08:00"),
    )
    # Eight hours, and twelve; 40 % less and a cycle before: 04:00 − 4 h + 4.8 h, and + 7.2 h.
    shown = near.draft.shown
    assert (shown["from"], shown["item"], shown["expected"][8:16], shown["earliest"][8:16]) == (
        "lt-01", "氨氮 Ammonia nitrogen", "10T12:00", "10T04:48",
    )  # fmt: skip
    assert far.draft.shown["expected"][8:16] == "10T16:00"
    await send(river, "lt-02", {}, {}, SPILL, SPILL)
    look(river)
    (near,) = [one for one in incidents(river) if (one.rule, one.subject) == ("water_pulse", "lt-02")]
    assert (near.draft.phase, _clock(near.draft.resolved)) == ("resolved", "10T12:00")
    assert [said(one)[:4] for one in incidents(river) if one.rule == "water_sudden"] == [
        ("water_sudden", "lt-01", "10T04:00", "10T08:00"),
        ("water_sudden", "lt-02", "10T12:00", "10T16:00"),
    ]


async def test_a_pulse_that_never_comes_is_awaited_until_the_latest_time_and_a_cycle(river: River) -> None:
    await send(river, "lt-01", SPILL, SPILL, {}, {}, {}, {}, {}, {})
    await send(river, "lt-02", *[{}] * 8)
    look(river, "water_pulse")
    (near,) = [one for one in incidents(river) if one.subject == "lt-02"]
    # 08:00 + 11.2 h + 4 h = 23:12, so the cycle of midnight.
    assert said(near)[4:6] == ("11T00:00", "11T00:00")


async def test_late_data_that_say_it_was_no_pulse_withdraw_it(river: River) -> None:
    await send(river, "lt-01", SPILL, SPILL, {})
    look(river, "water_pulse")
    assert len(incidents(river)) == 2
    await send(river, "lt-01", {}, first=2)
    look(river, "water_pulse")
    assert incidents(river) == []


@pytest.mark.parametrize("restarts", [True, False])
async def test_the_same_samples_in_any_order_and_pieces_give_the_same_incidents(
    river: River, tmp_path: Path, *, restarts: bool
) -> None:
    first = [SPILL, SPILL, {}, {}, WORST, WORST, WORST, {}, {}]
    below = [{}, {}, SPILL, SPILL, {}, {}, RAIN, RAIN, {}]
    await send(river, "lt-01", *first)
    await send(river, "lt-02", *below)
    look(river)
    folder = tmp_path / "other"
    folder.mkdir()
    other = _river(folder)
    watch = watch_of(other)

    def see() -> None:
        look(other, watch=None if restarts else watch)

    await send(other, "lt-01", *first[5:], first=6)
    see()
    for number, values in enumerate(below, start=1):
        await send(other, "lt-02", values, first=number)
        see()
    for name in ("lt-02", "lt-03", "lt-01"):
        await other.samples(name, DAY - timedelta(days=42), 42, USUAL)
        see()
    await send(other, "lt-01", *first[:5])
    see()
    assert [(one.rule, one.subject, one.draft) for one in incidents(other)] == [
        (one.rule, one.subject, one.draft) for one in incidents(river)
    ]
    assert len(incidents(river)) >= 4


async def test_what_changes_below_before_it_could_arrive_was_no_pulse_and_one_watch_says_so_too(tmp_path: Path) -> None:
    river = River(tmp_path)
    river.section("lt-01", river="lt", downstream="lt-02", travel_h=40)
    river.section("lt-02", river="lt")
    river.world.go_to(date(2026, 3, 13), 1)
    for name in ("lt-01", "lt-02"):
        await river.samples(name, DAY - timedelta(days=42), 42, USUAL)
    watch = watch_of(river)
    # 04:00 − 4 h + 24 h: not before midnight. At 16:00 it is there: something that both have.
    for number, (above, below) in enumerate([(SPILL, {}), (SPILL, {}), ({}, {}), ({}, SPILL)], start=1):
        await send(river, "lt-01", above, first=number)
        await send(river, "lt-02", below, first=number)
        look(river, watch=watch)
        pulses = [one for one in incidents(river) if one.rule == "water_pulse"]
        assert len(pulses) == (1 if number in {2, 3} else 0)
    look(river)
    assert not [one for one in incidents(river) if one.rule == "water_pulse"]


async def test_a_section_without_a_travel_time_announces_nothing(tmp_path: Path) -> None:
    river = River(tmp_path)
    river.section("lt-01", river="lt", downstream="lt-02")
    river.section("lt-02", river="lt")
    river.world.go_to(date(2026, 3, 11), 12)
    for name in ("lt-01", "lt-02"):
        await river.samples(name, DAY - timedelta(days=42), 42, USUAL)
    await send(river, "lt-01", SPILL, SPILL, {}, {})
    look(river, "water_pulse")
    assert incidents(river) == []
