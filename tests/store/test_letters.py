"""Dead letters and replay requests in real books: grouped, counted, worked once, moved out without a gap."""

import base64
import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from sensors.refusals import Code, Refusal
from sensors.stations import Station
from store.books import Books, Unknown
from store.letters import DeadLetter, Letters, Selection, StoredDeadLetter, line_of
from store.replays import LostClaim, ReplayRequest, Replays
from store.schema import audit, dead_letters
from store.transaction import StaleRegistry

HX_01, HX_02 = "cityflux/v1/gaoxin/air/hx-01/hour", "cityflux/v1/yubei/air/hx-02/hour"
NO_OFFSET = "no_offset:cityflux/v1/+/air/+/hour"
CHANGED = {("air", "hour", 492_000): {"hx-01"}}


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    opened = Books(f"sqlite:///{tmp_path / 'books.sqlite'}")
    opened.prepare()
    yield opened
    opened.close()


def refusal(code: Code = "no_offset", detail: str = "has no zone") -> Refusal:
    return Refusal(code, "at", detail, "append the offset")


def letter(position: int, code: Code = "no_offset", topic: str = HX_01, payload: bytes = b"{}") -> DeadLetter:
    return DeadLetter(1, position, 1000 + position, topic, payload, len(payload), None, (refusal(code),))


def book(books: Books, *letters: DeadLetter, journal: str = "j1", batch: int = 1) -> list[StoredDeadLetter]:
    """Settle them as one batch; everything that is in the books then."""
    letters = tuple(one._replace(batch=batch) for one in letters)
    books.settle(journal, batch, registry_version=0, now=0, letters=letters, changed={}, unknown={})
    return Letters(books).page(Selection())


def lines_of_audit(books: Books) -> list[dict[str, Any]]:
    with books.reading() as connection:
        rows = connection.execute(select(audit).order_by(audit.c.id))
        return [{**row._mapping, "detail": json.loads(row.detail)} for row in rows]


def size_by_rows(books: Books) -> int:
    with books.reading() as connection:
        return int(connection.execute(select(func.coalesce(func.sum(dead_letters.c.size), 0))).scalar_one())


def ids(letters: list[StoredDeadLetter]) -> list[int]:
    return [stored.id for stored in letters]


def test_letters_of_one_reason_and_shape_are_one_group(books: Books) -> None:
    book(books, letter(0), letter(1, topic=HX_02), letter(2, "too_old"), letter(3, "unknown_topic", "cityflux/v1/x"))
    Letters(books).discard(Selection(ids=(1,)), who="me", why="test", now=5)
    groups = {group.fingerprint: group for group in Letters(books).groups()}
    assert {name: dict(group.counts) for name, group in groups.items()} == {
        NO_OFFSET: {"open": 1, "discarded": 1},
        "too_old:cityflux/v1/+/air/+/hour": {"open": 1},
        "unknown_topic:cityflux/v1/+": {"open": 1},
    }
    its = groups[NO_OFFSET]
    assert (its.first_seen, its.last_seen, its.sample, its.refusal) == (1000, 1001, 2, refusal())


def test_a_sender_cannot_make_a_group_per_message(books: Books) -> None:
    hostile = ["/".join(f"w{n}x{i}" for i in range(n % 9 + 1)) for n in range(300)]
    hostile += [f"cityflux/v1/d{n}/air/s{n}/{period}" for n in range(100) for period in ("hour", f"p{n}")]
    book(books, *(letter(n, "unknown_topic", topic) for n, topic in enumerate(hostile)))
    groups = Letters(books).groups()
    assert len(groups) < 10
    assert sum(group.counts["open"] for group in groups) == len(hostile)


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        (Selection(), [1, 2, 3]),
        (Selection(code="too_old"), [3]),
        (Selection(fingerprint=NO_OFFSET), [1, 2]),
        (Selection(ids=(3, 1, 99)), [1, 3]),
        (Selection(ids=(2, 3), code="too_old"), [3]),
        (Selection(state="discarded"), []),
    ],
)
def test_letters_are_chosen_by_id_reason_cause_and_state(books: Books, chosen: Selection, found: list[int]) -> None:
    book(books, letter(0), letter(1, topic=HX_02), letter(2, "too_old"))
    assert ids(Letters(books).page(chosen)) == found
    assert ids(list(Letters(books).all(chosen))) == found


def test_a_page_is_bounded_by_letters_and_by_bytes_and_goes_on(books: Books) -> None:
    book(books, *(letter(n, payload=b"x" * 100) for n in range(5)))
    letters = Letters(books)
    assert ids(letters.page(Selection(), most=2)) == [1, 2]
    assert ids(letters.page(Selection(), after=2, most_bytes=250)) == [3, 4]
    assert ids(letters.page(Selection(), most_bytes=1)) == [1], "one at least"
    many = Selection(ids=(*range(1000, 3000), 5))
    assert ids(letters.page(many)) == [5], "more ids than one query takes"


