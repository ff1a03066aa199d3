"""Families: for each, the contract that turns native records into readings or refusals."""

from collections.abc import Mapping

from sensors.families.air import AIR
from sensors.families.contract import Contract

CONTRACTS: Mapping[str, Contract] = {"air": AIR}
"""By family. A family without a contract yet is refused at its topic."""
