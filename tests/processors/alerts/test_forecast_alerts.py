"""Heavy pollution on the official forecast, as people enter it: the worst of the days to come, corrected and lifted by issues."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from processors.alerts.history import look_back
from processors.alerts.rules import shipped_rules
from processors.alerts.watch import Watch
from processors.records.entries import checked
from processors.windows import day_bounds, period_bounds
from sensors.instants import DAY_MS, HOUR_MS, iso
from store.incidents import Incident, Incidents
from store.records import Record, RecordError, Records
from tests.processors.world import ZONE, World, a_city

FIRST = date(2026, 1, 11)
CODES = ("air_forecast_chongqing", "air_forecast_national")
Days = Mapping[str, Sequence[float]]
SOURCE = "市监测中心会商"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with a_city(tmp_path) as found:
        yield found


def enter(world: World, issued: date, days: Days, *, hour: int = 16, reason: str = "") -> None:
    """An issue, entered at an hour of its day: by code the values of that day's next days, from the next one on."""
    world.go_to(issued, hour)
    records = Records(world.books)
    for code, values in days.items():
        for number, value in enumerate(values, start=1):
            period = (issued + timedelta(days=number)).isoformat()
            of = Decimal(str(value))
            given = Record(f"forecast_{code}", "city", period, of, "", SOURCE, issued.isoformat(), reason=reason)
            entry = checked(given, records.in_force(given.code, "city"))
            ends = period_bounds(period, ZONE)[1] // HOUR_MS - 1
            records.add(entry, who="test", now=world.now, ends=ends)


def look(world: World, *codes: str) -> None:
    """A new watch: each call is a restart."""
    world.now += 2_000
    rules = {code: shipped_rules()[code] for code in codes or CODES}
    watch = Watch(world.store, world.books, rules, prepare=lambda: None, zone=ZONE, clock=lambda: world.now)
    while watch.step():
        pass


def incidents(world: World) -> list[Incident]:
    return sorted(Incidents(world.books).all(), key=lambda one: (one.draft.fired, one.rule))


@pytest.mark.parametrize(
    ("days", "levels"),
    [
        # (Chongqing, national): the level in force, 0 for none.
        ({"aqi": [120, 200, 150], "pm2_5": [80, 150, 80], "mda8": [50, 50, 50]}, (0, 0)),  # one day, and not above 200
        ({"aqi": [120, 201, 120]}, (1, 1)),
        ({"aqi": [151, 160, 120], "pm2_5": [100, 110, 80], "mda8": [50, 50, 50]}, (0, 1)),
        ({"aqi": [160, 160, 120], "pm2_5": [116, 116, 80], "mda8": [50, 50, 50]}, (1, 1)),
        (
            {"aqi": [160, 120, 160], "pm2_5": [116, 80, 116], "mda8": [50, 50, 50]},
            (0, 0),
        ),  # two days, not one after the other
        ({"aqi": [205, 210, 120]}, (1, 2)),
        ({"aqi": [160, 160, 160], "pm2_5": [120, 155, 120], "mda8": [50, 50, 50]}, (2, 2)),
        ({"aqi": [210, 310, 210]}, (2, 3)),
        ({"aqi": [160, 170, 190], "pm2_5": [60, 60, 60], "mda8": [220, 270, 230]}, (2, 2)),
    ],
)
def test_the_worst_of_the_days_to_come_decides(world: World, days: Days, levels: tuple[int, int]) -> None:
    enter(world, FIRST, days)
    look(world)
    found = {one.rule: one.draft.level for one in incidents(world)}
    assert found == {code: level for code, level in zip(CODES, levels, strict=True) if level}


def test_an_incident_says_of_which_day_who_issued_it_and_when_and_is_told_at_once(world: World) -> None:
    enter(world, FIRST, {"aqi": [120, 230, 120]})
    look(world, "air_forecast_chongqing")
    (one,) = incidents(world)
    assert (one.subject, iso(one.draft.fired, ZONE)[:16], one.draft.phase) == ("city", "2026-01-11T16:00", "firing")
    shown = one.draft.shown
    assert (shown["aqi"], shown["day"], shown["issued"], shown["source"]) == ("230", "2026-01-13", "2026-01-11", SOURCE)


