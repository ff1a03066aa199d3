"""Commands that keep the books in order: `stations` (the registry, unknown stations) and `dead-letters` (work, replay)."""

import asyncio
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from cityflux.composition import horizons, now_ms, open_books, open_store, read_registry, whoami
from cityflux.console import Format, err, out, print_rows, refused, settings, wrong
from cityflux.settings import Settings, SettingsError
from ingest.rework import rework
from sensors.instants import iso
from sensors.stations import RegistryError, Station, dump_registry
from sensors.topics import parse_topic
from store.books import Books, StoredDeadLetter

stations = typer.Typer(no_args_is_help=True, help="The station registry, and stations that send but are not in it.")
dead_letters = typer.Typer(no_args_is_help=True, help="Messages that were refused: look, replay, discard.")

FormatOption = Annotated[Format, typer.Option("--format", help="table, csv or json")]


@stations.command("list")
def list_stations(style: FormatOption = Format.TABLE) -> None:
    """The registry. Example: cityflux stations list --format csv"""
    with open_books(settings()) as books:
        books.prepare()
        rows = [station.model_dump(mode="json") for station in books.registry()]
    print_rows(rows, list(Station.model_fields), style, "registry")


@stations.command("unknown")
def list_unknown(style: FormatOption = Format.TABLE) -> None:
    """Stations that send and are not in the registry. Example: cityflux stations unknown"""
    chosen = settings()
    with open_books(chosen) as books:
        books.prepare()
        rows = [
            {**u._asdict(), "first_seen": iso(u.first_seen, chosen.zone), "last_seen": iso(u.last_seen, chosen.zone)}
            for u in books.unknown()
        ]
    print_rows(rows, ["family", "station", "topic", "first_seen", "last_seen"], style, "unknown stations")


@stations.command("import")
def import_stations(file: Path) -> None:
    """Take a registry file (TOML) into the books. Example: cityflux stations import stations.toml"""
    _register(settings(), file=file)


@stations.command("adopt")
def adopt(
    names: Annotated[list[str] | None, typer.Argument(help="station ids, as `stations unknown` lists them")] = None,
    every: Annotated[bool, typer.Option("--all", help="adopt every unknown station")] = False,
    kind: Annotated[str, typer.Option(help="assessment, background, control, traffic, research")] = "assessment",
) -> None:
    """Put unknown stations into the registry; their windows are computed. Example: cityflux stations adopt hx-11"""
    chosen = settings()
    with open_books(chosen) as books:
        books.prepare()
        unknown = {u.station: u for u in books.unknown()}
    picked = list(unknown) if every else names or []
    if not picked:
        wrong("name the stations to adopt, or pass --all; `cityflux stations unknown` lists them")
    if absent := [name for name in picked if name not in unknown]:
        wrong(f"{absent[0]!r} is not an unknown station; `cityflux stations unknown` lists them")
    try:
        entries = [_entry_of(unknown[name].topic, kind) for name in picked]
    except ValueError as error:
        wrong(f"kind {kind!r}: {error}")
    _register(chosen, entries=entries)


@stations.command("export")
def export_stations() -> None:
    """The registry as TOML on stdout. Example: cityflux stations export > stations.toml"""
    with open_books(settings()) as books:
        books.prepare()
        typer.echo(dump_registry(books.registry()), nl=False)


def _entry_of(topic: str, kind: str) -> Station:
    address = parse_topic(topic)
    return Station.model_validate(
        {
            "id": address.station,
            "family": address.family,
            "name_zh": address.station,
            "district": address.district,
            "kind": kind,
            "period": address.period,
        }
    )


def _register(chosen: Settings, *, file: Path | None = None, entries: list[Station] | None = None) -> None:
    try:
        wanted = list(read_registry(file)) if file else entries or []
        with open_books(chosen) as books:
            books.prepare()
            changed = books.register(wanted, who=whoami(), now=now_ms())
    except (SettingsError, RegistryError) as error:
        wrong(str(error))
    out.print(f"{len(changed)} of {len(wanted)} entries were new or changed; their windows are marked for computing")


