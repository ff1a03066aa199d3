"""A civil day of a station and of the city: means, MDA8, validity, and the verdict."""

from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.indicators.air_daily import city_days, station_days
from processors.indicators.air_index import iaqi
from processors.standards.tables import POLLUTANTS, index_named
from tests.processors.frames import BEIJING, CLEAN, NEW_DAY, OLD_DAY, Values, gap, station_hours, together

BERLIN = ZoneInfo("Europe/Berlin")

OZONE = [
    20, 18, 16, 15, 14, 16, 20, 35, 60, 85, 110, 135, 160, 180, 190, 195, 190, 175, 150, 120, 95, 70, 50, 40,
]  # fmt: skip


def the_day(**values: Values) -> dict[Any, Any]:
    """The only day of one station."""
    return only(station_days(station_hours(values=values), BEIJING))


def only(frame: pd.DataFrame) -> dict[Any, Any]:
    """The only row."""
    assert len(frame) == 1
    return frame.iloc[0].to_dict()


def test_a_clean_and_complete_day_is_good() -> None:
    found = the_day()
    assert (found["aqi"], found["state"], found["category"], found["why"]) == (30, "good", "excellent", "")
    assert (found["coverage"], found["valid_hours"], found["expected_hours"]) == (1.0, 144, 144)
    assert {code: found[code] for code in POLLUTANTS} == CLEAN
    assert found["day"] == NEW_DAY
    assert found["co_exact"] == Fraction(1, 2)


def test_mda8_of_the_published_vector() -> None:
    found = the_day(o3=OZONE)
    assert found["o3_exact"] == Fraction("171.875")
    assert (found["o3"], found["iaqi_o3"], found["windows_o3"]) == (172, 111, 17)
    assert (found["state"], found["why"]) == ("polluted", "exceeds")
    assert found["why_text"] == "O3: IAQI 111 (172 µg/m³)"
    assert found["o3_max_1h_exact"] == 195


@pytest.mark.parametrize("last_hour", range(8, 25))
def test_each_of_the_17_windows_of_the_vector(last_hour: int) -> None:
    """The hours outside one window are lowered to 0, so that this window is the greatest of the day."""
    means = [19.25, 24.25, 32.625, 44.375, 59.375, 77.625, 98.125, 119.375, 139.375, 155.625, 166.875, 171.875, 170.0,
             161.875, 148.125, 130.625, 111.25]  # fmt: skip
    ozone = [float(value) if last_hour - 8 <= hour < last_hour else 0.0 for hour, value in enumerate(OZONE)]
    assert the_day(o3=ozone)["o3_exact"] == Fraction(means[last_hour - 8])


def by_hand(ozone: Sequence[float | None]) -> Fraction | None:
    """MDA8 without its validity, straight from the definition."""
    means = []
    for end in range(8, len(ozone) + 1):
        there = [Fraction(repr(value)) for value in ozone[end - 8 : end] if value is not None]
        if len(there) >= 6:
            means.append(sum(there, Fraction(0)) / len(there))
    return max(means, default=None)


@settings(max_examples=60)
@given(st.lists(st.one_of(st.none(), st.integers(0, 4000).map(lambda tenths: tenths / 10)), min_size=24, max_size=24))
def test_mda8_is_the_definition(ozone: list[float | None]) -> None:
    windows = sum(sum(value is not None for value in ozone[end - 8 : end]) >= 6 for end in range(8, 25))
    expected = by_hand(ozone)
    found = the_day(o3=ozone)
    assert found["windows_o3"] == windows
    if windows >= 14 or (expected is not None and round(expected) > 160):
        assert found["o3_exact"] == expected
    else:
        assert found["o3_exact"] is None
        assert found["state"] == "not_assessable"


