"""The projector: what changed in the books since it last looked, as points beside the readings.

    revisions      after the last one that the projection has, in their order, so that the newest of a value is written last
    running        values of open periods that were computed since
    incidents      that the log names since; once a minute those that are open
    stations       all of them, when the registry has changed
    scorecard      of this year and the last, when revisions or running values have
    samples        of devices, ledgers and what waits: once a minute

How far the projection is stands in the projection itself: where its bucket is lost, the next look writes all of it again. Two
projectors write the same, and nothing is ever read back from it but that.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from zoneinfo import ZoneInfo

from processors.alerts.rules import Rule
from processors.plans import Plan
from processors.projection import points
from processors.scorecard import scorecard_rows, standing
from processors.windows import civil_day
from store.books import Books
from store.drifts import Drifts
from store.incidents import Incident, Incidents
from store.influx_projected import Projected, ProjectedStore
from store.influx_text import quoted
from store.judgements import Claims, Judgements, Key
from store.letters import Letters
from store.measurements import CURSOR, INCIDENTS, INDICATORS, SCORECARD, STATIONS
from store.notices import Outbox
from store.sightings import Sightings

# Chosen: revisions carry details of some KiB each, so that many at once are some MiB.
_REVISIONS_AT_ONCE = 2_000
_LINES_AT_ONCE = 1_000
SAMPLE_EVERY_MS = 60_000
"""Chosen: a tile is grey when its sample is some minutes old, so silence is seen within minutes."""


class Projector:
    """Projects `books` into `target`. One object serves one thread. Calls raise StoreError, BooksUnavailable: the next one goes
    on from where the last one that ended was."""

    def __init__(
        self,
        target: ProjectedStore,
        books: Books,
        plan: Plan,
        rules: Mapping[str, Rule],
        *,
        zone: ZoneInfo,
        clock: Callable[[], int],
    ) -> None:
        self._target = target
        self._books = books
        self._plan = plan
        self._rules = rules
        self._zone = zone
        self._clock = clock
        self._judgements = Judgements(books)
        self._incidents = Incidents(books)
        self._outbox = Outbox(books)
        self._cursor: dict[str, int] | None = None
        self._running: dict[Key, int] = {}
        self._scored = False
        self._kept: dict[str, int] = {}
        self._sampled_at: int | None = None
        self._written = 0

    def step(self) -> bool:
        """Write what changed since the last look; whether there may be more right now."""
        if self._cursor is None:
            self._cursor = self._target.cursor()
        return self._look(self._cursor, over_nothing=False)

    def rebuild(self) -> int:
        """Take away what the books are projected into, and write all of it again; how many points. Samples stay: they are of
        moments that nobody can look at again."""
        for of in (CURSOR, INDICATORS, SCORECARD, INCIDENTS, STATIONS):
            self._target.clear(of)
        self._running, self._kept, self._scored, self._sampled_at = {}, {}, False, None
        self._cursor = dict.fromkeys(CURSOR.fields, 0)
        self._written = 0
        while self._look(self._cursor, over_nothing=True):
            continue
        return self._written

    def cardinality(self) -> dict[str, int]:
        """How many series each measurement has there."""
        return self._target.cardinality()

    def _look(self, cursor: dict[str, int], *, over_nothing: bool) -> bool:
        now = self._clock()
        due = self._sampled_at is None or now - self._sampled_at >= SAMPLE_EVERY_MS
        # Running values first: a period that closes meanwhile is then written as the revision that it became.
        self._project_running(over_nothing=over_nothing)
        revised = self._judgements.after(cursor["revision"], _REVISIONS_AT_ONCE)
        if revised:
            shown = (
                points.indicator(one.judgement, one.finality, one, self._zone)
                for one in revised
                if one.finality != "proposed"
            )
            # In a rebuild too: a later revision of a value may lack what the first one had.
            self._write(shown, over_nothing=False)
            cursor["revision"], self._scored = revised[-1].id, False
        logged = self._outbox.lines(cursor["log"], _LINES_AT_ONCE)
        changed = {line.incident for line in logged}
        if due:
            changed |= {one.id for one in self._incidents.all(open_only=True)}
        self._project_incidents(changed)
        if logged:
            cursor["log"] = logged[-1].id
        registry = self._books.registry()
        if registry.version != cursor["registry"]:
            self._target.clear(STATIONS)
            self._write((points.station(one) for one in registry if one.active_at(now)), over_nothing=True)
            cursor["registry"] = registry.version
        if not self._scored:
            self._write(self._scorecard(now), over_nothing=False)
            self._scored = True
        if cursor != self._kept:
            self._target.write([Projected(CURSOR, {}, dict(cursor), 0)], over_nothing=True)
            self._kept = dict(cursor)
        if due:
            self._write(self._samples(now), over_nothing=True)
            self._sampled_at = now
        return len(revised) == _REVISIONS_AT_ONCE or len(logged) == _LINES_AT_ONCE

    def _project_running(self, *, over_nothing: bool) -> None:
        newest = max(self._running.values(), default=None)
        found = [
            one.judgement
            for one in self._judgements.running(computed_from=newest)
            if self._running.get(one.judgement.key) != one.judgement.computed_at
        ]
        self._write((points.indicator(one, "running", None, self._zone) for one in found), over_nothing=over_nothing)
        self._running |= {one.key: one.computed_at for one in found}
        self._scored &= not found

    def _project_incidents(self, numbers: Collection[int]) -> None:
        for _, one in sorted(self._incidents.some(numbers).items()):
            point = points.incident(one, self._rules, self._zone)
            self._forget_elsewhere(one, point)
            self._write([point], over_nothing=False)

    def _forget_elsewhere(self, one: Incident, point: Projected) -> None:
        """Late data may say that it began at another moment: it is drawn once."""
        where = f"{quoted('id')} = {one.id}"
        for stored in self._target.stored(INCIDENTS, ["id"], where):
            if stored["at_ns"] != point.at_ns:
                self._target.forget(point._replace(at_ns=stored["at_ns"]))

    def _scorecard(self, now: int) -> Iterator[Projected]:
        year = civil_day(now, self._zone).year
        for each in (year - 1, year):
            rows = scorecard_rows(self._judgements, self._plan, each, self._zone, now)
            for row, of in zip(rows, self._plan.indicators, strict=True):
                found = standing(self._judgements, of, each)
                computed_at = 0 if found is None else found[0].computed_at
                yield points.scorecard_row(row, of.target, each, computed_at, self._zone)

    def _samples(self, now: int) -> Iterator[Projected]:
        seen, ledgers, drifts = Sightings(self._books).all(), self._books.ledgers(), Drifts(self._books)
        drifting = Counter((one.family, one.station) for one in drifts.page())
        for entry in self._books.registry():
            if entry.active_at(now):
                of = entry.family, entry.id
                yield points.device(entry, seen.get(of), drifting[of], now)
        yield from (points.ledger(row, now) for row in ledgers)
        letters, holding = Letters(self._books).count(), self._incidents.all(open_only=True)
        waiting = {
            "open_dead_letters": sum(count for (state, _), count in letters.items() if state == "open"),
            "unknown_stations": len(self._books.unknown()),
            "windows_waiting": Claims(self._books).waiting(),
            "alerts_waiting": self._incidents.waiting(),
            "drifts_waiting": drifts.waiting(),
            "incidents_open": len(holding),
            "incidents_asking": sum(one.asks for one in holding),
        }
        yield points.pipeline(waiting, ledgers, now)

    def _write(self, what: Iterable[Projected], *, over_nothing: bool) -> None:
        self._written += self._target.write(what, over_nothing=over_nothing)
