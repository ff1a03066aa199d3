"""Incidents and rules of alerts as the command line shows them: names, levels, times of the city's clock, and why."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cityflux.settings import Settings
from processors.alerts.outage import is_not_known
from processors.scopes import CITY
from sensors.instants import iso
from store.incidents import Draft, Incident, Of
from store.silences import Silence

if TYPE_CHECKING:
    from processors.alerts.history import Seen
    from processors.alerts.rules import Rule


def said_of_rule(rule: "Rule") -> list[str]:
    """What a rule asks, and where it is from."""
    also = [
        f"told when {rule.coverage_percent} % of that time is known" if rule.coverage_percent else "",
        f"begins only {'; '.join(map(str, rule.schedule))}" if rule.schedule else "",
        f"flapping after {rule.flap_times} times in {rule.flap_min} min" if rule.flap_times else "",
        f"grouped by {rule.group} within {rule.group_min} min" if rule.group else "",
    ]
    return [
        f"levels: {levels_of(rule)}",
        f"said after {rule.dwell_min} min, over after {rule.clear_min} min within the limits by {rule.margin}",
        *(one for one in also if one),
        f"rule {rule.code}: {rule.document}, {rule.clause} ({rule.mark})",
    ]


def said_of_group(group: Sequence[Incident]) -> str:
    """How many incidents a group has, and what became of them."""
    states = Counter("firing or recovering" if one.holds else "over" for one in group)
    return f"{len(group)} incidents, {', '.join(f'{count} {state}' for state, count in sorted(states.items()))}"


def levels_of(rule: "Rule") -> str:
    """The levels of a rule, each with its limits and its own dwell."""
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


def level_of(rule: "Rule | None", number: int) -> str:
    """A level's colour, or its severity."""
    if rule is None:
        return f"level {number}"
    if number == 0:
        return "–"
    if number > len(rule.levels):
        return f"level {number}, which the rule has no more"
    level = rule.levels[number - 1]
    return level.colour or level.severity


def pending_row(rule: "Rule", subject: str, since: int, chosen: Settings) -> dict[str, Any]:
    """What has begun and is not told yet."""
    return {
        "rule": rule.code,
        "subject": subject,
        "name": f"{rule.zh} {rule.en}",
        "since": iso(since, chosen.zone),
        "said_from": iso(since + min(rule.timing.dwell), chosen.zone),
    }


def stored_row(
    one: Incident,
    by: Mapping[Of, Sequence[Incident]],
    rules: "Mapping[str, Rule]",
    chosen: Settings,
    unknown: int | None,
) -> dict[str, Any]:
    """A stored incident, with what it stands behind."""
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
        **incident_row(rule, one.subject, one.draft, chosen),
        "state": one.gone or state_of(one, unknown, chosen),
        "id": one.id,
        "rule": one.rule,
        "acknowledged": acknowledged,
        "stands_behind": wider,
        "group": one.group_id,
    }


def silenced_until(one: Incident, silences: Sequence[Silence], now: int, chosen: Settings) -> str | None:
    """Until when nobody is told of it; None where people are."""
    until = max((silence.until for silence in silences if silence.covers(one, now)), default=None)
    return None if until is None else iso(until, chosen.zone)


def peak_of(rule: "Rule | None", one: Draft, chosen: Settings) -> str:
    """What was measured at its peak, by the names and units that its signal gives."""
    from processors.alerts.signals import SIGNALS

    names = {} if rule is None else SIGNALS[rule.signal].shows
    said = [
        names[code].said(value) if code in names else f"{code} {value}"
        for code, value in one.shown.items()
        if code != "peak_at"
    ]
    return f"{', '.join(said)}, {iso(one.shown['peak_at'], chosen.zone)}"


def state_of(one: Incident, unknown: int | None, chosen: Settings) -> str:
    """Where it stands; since when an outage of ours keeps that from being known."""
    if unknown is None or not is_not_known(one, unknown):
        return _phase(one.draft)
    return f"{_phase(one.draft)}, not known since {iso(unknown, chosen.zone)}"


def _phase(one: Draft) -> str:
    return f"{one.phase}, flapping" if one.flapping else one.phase


def incident_row(rule: "Rule | None", subject: str, one: Draft, chosen: Settings) -> dict[str, Any]:
    """An incident as the data have it, by a rule or not."""
    return {
        "subject": subject,
        "level": level_of(rule, one.level),
        "greatest": level_of(rule, one.greatest),
        "since": iso(one.since, chosen.zone),
        "said": iso(one.fired, chosen.zone),
        "well": None if one.well is None else iso(one.well, chosen.zone),
        "resolved": None if one.resolved is None else iso(one.resolved, chosen.zone),
        "state": _phase(one),
        "times": one.episodes,
        "peak": peak_of(rule, one, chosen),
    }


def state_at(rule: "Rule", seen: "Seen", at: int, chosen: Settings) -> str:
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
