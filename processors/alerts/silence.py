"""Silence: when a station was not heard although it should have been, and for how long. A function of when it was heard, of when
it is expected (its registry entries less calibration and maintenance) and of when ingest could hear at all. Pure.

    a station is silent two periods and five minutes after it was heard last (`sensors/presence.py`), and says so at a few
    instants after that: at so many periods, at so many minutes, each with the five minutes of grace
    where ingest could not hear, nothing is known: no instant lies there, and after it the station has its whole time again
    where the station is not expected (out of service, in maintenance) it is not silent, and its time begins anew

So an outage of ours makes no station silent, and ends no silence either. The instants depend on what is stored alone.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from processors.alerts.values import VALUE, Values
from sensors.instants import FOREVER, MINUTE_MS
from sensors.presence import GRACE_MS, expected_ms, silent_after_ms
from sensors.stations import Station, active_span
from store.hearing import NEVER, Span
from store.intervals import Interval

MINUTES = "minutes"
"""How long it was not heard [min]; `VALUE` says it in its periods."""


# Chosen: near enough that a level is said soon, few enough that ten thousand silent stations are looked at within a second.
# A rule's limit that is none of these is exceeded at the next one.
PERIODS = (2, 3, 6, 12, 24, 48)
AT_MINUTES = (60, 360, 1_440, 4_320, 10_080)

_HEARD = {VALUE: Fraction(0), MINUTES: Fraction(0)}


class Expected(NamedTuple):
    """A station is expected to send each `period` during (since, until], and silent after `limit` without; all [ms]."""

    since: int
    until: int
    period: int
    limit: int


def expected(entries: Sequence[Station], intervals: Sequence[Interval]) -> list[Expected]:
    """When a station is expected, in order: by all of its entries, and the intervals of its own in which people work on it."""
    found = []
    for entry in entries:
        period, limit = expected_ms(entry), silent_after_ms(entry)
        if period is None or limit is None:
            continue
        since, end = active_span(entry)
        for one in sorted((each for each in intervals if not each.quantity), key=lambda each: each.since):
            if one.until <= since or one.since >= end:
                continue
            if one.since > since:
                found.append(Expected(since, one.since, period, limit))
            since = one.until
        if since < end:
            found.append(Expected(since, end, period, limit))
    return sorted(found)


def silences(
    pauses: Sequence[Span], last: int | None, expected_at: Sequence[Expected], hearing: Sequence[Span]
) -> Values:
    """How long a station was not heard, at the instants that say it: `pauses` between two times that it was heard, `last` when it
    was heard last (None: never), `hearing` when ingest could hear; in order all."""
    found: dict[int, dict[str, Fraction]] = {}
    for since, until in [*pauses, Span(NEVER if last is None else last, FOREVER)]:
        for one in expected_at:
            start, end = max(since, one.since), min(until, one.until)
            if since == NEVER and hearing:
                start = max(start, hearing[0].since)
            if end <= start:
                continue
            its = _instants(start, end, one, hearing)
            found |= {at: _lasting(at - start, one.period) for at in its}
            # It was heard again, or is not expected any more.
            if its and end < FOREVER and (end == until or end <= hearing[-1].until):
                found[end] = _HEARD
    return dict(sorted(found.items()))


def instants(last: int | None, expected_at: Sequence[Expected], hearing: Sequence[Span]) -> list[int]:
    """The instants [ms] that say something of a station which is not heard again, if ingest goes on hearing; in order."""
    if not hearing:
        return []
    ahead = [*hearing[:-1], Span(hearing[-1].since, FOREVER)]
    return [at for at in silences((), last, expected_at, ahead) if at < FOREVER]


def _instants(start: int, end: int, one: Expected, hearing: Sequence[Span]) -> list[int]:
    """When a station that is not heard from `start` to `end` is said to be silent, and for how long by then."""
    rungs = {number * one.period for number in PERIODS}
    rungs |= {number * MINUTE_MS for number in AT_MINUTES if number * MINUTE_MS + GRACE_MS > one.limit}
    found: set[int] = set()
    for span in hearing:
        begins, ends = max(start, span.since), min(end, span.until)
        first = begins + one.limit
        if first > ends:
            continue
        found.add(first)
        found |= {at for rung in rungs if first < (at := start + rung + GRACE_MS) <= ends}
    # At the very end it is heard.
    return sorted(found - {end})


def _lasting(ms: int, period: int) -> dict[str, Fraction]:
    return {VALUE: Fraction(ms, period), MINUTES: Fraction(ms, MINUTE_MS)}
