"""Settling: the order of steps, proven by failing and crashing between any two of them."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ingest import settle
from ingest.consume import Consumer
from ingest.journal import Counts, Journal
from ingest.settle import Horizons, Settler
from ingest.transport import Batch, Broker, ConnectionLost, Message, Session
from sensors.formats.native import encode
from sensors.instants import HOUR_MS
from sensors.quantities import Family
from sensors.reading import Period, Reading
from sensors.stations import Station
from store.books import Books, BooksUnavailable
from store.judgements import Claims
from store.letters import Letters, Selection
from store.port import Rejected, StoreMisconfigured, StoreUnavailable
from store.sqlite import SqliteStore

NOON = 1_772_344_800_000
TOPIC = "cityflux/v1/gaoxin/air/hx-01/hour"
STATION = Station(id="hx-01", family="air", name_zh="虎溪", district="gaoxin")


def message(hour: int, value: object = 1, topic: str = TOPIC) -> Message:
    return Message(topic, encode([{"at": NOON - hour * HOUR_MS, "values": {"o3": value}}]))


class Crash(BaseException):
    """The process dies here."""


class City:
    """One data folder: journal, SQLite readings and books, and a settler over them that can be started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.books = Books(f"sqlite:///{folder / 'books.sqlite'}")
        self.store = SqliteStore(folder / "readings.sqlite")

    def prepare(self) -> None:
        self.books.prepare()
        self.books.register([STATION], who="test", now=0)

    async def settle(
        self,
        messages: Sequence[Message] = (),
        *,
        store: Any = None,
        journal_type: type[Journal] = Journal,
        books: Any = None,
    ) -> None:
        """Append, settle everything and stop; as one life of the process."""
        with journal_type(self.folder / "journal") as journal:
            if messages:
                await journal.append(messages, NOON)
            settler = Settler(
                journal, store or self.store, books or self.books, lambda: NOON, Horizons(400, {}), self.prepare
            )
            running = asyncio.create_task(settler.run())
            await until(lambda: running.done() or not journal.front(1))
            settler.stop()
            try:
                await running
            except BaseExceptionGroup as group:
                raise group.exceptions[0] from None

    async def check_balance(self, *, written: int, refused: int, stored: int, letters: int) -> None:
        with Journal(self.folder / "journal") as journal:
            ledger = journal.ledger()
        assert (ledger.journalled, ledger.written, ledger.refused, ledger.pending) == (
            written + refused,
            written,
            refused,
            0,
        )
        assert ledger.readings_decoded == ledger.readings_written + ledger.readings_refused
        assert len(self.store.readings("air", "hour", 0, 2 * NOON)) == stored
        assert len(Letters(self.books).page(Selection())) == letters
        assert self.books.ledgers()[0].written == written


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not done():
            await asyncio.sleep(0.005)


@pytest.fixture
def city(tmp_path: Path) -> City:
    return City(tmp_path)


class Double:
    """A store that does as it is told before it writes through to a real one."""

    def __init__(self, store: SqliteStore, *answers: BaseException | Sequence[Rejected] | None) -> None:
        self._store = store
        self._answers = list(answers)
        self.batches: list[list[int]] = []

    async def write(self, readings: Sequence[Reading], *, in_order: bool = True) -> Sequence[Rejected]:
        self.batches.append([reading.observed_at for reading in readings])
        answer = self._answers.pop(0) if self._answers else None
        if isinstance(answer, BaseException):
            raise answer
        rejected = {r.index for r in answer or ()}
        await self._store.write([r for n, r in enumerate(readings) if n not in rejected], in_order=in_order)
        return answer or ()

    def readings(
        self, family: Family, period: Period, start: int, end: int,
        stations: Collection[str] | None = None, quantities: Iterable[str] | None = None, *, detail: bool = False,
    ) -> pd.DataFrame:  # fmt: skip
        return self._store.readings(family, period, start, end, stations, quantities, detail=detail)

    def latest(self, family: Family, period: Period, stations: Collection[str] | None = None) -> pd.DataFrame:
        return self._store.latest(family, period, stations)

    async def check(self) -> str:
        return "double"

    async def close(self) -> None:
        return None


async def test_good_and_bad_messages_are_settled_and_balance(city: City) -> None:
    await city.settle([message(0), Message(TOPIC, b"{"), message(1), message(2, "x"), Message("nowhere", b"")])
    await city.check_balance(written=2, refused=3, stored=2, letters=3)
    assert {mark.key.hour for mark in Claims(city.books).take(2 * NOON, 10) if mark.key.hour > 0} == {
        NOON // HOUR_MS - 1,
        NOON // HOUR_MS - 2,
    }


