"""Readings in InfluxDB 2.x: one measurement per family and period, tag = station, fields = quantities.

    air_hour,station=hx-01 pm2_5=35.0,co=0.7,received_at=1767225600000i,origin=3i,batch=17i 1767225600000

`issued` and `unknown_station` are fields only where there is something to say, `seq` is a second tag only where it is not 0
(it is a number within the instant, so there are few), and the string `extra` holds the receipt of the point it belongs to and
what `store.merge.pack_extra` says of it: doubtful values and deviating versions.

Two ways to write. A reading newer in time than anything stored of its series has nothing to merge with: it is appended. The
newest time of a series is asked of the server once and then kept in memory. Every other reading is merged: the stored point is
read, merged (store/merge.py) and written back. Line protocol cannot take a field away; where a value has to go (a good one
displaced by a doubtful one) the point is deleted and written again, which is slow, and a Keepsake holds it meanwhile. An
`extra` that has nothing more to say is blanked instead.

A crash between writing and deleting, or another process that appended over a point it had not seen, leaves a quantity both
good and doubtful. `extra` decides: where its receipt is still the point's, the doubt is the newer of the two, else the value.

One writer per series is assumed: InfluxDB has no transactions. Where several ingests share the work each has series of its own
(tag `writer`, a number that the books give), and of an identity that several have stored whoever reads joins the points by
version (store/merge.py): so nobody has to read, or lock, before writing.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import pairwise
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Protocol

import aiohttp
import urllib3

from sensors.instants import iso
from sensors.quantities import OF_FAMILY, Family
from sensors.reading import Period, Reading
from store.frames import frame_of
from store.influx_http import TIMEOUT_S, failure, translated
from store.influx_text import (
    DECIDING,
    LAST_MS,
    Stored,
    between,
    clamped,
    conditions,
    displaced_of,
    escaped,
    fault_of_data,
    fields_of,
    good_of,
    line_of,
    point_of,
    quoted,
    spans_of,
)
from store.measurements import FIXED, measurement_of
from store.merge import Point, join, merge, pack_extra
from store.parts import parts
from store.port import Rejected, StoreMisconfigured, StoreUnavailable

if TYPE_CHECKING:
    import pandas as pd

# Chosen: below 1 MiB for ordinary readings, which aiohttp sends without complaint and a refusal bisects in 12 steps.
_LINES_A_POST = 4_000
_STATEMENTS_A_QUERY = 500
_ROWS_A_CHUNK = 10_000
_SERIES_OF = itemgetter(0, 2, 1)
_IDENTITY = itemgetter(0, 1, 2)  # station, observed_at, seq of a row

Identity = tuple[Family, Period, str, int, int]


class Keepsake(Protocol):
    """Where merged points are kept, durably, from before their deletion until they are written again."""

    def save(self, lines: Sequence[bytes]) -> None:
        """Keep these lines too."""
        ...

    def pending(self) -> list[bytes]:
        """The lines saved and not cleared."""
        ...

    def clear(self) -> None:
        """All of them are written."""
        ...


class _InMemory:
    """The keepsake of a store that has none: outlives a failed write, not the process."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []

    def save(self, lines: Sequence[bytes]) -> None:
        self._lines += lines

    def pending(self) -> list[bytes]:
        return self._lines

    def clear(self) -> None:
        self._lines = []


class _Series:
    """One station's readings of a family and period: the head of its lines, and its newest (time, seq)."""

    __slots__ = ("head", "last_at", "last_seq")

    def __init__(self, head: str, last_at: int) -> None:
        self.head = head
        self.last_at = last_at
        self.last_seq: float = float("inf")


