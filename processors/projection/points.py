"""What becomes of each thing in the books as a point of the projection (`store/measurements.py`). Pure; the time is passed in.

A judgement is drawn at the beginning of its period in the city's time: a day at its midnight, so that nothing has to be summed or
averaged into days again. An incident is drawn at the moment of which it was told.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from processors.alerts.rules import Rule
from processors.windows import length_of, period_bounds
from sensors.instants import iso
from sensors.presence import ILL, presence
from sensors.stations import Station
from store.books import LedgerRow
from store.incidents import Incident
from store.influx_projected import Projected
from store.judgements import Judgement, Revision
from store.measurements import DEVICES, INCIDENTS, INDICATORS, LEDGER, PIPELINE, SCORECARD, STATIONS
from store.sightings import Sighting

MS = 1_000_000
"""Nanoseconds in a millisecond."""


def indicator(of: Judgement, finality: str, revision: Revision | None, zone: ZoneInfo) -> Projected:
    """A judgement: of an open period (`running`, no revision) or as revised."""
    key, detail = of.key, of.detail
    number, reason = (0, "") if revision is None else (revision.id, revision.reason)
    return Projected(
        INDICATORS,
        {"indicator": key.indicator, "scope": key.scope, "standard": key.standard, "length": length_of(key.period)},
        {
            "value": None if of.value is None else float(of.value),
            "unit": of.unit,
            "status": of.status,
            "finality": finality,
            "valid": of.valid,
            "expected": of.expected,
            "coverage": float(Fraction(of.valid, of.expected)) if of.expected else None,
            "computed_at": of.computed_at,
            "period": key.period,
            "revision": number,
            "reason": reason,
            "sentence": _text(detail.get("sentence")),
            "primary": _text(detail.get("primary")),
            "category": _text(detail.get("category") or detail.get("class")),
        },
        period_bounds(key.period, zone)[0] * MS,
    )


def scorecard_row(
    row: Mapping[str, Any], target: Decimal | None, year: int, computed_at: int, zone: ZoneInfo
) -> Projected:
    """A row of `processors.scorecard.scorecard_rows` of a year, with the plan's target; when it was computed [ms], 0 where it
    was not."""
    value = row["value"]
    return Projected(
        SCORECARD,
        {"code": row["code"], "year": str(year)},
        {
            "of_year": str(year),
            "value": None if value is None else float(value),
            "shown": "–" if value is None else f"{value} {row['unit']}",
            "target": None if target is None else float(target),
            "gap": None if row["gap"] is None else float(row["gap"]),
            "status": row["status"],
            "trend": _text(row["trend"]),
            "coverage": _text(row["coverage"]),
            "finality": _text(row["finality"]),
            "standards": _text(row["standards"]),
            "period": row["period"],
            "computed_at": computed_at,
            "sentence": _text(row["sentence"]),
            "source": _text(row["source"]),
        },
        period_bounds(str(year), zone)[0] * MS,
    )


def incident(one: Incident, rules: Mapping[str, Rule], zone: ZoneInfo) -> Projected:
    """An incident as it is; `rules` give its level a severity, where they still have its rule."""
    draft = one.draft
    until = draft.last if draft.resolved is None else draft.resolved
    return Projected(
        INCIDENTS,
        {"rule": one.rule, "subject": one.subject},
        {
            "id": one.id,
            "severity": severity(rules.get(one.rule), draft.level or draft.greatest),
            "level": draft.level,
            "greatest": draft.greatest,
            "phase": one.gone or draft.phase,
            "open": one.holds,
            "asks": one.asks,
            "since": draft.since,
            "resolved": draft.resolved,
            "minutes": max(0, until - draft.fired) // 60_000,
            "acknowledged_by": _text(one.acknowledged_by),
            "peak": _peak(draft.shown, zone),
        },
        draft.fired * MS + one.id % MS,
    )


def severity(rule: Rule | None, level: int) -> str:
    """Of a level of a rule; `notice` where the rule has it no more: what is open is never hidden."""
    known: Sequence[str] = [] if rule is None else [one.severity for one in rule.levels]
    return known[level - 1] if 0 < level <= len(known) else "notice"


def station(entry: Station) -> Projected:
    """An entry of the registry that is in force."""
    name_en = entry.name_en or entry.name_zh
    return Projected(
        STATIONS,
        {"family": entry.family, "station": entry.id, "district": entry.district},
        {
            "label_zh": f"{entry.name_zh} ({entry.id})",
            "label_en": f"{name_en} ({entry.id})",
            "name_zh": entry.name_zh,
            "name_en": name_en,
            "family_id": entry.family,
            "district_id": entry.district,
            "kind": entry.kind,
            "longitude": entry.longitude,
            "latitude": entry.latitude,
            "river": _text(entry.river),
            "river_km": entry.river_km,
            "target_class": entry.target_class,
            "tunnel": _text(entry.tunnel),
        },
        0,
    )


def device(entry: Station, seen: Sighting | None, drifts: int, at: int) -> Projected:
    """How a station is at `at` [ms], with how many changes of its messages are to be looked at."""
    of = seen or Sighting(entry.family, entry.id, 0)
    last = None if seen is None else seen.last_received
    state = presence(entry, last, online=of.online, at=at)
    return Projected(
        DEVICES,
        {"family": entry.family, "station": entry.id, "district": entry.district},
        {
            "state": state,
            "ill": ILL[state],
            "age_s": None if last is None else max(0, at - last) // 1000,
            "battery": of.battery,
            "rssi": of.rssi,
            "snr": of.snr,
            "lost": of.lost,
            "drifts": drifts,
            "sampled_at": at,
        },
        at * MS,
    )


def ledger(row: LedgerRow, at: int) -> Projected:
    """A journal's ledger as it was copied last."""
    counts = {name: count for name, count in row._asdict().items() if name not in {"journal", "updated_at"}}
    return Projected(
        LEDGER,
        {"journal": row.journal},
        {**counts, "age_s": max(0, at - row.updated_at) // 1000, "sampled_at": at},
        at * MS,
    )


def pipeline(waiting: Mapping[str, int], ledgers: Sequence[LedgerRow], at: int) -> Projected:
    """What waits, by the fields of the table, and how old the newest copy of any ledger is."""
    newest = max((row.updated_at for row in ledgers), default=None)
    age_s = None if newest is None else max(0, at - newest) // 1000
    return Projected(PIPELINE, {}, {**waiting, "ingest_age_s": age_s, "sampled_at": at}, at * MS)


def _text(value: object) -> str:
    """As people read it; empty where there is nothing."""
    if isinstance(value, Mapping):
        value = value.get("zh", "")
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def _peak(shown: Mapping[str, Any], zone: ZoneInfo) -> str:
    values = ", ".join(f"{code} {value}" for code, value in shown.items() if code != "peak_at")
    return f"{values}, {iso(shown['peak_at'], zone)}" if "peak_at" in shown else values
