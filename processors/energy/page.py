"""An explanation of energy laid out for people, as `processors/explain_page.py` lays out the others."""

from collections.abc import Mapping
from typing import Any

from processors.explain_page import Lines, Page, Table, provenance


def energy_page(answer: Mapping[str, Any]) -> Page:
    """An answer of `explain.py`."""
    return _day(answer) if "day" in answer else _period(answer)


def _period(answer: Mapping[str, Any]) -> Page:
    coal, carbon, pv = answer["coal"], answer["carbon"], answer["photovoltaics"]
    lines = [answer["sentence"], f"standard coal on the basis {coal['basis_zh']} ({coal['basis']})"]
    if "coal_per_kwh" in coal:
        lines.append(f"等价值 {coal['coal_per_kwh']['value']} kgce/kWh: {coal['coal_per_kwh']['source']}")
    if "factor" in carbon:
        lines.append(
            f"grid factor {carbon['factor']} kg/kWh of {carbon['of_year']}, {carbon['document']}: {carbon['policy']}"
        )
    lines += [one["why"] for one in (coal, carbon) if one["why"]]
    if carbon["without_factor"]:
        lines.append(f"no carbon dioxide factor: {', '.join(carbon['without_factor'])}")
    if pv:
        lines.append(
            f"photovoltaics: generation {pv['generation'] or '–'}, fed into the grid {pv['exported'] or '–'}, used oneself"
            f" {pv['self_use'] or '–'} kWh ({pv['self_use_percent'] or '–'} %); of {pv['self_use_days']} of {pv['days']} days"
        )
    if answer.get("silent"):
        lines.append(f"nothing came of {', '.join(answer['silent'])}")
    carriers = sorted({*coal["by_carrier"], *carbon["by_carrier"]})
    by_carrier = [(code, coal["by_carrier"].get(code, "–"), carbon["by_carrier"].get(code, "–")) for code in carriers]
    parts: list[Lines | Table] = [
        Lines([*lines, *provenance(answer)]),
        _used("Used", answer["used"]),
        Table("By carrier, exact", ("carrier", "tce", "t CO2"), by_carrier),
        Table(
            f"Electricity by time of use ({answer['time_of_use']})", ("period", "kWh"), list(answer["periods"].items())
        ),
    ]
    if "meters" in answer:
        rows = [(name, ", ".join(f"{one['quantity']} {one['value'] or '–'} {one['unit']}" for one in used))
                for name, used in answer["meters"].items()]  # fmt: skip
        parts.append(Table("Meters", ("meter", "used"), rows))
    else:
        lost = [
            (code, one["main"], ", ".join(f"{name} {amount}" for name, amount in one["subs"].items()), one["loss"],
             one["percent"] or "–", "yes" if one["assessable"] else f"no: {one['days']} of {one['of']} days, "
             + ", ".join(one["lacking"]))
            for code, one in answer["losses"].items()
        ]  # fmt: skip
        parts.append(Table("Losses", ("quantity", "main meter", "sub-meters", "loss", "%", "assessable"), lost))
        days = [
            (one["day"], one["status"], f"{one['covered'][0]}/{one['covered'][1]}", one["sentence"])
            for one in answer["days"]
        ]
        parts.append(Table("Days", ("day", "status", "minutes", "used"), days))
        revised = [(one["day"], one["finality"], one["computed_at"], one["reason"]) for one in answer["revised_days"]]
        parts.append(Table("Revisions of its days", ("day", "", "computed", "what changed"), revised))
    clauses = [(one["what"], one["document"], one["clause"], one["mark"]) for one in answer["clauses"]]
    parts.append(Table("Rules applied", ("rule", "document", "clause", "how far it is known"), clauses))
    return Page(answer["title"], parts)


def _day(answer: Mapping[str, Any]) -> Page:
    covers = f"what was used after {answer['covers']['from']} and until {answer['covers']['to']}"
    parts: list[Lines | Table]
    if "value" not in answer:
        parts = [Lines([answer["why"], covers])]
    else:
        lines = [answer["sentence"], covers, *provenance(answer)]
        lines += [
            f"{code} not measured {gap['from']} – {gap['to']}: {gap['why']}"
            for code, of in answer["not_measured"].items()
            for gap in of
        ]
        if not answer["same_when_computed_again"]:
            lines.append("the readings in the store now give another value: a revision is due")
        parts = [Lines(lines), _used("Used", answer["used"])]
    pieces = [
        (one["quantity"], one["from"], one["to"], one["amount"] or "–", one["of_this_day"] or "–", one["unit"], one["how"],
         "shared out by time" if one["apportioned"] else "")
        for one in answer["pieces"]
    ]  # fmt: skip
    rows = [
        (one["at"], one["period"], ", ".join(f"{code} {value!r}" for code, value in one["values"].items()),
         ", ".join(f"{code} {why}" for code, why in one["left_out"].items()), one["received_at"], one["topic"] or "–",
         str(one["batch"]))
        for one in answer["readings"]
    ]  # fmt: skip
    head = ("quantity", "from", "to", "used", "of this day", "unit", "how", "")
    return Page(
        answer["title"],
        [
            *parts,
            Table("Pieces of use", head, pieces),
            Table("Readings", ("at", "period", "values", "left out", "received", "topic", "batch"), rows),
        ],
    )


def _used(title: str, used: list[dict[str, Any]]) -> Table:
    rows = [
        (one["quantity"], one["value"] or "–", one["unit"], f"{one['measured_h']:g}", f"{one['apportioned_percent']:g}")
        for one in used
    ]
    return Table(title, ("quantity", "amount", "unit", "hours measured", "shared out by time %"), rows)
