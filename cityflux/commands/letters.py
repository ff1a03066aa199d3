"""`cityflux dead-letters`: refused messages by cause, each with its bytes; taken out, judged again by ingest, or discarded."""

import json
import sys
import time
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from cityflux.composition import now_ms, open_books, whoami
from cityflux.console import Format, err, out, print_rows, refused, settings, wrong
from cityflux.settings import Settings
from sensors.instants import iso
from store.books import INGEST_SILENT_MS, Books
from store.letters import STATES, Exported, Group, Letters, Selection, State, StoredDeadLetter, line_of, record_of
from store.replays import ReplayRequest, Replays

dead_letters = typer.Typer(no_args_is_help=True, help="Messages that were refused: look, export, replay, discard.")

_LOOK_EVERY_S = 0.2
# Chosen: a replay does hundreds of letters a second; this long without one, something is in its way.
_STUCK_S = 10.0

NumbersArgument = Annotated[list[int] | None, typer.Argument(help="ids, as `dead-letters list --each` shows them")]
CodeOption = Annotated[str | None, typer.Option(help="only this reason, e.g. no_offset")]
FingerprintOption = Annotated[str | None, typer.Option(help="only this cause, as `dead-letters list` shows it")]
StateOption = Annotated[str, typer.Option(help="open, replayed, discarded or all")]
FormatOption = Annotated[Format, typer.Option("--format", help="table, csv or json")]


@dead_letters.command("list")
def list_dead_letters(
    code: CodeOption = None,
    fingerprint: FingerprintOption = None,
    each: Annotated[bool, typer.Option("--each", help="letter by letter, oldest first")] = False,
    state: StateOption = "open",
    most: Annotated[int, typer.Option(help="at most so many")] = 100,
    style: FormatOption = Format.TABLE,
) -> None:
    """Refused messages by cause, or one by one. Example: cityflux dead-letters list --code no_offset"""
    chosen = settings()
    wanted = Selection(None, code, fingerprint, _state(state))
    with open_books(chosen) as books:
        books.prepare()
        letters = Letters(books)
        exported = letters.exported()
        groups = [group for group in letters.groups() if _is_asked(group, wanted)]
        found = letters.page(wanted, most=most) if each or fingerprint else None
    if found is None:
        columns = ["fingerprint", *STATES, "first_seen", "last_seen", "sample", "field", "detail", "fix"]
        rows, total = [_group(group, chosen) for group in groups[:most]], len(groups)
    else:
        columns = ["id", "received_at", "topic", "length", "reason", "field", "detail", "fix", "parts", "state"]
        rows = [_summary(letter, chosen) for letter in found]
        total = sum(group.counts.get(s, 0) for group in groups for s in ([wanted.state] if wanted.state else STATES))
    print_rows(rows, columns, style, "dead letters")
    if len(rows) < total:
        err.print(f"{total - len(rows)} more; raise --most")
    _say_exported(exported)


@dead_letters.command("show")
def show_dead_letter(number: int) -> None:
    """One refused message: every reason, and its bytes. Example: cityflux dead-letters show 17"""
    chosen = settings()
    with open_books(chosen) as books:
        books.prepare()
        _know(Letters(books), [number])
        [stored] = Letters(books).page(Selection(ids=(number,)))
    payload = stored.letter.payload.decode("utf-8", "backslashreplace")
    shown = {**record_of(stored), **_summary(stored, chosen), "payload": payload}
    shown.pop("payload_base64", None)
    typer.echo(json.dumps(shown, ensure_ascii=False, indent=2))


@dead_letters.command("export")
def export_dead_letters(
    numbers: NumbersArgument = None,
    code: CodeOption = None,
    fingerprint: FingerprintOption = None,
    state: StateOption = "all",
    to: Annotated[Path | None, typer.Option("--out", help="a file instead of stdout")] = None,
) -> None:
    """Refused messages as lines of JSON, with all there is of them. Example: cityflux dead-letters export --code no_offset"""
    with open_books(settings()) as books:
        books.prepare()
        letters = Letters(books)
        _know(letters, numbers or [])
        lines = map(
            line_of, letters.all(Selection(tuple(numbers) if numbers else None, code, fingerprint, _state(state)))
        )
        if to is None:
            sys.stdout.buffer.writelines(lines)
            return
        try:
            with to.open("wb") as file:
                count = sum(1 for line in lines if file.write(line))
        except OSError as error:
            wrong(f"--out {to}: {error.strerror}")
    out.print(f"{count} written to {to}")


@dead_letters.command("replay")
def replay_dead_letters(
    numbers: NumbersArgument = None,
    code: CodeOption = None,
    fingerprint: FingerprintOption = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="wait until ingest has done it")] = True,
) -> None:
    """Ask ingest to judge refused messages again, with its settings and today's registry, and to store what now passes.

    Their time of receipt stays, so what came after them is not overwritten. Example: cityflux dead-letters replay --code too_old
    """
    with open_books(settings()) as books:
        books.prepare()
        chosen = _one_choice(Letters(books), numbers, code, fingerprint)
        number = Replays(books).ask(chosen, who=whoami(), now=now_ms())
        if number is None:
            _nothing_open(chosen)
        if not wait:
            out.print(f"request {number} is kept; `cityflux dead-letters requests` says how far ingest is")
            return
        done = _wait_for(books, number)
    closed = done.asked - done.replayed - done.refused
    out.print(f"{done.replayed} replayed" + (f", {closed} closed by somebody else meanwhile" if closed else ""))
    if done.refused:
        refused(f"{done.refused} are refused again and stay open with today's reasons; cityflux dead-letters list")


