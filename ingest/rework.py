"""Reworking a dead letter: judge the refused message again, as of its own receipt, with today's registry and settings.

Out of order by nature: what was written since may be newer, so the store keeps the greater version of each quantity.
"""

from collections.abc import Callable

from ingest.intake import Intake, marks_of
from ingest.journal import JournalBatch
from ingest.settle import Horizons
from ingest.transport import Message
from sensors.refusals import Refusal
from sensors.topics import is_topic
from store.books import Books, StaleRegistry, StoredDeadLetter
from store.port import ReadingsStore


async def rework(
    stored: StoredDeadLetter, books: Books, store: ReadingsStore, horizons: Horizons, who: str, clock: Callable[[], int]
) -> list[Refusal]:
    """Store what now passes of a dead letter; it counts as replayed where nothing is refused any more.

    Gives what is still refused. Raises StoreUnavailable, StoreMisconfigured, BooksUnavailable: try again.
    """
    letter = stored.letter
    if letter.sha256 is not None:
        return list(letter.refusals)  # only its head was kept
    message = Message(letter.topic, letter.payload)
    origins = books.origins_of(stored.journal, [letter.topic]) if is_topic(letter.topic) else {}
    while True:
        registry = books.registry()
        intake = Intake(
            registry,
            {(u.family, u.station) for u in books.unknown()},
            lambda topic: origins.get(topic, 0),
            horizon_days=horizons.live_days,
            horizons=horizons.by_source,
        )
        verdict = intake.judge(JournalBatch(letter.batch, letter.received_at, [message]))
        rejected = await store.write(verdict.readings, in_order=False) if verdict.readings else ()
        refusals = [refusal for found in verdict.letters.values() for refusal in found.refusals]
        refusals += [Refusal("store_refused", "reading", r.why, "mend what the store names") for r in rejected]
        refused = {r.index for r in rejected}
        try:
            books.move_dead_letter(
                stored.id,
                "open" if refusals else "replayed",
                changed=marks_of([r for n, r in enumerate(verdict.readings) if n not in refused]),
                registry_version=registry.version,
                who=who,
                why="; ".join(refusal.detail for refusal in refusals[:3]),
                now=clock(),
            )
        except StaleRegistry:
            continue
        return refusals