def test_discarding_says_who_and_why_and_touches_open_ones_only(books: Books) -> None:
    book(books, *(letter(n) for n in range(1200)), letter(1200, "too_old"))
    letters = Letters(books)
    assert letters.discard(Selection(ids=(3, 4)), who="wang", why="test device", now=7) == 2
    assert letters.discard(Selection(code="no_offset"), who="li", why="old firmware", now=8) == 1198
    assert letters.discard(Selection(code="no_offset"), who="li", why="again", now=9) == 0
    assert letters.count() == {("discarded", "no_offset"): 1200, ("open", "too_old"): 1}
    [third] = letters.page(Selection(ids=(3,)))
    assert (third.state, third.worked_at, third.worked_by, third.why) == ("discarded", 7, "wang", "test device")
    written = lines_of_audit(books)
    assert {line["what"] for line in written} == {"dead letters discarded"}
    assert (written[0]["who"], written[0]["at"]) == ("wang", 7)
    assert written[0]["detail"] == {"why": "test device", "count": 2, "ids": [3, 4]}
    assert sum(line["detail"]["count"] for line in written if line["who"] == "li") == 1198
    assert all(line["detail"]["why"] == "old firmware" for line in written[1:])


@pytest.mark.parametrize("payload", ["{\u2028 虎溪\n".encode(), b"", b"\xff\x00\xfe"])
def test_an_exported_line_holds_everything(books: Books, payload: bytes) -> None:
    [stored] = book(books, letter(0, payload=payload))
    line = line_of(stored)
    assert line.count(b"\n") == 1
    found = json.loads(line)
    again = base64.b64decode(found["payload_base64"]) if "payload_base64" in found else found["payload"].encode()
    assert again == payload
    assert found["sha256"] == sha256(HX_01.encode() + b"\0" + payload).hexdigest()
    assert found["payload_sha256"] == sha256(payload).hexdigest()
    assert found["fingerprint"] == NO_OFFSET
    assert found["received_at"] == "1970-01-01T00:00:01+00:00"
    assert [Refusal(**sent) for sent in found["refusals"]] == [refusal()]
    assert found.keys() >= {"id", "state", "journal", "batch", "position", "topic", "length", "worked_by", "why"}


def test_of_an_oversized_one_the_digest_of_the_whole_is_exported(books: Books) -> None:
    [stored] = book(books, letter(0, "too_large")._replace(payload=b"head", length=10**6, sha256="ab" * 32))
    found = json.loads(line_of(stored))
    assert (found["payload"], found["length"], found["sha256"], found["payload_sha256"]) == (
        "head",
        10**6,
        None,
        "ab" * 32,
    )


def test_the_bytes_are_counted_through_every_change(books: Books, tmp_path: Path) -> None:
    letters = Letters(books)
    assert letters.bytes() == 0
    book(books, letter(0, payload=b"x" * 10_000), letter(1, payload=b""))
    book(books, letter(0, payload=b"x" * 10_000), letter(1, payload=b""))
    assert 10_000 < letters.bytes() == size_by_rows(books)
    request = asked(books, Selection(ids=(1,)))
    [first] = letters.page(Selection(ids=(1,)))
    longer = first._replace(letter=first.letter._replace(refusals=(refusal("too_old", "y" * 5000), refusal())))
    save(Replays(books), request, refused=[longer])
    assert letters.bytes() == size_by_rows(books) > 15_000
    file = tmp_path / "f"
    file.touch()
    assert letters.drop(letters.page(Selection()), file, now=1)
    assert letters.bytes() == size_by_rows(books) == 0


def test_closed_letters_are_moved_first_then_the_oldest(books: Books, tmp_path: Path) -> None:
    letters = Letters(books)
    book(books, *(letter(n) for n in range(6)))
    letters.discard(Selection(ids=(3, 5)), who="me", why="test", now=1)
    file = tmp_path / "3-5.jsonl.gz"
    file.touch()
    closed = letters.oldest(most=10, most_bytes=10**6)
    assert ids(closed) == [3, 5]
    assert letters.drop(closed, file, now=2)
    assert ids(letters.oldest(most=2, most_bytes=10**6)) == [1, 2]
    assert letters.exported() == (2, 1, (str(tmp_path),))
    line = lines_of_audit(books)[-1]
    assert (line["what"], line["subject"], line["detail"]["file"]) == ("dead letters exported", "3-5", str(file))


