"""Signals: what rules look at, from stored readings to exact values by subject and instant."""

from collections.abc import Mapping

from processors.alerts.rules import SignalName
from processors.alerts.signals.air import CITY_AQI, DAY_WINDOWS, O3_8H, PM2_5_24H, STATION_AQI
from processors.alerts.signals.look import Look, Signal
from processors.alerts.signals.water import EXCEEDANCE

SIGNALS: Mapping[SignalName, Signal] = {
    "air_aqi_of_station": STATION_AQI,
    "air_aqi_of_city": CITY_AQI,
    "air_pm2_5_24h": PM2_5_24H,
    "air_o3_8h": O3_8H,
    "air_day_windows": DAY_WINDOWS,
    "water_exceedance": EXCEEDANCE,
}
"""By the name that rules have them under."""

__all__ = ["SIGNALS", "Look", "Signal"]
