"""Explain, of traffic: from a tunnel over a longer period down to its directions, their days, the hours of a day and
the messages that those came in.

Answers are plain data. A day is computed again from the readings as they lie in the store, and said to differ where
they no longer give what was published.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from processors.explain_parts import NotFound, civil_day_of, gaps, history, lineage, revised_days, shown
from processors.indicators.exact import decimal
from processors.scopes import CITY, STATION, TUNNEL
from processors.standards.traffic import traffic_tables
from processors.traffic.days import (
    TRAFFIC_DAY,
    DayCounts,
    counts_of_day,
    judgement_of,
    readings_of,
    traffic_stations,
)
from processors.traffic.periods import TUNNEL_FLOW
from processors.traffic.rules import TrafficRules
from processors.windows import day_bounds, days_between, period_bounds, period_days
from sensors.instants import iso
from sensors.stations import Registry
from store.books import Books
from store.intervals import Intervals
from store.judgements import Judgement, Judgements
from store.port import ReadingsStore


def explain_flow(
    books: Books,
    store: ReadingsStore,
    period: str,
    zone: ZoneInfo,
    rules: TrafficRules,
    tunnel: str | None,
    day: str | None,
) -> dict[str, Any]:
    """A month, quarter or year of a tunnel, or of the city; with `day` the directions of the tunnel on it. Raises
    NotFound, StoreUnavailable, StoreMisconfigured."""
    registry = books.registry()
    known = sorted({one.tunnel for one in registry if one.family == "traffic" and one.tunnel is not None})
    if tunnel is not None and tunnel not in known:
        raise NotFound(f"{tunnel!r} is no tunnel of the registry; there are {', '.join(known) or 'none'}")
    scope = CITY if tunnel is None else TUNNEL + tunnel
    try:
        first, last = period_days(period)
    except ValueError as error:
        raise NotFound(str(error)) from error
    judgements = Judgements(books)
    found = _current(judgements, TUNNEL_FLOW, scope, period, rules)
    if day is not None:
        if tunnel is None:
            raise NotFound("a day is of a tunnel: name it too, as --tunnel")
        if not first <= civil_day_of(day) <= last:
            raise NotFound(f"{day} is not a day of {period}")
        stations = _stations(registry, tunnel, civil_day_of(day), zone)
        return {
            "indicator": TUNNEL_FLOW, "period": period, "tunnel": tunnel, "day": day, "title": f"{tunnel} {day}",
            "stations": [explain_station_day(books, store, station, day, zone, rules) for station in stations],
        }  # fmt: skip
    if found is None:
        raise NotFound(f"{TUNNEL_FLOW} of {scope} in {period} is not computed: no day of it has closed with vehicles")
    judgement, finality = found
    detail = judgement.detail
    until = min(last, date.fromisoformat(detail["last_day"]))
    start, end = period_bounds(period, zone)
    of = {station: _days_of(judgements, station, first, until) for station in judgement.stations}
    revised = [
        {"station": station, **one}
        for station in judgement.stations
        for one in revised_days(judgements, TRAFFIC_DAY, STATION + station, period[:4], zone)
        if first.isoformat() <= one["day"] <= last.isoformat()
    ]
    return {
        "indicator": TUNNEL_FLOW,
        "period": period,
        "tunnel": tunnel,
        "title": f"{tunnel or 'all tunnels'} {period}",
        **shown(judgement, finality, zone),
        **{
            name: detail[name]
            for name in ("average_daily_vehicles", "average_daily_pcu", "busiest_hour", "mean_saturation", "directions",
                         "tunnels", "short", "rule")
        },
        "days": [
            {"day": text, "stations": {name: _day_line(its.get(text)) for name, its in of.items()}}
            for text in map(date.isoformat, days_between(first, until))
        ],
        "clauses": clauses(judgement.key.standard),
        "revisions": history(judgements, judgement, zone),
        "revised_days": revised,
        "gaps": gaps(books, start, end, zone),
    }  # fmt: skip


def explain_station_day(
    books: Books, store: ReadingsStore, station: str, day: str, zone: ZoneInfo, rules: TrafficRules
) -> dict[str, Any]:
    """A day of a station: how it is judged, its hours, and the messages that each came in. Raises NotFound,
    StoreUnavailable, StoreMisconfigured."""
    civil, registry = civil_day_of(day), books.registry()
    if station not in (known := traffic_stations(registry)):
        raise NotFound(
            f"{station!r} is no station of traffic of the registry; there are {', '.join(known[:12]) or 'none'}"
        )
    start, end = day_bounds(civil, zone)
    intervals, judgements = Intervals(books).all("traffic"), Judgements(books)
    found = _current(judgements, TRAFFIC_DAY, STATION + station, day, rules)
    answer: dict[str, Any] = {
        "indicator": TRAFFIC_DAY, "period": day, "station": station, "gaps": gaps(books, start, end, zone),
    }  # fmt: skip
    if found is None:
        return {**answer, "title": f"{station} {day}: no reading of this day is judged", "hours": []}
    judgement, finality = found
    detail = judgement.detail
    its = rules._replace(scheme=traffic_tables().scheme(judgement.key.standard))
    days = counts_of_day(store, registry, civil, zone, its, intervals, judgement.computed_at, [station])
    again = judgement_of(days[0], its, zone, 0) if days else None
    entries = {one.counts.entry.id: one.counts.entry for one in days}
    read = readings_of(store, start, end, entries, its, intervals, detail=True).get(station, {})
    return {
        **answer,
        "title": f"{detail['name']} {station} {day}: {detail['sentence']}",
        **shown(judgement, finality, zone),
        **{name: value for name, value in detail.items() if name not in {"sentence", "hours"}},
        "hours": _hours(days[0], its, read, books, zone) if days else [],
        "left_out": _left_out(read, zone),
        "clauses": clauses(judgement.key.standard),
        "same_when_computed_again": _same(again, judgement),
        "revisions": history(judgements, judgement, zone),
    }


def _current(
    judgements: Judgements, indicator: str, scope: str, period: str, rules: TrafficRules
) -> tuple[Judgement, str] | None:
    """What stands, by the scheme in use; where that has judged nothing yet, by the one that has."""
    running = [
        (one.judgement, "running") for one in judgements.running(indicator, scope=scope, first=period, last=period)
    ]
    closed = [
        (r.judgement, str(r.finality)) for r in judgements.latest(indicator, scope=scope, first=period, last=period)
    ]
    found = [*running, *closed]
    return next((one for one in found if one[0].key.standard == rules.scheme.name), found[0] if found else None)


def _same(again: Judgement | None, before: Judgement) -> bool:
    if again is None:
        return before.value is None and not before.detail["vehicles"]
    return (again.value, again.valid, again.detail["pcu"]) == (before.value, before.valid, before.detail["pcu"])


def _stations(registry: Registry, tunnel: str, day: date, zone: ZoneInfo) -> list[str]:
    at = day_bounds(day, zone)[1] - 1
    found = [one.id for one in registry.active("traffic", at) if one.tunnel == tunnel]
    if not found:
        raise NotFound(f"no direction of {tunnel} was in service on {day}")
    return found


def _days_of(judgements: Judgements, station: str, first: date, last: date) -> dict[str, Judgement]:
    found = judgements.latest(TRAFFIC_DAY, scope=STATION + station, first=first.isoformat(), last=last.isoformat())
    return {one.judgement.key.period: one.judgement for one in found}


def _day_line(judgement: Judgement | None) -> dict[str, Any]:
    if judgement is None:
        return {"vehicles": None, "pcu": None, "coverage": None, "peak": None, "status": "not assessable"}
    return {
        "vehicles": judgement.value,
        "pcu": judgement.detail["pcu"],
        "coverage": f"{judgement.valid}/{judgement.expected}",
        "peak": judgement.detail["peak"],
        "status": judgement.status,
    }


def _hours(
    of: DayCounts, rules: TrafficRules, read: Mapping[str, pd.DataFrame], books: Books, zone: ZoneInfo
) -> list[dict[str, Any]]:
    """Each hour of the day: what was counted in it, how much of it came, and in which messages."""
    counts = of.counts
    frame = read.get(counts.entry.period, pd.DataFrame({"observed_at": pd.Series([], dtype="datetime64[ms, UTC]")}))
    at = frame["observed_at"].astype("datetime64[ms, UTC]").astype("int64")
    found = []
    for hour in of.flows(60, rules):
        valid, expected = counts.coverage(hour.start, hour.end)
        within = frame[(at > hour.start) & (at <= hour.end)]
        found.append({
            "hour_ended": iso(hour.end, zone),
            "vehicles": hour.vehicles,
            "pcu": str(decimal(hour.pcu, 3)),
            "coverage": {"valid": valid, "expected": expected},
            "readings": len(within),
            "messages": _messages(within, books, zone),
        })  # fmt: skip
    return found


def _messages(within: pd.DataFrame, books: Books, zone: ZoneInfo) -> list[dict[str, Any]]:
    """The topics, journals and batches that the readings came in, each with how many, in the order in which they
    came."""
    if within.empty:
        return []
    first = within.sort_values("received_at").drop_duplicates(["origin", "batch"])
    many = within.groupby(["origin", "batch"]).size()
    return [
        {**lineage(row, books, zone), "readings": int(many[row["origin"], row["batch"]])}
        for row in first.to_dict("records")
    ]


def _left_out(read: Mapping[str, pd.DataFrame], zone: ZoneInfo) -> list[dict[str, str]]:
    """What is doubtful, by the reason that was given."""
    return [
        {"at": iso(row["observed_at"].value // 1_000_000, zone), "quantity": code, "why": doubt.flag}
        for frame in read.values()
        for row in frame[frame["doubtful"].astype(bool)].to_dict("records")
        for code, doubt in row["doubtful"].items()
    ]


def clauses(scheme: str) -> list[dict[str, str]]:
    """The rules that were applied, each with its document, clause and how far it is known."""
    tables = traffic_tables()
    rules = [
        ("passenger car units", tables.scheme(scheme)),
        ("level of service", tables.service),
        ("congestion", tables.congestion),
    ]
    return [{"what": what, "document": of.document, "clause": of.clause, "mark": of.mark} for what, of in rules]
