"""Water, from samples to the daily judgements of sections.

    automatic   mean of an item's values of a station, where there are enough of them; of several stations of a section (points
                of a lake) then their mean: first over time, then over space
    manual      the day's samples as they are: of one below its detection limit half of it
    day         by the automatic mean where there is one, else by the manual ones (环办监测函〔2020〕82号)

A section is an entry of the registry; other entries may sample it (`Station.section`). Its water body and target are those of the
day's end. What longer periods make of the days is in `sections.py`, what they make of sections in `status.py`.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pandas as pd

from processors.computation import CODE_VERSION
from processors.indicators.exact import exact
from processors.indicators.water_class import class_alone
from processors.indicators.water_means import Sample
from processors.scopes import SECTION
from processors.standards.water import Kind, water_standard
from processors.water.items import Mean, class_name, judged, mean_of, of_means, status_of
from processors.water.validity import Validity
from processors.windows import civil_day, day_bounds
from processors.withheld import withheld
from sensors.quantities import OF_FAMILY
from sensors.reading import Period
from sensors.stations import Registry, Station
from store.intervals import Interval
from store.judgements import Judgement, Key
from store.port import ReadingsStore

WATER_DAY = "water_section_day"
"""Code of the daily indicator; its scopes are `section:<id>`."""

STANDARD = water_standard().name
# Chosen: how often a station measures that says nothing of it [s]: the four-hourly cycle of the national network.
_CYCLE_S = 14_400
PERIODS: tuple[Period, ...] = ("raw", "hour")
"""Of these samples come; an average over a day is none."""


class _Day:
    """What came of a section on a day."""

    def __init__(self) -> None:
        self.automatic: defaultdict[str, defaultdict[str, list[Sample]]] = defaultdict(lambda: defaultdict(list))
        self.manual: defaultdict[str, list[Sample]] = defaultdict(list)
        self.counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.left_out: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.classes: dict[str, list[int]] = {"automatic": [], "manual": []}
        self.cycles = 0


def kind_of(section: Station) -> Kind:
    """What the section lies in; where the registry does not say, a river."""
    return section.water_body or "river"


def sections(registry: Registry) -> list[str]:
    """The ids of the sections that the registry ever knew, sorted: entries of water that sample no other's."""
    return sorted({one.id for one in registry if one.family == "water" and one.section is None})


def section_days(
    store: ReadingsStore,
    registry: Registry,
    days: Sequence[date],
    zone: ZoneInfo,
    *,
    rule: Validity,
    intervals: Sequence[Interval],
    now: int,
) -> list[Judgement]:
    """The judgements of the sections of consecutive civil `days` that anything came of. Raises StoreUnavailable,
    StoreMisconfigured."""
    start, end = day_bounds(days[0], zone)[0], day_bounds(days[-1], zone)[1]
    found: dict[tuple[date, str], _Day] = {}
    for period in PERIODS:
        for row in sample_rows(store, registry, period, start, end, intervals):
            day = civil_day(row.at, zone)
            _add(found.setdefault((day, row.section), _Day()), row, registry)
    made = []
    for (day, name), of_day in sorted(found.items()):
        section = registry.entry("water", name, day_bounds(day, zone)[1] - 1)
        if section is not None:
            made.append(_judgement(section, day, of_day, registry, zone, rule, now))
    return made


class SampleRow(NamedTuple):
    """One sampling: what was measured, and of what only the detection limit is known; `why` says why anything else counts for
    nothing."""

    at: int
    station: str
    section: str
    manual: bool
    values: Mapping[str, Fraction]
    limits: Mapping[str, Fraction]
    why: Mapping[str, str]
    row: Mapping[Any, Any]

    @property
    def samples(self) -> dict[str, Sample]:
        """Values and limits."""
        return {code: Sample(value) for code, value in self.values.items()} | {
            code: Sample(limit, below=True) for code, limit in self.limits.items()
        }


