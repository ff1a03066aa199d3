"""`cityflux drifts`: what of the stations' messages has changed, told once: look, see an example, accept."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Annotated, Any

import typer

from cityflux.composition import now_ms, open_books, whoami
from cityflux.console import Format, out, print_rows, settings, wrong
from cityflux.settings import Settings
from sensors.instants import iso
from store.drifts import Drift, Drifts

drifts = typer.Typer(
    no_args_is_help=True, help="Messages that are other than they were: new, missing and other fields."
)


@drifts.command("list")
def list_drifts(
    each: Annotated[bool, typer.Option("--each", help="station by station")] = False,
    accepted: Annotated[bool, typer.Option("--accepted", help="those that somebody has accepted")] = False,
    style: Annotated[Format, typer.Option("--format", help="table, csv or json")] = Format.TABLE,
) -> None:
    """Changes that nobody has accepted yet; the same change of many stations is one line. Example: cityflux drifts list"""
    chosen = settings()
    with open_books(chosen) as books:
        books.prepare()
        found = Drifts(books).page(accepted=accepted)
    if each:
        rows = [_row([drift], chosen) for drift in found]
    else:
        alike = sorted(found, key=lambda one: (_alike(one), one.id))
        rows = sorted(
            (_row(list(of), chosen) for _, of in groupby(alike, _alike)), key=lambda row: str(row["first_seen"])
        )
    columns = ["ids", "source", "change", "field", "before", "after", "stations", "first_seen", "topic"]
    print_rows(rows, columns, style, "drifts")


@drifts.command("show")
def show(number: Annotated[int, typer.Argument(help="its id")]) -> None:
    """One change, with the message that showed it. Example: cityflux drifts show 7"""
    chosen = settings()
    with open_books(chosen) as books:
        books.prepare()
        all_of_them = [*Drifts(books).page(), *Drifts(books).page(accepted=True)]
    drift = next((one for one in all_of_them if one.id == number), None)
    if drift is None:
        wrong(f"there is no drift {number}; `cityflux drifts list --each` shows them")
    for name, value in _row([drift], chosen).items():
        out.print(f"{name:11}{value}", markup=False, highlight=False)
    if drift.accepted_at is not None:
        out.print(
            f"accepted   by {drift.accepted_by}, {iso(drift.accepted_at, chosen.zone)}", markup=False, highlight=False
        )
    out.print(drift.example.decode("utf-8", "backslashreplace"), markup=False, highlight=False)


@drifts.command("accept")
def accept(
    numbers: Annotated[list[int] | None, typer.Argument(help="ids, as `drifts list` shows them")] = None,
    every: Annotated[bool, typer.Option("--all", help="all that are waiting")] = False,
) -> None:
    """Say that changes are known and meant; they are told no more. Example: cityflux drifts accept 7 8"""
    if not numbers and not every:
        wrong("name the drifts to accept, or pass --all; `cityflux drifts list` shows them")
    with open_books(settings()) as books:
        books.prepare()
        its = Drifts(books)
        asked = [drift.id for drift in its.page(most=1_000_000)] if every else numbers or []
        done = its.accept(asked, who=whoami(), now=now_ms())
    out.print(f"{done} of {len(asked)} were waiting, and are accepted")


def _alike(drift: Drift) -> Sequence[str]:
    return drift.source, drift.kind, drift.field, drift.before, drift.after


def _row(of: Iterable[Drift], chosen: Settings) -> dict[str, Any]:
    """Drifts that are alike, as one row."""
    first, *others = of
    ids = [drift.id for drift in (first, *others)]
    shown = " ".join(map(str, ids[:5])) + (f" … {ids[-1]}" if len(ids) > 5 else "")
    return {
        "ids": shown,
        "source": first.source,
        "change": first.kind,
        "field": first.field,
        "before": first.before,
        "after": first.after,
        "stations": f"{first.family}/{first.station}" + (f" and {len(others)} others" if others else ""),
        "first_seen": iso(first.first_seen, chosen.zone),
        "topic": first.topic,
    }
