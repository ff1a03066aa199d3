"""Commands about telling people: `alerts deliveries`, `test`, `silence`, `silences`, `unsilence`, `handover`."""

import secrets
from typing import Annotated, Any

import typer

from cityflux.composition import alert_rules_of, now_ms, open_books, whoami
from cityflux.console import MOST_NUMBER, Format, instant, out, print_rows, refused, settings, wrong
from cityflux.settings import Settings, SettingsError
from sensors.instants import DAY_MS, iso
from store.incidents import Incident, Incidents
from store.notices import Notice, Outbox
from store.silences import ShiftNotes, Silence, Silences

StyleOption = Annotated[Format, typer.Option("--format", help="table, csv or json")]

# Chosen: what a shift looks back at.
_NOTES = 3


def deliveries(
    incident: Annotated[
        int | None, typer.Option(min=1, max=MOST_NUMBER, help="of one incident; default: of all")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=3_660, help="made in so many days")] = 7,
    style: StyleOption = Format.TABLE,
) -> None:
    """Who was told what, by which channel, and what became of it, the newest first. Example:
    cityflux alerts deliveries --incident 17"""
    chosen = settings()
    with open_books(chosen) as books:
        books.prepare()
        since = 0 if incident is not None else now_ms() - days * DAY_MS
        outbox = Outbox(books)
        found, held = outbox.deliveries(incident=incident, since=since), outbox.withheld()
    columns = [
        "id",
        "made",
        "incident",
        "what",
        "channel",
        "person",
        "state",
        "tries",
        "done",
        "next_try",
        "error",
        "title",
    ]
    print_rows([_row(one, chosen) for one in found], columns, style, "notices")
    behind = [one for one in held if incident in {None, one.incident}]
    if behind and style is Format.TABLE:
        for one in behind:
            out.print(f"incident {one.incident}: nobody is told until {one.why}", markup=False)


def test(
    channel: Annotated[str, typer.Argument(help="a channel of the file that CITYFLUX_NOTIFY names")],
) -> None:
    """Send a test message to a channel now, and say what came back. Example: cityflux alerts test duty-group"""
    from cityflux.notifying import directory_of, receiver_of
    from processors.alerts.notify.channels import Message, NotSentError, deliver
    from processors.alerts.notify.texts import Facts, Named, render, signed

    chosen = settings()
    try:
        directory = directory_of(chosen)
        its = directory.channels.get(channel)
        if its is None:
            wrong(
                f"{channel!r} is no channel; there are {', '.join(directory.channels) or 'none: set CITYFLUX_NOTIFY'}"
            )
        receiver = receiver_of(chosen, its)
    except SettingsError as error:
        wrong(str(error))
    uid, facts = secrets.token_hex(8), Facts("test", 0, Named("", ""), Named(channel, channel), "notice")
    text = render(facts, its.language, chosen.zone)
    message = Message(uid, "test", "notice", 0, text.title, signed(text.body, uid, its.language), {"what": "test"})
    failure = ""
    try:
        deliver(receiver, message, directory.delivery.timeout_s)
    except NotSentError as error:
        failure = str(error)
    with open_books(chosen) as books:
        books.prepare()
        detail = {"notice": uid, "error": failure}
        books.record(whoami(), now_ms(), "channel tested", f"channel/{channel}", detail)
    if failure:
        refused(f"it was not taken: {failure}")
    out.print(f"notice {uid} was taken by {receiver.shown}", markup=False, highlight=False)


def silence(
    until: Annotated[str, typer.Option("--until", help="until this moment")],
    why: Annotated[str, typer.Option("--why", help="the reason, for whoever asks later")],
    rule: Annotated[str, typer.Option("--rule", help="of this rule; default: of every rule")] = "",
    subject: Annotated[
        str, typer.Option("--subject", help="of this station or section, or city; default: of all")
    ] = "",
) -> None:
    """Tell nobody of alerts of a rule, of a subject, or of both, until a moment. They are written and listed, and told then where
    they still hold. Example: cityflux alerts silence --subject hx-03 --until 2026-03-05T18:00 --why 'road works'"""
    chosen, now = settings(), now_ms()
    if rule and rule not in (known := alert_rules_of(chosen)):
        wrong(f"{rule!r} is no rule; there are {', '.join(known)}")
    if not why.strip():
        wrong("--why is empty; say why, for whoever asks later")
    with open_books(chosen) as books:
        books.prepare()
        try:
            end = instant(until, chosen.zone, "--until")
            number = Silences(books).add(Silence(rule, subject, now, end, why.strip()), who=whoami())
        except ValueError as error:
            wrong(f"{error}; name --rule or --subject, and an --until that is still to come")
    out.print(f"silence {number} until {iso(end, chosen.zone)}; `cityflux alerts unsilence {number}` ends it sooner")


