"""Civil days, their hours, running windows and coverage, with clocks that change."""

from datetime import UTC, date, tzinfo
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.windows import (
    Coverage,
    civil_day,
    civil_days,
    day_bounds,
    ends,
    hourly,
    hours_of_day,
    period_bounds,
    period_days,
    periods_of,
    running,
    window_sums,
    year_bounds,
)
from sensors.instants import HOUR_MS, iso, parse_instant
from tests.processors.frames import BEIJING, NEW_DAY, station_hours, together

BERLIN = ZoneInfo("Europe/Berlin")
SANTIAGO = ZoneInfo("America/Santiago")  # its clocks change at midnight
HAVANA = ZoneInfo("America/Havana")


@pytest.mark.parametrize(
    ("end", "day"),
    [
        ("2026-03-01T00:00:00+08:00", date(2026, 2, 28)),
        ("2026-03-01T00:00:00.001+08:00", date(2026, 3, 1)),
        ("2026-03-01T01:00:00+08:00", date(2026, 3, 1)),
        ("2026-02-28T16:00:00Z", date(2026, 2, 28)),
        ("2026-01-01T00:00:00+08:00", date(2025, 12, 31)),
    ],
)
def test_the_hour_that_ends_at_midnight_belongs_to_the_day_before(end: str, day: date) -> None:
    assert civil_day(parse_instant(end), BEIJING) == day
    days, position = civil_days(np.array([parse_instant(end)]), BEIJING)
    assert days == [day]
    assert position.tolist() == [0]


def test_bounds_of_a_day_a_month_and_a_year() -> None:
    assert [iso(at, BEIJING) for at in day_bounds(date(2026, 3, 1), BEIJING)] == [
        "2026-03-01T00:00:00+08:00",
        "2026-03-02T00:00:00+08:00",
    ]
    assert [iso(at, BEIJING) for at in period_bounds("2026-12", BEIJING)] == [
        "2026-12-01T00:00:00+08:00",
        "2027-01-01T00:00:00+08:00",
    ]
    start, end = year_bounds(2028, BEIJING)
    assert end - start == 366 * 24 * HOUR_MS


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        (BEIJING, date(2026, 3, 29), 24),
        (BERLIN, date(2026, 3, 28), 24),
        (BERLIN, date(2026, 3, 29), 23),
        (BERLIN, date(2026, 10, 25), 25),
        (SANTIAGO, date(2026, 9, 6), 23),
        (SANTIAGO, date(2026, 4, 4), 25),
        (HAVANA, date(2026, 11, 1), 25),
    ],
)
def test_a_day_has_23_or_25_hours_where_the_clock_changes(zone: ZoneInfo, day: date, hours: int) -> None:
    found = hours_of_day(day, zone)
    assert len(found) == hours
    assert {civil_day(end, zone) for end in found} == {day}
    assert civil_day(found[0] - HOUR_MS, zone) != day
    assert civil_day(found[-1] + HOUR_MS, zone) != day


@given(st.integers(200_000, 590_000), st.sampled_from([BEIJING, BERLIN, SANTIAGO, HAVANA, UTC]))
def test_each_hour_is_in_exactly_the_day_that_it_is_said_to_be_in(hour: int, zone: tzinfo) -> None:
    end = hour * HOUR_MS  # from 1992 to 2037
    day = civil_day(end, zone)
    start, stop = day_bounds(day, zone)
    assert start < end <= stop
    assert end in hours_of_day(day, zone)
    assert civil_days(np.array([end]), zone)[0] == [day]


def test_running_windows_count_hours_not_rows_and_never_cross_stations() -> None:
    at = np.array([1, 2, 3, 9, 10, 1, 10]) * HOUR_MS
    stations = np.array([0, 0, 0, 0, 0, 1, 1])
    first = running(stations, at, 8)
    assert first.tolist() == [0, 0, 0, 1, 2, 5, 6]
    assert window_sums(np.array([1, 10, 100, 1000, 10000, 5, 7]), first).tolist() == [1, 11, 111, 1110, 11100, 5, 7]
    assert running(stations[:0], at[:0], 8).tolist() == []


def test_coverage_of_nothing_expected_is_nothing() -> None:
    assert Coverage(18, 24).ratio == 0.75
    assert Coverage(0, 0).ratio == 0.0


def test_events_and_stamps_off_the_hour_are_no_hourly_means() -> None:
    frame = station_hours(hours=4).assign(seq=[0, 1, 0, 0])
    frame["observed_at"] += pd.to_timedelta([0, 0, 30, 0], unit="min")
    assert hourly(frame, BEIJING)["observed_at"].tolist() == frame.loc[[0, 3], "observed_at"].tolist()


def test_whole_hours_are_those_of_the_zone() -> None:
    kathmandu = ZoneInfo("Asia/Kathmandu")  # UTC+05:45
    frame = station_hours(zone=kathmandu)
    assert len(hourly(frame, kathmandu)) == 24
    assert hourly(frame, BEIJING).empty


def test_two_rows_for_one_hour_are_refused_by_name() -> None:
    frame = together(station_hours("hx-01", hours=2), station_hours("hx-01", hours=1))
    with pytest.raises(ValueError, match=r"hx-01 has two rows for the hour that ends 2026-03-04T17:00:00"):
        hourly(frame, BEIJING)


def test_hourly_sorts_and_ends_are_milliseconds() -> None:
    frame = together(station_hours("b", hours=2), station_hours("a", hours=2)).iloc[::-1]
    found = hourly(frame, BEIJING)
    assert found["station"].tolist() == ["a", "a", "b", "b"]
    assert ends(found)[:2].tolist() == list(hours_of_day(NEW_DAY, BEIJING))[:2]


@pytest.mark.parametrize(
    ("period", "first", "last"),
    [
        ("2026-03-05", "2026-03-05", "2026-03-05"),
        ("2024-02", "2024-02-01", "2024-02-29"),
        ("2026-12", "2026-12-01", "2026-12-31"),
        ("2026-Q1", "2026-01-01", "2026-03-31"),
        ("2026-Q4", "2026-10-01", "2026-12-31"),
        ("2026", "2026-01-01", "2026-12-31"),
    ],
)
def test_a_period_has_its_days(period: str, first: str, last: str) -> None:
    assert tuple(day.isoformat() for day in period_days(period)) == (first, last)


@pytest.mark.parametrize("text", ["", "26", "2026-13", "2026-Q5", "2026-02-30", "2026-3", "2026-03-05T00", "0000"])
def test_what_is_no_period_is_refused_with_what_is(text: str) -> None:
    with pytest.raises(ValueError, match="write a day"):
        period_days(text)


def test_a_day_is_in_a_month_a_quarter_and_a_year() -> None:
    assert periods_of(date(2026, 3, 31)) == ("2026-03", "2026-Q1", "2026")
    assert all(first <= date(2026, 3, 31) <= last for first, last in map(period_days, periods_of(date(2026, 3, 31))))
