"""Ingest broken on purpose, to show that the judge can fail: `python -m tests.faults.broken NAME ingest`."""

import asyncio
import sys
from collections.abc import Callable, Sequence

from cityflux.main import run
from ingest.consume import Consumer
from ingest.journal import Counts, Journal
from ingest.settle import Settler
from ingest.transport import Batch, Connection, Message
from sensors.reading import Reading
from store.influx import InfluxStore
from store.port import ReadingsStore, Rejected


def acknowledge_before_the_journal() -> None:
    """PUBACK, and only then the commit."""
    append = Journal.append
    acknowledge: list[Callable[[], None]] = []

    async def too_late(journal: Journal, messages: Sequence[Message], received_at: int) -> int:
        acknowledge.pop()()
        # What a slow disk takes; the process may be killed in it.
        await asyncio.sleep(0.02)
        return await append(journal, messages, received_at)

    class Early:
        def __init__(self, connection: Connection) -> None:
            self._connection = connection
            self.session_present = connection.session_present

        def __aiter__(self) -> "Early":
            return self

        async def __anext__(self) -> Batch:
            batch = await self._connection.__aiter__().__anext__()
            acknowledge.append(lambda: self._connection.acknowledge(batch))
            return batch

        def acknowledge(self, batch: Batch) -> None:
            pass

        def __getattr__(self, name: str) -> object:
            return getattr(self._connection, name)

    take = Consumer._take

    async def take_early(consumer: Consumer, connection: Connection) -> None:
        await take(consumer, Early(connection))

    Journal.append = too_late  # type: ignore[method-assign] # broken on purpose
    Consumer._take = take_early  # type: ignore[method-assign] # broken on purpose


def settle_before_the_store() -> None:
    """The batch leaves the journal while its readings are not in the store yet."""
    settle = Settler._settle
    write_later: list[tuple[ReadingsStore, Sequence[Reading]]] = []

    async def wrong_order(settler: Settler, batches: Sequence[object]) -> None:
        store = settler._store

        class Later:
            async def write(self, readings: Sequence[Reading], *, in_order: bool = True) -> Sequence[Rejected]:
                write_later.append((store, readings))
                return ()

        settler._store = Later()  # type: ignore[assignment] # broken on purpose
        try:
            await settle(settler, batches)  # type: ignore[arg-type] # as above
        finally:
            settler._store = store
        while write_later:
            its, readings = write_later.pop(0)
            await asyncio.sleep(0.02)
            await its.write(readings)

    Settler._settle = wrong_order  # type: ignore[method-assign,assignment] # broken on purpose


def ignore_a_422() -> None:
    """A partial write counts as a write."""
    post = InfluxStore._post_body

    async def all_is_well(store: InfluxStore, body: bytes) -> str | None:
        why = await post(store, body)
        return None if why is not None and "partial write" in why else why

    InfluxStore._post_body = all_is_well  # type: ignore[method-assign] # broken on purpose


def count_twice() -> None:
    """The ledger counts what it settles twice."""
    settle = Journal.settle

    async def doubled(journal: Journal, last_batch: int, counts: Counts) -> None:
        await settle(journal, last_batch, counts._replace(written=2 * counts.written))

    Journal.settle = doubled  # type: ignore[method-assign] # broken on purpose


WAYS = {
    way.__name__: way
    for way in (acknowledge_before_the_journal, settle_before_the_store, ignore_a_422, count_twice)
}


if __name__ == "__main__":
    WAYS[sys.argv.pop(1)]()
    run()
