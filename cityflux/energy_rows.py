"""Energy as rows and lines: buckets of a load curve, what a scope used, losses. Numbers to a thousandth."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from cityflux.settings import Settings
from sensors.instants import iso
from store.judgements import Judgement

if TYPE_CHECKING:
    from processors.energy.profile import Profile
    from processors.energy.rules import EnergyRules


def buckets(found: "Profile", quantity: str, chosen: Settings) -> Iterable[dict[str, Any]]:
    """A row a bucket."""
    from processors.energy.rules import power_unit, unit_of

    for one in found.buckets:
        of = {segment.name for segment in found.segments if segment.since < one.until and segment.until > one.since}
        yield {
            "since": iso(one.since, chosen.zone),
            "until": iso(one.until, chosen.zone),
            "amount": number(one.amount) if one.measured_ms else None,
            "unit": unit_of(quantity),
            "power_kw": number(one.power) if one.is_whole and power_unit(quantity) == "kW" else None,
            "measured_percent": round(100 * one.measured_ms / (one.until - one.since), 1),
            "apportioned_percent": float(round(100 * one.apportioned / one.amount, 1)) if one.amount else 0.0,
            "period": "+".join(sorted(of)),
        }


def summary(found: "Profile", quantity: str, rules: "EnergyRules", chosen: Settings) -> Iterable[str]:
    """What the curve says, line by line, and its gaps."""
    from processors.energy.rules import power_unit, unit_of

    unit = power_unit(quantity)
    whole = found.end - found.start
    yield f"{number(found.total)} {unit_of(quantity)}, {100 * found.measured_ms / whole:.1f} % of the time measured"
    if found.demand is not None:
        at = iso(found.demand.since, chosen.zone)
        yield f"maximum demand {number(found.demand.power)} {unit} from {at} on, mean of a bucket"
    else:
        yield "no maximum demand: no reading is as fine as a bucket; ask for longer ones (--minutes 60)"
    if found.base_load is not None:
        yield f"base load {number(found.base_load)} {unit}, which 95 % of the buckets reach"
    if found.load_factor is not None:
        yield f"load factor {float(found.load_factor):.3f}: mean over greatest power"
    if found.periods:
        shares = ", ".join(f"{name} {number(amount)} kWh" for name, amount in found.periods.items())
        yield f"{shares} (times of use: {rules.time_of_use.name}, {rules.time_of_use.document})"
    for gap in found.gaps:
        yield f"gap {iso(gap.since, chosen.zone)} – {iso(gap.until, chosen.zone)}: {gap.why}"


def use_row(scope: str, judgement: Judgement, finality: str) -> dict[str, Any]:
    """What a scope used in a period."""
    detail = judgement.detail
    used = detail["totals"]["used"]
    coal, carbon = detail["coal"], detail.get("carbon") or {}
    demand = detail.get("demand")

    def amount(code: str) -> float | None:
        return number(Fraction(used[code]["exact"])) if code in used and used[code]["measured_ms"] else None

    return {
        "scope": scope,
        "name": detail.get("name", ""),
        "tce": judgement.value if judgement.unit == "tce" else None,
        "basis": coal.get("basis_zh", "当量值") if judgement.unit == "tce" else None,
        "co2_t": carbon.get("t"),
        "grid_factor": f"{carbon['factor']} of {carbon['of_year']}, {carbon['policy']}" if "factor" in carbon else None,
        "electricity_kwh": amount("electricity"),
        "self_use_kwh": number(Fraction(detail["totals"]["self_use"])) if detail["totals"]["self_use_days"] else None,
        "gas_m3": amount("gas"),
        "heat_mj": amount("heat"),
        "water_m3": amount("water_use"),
        "demand_kw": number(Fraction(demand["kw"])) if demand else None,
        "covered_percent": round(100 * judgement.valid / judgement.expected, 1) if judgement.expected else 0.0,
        "status": judgement.status,
        "finality": finality,
        "sentence": detail["sentence"],
    }


def order(scope: str) -> tuple[int, str]:
    """The city, districts, meters."""
    return ("city", "district", "meter").index(scope.partition(":")[0]), scope


def loss_row(meter: str, quantity: str, one: Mapping[str, Any]) -> dict[str, Any]:
    """What was lost behind a main meter."""
    return {
        "meter": meter,
        "quantity": quantity,
        "main": number(Fraction(one["main"])),
        "sub_meters": number(sum((Fraction(amount) for amount in one["subs"].values()), Fraction(0))),
        "loss": number(Fraction(one["loss"])) if one["days"] else None,
        "percent": one["percent"],
        "status": "stated" if one["assessable"] else "not assessable",
        "days": one["days"],
        "of": one["of"],
        "lacking": ", ".join(f"{name} ({days} days)" for name, days in one["lacking"].items()),
    }


def number(amount: Fraction) -> float:
    """As a person reads it: to a thousandth."""
    return float(round(amount, 3))
