"""Ingest broken on purpose, to show that the judge can fail: `python -m tests.faults.broken NAME ingest`."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from unittest.mock import patch

from cityflux.main import run
from ingest.journal import Journal, JournalBatch
from ingest.link import Link
from ingest.settle import Settler
from ingest.transport import Batch, Message
from sensors.reading import Reading
from store.influx import InfluxStore
from store.port import ReadingsStore, Rejected


def acknowledge_before_the_journal() -> None:
    """PUBACK, and only then the commit."""
    append, acknowledge = Journal.append, Link.acknowledge
    of_this_batch: list[Callable[[], None]] = []

    async def next_batch(link: Link) -> Batch:
        batch = await take(link)
        of_this_batch[:] = [lambda: acknowledge(link, batch)]
        return batch

    async def too_late(journal: Journal, messages: Sequence[Message], received_at: int) -> int:
        of_this_batch.pop()()
        await asyncio.sleep(0.1)  # what a slow disk takes; the process may be killed in it
        return await append(journal, messages, received_at)

    take = Link.__anext__
    patch.object(Link, "__anext__", next_batch).start()
    patch.object(Link, "acknowledge", lambda *_: None).start()
    patch.object(Journal, "append", too_late).start()


def settle_before_the_store() -> None:
    """The batch leaves the journal while its readings are not in the store yet."""
    write_and_forget = Settler._write
    write_later: list[tuple[ReadingsStore, Sequence[Reading]]] = []

    async def wrong_order(settler: Settler, batches: Sequence[JournalBatch]) -> None:
        store = settler._store

        class Later:
            async def write(self, readings: Sequence[Reading], *, in_order: bool = True) -> Sequence[Rejected]:
                write_later.append((store, readings))
                return ()

        with patch.object(settler, "_store", Later()):
            await write_and_forget(settler, batches)
            await settler._book()
        while write_later:
            its, readings = write_later.pop(0)
            await asyncio.sleep(0.1)
            await its.write(readings)

    patch.object(Settler, "_write", wrong_order).start()


def ignore_a_422() -> None:
    """A partial write counts as a write."""
    post = InfluxStore._post_body

    async def all_is_well(store: InfluxStore, body: bytes) -> str | None:
        why = await post(store, body)
        return None if why is not None and "partial write" in why else why

    patch.object(InfluxStore, "_post_body", all_is_well).start()


WAYS = {
    way.__name__.replace("_", "-"): way
    for way in (acknowledge_before_the_journal, settle_before_the_store, ignore_a_422)
}

if __name__ == "__main__":
    WAYS[sys.argv.pop(1)]()
    run()
