"""Explain, of rows that rest on entered figures: the value, each figure with source, date and author, what was corrected."""

from typing import Any
from zoneinfo import ZoneInfo

from processors.explain_parts import heading, history, of_year, shown
from processors.plans import Indicator
from sensors.instants import iso
from store.books import Books
from store.judgements import Judgements
from store.records import Records


def explain_row(books: Books, indicator: Indicator, year: str, zone: ZoneInfo) -> dict[str, Any]:
    """A year of the row. Raises NotFound."""
    judgements = Judgements(books)
    needs = indicator.record or "energy_total or co2_total, gdp, gdp_deflator"
    nothing = f": nothing is entered of it; cityflux record add {needs}"
    judgement, finality = of_year(judgements, indicator, year, write="write for example 2025", nothing=nothing)
    figures = [_figure(one, zone) for one in judgement.detail["figures"]]
    records = Records(books)
    return {
        **heading(indicator, year),
        "target": indicator.wanted,
        "target_source": indicator.target_source,
        **shown(judgement, finality, zone),
        "figures": figures,
        "corrected": [
            _figure({**entry._asdict(), "number": entry.id, "value": str(entry.value)}, zone)
            for one in figures
            for entry in records.history(one["code"], indicator.scope, one["period"])
            if one["supersedes"]
        ],
        "years": judgement.detail.get("years", []),
        "lacking": judgement.detail.get("lacking", []),
        "revisions": history(judgements, judgement, zone),
        "gaps": [],
    }


def _figure(one: dict[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    return {**one, "entered_at": iso(one["entered_at"], zone)}
