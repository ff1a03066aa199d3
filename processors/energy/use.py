"""Energy over months, quarters and years: of a meter from its days, of a district and the city from the months of their meters.

    value     standard coal [tce] on the basis that the city chose; of water alone the water [m³]
    parts     of a meter's month, what it used in which district, and whether that counts there and in the city: a sub-meter's
              use is its main meter's, and only meters of the kind `assessment` count

What was not measured is not made up: coverage says how much of the time the amounts are of, and below 95 % they are no answer.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Any, NamedTuple

from processors.computation import CODE_VERSION
from processors.energy.balance import carbon_of, coal_of, photovoltaics_of
from processors.energy.days import AMOUNT_DIGITS, TCE_DIGITS, places_of, said_of, totals_of
from processors.energy.losses import sum_of_losses
from processors.energy.rules import STANDARD, WATER, EnergyRules, unit_of
from processors.energy.totals import LEAST_COVERAGE, Totals, sum_of, totals_in
from processors.indicators.exact import decimal
from processors.windows import period_days
from store.judgements import Judgement, Key
from store.records import Record

ENERGY_USE = "energy_use"
"""Code of the indicator of months, quarters and years; its scopes are `meter:<id>`, `district:<id>` and `city`."""


class Frame(NamedTuple):
    """What holds for every judgement of a period: the rules, the year's 等价值 where it was entered, the last day that has
    closed, and when it is computed [ms]."""

    rules: EnergyRules
    figure: Record | None
    last_closed: date
    now: int


def meter_month(
    scope: str, period: str, days: Sequence[Judgement], losses: Mapping[str, Any], expected_ms: int, frame: Frame
) -> Judgement:
    """A meter's month from its days, of which there is at least one; `expected_ms` is how long it was to measure."""
    parts: dict[tuple[str, bool], list[Totals]] = {}
    for day in days:
        for district, counts, totals in places_of(day):
            parts.setdefault((district, counts), []).append(totals)
    last = days[-1].detail
    extra = {
        "name": last["name"],
        "district": last["district"],
        "main_meter": last["main_meter"],
        "parts": [
            {
                "district": district,
                "counts": counts,
                "totals": sum_of(of).said(),
                # Of each day what everything was measured of, which is less than what each quantity was.
                "measured_ms": sum(one.measured_ms for one in of),
            }
            for (district, counts), of in parts.items()
        ],
        "demand": _greatest(day.detail["demand"] for day in days),
        "losses": dict(losses),
        "how": sorted({how for day in days for of in day.detail["how"].values() for how in of}),
    }
    every = [totals_of(day) for day in days]
    measured = sum(one.measured_ms for one in every)
    return _judgement(scope, period, sum_of(every), measured, expected_ms, days[-1].stations, extra, frame)


def meter_longer(scope: str, period: str, months: Sequence[Judgement], expected_ms: int, frame: Frame) -> Judgement:
    """A meter's quarter or year from its months, of which there is at least one."""
    last = months[-1].detail
    extra = {
        "name": last["name"],
        "district": last["district"],
        "main_meter": last["main_meter"],
        "demand": _greatest(month.detail["demand"] for month in months),
        "losses": sum_of_losses(month.detail["losses"] for month in months),
        "how": sorted({how for month in months for how in month.detail["how"]}),
    }
    return _of_months(scope, period, months, expected_ms, extra, frame)


def place_month(
    scope: str, period: str, meters: Mapping[str, Judgement], district: str | None, expected: Mapping[str, int],
    frame: Frame, *, was_there: bool,
) -> Judgement | None:  # fmt: skip
    """A district's month, or (None) the city's, from the months of all meters by id; `expected` is how long each of its meters
    that counts there was to measure [ms]. None where nothing came of any, unless a judgement `was_there` that said otherwise."""
    totals: dict[str, list[Totals]] = {}
    measured = 0
    for name, month in sorted(meters.items()):
        there = [one for one in month.detail["parts"] if one["counts"] and district in {None, one["district"]}]
        if there:
            totals[name] = [totals_in(part["totals"]) for part in there]
            # At most what was expected of it: nobody's surplus makes up for another's silence.
            measured += min(expected.get(name, 0), sum(part["measured_ms"] for part in there))
    if not totals and not was_there:
        return None
    extra = {
        "meters": {name: {"totals": sum_of(of).said()} for name, of in totals.items()},
        "silent": sorted(set(expected) - set(totals)),
    }
    whole = sum_of(one for of in totals.values() for one in of)
    return _judgement(
        scope, period, whole, measured, sum(expected.values()), tuple(sorted(totals)), extra, frame
    )  # fmt: skip


