"""Tunnels: air against its limits by their minutes, saturation, hints at incidents, and a fire that gives few incidents."""

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

import pytest

from processors.alerts.rules import shipped_rules
from processors.alerts.watch import Watch
from processors.windows import day_bounds
from sensors.instants import DAY_MS, HOUR_MS, iso
from sensors.reading import Reading
from store.incidents import Incident, Incidents
from store.intervals import Interval, Intervals
from tests.processors.traffic import STEP_MS, Road
from tests.processors.world import ZONE

DAY = date(2026, 3, 10)
START = day_bounds(DAY, ZONE)[0]
RULES = {
    code: rule
    for code, rule in shipped_rules().items()
    if rule.signal in {"tunnel_air", "traffic_saturation", "traffic_hints"}
}
# A tunnel of 3.2 km: 100 cm³/m³ of CO in motion (longer than 3 km), 150 standing; extinction 0.0070 and 0.0120; NO2 1.0.
FREE = {
    "vehicles_car": 50.0, "speed": 60.0, "occupancy": 8.0, "tunnel_co": 30.0, "tunnel_extinction": 0.003, "tunnel_no2": 0.2,
}  # fmt: skip
STANDS = {"vehicles_car": 1.0, "speed": 3.0, "occupancy": 80.0}
SMOKE = {"tunnel_co": 220.0, "tunnel_extinction": 0.03}


Changed = Mapping[tuple[float, float], Mapping[str, float]]


def watch_of(road: Road, *codes: str) -> Watch:
    rules = {code: RULES[code] for code in codes} if codes else RULES
    world = road.world
    return Watch(world.store, world.books, rules, prepare=lambda: None, zone=ZONE, clock=lambda: world.now)


def look(road: Road, *codes: str, watch: Watch | None = None) -> None:
    """A watch, until there is nothing to look at; a new one is a restart."""
    road.world.now += 2_000
    watch = watch or watch_of(road, *codes)
    while watch.step():
        pass


async def drive(road: Road, hours: Changed, until: float, since: float = 0) -> None:
    """Five minutes after five minutes from an hour of the day to another: free, but for what is said of (from, to] [h]."""
    rows = []
    for at in range(START + round(since * HOUR_MS) + STEP_MS, START + round(until * HOUR_MS) + 1, STEP_MS):
        clock = (at - START) / HOUR_MS
        changed = [values for (first, last), values in hours.items() if first < clock <= last]
        rows.append((at, {**FREE, **{code: value for one in changed for code, value in one.items()}}))
    road.world.now = max(road.world.now, START + round(until * HOUR_MS) + 5_000)
    await road.send("t-e", rows)


def incidents(road: Road) -> list[Incident]:
    return sorted(Incidents(road.world.books).all(), key=lambda one: (one.draft.fired, one.rule))


def said(one: Incident) -> tuple[str, str, str, str, int]:
    """Rule; since, well, resolved by the clock; greatest level."""
    return one.rule, _clock(one.draft.since), _clock(one.draft.well), _clock(one.draft.resolved), one.draft.greatest


def _clock(at: int | None) -> str:
    return "" if at is None else iso(at, ZONE)[11:16]


@pytest.fixture
def road(tmp_path: Path) -> Road:
    found = Road(tmp_path)
    found.station("t-e", tunnel="t", length_km=3.2, capacity_pcu_h=1_000, free_flow_km_h=80, lanes=2)
    return found


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        # In motion 100 ppm by means of 15 minutes: 10:00 to 10:30 are two of them; half an hour after the next one it is over.
        ({"tunnel_co": 120.0}, [("tunnel_air", "10:15", "10:45", "11:15", 1)]),
        ({"tunnel_co": 100.0}, []),
        # Above what standing traffic may have: by 20 minutes for carbon monoxide, so from 10:20 on, until 10:40.
        ({"tunnel_co": 160.0}, [("tunnel_air", "10:15", "10:45", "11:15", 2)]),
        ({"tunnel_extinction": 0.008}, [("tunnel_air", "10:15", "10:45", "11:15", 1)]),
        ({"tunnel_extinction": 0.013}, [("tunnel_air", "10:15", "10:45", "11:15", 2)]),
        # Means of 20 minutes end at 10:20 and 10:40: of that one half is raised, (2 × 1.6 + 2 × 0.2) / 4 = 0.9, not more than the
        # limit less its margin. Half an hour later is between two means; the next one is at 11:15.
        ({"tunnel_no2": 1.6}, [("tunnel_air", "10:20", "10:40", "11:15", 1)]),
    ],
)
async def test_air_beyond_its_limit_by_the_minutes_of_the_limit(
    road: Road, raised: Mapping[str, float], expected: list[tuple[str, str, str, str, int]]
) -> None:
    await drive(road, {(10, 10.5): raised}, 13)
    look(road, "tunnel_air")
    assert [said(one) for one in incidents(road)] == expected


