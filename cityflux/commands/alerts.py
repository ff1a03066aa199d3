"""`cityflux alerts`: what the operations centre is told, what became of it, and by which rules."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cityflux.composition import now_ms, open_books, open_store, whoami
from cityflux.console import Format, instant, out, print_rows, refused, settings, wrong
from cityflux.settings import Settings
from processors.alerts.outage import is_not_known, not_known_since
from sensors.instants import DAY_MS, HOUR_MS, iso
from store.incidents import Draft, Incident, Incidents
from store.intervals import Intervals

if TYPE_CHECKING:
    from processors.alerts.history import Seen
    from processors.alerts.rules import Rule

alerts = typer.Typer(no_args_is_help=True, help="Alerts: incidents, their rules, and what these say of stored history.")


@alerts.command("rules")
def rules(style: Annotated[Format, typer.Option("--format", help="table, csv or json")] = Format.TABLE) -> None:
    """The rules: levels, times, who is told, and where each is from. Example: cityflux alerts rules"""
    from processors.alerts.rules import shipped_rules
    from processors.alerts.signals import SIGNALS

    rows = [
        {
            "code": rule.code,
            "subject": SIGNALS[rule.signal].subject.name,
            "name": f"{rule.zh} {rule.en}",
            "levels": "; ".join(f"{level.colour or level.severity} {_when(level)}" for level in rule.levels),
            "dwell_min": rule.dwell_min,
            "clear_min": rule.clear_min,
            "roles": "+".join(rule.roles),
            "source": f"{rule.document}, {rule.clause} ({rule.mark})",
        }
        for rule in shipped_rules().values()
    ]
    print_rows(rows, ["code", "subject", "name", "levels", "dwell_min", "clear_min", "roles", "source"], style)


@alerts.command("list")
def list_alerts(
    days: Annotated[int, typer.Option(min=1, max=3_660, help="those that held in so many days, or hold")] = 7,
    open_only: Annotated[bool, typer.Option("--open", help="only those that hold")] = False,
    style: Annotated[Format, typer.Option("--format", help="table, csv or json")] = Format.TABLE,
) -> None:
    """Incidents, the newest first. Example: cityflux alerts list --open"""
    chosen = settings()
    with open_books(chosen) as books:
        books.prepare()
        found = Incidents(books).all(open_only=open_only, since=now_ms() - days * DAY_MS)
        unknown = not_known_since(Incidents(books).all(open_only=True))
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
        "peak",
    ]
    print_rows([_stored(one, found, chosen, unknown) for one in found], columns, style, "incidents")


@alerts.command("explain")
def explain(
    number: Annotated[int, typer.Argument(help="of the incident; `cityflux alerts list` shows it")],
    style: Annotated[Format, typer.Option("--format", help="table, csv or json")] = Format.TABLE,
) -> None:
    """What happened to an incident, and why it was told. Example: cityflux alerts explain 17"""
    chosen = settings()
    with open_books(chosen) as books:
        books.prepare()
        one, lines = Incidents(books).one(number), Incidents(books).log(number)
        unknown = not_known_since(Incidents(books).all(open_only=True))
    if one is None:
        refused(f"there is no incident {number}; `cityflux alerts list` shows them")
    rule = _known_rule(one.rule)
    if style is Format.TABLE:
        gone = "" if one.gone is None else f", {one.gone}{f' to {one.joined_into}' if one.joined_into else ''}"
        name = f"{one.rule}, which is no rule any more" if rule is None else f"{rule.zh} {rule.en}"
        said = [
            f"{number}: {name}, {one.subject}, {_phase(one, unknown, chosen)}{gone}",
            *(_said_of(rule) if rule else ()),
        ]
        for line in [*said, f"its peak: {_peak(one.draft, chosen)}"]:
            out.print(line, markup=False)
    rows = [
        {
            "written": iso(line.at, chosen.zone),
            "what": line.what,
            "level": _level(rule, line.level),
            "who": line.who,
            "why": line.why,
        }
        for line in lines
    ]
    print_rows(rows, ["written", "what", "level", "who", "why"], style)


@alerts.command("ack")
def acknowledge(
    number: Annotated[int, typer.Argument(help="of the incident")],
    why: Annotated[str, typer.Option("--note", help="what is known, or done about it")],
) -> None:
    """Say that somebody knows of an incident at its level of now; a higher level asks again. Example:
    cityflux alerts ack 17 --note 'road works at the station, crew called'"""
    with open_books(settings()) as books:
        books.prepare()
        found = Incidents(books).acknowledge(number, who=whoami(), why=why.strip(), now=now_ms())
    if found is None:
        refused(f"there is no incident {number}; `cityflux alerts list` shows them")
    out.print(f"incident {number} is acknowledged by {found.acknowledged_by}")


@alerts.command("backtest")
def backtest(
    rule: Annotated[str, typer.Argument(help="a rule; `cityflux alerts rules` lists them")],
    since: Annotated[str, typer.Option("--from", help="after this moment")],
    until: Annotated[str | None, typer.Option("--to", help="up to and including this moment; else now")] = None,
    style: Annotated[Format, typer.Option("--format", help="table, csv or json")] = Format.TABLE,
) -> None:
    """What a rule would have told in a span of stored history; nothing is written. Example:
    cityflux alerts backtest air_heavy_chongqing --from 2026-01-01 --to 2026-03-01"""
    chosen, of = settings(), _rule(rule)
    start = instant(since, chosen.zone, "--from")
    end = now_ms() if until is None else instant(until, chosen.zone, "--to")
    if end <= start:
        wrong(f"--to is not after --from: {iso(start, chosen.zone)} to {iso(end, chosen.zone)}")
    rows = [
        _incident(of, subject, one, chosen)
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
    chosen, of = settings(), _rule(rule)
    at = instant(moment, chosen.zone, "the moment")
    found = _look_back(of, chosen, at - hours * HOUR_MS, at + hours * HOUR_MS)
    if subject not in found:
        refused(f"{of.code} saw nothing of {subject!r} in these hours; it saw {', '.join(sorted(found)) or 'nothing'}")
    seen = found[subject]
    rows = [
        {
            "at": iso(point.at, chosen.zone),
            **point.shown,
            "exceeds": "not known" if point.level is None else _level(of, point.level),
            "keeps_up": _level(of, point.keeps),
            "state": _state(of, seen, point.at),
        }
        for point in seen.points
    ]
    quantities = sorted({code for point in seen.points for code in point.shown})
    print_rows(rows, ["at", *quantities, "exceeds", "keeps_up", "state"], style, f"{of.zh} {of.en}: {subject}")


def _said_of(rule: "Rule") -> list[str]:
    """What a rule asks, and where it is from."""
    return [
        f"levels: {'; '.join(f'{level.colour or level.severity} {_when(level)}' for level in rule.levels)}",
        f"said after {rule.dwell_min} min, over after {rule.clear_min} min below the limits less {rule.margin}",
        f"rule {rule.code}: {rule.document}, {rule.clause} ({rule.mark})",
    ]


def _known_rule(code: str) -> "Rule | None":
    """The rule of a stored incident; None where there is none of that code any more."""
    from processors.alerts.rules import shipped_rules

    return shipped_rules().get(code)


def _rule(code: str) -> "Rule":
    from processors.alerts.rules import shipped_rules

    found = shipped_rules().get(code)
    if found is None:
        wrong(f"{code!r} is no rule; there are {', '.join(shipped_rules())}")
    return found


def _look_back(rule: "Rule", chosen: Settings, start: int, end: int) -> "dict[str, Seen]":
    from processors.alerts.history import look_back
    from processors.alerts.signals import SIGNALS

    with open_books(chosen) as books:
        books.prepare()
        registry, intervals = books.registry(), Intervals(books).all(SIGNALS[rule.signal].family)
        return dict(look_back(open_store(chosen), registry, intervals, rule, chosen.zone, start, end, books=books))


def _when(level: Any) -> str:
    return " or ".join(" and ".join(_clause(clause) for clause in clauses) for clauses in level.any)


def _clause(clause: Any) -> str:
    name = "" if clause.of == "value" else f"{clause.of} "
    windows = "" if clause.windows == 1 else f" in {clause.windows} windows"
    windows += "" if clause.within == 1 else f" in one of {clause.within} windows"
    return f"{name}> {clause.over}{windows}"


def _level(rule: "Rule | None", number: int) -> str:
    if rule is None:
        return f"level {number}"
    if number == 0:
        return "–"
    level = rule.levels[number - 1]
    return level.colour or level.severity


def _stored(one: Incident, all_of_them: Sequence[Incident], chosen: Settings, unknown: int | None) -> dict[str, Any]:
    rule = _known_rule(one.rule)
    acknowledged = None
    if one.acknowledged_by is not None and one.acknowledged_at is not None:
        acknowledged = (
            f"{one.acknowledged_by} {iso(one.acknowledged_at, chosen.zone)}{' (of a lower level)' if one.asks else ''}"
        )
    wider = next((other.id for other in all_of_them if rule and rule.stands_behind(one, other)), None)
    return {
        **_incident(rule, one.subject, one.draft, chosen),
        "state": one.gone or _phase(one, unknown, chosen),
        "id": one.id,
        "rule": one.rule,
        "acknowledged": acknowledged,
        "stands_behind": wider,
    }


def _phase(one: Incident, unknown: int | None, chosen: Settings) -> str:
    """Where it stands; since when an outage of ours keeps that from being known."""
    if unknown is None or not is_not_known(one, unknown):
        return one.draft.phase
    return f"{one.draft.phase}, not known since {iso(unknown, chosen.zone)}"


def _peak(one: Draft, chosen: Settings) -> str:
    peak = ", ".join(f"{code} {value}" for code, value in one.shown.items() if code != "peak_at")
    return f"{peak} at {iso(one.shown['peak_at'], chosen.zone)}"


def _incident(rule: "Rule | None", subject: str, one: Draft, chosen: Settings) -> dict[str, Any]:
    return {
        "subject": subject,
        "level": _level(rule, one.level),
        "greatest": _level(rule, one.greatest),
        "since": iso(one.since, chosen.zone),
        "said": iso(one.fired, chosen.zone),
        "well": None if one.well is None else iso(one.well, chosen.zone),
        "resolved": None if one.resolved is None else iso(one.resolved, chosen.zone),
        "state": one.phase,
        "times": one.episodes,
        "peak": _peak(one, chosen),
    }


def _state(rule: "Rule", seen: "Seen", at: int) -> str:
    """What the rule's alert was at an instant, with what was missing for one."""
    for one in seen.incidents:
        if one.fired <= at and (one.resolved is None or at < one.resolved):
            return f"firing since {'its beginning' if one.fired == at else 'before'}"
        if one.since <= at < one.fired:
            return f"pending: {rule.dwell_min} min are needed, {(at - one.since) // 60_000} were over"
    if seen.pending is not None and at >= seen.pending:
        return f"pending: {rule.dwell_min} min are needed, {(at - seen.pending) // 60_000} were over"
    return "quiet"
