"""Health: what is known of ingest at one moment, and what it means. Pure: a snapshot and its age in, a verdict out.

Red: a person must look, data may be missing or waiting. Yellow: worth knowing, nothing to be done at once. The texts are
those that a person reads in /health, in the page of `cityflux doctor`, and in docs/DELIVERY.md, "When something is red".
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from ingest.journal import Ledger
from ingest.liveness import Attendance
from sensors.quantities import Family

# Chosen: the loop makes a snapshot each second; this late it stands still, and so does everything else.
_STALE_S = 10.0

Status = Literal["green", "yellow", "red"]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Ingest at one moment. `failure` texts are None while all is well; times without a unit in their name do not occur."""

    made_s: float
    """When, of the monotonic clock."""
    ledger: Ledger
    pending_bytes: int
    cap_bytes: int
    journal_failure: str | None
    journal_full: str | None
    connected: bool
    connections: int
    receiving_failure: str | None
    silent: bool
    """Neither messages nor our heartbeat come, though connected."""
    taken: bool
    """Another client has our session."""
    message_age_s: float | None
    heartbeat_age_s: float | None
    store_failure: str | None
    settled_per_s: float
    backlog_left_s: float | None
    backlog: bool
    gaps: int
    """How often session or subscription were lost, ever."""
    gaps_of_late: int
    """In the last 24 hours."""
    attendance: Mapping[Family, Attendance]


class Cause(NamedTuple):
    """One thing that is not as it should be."""

    status: Status
    what: str


def causes(now: Snapshot, age_s: float) -> list[Cause]:
    """What is not as it should be, the worst first."""
    return sorted(_causes(now, age_s), key=lambda cause: cause.status)  # red before yellow


def status_of(found: list[Cause]) -> Status:
    """The worst of the causes."""
    return found[0].status if found else "green"


def _causes(now: Snapshot, age_s: float) -> Iterator[Cause]:
    if age_s > _STALE_S:
        yield Cause("red", f"ingest's loop does not run: this was true {age_s:.0f} s ago")
    if now.receiving_failure is not None:
        yield Cause("red", f"not receiving: {now.receiving_failure}")
    elif not now.connected:
        yield Cause("yellow", "not connected yet")
    if now.journal_failure is not None:
        yield Cause("red", now.journal_failure)
    if now.journal_full is not None:
        yield Cause("red", f"journal full, the broker holds the rest: {now.journal_full}")
    if now.store_failure is not None:
        yield Cause("red", f"cannot settle; everything is kept in the journal: {now.store_failure}")
    elif now.backlog:
        yield Cause(
            "yellow", f"{now.ledger.pending} messages wait in the journal; {now.settled_per_s:.0f}/s are settled"
        )
    for family, (expected, overdue) in now.attendance.items():
        if now.attendance[family].silent:
            yield Cause("red", f"no {family} station sends: all {expected} expected are overdue")
        elif overdue:
            yield Cause("yellow", f"{overdue} of {expected} {family} stations are overdue")
    if now.gaps_of_late:
        yield Cause(
            "yellow",
            f"{now.gaps_of_late} gaps in 24 hours: our session or subscription was lost, and what was published then may "
            "be gone; cityflux explain shows them",
        )
