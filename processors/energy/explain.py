"""Explain, of energy: from the city or a district to its meters, from a meter to its days, from a day to the pieces of use it is
made of, the readings that say them, and the messages these came in.

Answers are plain data. A day is computed again from the readings as they lie in the store, and said to differ where they no
longer give what was published.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from processors.energy.days import AMOUNT_DIGITS, ENERGY_DAY, entry_of_day, meter_days
from processors.energy.meters import Meters
from processors.energy.readings import CODES, MeterReadings
from processors.energy.rules import EnergyRules, unit_of
from processors.energy.totals import NOTHING
from processors.energy.use import ENERGY_USE
from processors.explain_parts import NotFound, gaps, history, lineage, revised_days, shown
from processors.indicators.energy_pieces import Piece
from processors.indicators.exact import decimal
from processors.scopes import METER
from processors.standards.energy import energy_tables
from processors.windows import day_bounds, period_bounds, period_days
from sensors.instants import iso
from store.books import Books
from store.intervals import Intervals
from store.judgements import Judgements
from store.port import ReadingsStore


def explain_energy(
    books: Books, store: ReadingsStore, period: str, scope: str, zone: ZoneInfo, rules: EnergyRules
) -> dict[str, Any]:
    """What `scope` (city, district:ID, meter:ID) used in a month, quarter or year; of a meter also on a day. Raises NotFound,
    StoreUnavailable, StoreMisconfigured."""
    try:
        first, last = period_days(period)
    except ValueError as error:
        raise NotFound(str(error)) from error
    if first == last:
        if not scope.startswith(METER):
            raise NotFound("a day is of a meter: name it too, as --meter")
        return _day(books, store, first, scope.removeprefix(METER), zone, rules)
    judgements = Judgements(books)
    found = judgements.current(ENERGY_USE, scope, period)
    if found is None:
        there = sorted({one for one, _ in judgements.standing(ENERGY_USE, first=period, last=period)})
        raise NotFound(
            f"nothing is computed of {scope} in {period}; there are {', '.join(there[:12]) or 'none at all'}"
        )
    judgement, finality = found
    detail = judgement.detail
    start, end = period_bounds(period, zone)
    answer: dict[str, Any] = {
        "indicator": ENERGY_USE,
        "period": period,
        "scope": scope,
        "title": f"{detail.get('name', '')} {scope} {period}".strip(),
        **shown(judgement, finality, zone),
        "used": _amounts(detail["totals"]),
        "periods": {
            name: str(decimal(Fraction(one), AMOUNT_DIGITS)) for name, one in detail["totals"]["periods"].items()
        },
        **{name: detail[name] for name in ("coal", "carbon", "photovoltaics", "time_of_use", "last_day")},
        "clauses": _clauses(detail),
        "revisions": history(judgements, judgement, zone),
        "gaps": gaps(books, start, end, zone),
    }
    if not scope.startswith(METER):
        meters = {name: _amounts(of["totals"]) for name, of in detail["meters"].items()}
        return {**answer, "meters": meters, "silent": detail["silent"]}
    span = first.isoformat(), last.isoformat()
    days = judgements.standing(ENERGY_DAY, scope=scope, first=span[0], last=span[1])
    revised = revised_days(judgements, ENERGY_DAY, scope, period[:4], zone)
    return {
        **answer,
        "how": detail["how"],
        "losses": detail["losses"],
        "demand": detail["demand"],
        "days": [
            {"day": day, "status": one.status, "covered": [one.valid, one.expected], "sentence": one.detail["sentence"]}
            for (_, day), (one, _) in sorted(days.items())
        ],
        "revised_days": [one for one in revised if span[0] <= one["day"] <= span[1]],
    }


def _day(
    books: Books, store: ReadingsStore, day: date, station: str, zone: ZoneInfo, rules: EnergyRules
) -> dict[str, Any]:
    meters = Meters(books.registry(), zone)
    if station not in meters.entries:
        raise NotFound(
            f"{station!r} is no energy station of the registry; there are {', '.join(sorted(meters.entries)[:12])}"
        )
    start, end = day_bounds(day, zone)
    readings = MeterReadings(store, meters, Intervals(books).all("energy"))
    pieces = readings.pieces([station], start, end)[0][station]
    instants = sorted({edge for of in pieces.values() for one in of for edge in (one.since, one.until)})
    judgements = Judgements(books)
    found = judgements.current(ENERGY_DAY, METER + station, day.isoformat())
    answer: dict[str, Any] = {
        "indicator": ENERGY_USE,
        "period": day.isoformat(),
        "scope": METER + station,
        "day": day.isoformat(),
        "covers": {"from": iso(start, zone), "to": iso(end, zone)},
        "pieces": [
            _piece(code, one, start, end, zone) for code, of in sorted(pieces.items()) for one in of
        ],
        "readings": list(_readings(books, store, meters, station, (start, end), instants, zone)),
        "gaps": gaps(books, start, end, zone),
    }  # fmt: skip
    if found is None:
        why = "not published yet" if answer["readings"] else "no reading of this day, and no count bridges it"
        return {**answer, "title": f"{station} {day}: {why}", "why": why}
    judgement, finality = found
    detail = judgement.detail
    again = meter_days(readings, meters, {day: [station]}, zone, rules, 0)
    return {
        **answer,
        "title": f"{detail['name']} {station} {day}",
        **shown(judgement, finality, zone),
        "used": _amounts(detail["totals"]),
        "not_measured": {
            code: [{"from": iso(since, zone), "to": iso(until, zone), "why": why} for since, until, why in of["spans"]]
            for code, of in detail["gaps"].items()
        },
        "same_when_computed_again": (again[0].detail["totals"] if again else NOTHING.said()) == detail["totals"],
        "revisions": history(judgements, judgement, zone),
    }


def _readings(
    books: Books, store: ReadingsStore, meters: Meters, station: str, span: tuple[int, int], instants: list[int],
    zone: ZoneInfo,
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """The readings of a day, and those before and after it that say what was used on it, in order of time."""
    start, end = span
    outside = [at for at in instants if not start < at <= end]
    spans = [*((at - 1, at) for at in outside if at <= start), span, *((at - 1, at) for at in outside if at > end)]
    entry = entry_of_day(meters.entries[station], start, end)
    for since, until in spans:
        for period in meters.by_period([station]):
            frame = store.readings("energy", period, since, until, [station], CODES, detail=True)
            for row in frame.to_dict("records"):
                yield {
                    "at": iso(int(row["observed_at"].value // 1_000_000), zone),
                    "period": period,
                    "values": {code: row[code] for code in CODES if not pd.isna(row[code])},
                    "left_out": {code: doubt.flag for code, doubt in row["doubtful"].items()},
                    "factor": None if entry is None else entry.meter_factor,
                    **lineage(row, books, zone),
                }


def _piece(code: str, one: Piece, start: int, end: int, zone: ZoneInfo) -> dict[str, Any]:
    """A piece of use, and what of it is this day's by time."""
    within = min(end, one.until) - max(start, one.since)
    share = None if one.amount is None else one.amount * within / (one.until - one.since)
    return {
        "quantity": code,
        "from": iso(one.since, zone),
        "to": iso(one.until, zone),
        "amount": None if one.amount is None else str(one.amount),
        "of_this_day": None if share is None else str(share),
        "unit": unit_of(code),
        "how": one.how,
        "apportioned": within < one.measured_over_ms,
    }


