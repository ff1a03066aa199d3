"""An explanation laid out for people, once for the terminal and the browser: titles, lines and tables of plain text.

What is laid out are the answers of `explaining.py`, but for those of air; who draws it decides on colours, and escapes what needs
it.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from processors.water.items import class_name


class Link(NamedTuple):
    """A cell that leads on: to a section, and to a day of it."""

    text: str
    section: str
    day: str | None = None


Cell = str | Link


class Lines(NamedTuple):
    """Some sentences."""

    lines: Sequence[str]


class Table(NamedTuple):
    """A table; one without rows is left out."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]


class Page(NamedTuple):
    """An explanation, in reading order."""

    title: str
    parts: Sequence[Lines | Table]


def water_page(answer: Mapping[str, Any]) -> Page:
    """An answer of `water/explain.py`."""
    if "day" in answer:
        return _day(answer)
    return _section(answer) if "section" in answer else _plan(answer)


def page_of(answer: Mapping[str, Any]) -> Page:
    """An answer of any of them, by what is in it."""
    if "tunnels" in answer:
        return _capacity(answer)
    return _row(answer) if "figures" in answer else water_page(answer)


def _capacity(answer: Mapping[str, Any]) -> Page:
    name, baseline = answer["name"], answer["baseline"]
    lines = [
        f"{answer['value'] or '–'} {answer['unit']}, target {answer['target']}: {answer['status']}",
        *([] if baseline is None else [f"baseline {baseline} {answer['unit']}"]),
        answer["sentence"],
    ]
    rows = [
        (
            tunnel,
            of["capacity_pcu_h"],
            ", ".join(f"{n} {'–' if c is None else f'{c:g}'}" for n, c in of["entries"].items()),
        )
        for tunnel, of in answer["tunnels"].items()
    ]
    return Page(
        f"{name['zh']} {name['en']} {answer['period']}",
        [Lines([*lines, *provenance(answer)]), Table("Tunnels in service", ("tunnel", "pcu/h", "entries"), rows)],
    )


def _row(answer: Mapping[str, Any]) -> Page:
    """An answer of `records/explain.py`."""
    name = answer["name"]
    lines = [
        f"{answer['value'] or '–'} {answer['unit']}, target {answer['target']}: {answer['status']}",
        answer["sentence"],
    ]
    if answer["target_source"]:
        lines.append(f"target: {answer['target_source']}")
    if answer["lacking"]:
        lines.append(f"not entered: {', '.join(answer['lacking'])}")
    head = ("figure", "period", "value", "source", "of", "note", "entered by", "at", "why it is another")
    years = [
        (str(one["year"]), _short(one["intensity"]), one["reduction_percent"] or "–", one["cumulative_percent"] or "–",
         "–" if one["path"] is None else f"{one['path']:.4g}")
        for one in answer["years"]
    ]  # fmt: skip
    of_years = ("year", "per 10⁴ yuan", "reduction %", "since the baseline %", "path, at most")
    return Page(
        f"{name['zh']} {name['en']} {answer['period']}",
        [
            Lines([*lines, *provenance(answer)]),
            Table("Intensity", of_years, years),
            *_to_date(answer),
            Table("Figures it rests on", head, [_figure(one) for one in answer["figures"]]),
            Table("All entries of those that were corrected", head, [_figure(one) for one in answer["corrected"]]),
        ],
    )


def _to_date(answer: Mapping[str, Any]) -> list[Table]:
    """Of a quarter: from 1 January until its end, against the same months of the year before."""
    of = answer["to_date"]
    if of is None:
        return []

    def named(text: str | None) -> str:
        return "–" if text is None else _short(text)

    rows = [
        (f"{answer['period']}, from 1 January", named(of["intensity"]), of["reduction_percent"] or "–", answer["value"] or "–"),
        (f"{of['against']}, from 1 January", named(of["intensity_before"]), "", ""),
        (f"years until {of['until']}", "", "", of["until_percent"] or "–"),
    ]  # fmt: skip
    head = ("provisional", "per 10⁴ yuan", "reduction % against the same months", "since the baseline %")
    return [Table("Year to date", head, rows)]


def _figure(one: Mapping[str, Any]) -> tuple[str, ...]:
    value = f"{one['value']} {one['unit']}"
    return (one["code"], one["period"], value, one["source"], one["dated"], one["note"], one["entered_by"],
            one["entered_at"], one["reason"])  # fmt: skip


