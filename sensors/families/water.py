"""The water contract: automatic stations at sections of rivers and lakes, hourly or every four hours, and what they flow."""

from sensors.families.contract import Contract

WATER = Contract("water")
