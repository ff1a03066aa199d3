"""Signals: what rules look at, from stored readings to exact values by subject and instant."""

from collections.abc import Mapping

from processors.alerts.signals import air, energy, forecasts, plan, rivers, tunnels, water
from processors.alerts.signals.look import Look, Signal

SIGNALS: Mapping[str, Signal] = {
    **air.SIGNALS,
    **forecasts.SIGNALS,
    **water.SIGNALS,
    **rivers.SIGNALS,
    **tunnels.SIGNALS,
    **energy.SIGNALS,
    **plan.SIGNALS,
}
"""By the name that rules have them under."""

__all__ = ["SIGNALS", "Look", "Signal"]
