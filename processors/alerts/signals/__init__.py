"""Signals: what rules look at, from stored readings to exact values by subject and instant."""

from collections.abc import Mapping

from processors.alerts.signals import (
    air,
    cityflux,
    energy,
    forecasts,
    plan,
    readings,
    rivers,
    stations,
    tunnels,
    water,
)
from processors.alerts.signals.look import Extremes, Look, Signal

SIGNALS: Mapping[str, Signal] = {
    **air.SIGNALS,
    **forecasts.SIGNALS,
    **water.SIGNALS,
    **rivers.SIGNALS,
    **tunnels.SIGNALS,
    **energy.SIGNALS,
    **plan.SIGNALS,
    **readings.SIGNALS,
    **stations.SIGNALS,
    **cityflux.SIGNALS,
}
"""By the name that rules have them under."""

__all__ = ["SIGNALS", "Extremes", "Look", "Signal"]
