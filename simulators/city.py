"""The simulated city as messages: its history, its hours, and what its stations say at an instant.

Pure: no clock, no network; the same seed and times give the same bytes.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from importlib.resources import files
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from sensors.formats.native import encode
from sensors.instants import HOUR_MS, to_datetime, to_millis
from sensors.reading import Period
from sensors.stations import Registry, Station, load_registry
from sensors.topics import Address, topic_of
from simulators.air import hours
from simulators.message import OutMessage

ZONE = ZoneInfo("Asia/Shanghai")
_FLICKER = 0.03  # of a raw value against the mean of its hour [share], chosen


def registry_text() -> str:
    """The registry of the simulated city, as the TOML of `sensors.stations.load_registry`."""
    return files("simulators").joinpath("gaoxin.toml").read_text("utf-8")


@lru_cache(maxsize=1)
def city() -> Registry:
    """The stations of the simulated city."""
    return load_registry(registry_text(), "simulators/gaoxin.toml")


def history(seed: int, start_day: date, end_ms: int) -> Iterator[OutMessage]:
    """Hourly readings from the civil day `start_day` on that end by `end_ms`: day by day one message per station.

    The last day ends with the last whole hour.
    """
    day = start_day
    while (midnight := _midnight(day)) < end_ms:
        ends = range(midnight + HOUR_MS, min(_midnight(day + timedelta(days=1)), end_ms) + 1, HOUR_MS)
        if ends:
            for station in city():
                values = hours(seed, station, day)
                records = [{"at": end, "values": values[number]} for number, end in enumerate(ends)]
                yield _message(station, "hour", records)
        day += timedelta(days=1)


def hour(seed: int, end_ms: int) -> list[OutMessage]:
    """The hourly readings of all stations for the hour that ended at `end_ms`, a full hour; else ValueError."""
    if end_ms % HOUR_MS:
        raise ValueError(f"{end_ms} is not the end of an hour")
    return [_message(s, "hour", [{"at": end_ms, "values": _of_hour(seed, s, end_ms)}]) for s in city()]


def live(seed: int, at_ms: int) -> list[OutMessage]:
    """What every station measures at `at_ms`, as raw readings: the hour's means, flickering."""
    end_ms = at_ms - at_ms % -HOUR_MS
    messages = []
    for station in city():
        rng = Random(f"{seed}/{station.id}/{at_ms}")
        values = {
            code: round(value * rng.uniform(1 - _FLICKER, 1 + _FLICKER), 2)
            for code, value in _of_hour(seed, station, end_ms).items()
        }
        values["humidity"] = min(values["humidity"], 100.0)
        messages.append(_message(station, "raw", [{"at": at_ms, "values": values}]))
    return messages


def _of_hour(seed: int, station: Station, end_ms: int) -> Mapping[str, float]:
    start = to_datetime(end_ms - HOUR_MS, ZONE)
    return _hours(seed, station, start.date())[start.hour]


_hours = lru_cache(maxsize=64)(hours)  # live asks for the same day of ten stations again and again


def _message(station: Station, period: Period, records: Sequence[Mapping[str, Any]]) -> OutMessage:
    topic = topic_of(Address(station.district, station.family, station.id, period))
    return OutMessage(topic, encode(records))


def _midnight(day: date) -> int:
    return to_millis(datetime.combine(day, time(), ZONE))
