"""A sensor that is stuck: one quantity of a station has the same value for too long, lets go, and is stuck again. Beside it a run
that is one value too short, one with a gap in it, and one at the floor of its instrument: nothing is told of those."""

from collections.abc import Mapping, Sequence
from datetime import date
from random import Random
from typing import Literal, NamedTuple

from sensors.instants import HOUR_MS, MINUTE_MS
from sensors.quantities import Family
from sensors.reading import Period
from simulators.alerts.air import air, first_day, midnight
from simulators.alerts.sending import Row, Way, entry, turns
from simulators.alerts.story import Incident, Stage, Story, What, incident

STUCK: Mapping[Family, str] = {family: f"{family}_station_stuck" for family in ("air", "energy", "water")}
REOPEN_H = 12
"""What the truth takes the rules' reopening time for [h]; a test holds it to the rules."""


Does = Literal["moves", "stuck", "stuck again", "at the floor", "is missing"]
"""What the quantity does in a window."""


class Kind(NamedTuple):
    """How a family is stuck: with `needs` values every `step` [ms] it can be said; a run breaks where `gap` windows are missing.
    What moves goes to and fro between two `bands`, far from each other; `floor` may be said for ever."""

    period: Period
    step: int
    quantity: str
    needs: int
    gap: int
    bands: tuple[tuple[float, float], tuple[float, float]]
    floor: float
    others: Mapping[str, tuple[float, float]] = {}
    entry: Mapping[str, object] = {}


# Other quantities of the air stand still, but all over the city: that is no sensor. Those of water move.
KINDS: Mapping[Family, Sequence[Kind]] = {
    "air": (
        Kind("hour", HOUR_MS, "pm2_5", 7, 1, ((20, 30), (60, 70)), 3.0),
        Kind("hour", HOUR_MS, "so2", 13, 1, ((8, 14), (20, 28)), 2.0),
        Kind("hour", HOUR_MS, "o3", 6, 1, ((20, 40), (80, 110)), 3.0),
    ),
    "energy": (
        Kind("minute", MINUTE_MS, "active_power", 31, 37, ((1.0, 1.4), (2.0, 2.4)), 0.0, {"voltage": (228, 232)},
             {"measures": "electricity"}),
    ),
    "water": (
        Kind("raw", 4 * HOUR_MS, "nh3_n", 10, 1, ((0.1, 0.2), (0.3, 0.4)), 0.02, {"codmn": (2.0, 3.0)},
             {"target_class": 3, "water_body": "river"}),
    ),
}  # fmt: skip


def stuck(seed: int, day: date | None = None) -> Story:
    """Of a family that the seed chooses; six stations, so that enough of them say that the city moves."""
    rng = Random(f"{seed}/alerts/stuck")
    start = midnight(first_day(rng, day))
    family = list(KINDS)[seed % len(KINDS)]
    kind = rng.choice(KINDS[family])
    first, again = (rng.randint(kind.needs, kind.needs + 5) for _ in range(2))
    begins, rests = rng.randint(2, 5), rng.choice([rng.randint(1, 3), 13])
    short = kind.needs - 1
    scripts: dict[str, list[Does]] = {
        "hx-01": _of(("moves", begins), ("stuck", first), ("moves", rests), ("stuck again", again), ("moves", 3)),
        "hx-02": _of(
            ("moves", begins),
            ("stuck", short),
            ("moves", 2),
            ("stuck", short),
            ("is missing", kind.gap),
            ("stuck", short),
        ),
        "hx-03": _of(("at the floor", begins + first + rests + again)),
    }
    scripts |= {name: [] for name in ("hx-04", "hx-05", "hx-06")}
    end = max(map(len, scripts.values())) + 1
    rows = [
        Row(name, start + (number + 1) * kind.step, _measured(rng, family, kind, number, does))
        for number in range(end)
        for name, script in scripts.items()
        if (does := script[number] if number < len(script) else "moves") != "is missing"
    ]
    truth = _told(family, kind, start, (begins, first), (begins + first + rests, again))
    way = Way(most=6, window=max(kind.step, 10 * MINUTE_MS), delay_min=5)
    its = turns(rng, rows, way, family, kind.period, city=False)
    stations = tuple(entry(name, family, period=kind.period, **kind.entry) for name in scripts)
    return Story("sensor stuck", seed, stations, (STUCK[family],), its, (Stage(0, truth),))


def _of(*parts: tuple[Does, int]) -> list[Does]:
    return [does for does, count in parts for _ in range(count)]


def _measured(rng: Random, family: Family, kind: Kind, number: int, does: Does) -> dict[str, float]:
    low, high = kind.bands
    between = (low[1] + high[0]) / 2
    values: Mapping[Does, float] = {
        "moves": rng.uniform(*kind.bands[number % 2]),
        "stuck": between,
        "stuck again": between * 1.1,
        "at the floor": kind.floor,
    }
    said = {kind.quantity: round(values[does], 2)}
    beside = {code: round(rng.uniform(*band), 2) for code, band in kind.others.items()}
    return {**(air(20.0) if family == "air" else {}), **beside, **said}


def _told(family: Family, kind: Kind, start: int, *runs: tuple[int, int]) -> tuple[Incident, ...]:
    """Of runs (first window, how many): told with the last value that is needed, over with the first that moved."""

    def at(number: int) -> int:
        return start + (number + 1) * kind.step

    found: list[Incident] = []
    well = 0
    for first, count in runs:
        since = at(first + kind.needs - 1)
        is_same = bool(found) and since - well <= REOPEN_H * HOUR_MS
        well = at(first + count)
        states: list[tuple[int, What, int]] = [(since, "reopened" if is_same else "opened", 1), (well, "resolved", 1)]
        if is_same:
            before = found.pop()
            found.append(incident(before.rule, before.subject, before.since, *before.states, *states))
        else:
            found.append(incident(STUCK[family], "hx-01", since, *states))
    return tuple(found)
