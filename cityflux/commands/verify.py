"""`verify`: whether what was published holds: an export of open data as it was received, or the indices of a file against ours.

The argument decides: a folder is an export, and needs neither settings nor store; a file has what was published beside its
readings.
"""

from pathlib import Path
from typing import Annotated

import typer

from cityflux.console import UNPROVEN, Format, err, out, print_rows, refused, settings, wrong

_PROFILE = "cnemc-air"
_LEAST = 99.9


def verify(
    what: Annotated[
        Path,
        typer.Argument(
            help="a folder of open data; or CSV, gzipped or not, with what was published beside the readings"
        ),
    ],
    key: Annotated[Path | None, typer.Option(help="of a folder: the publisher's public key (PEM)")] = None,
    source: Annotated[
        str | None, typer.Option(help=f"of a file: replay profile that knows what was published; else {_PROFILE}")
    ] = None,
    style: Annotated[
        Format | None, typer.Option("--format", help="of a file: table, csv or json: every disagreement")
    ] = None,
    least: Annotated[
        float | None,
        typer.Option(help=f"of a file: share of the real-time index that must be equal [%]; else {_LEAST}"),
    ] = None,
) -> None:
    """Check a folder of open data: signature, every file, every row. Exit 0: whole, and signed by the key; 1: something is wrong;
    4: whole, but without --key nothing says from whom. Or compare a file's published indices and daily values with ours; every
    disagreement with its cause. Exit 1 where the real-time index agrees less often than asked, or a disagreement has no cause.
    Examples: cityflux verify opendata-2026-03 --key city.pub.pem; cityflux verify hours.csv.gz --format csv"""
    if what.is_dir():
        if source is not None or style is not None or least is not None:
            wrong(f"{what} is a folder: --source, --format and --least are of a file")
        _folder(what, key)
    elif key is not None:
        wrong(f"{what} is no folder: --key is of a folder of open data")
    else:
        _file(what, source or _PROFILE, style or Format.TABLE, _LEAST if least is None else least)


def _folder(folder: Path, key: Path | None) -> None:
    from cityflux.opendata.signing import KeyFileError, fingerprint, public_key
    from cityflux.opendata.verifying import verify_folder

    try:
        public = None if key is None else public_key(key)
        found = verify_folder(folder, public)
    except KeyFileError as error:
        wrong(str(error))
    except OSError as error:
        refused(f"{error.filename}: {error.strerror}")
    for problem in found.problems:
        err.print(_shown(f"{problem.path}: {problem.why}"), markup=False, highlight=False)
    if found.problems:
        refused(f"{folder} is not what was published: {len(found.problems)} things are wrong, see above")
    if (made := found.manifest) is not None:
        rows = sum(one.rows or 0 for one in made.files if one.path.endswith(".csv"))
        said = f"{made.month}, made {made.made_at} by {made.made_by}: {len(made.files)} files, {rows} rows, all as published"
        out.print(_shown(said), markup=False, highlight=False)
        if not made.closed or made.provisional or made.windows_waiting:
            out.print(
                f"{'closed' if made.closed else 'NOT closed'}; of {made.judgements} judgements {made.provisional} are of periods "
                f"that are over and not final; {made.windows_waiting} windows waited to be computed",
                markup=False, highlight=False,
            )  # fmt: skip
        if public is not None:
            out.print(f"signed by {fingerprint(public)}", markup=False, highlight=False)
    if public is None:
        err.print(
            "cityflux: only checked that nothing was changed since the manifest was made, not by whom: give the publisher's "
            "public key with --key",
            markup=False, highlight=False,
        )  # fmt: skip
        raise typer.Exit(UNPROVEN)


def _shown(text: str) -> str:
    """What a stranger's folder says, without what would speak to the terminal."""
    return "".join(each if each.isprintable() else "\ufffd" for each in text)


def _file(file: Path, source: str, style: Format, least: float) -> None:
    from cityflux.replay import Tally, replay_profile
    from cityflux.verification import INDEX, UNEXPLAINED
    from cityflux.verification import verify as verification
    from sensors.profiles import ProfileError

    tally = Tally()
    try:
        compared = verification(file, replay_profile(source), tally, settings().zone)
    except ProfileError as error:
        wrong(str(error))
    except OSError as error:
        wrong(f"{error.filename}: {error.strerror}")
    found = [one._asdict() for of in compared for one in of.disagreements]
    if style is Format.TABLE:
        rows = [
            {
                "what": of.what,
                "published": of.published,
                "equal": of.equal,
                "share": f"{100 * of.share:.2f} %",
                "causes": "; ".join(f"{count} {cause}" for cause, count in of.causes),
            }
            for of in compared
        ]
        print_rows(rows, ["what", "published", "equal", "share", "causes"], style, f"{tally.rows} rows of {file}")
    else:
        print_rows(found, ["what", "station", "at", "published", "ours", "cause"], style)
    index = [of for of in compared if of.what == INDEX]
    if not index or not index[0].published:
        refused(f"{file} has no published index to compare with")
    if 100 * index[0].share < least:
        refused(f"the real-time index agrees in {100 * index[0].share:.2f} % of the rows, less than {least:g} %")
    if any(one["cause"] == UNEXPLAINED for one in found):
        refused("some disagreements have no known cause; --format csv lists them")
