"""Where the CPU of a message goes: each part of the way from the socket to the store, alone, on the benchmark's messages.

    python -m benchmarks.parts [--batches 20]

In one process, without broker and sink: decode, journal, intake, SQLite, books. Batches of 5,000 messages.
"""

import argparse
import asyncio
import gc
import random
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import mqtt5

from benchmarks.backlog import STATIONS, packets, payload
from ingest.intake import Intake, marks_of
from ingest.journal import Counts, Journal, JournalBatch
from ingest.transport import Message
from sensors.stations import Registry, Station
from store.books import Books
from store.sqlite import SqliteStore

BATCH = 5_000


async def measure(folder: Path, batches: int) -> list[tuple[str, float]]:
    """(part, µs of CPU per message), in the order a message meets them."""
    dice, now = random.Random(1), time.time_ns() // 1_000_000
    names = [f"st-{number:04d}" for number in range(STATIONS)]
    topics = [f"cityflux/v1/bench/air/{name}/minute" for name in names]
    messages = [
        [
            Message(topics[n % STATIONS], payload(now - 60_000 * (batches * 5 - 5 * b - n // STATIONS), dice))
            for n in range(BATCH)
        ]
        for b in range(batches)
    ]
    encoded = [packet for _, packet in packets(BATCH, now, seed=1)]
    registry = Registry(Station(id=name, family="air", name_zh=name, district="bench") for name in names)
    intake = Intake(registry, set(), lambda topic: 1, horizon_days=400, horizons={})
    intake.judge(JournalBatch(0, now, messages[0]))
    books = Books(f"sqlite:///{folder / 'books.sqlite'}")
    books.prepare()
    sqlite = SqliteStore(folder / "readings.sqlite")
    figures: list[tuple[str, float]] = []

    async def part(name: str, step: Callable[[int], Awaitable[None]]) -> None:
        started = time.process_time()
        for number in range(batches):
            await step(number)
        figures.append((name, (time.process_time() - started) / batches / BATCH * 1e6))

    async def decode(number: int) -> None:
        for packet in encoded:
            found, _ = mqtt5.read(memoryview(packet))
            if isinstance(found, mqtt5.PublishPacket):
                Message(found.topic, found.payload)

    async def judge(number: int) -> None:
        intake.judge(JournalBatch(number, now, messages[number]))

    gc.freeze()
    gc.set_threshold(100_000, 50, 50)
    await part("decode MQTT 5", decode)
    with Journal(folder / "journal") as journal:

        async def append(number: int) -> None:
            await journal.append(messages[number], now)

        async def settle(number: int) -> None:
            await journal.settle(journal.front(BATCH)[-1].id, Counts(written=BATCH))

        await part("journal: append", append)
        await part("journal: front and settle", settle)
    await part("intake", judge)
    verdicts = [intake.judge(JournalBatch(number + 1, now, batch)) for number, batch in enumerate(messages)]

    async def to_sqlite(number: int) -> None:
        await sqlite.write(verdicts[number].readings)

    async def to_books(number: int) -> None:
        changed = marks_of(verdicts[number].readings)
        books.settle("j", number + 1, registry_version=0, now=now, letters=(), changed=changed, unknown={})

    await part("store: SQLite", to_sqlite)
    await part("books: marks and settled", to_books)
    await sqlite.close()
    books.close()
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cityflux-bench-") as folder:
        for name, cost in asyncio.run(measure(Path(folder), options.batches)):
            print(f"{name:<28} {cost:6.2f} µs CPU/message")


if __name__ == "__main__":
    main()
