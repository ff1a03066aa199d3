"""Episodes: dwell, hysteresis, clear time, hold, gaps; by hand, and by what must hold of any points."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.alerts.episodes import Episode, Point, Step, Timing, course

HOUR = 3_600_000
TWO = Timing(dwell=(0, 2 * HOUR), clear=2 * HOUR, hold=0, gap=3 * HOUR)


def hours(levels: str, *, first: int = 0, keeps: str | None = None) -> list[Point]:
    """A point an hour: a digit is its level, "?" is not known, a blank is an hour without a point."""
    kept = keeps or levels
    return [
        Point(
            (first + n) * HOUR,
            None if level == "?" else int(level),
            0 if level == "?" else max(int(level), int(kept[n])),
        )
        for n, level in enumerate(levels)
        if level != " "
    ]


def shown(episodes: tuple[Episode, ...]) -> list[tuple[int, list[tuple[int, int]], int | None, int | None]]:
    """In hours: since, steps, well, resolved."""

    def hour(at: int | None) -> int | None:
        return None if at is None else at // HOUR

    return [
        (one.since // HOUR, [(step.at // HOUR, step.level) for step in one.steps], hour(one.well), hour(one.resolved))
        for one in episodes
    ]


@pytest.mark.parametrize(
    ("levels", "keeps", "timing", "expected", "pending"),
    [
        ("0000", None, TWO, [], None),
        # Level 1 fires at once, and is let go two hours after the value was well.
        ("0100000", None, TWO, [(1, [(1, 1)], 2, 4)], None),
        # Level 2 after two hours of it; what it was before is level 1.
        ("0222000", None, TWO, [(1, [(1, 1), (3, 2), (6, 0)], 4, 6)], None),
        ("02200", None, TWO, [(1, [(1, 1)], 3, None)], None),
        # Between the limits the level stays, and so does the episode.
        ("0222111000", "0222222000", TWO, [(1, [(1, 1), (3, 2)], 7, 9)], None),
        # From level 2 to 1 after two hours below the clear limit of 2.
        ("02221111", None, TWO, [(1, [(1, 1), (3, 2), (6, 1)], None, None)], None),
        # It comes back before the clear time is over: no second episode.
        ("01010100000", None, TWO, [(1, [(1, 1)], 6, 8)], None),
        # What is not known neither goes on nor ends.
        ("01?0?000", None, TWO, [(1, [(1, 1)], 3, 5)], None),
        # After a gap the clear time begins again; what fires stays.
        ("010    000", None, TWO, [(1, [(1, 1)], 7, 9)], None),
        ("01      ", None, TWO, [(1, [(1, 1)], None, None)], None),
        # A dwell that is not over is pending; a gap ends it.
        ("0011", None, Timing((2 * HOUR,), HOUR, 0, 3 * HOUR), [], 2),
        ("0011    1", None, Timing((2 * HOUR,), HOUR, 0, 3 * HOUR), [], 8),
        ("0011 1", None, Timing((2 * HOUR,), HOUR, 0, 3 * HOUR), [(2, [(5, 1)], None, None)], None),
        # The least time that an episode lasts.
        ("010000000", None, Timing((0,), HOUR, 5 * HOUR, 3 * HOUR), [(1, [(1, 1)], 2, 6)], None),
    ],
)
def test_by_hand(
    levels: str,
    keeps: str | None,
    timing: Timing,
    expected: list[tuple[int, list[tuple[int, int]], int | None, int | None]],
    pending: int | None,
) -> None:
    found = course(hours(levels, keeps=keeps), timing)
    got = [
        (since, [step for step in steps if step[1]], well, resolved)
        for since, steps, well, resolved in shown(found.episodes)
    ]
    assert got == [
        (since, [step for step in steps if step[1]], well, resolved) for since, steps, well, resolved in expected
    ]
    assert found.pending == (None if pending is None else pending * HOUR)


def test_the_peak_is_the_first_point_of_the_highest_level() -> None:
    points = [Point(n * HOUR, level, level, {"value": n}) for n, level in enumerate((1, 2, 2, 1))]
    (one,) = course(points, Timing((0, 0), HOUR, 0, 3 * HOUR)).episodes
    assert (one.peak.at, one.peak.shown, one.greatest, one.level) == (HOUR, {"value": 1}, 2, 2)


def test_a_level_of_which_it_is_not_known_is_neither_let_go_nor_forgotten() -> None:
    timing = Timing((0, 0), 2 * HOUR, 0, 3 * HOUR)
    points = [Point(0, 2, 2), *(Point(n * HOUR, 1, 1, {}, 2, 2) for n in range(1, 8))]
    (one,) = course(points, timing).episodes
    assert (one.level, one.well) == (2, None)
    (one,) = course([*points, *(Point(n * HOUR, 1, 1) for n in range(8, 12))], timing).episodes
    assert [(step.at // HOUR, step.level) for step in one.steps] == [(0, 2), (10, 1)]


def test_the_peak_is_of_the_greatest_value_since_it_began() -> None:
    values = (101, 102, 149, 148, 90)
    points = [
        Point(n * HOUR, int(v > 100), int(v > 100), {"value": v}, 0, 0, Fraction(v)) for n, v in enumerate(values)
    ]
    (one,) = course(points, Timing((HOUR,), HOUR, 0, 3 * HOUR)).episodes
    assert one.peak.shown == {"value": 149}


@pytest.mark.parametrize(
    ("levels", "known", "fired"),
    [
        # Four windows and the first: all five, or four of them.
        ("011111", 5, 5), ("01 11111", 5, 7), ("01 1111", 4, 5), ("01?1 11111", 5, 9), ("01  1  1  1", 4, None),
    ],
)  # fmt: skip
def test_it_fires_when_enough_of_its_dwell_is_known(levels: str, known: int, fired: int | None) -> None:
    found = course(hours(levels), Timing((4 * HOUR,), HOUR, 0, 3 * HOUR, (known,))).episodes
    assert [one.fired // HOUR for one in found] == ([] if fired is None else [fired])


def test_it_begins_in_its_hours_alone_and_goes_on_outside_them() -> None:
    found = course(hours("011111100"), Timing((HOUR,), HOUR, 0, 3 * HOUR), lambda at: at // HOUR == 4)
    (one,) = found.episodes
    assert (one.since // HOUR, one.fired // HOUR, one.last // HOUR) == (1, 4, 8)
    assert course(hours("0111"), Timing((HOUR,), HOUR, 0, 3 * HOUR), lambda _: False).pending == HOUR


def test_points_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="rising order"):
        course([Point(2, 0), Point(1, 0)], TWO)


@st.composite
def series(draw: st.DrawFn) -> list[Point]:
    at, found = 0, []
    for _ in range(draw(st.integers(0, 40))):
        at += draw(st.sampled_from([1, 1, 1, 1, 2, 5])) * HOUR
        level = draw(st.sampled_from([None, 0, 0, 1, 2]))
        found.append(Point(at, level, max(level or 0, draw(st.integers(0, 2)))))
    return found


timings = st.builds(
    Timing,
    st.tuples(st.sampled_from([0, HOUR, 3 * HOUR]), st.sampled_from([0, 2 * HOUR])),
    st.sampled_from([0, HOUR, 3 * HOUR]),
    st.sampled_from([0, 4 * HOUR]),
    st.just(3 * HOUR),
    st.sampled_from([(), (1, 1), (3, 2)]),
    st.sampled_from([0, 2, 3]),
    st.just(12 * HOUR),
    st.sampled_from([2 * HOUR, 5 * HOUR]),
)


@given(series(), timings)
def test_what_holds_of_any_points(points: list[Point], timing: Timing) -> None:
    found = course(points, timing)
    known = {point.at: point for point in points if point.level is not None}
    before = None
    for one in found.episodes:
        assert one.since <= one.fired <= one.last
        assert before is None or (before.resolved is not None and before.resolved < one.fired)
        assert (known[one.since].level or 0) >= 1
        # Something fires only where each known point of its dwell exceeded it.
        for step, earlier in zip(one.steps, (Step(0, 0), *one.steps), strict=False):
            if step.level > earlier.level:
                span = [p for at, p in known.items() if step.at - timing.dwell[step.level - 1] <= at <= step.at]
                assert all((p.level or 0) >= step.level for p in span)
        if one.resolved is not None:
            assert one.well is not None
            assert one.resolved - one.well >= timing.clear
            assert one.resolved - one.fired >= timing.hold
            assert all(p.keeps == 0 for at, p in known.items() if one.well <= at <= one.resolved)
        before = one


@given(series(), timings, st.integers(0, 40))
def test_later_points_change_nothing_that_was_resolved(points: list[Point], timing: Timing, cut: int) -> None:
    early, late = course(points[:cut], timing).episodes, course(points, timing).episodes
    resolved = [one for one in early if one.phase == "resolved"]
    assert list(late[: len(resolved)]) == resolved
