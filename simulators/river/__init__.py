"""A simulated river: sections up and down stream, rain, spills of known time, place and mass, sensors that foul and are serviced.

    course.py     the sections: classes, levels, flows, how far and how long from one to the next
    events.py     what happens to it: rains and spills of a year
    water.py      what is in the water at an instant, and where a spill is felt
    upkeep.py     what is not the water's: fouling, and the service that ends it
    stations.py   what its stations send

A section's levels lie in the middle of a class (`river.toml`) and stay inside it with season, scatter, rain and fouling, so its
class is known by construction. Every cycle can be made alone: randomness is keyed by what it is for.
"""

from simulators.river.course import SECTIONS, river, river_registry_text, true_class, way
from simulators.river.events import USUAL, Rain, Scenario, Spill, rains, spills
from simulators.river.stations import CYCLE_MS, Sampled, river_history, samples
from simulators.river.upkeep import fouled, service
from simulators.river.water import Arrival, added, arrivals, true_values

__all__ = [
    "CYCLE_MS", "SECTIONS", "USUAL", "Arrival", "Rain", "Sampled", "Scenario", "Spill", "added", "arrivals", "fouled", "rains",
    "river", "river_history", "river_registry_text", "samples", "service", "spills", "true_class", "true_values", "way",
]  # fmt: skip
