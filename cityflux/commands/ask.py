"""Commands that ask: `readings`, `indicators`, `explain`, `ledger`."""

import json
import sys
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cityflux.composition import (
    energy_rules,
    journal_folders,
    now_ms,
    open_books,
    open_store,
    plan_of,
    traffic_rules_of,
)
from cityflux.console import Format, instant, out, print_rows, settings, wrong
from cityflux.settings import Settings, SettingsError
from ingest.journal import Ledger, looking_at, read_ledger
from sensors.instants import iso
from sensors.quantities import OF_FAMILY, Family
from sensors.reading import Period
from store.books import Books
from store.judgements import Judgement, Judgements

if TYPE_CHECKING:
    from processors.explain_page import Page


class TextOrJson(StrEnum):
    """How an explanation is printed."""

    TEXT = "text"
    JSON = "json"


def readings(
    family: Annotated[
        Family, typer.Argument(help="air, water, energy, traffic; air-index, traffic-flow: what was derived")
    ],
    period: Annotated[Period, typer.Argument(help="raw, minute, hour, day")],
    since: Annotated[str, typer.Option("--from", help="after this moment")],
    until: Annotated[str, typer.Option("--to", help="up to and including this moment")],
    station: Annotated[list[str] | None, typer.Option(help="only this station; may be given again")] = None,
    style: Annotated[Format, typer.Option("--format", help="table, csv or json")] = Format.TABLE,
) -> None:
    """Stored readings with from < end of period ≤ to; doubtful values apart. Example:
    cityflux readings air hour --from 2026-03-01 --to 2026-03-02 --station hx-01 --format csv"""
    chosen = settings()
    start, end = instant(since, chosen.zone, "--from"), instant(until, chosen.zone, "--to")
    frame = open_store(chosen).readings(family, period, start, end, station, detail=True)
    codes = list(OF_FAMILY[family])
    if style is Format.TABLE:  # for people: only what there is; scripts always get every column
        codes = [code for code in codes if frame[code].notna().any()]
    columns = ["station", "at", "seq", *codes, "doubtful", "unknown_station", "received_at"]
    rows = (
        {**_reading(row, codes, chosen), "doubtful": _doubts(row["doubtful"], style)}
        for row in frame.to_dict("records")
    )
    print_rows(rows, columns, style)


def _reading(row: dict[Any, Any], codes: list[str], chosen: Settings) -> dict[str, Any]:
    return {
        "station": row["station"],
        "at": row["observed_at"].tz_convert(chosen.zone).isoformat(),
        "seq": row["seq"],
        **{code: None if row[code] != row[code] else row[code] for code in codes},
        "unknown_station": bool(row["unknown_station"]),
        "received_at": iso(int(row["received_at"]), chosen.zone),
    }


def _doubts(doubtful: dict[str, Any], style: Format) -> Any:
    if style is Format.JSON:
        return {code: doubt._asdict() for code, doubt in doubtful.items()}
    return "; ".join(f"{code} {d.flag}" + ("" if d.value is None else f" {d.value:g}") for code, d in doubtful.items())


