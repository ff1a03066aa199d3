"""What is lost between a main meter and its sub-meters, by quantity: the main's amount less the sum of theirs.

Only of days on which the main meter and every sub-meter was measured whole: a silent sub-meter would look like a loss. A period
is assessable where all of its days are; else it says whose days lack, and what the others give.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from processors.energy.days import entry_of_day, totals_of
from processors.energy.meters import Meters
from processors.energy.rules import PHOTOVOLTAIC, USES
from processors.energy.totals import Totals
from processors.indicators.exact import decimal
from processors.windows import day_bounds
from store.judgements import Judgement

Days = Mapping[str, Judgement]
"""A meter's days, by day as text."""

_LOSABLE = tuple(code for code in USES if code not in PHOTOVOLTAIC)
_DIGITS = 3


def sub_meters(meters: Meters, main: str, start: int, end: int) -> list[str]:
    """The sub-meters of a meter at the end of a day (start, end] [ms], by id."""
    return sorted(
        name
        for name, entries in meters.entries.items()
        if (entry := entry_of_day(entries, start, end)) is not None and entry.main_meter == main
    )


def losses(
    main: str, days: Sequence[date], of: Mapping[str, Days], meters: Meters, zone: ZoneInfo
) -> dict[str, dict[str, Any]]:
    """By quantity, as data; `of` are the days of the main meter and of every meter that may be its sub-meter. Nothing where it
    had none."""
    found: dict[str, dict[str, Any]] = {}
    seen = {name: {code for one in its.values() for code in totals_of(one).used} for name, its in of.items()}
    for day in days:
        start, end = day_bounds(day, zone)
        subs = sub_meters(meters, main, start, end)
        for code in _LOSABLE if subs else ():
            ours = [name for name in subs if code in _measured(meters, name, start, end, seen.get(name, set()))]
            if code not in seen.get(main, set()) or not ours:
                continue
            total = found.setdefault(code, _nothing())
            total["of"] += 1
            amounts = {name: _whole(of.get(name, {}).get(day.isoformat()), code, end - start) for name in [main, *ours]}
            lacking = [name for name, amount in amounts.items() if amount is None]
            for name in lacking:
                total["lacking"][name] = total["lacking"].get(name, 0) + 1
            if not lacking:
                total["days"] += 1
                total["main"] += amounts.pop(main) or 0
                for name, amount in amounts.items():
                    total["subs"][name] = total["subs"].get(name, Fraction(0)) + (amount or 0)
    return {code: _said(one) for code, one in found.items()}


def sum_of_losses(parts: Iterable[Mapping[str, Mapping[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Those of a longer period, from those of its months."""
    found: dict[str, dict[str, Any]] = {}
    for part in parts:
        for code, one in part.items():
            total = found.setdefault(code, _nothing())
            total["main"] += Fraction(one["main"])
            total["days"] += one["days"]
            total["of"] += one["of"]
            for name, amount in one["subs"].items():
                total["subs"][name] = total["subs"].get(name, Fraction(0)) + Fraction(amount)
            for name, count in one["lacking"].items():
                total["lacking"][name] = total["lacking"].get(name, 0) + count
    return {code: _said(one) for code, one in found.items()}


def _nothing() -> dict[str, Any]:
    return {"main": Fraction(0), "subs": {}, "days": 0, "of": 0, "lacking": {}}


def _measured(meters: Meters, name: str, start: int, end: int, seen: set[str]) -> set[str]:
    """What a sub-meter measures: as its entry says, else what it sent in the period; one that sent nothing may be any."""
    entry = entry_of_day(meters.entries[name], start, end)
    if entry is not None and entry.measured:
        return set(entry.measured)
    return seen or set(_LOSABLE)


def _whole(day: Judgement | None, code: str, length: int) -> Fraction | None:
    """What was used on a day that was measured whole; with photovoltaics what came from the grid and the roof."""
    if day is None:
        return None
    totals: Totals = totals_of(day)
    one = totals.used.get(code)
    if one is None or one.measured_ms != length:
        return None
    if code != "electricity" or not totals.pv_days:
        return one.amount
    is_whole = all(code in totals.used and totals.used[code].measured_ms == length for code in PHOTOVOLTAIC)
    return one.amount + totals.self_use if totals.self_use_days and is_whole else None


def _said(one: Mapping[str, Any]) -> dict[str, Any]:
    main, subs = one["main"], sum(one["subs"].values(), Fraction(0))
    return {
        "main": str(main),
        "subs": {name: str(amount) for name, amount in sorted(one["subs"].items())},
        "loss": str(main - subs),
        "percent": str(decimal(100 * (main - subs) / main, _DIGITS)) if main else None,
        "days": one["days"],
        "of": one["of"],
        "lacking": dict(sorted(one["lacking"].items())),
        "assessable": one["days"] == one["of"],
    }
