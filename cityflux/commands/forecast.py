"""`cityflux forecast`: how the year may end."""

import json
import sys
from typing import Annotated

import typer

from cityflux.commands.ask import TextOrJson
from cityflux.composition import now_ms, open_books, plan_of
from cityflux.console import out, settings, wrong
from sensors.instants import iso
from store.judgements import Judgements

forecast = typer.Typer(
    no_args_is_help=True, help="How the year may end, with what the forecast was worth in a back-test."
)


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
