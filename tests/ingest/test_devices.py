"""What is heard of devices, on its way to the books: last receipt, battery and link, lost messages, online and offline."""

from pathlib import Path

import pytest

from ingest.devices import Devices
from sensors.formats.sample import Vitals
from store.books import Books
from store.sightings import Sighting, Sightings

A = ("air", "a")


def heard(devices: Devices, at: int, *said: Vitals, readings: bool = False) -> None:
    devices.stored({("air", "hour", 1): ["a"]} if readings else {}, at, [(A, one) for one in said])


@pytest.fixture
def sightings(tmp_path: Path) -> Sightings:
    books = Books(f"sqlite:///{tmp_path}/books.sqlite")
    books.prepare()
    return Sightings(books)


def test_what_was_said_last_stands_and_what_was_not_said_again_stays(sightings: Sightings) -> None:
    devices = Devices(counts_lost=True)
    heard(devices, 10, Vitals(battery=88.3))
    heard(devices, 20, Vitals(rssi=-36.0, snr=10.5, counter=7), readings=True)
    sightings.add(devices.take())
    heard(devices, 30, Vitals(rssi=-50.0, counter=8))
    sightings.add(devices.take())
    assert devices.take() == []
    assert sightings.all() == {A: Sighting("air", "a", 30, None, None, 88.3, -50.0, 10.5, 8, 0)}


def test_a_step_of_the_counter_is_messages_lost_and_a_new_beginning_is_not(sightings: Sightings) -> None:
    devices = Devices(counts_lost=True)
    for at, counter in enumerate([5, 6, 9, 10, 0, 3, 3]):
        heard(devices, at, Vitals(counter=counter))
        sightings.add(devices.take())
    assert sightings.all()[A].lost == 2 + 2
    shared = Devices(counts_lost=False)
    for at, counter in enumerate([5, 9]):
        heard(shared, at, Vitals(counter=counter))
    assert [one.lost for one in shared.take()] == [None]


def test_offline_is_what_the_platform_says_until_the_device_sends_again(sightings: Sightings) -> None:
    devices, told = Devices(counts_lost=True), []
    for at, said, readings in [
        (10, Vitals(online=True), False),
        (20, None, True),
        (30, Vitals(online=False), False),
        (40, Vitals(online=False), False),
        (50, None, True),
    ]:
        heard(devices, at, *([] if said is None else [said]), readings=readings)
        sightings.add(devices.take())
        one = sightings.all()[A]
        told.append((one.last_received, one.online, one.online_since))
    assert told == [(10, True, 10), (20, True, 10), (30, False, 30), (40, False, 30), (50, True, 50)]


def test_the_same_holds_between_two_looks(sightings: Sightings) -> None:
    devices = Devices(counts_lost=True)
    heard(devices, 10, Vitals(online=True))
    heard(devices, 30, Vitals(online=False))
    heard(devices, 50, readings=True)
    sightings.add(devices.take())
    assert sightings.all()[A] == Sighting("air", "a", 50, True, 50)


def test_nothing_is_forgotten_where_the_books_cannot_be_reached(sightings: Sightings) -> None:
    devices = Devices(counts_lost=True)
    heard(devices, 10, Vitals(battery=80.0, counter=1), Vitals(counter=4))
    failed = devices.take()
    heard(devices, 20, Vitals(rssi=-40.0, counter=6))
    devices.give_back(failed)
    sightings.add(devices.take())
    assert sightings.all()[A] == Sighting("air", "a", 20, None, None, 80.0, -40.0, None, 6, 2 + 1)


def test_of_many_stations_the_oldest_are_told_first_and_none_is_forgotten() -> None:
    devices = Devices(counts_lost=True)
    devices.stored({("air", "hour", 1): [f"s{number}" for number in range(5)]}, 10, [])
    assert [one.station for one in devices.take(2)] == ["s0", "s1"]
    devices.stored({("air", "hour", 1): ["s0", "s2"]}, 20, [])
    assert [(one.station, one.last_received) for one in devices.take(3)] == [("s2", 20), ("s3", 10), ("s4", 10)]
    assert [(one.station, one.last_received) for one in devices.take(3)] == [("s0", 20)]


def test_long_times_between_what_is_told_at_once_are_told_too() -> None:
    devices = Devices(counts_lost=True)
    for minute, said in [(0, ()), (4, ()), (10, (Vitals(battery=50.0),)), (11, ())]:
        heard(devices, minute * 60_000, *said, readings=not said)
    failed = devices.take()
    assert [one.between for one in failed] == [((240_000, 600_000),)]
    for minute in (20, 26):
        heard(devices, minute * 60_000, readings=True)
    devices.give_back(failed)
    (one,) = devices.take()
    assert one.between == ((240_000, 600_000), (660_000, 1_200_000), (1_200_000, 1_560_000))


def test_an_older_sighting_fills_only_what_is_missing(sightings: Sightings) -> None:
    sightings.add([Sighting("air", "a", 50, True, 40, 70.0)])
    sightings.add([Sighting("air", "a", 30, False, 30, 90.0, -40.0)])
    assert sightings.all()[A] == Sighting("air", "a", 50, True, 40, 70.0, -40.0)


def test_what_is_told_says_when_it_was_heard_first_and_what_is_not_told_since_when() -> None:
    devices = Devices(counts_lost=True)
    assert devices.untold_since() is None
    for name, at in [("a", 10), ("b", 20), ("a", 30)]:
        devices.stored({("air", "hour", 1): [name]}, at, ())
    assert devices.untold_since() == 10
    (a,) = devices.take(1)
    assert (a.station, a.first_received, a.last_received) == ("a", 10, 30)
    assert devices.untold_since() == 20
    devices.stored({("air", "hour", 1): ["a"]}, 40, [(A, Vitals(battery=50.0))])
    devices.give_back([a])
    (again,) = [one for one in devices.take() if one.station == "a"]
    assert (again.first_received, again.last_received, again.battery) == (10, 40, 50.0)
