"""Simulated buildings and their meters: an office, a school, a hospital, dwellings with photovoltaics, a data hall.

What a meter measures in an hour is a formula of seed, meter and hour, in whole thousandths of its unit:

    day      (per_day + warm·(T - 24)⁺ + cold·(12 - T)⁺) × kind of day × scatter, in tens of units; T [°C] of the air station
    hour     the day's thousandths of its pattern
    main     what its sub-meters have, and a loss that is the same each hour
    sun      generation by the sun's height and the day's clouds; what the dwellings do not need goes into the grid

So what was used in any span is known exactly (`true_use`). Meters send running counts, which roll over, are replaced, come late
or never; none of it changes what was used.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from importlib.resources import files
from math import cos, pi, sin
from random import Random
from typing import Any

from pydantic import BaseModel, ConfigDict

from sensors.formats.native import encode
from sensors.instants import DAY_MS, HOUR_MS, to_datetime, to_millis
from sensors.quantities import COUNTERS
from sensors.stations import Registry, Station, dump_registry, load_registry
from sensors.topics import Address, topic_of
from simulators.air import hours as air_hours
from simulators.city import ZONE, city
from simulators.message import OutMessage

EPOCH = date(2025, 1, 1)
"""The day from which registers count; there is nothing before it."""

_HOURS_READ = 3_600  # a meter that sends so often [s] sends each hour, the others each midnight
_SCATTER = 0.06  # of a day [share], chosen
_WARM, _COLD = 24.0, 12.0  # from where on it is cooled and heated [°C], chosen
_TEN = 10  # days are whole tens of units, so that a count behind a factor of ten is exact too


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Pattern(_Data):
    hours: tuple[int, ...]
    saturday: int
    sunday: int
    holiday: int


class _Meter(_Data):
    id: str
    quantity: str
    per_day: int = 0
    pattern: str = "steady"
    warm: int = 0
    cold: int = 0
    main_of: tuple[str, ...] = ()
    lost_per_hour: Decimal = Decimal(0)
    photovoltaic_kw: int = 0


class _Replaced(_Data):
    meter: str
    months: tuple[int, ...]
    day: int
    hour: int


class _Late(_Data):
    meter: str
    first: int
    days: int


class _Silent(_Data):
    meter: str
    day: int
    first: int
    hours: int


class _Anomaly(_Data):
    meter: str
    day: int
    percent: int


class _Faults(_Data):
    replaced: _Replaced
    late: _Late
    silent: _Silent
    anomaly: _Anomaly


class _Buildings(_Data):
    holidays: frozenset[str]
    pattern: Mapping[str, _Pattern]
    meter: tuple[_Meter, ...]
    faults: _Faults


_BUILDINGS = _Buildings.model_validate(tomllib.loads(files("simulators").joinpath("buildings.toml").read_text("utf-8")))
_METERS: Mapping[str, _Meter] = {one.id: one for one in _BUILDINGS.meter}
FAULTS = _BUILDINGS.faults
"""What happens to which meter, each month anew."""


@lru_cache(maxsize=1)
def meters() -> Registry:
    """The meters as they stand in the registry file, each with one entry."""
    return load_registry(files("simulators").joinpath("gaoxin-meters.toml").read_text("utf-8"), "gaoxin-meters.toml")


def meters_registry_text(seed: int, until: date) -> str:
    """The registry of the meters up to a day, with an entry for each meter that was put in."""
    return dump_registry(entry for station in meters() for entry in _entries(seed, station, until))


def is_holiday(day: date) -> bool:
    """Whether nobody works, whatever the weekday."""
    return f"{day:%m-%d}" in _BUILDINGS.holidays


def true_use(seed: int, meter: str, quantity: str, start: int, end: int) -> Fraction:
    """What a meter measured in (start, end] [ms], in the quantity's unit: exact. Raises ValueError before EPOCH."""
    return _until(seed, meter, quantity, end) - _until(seed, meter, quantity, start)


