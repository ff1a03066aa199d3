"""Commands that make InfluxDB ready and keep what Grafana draws of the books: `setup influx`, `project`."""

from pathlib import Path
from typing import Annotated

import typer

from cityflux.composition import open_books, open_projector, prepare_books
from cityflux.console import Format, out, print_rows, settings
from cityflux.secret_files import SecretFiles

setup = typer.Typer(no_args_is_help=True, help="Make the servers around cityflux ready.")

# Chosen: a season of how stations and the pipeline were; a point a minute of each station.
_SAMPLES_DAYS = 92


@setup.command("influx")
def influx(
    folder: Annotated[
        Path | None, typer.Option("--secrets", help="where tokens are kept; default: `secrets` in the data folder")
    ] = None,
    keep_days: Annotated[
        int | None, typer.Option(min=0, help="keep readings so many days; 0: for ever, as new ones are")
    ] = None,
    keep_samples_days: Annotated[
        int | None, typer.Option(min=0, help=f"keep samples so many days; 0: for ever; new ones: {_SAMPLES_DAYS}")
    ] = None,
    style: Annotated[Format, typer.Option("--format", help="table, csv or json")] = Format.TABLE,
) -> None:
    """Organisation, buckets, mappings for InfluxQL and tokens with the least rights in the InfluxDB of the settings; run again,
    it changes nothing. Example: cityflux setup influx --secrets /etc/cityflux/secrets"""
    from store.influx_setup import TOKENS, Setup

    chosen = settings()
    secrets = SecretFiles(folder or chosen.data_dir / "secrets")
    steps = Setup(chosen.influx_url, chosen.influx_org, chosen.influx_bucket, secrets).run(
        {"autogen": keep_days, "books": None, "samples": keep_samples_days},
        {"autogen": 0, "books": 0, "samples": _SAMPLES_DAYS},
    )
    print_rows([step._asdict() for step in steps], ["what", "name", "how", "note"], style, chosen.influx_url)
    if style is Format.TABLE:
        out.print(f"tokens, each in a file that only you can read, in {secrets.folder.resolve()}:")
        for access in TOKENS:
            out.print(f"  {access.secret}: {_FOR[access.name]}", markup=False)
        out.print("keep influx-admin-token and influx-admin-password: the server shows neither again")


_FOR = {
    "ingest": "CITYFLUX_INFLUX_TOKEN_FILE of ingest",
    "process": "CITYFLUX_INFLUX_TOKEN_FILE of process, with CITYFLUX_INFLUX_PROJECTION=true, and of cityflux project",
    "read": "CITYFLUX_INFLUX_TOKEN_FILE of watch, wall and whoever only asks",
    "grafana": "the data source of Grafana",
}


def project(
    style: Annotated[Format, typer.Option("--format", help="table, csv or json")] = Format.TABLE,
) -> None:
    """Write what the books say into InfluxDB anew, whole: indicators, incidents, stations. Example: cityflux project"""
    chosen = settings()
    with open_books(chosen) as books:
        prepare_books(chosen, books)
        projector = open_projector(chosen, books)
        count = projector.rebuild()
        series = projector.cardinality()
    if style is Format.TABLE:
        out.print(f"{count:,} points written")
    rows = [{"measurement": name, "series": number} for name, number in series.items()]
    print_rows(rows, ["measurement", "series"], style, f"{sum(series.values()):,} series in {chosen.influx_bucket}")
