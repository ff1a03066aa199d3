"""Pieces of use shared out over time, and what a load curve says: demand, base load, load factor, load duration. Exact.

A piece that reaches over an edge is shared out by time, and what comes of it is said to be apportioned: nothing is lost or
doubled, so that the sums of shorter spans are those of longer ones.

    power            of a bucket that is measured whole: amount over its length [kW]
    maximum demand   the greatest power of a bucket of 15 minutes; a piece longer than the bucket does not show it
    base load        the power that 95 % of the measured buckets reach: a single empty or wrong one does not make it
    load factor      mean power over the greatest
"""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from processors.indicators.energy_pieces import Piece
from sensors.instants import HOUR_MS

# Chosen: of how many buckets the power is at least the base load [%].
BASE_LOAD_PERCENT = 95


class Bucket(NamedTuple):
    """What is known to have been used in (since, until] [ms]; `apportioned` of it comes of pieces that reach over an edge, or are
    a share of longer ones, `measured_ms` is how much of the time was measured, `longest_ms` the longest piece in it."""

    since: int
    until: int
    amount: Fraction
    apportioned: Fraction
    measured_ms: int
    longest_ms: int

    @property
    def is_whole(self) -> bool:
        """Whether all of it was measured."""
        return self.measured_ms == self.until - self.since

    @property
    def is_resolved(self) -> bool:
        """Whether it was measured whole, and no coarser than it is long: its power was seen, not shared out."""
        return self.is_whole and self.longest_ms <= self.until - self.since

    @property
    def power(self) -> Fraction:
        """Mean power [kW, of another quantity its unit an hour] of a bucket that is measured whole."""
        return Fraction(self.amount.numerator * HOUR_MS, self.amount.denominator * (self.until - self.since))


class Peak(NamedTuple):
    """The greatest power [kW], and the bucket (since, until] [ms] that has it; of several the first."""

    power: Fraction
    since: int
    until: int


def shared(pieces: Sequence[Piece], edges: Sequence[int]) -> list[Bucket]:
    """The buckets between consecutive `edges` [ms, rising]; `pieces` in order of time, none over another."""
    found: list[Bucket] = []
    index = 0
    for since, until in pairwise(edges):
        while index < len(pieces) and pieces[index].until <= since:
            index += 1
        amounts: dict[int, int] = {}
        apportioned = Fraction(0)
        measured = longest = 0
        number = index
        while number < len(pieces) and pieces[number].since < until:
            piece = pieces[number]
            number += 1
            if piece.amount is None:
                continue
            length = piece.until - piece.since
            within = min(until, piece.until) - max(since, piece.since)
            share = piece.amount
            if within < length:
                share = piece.amount * within / length
            if within < piece.measured_over_ms:
                apportioned += share
            # Numerators by denominator: most pieces have one of a few, and whole numbers add up ten times as fast.
            amounts[share.denominator] = amounts.get(share.denominator, 0) + share.numerator
            measured += within
            longest = max(longest, piece.measured_over_ms)
        amount = sum((Fraction(n, d) for d, n in amounts.items()), Fraction(0))
        found.append(Bucket(since, until, amount, apportioned, measured, longest))
    return found


def edges_of(start: int, end: int, minutes: int) -> list[int]:
    """The edges of buckets so long that fill (start, end] [ms]; the last one may be shorter. A civil day begins at its midnight,
    so that one of 23 or 25 hours has 92 or 100 quarters."""
    return [*range(start, end, minutes * 60_000), end]


def maximum_demand(buckets: Sequence[Bucket]) -> Peak | None:
    """The greatest power of the buckets whose power was seen; None where there is none."""
    seen = [one for one in buckets if one.is_resolved]
    if not seen:
        return None
    power, since, until = max((one.power, -one.since, one.until) for one in seen)
    return Peak(power, -since, until)


def base_load(buckets: Sequence[Bucket]) -> Fraction | None:
    """The greatest power that 95 % of the buckets whose power was seen reach; None where there is none."""
    powers = sorted((one.power for one in buckets if one.is_resolved), reverse=True)
    if not powers:
        return None
    reached = -(-len(powers) * BASE_LOAD_PERCENT // 100)
    return powers[reached - 1]


def load_factor(buckets: Sequence[Bucket]) -> Fraction | None:
    """Mean over greatest power of the buckets whose power was seen [1]; None where there is none, or nothing was used."""
    powers = [one.power for one in buckets if one.is_resolved]
    if not powers or max(powers) <= 0:
        return None
    return sum(powers, Fraction(0)) / len(powers) / max(powers)


def load_duration(buckets: Sequence[Bucket]) -> list[tuple[Fraction, Fraction]]:
    """The powers that were seen, greatest first, each with for how long it was reached [h]."""
    seen = sorted((one for one in buckets if one.is_resolved), key=lambda one: (-one.power, one.since))
    found: list[tuple[Fraction, Fraction]] = []
    hours = Fraction(0)
    for one in seen:
        hours += Fraction(one.until - one.since, HOUR_MS)
        found.append((one.power, hours))
    return found
