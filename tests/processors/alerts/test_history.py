"""What rules say of stored hours: from a real store, over hazes whose beginning and end are known."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from processors.alerts.history import Seen, look_back
from processors.alerts.rules import shipped_rules
from sensors.instants import HOUR_MS, iso, to_millis
from sensors.reading import Reading
from store.intervals import Interval, Intervals
from tests.processors.world import CLEAN, ZONE, World

STATIONS = ("hx-01", "hx-02", "hx-03", "hx-04")
FIRST = to_millis(datetime(2026, 3, 10, tzinfo=ZONE))


def hour(day: int, clock: int) -> int:
    """The end of the hour that begins at that o'clock, of a day of March 2026."""
    return to_millis(datetime(2026, 3, day, tzinfo=ZONE) + timedelta(hours=clock + 1))


async def filled(folder: Path, raised: Mapping[int, Mapping[str, float]], until: int, *, stations: int = 4) -> World:
    """Clean hours from 10 March on, with what is raised in some, at the first so many stations."""
    world = World(folder)
    ends = range(FIRST + HOUR_MS, until + 1, HOUR_MS)
    await world.store.write(
        [
            Reading("air", name, "hour", end, end, {**CLEAN, **(raised.get(end, {}) if number < stations else {})}, {})
            for number, name in enumerate(STATIONS)
            for end in ends
        ]
    )
    return world


def seen(world: World, rule: str, until: int, start: int = FIRST) -> dict[str, Seen]:
    of = shipped_rules()[rule]
    intervals = Intervals(world.books).all("air")
    return dict(look_back(world.store, world.books.registry(), intervals, of, ZONE, start, until, books=world.books))


def times(found: Seen) -> list[tuple[str, str, str, int]]:
    """Of its incidents: since, said, well; the greatest level."""
    return [(_clock(one.since), _clock(one.fired), _clock(one.well), one.greatest) for one in found.incidents]


def _clock(at: int | None) -> str:
    return "" if at is None else iso(at, ZONE)[5:16]


async def test_a_station_that_is_dirty_for_its_dwell_is_told_of_and_one_that_is_for_an_hour_is_not(
    tmp_path: Path,
) -> None:
    # PM2.5 of 100 is an IAQI of 130 under HJ 633-2026 (60 to 115 are 100 to 150).
    raised = {hour(12, clock): {"pm2_5": 100.0} for clock in (9, 14, 15, 16)}
    world = await filled(tmp_path, raised, hour(12, 23), stations=1)
    found = seen(world, "air_aqi_station", hour(12, 23))
    assert times(found["hx-01"]) == [("03-12T15:00", "03-12T16:00", "03-12T18:00", 1)]
    assert times(found["hx-02"]) == []
    # The city's mean is (100 + 3 × 20) / 4 = 40: no alert.
    assert times(seen(world, "air_aqi_city", hour(12, 23))["city"]) == []


async def test_a_haze_over_midnight_is_yellow_with_the_window_that_is_and_orange_after_its_windows(
    tmp_path: Path,
) -> None:
    # 80 hours of 200 µg/m³ from 15:00 on: a 24-hour window of n such hours has a mean of (200 n + 20 (24 - n)) / 24. AQI over
    # 200 is PM2.5 over 150: n = 18, the window that ends on the 12th at 09:00.
    begins = to_millis(datetime(2026, 3, 11, 15, tzinfo=ZONE))
    raised = {begins + n * HOUR_MS: {"pm2_5": 200.0, "pm10": 220.0} for n in range(1, 81)}
    end = begins + 200 * HOUR_MS
    world = await filled(tmp_path, raised, end)
    (one,) = seen(world, "air_heavy_chongqing", end)["city"].incidents
    assert iso(one.since, ZONE)[5:16] == iso(one.fired, ZONE)[5:16] == "03-12T09:00"
    assert one.greatest == 2
    # PM2.5 over 115 in two windows is yellow too: 13 hours of 24. The last such window ends 11 hours after the haze; 36 hours
    # after the next one it is lifted.
    assert one.well == begins + (80 + 12) * HOUR_MS
    assert one.resolved == one.well + 36 * HOUR_MS
    # Orange: over 115 in three windows, so 13 hours in the one two days before, and over 150 in the last.
    for hours, greatest in ((13 + 47, 1), (13 + 48, 2)):
        (one,) = seen(world, "air_heavy_chongqing", begins + hours * HOUR_MS)["city"].incidents
        assert one.greatest == greatest


async def test_an_ozone_afternoon_is_told_when_eight_hours_exceed_and_ends_with_them(tmp_path: Path) -> None:
    # 12:00 to 20:00 of 240 µg/m³: the mean of 8 hours is over 215 with 7 of them and one of 60 (217.5).
    raised = {hour(14, clock): {"o3": 240.0} for clock in range(12, 20)}
    world = await filled(tmp_path, raised, hour(15, 12))
    (one,) = seen(world, "air_o3_8h", hour(15, 12))["city"].incidents
    assert iso(one.fired, ZONE)[5:16] == "03-14T19:00"
    assert one.greatest == 1
    assert one.well is not None
    # Less than 205 (215 less the margin of 10): with 6 of them, (6 × 240 + 2 × 60) / 8 = 195, at 22:00.
    assert iso(one.well, ZONE)[5:16] == "03-14T22:00"


async def test_hours_that_do_not_come_end_nothing_and_are_no_clean_air(tmp_path: Path) -> None:
    raised = {hour(12, clock): {"pm2_5": 200.0} for clock in range(8, 13)}
    world = await filled(tmp_path, raised, hour(12, 12))
    (one,) = seen(world, "air_aqi_city", hour(14, 0))["city"].incidents
    assert (one.phase, one.last) == ("firing", hour(12, 12))


async def test_what_people_withheld_counts_for_nothing(tmp_path: Path) -> None:
    raised = {hour(12, clock): {"pm2_5": 200.0} for clock in range(8, 16)}
    world = await filled(tmp_path, raised, hour(12, 23), stations=1)
    assert len(seen(world, "air_aqi_station", hour(12, 23))["hx-01"].incidents) == 1
    withheld = Interval("air", "hx-01", "", hour(12, 7), hour(12, 15), "calibration", "span check")
    Intervals(world.books).add(withheld, period="hour", who="test", now=world.now)
    assert times(seen(world, "air_aqi_station", hour(12, 23)).get("hx-01", Seen((), (), None))) == []


@pytest.mark.parametrize("rule", sorted(shipped_rules()))
async def test_clean_air_is_told_of_by_no_rule(tmp_path: Path, rule: str) -> None:
    world = await filled(tmp_path, {}, hour(15, 0))
    assert [times(found) for found in seen(world, rule, hour(15, 0)).values() if found.incidents] == []
