"""The runner: which windows changed since they were last computed; computed again, and saved with their marks cleared.

    marks (books)  → claimed with a lease, once quiet
                   → expanded here, and only here, to hours, civil days and years
    readings       → hourly AQI of stations and the city   → derived series, back into the readings store
                   → daily AQI of stations and the city    ┐ a running value while the period is open, a revision when
                   → the plan's yearly indicators          ┘ it closes and when late data change what was published
                   → one books transaction: judgements saved, marks cleared

A crash anywhere leaves the marks; computing again gives the same. Time passing changes things too: a day that closes
becomes a revision, and the year moves on, without any mark.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import structlog

from processors.air import DAILY_AQI, AirBlock, compute_block, year_judgement
from processors.plans import Plan
from processors.windows import civil_day, day_bounds, year_bounds
from sensors.instants import DAY_MS, HOUR_MS
from store.books import ALL_HOURS, Books, BooksUnavailable
from store.intervals import Intervals
from store.judgements import Claims, Closed, Judgement, Judgements, Key, Mark, Running, Superseded, same_verdict
from store.port import ReadingsStore, StoreError

log = structlog.get_logger()

# Chosen: marks claimed at once. Saving them stays one transaction of about 50 ms, and a claim spans days, not years.
CLAIM = 5_000
# Chosen: days computed at once: a month of a thousand stations is 744,000 rows, some 100 MB.
BLOCK_DAYS = 31
_IDLE_S = 0.25
_RETRY_S = 5.0


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
        as_of = civil_day(now - self._grace_ms, self._zone)
        if not marks and not ended and self._years_as_of == as_of:
            return False
        try:
            hours, days = self._expand(marks)
            days |= {date.fromisoformat(key.period) for key in ended if key.indicator == DAILY_AQI}
            await self._compute(hours, days, marks, ended, now)
        except Superseded:
            log.info("another processor was first; computing again")
            self._claims.release(marks)
        except (StoreError, BooksUnavailable):
            self._claims.release(marks)
            raise
        else:
            self._years_as_of = as_of
        return True

    def _expand(self, marks: Sequence[Mark]) -> tuple[set[int], set[date]]:
        """The hour ends [ms] and civil days that the marks touch: of air, hourly; other families have no indicator yet."""
        hours: set[int] = set()
        for key, _ in marks:
            if key.family != "air" or key.period != "hour":
                continue
            if key.hour == ALL_HOURS:
                frame = self._store.readings("air", "hour", -(2**53), 2**53, [key.station], ())
                hours.update(int(at) for at in frame["observed_at"].astype("int64"))
            else:
                hours.add((key.hour + 1) * HOUR_MS)
        return hours, {civil_day(end, self._zone) for end in hours}

    async def _compute(
        self, hours: set[int], days: set[date], marks: Sequence[Mark], ended: Sequence[Key], now: int
    ) -> None:
        """Compute and save; the marks go with the last block, so that a crash before it computes everything again."""
        registry, intervals = self._books.registry(), self._intervals.all("air")
        fresh: list[Judgement] = []
        for block in _blocks(sorted(days)):
            start, end = day_bounds(block[0], self._zone)[0], day_bounds(block[-1], self._zone)[1]
            computed: AirBlock = compute_block(
                self._store,
                registry,
                block,
                self._zone,
                variant=self._variant,
                hours=hours,
                now=now,
                intervals=intervals,
            )
            if computed.derived:
                rejected = await self._store.write(computed.derived)
                if rejected:
                    raise RuntimeError(f"the store refuses what we derived from ({start}, {end}]: {rejected[0].why}")
            fresh += computed.judgements
        closed, open_ = self._sort(fresh, now)
        # A day whose published value is final keeps it: what was computed is only proposed, and the year does not count it.
        final = {c.judgement.key for c in closed if c.before is not None and c.before.finality != "provisional"}
        in_force = [judgement for judgement in fresh if judgement.key not in final]
        years = {day.year for day in days} | {civil_day(now - self._grace_ms, self._zone).year}
        years |= {int(key.period) for key in ended if len(key.period) == 4}
        of_years = [judgement for year in sorted(years) for judgement in self._judge_year(year, in_force, now)]
        years_closed, years_open = self._sort(of_years, now)
        self._judgements.save([*closed, *years_closed], [*open_, *years_open], marks, ended)
        for judgement, before, reason in [*closed, *years_closed]:
            if before is not None:
                log.info(
                    "revised",
                    indicator=judgement.key.indicator,
                    scope=judgement.key.scope,
                    period=judgement.key.period,
                    was=before.judgement.value,
                    now=judgement.value,
                    why=reason,
                )

    def _judge_year(self, year: int, fresh: Iterable[Judgement], now: int) -> list[Judgement]:
        """The plan's indicators of a year, from its city days: those just computed over those in the books."""
        first, last = f"{year}-01-01", f"{year}-12-31"
        found = {
            r.judgement.key.period: r.judgement
            for r in self._judgements.latest(DAILY_AQI, scope="city", first=first, last=last)
        }
        found |= {
            j.key.period: j
            for j in fresh
            if j.key.indicator == DAILY_AQI and j.key.scope == "city" and first <= j.key.period <= last
        }
        start, end = year_bounds(year, self._zone)
        until = civil_day(min(now - self._grace_ms, end), self._zone)
        last_closed = until if now - self._grace_ms >= day_bounds(until, self._zone)[1] else until - timedelta(days=1)
        days = [date(year, 1, 1) + timedelta(days=n) for n in range((last_closed - date(year, 1, 1)).days + 1)]
        return [
            year_judgement(indicator, year, days, found, length=(end - start) // DAY_MS, now=now)
            for indicator in self._plan.indicators
            if days and start < now
        ]

    def _sort(self, fresh: Sequence[Judgement], now: int) -> tuple[list[Closed], list[Running]]:
        """Judgements of open periods, and of closed ones those that say something new."""
        newest = self._judgements.newest({j.key for j in fresh})
        closed: list[Closed] = []
        open_: list[Running] = []
        for judgement in fresh:
            closes_at = self._closes_at(judgement.key.period)
            if now < closes_at:
                open_.append(Running(judgement, closes_at))
                continue
            before = newest.get(judgement.key)
            if before is None:
                closed.append(Closed(judgement, None, "the period closed"))
            elif not same_verdict(before.judgement, judgement):
                closed.append(Closed(judgement, before, "readings of the period changed after it was published"))
        return closed, open_

    def _closes_at(self, period: str) -> int:
        end = (
            year_bounds(int(period), self._zone)[1]
            if len(period) == 4
            else day_bounds(date.fromisoformat(period), self._zone)[1]
        )
        return end + self._grace_ms


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
