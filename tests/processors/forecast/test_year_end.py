"""The forecast of a year's good-air days: exact where it can be counted, within what is possible, and blind to later days."""

import random
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.forecast.year_end import LEAST_HISTORY, NoForecast, State, YearForecast, forecast_year
from processors.windows import days_between

Known = dict[date, State]


def years(first: int, last: int, state: Callable[[date], State]) -> Known:
    return {day: state(day) for day in days_between(date(first, 1, 1), date(last, 12, 31))}


def mixed(seed: int, share: float = 0.85) -> Known:
    rng = random.Random(seed)
    return years(2023, 2026, lambda _: "good" if rng.random() < share else "polluted")


def made(known: Known, last: date, target: int = 300) -> YearForecast:
    found = forecast_year(known, 2026, last, target)
    assert isinstance(found, YearForecast)
    return found


@settings(max_examples=30)
@given(st.integers(0, 1000), st.integers(-1, 364), st.integers(0, 366))
def test_it_stays_within_what_is_possible(seed: int, number: int, target: int) -> None:
    known, last = mixed(seed), date(2026, 1, 1) + timedelta(days=number)
    found = made(known, last, target)
    so_far = sum(known[day] == "good" for day in days_between(date(2026, 1, 1), last))
    left = (date(2026, 12, 31) - last).days
    assert so_far <= found.low <= found.median <= found.high <= so_far + left
    assert 0 <= found.probability <= 1
    assert sum(found.distribution) == pytest.approx(1)
    assert [one.day for one in found.fan] == days_between(last + timedelta(days=1), date(2026, 12, 31))
    assert all(one.low <= one.median <= one.high for one in found.fan)
    medians = [one.median for one in found.fan]
    assert medians == sorted(medians)
    if target <= so_far:
        assert found.probability == pytest.approx(1)
    if target > so_far + left:
        assert found.probability == 0


@given(st.integers(0, 100), st.integers(0, 363))
@settings(max_examples=20)
def test_later_days_change_nothing(seed: int, number: int) -> None:
    known, last = mixed(seed), date(2026, 1, 1) + timedelta(days=number)
    before = {day: state for day, state in known.items() if day <= last}
    others: Known = {day: "polluted" for day in known if day > last}
    assert made(known, last) == made(before, last) == made(before | others, last)


def test_the_end_of_the_year_is_the_count() -> None:
    known = mixed(1)
    count = sum(state == "good" for day, state in known.items() if day.year == 2026)
    found = made(known, date(2026, 12, 31), count)
    assert (found.low, found.median, found.high, found.fan) == (count, count, count, ())
    assert found.probability == pytest.approx(1)


def test_a_bad_day_more_never_makes_the_target_likelier() -> None:
    known, last = mixed(2), date(2026, 6, 30)
    probability = made(known, last, 305).probability
    for day in days_between(date(2026, 1, 5), date(2026, 6, 30))[::25]:
        if known[day] == "good":
            assert made(known | {day: "polluted"}, last, 305).probability < probability
        assert (
            made(known | {day: "not_assessable"}, last, 305).probability <= probability + 1e-9 or known[day] != "good"
        )


def test_a_year_like_none_before_is_told_by_its_days() -> None:
    usual = years(2022, 2025, lambda day: "polluted" if day.day == 15 else "good")
    assert made(usual, date(2025, 12, 31), 330).probability > 0.9
    bad = usual | dict.fromkeys(days_between(date(2026, 1, 1), date(2026, 5, 31)), "polluted")
    found = made(bad, date(2026, 5, 31), 200)
    assert found.probability < 0.1
    assert found.high < 365 - 151


def test_the_season_is_learnt() -> None:
    winters = years(2022, 2026, lambda day: "polluted" if day.month in {12, 1} and day.day % 2 else "good")
    found = made(winters, date(2026, 11, 30))
    so_far = sum(state == "good" for day, state in winters.items() if date(2026, 1, 1) <= day <= date(2026, 11, 30))
    assert so_far + 10 < found.fan[-1].median < so_far + 26


def test_three_days_by_hand() -> None:
    """Years without effect and persistence, all days alike: what is left is a binomial, so it is counted in full."""
    known = years(2022, 2025, lambda day: "good" if day.toordinal() % 4 else "polluted")
    last = date(2026, 12, 28)
    known |= {day: "good" if day.toordinal() % 4 else "polluted" for day in days_between(date(2026, 1, 1), last)}
    found = made(known, last)
    so_far = sum(state == "good" for day, state in known.items() if day.year == 2026)
    three = found.distribution[so_far : so_far + 4]
    mean = sum(number * share for number, share in enumerate(three))
    p = mean / 3
    expected = [
        sum(
            _product(p if good else 1 - p for good in days) for days in product((0, 1), repeat=3) if sum(days) == number
        )
        for number in range(4)
    ]
    # The cycle of four days is a negative correlation, which is taken as none; the effect widens it a little.
    assert three == pytest.approx(expected, abs=0.02)
    assert p == pytest.approx(0.75, abs=0.02)


def _product(factors: Iterable[float]) -> float:
    total = 1.0
    for factor in factors:
        total *= factor
    return total


def test_too_little_history_gives_no_number() -> None:
    known = years(2025, 2025, lambda day: "good" if day.month < 11 else "not_assessable")
    found = forecast_year(known, 2026, date(2025, 12, 31), 300)
    assert found == NoForecast(f"304 days of earlier years have a verdict, {LEAST_HISTORY} are needed")


def test_a_day_of_another_year_is_refused() -> None:
    with pytest.raises(ValueError, match="no day of 2026"):
        forecast_year(mixed(1), 2026, date(2025, 12, 30), 300)


def test_leap_years_have_their_day() -> None:
    known = years(2023, 2028, lambda _: "good")
    found = forecast_year(known, 2028, date(2027, 12, 31), 300)
    assert isinstance(found, YearForecast)
    assert len(found.fan) == 366
