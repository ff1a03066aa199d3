"""The traffic contract: vehicles counted within an interval by class, speed and occupancy, at tunnels and on roads."""

from sensors.families.contract import Contract

TRAFFIC = Contract("traffic")
