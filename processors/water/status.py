"""Rivers, districts and the city over months, quarters and years, from their sections: the share that keeps its target, in both
definitions; the status of the water; what pollutes it; whether it is better than before.

    value      sections that keep their target, of those that have a class [%]: by the mean of the period (a)
    (b)        sections of whose samples enough keep the target
    status     of five sections and more by the shares of their classes; of fewer by the mean of their items
    main       items by which most sections are worse than class Ⅲ
    trend      against the period before, and the same one a year ago
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from processors.air.year import BY_DATE
from processors.computation import CODE_VERSION
from processors.indicators.exact import decimal
from processors.indicators.water_class import INFERIOR
from processors.indicators.water_periods import by_ratio, river_status
from processors.plans import Indicator
from processors.standards.water import water_evaluation, water_standard
from processors.water.days import STANDARD
from processors.water.items import CLASS_3, class_name, means_in
from processors.windows import period_days
from store.judgements import Judgement, Key

WATER_STATUS = "water_status"
"""Code of the indicator of rivers, districts and the city; its periods are months, quarters and years."""


def status_judgement(
    scope: str,
    period: str,
    assessed: Sequence[str],
    found: Mapping[str, Judgement],
    *,
    before: Mapping[str, Judgement | None],
    is_over: bool,
    now: int,
) -> Judgement | None:
    """Of the sections that are `assessed`, from their judgements of the period by id; `before` are the scope's own judgements to
    compare with, by what they are called. None where no section has one."""
    there = {name: found[name] for name in assessed if name in found}
    if not there:
        return None
    classes = {name: int(one.value) for name, one in there.items() if one.value is not None}
    of_target = {name: one for name, one in there.items() if one.detail["target"] is not None and name in classes}
    kept = [name for name, one in of_target.items() if classes[name] <= one.detail["target"]]
    by_samples = [
        name for name, one in of_target.items() if (one.detail["samples"] or {}).get("verdict") == "compliant"
    ]
    good = sum(cls <= CLASS_3 for cls in classes.values())
    inferior = sum(cls == INFERIOR for cls in classes.values())
    detail: dict[str, Any] = {
        "sections": {name: _section(one) for name, one in there.items()},
        "silent": [name for name in assessed if name not in there],
        "with_target": len(of_target),
        "kept": len(kept),
        "kept_by_samples": len(by_samples),
        "percent_by_samples": _percent(len(by_samples), len(of_target)),
        "percent_good": _percent(good, len(classes)),
        "percent_inferior": _percent(inferior, len(classes)),
        "status": _status(there, classes),
        "main": _main(there),
        "ranking": _ranking(there),
    }
    detail["trend"] = {name: _trend(detail, one) for name, one in before.items() if one is not None}
    detail["sentence"] = _sentence(detail, there)
    percent = _percent(len(kept), len(of_target))
    return Judgement(
        Key(WATER_STATUS, scope, period, STANDARD),
        percent, "%", _verdict(percent, len(classes), there.values(), is_over), len(classes), len(assessed), CODE_VERSION,
        tuple(sorted(there)), detail, now,
    )  # fmt: skip


def plan_judgement(indicator: Indicator, status: Judgement, last_day: date, now: int) -> Judgement:
    """A plan's indicator of the sections that keep their target, from the status of its scope and year."""
    detail = status.detail
    samples = indicator.definition == "share_of_samples"
    value = detail["percent_by_samples"] if samples else status.value
    year = status.key.period
    is_over = last_day >= period_days(year)[1]
    coverage = status.valid / status.expected if status.expected else 0.0
    if value is None or coverage < indicator.least_coverage:
        verdict = "not assessable"
    elif is_over:
        verdict = "met" if indicator.reached(Decimal(value)) else "missed"
    else:
        lost = sum(one["status"] == "missed" for one in detail["sections"].values())
        best = 100 * Fraction(detail["with_target"] - lost, detail["with_target"])
        verdict = "on track" if indicator.reached(Decimal(value)) else "at risk" if best >= indicator.goal else "missed"
    kept = detail["kept_by_samples" if samples else "kept"]
    how = "by the share of their samples" if samples else "by the mean of their months"
    sentence = f"{kept} of {detail['with_target']} sections keep their target {how}"
    worse = [
        f"{one['name']} {one['class']}/{one['target']}" for one in detail["sections"].values() if one["kept"] is False
    ]
    if worse and not samples:
        sentence += f"; not: {', '.join(worse[:8])}{' …' if len(worse) > 8 else ''}"
    return status._replace(
        key=Key(indicator.code, indicator.scope, year, BY_DATE),
        value=value,
        status=verdict,
        detail={
            **detail, "sentence": sentence, "definition": indicator.definition or "annual_mean",
            "standards": [STANDARD], "last_day": last_day.isoformat(),
        },
        computed_at=now,
    )  # fmt: skip


