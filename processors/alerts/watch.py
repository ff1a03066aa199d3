"""The watch: which series changed, what the rules say of them now, and what is to be told; saved together with the marks.

    marks (books)  → the rules whose signal is of that family, at the subjects that changed
    evaluate.py    readings → points → episodes → incidents, against what people were told of them
    changes        → one books transaction with the marks, and with what is pending

What is found depends on stored data alone, never on when or in which batches they came: a crash, a restart or a second watch
repeats nothing. What is older than `BACK_DAYS` is history: it is found by `cityflux alerts backtest`, and nobody is told.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from processors.alerts.courses import Courses
from processors.alerts.due import Due, in_turn
from processors.alerts.evaluate import Found, Scene, evaluate
from processors.alerts.outage import OUTAGES, said_of_others
from processors.alerts.own import Own
from processors.alerts.rules import Rule
from processors.alerts.signals import SIGNALS, Signal
from processors.keeping import keep_stepping
from processors.traffic.rules import TrafficRules, traffic_rules
from sensors.instants import DAY_MS, HOUR_MS
from sensors.stations import Registry
from store.books import Books
from store.incidents import AlertMark, Change, Incidents, Of
from store.intervals import Intervals
from store.judgements import Superseded
from store.port import ReadingsStore

log = structlog.get_logger()

BACK_DAYS = 35
"""Chosen: a month that is delivered late still tells, a year that is loaded does not."""

# Chosen: every series of ten thousand stations at once.
_MOST_MARKS = 10_000
# Chosen: of more instants the subjects of each whole hour are asked for at once; they may cost a walk through the registry.
_MOST_INSTANTS = 100
_IDLE_S = 0.1


class Watch:
    """Evaluates rules as data change, until told to stop."""

    def __init__(
        self,
        store: ReadingsStore,
        books: Books,
        rules: Mapping[str, Rule],
        *,
        prepare: Callable[[], None],
        zone: ZoneInfo,
        clock: Callable[[], int],
        traffic: TrafficRules | None = None,
    ) -> None:
        """`prepare` readies the books and may raise BooksUnavailable."""
        self._store = store
        self._books = books
        self._rules = rules
        self._prepare = prepare
        self._zone = zone
        self._clock = clock
        self._incidents = Incidents(books)
        self._courses = Courses()
        self._looks: int | None = None
        self._traffic = traffic or traffic_rules()
        self._due = Due(books)
        self._own = Own(books)
        self._readings_next = False

    async def run(self, stopped: asyncio.Event) -> None:
        """Look at what changed, as it changes. What cannot be reached is said once and tried again."""
        await keep_stepping(self._stepped, self._prepare, stopped, idle_s=_IDLE_S, verb="watch")

    async def _stepped(self) -> bool:
        return self.step()

    def step(self) -> bool:
        """Look at what has changed and write what is to be told; whether there was anything. Raises StoreError,
        BooksUnavailable: nothing was written."""
        now = self._clock()
        self._own.look(now)
        self._due.look(now)
        marks = in_turn(self._incidents.take(now, _MOST_MARKS, readings_first=self._readings_next))
        if not marks:
            return False
        self._know_looks()
        self._readings_next = not self._readings_next
        saved = False
        try:
            found = self._with_outages(self._look(marks, now))
            written = self._incidents.save(
                found.changes, marks, now, pending=found.pending, groups=found.groups, after=self._looks
            )
            self._looks = None if self._looks is None else self._looks + 1
            self._courses.saved(found.changes, written)
            saved = True
        except Superseded:
            log.info("another watch was first; looking again")
            return True
        finally:
            if not saved:
                self._courses.forget()
        for key, numbers in written.items():
            for number, change in zip(numbers, found.changes[key][1], strict=True):
                _tell(number, *key, change)
        return True

    def _with_outages(self, found: Found) -> Found:
        """What is told of outages of ours says what is not known meanwhile."""
        if not any(changed and rule in OUTAGES for (rule, _), (_, changed) in found.changes.items()):
            return found
        holding = self._incidents.all(open_only=True)
        said: dict[Of, tuple[int, Sequence[Change]]] = {
            of: (version, [said_of_others(of[0], change, holding) for change in changed])
            for of, (version, changed) in found.changes.items()
        }
        return found._replace(changes=said)

    def _know_looks(self) -> None:
        """Where another watch has looked since, what this one remembers lacks the points that the other took."""
        looks = self._incidents.looks()
        if looks != self._looks:
            self._courses.forget()
            self._looks = looks

    def _look(self, marks: Sequence[AlertMark], now: int) -> Found:
        registry, found = self._books.registry(), Found({}, {}, {})
        shared: dict[Hashable, Any] = {}
        intervals = cache(Intervals(self._books).all)
        series: dict[tuple[str, str], list[AlertMark]] = defaultdict(list)
        for mark in marks:
            series[mark.family, mark.period].append(mark)
        for name, signal in SIGNALS.items():
            its = [mark for period in signal.periods for mark in series.get((signal.family, period), ())]
            rules = [rule for rule in self._rules.values() if rule.signal == name]
            since = _since(signal, its, registry, now - BACK_DAYS * DAY_MS) if its and rules else {}
            if since:
                ended = _ended(signal, registry, now)
                scene = Scene(
                    self._store, self._incidents, signal, rules, registry, intervals(signal.family), self._zone, now, ended,
                    self._books, self._traffic, shared,
                )  # fmt: skip
                changed, pending, groups = evaluate(scene, since, self._courses)
                found.changes.update(changed)
                found.pending.update(pending)
                found.groups.update(groups)
        return found


def _ended(signal: Signal, registry: Registry, now: int) -> Callable[[str], str]:
    """Why a subject of a signal is no more, asked once for each."""

    @cache
    def why(subject: str) -> str:
        return signal.subject.ended(signal.family, subject, registry, now)

    return why


def _since(signal: Signal, marks: Sequence[AlertMark], registry: Registry, oldest: int) -> dict[str, int]:
    """The subjects of a signal that changed, each after an instant [ms]."""
    stations: dict[int, set[str]] = defaultdict(set)
    for mark in marks:
        stations[max(mark.since - signal.felt_h * HOUR_MS, oldest)].add(mark.station)
    if len(stations) > _MOST_INSTANTS:
        coarse: dict[int, set[str]] = defaultdict(set)
        for at, names in stations.items():
            coarse[max(at - at % HOUR_MS, oldest)] |= names
        stations = coarse
    found: dict[str, int] = {}
    for at in sorted(stations):
        for subject in signal.subject.changed(signal.family, stations[at], registry):
            found.setdefault(subject, at)
    return found


def _tell(number: int, rule: str, subject: str, change: Change) -> None:
    """Log what operators would be told."""
    if change.what != "noted":
        level = None if change.draft is None else change.draft.level
        log.info("alert", id=number, what=change.what, rule=rule, subject=subject, level=level, why=change.why)
