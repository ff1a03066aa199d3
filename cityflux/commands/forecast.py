"""`cityflux forecast`: how the year may end, and the next days."""

import json
import sys
from typing import Annotated, Any

import typer

from cityflux.commands.ask import TextOrJson
from cityflux.composition import now_ms, open_books, open_store, plan_of
from cityflux.console import Format, instant, out, print_rows, settings, wrong
from sensors.instants import HOUR_MS, iso
from store.intervals import Intervals
from store.judgements import Judgements

forecast = typer.Typer(no_args_is_help=True, help="How the year may end, and the next days.")


@forecast.command("year")
def year_end(
    year: Annotated[str | None, typer.Argument(help="a year; else this one")] = None,
    code: Annotated[str, typer.Option(help="the indicator")] = "good_air_days",
    style: Annotated[TextOrJson, typer.Option("--format", help="text or json")] = TextOrJson.TEXT,
) -> None:
    """Days so far, days left, bad days still allowed, the count the year may end with. Example: cityflux forecast year 2026"""
    chosen = settings()
    asked = year or iso(now_ms(), chosen.zone)[:4]
    with open_books(chosen) as books:
        books.prepare()
        try:
            indicator = plan_of(chosen).indicator(code)
        except ValueError as error:
            wrong(str(error))
        found = Judgements(books).current(indicator.code, indicator.scope, asked)
    if found is None:
        wrong(f"{code} {asked} is not computed yet: no closed day with readings; see cityflux ledger")
    detail, made = found[0].detail, found[0].detail.get("forecast")
    if style is TextOrJson.JSON:
        facts = ("good", "polluted", "not_assessable", "days_left", "bad_days_allowed", "bad_days_left", "forecast")
        answer = {"indicator": code, "period": asked, "target": str(indicator.target), "last_day": detail["last_day"]}
        sys.stdout.write(
            json.dumps(answer | {name: detail.get(name) for name in facts}, ensure_ascii=False, indent=2) + "\n"
        )
        return
    out.print(f"{indicator.zh} {indicator.en} {asked}, as of {detail['last_day']}")
    for name, value in (
        ("good so far", detail["good"]),
        ("polluted", detail["polluted"]),
        ("not assessable", detail["not_assessable"]),
        ("days left", detail["days_left"]),
        (f"bad days that a target of {indicator.target} allows", detail["bad_days_allowed"]),
        ("of them still left", detail["bad_days_left"]),
    ):
        out.print(f"  {value:>4}  {name}")
    if made is None:
        out.print("  the year is over")
    elif "why" in made:
        out.print(f"  no forecast: {made['why']}")
    else:
        out.print(
            f"  {made['low']} to {made['high']} at the end of the year ({100 * made['interval']:.0f} % interval), "
            f"median {made['median']}; target reached with {100 * made['probability']:.1f} %"
        )
        out.print(f"  from {made['history_days']} days of earlier years: {made['method']}; see docs/FORECAST.md")


@forecast.command("days")
def days(
    scope: Annotated[list[str] | None, typer.Option(help="city, district:ID, station:ID; may be given again")] = None,
    at: Annotated[str | None, typer.Option("--at", help="as of this moment; else now")] = None,
    style: Annotated[Format, typer.Option("--format", help="table, csv or json")] = Format.TABLE,
) -> None:
    """AQI of the next three days of the city, its districts and stations, where that beats persistence in a back-test on the
    place's own hours; else why there is none. Example: cityflux forecast days --scope city"""
    from processors.air.outlook import outlook

    chosen = settings()
    moment = now_ms() if at is None else instant(at, chosen.zone, "--at")
    with open_books(chosen) as books:
        books.prepare()
        registry, intervals = books.registry(), Intervals(books).all("air")
    found = outlook(open_store(chosen), registry, chosen.zone, moment, intervals)
    asked = scope or ["city", *(name for name in found if name != "city")]
    for name in scope or ():
        if name not in found:
            wrong(f"there is nothing of {name!r}; there are {', '.join(list(found)[:12]) or 'no hours at all'}")
    rows = [_day(name, made) for name in asked for made in found.get(name, ())]
    columns = ["scope", "day", "horizon", "median", "low", "high", "category", "above_100", "above_150", "above_200"]
    columns += ["error", "error_persistence", "standard", "why"]
    print_rows(rows, columns, style, f"forecasts as of {iso(moment - moment % HOUR_MS, chosen.zone)}")


def _day(scope: str, made: Any) -> dict[str, Any]:
    """One horizon of a place, published or not."""
    row = {"scope": scope, "day": made.day.isoformat(), "horizon": made.horizon}
    skill = made.skill
    if skill is not None:
        row |= {"error": f"{skill.error:.1f}", "error_persistence": f"{skill.error_persistence:.1f}"}
    if hasattr(made, "why"):
        return row | {"why": made.why}
    above = {f"above_{limit}": f"{100 * share:.0f} %" for limit, share in made.above.items()}
    return row | above | {
        "median": made.median, "low": made.low, "high": made.high, "category": made.category, "standard": made.standard,
        "why": "",
    }  # fmt: skip
