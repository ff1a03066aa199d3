"""The readings of a month, block by block: good values, doubtful ones beside them, and how much of what was expected is there.

Published is what the registry's stations measured while it holds them in service; what people withhold (calibration, maintenance)
is doubtful, as it is for every indicator. How a reading came here (times of receipt, topics, batches) is not published.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pandas as pd

from cityflux.opendata.cells import Row
from cityflux.opendata.tables import MADE_OF, Table, doubtful_table, published, readings_table
from cityflux.opendata.writing import TableWriter
from processors.air.days import CITY_STATION
from processors.scopes import CITY, STATION
from processors.uptime import uptime
from processors.withheld import withheld
from sensors.instants import DAY_MS, HOUR_MS
from sensors.presence import expected_ms
from sensors.quantities import Family
from sensors.reading import PERIODS, Doubt, Period
from sensors.stations import Registry, Station
from store.intervals import Interval
from store.port import ReadingsStore

# Chosen: rows of a day that are read at once, a thousand stations by the hour; of more than that, by the minute, an hour is.
_MOST_AT_ONCE = 25_000


class _Counts:
    """Of one station in one table."""

    def __init__(self) -> None:
        self.rows = self.left_out = 0
        self.present: defaultdict[str, int] = defaultdict(int)
        self.doubtful: defaultdict[str, int] = defaultdict(int)


class Source(NamedTuple):
    """Where the readings of (start, end] [ms] come from."""

    store: ReadingsStore
    registry: Registry
    intervals: Sequence[Interval]
    start: int
    end: int


def write_readings(
    folder: Path, of: Source, family: Family, zone: ZoneInfo
) -> tuple[list[tuple[Table, int]], list[Row]]:
    """Write the tables of a family's readings that the month has, and give them with how many rows they have; and the rows
    of coverage.

    Raises StoreUnavailable, StoreMisconfigured.
    """
    written: list[tuple[Table, int]] = []
    coverage: list[Row] = []
    for period in PERIODS:
        entries = _entries(of.registry, family)
        expected = {name: _expected(its, period, of) for name, its in entries.items()}
        table = readings_table(family, period)
        counts: dict[str, _Counts] = {name: _Counts() for name in entries}
        with TableWriter(folder, table, zone) as good, TableWriter(folder, doubtful_table(table), zone) as doubtful:
            for frame in _blocks(of, family, period, entries):
                _count_and_write(frame, table, of.registry, counts, good, doubtful)
        is_sent = any(one.period == period for its in entries.values() for one in its)
        if any(one.rows or one.left_out or one.doubtful for one in counts.values()) or (
            is_sent and family not in MADE_OF
        ):
            written += [(each.table, each.rows) for each in (good, doubtful)]
            coverage += _coverage(table, counts, expected)
        else:
            for each in (good.table, doubtful.table):
                for ending in (".csv", ".parquet"):
                    (folder / each.path).with_suffix(ending).unlink()
    return written, coverage


def _entries(registry: Registry, family: Family) -> dict[str, list[Station]]:
    """The entries of each station, by id; of what is derived from air those of air, and none of the city."""
    found: defaultdict[str, list[Station]] = defaultdict(list)
    for one in sorted(registry, key=lambda station: station.id):
        if one.family == MADE_OF.get(family, family):
            found[one.id].append(one)
    return dict(found) | ({CITY_STATION: []} if family == "air-index" and found else {})


def _expected(entries: Sequence[Station], period: Period, of: Source) -> int | None:
    """Periods of a station in the month; None where nobody says how often it sends in them."""
    its = [one for one in entries if one.period == period and expected_ms(one) is not None]
    return uptime((), its, of.start, of.end).expected if its else None


def _blocks(of: Source, family: Family, period: Period, stations: Collection[str]) -> Iterator[pd.DataFrame]:
    codes = published(family)
    for start in range(of.start, of.end if stations else of.start, DAY_MS):
        last = min(start + DAY_MS, of.end)
        # What rows there are costs a tenth of what is in them.
        count = len(of.store.readings(family, period, start, last, stations, ()))
        step = HOUR_MS if count > _MOST_AT_ONCE else DAY_MS
        for begin in range(start, last if count else start, step):
            end = min(begin + step, last)
            frame = of.store.readings(family, period, begin, end, stations, codes, detail=True)
            kept = withheld(frame, of.intervals, period)
            yield kept.sort_values(["observed_at", "station", "seq"], ignore_index=True)


def _count_and_write(
    frame: pd.DataFrame, table: Table, registry: Registry, counts: Mapping[str, _Counts], good: TableWriter,
    doubtful: TableWriter,
) -> None:  # fmt: skip
    times = frame["observed_at"].astype("datetime64[ms, UTC]").astype("int64")
    names = [f.name for f in table.fields[len(table.key) :]]
    for at, row in zip(times.tolist(), frame.to_dict("records"), strict=True):
        station = row["station"]
        of = counts[station]
        if station != CITY_STATION and not _in_service(registry, table, station, at):
            of.left_out += 1
            continue
        key = _key(table, row, at)
        values = {name: row[name] for name in names if not pd.isna(row[name])}
        doubts: dict[str, Doubt] = {code: doubt for code, doubt in row["doubtful"].items() if code in names}
        if values:
            good.write([{**key, **values}])
            of.rows += 1
        doubtful.write(
            {**key, "quantity": code, "flag": doubt.flag, "doubtful_value": None if doubt.flag == "withdrawn" else doubt.value}
            for code, doubt in sorted(doubts.items())
        )  # fmt: skip
        for code in values:
            of.present[code] += 1
        for code in doubts:
            of.doubtful[code] += 1


def _in_service(registry: Registry, table: Table, station: str, at: int) -> bool:
    return (
        table.family is not None
        and registry.entry(MADE_OF.get(table.family, table.family), station, at - 1) is not None
    )


def _key(table: Table, row: Mapping[Any, Any], at: int) -> Row:
    name = str(row["station"])
    who: Row = {"scope": _scope(name)} if "scope" in table.key else {"station": name}
    return {**who, "observed_at": at, **({"seq": row["seq"]} if "seq" in table.key else {})}


def _scope(station: str) -> str:
    return CITY if station == CITY_STATION else STATION + station


def _coverage(table: Table, counts: Mapping[str, _Counts], expected: Mapping[str, int | None]) -> Iterator[Row]:
    for name, of in sorted(counts.items()):
        if not (of.rows or of.left_out or of.doubtful or expected[name]):
            continue
        its: Row = {"table": table.path, "scope": _scope(name), "expected": expected[name]}
        yield {**its, "present": of.rows, "doubtful": sum(of.doubtful.values()), "left_out": of.left_out}
        for code in sorted({*of.present, *of.doubtful}):
            yield {**its, "quantity": code, "present": of.present[code], "doubtful": of.doubtful[code]}
