"""The traffic contract: single vehicles, or vehicles counted within an interval by class, with speed and occupancy, at
tunnels and on roads; the air in tunnels."""

from sensors.families.contract import Contract

TRAFFIC = Contract("traffic")