def test_a_letter_that_was_worked_after_it_was_read_is_not_dropped(books: Books, tmp_path: Path) -> None:
    letters = Letters(books)
    read = book(books, letter(0), letter(1))
    letters.discard(Selection(ids=(2,)), who="me", why="test", now=1)
    assert not letters.drop(read, tmp_path / "f", now=2)
    assert letters.count() == {("open", "no_offset"): 1, ("discarded", "no_offset"): 1}
    assert letters.exported().letters == 0


def asked(books: Books, chosen: Selection) -> ReplayRequest:
    """Asked for, and claimed by journal j1."""
    assert Replays(books).ask(chosen, who="wang", now=10) is not None
    claimed = Replays(books).claim("j1", now=20)
    assert claimed is not None
    return claimed


def save(
    replays: Replays,
    request: ReplayRequest,
    passed: list[StoredDeadLetter] | None = None,
    refused: list[StoredDeadLetter] | None = None,
    *,
    worker: str = "j1",
    version: int = 0,
) -> ReplayRequest:
    return replays.save(
        request,
        worker,
        passed or [],
        refused or [],
        registry_version=version,
        changed=CHANGED,
        unknown=[(1000, {("air", "x"): Unknown("t/x", "gaoxin", "hour", "native", None, b"{}")})],
        now=30,
    )


def test_a_replay_is_booked_with_its_progress_and_ends_once(books: Books) -> None:
    stored = book(books, letter(0), letter(1))
    request = asked(books, Selection(code="no_offset"))
    assert (request.asked, request.upto, request.chosen) == (2, 2, Selection(code="no_offset", state="open"))
    replays, letters = Replays(books), Letters(books)
    new = stored[1]._replace(letter=stored[1].letter._replace(refusals=(refusal("too_old", "older than 400 days"),)))
    after = save(replays, request, [stored[0]], [new])
    assert (after.state, after.last_id, after.replayed, after.refused) == ("open", 2, 1, 1)
    assert letters.count() == {("replayed", "no_offset"): 1, ("open", "too_old"): 1}
    assert letters.page(Selection(code="too_old"))[0].letter == new.letter
    assert {one.worked_by for one in letters.page(Selection())} == {"wang"}
    done = save(replays, after)
    assert done == replays.request(request.id)
    assert done.state == "done"
    with pytest.raises(LostClaim):
        save(replays, after)
    assert [(line["who"], line["what"], line["detail"]) for line in lines_of_audit(books)] == [
        ("wang", "replay asked", {"code": "no_offset", "state": "open", "count": 2, "upto": 2}),
        ("wang", "replay done", {"replayed": 1, "refused": 1}),
    ]
    assert [(u.station, u.first_seen) for u in books.unknown()] == [("x", 1000)]
    assert replays.claim("j1", now=40) is None


def test_one_ingest_works_on_a_request_until_its_lease_ends(books: Books) -> None:
    stored = book(books, letter(0))
    request = asked(books, Selection(ids=(1,)))
    replays = Replays(books, lease_ms=1_000)
    assert replays.claim("j2", now=30) is None
    assert not replays.waiting("j2", now=30)
    assert replays.claim("j1", now=30) == request, "its own, after a restart"
    taken_over = replays.claim("j2", now=2_000)
    assert taken_over == request
    with pytest.raises(LostClaim):
        save(replays, request, stored)
    assert Letters(books).count() == {("open", "no_offset"): 1}
    save(replays, taken_over, stored, worker="j2")


def test_nothing_is_booked_with_an_older_registry(books: Books) -> None:
    stored = book(books, letter(0))
    request = asked(books, Selection(ids=(1,)))
    books.register([Station(id="hx-01", family="air", name_zh="虎溪", district="gaoxin")], who="me", now=1)
    with pytest.raises(StaleRegistry):
        save(Replays(books), request, stored)
    assert Replays(books).request(request.id) == request
    assert Letters(books).count() == {("open", "no_offset"): 1}


def test_what_a_person_discards_during_its_replay(books: Books) -> None:
    stored = book(books, letter(0), letter(1))
    request = asked(books, Selection(ids=(1, 2)))
    Letters(books).discard(Selection(ids=(1, 2)), who="li", why="test", now=25)
    save(Replays(books), request, [stored[0]], [stored[1]])
    assert [one.state for one in Letters(books).page(Selection())] == ["replayed", "discarded"], (
        "what is stored says so"
    )


def test_a_request_is_of_open_letters_and_finite(books: Books) -> None:
    book(books, letter(0), letter(1))
    Letters(books).discard(Selection(ids=(1,)), who="me", why="test", now=1)
    assert Replays(books).ask(Selection(ids=(1,)), who="me", now=1) is None
    assert Replays(books).ask(Selection(code="too_old"), who="me", now=1) is None
    request = asked(books, Selection(fingerprint=NO_OFFSET))
    book(books, letter(0), batch=2)
    assert (request.asked, request.upto) == (1, 2)
