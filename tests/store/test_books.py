"""The books: settled once, nothing half-written, marks that cannot be lost, revisions that cannot be overwritten."""

import multiprocessing
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensors.refusals import Refusal
from sensors.stations import RegistryError, Station
from store.books import ALL_HOURS, Books, BooksUnavailable, LedgerRow, MarkKey, Unknown
from store.judgements import Claims, Closed, Judgement, Judgements, Key, Running, Superseded, same_verdict
from store.letters import DeadLetter, Letters, Selection
from store.transaction import StaleRegistry

KEY = MarkKey("air", "hx-01", "hour", 492_000)
CHANGED = {("air", "hour", 492_000): {"hx-01"}}
REFUSAL = Refusal("no_offset", "at", "has no zone", "append the offset", reading=2)
LETTER = DeadLetter(4, 9, 1000, "t", b"\xff\x00", 2, None, (REFUSAL,))
STATION = Station(id="hx-01", family="air", name_zh="虎溪", district="gaoxin")


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    opened = Books(f"sqlite:///{tmp_path / 'books.sqlite'}")
    opened.prepare()
    yield opened
    opened.close()


def settle(
    books: Books, last_batch: int, *, letters: tuple[DeadLetter, ...] = (), now: int = 0, version: int = 0
) -> None:
    books.settle(
        "j1",
        last_batch,
        registry_version=version,
        now=now,
        letters=letters,
        changed=CHANGED,
        unknown={("air", "x"): Unknown("t/x", "gaoxin", "hour", "native", None, b"{}")},
    )


def test_a_batch_is_booked_once(books: Books) -> None:
    settle(books, 4, letters=(LETTER,))
    settle(books, 4, letters=(LETTER,))
    settle(books, 6, letters=(LETTER, LETTER._replace(batch=6)))
    stored = Letters(books).page(Selection())
    assert [s.letter for s in stored] == [LETTER, LETTER._replace(batch=6)]
    assert Letters(books).count() == {("open", "no_offset"): 2}
    assert [u.station for u in books.unknown()] == ["x"]


def test_a_verdict_of_an_older_registry_is_not_booked(books: Books) -> None:
    books.register([STATION], who="me", now=1)
    with pytest.raises(StaleRegistry):
        settle(books, 4, letters=(LETTER,), version=0)
    assert Letters(books).page(Selection()) == []
    settle(books, 4, letters=(LETTER,), version=1)
    assert len(Letters(books).page(Selection())) == 1


def test_registering_raises_the_version_and_marks_all_windows_once(books: Books) -> None:
    settle(books, 1)
    other = Station(id="x", family="air", name_zh="未知", district="gaoxin")
    assert books.register([STATION, other], who="me", now=1) == [STATION, other]
    assert books.registry_version() == 1
    assert books.unknown() == []
    assert books.register([STATION], who="me", now=2) == []
    assert books.registry_version() == 1
    assert {s.id for s in books.registry()} == {"hx-01", "x"}
    assert books.registry() is books.registry(), "read once for each version"
    keys = {mark.key for mark in Claims(books).take(now=10_000, most=10)}
    assert keys == {KEY, MarkKey("air", "hx-01", "hour", ALL_HOURS), MarkKey("air", "x", "hour", ALL_HOURS)}
    moved = Station.model_validate({**STATION.model_dump(), "active_from": "2026-01-01T00:00:00+08:00"})
    with pytest.raises(RegistryError, match="overlap"):
        books.register([moved], who="me", now=3)
    assert books.registry_version() == 1


def test_origins_are_numbers_for_ever(books: Books) -> None:
    first = books.origins_of("j1", ["a", "b"])
    assert books.origins_of("j1", ["b", "c"])["b"] == first["b"]
    assert len({*first.values(), *books.origins_of("j2", ["a"]).values()}) == 3
    assert books.topic_of(first["b"]) == ("j1", "b")
    assert books.topic_of(10**6) is None


def test_marks_wait_until_quiet_but_not_for_ever(books: Books) -> None:
    claims = Claims(books)
    settle(books, 1, now=10_000)
    assert claims.take(now=10_999, most=10) == []
    settle(books, 2, now=10_900)
    assert claims.take(now=11_899, most=10) == []
    for n in range(3, 14):
        settle(books, n, now=10_000 + 900 * n)
    assert [m.key for m in claims.take(now=20_000, most=10)] == [KEY]