@pytest.mark.parametrize(
    "trouble", [StoreUnavailable("down", retry_after_s=0.0), StoreMisconfigured("wrong token")], ids=["down", "token"]
)
async def test_a_store_in_trouble_is_tried_again_and_nothing_is_lost(city: City, trouble: Exception) -> None:
    double = Double(city.store, trouble, trouble)
    await city.settle([message(0), message(1)], store=double)
    assert double.batches[0] == double.batches[1] == double.batches[2]
    await city.check_balance(written=2, refused=0, stored=2, letters=0)


async def test_stopping_while_the_store_is_down_keeps_the_journal(city: City) -> None:
    class Down(Double):
        async def write(self, readings: Sequence[Reading], *, in_order: bool = True) -> Sequence[Rejected]:
            raise StoreUnavailable("down")

    with Journal(city.folder / "journal") as journal:
        await journal.append([message(0)], NOON)
        settler = Settler(journal, Down(city.store), city.books, lambda: NOON, Horizons(400, {}), city.prepare)
        running = asyncio.create_task(settler.run())
        await until(lambda: bool(city.folder.joinpath("books.sqlite").exists()))
        settler.stop()
        await running
        assert journal.ledger().pending == 1
    await city.settle()
    await city.check_balance(written=1, refused=0, stored=1, letters=0)


async def test_what_the_store_refuses_is_a_dead_letter_with_its_words(city: City) -> None:
    double = Double(city.store, [Rejected(1, "field type conflict")])
    await city.settle([message(0), message(1), Message(TOPIC, b"{")], store=double)
    await city.check_balance(written=1, refused=2, stored=1, letters=2)
    [letter] = Letters(city.books).page(Selection(code="store_refused"))
    assert letter.letter.payload == message(1).payload
    assert "field type conflict" in letter.letter.refusals[0].detail


async def test_a_message_refused_by_us_and_by_the_store_is_one_dead_letter(city: City) -> None:
    mixed = Message(TOPIC, encode([{"at": NOON, "values": {"o3": 1, "x": 2}}]))
    await city.settle([mixed], store=Double(city.store, [Rejected(0, "no")]))
    [letter] = Letters(city.books).page(Selection())
    assert [refusal.code for refusal in letter.letter.refusals] == ["unknown_quantity", "store_refused"]
    with Journal(city.folder / "journal") as journal:
        assert journal.ledger()[:4] == (1, 0, 1, 0)


MIXED = [message(0), message(1), Message(TOPIC, b"{"), message(2, "x")]


async def test_a_crash_before_the_store_repeats_without_a_trace(city: City) -> None:
    with pytest.raises(Crash):
        await city.settle(MIXED, store=Double(city.store, Crash()))
    await city.settle()
    await city.check_balance(written=2, refused=2, stored=2, letters=2)


async def test_a_crash_between_store_and_books_repeats_without_a_trace(city: City) -> None:
    class Dying(Books):
        def settle(self, *arguments: Any, **named: Any) -> None:
            raise Crash

    dying = Dying(f"sqlite:///{city.folder / 'books.sqlite'}")
    with pytest.raises(Crash):
        await city.settle(MIXED, books=dying)
    assert len(city.store.readings("air", "hour", 0, 2 * NOON)) == 2
    assert Letters(city.books).page(Selection()) == []
    await city.settle()
    await city.check_balance(written=2, refused=2, stored=2, letters=2)


class Counting(Books):
    """Books that note the last batch of each booking, and crash at the booking of `dies_at`."""

    def __init__(self, folder: Path, dies_at: int | None = None) -> None:
        super().__init__(f"sqlite:///{folder / 'books.sqlite'}")
        self.booked: list[int] = []
        self._dies_at = dies_at

    def settle(self, journal: str, last_batch: int, **named: Any) -> None:
        """As ever, unless it is time to die."""
        if last_batch == self._dies_at:
            raise Crash
        super().settle(journal, last_batch, **named)
        self.booked.append(last_batch)


async def one_by_one(city: City, books: Books, messages: Sequence[Message]) -> Double:
    """Append `messages` as batches, each when the one before is stored, then settle all and stop; the store they went to."""
    double = Double(city.store)
    with Journal(city.folder / "journal") as journal:
        settler = Settler(journal, double, books, lambda: NOON, Horizons(400, {}), city.prepare)
        running = asyncio.create_task(settler.run())
        for number, each in enumerate(messages, start=1):
            await journal.append([each], NOON)
            await until(lambda number=number: running.done() or len(double.batches) >= number)  # type: ignore[misc] # bound now
        settler.stop()
        try:
            await running
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None
    return double


