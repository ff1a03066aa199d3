"""What the books say, in InfluxDB, for Grafana to draw: points of the measurements of `store/measurements.py`, and no others.

A point is written whole. Line protocol cannot take a field away, so where one is absent now and stored, the stored point is
deleted first: what is no longer known is never drawn as if it were.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sensors.instants import to_datetime
from store.influx_http import InfluxHttp
from store.influx_setup import bucket_of, database_of
from store.influx_text import escaped, quoted
from store.measurements import CURSOR, MEASUREMENTS, Kind, Measurement, Policy, literal
from store.parts import parts

Cell = float | int | str | bool | None

# Chosen: some 2 MiB of lines that carry sentences; and as many short questions as a server answers in well under a second.
_LINES_A_POST = 5_000
_STATEMENTS_A_QUERY = 200
_EVER = ("1970-01-01T00:00:00Z", "2262-01-01T00:00:00Z")


class Projected(NamedTuple):
    """A point: its measurement, tags, fields and instant [ns]."""

    of: Measurement
    tags: Mapping[str, str]
    fields: Mapping[str, Cell]
    at_ns: int


class ProjectedStore:
    """The projection beside the readings in `bucket` of `org`. Every call raises StoreUnavailable, StoreMisconfigured."""

    def __init__(self, url: str, org: str, bucket: str, token: str) -> None:
        self._http = InfluxHttp(url, token)
        self._org = org
        self._bucket = bucket
        self._database = database_of(bucket)

    def write(self, points: Iterable[Projected], *, over_nothing: bool = False) -> int:
        """Write points, and how many they were; `over_nothing`: none of them is stored, so that nothing has to go."""
        count = 0
        for several in parts(points, _LINES_A_POST):
            # Of one point the last: what an earlier one had and it has not is not to be drawn.
            part = list({(one.of.name, *one.tags.values(), one.at_ns): one for one in several}.values())
            if not over_nothing:
                self._forget_what_is_gone(part)
            by_policy: dict[Policy, list[str]] = {}
            for point in part:
                by_policy.setdefault(point.of.policy, []).append(line_of(point))
            for policy, lines in by_policy.items():
                place = {"org": self._org, "bucket": bucket_of(self._bucket, policy), "precision": "ns"}
                self._http.api("POST", "/api/v2/write", place, "\n".join(lines).encode())
            count += len(part)
        return count

    def forget(self, point: Projected) -> None:
        """Delete a stored point."""
        at = _iso_ns(point.at_ns)
        tags = " AND ".join(f"{name}={quoted(value)}" for name, value in point.tags.items())
        self._delete(point.of, (at, at), f" AND {tags}" if tags else "")

    def clear(self, of: Measurement) -> None:
        """Delete all points of a measurement."""
        self._delete(of, _EVER, "")

    def stored(self, of: Measurement, fields: Sequence[str], where: str = "") -> list[dict[str, Any]]:
        """The stored points with their tags, their `at_ns` and these fields, as InfluxQL's `where` chooses them."""
        select = f"SELECT {', '.join(map(quoted, fields))} FROM {of.place}"  # noqa: S608 - names of our own table, quoted
        found = []
        for series in self._ask([f"{select} {f'WHERE {where}' if where else ''} GROUP BY *"])[0]:
            for at, *cells in series["values"]:
                tags = dict(series.get("tags", {}))
                found.append({**tags, "at_ns": at, **dict(zip(fields, cells, strict=True))})
        return found

    def cursor(self) -> dict[str, int]:
        """How far of the books the projection is; all 0 where there is none."""
        found = self.stored(CURSOR, list(CURSOR.fields))
        return {name: (found[0][name] or 0) if found else 0 for name in CURSOR.fields}

    def cardinality(self) -> dict[str, int]:
        """How many series each measurement has, those that have any; readings too."""
        names = list(MEASUREMENTS.values())
        asked = [f'SHOW SERIES EXACT CARDINALITY ON "{self._database}" FROM {one.place}' for one in names]
        counts = {}
        for one, series in zip(names, self._ask(asked), strict=True):
            count = sum(its["values"][0][0] for its in series)
            if count:
                counts[one.name] = count
        return counts

    def close(self) -> None:
        """Release connections."""
        self._http.close()

    def _forget_what_is_gone(self, points: Sequence[Projected]) -> None:
        """Delete the stored points that have a field which the new ones do not."""
        lacking = [(point, gone) for point in points if (gone := _absent(point))]
        asked = [
            f"SELECT {', '.join(map(quoted, gone))} FROM {point.of.place} WHERE {_just(point)}"  # noqa: S608 - quoted
            for point, gone in lacking
        ]
        for (point, _), series in zip(lacking, self._ask(asked), strict=True):
            if series:
                self.forget(point)

    def _ask(self, statements: Sequence[str]) -> list[list[dict[str, Any]]]:
        found: list[list[dict[str, Any]]] = []
        for part in parts(statements, _STATEMENTS_A_QUERY):
            found += self._http.ask(self._database, part)
        return found

    def _delete(self, of: Measurement, span: tuple[str, str], tags: str) -> None:
        asked = {"start": span[0], "stop": span[1], "predicate": f"_measurement={quoted(of.name)}{tags}"}
        place = {"org": self._org, "bucket": bucket_of(self._bucket, of.policy)}
        self._http.api("POST", "/api/v2/delete", place, asked)


def line_of(point: Projected) -> str:
    """A point in line protocol. Raises ValueError where the table does not have just its tags and fields."""
    of = point.of
    if set(point.tags) != set(of.tags) or set(point.fields) != set(of.fields):
        wrong = set(point.tags) ^ set(of.tags) | set(point.fields) ^ set(of.fields)
        raise ValueError(f"{of.name}: {', '.join(sorted(wrong))} is not as store/measurements.py has it")
    tags = "".join(f",{name}={escaped(point.tags[name])}" for name in of.tags)
    cells = [(name, point.fields[name]) for name in of.fields]
    missing = [name for name, cell in cells if cell is None and name not in of.optional]
    if missing:
        raise ValueError(f"{of.name}: {', '.join(missing)} is always there, and is not")
    fields = ",".join(f"{name}={_cell(of.fields[name], cell)}" for name, cell in cells if cell is not None)
    return f"{of.name}{tags} {fields} {point.at_ns}"


def _cell(kind: Kind, cell: Cell) -> str:
    if kind == "string":
        # A line ends at a line feed, even within quotes to some readers.
        return quoted(" ".join(str(cell).split("\n")))
    if kind == "boolean":
        return "true" if cell else "false"
    return f"{int(cell or 0)}i" if kind == "integer" else repr(float(cell or 0))


def _absent(point: Projected) -> list[str]:
    return [name for name, cell in point.fields.items() if cell is None]


def _just(point: Projected) -> str:
    """The condition of InfluxQL that lets this point through alone."""
    tags = [f"{quoted(name)} = {literal(value)}" for name, value in point.tags.items()]
    return " AND ".join([f"time = {point.at_ns}", *tags])


def _iso_ns(at_ns: int) -> str:
    """An instant in UTC to the nanosecond."""
    seconds, rest = divmod(at_ns, 1_000_000_000)
    return f"{to_datetime(seconds * 1000):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
