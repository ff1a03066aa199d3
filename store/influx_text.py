"""InfluxDB's texts, without any I/O: points to line protocol, answers back to points, and the conditions of InfluxQL.

store/influx.py says what the fields mean and how points are written and read.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from sensors.instants import HOUR_MS
from sensors.quantities import Family
from sensors.reading import Doubt, Period, Reading
from store.measurements import FIXED
from store.merge import Point, Version, pack_extra, unpack_extra
from store.parts import parts

DECIDING = ("received_at", "extra")
"""What decides, where a point has `extra`, which of its values are good."""

# Chosen: the server matches a regular expression of 2,500 ids in milliseconds; an OR of as many takes it seconds.
_STATIONS_A_STATEMENT = 2_500
# What InfluxDB can hold: int64 nanoseconds [ms].
FIRST_MS, LAST_MS = -9_223_372_036_854, 9_223_372_036_854


class Stored(NamedTuple):
    """A point as read, and the names of the fields it really has."""

    point: Point
    fields: frozenset[str]


_AS_JSON = msgspec.json.Encoder(enc_hook=float).encode  # the hook: numpy's floats are none to msgspec
_COLON_TO_EQUALS = bytes.maketrans(b":", b"=")


def fields_of(values: Mapping[str, float]) -> str:
    """Values as fields of line protocol: pm2_5=35.0,co=0.7.

    JSON with three characters left out and one exchanged: of codes ([a-z0-9_]) and finite numbers that is the same, and at
    0.5 µs for eight half of what the fastest formatting in Python costs.
    """
    return _AS_JSON(values).translate(_COLON_TO_EQUALS, b'"{}').decode()


def line_of(head: str, point: Point, stored: Collection[str] = ()) -> str:
    """A point in line protocol, whatever it holds; of the fields that are `stored` those that can be blanked are."""
    reading = point.reading
    fields = [fields_of(reading.values)] if reading.values else []
    fields.append(f"received_at={reading.received_at}i")
    if reading.issued is not None:
        fields.append(f"issued={reading.issued}i")
    if reading.unknown_station or "unknown_station" in stored:
        fields.append(f"unknown_station={'true' if reading.unknown_station else 'false'}")
    fields.append(f"origin={reading.origin}i,batch={reading.batch}i")
    extra = pack_extra(point)
    if extra is not None:
        fields.append(f"extra={quoted(f'{reading.received_at}{extra}')}")
    elif "extra" in stored:
        fields.append('extra=""')
    series = f"{head},seq={reading.seq}" if reading.seq else head
    return f"{series} {','.join(fields)} {reading.observed_at}"


def displaced_of(stored: frozenset[str], point: Point) -> frozenset[str]:
    """The stored fields that must go when `point` takes the place; what can be blanked need not."""
    reading = point.reading
    stay = frozenset(reading.values).union(FIXED) - ({"issued"} if reading.issued is None else set())
    return stored - stay


def point_of(
    family: Family, period: Period, codes: Sequence[str], station: str, seq: int, cells: Sequence[Any]
) -> Stored:
    """A point from [time, the fixed fields, a field per code]."""
    at, received_at, issued, unknown, origin, batch, extra, *numbers = cells
    present = [name for name, cell in zip((*FIXED, *codes), cells[1:], strict=True) if cell is not None]
    values = {code: float(number) for code, number in zip(codes, numbers, strict=True) if number is not None}
    values, doubtful, older = _resolve(values, extra, received_at)
    reading = Reading(
        family, station, period, at, received_at, values, doubtful, seq, issued, bool(unknown), origin, batch
    )
    return Stored(Point(reading, older), frozenset(present))


def good_of(codes: Sequence[str], cells: Sequence[Any]) -> Sequence[float | None]:
    """The good values of `codes` from the deciding fields and a field per code."""
    received_at, extra, *numbers = cells
    if not extra:
        return numbers
    values, _, _ = _resolve({c: n for c, n in zip(codes, numbers, strict=True) if n is not None}, extra, received_at)
    return [values.get(code) for code in codes]


def _resolve(
    values: dict[str, float], extra: str | None, received_at: int
) -> tuple[dict[str, float], dict[str, Doubt], dict[str, Version]]:
    """Good values, doubtful ones and deviating versions; of a quantity in both, the newer (module docstring)."""
    if not extra:
        return values, {}, {}
    receipt, brace, rest = extra.partition("{")
    doubtful, older = unpack_extra(brace + rest)
    if int(receipt) == received_at:
        return {code: value for code, value in values.items() if code not in doubtful}, doubtful, older
    return values, {code: doubt for code, doubt in doubtful.items() if code not in values}, older


def spans_of(times: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Times [ms] as (first, last) of runs without a gap of more than an hour: what a query fetches besides stays small."""
    first = last = None
    for at in sorted(times):
        if first is None or last is None:
            first = at
        elif at - last > HOUR_MS:
            yield first, last
            first = at
        last = at
    if first is not None and last is not None:
        yield first, last


def escaped(tag: str) -> str:
    """A tag value in line protocol."""
    return re.sub(r"([,= ])", r"\\\1", tag)


def quoted(text: str) -> str:
    """A string of line protocol or of a predicate, an identifier of InfluxQL: one rule for all three."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def clamped(at: int) -> int:
    return min(max(at, FIRST_MS), LAST_MS)


def between(start: int, end: int) -> str:
    """start < time ≤ end [ms] in InfluxQL."""
    return f"time > {clamped(start)}ms AND time <= {clamped(end)}ms"


def conditions(stations: Collection[str] | None, time: str = "") -> list[str]:
    """WHERE clauses that together let these stations (all: None) through, at this `time`."""
    if stations is None:
        return [f"WHERE {time}" if time else ""]
    names = [re.escape(name).replace("/", r"\/") for name in sorted(set(stations))]
    return [
        f'WHERE {f"{time} AND " if time else ""}"station" =~ /^({"|".join(part)})$/'
        for part in parts(names, _STATIONS_A_STATEMENT)
    ]


def fault_of_data(status: int, body: bytes) -> str | None:
    """Why the lines themselves are refused; None where it is not about them.

    400: nothing was taken (a line cannot be parsed); 413: the body, or the one line, is too large; 422: some was taken, and it
    is not said which (type conflict and retention differ only in the words). A 400 that is not in the API's form comes from
    something else on the way, and no reading is given up for it.
    """
    if status == 413 or (status in {400, 422} and _message(body) is not None):
        return words_of(body)
    return None


def _message(body: bytes) -> str | None:
    """The message of an answer in the API's form."""
    try:
        answer = json.loads(body)
    except ValueError:
        return None
    said = answer.get("message", answer.get("error")) if isinstance(answer, dict) else None
    return said if isinstance(said, str) else None


def words_of(body: bytes) -> str:
    """What a person can read of an answer."""
    text = body.decode("utf-8", "replace")
    return _message(body) or text.strip()[:500] or "no explanation"
