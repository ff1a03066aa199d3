"""`cityflux alerts`: what the operations centre is told, what became of it, and by which rules."""

from typing import TYPE_CHECKING, Annotated

import typer

from cityflux.alert_rows import (
    incident_row,
    level_of,
    levels_of,
    peak_of,
    pending_row,
    said_of_group,
    said_of_rule,
    silenced_until,
    state_at,
    state_of,
    stored_row,
)
from cityflux.composition import alert_rules_of, now_ms, open_books, open_store, traffic_rules_of, whoami
from cityflux.console import MOST_NUMBER, Format, instant, out, print_rows, refused, settings, wrong
from cityflux.settings import Settings
from processors.alerts.outage import not_known_since, said_of_ourselves
from sensors.instants import DAY_MS, HOUR_MS, iso
from store.incidents import Incident, Incidents, Of
from store.intervals import Intervals
from store.silences import Silences

if TYPE_CHECKING:
    from processors.alerts.history import Seen
    from processors.alerts.rules import Rule

alerts = typer.Typer(no_args_is_help=True, help="Alerts: incidents, their rules, and what these say of stored history.")


@alerts.command("rules")
def rules(style: Annotated[Format, typer.Option("--format", help="table, csv or json")] = Format.TABLE) -> None:
    """The rules: levels, times, who is told, and where each is from. Example: cityflux alerts rules"""
    from processors.alerts.signals import SIGNALS

    rows = [
        {
            "code": rule.code,
            "subject": SIGNALS[rule.signal].subject.name,
            "name": f"{rule.zh} {rule.en}",
            "levels": levels_of(rule),
            "dwell_min": rule.dwell_min,
            "clear_min": rule.clear_min,
            "roles": "+".join(rule.roles),
            "source": f"{rule.document}, {rule.clause} ({rule.mark})",
        }
        for rule in alert_rules_of(settings()).values()
    ]
    print_rows(rows, ["code", "subject", "name", "levels", "dwell_min", "clear_min", "roles", "source"], style)


@alerts.command("list")
def list_alerts(
    days: Annotated[int, typer.Option(min=1, max=3_660, help="those that held in so many days, or hold")] = 7,
    open_only: Annotated[bool, typer.Option("--open", help="only those that hold")] = False,
    pending: Annotated[bool, typer.Option("--pending", help="instead what has begun and is not told yet")] = False,
    style: Annotated[Format, typer.Option("--format", help="table, csv or json")] = Format.TABLE,
) -> None:
    """Incidents, the newest first. Example: cityflux alerts list --open"""
    chosen = settings()
    rules = alert_rules_of(chosen)
    with open_books(chosen) as books:
        books.prepare()
        begun = Incidents(books).pending(list(rules)) if pending else {}
        now = now_ms()
        found = [] if pending else Incidents(books).all(open_only=open_only, since=now - days * DAY_MS)
        silences = Silences(books).all(since=now)
        unknown = not_known_since(Incidents(books).all(open_only=True))
    if pending:
        rows = [pending_row(rules[code], subject, since, chosen) for (code, subject), since in sorted(begun.items())]
        print_rows(rows, ["rule", "subject", "name", "since", "said_from"], style, "pending")
        return
    columns = [
        "id",
        "rule",
        "subject",
        "level",
        "since",
        "said",
        "well",
        "state",
        "acknowledged",
        "stands_behind",
        "group",
        "silenced_until",
        "peak",
    ]
    by: dict[Of, list[Incident]] = {}
    for one in found:
        by.setdefault((one.rule, one.subject), []).append(one)
    shown = [
        {**stored_row(one, by, rules, chosen, unknown), "silenced_until": silenced_until(one, silences, now, chosen)}
        for one in found
    ]
    print_rows(shown, columns, style, "incidents")


@alerts.command("explain")
def explain(
    number: Annotated[
        int, typer.Argument(min=1, max=MOST_NUMBER, help="of the incident; `cityflux alerts list` shows it")
    ],
    style: Annotated[Format, typer.Option("--format", help="table, csv or json")] = Format.TABLE,
) -> None:
    """What happened to an incident, and why it was told. Example: cityflux alerts explain 17"""
    chosen = settings()
    with open_books(chosen) as books:
        books.prepare()
        one, lines = Incidents(books).one(number), Incidents(books).log(number)
        unknown = not_known_since(Incidents(books).all(open_only=True))
        group = Incidents(books).group(one.group_id) if one is not None and one.group_id is not None else []
        ourselves = "" if one is None else said_of_ourselves(books, one)
    if one is None:
        refused(f"there is no incident {number}; `cityflux alerts list` shows them")
    rule = alert_rules_of(chosen).get(one.rule)
    if style is Format.TABLE:
        gone = "" if one.gone is None else f", {one.gone}{f' to {one.joined_into}' if one.joined_into else ''}"
        name = f"{one.rule}, which is no rule any more" if rule is None else f"{rule.zh} {rule.en}"
        said = [
            f"{number}: {name}, {one.subject}, {state_of(one, unknown, chosen)}{gone}",
            *(said_of_rule(rule) if rule else ()),
        ]
        if len(group) > 1:
            said.append(f"group {one.group_id}: {said_of_group(group)}")
        if ourselves:
            said.append(f"as cityflux says: {ourselves}")
        for line in [*said, f"its peak: {peak_of(rule, one.draft, chosen)}"]:
            out.print(line, markup=False)
    rows = [
        {
            "written": iso(line.at, chosen.zone),
            "what": line.what,
            "level": level_of(rule, line.level),
            "who": line.who,
            "why": line.why,
        }
        for line in lines
    ]
    print_rows(rows, ["written", "what", "level", "who", "why"], style)


