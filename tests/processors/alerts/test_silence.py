"""When a station is said to be silent, by table: pure instants; and when pauses and spans come to the books."""

from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import pytest

from ingest.hearing import Ears
from processors.alerts.silence import Expected, expected, instants, silences
from processors.alerts.values import VALUE
from sensors.instants import FOREVER
from sensors.stations import Station
from store.books import Books
from store.hearing import Hearing, Span
from store.intervals import Interval
from store.sightings import Sighting, Sightings

MINUTE = 60_000
ALWAYS = [Expected(-FOREVER, FOREVER, MINUTE, 7 * MINUTE)]
HEARS = [Span(0, 100 * MINUTE)]


def said(
    pauses: list[tuple[int, int]],
    last: int | None,
    hearing: list[tuple[int, int]],
    expected_at: list[Expected] = ALWAYS,
) -> list[tuple[float, float]]:
    """(minute, minutes not heard) of each instant up to the second; all in minutes."""
    found = silences(
        [Span(a * MINUTE, b * MINUTE) for a, b in pauses],
        None if last is None else last * MINUTE,
        expected_at,
        [Span(a * MINUTE, b * MINUTE) for a, b in hearing],
    )
    return [(at / MINUTE, float(values["minutes"])) for at, values in found.items()]


@pytest.mark.parametrize(
    ("pauses", "last", "hearing", "first", "end"),
    [
        # Silent two periods and five minutes after it was heard; 0 where it was heard again.
        ([(10, 30)], 30, [(0, 31)], (17, 7), (30, 0)),
        ([], 10, [(0, 31)], (17, 7), None),
        # Not yet: what came is known until just before.
        ([], 10, [(0, 16.999)], None, None),
        # It was heard before an outage of ours: it has its whole time again after it, and was silent since it was heard.
        ([], 10, [(0, 12), (30, 37)], (37, 27), None),
        ([], 10, [(0, 12), (30, 36)], None, None),
        # All of its pause is in our outage, but for less than it may be silent.
        ([(10, 35)], 35, [(0, 12), (30, 41)], None, None),
        # Silent before our outage: the outage says nothing, and it was heard first after it.
        ([(10, 60)], 60, [(0, 18), (50, 61)], (17, 7), (60, 0)),
        # Never heard: from when ingest heard at all.
        ([], None, [(5, 20)], (12, 7), None),
        ([], None, [], None, None),
        ([(0, 20)], 20, [(5, 21)], (12, 7), (20, 0)),
    ],
)  # fmt: skip
def test_when_a_station_is_said_to_be_silent(
    pauses: list[tuple[int, int]],
    last: int | None,
    hearing: list[tuple[int, int]],
    first: tuple[float, float] | None,
    end: tuple[float, float] | None,
) -> None:
    found = said(pauses, last, hearing)
    assert (found[0] if found else None) == first
    assert next((one for one in found if one[1] == 0), None) == end


def station(**more: object) -> Station:
    entry = {"id": "a", "family": "air", "name_zh": "a", "district": "gaoxin", "period": "minute", **more}
    return Station.model_validate(entry)


def work(since: int, until: int, quantity: str = "") -> Interval:
    return Interval("air", "a", quantity, since * MINUTE, until * MINUTE, "maintenance", "pump")


@pytest.mark.parametrize(
    ("intervals", "found"),
    [
        # Of one quantity only: the station still sends.
        ([work(20, 40, "pm2_5")], [17]),
        # Silent before, worked on from 20 on (so not silent any more), and silent again seven minutes after.
        ([work(20, 40)], [17, 20, 47]),
        ([work(15, 40)], [47]),
        ([work(5, 15), work(15, 40)], [47]),
        ([work(0, 200)], []),
    ],
)
def test_a_station_that_people_work_on_is_not_silent(intervals: list[Interval], found: list[int]) -> None:
    of = silences((), 10 * MINUTE, expected([station()], intervals), [Span(0, 50 * MINUTE)])
    firsts = [at / MINUTE for at, values in of.items() if values[VALUE] in {Fraction(7), Fraction(0)}]
    assert firsts == found


