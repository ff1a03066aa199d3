"""Air of a tunnel on a day, against its limits: means over the limit's own minutes, by the clock."""

from collections.abc import Mapping
from datetime import tzinfo
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from processors.indicators.exact import decimal, exact, scaled
from processors.standards.tunnel_air import AirLimit, TunnelAir
from processors.traffic.counts import Counts
from processors.windows import Ints, ends
from sensors.instants import iso
from sensors.quantities import OF_FAMILY

_MINUTE_MS = 60_000


def air_of_day(
    frames: Mapping[str, pd.DataFrame], counts: Counts, air: TunnelAir, zone: tzinfo
) -> list[dict[str, Any]]:
    """Of each limit whose quantity was measured: how many means there are, how many are above it, the greatest and when
    it ended. `frames` are the station's readings of the day by period."""
    at = {period: ends(of) for period, of in frames.items()}
    found = []
    for limit in air.limits:
        values = {period: of[limit.quantity].to_numpy(np.float64) for period, of in frames.items()}
        there = {period: ~np.isnan(of) for period, of in values.items()}
        if any(of.any() for of in there.values()):
            moments = np.concatenate([at[period][of] for period, of in there.items()])
            measured = np.concatenate([values[period][of] for period, of in there.items()])
            found.append(_held(limit, moments, measured, counts, air, zone))
    return found


def _held(
    limit: AirLimit, at: Ints, measured: npt.NDArray[np.float64], counts: Counts, air: TunnelAir, zone: tzinfo
) -> dict[str, Any]:
    quantity = OF_FAMILY["traffic"][limit.quantity]
    width = limit.minutes * _MINUTE_MS
    window = (at - counts.start - 1) // width
    n, power = scaled(np.abs(measured), quantity.scale)
    length = counts.entry.length_km
    most = limit.of(None if length is None else exact(length))
    many = np.bincount(window)
    totals = np.zeros(len(many), n.dtype)
    np.add.at(totals, window, n)
    means, above = 0, 0
    worst = 0, 1, 0
    for number in np.flatnonzero(many).tolist():
        until = counts.start + (number + 1) * width
        if limit.state is not None and limit.state != _state(counts, until - width, until, air.slow_km_h):
            continue
        total, parts = int(totals[number]), power * int(many[number])
        means, above = means + 1, above + (total * most.denominator > most.numerator * parts)
        if means == 1 or total * worst[1] > worst[0] * parts:
            worst = total, parts, until
    return {
        "quantity": limit.quantity,
        "unit": quantity.unit,
        "minutes": limit.minutes,
        "while": limit.state,
        "limit": f"{float(most):g}",
        "clause": limit.clause,
        "means": means,
        "above": above,
        "greatest": str(decimal(Fraction(worst[0], worst[1]), quantity.scale)) if means else None,
        "at": iso(worst[2], zone) if means else None,
    }


def _state(counts: Counts, since: int, until: int, slow: Decimal) -> str:
    """How traffic is; where no speed is known as if it moved, of which the limits are stricter."""
    speed = counts.mean_speed(since, until)
    return "slow" if speed is not None and speed < Fraction(slow) else "moving"
