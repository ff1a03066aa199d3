"""What the status page shows, as plain data: every number with its time, its coverage, and whether it is old."""

from collections import Counter
from typing import Any
from zoneinfo import ZoneInfo

from processors.air.days import CITY_STATION, DAILY_AQI
from processors.plans import Indicator, Plan
from processors.scorecard import standing
from processors.standards.tables import air_rules
from processors.windows import civil_day
from sensors.instants import HOUR_MS, iso
from store.books import INGEST_SILENT_MS, Books
from store.drifts import Drifts
from store.judgements import Claims, Judgements
from store.letters import Letters
from store.port import ReadingsStore, StoreError
from wall.presence import stations

# Chosen: an hourly value is due within the hour after its end; two hours after it, it is old.
STALE_MS = 2 * HOUR_MS
"""An hourly value older than this is shown grey: silence never looks like clean air."""


def status(store: ReadingsStore, books: Books, plan: Plan, zone: ZoneInfo, now: int) -> dict[str, Any]:
    """The whole page: `indicators`, `city`, `stations`, `days` (the last ten), `pipeline`."""
    judgements = Judgements(books)
    return {
        "at": iso(now - now % 1000, zone),
        "plan": {"zh": plan.zh, "en": plan.en},
        "indicators": [_indicator(judgements, i, civil_day(now, zone).year) for i in plan.indicators],
        "days": _days(judgements),
        **_stations(store, books, zone, now),
        "pipeline": _pipeline(books, zone, now),
    }


def _indicator(judgements: Judgements, indicator: Indicator, year: int) -> dict[str, Any]:
    shown = {
        "code": indicator.code, "zh": indicator.zh, "en": indicator.en, "unit": indicator.unit,
        "target": indicator.wanted, "period": str(year), "value": None, "status": "not computed", "sentence": "",
    }  # fmt: skip
    found = standing(judgements, indicator, year)
    if found is None:
        return shown
    judgement, finality = found
    return {
        **shown,
        "period": judgement.key.period,
        "value": judgement.value,
        "status": judgement.status,
        "valid": judgement.valid,
        "expected": judgement.expected,
        "finality": finality,
        "sentence": judgement.detail["sentence"],
    }


def _days(judgements: Judgements) -> list[dict[str, Any]]:
    newest = judgements.latest(DAILY_AQI, scope="city")[-10:]
    return [
        {
            "day": r.judgement.key.period,
            "aqi": r.judgement.value,
            "category": r.judgement.detail["category"],
            "colour": r.judgement.detail["colour"],
            "primary": r.judgement.detail["primary"],
            "status": r.judgement.status,
            "standard": r.judgement.key.standard,
        }
        for r in newest
    ]


def _stations(store: ReadingsStore, books: Books, zone: ZoneInfo, now: int) -> dict[str, Any]:
    names = {s.id: s for s in books.registry().active("air", now)}
    try:
        latest = store.latest("air-index", "hour", [*names, CITY_STATION]) if names else None
    except StoreError as error:
        return {"stations": [], "city": None, "store_error": str(error)}
    rows = {} if latest is None else {row["station"]: row for row in latest.to_dict("records")}

    def shown(name: str) -> dict[str, Any]:
        row = rows.get(name)
        if row is None:
            return {"aqi": None, "at": None, "old": True, "category": "", "colour": ""}
        at = int(row["observed_at"].timestamp() * 1000)
        aqi = None if row["aqi"] != row["aqi"] else int(row["aqi"])
        category = None if aqi is None else air_rules(civil_day(at, zone)).index.category(aqi)
        return {
            "aqi": aqi,
            "at": iso(at, zone),
            "old": now - at > STALE_MS,
            "category": f"{category.zh} {category.en}" if category else "NA",
            "colour": category.hex if category else "",
        }

    return {
        "city": shown(CITY_STATION),
        "stations": [
            {"id": s.id, "name": f"{s.name_zh} {s.name_en}".strip(), "kind": s.kind, **shown(s.id)}
            for s in names.values()
        ],
        "store_error": None,
    }


def _pipeline(books: Books, zone: ZoneInfo, now: int) -> dict[str, Any]:
    ledgers = books.ledgers()
    last = max((row.updated_at for row in ledgers), default=None)
    return {
        **{
            name: sum(getattr(row, name) for row in ledgers)
            for name in ("journalled", "written", "refused", "pending", "readings_written", "readings_refused")
        },
        "ingest_seen": None if last is None else iso(last - last % 1000, zone),
        "ingest_silent": last is None or now - last > INGEST_SILENT_MS,
        "open_dead_letters": sum(n for (state, _), n in Letters(books).count().items() if state == "open"),
        "unknown_stations": len(books.unknown()),
        "windows_waiting": Claims(books).waiting(),
        "stations_by_state": dict(Counter(row["state"] for row in stations(books, zone, now))),
        "drifts_waiting": Drifts(books).waiting(),
    }