@dead_letters.command("list")
def list_dead_letters(
    code: Annotated[str | None, typer.Option(help="only this reason, e.g. no_offset")] = None,
    state: Annotated[str, typer.Option(help="open, replayed, discarded or all")] = "open",
    most: Annotated[int, typer.Option(help="at most so many")] = 100,
    style: FormatOption = Format.TABLE,
) -> None:
    """Refused messages, oldest first. Example: cityflux dead-letters list --code no_offset"""
    chosen = settings()
    with open_books(chosen) as books:
        books.prepare()
        found = books.dead_letters(state=None if state == "all" else state, code=code, most=most)
        total = sum(
            count for (s, c), count in books.count_dead_letters().items() if state in {s, "all"} and code in {c, None}
        )
    columns = ["id", "received_at", "topic", "length", "reason", "field", "detail", "fix", "parts", "state"]
    print_rows([_summary(letter, chosen) for letter in found], columns, style, "dead letters")
    if len(found) < total:
        err.print(f"{total - len(found)} more; raise --most")


@dead_letters.command("show")
def show_dead_letter(number: int) -> None:
    """One refused message: every reason, and its bytes. Example: cityflux dead-letters show 17"""
    chosen = settings()
    with open_books(chosen) as books:
        books.prepare()
        stored = _letter(books, number)
    letter = stored.letter
    shown = {
        **_summary(stored, chosen),
        "journal": stored.journal,
        "batch": letter.batch,
        "position": letter.position,
        "sha256": letter.sha256,
        "refusals": [r._asdict() for r in letter.refusals],
        "payload": letter.payload.decode("utf-8", "backslashreplace"),
    }
    typer.echo(json.dumps(shown, ensure_ascii=False, indent=2))


@dead_letters.command("replay")
def replay_dead_letters(
    numbers: Annotated[list[int] | None, typer.Argument(help="ids, as `dead-letters list` shows them")] = None,
    code: Annotated[str | None, typer.Option(help="every open one of this reason")] = None,
) -> None:
    """Judge refused messages again, with today's registry and settings, and store what now passes.

    Their time of receipt stays, so what came after them is not overwritten. Example: cityflux dead-letters replay --code too_old
    """
    chosen = settings()
    if not numbers and code is None:
        wrong("name dead letters by id, or a --code")
    with open_books(chosen) as books:
        books.prepare()
        chosen_letters = (_letter(books, number) for number in numbers) if numbers else _pages(books, code)
        try:
            count, still = asyncio.run(_replay(chosen, books, chosen_letters))
        except SettingsError as error:
            wrong(str(error))
    out.print(f"{count - len(still)} replayed")
    if still:
        refused(f"{len(still)} are refused as before and stay open: {', '.join(map(str, still[:20]))}")


@dead_letters.command("discard")
def discard_dead_letters(
    numbers: Annotated[list[int], typer.Argument(help="ids, as `dead-letters list` shows them")],
    why: Annotated[str, typer.Option(help="the reason, for the audit")],
) -> None:
    """Close refused messages for good; they stay readable. Example: cityflux dead-letters discard 17 --why "test device" """
    with open_books(settings()) as books:
        books.prepare()
        for number in numbers:
            _letter(books, number)
            books.move_dead_letter(number, "discarded", who=whoami(), why=why, now=now_ms())
    out.print(f"{len(numbers)} discarded")


def _pages(books: Books, code: str | None) -> Iterator[StoredDeadLetter]:
    """Every open dead letter of a reason, a page at a time."""
    after = 0
    while page := books.dead_letters(code=code, after=after):
        yield from page
        after = page[-1].id


async def _replay(chosen: Settings, books: Books, stored: Iterable[StoredDeadLetter]) -> tuple[int, list[int]]:
    """Rework each; how many there were, and the ids that are refused again, wholly or in part."""
    store = open_store(chosen)
    limits, who = horizons(chosen), whoami()
    try:
        outcomes = [(kept.id, bool(await rework(kept, books, store, limits, who, now_ms))) for kept in stored]
        return len(outcomes), [number for number, refused_again in outcomes if refused_again]
    finally:
        await store.close()


def _letter(books: Books, number: int) -> StoredDeadLetter:
    stored = books.dead_letter(number)
    if stored is None:
        wrong(f"there is no dead letter {number}; `cityflux dead-letters list --state all` shows them")
    return stored


def _summary(stored: StoredDeadLetter, chosen: Settings) -> dict[str, object]:
    letter = stored.letter
    first = letter.refusals[0]
    return {
        "id": stored.id,
        "received_at": iso(letter.received_at, chosen.zone),
        "topic": letter.topic,
        "length": letter.length,
        "reason": first.code,
        "field": first.field,
        "detail": first.detail,
        "fix": first.fix,
        "parts": len(letter.refusals),
        "state": stored.state,
    }