async def test_a_sensor_that_is_lost_ends_nothing_and_a_window_that_is_not_over_tells_nothing(road: Road) -> None:
    await drive(road, {(10, 14): {"tunnel_co": 120.0}}, 10 + 1 / 6)
    look(road, "tunnel_air")
    assert incidents(road) == [], "the window ends at 10:15"
    await drive(road, {(10, 14): {"tunnel_co": 120.0}}, 11, since=10 + 1 / 6)
    look(road, "tunnel_air")
    assert [said(one)[:3] for one in incidents(road)] == [("tunnel_air", "10:15", "")]
    rows = [
        (at, {code: value for code, value in FREE.items() if code != "tunnel_co"})
        for at in range(START + 11 * HOUR_MS + STEP_MS, START + 13 * HOUR_MS + 1, STEP_MS)
    ]
    road.world.now = START + 13 * HOUR_MS + 5_000
    await road.send("t-e", rows)
    look(road, "tunnel_air")
    (one,) = incidents(road)
    assert (one.draft.phase, _clock(one.draft.last)) == ("firing", "11:00"), "the last of which all is known"
    assert one.draft.shown["value"] == "1.2"


async def test_maintenance_of_the_station_withdraws_what_was_measured_in_it(road: Road) -> None:
    await drive(road, {(10, 11): {"tunnel_co": 140.0}}, 13)
    look(road, "tunnel_air")
    assert len(incidents(road)) == 1
    interval = Interval(
        "traffic", "t-e", "tunnel_co", START + 9 * HOUR_MS, START + 12 * HOUR_MS, "calibration", "span gas"
    )
    Intervals(road.world.books).add(interval, period="minute", who="test", now=road.world.now)
    look(road, "tunnel_air")
    assert incidents(road) == []


async def test_a_full_road_by_two_quarters_and_no_rate_of_a_part(road: Road) -> None:
    # 70 vehicles in five minutes are 840 in an hour, of 1,000: 0.84; 80 are 0.96; 84 are 1.008.
    busy: Changed = {
        (7, 7.25): {"vehicles_car": 84.0},
        (8, 9): {"vehicles_car": 70.0},
        (9, 9.5): {"vehicles_car": 80.0},
    }
    await drive(road, busy, 12)
    look(road, "traffic_saturation")
    (one,) = incidents(road)
    assert said(one) == ("traffic_saturation", "08:15", "09:45", "10:15", 2)
    assert _clock(one.draft.fired) == "08:30"
    assert (one.draft.shown["value"], one.draft.shown["speed"]) == ("0.96", "60")


async def test_a_road_whose_capacity_nobody_knows_is_never_full(road: Road) -> None:
    road.station("t-e", tunnel="t", length_km=3.2)
    await drive(road, {(8, 9): {"vehicles_car": 100.0}}, 10)
    look(road, "traffic_saturation")
    assert incidents(road) == []


async def test_standing_traffic_is_said_after_its_two_intervals_and_ends_after_two(road: Road) -> None:
    await drive(road, {(10, 10.5): STANDS}, 10 + 1 / 6)
    look(road, "traffic_incident")
    (one,) = incidents(road)
    # The second interval ends at 10:10.
    assert (_clock(one.draft.fired), one.draft.phase, one.draft.greatest) == ("10:10", "firing", 2)
    await drive(road, {(10, 10.5): STANDS}, 13, since=10 + 1 / 6)
    look(road, "traffic_incident")
    (one,) = incidents(road)
    assert said(one) == ("traffic_incident", "10:10", "10:35", "10:45", 2)
    assert (one.draft.shown["standing_min"], one.draft.shown["speed"]) == ("10", "3")


