"""From a meter's readings to pieces of use: what was used between two instants, exactly, and how that is known.

    counted, rolled over, replaced   from one count to the next (`metering.py`); `outlier left out`: over one that is out of line
    interval                         an amount that was sent of its period
    integrated                       power over time: an averaged power times its period, or the trapezoid between two samples

Counts go before amounts, amounts before power: where one of them is silent or says nothing, the next one fills in. Counts that
are further apart than two days come last, for they say nothing of a day: what finer readings leave of them is shared out over
the rest of their time. What none of them measured is a gap, and nothing bridges it.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Literal, NamedTuple

from processors.indicators.exact import exact
from processors.metering import LONGEST_MS, Use
from sensors.instants import DAY_MS, HOUR_MS

How = Literal[
    "counted",
    "rolled over",
    "replaced",
    "went back",
    "outlier left out",
    "contradicted",
    "interval",
    "overlap left out",
    "integrated",
]

# Chosen: counts so far apart are nobody's load curve, where amounts or power were sent meanwhile.
NEAR_MS = 2 * DAY_MS
# Chosen: samples of power are joined over two that are missing, not over more.
SAMPLES_APART = 3
# Chosen, where the registry does not say how often a station sends: the quarter of an hour over which demand is billed.
SAMPLES_APART_MS = 15 * 60_000
# Chosen: a device that sends each quarter of an hour may be three minutes early or late, not a whole period.
UNEVEN = Fraction(1, 5)

NO_READING = "no reading"


class Piece(NamedTuple):
    """What was used in (since, until] [ms], in the quantity's unit; None where nobody knows, and `how` says why. A share of a
    longer piece has that one's length in `cut_from_ms`."""

    since: int
    until: int
    amount: Fraction | None
    how: How
    cut_from_ms: int | None = None

    @property
    def measured_over_ms(self) -> int:
        """Over how long a time it was measured in one [ms]: its own, or that of the piece it is a share of."""
        return self.until - self.since if self.cut_from_ms is None else self.cut_from_ms


class Averaged(NamedTuple):
    """A value of a period (since, until] [ms]: an amount, or a mean power. A device's own periods are as long as is expected."""

    since: int
    until: int
    value: float
    is_raw: bool = False
    """Whether the device, not the clock, says when its period ends."""


class Gap(NamedTuple):
    """A span (since, until] [ms] of which nobody knows what was used, and why."""

    since: int
    until: int
    why: str


def counted(uses: Iterable[Use]) -> list[Piece]:
    """What a meter's counts say; two counts that are further apart than LONGEST_MS have a gap between them."""
    return [
        Piece(part.since, part.until, part.used, part.how)
        for use in uses
        if use.until - use.since <= LONGEST_MS
        for part in use.parts
        if part.until > part.since
    ]


def of_intervals(values: Iterable[Averaged]) -> list[Piece]:
    """Amounts as they were sent. What a device sends at its own times begins where the one before ended, if that is about a
    period ago; where amounts lie over each other otherwise, the later one's share is left out, and `how` says so."""
    made: list[Piece] = []
    for one in sorted(values, key=lambda one: (one.until, one.since)):
        since = one.since
        if one.is_raw and made and abs(made[-1].until - since) <= UNEVEN * (one.until - since):
            since = made[-1].until
        made.append(Piece(since, one.until, exact(one.value), "interval"))
    return [
        piece if piece.cut_from_ms is None else piece._replace(how="overlap left out")
        for piece in _one_after_the_other(made)
    ]


def of_mean_powers(values: Iterable[Averaged]) -> list[Piece]:
    """Mean powers [kW] of averaged periods, times their length: kWh."""
    return _one_after_the_other(
        Piece(one.since, one.until, exact(one.value) * Fraction(one.until - one.since, HOUR_MS), "integrated")
        for one in values
    )


def of_samples(samples: Sequence[tuple[int, float]], apart_ms: int) -> list[Piece]:
    """Samples (at [ms], power [kW]) joined by straight lines: kWh. Those that are more than `apart_ms` apart have a gap between
    them."""
    placed = sorted(dict(samples).items())
    return [
        Piece(since, until, (exact(one) + exact(other)) / 2 * Fraction(until - since, HOUR_MS), "integrated")
        for (since, one), (until, other) in pairwise(placed)
        if until - since <= apart_ms
    ]


