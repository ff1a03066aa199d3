"""Of sections of rivers, cycle after cycle: against what is usual of them, and what comes down to them.

    class drop   by how many classes a section is worse than the medians of the four weeks before [1]
    sudden       how many items are suddenly far from their usual of that time of day, rain left out [1]
    pulses       how many pulses that were seen upstream are on their way to a section, and when the first may arrive [1]

By the rules of `processors/water/warning/`; only automatic stations count. A pulse is announced over reaches whose travel time
the registry has: an estimate changes with the time that is looked at, and the same data would tell another arrival tomorrow.
`cityflux warnings --pulses` shows estimates too.
"""

from collections.abc import Collection, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from processors.alerts.signals.look import Look, Signal
from processors.alerts.signals.subjects import SECTION, SECTION_BELOW
from processors.alerts.values import VALUE, Known, Shown, Values
from processors.indicators.exact import exact
from processors.water.days import PERIODS, kind_of
from processors.water.items import class_name
from processors.water.warning.exceedance import usual_classes
from processors.water.warning.pulses import Announced, announced
from processors.water.warning.rules import warning_rules
from processors.water.warning.runs import CYCLE_MS, Cycle, Warned
from processors.water.warning.sudden import JUDGED_DAYS, sudden_changes
from processors.water.warning.travel import Reach, configured
from processors.water.warning.watch import cycles_of
from sensors.instants import HOUR_MS, iso
from sensors.quantities import OF_FAMILY
from sensors.stations import Registry, Station

TIMES = "_times_usual"
"""After an item's code: how many times its usual value it is."""

_RULES = warning_rules()
_ITEMS = tuple(_RULES.sudden.items)
# A change is of one piece for as long as it is one.
_FELT_H = 24 * _RULES.sudden.new_usual_days
# What is usual of the class; of a value, and a week in which a change becomes it.
_DROP_BEFORE_H = 24 * _RULES.class_drop.usual_days
_BEFORE_H = 24 * (JUDGED_DAYS + _RULES.sudden.new_usual_days)


def _class_drop(look: Look) -> Mapping[str, Values]:
    found: dict[str, Values] = {}
    for name, (section, cycles) in _cycles(look, look.subjects).items():
        classes = zip(cycles, usual_classes(cycles, kind_of(section), _RULES), strict=True)
        found[name] = {
            cycle.at: _drop(*pair) for cycle, pair in classes if cycle.at > look.start + _DROP_BEFORE_H * HOUR_MS
        }
    return found


def _drop(cls: int | None, usual: int | None) -> dict[str, Known]:
    if cls is None or usual is None:
        return {}
    return {VALUE: Fraction(cls - usual), "class": class_name(cls), "usual_class": class_name(usual)}


def _sudden(look: Look) -> Mapping[str, Values]:
    found: dict[str, Values] = {}
    for name, (_, cycles) in _cycles(look, look.subjects).items():
        changes = [one for one in sudden_changes(name, cycles, _RULES) if not one.detail["like_rain"]]
        found[name] = {cycle.at: _changed(changes, cycle) for cycle in cycles if cycle.at > _shown_from(look)}
    return found


def _changed(changes: Sequence[Warned], cycle: Cycle) -> dict[str, Known]:
    """The items of a cycle that are suddenly otherwise. Nothing is known where none was measured, or not one that has changed and
    may still be so."""
    lasting = [one for one in changes if one.since <= cycle.at and (one.until is None or cycle.at < one.until)]
    if not set(cycle.values) & set(_ITEMS) or any(one.item not in cycle.values and not one.silent for one in lasting):
        return {}
    values: dict[str, Known] = {}
    number = 0
    for one in lasting:
        value = one.detail["values"].get(str(cycle.at))
        if value is not None:
            number += 1
            values[one.item] = exact(value)
            if one.detail["usual"]:
                values[one.item + TIMES] = exact(value) / exact(one.detail["usual"])
    return {VALUE: Fraction(number), **values}


class _OnItsWay(NamedTuple):
    """A pulse, from the cycle that confirmed it upstream until it was seen below or is no more awaited [ms]."""

    pulse: Announced
    confirmed: int
    until: int


