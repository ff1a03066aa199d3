"""Exceptional events (例外事件) against the days they cover: both counts are kept, with them and without.

A day is lifted by an event of its scope (the city's hold for its districts) where it is polluted and every pollutant that exceeds
is one the event raised. A lifted day leaves the count of days altogether, polluted and valid alike: 扣除沙尘异常超标天, read of
the published pair 88.1 % and 89.3 % of 2025. Concentrations of the pollutants the event raised leave the means of a period, on
every day it covers (CNEMC since 2021; 环办监测〔2016〕120号). Which events there are, people decide; which share of a day is
enough to cover it nobody has written: chosen, any hour.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from store.events import Event, EventKind

RAISED: Mapping[EventKind, tuple[str, ...]] = MappingProxyType(
    {"dust": ("pm10", "pm2_5"), "wildfire": ("pm2_5", "pm10", "co"), "fireworks": ("pm2_5", "pm10", "so2")}
)
"""What an event raises where nobody says it: of dust 环办监测〔2016〕120号; of the others chosen, what smoke has most of."""

_LIFTED = "lifted"


def covering(events: Iterable[Event], scope: str, start: int, end: int) -> list[Event]:
    """The events of a scope that touch (start, end] [ms]."""
    return [event for event in events if event.scope in {scope, "city"} and event.since < end and event.until > start]


def effect(events: Sequence[Event], state: str, exceeding: str) -> dict[str, Any] | None:
    """What the events that cover a day make of it, as plain data; None without any. `exceeding` is codes joined by "+"."""
    if not events:
        return None
    raised = {code for event in events for code in event.quantities}
    lifted = state == "polluted" and set(exceeding.split("+")) <= raised
    return {
        "events": [event.id for event in events],
        "kinds": sorted({event.kind for event in events}),
        "quantities": sorted(raised),
        _LIFTED: lifted,
    }


def is_lifted(detail: Mapping[str, Any]) -> bool:
    """Whether the day of this detail leaves the count without events."""
    return bool((detail.get("event") or {}).get(_LIFTED))


def raised_on(detail: Mapping[str, Any]) -> frozenset[str]:
    """The pollutants whose values of that day leave the means."""
    return frozenset((detail.get("event") or {}).get("quantities", ()))