@pytest.mark.parametrize(
    ("hours", "ozone", "windows", "known"),
    [
        (19, 100.0, 14, True),  # hours 1 … 19 and 6 of 8: windows end at 8 … 21
        (18, 100.0, 13, False),
        (18, 161.0, 13, True),  # over the limit: valid all the same
        (18, 160.5, 13, False),  # 160 when rounded, not over
        (18, 160.6, 13, True),
        (6, 300.0, 1, True),
    ],
)
def test_mda8_needs_14_windows_or_to_exceed_the_limit(hours: int, ozone: float, windows: int, known: bool) -> None:
    found = the_day(o3=gap(hours, ozone))
    assert found["windows_o3"] == windows
    assert (found["o3_exact"] is not None) is known
    assert found["state"] == (("polluted" if ozone > 160 else "good") if known else "not_assessable")


def test_windows_do_not_reach_into_the_day_before() -> None:
    yesterday = station_hours(day=date(2026, 3, 4), o3=[0.0] * 16 + [150.0] * 8)
    both = station_days(together(yesterday, station_hours(o3=[150.0] * 7 + [10.0] * 17)), BEIJING)
    assert both["o3_exact"].tolist()[1] == Fraction(150 * 7 + 10, 8)


@pytest.mark.parametrize(("valid", "state"), [(20, "good"), (19, "not_assessable")])
@pytest.mark.parametrize("code", ["pm2_5", "pm10", "so2", "no2", "co"])
def test_a_daily_mean_needs_20_hours(code: str, valid: int, state: str) -> None:
    found = the_day(**{code: gap(valid, CLEAN[code])})
    assert found["state"] == state
    assert found[f"hours_{code}"] == valid
    assert (found[f"{code}_exact"] is None) == (valid == 19)


def test_why_a_day_is_not_assessable_is_said_in_words() -> None:
    found = the_day(pm10=gap(17, 20.0), o3=gap(15, 20.0))
    assert pd.isna(found["aqi"])
    assert (found["state"], found["why"], found["category"]) == ("not_assessable", "incomplete", "")
    assert found["why_text"] == "PM10: 17 of 24 hours, 20 needed; O3: 10 of 17 8-hour means, 14 needed"
    assert found["coverage"] == (4 * 24 + 17 + 15) / 144
    assert np.isnan(found["pm10"])


@pytest.mark.parametrize("day", [OLD_DAY, NEW_DAY], ids=["2012", "2026"])
@pytest.mark.parametrize("variant", ["practice", "clause"])
def test_a_good_day_needs_all_six_and_a_polluted_one_needs_one(day: date, variant: str) -> None:
    """Rule 5.3.1 of HJ 633-2026, chosen for both editions."""
    clean = station_hours(day=day, o3=None, pm2_5=50.0)
    dirty = station_hours(day=day, o3=None, pm2_5=120.0)
    assert only(station_days(clean, BEIJING, variant=variant))["state"] == "not_assessable"
    found = only(station_days(dirty, BEIJING, variant=variant))
    assert (found["state"], found["primary"], found["exceeding"]) == ("polluted", "pm2_5", "pm2_5")


def test_completeness_vectors_of_the_2026_edition() -> None:
    assert pd.isna(the_day(o3=None, pm2_5=52.0)["aqi"])  # would be 84
    assert the_day(o3=None, pm2_5=61.0)["aqi"] == 101


def test_the_same_day_is_good_by_one_edition_and_polluted_by_the_other() -> None:
    hours = station_hours(day=OLD_DAY, pm2_5=75.0)
    old, new = only(station_days(hours, BEIJING)), only(station_days(hours, BEIJING, "HJ633-2026"))
    assert (old["aqi"], old["state"], old["standard"]) == (100, "good", "HJ633-2012")
    assert (new["aqi"], new["state"], new["standard"]) == (114, "polluted", "HJ633-2026")


