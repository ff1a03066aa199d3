"""How long a server asks to wait before it is asked again (RFC 9110, 10.2.3)."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def retry_after(said: str | None, now: datetime) -> float | None:
    """The wait [s] of a Retry-After: a number, or a date; None where it says nothing readable."""
    if said is None:
        return None
    if said.strip().isdecimal():
        return float(said)
    try:
        return max(0.0, (parsedate_to_datetime(said).astimezone(UTC) - now).total_seconds())
    except (ValueError, OverflowError):
        return None