def _plan(answer: Mapping[str, Any]) -> Page:
    target = answer["target"]
    sign = "≥" if target["direction"] == "at_least" else "≤"
    name = answer["name"]
    wanted = f"target {sign} {target['value']} {target['unit']}: {answer['status']}"
    lines = [
        f"{answer['value'] or '–'} {answer['unit']}, {wanted}",
        answer["sentence"],
        f"by the share of samples: {answer['kept_by_samples']} of {answer['with_target']}"
        f" ({answer['percent_by_samples'] or '–'} %)",
        f"Ⅰ–Ⅲ {answer['percent_good'] or '–'} %, 劣Ⅴ {answer['percent_inferior'] or '–'} %",
    ]
    if answer["water"]:
        status = answer["water"]
        lines.append(f"{status['zh']} {status['en']}, by {status['method']}")
    lines += [f"{name}: {one['says']} ({one['points']} points against {one['against']})" for name, one in
              answer["trend"].items() if one]  # fmt: skip
    if answer["silent"]:
        lines.append(f"nothing came of {', '.join(answer['silent'])}")
    rows = [
        (Link(section, section), one["name"], one["class"] or "–", one["target"] or "–", one["status"],
         one["percent_of_samples"] or "–", one["by_samples"] or "–", "+".join(one["main"]))
        for section, one in answer["sections"].items()
    ]  # fmt: skip
    head = ("section", "name", "class", "target", "status", "samples kept %", "by samples", "main")
    ranked = [(str(place), section, index) for place, (section, index) in enumerate(answer["ranking"], start=1)]
    return Page(
        f"{name['zh']} {name['en']} {answer['period']}",
        [
            Lines([*lines, *provenance(answer)]),
            Table("Sections", head, rows),
            Table("Main pollution: sections that are worse than class Ⅲ by it", ("item", "%"),
                  [(one["item"], one["percent"] or "–") for one in answer["main"]]),
            Table("Ranking index (CWQI), the best first", ("", "section", "index"), ranked),
            _clauses(answer),
        ],
    )  # fmt: skip


def _section(answer: Mapping[str, Any]) -> Page:
    lines = [answer["sentence"], *_basis(answer)]
    samples = answer["samples"]
    if samples and "percent" in samples:
        kept = f"{samples['kept']} of {samples['n']} samples keep the target: {samples['percent']} %"
        lines.append(f"by the share of samples: {kept}, {samples['verdict']}")
    if answer["trophic"]:
        lines.append(
            f"trophic level index {answer['trophic']['index']}: {answer['trophic']['zh']} {answer['trophic']['en']}"
        )
    if answer["months_short"]:
        lines.append(f"months with too few days: {', '.join(answer['months_short'])}")
    rooms = [
        (one["item"], one["limit"], "out of reach" if one["may_average"] is None else _short(one["may_average"]),
         "–" if one["margin"] is None else f"{100 * float(Fraction(one['margin'])):+.0f} %")
        for one in answer["room"]
    ]  # fmt: skip
    months = [
        (month, _named(one["class"]), "+".join(one["main"]), ", ".join(f"{c} {v}" for c, v in one["values"].items()))
        for month, one in answer["months"].items()
    ]
    days = [
        (Link(one["day"], answer["section"], one["day"]), one["class"] or "–", one["status"], str(one["cycles"]),
         "+".join(one["main"]), ", ".join(f"{code} {n}" for code, n in one["short"].items()))
        for one in answer["days"]
    ]  # fmt: skip
    revised = [(one["day"], one["finality"], one["computed_at"], one["reason"]) for one in answer["revised_days"]]
    return Page(
        answer["title"],
        [
            Lines([*lines, *provenance(answer)]),
            *_items(answer),
            Table(
                "What the months left may average",
                ("item", "limit", "at most (oxygen: at least)", "against so far"),
                rooms,
            ),
            Table("Months", ("month", "class", "main", "values"), months),
            Table("Days", ("day", "class", "status", "cycles", "main", "too few values"), days),
            Table("Revisions of its days", ("day", "", "computed", "what changed"), revised),
            _clauses(answer),
        ],
    )


