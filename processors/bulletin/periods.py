"""Energy, carbon and traffic as far as there are judgements: the year's own, its quarters, and the year before, of
which quarters only while it has nothing of its own."""

from processors.bulletin.asked import Asked
from processors.bulletin.basis import basis
from processors.bulletin.document import Cell, Lines, Part, Section, Table, explained_at
from processors.bulletin.plan_rows import TONES, valued
from processors.bulletin.words import say, word
from store.judgements import Judgements

_COMPUTATIONS = ("energy_intensity", "co2_intensity", "tunnel_capacity")


def periods_section(of: Asked) -> Section | None:
    """None where the plan has no such row."""
    rows = [one for one in of.plan.indicators if one.computation in _COMPUTATIONS]
    if not rows:
        return None
    judgements, registry = Judgements(of.books), of.books.registry()
    shown = []
    for row in rows:
        standing = judgements.standing(row.code, scope=row.scope, first=str(of.year - 1), last=f"{of.year}~")
        periods = {period for _, period in standing}
        for (_, period), (judgement, finality) in sorted(standing.items()):
            if period.startswith(f"{of.year - 1}-") and str(of.year - 1) in periods:
                continue  # the year before has a value of its own
            is_provisional = bool(judgement.detail.get("provisional"))
            shown.append(
                [
                    Cell(of.name(row)),
                    Cell(period),
                    Cell(valued(judgement, of.language), explained_at(row.code, period)),
                    Cell(
                        word(judgement.status, of.language), tone=TONES.get(judgement.status, ""),
                        note=word("provisional" if is_provisional else finality, of.language),
                    ),
                    Cell(basis(row, judgement, of.plan, registry, of.language)),
                ]
            )  # fmt: skip
    head = [say(one, of.language) for one in ("indicator", "period", "value", "status", "rests_on")]
    part: Part = Table(head, (28, 10, 12, 14, 36), shown) if shown else Lines([say("no_rows", of.language)])
    return Section(say("energy", of.language), [part])
