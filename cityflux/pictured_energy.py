"""The picture of a meter's day: which bars, names and titles it gets. How it looks is in `processors/pictures`."""

from datetime import date
from zoneinfo import ZoneInfo

from matplotlib.figure import Figure

from cityflux.pictured import NoPicture
from processors.energy.profile import Profile, profile
from processors.energy.rules import EnergyRules
from processors.indicators.exact import decimal
from processors.pictures import Language, LoadBar, LoadSpan, drawn_language, load_day
from processors.windows import day_bounds
from sensors.instants import HOUR_MS
from store.books import Books
from store.port import ReadingsStore


def pictured_load(
    store: ReadingsStore, books: Books, station: str, day: date, minutes: int, zone: ZoneInfo, rules: EnergyRules,
    language: Language,
) -> Figure:  # fmt: skip
    """The load curve of electricity of a day. Raises NoPicture, StoreUnavailable, StoreMisconfigured, BooksUnavailable."""
    span = day_bounds(day, zone)
    entry = books.registry().entry("energy", station, span[1] - 1)
    if entry is None:
        raise NoPicture(
            f"{station!r} is no energy station of the registry on {day}; `cityflux stations list` shows them"
        )
    found = profile(store, books, station, span, minutes, zone, rules)
    bars = _bars(found)
    if all(bar.power is None for bar in bars):
        raise NoPicture(f"nothing was measured whole of {station} on {day}; see cityflux energy load {station}")
    is_zh = drawn_language(language) == "zh"
    name = entry.name_zh if is_zh else entry.name_en or station
    covered = 100 * found.measured_ms / (span[1] - span[0])
    amount = decimal(found.total, 1)
    said = f"{amount} kWh，实测 {covered:.0f} %" if is_zh else f"{amount} kWh, {covered:.0f} % of the day measured"
    grounds = [LoadSpan(_hour(one.since, found), _hour(one.until, found), one.name) for one in found.segments]
    gaps = [LoadSpan(_hour(one.since, found), _hour(one.until, found), one.why) for one in found.gaps]
    peak = found.demand
    demand = None
    if peak is not None:
        demand = LoadBar(_hour(peak.since, found), _hour(peak.until, found), float(peak.power), is_apportioned=False)
    length = (span[1] - span[0]) / HOUR_MS
    return load_day(
        bars, grounds, gaps, length, f"{name} · {day.isoformat()}", said, demand=demand, language=language
    )  # fmt: skip


def _bars(found: Profile) -> list[LoadBar]:
    return [
        LoadBar(
            _hour(one.since, found),
            _hour(one.until, found),
            float(one.power) if one.is_whole else None,
            # A bar is measured where nothing longer than it lies in it.
            not one.is_resolved,
        )
        for one in found.buckets
    ]


def _hour(at: int, found: Profile) -> float:
    """An instant as hours since midnight, cut to the day."""
    return (min(max(at, found.start), found.end) - found.start) / HOUR_MS
