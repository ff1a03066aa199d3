"""The early warnings of sections from the stored samples: what began in the last days or still lasts, and pulses on their way."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from processors.water.days import PERIODS, kind_of, sample_rows
from processors.water.warning.exceedance import class_drops, exceedances
from processors.water.warning.pulses import Announced, announced
from processors.water.warning.rules import WarningRules
from processors.water.warning.runs import Cycle, Warned
from processors.water.warning.sudden import JUDGED_DAYS, sudden_changes
from processors.water.warning.travel import NoEstimate, Reach, configured, estimated
from sensors.instants import DAY_MS
from sensors.stations import Registry, Station
from store.intervals import Interval
from store.port import ReadingsStore


class Watched(NamedTuple):
    """Warnings in order of when they could be said; pulses in order of when they began; the reaches that those went by, and why
    there is none where it could not be estimated."""

    warnings: list[Warned]
    pulses: list[Announced]
    reaches: list[Reach]
    without: list[NoEstimate]


def watch(
    store: ReadingsStore,
    registry: Registry,
    intervals: Sequence[Interval],
    until: int,
    days: int,
    rules: WarningRules,
    only: Collection[str] | None = None,
) -> Watched:
    """Of the sections (all, or `only` these) what began in the `days` before `until` [ms] or lasts then. Raises StoreUnavailable,
    StoreMisconfigured."""
    usual = max(JUDGED_DAYS, rules.class_drop.usual_days)
    start = until - (days + usual) * DAY_MS
    sections = {one.id: one for one in registry.active("water", until - 1) if one.section is None}
    # A pulse comes from above: so all sections are read, whichever are asked for.
    cycles = cycles_of(store, registry, intervals, start, until, sections)
    changes = {name: sudden_changes(name, of, rules) for name, of in cycles.items()}
    reaches, without = _reaches(sections, changes, rules)
    pulses = announced(changes, reaches, cycles, until)
    found = [one for of_section in changes.values() for one in of_section]
    for name, of in cycles.items():
        section = sections[name]
        found += exceedances(name, of, kind_of(section), section.target_class, rules)
        found += class_drops(name, of, kind_of(section), rules)
    since = until - days * DAY_MS
    shown = [one for one in found if one.since > since or (one.until is None and not one.silent)]
    return Watched(
        sorted(
            (one for one in shown if only is None or one.section in only),
            key=lambda one: (one.said, one.section, one.rule),
        ),
        [one for one in pulses if one.latest > since and (only is None or one.downstream in only)],
        reaches,
        without,
    )


def cycles_of(
    store: ReadingsStore,
    registry: Registry,
    intervals: Sequence[Interval],
    start: int,
    until: int,
    sections: Collection[str],
) -> dict[str, list[Cycle]]:
    """What the automatic stations of each of these sections measured, in order of time; sections of which nothing came are left
    out. Raises StoreUnavailable, StoreMisconfigured."""
    found: dict[str, dict[int, dict[str, float]]] = {name: {} for name in sections}
    for period in PERIODS:
        for row in sample_rows(store, registry, period, start, until, intervals, sections):
            if not row.manual and row.values:
                of_cycle = found[row.section].setdefault(row.at, {})
                of_cycle.update((code, float(value)) for code, value in row.values.items() if code not in of_cycle)
    return {name: [Cycle(at, values) for at, values in sorted(of.items())] for name, of in found.items() if of}


def _reaches(
    sections: Mapping[str, Station], changes: Mapping[str, Sequence[Warned]], rules: WarningRules
) -> tuple[list[Reach], list[NoEstimate]]:
    """From each section to the one below it, as configured, else estimated."""
    found, without = [], []
    for name, section in sections.items():
        if section.downstream is None or section.downstream not in sections:
            continue
        if section.travel_h is not None:
            found.append(configured(name, section.downstream, section.travel_h, rules))
            continue
        made = estimated(changes.get(name, ()), changes.get(section.downstream, ()), (name, section.downstream), rules)
        if isinstance(made, Reach):
            found.append(made)
        else:
            without.append(made)
    return found, without
