"""The forecast of the next days' AQI: shown where it beats persistence, blind to later hours, silent where little is known."""

from collections.abc import Sequence
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.forecast.short_term import (
    ABOVE,
    HORIZONS,
    LEAST_ORIGINS,
    LEAST_TRAINING,
    Forecast,
    NotPublished,
    backtest,
    forecast,
    forecast_places,
)
from processors.standards.tables import POLLUTANTS, air_rules
from processors.windows import day_bounds, days_between, hours_of_day
from sensors.instants import HOUR_MS
from tests.processors.frames import BEIJING, CLEAN

FIRST = date(2026, 3, 2)
DAY_MS = 24 * HOUR_MS


def made(pm2_5: Sequence[float], first: date = FIRST, zone: ZoneInfo = BEIJING) -> tuple[pd.DataFrame, int]:
    """The hours of days whose PM2.5 is the same all day, clean otherwise, and the end of the last one."""
    days = days_between(first, first + timedelta(days=len(pm2_5) - 1))
    ends = [end for day in days for end in hours_of_day(day, zone)]
    values = [value for day, value in zip(days, pm2_5, strict=True) for _ in hours_of_day(day, zone)]
    frame = pd.DataFrame({"observed_at": pd.to_datetime(ends, unit="ms", utc=True).astype("datetime64[ms, UTC]")})
    for code in POLLUTANTS:
        frame[code] = CLEAN[code]
    return frame.assign(pm2_5=np.round(values, 1)), ends[-1]


def lasting(seed: int, days: int, memory: float, spread: float = 0.45) -> list[float]:
    """PM2.5 whose logarithm returns to its mean: of what a day is away from it, the next one keeps the share `memory`."""
    chance = np.random.default_rng(seed).normal(size=days) * spread
    away = [chance[0]]
    for new in chance[1:]:
        away.append(memory * away[-1] + np.sqrt(1 - memory**2) * new)
    return [45 * float(np.exp(each)) for each in away]


def walk(seed: int, days: int) -> list[float]:
    """PM2.5 of which nothing is known but the day before: persistence is the best there is."""
    steps = np.random.default_rng(seed).normal(size=days) * 0.12
    return [float(each) for each in np.clip(45 * np.exp(np.cumsum(steps)), 4, 450)]


def test_what_returns_to_its_mean_is_published_and_beats_persistence() -> None:
    hours, now = made(lasting(1, 300, 0.5))
    found = forecast(hours, BEIJING, now)
    assert [one.horizon for one in found] == list(HORIZONS)
    for one in found:
        assert isinstance(one, Forecast), one
        assert one.skill.error < one.skill.error_persistence
        assert one.skill.error <= one.skill.error_mean
        assert one.skill.chance < 0.05
        assert one.skill.brier <= one.skill.brier_persistence
        assert 0.7 <= one.skill.within <= 0.9
    # The further ahead, the less is known: the error grows towards that of the mean.
    errors = [one.skill.error for one in found if isinstance(one, Forecast)]
    assert errors[0] < errors[2]


@pytest.mark.parametrize("days", [60, 150])
@pytest.mark.parametrize("seed", range(4))
def test_a_random_walk_is_not_published(seed: int, days: int) -> None:
    hours, now = made(walk(seed, days))
    for one in forecast(hours, BEIJING, now):
        assert isinstance(one, NotPublished)
        assert "persistence" in one.why
        assert one.skill is not None


def test_constant_air_is_not_published() -> None:
    hours, now = made([30.0] * 80)
    for one in forecast(hours, BEIJING, now):
        assert isinstance(one, NotPublished)
        assert one.why.startswith("does not beat persistence")


@settings(max_examples=10)
@given(seed=st.integers(0, 1000), memory=st.floats(0, 0.9), hour=st.integers(0, 23))
def test_a_forecast_is_in_order_and_within_what_is_possible(seed: int, memory: float, hour: int) -> None:
    hours, end = made(lasting(seed, 90, memory))
    now = end - hour * HOUR_MS
    found = forecast(hours, BEIJING, now)
    today = FIRST + timedelta(days=89)
    assert [one.day for one in found] == [today + timedelta(days=ahead) for ahead in (1, 2, 3)]
    for one in found:
        if isinstance(one, Forecast):
            assert 1 <= one.low <= one.median <= one.high <= 500
            assert 1 > one.above[100] >= one.above[150] >= one.above[200] > 0
            assert tuple(one.above) == ABOVE
            assert one.category == air_rules(one.day).index.category(one.median).code
        else:
            assert one.why


