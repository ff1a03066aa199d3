"""From a stored incident to the facts that people and programs are told: names, level, values with units, runbook. Pure."""

import tomllib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from functools import cache
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

from processors.alerts.notify.texts import Facts, Measured, Named
from processors.alerts.rules import Rule
from processors.alerts.signals import SIGNALS
from processors.alerts.signals.subjects import METER_OF_DAYS, PART, ROW
from processors.alerts.values import least_of
from processors.scopes import CITY
from sensors.instants import iso
from sensors.stations import Registry
from store.incidents import Draft, Incident

_THE_CITY = Named("全市", "the city")


def facts_of(
    one: Incident,
    rule: Rule | None,
    registry: Registry,
    *,
    what: str,
    level: int,
    why: str,
    runbooks: str,
    step: int = 1,
    others: int = 0,
) -> Facts:
    """The facts of a piece of news of an incident at a level, with how many `others` of its group hold; a rule that is none any
    more is called by its code."""
    number = level or one.draft.greatest
    if rule is None:
        named = Named(one.rule, one.rule)
        return Facts(what, one.id, named, _plain(one.subject), "warning", why=why, since=one.draft.since, step=step)
    its = rule.levels[min(number, len(rule.levels)) - 1]
    signal = SIGNALS[rule.signal]
    return Facts(
        what,
        one.id,
        Named(rule.zh, rule.en),
        _subject(one, rule, registry),
        its.severity,
        its.colour,
        why,
        one.draft.since,
        one.draft.well,
        one.draft.shown.get("peak_at"),
        _values(one.draft, rule),
        signal.basis,
        f"{runbooks}/{topics_of_rules().get(rule.code, 'own')}.md#{rule.runbook}",
        step,
        others,
    )


def as_data(facts: Facts, one: Incident, zone: ZoneInfo) -> dict[str, Any]:
    """The same for programs: the contract of docs/ALERTS.md, "For programs"."""
    return {
        "what": facts.what,
        "incident": one.id,
        "rule": one.rule,
        "rule_name": facts.rule._asdict(),
        "subject": one.subject,
        "subject_name": facts.subject._asdict(),
        "severity": facts.severity,
        "colour": facts.colour or None,
        "phase": one.gone or one.draft.phase,
        "acknowledged_by": one.acknowledged_by,
        "since": iso(one.draft.since, zone),
        "until": None if one.draft.well is None else iso(one.draft.well, zone),
        "since_ms": one.draft.since,
        "until_ms": one.draft.well,
        "values": [
            {"name": value.name._asdict(), "value": value.value, "unit": value.unit or None} for value in facts.values
        ],
        "others": facts.others,
        "basis": facts.basis,
        "why": facts.why,
        "runbook": facts.runbook,
    }


def _subject(one: Incident, rule: Rule, registry: Registry) -> Named:
    signal = SIGNALS[rule.signal]
    if one.subject == CITY:
        return _THE_CITY
    if signal.subject is PART:
        return Named(f"cityflux {one.subject}", f"cityflux {one.subject}")
    if signal.subject is ROW:
        return Named(f"规划指标 {one.subject}", f"row {one.subject} of the plan")
    family = "energy" if signal.subject is METER_OF_DAYS else signal.family
    entry = registry.entry(family, one.subject, one.draft.last - 1)
    if entry is None:
        return _plain(one.subject)
    return Named(f"{entry.name_zh}（{entry.id}）", f"{entry.name_en or entry.name_zh} ({entry.id})")


def _plain(subject: str) -> Named:
    return _THE_CITY if subject == CITY else Named(subject, subject)


def _values(draft: Draft, rule: Rule) -> Sequence[Measured]:
    """What was so at its peak: of the quantities that the rule asks of those beyond a limit, with what was measured of them;
    and what stands beside all of them."""
    shows, shown = SIGNALS[rule.signal].shows, draft.shown
    asked = {code: code in shown and _is_over(code, shown, rule) for code in rule.asks_of}
    return [
        Measured(Named(shows[code].zh, shows[code].en), str(shown[code]), shows[code].unit, shows[code].yes_no)
        for code in shows
        if code in shown and (not rule.shows or code in rule.shows) and _is_of_it(code, asked)
    ]


def _is_of_it(code: str, asked: Mapping[str, bool]) -> bool:
    """Whether a quantity is shown, of those that are asked of, by whether they are beyond a limit."""
    if code in asked:
        return asked[code]
    beside = [name for name in asked if code.startswith(f"{name}_")]
    return not beside or code in {least_of(name) for name in asked} or any(asked[name] for name in beside)


def _is_over(code: str, shown: Mapping[str, Any], rule: Rule) -> bool:
    """Whether a quantity is beyond a limit of any level."""
    asks = [clause.ask(Decimal(0)) for clause in rule.clauses if clause.of == code]
    value = Fraction(str(shown[code]))
    return any(value > ask.limit if ask.over else value < ask.limit for ask in asks)


@cache
def topics_of_rules() -> Mapping[str, str]:
    """Of which topic each shipped rule is: the name of its file, and of its page of runbooks."""
    folder = files("processors.alerts.shipped")
    return {
        rule["code"]: one.name.removesuffix(".toml")
        for one in folder.iterdir()
        if one.name.endswith(".toml")
        for rule in tomllib.loads(one.read_text("utf-8")).get("rule", ())
    }
