"""Of rows of the plan: how the running year stands against its target, from when its status became so.

A row is at risk or missed as its judgement says (`docs/PLAN.md`): days of good air that the rest of the year has not got any
more, sections, intensities below their path. It stands so until the next change; each civil day says it again. What is not
assessable is not known. Of an earlier year nothing counts once the next one has begun to stand: where that cannot be assessed
yet, its first instant says that nothing is at risk.
"""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise

from processors.alerts.signals.look import Look, Signal, books_of
from processors.alerts.signals.subjects import ROW
from processors.alerts.values import VALUE, Known, Shown, Values
from processors.windows import civil_day, day_bounds, days_between
from sensors.instants import DAY_MS
from store.standings import STANDINGS, YEAR, Standing, Standings

_GRAVE = {"met": 0, "on track": 0, "stated": 0, "at risk": 1, "missed": 2}


def _years(look: Look) -> Mapping[str, Values]:
    rows: dict[str, list[Standing]] = {}
    for one in Standings(books_of(look)).until(look.over_by):
        if look.subjects is None or one.row in look.subjects:
            rows.setdefault(one.row, []).append(one)
    found = {name: _stood(_current(of), look) for name, of in rows.items()}
    return {name: values for name, values in found.items() if values}


def _current(of: Iterable[Standing]) -> list[Standing]:
    """Those of the year that stood last, at each time."""
    found: list[Standing] = []
    for one in of:
        if not found or one.period >= found[-1].period:
            found.append(one)
    return found


def _stood(of: Sequence[Standing], look: Look) -> dict[int, Mapping[str, Known]]:
    changed = {one.at: one for one in of}
    new_years = {after.at for before, after in pairwise(of) if after.period > before.period}
    first = civil_day(max(look.start, min(changed)) + 1, look.zone)
    days = (day_bounds(day, look.zone)[1] for day in days_between(first, civil_day(look.over_by, look.zone)))
    found: dict[int, Mapping[str, Known]] = {}
    for at in sorted({*changed, *days}):
        if look.start < at <= look.over_by:
            stood = max((one for one in changed.values() if one.at <= at), key=lambda one: one.at)
            found[at] = _said(stood, begins=at in new_years)
    return found


def _said(one: Standing, *, begins: bool) -> dict[str, Known]:
    if one.status not in _GRAVE and not begins:
        return {}
    shown: dict[str, Known] = {VALUE: Fraction(_GRAVE.get(one.status, 0)), "year": one.period, "status": one.status}
    if one.value is not None:
        shown["reached"] = f"{one.value} {one.unit}"
    return {**shown, "sentence": one.sentence}


SIGNALS: Mapping[str, Signal] = {
    "plan_years": Signal(
        ROW,
        {
            VALUE: Shown("状态（1 有风险，2 未达标）", "how it stands (1 at risk, 2 missed)"),
            "year": Shown("年度", "year"),
            "status": Shown("状态", "status"),
            "reached": Shown("当前值", "value"),
            "sentence": Shown("说明", "why"),
        },
        STANDINGS, (YEAR,), _years, 0, DAY_MS,
    )
}  # fmt: skip
