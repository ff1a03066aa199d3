"""Signals: what rules look at, from stored readings to exact values by subject and instant."""

from collections.abc import Mapping

from processors.alerts.signals import air, cityflux, readings, stations, water
from processors.alerts.signals.look import Extremes, Look, Signal

SIGNALS: Mapping[str, Signal] = {
    **air.SIGNALS,
    **water.SIGNALS,
    **readings.SIGNALS,
    **stations.SIGNALS,
    **cityflux.SIGNALS,
}
"""By the name that rules have them under."""

__all__ = ["SIGNALS", "Extremes", "Look", "Signal"]