def sample_rows(
    store: ReadingsStore,
    registry: Registry,
    period: Period,
    start: int,
    end: int,
    intervals: Sequence[Interval],
    only: Collection[str] | None = None,
) -> Iterable[SampleRow]:
    """The samplings of (start, end] [ms] of stations that sample in that period, in order of station and time; `only` of these
    sections. Raises StoreUnavailable, StoreMisconfigured."""
    known = sorted(
        {
            one.id
            for one in registry
            if one.family == "water" and one.period == period and (only is None or (one.section or one.id) in only)
        }
    )
    if not known:
        return
    codes = list(OF_FAMILY["water"])
    frame = withheld(store.readings("water", period, start, end, known, codes, detail=True), intervals, period)
    for row in frame.to_dict("records"):
        at = int(row["observed_at"].value // 1_000_000)
        entry = registry.entry("water", row["station"], at - 1)
        if entry is None or entry.period != period:
            continue
        limits = {
            code: exact(doubt.value)
            for code, doubt in row["doubtful"].items()
            if doubt.flag == "below_detection" and doubt.value is not None
        }
        yield SampleRow(
            at,
            entry.id,
            entry.section or entry.id,
            entry.sampling == "manual",
            {code: exact(row[code]) for code in codes if not pd.isna(row[code])},
            limits,
            {code: doubt.flag for code, doubt in row["doubtful"].items() if code not in limits},
            row,
        )


def _add(day: _Day, row: SampleRow, registry: Registry) -> None:
    for code, sample in row.samples.items():
        (day.manual[code] if row.manual else day.automatic[code][row.station]).append(sample)
        day.counts[row.station][code] += 1
    for code, why in row.why.items():
        day.left_out[code][why] += 1
    section = registry.entry("water", row.section, row.at - 1)
    values = {code: sample.counted for code, sample in row.samples.items()}
    cls = None if section is None else class_alone(values, kind_of(section))
    if cls is not None:
        day.classes["manual" if row.manual else "automatic"].append(cls)
        day.cycles += 0 if row.manual else 1


def _judgement(
    section: Station, day: date, of_day: _Day, registry: Registry, zone: ZoneInfo, rule: Validity, now: int
) -> Judgement:
    start, end = day_bounds(day, zone)
    means: dict[str, Mean] = {code: mean_of(code, samples, "manual") for code, samples in of_day.manual.items()}
    short: dict[str, int] = {}
    for code, by_station in of_day.automatic.items():
        enough = [values for values in by_station.values() if len(values) >= rule.values_of_day]
        if enough:
            of_points = [mean_of(code, values, "automatic") for values in enough]
            means[code] = of_points[0] if len(of_points) == 1 else of_means(code, of_points)
        else:
            short[code] = max(len(values) for values in by_station.values())
    result = judged(means, kind_of(section), section.target_class, saturation=rule.saturation)
    cls = result.found.cls
    detail = {
        **result.detail,
        "name": section.name_zh,
        "short": short,
        "left_out": {code: dict(sorted(why.items())) for code, why in sorted(of_day.left_out.items())},
        "manual": {
            code: [f"{'<' if one.below else ''}{float(one.value)!r}" for one in samples]
            for code, samples in sorted(of_day.manual.items())
        },
        "sample_classes": of_day.classes,
        "counts": {station: dict(sorted(of.items())) for station, of in sorted(of_day.counts.items())},
        "validity": rule.said,
        "sentence": sentence(cls, result.found.main, section.target_class),
    }
    return Judgement(
        Key(WATER_DAY, SECTION + section.id, day.isoformat(), STANDARD),
        None if cls is None else str(cls), "class", status_of(cls, section.target_class),
        of_day.cycles, _expected(section.id, registry, start, end), CODE_VERSION,
        tuple(sorted(of_day.counts)) or (section.id,), detail, now,
    )  # fmt: skip


def emptied_day(before: Judgement, now: int) -> Judgement:
    """The judgement of a day of which nothing is left to judge."""
    result = judged({}, before.detail["kind"], before.detail["target"], saturation=before.detail["saturation"])
    detail = {
        **before.detail, **result.detail, "short": {}, "left_out": {}, "manual": {}, "counts": {},
        "sample_classes": {"automatic": [], "manual": []}, "sentence": sentence(None, (), None),
    }  # fmt: skip
    return before._replace(value=None, status=status_of(None, None), valid=0, detail=detail, computed_at=now)


def _expected(section: str, registry: Registry, start: int, end: int) -> int:
    """Cycles that the section's automatic station measures in (start, end] [ms]; 0 where only people sample it."""
    cycles = [
        (end - start) // (1000 * (one.expected_period_s or (3_600 if one.period == "hour" else _CYCLE_S)))
        for one in registry.active("water", end - 1)
        if (one.section or one.id) == section and one.sampling != "manual"
    ]
    return max(cycles, default=0)


def sentence(cls: int | None, main: Sequence[str], target: int | None) -> str:
    """What a person reads: the class, its main pollution, its target."""
    if cls is None:
        return "no item has enough values"
    names = {item.code: item.zh for item in water_standard().items}
    text = f"class {class_name(cls)}"
    if main:
        text += f" ({', '.join(f'{names[code]} {code}' for code in main)})"
    return text if target is None else f"{text}, target {class_name(target)}"