@dead_letters.command("requests")
def list_requests(
    most: Annotated[int, typer.Option(help="at most so many")] = 20, style: FormatOption = Format.TABLE
) -> None:
    """The last replays that were asked for, and how far they are. Example: cityflux dead-letters requests"""
    chosen = settings()
    with open_books(chosen) as books:
        books.prepare()
        rows = [
            {
                **request._asdict(),
                "asked_at": iso(request.asked_at, chosen.zone),
                "letters": request.chosen.fingerprint or request.chosen.code or request.chosen.ids,
            }
            for request in Replays(books).newest(most)
        ]
    print_rows(rows, ["id", "asked_at", "who", "letters", "asked", "state", "replayed", "refused"], style, "replays")


@dead_letters.command("discard")
def discard_dead_letters(
    why: Annotated[str, typer.Option(help="the reason, for the audit")],
    numbers: NumbersArgument = None,
    code: CodeOption = None,
    fingerprint: FingerprintOption = None,
) -> None:
    """Close refused messages for good; they stay readable. Example: cityflux dead-letters discard 17 --why "test device" """
    with open_books(settings()) as books:
        books.prepare()
        letters = Letters(books)
        chosen = _one_choice(letters, numbers, code, fingerprint)
        if not why.strip():
            wrong("--why is empty; say why they are discarded")
        count = letters.discard(chosen, who=whoami(), why=why, now=now_ms())
        if not count:
            _nothing_open(chosen)
    out.print(f"{count} discarded")


def _one_choice(letters: Letters, numbers: list[int] | None, code: str | None, fingerprint: str | None) -> Selection:
    """Ids, a code or a fingerprint; or exit 2."""
    if sum((bool(numbers), code is not None, fingerprint is not None)) != 1:
        wrong("name dead letters by ids, or by a --code, or by a --fingerprint")
    states = _know(letters, numbers or [])
    for number, state in states.items():
        if state != "open":
            wrong(f"dead letter {number} is {state} already")
    return Selection(tuple(numbers) if numbers else None, code, fingerprint)


def _know(letters: Letters, numbers: list[int]) -> dict[int, State]:
    """The letters' states; exit 2 where one is not there."""
    states = letters.states(numbers)
    for number in numbers:
        if number not in states:
            there = f"; {letters.exported().letters} were exported" if letters.exported().letters else ""
            wrong(
                f"there is no dead letter {number}{there}; `cityflux dead-letters list --each --state all` shows them"
            )
    return states


def _nothing_open(chosen: Selection) -> NoReturn:
    asked = f"code {chosen.code!r}" if chosen.code else f"fingerprint {chosen.fingerprint!r}"
    wrong(f"no open dead letter has the {asked}; `cityflux dead-letters list` shows what there is")


def _wait_for(books: Books, number: int) -> ReplayRequest:
    """The request when it is done; exit 1 where no ingest runs that could do it."""
    replays, last_id, moved_s, said = Replays(books), 0, time.monotonic(), False
    while (request := replays.request(number)).state == "open":
        seen = max((row.updated_at for row in books.ledgers()), default=0)
        if now_ms() - seen > INGEST_SILENT_MS:
            refused(f"request {number} is kept and waits: no ingest runs on these books; start cityflux ingest")
        if request.last_id != last_id:
            last_id, moved_s, said = request.last_id, time.monotonic(), False
        elif not said and time.monotonic() - moved_s > _STUCK_S:
            err.print(
                f"request {number} does not get on; ingest's log says why. It is kept: Ctrl-C ends the waiting only"
            )
            said = True
        time.sleep(_LOOK_EVERY_S)
    return request


def _state(text: str) -> State | None:
    """A state, or None for all; or exit 2."""
    for state in STATES:
        if text == state:
            return state
    if text != "all":
        wrong(f"--state {text!r} is none; use one of {', '.join(STATES)}, all")
    return None


def _is_asked(group: Group, wanted: Selection) -> bool:
    return (
        (wanted.code is None or group.fingerprint.startswith(f"{wanted.code}:"))
        and wanted.fingerprint in {None, group.fingerprint}
        and (wanted.state is None or group.counts.get(wanted.state, 0) > 0)
    )


def _group(group: Group, chosen: Settings) -> dict[str, object]:
    return {
        "fingerprint": group.fingerprint,
        **{state: group.counts.get(state, 0) for state in STATES},
        "first_seen": iso(group.first_seen, chosen.zone),
        "last_seen": iso(group.last_seen, chosen.zone),
        "sample": group.sample,
        "field": group.refusal.field,
        "detail": group.refusal.detail,
        "fix": group.refusal.fix,
    }


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


def _say_exported(exported: Exported) -> None:
    if exported.letters:
        where = ", ".join(exported.folders)
        err.print(f"{exported.letters} more were exported, {exported.files} files in {where}", markup=False)
