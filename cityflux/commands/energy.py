"""`cityflux energy`: load curves, use and carbon dioxide, losses between meters, days that are not as others."""

from collections.abc import Iterable, Mapping
from datetime import date
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cityflux.composition import energy_rules, open_books, open_store
from cityflux.console import Format, instant, out, print_rows, settings, wrong
from cityflux.settings import Settings, SettingsError
from sensors.instants import iso
from store.books import Books
from store.judgements import Judgement, Judgements

if TYPE_CHECKING:
    from processors.energy.profile import Profile
    from processors.energy.rules import EnergyRules

energy = typer.Typer(no_args_is_help=True, help="What meters used: load curves, totals, losses, anomalies.")

Style = Annotated[Format, typer.Option("--format", help="table, csv or json")]
Meter = Annotated[str, typer.Argument(help="an energy station of the registry")]


@energy.command("load")
def load(
    station: Meter,
    since: Annotated[str, typer.Option("--from", help="after this moment")],
    until: Annotated[str, typer.Option("--to", help="up to and including this moment")],
    minutes: Annotated[int, typer.Option(min=1, max=1440, help="length of a bucket, e.g. 15, 60, 1440")] = 15,
    quantity: Annotated[
        str, typer.Option(help="electricity, gas, heat, water_use, generation, exported, …")
    ] = "electricity",
    duration: Annotated[bool, typer.Option("--duration", help="the load duration curve instead")] = False,
    style: Style = Format.TABLE,
) -> None:
    """A meter's load curve: what was used in each bucket, how much of it was measured, peak or valley; as a table with demand,
    base load, load factor and gaps. Example: cityflux energy load m-07 --from 2026-03-05 --to 2026-03-06 --format csv"""
    from processors.energy.profile import profile
    from processors.energy.rules import USES
    from processors.indicators.energy_load import load_duration

    chosen, rules = _chosen()
    if quantity not in USES:
        wrong(f"--quantity {quantity!r} is nothing that is used; use one of {', '.join(USES)}")
    span = instant(since, chosen.zone, "--from"), instant(until, chosen.zone, "--to")
    if span[0] >= span[1]:
        wrong(f"--to {until} is not after --from {since}")
    with open_books(chosen) as books:
        books.prepare()
        _known(books, station)
        found = profile(open_store(chosen), books, station, span, minutes, chosen.zone, rules, quantity)
    if duration:
        rows = [{"power_kw": _number(power), "hours": _number(hours)} for power, hours in load_duration(found.buckets)]
        print_rows(rows, ["power_kw", "hours"], style, f"{station}: how long which power was reached")
        return
    columns = ["since", "until", "amount", "unit", "power_kw", "measured_percent", "apportioned_percent", "period"]
    print_rows(_buckets(found, quantity, chosen), columns, style, f"{station}: {quantity}")
    if style is Format.TABLE:
        for line in _summary(found, quantity, rules, chosen):
            out.print(line, markup=False)


@energy.command("use")
def use(
    period: Annotated[
        str, typer.Argument(help="a day (of meters), month, quarter or year: 2026-03-05, 2026-03, 2026-Q1, 2026")
    ],
    scope: Annotated[list[str] | None, typer.Option(help="city, district:ID or meter:ID; may be given again")] = None,
    style: Style = Format.TABLE,
) -> None:
    """What the city, its districts and meters used: standard coal and carbon dioxide with the basis and the factor they are on,
    electricity, water, photovoltaics, coverage. Example: cityflux energy use 2026-03 --scope city"""
    chosen = settings()
    with open_books(chosen) as books:
        books.prepare()
        found = _standing(books, period)
    for name in scope or ():
        if name not in found:
            wrong(
                f"nothing is computed of {name!r} in {period}; there are {', '.join(sorted(found)[:12]) or 'none at all'}"
            )
    shown = {name: one for name, one in found.items() if not scope or name in scope}
    rows = [_use_row(name, *shown[name]) for name in sorted(shown, key=_order)]
    columns = [
        "scope",
        "name",
        "tce",
        "basis",
        "co2_t",
        "electricity_kwh",
        "self_use_kwh",
        "gas_m3",
        "heat_mj",
        "water_m3",
    ]
    columns += ["demand_kw", "covered_percent", "status", "finality"]
    print_rows(
        rows, columns if style is Format.TABLE else [*columns, "grid_factor", "sentence"], style, f"energy of {period}"
    )
    if style is Format.TABLE and "city" in shown:
        out.print(f"city: {shown['city'][0].detail['sentence']}", markup=False)


