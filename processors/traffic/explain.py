"""Explain, of the tunnels' capacity: each tunnel in service with its entries."""

from typing import Any
from zoneinfo import ZoneInfo

from processors.explain_parts import NotFound, history, shown
from processors.plans import Indicator
from store.books import Books
from store.judgements import Judgements


def explain_capacity(books: Books, indicator: Indicator, year: str, zone: ZoneInfo) -> dict[str, Any]:
    """A year of the row. Raises NotFound."""
    if not (len(year) == len("2026") and year.isdigit()):
        raise NotFound(f"{indicator.code} is of a year: {year!r} is none; write for example 2026")
    judgements = Judgements(books)
    found = judgements.current(indicator.code, indicator.scope, year)
    if found is None:
        raise NotFound(f"{indicator.code} {year}: the registry has no tunnel; an entry of traffic names one (`tunnel`)")
    judgement, finality = found
    return {
        "indicator": indicator.code,
        "name": {"zh": indicator.zh, "en": indicator.en},
        "kind": indicator.kind,
        "target": indicator.wanted,
        "baseline": None if indicator.baseline is None else str(indicator.baseline),
        "period": year,
        **shown(judgement, finality, zone),
        "tunnels": judgement.detail["tunnels"],
        "revisions": history(judgements, judgement, zone),
        "gaps": [],
    }
