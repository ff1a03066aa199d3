"""The scorecard for a person: on a terminal, or as one HTML page that prints on a sheet."""

from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from string import Template
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
    for column in ("", "indicator", "year", "value", "target", "status", "trend", "coverage", "finality", "standard"):
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


def as_page(rows: Sequence[Mapping[str, Any]], plan: Plan, year: int, at: str, address: str = "") -> str:
    """The rows as an HTML page; numbers lead to `address`/explain/… where that is known. Every text is escaped."""
    return Template(files("cityflux").joinpath("scorecard.html").read_text("utf-8")).substitute(
        title=escape(f"{plan.zh} · {year}"),
        subtitle=escape(f"{plan.en} · {at}"),
        rows="".join(_html(row, address) for row in rows),
    )


def _html(row: Mapping[str, Any], address: str) -> str:
    value = "–" if row["value"] is None else f"{row['value']} {row['unit']}"
    shown = escape(value)
    if row["explained_by"]:
        href = f"{address}/explain/{row['code']}/{row['period']}"
        shown = f'<a href="{escape(href)}">{shown}</a>' if address else shown
    settled = row["finality"] or ""
    source = ""
    if row["source"]:
        source = f"{row['source']}, {row['source_dated']}, {row['entered_by']}, {row['age_days']} d"
    cells = (
        escape(row["number"] or ""),
        f"<b>{escape(row['zh'])}</b><br>{escape(row['en'])}",
        escape(row["period"]),
        shown,
        escape(row["target"]),
        escape(row["gap"] or ""),
        f'<span class="{escape(row["status"].replace(" ", "-"))}">{escape(row["status"])}</span>',
        escape(row["trend"] or ""),
        escape(row["coverage"] or ""),
        escape(settled),
        f"{escape(row['sentence'] or '')}<br><i>{escape(source)}</i>",
    )
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
