"""The air contract: hourly and finer ambient concentrations, weather at the station, sound.

Concentrations at the reference state of GB 3095-2012 (2018 amendment): gases at 298.15 K and 1013.25 hPa, particles at
actual conditions. The sender converts; cityflux takes the canonical unit as it comes.
"""

from sensors.families.contract import Contract

AIR = Contract("air")
