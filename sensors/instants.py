"""Instants: ISO 8601 text to integer milliseconds since the epoch and back.

Windows and civil days live in processors/windows.py.
"""

from datetime import UTC, datetime, timedelta, tzinfo

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

FOREVER = 2**62
"""After every instant, and longer than every time [ms]."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class NoOffsetError(ValueError):
    """The text is a time, but says nothing about its zone."""


def parse_instant(text: str) -> int:
    """ISO 8601 with an offset to milliseconds since the epoch; finer fractions are cut off.

    Raises ValueError where the text is no time, NoOffsetError where it has no offset.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise NoOffsetError(text)
    return to_millis(moment)


def to_millis(moment: datetime) -> int:
    """An aware datetime to milliseconds since the epoch."""
    return (moment - _EPOCH) // _MILLISECOND


def to_datetime(millis: int, zone: tzinfo = UTC) -> datetime:
    """Milliseconds since the epoch to an aware datetime in `zone`. Raises OverflowError beyond the years 1–9999."""
    return (_EPOCH + timedelta(milliseconds=millis)).astimezone(zone)


def iso(millis: int, zone: tzinfo = UTC) -> str:
    """Milliseconds since the epoch to ISO 8601 with an offset: seconds, and milliseconds only where there are any."""
    return to_datetime(millis, zone).isoformat(timespec="seconds" if millis % 1000 == 0 else "milliseconds")