def _section(one: Judgement) -> dict[str, Any]:
    target = one.detail["target"]
    samples = one.detail["samples"] or {}
    return {
        "name": one.detail["name"],
        "class": one.detail["class"],
        "target": None if target is None else class_name(target),
        "kept": None if target is None or one.value is None else int(one.value) <= target,
        "definite": one.detail["definite"],
        "percent_of_samples": samples.get("percent"),
        "by_samples": samples.get("verdict"),
        "main": one.detail["main"],
        "status": one.status,
        "margin": one.detail["room"][0]["margin"] if one.detail["room"] else None,
    }


def _percent(part: int, whole: int) -> str | None:
    return None if whole == 0 else str(decimal(Fraction(100 * part, whole), 1))


def _status(there: Mapping[str, Judgement], classes: Mapping[str, int]) -> dict[str, Any] | None:
    """The status by the shares of the classes, or of few sections by the mean of their items; a lake is no river's section."""
    if not classes:
        return None
    if len(classes) >= water_evaluation().ratio.sections:
        found = by_ratio(list(classes.values()))
    else:
        rivers = [one for name, one in there.items() if name in classes and one.detail["kind"] == "river"]
        if not rivers:
            return None
        items = water_standard().by_code
        found = river_status(
            [{code: of.exact for code, of in means_in(one.detail).items() if code in items} for one in rivers]
        )
    return {
        "zh": found.status_zh,
        "en": found.status_en,
        "method": found.method,
        "class": None if found.cls is None else class_name(found.cls),
    }


def _main(there: Mapping[str, Judgement]) -> list[dict[str, Any]]:
    """The items that the most sections are worse than class Ⅲ by, with their section exceedance rate [%]."""
    worse = Counter(
        code for one in there.values() for code, item in one.detail["items"].items() if item["class"] > CLASS_3
    )
    most = worse.most_common(water_evaluation().basin.main_items)
    return [{"item": code, "percent": _percent(count, len(there))} for code, count in most]


def _ranking(there: Mapping[str, Judgement]) -> list[list[str]]:
    """The sections by their ranking index, the best first."""
    known = [(name, one.detail["ranking_index"]) for name, one in there.items() if one.detail["ranking_index"]]
    return [[name, index] for name, index in sorted(known, key=lambda pair: (Decimal(pair[1]), pair[0]))]


def _trend(now: Mapping[str, Any], before: Judgement) -> dict[str, Any] | None:
    """The difference of the changes of the shares of good and of inferior sections [points of percent], in words."""
    was = before.detail
    if None in {now["percent_good"], was["percent_good"]}:
        return None
    good = Decimal(now["percent_good"]) - Decimal(was["percent_good"])
    inferior = Decimal(now["percent_inferior"]) - Decimal(was["percent_inferior"])
    rule, difference = water_evaluation().trend, good - inferior
    size = "no change" if abs(difference) <= rule.some else "some" if abs(difference) <= rule.clear else "clear"
    word = size if size == "no change" else f"{size} {'improvement' if difference > 0 else 'deterioration'}"
    return {"against": before.key.period, "points": str(difference), "says": word}


def _sentence(detail: Mapping[str, Any], there: Mapping[str, Judgement]) -> str:
    parts = [f"{detail['kept']} of {detail['with_target']} sections keep their target"]
    if detail["status"]:
        status = detail["status"]
        parts.append(f"{status['zh']} {status['en']} ({status['method']})")
    parts.append(f"{detail['percent_good'] or '–'} % of {len(there)} at Ⅰ–Ⅲ, {detail['percent_inferior'] or '–'} % 劣Ⅴ")
    if detail["main"]:
        parts.append("main: " + ", ".join(f"{one['item']} ({one['percent']} %)" for one in detail["main"]))
    if detail["silent"]:
        parts.append(f"nothing came of {', '.join(detail['silent'])}")
    return "; ".join(parts)


def _verdict(percent: str | None, classes: int, there: Iterable[Judgement], is_over: bool) -> str:
    if percent is None:
        return "stated" if classes else "not assessable"
    if is_over:
        return "met" if Decimal(percent) == 100 else "missed"
    if any(one.status == "missed" for one in there):
        return "missed"
    return "on track" if Decimal(percent) == 100 else "at risk"
