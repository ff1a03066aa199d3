"""An explanation as text for a person at a terminal; the data come from `processors.air.explain`, and laid out from
`processors.explain_page`."""

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from processors.explain_page import Lines, Link, Page, provenance

_STATE = {
    "good": ("good", "green"),
    "polluted": ("polluted", "red"),
    "not_assessable": ("not assessable", "bright_black"),
}


def page_as_text(page: Page, out: Console) -> None:
    """Print an explanation that is laid out."""
    out.print(Text(page.title, "bold"))
    for part in page.parts:
        if isinstance(part, Lines):
            for line in part.lines:
                out.print(Text(f"  {line}"))
        elif part.rows:
            table = Table(*part.head, title=part.title, title_justify="left")
            for row in part.rows:
                table.add_row(*(Text(cell.text if isinstance(cell, Link) else cell) for cell in row))
            out.print(table)


def as_text(answer: dict[str, Any], out: Console) -> None:
    """Print an explanation of a year or of a day."""
    if "day" in answer:
        _day(answer, out)
    else:
        _year(answer, out)


def _year(answer: dict[str, Any], out: Console) -> None:
    target = answer["target"]
    sign = "≥" if target["direction"] == "at_least" else "≤"
    out.print(Text(f"{answer['name']['zh']} {answer['name']['en']} {answer['period']}", "bold"))
    out.print(
        f"  {answer['value']} {answer['unit']}, target {sign} {target['value']} {target['unit']}: {answer['status']}"
    )
    out.print(f"  {answer['sentence']}")
    _provenance(answer, out)
    table = Table("state", "days", "which", show_lines=False)
    for state, (name, colour) in _STATE.items():
        days = [day for day in answer["days"] if day["state"] == state]
        which = (
            "" if state == "good" else ", ".join(day["day"][5:] for day in days[:40]) + (" …" if len(days) > 40 else "")
        )
        table.add_row(Text(name, colour), str(len(days)), which)
    out.print(table)
    reasons = Table("day", "AQI", "primary", "why", title="days that are not good", title_justify="left")
    bad = [day for day in answer["days"] if day["state"] != "good" and day["revision"]]
    for day in bad:
        reasons.add_row(day["day"], _number(day["aqi"]), day["primary"], day["why"])
    if bad:
        out.print(reasons)
    for event in answer["events"]:
        what = f"{event['kind']} in {event['scope']}, {event['from']} – {event['to']}: {event['evidence']}"
        out.print(f"  event {event['event']} {what} (entered by {event['entered_by']})", markup=False)
    without = answer["without_events"]
    if without:
        out.print(
            f"  without {len(without['lifted'])} days that events lift ({', '.join(without['lifted'])}): "
            f"{without['polluted']} polluted of {without['valid']} valid days, {without['ratio_percent']} % good"
        )
    for revised in answer["revised_days"]:
        out.print(
            f"  {revised['day']}: {revised['reason']} ({revised['finality']}, {revised['computed_at']})", markup=False
        )
    out.print(
        f"  one day in full: cityflux explain {answer['indicator']} {answer['period']} --day {answer['days'][-1]['day']}"
    )


def _day(answer: dict[str, Any], out: Console) -> None:
    name, colour = _STATE[answer["state"]]
    out.print(Text(f"{answer['day']}: {name}", f"bold {colour}"))
    out.print(f"  {answer['why']}")
    out.print(f"  hours that ended after {answer['covers']['from']} and until {answer['covers']['to']}")
    if "value" not in answer:
        _gaps(answer, out)
        return
    out.print(f"  city AQI {answer['value'] or 'NA'} {answer['category']}, primary {answer['primary'] or 'none'}")
    _provenance(answer, out)
    if not answer["same_when_computed_again"]:
        out.print(Text("  the readings in the store now give another value: a revision is due", "yellow"))
    table = Table(
        "pollutant", "statistic", "city", "IAQI", title="city: mean of its assessment stations", title_justify="left"
    )
    for p in answer["pollutants"]:
        table.add_row(
            f"{p['name']['zh']} {p['name']['en']}",
            p["statistic"],
            _value(p["city_value"], p["unit"]),
            _number(p["iaqi"]),
        )
    out.print(table)
    for one in answer["would_be_good"]:
        out.print(Text(f"  to be good: {one['text']}", "cyan"))
    event = answer["event"]
    if event:
        lifted = "lifted from the second count" if event["lifted"] else "not lifted"
        out.print(f"  exceptional event {', '.join(map(str, event['events']))} ({', '.join(event['kinds'])}): {lifted}")
    codes = [p["quantity"] for p in answer["pollutants"]]
    stations = Table(
        "station",
        "kind",
        "AQI",
        "primary",
        *codes,
        "why",
        title="stations: daily value (valid hours)",
        title_justify="left",
    )
    for s in answer["stations"]:
        values = [f"{_number(s['values'][c])} ({s['valid_hours'][c]})" for c in codes]
        label = f"{s['station']} {s['name']['zh'] if s['name'] else ''}"
        stations.add_row(label, s["kind"], _number(s["aqi"]), s["primary"], *values, s["why"])
    out.print(stations)
    if answer["left_out"]:
        left = Table("station", "what", "why", title="left out", title_justify="left")
        for one in answer["left_out"]:
            left.add_row(one["station"], one["what"], one["why"])
        out.print(left)
    rules = Table("rule", "document", "clause", "how far it is known", title="rules applied", title_justify="left")
    for one in answer["clauses"]:
        rules.add_row(one["what"], one["document"], one["clause"], one["mark"])
    out.print(rules)
    for s in answer["stations"]:
        hours = Table(
            "hour ended", *codes, "doubtful", "received", "batch", title=f"{s['station']}: hours", title_justify="left"
        )
        for h in s["hours"]:
            doubts = "; ".join(f"{c} {d['flag']}" for c, d in h["doubtful"].items())
            hours.add_row(
                h["hour_ended"],
                *(_number(h["values"].get(c)) for c in codes),
                doubts,
                h["received_at"],
                str(h["batch"]),
            )
        out.print(hours)
        if s["mda8"]["hours"]:
            out.print(
                f"  O3: greatest 8-hour mean over {s['mda8']['hours']}, {s['mda8']['windows_valid']} of them valid"
            )
        topics = sorted({h["topic"] for h in s["hours"] if h["topic"]})
        out.print(f"  came in on {', '.join(topics) or 'an unknown topic'}")


def _provenance(answer: dict[str, Any], out: Console) -> None:
    for line in provenance(answer):
        out.print(f"  {line}", markup=False)


def _gaps(answer: dict[str, Any], out: Console) -> None:
    for gap in answer["gaps"]:
        out.print(Text(f"  gap {gap['from'] or 'the beginning'} – {gap['to']}: {gap['what']}", "yellow"))


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"


def _value(value: float | None, unit: str) -> str:
    return "–" if value is None else f"{value:g} {unit}"