def _pulses(look: Look) -> Mapping[str, Values]:
    reaches = _reaches(look.registry, look.over_by)
    asked = None if look.subjects is None else _with_those_above(look.subjects, reaches)
    of_section = _cycles(look, asked)
    cycles = {name: of for name, (_, of) in of_section.items()}
    changes = {name: sudden_changes(name, of, _RULES) for name, of in cycles.items()}
    coming: dict[str, list[_OnItsWay]] = {}
    for one in announced(changes, reaches, cycles, look.over_by):
        above = next(of for of in changes[one.upstream] if (of.item, of.since) == (one.item, one.since))
        if one.state != "at once":
            until = one.latest + CYCLE_MS if one.seen is None else one.seen
            coming.setdefault(one.downstream, []).append(_OnItsWay(one, above.detail["confirmed"], until))
    found: dict[str, Values] = {}
    for name in cycles if look.subjects is None else sorted(set(look.subjects) & set(cycles)):
        its = _with_those_above([name], reaches)
        at = sorted({cycle.at for other in its for cycle in cycles.get(other, ()) if cycle.at > _shown_from(look)})
        found[name] = {instant: _coming(coming.get(name, []), instant, look) for instant in at}
    return found


def _coming(pulses: Sequence[_OnItsWay], instant: int, look: Look) -> dict[str, Known]:
    now = [one.pulse for one in pulses if one.confirmed <= instant < one.until]
    if not now:
        return {VALUE: Fraction(0)}
    first = min(now, key=lambda one: (one.expected, one.item))
    item = OF_FAMILY["water"][first.item]
    return {
        VALUE: Fraction(len(now)),
        "item": f"{item.zh} {item.en}",
        "from": first.upstream,
        "earliest": iso(first.earliest, look.zone),
        "expected": iso(first.expected, look.zone),
    }


def _cycles(look: Look, names: Collection[str] | None) -> dict[str, tuple[Station, list[Cycle]]]:
    """The sections of these names, or all, that are there at the end of the look, and what was measured of each."""
    there = {one.id: one for one in look.registry.active("water", look.over_by - 1) if one.section is None}
    asked = [name for name in there if names is None or name in names]
    found = cycles_of(look.store, look.registry, look.intervals, look.start, look.end, asked)
    return {name: (there[name], cycles) for name, cycles in found.items()}


def _shown_from(look: Look) -> int:
    """From when on it is known what is suddenly otherwise; before it there is no point [ms]."""
    return look.start + _BEFORE_H * HOUR_MS


def _reaches(registry: Registry, at: int) -> list[Reach]:
    return [
        configured(one.id, one.downstream, one.travel_h, _RULES)
        for one in registry.active("water", at - 1)
        if one.section is None and one.downstream is not None and one.travel_h is not None
    ]


def _with_those_above(names: Collection[str], reaches: Sequence[Reach]) -> set[str]:
    found, more = set[str](), set(names)
    while more:
        found |= more
        more = {one.upstream for one in reaches if one.downstream in more} - found
    return found


def _items() -> dict[str, Shown]:
    shown: dict[str, Shown] = {}
    for code in _ITEMS:
        item = OF_FAMILY["water"][code]
        shown[code] = Shown(item.zh, item.en, item.unit)
        shown[code + TIMES] = Shown(f"{item.zh}为平时的倍数", f"{item.en}, times its usual value")
    return shown


SIGNALS: Mapping[str, Signal] = {
    "water_class_drop": Signal(
        SECTION,
        {
            VALUE: Shown("比平时差的类别数", "classes worse than usual"),
            "class": Shown("类别", "class"),
            "usual_class": Shown("平时类别", "usual class"),
        },
        "water", PERIODS, _class_drop, _DROP_BEFORE_H, CYCLE_MS,
    ),
    "water_sudden": Signal(
        SECTION, {VALUE: Shown("突变项目数", "items suddenly changed"), **_items()}, "water", PERIODS, _sudden, _BEFORE_H,
        CYCLE_MS, felt_h=_FELT_H,
    ),
    "water_pulses": Signal(
        SECTION_BELOW,
        {
            VALUE: Shown("上游来的突变水团数", "pulses on their way"),
            "item": Shown("项目", "item"),
            "from": Shown("上游断面", "seen at"),
            "earliest": Shown("最早到达", "may arrive from"),
            "expected": Shown("预计到达", "expected at"),
        },
        "water", PERIODS, _pulses, _BEFORE_H, CYCLE_MS, felt_h=_FELT_H,
    ),
}  # fmt: skip
