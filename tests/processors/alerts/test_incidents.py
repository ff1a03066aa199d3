"""Incidents: whatever the order and the batches in which points come, what is stored in the end is what the data say; nothing is
told twice, and late data are said to be late."""

import random
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from processors.alerts.episodes import Point, Timing, course
from processors.alerts.incidents import changes, drafts
from store.incidents import Change, Incident
from tests.processors.alerts.test_episodes import HOUR, hours, series, timings

TIMING = Timing((0, 2 * HOUR), 2 * HOUR, 0, 3 * HOUR)
REOPEN = 4 * HOUR


class Book:
    """What is stored, as the books would."""

    def __init__(self, timing: Timing = TIMING, reopen: int = REOPEN) -> None:
        self.known: list[Incident] = []
        self.told: list[Change] = []
        self.timing, self.reopen, self._next = timing, reopen, 1

    def see(self, points: Sequence[Point]) -> list[Change]:
        now = drafts(course(sorted(points), self.timing).episodes, self.reopen)
        found = changes(self.known, now, self.reopen)
        for one in found:
            self.told.append(one)
            if one.id is None:
                self.known.append(_stored(self._next, one))
                self._next += 1
            else:
                self.known = [k for k in self.known if k.id != one.id]
                if one.draft is not None:
                    self.known.append(_stored(one.id, one))
        self.known.sort(key=lambda k: k.draft.since)
        return found


def _stored(number: int, change: Change) -> Incident:
    assert change.draft is not None
    return Incident(number, "rule", "subject", change.draft, None, None, 0, None, None, None)


def whats(found: Sequence[Change]) -> list[str]:
    return [one.what for one in found if one.what != "noted"]


def test_an_incident_from_its_first_point_to_its_last() -> None:
    book, told = Book(), []
    for upto in range(1, 16):
        told.append(whats(book.see(hours("012221100000000"[:upto]))))
    # Level 2 lasts from hour 2 to 4; at hour 7 it is two hours below 2, and the first that is well.
    assert {n: one for n, one in enumerate(told) if one} == {
        1: ["opened"], 4: ["raised"], 7: ["lowered", "recovering"], 9: ["resolved"],
    }  # fmt: skip


def test_it_reopens_within_its_window_and_is_another_one_after_it() -> None:
    book = Book()
    for upto in range(1, 31):
        book.see(hours("0100001000000000010000"[:upto]))
    assert whats(book.told) == ["opened", "recovering", "resolved", "reopened", "recovering", "resolved",
                                "opened", "recovering", "resolved"]  # fmt: skip
    assert [one.draft.episodes for one in book.known] == [2, 1]


FLAPPING = Timing((0,), HOUR, 0, 3 * HOUR, (), 3, 12 * HOUR, REOPEN)


def test_what_flaps_is_told_once_and_its_end_when_it_was_calm() -> None:
    book, told = Book(FLAPPING), []
    for upto in range(1, 24):
        told.append(whats(book.see(hours("01001001010100000100000"[:upto]))))
    # At hour 7 it begins for the third time. From then on its coming and going is not told, until four hours after hour 12.
    assert {n: one for n, one in enumerate(told) if one} == {
        1: ["opened"], 2: ["recovering"], 3: ["resolved"], 4: ["reopened"], 5: ["recovering"], 6: ["resolved"], 7: ["flapping"],
        16: ["resolved"], 17: ["opened"], 18: ["recovering"], 19: ["resolved"],
    }  # fmt: skip
    assert [(one.draft.episodes, one.draft.flapping) for one in book.known] == [(3, True), (1, False)]


def test_what_rises_while_it_flaps_is_told() -> None:
    book = Book(FLAPPING._replace(dwell=(0, 0)))
    for upto in range(1, 13):
        book.see(hours("010010010120"[:upto]))
    assert whats(book.told)[-2:] == ["flapping", "raised"]


def test_what_flapped_and_is_over_when_the_data_came_is_told_so() -> None:
    book = Book(FLAPPING)
    book.see(hours("0100"))
    assert whats(book.see(hours("010010010000000"))) == ["flapping", "resolved"]


def test_slow_repetition_is_no_flapping() -> None:
    book = Book(FLAPPING._replace(flap_span=6 * HOUR))
    book.see(hours("01000100010001000"))
    assert not any(one.draft.flapping for one in book.known)


def test_late_data_open_correct_join_and_withdraw() -> None:
    book = Book()
    assert whats(book.see(hours("0000000000"))) == []
    opened = book.see(hours("0010000000"))
    assert (whats(opened), opened[0].why) == (["opened"], "it was over when the data came")
    assert whats(book.see(hours("0111000000"))) == ["corrected", "corrected"]
    assert whats(book.see(hours("0000000000"))) == ["withdrawn"]
    apart = hours("0100000000000000100000")
    assert whats(book.see(apart)) == ["opened", "opened"]
    assert whats(book.see(hours("0111111111111111100000"))) == ["joined", "corrected"]
    assert len(book.known) == 1


def test_a_beginning_that_was_looked_at_is_not_kept_against_late_data() -> None:
    book = Book()
    book.see(hours("0100010000"))
    (two,) = book.known
    (one,) = drafts(course(sorted(hours("0111110000")), TIMING).episodes, REOPEN)
    assert (two.draft.episodes, one.episodes, one.since) == (2, 1, two.draft.since)
    (change,) = changes(book.known, [one], REOPEN, edge=one.since)
    assert change.draft == one
    earlier = two._replace(draft=two.draft._replace(since=one.since - HOUR, fired=one.since - HOUR))
    assert changes([earlier], [one], REOPEN, edge=one.since) == [], "it began before the look: that stays"


@given(series(), timings, st.integers(0, 2**32))
def test_any_order_and_batches_end_with_what_the_data_say_and_again_says_nothing(
    points: list[Point], timing: Timing, order: int
) -> None:
    rng, book = random.Random(order), Book(timing)
    seen: list[Point] = []
    left = list(points)
    rng.shuffle(left)
    while left:
        size = rng.randint(1, 5)
        seen, left = seen + left[:size], left[size:]
        book.see(seen)
        assert book.see(seen) == []
    assert [k.draft for k in book.known] == drafts(course(points, timing).episodes, REOPEN)


@given(series(), timings)
def test_in_order_each_beginning_and_end_is_told_once(points: list[Point], timing: Timing) -> None:
    book = Book(timing)
    for upto in range(len(points) + 1):
        book.see(points[:upto])
    assert "withdrawn" not in whats(book.told)
    assert "corrected" not in whats(book.told)
    for known in book.known:
        over = False
        for what in (one.what for one in book.told if one.id == known.id):
            # An end is told of what holds, a beginning of what is over; one that begins to flap holds again.
            assert what not in {"resolved", "reopened"} or over == (what == "reopened")
            over = what == "resolved" or (over and what not in {"reopened", "flapping"})


def test_each_stored_incident_goes_to_the_draft_that_it_shares_most_with() -> None:
    book = Book(Timing((0,), 0, 0, 30 * HOUR), 6 * HOUR)
    # Two incidents; then late data make the first one longer, so that it lies within reopening of the second.
    book.see(hours("0" + "1" * 10 + "0" * 10 + "1" * 10 + "0"))
    first, second = (known.id for known in book.known)
    book.see(hours("0" + "1" * 14 + "0" * 7 + "1" * 9 + "0"))
    assert [known.id for known in book.known] == [first, second]
    assert "joined" not in whats(book.told)