@alerts.command("ack")
def acknowledge(
    number: Annotated[int, typer.Argument(min=1, max=MOST_NUMBER, help="of the incident")],
    why: Annotated[str, typer.Option("--note", help="what is known, or done about it")],
    group: Annotated[bool, typer.Option("--group", help="and of all of its group that ask")] = False,
) -> None:
    """Say that somebody knows of an incident at its level of now; a higher level asks again. Example:
    cityflux alerts ack 17 --note 'road works at the station, crew called'"""
    with open_books(settings()) as books:
        books.prepare()
        book, note = Incidents(books), why.strip()
        one = None if group else book.acknowledge(number, who=whoami(), why=note, now=now_ms())
        found = book.acknowledge_group(number, who=whoami(), why=note, now=now_ms()) if group else [one] if one else []
    if not found:
        refused(f"there is no incident {number}; `cityflux alerts list` shows them")
    others = f" and {len(found) - 1} more of its group are" if len(found) > 1 else " is"
    out.print(f"incident {number}{others} acknowledged by {found[0].acknowledged_by}")


@alerts.command("backtest")
def backtest(
    rule: Annotated[str, typer.Argument(help="a rule; `cityflux alerts rules` lists them")],
    since: Annotated[str, typer.Option("--from", help="after this moment")],
    until: Annotated[str | None, typer.Option("--to", help="up to and including this moment; else now")] = None,
    style: Annotated[Format, typer.Option("--format", help="table, csv or json")] = Format.TABLE,
) -> None:
    """What a rule would have told in a span of stored history; nothing is written. Example:
    cityflux alerts backtest air_heavy_chongqing --from 2026-01-01 --to 2026-03-01"""
    chosen = settings()
    of = _rule(rule, chosen)
    start = instant(since, chosen.zone, "--from")
    end = now_ms() if until is None else instant(until, chosen.zone, "--to")
    if end <= start:
        wrong(f"--to is not after --from: {iso(start, chosen.zone)} to {iso(end, chosen.zone)}")
    rows = [
        incident_row(of, subject, one, chosen)
        for subject, seen in _look_back(of, chosen, start, end).items()
        for one in seen.incidents
    ]
    columns = ["subject", "level", "greatest", "since", "said", "well", "resolved", "state", "times", "peak"]
    print_rows(sorted(rows, key=lambda row: (row["since"], row["subject"])), columns, style, f"{of.zh} {of.en}")


@alerts.command("why-not")
def why_not(
    rule: Annotated[str, typer.Argument(help="a rule; `cityflux alerts rules` lists them")],
    subject: Annotated[str, typer.Argument(help="a station or section by its id, or city")],
    moment: Annotated[str, typer.Argument(help="when")],
    hours: Annotated[int, typer.Option(min=1, max=336, help="so many hours before and after it")] = 6,
    style: Annotated[Format, typer.Option("--format", help="table, csv or json")] = Format.TABLE,
) -> None:
    """What a rule saw around a moment, and why it did or did not tell. Example:
    cityflux alerts why-not air_aqi_station hx-03 2026-03-05T14:00"""
    chosen = settings()
    of = _rule(rule, chosen)
    at = instant(moment, chosen.zone, "the moment")
    found = _look_back(of, chosen, at - hours * HOUR_MS, at + hours * HOUR_MS)
    if subject not in found:
        refused(f"{of.code} saw nothing of {subject!r} in these hours; it saw {', '.join(sorted(found)) or 'nothing'}")
    seen = found[subject]
    rows = [
        {
            "at": iso(point.at, chosen.zone),
            **point.shown,
            "exceeds": "not known" if point.level is None else level_of(of, point.level),
            "keeps_up": level_of(of, point.keeps),
            "state": state_at(of, seen, point.at, chosen),
        }
        for point in seen.points
    ]
    quantities = sorted({code for point in seen.points for code in point.shown})
    print_rows(rows, ["at", *quantities, "exceeds", "keeps_up", "state"], style, f"{of.zh} {of.en}: {subject}")


def _rule(code: str, chosen: Settings) -> "Rule":
    rules = alert_rules_of(chosen)
    if code not in rules:
        wrong(f"{code!r} is no rule; there are {', '.join(rules)}")
    return rules[code]


def _look_back(rule: "Rule", chosen: Settings, start: int, end: int) -> "dict[str, Seen]":
    from processors.alerts.history import look_back
    from processors.alerts.signals import SIGNALS

    with open_books(chosen) as books:
        books.prepare()
        registry, intervals = books.registry(), Intervals(books).all(SIGNALS[rule.signal].family)
        store, traffic = open_store(chosen), traffic_rules_of(chosen)
        return dict(look_back(store, registry, intervals, rule, chosen.zone, start, end, books=books, traffic=traffic))
