"""One channel's notices to its receiver, one after the other: tries with back-off, rates, digests, giving up.

A try holds the notice's lease, which is longer than a try may take; what the receiver took is written down after it did, so that
a crash between repeats it with the same uid. Where the receiver fails, the channel waits, longer each time, and other notices
are tried before those that failed: one that it never takes holds up no other. Of one incident the order stays.

What is over the channel's rate waits, and goes as one digest with all that waits then.
"""

import asyncio
import random
import threading
from collections.abc import Callable, Sequence, Set

import structlog

from processors.alerts.clauses import SEVERITIES
from processors.alerts.notify.channels import Message, NotSentError, Receiver, deliver
from processors.alerts.notify.config import Channel, Delivery
from processors.alerts.notify.texts import Head, render_digest, signed
from store.notice_tries import Tries, Waiting
from store.notices import Notice, NoticeDraft

log = structlog.get_logger()

# Chosen: more than any morning's storm; what is beyond waits for the next look.
_MOST_WAITING = 1_000
# Chosen: tries after one look at what waits; soon enough looked at again.
_MOST_IN_ROUND = 20
# Chosen: tries that hang in spite of every timeout (an answer that trickles); more are not begun.
_MOST_HANGING = 3
# Chosen: a server that asks for more than an hour is asked again after one.
_LONGEST_ASKED_S = 3_600.0

Of = Set[tuple[int, str]]
"""Incidents, of each the person that is told."""


class Desk:
    """Delivers the notices of one channel."""

    def __init__(
        self,
        channel: Channel,
        receiver: Receiver,
        tries: Tries,
        times: Delivery,
        *,
        holder: str,
        clock: Callable[[], int],
        chance: random.Random,
    ) -> None:
        """`holder` names this process among those that deliver; `chance` spreads the tries of several."""
        self._channel = channel
        self._receiver = receiver
        self._tries = tries
        self._times = times
        self._lease_ms = round(times.lease_s * 1000)
        self._holder = holder
        self._clock = clock
        self._chance = chance
        self._failures = 0
        self._hanging: list[threading.Thread] = []
        self._stopped = False
        self.resumes_at = 0
        """Until then [ms] nothing is tried."""

    async def work(self) -> None:
        """Deliver what can be now. Raises BooksUnavailable."""
        while not self._stopped and self._clock() >= self.resumes_at and await self._round():
            pass

    def stop(self) -> None:
        """Begin no further try."""
        self._stopped = True

    async def _round(self) -> bool:
        """Try some notices, or a digest; whether there was anything that can be tried now."""
        now = self._clock()
        all_waiting = self._tries.waiting(self._channel.name, _MOST_WAITING)
        digests = any(one.what == "digest" for one in all_waiting)
        behind = self._tries.in_digests(self._channel.name) if digests else frozenset()
        ready = firsts(all_waiting, now, behind)
        if not ready:
            return False
        most = _MOST_IN_ROUND
        if self._channel.is_for_people:
            window = round(self._times.rate_window_s * 1000)
            gone = self._tries.sent_since(self._channel.name, now - window, self._channel.most_per_min)
            free = self._channel.most_per_min - len(gone)
            if free <= 0:
                self.resumes_at = gone[-self._channel.most_per_min] + window
                return False
            together = digestible(all_waiting, now, behind)
            if free == 1 and len(together) > 1 and ready[0].what != "digest":
                return await self._digest(together, now)
            # The last of the rate is for a digest, where not all of them fit.
            most = min(most, max(1, free if len(together) <= free else free - 1))
        for one in ready[:most]:
            now = self._clock()
            if self._stopped or now < self.resumes_at:
                break
            taken = self._tries.take(one.id, self._holder, now, now + self._lease_ms)
            if taken is None:
                break  # somebody else delivers: look again
            await self._try(taken)
        return True

    async def _digest(self, together: Sequence[Waiting], now: int) -> bool:
        """All of these as one."""
        until = now + self._lease_ms
        text = render_digest([Head(one.title, one.severity) for one in together], self._channel.language)
        worst = max((one.severity for one in together), key=list[str](SEVERITIES).index)
        name = self._channel.name
        draft = NoticeDraft(
            f"digest {together[0].id}", name, "", 0, "digest", worst, text.title, text.body, {"notices": len(together)}
        )
        made = self._tries.digest(together, draft, self._holder, now, until)
        if made is not None:
            await self._try(made)
        return True

    async def _try(self, notice: Notice) -> None:
        """One try, and what became of it into the books."""
        try:
            await self._send(message_of(notice, self._channel))
        except NotSentError as error:
            self._failed(notice, error)
            return
        self._tries.sent(notice, self._holder, self._clock())
        if self._failures:
            log.info("a channel takes notices again", channel=self._channel.name)
        self._failures = 0

    async def _send(self, message: Message) -> None:
        """In a thread of its own, that is left alone when its time is over. Raises NotSentError."""
        self._hanging = [thread for thread in self._hanging if thread.is_alive()]
        if len(self._hanging) >= _MOST_HANGING:
            raise NotSentError(f"{self._receiver.shown}: {len(self._hanging)} earlier tries still hang")
        loop, timeout_s = asyncio.get_running_loop(), self._times.timeout_s
        ended: asyncio.Future[None] = loop.create_future()

        def end(error: BaseException | None) -> None:
            if not ended.done():
                ended.set_result(None) if error is None else ended.set_exception(error)

        def run() -> None:
            error: BaseException | None = None
            try:
                deliver(self._receiver, message, timeout_s)
            except BaseException as raised:  # noqa: BLE001 - it is the loop's, which waits for it
                error = raised
            if not loop.is_closed():
                loop.call_soon_threadsafe(end, error)

        thread = threading.Thread(target=run, daemon=True, name=f"notify {self._channel.name}")
        thread.start()
        try:
            await asyncio.wait_for(ended, timeout_s)
        except TimeoutError:
            self._hanging.append(thread)
            raise NotSentError(f"{self._receiver.shown}: no answer within {timeout_s:g} s") from None

    def _failed(self, notice: Notice, error: NotSentError) -> None:
        """Wait with it, and with the channel; give it up where its time is over."""
        now, name = self._clock(), self._channel.name
        self._failures += 1
        asked_s = min(error.retry_after_s or 0.0, _LONGEST_ASKED_S)
        self.resumes_at = now + round(1000 * max(asked_s, self._wait_s(self._failures)))
        ends_at = notice.made_at + round(self._times.give_up_min * 60_000)
        if now >= ends_at:
            self._tries.give_up(notice, self._holder, error=str(error), now=now)
            log.error("a notice is given up", channel=name, notice=notice.id, incident=notice.incident, why=str(error))
            return
        due_at = now + round(1000 * max(asked_s, self._wait_s(notice.tries + 1)))
        self._tries.failed(notice, self._holder, error=str(error), due_at=min(due_at, ends_at))
        if self._failures == 1:
            log.warning("a channel does not take notices; they are tried again", channel=name, why=str(error))

    def _wait_s(self, tries: int) -> float:
        """Before the next try, after so many: doubled each time, and spread."""
        bound_s = min(self._times.most_retry_s, self._times.first_retry_s * 2.0 ** min(tries - 1, 30))
        return bound_s * self._chance.uniform(0.5, 1.0)


