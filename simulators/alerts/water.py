"""A spill at a section: an item leaves the section's class cycle by cycle and comes back, and the section below follows."""

from datetime import date
from random import Random

from sensors.instants import HOUR_MS
from simulators.alerts.air import first_day, midnight
from simulators.alerts.sending import Row, Way, entry, turns
from simulators.alerts.story import Incident, Stage, Story, What, incident

WATER = "water_exceedance"

_CYCLE_MS = 4 * HOUR_MS
# Ammonia nitrogen [mg/L] well inside class Ⅱ, Ⅳ, Ⅴ and beyond Ⅴ of GB 3838-2002: so many classes worse than Ⅲ (0: none).
_WORSE = ((0.2, 0.45), (1.1, 1.4), (1.6, 1.9), (2.2, 4.0))


def spill(seed: int, day: date | None = None) -> Story:
    """Up by a class or more a cycle, some cycles at its height, down by a class a cycle."""
    rng = Random(f"{seed}/alerts/spill")
    start = midnight(first_day(rng, day))
    first, height, lasts = rng.randint(3, 8), rng.choice([1, 2, 3]), rng.randint(3, 6)
    names = [f"lt-{number:02}" for number in range(1, rng.randint(3, 5))]
    later, end = 0, first + 26
    rows: list[Row] = []
    truth: list[Incident] = []
    for name in names:
        up = [height] if rng.random() < 0.5 else [*range(1, height)]
        worse = [0] * (first + later) + up + [height] * lasts + [*range(height - 1, 0, -1)]
        worse += [0] * (end - len(worse))
        truth.append(_told(name, worse, start))
        inside = first + later + len(up) + 2
        missing = {inside} if lasts > 4 and rng.random() < 0.5 else set()
        rows += [
            Row(name, start + cycle * _CYCLE_MS, _sample(rng, of))
            for cycle, of in enumerate(worse)
            if cycle and cycle not in missing
        ]
        later += rng.randint(1, 3)
    its = turns(rng, sorted(rows, key=lambda row: row.at), Way(most=2), "water", "raw", city=False)
    stations = tuple(entry(name, "water", period="raw", target_class=3, water_body="river") for name in names)
    return Story("spill at a section", seed, stations, (WATER,), its, (Stage(0, tuple(truth)),))


def _sample(rng: Random, worse: int) -> dict[str, float]:
    quiet = {"ph": 7.5, "dissolved_oxygen": 8.0, "codmn": 2.5, "total_phosphorus": 0.06}
    return {**quiet, "nh3_n": round(rng.uniform(*_WORSE[worse]), 2)}


def _told(name: str, worse: list[int], start: int) -> Incident:
    """By a class in two cycles, one after the other, it is told; by more in two, raised; and each is let go a cycle after the
    first that is no more so."""
    both = [min(before, of) for before, of in zip([0, *worse], worse, strict=False)]
    first = next(cycle for cycle, of in enumerate(both) if of)
    well = 1 + max(cycle for cycle, of in enumerate(both) if of)
    high = [cycle for cycle, of in enumerate(both) if of > 1]
    states: list[tuple[int, What, int]] = [(first, "opened", 2 if first in high else 1)]
    if high and first not in high:
        states.append((high[0], "raised", 2))
    lowered = high[-1] + 2 if high else 0
    if high and lowered < well + 1:
        states.append((lowered, "lowered", 1))
    states.append((well, "recovering", 2 if well < lowered else 1))
    states.append((well + 1, "resolved", 2 if well + 1 <= lowered else 1))
    its = ((start + cycle * _CYCLE_MS, what, level) for cycle, what, level in states)
    return incident(WATER, name, start + first * _CYCLE_MS, *its)
