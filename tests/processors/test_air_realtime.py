"""The index of an hour: both variants under both editions, of stations and of the city."""

from datetime import date
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest

from processors.indicators.air_index import iaqi
from processors.indicators.air_realtime import city_realtime, realtime
from processors.standards.tables import POLLUTANTS, UnknownStandardError, index_named
from tests.processors.frames import BEIJING, NEW_DAY, OLD_DAY, Values, gap, station_hours, together


def some(rng: np.random.Generator) -> dict[str, Values]:
    """A day of any concentrations."""
    return {code: rng.uniform(0, 300, 24).round(1).tolist() for code in POLLUTANTS}


def last(frame: pd.DataFrame) -> dict[Any, Any]:
    """The last row."""
    return frame.iloc[-1].to_dict()


def test_the_frame_is_what_the_promise_says() -> None:
    found = realtime(station_hours(hours=2, pm2_5=[40.0, None]), BEIJING)
    assert list(found) == [
        "station", "observed_at", "aqi", "primary", "standard", "coverage",
        "iaqi_pm2_5", "iaqi_pm10", "iaqi_so2", "iaqi_no2", "iaqi_co", "iaqi_o3",
    ]  # fmt: skip
    assert str(found["aqi"].dtype) == str(found["iaqi_o3"].dtype) == "Int64"
    assert str(found["observed_at"].dtype) == "datetime64[ms, UTC]"
    assert found["primary"].tolist() == ["pm2_5", ""]
    assert found["coverage"].tolist() == [1.0, 5 / 6]


def test_the_edition_changes_with_the_civil_day_of_the_hour() -> None:
    hours = together(
        station_hours(day=date(2026, 2, 28), pm2_5=75.0), station_hours(day=date(2026, 3, 1), pm2_5=75.0, hours=1)
    )
    found = realtime(hours, BEIJING).set_index("observed_at")
    midnight = found.loc[pd.Timestamp("2026-02-28T16:00Z")]
    after = found.loc[pd.Timestamp("2026-02-28T17:00Z")]
    assert (midnight["aqi"], midnight["standard"]) == (100, "HJ633-2012")
    assert (after["aqi"], after["standard"]) == (114, "HJ633-2026")


def test_another_edition_on_request() -> None:
    hours = station_hours(day=OLD_DAY, pm2_5=75.0)
    assert set(realtime(hours, BEIJING, standard="HJ633-2026")["aqi"]) == {114}
    assert set(realtime(hours, BEIJING)["aqi"]) == {100}


@pytest.mark.parametrize(("variant", "standard"), [("clauses", None), ("CNEMC-realtime", "HJ633")])
def test_an_unknown_name_is_an_error_even_without_rows(variant: str, standard: str | None) -> None:
    with pytest.raises(UnknownStandardError, match="did you mean"):
        realtime(station_hours(hours=0), BEIJING, variant, standard)


def test_no_rows_give_the_same_columns_and_no_rows() -> None:
    for found, full in (
        (realtime(station_hours(hours=0), BEIJING), realtime(station_hours(), BEIJING)),
        (city_realtime(station_hours(hours=0), None, BEIJING), city_realtime(station_hours(), None, BEIJING)),
    ):
        assert found.empty
        assert list(found) == list(full)


def test_practice_takes_one_hour_of_particles_and_whatever_is_present() -> None:
    hours = station_hours(day=OLD_DAY, pm2_5=[10.0] * 23 + [115.0], o3=None, so2=None).drop(columns="no2")
    found = last(realtime(hours, BEIJING))
    assert (found["aqi"], found["primary"], found["coverage"]) == (150, "pm2_5", 0.5)
    assert pd.isna(found["iaqi_o3"])
    assert pd.isna(found["iaqi_no2"])


def test_nothing_present_is_no_index_in_either_variant() -> None:
    nothing: dict[str, Values] = dict.fromkeys(POLLUTANTS)
    for variant in ("CNEMC-realtime", "clause"):
        found = last(realtime(station_hours(values=nothing), BEIJING, variant))
        assert pd.isna(found["aqi"])
        assert (found["primary"], found["coverage"]) == ("", 0.0)