def true_loss(meter: str, start: int, end: int) -> Fraction:
    """What is lost behind a main meter in (start, end] [ms, kWh]."""
    return Fraction(_METERS[meter].lost_per_hour) * Fraction(end - start, HOUR_MS)


def buildings_history(seed: int, start_day: date, end_ms: int) -> Iterator[OutMessage]:
    """What the meters send from the midnight that `start_day` begins with on, as far as it has come by `end_ms`: day by day one
    message per meter, of late days after them."""
    day = start_day
    while (midnight := _midnight(day)) < end_ms:
        for station in meters():
            for of_day in _sent_on(station.id, day, start_day):
                records = [
                    _record(seed, station, at) for at in _read_at(station, of_day, start_day) if at <= end_ms
                ]  # fmt: skip
                if records:
                    topic = topic_of(Address(station.district, station.family, station.id, "raw"))
                    yield OutMessage(topic, encode(records))
        day = to_datetime(midnight + DAY_MS, ZONE).date()


def _sent_on(meter: str, day: date, start_day: date) -> Sequence[date]:
    """The days whose counts come on a day."""
    late = FAULTS.late
    if meter != late.meter:
        return [day]
    since = day.day - late.first
    if 0 <= since < late.days:
        return []
    held = [day - timedelta(days=number) for number in range(late.days, 0, -1)] if since == late.days else []
    return [*(one for one in held if one >= start_day), day]


def _read_at(station: Station, day: date, start_day: date) -> Iterator[int]:
    """The instants of a day's counts [ms], those that ever come; of the first day its first midnight too."""
    midnight, silent = _midnight(day), FAULTS.silent
    for hour in range(0 if day == start_day else 1, 25):
        is_silent = (station.id, day.day) == (silent.meter, silent.day) and 0 <= hour - silent.first < silent.hours
        if hour in {0, 24} or (station.expected_period_s == _HOURS_READ and not is_silent):
            yield midnight + hour * HOUR_MS


def _record(seed: int, station: Station, at: int) -> dict[str, Any]:
    counts = {COUNTERS[code]: _shown(seed, station, code, at) for code in station.measured}
    return {"at": at, "values": counts}


def _shown(seed: int, station: Station, quantity: str, at: int, *, before: bool = False) -> float:
    """What the register shows at an instant; at that of a replacement the new one, or the one `before`."""
    since = max((one for one in _replacements(station.id, at) if not before or one < at), default=None)
    begin = Random(f"{seed}/{station.id}/{quantity}/{since}").randrange(2_000)
    used = true_use(seed, station.id, quantity, _midnight(EPOCH) if since is None else since, at)
    shown = begin + used / Fraction(int(station.meter_factor or 1))
    return float(shown if station.meter_modulus is None else shown % int(station.meter_modulus))


def _replacements(meter: str, until: int) -> list[int]:
    """When a meter was replaced, up to an instant [ms]."""
    of = FAULTS.replaced
    if meter != of.meter:
        return []
    years = range(EPOCH.year, to_datetime(until, ZONE).year + 1)
    every = (to_millis(datetime(year, month, of.day, of.hour, tzinfo=ZONE)) for year in years for month in of.months)
    return [at for at in every if at <= until]


def _entries(seed: int, station: Station, until: date) -> Iterator[Station]:
    """The entry of a meter, or one for each that stood there one after the other."""
    changes = _replacements(station.id, _midnight(until))
    [quantity, *_] = station.measured
    for number, (since, ended) in enumerate(zip([None, *changes], [*changes, None], strict=True)):
        if not changes:
            yield station
            return
        yield station.model_copy(update={
            "device": f"{station.id}-{number + 1}",
            "active_from": None if since is None else to_datetime(since, ZONE),
            "active_to": None if ended is None else to_datetime(ended, ZONE),
            "meter_start": None if since is None else _shown(seed, station, quantity, since),
            "meter_end": None if ended is None else _shown(seed, station, quantity, ended, before=True),
        })  # fmt: skip


