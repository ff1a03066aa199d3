"""Hints at incidents: what begins, is said after its dwell, lasts, ends; what is no incident; and on simulated
tunnels."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from processors.traffic.incidents.hints import Hint, Slot, hints, may_begin, stopped_vehicles
from processors.traffic.incidents.rules import incident_rules
from sensors.instants import HOUR_MS
from simulators.vehicles import INTERVAL_MS, counted, incidents, midnight_of
from tests.processors.world import ZONE

RULES = incident_rules()
FIRST = date(2026, 3, 2)
WEEKS = 3
LAST = FIRST + timedelta(days=7 * WEEKS)
START = midnight_of(LAST)


def usual(flow: int = 60, speed: float = 60.0) -> list[Slot]:
    """Three weeks, and a day after them, each interval as the other."""
    return [
        Slot(midnight_of(FIRST + timedelta(days=day)) + n * INTERVAL_MS, flow, speed, 8.0)
        for day in range(7 * WEEKS + 1)
        for n in range(1, 289)
    ]


def changed(slots: Sequence[Slot], first: int, last: int, **values: Any) -> list[Slot]:
    """The last day's intervals from the first to the last (1 to 288) as these values say."""
    since, until = START + first * INTERVAL_MS, START + last * INTERVAL_MS
    return [one._replace(**values) if since <= one.at <= until else one for one in slots]


def found(slots: Sequence[Slot], until: int | None = None) -> list[Hint]:
    return hints("g", slots, INTERVAL_MS, until or slots[-1].at, RULES, ZONE)


def test_a_drop_of_flow_with_speed_is_said_after_two_intervals_and_ends() -> None:
    [one] = found(changed(usual(), 100, 110, vehicles=20, speed=15.0))
    assert (one.rule, one.since, one.said) == ("drop", START + 99 * INTERVAL_MS, START + 101 * INTERVAL_MS)
    assert (one.until, one.silent) == (START + 110 * INTERVAL_MS, False)
    assert one.detail["usual_vehicles"] == 60
    assert found(changed(usual(), 100, 100, vehicles=20, speed=15.0)) == [], "one interval may be miscounted"


def test_a_long_one_does_not_end_when_the_last_half_hour_was_as_bad() -> None:
    [one] = found(changed(usual(), 100, 150, vehicles=20, speed=15.0))
    assert one.until == START + 150 * INTERVAL_MS


def test_a_queue_alone_and_few_vehicles_alone_are_none() -> None:
    assert found(changed(usual(), 100, 130, speed=15.0)) == [], "as many pass as usual: a queue"
    assert found(changed(usual(), 100, 130, vehicles=10)) == [], "few drive, and freely"
    assert found(changed(usual(10), 100, 130, vehicles=2, speed=9.0)) == [], "so few are usual that a drop says nothing"


def test_what_is_usual_at_that_time_is_none() -> None:
    slots = usual()
    for week in range(WEEKS + 1):
        for day in range(5):
            since = midnight_of(FIRST + timedelta(days=7 * week + day)) + 100 * INTERVAL_MS
            slots = [
                one._replace(vehicles=20, speed=15.0) if since <= one.at <= since + 10 * INTERVAL_MS else one
                for one in slots
            ]
    assert [one for one in found(slots) if one.since > START] == []


def test_without_days_before_only_what_stands_is_seen() -> None:
    alone = [one for one in usual() if one.at > START]
    [one] = found(changed(alone, 100, 110, vehicles=3, speed=2.0, occupancy=70.0))
    assert (one.rule, one.said, one.until) == ("standing", START + 101 * INTERVAL_MS, START + 110 * INTERVAL_MS)
    [empty] = found(changed(alone, 100, 110, vehicles=0, speed=None, occupancy=90.0))
    assert empty.detail["speed_km_h"] is None, "nothing passes, and the detector is occupied"


def test_what_lasts_and_falls_silent_is_said_to_be_silent() -> None:
    lasting = [
        one for one in changed(usual(), 100, 288, vehicles=20, speed=15.0) if one.at <= START + 110 * INTERVAL_MS
    ]
    [now] = found(lasting)
    assert (now.until, now.silent) == (None, False)
    [later] = found(lasting, lasting[-1].at + HOUR_MS)
    assert (later.until, later.silent) == (None, True)


def test_a_gap_begins_the_dwell_anew() -> None:
    slots = changed(usual(), 100, 106, vehicles=20, speed=15.0)
    lost = {START + n * INTERVAL_MS for n in (101, 102, 103)}
    [one] = found([slot for slot in slots if slot.at not in lost])
    assert one.since == START + 103 * INTERVAL_MS, "100 was alone before the gap"


