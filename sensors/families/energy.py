"""The energy contract: power, energy and fuel used within an interval, and meters' running counts. What was used between two
counts is no reading: processors compute it, which see both."""

from sensors.families.contract import Contract

ENERGY = Contract("energy")
