"""What the stations of the simulated river send: four-hourly cycles, with the scatter of instruments, fouling and service."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any, NamedTuple

from sensors.formats.native import encode
from sensors.instants import HOUR_MS, to_millis
from sensors.quantities import OF_FAMILY
from sensors.reading import Status
from sensors.topics import Address, topic_of
from simulators.city import ZONE
from simulators.message import OutMessage
from simulators.river.course import RIVER, river
from simulators.river.events import USUAL, Scenario
from simulators.river.upkeep import fouled, serviced
from simulators.river.water import true_values

CYCLE_MS = 4 * HOUR_MS


class Sampled(NamedTuple):
    """What a station sends of a cycle: its end [ms], values by quantity, and the state of its instruments."""

    at: int
    values: Mapping[str, float]
    state: Status = "normal"


def samples(seed: int, section: str, day: date, scenario: Scenario = USUAL) -> list[Sampled]:
    """The six cycles of a civil day: those that end at 04:00, 08:00, … and at the next midnight."""
    start = to_millis(datetime.combine(day, time(), ZONE))
    return [_sampled(seed, section, start + number * CYCLE_MS, scenario) for number in range(1, 7)]


def river_history(seed: int, start_day: date, end_ms: int, scenario: Scenario = USUAL) -> Iterator[OutMessage]:
    """What the stations send of the civil days from `start_day` on, as far as cycles have ended by `end_ms`: day by day one
    message per station."""
    day = start_day
    while to_millis(datetime.combine(day, time(), ZONE)) < end_ms:
        for station in river():
            records = [_record(one) for one in samples(seed, station.id, day, scenario) if one.at <= end_ms]
            if records:
                yield OutMessage(
                    topic_of(Address(station.district, station.family, station.id, "raw")), encode(records)
                )
        day += timedelta(days=1)


def _sampled(seed: int, section: str, at: int, scenario: Scenario) -> Sampled:
    rng = Random(f"{seed}/{section}/{at}")
    values = true_values(seed, section, at, scenario)
    for code in values:
        values[code] *= 1 + 0.8 * RIVER.scatter.get(code, 0.0) * rng.gauss(0, 1)
    fouling = fouled(seed, section, at) if scenario.fouling else None
    if fouling is not None:
        values[fouling.code] *= 1 + fouling.share
    for code, value in values.items():
        quantity = OF_FAMILY["water"][code]
        values[code] = round(min(max(value, quantity.low), quantity.high), min(quantity.scale, 4))
    return Sampled(at, values, serviced(seed, section, at) if scenario.maintenance else "normal")


def _record(one: Sampled) -> dict[str, Any]:
    record: dict[str, Any] = {"at": one.at, "values": one.values}
    if one.state != "normal":
        record["status"] = dict.fromkeys(one.values, one.state)
    return record