def indicators(
    code: Annotated[str | None, typer.Option(help="one indicator, e.g. good_air_days or air_daily_aqi")] = None,
    since: Annotated[str | None, typer.Option("--from", help="first period, e.g. 2026-03-01 or 2026")] = None,
    until: Annotated[str | None, typer.Option("--to", help="last period, included")] = None,
    style: Annotated[Format, typer.Option("--format", help="table, csv or json")] = Format.TABLE,
    comparison: Annotated[
        bool,
        typer.Option(
            "--comparison", help="only what the messages decide: no times of computing, no numbers of revisions"
        ),
    ] = False,
) -> None:
    """Indicators in force, closed and running. Without options: the plan's scorecard. Example:
    cityflux indicators --code air_daily_aqi --from 2026-03-01 --to 2026-03-31 --format csv"""
    from cityflux.scorecard import as_text
    from processors.scorecard import scorecard_rows

    chosen = settings()
    with open_books(chosen) as books:
        books.prepare()
        judgements = Judgements(books)
        if style is Format.TABLE and code is None and since is None and until is None and not comparison:
            now, plan = now_ms(), plan_of(chosen)
            year = int(iso(now, chosen.zone)[:4])
            out.print(as_text(scorecard_rows(judgements, plan, year, chosen.zone, now), plan, year))
            return
        closed = judgements.latest(code, first=since, last=until and until + "~")
        rows = [_row(r.judgement, chosen, r.finality, r.reason, r.id, r.supersedes) for r in closed]
        rows += [
            _row(r.judgement, chosen, "running", "", None, None)
            for r in judgements.running(code, first=since, last=until and until + "~")
        ]
    rows.sort(key=lambda row: (row["indicator"], row["period"], row["scope"]))
    if comparison:
        for row in rows:
            row["stations"] = "+".join(row["stations"])
            row["detail"] = json.dumps(row["detail"], ensure_ascii=False, sort_keys=True)
        print_rows(rows, _COMPARED, style, "indicators")
        return
    columns = [
        "indicator",
        "scope",
        "period",
        "value",
        "unit",
        "status",
        "valid",
        "expected",
        "finality",
        "standard",
        "computed_at",
        "revision",
        "supersedes",
        "reason",
        "code_version",
    ]
    print_rows(rows, columns, style, "indicators")


_COMPARED = [
    "indicator", "scope", "period", "value", "unit", "status", "valid", "expected", "finality", "standard", "code_version",
    "stations", "detail",
]  # fmt: skip
"""What the same messages always give, byte for byte, on every store and every machine of one kind."""


def _row(
    judgement: Judgement, chosen: Settings, finality: str, reason: str, number: int | None, supersedes: int | None
) -> dict[str, Any]:
    return {
        **judgement.key._asdict(),
        "value": judgement.value,
        "unit": judgement.unit,
        "status": judgement.status,
        "valid": judgement.valid,
        "expected": judgement.expected,
        "finality": finality,
        "code_version": judgement.code_version,
        "stations": list(judgement.stations),
        "detail": judgement.detail,
        "computed_at": iso(judgement.computed_at, chosen.zone),
        "revision": number,
        "supersedes": supersedes or None,
        "reason": reason,
    }


def explain(
    indicator: Annotated[
        str, typer.Argument(help="of the plan: good_air_days, water_sections; or energy_use, tunnel_flow, traffic_day")
    ],
    period: Annotated[
        str,
        typer.Argument(
            help="a year, e.g. 2026; of a section, a tunnel or energy a month or quarter too, of energy and carbon of the plan a "
            "quarter"
        ),
    ],
    section: Annotated[str | None, typer.Option(help="of water: one section")] = None,
    meter: Annotated[str | None, typer.Option(help="of energy_use: one meter; else the city")] = None,
    district: Annotated[str | None, typer.Option(help="of energy_use: one district")] = None,
    tunnel: Annotated[str | None, typer.Option(help="of tunnel_flow: one tunnel")] = None,
    station: Annotated[str | None, typer.Option(help="of traffic_day: the station")] = None,
    day: Annotated[str | None, typer.Option(help="one day of it, down to hours or samples, e.g. 2026-03-05")] = None,
    style: Annotated[TextOrJson, typer.Option("--format", help="text or json")] = TextOrJson.TEXT,
) -> None:
    """Why an indicator is what it is, down to hours and samples and the messages they came in. Example:
    cityflux explain good_air_days 2026 --day 2026-03-05"""
    from cityflux.explained import as_text
    from processors.energy.use import ENERGY_USE
    from processors.explain_page import page_of
    from processors.explain_parts import NotFound
    from processors.explaining import explained

    chosen = settings()
    if indicator == ENERGY_USE:
        _explain_energy(chosen, day or period, meter, district, style)
        return
    if meter is not None or district is not None:
        wrong(f"{indicator} has no meters; leave --meter and --district out")
    if indicator in {"tunnel_flow", "traffic_day"}:
        _explain_traffic(chosen, indicator, period, tunnel, station, day, style)
        return
    if tunnel is not None or station is not None:
        wrong(f"{indicator} has no tunnels and stations; --tunnel is of tunnel_flow, --station of traffic_day")
    with open_books(chosen) as books:
        books.prepare()
        try:
            definition = plan_of(chosen).indicator(indicator)
            answer = explained(books, open_store(chosen), definition, period, chosen.zone, section=section, day=day)
        except (NotFound, ValueError) as error:
            wrong(str(error))
    if definition.family == "air" and style is TextOrJson.TEXT:
        as_text(answer, out)
    else:
        _show(answer, page_of, style)


