"""The notifier: what the log of incidents says anew, to whom it is told, and each channel's notices to its receiver.

    log (books)   → planning.py → notices, ladders, what is withheld, and the cursor: one transaction
    notices       → delivery.py, a task for each channel, so that one that hangs holds up no other

What was written to the log more than a day before a notifier first ran on these books is told to nobody.
"""

import asyncio
import random
import secrets
from collections.abc import Callable, Mapping, Sequence
from zoneinfo import ZoneInfo

import structlog

from processors.alerts.notify.channels import Receiver
from processors.alerts.notify.config import Directory
from processors.alerts.notify.delivery import Desk
from processors.alerts.notify.planning import City, Known, Planner
from processors.alerts.rules import Rule
from processors.keeping import keep_stepping
from sensors.instants import DAY_MS
from store.books import Books
from store.incidents import Incidents
from store.judgements import Superseded
from store.notice_tries import Tries
from store.notices import Ladder, Line, Outbox, Withheld
from store.silences import Silences

log = structlog.get_logger()

_IDLE_S = 0.1
# Chosen: a transaction stays short, a storm of a thousand takes a second.
_MOST_LINES = 50
# Chosen: a silence that ends, or a wider incident, is felt within seconds.
_LOOK_AGAIN_MS = 3_000


class Notifier:
    """Tells people, until told to stop."""

    def __init__(
        self,
        books: Books,
        directory: Directory,
        receivers: Mapping[str, Receiver],
        rules: Mapping[str, Rule],
        *,
        prepare: Callable[[], None],
        zone: ZoneInfo,
        clock: Callable[[], int],
        chance: random.Random,
    ) -> None:
        """`receivers`: one for each channel of the directory, by name. `prepare` readies the books and may raise
        BooksUnavailable."""
        self._books = books
        self._city = City(directory, rules, zone)
        self._prepare = prepare
        self._clock = clock
        self._outbox = Outbox(books)
        self._tries = Tries(books)
        self._incidents = Incidents(books)
        self._silences = Silences(books)
        self._looked_at = 0
        self._holder = secrets.token_hex(8)
        self._desks = {
            name: Desk(
                channel,
                receivers[name],
                self._tries,
                directory.delivery,
                holder=self._holder,
                clock=clock,
                chance=chance,
            )
            for name, channel in directory.channels.items()
        }
        self._busy: dict[str, asyncio.Task[None]] = {}

    async def run(self, stopped: asyncio.Event) -> None:
        """Tell what happens, as it is written. What cannot be reached is said once and tried again; tries that are under way
        at the end are waited for."""
        try:
            await keep_stepping(self.step, self._prepare, stopped, idle_s=_IDLE_S, verb="notify")
        finally:
            for desk in self._desks.values():
                desk.stop()
            await self.under_way()
            for task in self._busy.values():
                task.cancel()

    async def step(self) -> bool:
        """Decide, and set the channels to work; whether there was anything to decide. Raises BooksUnavailable."""
        planned = self.plan()
        self._deliver()
        return planned

    async def under_way(self) -> None:
        """Until the channels have done what they can now, or a try would be over."""
        if self._busy:
            await asyncio.wait(self._busy.values(), timeout=self._city.directory.delivery.timeout_s)

    def plan(self) -> bool:
        """Decide what the log says anew, and what time has made due; whether there was anything. Raises BooksUnavailable:
        nothing was written."""
        now, cursor = self._clock(), self._outbox.cursor()
        if cursor is None:
            self._outbox.begin(now - DAY_MS)
            return True
        lines = self._outbox.lines(cursor, _MOST_LINES)
        due = self._outbox.due_ladders(now, _MOST_LINES)
        looks_again = now - self._looked_at >= _LOOK_AGAIN_MS
        if not lines and not due and not looks_again:
            return False
        held = self._outbox.withheld()
        if lines or due or held:
            self._decide(cursor, lines, due, held, now)
        self._looked_at = now
        return bool(lines or due)

    def _decide(
        self, cursor: int, lines: Sequence[Line], due: Sequence[Ladder], held: Sequence[Withheld], now: int
    ) -> None:
        planner = Planner(self._city, self._known(lines, due, held, now), held)
        if self._city.directory.channel:
            for line in lines:
                planner.line(line)
            for one in held:
                planner.again(one)
        for ladder in due:
            planner.next_step(ladder)
        if planner.is_empty and not lines:
            return
        try:
            self._outbox.save(planner.plan(lines[-1].id if lines else cursor), knowing=cursor, now=now)
        except Superseded:
            log.info("another notifier was first; looking again")

    def _known(self, lines: Sequence[Line], due: Sequence[Ladder], held: Sequence[Withheld], now: int) -> Known:
        numbers = {one.incident for one in lines} | {one.incident for one in due} | {one.incident for one in held}
        incidents = self._incidents.some(numbers)
        rules = [
            self._city.rules[code] for code in {one.rule for one in incidents.values()} if code in self._city.rules
        ]
        holding = self._incidents.holding({wider for rule in rules for wider in rule.inhibited_by})
        grouped = self._incidents.grouped({one.group_id for one in incidents.values() if one.group_id is not None})
        told, silences = self._outbox.told(numbers), self._silences.all(since=now)
        return Known(now, incidents, holding, grouped, told, silences, self._books.registry())

    def _deliver(self) -> None:
        """Set every channel to work for which something waits. Raises what a channel's work raised."""
        for name, task in list(self._busy.items()):
            if task.done():
                del self._busy[name]
                task.result()
        now = self._clock()
        for name in self._tries.due(now):
            desk = self._desks.get(name)
            if desk is None:
                self._give_up(name, now)
            elif name not in self._busy and now >= desk.resumes_at:
                self._busy[name] = asyncio.create_task(desk.work(), name=f"notify {name}")

    def _give_up(self, name: str, now: int) -> None:
        """Of a channel that is none any more."""
        for waiting in self._tries.waiting(name, _MOST_LINES):
            notice = self._tries.take(waiting.id, self._holder, now, now + 1)
            if notice is not None:
                self._tries.give_up(notice, self._holder, error=f"{name} is no channel of the file any more", now=now)
                log.error("a notice is given up: its channel is none any more", channel=name, notice=notice.id)
