"""Air of a tunnel on a day, against its limits: means over the limit's own minutes, by the clock."""

from collections.abc import Mapping
from datetime import tzinfo
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd

from processors.indicators.exact import decimal, exact, scaled
from processors.standards.tunnel_air import AirLimit, TunnelAir
from processors.traffic.counts import Counts
from processors.windows import ends
from sensors.instants import iso
from sensors.quantities import OF_FAMILY

_MINUTE_MS = 60_000


def air_of_day(
    frames: Mapping[str, pd.DataFrame], counts: Counts, air: TunnelAir, zone: tzinfo
) -> list[dict[str, Any]]:
    """Of each limit whose quantity was measured: how many means there are, how many are above it, the greatest and when
    it ended. `frames` are the station's readings of the day by period."""
    found = []
    for limit in air.limits:
        parts = [of[["observed_at", limit.quantity]].dropna() for of in frames.values()]
        measured = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
        if not measured.empty:
            found.append(_held(limit, measured, counts, air, zone))
    return found


def _held(limit: AirLimit, measured: pd.DataFrame, counts: Counts, air: TunnelAir, zone: tzinfo) -> dict[str, Any]:
    quantity = OF_FAMILY["traffic"][limit.quantity]
    width = limit.minutes * _MINUTE_MS
    window = (ends(measured) - counts.start - 1) // width
    n, power = scaled(np.abs(measured[limit.quantity].to_numpy(np.float64)), quantity.scale)
    length = counts.entry.length_km
    most = limit.of(None if length is None else exact(length))
    means, above = 0, 0
    worst: tuple[Fraction, int] | None = None
    for number in np.unique(window).tolist():
        until = counts.start + (number + 1) * width
        if limit.state is not None and limit.state != _state(counts, until - width, until, air.slow_km_h):
            continue
        values = n[window == number]
        mean = Fraction(int(values.sum()), power * len(values))
        means, above = means + 1, above + (mean > most)
        if worst is None or mean > worst[0]:
            worst = mean, until
    return {
        "quantity": limit.quantity,
        "unit": quantity.unit,
        "minutes": limit.minutes,
        "while": limit.state,
        "limit": f"{float(most):g}",
        "clause": limit.clause,
        "means": means,
        "above": above,
        "greatest": None if worst is None else str(decimal(worst[0], quantity.scale)),
        "at": None if worst is None else iso(worst[1], zone),
    }


def _state(counts: Counts, since: int, until: int, slow: Decimal) -> str:
    """How traffic is; where no speed is known as if it moved, of which the limits are stricter."""
    speed = counts.mean_speed(since, until)
    return "slow" if speed is not None and speed < Fraction(slow) else "moving"
