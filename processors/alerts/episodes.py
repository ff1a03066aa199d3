"""Episodes: from the points of one series to the times in which a condition held, level by level. Pure, and of event time alone.

    pending      a level is exceeded, not yet for its dwell
    firing       it was exceeded, without a point between that was not, for the dwell
    recovering   the value is back within the clear limits, not yet for the clear time
    resolved     it was within them for the clear time, and the episode has lasted its minimum hold

A level is raised by its own limit and let go by its clear limit (hysteresis): `Point.level` and `Point.keeps`. Of a point that is
not known nothing follows. A gap ends what is pending, for nobody saw the time between; it never ends what fires: that stays
until values say otherwise. The same points give the same episodes, in whichever order and batches they came.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple

from store.incidents import Phase


class Timing(NamedTuple):
    """How long, of event time [ms]: `dwell` before a level fires (by level, from 1), `clear` before one is let go, `hold` that an
    episode lasts at least, and the longest `gap` between points that are one after the other."""

    dwell: tuple[int, ...]
    clear: int
    hold: int
    gap: int


class Point(NamedTuple):
    """What a series says at an instant [ms]: the highest level whose limit is exceeded (0: none; None: not known), the highest
    that the value still keeps up, at least `level`; what shows it; the highest levels that may be exceeded, or kept up, for what
    would refute them is not known; and how great the value is, to find the greatest."""

    at: int
    level: int | None
    keeps: int = 0
    shown: Mapping[str, Any] = {}
    perhaps: int = 0
    perhaps_kept: int = 0
    size: Fraction = Fraction(0)


class Step(NamedTuple):
    """From an instant on [ms] the episode is of a level."""

    at: int
    level: int


class Episode(NamedTuple):
    """Times in [ms]: `since` when the condition began, `steps` its levels from when it fired on, `well` when the value was back,
    `resolved` when that could be said; both None before. `last` is its last known point, `peak` the point of its highest level
    and greatest value since it began, the first of several."""

    since: int
    steps: tuple[Step, ...]
    well: int | None
    resolved: int | None
    last: int
    peak: Point

    @property
    def fired(self) -> int:
        """When it could be said first."""
        return self.steps[0].at

    @property
    def level(self) -> int:
        """Its level now, or at its end."""
        return self.steps[-1].level

    @property
    def greatest(self) -> int:
        """The highest level that fired."""
        return max(step.level for step in self.steps)

    @property
    def phase(self) -> Phase:
        """Where it stands after the last point."""
        if self.resolved is not None:
            return "resolved"
        return "firing" if self.well is None else "recovering"


class Course(NamedTuple):
    """The episodes of a series, in order of time, and since when something is pending after its last point [ms]."""

    episodes: tuple[Episode, ...]
    pending: int | None


def course(points: Sequence[Point], timing: Timing) -> Course:
    """The episodes of points in rising order of time. Raises ValueError where they are not."""
    if any(after.at <= before.at for before, after in pairwise(points)):
        raise ValueError("points are in rising order of time, each instant once")
    found: list[Episode] = []
    exceeded, cleared = _Runs(len(timing.dwell)), _Runs(len(timing.dwell))
    current: Episode | None = None
    last: int | None = None
    peak: Point | None = None
    for point in points:
        if point.level is None:
            continue
        if last is not None and point.at - last > timing.gap:
            exceeded.forget()
            cleared.forget()
        last = point.at
        exceeded.see(point.at, point.level, max(point.level, point.perhaps))
        cleared.see_below(point.at, point.keeps, max(point.keeps, point.perhaps_kept))
        # Of what begins: before its dwell is over too.
        begins = current is None and exceeded.begun(1) == point.at
        peak = point if peak is None or begins else max(peak, point, key=_greatness)
        fires = exceeded.lasting(point, timing.dwell)
        if current is None:
            if fires:
                current = Episode(exceeded.since(1), (Step(point.at, fires),), None, None, point.at, peak)
            continue
        current = _gone_on(current._replace(peak=peak), point, fires, cleared, timing)
        if current.resolved is not None:
            found.append(current)
            current = None
    pending = None if current is not None else exceeded.begun(1)
    return Course(tuple(found if current is None else [*found, current]), pending)


def _greatness(point: Point) -> tuple[int, Fraction, int]:
    return point.level or 0, point.size, -point.at


def _gone_on(current: Episode, point: Point, fires: int, cleared: "_Runs", timing: Timing) -> Episode:
    """An episode after one more point."""
    level = current.level
    if fires > level:
        level = fires
    elif point.at - current.fired >= timing.hold:
        level = cleared.left_of(level, point, timing.clear)
    well = cleared.begun(1)
    if level == 0:
        return current._replace(well=well, resolved=point.at, last=point.at)
    steps = current.steps if level == current.level else (*current.steps, Step(point.at, level))
    return current._replace(steps=steps, well=well, last=point.at)


class _Runs:
    """Of each level since when it is so, point after point."""

    def __init__(self, levels: int) -> None:
        self._since: list[int | None] = [None] * levels

    def see(self, at: int, level: int, perhaps: int) -> None:
        """Levels up to this one are exceeded, those above `perhaps` are not; of those between it is not known."""
        self._since = [
            (at if since is None else since) if number <= level else (since if number <= perhaps else None)
            for number, since in enumerate(self._since, start=1)
        ]

    def see_below(self, at: int, keeps: int, perhaps: int) -> None:
        """Levels above `perhaps` are within their clear limits, those up to `keeps` are not; of those between it is not known."""
        self._since = [
            (at if since is None else since) if number > perhaps else (since if number > keeps else None)
            for number, since in enumerate(self._since, start=1)
        ]

    def forget(self) -> None:
        """Nobody saw what was between."""
        self._since = [None] * len(self._since)

    def begun(self, level: int) -> int | None:
        """Since when, None where it is not so."""
        return self._since[level - 1]

    def since(self, level: int) -> int:
        """Since when, where it is so. Raises ValueError."""
        begun = self.begun(level)
        if begun is None:
            raise ValueError(f"level {level} is not so")
        return begun

    def lasting(self, point: Point, dwell: Sequence[int]) -> int:
        """The highest level that is exceeded and has been for its dwell; 0 where none has."""
        return max(
            (
                number
                for number, (since, least) in enumerate(zip(self._since, dwell, strict=True), start=1)
                if number <= (point.level or 0) and since is not None and point.at - since >= least
            ),
            default=0,
        )

    def left_of(self, level: int, point: Point, clear: int) -> int:
        """The highest level up to this one that is not known to be within its clear limits so long; 0 where all are."""
        return max(
            (
                number
                for number, since in enumerate(self._since[:level], start=1)
                if since is None or point.at - since < clear or number <= max(point.keeps, point.perhaps_kept)
            ),
            default=0,
        )
