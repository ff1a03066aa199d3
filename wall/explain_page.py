"""An explanation as a page: the same plain data as `cityflux explain`, from the year down to each hour. Every text is escaped."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from string import Template
from typing import Any
from urllib.parse import urlencode

from processors.explain_page import Lines, Link, Page, provenance

_STATES = {"good": "good", "polluted": "polluted", "not_assessable": "not assessable"}


def year_page(answer: Mapping[str, Any]) -> str:
    """The page of a year."""
    name, target = answer["name"], answer["target"]
    sign = "≥" if target["direction"] == "at_least" else "≤"
    parts = [
        _lines(
            f"{answer['value']} {answer['unit']}, target {sign} {target['value']}: {answer['status']}",
            answer["sentence"],
            _without_events(answer["without_events"]),
            *provenance(answer),
        )
    ]
    bad = [day for day in answer["days"] if day["state"] != "good"]
    parts.append(
        _table(
            "Days that are not good",
            ("day", "AQI", "", "primary", "why"),
            (
                (_link(answer, day), "NA" if day["aqi"] is None else day["aqi"], _STATES[day["state"]], day["primary"],
                 day["why"])
                for day in bad
            ),
        )
    )  # fmt: skip
    good = [day for day in answer["days"] if day["state"] == "good"]
    parts.append(f"<h2>Good days</h2><p>{' '.join(str(_link(answer, day)) for day in good) or 'none'}</p>")
    events = (
        (e["event"], e["kind"], e["scope"], e["from"], e["to"], e["evidence"], e["entered_by"])
        for e in answer["events"]
    )
    parts.append(_table("Exceptional events", ("", "kind", "where", "from", "to", "evidence", "entered by"), events))
    revised = ((r["day"], r["finality"], r["computed_at"], r["reason"]) for r in answer["revised_days"])
    parts.append(_table("Revisions of its days", ("day", "", "computed", "what changed"), revised))
    return _page(f"{name['zh']} {name['en']} {answer['period']}", parts)


def day_page(answer: Mapping[str, Any]) -> str:
    """The page of a day."""
    back = _Html(
        f'<a href="/explain/{escape(answer["indicator"])}/{escape(answer["period"])}">{escape(answer["period"])}</a>'
    )
    parts = [
        _lines(back, answer["why"], f"hours that ended after {answer['covers']['from']} until {answer['covers']['to']}")
    ]
    title = f"{answer['day']}: {_STATES[answer['state']]}"
    if "value" not in answer:
        return _page(title, parts)
    primary = answer["primary"] or "none"
    parts.append(
        _lines(f"city AQI {answer['value'] or 'NA'} {answer['category']}, primary {primary}", *provenance(answer))
    )
    if not answer["same_when_computed_again"]:
        parts.append(_lines("The readings in the store now give another value: a revision is due."))
    if answer["would_be_good"]:
        parts.append(
            "<h2>What a good day would have needed</h2>" + _lines(*(one["text"] for one in answer["would_be_good"]))
        )
    parts.append(
        _table(
            "City: mean of its assessment stations",
            ("pollutant", "statistic", "city", "IAQI"),
            (
                (
                    f"{p['name']['zh']} {p['name']['en']}",
                    p["statistic"],
                    _value(p["city_value"], p["unit"]),
                    _number(p["iaqi"]),
                )
                for p in answer["pollutants"]
            ),
        )
    )
    codes = [p["quantity"] for p in answer["pollutants"]]
    parts.append(
        _table(
            "Stations: daily value (valid hours)",
            ("station", "kind", "AQI", "primary", *codes, "why"),
            (
                (s["station"], s["kind"], _number(s["aqi"]), s["primary"],
                 *(f"{_number(s['values'][c])} ({s['valid_hours'][c]})" for c in codes), s["why"])
                for s in answer["stations"]
            ),
        )
    )  # fmt: skip
    left = ((one["station"], one["what"], one["why"]) for one in answer["left_out"])
    parts.append(_table("Left out", ("station", "what", "why"), left))
    rules = ((one["what"], one["document"], one["clause"], one["mark"]) for one in answer["clauses"])
    parts.append(_table("Rules applied", ("rule", "document", "clause", "how far it is known"), rules))
    parts += [_hours(station, codes) for station in answer["stations"]]
    return _page(title, parts)


def laid_out(page: Page, address: str) -> str:
    """The page of an explanation that is laid out; `address` is that of its indicator and year."""
    parts = [
        _lines(*part.lines)
        if isinstance(part, Lines)
        else _table(part.title, part.head, ([_led(cell, address) for cell in row] for row in part.rows))
        for part in page.parts
    ]
    return _page(page.title, [_lines(_Html(f'<a href="{escape(address)}">back</a>')), *parts])


def _led(cell: str | Link, address: str) -> object:
    if isinstance(cell, str):
        return cell
    asked = {"section": cell.section, **({"day": cell.day} if cell.day else {})}
    return _Html(f'<a href="{escape(address)}?{escape(urlencode(asked))}">{escape(cell.text)}</a>')


def _hours(station: Mapping[str, Any], codes: Sequence[str]) -> str:
    rows = (
        (h["hour_ended"], *(_number(h["values"].get(c)) for c in codes),
         "; ".join(f"{c} {d['flag']}" for c, d in h["doubtful"].items()), h["received_at"], h["topic"] or "", h["batch"])
        for h in station["hours"]
    )  # fmt: skip
    head = ("hour ended", *codes, "doubtful", "received", "topic", "batch")
    window = station["mda8"]["hours"]
    note = (
        ""
        if window is None
        else f", O3: greatest 8-hour mean over {window}, {station['mda8']['windows_valid']} of them valid"
    )
    return f"<details><summary>{escape(station['station'])}: hours{escape(note)}</summary>{_table('', head, rows)}</details>"


def _without_events(without: Mapping[str, Any] | None) -> str:
    if not without:
        return ""
    return (
        f"without {len(without['lifted'])} days that events lift: {without['polluted']} polluted "
        f"of {without['valid']} valid days, {without['ratio_percent']} % good"
    )


class _Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def _link(answer: Mapping[str, Any], day: Mapping[str, Any]) -> _Html:
    href = f"/explain/{escape(answer['indicator'])}/{escape(answer['period'])}/{escape(day['day'])}"
    return _Html(f'<a href="{href}">{escape(day["day"])}</a>')


def _cell(value: object) -> str:
    return value if isinstance(value, _Html) else escape(str(value))


def _lines(*texts: object) -> str:
    return "".join(f"<p>{_cell(text)}</p>" for text in texts if text)


def _table(title: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    body = "".join("<tr>" + "".join(f'<td class="n">{_cell(cell)}</td>' for cell in row) + "</tr>" for row in rows)
    if not body:
        return ""
    names = "".join(f"<th>{escape(name)}</th>" for name in head)
    return f"{f'<h2>{escape(title)}</h2>' if title else ''}<table><tr>{names}</tr>{body}</table>"


def _page(title: str, parts: Iterable[str]) -> str:
    page = Template(files("wall").joinpath("explain.html").read_text("utf-8"))
    return page.substitute(title=escape(title), body="".join(parts))


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"


def _value(value: float | None, unit: str) -> str:
    return "–" if value is None else f"{value:g} {unit}"
