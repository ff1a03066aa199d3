"""`cityflux warnings`: what the last cycles of water sections say before a month is over."""

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cityflux.composition import now_ms, open_books, open_store
from cityflux.console import Format, instant, out, print_rows, settings, wrong
from cityflux.settings import Settings
from sensors.instants import iso
from store.intervals import Intervals

if TYPE_CHECKING:
    from processors.water.warning.pulses import Announced
    from processors.water.warning.runs import Warned


def warnings(
    days: Annotated[int, typer.Option(min=1, max=366, help="what began in so many days, or lasts")] = 7,
    section: Annotated[list[str] | None, typer.Option(help="only this one; may be given again")] = None,
    at: Annotated[str | None, typer.Option("--at", help="as of this moment; else now")] = None,
    pulses: Annotated[bool, typer.Option("--pulses", help="pulses seen upstream, and when they arrive below")] = False,
    style: Annotated[Format, typer.Option("--format", help="table, csv or json")] = Format.TABLE,
) -> None:
    """Early warnings of water sections, from the stored samples: exceedances in two cycles, class drops, sudden changes; pulses
    on their way down the river. Example: cityflux warnings --days 3 --pulses"""
    from processors.water.warning.rules import warning_rules
    from processors.water.warning.watch import watch

    chosen = settings()
    moment = now_ms() if at is None else instant(at, chosen.zone, "--at")
    with open_books(chosen) as books:
        books.prepare()
        registry, intervals = books.registry(), Intervals(books).all("water")
    known = sorted(one.id for one in registry.active("water", moment - 1) if one.section is None)
    for name in section or ():
        if name not in known:
            wrong(f"{name!r} is no section of the registry at that time; there are {', '.join(known[:12]) or 'none'}")
    found = watch(open_store(chosen), registry, intervals, moment, days, warning_rules(), section)
    if pulses:
        columns = [
            "item",
            "upstream",
            "downstream",
            "since",
            "earliest",
            "expected",
            "latest",
            "state",
            "seen",
            "left_percent",
        ]
        columns += ["travel"]
        print_rows([_pulse(one, chosen) for one in found.pulses], columns, style, "pulses on their way")
        if style is Format.TABLE:
            for none in found.without:
                out.print(f"{none.upstream} → {none.downstream}: no travel time: {none.why}", markup=False)
        return
    rows = [_warning(one, chosen) for one in found.warnings]
    if style is Format.JSON:
        sys.stdout.write(json.dumps(rows, ensure_ascii=False, indent=2) + "\n")
        return
    columns = ["section", "rule", "item", "level", "since", "said", "until", "why"]
    print_rows(rows, columns, style, f"early warnings of {days} days")


def _warning(one: "Warned", chosen: Settings) -> dict[str, Any]:
    values = {iso(int(at), chosen.zone): value for at, value in one.detail.get("values", {}).items()}
    return {
        **one._asdict(),
        "since": iso(one.since, chosen.zone),
        "said": iso(one.said, chosen.zone),
        "until": iso(one.until, chosen.zone) if one.until is not None else "section silent" if one.silent else None,
        "why": _why(one),
        "detail": {**one.detail, **({"values": values} if values else {})},
    }


def _why(one: "Warned") -> str:
    detail = one.detail
    if one.rule == "class drop":
        return f"class {detail['class']}, usually {detail['usual']}"
    values = list(detail["values"].values())
    span = f"{values[0]:g}" if len(values) == 1 else f"{min(values):g} to {max(values):g} in {len(values)} cycles"
    if one.rule == "exceedance":
        return f"{span} against {' to '.join(detail['limits'])} ({detail['against']})"
    rain = "; turbid and thin: rain" if detail["like_rain"] else ""
    return f"{span}, usually {detail['usual']:.3g} (score {detail['score']}){rain}"


def _pulse(one: "Announced", chosen: Settings) -> dict[str, Any]:
    times = {name: iso(getattr(one, name), chosen.zone) for name in ("since", "earliest", "expected", "latest")}
    return {
        **one._asdict(),
        **times,
        "seen": None if one.seen is None else iso(one.seen, chosen.zone),
        "left_percent": None if one.left is None else round(100 * one.left),
        "reaches": [reach._asdict() for reach in one.reaches],
        "travel": "; ".join(
            f"{reach.upstream}–{reach.downstream} {reach.hours:.1f} h ({reach.low:.1f}–{reach.high:.1f}) {reach.source}"
            + (f" from {reach.pulses} pulses" if reach.source == "estimated" else "")
            for reach in one.reaches
        ),
    }
