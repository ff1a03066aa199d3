"""Metering: what was used between one count of a meter and the next. A function of counts and registry entries, so that order and
batches of arrival never change it. Exact.

A count that rises is what was used since the one before, times the meter's factor. One that falls has three causes:

    rolled over   the register begins again at 0: the entry says its modulus
    replaced      another meter stands there: the registry says when, and the counts with which they ended and began
    went back     anything else: nobody knows what was used, and nothing is made up

A count that is missing loses nothing: the next one has what was used meanwhile, in one longer interval. So does one that is out
of line: where its neighbours say what was used, and it says otherwise, it is left out, and the interval says so. That is a
question of a few counts on each side (REACH), whatever else is known.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import groupby, pairwise
from typing import Literal, NamedTuple

from processors.indicators.exact import exact
from sensors.instants import DAY_MS, FOREVER, to_millis
from sensors.quantities import COUNTERS, OF_FAMILY
from sensors.stations import Station

# Chosen: a count that falls is a roll-over where the step is below a tenth of the modulus, for a meter is made to run for years
# before it rolls over. A register that was set to 0 by accident in its first nine tenths is so never taken for one.
_MOST_OF_MODULUS = Fraction(1, 10)

# Chosen: a meter that is read once a quarter, and late. Beyond it nobody says on which days the use was.
LONGEST_MS = 100 * DAY_MS
# Chosen: a good count between two wrong ones is out of their line too. Where more than three are, nobody knows who is wrong.
_MOST_OUT_OF_LINE = 3
REACH = _MOST_OUT_OF_LINE + 2
"""How many counts on each side may change what is said of a span, each at most LONGEST_MS from the one before."""

How = Literal["counted", "rolled over", "replaced", "went back", "outlier left out"]


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

    `entries` are the registry's of this station; a count while none of them holds is left out, as is one out of line, and of two
    counts of one instant the last one stands. Raises KeyError where the quantity has no counter.
    """
    counter = COUNTERS[quantity]
    power = 10 ** OF_FAMILY["energy"][counter].scale
    spans = sorted(entries, key=_start)
    registers = [_register(entry, counter, power) for entry in spans]
    found: list[Use] = []
    placed = [(count.at, round(count.shown * power), number) for count, number in _placed(counts, spans)]
    for one, other, is_without in _in_line(placed, spans, registers):
        (since, begin, first), (until, end, last) = one, other
        if first == last:
            used, how = registers[first].used(begin, end)
            parts: tuple[Part, ...] = (Part(since, until, used, how),)
        else:
            parts = tuple(_parts(one[:2], other[:2], spans[first : last + 1], registers[first : last + 1]))
        if is_without:
            parts = tuple(part if part.used is None else part._replace(how="outlier left out") for part in parts)
        unknown = next((part for part in parts if part.used is None), None)
        if unknown is not None:
            found.append(Use(since, until, None, unknown.how, parts))
        elif len(parts) == 1:
            found.append(Use(since, until, parts[0].used, parts[0].how, parts))
        else:
            used = sum((part.used or Fraction(0) for part in parts), Fraction(0))
            found.append(Use(since, until, used, "replaced", parts))
    return found


_Shown = tuple[int, int, int]
"""A count: its instant [ms], what it showed in parts of a unit, and the position of the entry that holds then."""


class _Register(NamedTuple):
    """A meter's register in parts of a unit, so that counts are whole numbers: where it begins again, what it showed at its first
    and last instant; and what a part is worth in the quantity's unit."""

    modulus: int | Fraction | None
    start: int | Fraction | None
    end: int | Fraction | None
    worth: Fraction

    def used(self, begin: int | Fraction, end: int | Fraction) -> tuple[Fraction | None, How]:
        """From one count to another of this meter."""
        if end >= begin:
            return (end - begin) * self.worth, "counted"
        if self.modulus is not None and 0 <= end + self.modulus - begin < _MOST_OF_MODULUS * self.modulus:
            return (end + self.modulus - begin) * self.worth, "rolled over"
        return None, "went back"


