"""What the hints at incidents see and what they cry for nothing: simulated tunnels with incidents of known time and
place.

    python -m benchmarks.incidents [--seeds 20] [--first-seed 1000] [--days 90] [--jobs 2] [--into docs/TRAFFIC.md]

An incident is felt where at least a fifth of the vehicles that had passed without it, while it lasted, did not. It is
detected where a hint begins while it lasts, or an interval after; the delay is from its start to when that could be
said. A hint is false where it begins neither during an incident of its direction nor in the hour after, in which the
queue drains. Rain, holidays, queues of rush hours and missing intervals are in the days. Rules were chosen on seeds
below 1000. The counts are of intervals: the rule of single vehicles that stop is not measured.
"""

import argparse
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from benchmarks.pages import put, table
from processors.traffic.incidents.hints import Hint, Slot, hints
from processors.traffic.incidents.rules import incident_rules
from processors.windows import civil_day
from sensors.instants import DAY_MS, HOUR_MS
from simulators.city import ZONE
from simulators.vehicles import INTERVAL_MS, Incident, counted, incidents, midnight_of, tunnel_stations

_FIRST = date(2026, 3, 1)
_FELT = 0.8
_MINUTE_MS = 60_000


class Felt(NamedTuple):
    """An incident: what share passed of the vehicles that had, the capacity it left, and how long after its start it
    was said [min] by which rule (None: never)."""

    passed: float
    left: float
    after_min: float | None
    rule: str | None


class Outcome(NamedTuple):
    """What a seed gave: incidents that were felt, how many were not, false hints by rule, days of directions."""

    felt: list[Felt]
    unfelt: int
    false: Counter[str]
    days: int


def outcome_of(seed: int, days: int) -> Outcome:
    """All directions over so many days after the days that make what is usual."""
    rules = incident_rules()
    warm = rules.usual.days
    start, end = midnight_of(_FIRST + timedelta(days=warm)), midnight_of(_FIRST + timedelta(days=warm + days))
    felt, unfelt, false = [], 0, Counter[str]()
    for station in tunnel_stations():
        slots = [
            Slot(one.at, one.vehicles, one.speed if one.vehicles else None, one.occupancy)
            for number in range(warm + days)
            for one in counted(seed, station, _FIRST + timedelta(days=number))
            if one.sent
        ]
        said = [one for one in hints(station, slots, INTERVAL_MS, end, rules, ZONE) if start <= one.since < end]
        its = [one for one in incidents(seed, _FIRST.year) if one.station == station]
        happened = [one for one in its if start <= one.start < end - DAY_MS]
        for incident in happened:
            passed = _passed(seed, incident)
            if passed > _FELT:
                unfelt += 1
                continue
            seen = [one for one in said if incident.start - INTERVAL_MS <= one.since <= incident.end + INTERVAL_MS]
            first = min(seen, key=lambda one: one.said, default=None)
            felt.append(_felt(incident, passed, first))
        for one in said:
            if not any(each.start - INTERVAL_MS <= one.since <= each.end + HOUR_MS for each in its):
                false[one.rule] += 1
    return Outcome(felt, unfelt, false, days * len(tunnel_stations()))


def _felt(incident: Incident, passed: float, first: Hint | None) -> Felt:
    if first is None:
        return Felt(passed, incident.passes, None, None)
    return Felt(passed, incident.passes, (first.said - incident.start) / _MINUTE_MS, first.rule)


def _passed(seed: int, incident: Incident) -> float:
    """The share that passed, while it lasted, of what had passed without it."""
    first = civil_day(incident.start + 1, ZONE)
    totals = [
        sum(
            one.vehicles
            for day in (first - timedelta(days=1), first, first + timedelta(days=1))
            for one in counted(seed, incident.station, day, disturbed=disturbed)
            if incident.start < one.at <= incident.end + INTERVAL_MS
        )
        for disturbed in (True, False)
    ]
    return totals[0] / totals[1] if totals[1] else 1.0


def text(outcomes: Sequence[Outcome]) -> str:
    """The figures as Markdown."""
    felt = [one for of in outcomes for one in of.felt]
    days, unfelt = sum(of.days for of in outcomes), sum(of.unfelt for of in outcomes)
    groups = [
        ("all", felt),
        ("less than a third passed", [one for one in felt if one.passed < 1 / 3]),
        ("a third to 60 %", [one for one in felt if 1 / 3 <= one.passed < 0.6]),
        ("60 to 80 %", [one for one in felt if one.passed >= 0.6]),
    ]
    rows = []
    for name, group in groups:
        delays = sorted(one.after_min for one in group if one.after_min is not None)
        share = f"{100 * len(delays) / len(group):.0f} %" if group else "–"
        delay = f"{median(delays):.0f} min ({delays[int(0.95 * (len(delays) - 1))]:.0f} min)" if delays else "–"
        rows.append((name, str(len(group)), share, delay))
    false = Counter[str]()
    for of in outcomes:
        false.update(of.false)
    first = Counter(one.rule for one in felt if one.rule is not None)
    alarms = [
        (rule, str(first[rule]), str(false[rule]), f"{30 * false[rule] / days:.3f}") for rule in ("drop", "standing")
    ]
    return "\n\n".join(
        [
            f"{len(outcomes)} seeds, {days:,} days of directions; {len(felt)} incidents were felt, {unfelt} were not.",
            table("Incidents detected", ("of what had passed", "felt", "detected", "delay, median (95 %)"), rows),
            table(
                "Hints by rule",
                ("rule", "first to see an incident", "false", "false per direction and 30 days"),
                alarms,
            ),
        ]
    )


def main() -> None:
    """Measure, print, and write into a page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20, help="simulated cities")
    parser.add_argument("--first-seed", type=int, default=1000)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--into", type=Path, help="a page with the marks of `incidents`")
    options: Any = parser.parse_args()
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    with ProcessPoolExecutor(options.jobs) as pool:
        outcomes = list(pool.map(partial(outcome_of, days=options.days), seeds))
    shown = text(outcomes)
    print(shown)
    if options.into is not None:
        put(options.into, "incidents", shown)


if __name__ == "__main__":
    main()
