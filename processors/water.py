"""Water sections over a year, from the stored samples: months, the year so far, compliance in both definitions, the room left.

    day      mean of an item's values, where there are enough of them
    month    mean of its days' means, where enough days have one
    year     mean of its months' means: definition (a); the share of samples of the target class: definition (b)

How many are enough stands in `standards/water-evaluation.toml`, with how far it is known; both can be set. Kind of water body and
target class are the registry's, as dated for the end of the year so far. Computed anew at each question; nothing of it is in the
books.
"""

from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pandas as pd

from processors.indicators.exact import exact
from processors.indicators.water_class import SectionClass, section_class
from processors.indicators.water_means import Sample, evaluated, mean
from processors.indicators.water_periods import Room, SectionYear, room, section_year, share_of_samples
from processors.standards.water import Kind, water_evaluation, water_standard
from processors.windows import civil_day, period_bounds, period_days
from processors.withheld import withheld
from sensors.quantities import OF_FAMILY
from sensors.stations import Registry, Station
from store.intervals import Interval
from store.port import ReadingsStore

Day = dict[str, list[Fraction]]
"""An item's values of a day."""


class SectionReport(NamedTuple):
    """One section. `target` is 1 to 5, None where the registry has none: then nothing is compliant or not. `short` are months
    with samples that are too few."""

    section: str
    name: str
    kind: Kind
    target: int | None
    months: dict[int, SectionClass]
    short: tuple[int, ...]
    year: SectionYear
    samples: int
    share: Fraction | None
    verdict: str
    room: list[Room]

    @property
    def margin(self) -> Fraction | None:
        """Of the item with the least room; None without any."""
        return min((one.margin for one in self.room if one.margin is not None), default=None)


def section_reports(
    store: ReadingsStore,
    registry: Registry,
    year: int,
    until: int,
    zone: ZoneInfo,
    intervals: Sequence[Interval],
    *,
    values_of_day: int | None = None,
    percent_of_month: int | None = None,
) -> list[SectionReport]:
    """The sections of a year up to `until` [ms], those at risk first. Raises StoreUnavailable, StoreMisconfigured."""
    rule = water_evaluation().automatic
    least, percent = values_of_day or rule.values_of_day, percent_of_month or rule.percent_of_month
    start, end = period_bounds(str(year), zone)
    last = min(until, end)
    sections = {one.id: one for one in registry.active("water", last - 1, kind="assessment")}
    codes = [item.code for item in water_standard().items if item.code in OF_FAMILY["water"]]
    days: dict[str, dict[int, dict[date, Day]]] = {name: {} for name in sections}
    samples: dict[str, list[int]] = {name: [] for name in sections}
    for month in range(1, 13):
        since, to = period_bounds(f"{year}-{month:02d}", zone)
        if since >= last or not sections:
            break
        frame = store.readings("water", "raw", max(since, start), min(to, last), sorted(sections), codes)
        for row in withheld(frame, intervals, "raw").to_dict("records"):
            name, values = row["station"], {code: exact(row[code]) for code in codes if not pd.isna(row[code])}
            if not values:
                continue
            day = civil_day(int(row["observed_at"].value // 1_000_000), zone)
            of_day = days[name].setdefault(month, {}).setdefault(day, {})
            for code, value in values.items():
                of_day.setdefault(code, []).append(value)
            cls = section_class(values, _kind(sections[name])).cls
            if cls is not None:
                samples[name].append(cls)
    found = [
        _report(sections[name], days[name], samples[name], year, least, percent) for name in sections if days[name]
    ]
    return sorted(
        found, key=lambda one: (one.year.compliant is not False, one.margin is None, one.margin or 0, one.section)
    )


def _kind(station: Station) -> Kind:
    return station.water_body or "river"


def _report(
    station: Station, days: dict[int, dict[date, Day]], classes: list[int], year: int, least: int, percent: int
) -> SectionReport:
    kind, target = _kind(station), station.target_class
    months = {month: _month(of_month, year, month, least, percent) for month, of_month in sorted(days.items())}
    valid = {month: values for month, values in months.items() if values}
    share, verdict = (None, "") if target is None or not classes else share_of_samples(classes, target)
    return SectionReport(
        station.id,
        station.name_zh,
        kind,
        target,
        {month: section_class(evaluated(values), kind, target=target) for month, values in valid.items()},
        tuple(month for month, values in months.items() if not values),
        section_year(valid, kind, target),
        len(classes),
        share,
        verdict,
        [] if target is None else room(valid, kind, target, 12 - len(valid)),
    )


def _month(days: dict[date, Day], year: int, month: int, least: int, percent: int) -> dict[str, Fraction]:
    """The monthly means of the items that have enough days."""
    first, last = period_days(f"{year}-{month:02d}")
    length = (last - first).days + 1
    daily: dict[str, list[Sample]] = {}
    for of_day in days.values():
        for code, values in of_day.items():
            if len(values) >= least:
                daily.setdefault(code, []).append(Sample(mean(code, [Sample(value) for value in values])))
    return {code: mean(code, values) for code, values in daily.items() if 100 * len(values) >= percent * length}
