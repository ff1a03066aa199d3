"""`cityflux scorecard`: every row of the plan, for a person, a script or a printer."""

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cityflux.commands.picture import LanguageOption, Tongue
from cityflux.composition import now_ms, open_books, plan_of
from cityflux.console import Format, out, print_rows, refused, settings, wrong
from sensors.instants import iso
from store.judgements import Judgements

if TYPE_CHECKING:
    from processors.bulletin.document import Document


class Sheet(StrEnum):
    """How the scorecard is written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    HTML = "html"


def scorecard(
    year: Annotated[int | None, typer.Argument(min=1, max=9999, help="a year; else this one")] = None,
    style: Annotated[Sheet, typer.Option("--format", help="table, csv, json or html")] = Sheet.TABLE,
    language: LanguageOption = Tongue.EN,
    file: Annotated[Path | None, typer.Option("--out", help="of html: the file to write")] = None,
    wall: Annotated[str, typer.Option(help="of html: the wall's address, so that numbers lead to why they are")] = "",
) -> None:
    """Every row of the plan: value, target, gap, status, trend, coverage, how far it is settled, and of entered rows their source
    and age. Example: cityflux scorecard 2026 --format html --language zh --out scorecard.html"""
    from cityflux.scorecard import as_text
    from processors.scorecard import COLUMNS, scorecard_rows

    chosen, now = settings(), now_ms()
    if (file is None) == (style is Sheet.HTML):
        wrong("--out is the file of --format html: give both, or neither")
    plan, asked = plan_of(chosen), year or int(iso(now, chosen.zone)[:4])
    with open_books(chosen) as books:
        books.prepare()
        if file is not None:
            from processors.bulletin.composed import scorecard as printed

            document = printed(books, plan, asked, chosen.zone, now, language.value)
            _write(file, wall.rstrip("/"), document)
            return
        rows = scorecard_rows(Judgements(books), plan, asked, chosen.zone, now)
    if style is Sheet.TABLE:
        out.print(as_text(rows, plan, asked))
    elif style is Sheet.JSON:
        sys.stdout.write(json.dumps(rows, ensure_ascii=False, indent=2) + "\n")
    else:
        print_rows(rows, COLUMNS, Format.CSV)


def _write(file: Path, wall: str, document: "Document") -> None:
    """The page, in the file."""
    from cityflux.printed import as_page

    try:
        file.write_text(as_page(document, wall), "utf-8")
    except OSError as error:
        refused(f"{file} cannot be written: {error.strerror}")
    out.print(str(file), markup=False, highlight=False)
