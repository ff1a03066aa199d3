"""Incidents as a watch writes them, for tests of whom people are told of."""

from collections.abc import Mapping
from typing import Any

from sensors.instants import HOUR_MS
from store.books import Books
from store.incidents import Change, Draft, Grouping, Incidents, What

RULE = "air_aqi_station"


def draft(since: int, level: int = 1, **changes: Any) -> Draft:
    """An incident that holds since then, of a level."""
    shown: Mapping[str, Any] = {"peak_at": since + HOUR_MS, "value": "137"}
    made = Draft(since, since + HOUR_MS, level, level, "firing", None, None, since + HOUR_MS, 1, shown)
    return made._replace(**changes)


def over(since: int, level: int = 1) -> Draft:
    """The same, after its end."""
    ends: dict[str, Any] = {
        "level": 0,
        "greatest": level,
        "phase": "resolved",
        "well": since + 3 * HOUR_MS,
        "resolved": since + 4 * HOUR_MS,
    }
    return draft(since)._replace(**ends)


def write(
    books: Books,
    what: What,
    made: Draft | None,
    *,
    now: int,
    number: int | None = None,
    subject: str = "hx-01",
    rule: str = RULE,
    why: str = "the condition held for its dwell",
    grouped: bool = False,
) -> int:
    """A change of an incident, as the watch saves it, in a group of the city where it is `grouped`; the incident's number."""
    incidents = Incidents(books)
    version = incidents.known(rule, [subject], 0)[subject].version
    change = Change(number, what, why, made)
    groups = {(rule, subject): Grouping("city", 24 * HOUR_MS)} if grouped else {}
    return incidents.save({(rule, subject): (version, [change])}, [], now, groups=groups)[rule, subject][0]
