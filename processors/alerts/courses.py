"""Courses that are known: copies of what is stored of a rule at a subject, which go on with the points that come.

A copy is used where the points before its last one are still what they were and nobody else has written; else it is dropped, and
made again of stored data. It decides how much is read, never what is found.
"""

from collections.abc import Iterable, Mapping, Sequence

from processors.alerts.episodes import Point, Track
from processors.alerts.incidents import drafts
from store.incidents import Change, Draft, Incident, Known, Of

# Chosen: batches of ingest bring some points again; so many are compared instead of looking at all of the course again.
_REMEMBERED = 16
# Chosen: a course that has grown to so many incidents, none of which it could leave, is read anew.
_MOST_INCIDENTS = 16


class Course:
    """Of a rule at a subject: its points after `begins` [ms] are in `track`; `known` is what is stored of it, without what ended
    before `base` [ms]; something that began at `edge` [ms] began before the look."""

    __slots__ = ("_remembered", "_remembered_from", "base", "edge", "known", "track")

    def __init__(self, base: int, begins: int, known: Known, track: Track) -> None:
        self.base = base
        self.known = known
        self.track = track
        self.edge: int | None = None
        self._remembered: list[Point] = []
        self._remembered_from = begins

    def is_that_of(self, seen: Sequence[Point], since: int) -> bool:
        """Whether of the points after `since` [ms] those up to its last one are the ones that it has."""
        if self.track.at is None or since < self._remembered_from:
            return False
        last = self.track.at
        return [one for one in seen if one.at <= last] == [one for one in self._remembered if one.at > since]

    def see(self, seen: Iterable[Point]) -> None:
        """Further points; those that it has are left out."""
        for point in seen:
            if self.track.at is None or point.at > self.track.at:
                self.track.see(point)
                self._remembered.append(point)
        if len(self._remembered) > _REMEMBERED:
            self._remembered_from = self._remembered[-_REMEMBERED - 1].at
            del self._remembered[:-_REMEMBERED]

    def drafts(self, reopen: int) -> list[Draft]:
        """Its incidents as the points have them; `reopen` as in `drafts` [ms]."""
        since = self.base - reopen
        return [one for one in drafts(self.track.course.episodes, reopen) if one.well is None or one.well > since]

    def is_to_be_left(self, its: Sequence[Draft], reopen: int) -> bool:
        """Whether no point that comes can change its last incident, and nothing is pending; or there are too many of them."""
        last = its[-1] if its else None
        if len(its) > _MOST_INCIDENTS:
            return True
        if self.track.pending is not None:
            return False
        return last is None or (last.well is not None and (self.track.at or 0) > last.well + reopen)


class Courses:
    """Those that are known, by rule and subject."""

    def __init__(self) -> None:
        self._of: dict[str, dict[str, Course]] = {}

    def forget(self) -> None:
        """All of them."""
        self._of.clear()

    def of(self, rule: str) -> dict[str, Course]:
        """Of a rule by subject."""
        return self._of.setdefault(rule, {})

    def saved(self, changed: Mapping[Of, tuple[int, Sequence[Change]]], numbers: Mapping[Of, Sequence[int]]) -> None:
        """Changes were saved: the numbers of their incidents, in their order."""
        for (rule, subject), its in numbers.items():
            course = self.of(rule).get(subject)
            if course is not None:
                version, changes = changed[rule, subject]
                course.known = Known(version + 1, _after(course.known.incidents, rule, subject, changes, its))


def _after(
    known: Sequence[Incident], rule: str, subject: str, changes: Sequence[Change], numbers: Sequence[int]
) -> list[Incident]:
    """What is stored after changes, as far as they compare with it."""
    if len(known) == len(changes) == 1 and changes[0].what == "noted" and changes[0].draft is not None:
        return [known[0]._replace(draft=changes[0].draft)]
    found = {one.id: one for one in known}
    for number, change in zip(numbers, changes, strict=True):
        before = found.get(number)
        if change.draft is None or change.what == "closed":
            found.pop(number, None)
        elif before is None:
            found[number] = Incident(number, rule, subject, change.draft, None, None, 0, None, None, None)
        else:
            found[number] = before._replace(draft=change.draft)
    return sorted(found.values(), key=lambda one: (one.draft.since, one.id))
