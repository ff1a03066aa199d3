"""What the early warnings of a river see and what they cry for nothing: simulated years with spills of known time, place, mass.

    python -m benchmarks.spills [--seeds 100] [--first-seed 1000] [--jobs 2] [--into docs/WATER.md]

A spill is felt at a section where it adds at least a quarter of the section's usual level, and detected there where a warning of
its item begins between its arrival and a cycle after its end. The delay is from the arrival (more than a tenth of the greatest)
to when it could be said. A warning is false where it is of no spill, and, of an exceedance or a class drop, where the water
without the scatter of instruments was within in its first two cycles. Rules were chosen on seeds below 1000.
"""

import argparse
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import date, timedelta
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from benchmarks.pages import put, table
from processors.indicators.exact import exact
from processors.indicators.water_class import class_alone
from processors.standards.water import Kind
from processors.water.warning.exceedance import class_drops, exceedances
from processors.water.warning.pulses import Announced, announced
from processors.water.warning.rules import warning_rules
from processors.water.warning.runs import Cycle, Warned
from processors.water.warning.sudden import sudden_changes
from processors.water.warning.travel import configured
from sensors.instants import HOUR_MS
from sensors.stations import Station
from simulators.river import (
    CYCLE_MS,
    Arrival,
    Scenario,
    Spill,
    arrivals,
    river,
    samples,
    spills,
    true_class,
    true_values,
)

_YEAR = 2026
_DRY = Scenario(spills=(), rain=False)
_FELT = 0.25
_MONTHS = 12


class Felt(NamedTuple):
    """A spill at a section: how much it adds against the level [1], when it could be said first, from its arrival [h], and when
    a second cycle had confirmed it (None: never)."""

    code: str
    own: bool
    strength: float
    first_h: float | None
    confirmed_h: float | None


class Year(NamedTuple):
    """What a seed gave: spills felt, false warnings by rule, notices of rain, announced pulses by state, section months."""

    felt: list[Felt]
    false: Counter[str]
    rain: int
    announced: Counter[str]
    months: int


def year_of(seed: int) -> Year:
    """A simulated year, all sections."""
    rules, stations = warning_rules(), list(river())
    cycles = {station.id: _cycles(seed, station.id) for station in stations}
    changes = {name: sudden_changes(name, of, rules) for name, of in cycles.items()}
    beyond = {one.id: exceedances(one.id, cycles[one.id], _kind(one), one.target_class, rules) for one in stations}
    drops = {one.id: class_drops(one.id, cycles[one.id], _kind(one), rules) for one in stations}
    # Of the year before too: the last of them may be felt in the first days.
    drawn = [spill for year in (_YEAR - 1, _YEAR) for spill in spills(seed, year)]
    begins = min(of[0].at for of in cycles.values())
    happened = [
        (spill, arrival) for spill in drawn for arrival in arrivals(seed, spill) if arrival.end > begins - CYCLE_MS
    ]
    felt = [
        _felt(spill, arrival, strength, [*changes[arrival.section], *beyond[arrival.section]])
        for spill, arrival in happened
        if (strength := arrival.added / _level(seed, spill, arrival)) >= _FELT
    ]
    false: Counter[str] = Counter()
    rain = 0
    for station in stations:
        for one in [*changes[station.id], *beyond[station.id], *drops[station.id]]:
            if any(_is_of(one, spill, arrival) for spill, arrival in happened if arrival.section == station.id):
                continue
            if one.rule == "sudden change":
                rain += one.detail["like_rain"]
                false[f"sudden change, {one.level}"] += not one.detail["like_rain"]
            else:
                false[one.rule] += not _was_so(seed, station, one)
    reaches = [
        configured(one.id, one.downstream, one.travel_h, rules) for one in stations if one.downstream and one.travel_h
    ]
    last = max(of[-1].at for of in cycles.values())
    pulses = Counter(
        one.state
        if any(_is_pulse_of(one, spill, arrival) for spill, arrival in happened)
        else f"{one.state} of nothing"
        for one in announced(changes, reaches, cycles, last)
    )
    return Year(felt, false, rain, pulses, len(stations) * _MONTHS)


def _cycles(seed: int, section: str) -> list[Cycle]:
    day, found = date(_YEAR, 1, 1), []
    while day.year == _YEAR:
        found += [Cycle(one.at, one.values) for one in samples(seed, section, day) if one.state == "normal"]
        day += timedelta(days=1)
    return found


def _kind(station: Station) -> Kind:
    return station.water_body or "river"


def _level(seed: int, spill: Spill, arrival: Arrival) -> float:
    """What would be in the water when a spill arrives, without it and without rain."""
    return true_values(seed, arrival.section, arrival.start, _DRY)[spill.code]


