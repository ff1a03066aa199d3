"""Whether a station sends as it should, to the millisecond."""

import pytest

from sensors.instants import HOUR_MS
from sensors.presence import presence
from sensors.stations import Station

MINUTE = 60_000


def station(**of: object) -> Station:
    return Station.model_validate({"id": "a", "family": "water", "name_zh": "a", "district": "gaoxin", **of})


@pytest.mark.parametrize(
    ("of", "period"),
    [
        ({}, HOUR_MS),
        ({"period": "minute"}, MINUTE),
        ({"expected_period_s": 14_400}, 4 * HOUR_MS),
        ({"period": "raw", "expected_period_s": 60}, MINUTE),
    ],
)
def test_a_station_is_online_then_late_then_silent(of: dict[str, object], period: int) -> None:
    def at(age: int) -> str:
        return presence(station(**of), 0, online=None, at=age)

    grace = 5 * MINUTE
    assert [at(period + grace), at(period + grace + 1)] == ["online", "late"]
    assert [at(2 * period + grace), at(2 * period + grace + 1)] == ["late", "silent"]


def test_nobody_expects_raw_readings_unless_the_registry_says_how_often() -> None:
    assert presence(station(period="raw"), 0, online=None, at=10**12) == "online"


def test_what_the_platform_says_outranks_time_only_where_it_says_offline() -> None:
    assert presence(station(), 0, online=False, at=1) == "offline"
    assert presence(station(), 0, online=True, at=10 * HOUR_MS) == "silent"
    assert presence(station(), None, online=None, at=1) == "never seen"