def _register(entry: Station, counter: str, power: int) -> _Register:
    is_its_own = COUNTERS.get(next(iter(entry.measured), "")) == counter

    def in_parts(number: float | None) -> int | Fraction | None:
        """Numbers of the meter's register, where it is that of this count."""
        if number is None or not is_its_own:
            return None
        parts = exact(number) * power
        return parts.numerator if parts.denominator == 1 else parts

    worth = exact(entry.meter_factor or 1.0) / power
    return _Register(in_parts(entry.meter_modulus), in_parts(entry.meter_start), in_parts(entry.meter_end), worth)


def _placed(counts: Sequence[Count], spans: Sequence[Station]) -> list[tuple[Count, int]]:
    """The counts in order of time, each with the position of the entry that holds then."""
    bounds = [(_start(entry), FOREVER if entry.active_to is None else to_millis(entry.active_to)) for entry in spans]
    found: list[tuple[Count, int]] = []
    index = 0
    for count in sorted({count.at: count for count in counts}.values()):
        while index < len(bounds) and bounds[index][1] <= count.at:
            index += 1
        if index < len(bounds) and bounds[index][0] <= count.at:
            found.append((count, index))
    return found


def _in_line(
    placed: Sequence[_Shown], entries: Sequence[Station], registers: Sequence[_Register]
) -> Iterator[tuple[_Shown, _Shown, bool]]:
    """Each two counts that follow each other, without those that are out of line, and whether any between them was left out."""
    same = [not _is_replaced(*pair) for pair in pairwise(entries)]
    found = []
    for before, one, after in zip(placed, placed[1:], placed[2:], strict=False):
        is_one_register = before[2] == after[2] or all(same[before[2] : after[2]])
        is_near = one[0] - before[0] <= LONGEST_MS and after[0] - one[0] <= LONGEST_MS
        found.append(is_one_register and is_near and _is_out_of_line(registers[one[2]], before[1], one[1], after[1]))
    # The first and the last have a neighbour on one side only.
    flags = [False, *found, False][: len(placed)]
    kept = []
    for is_out, run in groupby(zip(placed, flags, strict=True), key=lambda pair: pair[1]):
        numbered = [one for one, _ in run]
        if not is_out or len(numbered) > _MOST_OUT_OF_LINE:
            kept += [(one, False) for one in numbered]
        else:
            kept[-1] = (kept[-1][0], True)
    for (before, is_without), (after, _) in pairwise(kept):
        yield before, after, is_without


def _is_out_of_line(register: _Register, before: int, shown: int, after: int) -> bool:
    """Whether its neighbours say what was used from one to the other, and it another amount, or that nobody knows."""
    if before <= shown <= after:
        return False
    across, _ = register.used(before, after)
    to, _ = register.used(before, shown)
    on, _ = register.used(shown, after)
    return across is not None and (to is None or on is None or to + on != across)


def _parts(
    before: tuple[int, int], after: tuple[int, int], entries: Sequence[Station], registers: Sequence[_Register]
) -> Iterator[Part]:
    """From a count (instant, parts) under the first of the entries to one under the last: meter by meter."""
    since: int = before[0]
    begin: int | Fraction = before[1]
    for (entry, following), (register, next_one) in zip(pairwise(entries), pairwise(registers), strict=True):
        if not _is_replaced(entry, following):
            continue
        if register.end is None or next_one.start is None or entry.active_to is None or following.active_from is None:
            yield Part(since, after[0], None, "replaced")
            return
        stopped = to_millis(entry.active_to)
        yield Part(since, stopped, *register.used(begin, register.end))
        since, begin = to_millis(following.active_from), next_one.start
    yield Part(since, after[0], *registers[-1].used(begin, after[1]))


def _is_replaced(entry: Station, following: Station) -> bool:
    """Whether the counts before and after do not go on from each other: another device, factor or register, counts that were
    written down, or a time between in which none was there."""
    same = all(getattr(entry, name) == getattr(following, name) for name in ("device", "meter_factor", "meter_modulus"))
    noted = entry.meter_end is not None or following.meter_start is not None
    return not same or noted or entry.active_to != following.active_from


def _start(entry: Station) -> int:
    return -FOREVER if entry.active_from is None else to_millis(entry.active_from)
