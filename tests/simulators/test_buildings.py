"""The simulated buildings: what is said of them is so (one seed, one building; sums that are exact; losses and photovoltaics that
close), and what their meters send is what the contract takes and what the registry explains."""

import json
from collections import defaultdict
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest

from processors.indicators.energy_load import shared
from processors.indicators.energy_pieces import counted
from processors.metering import Count, uses
from sensors.families import CONTRACTS
from sensors.formats.native import decode
from sensors.instants import DAY_MS, HOUR_MS, to_millis
from sensors.quantities import COUNTERS
from sensors.stations import load_registry
from sensors.topics import parse_topic
from simulators.buildings import (
    EPOCH,
    FAULTS,
    buildings_history,
    is_holiday,
    meters,
    meters_registry_text,
    true_loss,
    true_use,
)
from simulators.city import ZONE
from simulators.message import OutMessage

FIRST, LAST = date(2026, 1, 1), date(2026, 6, 1)


def at(day: date, hour: float = 0) -> int:
    return to_millis(datetime(day.year, day.month, day.day, tzinfo=ZONE)) + round(hour * HOUR_MS)


def records(message: OutMessage) -> list[Any]:
    """A message's records: a single one is sent as it is."""
    found = json.loads(message.payload)
    several: list[Any] = found.get("readings", [found])
    return several


def of_day(meter: str, day: date, quantity: str = "electricity", seed: int = 1) -> Fraction:
    return true_use(seed, meter, quantity, at(day), at(day) + DAY_MS)


def test_a_seed_is_one_city_and_spans_add_up() -> None:
    day = date(2026, 3, 5)
    assert of_day("school", day) == of_day("school", day) != of_day("school", day, seed=2)
    parts = [true_use(1, "school", "electricity", at(day, h / 3), at(day, (h + 1) / 3)) for h in range(72)]
    assert sum(parts) == of_day("school", day)
    with pytest.raises(ValueError, match="from 2025-01-01 on"):
        true_use(1, "school", "electricity", at(EPOCH) - 1, at(day))


def test_a_main_meter_has_what_its_sub_meters_have_and_a_known_loss() -> None:
    for day in (FIRST + timedelta(days=n) for n in range(60)):
        subs = of_day("office-light", day) + of_day("office-hvac", day)
        assert of_day("office", day) == subs + true_loss("office", at(day), at(day) + DAY_MS)


def test_photovoltaics_close_and_make_nothing_at_night() -> None:
    night = at(date(2026, 3, 5)), at(date(2026, 3, 5), 4)
    assert true_use(1, "dwellings", "generation", *night) == 0
    exported = sum(of_day("dwellings", FIRST + timedelta(days=n), "exported") for n in range(150))
    generation = sum(of_day("dwellings", FIRST + timedelta(days=n), "generation") for n in range(150))
    assert 0 < exported < generation


def test_days_off_are_quieter_and_hot_days_are_not() -> None:
    weeks = [date(2026, 3, 2) + timedelta(days=7 * n) for n in range(8)]
    working = min(of_day("school", monday + timedelta(days=n)) for monday in weeks for n in range(5))
    assert is_holiday(date(2026, 5, 1))
    assert max(of_day("school", monday + timedelta(days=6)) for monday in weeks) < working / 3
    assert of_day("school", date(2026, 5, 1)) < working / 3, "a Friday that is a holiday"
    summer = sum(of_day("office-hvac", date(2026, 7, 1) + timedelta(days=n)) for n in range(28))
    spring = sum(of_day("office-hvac", date(2026, 4, 1) + timedelta(days=n)) for n in range(28))
    assert summer > 1.5 * spring


def test_the_counts_and_the_registry_give_back_what_was_used_whatever_happened() -> None:
    registry = load_registry(meters_registry_text(1, LAST), "made")
    counts: defaultdict[tuple[str, str], list[Count]] = defaultdict(list)
    for message in buildings_history(1, FIRST, at(LAST)):
        address = parse_topic(message.topic)
        assert address.family == "energy"
        for record in records(message):
            for code, value in record["values"].items():
                counts[address.station, code].append(Count(record["at"], value))
    seen: set[str] = set()
    for station in meters():
        entries = [one for one in registry if one.id == station.id]
        for quantity in station.measured:
            found = uses(counts[station.id, COUNTERS[quantity]], entries, quantity)
            seen |= {one.how for one in found}
            months = [at(date(2026, month, 1)) for month in range(1, 7)]
            for bucket in shared(counted(found), months):
                assert bucket.is_whole
                assert bucket.apportioned == 0
                assert bucket.amount == true_use(1, station.id, quantity, bucket.since, bucket.until), station.id
    assert seen == {"counted", "rolled over", "replaced"}
    assert len([one for one in registry if one.id == FAULTS.replaced.meter]) > 2


def test_late_counts_come_after_their_days_and_silent_hours_never() -> None:
    instants: defaultdict[str, list[int]] = defaultdict(list)
    for message in buildings_history(1, date(2026, 3, 1), at(date(2026, 4, 1))):
        instants[parse_topic(message.topic).station] += [record["at"] for record in records(message)]
    late = FAULTS.late
    order = instants[late.meter]
    assert len(order) == 31 * 24 + 1
    assert order == sorted(order), "on the day after them, oldest first"
    held = list(buildings_history(1, date(2026, 3, 1), at(date(2026, 3, late.first + late.days))))
    of_late = [message for message in held if parse_topic(message.topic).station == late.meter]
    newest = max(record["at"] for message in of_late for record in records(message))
    assert newest == at(date(2026, 3, late.first)), "nothing of the late days yet"
    assert len(instants[FAULTS.silent.meter]) == 31 * 24 + 1 - FAULTS.silent.hours
    assert len(instants["hospital-heat"]) == 32


def test_messages_are_what_the_contract_takes() -> None:
    end = at(date(2026, 3, 3))
    for message in buildings_history(1, date(2026, 3, 1), end):
        address = parse_topic(message.topic)
        for record in decode(message.payload):
            judged = CONTRACTS["energy"].judge(record, address.station, end, 400 * DAY_MS)
            assert not judged.refusals
            assert not judged.doubtful
            assert judged.values
