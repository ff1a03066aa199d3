"""Explain, of the tunnels' capacity: each tunnel in service with its entries."""

from typing import Any
from zoneinfo import ZoneInfo

from processors.explain_parts import heading, history, of_year, shown
from processors.plans import Indicator
from store.books import Books
from store.judgements import Judgements


def explain_capacity(books: Books, indicator: Indicator, year: str, zone: ZoneInfo) -> dict[str, Any]:
    """A year of the row. Raises NotFound."""
    judgements = Judgements(books)
    nothing = ": the registry has no tunnel; an entry of traffic names one (`tunnel`)"
    judgement, finality = of_year(judgements, indicator, year, nothing=nothing)
    return {
        **heading(indicator, year),
        "target": indicator.wanted,
        "baseline": None if indicator.baseline is None else str(indicator.baseline),
        **shown(judgement, finality, zone),
        "tunnels": judgement.detail["tunnels"],
        "revisions": history(judgements, judgement, zone),
        "gaps": [],
    }
