"""Metering: what was used between one count of a meter and the next. A function of counts and registry entries, so that order and
batches of arrival never change it. Exact.

A count that rises is what was used since the one before, times the meter's factor. One that falls has three causes:

    rolled over   the register begins again at 0: the entry says its modulus
    replaced      another meter stands there: the registry says when, and the counts with which they ended and began
    went back     anything else: nobody knows what was used, and nothing is made up

A count that is missing loses nothing: the next one has what was used meanwhile, in one longer interval.
"""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Final, Literal, NamedTuple

from processors.indicators.exact import exact
from sensors.instants import to_millis
from sensors.quantities import OF_FAMILY
from sensors.stations import Station

COUNTERS: Final[Mapping[str, str]] = {
    "electricity": "electricity_counter",
    "gas": "gas_counter",
    "heat": "heat_counter",
    "water_use": "water_counter",
    "generation": "generation_counter",
    "exported": "exported_counter",
}
"""The quantity that is a meter's count, by the one that is what was used; both have one unit."""

# Chosen: a count that falls is a roll-over where the step is below a tenth of the modulus, for a meter is made to run for years
# before it rolls over. A register that was set to 0 by accident in its first nine tenths is so never taken for one.
_MOST_OF_MODULUS = Fraction(1, 10)

How = Literal["counted", "rolled over", "replaced", "went back"]


class Count(NamedTuple):
    """What a meter showed at an instant [ms]: `shown` in the canonical unit, before the meter's factor."""

    at: int
    shown: float


class Part(NamedTuple):
    """What one meter used in (since, until] [ms], in the quantity's unit; None where nobody knows."""

    since: int
    until: int
    used: Fraction | None
    how: How


class Use(NamedTuple):
    """What was used from one count to the next, (since, until] [ms], in the quantity's unit; None where nobody knows. `parts` are
    those of each meter that stood there meanwhile."""

    since: int
    until: int
    used: Fraction | None
    how: How
    parts: tuple[Part, ...]


def uses(counts: Sequence[Count], entries: Sequence[Station], quantity: str) -> list[Use]:
    """Between each two counts, in order of time, what was used of `quantity` ("electricity", "gas", …).

    `entries` are the registry's of this station; a count while none of them holds is left out, and of two counts of one
    instant the last one stands. Raises KeyError where the quantity has no counter.
    """
    counter = COUNTERS[quantity]
    power = 10 ** OF_FAMILY["energy"][counter].scale
    spans = sorted(entries, key=_start)
    found: list[Use] = []
    placed = _placed(counts, spans)
    for (before, first), (after, last) in pairwise(placed):
        between = spans[first : last + 1]
        begin, end = (Fraction(round(count.shown * power), power) for count in (before, after))
        parts = tuple(_parts(before.at, begin, after.at, end, between, counter))
        unknown = next((part for part in parts if part.used is None), None)
        if unknown is not None:
            found.append(Use(before.at, after.at, None, unknown.how, parts))
        else:
            how = parts[0].how if len(parts) == 1 else "replaced"
            used = sum((part.used or Fraction(0) for part in parts), Fraction(0))
            found.append(Use(before.at, after.at, used, how, parts))
    return found


def _placed(counts: Sequence[Count], spans: Sequence[Station]) -> list[tuple[Count, int]]:
    """The counts in order of time, each with the position of the entry that holds then."""
    bounds = [(_start(entry), 2**62 if entry.active_to is None else to_millis(entry.active_to)) for entry in spans]
    found: list[tuple[Count, int]] = []
    index = 0
    for count in sorted({count.at: count for count in counts}.values()):
        while index < len(bounds) and bounds[index][1] <= count.at:
            index += 1
        if index < len(bounds) and bounds[index][0] <= count.at:
            found.append((count, index))
    return found


def _parts(
    since: int, begin: Fraction, until: int, end: Fraction, entries: Sequence[Station], counter: str
) -> Iterator[Part]:
    """From a count under the first of the entries to one under the last: meter by meter."""
    for entry, following in pairwise(entries):
        if not _is_replaced(entry, following):
            continue
        ended, began = _noted(entry.meter_end, entry, counter), _noted(following.meter_start, following, counter)
        if ended is None or began is None or entry.active_to is None or following.active_from is None:
            yield Part(since, until, None, "replaced")
            return
        stopped = to_millis(entry.active_to)
        used, how = _of_one_meter(begin, ended, entry, counter)
        yield Part(since, stopped, used, how)
        since, begin = to_millis(following.active_from), began
    used, how = _of_one_meter(begin, end, entries[-1], counter)
    yield Part(since, until, used, how)


def _of_one_meter(begin: Fraction, end: Fraction, entry: Station, counter: str) -> tuple[Fraction | None, How]:
    factor = exact(entry.meter_factor or 1.0)
    modulus = _noted(entry.meter_modulus, entry, counter)
    if end >= begin:
        return (end - begin) * factor, "counted"
    if modulus is not None and 0 <= end + modulus - begin < _MOST_OF_MODULUS * modulus:
        return (end + modulus - begin) * factor, "rolled over"
    return None, "went back"


def _noted(number: float | None, entry: Station, counter: str) -> Fraction | None:
    """A number of the meter's register, where it is that of this count."""
    is_its_own = not entry.measured or COUNTERS.get(entry.measured[0]) == counter
    return exact(number) if number is not None and is_its_own else None


def _is_replaced(entry: Station, following: Station) -> bool:
    """Whether the counts before and after do not go on from each other: another device, factor or register, counts that were
    written down, or a time between in which none was there."""
    same = all(getattr(entry, name) == getattr(following, name) for name in ("device", "meter_factor", "meter_modulus"))
    noted = entry.meter_end is not None or following.meter_start is not None
    return not same or noted or entry.active_to != following.active_from


def _start(entry: Station) -> int:
    return -(2**62) if entry.active_from is None else to_millis(entry.active_from)