def place_longer(
    scope: str, period: str, months: Sequence[Judgement], expected: Mapping[str, int], frame: Frame
) -> Judgement:
    """A district's or the city's quarter or year from its months, of which there is at least one."""
    names = sorted({name for month in months for name in month.stations})
    meters: dict[str, list[Totals]] = {}
    for month in months:
        for name, said in month.detail["meters"].items():
            meters.setdefault(name, []).append(totals_in(said["totals"]))
    extra = {
        "meters": {name: {"totals": sum_of(of).said()} for name, of in sorted(meters.items())},
        "silent": sorted(set(expected) - set(names)),
    }
    return _of_months(scope, period, months, sum(expected.values()), extra, frame)


def _of_months(
    scope: str, period: str, months: Sequence[Judgement], expected_ms: int, extra: Mapping[str, Any], frame: Frame
) -> Judgement:
    totals = sum_of(totals_in(month.detail["totals"]) for month in months)
    measured = sum(month.detail["measured_ms"] for month in months)
    stations = tuple(sorted({name for month in months for name in month.stations}))
    return _judgement(scope, period, totals, measured, expected_ms, stations, extra, frame)


def _judgement(
    scope: str, period: str, totals: Totals, measured_ms: int, expected_ms: int, stations: tuple[str, ...],
    extra: Mapping[str, Any], frame: Frame,
) -> Judgement:  # fmt: skip
    year = int(period[:4])
    coal = coal_of(totals, year, frame.rules, frame.figure)
    carbon = carbon_of(totals, year, frame.rules)
    value, unit = None, "tce"
    if set(totals.used) == {WATER}:
        value, unit = str(decimal(totals.used[WATER].amount, AMOUNT_DIGITS)), unit_of(WATER)
    elif coal["exact"] is not None:
        value = str(decimal(Fraction(coal["exact"]), TCE_DIGITS))
    measured = min(measured_ms, expected_ms)
    enough = expected_ms > 0 and Fraction(measured, expected_ms) >= LEAST_COVERAGE
    detail: dict[str, Any] = {
        **extra,
        "totals": totals.said(),
        "measured_ms": measured_ms,
        "coal": coal,
        "carbon": carbon,
        "photovoltaics": photovoltaics_of(totals),
        "time_of_use": frame.rules.time_of_use.name,
        "last_day": min(frame.last_closed, period_days(period)[1]).isoformat(),
    }
    if measured == 0:
        value = None
    detail["sentence"] = _sentence(value, unit, totals, detail, measured, expected_ms)
    return Judgement(
        Key(ENERGY_USE, scope, period, STANDARD),
        value, unit, "stated" if enough and value is not None else "not assessable",
        measured // 60_000, expected_ms // 60_000, CODE_VERSION, stations, detail, frame.now,
    )  # fmt: skip


def _greatest(demands: Iterable[Mapping[str, Any] | None]) -> dict[str, Any] | None:
    """The greatest of the days' demands; one of a quarter of an hour is no less seen than one of an hour."""
    there = [dict(one) for one in demands if one is not None]
    return max(there, key=lambda one: (Fraction(one["kw"]), -one["since"]), default=None)


def _sentence(
    value: str | None, unit: str, totals: Totals, detail: Mapping[str, Any], measured: int, expected: int
) -> str:
    coal, carbon, losses = detail["coal"], detail["carbon"], detail.get("losses", {})
    parts = [said_of(code, one) for code, one in totals.used.items()]
    if unit == "tce":
        no_value = coal["why"] or "no value: at no time was all of it measured"
        parts.insert(0, no_value if value is None else f"{value} tce ({coal['basis_zh']})")
        lacking = f", without {', '.join(carbon['without_factor'])}" if carbon["without_factor"] else ""
        said = f"{carbon['t']} t CO2 ({_policy(carbon)}{lacking})"
        if carbon["t"] is not None or carbon["why"] != coal["why"]:
            parts.append(said if carbon["t"] is not None else carbon["why"])
    parts += [
        f"loss of {code} {one['percent']} %" if one["assessable"]
        else f"loss of {code} not assessable: {', '.join(one['lacking'])} not measured whole on some days"
        for code, one in losses.items()
    ]  # fmt: skip
    if totals.self_use_days < totals.pv_days:
        parts.append(f"self-use of photovoltaics known on {totals.self_use_days} of {totals.pv_days} days")
    if detail.get("silent"):
        parts.append(f"nothing came of {', '.join(detail['silent'][:8])}")
    if measured < expected:
        parts.append(f"{decimal(Fraction(100 * measured, expected), 1)} % of the time measured")
    return "; ".join(parts)


def _policy(carbon: Mapping[str, Any]) -> str:
    """Which factor of the grid was taken; of fuels alone none was."""
    if "factor" not in carbon:
        return "fuels"
    return f"grid {carbon['factor']} kg/kWh of {carbon['of_year']}: {carbon['policy']}"
