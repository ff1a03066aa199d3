"""`cityflux alerts`: what the operations centre is told, what became of it, and by which rules."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cityflux.composition import alert_rules_of, now_ms, open_books, open_store, traffic_rules_of, whoami
from cityflux.console import Format, instant, out, print_rows, refused, settings, wrong
from cityflux.settings import Settings
from processors.alerts.outage import is_not_known, not_known_since, said_of_ourselves
from processors.scopes import CITY
from sensors.instants import DAY_MS, HOUR_MS, iso
from store.incidents import Draft, Incident, Incidents, Of
from store.intervals import Intervals
from store.silences import Silence, Silences

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
            "levels": _levels(rule),
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
        rows = [_begun(rules[code], subject, since, chosen) for (code, subject), since in sorted(begun.items())]
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
        {**_stored(one, by, rules, chosen, unknown), "silenced_until": _silenced(one, silences, now, chosen)}
        for one in found
    ]
    print_rows(shown, columns, style, "incidents")


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
        group = Incidents(books).group(one.group_id) if one is not None and one.group_id is not None else []
        ourselves = "" if one is None else said_of_ourselves(books, one)
    if one is None:
        refused(f"there is no incident {number}; `cityflux alerts list` shows them")
    rule = alert_rules_of(chosen).get(one.rule)
    if style is Format.TABLE:
        gone = "" if one.gone is None else f", {one.gone}{f' to {one.joined_into}' if one.joined_into else ''}"
        name = f"{one.rule}, which is no rule any more" if rule is None else f"{rule.zh} {rule.en}"
        said = [
            f"{number}: {name}, {one.subject}, {_state_of(one, unknown, chosen)}{gone}",
            *(_said_of(rule) if rule else ()),
        ]
        if len(group) > 1:
            said.append(f"group {one.group_id}: {_said_of_group(group)}")
        if ourselves:
            said.append(f"as cityflux says: {ourselves}")
        for line in [*said, f"its peak: {_peak(rule, one.draft, chosen)}"]:
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
            "exceeds": "not known" if point.level is None else _level(of, point.level),
            "keeps_up": _level(of, point.keeps),
            "state": _state(of, seen, point.at, chosen),
        }
        for point in seen.points
    ]
    quantities = sorted({code for point in seen.points for code in point.shown})
    print_rows(rows, ["at", *quantities, "exceeds", "keeps_up", "state"], style, f"{of.zh} {of.en}: {subject}")


def _said_of(rule: "Rule") -> list[str]:
    """What a rule asks, and where it is from."""
    also = [
        f"told when {rule.coverage_percent} % of that time is known" if rule.coverage_percent else "",
        f"begins only {'; '.join(map(str, rule.schedule))}" if rule.schedule else "",
        f"flapping after {rule.flap_times} times in {rule.flap_min} min" if rule.flap_times else "",
        f"grouped by {rule.group} within {rule.group_min} min" if rule.group else "",
    ]
    return [
        f"levels: {_levels(rule)}",
        f"said after {rule.dwell_min} min, over after {rule.clear_min} min within the limits by {rule.margin}",
        *(one for one in also if one),
        f"rule {rule.code}: {rule.document}, {rule.clause} ({rule.mark})",
    ]


def _said_of_group(group: Sequence[Incident]) -> str:
    """How many incidents a group has, and what became of them."""
    states = Counter(
        "firing or recovering" if one.gone is None and one.draft.phase != "resolved" else "over" for one in group
    )
    return f"{len(group)} incidents, {', '.join(f'{count} {state}' for state, count in sorted(states.items()))}"


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


def _levels(rule: "Rule") -> str:
    said = []
    for level in rule.levels:
        own = "" if level.dwell_min is None else f" after {level.dwell_min} min"
        said.append(f"{level.colour or level.severity} {_when(level)}{own}")
    return "; ".join(said)


def _when(level: Any) -> str:
    return " or ".join(" and ".join(_clause(clause) for clause in clauses) for clauses in level.any)


def _clause(clause: Any) -> str:
    name = "" if clause.of == "value" else f"{clause.of} "
    windows = "" if clause.windows == 1 else f" in {clause.windows} windows"
    windows += "" if clause.within == 1 else f" in one of {clause.within} windows"
    return f"{name}{f'> {clause.over}' if clause.over is not None else f'< {clause.below}'}{windows}"


def _level(rule: "Rule | None", number: int) -> str:
    if rule is None:
        return f"level {number}"
    if number == 0:
        return "–"
    level = rule.levels[number - 1]
    return level.colour or level.severity


def _begun(rule: "Rule", subject: str, since: int, chosen: Settings) -> dict[str, Any]:
    return {
        "rule": rule.code,
        "subject": subject,
        "name": f"{rule.zh} {rule.en}",
        "since": iso(since, chosen.zone),
        "said_from": iso(since + min(rule.timing.dwell), chosen.zone),
    }


def _stored(
    one: Incident,
    by: Mapping[Of, Sequence[Incident]],
    rules: "Mapping[str, Rule]",
    chosen: Settings,
    unknown: int | None,
) -> dict[str, Any]:
    rule = rules.get(one.rule)
    acknowledged = None
    if one.acknowledged_by is not None and one.acknowledged_at is not None:
        acknowledged = (
            f"{one.acknowledged_by} {iso(one.acknowledged_at, chosen.zone)}{' (of a lower level)' if one.asks else ''}"
        )
    others = (
        other
        for code in (rule.inhibited_by if rule else ())
        for of in (one.subject, CITY)
        for other in by.get((code, of), ())
    )
    wider = next((other.id for other in others if rule and rule.stands_behind(one, other)), None)
    return {
        **_incident(rule, one.subject, one.draft, chosen),
        "state": one.gone or _state_of(one, unknown, chosen),
        "id": one.id,
        "rule": one.rule,
        "acknowledged": acknowledged,
        "stands_behind": wider,
        "group": one.group_id,
    }


def _silenced(one: Incident, silences: Sequence[Silence], now: int, chosen: Settings) -> str | None:
    """Until when nobody is told of it; None where people are."""
    until = max((silence.until for silence in silences if silence.covers(one, now)), default=None)
    return None if until is None else iso(until, chosen.zone)


def _peak(rule: "Rule | None", one: Draft, chosen: Settings) -> str:
    """What was measured at its peak, by the names and units that its signal gives."""
    from processors.alerts.signals import SIGNALS

    names = {} if rule is None else SIGNALS[rule.signal].shows
    said = [
        names[code].said(value) if code in names else f"{code} {value}"
        for code, value in one.shown.items()
        if code != "peak_at"
    ]
    return f"{', '.join(said)}, {iso(one.shown['peak_at'], chosen.zone)}"


def _state_of(one: Incident, unknown: int | None, chosen: Settings) -> str:
    """Where it stands; since when an outage of ours keeps that from being known."""
    if unknown is None or not is_not_known(one, unknown):
        return _phase(one.draft)
    return f"{_phase(one.draft)}, not known since {iso(unknown, chosen.zone)}"


def _phase(one: Draft) -> str:
    return f"{one.phase}, flapping" if one.flapping else one.phase


def _incident(rule: "Rule | None", subject: str, one: Draft, chosen: Settings) -> dict[str, Any]:
    return {
        "subject": subject,
        "level": _level(rule, one.level),
        "greatest": _level(rule, one.greatest),
        "since": iso(one.since, chosen.zone),
        "said": iso(one.fired, chosen.zone),
        "well": None if one.well is None else iso(one.well, chosen.zone),
        "resolved": None if one.resolved is None else iso(one.resolved, chosen.zone),
        "state": _phase(one),
        "times": one.episodes,
        "peak": _peak(rule, one, chosen),
    }


def _state(rule: "Rule", seen: "Seen", at: int, chosen: Settings) -> str:
    """What the rule's alert was at an instant, with what was missing for one."""
    for one in seen.incidents:
        if one.fired <= at and (one.resolved is None or at < one.resolved):
            return f"firing since {'its beginning' if one.fired == at else 'before'}"
        if one.since <= at < one.fired:
            return _waits(rule, one.since, at, chosen)
    since = seen.pending if seen.pending is not None and at >= seen.pending else seen.run_at(at, rule.timing.gap)
    return "quiet" if since is None else _waits(rule, since, at, chosen)


def _waits(rule: "Rule", since: int, at: int, chosen: Settings) -> str:
    needed = min(rule.timing.dwell)
    if at - since < needed:
        return f"pending: {needed // 60_000} min are needed, {(at - since) // 60_000} were over"
    if not rule.may_begin(at, chosen.zone):
        return "pending: it lasted long enough; these are not its hours"
    return f"pending: it lasted long enough; less than {rule.coverage_percent} % of that time is known"
