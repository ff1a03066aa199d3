"""What the rules of quality see and what they cry for nothing: faults put into a simulated month, and the real air data.

    python -m benchmarks.quality [--seeds 5] [--first-seed 100] [--air FILE] [--into docs/QUALITY.md]

An event is detected where its rule flags one of its values (a step: where it begins or ends). A false alarm is a flag on a value
that no event is near to: in a clean month every flag; in the real data every flag too, though some will be right. The same faults
are put into the real data, but for those of clocks: an archive does not say when its hours were received.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from benchmarks.pages import put, table
from cityflux.replay import Tally, replay_profile, rows
from processors.quality import Flagged, flags
from processors.quality_rules import RULES
from sensors.instants import HOUR_MS
from simulators.sensor_faults import KINDS, Event, Kind, Row, air_month, energy_month, spoiled, water_month

_MONTHS = {"air": (air_month, "hour"), "water": (water_month, "raw"), "energy": (energy_month, "hour")}
_START, _DAYS = date(2026, 3, 1), 31
# Chosen: as many as fit into a month of ten stations, two days apart.
_EVENTS = {"air": 5, "water": 4, "energy": 5}
_REAL_EVENTS = 8
_OF_VALUES = tuple(kind for kind in KINDS if kind.rule != "clock_skew")
_NEAR_MS = 30 * HOUR_MS


class Seen(NamedTuple):
    """Of one family: events by kind, those that were detected, false alarms by rule, values looked at."""

    events: Counter[tuple[str, str, str]]
    detected: Counter[tuple[str, str, str]]
    clean: Counter[tuple[str, str]]
    beside: Counter[tuple[str, str]]
    values: Counter[str]


def simulated(seeds: Sequence[int]) -> Seen:
    """All families and seeds."""
    seen = Seen(Counter(), Counter(), Counter(), Counter(), Counter())
    for seed in seeds:
        for family, (month, period) in _MONTHS.items():
            made = month(seed, _START, _DAYS)
            seen.values[family] += sum(len(row) - 3 for row in made)
            clean = found(made, family, period)
            for flag in clean:
                seen.clean[family, flag.rule] += 1
            _spoil(seen, made, clean, family, period, seed, _EVENTS[family], KINDS)
    return seen


def _spoil(
    seen: Seen,
    made: Sequence[Row],
    clean: Sequence[Flagged],
    family: str,
    period: str,
    seed: int,
    count: int,
    kinds: Sequence[Kind],
) -> None:
    """Put faults into rows, and count what is seen of them, beyond what is flagged without them."""
    bad, events = spoiled(made, family, seed, events=count, kinds=kinds)
    before = {_place(flag) for flag in clean}
    alarms = [flag for flag in found(bad, family, period) if _place(flag) not in before]
    for event in events:
        seen.events[event.family, event.rule, event.kind] += 1
        seen.detected[event.family, event.rule, event.kind] += any(_hits(flag, event) for flag in alarms)
    for flag in alarms:
        seen.beside[family, flag.rule] += not any(_is_near(flag, event) for event in events)


def found(made: Sequence[Row], family: str, period: str) -> list[Flagged]:
    """The flags of a month."""
    return flags(pd.DataFrame(made), family, period, 0, 2**62)


def _place(flag: Flagged) -> tuple[str, str, str, int]:
    return flag.station, flag.quantity, flag.rule, flag.observed_at


def _hits(flag: Flagged, event: Event) -> bool:
    within = event.first <= flag.observed_at <= event.last + 4 * HOUR_MS
    return (flag.station, flag.quantity, flag.rule) == (event.station, event.quantity, event.rule) and within


def _is_near(flag: Flagged, event: Event) -> bool:
    return flag.station == event.station and event.first - _NEAR_MS <= flag.observed_at <= event.last + _NEAR_MS


class Real(NamedTuple):
    """Of the real station hours: flags by rule, values, station hours; and what is seen of faults put into them."""

    alarms: Counter[str]
    values: int
    hours: int
    seen: Seen


def real(file: Path, seeds: Sequence[int]) -> Real:
    """The real station hours as they are, and with faults, once for each seed."""
    made = [
        {
            "station": row.address.station,
            "observed_at": row.record["at"],
            "received_at": row.record["at"] + 1,
            **row.record["values"],
        }
        for row in rows(file, replay_profile("cnemc-air"), Tally())
    ]
    clean = found(made, "air", "hour")
    seen = Seen(Counter(), Counter(), Counter(), Counter(), Counter())
    for seed in seeds:
        _spoil(seen, made, clean, "air", "hour", seed, _REAL_EVENTS, _OF_VALUES)
    return Real(Counter(flag.rule for flag in clean), sum(len(row) - 3 for row in made), len(made), seen)


def text(seen: Seen, seeds: int, air: Real | None) -> str:
    """The tables in Markdown."""
    of_faults = ("family", "fault", "rule", "events", "detected", "rate")
    parts = [table(f"Faults in {seeds} simulated months", of_faults, _detected(seen))]
    if air is not None:
        parts.append(table("The same faults put into the real station hours", of_faults, _detected(air.seen)))
    names = {(rule.family, rule.rule): None for rule in RULES}
    alarms = []
    for family, rule in names:
        values = seen.values[family]
        row: list[str] = [family, rule]
        for counted in (seen.clean[family, rule], seen.beside[family, rule]):
            row.append(f"{counted} ({10_000 * counted / values:.2f})" if values else "–")
        row.append(
            f"{air.alarms[rule]} ({10_000 * air.alarms[rule] / air.values:.2f})"
            if air and family == "air" and rule != "clock_skew"
            else "–"
        )
        alarms.append(tuple(row))
    head = ("family", "rule", "clean months", "beside faults", "real air data")
    parts.append(table("False alarms, and in 10,000 values", head, alarms))
    sizes = ", ".join(f"{values:,} values of {family}" for family, values in seen.values.items())
    parts.append(
        f"{sizes}" + (f"; real air data: {air.hours:,} station hours, {air.values:,} values" if air else "") + "."
    )
    return "\n\n".join(parts)


def _detected(seen: Seen) -> list[tuple[str, ...]]:
    """A row for each kind of fault that there was."""
    found: list[tuple[str, ...]] = []
    for kind in KINDS:
        key = (kind.family, kind.rule, kind.name)
        if count := seen.events[key]:
            hits = seen.detected[key]
            found.append((kind.family, kind.name, kind.rule, str(count), str(hits), f"{100 * hits / count:.0f} %"))
    return found


def main() -> None:
    """Measure, print, and write into a page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, help="simulated months")
    parser.add_argument("--first-seed", type=int, default=100)
    parser.add_argument("--air", type=Path, help="the real station hours, a file of profile cnemc-air")
    parser.add_argument("--into", type=Path, help="a page with the marks of `quality`")
    options = parser.parse_args()
    if options.air is not None and not options.air.is_file():
        sys.exit(f"{options.air} is not there")
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    shown = text(simulated(seeds), len(seeds), None if options.air is None else real(options.air, seeds))
    print(shown)
    if options.into is not None:
        put(options.into, "quality", shown)


if __name__ == "__main__":
    main()