def filled(*layers: Sequence[Piece]) -> list[Piece]:
    """The pieces of the first layer; where it says nothing those of the second, and so on; at last those of which nobody knows.
    A piece that lies there in part gives the share of that time. In order of time, none over another."""
    known: list[Piece] = []
    for layer in layers:
        known = _with(known, [piece for piece in layer if piece.amount is not None])
    unknown = [piece for layer in layers for piece in layer if piece.amount is None]
    for piece in sorted(unknown, key=lambda one: (one.since, one.until)):
        known = _with(known, [piece])
    return known


def by_precedence(counts: Sequence[Piece], amounts: Sequence[Piece], powers: Sequence[Piece]) -> list[Piece]:
    """The pieces of a quantity of a station, whatever it sends."""
    near = [piece for piece in counts if piece.until - piece.since <= NEAR_MS]
    far = [piece for piece in counts if piece.until - piece.since > NEAR_MS]
    finer = filled(near, amounts, powers)
    return filled(finer, list(_left_of(far, [piece for piece in finer if piece.amount is not None])))


def _left_of(counts: Sequence[Piece], finer: Sequence[Piece]) -> Iterator[Piece]:
    """What finer pieces leave of counts, shared out by time over where they say nothing; where they say more, nobody knows."""
    for piece, rest in zip(counts, _outside(counts, finer), strict=True):
        first = bisect_right(finer, piece.since, key=lambda one: one.until)
        last = bisect_left(finer, piece.until, key=lambda one: one.since)
        if piece.amount is None or first == last or not rest:
            yield from rest
            continue
        within = [_cut(one, max(one.since, piece.since), min(one.until, piece.until)) for one in finer[first:last]]
        left = piece.amount - sum((one.amount or Fraction(0) for one in within), Fraction(0))
        length = sum(part.until - part.since for part in rest)
        for part in rest:
            share = left * Fraction(part.until - part.since, length)
            yield part._replace(amount=share) if left >= 0 else part._replace(amount=None, how="contradicted")


def gaps(pieces: Sequence[Piece], start: int, end: int) -> list[Gap]:
    """What in (start, end] [ms] nobody measured; `pieces` as `filled` gives them."""
    found: list[Gap] = []
    at = start
    for piece in pieces:
        if piece.until <= at or piece.since >= end:
            continue
        if piece.since > at:
            found.append(Gap(at, piece.since, NO_READING))
        if piece.amount is None:
            found.append(Gap(max(at, piece.since), min(end, piece.until), piece.how))
        at = max(at, piece.until)
    if at < end:
        found.append(Gap(at, end, NO_READING))
    return found


def _one_after_the_other(pieces: Iterable[Piece]) -> list[Piece]:
    """Without what lies over a piece that ended before: of such a one the share of the rest of its time."""
    found: list[Piece] = []
    for piece in sorted(pieces, key=lambda one: (one.until, one.since)):
        if not found or piece.since >= found[-1].until:
            found.append(piece)
        else:
            found = _with(found, [piece])
    return found


def _with(first: list[Piece], others: Sequence[Piece]) -> list[Piece]:
    """Both, of the others only what lies outside of the first."""
    if not first or not others:
        return first or list(others)
    return sorted([*first, *(part for piece in _outside(others, first) for part in piece)], key=lambda one: one.until)


def _outside(others: Sequence[Piece], first: Sequence[Piece]) -> Iterator[list[Piece]]:
    """Of each of the others the parts that no piece of the first covers; both in order of time."""
    index = 0
    for piece in others:
        while index < len(first) and first[index].until <= piece.since:
            index += 1
        at, number, parts = piece.since, index, []
        while number < len(first) and first[number].since < piece.until:
            if first[number].since > at:
                parts.append(_cut(piece, at, first[number].since))
            at = max(at, first[number].until)
            number += 1
        if at < piece.until:
            parts.append(_cut(piece, at, piece.until))
        yield parts


def _cut(piece: Piece, since: int, until: int) -> Piece:
    if (since, until) == (piece.since, piece.until):
        return piece
    share = Fraction(until - since, piece.until - piece.since)
    amount = None if piece.amount is None else piece.amount * share
    return Piece(since, until, amount, piece.how, piece.measured_over_ms)
