"""The runner: which windows changed since they were last computed; computed again, and saved with their marks cleared.

    marks (books)  → claimed with a lease, once quiet
                   → expanded here, and only here, to hours, civil days and years
    readings       → hourly AQI of stations and the city   → derived series, back into the readings store
                   → daily AQI of stations, districts, city  ┐ a running value while the period is open, a revision when
                   → statistics of months, quarters, years   │ it closes and when late data change what was published
                   → the plan's yearly indicators            ┘
                   → one books transaction: judgements saved, marks cleared

A crash anywhere leaves the marks; computing again gives the same. Time passing changes things too: a day that closes
becomes a revision, and the year moves on, without any mark.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import structlog

from processors.air import DAILY_AQI, AirBlock, compute_block, scopes
from processors.air_statistics import AIR_STATISTICS, period_judgement
from processors.air_year import year_judgement
from processors.causes import why_day, why_longer
from processors.plans import Plan
from processors.windows import (
    civil_day,
    day_bounds,
    days_between,
    hours_of_day,
    period_bounds,
    period_days,
    periods_of,
)
from sensors.instants import HOUR_MS
from sensors.stations import Registry
from store.books import ALL_HOURS, Books, BooksUnavailable
from store.events import EVERYWHERE, Event, Events
from store.intervals import Interval, Intervals
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
# Chosen: days computed at once: a month of a thousand stations is 744,000 rows, some 100 MB.
BLOCK_DAYS = 31
# Chosen: years before that a forecast of a year looks at; what is older says little of the air of today.
FORECAST_YEARS = 10
_IDLE_S = 0.25
_RETRY_S = 5.0


Touched = dict[date, dict[str, set[int]]]
"""By civil day and station the hour ends [ms] that were written; empty for a station all of whose hours were."""


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
    ) -> None:
        """`prepare` readies the books and may raise BooksUnavailable; `variant` names the practice of the real-time AQI;
        a day or year stays open for `grace_hours` after its end."""
        self._store = store
        self._books = books
        self._plan = plan
        self._prepare = prepare
        self._zone = zone
        self._clock = clock
        self._variant = variant
        self._grace_ms = grace_hours * HOUR_MS
        self._claims = Claims(books)
        self._judgements = Judgements(books)
        self._intervals = Intervals(books)
        self._events = Events(books)
        self._years_as_of: date | None = None

    async def run(self, stopped: asyncio.Event) -> None:
        """Compute what changed, as it changes. What cannot be reached is said once and tried again."""
        prepared, failure = False, None
        while not stopped.is_set():
            wait_s = _IDLE_S
            try:
                if not prepared:
                    self._prepare()
                    prepared = True
                if await self.step():
                    wait_s = 0.0
                if failure is not None:
                    log.info("computing again")
                failure = None
            except (StoreError, BooksUnavailable) as error:
                wait_s = _RETRY_S
                if failure != str(error):
                    log.error("cannot compute; the marks stay", why=str(error), next_try_s=wait_s)
                failure = str(error)
            try:
                await asyncio.wait_for(stopped.wait(), wait_s)
            except TimeoutError:
                continue

    async def step(self) -> bool:
        """One claim of marks, or the periods that closed meanwhile; whether there was anything to do."""
        now = self._clock()
        marks = self._claims.take(now, CLAIM)
        ended = [r.judgement.key for r in self._judgements.running(closed_by=now)]
        as_of = self._last_closed(now)
        if not marks and not ended and self._years_as_of == as_of:
            return False
        try:
            touched = self._expand(marks)
            for key in ended:
                if key.indicator == DAILY_AQI:
                    touched.setdefault(date.fromisoformat(key.period), {})
            await self._compute(touched, marks, ended, now)
        except Superseded:
            log.info("another processor was first; computing again")
            self._claims.release(marks)
        except (StoreError, BooksUnavailable):
            self._claims.release(marks)
            raise
        else:
            self._years_as_of = as_of
        return True

    def _expand(self, marks: Sequence[Mark]) -> Touched:
        """The civil days that the marks touch, of air, hourly; other families have no indicator yet."""
        touched: Touched = {}
        for key, _ in marks:
            if key.family != "air" or key.period != "hour":
                continue
            if key.hour == ALL_HOURS:
                frame = self._store.readings("air", "hour", -(2**53), 2**53, [key.station], ())
                for day in {civil_day(int(at), self._zone) for at in frame["observed_at"].astype("int64").unique()}:
                    touched.setdefault(day, {})[key.station] = set()
            else:
                end = (key.hour + 1) * HOUR_MS
                of_day = touched.setdefault(civil_day(end, self._zone), {})
                # All of its hours are more than this one.
                if of_day.get(key.station) != set():
                    of_day.setdefault(key.station, set()).add(end)
        return touched

    async def _compute(self, touched: Touched, marks: Sequence[Mark], ended: Sequence[Key], now: int) -> None:
        """Compute and save, block by block; the marks go with the last one, so that a crash before it computes all again."""
        registry = self._books.registry()
        intervals, events = self._intervals.all("air"), self._events.all("air")
        causes: dict[Key, str] = {}
        moved: set[str] = set()
        blocks = list(_blocks(sorted(touched))) or [[]]
        for number, block in enumerate(blocks, start=1):
            fresh = await self._block(block, touched, registry, intervals, events, now)
            newest = self._judgements.newest({judgement.key for judgement in fresh})
            closed, open_ = self._sort_days(fresh, newest, touched, now)
            # An open day moves nothing: longer periods are made of closed ones.
            moved |= {c.judgement.key.scope for c in closed}
            # A day whose published value is final keeps it: what was computed is only proposed, and the year does not count it.
            final = {
                c.judgement.key for c in closed if c.before is not None and c.before.finality in {"final", "proposed"}
            }
            causes |= {c.judgement.key: c.reason for c in closed if c.judgement.key not in final}
            if number < len(blocks):
                self._judgements.save(closed, open_, ())
            else:
                in_force = [judgement for judgement in fresh if judgement.key not in final]
                everything = bool(ended) or self._years_as_of != self._last_closed(now)
                # What a person decided, and what an attempt before a crash has saved, is not news any more.
                everything |= len(blocks) > 1 or any(EVERYWHERE in of_day for of_day in touched.values())
                of = [scope for scope in scopes(registry) if everything or scope in moved]
                longer = self._longer(touched, ended, of, in_force, now)
                longer_closed, longer_open = self._sort(longer, causes, now)
                closed, open_ = [*closed, *longer_closed], [*open_, *longer_open]
                self._judgements.save(closed, open_, marks, ended)
            for judgement, before, reason in closed:
                if before is not None:
                    # Statistics follow their days, many at a time.
                    say = log.debug if judgement.key.indicator == AIR_STATISTICS else log.info
                    say(
                        "revised",
                        indicator=judgement.key.indicator,
                        scope=judgement.key.scope,
                        period=judgement.key.period,
                        was=before.judgement.value,
                        now=judgement.value,
                        why=reason,
                    )

    async def _block(
        self,
        block: Sequence[date],
        touched: Touched,
        registry: Registry,
        intervals: Sequence[Interval],
        events: Sequence[Event],
        now: int,
    ) -> list[Judgement]:
        """The daily judgements of consecutive days; their hourly indices are written."""
        if not block:
            return []
        hours = {
            end for day in block for ends in touched[day].values() for end in (ends or hours_of_day(day, self._zone))
        }
        computed: AirBlock = compute_block(
            self._store, registry, block, self._zone, variant=self._variant, hours=hours, now=now, intervals=intervals,
            events=events,
        )  # fmt: skip
        if computed.derived:
            rejected = await self._store.write(computed.derived)
            if rejected:
                span = f"{block[0]} to {block[-1]}"
                raise RuntimeError(f"the store refuses what we derived of {span}: {rejected[0].why}")
        return computed.judgements

    def _longer(
        self, touched: Iterable[date], ended: Sequence[Key], of: Sequence[str], fresh: Sequence[Judgement], now: int
    ) -> list[Judgement]:
        """Statistics and the plan's indicators of the periods that have one of the days in them, or ended, or are running: from
        the scope's days, those just computed over those in the books."""
        as_of = self._last_closed(now)
        periods = {period for day in [*touched, as_of] for period in periods_of(day)}
        periods |= {key.period for key in ended if key.indicator != DAILY_AQI}
        found: list[Judgement] = []
        for year in sorted({period[:4] for period in periods}):
            first, last = period_days(year)
            for scope in of:
                its_days = {
                    r.judgement.key.period: r.judgement
                    for r in self._judgements.latest(
                        DAILY_AQI, scope=scope, first=first.isoformat(), last=last.isoformat()
                    )
                }
                its_days |= {
                    j.key.period: j
                    for j in fresh
                    if (j.key.indicator, j.key.scope) == (DAILY_AQI, scope) and j.key.period[:4] == year
                }
                for period in sorted(each for each in periods if each[:4] == year):
                    judged = period_judgement(scope, period, its_days, last_closed=as_of, now=now)
                    found += [] if judged is None else [judged]
                found += [
                    year_judgement(
                        indicator,
                        int(year),
                        days,
                        its_days,
                        earlier=self._earlier(scope, int(year)),
                        length=(last - first).days + 1,
                        now=now,
                    )
                    for indicator in self._plan.indicators
                    if indicator.scope == scope and (days := days_between(first, min(last, as_of)))
                ]
        return found

    def _earlier(self, scope: str, year: int) -> dict[str, str]:
        """The statuses of the scope's days in the years before, as far back as a forecast looks."""
        return self._judgements.statuses(DAILY_AQI, scope, f"{year - FORECAST_YEARS}-01-01", f"{year - 1}-12-31")

    def _last_closed(self, now: int) -> date:
        """The last day that has closed."""
        day = civil_day(now - self._grace_ms, self._zone)
        return day if now - self._grace_ms >= day_bounds(day, self._zone)[1] else day - timedelta(days=1)

    def _sort_days(
        self, fresh: Sequence[Judgement], newest: Mapping[Key, Revision], touched: Touched, now: int
    ) -> tuple[list[Closed], list[Running]]:
        """Daily judgements: of closed days those that say something new, with what changed them; and those of open days."""
        closed, open_ = self._news(fresh, newest, now)
        stations_before = {
            (key.scope, key.period): revision.judgement
            for key, revision in newest.items()
            if key.scope.startswith("station:")
        }
        stations_now = {(j.key.scope, j.key.period): j for j in fresh if j.key.scope.startswith("station:")}
        told: list[Closed] = []
        for judgement, before in closed:
            if before is None:
                told.append(Closed(judgement, None, "the period closed"))
                continue
            day = judgement.key.period
            hours = {
                station: len(ends) or len(hours_of_day(date.fromisoformat(day), self._zone))
                for station, ends in touched[date.fromisoformat(day)].items()
                if station in {*judgement.stations, *before.judgement.stations} and station != EVERYWHERE
            }
            had = {s: stations_before[f"station:{s}", day] for s in hours if (f"station:{s}", day) in stations_before}
            has = {s: stations_now[f"station:{s}", day] for s in hours if (f"station:{s}", day) in stations_now}
            told.append(Closed(judgement, before, why_day(before.judgement, judgement, hours, had, has)))
        return told, open_

    def _sort(
        self, fresh: Sequence[Judgement], causes: Mapping[Key, str], now: int
    ) -> tuple[list[Closed], list[Running]]:
        """Judgements of longer periods, as for days; `causes` are the days that were revised, and why."""
        closed, open_ = self._news(fresh, self._judgements.newest({judgement.key for judgement in fresh}), now)
        told: list[Closed] = []
        for judgement, before in closed:
            reason = "the period closed"
            if before is not None:
                first, last = (day.isoformat() for day in period_days(judgement.key.period))
                days = [
                    (key.period, cause)
                    for key, cause in sorted(causes.items())
                    if key.scope == judgement.key.scope and first <= key.period <= last
                ]
                reason = why_longer(before.judgement, judgement, days)
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


def _blocks(days: Sequence[date]) -> Iterable[list[date]]:
    """Days in runs of consecutive ones, each at most BLOCK_DAYS long."""
    block: list[date] = []
    for day in days:
        if block and (day - block[-1] > timedelta(days=1) or len(block) >= BLOCK_DAYS):
            yield block
            block = []
        block.append(day)
    if block:
        yield block