def test_the_2012_text_takes_running_means() -> None:
    day_before = station_hours(day=date(2026, 2, 26), pm2_5=30.0, pm10=40.0)
    hours = station_hours(day=OLD_DAY, pm2_5=[60.0] * 12 + [30.0] * 12, o3=[0.0] * 16 + [130.0] * 8)
    found = realtime(together(day_before, hours), BEIJING, "clause")
    assert last(found)["iaqi_pm2_5"] == iaqi(index_named("HJ633-2012"), "pm2_5_24h", 45)
    assert last(found)["iaqi_o3"] == 75  # 8-hour mean 130 gives 75, the hour's own 130 gives 41
    assert last(found)["primary"] == "o3"
    assert last(found)["coverage"] == 1.0
    at_noon = found[found["observed_at"] == pd.Timestamp("2026-02-27T04:00Z")].iloc[0]
    assert at_noon["iaqi_pm2_5"] == iaqi(index_named("HJ633-2012"), "pm2_5_24h", 45)


@pytest.mark.parametrize(("valid", "known"), [(20, True), (19, False)])
def test_a_24_hour_running_mean_needs_20_hours(valid: int, known: bool) -> None:
    found = last(realtime(station_hours(day=OLD_DAY, pm2_5=gap(valid, 35.0)), BEIJING, "clause"))
    assert (found["iaqi_pm2_5"] == 50) if known else pd.isna(found["iaqi_pm2_5"])


@pytest.mark.parametrize(("valid", "known"), [(6, True), (5, False)])
def test_an_8_hour_running_mean_needs_6_hours(valid: int, known: bool) -> None:
    ozone = [None] * (24 - valid) + [160.0] * valid
    found = last(realtime(station_hours(day=OLD_DAY, o3=ozone), BEIJING, "clause"))
    assert found["iaqi_o3"] == (100 if known else 50)  # else what the hour's own 160 gives
    assert found["coverage"] == (1.0 if known else 6 / 7)


def test_the_2012_text_does_not_round_the_concentration_and_practice_does() -> None:
    hours = station_hours(day=OLD_DAY, pm2_5=35.25)
    assert set(realtime(hours, BEIJING)["iaqi_pm2_5"]) == {50}
    assert last(realtime(hours, BEIJING, "clause"))["iaqi_pm2_5"] == 51


@pytest.mark.parametrize(
    ("values", "aqi"),
    [
        ({"pm2_5": 50.0, "o3": None}, None),
        ({"pm2_5": 60.0, "o3": None}, None),
        ({"pm2_5": 61.0, "o3": None}, 101),
        ({"pm2_5": 50.0}, 80),
    ],
)
def test_the_2026_text_withholds_an_index_up_to_100_while_a_pollutant_is_missing(
    values: dict[str, Values], aqi: int | None
) -> None:
    found = last(realtime(station_hours(values=values), BEIJING, "clause"))
    assert (None if pd.isna(found["aqi"]) else found["aqi"]) == aqi
    assert (found["primary"] == "pm2_5") == (aqi is not None)
    assert not pd.isna(found["iaqi_pm2_5"])  # sub-indices are published all the same


def test_sulphur_dioxide_above_800_in_an_hour() -> None:
    """2026: 200. 2012: by the 24-hour mean, where there is one (Table 1, note 2)."""
    spike = [100.0] * 23 + [1000.0]
    assert last(realtime(station_hours(so2=spike), BEIJING))["iaqi_so2"] == 200
    old = last(realtime(station_hours(day=OLD_DAY, so2=spike), BEIJING))
    assert old["iaqi_so2"] == iaqi(index_named("HJ633-2012"), "so2_24h", 137.5) == 94
    alone = last(realtime(station_hours(day=OLD_DAY, so2=[None] * 23 + [1000.0]), BEIJING))
    assert pd.isna(alone["iaqi_so2"])


