"""The scorecard: a plan's indicators on one screen of a terminal, each with target, status, coverage and finality."""

from rich.console import Group
from rich.table import Table
from rich.text import Text

from processors.plans import Indicator, Plan
from store.judgements import Judgement, Judgements

_COLOURS = {"met": "green", "on track": "green", "at risk": "yellow", "missed": "red", "not assessable": "bright_black"}


def _newest(judgements: Judgements, indicator: Indicator, year: int) -> tuple[Judgement, str] | None:
    """What is known of the year; of a row that is entered else the last year that is."""
    found = judgements.current(indicator.code, indicator.scope, str(year))
    if found is not None or indicator.family is not None:
        return found
    earlier = judgements.latest(indicator.code, scope=indicator.scope, last=str(year))
    return (earlier[-1].judgement, earlier[-1].finality) if earlier else None


def scorecard(judgements: Judgements, plan: Plan, year: int) -> Group:
    """The plan's indicators of `year` as they stand in the books."""
    table = Table(title=f"{plan.zh}\n{plan.en} · {year}", title_justify="left")
    for column, justify in (
        ("indicator", "left"),
        ("year", "left"),
        ("value", "right"),
        ("target", "right"),
        ("status", "left"),
        ("coverage", "right"),
        ("finality", "left"),
        ("standard", "left"),
    ):
        table.add_column(column, justify=justify)  # type: ignore[arg-type]  # the three words rich knows
    notes = []
    for indicator in plan.indicators:
        target = indicator.wanted
        found = _newest(judgements, indicator, year)
        name = f"{indicator.zh} {indicator.en}"
        if found is None:
            table.add_row(name, "", "–", target, Text("not computed", "bright_black"), "", "", "")
            continue
        judgement, finality = found
        share = f"{judgement.valid}/{judgement.expected}"
        value = "–" if judgement.value is None else f"{judgement.value} {judgement.unit}"
        table.add_row(
            name,
            judgement.key.period,
            value,
            target,
            Text(judgement.status, _COLOURS.get(judgement.status, "")),
            share,
            finality,
            " → ".join(judgement.detail.get("standards", [judgement.key.standard])),
        )
        notes.append(f"{name}: {judgement.detail['sentence']}")
    return Group(table, *(Text(note) for note in notes))
