"""Air of a tunnel on a day, against its limits: means over the limit's own minutes, by the clock.

A mean is of readings of one period, that by which most windows came, the shortest where several did; none of a period
longer than the limit's minutes, for a mean of an hour says nothing of a quarter. A window came where enough of its
readings did: how many are expected says the entry's interval, else the usual distance of the day's readings.
"""

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from processors.indicators.exact import decimal, exact, scaled
from processors.standards.tunnel_air import AirLimit, TunnelAir
from processors.traffic.counts import PERIODS, Counts
from processors.windows import ends
from sensors.instants import MINUTE_MS, iso
from sensors.quantities import OF_FAMILY

# Chosen: three of four readings, as of an hour of air (GB 3095: 45 of 60 minutes). The table of limits says none.
_PERCENT_OF_WINDOW = 75


class Means(NamedTuple):
    """The windows of a limit on a day: how many it has, of how many enough came, and the means of these; what a mean may be at
    most [canonical unit]. `others` are means of windows in which traffic was not in the limit's state."""

    limit: AirLimit
    most: Fraction
    windows: int
    came: int
    means: Sequence["Mean"]
    others: Sequence["Mean"]


class Mean(NamedTuple):
    """A mean over the window that ends at `until` [ms], exact, as a quotient [canonical unit]."""

    until: int
    total: int
    parts: int


def air_of_day(
    frames: Mapping[str, pd.DataFrame], counts: Counts, air: TunnelAir, zone: tzinfo
) -> list[dict[str, Any]]:
    """Of each limit whose quantity was measured: how many windows the day has, how many of them came, how many means
    there are (of the limit's state of traffic), how many are above it, the greatest and when it ended. `frames` are the
    station's readings of the day by period."""
    return [_held(one, zone) for one in means_of_day(frames, counts, air)]


def means_of_day(frames: Mapping[str, pd.DataFrame], counts: Counts, air: TunnelAir) -> list[Means]:
    """Of each limit whose quantity was measured its windows. `frames` as of `air_of_day`."""
    found = []
    for limit in air.limits:
        measured = {period: of[of[limit.quantity].notna()] for period, of in frames.items()}
        if any(len(of) for of in measured.values()):
            found.append(_means(limit, measured, counts, air))
    return found


def _means(limit: AirLimit, measured: Mapping[str, pd.DataFrame], counts: Counts, air: TunnelAir) -> Means:
    width = limit.minutes * MINUTE_MS
    windows = -(-(counts.end - counts.start) // width)
    came = {period: _came(period, measured[period], counts, width, windows) for period in PERIODS if period in measured}
    period = max(came, key=lambda one: int(came[one].sum()))
    frame, enough = measured[period], came[period]
    window = (ends(frame) - counts.start - 1) // width
    n, power = scaled(np.abs(frame[limit.quantity].to_numpy(np.float64)), OF_FAMILY["traffic"][limit.quantity].scale)
    length = counts.entry.length_km
    many = np.bincount(window, minlength=windows)
    totals = np.zeros(windows, n.dtype)
    np.add.at(totals, window, n)
    slow = Fraction(air.slow_km_h)
    means: list[Mean] = []
    others: list[Mean] = []
    for number in np.flatnonzero(enough).tolist():
        until = counts.start + (number + 1) * width
        # Where no speed is known as if it moved, of which the limits are stricter.
        is_its = limit.state is None or (limit.state == "slow") == counts.is_slower(until - width, until, slow)
        (means if is_its else others).append(Mean(until, int(totals[number]), power * int(many[number])))
    most = limit.of(None if length is None else exact(length))
    return Means(limit, most, windows, int(enough.sum()), means, others)


def _held(of: Means, zone: tzinfo) -> dict[str, Any]:
    limit, most = of.limit, of.most
    quantity = OF_FAMILY["traffic"][limit.quantity]
    above, worst = 0, Mean(0, 0, 1)
    for number, one in enumerate(of.means):
        above += one.total * most.denominator > most.numerator * one.parts
        if number == 0 or one.total * worst.parts > worst.total * one.parts:
            worst = one
    return {
        "quantity": limit.quantity,
        "unit": quantity.unit,
        "minutes": limit.minutes,
        "while": limit.state,
        "limit": f"{float(most):g}",
        "clause": limit.clause,
        "windows": of.windows,
        "came": of.came,
        "percent_of_window": _PERCENT_OF_WINDOW,
        "means": len(of.means),
        "above": above,
        "greatest": str(decimal(Fraction(worst.total, worst.parts), quantity.scale)) if of.means else None,
        "at": iso(worst.until, zone) if of.means else None,
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
