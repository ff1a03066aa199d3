"""What every explanation says: what was published and how far it is settled, its revisions, what we may never have received, and
where a reading came from. Plain data."""

from collections.abc import Mapping
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from processors.plans import Indicator
from processors.windows import period_days
from sensors.instants import iso
from store.books import Books
from store.judgements import Judgement, Judgements


class NotFound(Exception):
    """Nothing is known of what was asked; the message says what is."""


def of_year(
    judgements: Judgements, indicator: Indicator, year: str, *, nothing: str, write: str = "write for example 2026"
) -> tuple[Judgement, str]:
    """What stands of a year of a plan's indicator, and how far it is settled. Raises NotFound: `nothing` says why there
    may be none, `write` what to write where `year` is no year."""
    if not (len(year) == len("2026") and year.isdigit()):
        raise NotFound(f"{indicator.code} is of a year: {year!r} is none; {write}")
    return of_period(judgements, indicator, year, nothing=nothing)


def of_period(judgements: Judgements, indicator: Indicator, period: str, *, nothing: str) -> tuple[Judgement, str]:
    """The same of any period."""
    found = judgements.current(indicator.code, indicator.scope, period)
    if found is None:
        raise NotFound(f"{indicator.code} {period}{nothing}")
    return found


def civil_day_of(text: str) -> date:
    """A day (2026-03-05). Raises NotFound."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise NotFound(f"{text!r} is not a day; write for example 2026-03-05") from error


def heading(indicator: Indicator, year: str) -> dict[str, Any]:
    """Which indicator it is, and of which year."""
    return {
        "indicator": indicator.code,
        "name": {"zh": indicator.zh, "en": indicator.en},
        "kind": indicator.kind,
        "period": year,
    }


def shown(judgement: Judgement, finality: str, zone: ZoneInfo) -> dict[str, Any]:
    """A judgement, how far it is settled, and what it rests on."""
    return {
        "value": judgement.value,
        "unit": judgement.unit,
        "status": judgement.status,
        "sentence": judgement.detail.get("sentence", ""),
        "coverage": {"valid": judgement.valid, "expected": judgement.expected},
        "finality": finality,
        "standard": judgement.key.standard,
        "standards": judgement.detail.get("standards", [judgement.key.standard]),
        "code_version": judgement.code_version,
        "stations_used": list(judgement.stations),
        "computed_at": iso(judgement.computed_at, zone),
    }


def history(judgements: Judgements, judgement: Judgement, zone: ZoneInfo) -> list[dict[str, Any]]:
    """Every revision of a judgement, oldest first."""
    return [
        {
            "revision": r.id,
            "value": r.judgement.value,
            "status": r.judgement.status,
            "finality": r.finality,
            "computed_at": iso(r.judgement.computed_at, zone),
            "supersedes": r.supersedes or None,
            "reason": r.reason,
        }
        for r in judgements.history(judgement.key)
    ]


def revised_days(judgements: Judgements, indicator: str, scope: str, year: str, zone: ZoneInfo) -> list[dict[str, Any]]:
    """Every revision of a day of a scope in a year after its first, oldest first: what changed the year."""
    return [
        {
            "day": r.judgement.key.period, "revision": r.id, "value": r.judgement.value, "finality": r.finality,
            "computed_at": iso(r.judgement.computed_at, zone), "reason": r.reason,
        }
        for r in judgements.revised(indicator, scope, *(day.isoformat() for day in period_days(year)))
    ]  # fmt: skip


def gaps(books: Books, start: int, end: int, zone: ZoneInfo) -> list[dict[str, Any]]:
    """Spans (start, end] [ms] that touch those in which the broker lost our session."""
    return [
        {"from": None if since is None else iso(since, zone), "to": iso(until, zone),
         "what": "the broker had lost our session; what was published in between may never have reached us"}
        for since, until in books.gaps(start, end)
    ]  # fmt: skip


def lineage(row: Mapping[Any, Any], books: Books, zone: ZoneInfo) -> dict[str, Any]:
    """When a stored reading came, and in which message: topic, journal and batch."""
    source = books.topic_of(int(row["origin"]))
    return {
        "received_at": iso(int(row["received_at"]), zone),
        "topic": source[1] if source else None,
        "journal": source[0] if source else None,
        "batch": int(row["batch"]),
    }