def _is_of(one: Warned, spill: Spill, arrival: Arrival) -> bool:
    """Whether a warning begins while the spill passes, or a cycle after; those of several items where it is one of them."""
    return spill.code in one.item.split("+") and _begins_with(one.since, arrival)


def _is_pulse_of(one: Announced, spill: Spill, arrival: Arrival) -> bool:
    """Whether what was announced downstream is the spill, as it was seen upstream."""
    return (spill.code, arrival.section) == (one.item, one.upstream) and _begins_with(one.since, arrival)


def _begins_with(since: int, arrival: Arrival) -> bool:
    return arrival.start - CYCLE_MS <= since <= arrival.end + 2 * CYCLE_MS


def _felt(spill: Spill, arrival: Arrival, strength: float, warnings: Iterable[Warned]) -> Felt:
    its = [one for one in warnings if _is_of(one, spill, arrival)]
    first = [one.said for one in its]
    confirmed = [one.said for one in its if one.rule == "exceedance"]
    confirmed += [one.detail["confirmed"] for one in its if one.level == "warning" and one.detail.get("confirmed")]

    def hours(moments: Sequence[int]) -> float | None:
        return (min(moments) - arrival.start) / HOUR_MS if moments else None

    return Felt(spill.code, arrival.section == spill.section, strength, hours(first), hours(confirmed))


def _was_so(seed: int, station: Station, one: Warned) -> bool:
    """Whether the water itself was as bad as the warning says, in one of its first two cycles."""
    usual, _ = true_class(station.id)
    keeps = (station.target_class or 3) if one.rule == "exceedance" else usual
    for at in (one.since, one.said):
        values = true_values(seed, station.id, at)
        codes = [one.item] if one.rule == "exceedance" else [code for code in values if code in _ITEMS]
        cls = class_alone({code: exact(values[code]) for code in codes}, _kind(station))
        if cls is not None and cls > keeps:
            return True
    return False


_ITEMS = frozenset({"ph", "dissolved_oxygen", "codmn", "nh3_n", "total_phosphorus"})


def text(years: Sequence[Year]) -> str:
    """The figures as Markdown."""
    felt = [one for year in years for one in year.felt]
    months = sum(year.months for year in years)
    rows = []
    groups = [
        ("where it enters", [one for one in felt if one.own]),
        ("further down", [one for one in felt if not one.own]),
        ("adds 25–50 % of the level", [one for one in felt if one.strength < 0.5]),
        ("adds 50–100 %", [one for one in felt if 0.5 <= one.strength < 1]),
        ("adds more than the level", [one for one in felt if one.strength >= 1]),
        *((code, [one for one in felt if one.code == code]) for code in sorted({one.code for one in felt})),
    ]
    for name, group in [("all", felt), *groups]:
        first = sorted(one.first_h for one in group if one.first_h is not None)
        confirmed = sorted(one.confirmed_h for one in group if one.confirmed_h is not None)
        rows.append((name, str(len(group)), _share(len(first), len(group)), _hours(first), _share(len(confirmed), len(group)),
                     _hours(confirmed)))  # fmt: skip
    head = (
        "spills at a section",
        "felt",
        "first cycle said so",
        "delay, median (95 %)",
        "second confirmed",
        "delay, median (95 %)",
    )
    false = Counter[str]()
    for year in years:
        false.update(year.false)
    alarms = [(name, str(count), f"{count / months:.3f}") for name, count in sorted(false.items())]
    rain = sum(year.rain for year in years)
    alarms.append(("notices of rain, not counted as false", str(rain), f"{rain / months:.3f}"))
    states = Counter[str]()
    for year in years:
        states.update(year.announced)
    pulses = [(name, str(count)) for name, count in states.most_common()]
    return "\n\n".join(
        [
            f"{len(years)} seeds, {months:,} section months.",
            table("Spills detected", head, rows),
            table("False warnings", ("rule", "number", "per section and month"), alarms),
            table("Pulses announced to sections below", ("what came of it", "number"), pulses),
        ]
    )


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "–"


def _hours(values: Sequence[float]) -> str:
    return f"{median(values):.1f} h ({values[int(0.95 * (len(values) - 1))]:.1f} h)" if values else "–"


def main() -> None:
    """Measure, print, and write into a page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=100, help="simulated years")
    parser.add_argument("--first-seed", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--into", type=Path, help="a page with the marks of `spills`")
    options: Any = parser.parse_args()
    with ProcessPoolExecutor(options.jobs) as pool:
        years = list(pool.map(year_of, range(options.first_seed, options.first_seed + options.seeds)))
    shown = text(years)
    print(shown)
    if options.into is not None:
        put(options.into, "spills", shown)


if __name__ == "__main__":
    main()
