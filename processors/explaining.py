"""Which explanation an indicator has: by what feeds it."""

from typing import Any
from zoneinfo import ZoneInfo

from processors.air.explain import explain_day, explain_year
from processors.explain_parts import NotFound
from processors.plans import Indicator
from processors.records.explain import explain_row
from processors.traffic.explain import explain_capacity
from processors.water.explain import explain_water
from store.books import Books
from store.port import ReadingsStore


def explained(
    books: Books,
    store: ReadingsStore,
    indicator: Indicator,
    period: str,
    zone: ZoneInfo,
    *,
    section: str | None = None,
    day: str | None = None,
) -> dict[str, Any]:
    """A year of the indicator; of air a day of it; of water a section of it, and a day of that. Raises NotFound,
    StoreUnavailable, StoreMisconfigured."""
    if indicator.family == "water":
        return explain_water(books, store, indicator, period, zone, section, day)
    if section is not None:
        raise NotFound(f"{indicator.code} has no sections; leave --section out")
    if indicator.family == "air":
        if day is None:
            return explain_year(books, indicator, period, zone)
        return explain_day(books, store, indicator, period, day, zone)
    if day is not None:
        raise NotFound(f"{indicator.code} has no days; leave --day out")
    if indicator.computation == "tunnel_capacity":
        return explain_capacity(books, indicator, period, zone)
    return explain_row(books, indicator, period, zone)
