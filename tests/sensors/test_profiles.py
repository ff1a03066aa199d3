"""Source profiles: rows of text to native records, cell by cell."""

from collections.abc import Mapping

import pytest

from sensors.instants import parse_instant
from sensors.profiles import ProfileError, ReplayProfile, load_profile, parse_profile, shipped_profiles
from sensors.refusals import Refused

CNEMC_ROW = {
    "timepoint": "2026-03-01T0000",
    "stationcode": "1416A",
    "longitude": "106.4216",
    "latitude": "29.8256",
    "area": "重庆市",
    "positionname": "天生",
    "pm2_5": "35",
    "pm10": "/",
    "so2": "",
    "no2": "NA",
    "co": " 0.7 ",
    "o3": "—",
}

TOML = """
name = "meters"
title = "Test"
family = "air"
period = "{period}"
horizon_days = 10
missing = ["", "NA"]
station = {{ column = "dev", ids = {{ "北站" = "north" }} }}
district = {{ constant = "gaoxin" }}
time = {{ column = "t", format = "{format}", stamps = "{stamps}"{zone} }}
[quantities]
co = {{ column = "co_ug", factor = 0.001 }}
pm2_5 = "pm"
"""


def profile(
    period: str = "hour",
    stamps: str = "end",
    format: str = "%Y-%m-%d %H:%M",  # noqa: A002 - the key's name in the file
    zone: str = ', zone = "Asia/Shanghai"',
) -> ReplayProfile:
    return parse_profile(TOML.format(period=period, stamps=stamps, format=format, zone=zone), "test.toml")


def row(**changed: str) -> dict[str, str]:
    return {"dev": "A-1", "t": "2026-03-01 14:00", "co_ug": "700", "pm": "12.5"} | changed


def test_a_cnemc_row_becomes_one_record_with_missing_cells_left_out() -> None:
    address, record, refusals = load_profile("cnemc-air").convert(CNEMC_ROW, 2)
    assert address == ("chongqing", "air", "1416a", "hour")
    # The stamp 2026-03-01T0000 is the last hour of 28 February in Beijing.
    assert record == {
        "at": parse_instant("2026-02-28T16:00:00Z"),
        "values": {"pm2_5": 35.0, "co": 0.7},
        "source": "cnemc-air",
    }
    assert refusals == []


def test_a_row_in_which_everything_is_missing_is_a_record_without_values() -> None:
    empty = CNEMC_ROW | dict.fromkeys(("pm2_5", "pm10", "so2", "no2", "co", "o3"), "NA")
    assert load_profile("cnemc-air").convert(empty, 2).record["values"] == {}


def test_a_factor_makes_the_canonical_unit_and_ids_name_the_station() -> None:
    address, record, _ = profile().convert(row(dev="北站"), 7)
    assert (address.district, address.station) == ("gaoxin", "north")
    assert record["values"] == {"co": pytest.approx(0.7), "pm2_5": 12.5}


@pytest.mark.parametrize(
    ("period", "stamps", "text", "end"),
    [
        ("hour", "end", "2026-03-01 14:00", "2026-03-01T14:00:00+08:00"),
        ("hour", "start", "2026-03-01 14:00", "2026-03-01T15:00:00+08:00"),
        ("hour", "start", "2026-03-01 23:00", "2026-03-02T00:00:00+08:00"),
        ("minute", "start", "2026-03-01 23:59", "2026-03-02T00:00:00+08:00"),
        ("day", "start", "2026-02-28 00:00", "2026-03-01T00:00:00+08:00"),
        ("raw", "end", "2026-03-01 14:07", "2026-03-01T14:07:00+08:00"),
    ],
)
def test_a_start_is_shifted_to_the_end_of_its_period(period: str, stamps: str, text: str, end: str) -> None:
    record = profile(period, stamps).convert(row(t=text), 2).record
    assert record["at"] == parse_instant(end)


def test_a_day_ends_at_the_next_midnight_also_where_the_clocks_change() -> None:
    berlin = profile("day", "start", zone=', zone = "Europe/Berlin"')
    assert berlin.convert(row(t="2026-03-29 00:00"), 2).record["at"] == parse_instant("2026-03-30T00:00:00+02:00")


def test_an_offset_in_the_cell_stands_in_for_the_zone() -> None:
    record = profile(format="%Y-%m-%dT%H:%M%z", zone="").convert(row(t="2026-03-01T14:00+0800"), 2).record
    assert record["at"] == parse_instant("2026-03-01T06:00:00Z")


