"""The runner: which windows changed since they were last computed; computed again, and saved with their marks cleared.

    marks (books)  → claimed with a lease, once quiet; each to the family that takes it (`computation.py`)
                   → expanded here, and only here, to hours, civil days and years
    readings       → what is derived beside them           → back into the readings store
                   → the judgements of days                ┐ a running value while the period is open, a revision when
                   → those of longer periods               │ it closes and when late data change what was published
                   → the plan's yearly indicators          ┘
                   → one books transaction: judgements saved, marks cleared

A crash anywhere leaves the marks; computing again gives the same. Time passing changes things too: a day that closes
becomes a revision, and the year moves on, without any mark.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from zoneinfo import ZoneInfo

import structlog

from processors.air.computation import AirComputation
from processors.causes import why_longer
from processors.computation import Block, Computation, Moved
from processors.energy.computation import EnergyComputation
from processors.energy.rules import EnergyRules
from processors.keeping import keep_stepping
from processors.plans import Plan
from processors.records.computation import RecordsComputation
from processors.traffic.computation import TrafficComputation
from processors.traffic.rules import TrafficRules, traffic_rules
from processors.water.computation import WaterComputation
from processors.water.validity import Validity, validity
from processors.windows import blocks, civil_day, last_closed_day, period_bounds
from sensors.instants import HOUR_MS
from store.books import ALL_HOURS, Books, BooksUnavailable
from store.events import EVERYWHERE
from store.judgements import (
    Claims,
    Closed,
    Judgement,
    Judgements,
    Key,
    Mark,
    Revision,
    Running,
    Superseded,
    same_verdict,
)
from store.port import ReadingsStore, StoreError

log = structlog.get_logger()

# Chosen: marks claimed at once. Saving them stays one transaction of about 50 ms, and a claim spans days, not years.
CLAIM = 5_000
_IDLE_S = 0.25


class Runner:
    """Computes one plan's indicators from one store, until told to stop."""

    def __init__(
        self,
        store: ReadingsStore,
        books: Books,
        plan: Plan,
        *,
        prepare: Callable[[], None],
        zone: ZoneInfo,
        clock: Callable[[], int],
        variant: str,
        grace_hours: int,
        water: Validity | None = None,
        energy: EnergyRules | None = None,
        traffic: TrafficRules | None = None,
    ) -> None:
        """`prepare` readies the books and may raise BooksUnavailable; `variant` names the practice of the real-time AQI;
        a day or year stays open for `grace_hours` after its end; `water` is how much makes a mean of water (None: as the tables
        have it); `energy` and `traffic` are the rules by which these are judged (None: as shipped)."""
        self._store = store
        self._prepare = prepare
        self._zone = zone
        self._clock = clock
        self._grace_ms = grace_hours * HOUR_MS
        self._claims = Claims(books)
        self._judgements = Judgements(books)
        self._computations: tuple[Computation, ...] = (
            AirComputation(store, books, plan, zone, variant),
            WaterComputation(store, books, plan, zone, water or validity()),
            TrafficComputation(store, books, plan, zone, traffic or traffic_rules()),
            # Before the records: it takes a mark of theirs, and clears it, of a figure on which nothing of them rests.
            EnergyComputation(store, books, zone, energy or EnergyRules()),
            RecordsComputation(books, plan),
        )
        self._longer_as_of: date | None = None

    async def run(self, stopped: asyncio.Event) -> None:
        """Compute what changed, as it changes. What cannot be reached is said once and tried again."""
        await keep_stepping(self.step, self._prepare, stopped, idle_s=_IDLE_S, verb="compute")

    async def step(self) -> bool:
        """One claim of marks, or the periods that closed meanwhile; whether there was anything to do."""
        now = self._clock()
        marks = self._claims.take(now, CLAIM)
        ended = [r.judgement.key for r in self._judgements.running(closed_by=now)]
        as_of = self._last_closed(now)
        if not marks and not ended and self._longer_as_of == as_of:
            return False
        try:
            for computation in self._computations:
                its_marks = [mark for mark in marks if computation.takes(mark.key)]
                its_ended = [key for key in ended if key.indicator in {computation.daily, *computation.longer_codes}]
                if its_marks or its_ended or self._longer_as_of != as_of:
                    await self._compute(computation, its_marks, its_ended, now)
            # Nothing is computed of these: marks of other families and periods, indicators that the plan has no more.
            others = [mark for mark in marks if not any(one.takes(mark.key) for one in self._computations)]
            codes = {code for one in self._computations for code in (one.daily, *one.longer_codes)}
            gone = [key for key in ended if key.indicator not in codes]
            if others or gone:
                self._judgements.save((), (), others, gone)
        except Superseded:
            log.info("another processor was first; computing again")
            self._claims.release(marks)
        except (StoreError, BooksUnavailable):
            self._claims.release(marks)
            raise
        else:
            self._longer_as_of = as_of
        return True

    def _expand(self, of: Computation, marks: Sequence[Mark], ended: Sequence[Key]) -> dict[date, dict[str, set[int]]]:
        """The civil days that the marks touch or are felt on, and those that ended."""
        touched: dict[date, dict[str, set[int]]] = {}
        for key, _ in marks:
            if key.hour == ALL_HOURS:
                for family, station, period in of.touched_by(key):
                    frame = self._store.readings(family, period, -(2**53), 2**53, [station], ())
                    for day in {civil_day(int(at), self._zone) for at in frame["observed_at"].astype("int64").unique()}:
                        touched.setdefault(day, {})[key.station] = set()
            else:
                end = (key.hour + 1) * HOUR_MS
                of_day = touched.setdefault(civil_day(end, self._zone), {})
                # All of its hours are more than this one.
                if of_day.get(key.station) != set():
                    of_day.setdefault(key.station, set()).add(end)
        for day_of in ended:
            if day_of.indicator == of.daily:
                touched.setdefault(date.fromisoformat(day_of.period), {})
        for day, felt in of.felt_on(touched).items():
            of_day = touched.setdefault(day, {})
            for station, hours in felt.items():
                if of_day.get(station) != set():
                    of_day.setdefault(station, set()).update(hours)
        return touched

    async def _compute(self, of: Computation, marks: Sequence[Mark], ended: Sequence[Key], now: int) -> None:
        """Compute and save, block by block; the marks go with the last one, so that a crash before it computes all again."""
        of.begin()
        touched = self._expand(of, marks, ended)
        as_of = self._last_closed(now)
        causes: dict[Key, str] = {}
        moved: set[str] = set()
        parts = list(blocks(sorted(touched))) or [[]]
        for number, part in enumerate(parts, start=1):
            fresh = await self._days(of, part, touched, now)
            newest = self._judgements.newest({judgement.key for judgement in fresh})
            closed, open_ = self._sort_days(of, fresh, newest, touched, now)
            # An open day moves nothing: longer periods are made of closed ones.
            moved |= {c.judgement.key.scope for c in closed}
            # A day whose published value is final keeps it: what was computed is only proposed, and the year does not count it.
            final = {
                c.judgement.key for c in closed if c.before is not None and c.before.finality in {"final", "proposed"}
            }
            causes |= {c.judgement.key: c.reason for c in closed if c.judgement.key not in final}
            if number < len(parts):
                self._judgements.save(closed, open_, ())
            else:
                everything = bool(ended) or self._longer_as_of != as_of
                # What a person decided, and what an attempt before a crash has saved, is not news any more.
                everything |= len(parts) > 1 or any(EVERYWHERE in of_day for of_day in touched.values())
                # An entry of the registry may change what a city or a river is made of, and no day.
                everything |= any(mark.key.hour == ALL_HOURS for mark in marks)
                in_force = [judgement for judgement in fresh if judgement.key not in final]
                news = Moved(set(touched), ended, None if everything else moved, in_force)
                longer = of.longer(news, as_of, now)
                longer_closed, longer_open = self._sort(of, longer, causes, now)
                closed, open_ = [*closed, *longer_closed], [*open_, *longer_open]
                self._judgements.save(closed, open_, marks, ended)
            _tell(of, closed)

    async def _days(self, of: Computation, part: Sequence[date], touched: Mapping[date, Mapping[str, set[int]]],
                    now: int) -> list[Judgement]:  # fmt: skip
        """The daily judgements of consecutive days; what is derived beside is written."""
        if not part:
            return []
        computed: Block = of.days(part, touched, now)
        if computed.derived:
            rejected = await self._store.write(computed.derived)
            if rejected:
                span = f"{part[0]} to {part[-1]}"
                raise RuntimeError(f"the store refuses what we derived of {span}: {rejected[0].why}")
        return computed.judgements

    def _last_closed(self, now: int) -> date:
        """The last day that has closed."""
        return last_closed_day(now, self._grace_ms, self._zone)

    def _sort_days(
        self,
        of: Computation,
        fresh: Sequence[Judgement],
        newest: Mapping[Key, Revision],
        touched: Mapping[date, Mapping[str, set[int]]],
        now: int,
    ) -> tuple[list[Closed], list[Running]]:
        """Daily judgements: of closed days those that say something new, with what changed them; and those of open days."""
        closed, open_ = self._news(fresh, newest, now)
        by_key = {judgement.key: judgement for judgement in fresh}
        told = []
        for judgement, before in closed:
            reason = "the period closed"
            if before is not None:
                its = touched[date.fromisoformat(judgement.key.period)]
                reason = of.why(before.judgement, judgement, its, newest, by_key)
            told.append(Closed(judgement, before, reason))
        return told, open_

    def _sort(
        self, of: Computation, fresh: Sequence[Judgement], causes: Mapping[Key, str], now: int
    ) -> tuple[list[Closed], list[Running]]:
        """Judgements of longer periods, as for days; `causes` are the days that changed, and why. One that rests on others comes
        after them."""
        closed, open_ = self._news(fresh, self._judgements.newest({judgement.key for judgement in fresh}), now)
        known, told = dict(causes), []
        for judgement, before in closed:
            reason = "the period closed"
            if before is not None:
                reason = why_longer(before.judgement, judgement, of.causes_of(judgement, known))
            known[judgement.key] = reason
            told.append(Closed(judgement, before, reason))
        return told, open_

    def _news(
        self, fresh: Sequence[Judgement], newest: Mapping[Key, Revision], now: int
    ) -> tuple[list[tuple[Judgement, Revision | None]], list[Running]]:
        """Of closed periods the judgements that say something new, each with the revision before; and those of open ones."""
        closed: list[tuple[Judgement, Revision | None]] = []
        open_: list[Running] = []
        for judgement in fresh:
            closes_at = self._closes_at(judgement.key.period)
            before = newest.get(judgement.key)
            if now < closes_at:
                open_.append(Running(judgement, closes_at))
            elif before is None or not (same_verdict(before.judgement, judgement) or self._rejected(before, judgement)):
                closed.append((judgement, before))
        return closed, open_

    def _rejected(self, last: Revision, judgement: Judgement) -> bool:
        """Whether a person has said no to just this value of a final period."""
        if last.finality != "final":
            return False
        proposals = [r for r in self._judgements.history(judgement.key) if r.id == last.supersedes]
        return any(r.finality == "proposed" and same_verdict(r.judgement, judgement) for r in proposals)

    def _closes_at(self, period: str) -> int:
        return period_bounds(period, self._zone)[1] + self._grace_ms


def _tell(of: Computation, closed: Sequence[Closed]) -> None:
    """Log what was revised."""
    for judgement, before, reason in closed:
        if before is not None:
            say = log.debug if judgement.key.indicator in of.silent else log.info
            say(
                "revised",
                indicator=judgement.key.indicator,
                scope=judgement.key.scope,
                period=judgement.key.period,
                was=before.judgement.value,
                now=judgement.value,
                why=reason,
            )
