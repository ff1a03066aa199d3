"""Air of a tunnel on a day, against its limits: means over the limit's own minutes, by the clock.

A mean is of readings of one period, that by which most windows came, the shortest where several did; none of a period
longer than the limit's minutes, for a mean of an hour says nothing of a quarter. A window came where enough of its
readings did: how many are expected says the entry's interval, else the usual distance of the day's readings.
"""

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
from processors.traffic.counts import PERIODS, Counts
from processors.windows import ends
from sensors.instants import iso
from sensors.quantities import OF_FAMILY

_MINUTE_MS = 60_000
# Chosen: three of four readings, as of an hour of air (GB 3095: 45 of 60 minutes). The table of limits says none.
_PERCENT_OF_WINDOW = 75


def air_of_day(
    frames: Mapping[str, pd.DataFrame], counts: Counts, air: TunnelAir, zone: tzinfo
) -> list[dict[str, Any]]:
    """Of each limit whose quantity was measured: how many windows the day has, how many of them came, how many means
    there are (of the limit's state of traffic), how many are above it, the greatest and when it ended. `frames` are the
    station's readings of the day by period."""
    found = []
    for limit in air.limits:
        measured = {period: of[of[limit.quantity].notna()] for period, of in frames.items()}
        if any(len(of) for of in measured.values()):
            found.append(_held(limit, measured, counts, air, zone))
    return found


def _held(
    limit: AirLimit, measured: Mapping[str, pd.DataFrame], counts: Counts, air: TunnelAir, zone: tzinfo
) -> dict[str, Any]:
    quantity = OF_FAMILY["traffic"][limit.quantity]
    width = limit.minutes * _MINUTE_MS
    windows = -(-(counts.end - counts.start) // width)
    came = {period: _came(period, measured[period], counts, width, windows) for period in PERIODS if period in measured}
    period = max(came, key=lambda one: int(came[one].sum()))
    frame, enough = measured[period], came[period]
    window = (ends(frame) - counts.start - 1) // width
    n, power = scaled(np.abs(frame[limit.quantity].to_numpy(np.float64)), quantity.scale)
    length = counts.entry.length_km
    most = limit.of(None if length is None else exact(length))
    many = np.bincount(window, minlength=windows)
    totals = np.zeros(windows, n.dtype)
    np.add.at(totals, window, n)
    means, above = 0, 0
    worst = 0, 1, 0
    for number in np.flatnonzero(enough).tolist():
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
        "windows": windows,
        "came": int(enough.sum()),
        "percent_of_window": _PERCENT_OF_WINDOW,
        "means": means,
        "above": above,
        "greatest": str(decimal(Fraction(worst[0], worst[1]), quantity.scale)) if means else None,
        "at": iso(worst[2], zone) if means else None,
    }


def _came(period: str, of: pd.DataFrame, counts: Counts, width: int, windows: int) -> npt.NDArray[np.bool_]:
    """By window of `width` [ms]: whether enough of its readings came; of readings further apart than it none."""
    # Several readings of an instant, of lanes or sensors, are one of those that are expected.
    instants = np.unique(ends(of))
    step = counts.step
    if period == "raw" or period != counts.entry.period:
        step = int(np.median(np.diff(instants))) if len(instants) > 1 else width + 1
    many = np.bincount((instants - counts.start - 1) // width, minlength=windows)
    return (100 * step * many >= _PERCENT_OF_WINDOW * width) & (step <= width)


def _state(counts: Counts, since: int, until: int, slow: Decimal) -> str:
    """How traffic is; where no speed is known as if it moved, of which the limits are stricter."""
    speed = counts.mean_speed(since, until)
    return "slow" if speed is not None and speed < Fraction(slow) else "moving"
