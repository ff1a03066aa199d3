"""A day of a meter: what it used, by quantity and exactly, how that is known, what of the day was not measured.

    value       standard coal at 当量值 [tce] of all it used; of a meter of water alone the water [m³]
    demand      the greatest mean power of a quarter of an hour, or of an hour that is above every quarter that was seen
    self-use    generation − fed into the grid, over the time in which both were measured; without it the day is not assessable

A day is judged where anything was read within it, or a count bridges it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from processors.computation import CODE_VERSION
from processors.energy.day_totals import of_span
from processors.energy.meters import Meters
from processors.energy.readings import MeterReadings, Read
from processors.energy.rules import STANDARD, WATER, EnergyRules, unit_of
from processors.energy.totals import LEAST_COVERAGE, NOTHING, Tally, Totals, totals_in
from processors.indicators.energy_balance import standard_coal
from processors.indicators.energy_load import edges_of, maximum_demand, shared
from processors.indicators.energy_pieces import Gap, Piece
from processors.indicators.exact import decimal
from processors.scopes import METER
from processors.windows import day_bounds
from sensors.instants import FOREVER, to_millis
from sensors.stations import Station
from store.judgements import Judgement, Key

ENERGY_DAY = "energy_day"
"""Code of the daily indicator; its scopes are `meter:<id>`."""

# Chosen: what a detail shows of them; the time that was not measured is counted whole.
_MOST_GAPS = 20
TCE_DIGITS = 6
AMOUNT_DIGITS = 3


def meter_days(
    readings: MeterReadings,
    meters: Meters,
    wanted: Mapping[date, Collection[str]],
    zone: ZoneInfo,
    rules: EnergyRules,
    now: int,
) -> list[Judgement]:
    """The judgements of consecutive days, of each the stations that are wanted, as far as anything came of them. Raises
    StoreUnavailable, StoreMisconfigured."""
    days = sorted(wanted)
    names = {name for of_day in wanted.values() for name in of_day}
    if not names:
        return []
    pieces, read = readings.pieces(names, day_bounds(days[0], zone)[0], day_bounds(days[-1], zone)[1])
    found = []
    for day in days:
        start, end = day_bounds(day, zone)
        for name in sorted(wanted[day]):
            entries = meters.entries.get(name, [])
            entry = entry_of_day(entries, start, end)
            of_day = {
                code: there for code, of in pieces[name].items()
                if (there := [one for one in of if one.until > start and one.since < end])
            }  # fmt: skip
            # A first count at midnight says nothing of the day that it ends.
            was_read = any(start < at < end for at in read[name].at)
            if entry is not None and (of_day or was_read):
                found.append(_judgement(entry, entries, day, of_day, read[name], zone, rules, now))
    return found


def entry_of_day(entries: Iterable[Station], start: int, end: int) -> Station | None:
    """The entry that holds at the end of a day (start, end] [ms], else the last one that held in it."""
    held = [
        (to_millis(one.active_from) if one.active_from else -FOREVER, one)
        for one in entries
        if active_ms([one], start, end) > 0
    ]
    return max(held, key=lambda pair: pair[0])[1] if held else None


def active_ms(entries: Iterable[Station], start: int, end: int) -> int:
    """For how long of (start, end] [ms] any of the entries, which do not overlap, holds."""
    return sum(until - since for (since, until), _ in _active(entries, start, end))


def counts_in_sums(entry: Station) -> bool:
    """Whether a meter's use counts in its district and the city."""
    return entry.main_meter is None and entry.kind == "assessment"


def places_of(day: Judgement) -> list[tuple[str, bool, Totals]]:
    """The totals of a day by district, and whether they count there and in the city; more than one where the meter moved."""
    detail = day.detail
    if "places" not in detail:
        return [(detail["district"], detail["main_meter"] is None and detail["kind"] == "assessment", totals_of(day))]
    return [
        (place["district"], place["counts"], totals_in(totals))
        for place in detail["places"] for totals in place["totals"]
    ]  # fmt: skip


def emptied_day(before: Judgement, now: int) -> Judgement:
    """The judgement of a day of which nothing is left to judge."""
    detail = {
        **{name: of for name, of in before.detail.items() if name != "places"},
        "totals": NOTHING.said(), "how": {}, "gaps": {}, "demand": None,
        "coal": {}, "self_use": None, "sentence": "nothing was measured",
    }  # fmt: skip
    return before._replace(value=None, status="not assessable", valid=0, detail=detail, computed_at=now)


def totals_of(day: Judgement) -> Totals:
    """What a day's judgement adds to longer ones."""
    return totals_in(day.detail["totals"])


def said_of(code: str, one: Tally) -> str:
    """An amount as a person reads it; what was never measured is no zero."""
    if one.measured_ms == 0:
        return f"{code} not measured"
    return f"{code} {decimal(one.amount, AMOUNT_DIGITS)} {unit_of(code)}"


