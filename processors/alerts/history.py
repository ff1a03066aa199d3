"""What a rule says of stored history: its incidents in a span, and what it looked at where there was none. Nothing is written."""

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import NamedTuple
from zoneinfo import ZoneInfo

from processors.alerts.episodes import Course, Point, course
from processors.alerts.incidents import drafts
from processors.alerts.levels import points
from processors.alerts.rules import Rule
from processors.alerts.signals import SIGNALS, Look
from processors.alerts.values import Values
from processors.traffic.rules import TrafficRules, traffic_rules
from sensors.instants import DAY_MS, HOUR_MS
from sensors.stations import Registry
from store.books import Books
from store.incidents import Draft
from store.intervals import Interval
from store.port import ReadingsStore

# Chosen: how far before a span is looked, so that what began before it has begun; longer episodes seem to begin there.
BEFORE_MS = 14 * DAY_MS


class Seen(NamedTuple):
    """What a rule saw of a subject: its points in order of time, its incidents, and since when something is pending [ms]."""

    points: tuple[Point, ...]
    incidents: tuple[Draft, ...]
    pending: int | None

    def run_at(self, at: int, gap: int) -> int | None:
        """Since when its points up to an instant exceed a level one after the other [ms], None where the last known one does not;
        `gap` as in `Timing`."""
        since = last = None
        for point in self.points:
            if point.at > at:
                break
            if point.level is not None:
                since = None if last is not None and point.at - last > gap else since
                since = None if not point.level else point.at if since is None else since
                last = point.at
        return since


def look_back(
    store: ReadingsStore,
    registry: Registry,
    intervals: Sequence[Interval],
    rule: Rule,
    zone: ZoneInfo,
    start: int,
    end: int,
    subjects: Collection[str] | None = None,
    books: Books | None = None,
    traffic: TrafficRules | None = None,
) -> Mapping[str, Seen]:
    """By subject what the rule saw in (start, end] [ms]; incidents that touch the span, points of the span only. `intervals` are
    those of its signal's family; `subjects`: of these alone; `books` where its signal is of them. Raises StoreUnavailable,
    StoreMisconfigured."""
    traffic = traffic or traffic_rules()
    look = Look(
        store,
        registry,
        intervals,
        zone,
        _reads_from(rule, start),
        end,
        subjects,
        rule.asks_of,
        books=books,
        traffic=traffic,
    )
    return _seen_in(rule, SIGNALS[rule.signal].make(look), zone, start, end)


def _reads_from(rule: Rule, start: int) -> int:
    """From when on its signal is read [ms], so that what it saw after `start` [ms] is known."""
    signal = SIGNALS[rule.signal]
    return start - BEFORE_MS - (rule.looks_at - 1) * signal.window - signal.before_h * HOUR_MS


def _seen_in(rule: Rule, values: Mapping[str, Values], zone: ZoneInfo, start: int, end: int) -> dict[str, Seen]:
    """What a rule sees in its signal's values by subject, read from `_reads_from` on or before; as `look_back` gives it."""
    window, begins = SIGNALS[rule.signal].window, start - BEFORE_MS
    found = {}
    for subject, of_subject in values.items():
        seen = [point for point in points(rule, of_subject, window) if begins < point.at <= end]
        its = [point for point in seen if rule.in_force(point.at, zone)]
        of: Course = course(its, rule.timing, partial(rule.may_begin, zone=zone))
        incidents = [one for one in drafts(of.episodes, rule.reopen_ms) if one.well is None or one.well > start]
        found[subject] = Seen(tuple(point for point in its if point.at > start), tuple(incidents), of.pending)
    return found
