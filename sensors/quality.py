"""Flags that one reading decides: instrument state and physical range. (Spike, stuck, rate and drift need neighbours.)

A flag never deletes: the value moves from `values` to `doubtful`, where no average can pick it up by accident.
"""

from typing import cast

from sensors.quantities import Quantity
from sensors.reading import Flag, Status


def flag_of(quantity: Quantity, value: float | None, status: Status) -> Flag | None:
    """Why `value` [canonical unit] is not good, or None. What the sender says of it outranks what we see in it."""
    if status != "normal":
        return cast("Flag", status)
    if value is not None and not quantity.low <= value <= quantity.high:
        return "out_of_range"
    return None
