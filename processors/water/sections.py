"""Sections over months, quarters and years, from their days in the books.

    month     per quantity the mean of its days' automatic means, where enough days of the month have one; else that of the
              samples that people drew
    quarter   mean of its months' means
    year      mean of its months' means: compliance (a) by its class; (b) by the share of its samples that keep the target

While a period is open, a month is held against the days that have closed, and a quarter or year has the months that have. In a
year that runs, `room` is what the months left may average of each item.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Any, NamedTuple

from processors.computation import CODE_VERSION
from processors.indicators.exact import decimal
from processors.indicators.water_means import Sample, sample
from processors.indicators.water_periods import (
    Room,
    ranking_index,
    room,
    share_of_samples,
    trophic_level,
    trophic_state,
)
from processors.scopes import SECTION
from processors.standards.water import water_standard
from processors.water.days import STANDARD, kind_of, sentence
from processors.water.items import Mean, judged, mean_of, means_in, of_means, status_of
from processors.water.validity import Validity
from processors.windows import days_between, period_days
from sensors.stations import Station
from store.judgements import Judgement, Key

WATER_SECTION = "water_section"
"""Code of the indicator of a section; its periods are months, quarters and years."""

MONTHS = 12
_MG_PER_M3 = 1_000
"""Of a milligram in a litre."""

Days = Mapping[str, Judgement]
"""The daily judgements of a section, by day as text."""


class _Part(NamedTuple):
    """Means of a month, and the quantities that have too few days for one."""

    means: dict[str, Mean]
    short: dict[str, int]


class SectionDays:
    """The days of a section up to `last_closed`, by day as text; its months are made once."""

    def __init__(self, days: Days, rule: Validity, last_closed: date) -> None:
        self.rule = rule
        self.last_closed = last_closed
        self._days = days
        self._months: dict[str, _Part] = {}

    def between(self, first: date, last: date) -> list[Judgement]:
        """The days that came, up to the last closed one."""
        every = days_between(first, min(last, self.last_closed))
        return [self._days[day.isoformat()] for day in every if day.isoformat() in self._days]

    def months(self, first: date, last: date) -> dict[int, _Part]:
        """The months of a period by number; of a longer one those that have closed."""
        found: dict[int, _Part] = {}
        for month in range(first.month, last.month + 1):
            name = f"{first.year}-{month:02d}"
            begins, ends = period_days(name)
            if ends > self.last_closed and first.month < last.month:
                break
            if name not in self._months:
                length = (min(ends, self.last_closed) - begins).days + 1
                self._months[name] = _month_means(self.between(begins, ends), length, self.rule)
            found[month] = self._months[name]
        return found


def section_judgement(section: Station, period: str, days: SectionDays, now: int) -> Judgement | None:
    """The judgement of a month, quarter or year as far as its days have closed, by the section's entry of its end; None where it
    has no day that came."""
    first, last = period_days(period)
    rule, until = days.rule, min(last, days.last_closed)
    there = days.between(first, last)
    if not there:
        return None
    target, is_over = section.target_class, last <= days.last_closed
    months = days.months(first, last)
    is_month, is_year = first.month == last.month, first.month < last.month - 2
    part = months[first.month] if is_month else _of_months(months)
    found = judged(part.means, kind_of(section), target, saturation=rule.saturation)
    counted = [month for month, one in months.items() if _items(one.means)]
    needed = 1 if is_month else rule.months_of_year if is_year else rule.months_of_quarter
    left = MONTHS - max(months, default=0) if is_year and not is_over else 0
    rooms = _room(months, section, left)
    cls = found.found.cls
    complete = found.found.complete and not found.undetermined
    detail: dict[str, Any] = {
        **found.detail,
        "name": section.name_zh,
        "last_day": until.isoformat(),
        "days": len(there),
        "short": part.short,
        "definite": is_over and len(counted) >= needed and complete,
        "samples": _samples(_sample_classes(there), target),
        "validity": rule.said,
        "ranking_index": _ranking(part.means, section),
        "trophic": _trophic(part.means) if kind_of(section) == "lake" else None,
        "room": [_said(one) for one in rooms],
        "sentence": sentence(cls, found.found.main, target) + _ahead(rooms, left),
    }
    if not is_month:
        detail["months"] = {f"{month:02d}": _month(months[month], section, rule) for month in counted}
        detail["months_short"] = [f"{month:02d}" for month in months if month not in counted]
        detail["months_needed"] = needed
    status = status_of(cls if len(counted) >= needed or not is_over else None, target)
    if not is_over and status in {"met", "missed"}:
        status = _open_status(status, rooms)
    return Judgement(
        Key(WATER_SECTION, SECTION + section.id, period, STANDARD),
        None if cls is None else str(cls), "class", status, len(there), (last - first).days + 1, CODE_VERSION,
        tuple(sorted({name for one in there for name in one.stations})), detail, now,
    )  # fmt: skip


def _month_means(days: Sequence[Judgement], length: int, rule: Validity) -> _Part:
    daily: defaultdict[str, list[Mean]] = defaultdict(list)
    drawn: defaultdict[str, list[Sample]] = defaultdict(list)
    for day in days:
        for code, one in means_in(day.detail).items():
            if one.by == "automatic":
                daily[code].append(one)
        for code, texts in day.detail["manual"].items():
            drawn[code] += [sample(text) for text in texts]
    enough = {code: rows for code, rows in daily.items() if 100 * len(rows) >= rule.percent_of_month * length}
    means = {code: mean_of(code, samples, "manual") for code, samples in drawn.items()}
    means |= {code: of_means(code, rows) for code, rows in enough.items()}
    return _Part(means, {code: len(rows) for code, rows in sorted(daily.items()) if code not in enough})


def _of_months(months: Mapping[int, _Part]) -> _Part:
    codes = sorted({code for one in months.values() for code in one.means})
    return _Part(
        {code: of_means(code, [one.means[code] for one in months.values() if code in one.means]) for code in codes}, {}
    )


def _items(means: Mapping[str, Mean]) -> dict[str, Fraction]:
    """The exact means of what is evaluated."""
    known = water_standard().by_code
    return {code: one.exact for code, one in means.items() if code in known}


def _month(part: _Part, section: Station, rule: Validity) -> dict[str, Any]:
    """A month as a longer period shows it."""
    found = judged(part.means, kind_of(section), section.target_class, saturation=rule.saturation)
    return {
        "class": found.found.cls,
        "values": {code: one["value"] for code, one in found.detail["items"].items()},
        "main": found.detail["main"],
    }


def _sample_classes(days: Iterable[Judgement]) -> Counter[int]:
    """How many samples were of which class: of the automatic station where it has any, else those that people drew."""
    found = {"automatic": Counter[int](), "manual": Counter[int]()}
    for day in days:
        for by, classes in day.detail["sample_classes"].items():
            found[by].update(classes)
    return found["automatic"] or found["manual"]


def _samples(classes: Counter[int], target: int | None) -> dict[str, Any] | None:
    """Definition (b) as data."""
    if not classes:
        return None
    detail: dict[str, Any] = {"n": classes.total(), "by_class": {str(cls): n for cls, n in sorted(classes.items())}}
    if target is not None:
        share, verdict = share_of_samples(list(classes.elements()), target)
        detail |= {
            "kept": sum(n for cls, n in classes.items() if cls <= target),
            "percent": str(decimal(100 * share, 1)),
            "verdict": verdict,
        }
    return detail


def _ranking(means: Mapping[str, Mean], section: Station) -> str | None:
    items = _items(means)
    index = ranking_index(items, kind_of(section)) if items else None
    return None if index is None else str(decimal(index, 4))


def _trophic(means: Mapping[str, Mean]) -> dict[str, Any] | None:
    values = {code: float(one.exact) for code, one in means.items()}
    values["chlorophyll_a"] = values.get("chlorophyll_a", 0.0) * _MG_PER_M3
    index = trophic_level(values)
    if index is None:
        return None
    zh, en = trophic_state(index)
    return {"index": round(index, 2), "zh": zh, "en": en}


def _room(months: Mapping[int, _Part], section: Station, left: int) -> list[Room]:
    if section.target_class is None or left < 1:
        return []
    values = {month: items for month, one in months.items() if (items := _items(one.means))}
    return room(values, kind_of(section), section.target_class, left)


def _said(one: Room) -> dict[str, Any]:
    return {
        "item": one.code,
        "limit": str(one.limit),
        "may_average": None if one.may_average is None else str(one.may_average),
        "inclusive": one.inclusive,
        "margin": None if one.margin is None else str(one.margin),
    }


def _ahead(rooms: Sequence[Room], left: int) -> str:
    """The item with the least room, in words."""
    if not rooms:
        return ""
    one = rooms[0]
    months = "month" if left == 1 else "months"
    if one.may_average is None:
        return f"; {one.code}: the target cannot be reached any more"
    sign = "≥" if water_standard().by_code[one.code].better == "more" else "≤"
    return f"; {one.code} may average {sign} {float(one.may_average):.3g} mg/L in the {left} {months} left"


def _open_status(status: str, rooms: Sequence[Room]) -> str:
    """Of a period that is open: out of reach, at risk where it fails so far, or on track."""
    if any(one.may_average is None for one in rooms):
        return "missed"
    return "on track" if status == "met" else "at risk"
