"""Explain, of rows that rest on entered figures: the value, each figure with source, date and author, what was corrected."""

from typing import Any
from zoneinfo import ZoneInfo

from processors.explain_parts import NotFound, history, shown
from processors.plans import Indicator
from sensors.instants import iso
from store.books import Books
from store.judgements import Judgements
from store.records import Records


def explain_row(books: Books, indicator: Indicator, year: str, zone: ZoneInfo) -> dict[str, Any]:
    """A year of the row. Raises NotFound."""
    if not (len(year) == len("2026") and year.isdigit()):
        raise NotFound(f"{indicator.code} is of a year: {year!r} is none; write for example 2025")
    judgements = Judgements(books)
    found = judgements.current(indicator.code, indicator.scope, year)
    if found is None:
        needs = indicator.record or "energy_total or co2_total, gdp, gdp_deflator"
        raise NotFound(f"{indicator.code} {year}: nothing is entered of it; cityflux record add {needs}")
    judgement, finality = found
    figures = [_figure(one, zone) for one in judgement.detail["figures"]]
    records = Records(books)
    return {
        "indicator": indicator.code,
        "name": {"zh": indicator.zh, "en": indicator.en},
        "kind": indicator.kind,
        "target": indicator.wanted,
        "target_source": indicator.target_source,
        "period": year,
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