def test_ozone_above_800_over_8_hours_by_the_2012_text_is_that_of_the_hour() -> None:
    found = last(realtime(station_hours(day=OLD_DAY, o3=900.0), BEIJING, "clause"))
    assert found["iaqi_o3"] == iaqi(index_named("HJ633-2012"), "o3_1h", 900) == 350


def test_the_city_is_the_mean_of_concentrations_not_of_indices() -> None:
    hours = together(*(station_hours(name, hours=1, pm2_5=pm) for name, pm in (("a", 55.0), ("b", 62.0), ("c", 70.0))))
    found = last(city_realtime(hours, None, BEIJING))
    assert (found["aqi"], found["primary"], found["coverage"]) == (102, "pm2_5", 1.0)  # mean of the IAQI: 100.67
    assert "station" not in found


@pytest.mark.parametrize(
    ("expected", "valid", "known"),
    [(4, 3, True), (4, 2, False), (8, 5, False), (8, 6, True), (3, 2, True), (3, 1, False), (2, 1, True)],
)
def test_the_city_needs_75_percent_of_its_stations_or_half_of_fewer_than_4(
    expected: int, valid: int, known: bool
) -> None:
    names = [f"s{number}" for number in range(expected)]
    hours = together(*(station_hours(name, hours=1, pm2_5=40.0) for name in names[:valid]))
    found = last(city_realtime(hours, names, BEIJING))
    assert pd.isna(found["aqi"]) is not known
    assert found["coverage"] == valid / expected


def test_only_assessment_stations_count() -> None:
    hours = together(station_hours("a", hours=1, pm2_5=40.0), station_hours("background", hours=1, pm2_5=0.0))
    assert last(city_realtime(hours, ["a"], BEIJING))["iaqi_pm2_5"] == 60
    assert last(city_realtime(hours, None, BEIJING))["iaqi_pm2_5"] == 29


def test_a_city_of_identical_stations_is_the_station() -> None:
    rng = np.random.default_rng(7)
    one = station_hours("a", day=OLD_DAY, values=some(rng))
    hours = together(one, *(one.assign(station=name) for name in "bcdefg"))
    for variant in ("CNEMC-realtime", "clause"):
        city = city_realtime(hours, None, BEIJING, variant)
        station = realtime(one, BEIJING, variant).drop(columns="station")
        pd.testing.assert_frame_equal(city, station[list(city)])


def test_the_mean_over_stations_with_different_gaps_is_exact() -> None:
    """24-hour running means over 24, 23 and 21 hours; by fractions 35 and a bit, which rounds up."""
    stations = {"a": gap(24, 35.0), "b": [35.0] * 22 + [35.001, None], "c": gap(21, 35.0)}
    hours = together(*(station_hours(name, day=OLD_DAY, pm2_5=values) for name, values in stations.items()))
    mean = (Fraction(35) + (Fraction(35) * 22 + Fraction("35.001")) / 23 + Fraction(35)) / 3
    found = last(city_realtime(hours, None, BEIJING, "clause"))
    assert found["iaqi_pm2_5"] == iaqi(index_named("HJ633-2012"), "pm2_5_24h", mean, round_first=False) == 51


def test_values_finer_than_the_grid_are_exact_too() -> None:
    hours = station_hours(hours=3, pm2_5=[34.5, 34.50000000001, 34.49999999999])
    assert realtime(hours, BEIJING)["iaqi_pm2_5"].tolist() == [49, 50, 49]


def test_what_is_no_concentration_is_missing() -> None:
    hours = station_hours(hours=3, pm2_5=[float("inf"), -3.0, float("nan")])
    found = realtime(hours, BEIJING)
    assert found["iaqi_pm2_5"].isna().all()
    assert found["coverage"].tolist() == [5 / 6] * 3


def test_the_order_of_rows_does_not_matter() -> None:
    hours = together(station_hours("b", pm2_5=45.0), station_hours("a", day=NEW_DAY))
    for variant in ("CNEMC-realtime", "clause"):
        pd.testing.assert_frame_equal(
            realtime(hours.sample(frac=1, random_state=1), BEIJING, variant), realtime(hours, BEIJING, variant)
        )