def test_the_concentration_is_rounded_before_the_index_but_the_2012_text_does_not() -> None:
    hours = station_hours(day=OLD_DAY, pm2_5=[75.0] * 23 + [75.5])
    assert only(station_days(hours, BEIJING))["aqi"] == 100
    assert only(station_days(hours, BEIJING, variant="clause"))["aqi"] == 101
    assert only(station_days(hours, BEIJING, "HJ633-2026", "clause"))["pm2_5"] == 75


def test_the_2012_text_counts_the_hourly_maximum_of_ozone_too() -> None:
    hours = station_hours(day=OLD_DAY, o3=[50.0] * 23 + [250.0])
    assert only(station_days(hours, BEIJING))["iaqi_o3"] == 38
    assert only(station_days(hours, BEIJING, variant="clause"))["iaqi_o3"] == 125
    assert only(station_days(hours, BEIJING, "HJ633-2026", "clause"))["iaqi_o3"] == 38


def test_ozone_above_800_over_8_hours() -> None:
    """2026: 300. 2012: by the day's 1-hour maximum (Table 1, note 3)."""
    ozone = [900.0] * 23 + [1100.0]
    assert the_day(o3=ozone)["iaqi_o3"] == 300
    old = only(station_days(station_hours(day=OLD_DAY, o3=ozone), BEIJING))
    assert old["iaqi_o3"] == iaqi(index_named("HJ633-2012"), "o3_1h", 1100) == 450


def test_the_hour_that_ends_at_midnight_counts_for_the_day_before() -> None:
    hours = together(station_hours(pm2_5=[20.0] * 23 + [44.0]), station_hours(day=date(2026, 3, 6), hours=1))
    found = station_days(hours, BEIJING)
    assert found["day"].tolist() == [NEW_DAY, date(2026, 3, 6)]
    assert found["hours_pm2_5"].tolist() == [24, 1]
    assert found["pm2_5_exact"].tolist() == [Fraction(21), None]


@pytest.mark.parametrize(("day", "length"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25)])
def test_days_of_23_and_25_hours(day: date, length: int) -> None:
    hours = together(
        station_hours(day=day, zone=BERLIN, o3=gap(16, 10.0, length)),
        station_hours("b", day=date(2026, 7, 1), zone=BERLIN),
    )
    found = station_days(hours, BERLIN)
    first = found.iloc[0]
    assert (first["expected_hours"], first["hours_pm2_5"]) == (6 * length, length)
    assert first["why_text"] == f"O3: 11 of {length - 7} 8-hour means, 14 needed"
    assert found["expected_hours"].tolist()[1] == 144
    assert found["windows_o3"].tolist()[1] == 17


def test_a_day_of_25_hours_has_a_last_window_that_ends_with_it() -> None:
    ozone = [0.0] * 17 + [80.0] * 8
    found = only(station_days(station_hours(day=date(2026, 10, 25), zone=BERLIN, o3=ozone), BERLIN))
    assert (found["o3_exact"], found["windows_o3"]) == (80, 18)


def test_two_polluted_stations_can_make_a_good_city() -> None:
    stations = station_days(
        together(station_hours("a", pm2_5=50.0, o3=170.0), station_hours("b", pm2_5=66.0, o3=140.0)), BEIJING
    )
    assert stations["aqi"].tolist() == [110, 106]
    city = only(city_days(stations, None, BEIJING))
    assert (city["pm2_5"], city["o3"], city["aqi"], city["state"]) == (58, 155, 96, "good")
    assert city["primary"] == "pm2_5+o3"
    assert (city["stations"], city["stations_o3"], city["coverage"]) == (2, 2, 1.0)


def test_the_mean_of_indices_would_be_wrong_the_other_way_round() -> None:
    hours = together(*(station_hours(name, pm2_5=pm) for name, pm in (("a", 55.0), ("b", 62.0), ("c", 70.0))))
    stations = station_days(hours, BEIJING)
    assert stations["iaqi_pm2_5"].tolist() == [90, 102, 110]
    city = only(city_days(stations, None, BEIJING))
    assert (city["pm2_5_exact"], city["pm2_5"], city["aqi"]) == (Fraction(187, 3), 62, 102)


