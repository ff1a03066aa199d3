"""Uptime of a station: periods with something in them, of those in which it is expected."""

from datetime import UTC, datetime

from processors.uptime import Uptime, uptime
from sensors.instants import HOUR_MS
from sensors.stations import Station


def station(**of: object) -> Station:
    return Station.model_validate({"id": "a", "family": "air", "name_zh": "a", "district": "gaoxin", **of})


def hour(number: int) -> datetime:
    return datetime.fromtimestamp(number * 3600, UTC)


def test_each_period_counts_once_and_belongs_to_its_end() -> None:
    times = [0, HOUR_MS, HOUR_MS, 3 * HOUR_MS, 4 * HOUR_MS + 1]
    assert uptime(times, [station()], 0, 4 * HOUR_MS) == Uptime(2, 4)
    assert uptime(times, [station()], 0, 4 * HOUR_MS).percent == 50.0


def test_a_device_that_sends_as_it_likes_is_counted_by_its_expected_period() -> None:
    entry = station(period="raw", expected_period_s=600)
    assert uptime([1, 2, 599_999, 1_200_001], [entry], 0, HOUR_MS) == Uptime(2, 6)


def test_time_in_which_it_is_not_expected_is_not_counted() -> None:
    entries = [
        station(active_to=hour(2)),
        station(active_from=hour(3), period="raw"),
        station(active_from=hour(5), active_to=hour(6)),
    ]
    assert uptime([HOUR_MS, 5 * HOUR_MS], entries[:2], 0, 6 * HOUR_MS) == Uptime(1, 2)
    assert uptime([], [station(period="raw")], 0, HOUR_MS).percent is None
