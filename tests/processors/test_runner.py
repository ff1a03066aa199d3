"""The runner over a real SQLite store and real books, with a clock of its own: what is published, when, and why it changes."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from processors.air.days import CITY_STATION, DAILY_AQI
from processors.air.explain import explain_day, explain_year
from processors.explain_parts import NotFound
from sensors.instants import DAY_MS
from sensors.reading import Doubt, Reading
from sensors.station_changes import change
from store.schema import revisions
from store.sqlite import SqliteStore
from tests.processors.world import CLEAN, DIRTY, ZONE, World, a_city


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with a_city(tmp_path) as made:
        yield made


FIFTH, SIXTH = date(2026, 3, 5), date(2026, 3, 6)


async def test_an_open_day_runs_and_becomes_a_revision_when_it_closes(world: World) -> None:
    world.go_to(FIFTH, 21)
    await world.hours(FIFTH, CLEAN, hours=range(18))
    await world.compute()
    assert world.city_days() == {}
    [running] = world.judgements.running(DAILY_AQI, scope="city")
    assert running.judgement.status == "not assessable", "18 of 24 hours, 20 are needed"
    await world.hours(FIFTH, CLEAN, hours=range(18, 24))
    await world.compute()
    [running] = world.judgements.running(DAILY_AQI, scope="city")
    assert running.judgement.status == "met"
    world.go_to(SIXTH, 2)
    await world.compute()
    assert world.judgements.running(DAILY_AQI) == []
    revision = world.city_days()["2026-03-05"]
    assert (revision.judgement.value, revision.judgement.status, revision.reason) == ("30", "met", "the period closed")
    assert revision.judgement.key.standard == "HJ633-2026"
    assert (revision.judgement.valid, revision.judgement.expected) == (4 * 24 * 6, 4 * 24 * 6)
    assert world.year().value == "1"


async def test_late_data_revise_visibly(world: World) -> None:
    world.go_to(SIXTH, 2)
    await world.hours(FIFTH, CLEAN)
    await world.compute()
    first = world.city_days()["2026-03-05"]
    await world.hours(FIFTH, DIRTY)
    await world.compute()
    second = world.city_days()["2026-03-05"]
    assert (second.judgement.status, second.supersedes) == ("missed", first.id)
    assert second.reason == "30 → 137: " + "; ".join(f"24 corrected hours of hx-0{n}" for n in range(1, 5))
    assert second.judgement.detail["primary"] == "pm2_5"
    assert (world.year().value, world.year().detail["polluted"]) == ("0", 1)
    assert len(world.judgements.history(second.judgement.key)) == 2


async def test_data_that_change_nothing_published_make_no_revision(world: World) -> None:
    world.go_to(SIXTH, 2)
    await world.hours(FIFTH, CLEAN)
    await world.compute()
    before = world.city_days()["2026-03-05"]
    await world.hours(FIFTH, CLEAN)
    await world.compute()
    assert world.city_days()["2026-03-05"] == before


async def test_withdrawn_values_take_a_good_day_back(world: World) -> None:
    world.go_to(SIXTH, 2)
    await world.hours(FIFTH, CLEAN)
    await world.compute()
    assert world.aqi(CITY_STATION, FIFTH) == [30.0] * 24
    await world.hours(FIFTH, {}, doubtful={"o3": Doubt("withdrawn", None)})
    await world.compute()
    revision = world.city_days()["2026-03-05"]
    assert (revision.judgement.value, revision.judgement.status) == (None, "not assessable")
    assert "O3" in revision.judgement.detail["why_text"]
    assert world.year().value == "0"
    assert world.year().detail["not_assessable"] == 64


async def test_by_the_clause_an_hour_without_its_ozone_has_no_index_any_more(world: World) -> None:
    world.go_to(SIXTH, 2)
    await world.hours(FIFTH, CLEAN)
    await world.compute(variant="clause")
    assert world.aqi("hx-01", FIFTH) == [30.0] * 24
    await world.hours(FIFTH, {}, hours=[7], stations=["hx-01"], doubtful={"o3": Doubt("calibration", 1.0)})
    await world.compute(variant="clause")
    assert world.aqi("hx-01", FIFTH) == [30.0] * 23


async def test_no_data_is_never_good(world: World) -> None:
    world.go_to(SIXTH, 2)
    await world.hours(FIFTH, CLEAN)
    await world.compute()
    year = world.year()
    assert (year.value, year.valid, year.expected, year.status) == ("1", 1, 64, "not assessable")
    world.now += 10 * DAY_MS
    await world.compute()
    later = world.year()
    assert (later.value, later.valid, later.expected) == ("1", 1, 74)


async def test_too_few_assessment_stations_make_no_city_day(world: World) -> None:
    world.go_to(SIXTH, 2)
    await world.hours(FIFTH, CLEAN, stations=["hx-01", "hx-02", "hx-05"])
    await world.compute()
    assert world.city_days()["2026-03-05"].judgement.status == "not assessable"
    assert world.judgements.latest(DAILY_AQI, scope="station:hx-05")[0].judgement.status == "met"
    await world.hours(FIFTH, CLEAN, stations=["hx-03"])
    await world.compute()
    assert world.city_days()["2026-03-05"].judgement.status == "met", "3 of 4 are 75 %"


async def test_a_dated_change_of_the_registry_leaves_the_days_before_it(world: World) -> None:
    """Last year's indicator uses last year's list of stations."""
    world.go_to(SIXTH, 2)
    fourth = date(2026, 3, 4)
    for day in (fourth, FIFTH):
        await world.hours(day, CLEAN, stations=["hx-01", "hx-02", "hx-03"])
        await world.hours(day, DIRTY, stations=["hx-04"])
    await world.compute()
    before = {day: revision.judgement for day, revision in world.city_days().items()}
    assert before["2026-03-04"].stations == before["2026-03-05"].stations == ("hx-01", "hx-02", "hx-03", "hx-04")
    since = datetime.combine(FIFTH, time(), ZONE)
    entries = change(world.books.registry(), "air", "hx-04", {"kind": "control"}, since)
    world.books.register(entries, who="someone", now=world.now)
    await world.compute()
    after = {day: revision.judgement for day, revision in world.city_days().items()}
    assert after["2026-03-05"].stations == ("hx-01", "hx-02", "hx-03")
    assert after["2026-03-05"].value != before["2026-03-05"].value
    assert after["2026-03-04"] == before["2026-03-04"]


async def test_an_unknown_station_counts_once_it_is_adopted(world: World) -> None:
    world.go_to(SIXTH, 2)
    await world.hours(FIFTH, DIRTY, stations=["new-1"])
    await world.compute()
    assert world.city_days() == {}
    world.books.register([world.station("new-1")], who="someone", now=world.now)
    await world.compute()
    assert world.judgements.latest(DAILY_AQI, scope="station:new-1")[0].judgement.status == "missed"
    assert world.city_days()["2026-03-05"].judgement.detail["state"] == "not_assessable"


async def test_each_day_by_the_edition_of_its_date(world: World) -> None:
    between = {**CLEAN, "pm2_5": 75.0}
    world.go_to(SIXTH, 2)
    await world.hours(date(2026, 2, 28), between)
    await world.hours(date(2026, 3, 1), between)
    await world.compute()
    days = world.city_days()
    assert [(d.judgement.key.standard, d.judgement.value, d.judgement.status) for _, d in sorted(days.items())] == [
        ("HJ633-2012", "100", "met"),
        ("HJ633-2026", "114", "missed"),
    ]
    assert world.year().detail["standards"][-2:] == ["HJ633-2012", "HJ633-2026"]


async def test_a_final_day_is_not_overwritten_but_proposed(world: World) -> None:
    world.go_to(SIXTH, 2)
    await world.hours(FIFTH, CLEAN)
    await world.compute()
    first = world.city_days()["2026-03-05"]
    with world.books.writing() as connection:
        connection.execute(update(revisions).where(revisions.c.id == first.id).values(finality="final"))
    await world.hours(FIFTH, DIRTY)
    await world.compute()
    assert world.city_days()["2026-03-05"].id == first.id
    history = world.judgements.history(first.judgement.key)
    assert [(r.judgement.status, r.finality) for r in history] == [("met", "final"), ("missed", "proposed")]
    assert world.year().value == "1", "the year counts what is in force"


@pytest.mark.parametrize(
    ("target", "status"), [(1, "met"), (300, "on track"), (302, "missed"), (301, "at risk")], ids=str
)
async def test_the_year_is_held_against_its_target(world: World, target: int, status: str) -> None:
    indicator = world.plan.indicator("good_air_days").model_copy(update={"target": target, "least_coverage": 0.0})
    plan = world.plan.model_copy(update={"indicators": (indicator,)})
    world.go_to(date(2026, 3, 7), 2)
    await world.hours(FIFTH, CLEAN)
    await world.hours(SIXTH, DIRTY if target > 300 else CLEAN)
    await world.compute(plan=plan)
    judged = world.judgements.current("good_air_days", "city", "2026")
    assert judged is not None
    assert judged[0].detail["days_left"] == 300
    assert judged[0].status == status


async def test_a_crash_before_saving_leaves_the_marks(world: World) -> None:
    world.go_to(SIXTH, 2)
    await world.hours(FIFTH, CLEAN)

    class Dies(SqliteStore):
        async def write(self, readings: Sequence[Reading], *, in_order: bool = True) -> Any:
            raise KeyboardInterrupt

    real, world.store = world.store, Dies(world.store._path)
    with pytest.raises(KeyboardInterrupt):
        await world.compute()
    world.store = real
    assert world.city_days() == {}
    world.now += 120_000
    await world.compute()
    assert world.city_days()["2026-03-05"].judgement.status == "met"


async def test_explain_goes_down_to_the_hour(world: World) -> None:
    world.go_to(SIXTH, 2)
    await world.hours(FIFTH, CLEAN, hours=[h for h in range(24) if h != 9])
    await world.hours(FIFTH, {}, hours=[9], doubtful={"pm2_5": Doubt("calibration", 3.0)})
    await world.compute()
    indicator = world.plan.indicator("good_air_days")
    year = explain_year(world.books, indicator, "2026", ZONE)
    assert year["value"] == "1"
    assert year["days"][-1]["state"] == "good"
    assert year["days"][0]["why"] == "no reading of this day"
    day = explain_day(world.books, world.store, indicator, "2026", "2026-03-05", ZONE)
    assert (day["value"], day["state"], day["same_when_computed_again"]) == ("30", "good", True)
    station = next(s for s in day["stations"] if s["station"] == "hx-01")
    assert station["valid_hours"]["pm2_5"] == 23
    assert len(station["hours"]) == 24
    assert station["hours"][9]["doubtful"] == {"pm2_5": {"flag": "calibration", "value": 3.0}}
    assert station["hours"][9]["hour_ended"] == "2026-03-05T10:00:00+08:00"
    await world.hours(FIFTH, DIRTY)
    assert not explain_day(world.books, world.store, indicator, "2026", "2026-03-05", ZONE)["same_when_computed_again"]
    empty = explain_day(world.books, world.store, indicator, "2026", "2026-01-01", ZONE)
    assert empty["state"] == "not_assessable"
    for wrong in ("2025-01-01", "2026-13-01", "x"):
        with pytest.raises(NotFound):
            explain_day(world.books, world.store, indicator, "2026", wrong, ZONE)
    with pytest.raises(NotFound, match="not computed"):
        explain_year(world.books, indicator, "2019", ZONE)
