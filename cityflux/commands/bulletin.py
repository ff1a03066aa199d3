"""`cityflux bulletin`: a month of the plan, to print: as PDF or as one HTML page."""

from pathlib import Path
from typing import Annotated

import typer

from cityflux.commands.picture import LanguageOption, Tongue
from cityflux.composition import now_ms, open_books, plan_of
from cityflux.console import err, out, refused, settings, wrong
from sensors.instants import HOUR_MS


def bulletin(
    month: Annotated[str, typer.Argument(help="a month that has begun, e.g. 2026-03")],
    file: Annotated[Path, typer.Option("--out", help="the file, as .pdf or .html")],
    language: LanguageOption = Tongue.EN,
    wall: Annotated[str, typer.Option(help="the wall's address, so that numbers lead to why they are")] = "",
) -> None:
    """A month of the plan to print: every row with what it rests on, air, water, energy and traffic, what was revised and why,
    what is missing, and the standards applied. Example:
    cityflux bulletin 2026-03 --language zh --out bulletin.pdf --wall http://wall:8080"""
    from cityflux.bulletin import month_document
    from cityflux.printed import as_page
    from cityflux.printed_pdf import NoFont, as_pdf
    from processors.bulletin.asked import NoBulletin
    from processors.pictures import drawn_language

    chosen, now, address = settings(), now_ms(), wall.rstrip("/")
    suffix = file.suffix.lower()
    if suffix not in {".pdf", ".html"}:
        wrong(f"--out {file.name!r} is no bulletin: write a name that ends in .pdf or .html")
    with open_books(chosen) as books:
        books.prepare()
        try:
            document = month_document(
                books, plan_of(chosen), month, zone=chosen.zone, grace_ms=chosen.grace_hours * HOUR_MS, now=now,
                language=language.value, wall=address,
            )  # fmt: skip
            made = as_pdf(document, now, address) if suffix == ".pdf" else as_page(document, address).encode("utf-8")
        except NoBulletin as error:
            wrong(str(error))
        except NoFont as error:
            refused(str(error))
    if drawn_language(language.value) != language.value:
        err.print(
            "cityflux: no font with Chinese characters is installed: its pictures are in English", highlight=False
        )
    try:
        file.write_bytes(made)
    except OSError as error:
        refused(f"{file} cannot be written: {error.strerror}")
    out.print(str(file), markup=False, highlight=False)
