"""The roster: who of a role is told at a moment, step after step. Pure."""

from typing import NamedTuple
from zoneinfo import ZoneInfo

from processors.alerts.notify.config import Directory, Role
from sensors.instants import MINUTE_MS, to_datetime


class Rung(NamedTuple):
    """A step on which somebody is told: its number from 0, whom it reaches, (channel, person)."""

    step: int
    reached: tuple[tuple[str, str], ...]


def rung_at(directory: Directory, role: Role, step: int, now: int, zone: ZoneInfo) -> Rung | None:
    """The first step from `step` on that has somebody at `now` [ms]; None where there is none further up."""
    moment = to_datetime(now, zone)
    for number in range(step, len(role.step)):
        names = [
            name
            for shift in role.step[number].shifts
            if shift.covers(moment.weekday(), moment.time())
            for name in shift.tell
        ]
        if names:
            reached = dict.fromkeys(one for name in names for one in directory.reached(name))
            return Rung(number, tuple(reached))
    return None


def next_due(role: Role, step: int, now: int) -> int | None:
    """When the step after this one is due [ms], told now; None where it is the last."""
    if step + 1 >= len(role.step):
        return None
    return now + round(role.step[step + 1].after_min * MINUTE_MS)
