"""Replays: the dead letters that people ask for are judged again and stored by ingest, between its batches.

By ingest and nobody else, because a store assumes one writer per series, and keeps in the journal what a crash must not take.
A slice at a time, so that fresh data are not held up, whatever there is to replay. The order of steps is that of settling:
    1. readings into the store (idempotent, the greater version wins)
    2. one books transaction: what became of the letters, changed windows, unknown stations, how far the request is done
A crash between the two repeats the slice without a trace. Trouble with store or books leaves the request as it is; it is
tried again with a back-off of its own, for what is asked of old data may fail while fresh data are taken.
"""

import asyncio
from collections.abc import Callable, Sequence

import structlog

from ingest.backoff import Backoff
from ingest.intake import MAX_REFUSALS_SHOWN, Intake, changed_by
from ingest.journal import JournalError
from ingest.rework import rework, store_refusal
from sensors.refusals import Refusal
from sensors.sources import Sources
from store.books import Books, BooksUnavailable
from store.letters import Letters, StoredDeadLetter
from store.port import ReadingsStore, StoreMisconfigured, StoreUnavailable
from store.replays import LostClaim, ReplayRequest, Replays

log = structlog.get_logger()

# Chosen: a slice keeps the event loop busy for about 50 ms at most, as one settling does.
_SLICE_LETTERS = 100
_SLICE_BYTES = 1 << 20


class Replayer:
    """Works off replay requests in the name of a journal, one slice per turn."""

    def __init__(
        self, books: Books, store: ReadingsStore, journal: str, clock: Callable[[], int], sources: Sources
    ) -> None:
        self._books = books
        self._letters = Letters(books)
        self._replays = Replays(books)
        self._store = store
        self._journal = journal
        self._clock = clock
        self._sources = sources
        self._request: ReplayRequest | None = None
        self._backoff = Backoff()
        self._failure: str | None = None
        self._due_s = 0.0
        self.waiting = True
        """There may be something to do now."""

    def look(self) -> None:
        """See whether somebody has asked. Raises BooksUnavailable."""
        if asyncio.get_running_loop().time() >= self._due_s:
            self.waiting = self._replays.waiting(self._journal, self._clock())

    async def turn(self, intake: Intake) -> None:
        """Do one slice, where there is one. Raises StaleRegistry: nothing is booked, come again with a new intake."""
        try:
            self._request = self._request or self._replays.claim(self._journal, self._clock())
            if self._request is None:
                self.waiting = False
                return
            self._request = await self._slice(self._request, intake)
        except LostClaim:
            self._request = None
        except (StoreUnavailable, StoreMisconfigured, BooksUnavailable, JournalError) as error:
            self._wait(str(error), getattr(error, "retry_after_s", None))
        else:
            self._backoff, self._failure = Backoff(), None

    async def _slice(self, request: ReplayRequest, intake: Intake) -> ReplayRequest | None:
        """One slice of a request; what is left of it, None when it is done."""
        page = self._letters.page(request.chosen, after=request.last_id, most=_SLICE_LETTERS, most_bytes=_SLICE_BYTES)
        page = [stored for stored in page if stored.id <= request.upto]
        origins = self._origins_of(page)
        reworks = [rework(stored, intake, origins.get((stored.journal, stored.letter.topic), 0)) for stored in page]
        readings = [reading for each in reworks for reading in each.readings]
        letter_of = [number for number, each in enumerate(reworks) for _ in each.readings]
        rejected = await self._store.write(readings, in_order=False) if readings else ()
        why: dict[int, list[Refusal]] = {number: list(each.refusals) for number, each in enumerate(reworks)}
        for r in rejected:
            why[letter_of[r.index]].append(store_refusal(readings[r.index], r.why))
        refused_readings = {r.index for r in rejected}
        changed, earliest = changed_by([r for index, r in enumerate(readings) if index not in refused_readings])
        after = self._replays.save(
            request,
            self._journal,
            [page[number] for number, refusals in why.items() if not refusals],
            [_with_reasons(page[number], refusals) for number, refusals in why.items() if refusals],
            registry_version=intake.registry.version,
            changed=changed,
            earliest=earliest,
            unknown=[(each.stored.letter.received_at, each.unknown) for each in reworks if each.unknown],
            now=self._clock(),
        )
        if after.state == "open":
            return after
        log.info("replayed", request=after.id, who=after.who, replayed=after.replayed, refused_again=after.refused)
        return None

    def _origins_of(self, page: Sequence[StoredDeadLetter]) -> dict[tuple[str, str], int]:
        """The books' numbers of the letters' journals and topics."""
        topics: dict[str, set[str]] = {}
        for stored in page:
            if self._sources.takes(stored.letter.topic):
                topics.setdefault(stored.journal, set()).add(stored.letter.topic)
        return {
            (journal, topic): number
            for journal, its in topics.items()
            for topic, number in self._books.origins_of(journal, its).items()
        }

    def _wait(self, error: str, asked_s: float | None) -> None:
        wait_s = self._backoff.next_s(asked_s)
        self._due_s = asyncio.get_running_loop().time() + wait_s
        self.waiting = False
        if self._failure != error:
            log.error("cannot replay; the request is kept", why=error, next_try_s=round(wait_s, 1))
            self._failure = error


def _with_reasons(stored: StoredDeadLetter, refusals: Sequence[Refusal]) -> StoredDeadLetter:
    return stored._replace(letter=stored.letter._replace(refusals=tuple(refusals[:MAX_REFUSALS_SHOWN])))
