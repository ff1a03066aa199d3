"""What would have made a day good: for a polluted day how far each pollutant was above the limit of its index and what each
station did to the mean; for a day without a verdict which hours of which stations would have given it one.

Plain data for `explain`. Everything follows from the day's own exact daily values and its own rules.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from processors.standards.tables import POLLUTANTS, AirRules
from sensors.quantities import OF_FAMILY
from store.judgements import Judgement


def would_be_good(city: Judgement, stations: Sequence[Mapping[str, Any]], rules: AirRules) -> list[dict[str, Any]]:
    """One entry for each pollutant that stands in the way, [] for a good day. `stations` are those that count for the city: each
    with `station`, `exact` (values by pollutant) and `valid_hours`."""
    state = city.detail["state"]
    if state == "polluted":
        exceeding = city.detail["exceeding"].split("+")
        return [_too_high(code, city, stations, rules) for code in exceeding]
    if state == "not_assessable":
        lacking = [code for code in POLLUTANTS if code not in city.detail.get("exact", {})]
        return [_lacking(code, stations, rules) for code in lacking]
    return []


def clauses(rules: AirRules) -> list[dict[str, str]]:
    """The rules that judge a day, each with document, clause and how far it can be trusted."""
    index, limits, assessment = rules.index, rules.limits, rules.assessment
    daily = next(variant for variant in index.variants if variant.kind == "daily")
    found = [
        ("hours that make a daily mean", limits.document, limits.validity.clause, limits.validity.mark),
        ("8-hour means that make an MDA8", assessment.document, assessment.mda8.clause, assessment.mda8.mark),
        (
            "mean of the stations, and how many make a city value",
            assessment.document, assessment.stations.clause, assessment.stations.mark,
        ),
        ("rounding of the concentration", index.document, index.rounding.clause, index.rounding.mark),
        ("concentration to IAQI", index.document, index.breakpoints.clause, index.breakpoints.mark),
        ("IAQI to AQI, and when there is none", index.document, daily.clause, daily.mark),
        ("primary and exceeding pollutants", index.document, index.index.clause, index.index.mark),
        ("reference state of gases", limits.document, limits.clause, limits.mark),
    ]  # fmt: skip
    return [{"what": what, "document": of, "clause": clause, "mark": mark} for what, of, clause, mark in found]


def _too_high(code: str, city: Judgement, stations: Sequence[Mapping[str, Any]], rules: AirRules) -> dict[str, Any]:
    index, greatest = rules.index, rules.index.index.exceeding_above
    limit = index.breakpoints.tables[f"{code}_{'8h' if code == 'o3' else '24h'}"][
        index.breakpoints.iaqi.index(greatest)
    ]
    quantity, digits = OF_FAMILY["air"][code], rules.index.rounding.digits[code]
    exact = Fraction(city.detail["exact"][code])
    values = {one["station"]: Fraction(one["exact"][code]) for one in stations if code in one["exact"]}
    without = {
        name: _shown((sum(values.values()) - value) / (len(values) - 1), digits + 1)
        for name, value in values.items()
        if len(values) > 1 and (sum(values.values()) - value) / (len(values) - 1) <= limit
    }
    above = exact - limit
    text = (
        f"{quantity.en} was {_shown(exact, digits + 1)} {quantity.unit}, and an IAQI of {greatest} ends at {limit}: "
        f"{_shown(above, digits + 1)} less on the mean of {len(values)} stations"
    )
    if without:
        alone = ", ".join(f"{name} ({mean})" for name, mean in without.items())
        text += f"; without one of these the others' mean was within it: {alone}"
    return {
        "quantity": code, "kind": "too high", "limit": limit, "unit": quantity.unit, "above_by": _shown(above, digits + 1),
        "stations": {name: _shown(value, digits + 1) for name, value in sorted(values.items(), key=lambda kv: -kv[1])},
        "mean_without": without, "text": text,
    }  # fmt: skip


def _lacking(code: str, stations: Sequence[Mapping[str, Any]], rules: AirRules) -> dict[str, Any]:
    quantity, of = OF_FAMILY["air"][code], len(stations)
    have = [one["station"] for one in stations if code in one["exact"]]
    rule = rules.assessment.stations
    needed = next((count for count in range(of + 1) if rule.enough(count, of)), of)
    least = rules.limits.validity.daily_hours
    lack = {
        one["station"]: max(least - one["valid_hours"].get(code, 0), 0) if code != "o3" else None
        for one in stations
        if code not in one["exact"]
    }
    what = "8-hour means" if code == "o3" else f"of {least} hours"
    missing = ", ".join(name if hours is None else f"{name} ({hours} more)" for name, hours in sorted(lack.items()))
    text = (
        f"{quantity.en}: {len(have)} of {of} stations have a daily value, {needed} are needed; "
        f"too few {what} at {missing or 'none'}"
    )
    return {
        "quantity": code, "kind": "missing", "stations_with_value": len(have), "stations_needed": needed,
        "hours_lacking": lack, "text": text,
    }  # fmt: skip


def _shown(value: Fraction, digits: int) -> str:
    return f"{float(value):.{digits}f}"
