"""Scenarios of alerts with known truth: what is sent and when, and what is to be told of it.

    story.py      what a scenario is, and what an incident of its truth is by any moment
    sending.py    how what was measured is sent: packed, split, shuffled, some of it twice, some of it late
    air.py        plateaus of the index, and what is told of them
    means.py      haze, midnight, ozone: means that cross their limits
    tales.py      single stations: flapping, silence, late data, restarts
    water.py      a spill
    tunnel.py     a fire
    stuck.py      a sensor whose value stands still

Pure and seeded. The truth is written down with each scenario, from how it was made; scatter never comes near a limit. Seeds vary
stations, levels, times, gaps, duplicates, order and batches.
"""

from collections.abc import Mapping
from datetime import date
from typing import Protocol

from simulators.alerts.means import crossing, haze, ozone
from simulators.alerts.story import Incident, Stage, State, Story, Turn
from simulators.alerts.stuck import stuck
from simulators.alerts.tales import flapping, late, levels_in_turn, restarts, weekend
from simulators.alerts.tunnel import fire
from simulators.alerts.water import spill


class Scenario(Protocol):
    """A function of the seed; it begins on a Monday, `day`, or one of the seed's."""

    def __call__(self, seed: int, day: date | None = None) -> Story: ...


SCENARIOS: Mapping[str, Scenario] = {
    "haze episode": haze,
    "midnight crossing": crossing,
    "ozone afternoon": ozone,
    "spill at a section": spill,
    "tunnel fire": fire,
    "sensor stuck": stuck,
    "through the levels": levels_in_turn,
    "silent weekend": weekend,
    "flapping at the threshold": flapping,
    "late upload": late,
    "restart in each state": restarts,
}
"""By name."""

__all__ = ["SCENARIOS", "Incident", "Scenario", "Stage", "State", "Story", "Turn"]