@energy.command("losses")
def losses(
    period: Annotated[str, typer.Argument(help="a month, quarter or year: 2026-03, 2026-Q1, 2026")],
    style: Style = Format.TABLE,
) -> None:
    """Between each main meter and its sub-meters (`main_meter` of the registry): what was lost, or whose readings lack. Example:
    cityflux energy losses 2026-03"""
    from processors.scopes import METER

    chosen = settings()
    with open_books(chosen) as books:
        books.prepare()
        found = _standing(books, period)
    rows = [
        _loss_row(scope.removeprefix(METER), quantity, one)
        for scope, (judgement, _) in sorted(found.items())
        for quantity, one in judgement.detail.get("losses", {}).items()
    ]
    columns = ["meter", "quantity", "main", "sub_meters", "loss", "percent", "status", "days", "of", "lacking"]
    print_rows(rows, columns, style, f"losses of {period}")


@energy.command("anomalies")
def anomalies(
    since: Annotated[str, typer.Option("--from", help="first day, e.g. 2026-03-01")],
    until: Annotated[str, typer.Option("--to", help="last day, included")],
    meter: Annotated[list[str] | None, typer.Option(help="only this one; may be given again")] = None,
    quantity: Annotated[str, typer.Option(help="electricity, gas, heat, water_use, …")] = "electricity",
    holiday: Annotated[
        list[str] | None, typer.Option(help="a day that is kept as a Sunday; may be given again")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="every day, not only the anomalies")] = False,
    style: Style = Format.TABLE,
) -> None:
    """Days on which a meter used more or less than on days like it: the same weekday, as warm, of the sixty days before. Example:
    cityflux energy anomalies --from 2026-03-01 --to 2026-03-31 --holiday 2026-03-09"""
    from processors.energy.anomalies import judged_days
    from processors.energy.rules import USES, unit_of

    chosen = settings()
    if quantity not in USES:
        wrong(f"--quantity {quantity!r} is nothing that is used; use one of {', '.join(USES)}")
    holidays = [_day(text, "--holiday") for text in holiday or ()]
    with open_books(chosen) as books:
        books.prepare()
        names = meter or sorted({one.id for one in books.registry() if one.family == "energy"})
        for name in names:
            _known(books, name)
        found = judged_days(
            open_store(chosen), books, names, _day(since, "--from"), _day(until, "--to"), chosen.zone,
            quantity=quantity, holidays=holidays,
        )  # fmt: skip
        rows = [
            {
                "meter": one.meter,
                "day": one.use.day.isoformat(),
                "used": _number(one.use.amount),
                "unit": unit_of(quantity),
                "temperature": None if one.use.temperature is None else round(one.use.temperature, 1),
                "low": one.verdict and _number(one.verdict.low),
                "expected": one.verdict and _number(one.verdict.middle),
                "high": one.verdict and _number(one.verdict.high),
                "like": one.verdict.like if one.verdict else "too few days before it",
                "days": one.verdict and one.verdict.days,
                "anomaly": None if one.verdict is None else one.verdict.is_anomaly,
            }
            for one in found
            if every or (one.verdict is not None and one.verdict.is_anomaly)
        ]
    columns = ["meter", "day", "used", "unit", "low", "expected", "high", "temperature", "like", "days", "anomaly"]
    print_rows(rows, columns, style, f"anomalies of {quantity}")


def _chosen() -> tuple[Settings, "EnergyRules"]:
    chosen = settings()
    try:
        return chosen, energy_rules(chosen)
    except SettingsError as error:
        wrong(str(error))


def _known(books: Books, station: str) -> None:
    if not books.registry().knows("energy", station):
        wrong(f"{station!r} is not an energy station of the registry; `cityflux stations list` shows them")