def _until(seed: int, meter: str, quantity: str, at: int) -> Fraction:
    """What was measured from EPOCH to an instant [ms]."""
    number, rest = divmod(at - _midnight(EPOCH), DAY_MS)
    if number < 0:
        raise ValueError(f"the meters count from {EPOCH} on")
    sums = _sums(seed, meter, quantity)
    while len(sums) <= number:
        sums.append(sums[-1] + sum(_day(seed, meter, EPOCH + timedelta(days=len(sums) - 1))[quantity]))
    hours, part = divmod(rest, HOUR_MS)
    of_day = _day(seed, meter, EPOCH + timedelta(days=number))[quantity]
    running = of_day[hours] * Fraction(part, HOUR_MS) if part else 0
    return (sums[number] + sum(of_day[:hours]) + running) / Fraction(1000)


@lru_cache(maxsize=1_000)
def _sums(seed: int, meter: str, quantity: str) -> list[int]:
    """Thousandths up to each midnight from EPOCH on, as far as they were asked for."""
    return [0]


@lru_cache(maxsize=20_000)
def _day(seed: int, meter: str, day: date) -> Mapping[str, Sequence[int]]:
    """What a meter measures in each hour of a day [thousandths of the unit], by quantity."""
    of = _METERS[meter]
    if of.main_of:
        lost = int(of.lost_per_hour * 1000)
        columns = zip(*(_day(seed, sub, day)[of.quantity] for sub in of.main_of), strict=True)
        return {of.quantity: [sum(column) + lost for column in columns]}
    pattern = _BUILDINGS.pattern[of.pattern]
    warmth = _temperature(seed, day)
    amount = of.per_day + of.warm * max(0.0, warmth - _WARM) + of.cold * max(0.0, _COLD - warmth)
    amount *= _kind(pattern, day) / 100 * (1 + Random(f"{seed}/{meter}/{day}").uniform(-_SCATTER, _SCATTER))
    if (meter, day.day) == (FAULTS.anomaly.meter, FAULTS.anomaly.day):
        amount *= FAULTS.anomaly.percent / 100
    needed = [_TEN * round(amount / _TEN) * share for share in pattern.hours]
    if not of.photovoltaic_kw:
        return {of.quantity: needed}
    sun = _sun(seed, of.photovoltaic_kw, day)
    return {
        "electricity": [max(0, need - made) for need, made in zip(needed, sun, strict=True)],
        "generation": sun,
        "exported": [max(0, made - need) for need, made in zip(needed, sun, strict=True)],
    }


def _kind(pattern: _Pattern, day: date) -> int:
    if is_holiday(day):
        return pattern.holiday
    return {5: pattern.saturday, 6: pattern.sunday}.get(day.weekday(), 100)


def _sun(seed: int, peak_kw: int, day: date) -> list[int]:
    """What photovoltaics make in each hour [Wh]: longer days in summer, and clouds."""
    summer = -cos(2 * pi * (day.timetuple().tm_yday + 10) / 365.25)
    length = 12 + 1.9 * summer
    clear = Random(f"{seed}/clouds/{day}").uniform(0.15, 0.9) * (0.8 + 0.2 * summer)
    begins = 13 - length / 2  # the sun is highest at one by the clock of Chongqing
    heights = [
        sin(pi * (hour + 0.5 - begins) / length) if 0 < hour + 0.5 - begins < length else 0 for hour in range(24)
    ]
    return [round(1000 * peak_kw * clear * height) for height in heights]


@lru_cache(maxsize=2_000)
def _temperature(seed: int, day: date) -> float:
    """The day's mean at the first air station [°C]."""
    first = next(iter(city()))
    values = [hour["air_temperature"] for hour in air_hours(seed, first, day)]
    return sum(values) / len(values)


def _midnight(day: date) -> int:
    return to_millis(datetime.combine(day, time(), ZONE))
