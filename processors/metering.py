"""Metering: what was used between one count of a meter and the next. A function of counts and registry entries, so that order and
batches of arrival never change it.

A count that rises is what was used since the one before, times the meter's factor. One that falls has three causes:

    rolled over   the register begins again at 0: the entry says its modulus
    replaced      another meter stands there: the registry says when, and the counts with which they ended and began
    went back     anything else: nobody knows what was used, and nothing is made up

A count that is missing loses nothing: the next one has what was used meanwhile, in one longer interval.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final, Literal, NamedTuple

from sensors.instants import to_millis
from sensors.quantities import OF_FAMILY, quantise
from sensors.stations import Station

COUNTERS: Final[Mapping[str, str]] = {"electricity": "electricity_counter", "gas": "gas_counter"}
"""The quantity that is a meter's count, by the one that is what was used; both have one unit."""

# Chosen: a count that falls is a roll-over where the step is below a tenth of the modulus, for a meter is made to run for years
# before it rolls over. A register that was set to 0 by accident in its first nine tenths is so never taken for one.
_MOST_OF_MODULUS = 0.1

How = Literal["counted", "rolled over", "replaced", "went back"]


class Count(NamedTuple):
    """What a meter showed at an instant [ms]: `shown` in the canonical unit, before the meter's factor."""

    at: int
    shown: float


class Use(NamedTuple):
    """What was used in (since, until] [ms], in the quantity's unit; None where nobody knows."""

    since: int
    until: int
    used: float | None
    how: How


def uses(counts: Sequence[Count], entries: Sequence[Station], quantity: str) -> list[Use]:
    """Between each two counts, in order of time, what was used of `quantity` ("electricity", "gas").

    `entries` are the registry's of this station; a count while none of them holds is left out, and of two counts of one
    instant the last one stands. Raises KeyError where the quantity has no counter.
    """
    scale = OF_FAMILY["energy"][COUNTERS[quantity]].scale
    spans = sorted(entries, key=_start)
    placed = {count.at: (count, index) for count in counts if (index := _index(spans, count.at)) is not None}
    found: list[Use] = []
    for (before, first), (after, last) in pairwise(placed[at] for at in sorted(placed)):
        used, how = _between(before.shown, after.shown, spans[first : last + 1])
        found.append(Use(before.at, after.at, None if used is None else quantise(used, scale), how))
    return found


def _between(before: float, after: float, entries: Sequence[Station]) -> tuple[float | None, How]:
    """From a count under the first of the entries to one under the last: meter by meter."""
    total, begin = 0.0, before
    replaced = False
    for entry, following in pairwise(entries):
        if not _is_replaced(entry, following):
            continue
        if entry.meter_end is None or following.meter_start is None:
            return None, "replaced"
        used, how = _of_one_meter(begin, entry.meter_end, entry)
        if used is None:
            return None, how
        total, begin, replaced = total + used, following.meter_start, True
    used, how = _of_one_meter(begin, after, entries[-1])
    if used is None:
        return None, how
    return total + used, "replaced" if replaced else how


def _of_one_meter(begin: float, end: float, entry: Station) -> tuple[float | None, How]:
    factor, modulus = entry.meter_factor or 1.0, entry.meter_modulus
    if end >= begin:
        return (end - begin) * factor, "counted"
    if modulus is not None and 0 <= end + modulus - begin < _MOST_OF_MODULUS * modulus:
        return (end + modulus - begin) * factor, "rolled over"
    return None, "went back"


def _is_replaced(entry: Station, following: Station) -> bool:
    """Whether the counts before and after do not go on from each other: another device, factor or register, counts that were
    written down, or a time between in which none was there."""
    same = all(getattr(entry, name) == getattr(following, name) for name in ("device", "meter_factor", "meter_modulus"))
    noted = entry.meter_end is not None or following.meter_start is not None
    return not same or noted or entry.active_to != following.active_from


def _index(entries: Sequence[Station], at: int) -> int | None:
    return next((index for index, entry in enumerate(entries) if entry.active_at(at)), None)


def _start(entry: Station) -> int:
    return -(2**62) if entry.active_from is None else to_millis(entry.active_from)