def silences(style: StyleOption = Format.TABLE) -> None:
    """Silences of the last week, and those that hold. Example: cityflux alerts silences"""
    chosen, now = settings(), now_ms()
    with open_books(chosen) as books:
        books.prepare()
        found = Silences(books).all(since=now - 7 * DAY_MS)
    rows = [
        {
            "id": one.id,
            "rule": one.rule or "every",
            "subject": one.subject or "every",
            "since": iso(one.since, chosen.zone),
            "until": iso(one.until, chosen.zone),
            "state": _state(one, now),
            "who": one.entered_by,
            "why": one.why,
        }
        for one in found
    ]
    print_rows(rows, ["id", "rule", "subject", "since", "until", "state", "who", "why"], style, "silences")


def unsilence(
    number: Annotated[
        int, typer.Argument(min=1, max=MOST_NUMBER, help="of the silence; `cityflux alerts silences` shows it")
    ],
    why: Annotated[str, typer.Option("--why", help="the reason")],
) -> None:
    """End a silence before its time: what still holds is told now. Example: cityflux alerts unsilence 3 --why 'works done'"""
    with open_books(settings()) as books:
        books.prepare()
        ended = Silences(books).end(number, who=whoami(), why=why.strip(), now=now_ms())
    if not ended:
        refused(f"no silence {number} holds; `cityflux alerts silences` shows them")
    out.print(f"silence {number} is ended")


def handover(
    text: Annotated[str | None, typer.Option("--note", help="what the next shift has to know")] = None,
    style: StyleOption = Format.TABLE,
) -> None:
    """Leave a note to the next shift; without one the last notes, and what holds or began since. Example:
    cityflux alerts handover --note 'hx-03 in calibration until 18:00'"""
    chosen, now = settings(), now_ms()
    if text is not None and not text.strip():
        wrong("--note is empty; say what the next shift has to know")
    with open_books(chosen) as books:
        books.prepare()
        notes, incidents = ShiftNotes(books), Incidents(books)
        holding = incidents.all(open_only=True)
        if text is not None:
            number = notes.write(text.strip(), [one.id for one in holding], who=whoami(), now=now)
            out.print(f"shift note {number}; incidents that hold: {len(holding)}")
            return
        last = notes.last(_NOTES)
        since = last[0].at if last else now - DAY_MS
        recent = [one for one in incidents.all(since=since) if one in holding or one.opened_at >= since]
    if style is Format.TABLE:
        for one in reversed(last):
            numbers = ", ".join(map(str, one.open)) or "none"
            out.print(f"{iso(one.at, chosen.zone)} {one.who}: {one.note} (incidents then: {numbers})", markup=False)
    rows = [_open(each, chosen) for each in recent]
    print_rows(
        rows,
        ["id", "rule", "subject", "since", "state", "acknowledged"],
        style,
        "incidents now, and since the last note",
    )


def add_to(alerts: typer.Typer) -> None:
    """Put the commands beside those of incidents and rules."""
    for command in (deliveries, test, silence, silences, unsilence, handover):
        alerts.command()(command)


def _row(one: Notice, chosen: Settings) -> dict[str, Any]:
    state = one.state if one.digest is None else f"{one.state} {one.digest}"
    return {
        "id": one.id,
        "uid": one.uid,
        "made": iso(one.made_at, chosen.zone),
        "incident": one.incident or None,
        "what": one.what,
        "channel": one.channel,
        "person": one.person or None,
        "state": state,
        "tries": one.tries,
        "done": None if one.done_at is None else iso(one.done_at, chosen.zone),
        "next_try": iso(one.due_at, chosen.zone) if one.state == "waiting" else None,
        "error": one.error or None,
        "title": one.title,
    }


def _state(one: Silence, now: int) -> str:
    if one.ended_at is not None:
        return f"ended by {one.ended_by}"
    return "holds" if now < one.until else "over"


def _open(one: Incident, chosen: Settings) -> dict[str, Any]:
    return {
        "id": one.id,
        "rule": one.rule,
        "subject": one.subject,
        "since": iso(one.draft.since, chosen.zone),
        "state": one.gone or one.draft.phase,
        "acknowledged": one.acknowledged_by,
    }
