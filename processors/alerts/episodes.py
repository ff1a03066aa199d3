"""Episodes: from the points of one series to the times in which a condition held, level by level. Pure, and of event time alone.

    pending      a level is exceeded, not yet for its dwell
    firing       it was exceeded, without a point between that was not, for the dwell
    recovering   the value is back within the clear limits, not yet for the clear time
    resolved     it was within them for the clear time, and the episode has lasted its minimum hold

A level is raised by its own limit and let go by its clear limit (hysteresis): `Point.level` and `Point.keeps`. Of a point that is
not known nothing follows. A gap ends what is pending, for nobody saw the time between; it never ends what fires: that stays
until values say otherwise. The same points give the same episodes, in whichever order and batches they came.

What comes and goes so often that nobody believes it any more is flapping: its last episode lasts until the value was well for as
long as a reopening may take.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from sensors.instants import FOREVER
from store.incidents import Phase


class Timing(NamedTuple):
    """How long, of event time [ms]: `dwell` before a level fires (by level, from 1), `clear` before one is let go, `hold` that an
    episode lasts at least, and the longest `gap` between points that are one after the other. `known` points at least are in
    the dwell before a level fires (by level). Where `flaps` episodes, each within `calm` of the one before, began within
    `flap_span`, the last is let go after `calm`; 0 flaps: never."""

    dwell: tuple[int, ...]
    clear: int
    hold: int
    gap: int
    known: tuple[int, ...] = ()
    flaps: int = 0
    flap_span: int = 0
    calm: int = 0


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
    and greatest value since it began, the first of several. `flapping`: too many began shortly before."""

    since: int
    steps: tuple[Step, ...]
    well: int | None
    resolved: int | None
    last: int
    peak: Point
    flapping: bool = False

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


def course(points: Sequence[Point], timing: Timing, may_begin: Callable[[int], bool] | None = None) -> Course:
    """The episodes of points in rising order of time; `may_begin` says of an instant [ms] whether one may fire then. Raises
    ValueError where they are not in order."""
    track = Track(timing, may_begin)
    for point in points:
        track.see(point)
    return track.course


class Track:
    """The course of one series, point after point: what `course` gives of all points seen so far."""

    __slots__ = (
        "_cleared",
        "_current",
        "_exceeded",
        "_found",
        "_known",
        "_last",
        "_may_begin",
        "_peak",
        "_timing",
        "at",
    )

    def __init__(self, timing: Timing, may_begin: Callable[[int], bool] | None = None) -> None:
        self._timing = timing
        self._may_begin = may_begin
        self._found: list[Episode] = []
        self._exceeded, self._cleared = _Runs(len(timing.dwell)), _Runs(len(timing.dwell))
        self._current: Episode | None = None
        self._last: int | None = None
        self._peak: Point | None = None
        self._known: deque[int] = deque()
        self.at: int | None = None
        """The instant of the last point seen [ms]."""

    @property
    def course(self) -> Course:
        """So far."""
        now = () if self._current is None else (self._current,)
        return Course((*self._found, *now), self.pending)

    @property
    def pending(self) -> int | None:
        """Since when something is pending [ms]."""
        return None if self._current is not None else self._exceeded.begun(1)

    def see(self, point: Point) -> None:
        """One more. Raises ValueError where it is not after the last one."""
        if self.at is not None and point.at <= self.at:
            raise ValueError("points are in rising order of time, each instant once")
        self.at = point.at
        if point.level is None:
            return
        timing, exceeded, cleared = self._timing, self._exceeded, self._cleared
        if self._last is not None and point.at - self._last > timing.gap:
            exceeded.forget()
            cleared.forget()
        self._last = point.at
        exceeded.see(point.at, point.level, max(point.level, point.perhaps))
        cleared.see_below(point.at, point.keeps, max(point.keeps, point.perhaps_kept))
        # Of what begins: before its dwell is over too.
        begins = self._current is None and exceeded.begun(1) == point.at
        if self._peak is None or begins or _greatness(point) > _greatness(self._peak):
            self._peak = point
        fires = self._fires(point)
        if self._current is None:
            if fires and (self._may_begin is None or self._may_begin(point.at)):
                self._current = self._begun(point, fires, self._peak)
            return
        after = _gone_on(self._current, self._peak, point, fires, cleared, timing)
        if after.resolved is not None:
            self._found.append(after)
        self._current = None if after.resolved is not None else after

    def _fires(self, point: Point) -> int:
        """The highest level that has been exceeded for its dwell, of which enough is known; 0 where none has."""
        timing, dwells = self._timing, self._timing.dwell
        if timing.known:
            self._known.append(point.at)
            while self._known[0] < point.at - max(timing.dwell):
                self._known.popleft()
            dwells = tuple(
                dwell if sum(at >= point.at - dwell for at in self._known) >= least else FOREVER
                for dwell, least in zip(timing.dwell, timing.known, strict=True)
            )
        return self._exceeded.lasting(point, dwells)

    def _begun(self, point: Point, fires: int, peak: Point) -> Episode:
        timing, since = self._timing, self._exceeded.since(1)
        one = Episode(since, (Step(point.at, fires),), None, None, point.at, peak)
        if not timing.flaps:
            return one
        times, after = 1, since
        for before in reversed(self._found):
            if before.well is None or after - before.well > timing.calm or before.since < since - timing.flap_span:
                break
            times, after = times + 1, before.since
        return one._replace(flapping=times >= timing.flaps)


def _greatness(point: Point) -> tuple[int, Fraction, int]:
    return point.level or 0, point.size, -point.at


def _gone_on(current: Episode, peak: Point, point: Point, fires: int, cleared: "_Runs", timing: Timing) -> Episode:
    """An episode after one more point; `peak` is its peak then."""
    level = current.level
    if fires > level:
        level = fires
    elif point.at - current.fired >= timing.hold:
        level = cleared.left_of(level, point, max(timing.clear, timing.calm) if current.flapping else timing.clear)
    well = cleared.begun(1)
    if level == 0:
        return current._replace(well=well, resolved=point.at, last=point.at, peak=peak)
    steps = current.steps if level == current.level else (*current.steps, Step(point.at, level))
    return current._replace(steps=steps, well=well, last=point.at, peak=peak)


class _Runs:
    """Of each level since when it is so, point after point."""

    def __init__(self, levels: int) -> None:
        self._since: list[int | None] = [None] * levels

    def see(self, at: int, level: int, perhaps: int) -> None:
        """Levels up to this one are exceeded, those above `perhaps` are not; of those between it is not known."""
        since = self._since
        for index in range(len(since)):
            if index < level:
                if since[index] is None:
                    since[index] = at
            elif index >= perhaps:
                since[index] = None

    def see_below(self, at: int, keeps: int, perhaps: int) -> None:
        """Levels above `perhaps` are within their clear limits, those up to `keeps` are not; of those between it is not known."""
        since = self._since
        for index in range(len(since)):
            if index < keeps:
                since[index] = None
            elif index >= perhaps and since[index] is None:
                since[index] = at

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
        for number in range(point.level or 0, 0, -1):
            since = self._since[number - 1]
            if since is not None and point.at - since >= dwell[number - 1]:
                return number
        return 0

    def left_of(self, level: int, point: Point, clear: int) -> int:
        """The highest level up to this one that is not known to be within its clear limits so long; 0 where all are."""
        kept = max(point.keeps, point.perhaps_kept)
        for number in range(level, 0, -1):
            since = self._since[number - 1]
            if since is None or point.at - since < clear or number <= kept:
                return number
        return 0