@pytest.mark.parametrize("hour", [0, 7])
def test_hours_after_now_change_nothing(hour: int) -> None:
    hours, end = made(lasting(3, 120, 0.5))
    now = end - 10 * DAY_MS - hour * HOUR_MS
    later = hours["observed_at"] > pd.Timestamp(now, unit="ms", tz="UTC")
    spoiled = hours.copy()
    spoiled.loc[later, list(POLLUTANTS)] = 400.0
    places = {"a": hours, "b": made(lasting(4, 120, 0.5))[0]}
    assert forecast(spoiled, BEIJING, now) == forecast(hours[~later], BEIJING, now) == forecast(hours, BEIJING, now)
    assert forecast_places(places, BEIJING, now) == forecast_places(places | {"a": spoiled}, BEIJING, now)


@pytest.mark.parametrize("hour", [0, 7])
def test_no_day_of_the_back_test_saw_what_came_after_its_origin(hour: int) -> None:
    """Each is what would have been forecast then: the same whatever came later."""
    hours, end = made(lasting(3, 60, 0.5))
    now = end - hour * HOUR_MS
    for back in (3, 11):
        then = now - back * DAY_MS
        for at_now, at_then in zip(
            backtest({"a": hours}, BEIJING, now)["a"], backtest({"a": hours}, BEIJING, then)["a"], strict=True
        ):
            assert at_then.tried
            assert at_now.tried[: len(at_then.tried)] == at_then.tried
            assert len(at_now.tried) == len(at_then.tried) + back


@pytest.mark.parametrize("seed", range(1, 5))
def test_most_lasting_air_is_published_for_the_next_day(seed: int) -> None:
    """With half of what a day is away from the mean kept, the best there is misses by 13 % less than persistence."""
    hours, now = made(lasting(seed, 400, 0.5))
    (one, *_), (tried, *_) = forecast(hours, BEIJING, now), backtest({"place": hours}, BEIJING, now)["place"]
    assert isinstance(one, Forecast)
    assert one.skill == tried.skill
    assert one.skill.origins == len(tried.tried) == 365
    assert 0.75 < one.skill.error / one.skill.error_persistence < 0.97


def test_a_published_forecast_is_what_the_back_test_would_have_tried() -> None:
    hours, end = made(lasting(1, 300, 0.5))
    now = end - 3 * DAY_MS
    for ahead, (one, later) in enumerate(
        zip(forecast(hours, BEIJING, now), backtest({"a": hours}, BEIJING, end)["a"], strict=True), start=1
    ):
        assert isinstance(one, Forecast)
        tried = {each.day: each for each in later.tried}[one.day]
        assert (tried.day - tried.origin).days == ahead
        assert (one.low, one.median, one.high, one.above[100]) == (tried.low, tried.median, tried.high, tried.above)


def test_the_same_hours_give_the_same_forecast_in_any_order() -> None:
    hours, now = made(lasting(5, 150, 0.6))
    shuffled = hours.sample(frac=1, random_state=1)
    assert repr(forecast(hours, BEIJING, now)) == repr(forecast(hours, BEIJING, now))
    assert repr(forecast(shuffled, BEIJING, now)) == repr(forecast(hours, BEIJING, now))


@pytest.mark.parametrize("days", [0, 1, 3, LEAST_TRAINING, LEAST_TRAINING + LEAST_ORIGINS])
def test_too_little_is_not_published(days: int) -> None:
    hours, end = made(lasting(3, max(days, 1), 0.5))
    for one in forecast(hours if days else hours.iloc[:0], BEIJING, end):
        assert isinstance(one, NotPublished)
        assert "not assessable" in one.why if days == 0 else f"{LEAST_ORIGINS} are needed" in one.why


def test_a_frame_without_a_pollutant_has_no_assessable_day() -> None:
    hours, now = made(lasting(3, 100, 0.5))
    for one in forecast(hours.drop(columns="o3"), BEIJING, now):
        assert one == NotPublished(one.horizon, one.day, "the last 24 hours are not assessable", None)


