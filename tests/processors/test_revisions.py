"""What is published changes visibly: causes of revisions, review, exceptional events, districts, statistics of longer periods."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from processors.air.statistics import AIR_STATISTICS
from processors.windows import day_bounds
from sensors.instants import HOUR_MS
from sensors.reading import Doubt
from sensors.stations import Station
from store.events import Event, Events
from store.judgements import Judgement, Revision
from store.reviews import ReviewError, Reviews
from tests.processors.world import CLEAN, DIRTY, ZONE, World, a_city

FIFTH, SIXTH = date(2026, 3, 5), date(2026, 3, 6)
DUSTY = {**CLEAN, "pm10": 200.0}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with a_city(tmp_path) as made:
        yield made


def of_city(world: World, day: date = FIFTH) -> Revision:
    return world.city_days()[day.isoformat()]


async def a_good_fifth(world: World) -> Revision:
    world.go_to(SIXTH, 2)
    await world.hours(FIFTH, CLEAN)
    await world.compute()
    return of_city(world)


async def test_late_hours_are_told_by_station_and_number(world: World) -> None:
    world.go_to(SIXTH, 2)
    await world.hours(FIFTH, CLEAN, stations=("hx-01", "hx-02", "hx-04"))
    await world.hours(FIFTH, CLEAN, stations=("hx-03",), hours=range(18))
    await world.compute()
    await world.hours(FIFTH, DIRTY, stations=("hx-03",), hours=range(18, 24))
    await world.compute()
    assert of_city(world).reason == "30 → 36: 6 late hours of hx-03"


async def test_withdrawn_hours_are_told(world: World) -> None:
    await a_good_fifth(world)
    gone = {code: Doubt("withdrawn", None) for code in CLEAN}
    await world.hours(FIFTH, {}, stations=("hx-02",), hours=[3], doubtful=gone)
    await world.compute()
    assert of_city(world).reason == ("30, coverage 576/576 → 570/576: 1 hour of hx-02 withdrawn, doubtful or withheld")


async def test_another_station_list_is_told(world: World) -> None:
    await a_good_fifth(world)
    world.books.register([World.station("hx-05")], who="test", now=world.now)
    await world.hours(FIFTH, CLEAN, stations=("hx-05",))
    await world.compute()
    assert "other assessment stations: +hx-05" in of_city(world).reason


async def test_a_year_names_the_days_that_changed_it(world: World) -> None:
    world.go_to(date(2027, 1, 2), 2)
    await world.hours(FIFTH, CLEAN)
    await world.compute()
    await world.hours(FIFTH, DIRTY, stations=("hx-01", "hx-02", "hx-03"))
    await world.compute()
    history = world.judgements.latest("good_air_days", scope="city", first="2026", last="2026")
    assert [r.judgement.value for r in history] == ["0"]
    corrected = "; ".join(f"24 corrected hours of hx-0{n}" for n in (1, 2, 3))
    assert history[0].reason == f"1 → 0: 2026-03-05: 30 → 119: {corrected}"


async def finish(world: World) -> Revision:
    await a_good_fifth(world)
    reviews = Reviews(world.books)
    found = world.judgements.latest(first="2026-03-05", last="2026-03-05")
    assert reviews.move(found, "under review", who="ann", why="audit", now=world.now) == len(found)
    assert of_city(world).finality == "under review"
    again = world.judgements.latest(first="2026-03-05", last="2026-03-05")
    assert reviews.move(again, "final", who="bob", why="protocol 17", now=world.now) == len(found)
    return of_city(world)


async def test_a_day_goes_from_provisional_to_final_with_person_and_reason(world: World) -> None:
    final = await finish(world)
    history = world.judgements.history(final.judgement.key)
    assert [r.finality for r in history] == ["provisional", "under review", "final"]
    assert [r.reason for r in history][1:] == ["under review: audit (ann)", "final: protocol 17 (bob)"]
    assert len({r.judgement.value for r in history}) == 1


async def test_under_review_a_value_is_still_revised(world: World) -> None:
    await a_good_fifth(world)
    found = world.judgements.latest(first="2026-03-05", last="2026-03-05")
    Reviews(world.books).move(found, "under review", who="ann", why="audit", now=world.now)
    await world.hours(FIFTH, DIRTY)
    await world.compute()
    assert (of_city(world).judgement.status, of_city(world).finality) == ("missed", "under review")


async def proposal(world: World) -> Revision:
    await finish(world)
    await world.hours(FIFTH, DIRTY)
    await world.compute()
    return next(r for r in Reviews(world.books).proposals() if r.judgement.key.scope == "city")


async def test_what_changes_a_final_value_waits_for_a_person(world: World) -> None:
    proposed = await proposal(world)
    assert of_city(world).judgement.status == "met"
    assert world.year().value == "1"
    reviews = Reviews(world.books)
    window = ("air", "hour", day_bounds(FIFTH, ZONE)[1] // HOUR_MS - 1)
    reviews.decide(proposed.id, "accept", who="ann", why="confirmed", now=world.now, window=window)
    assert (of_city(world).judgement.status, of_city(world).finality) == ("missed", "final")
    assert of_city(world).reason == f"proposal {proposed.id} accepted: confirmed (ann)"
    await world.compute()
    assert world.year().value == "0", "the year follows"
    with pytest.raises(ReviewError, match="no open proposal"):
        reviews.decide(proposed.id, "reject", who="ann", why="x", now=world.now, window=None)


async def test_a_rejected_proposal_does_not_come_again(world: World) -> None:
    proposed = await proposal(world)
    reviews = Reviews(world.books)
    reviews.decide(proposed.id, "reject", who="ann", why="open door", now=world.now, window=None)
    assert (of_city(world).judgement.status, of_city(world).finality) == ("met", "final")
    await world.hours(FIFTH, DIRTY)
    await world.compute()
    assert "city" not in {r.judgement.key.scope for r in reviews.proposals()}
    await world.hours(FIFTH, {**DIRTY, "pm2_5": 180.0})
    await world.compute()
    assert "city" in {r.judgement.key.scope for r in reviews.proposals()}, "another value is another proposal"


async def test_a_value_with_an_open_proposal_is_not_moved(world: World) -> None:
    await proposal(world)
    found = world.judgements.latest(first="2026-03-05", last="2026-03-05")
    with pytest.raises(ReviewError, match="accept or reject it first"):
        Reviews(world.books).move(found, "under review", who="ann", why="x", now=world.now)


def dust(first: date, last: date, scope: str = "city") -> Event:
    start, end = day_bounds(first, ZONE)[0], day_bounds(last, ZONE)[1]
    return Event("air", "dust", scope, ("pm10", "pm2_5"), start, end, "notice 12")


async def test_dust_keeps_both_counts(world: World) -> None:
    world.go_to(date(2026, 3, 8), 2)
    await world.hours(FIFTH, CLEAN)
    await world.hours(SIXTH, DUSTY)
    await world.hours(date(2026, 3, 7), {**DUSTY, "o3": 180.0})
    await world.compute()
    assert world.year().detail["without_events"] is None
    events = Events(world.books)
    number = events.add(dust(SIXTH, date(2026, 3, 7)), who="ann", now=world.now)
    await world.compute()
    year = world.year()
    assert (year.value, year.detail["polluted"]) == ("1", 2)
    # Ozone was not the dust's: the 7th stays.
    assert year.detail["without_events"] == {
        "lifted": ["2026-03-06"], "polluted": 1, "valid": 2, "ratio_percent": "50.0"
    }  # fmt: skip
    assert of_city(world, SIXTH).reason.endswith(f"event {number} entered")
    assert of_city(world, SIXTH).judgement.value == of_city(world, SIXTH).judgement.value
    assert events.remove(number, why="withdrawn", who="ann", now=world.now)
    await world.compute()
    assert world.year().detail["without_events"] is None
    assert of_city(world, SIXTH).reason.endswith(f"event {number} removed")


async def test_means_are_stated_without_what_the_event_raised_too(world: World) -> None:
    world.go_to(date(2026, 4, 1), 2)
    for number in range(31):
        day = date(2026, 3, 1) + timedelta(days=number)
        await world.hours(day, DUSTY if day == SIXTH else CLEAN)
    Events(world.books).add(dust(SIXTH, SIXTH), who="ann", now=world.now)
    await world.compute()
    march = statistics(world, "city", "2026-03")
    assert march.detail["pollutants"]["pm10"]["headline"] == "35.5"  # (30 x 30 + 200) / 31
    without = march.detail["without_events"]["pollutants"]["pm10"]
    assert (without["headline"], without["days"]) == ("30.0", 30)


@pytest.mark.parametrize(("hours", "evidence"), [(0, "x"), (-1, "x"), (32 * 24, "x"), (3, " ")])
def test_an_event_without_length_or_evidence_is_refused(world: World, hours: int, evidence: str) -> None:
    event = dust(FIFTH, FIFTH)
    with pytest.raises(ValueError, match="an event"):
        Events(world.books).add(
            event._replace(until=event.since + hours * HOUR_MS, evidence=evidence), who="ann", now=0
        )


def statistics(world: World, scope: str, period: str) -> Judgement:
    found = world.judgements.current(AIR_STATISTICS, scope, period)
    assert found is not None
    return found[0]


async def test_a_month_closes_with_its_statistics_and_is_revised(world: World) -> None:
    world.go_to(date(2026, 4, 1), 2)
    for number in range(27):
        await world.hours(date(2026, 3, 1) + timedelta(days=number), CLEAN)
    await world.compute()
    march = statistics(world, "city", "2026-03")
    assert (march.status, march.valid, march.expected) == ("stated", 27, 31)
    assert march.detail["pollutants"]["pm2_5"]["headline"] == "20.0"
    # 20/30 + 30/60 + 5/60 + 15/40 + 0.5/4 + 60/160
    assert march.value == "2.12"
    assert [one["confirmed"] for one in march.detail["composite"]] == [True, False]
    await world.hours(date(2026, 3, 28), DIRTY)
    await world.compute()
    [revision] = world.judgements.latest(AIR_STATISTICS, scope="city", first="2026-03", last="2026-03")
    assert revision.reason == "2.12 → 2.22: 2026-03-28: the period closed"
    assert revision.judgement.detail["pollutants"]["pm2_5"]["headline"] == "22.9"
    assert revision.supersedes


async def test_a_month_with_too_few_days_is_not_assessable(world: World) -> None:
    world.go_to(date(2026, 4, 1), 2)
    for number in range(26):
        await world.hours(date(2026, 3, 1) + timedelta(days=number), CLEAN)
    await world.compute()
    assert statistics(world, "city", "2026-03").status == "not assessable"


async def test_districts_have_values_of_their_own(world: World) -> None:
    other = Station.model_validate(
        {"id": "yb-01", "family": "air", "name_zh": "yb", "district": "yubei", "kind": "assessment"}
    )
    world.books.register([other], who="test", now=0)
    world.go_to(SIXTH, 2)
    await world.hours(FIFTH, CLEAN)
    await world.hours(FIFTH, DIRTY, stations=("yb-01",))
    await world.compute()
    days = {r.judgement.key.scope: r.judgement for r in world.judgements.latest(first="2026-03-05", last="2026-03-05")}
    assert (days["district:gaoxin"].status, days["district:yubei"].status) == ("met", "missed")
    assert days["district:yubei"].stations == ("yb-01",)
    assert days["city"].stations == ("hx-01", "hx-02", "hx-03", "hx-04", "yb-01")
    assert statistics(world, "district:yubei", "2026-03").detail["pollutants"]["pm2_5"]["headline"] == "100.0"