def test_the_city_mean_is_taken_of_exact_station_means() -> None:
    """60.49 and 60.5 and 60.51 round to 60, 60 and 61; their exact mean is 60.5, which rounds to 60."""
    hours = together(*(station_hours(name, pm2_5=pm) for name, pm in (("a", 60.49), ("b", 60.5), ("c", 60.51))))
    city = only(city_days(station_days(hours, BEIJING), None, BEIJING))
    assert (city["pm2_5_exact"], city["pm2_5"], city["aqi"]) == (Fraction("60.5"), 60, 100)


@pytest.mark.parametrize(
    ("expected", "valid", "known"),
    [(4, 3, True), (4, 2, False), (10, 8, True), (10, 7, False), (3, 2, True), (3, 1, False), (1, 1, True)],
)
def test_the_city_needs_enough_stations_pollutant_by_pollutant(expected: int, valid: int, known: bool) -> None:
    names = [f"s{number:02}" for number in range(expected)]
    hours = together(*(station_hours(name, no2=20.0 if at < valid else None) for at, name in enumerate(names)))
    city = only(city_days(station_days(hours, BEIJING), names, BEIJING))
    assert city["state"] == ("good" if known else "not_assessable")
    assert city["stations_no2"] == valid
    if not known:
        share = 50 if expected < 4 else 75
        assert city["why_text"] == f"NO2: {valid} of {expected} stations, {share} % needed"


def test_a_station_that_sent_nothing_still_counts_as_expected() -> None:
    stations = station_days(together(*(station_hours(name) for name in "abc")), BEIJING)
    assert only(city_days(stations, list("abcd"), BEIJING))["coverage"] == 0.75
    assert only(city_days(stations, list("abcde"), BEIJING))["state"] == "not_assessable"
    assert only(city_days(stations, ["a"], BEIJING))["stations"] == 1


def test_a_city_of_identical_stations_is_the_station() -> None:
    rng = np.random.default_rng(11)
    days = [date(2026, 2, 27), date(2026, 2, 28), date(2026, 3, 1)]
    one = together(
        *(station_hours(day=day, **{c: rng.uniform(0, 200, 24).round(2).tolist() for c in POLLUTANTS}) for day in days)
    )
    stations = station_days(together(one, *(one.assign(station=name) for name in "bcde")), BEIJING)
    station = stations[stations["station"] == "a"].reset_index(drop=True)
    city = city_days(stations, None, BEIJING)
    same = ["day", "aqi", "primary", "exceeding", "standard", "state", "category", "coverage", "why_text", *POLLUTANTS]
    pd.testing.assert_frame_equal(city[same], station[same], check_dtype=False)
    assert city["co_exact"].tolist() == station["co_exact"].tolist()
    assert city["standard"].tolist() == ["HJ633-2012", "HJ633-2012", "HJ633-2026"]


@settings(max_examples=60)
@given(st.sampled_from(POLLUTANTS), st.integers(0, 23), st.floats(0, 500), st.floats(0, 500))
def test_more_concentration_in_an_hour_is_never_a_better_day(code: str, hour: int, one: float, other: float) -> None:
    low, high = sorted((round(one, 3), round(other, 3)))
    less, more = ([CLEAN[code]] * hour + [value] + [CLEAN[code]] * (23 - hour) for value in (low, high))
    assert the_day(**{code: less})["aqi"] <= the_day(**{code: more})["aqi"]


def test_no_rows_give_the_same_columns_and_no_rows() -> None:
    full, none = station_days(station_hours(), BEIJING), station_days(station_hours(hours=0), BEIJING)
    assert none.empty
    assert list(none) == list(full)
    assert list(city_days(none, None, BEIJING)) == list(city_days(full, None, BEIJING))
    assert city_days(none, None, BEIJING).empty