def test_gaps_cost_days_and_make_no_clean_air() -> None:
    hours, now = made(lasting(2, 320, 0.5))
    day = np.repeat(np.arange(320), 24)
    gone = np.isin(day, range(5, 300, 15))  # one day in fifteen has no hour
    half = np.isin(day, range(8, 300, 15)) & (np.arange(len(hours)) % 24 < 12)  # and one is half there, without a value
    holed = hours.copy()
    holed.loc[half, list(POLLUTANTS)] = np.nan
    holed = holed[~gone]
    whole, found = backtest({"a": hours}, BEIJING, now)["a"], backtest({"a": holed}, BEIJING, now)["a"]
    missing = {FIRST + timedelta(days=int(each)) for each in np.unique(day[gone | half])}
    for before, after in zip(whole, found, strict=True):
        assert 0 < len(after.tried) < len(before.tried)
        assert not missing & {one.day for one in after.tried}
        true = {one.day: one.true for one in before.tried}
        assert all(one.true == true[one.day] for one in after.tried)
    assert isinstance(forecast(holed, BEIJING, now)[0], Forecast)


def test_after_24_hours_that_are_not_assessable_nothing_is_said() -> None:
    hours, now = made(lasting(3, 200, 0.5))
    hours.loc[hours.index[-5:], "pm2_5"] = np.nan
    for one in forecast(hours, BEIJING, now):
        assert isinstance(one, NotPublished)
        assert one.why == "the last 24 hours are not assessable"
        assert one.skill is not None


def test_what_was_measured_before_a_long_gap_is_not_learnt_from() -> None:
    old, _ = made(lasting(3, 200, 0.5))
    new, now = made(lasting(4, 5, 0.5), FIRST + timedelta(days=300))
    for one in forecast(pd.concat((old, new)), BEIJING, now):
        assert isinstance(one, NotPublished)
        assert one.why == "fewer than 14 of the last 90 days can be learnt from"


def test_each_day_is_judged_by_the_edition_of_its_date() -> None:
    """On 27 February 2026 the next day is the last one of HJ 633-2012, and the two after it are of HJ 633-2026; PM2.5 of 70 is an
    AQI of 94 under the one and of 110 under the other."""
    days = 200
    level = np.log(70) + np.random.default_rng(1).normal(size=days) * 0.02
    hours, now = made(np.exp(level).tolist(), date(2026, 2, 27) - timedelta(days=days - 1))
    one, two, three = backtest({"a": hours}, BEIJING, now)["a"]
    assert (one.standard, two.standard, three.standard) == ("HJ633-2012", "HJ633-2026", "HJ633-2026")
    assert all(tried.median < 101 and tried.above < 0.5 for tried in one.tried)
    assert all(tried.median > 100 and tried.above > 0.5 for tried in two.tried)
    found = forecast(hours, BEIJING, now)
    classes = [(each.standard, each.category) for each in found if isinstance(each, Forecast)]
    assert set(classes) <= {("HJ633-2012", "good"), ("HJ633-2026", "light")}
    assert classes


def test_places_learn_from_each_other_and_are_judged_alone() -> None:
    frames = {"calm": made(lasting(2, 150, 0.3))[0], "walk": made(walk(2, 150))[0], "new": made([40.0])[0]}
    now = made([1.0] * 150)[1]
    found = forecast_places(frames, BEIJING, now)
    assert list(found) == ["calm", "walk", "new"]
    assert isinstance(found["calm"][0], Forecast)
    assert isinstance(found["walk"][0], NotPublished)
    assert all(isinstance(one, NotPublished) for one in found["new"])
    assert forecast_places({}, BEIJING, now) == {}


def test_a_zone_whose_clock_changes_has_its_own_days() -> None:
    zone = ZoneInfo("Europe/Berlin")  # on 2026-03-29 and 2026-10-25
    hours, now = made(lasting(3, 260, 0.5), zone=zone)
    for back in (0, 1, 12, 23):
        for one in backtest({"a": hours}, zone, now - back * HOUR_MS)["a"]:
            assert len(one.tried) > 200
            assert len({tried.day for tried in one.tried}) == len(one.tried)


def test_now_must_end_an_hour() -> None:
    hours, now = made([30.0] * 3)
    with pytest.raises(ValueError, match="ends no hour"):
        forecast(hours, BEIJING, now + 60_000)


def test_an_hour_that_is_there_twice_is_refused() -> None:
    hours, now = made([30.0] * 3)
    with pytest.raises(ValueError, match="two rows for the hour"):
        forecast(pd.concat((hours, hours.iloc[-1:])), BEIJING, now)


def test_midnight_ends_the_day_before() -> None:
    hours, now = made([30.0] * 3)
    assert now == day_bounds(date(2026, 3, 4), BEIJING)[1]
    assert [one.day for one in forecast(hours, BEIJING, now)] == [date(2026, 3, each) for each in (5, 6, 7)]
    assert forecast(hours, BEIJING, now + HOUR_MS)[0].day == date(2026, 3, 6)
