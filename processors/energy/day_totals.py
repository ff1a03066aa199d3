"""What pieces of use come to over a day or a part of it: amounts by quantity, electricity by time of use, self-use."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from processors.energy.rules import PHOTOVOLTAIC
from processors.energy.totals import LEAST_COVERAGE, Tally, Totals
from processors.indicators.energy_load import shared
from processors.indicators.energy_pieces import Gap, Piece, gaps
from processors.standards.time_of_use import Segment

# Chosen: the errors of two meters of class 1. Where more is fed into the grid than that above generation, one of them is wrong.
_METERS_ERROR = Fraction(2, 100)


class OfSpan(NamedTuple):
    """Totals of a span, the gaps of each quantity, and why its self-use is not known; empty where it is, or there is none."""

    totals: Totals
    missing: Mapping[str, Sequence[Gap]]
    no_self_use: str


def of_span(
    pieces: Mapping[str, Sequence[Piece]], measured: Collection[str], start: int, end: int, segments: Sequence[Segment]
) -> OfSpan:
    """Of (start, end] [ms]; what is to be `measured` and never came is not measured. `segments` are the day's times of use."""
    whole = {code: shared(of, [start, end])[0] for code, of in pieces.items()}
    used = {code: Tally(one.amount, one.apportioned, one.measured_ms) for code, one in whole.items()}
    used |= {code: Tally(Fraction(0), Fraction(0), 0) for code in measured if code not in used}
    missing = {code: gaps(pieces.get(code, ()), start, end) for code in sorted(used)}
    electricity = pieces.get("electricity", ())
    periods = by_time_of_use(electricity, start, end, segments if electricity else ())
    if not any(code in used for code in PHOTOVOLTAIC):
        return OfSpan(Totals(used, periods, Fraction(0), 0, 0, 1), missing, "")
    self_use, why = _self_use(pieces, used, missing, start, end)
    return OfSpan(Totals(used, periods, self_use or Fraction(0), int(self_use is not None), 1, 1), missing, why)


def _self_use(
    pieces: Mapping[str, Sequence[Piece]], used: Mapping[str, Tally], missing: Mapping[str, Sequence[Gap]], start: int, end: int
) -> tuple[Fraction | None, str]:  # fmt: skip
    """Self-use [kWh] over the time in which both were measured, or why it is not known."""
    lacking = [code for code in PHOTOVOLTAIC if code not in used]
    if lacking:
        return None, f"{lacking[0]} is not measured"
    without = sorted((gap.since, gap.until) for code in PHOTOVOLTAIC for gap in missing[code])
    edges = sorted({start, end, *(edge for span in without for edge in span)})
    amounts = dict.fromkeys(PHOTOVOLTAIC, Fraction(0))
    both_ms = 0
    by_code = {code: shared(pieces.get(code, ()), edges) for code in PHOTOVOLTAIC}
    for buckets in zip(*by_code.values(), strict=True):
        if all(one.is_whole for one in buckets):
            both_ms += buckets[0].until - buckets[0].since
            for code, one in zip(by_code, buckets, strict=True):
                amounts[code] += one.amount
    most = max(used[code].measured_ms for code in PHOTOVOLTAIC)
    if most == 0:
        return None, "neither was measured"
    if Fraction(both_ms, most) < LEAST_COVERAGE:
        return None, "generation and what was fed into the grid were not measured at the same times"
    generation, exported = amounts["generation"], amounts["exported"]
    if exported > generation * (1 + _METERS_ERROR):
        return None, "more was fed into the grid than was generated"
    return generation - exported, ""


def by_time_of_use(pieces: Sequence[Piece], start: int, end: int, segments: Iterable[Segment]) -> dict[str, Fraction]:
    """What was used in (start, end] [ms] by time of use."""
    found: dict[str, Fraction] = {}
    for segment in segments:
        since, until = max(start, segment.since), min(end, segment.until)
        if since < until:
            found[segment.name] = found.get(segment.name, Fraction(0)) + shared(pieces, [since, until])[0].amount
    return found