def _amounts(totals: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "quantity": code,
            "exact": one["exact"],
            # What was never measured is no zero.
            "value": str(decimal(Fraction(one["exact"]), AMOUNT_DIGITS)) if one["measured_ms"] else None,
            "unit": unit_of(code),
            "apportioned_percent": _percent(one["apportioned"], one["exact"]),
            "measured_h": round(one["measured_ms"] / 3_600_000, 3),
        }
        for code, one in totals["used"].items()
    ]


def _percent(part: str, whole: str) -> float:
    return float(round(100 * Fraction(part) / Fraction(whole), 1)) if Fraction(whole) else 0.0


def _clauses(detail: Mapping[str, Any]) -> list[dict[str, str]]:
    """The rules that were applied, each with its document, clause and how far it is known."""
    tables = energy_tables()
    found = [
        {
            "what": f"standard coal of {code}, {detail['coal']['basis_zh']}"
            if code == "electricity"
            else f"standard coal of {code}",
            "document": tables.coal.document,
            "clause": tables.coal.clause,
            "mark": tables.carriers[code].mark,
        }
        for code in detail["coal"]["by_carrier"]
    ]
    for code in detail["carbon"]["by_carrier"]:
        if code in tables.fuels:
            carbon = tables.carbon
            found.append({
                "what": f"carbon dioxide of {code}", "document": carbon.document, "clause": carbon.clause, "mark": carbon.mark,
            })  # fmt: skip
    carbon_said = detail["carbon"]
    if "document" in carbon_said:
        year = next(one for one in tables.grid.years if one.year == carbon_said["of_year"])
        found.append({
            "what": f"carbon dioxide of electricity: {carbon_said['policy']}", "document": year.document,
            "clause": tables.grid.clause, "mark": year.marks[carbon_said["place"]],
        })  # fmt: skip
    return found
