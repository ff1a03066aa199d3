"""Explanations of traffic laid out for people, as `explain_page.py` lays out the others."""

from collections.abc import Mapping
from typing import Any

from processors.explain_page import Lines, Page, Table, provenance


def traffic_page(answer: Mapping[str, Any]) -> Page:
    """An answer of `explain_flow.py`."""
    if "stations" in answer:
        parts = [part for one in answer["stations"] for part in (Lines([one["title"]]), *_station_day(one).parts)]
        return Page(answer["title"], parts)
    return _station_day(answer) if "station" in answer else _period(answer)


def _period(answer: Mapping[str, Any]) -> Page:
    rows = [
        (one["station"], one["tunnel"], one["average_daily_vehicles"] or "–", one["average_daily_pcu"] or "–",
         f"{one['days']}/{one['expected']}", *_peak(one["peak"]), one["mean_saturation"] or "–")
        for one in answer["directions"]
    ]  # fmt: skip
    names = sorted({one["station"] for one in answer["directions"]})
    days = [(one["day"], *(_of_day(one["stations"].get(name)) for name in names)) for one in answer["days"]]
    revised = [
        (one["day"], one["station"], one["finality"], one["computed_at"], one["reason"])
        for one in answer["revised_days"]
    ]
    head = ("direction", "tunnel", "vehicles/d", "pcu/d", "days", "busiest hour", "pcu", "v/C", "level", "mean v/C")
    return Page(
        answer["title"],
        [
            Lines([answer["sentence"], *provenance(answer)]),
            Table("Directions", head, rows),
            Table("Days: vehicles (intervals that came)", ("day", *names), days),
            Table("Days that were revised", ("day", "station", "finality", "at", "why"), revised),
            _clauses(answer),
        ],
    )


def _station_day(answer: Mapping[str, Any]) -> Page:
    if "value" not in answer:
        return Page(answer["title"], [])
    lines = [f"{answer['value'] or '–'} {answer['unit']}: {answer['status']}", *_driving(answer), *provenance(answer)]
    if answer["other_periods"]:
        lines.append(
            f"{answer['other_periods']} readings came with a period that the registry does not name: not counted"
        )
    if answer["contradicting"]:
        lines.append(
            f"{answer['contradicting']} readings have more vehicles by class than vehicles: the classes are taken"
        )
    if not answer["same_when_computed_again"]:
        lines.append("the readings in the store now give another value: a revision is due")
    hours = [
        (one["hour_ended"][11:16], str(one["vehicles"]), one["pcu"],
         f"{one['coverage']['valid']}/{one['coverage']['expected']}", str(one["readings"]),
         "; ".join(f"{m['topic']} {(m['journal'] or '')[:8]}/{m['batch']} ({m['readings']})" for m in one["messages"]))
        for one in answer["hours"]
    ]  # fmt: skip
    air = [
        (one["quantity"], f"{one['limit']} {one['unit']}", f"{one['minutes']} min", one["while"] or "always",
        f"{one['came']}/{one['windows']}", str(one["means"]),
         str(one["above"]), one["greatest"] or "–", (one["at"] or "")[11:16])
        for one in answer["air"]
    ]  # fmt: skip
    left = [(one["at"], one["quantity"], one["why"]) for one in answer["left_out"]]
    of_air = ("quantity", "limit", "mean of", "while", "came", "means", "above", "greatest", "at")
    return Page(
        answer["title"],
        [
            Lines(lines),
            Table("Hours", ("ended", "vehicles", "pcu", "came", "readings", "topic journal/batch (readings)"), hours),
            Table(f"Air ({answer['air_document']})", of_air, air),
            Table("Left out", ("at", "quantity", "why"), left),
            _clauses(answer),
        ],
    )


def _driving(answer: Mapping[str, Any]) -> list[str]:
    said = [
        ("mean speed", answer["speed_km_h"], "km/h"),
        ("travel time index", answer["travel_time_index"], (answer["congestion"] or {}).get("en", "")),
        ("travel time", answer["travel_min"], "min"),
        (f"headway of a {answer['headway_of']}", answer["headway_s"], "s"),
        ("occupancy", answer["occupancy_percent"], "%"),
    ]
    text = ", ".join(f"{what} {value} {unit}" for what, value, unit in said if value is not None)
    return [text] if text else []


def _peak(peak: Mapping[str, Any] | None) -> tuple[str, str, str, str]:
    if peak is None:
        return "–", "–", "–", "–"
    when = f"{peak['from'][:16].replace('T', ' ')}–{peak['to'][11:16]}"
    pcu = f"{float(peak['pcu']):g}"
    return when, f"≥ {pcu}" if peak["without_pcu"] else pcu, peak["saturation"] or "–", str(peak["level"] or "–")


def _of_day(line: Mapping[str, Any] | None) -> str:
    if line is None or line["coverage"] is None:
        return "–"
    return f"{line['vehicles'] or 'NA'} ({line['coverage']})"


def _clauses(answer: Mapping[str, Any]) -> Table:
    rows = [(one["what"], one["document"], one["clause"], one["mark"]) for one in answer["clauses"]]
    return Table("Rules applied", ("rule", "document", "clause", "how far it is known"), rows)
