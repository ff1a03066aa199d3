"""The outbox: one planner wins, one deliverer holds a notice, and whatever ends, nothing is lost or told twice by it."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from store.books import Books
from store.incidents import Incidents
from store.judgements import Superseded
from store.notice_tries import Tries
from store.notices import GIVEN_UP, Ladder, Notice, NoticeDraft, Outbox, Plan
from tests.processors.alerts.notify.told import draft, write

NOW = 1_772_000_000_000


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    with closing(Books(f"sqlite:///{tmp_path / 'books.sqlite'}")) as made:
        made.prepare()
        yield made


@pytest.fixture
def outbox(books: Books) -> Outbox:
    made = Outbox(books)
    made.begin(0)
    return made


def told(cause: str = "line 1", channel: str = "group", incident: int = 1) -> NoticeDraft:
    return NoticeDraft(cause, channel, "", incident, "opened", "notice", "title", "body", {"a": 1})


@pytest.fixture
def tries(books: Books) -> Tries:
    return Tries(books)


def added(outbox: Outbox, draft: NoticeDraft) -> int:
    """The number of one more notice."""
    cursor = outbox.cursor() or 0
    outbox.save(Plan(cursor, [draft]), knowing=cursor, now=NOW)
    return outbox.deliveries()[0].id


def stored(outbox: Outbox, number: int) -> Notice:
    return next(one for one in outbox.deliveries() if one.id == number)


def test_of_two_planners_the_second_writes_nothing(outbox: Outbox) -> None:
    outbox.save(Plan(5, [told()], [Ladder(1, "duty", 1, 0, NOW)]), knowing=0, now=NOW)
    with pytest.raises(Superseded):
        outbox.save(Plan(5, [told("line 2")], ended=[(1, "duty")], withheld=[(1, "x")]), knowing=0, now=NOW)
    assert (outbox.cursor(), len(outbox.deliveries()), outbox.withheld()) == (5, 1, [])
    assert outbox.due_ladders(NOW, 10) == [Ladder(1, "duty", 1, 0, NOW)]


def test_an_incident_is_withheld_once_whoever_says_so(outbox: Outbox) -> None:
    for _ in range(2):
        outbox.save(Plan(0, withheld=[(1, "the silence 1 is over")]), knowing=0, now=NOW)
    (one,) = outbox.withheld()
    outbox.save(Plan(0, released=[(one.id, "told")]), knowing=0, now=NOW)
    with pytest.raises(Superseded):
        outbox.save(Plan(0, released=[(one.id, "told")]), knowing=0, now=NOW)
    outbox.save(Plan(0, withheld=[(1, "again")]), knowing=0, now=NOW)
    assert [each.why for each in outbox.withheld()] == ["again"]


def test_of_one_cause_a_channel_is_told_once(outbox: Outbox) -> None:
    outbox.save(Plan(5, [told(), told(), told(channel="mail")]), knowing=0, now=NOW)
    outbox.save(Plan(6, [told()]), knowing=5, now=NOW)
    assert sorted(one.channel for one in outbox.deliveries()) == ["group", "mail"]
    assert len({one.uid for one in outbox.deliveries()}) == 2


def test_a_lease_keeps_others_off_until_it_ends_and_the_uid_stays(outbox: Outbox, tries: Tries) -> None:
    number = added(outbox, told())
    first = tries.take(number, "a", NOW, NOW + 100)
    assert first is not None
    assert tries.take(number, "b", NOW + 99, NOW + 200) is None
    assert tries.due(NOW + 99) == []
    second = tries.take(number, "b", NOW + 100, NOW + 200)
    assert second is not None
    assert second.uid == first.uid
    # Who lost the lease says nothing of it any more.
    tries.sent(first, "a", NOW + 101)
    tries.failed(first, "a", error="x", due_at=NOW)
    tries.give_up(first, "a", error="x", now=NOW)
    after = stored(outbox, number)
    assert (after.state, after.tries) == ("waiting", 0)
    tries.sent(second, "b", NOW + 102)
    after = stored(outbox, number)
    assert (after.state, after.tries, after.done_at) == ("sent", 1, NOW + 102)
    assert tries.take(number, "c", NOW + 999, NOW + 1_999) is None


def test_a_digest_of_something_that_somebody_tries_is_not_made(outbox: Outbox, tries: Tries) -> None:
    numbers = [added(outbox, told(f"line {n}", incident=n)) for n in (1, 2, 3)]
    waiting = tries.waiting("group", 10)
    assert tries.take(numbers[1], "a", NOW, NOW + 100)
    assert tries.digest(waiting, told("digest 1", incident=0), "b", NOW, NOW + 100) is None
    assert [one.id for one in tries.waiting("group", 10)] == numbers
    made = tries.digest([waiting[0], waiting[2]], told("digest 1", incident=0), "b", NOW, NOW + 100)
    assert made is not None
    states = {one.id: (one.state, one.digest) for one in outbox.deliveries()}
    assert states == {
        numbers[0]: ("in digest", made.id),
        numbers[1]: ("waiting", None),
        numbers[2]: ("in digest", made.id),
        made.id: ("waiting", None),
    }


def test_a_digest_that_is_given_up_is_said_of_each_of_its_incidents_once(
    books: Books, outbox: Outbox, tries: Tries
) -> None:
    incidents = [write(books, "opened", draft(NOW), now=NOW, subject=name) for name in ("hx-01", "hx-02")]
    for number, incident in enumerate([*incidents, incidents[0]]):
        added(outbox, told(f"line {number}", incident=incident))
    made = tries.digest(tries.waiting("group", 10), told("digest", incident=0), "a", NOW, NOW + 100)
    assert made is not None
    tries.give_up(made, "a", error="HTTP 500", now=NOW + 50)
    assert {one.state for one in outbox.deliveries()} == {"given up"}
    for number in incidents:
        lines = [(line.what, line.why) for line in Incidents(books).log(number)]
        assert lines == [("opened", "the condition held for its dwell"), (GIVEN_UP, "group: HTTP 500")]


def test_what_says_that_a_notice_was_not_delivered_says_so_of_no_other(
    books: Books, outbox: Outbox, tries: Tries
) -> None:
    incident = write(books, "opened", draft(NOW), now=NOW)
    number = added(outbox, told(incident=incident)._replace(what=GIVEN_UP))
    held = tries.take(number, "a", NOW, NOW + 100)
    assert held is not None
    tries.give_up(held, "a", error="HTTP 500", now=NOW)
    assert [line.what for line in Incidents(books).log(incident)] == ["opened"]


def test_the_log_is_read_from_a_moment_on_once(books: Books) -> None:
    for at, subject in ((NOW - 10, "hx-01"), (NOW, "hx-02"), (NOW + 10, "hx-03")):
        write(books, "opened", draft(NOW), now=at, subject=subject)
    outbox = Outbox(books)
    assert outbox.cursor() is None
    outbox.begin(NOW)
    outbox.begin(NOW + 10)
    assert outbox.cursor() == 1
    assert [line.at for line in outbox.lines(1, 10)] == [NOW, NOW + 10]
    assert [line.at for line in outbox.lines(1, 1)] == [NOW]