async def test_stopped_vehicles_are_said_when_the_second_one_passes(tmp_path: Path) -> None:
    road = Road(tmp_path)
    road.station("r-1", period="raw", expected_period_s=None)
    second = 1_000
    passed = [(START + 10 * HOUR_MS + n * 20 * second, 60.0) for n in range(180)]
    slow = {START + 10 * HOUR_MS + n * 20 * second for n in (91, 93)}
    road.world.now = START + 11 * HOUR_MS + 5_000
    await road.send(
        "r-1", [(at, {"vehicle_class": 1, "speed": 2.0 if at in slow else speed}) for at, speed in passed], "raw"
    )
    look(road, "traffic_incident")
    (one,) = incidents(road)
    # The slow ones pass at 10:30:20 and 10:31:00.
    assert (_clock(one.draft.fired), _clock(one.draft.well)) == ("10:35", "10:40")


async def test_a_fire_gives_one_incident_that_others_stand_behind(road: Road) -> None:
    fire: Changed = {(10, 11): {**STANDS, **SMOKE}}
    for since, until in ((0, 10.25), (10.25, 10.5), (10.5, 11), (11, 12), (12, 13)):
        await drive(road, fire, until, since=since)
        look(road)
    found = incidents(road)
    assert [said(one)[0] for one in found] == ["traffic_incident", "tunnel_air", "tunnel_fire"]
    (burns,) = [one for one in found if one.rule == "tunnel_fire"]
    # Standing is said at 10:10, the first mean of 15 minutes of extinction ends at 10:15.
    assert (_clock(burns.draft.fired), burns.draft.greatest) == ("10:15", 1)
    assert all(RULES[one.rule].stands_behind(one, burns) for one in found if one is not burns)
    assert {line.what for one in found for line in Incidents(road.world.books).log(one.id)} <= {
        "opened", "raised", "recovering", "resolved",
    }  # fmt: skip
    assert {one.draft.phase for one in found} == {"resolved"}


@pytest.mark.parametrize("restarts", [True, False])
async def test_the_same_data_in_any_order_and_pieces_give_the_same_incidents(
    road: Road, tmp_path: Path, *, restarts: bool
) -> None:
    fire: Changed = {(10, 11): {**STANDS, **SMOKE}, (15, 16): {"tunnel_co": 120.0}}
    await drive(road, fire, 18)
    look(road)
    other = Road(_made(tmp_path / "other"))
    other.station("t-e", tunnel="t", length_km=3.2, capacity_pcu_h=1_000, free_flow_km_h=80, lanes=2)
    watch = watch_of(other)
    for since, until in ((0, 6), (10.5, 12), (6, 10.5), (12, 15.25), (15.25, 15.75), (17, 18), (15.75, 17)):
        await drive(other, fire, until, since=since)
        look(other, watch=None if restarts else watch)
    for road_of in (road, other):
        road_of.world.now = max(road.world.now, other.world.now)
    assert [(one.rule, one.draft) for one in incidents(other)] == [(one.rule, one.draft) for one in incidents(road)]


async def test_interval_by_interval_one_watch_says_what_a_new_one_says(road: Road) -> None:
    # That the jam was over with a good interval is known with the next one.
    jam: Changed = {(10, 10.5): STANDS}
    watch = watch_of(road, "traffic_incident")
    await drive(road, jam, 9.5)
    for number in range(6 * 3):
        since = 9.5 + number / 12
        await drive(road, jam, since + 1 / 12, since=since)
        look(road, watch=watch)
    (one,) = incidents(road)
    assert said(one) == ("traffic_incident", "10:10", "10:35", "10:45", 2)


async def test_weeks_of_free_traffic_tell_nothing(road: Road) -> None:
    for back in range(16, -1, -1):
        start = day_bounds(DAY - timedelta(days=back), ZONE)[0]
        rows = [(at, FREE) for at in range(start + STEP_MS, start + DAY_MS + 1, STEP_MS)]
        await road.world.store.write([Reading("traffic", "t-e", "minute", at, at, dict(values)) for at, values in rows])
    await drive(road, {}, 24)
    road.world.now = START + DAY_MS + 5_000
    look(road)
    assert incidents(road) == []


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
