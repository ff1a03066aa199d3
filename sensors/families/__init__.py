"""Families: for each, the contract that turns native records into readings or refusals."""

from collections.abc import Mapping

from sensors.families.air import AIR
from sensors.families.contract import Contract
from sensors.families.energy import ENERGY
from sensors.families.traffic import TRAFFIC
from sensors.families.water import WATER
from sensors.quantities import Family

CONTRACTS: Mapping[Family, Contract] = {"air": AIR, "water": WATER, "energy": ENERGY, "traffic": TRAFFIC}
"""By family; those that are derived (`air-index`, `traffic-flow`) are nobody's to send."""
