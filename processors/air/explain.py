"""Explain: the whole chain behind a published number, from the year down to station-hours and the messages they came in.

Answers are plain data (dicts, lists, text, numbers), the same for text and JSON. A day is computed again from the readings
as they lie in the store, and said to differ where they no longer give what was published.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from processors.air.days import DAILY_AQI, compute_block
from processors.air.would_be import clauses, would_be_good
from processors.explain_parts import NotFound, gaps, heading, history, lineage, of_year, revised_days, shown
from processors.indicators.air_daily import station_days
from processors.indicators.day_grid import WINDOW_HOURS
from processors.plans import Indicator
from processors.standards.tables import POLLUTANTS, air_rules, index_named
from processors.windows import day_bounds, days_between, year_bounds
from processors.withheld import withheld
from sensors.instants import HOUR_MS, iso
from sensors.quantities import OF_FAMILY
from sensors.stations import Registry
from store.books import Books
from store.events import Event, Events
from store.intervals import Intervals
from store.judgements import Judgement, Judgements, Revision
from store.port import ReadingsStore


def explain_year(books: Books, indicator: Indicator, year: str, zone: ZoneInfo) -> dict[str, Any]:
    """The indicator of a year: value, how it came about, its revisions, each day, gaps in what we received.

    Raises NotFound.
    """
    judgements = Judgements(books)
    nothing = " is not computed yet: no closed day with readings; see cityflux ledger"
    judgement, finality = of_year(judgements, indicator, year, nothing=nothing)
    days = {
        r.judgement.key.period: r
        for r in judgements.latest(DAILY_AQI, scope=indicator.scope, first=f"{year}-01-01", last=f"{year}-12-31")
    }
    start, end = year_bounds(int(year), zone)
    every = days_between(date(int(year), 1, 1), date.fromisoformat(judgement.detail["last_day"]))
    return {
        **heading(indicator, year),
        "target": {"direction": indicator.direction, "value": str(indicator.goal), "unit": indicator.unit},
        **shown(judgement, finality, zone),
        "bad_days": {name: judgement.detail.get(f"bad_days_{name}") for name in ("allowed", "left")},
        "without_events": judgement.detail.get("without_events"),
        "events": [
            _event(event, zone) for event in Events(books).all("air") if event.since < end and event.until > start
        ],
        "revisions": history(judgements, judgement, zone),
        "revised_days": revised_days(judgements, DAILY_AQI, indicator.scope, year, zone),
        "days": [_day_line(day, days.get(day.isoformat())) for day in every],
        "gaps": gaps(books, start, end, zone),
    }


def explain_day(
    books: Books, store: ReadingsStore, indicator: Indicator, year: str, day: str, zone: ZoneInfo
) -> dict[str, Any]:
    """One day of the indicator: the city's verdict, each pollutant, each station, each station-hour.

    Raises NotFound, StoreUnavailable, StoreMisconfigured.
    """
    try:
        civil = date.fromisoformat(day)
    except ValueError as error:
        raise NotFound(f"{day!r} is not a day; write for example {year}-03-05") from error
    if day[:4] != year:
        raise NotFound(f"{day} is not a day of {year}")
    judgements = Judgements(books)
    registry = books.registry()
    start, end = day_bounds(civil, zone)
    known = sorted({station.id for station in registry if station.family == "air"})
    intervals = Intervals(books).all("air")
    hours = withheld(store.readings("air", "hour", start, end, known, POLLUTANTS, detail=True), intervals, "hour")
    events = Events(books).all("air")
    scope = indicator.scope
    found = judgements.current(DAILY_AQI, scope, day)
    again = compute_block(
        store, registry, [civil], zone, variant="CNEMC-realtime", hours=(), now=0, intervals=intervals, events=events
    ).judgements
    recomputed = {judgement.key.scope: judgement for judgement in again}
    answer: dict[str, Any] = {
        "indicator": indicator.code,
        "period": year,
        "day": day,
        "covers": {
            "from": iso(start, zone),
            "to": iso(end, zone),
            "rule": "an hour belongs to the day in which it began",
        },
        "stations_known": len(known),
        "gaps": gaps(books, start, end, zone),
    }
    if found is None and scope not in recomputed:
        return {
            **answer,
            "state": "not_assessable",
            "why": "no assessment station has a reading of this day",
            "stations": [],
        }
    published, finality = found if found else (recomputed[scope], "not published yet")
    by_standard = published.key.standard
    frame = station_days(hours, zone, by_standard) if not hours.empty else pd.DataFrame()
    rules = air_rules(civil)
    stations = [
        _station(row, registry, published.stations, hours, books, zone, start, end) for row in frame.to_dict("records")
    ]
    silent = [name for name in published.stations if name not in {one["station"] for one in stations}]
    counting = [one for one in stations if one["counts_for_city"]]
    counting += [{"station": name, "exact": {}, "valid_hours": {}} for name in silent]
    return {
        **answer,
        **shown(published, finality, zone),
        "state": published.detail["state"],
        "why": published.detail["why_text"] or "AQI ≤ 100 with every pollutant valid",
        "primary": published.detail["primary"],
        "category": published.detail["category"],
        "standard_document": index_named(by_standard).document,
        "revisions": history(judgements, published, zone) if found else [],
        "same_when_computed_again": scope in recomputed and recomputed[scope].value == published.value,
        "clauses": clauses(rules),
        "would_be_good": would_be_good(published, counting, rules),
        "event": published.detail.get("event"),
        "left_out": [{"station": name, "what": "the whole day", "why": "no reading of this day"} for name in silent]
        + [{"station": one["station"], **left} for one in stations for left in one["left_out"]],
        "pollutants": [_pollutant(code, published) for code in POLLUTANTS],
        "stations": stations,
    }


def _day_line(day: date, revision: Revision | None) -> dict[str, Any]:
    if revision is None:
        return {"day": day.isoformat(), "state": "not_assessable", "aqi": None, "primary": "", "why": "no reading of this day",
                "standard": None, "revision": None}  # fmt: skip
    judgement = revision.judgement
    return {
        "day": day.isoformat(),
        "state": judgement.detail["state"],
        "aqi": None if judgement.value is None else int(judgement.value),
        "primary": judgement.detail["primary"],
        "why": judgement.detail["why_text"],
        "standard": judgement.key.standard,
        "revision": revision.id,
    }


def _event(event: Event, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "event": event.id, "kind": event.kind, "scope": event.scope, "quantities": list(event.quantities),
        "from": iso(event.since, zone), "to": iso(event.until, zone), "evidence": event.evidence,
        "entered_by": event.entered_by, "entered_at": iso(event.entered_at, zone),
    }  # fmt: skip


def _pollutant(code: str, judgement: Judgement) -> dict[str, Any]:
    quantity = OF_FAMILY["air"][code]
    return {
        "quantity": code,
        "name": {"zh": quantity.zh, "en": quantity.en},
        "statistic": "daily maximum 8-hour mean (MDA8)" if code == "o3" else "daily mean",
        "city_value": judgement.detail["concentrations"][code],
        "unit": quantity.unit,
        "iaqi": judgement.detail["iaqi"][code],
    }


def _station(
    row: Mapping[Any, Any],
    registry: Registry,
    used: tuple[str, ...],
    hours: pd.DataFrame,
    books: Books,
    zone: ZoneInfo,
    start: int,
    end: int,
) -> dict[str, Any]:
    name = row["station"]
    entry = registry.entry("air", name, start)
    own = hours[hours["station"] == name]
    return {
        "station": name,
        "name": {"zh": entry.name_zh, "en": entry.name_en} if entry else None,
        "kind": entry.kind if entry else "not active on this day",
        "counts_for_city": name in used,
        "aqi": None if pd.isna(row["aqi"]) else int(row["aqi"]),
        "primary": row["primary"],
        "state": row["state"],
        "why": row["why_text"],
        "values": {c: None if pd.isna(row[c]) else row[c] for c in POLLUTANTS},
        "valid_hours": {c: int(row[f"hours_{c}"]) for c in POLLUTANTS},
        "mda8": {"windows_valid": int(row["windows_o3"]), "hours": _window(int(row["mda8_end"]), start, zone)},
        "exact": {c: str(row[f"{c}_exact"]) for c in POLLUTANTS if row[f"{c}_exact"] is not None},
        "left_out": _left_out(entry is None or entry.kind != "assessment", own, zone, start, end),
        "hours": [_hour(hour, books, zone) for hour in own.to_dict("records")],
    }


def _window(end: int, start: int, zone: ZoneInfo) -> str | None:
    """The eight hours that end with the hour `end` of the day, as clock times."""
    if not end:
        return None
    times = (iso(start + hour * HOUR_MS, zone)[11:16] for hour in (end - WINDOW_HOURS, end))
    return "–".join(times)


def _left_out(whole: bool, own: pd.DataFrame, zone: ZoneInfo, start: int, end: int) -> list[dict[str, str]]:
    """What of a station's day counts for nothing, and why: hours that never came, values that are doubtful or withheld."""
    if whole:
        return [{"what": "the whole day", "why": "no assessment station: it does not count for the city"}]
    ended = {int(at.value // 1_000_000) for at in own["observed_at"]}
    missing = [at for at in range(start + HOUR_MS, end + 1, HOUR_MS) if at not in ended]
    found = []
    if missing:
        hours = ", ".join(iso(at, zone)[11:16] for at in missing)
        found.append({"what": f"hours ended {hours}", "why": "no reading came"})
    doubts: dict[tuple[str, str], list[str]] = {}
    for hour in own.to_dict("records"):
        for code, doubt in hour["doubtful"].items():
            at = hour["observed_at"].tz_convert(zone).isoformat()[11:16]
            value = "" if doubt.value is None else f" ({doubt.value:g})"
            doubts.setdefault((code, doubt.flag), []).append(f"{at}{value}")
    found += [{"what": f"{code} at {', '.join(at)}", "why": flag} for (code, flag), at in doubts.items()]
    return found


def _hour(hour: Mapping[Any, Any], books: Books, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "hour_ended": hour["observed_at"].tz_convert(zone).isoformat(),
        "values": {c: hour[c] for c in POLLUTANTS if not pd.isna(hour[c])},
        "doubtful": {code: doubt._asdict() for code, doubt in hour["doubtful"].items()},
        **lineage(hour, books, zone),
    }
