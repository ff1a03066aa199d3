"""The simulated vehicles as messages: counts of each interval, or the same vehicles one by one."""

from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from sensors.formats.native import encode
from sensors.reading import Period
from sensors.stations import Station
from sensors.topics import Address, topic_of
from sensors.vehicles import COUNTS, VEHICLE_CLASSES
from simulators.city import ZONE
from simulators.message import OutMessage
from simulators.vehicles import INTERVAL_MS, Interval, counted, midnight_of, tunnel_stations

# Chosen: how far a single vehicle is from the mean speed of its interval [share].
_SCATTER = 0.12
_CLASS_NUMBER = {cls: number for number, cls in enumerate(VEHICLE_CLASSES, start=1)}
"""As the native coding has them."""


def vehicles_history(seed: int, start_day: date, end_ms: int) -> Iterator[OutMessage]:
    """Counts by interval from a civil day on that end by `end_ms`: day by day one message per direction."""
    day = start_day
    while midnight_of(day) < end_ms:
        for station in tunnel_stations().values():
            records = [_record(one) for one in counted(seed, station.id, day) if one.sent and one.at <= end_ms]
            if records:
                yield _message(station, "minute", records)
        day += timedelta(days=1)


def single_vehicles(seed: int, station: str, since: int, until: int) -> list[dict[str, Any]]:
    """The vehicles of the same intervals one by one, as records in order of time; an interval without any is a sign of
    life."""
    rng, day = Random(f"{seed}/single/{station}/{since}"), datetime.fromtimestamp(since / 1000, ZONE).date()
    found: list[tuple[int, str | None, float]] = []
    while midnight_of(day) < until:
        for one in counted(seed, station, day):
            if one.sent and since < one.at <= until:
                classes = [cls for cls, number in one.by_class.items() for _ in range(number)]
                rng.shuffle(classes)
                instants = sorted(one.at - rng.randrange(INTERVAL_MS) for _ in classes)
                found += [(at, cls, one.speed) for at, cls in zip(instants, classes, strict=True)] or [
                    (one.at, None, 0.0)
                ]
        day += timedelta(days=1)
    numbered, of_instant = [], Counter[int]()
    for at, cls, mean in found:
        values = {"vehicles": 0.0}
        if cls is not None:
            speed = max(0.1, rng.gauss(mean, mean * _SCATTER))
            values = {"vehicle_class": float(_CLASS_NUMBER[cls]), "speed": round(speed, 1)}
        numbered.append({"at": at, "seq": of_instant[at], "values": values})
        of_instant[at] += 1
    return numbered


def vehicle_messages(seed: int, station: str, since: int, until: int) -> list[OutMessage]:
    """The same as messages, a thousand vehicles each."""
    records, entry = single_vehicles(seed, station, since, until), tunnel_stations()[station]
    return [_message(entry, "raw", records[first : first + 1_000]) for first in range(0, len(records), 1_000)]


def _record(one: Interval) -> dict[str, Any]:
    air = {"tunnel_co": round(one.air["co"], 2), "tunnel_no2": round(one.air["no2"], 3),
           "tunnel_extinction": round(one.air["extinction"], 6), "tunnel_wind": round(one.air["wind"], 2)}  # fmt: skip
    driving: dict[str, float] = {"speed": one.speed, "occupancy": one.occupancy} if one.vehicles else {"occupancy": 0.0}
    counts = {COUNTS[cls]: number for cls, number in one.by_class.items()}
    return {"at": one.at, "values": {"vehicles": one.vehicles, **counts, **driving, **air}}


def _message(station: Station, period: Period, records: list[dict[str, Any]]) -> OutMessage:
    return OutMessage(topic_of(Address(station.district, "traffic", station.id, period)), encode(records))
