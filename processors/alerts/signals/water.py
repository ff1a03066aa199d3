"""Of water: by how many classes each item of a section is worse than its target, cycle after cycle.

The value of an item is its class less the target class [1], 0 or less where it keeps it; without a target against class Ⅲ. Beside
it stands what was measured. Only automatic stations count: what a laboratory measures comes days later. An item that a section
had in no cycle of two weeks is not measured there; of one that is only missing nothing is known.
"""

from collections.abc import Mapping
from fractions import Fraction

from processors.alerts.signals.look import Look, Signal
from processors.alerts.signals.subjects import SECTION
from processors.alerts.values import NOT_MEASURED, Known, Shown, Values
from processors.indicators.water_class import item_class
from processors.standards.water import water_standard
from processors.water.days import PERIODS, kind_of, sample_rows
from processors.water.items import CLASS_3
from processors.water.warning.runs import CYCLE_MS
from sensors.instants import HOUR_MS
from sensors.quantities import OF_FAMILY

MEASURED = "_measured"
"""After an item's code: what was measured of it."""

# Chosen: an instrument is away for days, not for weeks.
_HAD_H = 14 * 24
_HAD_MS = _HAD_H * HOUR_MS


def _exceedance(look: Look) -> Mapping[str, Values]:
    found: dict[str, dict[int, dict[str, Known]]] = {}
    for period in PERIODS:
        for row in sample_rows(look.store, look.registry, period, look.start, look.end, look.intervals, look.subjects):
            section = look.registry.entry("water", row.section, row.at - 1)
            if row.manual or section is None:
                continue
            keeps, kind = section.target_class or CLASS_3, kind_of(section)
            values = found.setdefault(row.section, {}).setdefault(row.at, {})
            for item in water_standard().items:
                value = row.values.get(item.code)
                if value is not None:
                    values[item.code] = Fraction(item_class(item, value, kind) - keeps)
                    values[item.code + MEASURED] = value
    return {name: _with_what_it_has(of) for name, of in found.items()}


def _with_what_it_has(cycles: Mapping[int, dict[str, Known]]) -> Values:
    """Cycles in order of time, with the items that the section does not have."""
    last: dict[str, int] = {}
    ordered = dict(sorted(cycles.items()))
    for at, values in ordered.items():
        for item in water_standard().items:
            if item.code in values:
                last[item.code] = at
            elif at - last.get(item.code, at - _HAD_MS - 1) > _HAD_MS:
                values[item.code] = NOT_MEASURED
    return ordered


def _shown() -> dict[str, Shown]:
    found: dict[str, Shown] = {}
    for item in water_standard().items:
        found[item.code] = Shown(f"{item.zh}比目标类别差", f"{item.en}, classes worse than its target")
        found[item.code + MEASURED] = Shown(item.zh, item.en, OF_FAMILY["water"][item.code].unit)
    return found


SIGNALS: Mapping[str, Signal] = {
    "water_exceedance": Signal(SECTION, _shown(), "water", PERIODS, _exceedance, _HAD_H, CYCLE_MS)
}
