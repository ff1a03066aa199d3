"""What an export of a month holds: its tables, written one after another, never more than a day of all stations in memory."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from cityflux.opendata import judged
from cityflux.opendata.cells import Row
from cityflux.opendata.readings import Source, write_readings
from cityflux.opendata.tables import MADE_OF, Table, tables
from cityflux.opendata.writing import TableWriter
from processors.plans import Plan
from processors.standards.tables import ASSESSMENTS, INDEXES, LIMITS, Dated
from processors.standards.water import water_standard
from processors.windows import days_between, period_bounds, period_days
from sensors.instants import to_millis
from sensors.quantities import Family
from sensors.station_files import dump_geojson
from sensors.stations import Registry, Station
from store.books import Books
from store.intervals import Intervals
from store.judgements import Judgements
from store.port import ReadingsStore


class Month:
    """The tables of a month (2026-03) of families, written into `folder`; `written` are those, with their rows.

    `judgements` counts those of its days, of the month and of the year, `running` those of open periods, `provisional` those of
    closed ones that are not final.
    """

    def __init__(
        self, folder: Path, month: str, families: Sequence[Family], plan: Plan, zone: ZoneInfo, store: ReadingsStore,
        books: Books,
    ) -> None:  # fmt: skip
        self.written: list[tuple[Table, int]] = []
        self.judgements = self.running = self.provisional = 0
        self._folder = folder
        self._month = month
        self._families = families
        self._plan = plan
        self._zone = zone
        self._store = store
        self._books = books
        self._judgements = Judgements(books)
        self._first, self._last = period_days(month)

    def write(self, now: int) -> None:
        """Write every table, as of `now` [ms]. Raises OSError, StoreUnavailable, StoreMisconfigured, BooksUnavailable."""
        registry = self._books.registry()
        self._stations(registry)
        self._readings(registry, now)
        self._days()
        self._longer()
        self._revisions()
        self._table("rules", [_rule(one, in_force=self._in_force(one)) for one in self._documents()])

    def standards(self) -> tuple[str, ...]:
        """The editions that judge a day of the month."""
        return tuple(one.name for one in self._documents() if self._in_force(one))

    def _table(self, name: str, rows: Iterable[Row]) -> None:
        with TableWriter(self._folder, tables()[name], self._zone) as writer:
            writer.write(rows)
        self.written.append((writer.table, writer.rows))

    def _stations(self, registry: Registry) -> None:
        names = {field.name: field.type for field in tables()["stations"].fields}
        private = {field: None for field in Station.model_fields if field not in names}
        entries = sorted(
            (one.model_copy(update=private) for one in registry if one.family in self._families),
            key=lambda one: (one.family, one.id, to_millis(one.active_from) if one.active_from else 0),
        )
        self._table("stations", [_entry(one, names) for one in entries])
        (self._folder / "stations.geojson").write_text(dump_geojson(entries), "utf-8")

    def _readings(self, registry: Registry, now: int) -> None:
        coverage: list[Row] = []
        start, end = period_bounds(self._month, self._zone)
        for family in self._families:
            held = Intervals(self._books).all(family)
            for each, intervals in [(family, held), *((each, []) for each, of in MADE_OF.items() if of == family)]:
                of = Source(self._store, registry, intervals, start, min(end, now))
                written, its = write_readings(self._folder, of, each, self._zone)
                self.written += written
                coverage += its
        self._table("coverage", coverage)

    def _days(self) -> None:
        """Day by day, so that no more than one day of all stations is in memory."""
        if "air" in self._families:
            self._table("air-days", (judged.air_day(one) for one in self._each_day("air")))
            self._table("aqi-categories", _categories())
        if "water" in self._families:
            self._table("water-days", (judged.water_day(one) for one in self._each_day("water")))
            self._table("water-classes", _classes())

    def _each_day(self, family: str, *, count: bool = True) -> Iterator[judged.Found]:
        for day in days_between(self._first, self._last):
            yield from self._standing(judged.DAILY[family], day.isoformat(), count=count)

    def _standing(self, indicator: str, period: str, *, count: bool = True) -> list[judged.Found]:
        found = judged.standing(self._judgements, indicator, period)
        if count:
            self.judgements += len(found)
            self.running += sum(one.finality == judged.RUNNING for one in found)
            self.provisional += sum(one.finality not in {judged.RUNNING, "final"} for one in found)
        return found

    @property
    def _periods(self) -> tuple[str, str]:
        return self._month, self._month[:4]

    def _longer(self) -> None:
        """The month, and the year as it stands."""
        found = {
            code: [one for period in self._periods for one in self._standing(code, period)] for code in self._codes()
        }
        rows: list[Row] = []
        for family in self._families:
            rows += [judged.indicator(one, None) for code in judged.LONGER.get(family, ()) for one in found[code]]
        figures: list[Row] = []
        for row in self._plan.indicators:
            its = [one for one in found[row.code] if one.judgement.key.scope == row.scope]
            rows += [judged.indicator(one, row) for one in its] or [judged.missing(row, self._periods[1])]
            figures += [each for one in its for each in judged.figures(one.judgement)]
        self._table("indicators", rows)
        self._table("figures", figures)
        if "air" in self._families:
            statistics = found[judged.LONGER["air"][0]]
            self._table("air-statistics", (row for one in statistics for row in judged.air_statistics(one)))
        if "water" in self._families:
            sections = found[judged.LONGER["water"][0]]
            self._table("water-sections", [judged.water_section(one) for one in sections])
            self._table("water-items", self._items(sections))

    def _items(self, sections: Sequence[judged.Found]) -> Iterator[Row]:
        for one in self._each_day("water", count=False):
            yield from judged.water_items(one)
        for one in sections:
            yield from judged.water_items(one)

    def _codes(self) -> list[str]:
        of_families = [code for family in self._families for code in judged.LONGER.get(family, ())]
        return [*of_families, *(row.code for row in self._plan.indicators)]

    def _revisions(self) -> None:
        figured = {row.code for row in self._plan.indicators if row.family is None}
        daily = [judged.DAILY[family] for family in self._families if family in judged.DAILY]
        days = [day.isoformat() for day in days_between(self._first, self._last)]
        asked = [(daily, day) for day in days] + [(self._codes(), period) for period in self._periods]
        self._table(
            "revisions",
            (row for codes, period in asked for row in judged.revisions(self._judgements, codes, period, figured)),
        )

    def _documents(self) -> list[Dated]:
        of_air: list[Dated] = [*INDEXES, *LIMITS, *ASSESSMENTS] if "air" in self._families else []
        return [*of_air, *([water_standard()] if "water" in self._families else [])]

    def _in_force(self, one: Dated) -> bool:
        return (one.effective_from or date.min) <= self._last and (one.effective_to or date.max) >= self._first


def _rule(one: Dated, *, in_force: bool) -> Row:
    def day(of: date | None) -> str | None:
        return None if of is None else of.isoformat()

    return {
        "name": one.name, "document": one.document, "source": one.source, "effective_from": day(one.effective_from),
        "effective_to": day(one.effective_to), "in_force": in_force,
    }  # fmt: skip


def _entry(one: Station, names: dict[str, Any]) -> Row:
    said = {name: value for name, value in one.model_dump().items() if name in names and value is not None}
    return {name: to_millis(value) if names[name] == "datetime" else value for name, value in said.items()}


def _categories() -> list[Row]:
    return [
        {
            "standard": index.name, "low": each.low, "high": each.high, "level": each.level, "zh": each.zh, "en": each.en,
            "colour": each.hex,
        }
        for index in INDEXES for each in index.categories
    ]  # fmt: skip


def _classes() -> list[Row]:
    return [
        {"class": each.code, "class_name": each.name, "zh": each.status_zh, "en": each.status_en, "colour": each.colour}
        for each in water_standard().classes
    ]  # fmt: skip
