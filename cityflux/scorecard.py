"""The scorecard for a person at a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from processors.plans import Plan

_COLOURS = {
    "met": "green", "on track": "green", "at risk": "yellow", "missed": "red", "not assessable": "bright_black",
    "not computed": "bright_black", "not entered": "bright_black",
}  # fmt: skip


def as_text(rows: Sequence[Mapping[str, Any]], plan: Plan, year: int) -> Group:
    """The rows as a table, and what each rests on."""
    table = Table(title=f"{plan.zh}\n{plan.en} · {year}", title_justify="left")
    for column in ("", "indicator", "period", "value", "target", "status", "trend", "coverage", "finality", "standard"):
        table.add_column(column, justify="right" if column in {"value", "target", "coverage"} else "left")
    notes = []
    for row in rows:
        name = f"{row['zh']} {row['en']}"
        value = "–" if row["value"] is None else f"{row['value']} {row['unit']}"
        table.add_row(
            row["number"] or "", name, row["period"], value, row["target"],
            Text(row["status"], _COLOURS.get(row["status"], "")),
            row["trend"] or "", row["coverage"] or "", row["finality"] or "", row["standards"] or "",
        )  # fmt: skip
        if row["sentence"]:
            age = "" if row["age_days"] is None else f" ({row['age_days']} days ago)"
            notes.append(f"{name}: {row['sentence']}{age}")
    return Group(table, *(Text(note) for note in notes))
