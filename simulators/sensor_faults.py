"""A month of sensors with faults that are known: hourly air of the simulated city, four-hourly water, hourly meters; and what
can go wrong with an instrument, put into it. Pure: the same seed gives the same rows.

Unlike `faults.py`, which makes messages lie, these are honest messages of broken instruments.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from math import exp, pi, sin
from random import Random
from typing import Any, NamedTuple

from sensors.instants import HOUR_MS
from simulators.air import hours
from simulators.city import ZONE, city

Row = dict[str, Any]
"""`station`, `observed_at` [ms], `received_at` [ms], and a value by quantity."""

_CODES = ("pm2_5", "pm10", "so2", "no2", "co", "o3")
_GASES = ("no2", "o3")
_PPB = {"no2": 1.880, "o3": 1.962}
"""µg/m³ of one ppb at 298.15 K and 1013.25 hPa."""


class Event(NamedTuple):
    """One fault: the rule that should see it; at these values, from the first to the last [ms]."""

    kind: str
    rule: str
    family: str
    station: str
    quantity: str
    first: int
    last: int


def air_month(seed: int, start: date, days: int) -> list[Row]:
    """Hours of the simulated city, received some seconds after they ended."""
    rng, rows = Random(f"air/{seed}"), []
    for day in (start + timedelta(days=number) for number in range(days)):
        midnight = _midnight(day)
        for station in city():
            for number, values in enumerate(hours(seed, station, day), start=1):
                at = midnight + number * HOUR_MS
                rows.append(_row(station.id, at, rng, {code: values[code] for code in _CODES}))
    return rows


def water_month(seed: int, start: date, days: int) -> list[Row]:
    """Four-hourly snapshots of six sections: seasons of a day in temperature and oxygen, slow noise in everything else."""
    rng, rows = Random(f"water/{seed}"), []
    means = {
        "ph": 7.8,
        "conductivity": 420.0,
        "codmn": 3.2,
        "nh3_n": 0.28,
        "total_phosphorus": 0.09,
        "total_nitrogen": 2.1,
    }
    for number in range(6):
        levels = {code: mean * rng.uniform(0.8, 1.2) for code, mean in means.items()}
        for step in range(days * 6):
            at = _midnight(start) + (step + 1) * 4 * HOUR_MS
            day = sin(2 * pi * (step % 6) / 6)
            values = {"water_temperature": round(18 + 2 * day + rng.gauss(0, 0.2), 2)}
            values["dissolved_oxygen"] = round(8.4 + 1.2 * day + rng.gauss(0, 0.15), 2)
            for code in levels:  # noqa: PLC0206 - they are changed
                spread = 0.01 if code == "ph" else 0.04
                levels[code] = 0.9 * levels[code] + 0.1 * means[code] + rng.gauss(0, spread * means[code])
                values[code] = round(levels[code], 4 if code in {"nh3_n", "total_phosphorus"} else 2)
            rows.append(_row(f"wq-{number}", at, rng, values))
    return rows


def energy_month(seed: int, start: date, days: int) -> list[Row]:
    """Hourly counters and power of eight meters; one of them has so few digits that it rolls over, which is no fault."""
    rng, rows = Random(f"energy/{seed}"), []
    for number in range(8):
        counter, scale = rng.uniform(1_000, 50_000), rng.uniform(10, 200)
        modulus = 1e5 if number == 0 else 1e9
        counter = 99_000.0 if number == 0 else counter
        for step in range(days * 24):
            at = _midnight(start) + (step + 1) * HOUR_MS
            power = scale * (0.4 + exp(-(((step % 24) - 14) ** 2) / 18)) * rng.uniform(0.85, 1.15)
            counter = round(counter + power, 3) % modulus
            values = {
                "active_power": round(power, 3),
                "electricity": round(power, 3),
                "electricity_counter": round(counter, 3),
            }
            rows.append(_row(f"m-{number}", at, rng, values))
    return rows


def _row(station: str, at: int, rng: Random, values: Mapping[str, float]) -> Row:
    return {"station": station, "observed_at": at, "received_at": at + rng.randrange(2_000, 60_000), **values}


def _midnight(day: date) -> int:
    return int(datetime.combine(day, time(), ZONE).timestamp() * 1000)


Rows = Sequence[Row]
Spoil = Callable[[Rows, str, Random], None]
"""Puts a fault into the rows of an event, in their order; the quantity's code is given."""


def _spike(rows: Rows, code: str, rng: Random) -> None:
    rows[0][code] = round(rows[0][code] * rng.uniform(4, 8) + 60 * _size(code), 3)


def _step(rows: Rows, code: str, rng: Random) -> None:
    add = (rng.uniform(2.5, 4) * max(row[code] for row in rows)) + 100 * _size(code)
    for row in rows:
        row[code] = round(row[code] + add, 3)


def _small_spike(rows: Rows, code: str, rng: Random) -> None:
    rows[0][code] = round(rows[0][code] * rng.uniform(1.5, 3), 3)


def _drift(rows: Rows, code: str, _rng: Random) -> None:
    for number, row in enumerate(rows):
        row[code] = round(row[code] * 1.01**number, 3)


def _stuck(rows: Rows, code: str, _rng: Random) -> None:
    for row in rows:
        row[code] = rows[0][code]


def _inverted(rows: Rows, _code: str, rng: Random) -> None:
    for row in rows:
        row["pm10"] = round(max(0.0, row["pm2_5"] * rng.uniform(0.4, 0.6) - 12), 1)


def _times(factor: float) -> Spoil:
    def spoil(rows: Rows, code: str, _rng: Random) -> None:
        for row in rows:
            row[code] = round(row[code] * factor, 6)

    return spoil


