"""`cityflux dashboards`: Grafana's dashboards as files, into Grafana, against what a person made of them, against InfluxDB."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cityflux.composition import alert_rules_of, now_ms, plan_of
from cityflux.console import Format, out, print_rows, refused, settings, wrong
from cityflux.settings import Settings, read_secret

if TYPE_CHECKING:
    from cityflux.grafana import Grafana
    from dashboards.asked import Language

dashboards = typer.Typer(no_args_is_help=True, help="Grafana's dashboards, in Chinese and English.")

FormatOption = Annotated[Format, typer.Option("--format", help="table, csv or json")]


@dashboards.command("export")
def export(
    folder: Annotated[Path, typer.Argument(help="a folder; one of each language is made in it")],
) -> None:
    """Write them as files, as Grafana imports and provisions them. Example: cityflux dashboards export grafana/dashboards"""
    count = 0
    for language, boards in _boards(settings()).items():
        try:
            (folder / language).mkdir(parents=True, exist_ok=True)
            for board in boards:
                text = json.dumps(board, ensure_ascii=False, indent=1) + "\n"
                (folder / language / f"{board['uid']}.json").write_text(text, "utf-8")
                count += 1
        except OSError as error:
            refused(f"{folder} cannot be written: {error}")
    out.print(f"{count} dashboards in {folder}", markup=False)


@dashboards.command("push")
def push(
    force: Annotated[bool, typer.Option("--force", help="overwrite what a person has changed by hand too")] = False,
    style: FormatOption = Format.TABLE,
) -> None:
    """Bring folders, permissions, data source and dashboards into Grafana; again, it changes nothing. Exit 1 where one was left
    because a person has changed it. Example: cityflux dashboards push"""
    from cityflux.grafana import GrafanaError, Source
    from store.influx_setup import database_of

    chosen = settings()
    source = None
    if chosen.grafana_influx_token_file is not None:
        token = read_secret(chosen.grafana_influx_token_file, "grafana_influx_token_file")
        source = Source(chosen.grafana_influx_url or chosen.influx_url, database_of(chosen.influx_bucket), token)
    grafana = _grafana(chosen)
    try:
        done = grafana.push(_boards(chosen), source, force=force)
    except GrafanaError as error:
        refused(str(error))
    finally:
        grafana.close()
    print_rows([one._asdict() for one in done], ["what", "name", "how", "note"], style, chosen.grafana_url)
    if source is None and style is Format.TABLE:
        out.print("the data source was left as it is: set CITYFLUX_GRAFANA_INFLUX_TOKEN_FILE to have it made")
    if any(one.how == "left" for one in done):
        raise typer.Exit(1)


@dashboards.command("diff")
def diff(style: FormatOption = Format.TABLE) -> None:
    """Where dashboards in Grafana are other than ours: what a person changed by hand, or an older version of ours. Exit 1 where
    any is. Example: cityflux dashboards diff"""
    from cityflux.grafana import GrafanaError

    chosen = settings()
    grafana = _grafana(chosen)
    try:
        found = [one for boards in _boards(chosen).values() for one in grafana.differences(boards)]
    except GrafanaError as error:
        refused(str(error))
    finally:
        grafana.close()
    print_rows([one._asdict() for one in found], ["board", "where", "ours", "theirs"], style, "differences")
    if found:
        raise typer.Exit(1)


@dashboards.command("check")
def check(style: FormatOption = Format.TABLE) -> None:
    """Ask every query of them of the InfluxDB of the settings, with its token: how many rows each gives. Exit 1 where one is
    refused; no rows are none: a city without tunnels has none of them. Example: cityflux dashboards check"""
    from dashboards.sending import put_in, sent
    from processors.windows import civil_day
    from store.influx_http import InfluxHttp
    from store.influx_setup import database_of
    from store.port import StoreMisconfigured

    chosen, now = settings(), now_ms()
    if chosen.influx_token_file is None:
        wrong("influx_token_file is not set; point CITYFLUX_INFLUX_TOKEN_FILE at a token that may read, as Grafana's")
    http = InfluxHttp(chosen.influx_url, read_secret(chosen.influx_token_file, "influx_token_file"))
    rows: list[dict[str, Any]] = []
    for one in sent(_boards(chosen)["en"]):
        said, count = "", 0
        try:
            query = put_in(one.text, now, year=civil_day(now, chosen.zone).year)
            (series,) = http.ask(database_of(chosen.influx_bucket), [query])
            count = sum(len(its["values"]) for its in series)
        except StoreMisconfigured as error:
            said = str(error)
        rows.append({**one._asdict(), "rows": count, "refused": said})
    http.close()
    print_rows(rows, ["board", "panel", "letter", "rows", "refused"], style, "queries of the dashboards")
    if any(row["refused"] for row in rows):
        raise typer.Exit(1)


def _boards(chosen: Settings) -> "dict[Language, list[dict[str, Any]]]":
    from dashboards.asked import LANGUAGES, Asked
    from dashboards.catalogue import dashboards as boards_of
    from processors.windows import civil_day

    plan, rules, day = plan_of(chosen), alert_rules_of(chosen), civil_day(now_ms(), chosen.zone)
    wall = (chosen.wall_url or f"http://{chosen.wall_host}:{chosen.wall_port}").rstrip("/")
    asked = Asked("en", plan, rules, day, chosen.timezone, wall, chosen.grafana_tiles_url or "")
    return {language: boards_of(replace(asked, language=language)) for language in LANGUAGES}


def _grafana(chosen: Settings) -> "Grafana":
    from cityflux.grafana import Grafana

    if chosen.grafana_token_file is None:
        wrong(
            "grafana_token_file is not set; point CITYFLUX_GRAFANA_TOKEN_FILE at a file with the token of a service account of "
            "role Admin"
        )
    return Grafana(chosen.grafana_url, read_secret(chosen.grafana_token_file, "grafana_token_file"))