def _judgement(
    entry: Station, entries: Sequence[Station], day: date, pieces: Mapping[str, Sequence[Piece]], read: Read,
    zone: ZoneInfo, rules: EnergyRules, now: int,
) -> Judgement:  # fmt: skip
    start, end = day_bounds(day, zone)
    segments = rules.time_of_use.segments(day, zone)
    totals, missing, no_self_use = of_span(pieces, entry.measured, start, end, segments)
    used = totals.used
    places = _places(entries, start, end)
    coal = standard_coal(totals.coal_amounts(), "equivalent")
    expected = active_ms(entries, start, end)
    measured = min(totals.measured_ms, expected)
    value, unit = decimal(coal.tce, TCE_DIGITS), "tce"
    if set(used) == {WATER}:
        value, unit = decimal(used[WATER].amount, AMOUNT_DIGITS), unit_of(WATER)
    without_length = sum(start < at <= end for at in read.without_length)
    enough = expected > 0 and Fraction(measured, expected) >= LEAST_COVERAGE
    detail: dict[str, Any] = {
        "name": entry.name_zh,
        "district": entry.district,
        "main_meter": entry.main_meter,
        "kind": entry.kind,
        "totals": totals.said(),
        "how": {code: sorted({one.how for one in of if one.amount is not None}) for code, of in sorted(pieces.items())},
        "gaps": {code: _shown(of) for code, of in missing.items() if of},
        "demand": _demand(pieces.get("electricity", ()), start, end),
        "time_of_use": rules.time_of_use.name,
        "coal": {"basis": coal.basis, **{code: str(tce) for code, tce in sorted(coal.by_carrier.items())}},
        "self_use": {"kwh": str(totals.self_use) if totals.self_use_days else None, "why": no_self_use}
        if totals.pv_days
        else None,
        "without_length": without_length,
        "sentence": _sentence(used, measured, expected, without_length, no_self_use),
    }
    if len(places) > 1:
        detail["places"] = [
            {
                "district": district, "counts": counts,
                "totals": [of_span(pieces, one.measured, *span, segments).totals.said() for span, one in there],
            }
            for (district, counts), there in places.items()
        ]  # fmt: skip
    return Judgement(
        Key(ENERGY_DAY, METER + entry.id, day.isoformat(), STANDARD),
        None if measured == 0 else str(value), unit, "stated" if enough else "not assessable",
        measured // 60_000, expected // 60_000, CODE_VERSION, (entry.id,), detail, now,
    )  # fmt: skip


def _demand(pieces: Sequence[Piece], start: int, end: int) -> dict[str, Any] | None:
    """The greatest power of the day that was seen: of a quarter, or of an hour where its quarters were not seen. An hour's mean
    is above every quarter that was seen only where others were not."""
    known = [one for one in pieces if one.amount is not None]
    peaks = [(maximum_demand(shared(known, edges_of(start, end, minutes))), minutes) for minutes in (15, 60)]
    peak, minutes = max(
        ((one, length) for one, length in peaks if one is not None),
        key=lambda pair: (pair[0].power, -pair[1]), default=(None, 0),
    )  # fmt: skip
    if peak is None:
        return None
    return {"kw": str(peak.power), "since": peak.since, "until": peak.until, "minutes": minutes}


def _active(entries: Iterable[Station], start: int, end: int) -> Iterator[tuple[tuple[int, int], Station]]:
    """The parts (since, until] of (start, end] [ms] in which an entry holds, with it."""
    for one in entries:
        since = start if one.active_from is None else max(start, to_millis(one.active_from))
        until = end if one.active_to is None else min(end, to_millis(one.active_to))
        if since < until:
            yield (since, until), one


def _places(
    entries: Iterable[Station], start: int, end: int
) -> Mapping[tuple[str, bool], list[tuple[tuple[int, int], Station]]]:
    """The parts of a day by where the meter stood and whether it counted there."""
    found: defaultdict[tuple[str, bool], list[tuple[tuple[int, int], Station]]] = defaultdict(list)
    for span, entry in _active(entries, start, end):
        found[entry.district, counts_in_sums(entry)].append((span, entry))
    return found


def _shown(of: Sequence[Gap]) -> dict[str, Any]:
    return {
        "ms": sum(gap.until - gap.since for gap in of),
        "count": len(of),
        "spans": [list(gap) for gap in of[:_MOST_GAPS]],
    }


def _sentence(used: Mapping[str, Tally], measured: int, expected: int, without_length: int, no_self_use: str) -> str:
    parts = [said_of(code, one) for code, one in sorted(used.items())]
    shares = [code for code, one in sorted(used.items()) if one.apportioned]
    if shares:
        parts.append(f"shared out by time in part: {', '.join(shares)}")
    if no_self_use:
        parts.append(f"self-use is not known: {no_self_use}")
    if measured < expected:
        parts.append(f"{measured // 60_000} of {expected // 60_000} minutes measured")
    if without_length:
        parts.append(f"{without_length} amounts left out: nobody says of how long a time; set expected_period_s")
    return "; ".join(parts) or "nothing was measured"