def test_a_station_is_expected_while_its_entries_hold() -> None:
    old = station(active_from=datetime.fromtimestamp(600, UTC), active_to=datetime.fromtimestamp(1200, UTC))
    new = station(active_from=datetime.fromtimestamp(1200, UTC), period="hour")
    assert [one[:3] for one in expected([new, old], ())] == [
        (10 * MINUTE, 20 * MINUTE, MINUTE),
        (20 * MINUTE, FOREVER, 60 * MINUTE),
    ]
    assert expected([station(period="raw")], ()) == []


def test_deadlines_are_the_instants_that_silence_will_say_something_at() -> None:
    ahead = instants(10 * MINUTE, ALWAYS, [Span(0, 11 * MINUTE)])
    assert ahead[:3] == [17 * MINUTE, 18 * MINUTE, 21 * MINUTE]
    assert all(at in silences((), 10 * MINUTE, ALWAYS, [Span(0, at)]) for at in ahead)
    assert instants(10 * MINUTE, ALWAYS, []) == []


@pytest.mark.parametrize(
    ("back_at", "lost_at", "since"),
    [(50_000, None, 1), (61_001, None, 61_001), (50_000, 40_000, 50_000), (50_000, 500, 1)],
)
def test_a_short_break_is_none_unless_the_broker_lost_our_session(
    back_at: int, lost_at: int | None, since: int
) -> None:
    for restarted in (False, True):
        ears = Ears(None)
        ears.look(1, hears=True, lost_at=None)
        ears.look(1_000, hears=True, lost_at=None)
        assert ears.span(FOREVER) == Span(1, 1_000)
        ears.look(2_000, hears=False, lost_at=None)
        assert ears.span(FOREVER) == Span(1, 1_000), "nothing is known of when it did not hear"
        if restarted:
            ears = Ears(ears.span(FOREVER))
        ears.look(back_at, hears=True, lost_at=lost_at)
        ears.look(90_000, hears=True, lost_at=lost_at)
        assert ears.span(FOREVER) == Span(since, 90_000)
        assert ears.span(80_000) == Span(since, 80_000)


@pytest.mark.parametrize(("passed", "since"), [(60_000, 1), (60_001, 61_001), (3_600_000, 3_601_000)])
def test_time_in_which_nobody_looked_is_a_break(passed: int, since: int) -> None:
    """A machine that slept, or whose clock was set, finds itself connected and reading all the while."""
    ears = Ears(None)
    for at in (1, 1_000, 1_000 + passed, 2_000 + passed):
        ears.look(at, hears=True, lost_at=None)
    assert ears.span(FOREVER) == Span(since, 2_000 + passed)


@pytest.fixture
def books(tmp_path: Path) -> Books:
    books = Books(f"sqlite:///{tmp_path}/books.sqlite")
    books.prepare()
    return books


def test_a_pause_longer_than_the_limit_is_kept_by_what_was_heard_first_after_it(books: Books) -> None:
    sightings = Sightings(books)

    def heard(last: int, first: int | None = None) -> None:
        sightings.add([Sighting("air", "a", last, first_received=first)], lambda *_: 100)

    heard(50)
    heard(150)
    heard(900, first=260)
    heard(1_500, first=1_000)
    # It was never heard before 50, which is less than it may be silent.
    assert Hearing(books).pauses("air", ["a"], 0) == {"a": [Span(150, 260)]}
    assert Hearing(books).pauses("air", ["a"], 260) == {}


def test_spans_get_longer_and_stay_apart(books: Books) -> None:
    hearing = Hearing(books)
    assert (hearing.known_until(), hearing.last("j")) == (None, None)
    for journal, span in [
        ("j", Span(1, 5)),
        ("j", Span(1, 9)),
        ("j", Span(1, 7)),
        ("j", Span(20, 30)),
        ("k", Span(8, 12)),
    ]:
        hearing.keep(journal, span)
    assert hearing.spans() == [Span(1, 12), Span(20, 30)]
    assert (hearing.last("j"), hearing.known_until()) == (Span(20, 30), 30)