async def test_what_keeps_coming_is_stored_at_once_and_booked_together(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settle, "BOOK_EVERY_S", 3600.0)
    books = Counting(city.folder)
    double = await one_by_one(city, books, [message(hour) for hour in range(4)])
    assert [len(batch) for batch in double.batches] == [1, 1, 1, 1]
    assert books.booked == [1, 4], "the first alone, since nothing was booked before it"
    await city.check_balance(written=4, refused=0, stored=4, letters=0)


async def test_what_is_stored_is_booked_when_nothing_more_comes(city: City) -> None:
    books = Counting(city.folder)
    with Journal(city.folder / "journal") as journal:
        settler = Settler(journal, city.store, books, lambda: NOON, Horizons(400, {}), city.prepare)
        running = asyncio.create_task(settler.run())
        for number in range(3):
            await journal.append([message(number)], NOON)
            await asyncio.sleep(0)
        await until(lambda: journal.ledger().written == 3)
        assert books.booked[-1] == 3
        settler.stop()
        await running


async def test_a_crash_with_several_batches_stored_and_not_booked_repeats_without_a_trace(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settle, "BOOK_EVERY_S", 3600.0)
    bad = Message(TOPIC, encode([{"at": NOON - 3 * HOUR_MS, "values": {"o3": 1, "x": 2}}]))
    with pytest.raises(Crash):
        await one_by_one(city, Counting(city.folder, dies_at=4), [message(0), bad, message(1), message(2)])
    await city.settle()
    await city.check_balance(written=3, refused=1, stored=4, letters=1)


async def test_many_dead_letters_do_not_wait_for_their_booking(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settle, "BOOK_EVERY_S", 3600.0)
    books = Counting(city.folder)
    large = Message(TOPIC, b"{" * 600_000)
    with Journal(city.folder / "journal") as journal:
        settler = Settler(journal, city.store, books, lambda: NOON, Horizons(400, {}), city.prepare)
        running = asyncio.create_task(settler.run())
        for _ in range(5):
            await journal.append([large], NOON)
        await until(lambda: books.booked[-1:] == [5])
        settler.stop()
        await running
    assert len(Letters(city.books).page(Selection())) == 5


async def test_a_registry_that_changes_before_the_booking_counts_for_all_that_waits(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settle, "BOOK_EVERY_S", 3600.0)
    topic = "cityflux/v1/gaoxin/air/hx-02/hour"
    other = Station(id="hx-02", family="air", name_zh="新站", district="gaoxin")
    with Journal(city.folder / "journal") as journal:
        double = Double(city.store)
        settler = Settler(journal, double, city.books, lambda: NOON, Horizons(400, {}), city.prepare)
        running = asyncio.create_task(settler.run())
        for number in (0, 1):
            await journal.append([message(number, topic=topic)], NOON)
            await until(lambda number=number: len(double.batches) > number)  # type: ignore[misc] # bound now
        city.books.register([other], who="test", now=0)
        settler.stop()
        await running
    detail = city.store.readings("air", "hour", 0, 2 * NOON, detail=True)
    assert len(detail) == 2
    assert journal_is_empty(city)
    hours = {mark.key.hour for mark in Claims(city.books).take(2 * NOON, 10) if mark.key.station == "hx-02"}
    assert NOON // HOUR_MS - 2 in hours, "of the batch that was not booked yet the window is marked"


def journal_is_empty(city: City) -> bool:
    with Journal(city.folder / "journal") as journal:
        return not journal.front(1)


async def test_a_crash_between_books_and_journal_repeats_without_a_trace(city: City) -> None:
    class Dying(Journal):
        async def settle(self, last_batch: int, counts: Counts) -> None:
            raise Crash

    with pytest.raises(Crash):
        await city.settle(MIXED, journal_type=Dying)
    assert len(Letters(city.books).page(Selection())) == 2
    marks = Claims(city.books).waiting()
    await city.settle([message(5)])
    await city.check_balance(written=3, refused=2, stored=3, letters=2)
    assert Claims(city.books).waiting() == marks + 1


async def test_books_that_are_down_keep_the_batch_in_the_journal(city: City) -> None:
    class Down(Books):
        failures = 2

        def settle(self, *arguments: Any, **named: Any) -> None:
            if self.failures:
                self.failures -= 1
                raise BooksUnavailable("locked")
            super().settle(*arguments, **named)

    await city.settle(MIXED, books=Down(f"sqlite:///{city.folder / 'books.sqlite'}"))
    await city.check_balance(written=2, refused=2, stored=2, letters=2)


