"""The watch: which series changed, what the rules say of them now, and what is to be told; saved together with the marks.

    marks (books)  → the rules whose signal is of that family, at the subjects that changed
    readings       → points → episodes → incidents, from well before the change or the oldest incident that still holds
    known (books)  → what people were told of them
    changes        → one books transaction with the marks

What is computed depends on stored data alone, never on when or in which batches they came: a crash, a restart or a second watch
repeats nothing. What is older than `BACK_DAYS` is history: it is found by `cityflux alerts backtest`, and nobody is told.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from zoneinfo import ZoneInfo

import structlog

from processors.alerts.due import Due, first_of_books
from processors.alerts.history import Seen, reads_from, seen_in
from processors.alerts.incidents import changes
from processors.alerts.outage import OUTAGES, said_of_others
from processors.alerts.own import Own
from processors.alerts.rules import Rule
from processors.alerts.signals import SIGNALS, Look, Signal
from processors.keeping import keep_stepping
from processors.windows import civil_day
from sensors.instants import DAY_MS, HOUR_MS
from sensors.stations import Registry
from store.books import ALL_HOURS, Books
from store.incidents import AlertMark, Change, Incidents, Known
from store.intervals import Intervals
from store.judgements import Superseded
from store.port import ReadingsStore

log = structlog.get_logger()

BACK_DAYS = 35
"""Chosen: a month that is delivered late still tells, a year that is loaded does not."""

# Chosen: every series of ten thousand stations at once.
_MOST_MARKS = 10_000
_IDLE_S = 0.1


Of = tuple[str, str]
"""Rule and subject."""


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
    ) -> None:
        """`prepare` readies the books and may raise BooksUnavailable."""
        self._store = store
        self._books = books
        self._rules = rules
        self._prepare = prepare
        self._zone = zone
        self._clock = clock
        self._incidents = Incidents(books)
        self._due = Due(books)
        self._own = Own(books)

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
        marks = first_of_books(self._incidents.take(now, _MOST_MARKS))
        if not marks:
            return False
        registry, found = self._books.registry(), dict[tuple[str, str], tuple[int, list[Change]]]()
        for name, signal in SIGNALS.items():
            its = [mark for mark in marks if mark.family == signal.family and mark.period in signal.periods]
            rules = [rule for rule in self._rules.values() if rule.signal == name]
            if its and rules:
                found |= self._of_signal(signal, rules, its, registry, now)
        found = self._with_outages(found)
        try:
            written = self._incidents.save(found, marks, now)
        except Superseded:
            log.info("another watch was first; looking again")
            return True
        for key, numbers in written.items():
            for number, change in zip(numbers, found[key][1], strict=True):
                _tell(number, *key, change)
        return True

    def _with_outages(self, found: Mapping[Of, tuple[int, list[Change]]]) -> dict[Of, tuple[int, list[Change]]]:
        """What is told of outages of ours says what is not known meanwhile."""
        if not any(changed and rule in OUTAGES for (rule, _), (_, changed) in found.items()):
            return dict(found)
        holding = self._incidents.all(open_only=True)
        return {
            of: (version, [said_of_others(of[0], change, holding) for change in changed])
            for of, (version, changed) in found.items()
        }

    def _of_signal(
        self, signal: Signal, rules: Sequence[Rule], marks: Sequence[AlertMark], registry: Registry, now: int
    ) -> dict[tuple[str, str], tuple[int, list[Change]]]:
        """What changed of the incidents of rules that look at one signal, which is read once: by (rule, subject) with the version
        of what was known."""
        oldest = now - BACK_DAYS * DAY_MS
        changed = min(oldest if mark.hour == ALL_HOURS else mark.hour * HOUR_MS for mark in marks)
        named = {mark.station for mark in marks}
        subjects, start = signal.subject.changed(signal.family, named, registry), max(changed, oldest)
        known = {rule.code: self._incidents.known(rule.code, subjects, start - rule.reopen_ms) for rule in rules}
        # What holds since before the change is looked at from its beginning: of each subject from its own.
        starts = {
            rule.code: {
                subject: min([start, *(one.draft.since for one in of.incidents)]) - rule.reopen_ms
                for subject, of in known[rule.code].items()
            }
            for rule in rules
        }
        first = {rule.code: min(starts[rule.code].values(), default=start) for rule in rules}
        intervals = Intervals(self._books).all(signal.family)
        read_from = min(reads_from(rule, first[rule.code]) for rule in rules)
        only = None if signal.subject.all_at_once else subjects
        values = signal.make(Look(self._store, registry, intervals, self._zone, read_from, now, only, self._books))
        found = {}
        for rule in rules:
            seen = seen_in(rule, values, self._zone, first[rule.code], now)
            for subject, of in known[rule.code].items():
                ended = _ended(rule, subject, registry, self._zone, now)
                its = _closed(of, ended) if ended else _changes(rule, of, seen.get(subject), starts[rule.code][subject])
                found[rule.code, subject] = of.version, its
        return found


def _ended(rule: Rule, subject: str, registry: Registry, zone: ZoneInfo, now: int) -> str:
    """Why a rule has nothing to say of a subject any more; empty where it has."""
    if not rule.in_force(civil_day(now, zone)):
        return "the rule is out of force"
    signal = SIGNALS[rule.signal]
    return signal.subject.ended(signal.family, subject, registry, now)


def _closed(known: Known, why: str) -> list[Change]:
    return [Change(one.id, "closed", why, one.draft) for one in known.incidents if one.draft.phase != "resolved"]


def _changes(rule: Rule, known: Known, seen: Seen | None, start: int) -> list[Change]:
    """From what people were told to what the data say. Nothing seen at all is no news: silence ends no incident."""
    if seen is None:
        return []
    its = [one for one in seen.incidents if one.well is None or one.well > start]
    return changes(known.incidents, its, rule.reopen_ms, seen.edge)


def _tell(number: int, rule: str, subject: str, change: Change) -> None:
    """Log what operators would be told."""
    if change.what != "noted":
        level = None if change.draft is None else change.draft.level
        log.info("alert", id=number, what=change.what, rule=rule, subject=subject, level=level, why=change.why)