def firsts(waiting: Sequence[Waiting], now: int, behind: Of = frozenset()) -> list[Waiting]:
    """Of notices in order of number those that can be tried at `now` [ms], of each incident and person the first one only, and
    none of those whose earlier ones are in a digest that waits (`behind`); those that were tried less before those that were
    tried more."""
    found: list[Waiting] = []
    seen = set(behind)
    for one in waiting:
        key = one.incident, one.person
        if _is_free(one, now) and (not one.incident or key not in seen):
            found.append(one)
        seen.add(key)
    return sorted(found, key=lambda one: one.tries)


def digestible(waiting: Sequence[Waiting], now: int, behind: Of = frozenset()) -> list[Waiting]:
    """Those that can go into one notice at `now` [ms]: none of whose incident an earlier one has still to come, by itself or in a
    digest (`behind`)."""
    found: list[Waiting] = []
    blocked = set(behind)
    for one in waiting:
        key = one.incident, one.person
        if not _is_free(one, now) or one.what == "digest":
            blocked.add(key)
        elif not one.incident or key not in blocked:
            found.append(one)
    return found


def _is_free(one: Waiting, now: int) -> bool:
    return one.due_at <= now and one.leased_until <= now


def message_of(notice: Notice, channel: Channel) -> Message:
    """What is delivered of a stored notice."""
    body = signed(notice.body, notice.uid, channel.language)
    return Message(notice.uid, notice.what, notice.severity, notice.incident, notice.title, body, notice.facts)
