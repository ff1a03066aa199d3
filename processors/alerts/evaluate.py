"""What rules say now of the subjects that changed: the very incidents that a look at all stored data gives, reading little of it.

shallow    one look of all subjects at what changed: nothing there exceeds a level, no incident, pending run or known course
           is touched: nothing to say
going on   a course that is known goes on with the points that came
deep       everything else is looked at from before its beginning: that of its oldest incident or pending run, or so far back
           that no run which has not fired can have begun earlier
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from processors.alerts.courses import Course, Courses
from processors.alerts.episodes import Point, Track
from processors.alerts.history import BEFORE_MS
from processors.alerts.incidents import changes
from processors.alerts.levels import may_exceed, may_exceed_in, points
from processors.alerts.rules import Rule
from processors.alerts.signals import Look, Signal
from processors.alerts.values import Values
from processors.scopes import CITY
from processors.traffic.rules import TrafficRules
from sensors.families.contract import FUTURE_MS
from sensors.instants import FOREVER, HOUR_MS, MINUTE_MS
from sensors.stations import Registry
from store.books import Books
from store.incidents import Change, Grouping, Incidents, Known, Of
from store.intervals import Interval
from store.parts import parts
from store.port import ReadingsStore

# Chosen: subjects whose looks begin within five minutes of the last one's, ten, twenty and so on are looked at together.
_TOGETHER_MS = 5 * 60_000
# Chosen: some 300 MB while they are read. More subjects than have so many points are looked at one part after the other.
_MOST_POINTS = 500_000


class Found(NamedTuple):
    """What is to be saved, by rule and subject: changes made knowing a version, since when something is pending [ms] where that
    is another than is stored, and the groups of what may be opened."""

    changes: dict[Of, tuple[int, Sequence[Change]]]
    pending: dict[Of, int | None]
    groups: dict[Of, Grouping]


class Scene(NamedTuple):
    """What is looked at: a signal by its rules, in stored data, at an instant [ms]; `intervals` are of its family; `ended` says
    why a subject is no more then; `books` are for signals that are no readings; `shared` is what looks of one step share."""

    store: ReadingsStore
    incidents: Incidents
    signal: Signal
    rules: Sequence[Rule]
    registry: Registry
    intervals: Sequence[Interval]
    zone: ZoneInfo
    now: int
    ended: Callable[[str], str]
    books: Books
    traffic: TrafficRules
    shared: dict[Hashable, Any]

    def look(self, start: int, subjects: Collection[str], *, before: bool) -> Look:
        """At subjects after an instant [ms]; with what its signal needs `before`, else only with what its rules' clauses do."""
        windows, after = max(rule.looks_at for rule in self.rules), start
        start -= (windows - 1) * self.signal.window + (self.signal.before_h * HOUR_MS if before else 0)
        return Look(
            self.store, self.registry, self.intervals, self.zone, start, self.now + FUTURE_MS,
            None if self.signal.subject.all_at_once else subjects,
            frozenset[str]().union(*(rule.asks_of for rule in self.rules)), self.books, self.traffic, self.now, self.shared,
            after,
        )  # fmt: skip


def evaluate(scene: Scene, since: Mapping[str, int], courses: Courses) -> Found:
    """What the rules of a scene say of subjects, each of which changed after an instant [ms]; courses that are known go on.
    Raises StoreError, BooksUnavailable: then the courses are to be forgotten."""
    found = Found({}, {}, {})
    pending = scene.incidents.pending([rule.code for rule in scene.rules])
    for together in _together(scene, since):
        _evaluate(scene, together, pending, courses, found)
    return found


def _evaluate(
    scene: Scene, since: Mapping[str, int], pending: Mapping[Of, int], courses: Courses, found: Found
) -> None:
    active = _active(scene, since, pending, courses)
    deep: dict[str, list[Rule]] = defaultdict(list)
    for rule, subjects, values in _shallow(scene, since, active):
        of = courses.of(rule.code)
        for subject in subjects:
            course = of.get(subject)
            seen = _points(scene, rule, values.get(subject, {}), since[subject])
            if course is None or _ended(scene, rule, subject) or not course.is_that_of(seen, since[subject]):
                of.pop(subject, None)
                deep[subject].append(rule)
            else:
                course.see(seen)
                _say(scene, rule, subject, course, pending, found, courses)
    _deep(scene, since, deep, pending, courses, found)


def _active(scene: Scene, since: Mapping[str, int], pending: Mapping[Of, int], courses: Courses) -> dict[str, set[str]]:
    """By rule the subjects of which there is something already: a course, a pending run, an incident that is not long over."""
    first = min(since.values()) - max(rule.begins_within_ms + rule.reopen_ms for rule in scene.rules)
    active = {rule.code: courses.of(rule.code).keys() & since.keys() for rule in scene.rules}
    touched = scene.incidents.touched(list(active), since.keys(), first)
    for rule, subject in (*touched, *pending):
        if subject in since:
            active[rule].add(subject)
    return active


def _shallow(
    scene: Scene, since: Mapping[str, int], active: Mapping[str, set[str]]
) -> Iterator[tuple[Rule, set[str], Mapping[str, Values]]]:
    """By rule the subjects of which something may be to say, and their values after what changed."""
    signal, start = scene.signal, min(since.values())
    if signal.extremes is None:
        values = signal.make(scene.look(start, since.keys(), before=True))
        there = since.keys() & values.keys()
        for rule in scene.rules:
            yield rule, active[rule.code].union(one for one in there if may_exceed(rule, values[one])), values
        return
    extremes = signal.extremes(scene.look(start, since.keys(), before=False))
    for rule in scene.rules:
        exceeding = {extremes.subjects[number] for number in may_exceed_in(rule, extremes).nonzero()[0].tolist()}
        subjects = active[rule.code] | (exceeding & since.keys())
        yield rule, subjects, extremes.values(subjects, rule.asks_of) if subjects else {}