def _day(text: str, option: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        wrong(f"{option} {text!r} is not a day; write 2026-03-05")


def _standing(books: Books, period: str) -> dict[str, tuple[Judgement, str]]:
    """By scope what stands of a day or of a longer period, or exit 2."""
    from processors.energy.days import ENERGY_DAY
    from processors.energy.use import ENERGY_USE
    from processors.windows import period_days

    try:
        first, last = period_days(period)
    except ValueError as error:
        wrong(str(error))
    code = ENERGY_DAY if first == last else ENERGY_USE
    found = Judgements(books).standing(code, first=period, last=period)
    return {scope: one for (scope, _), one in found.items()}


def _buckets(found: "Profile", quantity: str, chosen: Settings) -> Iterable[dict[str, Any]]:
    from processors.energy.rules import unit_of

    for one in found.buckets:
        of = {segment.name for segment in found.segments if segment.since < one.until and segment.until > one.since}
        is_kw = quantity in {"electricity", "generation", "exported"}
        yield {
            "since": iso(one.since, chosen.zone),
            "until": iso(one.until, chosen.zone),
            "amount": _number(one.amount) if one.measured_ms else None,
            "unit": unit_of(quantity),
            "power_kw": _number(one.power) if one.is_whole and is_kw else None,
            "measured_percent": round(100 * one.measured_ms / (one.until - one.since), 1),
            "apportioned_percent": float(round(100 * one.apportioned / one.amount, 1)) if one.amount else 0.0,
            "period": "+".join(sorted(of)),
        }


def _summary(found: "Profile", quantity: str, rules: "EnergyRules", chosen: Settings) -> Iterable[str]:
    from processors.energy.rules import unit_of

    whole = found.end - found.start
    yield f"{_number(found.total)} {unit_of(quantity)}, {100 * found.measured_ms / whole:.1f} % of the time measured"
    if found.demand is not None:
        at = iso(found.demand.since, chosen.zone)
        yield f"maximum demand {_number(found.demand.power)} kW from {at} on, mean of a bucket"
    else:
        yield "no maximum demand: no reading is as fine as a bucket; ask for longer ones (--minutes 60)"
    if found.base_load is not None:
        yield f"base load {_number(found.base_load)} kW, which 95 % of the buckets reach"
    if found.load_factor is not None:
        yield f"load factor {float(found.load_factor):.3f}: mean over greatest power"
    if found.periods:
        shares = ", ".join(f"{name} {_number(amount)} kWh" for name, amount in found.periods.items())
        yield f"{shares} (times of use: {rules.time_of_use.name}, {rules.time_of_use.document})"
    for gap in found.gaps:
        yield f"gap {iso(gap.since, chosen.zone)} – {iso(gap.until, chosen.zone)}: {gap.why}"


def _use_row(scope: str, judgement: Judgement, finality: str) -> dict[str, Any]:
    detail = judgement.detail
    used = detail["totals"]["used"]
    coal, carbon = detail["coal"], detail.get("carbon") or {}
    demand = detail.get("demand")

    def amount(code: str) -> float | None:
        return _number(Fraction(used[code]["exact"])) if code in used else None

    return {
        "scope": scope,
        "name": detail.get("name", ""),
        "tce": judgement.value if judgement.unit == "tce" else None,
        "basis": coal.get("basis_zh", "当量值") if judgement.unit == "tce" else None,
        "co2_t": carbon.get("t"),
        "grid_factor": f"{carbon['factor']} of {carbon['of_year']}, {carbon['policy']}" if "factor" in carbon else None,
        "electricity_kwh": amount("electricity"),
        "self_use_kwh": _number(Fraction(detail["totals"]["self_use"])) if detail["totals"]["self_use_days"] else None,
        "gas_m3": amount("gas"),
        "heat_mj": amount("heat"),
        "water_m3": amount("water_use"),
        "demand_kw": _number(Fraction(demand["kw"])) if demand else None,
        "covered_percent": round(100 * judgement.valid / judgement.expected, 1) if judgement.expected else 0.0,
        "status": judgement.status,
        "finality": finality,
        "sentence": detail["sentence"],
    }


def _order(scope: str) -> tuple[int, str]:
    """The city, districts, meters."""
    return ("city", "district", "meter").index(scope.partition(":")[0]), scope


def _loss_row(meter: str, quantity: str, one: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "meter": meter,
        "quantity": quantity,
        "main": _number(Fraction(one["main"])),
        "sub_meters": _number(sum((Fraction(amount) for amount in one["subs"].values()), Fraction(0))),
        "loss": _number(Fraction(one["loss"])) if one["days"] else None,
        "percent": one["percent"],
        "status": "stated" if one["assessable"] else "not assessable",
        "days": one["days"],
        "of": one["of"],
        "lacking": ", ".join(f"{name} ({days} days)" for name, days in one["lacking"].items()),
    }


def _number(amount: Fraction) -> float:
    """As a person reads it: to a thousandth."""
    return float(round(amount, 3))