def test_intervals_of_twenty_minutes_and_of_hours_follow_one_another() -> None:
    for minutes in (20, 60):
        step = minutes * 60_000
        slots = [
            Slot(midnight_of(FIRST + timedelta(days=day)) + n * step, 12 * minutes, 60.0, 8.0)
            for day in range(7 * WEEKS + 1)
            for n in range(1, 1440 // minutes + 1)
        ]
        since, until = START + 8 * HOUR_MS, START + 14 * HOUR_MS
        jam = [
            one._replace(vehicles=30, speed=2.0, occupancy=90.0) if since < one.at <= until else one for one in slots
        ]
        of_jam = hints("g", jam, step, jam[-1].at, RULES, ZONE)
        assert {(one.rule, one.since, one.until) for one in of_jam} == {
            (rule, since, until) for rule in ("drop", "standing")
        }
        lasting = [one for one in jam if one.at <= until]
        for after, is_silent in ((step, False), (2 * step, True)):
            assert {one.silent for one in hints("g", lasting, step, until + after, RULES, ZONE)} == {is_silent}


def test_vehicles_that_hardly_move() -> None:
    second = 1_000
    passed = [(n * 10 * second, 60.0) for n in range(200)]
    assert stopped_vehicles("g", sorted([*passed, (500 * second, 2.0)]), 3_000 * second, RULES) == [], (
        "one may be wrong"
    )
    two = sorted([*passed, (500 * second, 2.0), (590 * second, 0.0)])
    [one] = stopped_vehicles("g", two, 3_000 * second, RULES)
    assert (one.since, one.said, one.until) == (500 * second, 590 * second, 590 * second)
    [lasting] = stopped_vehicles("g", [one for one in two if one[0] <= 600 * second], 600 * second, RULES)
    assert lasting.until is None
    assert (
        stopped_vehicles("g", sorted([*passed, (500 * second, 2.0), (640 * second, 2.0)]), 3_000 * second, RULES) == []
    )


def test_a_blocked_road_through_which_nothing_passes_is_not_over() -> None:
    second = 1_000
    passed = [*((n * 10 * second, 60.0) for n in range(50)), (500 * second, 2.0), (520 * second, 1.0)]
    for until, is_silent in ((900, False), (1_420, False), (7_200, True)):
        [one] = stopped_vehicles("g", passed, until * second, RULES)
        assert (one.said, one.until, one.silent) == (520 * second, None, is_silent)
    queue = [*passed, (600 * second, 30.0), (3_000 * second, 2.0)]
    [one] = stopped_vehicles("g", queue, 3_001 * second, RULES)
    assert (one.until, one.detail["vehicles"]) == (None, 3), "one that passed soon after does not end it"
    [one] = stopped_vehicles("g", [*passed, (820 * second, 30.0)], 821 * second, RULES)
    assert (one.until, one.silent) == (520 * second, False)


def test_simulated_incidents_are_seen_where_they_were() -> None:
    """A direction over five weeks with an incident that blocks it, found and dated; nothing where there was none."""
    seed, year = 1, 2026
    blocking = [
        one for one in incidents(seed, year)
        if one.passes < 0.15 and one.end - one.start > 30 * 60_000 and one.start > midnight_of(date(year, 2, 10))
    ]  # fmt: skip
    incident = blocking[0]
    day = date.fromordinal(date(1970, 1, 1).toordinal() + (incident.start + 8 * HOUR_MS) // (24 * HOUR_MS))
    slots = [
        Slot(one.at, one.vehicles, one.speed if one.vehicles else None, one.occupancy)
        for number in range(-20, 1)
        for one in counted(seed, incident.station, day + timedelta(days=number))
        if one.sent
    ]
    of_day = [one for one in found(slots) if one.since >= midnight_of(day)]
    assert of_day
    for one in of_day:
        assert incident.start - INTERVAL_MS <= one.since <= incident.end + INTERVAL_MS
        assert one.said - incident.start <= 4 * INTERVAL_MS


_SPANS = st.lists(
    st.tuples(
        st.integers(1, 260), st.integers(1, 28), st.sampled_from([0, 10, 20, 41, 42, 60]),
        st.sampled_from([None, 2.0, 15.0, 32.0, 34.0, 60.0]), st.sampled_from([None, 8.0, 35.0, 80.0]),
    ),
    max_size=3,
)  # fmt: skip


@settings(deadline=None, max_examples=25)
@given(_SPANS)
@example([(100, 5, 42, 33.0, 8.0)])
@example([(100, 5, 60, None, 35.0)])
def test_where_nothing_may_begin_nothing_does(spans: list[tuple[int, int, int, float | None, float | None]]) -> None:
    slots = usual()
    for first, length, vehicles, speed, occupancy in spans:
        slots = changed(slots, first, first + length, vehicles=vehicles, speed=speed, occupancy=occupancy)
    if [one for one in found(slots) if one.since > START]:
        assert may_begin([slot for slot in slots if slot.at > START], RULES)
    assert not may_begin(usual(), RULES)
