"""Queries in InfluxQL by the names of `store/measurements.py`; one that is not there is refused when the query is made.

`${__to}` is the end of what a person looks at [ms], `$timeFilter` all of it: Grafana puts both in. Nothing is grouped by time:
what is of a day or longer is in the books already.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from store.measurements import Measurement, literal

IN_RANGE = "$timeFilter"
_COLUMN = re.compile(r"^(?:(last|count|max|distinct)\()?(\w+)\)?$")
EVER = "time > ${__to}ms - 92d"
"""Chosen: what is older than a quarter of a year is no news to who asks what is newest."""


class UnknownName(ValueError):
    """A query names a tag or field that its measurement does not have."""


@dataclass(frozen=True)
class Query:
    """A query, and how Grafana is to take it: as a table, or as series named by `alias`."""

    text: str
    table: bool = True
    alias: str = ""


def select(
    of: Measurement,
    columns: Mapping[str, str],
    *where: str,
    by: Sequence[str] = (),
    order: str = "",
    table: bool = True,
    alias: str = "",
) -> Query:
    """Columns by the name that people read: a field, `last(field)`, `count(field)`, `max(field)`, `distinct(field)`, or
    `age(field)`, which is how long before the end of what is looked at the instant of a field lies [s]."""
    chosen = ", ".join(f'{_column(of, column)} AS "{name}"' for name, column in columns.items())
    text = f"SELECT {chosen} FROM {of.place}"  # noqa: S608 - names of our own table
    if where:
        text += f" WHERE {' AND '.join(where)}"
    if by:
        text += f" GROUP BY {', '.join(_named(of, name) for name in by)}"
    return Query(f"{text} {order}".rstrip(), table, alias)


def equals(of: Measurement, name: str, value: str | bool) -> str:
    """A tag or field that is a value."""
    return f"{_named(of, name)} = {literal(value) if isinstance(value, str) else str(value).lower()}"


def differs(of: Measurement, name: str, value: str) -> str:
    """A tag or field that is another value."""
    return f"{_named(of, name)} != {literal(value)}"


def matches(of: Measurement, name: str, pattern: str) -> str:
    """A tag that a regular expression matches as a whole; variables may stand in it."""
    return f"{_named(of, name)} =~ /^{pattern}$/"


def above(of: Measurement, name: str, number: int) -> str:
    """A field that is greater than a number."""
    return f"{_named(of, name)} > {number}"


def fresh(hours: float, of: Measurement | None = None, name: str = "") -> str:
    """Not older than so many hours: by the point's time, or by a field that is an instant [ms]."""
    if of is None:
        return f"time > ${{__to}}ms - {_minutes(hours)}m"
    return f"{_named(of, name)} > ${{__to}} - {_minutes(hours) * 60_000}"


def stale(hours: float, of: Measurement, name: str) -> str:
    """The others by a field: what `fresh` does not let through. Of what has many points, the newest that is old enough is there
    too where a newer one is fresh: so by the point's time nothing is asked so."""
    return f"{_named(of, name)} <= ${{__to}} - {_minutes(hours) * 60_000}"


def _minutes(hours: float) -> int:
    return round(hours * 60)


def _column(of: Measurement, column: str) -> str:
    if column.startswith("age("):
        return f"(${{__to}} - {_named(of, column[4:-1])}) / 1000"
    found = _COLUMN.match(column)
    if found is None:
        raise UnknownName(f"{column!r} is no column: write a field, or last(field)")
    name = _named(of, found[2])
    return f"{found[1]}({name})" if found[1] else name


def _named(of: Measurement, name: str) -> str:
    if name not in of.fields and name not in of.tags:
        raise UnknownName(f"{of.name} has no {name!r}; it has {', '.join((*of.tags, *of.fields))}")
    return f'"{name}"'
