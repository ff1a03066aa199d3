"""Runs of cycles: what begins after so many in a row, lasts, and ends after so many that are well again. What all rules share."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from sensors.instants import HOUR_MS

CYCLE_MS = 4 * HOUR_MS
"""Of the automatic stations of the national network."""

Level = Literal["notice", "warning"]


class Cycle(NamedTuple):
    """What a station measured in the cycle that ended at `at` [ms], by quantity; what counts for nothing is not there."""

    at: int
    values: Mapping[str, float]


class Warned(NamedTuple):
    """A warning: `since` is the end of its first cycle, `said` that of the cycle at which it could be said, `until` that of the
    first cycle that was well again; None while it lasts [ms]. `silent` says that it lasts because nothing came any more."""

    rule: str
    section: str
    item: str
    level: Level
    since: int
    said: int
    until: int | None
    silent: bool
    detail: Mapping[str, Any]


class Run(NamedTuple):
    """Bad cycles in a row: their positions, the position of the first that was well again (None while it lasts), and whether a
    gap ended it."""

    bad: tuple[int, ...]
    well: int | None
    gap: bool


def runs(bad: Sequence[bool | None], at: Sequence[int], cycles: int, clear: int, most_gap_h: float) -> list[Run]:
    """The runs of at least `cycles` bad ones in a row. A cycle of which nothing is known (None) neither goes on nor ends one; one
    that is too far from the last known one begins anew, and a run before it is left as it stood: nobody saw it end."""
    found: list[Run] = []
    current: list[int] = []
    well: list[int] = []
    last: int | None = None

    def finish(*, ended: int | None, gap: bool) -> None:
        if len(current) >= cycles:
            found.append(Run(tuple(current), ended, gap))
        current.clear()
        well.clear()

    for position, is_bad in enumerate(bad):
        if is_bad is None:
            continue
        if last is not None and at[position] - at[last] > most_gap_h * HOUR_MS:
            finish(ended=None, gap=True)
        last = position
        if is_bad:
            # Two in a row, until a run stands; then a single good cycle does not end it.
            if well and len(current) < cycles:
                current.clear()
            well.clear()
            current.append(position)
        elif current:
            well.append(position)
            if len(current) < cycles or len(well) >= clear:
                finish(ended=well[0], gap=False)
    finish(ended=None, gap=False)
    return found