def _show(answer: dict[str, Any], page: "Callable[[dict[str, Any]], Page]", style: TextOrJson) -> None:
    """An explanation for a script, or laid out by `page` for a person."""
    from cityflux.explained import page_as_text

    if style is TextOrJson.JSON:
        sys.stdout.write(json.dumps(answer, ensure_ascii=False, indent=2) + "\n")
    else:
        page_as_text(page(answer), out)


def _explain_energy(chosen: Settings, period: str, meter: str | None, district: str | None, style: TextOrJson) -> None:
    from processors.energy.explain import explain_energy
    from processors.energy.page import energy_page
    from processors.explain_parts import NotFound
    from processors.scopes import CITY, DISTRICT, METER

    scope = CITY if district is None else DISTRICT + district
    if meter is not None:
        scope = METER + meter
    try:
        rules = energy_rules(chosen)
        with open_books(chosen) as books:
            books.prepare()
            answer = explain_energy(books, open_store(chosen), period, scope, chosen.zone, rules)
    except (NotFound, SettingsError) as error:
        wrong(str(error))
    _show(answer, energy_page, style)


def _explain_traffic(
    chosen: Settings,
    indicator: str,
    period: str,
    tunnel: str | None,
    station: str | None,
    day: str | None,
    style: TextOrJson,
) -> None:
    from processors.explain_parts import NotFound
    from processors.traffic.explain_flow import explain_flow, explain_station_day
    from processors.traffic.page import traffic_page

    rules = traffic_rules_of(chosen)
    with open_books(chosen) as books:
        books.prepare()
        store = open_store(chosen)
        try:
            if indicator == "tunnel_flow":
                answer = explain_flow(books, store, period, chosen.zone, rules, tunnel, day)
            elif station is None:
                wrong("traffic_day is of a station: name it with --station")
            else:
                answer = explain_station_day(books, store, station, period, chosen.zone, rules)
        except NotFound as error:
            wrong(str(error))
    _show(answer, traffic_page, style)


def ledger(style: Annotated[Format, typer.Option("--format", help="table or json")] = Format.TABLE) -> None:
    """What was journalled, written, refused, and what waits: journalled = written + refused + pending. Example:
    cityflux ledger --format json"""
    chosen = settings()
    with open_books(chosen) as books:
        books.prepare()
        journals = _ledgers(chosen, books)
    totals = Ledger(*(sum(column) for column in zip(*journals.values(), strict=True))) if journals else Ledger(*[0] * 8)
    of: dict[str, dict[str, int]] = {
        "messages": {name: getattr(totals, name) for name in ("journalled", "written", "refused", "pending")},
        # Readings are counted when their message is settled: none is ever pending.
        "readings": {
            "journalled": totals.readings_decoded,
            "written": totals.readings_written,
            "refused": totals.readings_refused,
            "pending": 0,
        },
        "quantities": {"refused": totals.quantities_refused},
    }
    balances = all(
        one["journalled"] == one["written"] + one["refused"] + one["pending"]
        for one in (of["messages"], of["readings"])
    )
    if style is Format.JSON:
        sys.stdout.write(json.dumps({**of, "balances": balances, "journals": sorted(journals)}, indent=2) + "\n")
        return
    columns = ["of", "journalled", "written", "refused", "pending"]
    print_rows([{"of": name, **counts} for name, counts in of.items()], columns, style, "ledger")


def _ledgers(chosen: Settings, books: Books) -> dict[str, Ledger]:
    """By journal: as last copied to the books, and of this machine's own journals as they stand on disk."""
    found = {row.journal: Ledger(*row[2:]) for row in books.ledgers()}
    for folder in journal_folders(chosen).values():
        with looking_at(folder) as db:
            if db is not None:
                found[db.execute("SELECT uuid FROM ledger").fetchone()[0]] = read_ledger(db)
    return found
