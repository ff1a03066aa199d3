"""`cityflux energy`: load curves, use and carbon dioxide, losses between meters, days that are not as others."""

from typing import TYPE_CHECKING, Annotated

import typer

from cityflux.composition import energy_rules, open_books, open_store
from cityflux.console import Format, civil_day, instant, out, print_rows, settings, wrong
from cityflux.energy_rows import buckets, loss_row, number, order, summary, use_row
from cityflux.settings import Settings, SettingsError
from store.books import Books
from store.judgements import Judgement, Judgements

if TYPE_CHECKING:
    from processors.energy.anomalies import JudgedDay
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
    from processors.energy.rules import USES, power_unit
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
        unit = power_unit(quantity)
        rows = [
            {"power": number(power), "unit": unit, "hours": number(hours)}
            for power, hours in load_duration(found.buckets)
        ]
        print_rows(rows, ["power", "unit", "hours"], style, f"{station}: how long which power was reached")
        return
    columns = ["since", "until", "amount", "unit", "power_kw", "measured_percent", "apportioned_percent", "period"]
    print_rows(buckets(found, quantity, chosen), columns, style, f"{station}: {quantity}")
    if style is Format.TABLE:
        for line in summary(found, quantity, rules, chosen):
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
    rows = [use_row(name, *shown[name]) for name in sorted(shown, key=order)]
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
        loss_row(scope.removeprefix(METER), quantity, one)
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
    holidays = [civil_day(text, "--holiday") for text in holiday or ()]
    first, last = civil_day(since, "--from"), civil_day(until, "--to")
    if first > last:
        wrong(f"--to {until} is before --from {since}")
    with open_books(chosen) as books:
        books.prepare()
        names = meter or sorted({one.id for one in books.registry() if one.family == "energy"})
        for name in names:
            _known(books, name)
        found = judged_days(
            open_store(chosen), books, names, first, last, chosen.zone,
            quantities=[quantity], holidays=holidays,
        )  # fmt: skip
        rows = [
            {
                "meter": one.meter,
                "day": one.use.day.isoformat(),
                "used": number(one.use.amount),
                "measured_percent": float(one.measured_percent),
                "unit": unit_of(quantity),
                "temperature": None if one.use.temperature is None else round(one.use.temperature, 1),
                "low": one.verdict and number(one.verdict.low),
                "expected": one.verdict and number(one.verdict.middle),
                "high": one.verdict and number(one.verdict.high),
                "like": _like(one),
                "days": one.verdict and one.verdict.days,
                "anomaly": None if one.verdict is None else one.verdict.is_anomaly,
            }
            for one in found
            if every or (one.verdict is not None and one.verdict.is_anomaly)
        ]
    columns = [
        "meter",
        "day",
        "used",
        "unit",
        "measured_percent",
        "low",
        "expected",
        "high",
        "temperature",
        "like",
        "days",
        "anomaly",
    ]
    print_rows(rows, columns, style, f"anomalies of {quantity}")


def _like(one: "JudgedDay") -> str:
    if one.measured_percent < 100:
        return "not measured whole"
    return one.verdict.like if one.verdict else "too few days before it"


def _chosen() -> tuple[Settings, "EnergyRules"]:
    chosen = settings()
    try:
        return chosen, energy_rules(chosen)
    except SettingsError as error:
        wrong(str(error))


def _known(books: Books, station: str) -> None:
    if not books.registry().knows("energy", station):
        wrong(f"{station!r} is not an energy station of the registry; `cityflux stations list` shows them")


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
