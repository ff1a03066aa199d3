"""A day of a meter: what it used, by quantity and exactly, how that is known, what of the day was not measured.

    value       standard coal at 当量值 [tce] of all it used; of a meter of water alone the water [m³]
    demand      the greatest mean power of a quarter of an hour, or of an hour where nothing finer was sent
    self-use    generation − fed into the grid, over the time in which both were measured; without it the day is not assessable

A day is judged where anything was read within it, or a count bridges it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from processors.computation import CODE_VERSION
from processors.energy.meters import Meters
from processors.energy.readings import MeterReadings, Read
from processors.energy.rules import PHOTOVOLTAIC, STANDARD, WATER, EnergyRules, unit_of
from processors.energy.totals import Tally, Totals, totals_in
from processors.indicators.energy_balance import standard_coal
from processors.indicators.energy_load import Bucket, edges_of, maximum_demand, shared
from processors.indicators.energy_pieces import Gap, Piece, gaps
from processors.indicators.exact import decimal
from processors.scopes import METER
from processors.windows import day_bounds
from sensors.instants import to_millis
from sensors.stations import Station
from store.judgements import Judgement, Key

ENERGY_DAY = "energy_day"
"""Code of the daily indicator; its scopes are `meter:<id>`."""

# Chosen: what a detail shows of them; the time that was not measured is counted whole.
_MOST_GAPS = 20
# Chosen: below this share of the time an amount is no answer to what was used.
LEAST_COVERAGE = Fraction(95, 100)
TCE_DIGITS = 6
AMOUNT_DIGITS = 3
# Chosen: the errors of two meters of class 1. Where more is fed into the grid than that above generation, one of them is wrong.
_METERS_ERROR = Fraction(2, 100)


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
            entry = entry_of_day(meters.entries.get(name, ()), start, end)
            of_day = {
                code: there for code, of in pieces[name].items()
                if (there := [one for one in of if one.until > start and one.since < end])
            }  # fmt: skip
            # A first count at midnight says nothing of the day that it ends.
            was_read = any(start < at < end for at in read[name].at)
            if entry is not None and (of_day or was_read):
                found.append(_judgement(entry, day, of_day, read[name], zone, rules, now))
    return found


def entry_of_day(entries: Iterable[Station], start: int, end: int) -> Station | None:
    """The entry that holds at the end of a day (start, end] [ms], else the last one that held in it."""
    held = [
        (to_millis(one.active_from) if one.active_from else -(2**62), one)
        for one in entries
        if active_ms([one], start, end) > 0
    ]
    return max(held, key=lambda pair: pair[0])[1] if held else None


def active_ms(entries: Iterable[Station], start: int, end: int) -> int:
    """For how long of (start, end] [ms] any of the entries, which do not overlap, holds."""
    total = 0
    for one in entries:
        since = start if one.active_from is None else max(start, to_millis(one.active_from))
        until = end if one.active_to is None else min(end, to_millis(one.active_to))
        total += max(0, until - since)
    return total


def emptied_day(before: Judgement, now: int) -> Judgement:
    """The judgement of a day of which nothing is left to judge."""
    detail = {
        **before.detail, "totals": Totals({}, {}, Fraction(0), 0, 0, 0).said(), "how": {}, "gaps": {}, "demand": None,
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
    entry: Station, day: date, pieces: Mapping[str, Sequence[Piece]], read: Read, zone: ZoneInfo, rules: EnergyRules, now: int
) -> Judgement:  # fmt: skip
    start, end = day_bounds(day, zone)
    whole = {code: shared(of, [start, end])[0] for code, of in pieces.items()}
    used = {code: Tally(one.amount, one.apportioned, one.measured_ms) for code, one in whole.items()}
    used |= {code: Tally(Fraction(0), Fraction(0), 0) for code in entry.measured if code not in used}
    missing = {code: gaps(pieces.get(code, ()), start, end) for code in sorted(used)}
    self_use, why = _self_use(pieces, used, missing, start, end)
    has_pv = any(code in used for code in PHOTOVOLTAIC)
    electricity = pieces.get("electricity", ())
    totals = Totals(
        used, _by_time_of_use(electricity, day, zone, rules), self_use or Fraction(0), int(self_use is not None),
        int(has_pv), 1,
    )  # fmt: skip
    coal = standard_coal(totals.coal_amounts(), "equivalent")
    expected = active_ms([entry], start, end)
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
        "demand": _demand(electricity, start, end),
        "time_of_use": rules.time_of_use.name,
        "coal": {"basis": coal.basis, **{code: str(tce) for code, tce in sorted(coal.by_carrier.items())}},
        "self_use": None if not has_pv else {"kwh": None if self_use is None else str(self_use), "why": why},
        "without_length": without_length,
        "sentence": _sentence(used, measured, expected, without_length, why if has_pv else ""),
    }
    return Judgement(
        Key(ENERGY_DAY, METER + entry.id, day.isoformat(), STANDARD),
        None if measured == 0 else str(value), unit, "stated" if enough else "not assessable",
        measured // 60_000, expected // 60_000, CODE_VERSION, (entry.id,), detail, now,
    )  # fmt: skip


def _self_use(
    pieces: Mapping[str, Sequence[Piece]], used: Mapping[str, Tally], missing: Mapping[str, Sequence[Gap]], start: int, end: int
) -> tuple[Fraction | None, str]:  # fmt: skip
    """Self-use [kWh] over the time in which both were measured, or why it is not known."""
    lacking = [code for code in PHOTOVOLTAIC if code not in used]
    if lacking:
        return None, f"{lacking[0]} is not measured"
    without = sorted((gap.since, gap.until) for code in PHOTOVOLTAIC for gap in missing[code])
    edges = sorted({start, end, *(edge for span in without for edge in span)})
    amounts = dict.fromkeys(PHOTOVOLTAIC, Fraction(0))
    both_ms = 0
    by_code = {code: shared(pieces.get(code, ()), edges) for code in PHOTOVOLTAIC}
    for buckets in zip(*by_code.values(), strict=True):
        if all(one.is_whole for one in buckets):
            both_ms += buckets[0].until - buckets[0].since
            for code, one in zip(by_code, buckets, strict=True):
                amounts[code] += one.amount
    most = max(used[code].measured_ms for code in PHOTOVOLTAIC)
    if most == 0:
        return None, "neither was measured"
    if Fraction(both_ms, most) < LEAST_COVERAGE:
        return None, "generation and what was fed into the grid were not measured at the same times"
    generation, exported = amounts["generation"], amounts["exported"]
    if exported > generation * (1 + _METERS_ERROR):
        return None, "more was fed into the grid than was generated"
    return generation - exported, ""


def _by_time_of_use(pieces: Sequence[Piece], day: date, zone: ZoneInfo, rules: EnergyRules) -> dict[str, Fraction]:
    segments = rules.time_of_use.segments(day, zone)
    if not segments or not pieces:
        return {}
    buckets = shared(pieces, [segments[0].since, *(one.until for one in segments)])
    found: dict[str, Fraction] = {}
    for segment, bucket in zip(segments, buckets, strict=True):
        found[segment.name] = found.get(segment.name, Fraction(0)) + bucket.amount
    return found


def _demand(pieces: Sequence[Piece], start: int, end: int) -> dict[str, Any] | None:
    """The greatest power of the day, in quarters where they were seen, else in hours."""
    known = [one for one in pieces if one.amount is not None]
    fine = any(one.until - one.since <= 15 * 60_000 for one in known)
    for minutes in (15, 60) if fine else (60,):
        buckets: list[Bucket] = shared(known, edges_of(start, end, minutes))
        peak = maximum_demand(buckets)
        if peak is not None:
            return {
                "kw": str(peak.power), "since": peak.since, "until": peak.until, "minutes": minutes,
            }  # fmt: skip
    return None


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
