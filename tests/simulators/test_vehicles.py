"""The simulated vehicles: what is said of them is so (one seed one city, whole counts, rush hours, trucks by night,
queues that keep their vehicles, incidents where they were), and what is sent is what the contract takes."""

from collections import Counter
from datetime import date, timedelta
from fractions import Fraction

import pytest

from processors.standards.traffic import traffic_tables
from sensors.families import CONTRACTS
from sensors.formats.native import decode
from sensors.instants import DAY_MS, HOUR_MS
from sensors.topics import parse_topic
from sensors.vehicles import VEHICLE_CLASSES, classes_of
from simulators.vehicle_messages import single_vehicles, vehicle_messages, vehicles_history
from simulators.vehicles import INTERVAL_MS, Interval, counted, driven, incidents, midnight_of, tunnel_stations

MONDAY, SATURDAY = date(2026, 3, 2), date(2026, 3, 7)
TUNNELS = sorted(tunnel_stations())


def test_a_seed_is_one_city_and_a_day_is_made_alone() -> None:
    assert counted(1, "huxi-e", MONDAY) == counted(1, "huxi-e", MONDAY)
    assert counted(1, "huxi-e", MONDAY) != counted(2, "huxi-e", MONDAY)
    assert [one.at for one in counted(1, "huxi-e", MONDAY)] == [
        midnight_of(MONDAY) + n * INTERVAL_MS for n in range(1, 289)
    ]
    assert len(TUNNELS) == 10
    assert len({one.tunnel for one in tunnel_stations().values()}) == 5


def by_hour(day: tuple[Interval, ...]) -> list[int]:
    return [sum(one.vehicles for one in day[12 * hour : 12 * hour + 12]) for hour in range(24)]


def test_into_town_in_the_morning_out_of_it_in_the_evening_and_neither_on_saturdays() -> None:
    into, out = by_hour(counted(3, "xiyong-w", MONDAY)), by_hour(counted(3, "xiyong-e", MONDAY))
    assert into.index(max(into)) in {7, 8}
    assert out.index(max(out)) in {17, 18}
    saturday = by_hour(counted(3, "xiyong-w", SATURDAY))
    assert max(saturday) < 0.8 * max(into)


@pytest.mark.parametrize("station", TUNNELS)
def test_trucks_drive_by_night_and_counts_are_whole_vehicles_within_the_capacity(station: str) -> None:
    day = counted(1, station, MONDAY)
    heavy = [
        sum(one.by_class["large"] + one.by_class["articulated"] for one in part)
        / max(1, sum(one.vehicles for one in part))
        for part in (day[:48], day[96:228])
    ]
    assert heavy[0] > 3 * heavy[1]
    capacity = tunnel_stations()[station].capacity_pcu_h or 0
    scheme = traffic_tables().scheme("JTG-B01-2014-design")
    for hour in range(24):
        of = day[12 * hour : 12 * hour + 12]
        pcu = sum(number * Fraction(scheme.factors[cls]) for one in of for cls, number in one.by_class.items())
        assert pcu <= capacity * Fraction(105, 100)
    assert all(number >= 0 for one in day for number in one.by_class.values())
    assert all(0 < one.speed <= 100 and 0 <= one.occupancy <= 100 for one in day)


def test_an_incident_slows_its_direction_alone_and_its_queue_passes_later() -> None:
    seed = 1
    incident = next(one for one in incidents(seed, 2026) if one.passes < 0.12 and one.end - one.start > 40 * 60_000)
    day = date(1970, 1, 1) + timedelta(days=(incident.start + 8 * HOUR_MS) // DAY_MS)
    with_it, without = counted(seed, incident.station, day), counted(seed, incident.station, day, disturbed=False)
    during = [(one, other) for one, other in zip(with_it, without, strict=True)
              if incident.start + INTERVAL_MS < one.at <= incident.end]  # fmt: skip
    assert sum(one.vehicles for one, _ in during) < 0.5 * sum(other.vehicles for _, other in during)
    assert max(one.speed for one, _ in during[1:]) < 15
    assert max(one.air["co"] for one, _ in during) > 1.5 * max(other.air["co"] for _, other in during)
    lacking = sum(other.vehicles for other in without) - sum(one.vehicles for one in with_it)
    assert abs(lacking) < 0.02 * sum(other.vehicles for other in without), "who waited passes afterwards"
    other_way = incident.station[:-1] + ("w" if incident.station.endswith("e") else "e")
    assert counted(seed, other_way, day) == counted(seed, other_way, day, disturbed=False)


def test_what_is_sent_is_the_truth_and_some_intervals_are_missing() -> None:
    end = midnight_of(MONDAY + timedelta(days=7))
    sent = Counter[str]()
    for message in vehicles_history(4, MONDAY, end):
        station = parse_topic(message.topic).station
        assert len(message.payload) < 128 * 1024, "a day is a message, well below the cap"
        for record in decode(message.payload):
            judged = CONTRACTS["traffic"].judge(record, station, end, 30 * DAY_MS)
            assert not judged.refusals
            assert not judged.doubtful
            sent[station] += int(judged.values["vehicles"])
            sent["intervals"] += 1
    for station in TUNNELS:
        assert sent[station] == driven(4, station, midnight_of(MONDAY), end).vehicles
    assert 0 < 7 * 288 * len(TUNNELS) - sent["intervals"] < 0.02 * 7 * 288 * len(TUNNELS)


def test_single_vehicles_are_the_same_vehicles() -> None:
    since, until = midnight_of(MONDAY), midnight_of(MONDAY) + 4 * HOUR_MS
    records = single_vehicles(4, "jinfeng-e", since, until)
    true = driven(4, "jinfeng-e", since, until)
    names = classes_of("cityflux", MONDAY)
    classes = Counter(names[int(one["values"]["vehicle_class"])] for one in records if "vehicle_class" in one["values"])
    assert {cls: n for cls, n in classes.items() if n} == true.by_class
    assert set(true.by_class) <= set(VEHICLE_CLASSES)
    assert len({(one["at"], one["seq"]) for one in records}) == len(records), "each has a number within its instant"
    assert all(since < one["at"] <= until for one in records)
    assert sum(len(decode(one.payload)) for one in vehicle_messages(4, "jinfeng-e", since, until)) == len(records)
