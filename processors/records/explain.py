"""Explain, of rows that rest on entered figures: the value, each figure with source, date and author, what was corrected."""

import re
from typing import Any
from zoneinfo import ZoneInfo

from processors.explain_parts import heading, history, of_period, of_year, shown
from processors.plans import Indicator
from sensors.instants import iso
from store.books import Books
from store.judgements import Judgements
from store.records import Records

_QUARTER = re.compile(r"\d{4}-Q[1-4]", re.ASCII)


def explain_row(books: Books, indicator: Indicator, period: str, zone: ZoneInfo) -> dict[str, Any]:
    """A year of the row; of one of intensity a quarter too. Raises NotFound."""
    judgements = Judgements(books)
    needs = indicator.record or "energy_total or co2_total, gdp, gdp_deflator"
    nothing = f": nothing is entered of it; cityflux record add {needs}"
    if indicator.computation != "entered" and _QUARTER.fullmatch(period):
        judgement, finality = of_period(judgements, indicator, period, nothing=nothing)
    else:
        write = "write for example 2025" if indicator.computation == "entered" else "write for example 2025, or 2026-Q1"
        judgement, finality = of_year(judgements, indicator, period, write=write, nothing=nothing)
    figures = [_figure(one, zone) for one in judgement.detail["figures"]]
    records = Records(books)
    return {
        **heading(indicator, period),
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
        "to_date": judgement.detail.get("to_date"),
        "lacking": judgement.detail.get("lacking", []),
        "revisions": history(judgements, judgement, zone),
        "gaps": [],
    }


def _figure(one: dict[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    return {**one, "entered_at": iso(one["entered_at"], zone)}