class _Depth(NamedTuple):
    """How a rule is looked at deep at a subject: its course from `base` on, its points after `begins` [ms]."""

    rule: Rule
    known: Known
    base: int
    begins: int


def _deep(
    scene: Scene,
    since: Mapping[str, int],
    subjects: Mapping[str, Sequence[Rule]],
    pending: Mapping[Of, int],
    courses: Courses,
    found: Found,
) -> None:
    depths = _depths(scene, since, subjects, pending, found)
    while depths:
        further: dict[str, list[_Depth]] = defaultdict(list)
        begins = {subject: min(one.begins for one in its) for subject, its in depths.items()}
        for together in _together(scene, begins):
            values = scene.signal.make(scene.look(min(together.values()), together.keys(), before=True))
            for subject, its in ((subject, depths[subject]) for subject in together):
                for depth in its:
                    # Of a subject of which nothing counts any more nothing holds.
                    course = _course(scene, depth, values.get(subject, {}))
                    if depth.begins > depth.base - BEFORE_MS and _is_cut(course, depth.known):
                        # Nobody has seen its beginning, and nothing is stored of it: a rule that is new, data that are.
                        further[subject].append(depth._replace(begins=depth.base - BEFORE_MS))
                    else:
                        courses.of(depth.rule.code)[subject] = course
                        _say(scene, depth.rule, subject, course, pending, found, courses)
        depths = further


def _depths(
    scene: Scene,
    since: Mapping[str, int],
    subjects: Mapping[str, Sequence[Rule]],
    pending: Mapping[Of, int],
    found: Found,
) -> dict[str, list[_Depth]]:
    """Where each rule is to be looked at deep, by subject; what has ended is closed instead."""
    depths: dict[str, list[_Depth]] = defaultdict(list)
    for rule in scene.rules:
        its = {
            subject: min(since[subject] - rule.begins_within_ms, pending.get((rule.code, subject), FOREVER))
            for subject, rules in subjects.items()
            if rule in rules
        }
        first = min(its.values(), default=0)
        for subject, known in scene.incidents.known(rule.code, its, first - rule.reopen_ms).items() if its else ():
            key, why = (rule.code, subject), _ended(scene, rule, subject)
            if why:
                closed = [Change(one.id, "closed", why, one.draft) for one in known.incidents if one.holds]
                found.changes[key] = known.version, closed
                if key in pending:
                    found.pending[key] = None
                continue
            base = min([its[subject], *(one.draft.since for one in known.incidents)])
            depths[subject].append(_Depth(rule, known, base, base - rule.begins_within_ms))
    return depths


def _is_cut(course: Course, known: Known) -> bool:
    """Whether what holds first has begun before the look, and no stored incident says when."""
    return course.edge is not None and all(one.draft.since != course.edge for one in known.incidents)


def _course(scene: Scene, depth: _Depth, values: Values) -> Course:
    """A course, of all its points."""
    rule = depth.rule
    seen = _points(scene, rule, values, depth.begins)
    course = Course(depth.base, depth.begins, depth.known, Track(rule.timing, partial(rule.may_begin, zone=scene.zone)))
    course.see(seen)
    first = next((point for point in seen if point.level is not None), None)
    if first is not None and first.level and first.at - depth.begins <= rule.timing.gap:
        course.edge = first.at
    return course


def _points(scene: Scene, rule: Rule, values: Values, after: int) -> list[Point]:
    seen = points(rule, values, scene.signal.window, after)
    return [one for one in seen if rule.in_force(one.at, scene.zone)]


def _say(
    scene: Scene,
    rule: Rule,
    subject: str,
    course: Course,
    pending: Mapping[Of, int],
    found: Found,
    courses: Courses,
) -> None:
    """What is to be saved of a course; one that no point can change any more, or that is too long, is not kept."""
    key = rule.code, subject
    its = course.drafts(rule.reopen_ms)
    changed = changes(course.known.incidents, its, rule.reopen_ms, course.edge)
    if changed:
        found.changes[key] = course.known.version, changed
    pends = course.track.pending
    if pends != pending.get(key):
        found.pending[key] = pends
    if rule.group is not None and any(one.what == "opened" for one in changed):
        of = CITY if rule.group == "city" else _district(scene, subject)
        found.groups[key] = Grouping(of, rule.group_min * MINUTE_MS)
    if course.is_to_be_left(its, rule.reopen_ms):
        courses.of(rule.code).pop(subject, None)


def _district(scene: Scene, subject: str) -> str:
    entry = scene.registry.entry(scene.signal.family, subject, scene.now - 1)
    return CITY if entry is None else entry.district


def _ended(scene: Scene, rule: Rule, subject: str) -> str:
    """Why a rule has nothing to say of a subject any more; empty where it has."""
    if not rule.in_force(scene.now, scene.zone):
        return "the rule is out of force"
    return scene.ended(subject)


def _together(scene: Scene, since: Mapping[str, int]) -> Iterator[dict[str, int]]:
    """Subjects with what they are looked at after [ms]: those together that are about as long ago, not too many at once."""
    found: dict[int, list[str]] = defaultdict(list)
    for subject, at in since.items():
        found[(max(scene.now - at, 0) // _TOGETHER_MS).bit_length()].append(subject)
    for bits, subjects in found.items():
        each = (_TOGETHER_MS << bits) // (scene.signal.window or MINUTE_MS) + 1
        most = max(_MOST_POINTS // each, 1)
        for part in parts(subjects, most):
            yield {subject: since[subject] for subject in part}
