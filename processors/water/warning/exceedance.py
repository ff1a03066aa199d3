"""An item worse than the section's target class, cycle after cycle; and the section worse than it usually is."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from statistics import median

from processors.indicators.exact import exact
from processors.indicators.water_class import class_alone, item_class
from processors.standards.water import Kind, water_standard
from processors.water.items import CLASS_3, class_name
from processors.water.warning.rules import WarningRules
from processors.water.warning.runs import Cycle, Warned, runs
from sensors.instants import DAY_MS


def exceedances(
    section: str, cycles: Sequence[Cycle], kind: Kind, target: int | None, rules: WarningRules
) -> list[Warned]:
    """Runs of cycles, in order of time, in which an item is worse than the target class; without one than class Ⅲ, and said
    so."""
    keeps, rule = target or CLASS_3, rules.exceedance
    at = [cycle.at for cycle in cycles]
    found = []
    for item in water_standard().items:
        classes = [
            None if (value := cycle.values.get(item.code)) is None else item_class(item, exact(value), kind)
            for cycle in cycles
        ]
        bad = [None if cls is None else cls > keeps for cls in classes]
        for run in runs(bad, at, rule.cycles, rule.clear_cycles, rules.cycles.most_gap_h):
            worst = max(classes[position] or 0 for position in run.bad)
            limits = item.limits_of(kind)
            found.append(
                Warned(
                    "exceedance", section, item.code, "warning", at[run.bad[0]], at[run.bad[rule.cycles - 1]],
                    None if run.well is None else at[run.well], run.gap,
                    {
                        "against": f"{'target ' if target else ''}class {class_name(keeps)}",
                        "limits": [str(limit) for limit in (limits if item.better == "band" else limits[keeps - 1 : keeps])],
                        "values": {str(at[position]): cycles[position].values[item.code] for position in run.bad},
                        "class": class_name(worst),
                    },
                )
            )  # fmt: skip
    return sorted(found, key=lambda one: (one.said, one.item))


def class_drops(section: str, cycles: Sequence[Cycle], kind: Kind, rules: WarningRules) -> list[Warned]:
    """Runs of cycles, in order of time, in which the section is of a worse class than the medians of the days before."""
    rule = rules.class_drop
    at = [cycle.at for cycle in cycles]
    classes, usual = zip(*usual_classes(cycles, kind, rules), strict=True) if cycles else ((), ())
    bad = [None if cls is None or was is None else cls > was for cls, was in zip(classes, usual, strict=True)]
    found = []
    for run in runs(bad, at, rule.cycles, rule.clear_cycles, rules.cycles.most_gap_h):
        was, worst = usual[run.bad[0]] or 0, max(classes[position] or 0 for position in run.bad)
        items = sorted({code for position in run.bad for code in _worse_than(cycles[position].values, kind, was)})
        found.append(
            Warned(
                "class drop", section, "+".join(items), "warning", at[run.bad[0]], at[run.bad[rule.cycles - 1]],
                None if run.well is None else at[run.well], run.gap,
                {"usual": class_name(was), "class": class_name(worst), "usual_days": rule.usual_days},
            )
        )  # fmt: skip
    return found


def usual_classes(cycles: Sequence[Cycle], kind: Kind, rules: WarningRules) -> list[tuple[int | None, int | None]]:
    """Of each cycle, in order of time, the section's class and its usual one before it; None where it is not known."""
    classes = [_class(cycle.values, kind) for cycle in cycles]
    usual = _usual(cycles, [cycle.at for cycle in cycles], classes, kind, rules)
    return list(zip(classes, usual, strict=True))


def _usual(
    cycles: Sequence[Cycle], at: Sequence[int], classes: Sequence[int | None], kind: Kind, rules: WarningRules
) -> list[int | None]:
    """The usual class before each cycle: that of the medians; None where too little is known."""
    rule = rules.class_drop
    codes = [item.code for item in water_standard().items]
    found: list[int | None] = []
    for position, cls in enumerate(classes):
        start = bisect_left(at, at[position] - rule.usual_days * DAY_MS)
        window = cycles[start:position]
        medians = {
            code: median(values)
            for code in codes
            if len(values := [one.values[code] for one in window if code in one.values]) >= rule.least_values
        }
        found.append(_class(medians, kind) if cls is not None else None)
    return found


def _class(values: Mapping[str, float], kind: Kind) -> int | None:
    known = water_standard().by_code
    return class_alone({code: exact(value) for code, value in values.items() if code in known}, kind)


def _worse_than(values: Mapping[str, float], kind: Kind, cls: int) -> list[str]:
    known = water_standard().by_code
    return [
        code for code, value in values.items() if code in known and item_class(known[code], exact(value), kind) > cls
    ]