def _day(answer: Mapping[str, Any]) -> Page:
    covers = f"samples after {answer['covers']['from']} and until {answer['covers']['to']}; {answer['covers']['rule']}"
    parts: list[Lines | Table]
    if "value" not in answer:
        parts = [Lines([answer["why"], covers, *_gaps(answer)])]
    else:
        lines = [*_basis(answer), covers, *provenance(answer)]
        if answer["short"]:
            few = ", ".join(f"{code} ({n})" for code, n in answer["short"].items())
            lines.append(f"too few values for a mean: {few}")
        if not answer["same_when_computed_again"]:
            lines.append("the samples in the store now give another value: a revision is due")
        parts = [Lines(lines), *_items(answer), _clauses(answer)]
    rows = [
        (one["at"], one["station"], one["by"], _pairs(one["values"], ""), _pairs(one["below"], "<"),
         ", ".join(f"{code} {why}" for code, why in one["left_out"].items()), one["received_at"], one["topic"] or "–",
         str(one["batch"]))
        for one in answer["samples"]
    ]  # fmt: skip
    head = ("at", "station", "by", "values", "below detection", "left out", "received", "topic", "batch")
    return Page(answer["title"], [*parts, Table("Samples", head, rows)])


def _basis(answer: Mapping[str, Any]) -> list[str]:
    lines = [f"evaluated as a {answer['water_body']}; oxygen {'also' if answer['saturation'] else 'not'} by saturation"]
    if answer["missing"]:
        lines.append(f"missing: {', '.join(answer['missing'])}: the class is a lower bound")
    if answer["undetermined"]:
        items = ", ".join(answer["undetermined"])
        lines.append(f"undetermined: {items}: the detection limit is above what is to be kept, half of it counts")
    lines += [f"to keep the target: {text}" for text in answer["would_keep"]]
    known = answer["validity"]["known"]
    lines += [f"{name} = {answer['validity'][name]} ({known[name]})" for name in known]
    return lines


def _items(answer: Mapping[str, Any]) -> list[Table]:
    rows = [
        (f"{one['name']['zh']} {one['name']['en']}", f"{one['value']} {one['unit'] if one['unit'] != '1' else ''}".strip(),
         one["class"], one["multiple_of_class_3"] or "", one["multiple_of_target"] or "", " ".join(one["limits"]),
         f"{one['n']} {one['by']}" + (f", {one['below']} below detection" if one["below"] else ""))
        for one in answer["items"]
    ]  # fmt: skip
    head = ("item", "mean", "class", "× above Ⅲ", "× above target", "limits Ⅰ–Ⅴ", "rests on")
    others = [
        (f"{one['name']['zh']} {one['name']['en']}", f"{_short(one['exact'])} {one['unit']}", f"{one['n']} {one['by']}")
        for one in answer["others"]
    ]
    return [Table("Items", head, rows), Table("Beside them", ("quantity", "mean", "rests on"), others)]


def provenance(answer: Mapping[str, Any]) -> list[str]:
    """How far a value is settled, by what it was computed, its revisions, what may never have come."""
    coverage = answer["coverage"]
    lines = [
        f"coverage {coverage['valid']}/{coverage['expected']}, {answer['finality']}, {' → '.join(answer['standards'])}",
        f"computed {answer['computed_at']} by cityflux {answer['code_version']} from {len(answer['stations_used'])} stations",
    ]
    for r in answer["revisions"]:
        follows = f", supersedes {r['supersedes']}" if r["supersedes"] else ""
        verdict = f"{r['value'] or 'NA'} ({r['status']}, {r['finality']})"
        lines.append(f"revision {r['revision']} {r['computed_at']}: {verdict}{follows}: {r['reason']}")
    return lines + _gaps(answer)


def _gaps(answer: Mapping[str, Any]) -> list[str]:
    return [f"gap {gap['from'] or 'the beginning'} – {gap['to']}: {gap['what']}" for gap in answer["gaps"]]


def _clauses(answer: Mapping[str, Any]) -> Table:
    rows = [(one["what"], one["document"], one["clause"], one["mark"]) for one in answer["clauses"]]
    return Table("Rules applied", ("rule", "document", "clause", "how far it is known"), rows)


def _pairs(values: Mapping[str, float], sign: str) -> str:
    return ", ".join(f"{code} {sign}{value:g}" for code, value in values.items())


def _named(cls: int | None) -> str:
    return "–" if cls is None else class_name(cls)


def _short(exact: str) -> str:
    return f"{float(Fraction(exact)):.4g}"