def test_a_mark_touched_after_it_was_claimed_is_not_cleared(books: Books) -> None:
    claims, judgements = Claims(books), Judgements(books)
    settle(books, 1, now=0)
    taken = claims.take(now=5_000, most=10)
    assert claims.take(now=5_000, most=10) == [], "leased to the first"
    settle(books, 2, now=5_500)
    judgements.save([], [], taken)
    assert claims.waiting() == 1
    again = claims.take(now=5_000 + 60_000, most=10)
    assert [m.key for m in again] == [KEY], "the lease ran out"
    judgements.save([], [], again)
    assert claims.waiting() == 0


def test_a_cleared_mark_comes_back_with_a_greater_sequence(books: Books) -> None:
    claims, judgements = Claims(books), Judgements(books)
    settle(books, 1, now=0)
    [before] = claims.take(now=5_000, most=10)
    judgements.save([], [], [before])
    settle(books, 2, now=6_000)
    judgements.save([], [], [before])
    assert claims.waiting() == 1, "an old claim must not clear a new mark"
    [after] = claims.take(now=10_000, most=10)
    assert after.sequence > before.sequence
    claims.release([after])
    assert claims.take(now=10_000, most=10) == [after]


def judgement(value: str | None, *, period: str = "2026-03-05", computed_at: int = 1) -> Judgement:
    return Judgement(
        Key("air_daily_aqi", "city", period, "HJ633-2026"),
        value,
        "1",
        "met" if value else "not assessable",
        23,
        24,
        "0.1.0",
        ("hx-01",),
        {"why": "x"},
        computed_at,
    )


def test_revisions_are_appended_and_the_newest_is_in_force(books: Books) -> None:
    judgements = Judgements(books)
    judgements.save([], [Running(judgement("70"), 9)], [])
    assert [r.judgement.value for r in judgements.running(closed_by=9)] == ["70"]
    assert judgements.running(closed_by=8) == []
    judgements.save([Closed(judgement("80"), None, "closed")], [], [], [judgement("80").key])
    assert judgements.running() == []
    [first] = judgements.latest("air_daily_aqi")
    judgements.save([Closed(judgement("85"), first, "late data")], [], [])
    [second] = judgements.latest("air_daily_aqi")
    assert (second.judgement.value, second.supersedes, second.reason) == ("85", first.id, "late data")
    assert [r.judgement.value for r in judgements.history(second.judgement.key)] == ["80", "85"]
    assert judgements.newest({second.judgement.key, judgement("1", period="2026-01-01").key}) == {
        second.judgement.key: second
    }
    assert judgements.latest("air_daily_aqi", first="2026-03-06") == []
    assert judgements.latest("air_daily_aqi", scope="station:hx-01") == []


def test_of_two_processors_the_loser_writes_nothing(books: Books) -> None:
    judgements = Judgements(books)
    judgements.save([Closed(judgement("80"), None, "closed")], [], [])
    with pytest.raises(Superseded):
        judgements.save(
            [Closed(judgement("81"), None, "closed"), Closed(judgement("1", period="2026-03-06"), None, "closed")],
            [],
            [],
        )
    assert [r.judgement.value for r in judgements.latest()] == ["80"]


def test_only_what_is_published_makes_a_verdict_differ() -> None:
    assert same_verdict(judgement("80"), judgement("80", computed_at=99))
    assert not same_verdict(judgement("80"), judgement("81"))
    assert not same_verdict(judgement("80"), judgement(None))


def test_the_ledger_and_gaps_are_copied_by_journal(books: Books) -> None:
    row = LedgerRow("j1", 5, 10, 7, 1, 2, 20, 19, 1, 0)
    books.copy_ledger(row, [(1, None, 50), (2, 60, 70)])
    books.copy_ledger(row._replace(written=9, pending=0), [(1, None, 50), (2, 60, 70)])
    assert books.ledgers() == [row._replace(written=9, pending=0)]
    assert books.gaps(0, 100) == [(None, 50), (60, 70)]
    assert books.gaps(70, 100) == []


def _settle_many(url: str, journal: str) -> None:
    books = Books(url)
    for n in range(1, 51):
        books.settle(journal, n, registry_version=0, now=n, letters=(), changed=CHANGED, unknown={})


def test_processes_share_the_books(books: Books) -> None:
    url = books.engine.url.render_as_string()
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_settle_many, args=(url, f"j{n}")) for n in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    [mark] = Claims(books).take(now=10**6, most=10)
    assert mark.sequence == 150


def test_books_that_cannot_be_opened_say_where(tmp_path: Path) -> None:
    with pytest.raises(BooksUnavailable, match="absent"):
        Books(f"sqlite:///{tmp_path / 'absent' / 'books.sqlite'}").prepare()