@pytest.mark.parametrize("text", ["abc", "nan", "inf", "1_000", "1,5", "１２", "1e999", "0x10", "35*"])
def test_a_cell_that_is_no_number_costs_its_quantity_only(text: str) -> None:
    _, record, refusals = profile().convert(row(pm=text), 41)
    assert record["values"] == {"co": pytest.approx(0.7)}
    assert [(r.code, r.field, r.quantity) for r in refusals] == [("invalid_value", "line 41, column pm", "pm2_5")]
    assert repr(text) in refusals[0].detail


@pytest.mark.parametrize(
    ("changed", "code", "field"),
    [
        ({"dev": "a b"}, "invalid_value", "line 9, column dev"),
        ({"dev": ""}, "invalid_value", "line 9, column dev"),
        ({"t": "2026-03-01"}, "invalid_time", "line 9, column t"),
        ({"t": ""}, "invalid_time", "line 9, column t"),
        ({"t": "2026-02-30 00:00"}, "invalid_time", "line 9, column t"),
        ({"t": "9999-12-31 23:00"}, "invalid_time", "line 9, column t"),
    ],
)
def test_a_row_without_station_or_time_is_refused_whole(changed: Mapping[str, str], code: str, field: str) -> None:
    with pytest.raises(Refused) as caught:
        profile("day", "start").convert(row(**changed), 9)
    assert (caught.value.refusal.code, caught.value.refusal.field) == (code, field)


def test_a_row_that_lacks_a_column_is_refused_by_its_name() -> None:
    with pytest.raises(Refused, match=r"line 3, column pm"):
        profile().convert({k: v for k, v in row().items() if k != "pm"}, 3)


def test_a_registry_is_made_from_the_last_row_of_each_station() -> None:
    later = CNEMC_ROW | {"positionname": "天生新", "longitude": ""}
    other = CNEMC_ROW | {"stationcode": "1001A", "positionname": ""}
    first, second = load_profile("cnemc-air").registry_entries([(2, CNEMC_ROW), (3, other), (4, later)])
    assert (first.id, first.name_zh, first.latitude) == ("1001a", "1001A", 29.8256)
    assert (second.id, second.name_zh, second.longitude, second.latitude) == ("1416a", "天生新", None, 29.8256)
    assert (second.district, second.kind, second.period) == ("chongqing", "assessment", "hour")


@pytest.mark.parametrize("text", ["east", "181"])
def test_a_coordinate_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Refused, match=r"line 2, column longitude"):
        load_profile("cnemc-air").registry_entries([(2, CNEMC_ROW | {"longitude": text})])


def test_every_shipped_profile_loads_under_its_own_name() -> None:
    assert "cnemc-air" in shipped_profiles()
    assert [load_profile(name).name for name in shipped_profiles()] == shipped_profiles()


def test_an_unknown_profile_is_answered_with_the_nearest_and_the_list() -> None:
    with pytest.raises(ProfileError, match=r"'cnmec-air': did you mean cnemc-air\?; shipped: .*cnemc-air"):
        load_profile("cnmec-air")


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('name = "meters"', 'name = "My Meters"', "is not an id"),
        ('title = "Test"', 'tilte = "Test"', "title"),
        ("horizon_days = 10", "horizon_days = 0", "horizon_days"),
        ('constant = "gaoxin"', 'constant = "高新区"', "is not an id"),
        ('constant = "gaoxin"', 'constant = "gaoxin", column = "d"', "either constant or column"),
        ('"Asia/Shanghai"', '"Asia/Chongching"', "is not a time zone"),
        ('"Asia/Shanghai"', '"Asia"', "is not a time zone"),
        ('"%Y"', '"%Y%z"', "not both"),
        ('stamps = "end"', 'stamps = "middle"', "time.stamps"),
        ('pm2_5 = "pm"', 'pm25 = "pm"', "did you mean pm2_5"),
        ("factor = 0.001", "factor = 0", "factor"),
        ('period = "hour"', 'period = "hour', "Illegal character"),
    ],
)
def test_a_wrong_profile_is_one_line_that_names_file_and_key(old: str, new: str, why: str) -> None:
    right = TOML.format(period="hour", stamps="end", format="%Y", zone=', zone = "Asia/Shanghai"')
    assert old in right
    with pytest.raises(ProfileError) as caught:
        parse_profile(right.replace(old, new), "mine.toml")
    assert str(caught.value).startswith("mine.toml: ")
    assert why in str(caught.value)


def test_raw_readings_cannot_be_stamped_with_a_start() -> None:
    with pytest.raises(ProfileError, match="stamps must be end"):
        profile("raw", "start")