class InfluxStore:
    """The readings store in `bucket` of `org` at `url`. Bound to the event loop of its first write.

    `writer` gives our number where others write at the same time; it may raise what the settler knows.
    """

    def __init__(
        self,
        url: str,
        org: str,
        bucket: str,
        token: str,
        *,
        keepsake: Keepsake | None = None,
        writer: Callable[[], int] | None = None,
    ) -> None:
        self._url = url.rstrip("/")
        self._org = org
        self._bucket = bucket
        self._token = token
        self._keepsake: Keepsake = keepsake or _InMemory()
        self._http = urllib3.PoolManager(retries=False, timeout=TIMEOUT_S)
        self._session: aiohttp.ClientSession | None = None
        self._ask_writer = writer
        self._writer = ""
        # Bounded by the stations that intake lets in: the registry's, and a capped number of unknown ones.
        self._series: dict[tuple[str, str, str], _Series] = {}

    # Writing

    async def write(self, readings: Sequence[Reading], *, in_order: bool = True) -> Sequence[Rejected]:
        """As the port promises. `in_order` makes no difference: versions decide wherever a point is stored already."""
        if self._ask_writer is not None:
            self._writer, self._ask_writer = str(self._ask_writer()), None
        pending = self._keepsake.pending()
        if pending:
            await self._rewrite(pending)
        lines, rest = self._lines(readings, await self._series_of(readings))
        rejected: list[Rejected] = []
        refused = await self._post(lines)
        if refused:
            merged = set(rest)
            appended = [index for index in range(len(readings)) if index not in merged]
            rejected = [Rejected(appended[position], why) for position, why in refused]
        if rest:
            rejected += await self._merge(readings, rest)
        return rejected

    def _lines(self, readings: Sequence[Reading], series: Sequence[_Series]) -> tuple[list[str], list[int]]:
        """The lines of readings that nothing is stored of, and the indices of the others. The hot path of ingest."""
        lines: list[str] = []
        rest: list[int] = []
        for index, (reading, its) in enumerate(zip(readings, series, strict=True)):
            _, _, _, at, received_at, values, doubtful, seq, issued, unknown, origin, batch = reading
            if at <= its.last_at and (at < its.last_at or seq <= its.last_seq):
                rest.append(index)
                continue
            its.last_at, its.last_seq = at, seq
            if doubtful or seq or unknown or issued is not None or not values:
                lines.append(line_of(its.head, Point(reading, {})))
                continue
            lines.append(
                f"{its.head} {fields_of(values)},received_at={received_at}i,origin={origin}i,batch={batch}i {at}"
            )
        return lines, rest

    async def _series_of(self, readings: Sequence[Reading]) -> list[_Series]:
        """The series of each reading; of one seen for the first time the server is asked what it has."""
        found = list(map(self._series.get, map(_SERIES_OF, readings)))
        if None in found:
            new: dict[tuple[Family, Period], dict[str, int]] = defaultdict(dict)
            for reading, its in zip(readings, found, strict=True):
                if its is None:
                    oldest = new[reading.family, reading.period]
                    oldest[reading.station] = min(reading.observed_at, oldest.get(reading.station, LAST_MS))
            for (family, period), oldest in new.items():
                since = min(oldest.values())
                newest = await asyncio.to_thread(self._newest, family, period, oldest, since)
                for station in oldest:
                    head = f"{measurement_of(family, period)},station={escaped(station)}"
                    if self._writer:
                        head += f",writer={self._writer}"
                    # Nothing stored since the oldest of this batch: whatever comes with an older time is merged.
                    self._series[family, period, station] = _Series(head, newest.get(station, since - 1))
            found = list(map(self._series.get, map(_SERIES_OF, readings)))
        return found  # type: ignore[return-value] # the branch above has filled every None

    def _newest(self, family: Family, period: Period, stations: Collection[str], since: int) -> dict[str, int]:
        """The newest time stored of each station from `since` [ms] on."""
        measurement = measurement_of(family, period)
        select = f'SELECT last("received_at") FROM {quoted(measurement)}'  # noqa: S608 - quoted
        where = self._ours(conditions(stations, f"time >= {clamped(since)}ms"))
        statements = [f'{select} {clause} GROUP BY "station"' for clause in where]
        return {its["tags"]["station"]: its["values"][0][0] for its in self._ask(measurement, statements)}

    def _ours(self, where: Sequence[str]) -> Sequence[str]:
        """Conditions that let only what we have written through; where we have no number: everything."""
        return [f"{clause} AND \"writer\" = '{self._writer}'" for clause in where] if self._writer else where

    async def _merge(self, readings: Sequence[Reading], indices: Sequence[int]) -> list[Rejected]:
        """Read, merge, write; where fields have to go, delete and write again."""
        came: dict[Identity, list[int]] = defaultdict(list)
        for index in indices:
            came[_identity(readings[index])].append(index)
        stored = await asyncio.to_thread(self._stored, came, ours=True)
        changed: dict[Identity, Point] = {}
        for identity, its in came.items():
            before = stored.get(identity)
            point = before.point if before else None
            for index in its:
                point = Point(readings[index], {}) if point is None else merge(point, readings[index])
            if point is not None and (before is None or point != before.point or displaced_of(before.fields, point)):
                changed[identity] = point
        identities = list(changed)
        # Written before anything is deleted: what the server refuses costs the stored point nothing.
        refused = await self._post(
            [self._point_line(p, stored[i].fields if i in stored else ()) for i, p in changed.items()]
        )
        bad = {identities[position]: why for position, why in refused}
        for identity in bad:
            del changed[identity]
        displaced = {i for i, p in changed.items() if i in stored and displaced_of(stored[i].fields, p)}
        if displaced:
            now = {identity: its.point for identity, its in stored.items()} | changed
            # A deletion that names no seq takes every seq of the instant along: those are written again too.
            whole = {identity[:4] for identity in displaced if identity[4] == 0}
            lines = [self._point_line(p).encode() for i, p in now.items() if i in displaced or i[:4] in whole]
            self._keepsake.save(lines)
            for identity in sorted(displaced):
                await self._delete(identity)
            await self._rewrite(lines)
        return [Rejected(index, why) for identity, why in bad.items() for index in came[identity]]

    def _stored(self, wanted: Collection[Identity], *, ours: bool) -> dict[Identity, Stored]:
        """The points stored at the wanted instants, of every seq: only what we wrote, or all writers' joined."""
        times: dict[tuple[Family, Period, str], set[int]] = defaultdict(set)
        for family, period, station, at, _ in wanted:
            times[family, period, station].add(at)
        together: dict[tuple[Family, Period], dict[tuple[int, int], list[str]]] = defaultdict(lambda: defaultdict(list))
        for (family, period, station), its in times.items():
            for span in spans_of(its):
                together[family, period][span].append(station)
        found: dict[Identity, Stored] = {}
        for (family, period), stations_of in together.items():
            codes = tuple(OF_FAMILY[family])
            where = [
                clause
                for (first, last), stations in stations_of.items()
                for clause in conditions(stations, between(first - 1, last))
            ]
            for station, seq, cells in self._rows(
                family, period, (*FIXED, *codes), self._ours(where) if ours else where
            ):
                if cells[0] not in times[family, period, station]:
                    continue
                identity = (family, period, station, cells[0], seq)
                point, names = point_of(family, period, codes, station, seq, cells)
                if (other := found.get(identity)) is not None:
                    point, names = join(other.point, point), other.fields | names
                found[identity] = Stored(point, names)
        return found

    def _point_line(self, point: Point, stored: Collection[str] = ()) -> str:
        return line_of(self._series[_SERIES_OF(point.reading)].head, point, stored)

    async def _rewrite(self, lines: Sequence[bytes]) -> None:
        """Write points that the server has taken before, and let the keepsake go."""
        for _, why in await self._post([line.decode() for line in lines]):
            # What has passed the bucket's retention in the meantime the server would have dropped by itself.
            if "retention policy" not in why:
                raise StoreMisconfigured(f"{self._place()} no longer takes a point that it had: {why}")
        self._keepsake.clear()

    async def _delete(self, identity: Identity) -> None:
        family, period, station, at, seq = identity
        predicate = f"_measurement={quoted(measurement_of(family, period))} AND station={quoted(station)}"
        if self._writer:
            predicate += f' AND writer="{self._writer}"'
        if seq:
            predicate += f' AND seq="{seq}"'
        asked = {"start": iso(at), "stop": iso(at), "predicate": predicate}
        answer = await self._api("delete", {}, json.dumps(asked).encode())
        if answer is not None:
            raise failure(self._place(), *answer)

    async def _post(self, lines: Sequence[str]) -> list[tuple[int, str]]:
        """Write lines; the positions that will never be taken, and why. Raises StoreUnavailable, StoreMisconfigured."""
        posts = -(-len(lines) // _LINES_A_POST) or 1
        size = -(-len(lines) // posts) or 1
        starts = range(0, len(lines), size)
        # Side by side, because no two lines are of one point; all of them to the end, whatever one of them comes to.
        parts = [self._post_part(lines[start : start + size]) for start in starts]
        answers = await asyncio.gather(*parts, return_exceptions=True)
        refused: list[tuple[int, str]] = []
        for start, answer in zip(starts, answers, strict=True):
            if isinstance(answer, BaseException):
                raise answer
            refused += [(start + position, why) for position, why in answer]
        return refused

    async def _post_part(self, lines: Sequence[str]) -> list[tuple[int, str]]:
        """One post; where the server faults the data, halves until it is clear which lines. Writing twice is writing once."""
        why = await self._post_body("\n".join(lines).encode())
        if why is None:
            return []
        if len(lines) == 1:
            return [(0, why)]
        middle = len(lines) // 2
        left, right = await self._post_part(lines[:middle]), await self._post_part(lines[middle:])
        return [*left, *((middle + position, why) for position, why in right)]

    async def _post_body(self, body: bytes) -> str | None:
        """None: taken; otherwise what the server has against the data."""
        answer = await self._api("write", {"precision": "ms"}, body)
        if answer is None:
            return None
        status, _, said = answer
        why = fault_of_data(status, said)
        if why is None:
            raise failure(self._place(), *answer)
        return why

    async def _api(self, name: str, parameters: dict[str, str], body: bytes) -> tuple[int, str | None, bytes] | None:
        """POST to /api/v2/{name}: None where it is done, otherwise (status, Retry-After, body). Raises StoreError."""
        place = {"org": self._org, "bucket": self._bucket, **parameters}
        with translated(self._place()):
            async with self._connected().post(
                f"{self._url}/api/v2/{name}", params=place, data=body, allow_redirects=False
            ) as answer:
                if answer.status < 300:
                    return None
                return answer.status, answer.headers.get("Retry-After"), await answer.read()

    # Reading

    def readings(
        self,
        family: Family,
        period: Period,
        start: int,
        end: int,
        stations: Collection[str] | None = None,
        quantities: Iterable[str] | None = None,
        *,
        detail: bool = False,
    ) -> "pd.DataFrame":
        """As the port promises."""
        codes = tuple(OF_FAMILY[family] if quantities is None else quantities)
        fields = (*FIXED, *codes) if detail else (*DECIDING, *codes)
        where = conditions(stations, between(start, end))
        rows: list[tuple[Any, ...]] = []
        for station, seq, (at, *cells) in self._rows(family, period, fields, where):
            row: Sequence[Any]
            if detail and cells[FIXED.index("extra")]:
                point = point_of(family, period, codes, station, seq, (at, *cells)).point
                row = (*cells[: len(FIXED) - 1], pack_extra(point), *map(point.reading.values.get, codes))
            else:
                row = cells if detail else good_of(codes, cells)
            rows.append((station, at, seq, *row))
        rows.sort(key=_IDENTITY)
        doubled = {_IDENTITY(row) for row, after in pairwise(rows) if _IDENTITY(row) == _IDENTITY(after)}
        if doubled:
            joined = self._joined(family, period, doubled, codes, detail=detail)
            rows = sorted([row for row in rows if _IDENTITY(row) not in doubled] + joined, key=_IDENTITY)
        columns = ("station", "observed_at", "seq", *(FIXED if detail else ()), *codes)
        return frame_of(rows, columns, codes, detail=detail)

    def latest(self, family: Family, period: Period, stations: Collection[str] | None = None) -> "pd.DataFrame":
        """As the port promises."""
        codes = tuple(OF_FAMILY[family])
        newest: dict[str, tuple[Any, ...]] = {}
        doubled: set[tuple[str, int, int]] = set()
        where, newest_first = conditions(stations), "ORDER BY time DESC LIMIT 1"
        for station, seq, (at, *cells) in self._rows(family, period, (*DECIDING, *codes), where, newest_first):
            if station in newest and (at, seq) == newest[station][1:3]:
                doubled.add((station, at, seq))
            elif station not in newest or (at, seq) > newest[station][1:3]:
                newest[station] = (station, at, seq, *good_of(codes, cells))
        if doubled:
            rows = self._joined(family, period, doubled, codes, detail=False)
            newest |= {row[0]: row for row in rows if _IDENTITY(row) == _IDENTITY(newest[row[0]])}
        rows = [newest[station] for station in sorted(newest)]
        return frame_of(rows, ("station", "observed_at", "seq", *codes), codes, detail=False)

    def _joined(
        self,
        family: Family,
        period: Period,
        doubled: Collection[tuple[str, int, int]],
        codes: Sequence[str],
        *,
        detail: bool,
    ) -> list[tuple[Any, ...]]:
        """The rows of (station, observed_at, seq) that several writers have stored."""
        stored = self._stored([(family, period, *its) for its in doubled], ours=False)
        rows = []
        for its in doubled:
            point = stored[family, period, *its].point
            reading = point.reading
            fixed = (
                reading.received_at, reading.issued, reading.unknown_station, reading.origin, reading.batch, pack_extra(point),
            )  # fmt: skip
            rows.append((*its, *(fixed if detail else ()), *map(reading.values.get, codes)))
        return rows

    def _rows(
        self, family: Family, period: Period, fields: Sequence[str], where: Iterable[str], then: str = ""
    ) -> Iterator[tuple[str, int, list[Any]]]:
        """Station, seq and [time, fields…] of points, by series; the first field is `received_at`, which all of ours have."""
        measurement = measurement_of(family, period)
        select = f"SELECT {', '.join(map(quoted, fields))} FROM {quoted(measurement)}"  # noqa: S608 - quoted
        statements = [f'{select} {clause} GROUP BY "station", "seq", "writer" {then}' for clause in where]
        for series in self._ask(measurement, statements):
            station, seq = series["tags"]["station"], int(series["tags"]["seq"] or 0)
            yield from ((station, seq, row) for row in series["values"] if row[1] is not None)

    def _ask(self, measurement: str, statements: Sequence[str]) -> Iterator[dict[str, Any]]:
        """The series of `measurement` that InfluxQL statements give; memory holds one chunk of the answer at a time."""
        for part in parts(statements, _STATEMENTS_A_QUERY):
            # A 2.x bucket answers to its own name as a database, unless that is of the form database/retention-policy.
            database, _, policy = self._bucket.partition("/")
            fields = {
                "q": "; ".join(part),
                "db": database,
                "epoch": "ms",
                "chunked": "true",
                "chunk_size": str(_ROWS_A_CHUNK),
            } | ({"rp": policy} if policy else {})
            with translated(self._place()):
                answer = self._http.request(
                    "POST",
                    f"{self._url}/query",
                    fields=fields,
                    encode_multipart=False,
                    headers={"Authorization": f"Token {self._token}"},
                    preload_content=False,
                )
                try:
                    if answer.status != 200:
                        raise failure(self._place(), answer.status, answer.headers.get("Retry-After"), answer.read())
                    for line in answer:
                        yield from (its for its in self._series_in(line) if its["name"] == measurement)
                finally:
                    answer.close()

    def _series_in(self, line: bytes) -> Iterator[dict[str, Any]]:
        """The series of one chunk."""
        chunk = json.loads(line) if line.strip() else {"results": []}
        for result in (chunk, *chunk.get("results", ())):
            if "error" in result:
                if "not found" in result["error"]:
                    raise failure(self._place(), 404, None, line)
                raise StoreUnavailable(f"{self._place()}: {result['error']}")
            yield from result.get("series", ())

    # The server

    async def check(self) -> str:
        """As the port promises; tries an empty write and an empty query."""
        with translated(self._place()):
            answer = await asyncio.to_thread(self._http.request, "GET", f"{self._url}/ping")
        if answer.status >= 300:
            raise failure(self._place(), answer.status, answer.headers.get("Retry-After"), answer.data)
        await self._post_body(b"")
        await asyncio.to_thread(lambda: list(self._ask("", ["SHOW MEASUREMENTS LIMIT 1"])))
        return f"InfluxDB {answer.headers.get('X-Influxdb-Version', 'of unknown version')}, {self._place()}"

    async def close(self) -> None:
        """As the port promises."""
        self._http.clear()
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                headers={"Authorization": f"Token {self._token}"}, timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)
            )
        return self._session

    def _place(self) -> str:
        return f"{self._url} bucket {self._bucket} of {self._org}"


def _identity(reading: Reading) -> Identity:
    return (reading.family, reading.period, reading.station, reading.observed_at, reading.seq)