def test_it_is_lifted_by_an_issue_with_every_day_below_yellow_for_more_than_36_hours(world: World) -> None:
    enter(world, FIRST, {"aqi": [230, 120, 120]})
    look(world, "air_forecast_chongqing")
    # Only the next day, to 32 hours ahead, is said: nobody says that it stays so.
    enter(world, FIRST + timedelta(days=3), {"aqi": [90]})
    look(world, "air_forecast_chongqing")
    assert [one.draft.phase for one in incidents(world)] == ["firing"]
    enter(world, FIRST + timedelta(days=4), {"aqi": [90, 90]})
    look(world, "air_forecast_chongqing")
    (one,) = incidents(world)
    assert (one.draft.phase, iso(one.draft.resolved or 0, ZONE)[:16]) == ("resolved", "2026-01-15T16:00")
    assert [line.what for line in Incidents(world.books).log(one.id)] == ["opened", "resolved"]


@pytest.mark.parametrize(
    "days",
    [
        {"aqi": [90], "mda8": [80, 80, 80]},  # of the second day the AQI is not said
        {"aqi": [90], "pm2_5": [40, 40]},
    ],
)
def test_a_day_of_which_too_little_is_said_does_not_stay_well(world: World, days: Days) -> None:
    enter(world, FIRST, {"aqi": [230, 120, 120]})
    enter(world, FIRST + timedelta(days=4), days)
    look(world)
    assert {one.draft.phase for one in incidents(world)} == {"firing"}


def test_a_day_that_is_left_out_does_not_stay_well(world: World) -> None:
    enter(world, FIRST, {"aqi": [230, 120, 120]})
    issued = FIRST + timedelta(days=4)
    enter(world, issued, {"aqi": [90]})
    world.now += 1_000
    given = Record("forecast_aqi", "city", (issued + timedelta(days=4)).isoformat(), Decimal(90), "", SOURCE,
                   issued.isoformat())  # fmt: skip
    Records(world.books).add(checked(given, []), who="test", now=world.now, ends=period_bounds(given.period, ZONE)[1])
    look(world, "air_forecast_chongqing")
    assert [one.draft.phase for one in incidents(world)] == ["firing"]


def test_an_aqi_within_150_lifts_what_an_earlier_issue_said_of_its_pollutants(world: World) -> None:
    enter(world, FIRST, {"aqi": [120, 220, 220, 220], "pm2_5": [60, 160, 160, 160]})
    look(world, "air_forecast_chongqing")
    enter(world, FIRST + timedelta(days=1), {"aqi": [90, 90, 90]})
    look(world, "air_forecast_chongqing")
    (one,) = incidents(world)
    assert (one.draft.greatest, one.draft.phase) == (2, "resolved")


def test_a_forecast_that_nothing_looks_at_is_not_entered() -> None:
    given = Record("forecast_aqi", "district:gaoxin", "2026-01-12", Decimal(230), "", SOURCE, FIRST.isoformat())
    with pytest.raises(RecordError, match="is of the city"):
        checked(given)


def test_an_issue_has_one_date_however_it_is_written(world: World) -> None:
    enter(world, FIRST, {"aqi": [230]})
    given = Record("forecast_aqi", "city", "2026-01-12", Decimal(32), "", SOURCE, "20260111")
    assert checked(given, []).dated == "2026-01-11"
    assert checked(given, Records(world.books).in_force("forecast_aqi", "city")).reason == "", "it corrects that issue"


