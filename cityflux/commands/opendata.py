"""`cityflux opendata`: a month as files for everybody, with their dictionary, signed; and the keys that sign them."""

from pathlib import Path
from typing import Annotated

import typer

from cityflux.composition import now_ms, open_books, open_store, plan_of
from cityflux.console import err, out, refused, settings, wrong
from cityflux.settings import Settings, SettingsError
from sensors.instants import iso
from sensors.quantities import MEASURED_FAMILIES, Family

opendata = typer.Typer(no_args_is_help=True, help="Open data: a month as signed files that anybody can check.")

# Chosen: single vehicles and the meters of single buildings may say something of single people; those must be asked for.
_USUAL = "air,water"


@opendata.command("export")
def export(
    month: Annotated[str, typer.Argument(help="e.g. 2026-03")],
    folder: Annotated[Path, typer.Option("--out", help="the folder to make; it must not be there")],
    key: Annotated[
        Path | None, typer.Option(help="private key that signs it (`cityflux opendata key`); none: unsigned")
    ] = None,
    families: Annotated[str, typer.Option(help=f"of {', '.join(MEASURED_FAMILIES)}")] = _USUAL,
) -> None:
    """Readings, days, classes and indicators of a month, as CSV and Parquet with a data dictionary and a signed manifest.
    Example: cityflux opendata export 2026-03 --out opendata-2026-03 --key city.pem"""
    from cityflux.opendata.export import Asked
    from cityflux.opendata.export import export as make
    from cityflux.opendata.signing import KeyFileError, private_key
    from processors.windows import length_of, period_bounds

    chosen, now = settings(), now_ms()
    try:
        if length_of(month) != "month":
            wrong(f"{month} is no month: write for example 2026-03")
        signs = None if key is None else private_key(key)
    except (ValueError, KeyFileError) as error:
        wrong(str(error))
    if now <= period_bounds(month, chosen.zone)[0]:
        wrong(f"{month} has not begun: there is nothing to export yet")
    if not folder.absolute().parent.is_dir():
        wrong(f"--out {folder}: the folder it is to stand in is not there; make it first")
    asked = Asked(
        month, _families(families), plan_of(chosen), chosen.zone, chosen.grace_hours, chosen.opendata_publisher,
        _licence(chosen), signs,
    )  # fmt: skip
    try:
        with open_books(chosen) as books:
            books.prepare()
            made = make(folder.absolute(), asked, open_store(chosen), books, now)
    except FileExistsError as error:
        wrong(f"--out {folder} {error.strerror}")
    except OSError as error:
        refused(f"{error.filename or folder}: {error.strerror or error}; nothing was made")
    rows = sum(one.rows or 0 for one in made.files if one.path.endswith(".csv"))
    signed = "not signed: give --key" if made.key is None else f"signed by {made.key.fingerprint}"
    out.print(f"{folder}: {len(made.files)} files, {rows} rows; {signed}", markup=False, highlight=False)
    if not made.closed:
        _warn(f"{month} is not over, or its late data are still waited for: this is as of {iso(now, chosen.zone)}")
    if made.windows_waiting:
        _warn(f"{made.windows_waiting} windows have changed and are not computed yet; is `cityflux process` running?")
    if made.provisional:
        _warn(
            f"{made.provisional} of {made.judgements} judgements are not final though their period is over (`cityflux review`)"
        )


@opendata.command("key")
def key(file: Annotated[Path, typer.Argument(help="where the private key goes; the public one beside it")]) -> None:
    """Make a pair of Ed25519 keys; nothing is ever written over. Example: cityflux opendata key city.pem"""
    from cityflux.opendata.signing import KeyFileError, fingerprint, make_key, public_key

    try:
        public = make_key(file)
        known_by = fingerprint(public_key(public))
    except KeyFileError as error:
        wrong(str(error))
    out.print(f"{file}: the private key; keep it, and keep it secret", markup=False, highlight=False)
    out.print(
        f"{public}: the public key, to be published apart from the data: {known_by}", markup=False, highlight=False
    )


def _families(text: str) -> list[Family]:
    asked = {name.strip() for name in text.split(",") if name.strip()}
    if unknown := asked - set(MEASURED_FAMILIES):
        wrong(f"--families: {min(unknown)!r} is none of {', '.join(MEASURED_FAMILIES)}")
    if not asked:
        wrong(f"--families is empty; write for example {_USUAL}")
    return [name for name in MEASURED_FAMILIES if name in asked]


def _licence(chosen: Settings) -> str | None:
    try:
        return None if chosen.opendata_licence is None else chosen.opendata_licence.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"opendata_licence = {str(chosen.opendata_licence)!r}: {error}; point it at a text file in UTF-8"
        ) from error


def _warn(text: str) -> None:
    err.print(f"cityflux: {text}", markup=False, highlight=False)
