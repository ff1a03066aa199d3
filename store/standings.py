"""What alerts have to look at of judgements: days that closed or were revised, and how the values of a year stood, from when on.

A running value is replaced in place; a rule needs to know when its status became another. So of a year's values each change of
status is kept, and marks the series that alerts look at, in the transaction that saves the value.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import Connection, func, insert, select

from sensors.instants import DAY_MS, to_millis
from store.alert_schema import standings
from store.books import Books
from store.transaction import touch_alerts

if TYPE_CHECKING:
    from store.judgements import Judgement, Key

JUDGEMENTS = "judgements"
"""The family under which a closed day marks what alerts look at: its scope, as what it is judged by."""
STANDINGS = "standings"
"""The same of a year's value, by indicator and scope."""
YEAR = "year"


class Standing(NamedTuple):
    """How a year's value stood from `at` [ms] on: until the next one of its indicator and scope."""

    indicator: str
    scope: str
    period: str
    standard: str
    at: int
    status: str
    value: str | None
    unit: str
    sentence: str

    @property
    def row(self) -> str:
        """What it is of: the indicator, with its scope where that is not the city."""
        return row_of(self.indicator, self.scope)


def row_of(indicator: str, scope: str) -> str:
    """How a row of indicators is called."""
    return f"{indicator}/{scope}".removesuffix("/city")


class Standings:
    """In `books`. Calls raise BooksUnavailable."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def until(self, last: int, indicators: Collection[str] | None = None) -> list[Standing]:
        """Those from before `last` [ms], it included, of some indicators or all, oldest first: a few a year of each."""
        columns = [standings.c[name] for name in Standing._fields]
        query = select(*columns).where(standings.c.at <= last).order_by(standings.c.at, standings.c.id)
        if indicators is not None:
            query = query.where(standings.c.indicator.in_(sorted(indicators)))
        with self._books.reading() as connection:
            return [Standing(*row) for row in connection.execute(query)]


def mark_judged(connection: Connection, closed: Sequence["Judgement"], running: Sequence["Judgement"]) -> None:
    """Mark what alerts look at of judgements that are being saved, within the caller's transaction."""
    days: dict[str, dict[str, int]] = {}
    for one in closed:
        if len(one.key.period) > len("2026-03"):
            since = to_millis(datetime.fromisoformat(one.key.period).replace(tzinfo=UTC)) - DAY_MS
            of = days.setdefault(one.key.indicator, {})
            of[one.key.scope] = min(since, of.get(one.key.scope, since))
    years = _stood([one for one in (*closed, *running) if len(one.key.period) == len("2026")], connection)
    now = max((one.computed_at for one in (*closed, *running)), default=0)
    changed = {(JUDGEMENTS, indicator, min(of.values())): sorted(of) for indicator, of in days.items()}
    if years:
        names = sorted({row_of(key.indicator, key.scope) for key in years})
        touch_alerts(connection, {**changed, (STANDINGS, YEAR, min(years.values()) - 1): names}, now)
    else:
        touch_alerts(connection, changed, now)


def _stood(judged: Sequence["Judgement"], connection: Connection) -> dict["Key", int]:
    """Keep how they stand now, where that is otherwise than it was; since when [ms], by key."""
    if not judged:
        return {}
    names = ("indicator", "scope", "period", "standard")
    newest = select(func.max(standings.c.id)).group_by(*(standings.c[name] for name in names))
    its = select(*(standings.c[name] for name in (*names, "status"))).where(standings.c.id.in_(newest))
    periods = {one.key.period for one in judged}
    before = {tuple(row[:4]): row.status for row in connection.execute(its.where(standings.c.period.in_(periods)))}
    found = [one for one in judged if before.get(tuple(one.key)) != one.status]
    rows = [
        Standing(
            *one.key, one.computed_at, one.status, one.value, one.unit, str(one.detail.get("sentence", ""))
        )._asdict()
        for one in found
    ]
    if rows:
        connection.execute(insert(standings), rows)
    return {one.key: one.computed_at for one in found}