def test_an_earlier_issue_that_is_entered_later_is_no_news(world: World) -> None:
    enter(world, FIRST + timedelta(days=1), {"aqi": [90, 90, 90]})
    world.now += 3_600_000
    records = Records(world.books)
    given = Record("forecast_aqi", "city", (FIRST + timedelta(days=2)).isoformat(), Decimal(230), "", SOURCE,
                   FIRST.isoformat(), reason="entered late")  # fmt: skip
    records.add(given, who="test", now=world.now, ends=period_bounds(given.period, ZONE)[1] // HOUR_MS - 1)
    look(world, "air_forecast_chongqing")
    assert incidents(world) == []


def test_a_later_issue_raises_lowers_and_keeps_what_it_says_nothing_of(world: World) -> None:
    enter(world, FIRST, {"aqi": [120, 210, 120, 120]})
    look(world, "air_forecast_chongqing")
    enter(world, FIRST + timedelta(days=1), {"aqi": [215, 220, 225]})
    look(world, "air_forecast_chongqing")
    assert [one.draft.level for one in incidents(world)] == [2]
    # Of the day after the next one it says nothing: 220 as issued before; the next one was 215.
    enter(world, FIRST + timedelta(days=2), {"aqi": [150]})
    look(world, "air_forecast_chongqing")
    (one,) = incidents(world)
    assert (one.draft.level, one.draft.greatest, one.draft.phase) == (1, 2, "firing")
    assert [line.what for line in Incidents(world.books).log(one.id)] == ["opened", "raised", "lowered"]


def test_a_wrong_entry_that_is_corrected_withdraws_what_was_told(world: World) -> None:
    enter(world, FIRST, {"aqi": [320, 90, 90]})
    look(world, "air_forecast_chongqing")
    assert len(incidents(world)) == 1
    with pytest.raises(RecordError, match="give the reason"):
        enter(world, FIRST, {"aqi": [32]}, hour=17)
    enter(world, FIRST, {"aqi": [32]}, hour=17, reason="320 was 32: a typing error")
    look(world, "air_forecast_chongqing")
    assert incidents(world) == []


def test_the_same_forecast_issued_again_needs_no_reason_and_tells_nothing_new(world: World) -> None:
    enter(world, FIRST, {"aqi": [120, 230, 230]})
    look(world, "air_forecast_chongqing")
    enter(world, FIRST + timedelta(days=1), {"aqi": [230, 230]})
    look(world, "air_forecast_chongqing")
    (one,) = incidents(world)
    assert [line.what for line in Incidents(world.books).log(one.id)] == ["opened"]
    history = Records(world.books).history("forecast_aqi", "city", "2026-01-13")
    assert [entry.reason for entry in history] == ["", "issued on 2026-01-12"]


def test_entries_looked_at_one_by_one_or_at_once_give_the_same_incidents(world: World, tmp_path: Path) -> None:
    # On the 13th that day itself is still forecast to be bad; on the 14th it is over.
    issues: list[Days] = [{"aqi": [120, 230, 230]}, {"aqi": [230, 310, 210]}, {"aqi": [90, 90, 90]}, {"aqi": [90, 90]}]
    phases = []
    for number, days in enumerate(issues):
        enter(world, FIRST + timedelta(days=number), days)
        look(world)
        phases.append({one.draft.phase for one in incidents(world)})
    assert phases == [{"firing"}, {"firing"}, {"firing"}, {"resolved"}]
    folder = tmp_path / "other"
    folder.mkdir()
    with a_city(folder) as other:
        for number, days in enumerate(issues):
            enter(other, FIRST + timedelta(days=number), days)
        look(other)
        assert [(one.rule, one.draft) for one in incidents(other)] == [
            (one.rule, one.draft) for one in incidents(world)
        ]


def test_stored_issues_can_be_looked_back_at(world: World) -> None:
    enter(world, FIRST, {"aqi": [120, 230, 120]})
    rule, registry = shipped_rules()["air_forecast_chongqing"], world.books.registry()
    start, end = day_bounds(FIRST, ZONE)[0], day_bounds(FIRST, ZONE)[0] + 2 * DAY_MS
    found = look_back(world.store, registry, (), rule, ZONE, start, end, books=world.books)
    assert [one.greatest for one in found["city"].incidents] == [1]


async def test_an_entry_of_days_to_come_is_nothing_to_the_runner(world: World) -> None:
    enter(world, date(2026, 12, 30), {"aqi": [120, 230, 120]})
    await world.compute()
    assert world.judgements.latest() == []
