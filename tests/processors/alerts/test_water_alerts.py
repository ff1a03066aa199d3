"""A section beyond its target class: told when one item is beyond it in two cycles one after the other."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

from processors.alerts.rules import shipped_rules
from processors.alerts.watch import Watch
from sensors.instants import HOUR_MS, iso
from store.incidents import Incidents
from tests.processors.river import CLEAN, River
from tests.processors.world import ZONE

DAY = date(2026, 3, 10)
ALONE = {"water_exceedance": shipped_rules()["water_exceedance"]}
# By GB 3838-2002: ammonia of 1.2 is class Ⅳ (1.0 to 1.5), of 1.8 class Ⅴ; permanganate of 8 is Ⅳ (6 to 10).
AMMONIA, WORSE, PERMANGANATE = {"nh3_n": 1.2}, {"nh3_n": 1.8}, {"codmn": 8.0}


def look(river: River) -> None:
    river.world.now += 2_000
    watch = Watch(
        river.world.store, river.world.books, ALONE, prepare=lambda: None, zone=ZONE, clock=lambda: river.world.now
    )
    while watch.step():
        pass


async def cycles(river: River, *raised: Mapping[str, float], name: str = "lt-01") -> None:
    """Cycles from 04:00 on, each with what is raised in it, the watch looking after each."""
    for number, values in enumerate(raised, start=1):
        await river.samples(name, DAY, 1, {**CLEAN, **values}, hours=[4 * number])
        look(river)


@pytest.fixture
def river(tmp_path: Path) -> River:
    found = River(tmp_path)
    found.section("lt-01")
    found.world.go_to(date(2026, 3, 11), 12)
    look(found)
    return found


async def test_a_section_that_has_no_instrument_for_an_item_is_told_of_and_let_go_all_the_same(river: River) -> None:
    has = {code: value for code, value in CLEAN.items() if code != "total_phosphorus"}
    for number, raised in enumerate(({}, AMMONIA, AMMONIA, {}, {}), start=1):
        await river.samples("lt-01", DAY, 1, {**has, **raised}, hours=[4 * number])
        look(river)
    (one,) = Incidents(river.world.books).all()
    assert (one.draft.phase, iso(one.draft.resolved or 0, ZONE)[11:16]) == ("resolved", "20:00")


async def test_an_item_that_is_only_missing_lets_no_incident_end(river: River) -> None:
    without = {code: value for code, value in CLEAN.items() if code != "total_phosphorus"}
    await cycles(river, {}, AMMONIA, AMMONIA)
    await river.samples("lt-01", DAY, 1, without, hours=[16, 20])
    look(river)
    (one,) = Incidents(river.world.books).all()
    # What the cycle before it refutes is not so, whatever is missing; of the next one nothing is known.
    assert (one.draft.phase, one.draft.resolved) == ("recovering", None)


async def test_two_cycles_of_one_item_are_told_and_two_within_it_end_it(river: River) -> None:
    await cycles(river, {}, AMMONIA, AMMONIA, WORSE, WORSE, {})
    book = Incidents(river.world.books)
    (one,) = book.all()
    assert (one.subject, one.draft.phase, one.draft.greatest) == ("lt-01", "recovering", 2)
    assert iso(one.draft.since, ZONE)[11:16] == "12:00"
    assert (one.draft.shown["nh3_n"], one.draft.shown["nh3_n_measured"]) == ("2", "1.8")
    await river.samples("lt-01", date(2026, 3, 11), 1, CLEAN, hours=[4])
    look(river)
    (one,) = book.all()
    assert (one.draft.phase, one.draft.resolved) == ("resolved", (one.draft.well or 0) + 4 * HOUR_MS)
    assert [line.what for line in book.log(one.id)] == ["opened", "raised", "recovering", "resolved"]


@pytest.mark.parametrize(
    "raised",
    [
        ({}, AMMONIA, {}, AMMONIA, {}, AMMONIA),
        # Two items, each in one cycle.
        ({}, AMMONIA, PERMANGANATE, {}, {}, {}),
        # At the limit is within it.
        ({"nh3_n": 1.0}, {"nh3_n": 1.0}, {"nh3_n": 1.0}, {}, {}, {}),
    ],
)
async def test_what_is_in_one_cycle_only_is_not_told(river: River, raised: tuple[Mapping[str, float], ...]) -> None:
    await cycles(river, *raised)
    assert Incidents(river.world.books).all() == []


async def test_a_section_of_a_worse_target_is_held_to_that_one_and_a_laboratory_tells_nothing(river: River) -> None:
    river.section("lt-04", target_class=4)
    river.section("lt-01-lab", section="lt-01", sampling="manual", target_class=None, water_body=None)
    await cycles(river, AMMONIA, AMMONIA, AMMONIA, name="lt-04")
    await cycles(river, WORSE, WORSE, WORSE, name="lt-01-lab")
    assert Incidents(river.world.books).all() == []
    await cycles(river, WORSE, WORSE, WORSE, name="lt-04")
    assert [one.subject for one in Incidents(river.world.books).all()] == ["lt-04"]
