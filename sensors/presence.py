"""Presence: whether a station sends as it should. A function of its registry entry, of when it was last heard, and of a time that
is passed in.

Every station is expected once in its expected period: what the entry says, else its averaging period (`raw` has none). It is
`online` until that long and five minutes after it was last heard, then `late`, and `silent` when two periods and five minutes
have passed. What the platform says of the device (birth, will, availability messages) outranks that where it says `offline`.
"""

from collections.abc import Mapping
from typing import Literal, get_args

from sensors.instants import MINUTE_MS
from sensors.reading import PERIOD_MS
from sensors.stations import Station

Presence = Literal["online", "late", "silent", "offline", "never seen"]
STATES: tuple[Presence, ...] = get_args(Presence)

ILL: Mapping[Presence, int] = {"online": 0, "late": 1, "never seen": 2, "silent": 3, "offline": 4}
"""How ill a station is, by its state."""

# Chosen: one period may be missed (maintenance), and a station may send some minutes late.
_PERIODS = 2
GRACE_MS = 5 * MINUTE_MS


def expected_ms(entry: Station) -> int | None:
    """How often the station sends [ms]; None where nobody says it."""
    if entry.expected_period_s is not None:
        return entry.expected_period_s * 1000
    return PERIOD_MS.get(entry.period)


def silent_after_ms(entry: Station) -> int | None:
    """After how long it is silent [ms]; None where nobody says how often it sends."""
    period = expected_ms(entry)
    return None if period is None else _PERIODS * period + GRACE_MS


def is_silent(entry: Station, last: int, at: int) -> bool:
    """Whether a station that was last heard at `last` [ms] is silent at `at` [ms]; never where nobody expects it."""
    limit = silent_after_ms(entry)
    return limit is not None and at - last > limit


def presence(entry: Station, last: int | None, *, online: bool | None, at: int) -> Presence:
    """How the station is at `at` [ms]; `last` is when it was last heard [ms], `online` what was last said of the device."""
    if last is None:
        return "never seen"
    if online is False:
        return "offline"
    if is_silent(entry, last, at):
        return "silent"
    period = expected_ms(entry)
    return "late" if period is not None and at - last > period + GRACE_MS else "online"
