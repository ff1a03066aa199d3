"""Replays by ingest: what passes is stored as of its own receipt, what does not keeps its new reason, and no step can be lost."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from ingest import intake, settle
from ingest.journal import Journal, JournalError
from ingest.settle import Horizons, Settler
from ingest.transport import Message, Oversized
from sensors.instants import HOUR_MS
from sensors.reading import Reading
from sensors.refusals import Refusal
from store.books import Books, BooksUnavailable
from store.judgements import Claims
from store.letters import DeadLetter, Letters, Selection, StoredDeadLetter
from store.port import Rejected, StoreMisconfigured, StoreUnavailable
from store.replays import ReplayRequest, Replays
from tests.ingest.test_settle import NOON, TOPIC, City, Crash, Double, message, until


@pytest.fixture
def city(tmp_path: Path) -> City:
    return City(tmp_path)


async def run(city: City, done: Callable[[], bool], *, store: Any = None, books: Any = None, days: int = 400) -> None:
    """One life of ingest, until `done` and the journal is empty; readings may be `days` old."""
    with Journal(city.folder / "journal") as journal:
        settler = Settler(
            journal, store or city.store, books or city.books, lambda: 2 * NOON, Horizons(days, {}), city.prepare
        )
        running = asyncio.create_task(settler.run())
        await until(lambda: running.done() or (done() and not journal.front(1)))
        settler.stop()
        try:
            await running
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None


def ask(city: City) -> Callable[[], bool]:
    """Ask for every open letter; the answer says whether that is done."""
    number = Replays(city.books).ask(Selection(), who="wang", now=NOON)
    assert number is not None
    return lambda: Replays(city.books).request(number).state == "done"


def outcome(city: City) -> tuple[int, int]:
    request = Replays(city.books).newest(1)[0]
    return request.replayed, request.refused


def letters(city: City, **chosen: Any) -> list[StoredDeadLetter]:
    return Letters(city.books).page(Selection(**chosen))


def stored(city: City) -> list[dict[str, Any]]:
    frame = city.store.readings("air", "hour", 0, 2 * NOON, detail=True)
    return [{str(name): cell for name, cell in row.items()} for row in frame.to_dict("records")]


OLD = message(24 * 401)
BAD = Message(TOPIC, b"{")


async def test_what_passes_now_is_stored_as_of_its_own_receipt(city: City) -> None:
    await city.settle([OLD, BAD, message(1)])
    before = len(Claims(city.books).take(2 * NOON, 100))
    done = ask(city)
    await run(city, done, days=500)
    assert outcome(city) == (1, 1)
    assert [(one.state, one.worked_by) for one in letters(city)] == [("replayed", "wang"), ("open", "wang")]
    [old] = [row for row in stored(city) if row["observed_at"].timestamp() * 1000 == NOON - 24 * 401 * HOUR_MS]
    assert (old["received_at"], old["batch"]) == (NOON, 1)
    assert city.books.topic_of(old["origin"]) == (letters(city)[0].journal, TOPIC)
    assert len(Claims(city.books).take(3 * NOON, 100)) == before + 1
    ledger = city.books.ledgers()[0]
    assert (ledger.written, ledger.refused) == (1, 2), "the ledger says what happened at settling"


async def test_what_fails_again_stays_open_and_has_its_new_reason(city: City) -> None:
    await city.settle([message(48)], store=Double(city.store, [Rejected(0, "no room")]))
    assert [one.letter.refusals[0].code for one in letters(city)] == ["store_refused"]
    await run(city, ask(city), days=1)
    [again] = letters(city, code="too_old")
    assert (again.state, again.letter.refusals[0].code) == ("open", "too_old")
    assert [group.fingerprint for group in Letters(city.books).groups()] == ["too_old:cityflux/v1/+/air/+/hour"]
    await run(city, ask(city), store=Double(city.store, [Rejected(0, "still no room")]))
    assert "still no room" in letters(city, code="store_refused")[0].letter.refusals[0].detail
    await run(city, ask(city))
    assert [one.state for one in letters(city)] == ["replayed"]


async def test_the_store_refuses_one_letter_and_takes_the_others(city: City) -> None:
    await city.settle([message(24 * (401 + n)) for n in range(3)])
    await run(city, ask(city), store=Double(city.store, [Rejected(1, "never")]), days=500)
    assert [one.state for one in letters(city)] == ["replayed", "open", "replayed"]
    assert len(stored(city)) == 2


async def test_what_came_later_is_not_overwritten(city: City) -> None:
    await city.settle([message(0, 1)], store=Double(city.store, [Rejected(0, "no")]))
    with Journal(city.folder / "journal") as journal:
        await journal.append([message(0, 2)], NOON + 1)
    await run(city, ask(city))
    assert outcome(city) == (1, 0)
    assert [row["o3"] for row in stored(city)] == [2.0]


async def test_of_an_oversized_one_there_is_only_the_head(city: City) -> None:
    await city.settle([Message(TOPIC, Oversized(10**6, "ab" * 32, b'{"at": '))])
    [before] = letters(city)
    await run(city, ask(city))
    [after] = letters(city)
    assert after.letter == before.letter
    assert after.state == "open"


async def test_a_letter_of_another_journal_keeps_its_origin(city: City) -> None:
    city.prepare()
    why = Refusal("store_refused", "reading", "no room", "make some")
    payload = bytes(message(3).payload)  # type: ignore[arg-type] # it is bytes
    other = DeadLetter(7, 0, NOON, TOPIC, payload, len(payload), None, (why,))
    city.books.settle("other", 7, registry_version=1, now=NOON, letters=[other], changed={}, unknown={})
    await run(city, ask(city))
    [row] = stored(city)
    assert row["batch"] == 7
    assert city.books.topic_of(row["origin"]) == ("other", TOPIC)


async def test_one_unknown_station_too_many_is_listed_when_it_is_stored(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(intake, "MAX_UNKNOWN_STATIONS", 0)
        await city.settle([message(0, topic=TOPIC.replace("hx-01", "hx-77"))])
    assert [one.letter.refusals[0].code for one in letters(city)] == ["too_many_unknown_stations"]
    assert city.books.unknown() == []
    await run(city, ask(city))
    assert [row["unknown_station"] for row in stored(city)] == [True]
    assert [(u.station, u.first_seen, u.last_seen) for u in city.books.unknown()] == [("hx-77", NOON, NOON)]


@pytest.mark.parametrize("trouble", [StoreUnavailable("down"), StoreMisconfigured("token")], ids=["down", "token"])
async def test_a_store_in_trouble_delays_a_replay_and_not_what_is_fresh(city: City, trouble: Exception) -> None:
    class OnlyInOrder(Double):
        failures = 2

        async def write(self, readings: Sequence[Reading], *, in_order: bool = True) -> Sequence[Rejected]:
            if not in_order and self.failures:
                self.failures -= 1
                with_fresh.append(len(stored(city)))
                raise trouble
            return await super().write(readings, in_order=in_order)

    with_fresh: list[int] = []
    await city.settle([OLD])
    done = ask(city)
    with Journal(city.folder / "journal") as journal:
        await journal.append([message(0)], NOON)
    await run(city, done, store=OnlyInOrder(city.store), days=500)
    assert with_fresh == [1, 1], "the fresh one is stored when the replay fails"
    assert outcome(city) == (1, 0)
    assert len(stored(city)) == 2


async def test_a_crash_between_store_and_books_repeats_without_a_trace(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    await city.settle([OLD])
    done = ask(city)
    with monkeypatch.context() as patched:
        patched.setattr(Replays, "save", raising(Crash()))
        with pytest.raises(Crash):
            await run(city, done, days=500)
    assert len(stored(city)) == 1, "stored"
    assert [one.state for one in letters(city)] == ["open"], "and not booked"
    await run(city, done, days=500)
    assert outcome(city) == (1, 0)
    assert len(stored(city)) == 1
    assert [one.state for one in letters(city)] == ["replayed"]


@pytest.mark.parametrize("trouble", [BooksUnavailable("locked"), JournalError("full")], ids=["books", "keepsake"])
async def test_trouble_after_the_store_keeps_the_request(
    city: City, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    await city.settle([OLD])
    done, answers = ask(city), [Replays.save, raising(trouble), raising(trouble)]
    whole = answers[0]

    def answer(*rest: Any, **named: Any) -> ReplayRequest:
        return (answers.pop() if answers else whole)(*rest, **named)

    monkeypatch.setattr(Replays, "save", answer)
    await run(city, done, days=500)
    assert (answers, outcome(city), len(stored(city))) == ([], (1, 0), 1)


def raising(error: BaseException) -> Callable[..., ReplayRequest]:
    def answer(*_: Any, **__: Any) -> ReplayRequest:
        raise error

    return answer


async def test_a_crash_in_the_middle_goes_on_where_it_was(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    await city.settle([message(24 * 401 + n) for n in range(350)])
    done, save = ask(city), Replays.save
    saved: list[int] = []

    def dying(self: Replays, request: ReplayRequest, *rest: Any, **named: Any) -> ReplayRequest:
        if len(saved) == 2:
            raise Crash
        saved.append(request.last_id)
        return save(self, request, *rest, **named)

    with monkeypatch.context() as patched:
        patched.setattr(Replays, "save", dying)
        with pytest.raises(Crash):
            await run(city, done, days=500)
    assert saved == [0, 100]
    assert Letters(city.books).count() == {("replayed", "too_old"): 200, ("open", "too_old"): 150}
    await run(city, done, days=500)
    assert outcome(city) == (350, 0)
    assert len(stored(city)) == 350


async def test_a_backlog_and_a_replay_take_turns(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    await city.settle([message(24 * 401 + n) for n in range(250)])
    done = ask(city)
    with Journal(city.folder / "journal") as journal:
        for hour in range(10):
            await journal.append([message(hour)], NOON)
    monkeypatch.setattr(settle, "SETTLE_MESSAGES", 1)
    double = Double(city.store)
    await run(city, done, store=double, days=500)
    assert [len(batch) for batch in double.batches] == [1, 100, 1, 100, 1, 50, *[1] * 7]


async def test_a_registry_that_changes_meanwhile_is_the_one_that_counts(city: City) -> None:
    other = TOPIC.replace("hx-01", "hx-02")
    await city.settle([message(24 * 401, topic=other)])

    class Adopting(Double):
        async def write(self, readings: Sequence[Reading], *, in_order: bool = True) -> Sequence[Rejected]:
            if not self.batches:
                entry = city.books.registry()
                city.books.register([s.model_copy(update={"id": "hx-02"}) for s in entry], who="li", now=1)
            return await super().write(readings, in_order=in_order)

    await run(city, ask(city), store=Adopting(city.store), days=500)
    assert outcome(city) == (1, 0)
    assert [row["unknown_station"] for row in stored(city)] == [False]
    assert city.books.unknown() == []


async def test_one_that_is_asked_for_later_is_seen_by_an_idle_ingest(city: City) -> None:
    await city.settle([OLD])
    finished = asyncio.Event()

    async def ask_later() -> None:
        await until(lambda: city.books.ledgers()[0].updated_at == 2 * NOON)
        done = ask(city)
        await until(done)
        finished.set()

    asking = asyncio.create_task(ask_later())
    await run(city, finished.is_set, days=500)
    await asking
    assert outcome(city) == (1, 0)


async def test_an_unchanged_ledger_is_copied_now_and_then_only(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    copies: list[int] = []

    class Counting(Books):
        def copy_ledger(self, *arguments: Any) -> None:
            copies.append(arguments[0].written)
            super().copy_ledger(*arguments)

    city.prepare()
    books = Counting(f"sqlite:///{city.folder / 'books.sqlite'}")
    with Journal(city.folder / "journal") as journal:
        await journal.append([message(0)], NOON)
        settler = Settler(journal, city.store, books, lambda: NOON, Horizons(400, {}), city.prepare)
        settler._copy_ledger()
        settler._copy_ledger()
        assert copies == [0]
        await city_settled(settler, journal)
        assert copies == [0, 1], "at the end, because it changed"
        monkeypatch.setattr(settle, "_COPY_EVERY_S", 0.0)
        settler._copy_ledger()
        assert copies == [0, 1, 1]
    books.close()


async def city_settled(settler: Settler, journal: Journal) -> None:
    running = asyncio.create_task(settler.run())
    await until(lambda: not journal.front(1))
    settler.stop()
    await running