def _in_ppb(rows: Rows, code: str, _rng: Random) -> None:
    for row in rows:
        row[code] = round(row[code] / _PPB[code], 3)


def _late(rows: Rows, _code: str, rng: Random) -> None:
    late = rng.randrange(900_000, 2_700_000)
    for row in rows:
        row["received_at"] += late


def _early(rows: Rows, _code: str, rng: Random) -> None:
    rows[0]["received_at"] = rows[0]["observed_at"] - rng.randrange(120_000, 600_000)


def _supersaturated(rows: Rows, _code: str, rng: Random) -> None:
    for row in rows:
        row["dissolved_oxygen"] = round(rng.uniform(22, 30), 2)


def _back(rows: Rows, code: str, rng: Random) -> None:
    less = rng.uniform(0.2, 0.5) * rows[0][code]
    for row in rows:
        row[code] = round(row[code] - less, 3)


def _size(code: str) -> float:
    """About how large a value is [canonical unit]."""
    return {"co": 0.02, "so2": 0.5, "nh3_n": 0.02, "total_phosphorus": 0.005, "codmn": 0.1}.get(code, 1.0)


class Kind(NamedTuple):
    """A kind of fault: the rule that should see it, whose, of which quantities, how many values long, and how it is made."""

    name: str
    rule: str
    family: str
    quantities: tuple[str, ...]
    values: int
    spoil: Spoil
    needs: tuple[str, ...] = ()
    """Quantities that are looked at besides."""


KINDS = (
    Kind("spike", "spike", "air", _CODES, 1, _spike),
    Kind("spike to 1.5 to 3 times", "spike", "air", _CODES, 1, _small_spike),
    Kind("jump that stays", "rate", "air", _CODES, 12, _step),
    Kind("stuck for a day", "stuck", "air", _CODES, 24, _stuck),
    Kind("stuck for 8 hours", "stuck", "air", _CODES, 8, _stuck),
    Kind("drift of 1 % an hour", "rate", "air", _CODES, 48, _drift),
    Kind("PM10 below PM2.5", "part_above_whole", "air", ("pm10",), 6, _inverted, ("pm2_5",)),
    Kind("× 1000", "unit_shift", "air", _CODES, 48, _times(1000)),
    Kind("÷ 1000", "unit_shift", "air", _CODES, 48, _times(0.001)),
    Kind("ppb for µg/m³", "unit_shift", "air", _GASES, 48, _in_ppb),
    Kind("clock slow", "clock_skew", "air", ("",), 48, _late),
    Kind("clock ahead", "clock_skew", "air", ("",), 1, _early),
    Kind("spike", "spike", "water", ("conductivity", "codmn", "nh3_n", "total_phosphorus"), 1, _spike),
    Kind("stuck", "stuck", "water", ("dissolved_oxygen", "conductivity", "ph"), 14, _stuck),
    Kind("oxygen above saturation", "oversaturated", "water", ("dissolved_oxygen",), 3, _supersaturated),
    Kind("× 1000", "unit_shift", "water", ("nh3_n", "total_phosphorus", "codmn"), 12, _times(1000)),
    Kind("counter goes back", "counter_back", "energy", ("electricity_counter",), 24, _back),
    Kind("Wh for kWh", "unit_shift", "energy", ("electricity",), 48, _times(1000)),
)


def spoiled(
    rows: Sequence[Row], family: str, seed: int, *, events: int, kinds: Sequence[Kind] = KINDS
) -> tuple[list[Row], list[Event]]:
    """A copy of the rows with so many events of each kind of the family, and where they are: where no value is missing, not even
    before and after. Events of one station are two days apart, so that each is seen by itself."""
    rng, copies = Random(f"faults/{family}/{seed}"), [dict(row) for row in rows]
    by_station: dict[str, list[Row]] = {}
    for row in sorted(copies, key=lambda row: row["observed_at"]):
        by_station.setdefault(row["station"], []).append(row)
    taken: dict[str, list[tuple[int, int]]] = {}
    found: list[Event] = []
    for kind in (kind for kind in kinds if kind.family == family):
        for _ in range(events):
            for station, index in _places(by_station, kind.values, rng):
                its = by_station[station][index : index + kind.values]
                first, last = its[0]["observed_at"], its[-1]["observed_at"]
                apart, code = 48 * HOUR_MS, rng.choice(kind.quantities)
                if not _is_whole(by_station[station][index - 1 : index + kind.values + 1], {code, *kind.needs} - {""}):
                    continue
                if all(last + apart < start or end + apart < first for start, end in taken.get(station, [])):
                    kind.spoil(its, code, rng)
                    taken.setdefault(station, []).append((first, last))
                    found.append(Event(kind.name, kind.rule, family, station, code, first, last))
                    break
    return copies, found


def _is_whole(rows: Rows, codes: Set[str]) -> bool:
    """Whether the rows are equally far apart and have all of the quantities."""
    steps = {later["observed_at"] - row["observed_at"] for row, later in pairwise(rows)}
    return len(steps) == 1 and all(codes <= row.keys() for row in rows)


def _places(by_station: Mapping[str, Sequence[Row]], values: int, rng: Random) -> Iterator[tuple[str, int]]:
    """Where an event could begin, some tries; not in the first or last day and a half."""
    for _ in range(200):
        station = rng.choice(sorted(by_station))
        rows = by_station[station]
        step = min(later["observed_at"] - row["observed_at"] for row, later in pairwise(rows[:100]))
        margin = max(2, int(36 * HOUR_MS / step))
        if len(rows) > 2 * margin + values:
            yield station, rng.randrange(margin, len(rows) - margin - values)


__all__ = ["KINDS", "Event", "Kind", "Row", "air_month", "energy_month", "spoiled", "water_month"]
