"""`cityflux scorecard`: every row of the plan, for a person, a script or a printer."""

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cityflux.composition import now_ms, open_books, plan_of
from cityflux.console import Format, out, print_rows, refused, settings, wrong
from sensors.instants import iso
from store.judgements import Judgements


class Sheet(StrEnum):
    """How the scorecard is written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    HTML = "html"


def scorecard(
    year: Annotated[int | None, typer.Argument(min=1, max=9999, help="a year; else this one")] = None,
    style: Annotated[Sheet, typer.Option("--format", help="table, csv, json or html")] = Sheet.TABLE,
    file: Annotated[Path | None, typer.Option("--out", help="of html: the file to write")] = None,
    wall: Annotated[str, typer.Option(help="of html: the wall's address, so that numbers lead to why they are")] = "",
) -> None:
    """Every row of the plan: value, target, gap, status, trend, coverage, how far it is settled, and of entered rows their source
    and age. Example: cityflux scorecard 2026 --format html --out scorecard.html"""
    from cityflux.scorecard import as_page, as_text
    from processors.scorecard import COLUMNS, scorecard_rows

    chosen, now = settings(), now_ms()
    if (file is None) == (style is Sheet.HTML):
        wrong("--out is the file of --format html: give both, or neither")
    plan, at = plan_of(chosen), iso(now - now % 1000, chosen.zone)
    asked = year or int(at[:4])
    with open_books(chosen) as books:
        books.prepare()
        rows = scorecard_rows(Judgements(books), plan, asked, chosen.zone, now)
    if style is Sheet.TABLE:
        out.print(as_text(rows, plan, asked))
    elif style is Sheet.JSON:
        sys.stdout.write(json.dumps(rows, ensure_ascii=False, indent=2) + "\n")
    elif style is Sheet.CSV:
        print_rows(rows, COLUMNS, Format.CSV)
    elif file is not None:
        try:
            file.write_text(as_page(rows, plan, asked, at, wall.rstrip("/")), "utf-8")
        except OSError as error:
            refused(f"{file} cannot be written: {error.strerror}")
        out.print(str(file), markup=False, highlight=False)