async def test_a_station_adopted_meanwhile_is_judged_with_the_new_registry(city: City) -> None:
    other = "cityflux/v1/gaoxin/air/hx-02/hour"

    class Adopting(Double):
        async def write(self, readings: Sequence[Reading], *, in_order: bool = True) -> Sequence[Rejected]:
            if not self.batches:
                entry = STATION.model_copy(update={"id": "hx-02"})
                city.books.register([entry], who="someone", now=1)
            return await super().write(readings, in_order=in_order)

    await city.settle([message(0, topic=other)], store=Adopting(city.store))
    frame = city.store.readings("air", "hour", 0, 2 * NOON, ["hx-02"], detail=True)
    assert list(frame["unknown_station"]) == [False]
    assert city.books.unknown() == []
    assert ("hx-02", NOON // HOUR_MS - 1) in {
        (m.key.station, m.key.hour) for m in Claims(city.books).take(2 * NOON, 10)
    }


class Scripted:
    """A connection that gives scripted batches, then is lost; it notes what is done to it."""

    def __init__(self, batches: Sequence[Batch], *, session_present: bool) -> None:
        self.session_present = session_present
        self.acknowledged: list[Batch] = []
        self.notes: list[str] = []
        self._batches = list(batches)

    async def __aenter__(self) -> "Scripted":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.notes.append("closed")

    def __aiter__(self) -> "Scripted":
        return self

    async def __anext__(self) -> Batch:
        if not self._batches:
            raise ConnectionLost("gone")
        return self._batches.pop(0)

    def acknowledge(self, batch: Batch) -> None:
        self.acknowledged.append(batch)

    def pause(self) -> None:
        self.notes.append("paused")

    def resume(self) -> None:
        self.notes.append("resumed")


async def consume(journal: Journal, connections: Sequence[Scripted], done: Callable[[], bool]) -> None:
    queue = list(connections)

    def connect(broker: Broker, session: Session) -> Any:
        if not queue:
            raise ConnectionLost("no more")
        return queue.pop(0)

    consumer = Consumer(connect, Broker("h", 1), Session("c", ("t",)), journal, lambda: NOON)
    running = asyncio.create_task(consumer.run())
    await until(done)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_acknowledged_only_when_journalled_and_in_order(tmp_path: Path) -> None:
    batches = [Batch([message(0)], [1]), Batch([message(1)], [2])]
    connection = Scripted(batches, session_present=False)

    class Watching(Journal):
        async def append(self, messages: Sequence[Message], received_at: int) -> int:
            assert len(connection.acknowledged) == self.ledger().journalled
            return await super().append(messages, received_at)

    with Watching(tmp_path) as journal:
        await consume(journal, [connection], lambda: len(connection.acknowledged) == 2)
        assert connection.acknowledged == batches
        assert [m for b in journal.front(10) for m in b.messages] == [message(0), message(1)]
        assert journal.gaps() == []


async def test_what_is_left_of_a_read_after_a_whole_batch_is_no_reason_to_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.consume._SMALL_BATCH", 2)
    monkeypatch.setattr("ingest.consume._GATHER_S", 1000)
    sizes = [2, 1, 2, 1, 1, 1]
    batches = [Batch([message(0)] * size, [1] * size) for size in sizes]
    connection = Scripted(batches, session_present=False)
    with Journal(tmp_path) as journal:
        await consume(journal, [connection], lambda: len(connection.acknowledged) == 5)
        assert connection.acknowledged == batches[:5], "after two small ones in a row the next gathers"


async def test_a_lost_session_is_noted_as_a_gap_only_where_we_had_one(tmp_path: Path) -> None:
    first = Scripted([Batch([message(0)], [1])], session_present=False)
    second = Scripted([], session_present=True)
    third = Scripted([], session_present=False)
    with Journal(tmp_path) as journal:
        await consume(journal, [first, second, third], lambda: "closed" in third.notes)
        assert [(gap.since, gap.until) for gap in journal.gaps()] == [(NOON, NOON)]


async def test_a_full_journal_stops_reading_and_acknowledging_together(tmp_path: Path) -> None:
    connection = Scripted([Batch([message(0)], [1]), Batch([message(1)], [2])], session_present=False)
    with Journal(tmp_path, cap_bytes=10) as journal:

        async def drain() -> None:
            await until(lambda: "paused" in connection.notes)
            assert len(connection.acknowledged) == 1
            await journal.settle(journal.front(1)[0].id, Counts(written=1))

        draining: Awaitable[None] = asyncio.create_task(drain())
        await consume(journal, [connection], lambda: len(connection.acknowledged) == 2)
        await draining
        assert connection.notes[:2] == ["paused", "resumed"]
