"""Outages of ours: while one lasts nothing is known of the city, so what holds is *not known since*, never over.

Nothing is changed by an outage: incidents are of the time of data, and silence ends none. When it is over and data came, they go
on by themselves. What is said here is derived from the incidents that hold.
"""

from collections.abc import Mapping, Sequence

from store.books import Books
from store.conditions import OURSELVES, Code, Conditions
from store.incidents import Change, Incident

OUTAGES = frozenset({"cityflux_ingest_dead", "cityflux_broker_lost", "cityflux_store_down", "cityflux_store_refuses"})
"""The rules whose incidents say that nothing new is known of the city."""

RULE_OF: Mapping[Code, str] = {
    "ledger_off": "cityflux_ledger_off",
    "journal_percent": "cityflux_journal_fills",
    "store_down": "cityflux_store_down",
    "store_refuses": "cityflux_store_refuses",
    "broker_lost": "cityflux_broker_lost",
    "disk_percent": "cityflux_disk_low",
    "clock_percent": "cityflux_clock_off",
    "ingest_dead": "cityflux_ingest_dead",
    "processor_min": "cityflux_processor_behind",
}
"""The shipped rule of each condition."""


def not_known_since(holding: Sequence[Incident]) -> int | None:
    """Since when nothing new is known of the city [ms], by the incidents that hold; None where all is known."""
    return min((one.draft.since for one in holding if one.rule in OUTAGES and one.holds), default=None)


def is_not_known(one: Incident, since: int | None) -> bool:
    """Whether an outage that began at `since` [ms] keeps an incident from being known: it holds, and is of the city."""
    return since is not None and one.holds and not one.rule.startswith(f"{OURSELVES}_")


def said_of_others(rule: str, change: Change, holding: Sequence[Incident]) -> Change:
    """The opening of an outage says of how many incidents nothing is known while it lasts; other changes stay as they are."""
    if rule not in OUTAGES or change.what not in {"opened", "reopened"}:
        return change
    count = sum(is_not_known(one, 0) for one in holding)
    return (
        change._replace(why=f"{change.why}; open incidents that are not known meanwhile: {count}") if count else change
    )


def said_of_ourselves(books: Books, one: Incident) -> str:
    """What was said last of a part of cityflux while an incident of it held; empty where it is of the city. Raises
    BooksUnavailable."""
    code = next((code for code, rule in RULE_OF.items() if rule == one.rule), None)
    if code is None:
        return ""
    until = one.draft.last if one.draft.well is None else one.draft.well - 1
    said = [each.why for each in Conditions(books).series(code, [one.subject], until) if each.why]
    return said[-1] if said else ""
