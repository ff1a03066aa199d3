"""What meters send, as it should not be: wrong counts, amounts of long or uneven periods."""

from collections.abc import AsyncIterator
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path
from random import Random

import pytest
from pydantic import ValidationError

from processors.energy.anomalies import judged_days
from processors.energy.explain import explain_energy
from processors.energy.rules import EnergyRules
from processors.windows import days_between
from sensors.reading import Doubt
from store.reviews import Reviews
from tests.processors.meters import Meters, at
from tests.processors.world import ZONE

MARCH = days_between(date(2026, 3, 1), date(2026, 3, 31))
COUNT = "electricity_counter"


@pytest.fixture
async def meters(tmp_path: Path) -> AsyncIterator[Meters]:
    found = Meters(tmp_path)
    yield found
    await found.world.store.close()
    found.world.books.close()


@pytest.mark.parametrize("wrong", [0.0, 90_000.0])
@pytest.mark.parametrize("late", [1, 2, 3, 4, 5])
async def test_a_wrong_count_is_no_consumption_whichever_came_late(meters: Meters, wrong: float, late: int) -> None:
    meters.meter("m-1", measures="electricity")
    days = [date(2026, 1, 1) + timedelta(days=20 * n) for n in range(7)]
    counts = {at(day): {COUNT: 500.0 + 20 * n} for n, day in enumerate(days)} | {at(days[3]): {COUNT: wrong}}
    await meters.send("m-1", {when: of for when, of in counts.items() if when != at(days[late])})
    await meters.compute(date(2026, 5, 20))
    await meters.send("m-1", {at(days[late]): counts[at(days[late])]})
    await meters.compute()
    assert [meters.used("meter:m-1", f"2026-0{n}") for n in (1, 2, 3, 4)] == [31, 28, 31, 30]
    assert "outlier left out" in meters.of("meter:m-1", "2026-03").detail["how"]


@pytest.mark.parametrize("late", [None, 0, 6, 13])
async def test_amounts_of_weeks_are_whole_whichever_came_late(meters: Meters, late: int | None) -> None:
    meters.meter("oil", expected_period_s=7 * 86_400, measures="diesel")
    weeks = [at(date(2026, 1, 5) + timedelta(days=7 * n)) for n in range(14)]
    await meters.send("oil", {when: {"diesel": 70.0} for n, when in enumerate(weeks) if n != late})
    await meters.compute(date(2026, 4, 20))
    if late is not None:
        await meters.send("oil", {weeks[late]: {"diesel": 70.0}})
        await meters.compute()
    # Ten a day; four of the first week's lie in 2025.
    assert [meters.used("meter:oil", f"2026-0{n}", "diesel") for n in (1, 2, 3, 4)] == [310, 280, 310, 50]


def with_photovoltaics(**one_hour: float) -> dict[int, dict[str, float]]:
    return {at(MARCH[0], n): dict(one_hour) for n in range(1, 31 * 24 + 1)}


async def test_self_use_is_of_the_time_in_which_both_were_measured(meters: Meters) -> None:
    meters.meter("pv", period="hour", measures="electricity generation exported")
    hours = with_photovoltaics(electricity=1.0, generation=100.0, exported=10.0)
    for day in MARCH:
        del hours[at(day, 3)]["generation"]
    await meters.send("pv", hours, "hour")
    await meters.compute(date(2026, 4, 2))
    month = meters.of("meter:pv", "2026-03")
    assert month.detail["photovoltaics"]["self_use"] == str(31 * 23 * 90)
    assert (month.status, month.valid) == ("stated", 31 * 23 * 60)


@pytest.mark.parametrize(
    ("measures", "sent", "why"),
    [
        ("electricity generation", {"electricity": 1.0, "generation": 100.0}, "exported is not measured"),
        (
            "electricity generation exported", {"electricity": 20.0, "generation": 1.0, "exported": 19.0},
            "more was fed into the grid than was generated",
        ),
    ],
)  # fmt: skip
async def test_without_self_use_what_was_used_is_not_assessable_and_it_says_so(
    meters: Meters, measures: str, sent: dict[str, float], why: str
) -> None:
    meters.meter("pv", period="hour", measures=measures)
    await meters.send("pv", with_photovoltaics(**sent), "hour")
    await meters.compute(date(2026, 4, 2))
    assert why in meters.of("meter:pv", "2026-03-05").detail["sentence"]
    for scope in ("meter:pv", "city"):
        month = meters.of(scope, "2026-03")
        assert month.status == "not assessable"
        assert "self-use of photovoltaics known on 0 of 31 days" in month.detail["sentence"]


async def test_a_far_count_gives_only_what_finer_readings_left_and_no_demand(meters: Meters) -> None:
    meters.meter("m-1", expected_period_s=900, measures="electricity")
    quarters = {at(day, n / 4): {"active_power": 4.0} for day in MARCH[:10] for n in range(8 * 4, 20 * 4 + 1)}
    counts = {at(MARCH[0]): {COUNT: 0.0}, at(MARCH[9], 24): {COUNT: 600.0}}
    await meters.send("m-1", {**counts, **quarters})
    await meters.compute(date(2026, 3, 20))
    assert meters.used("meter:m-1", "2026-03") == 600, "480 by power, and 120 of the nights"
    day = meters.of("meter:m-1", "2026-03-05")
    assert meters.used("meter:m-1", "2026-03-05") == 60
    assert Fraction(day.detail["totals"]["used"]["electricity"]["apportioned"]) == 12
    assert Fraction(day.detail["demand"]["kw"]) == 4
    # A late sample moves what is left for the other days of that count.
    await meters.send("m-1", {at(MARCH[6], 12): {"active_power": 8.0}})
    await meters.compute()
    assert meters.used("meter:m-1", "2026-03") == 600
    assert meters.used("meter:m-1", "2026-03-01") == 48 + (120 - 1) / Fraction(10)


async def test_a_count_that_is_less_than_finer_readings_leaves_the_rest_unknown(meters: Meters) -> None:
    meters.meter("m-1", period="hour", measures="electricity")
    hours = {at(MARCH[n // 12], n % 12 + 1): {"electricity": 4.0} for n in range(10 * 12)}
    hours[at(MARCH[9], 24)] = {COUNT: 400.0}
    await meters.send("m-1", {at(MARCH[0]): {COUNT: 0.0}, **hours}, "hour")
    await meters.compute(date(2026, 3, 20))
    assert meters.used("meter:m-1", "2026-03") == 480
    gaps = meters.of("meter:m-1", "2026-03-05").detail["gaps"]["electricity"]["spans"]
    assert gaps == [[at(MARCH[4], 12), at(MARCH[4], 24), "contradicted"]]


async def test_a_day_of_two_entries_is_judged_by_both(meters: Meters) -> None:
    when = "2026-03-05T12:00:00+08:00"
    meters.meter("m-1", period="hour", measures="electricity", device="a", active_to=when)
    meters.meter("m-1", period="hour", measures="electricity", device="b", active_from=when)
    await meters.send("m-1", {at(MARCH[4], n): {"electricity": 5.0} for n in range(13, 25)}, "hour")
    await meters.compute(date(2026, 3, 7))
    day = meters.of("meter:m-1", "2026-03-05")
    assert (day.status, day.valid, day.expected) == ("not assessable", 720, 1440)


async def test_a_meter_that_moves_within_a_day_counts_where_it_stood_to_the_hour(meters: Meters) -> None:
    move = "2026-03-11T23:00:00+08:00"
    meters.meter("m-1", active_to=move, measures="electricity")
    meters.meter("m-1", active_from=move, district="beibei", measures="electricity")
    meters.meter("m-2", measures="electricity")
    await meters.send("m-1", {at(MARCH[0], n): {COUNT: float(n)} for n in range(31 * 24 + 1)})
    await meters.compute(date(2026, 4, 2))
    assert meters.used("district:gaoxin", "2026-03") == 10 * 24 + 23
    assert meters.used("district:beibei", "2026-03") == 20 * 24 + 1
    assert meters.used("city", "2026-03") == meters.used("meter:m-1", "2026-03") == 744
    assert meters.of("meter:m-1", "2026-03-11").valid == 1440
    assert meters.of("district:beibei", "2026-03").status == "stated"
    gaoxin = meters.of("district:gaoxin", "2026-03")
    assert gaoxin.valid == (10 * 24 + 23) * 60, "none of it makes up for the silence of m-2"


async def test_longer_periods_hold_the_months_that_stand_not_those_that_are_proposed(meters: Meters) -> None:
    meters.meter("m-1", measures="electricity")
    await meters.send("m-1", {at(MARCH[0], n): {COUNT: float(n)} for n in range(20 * 24 + 1)})
    await meters.compute(date(2026, 4, 5))
    march = [one for one in meters.world.judgements.latest() if one.judgement.key.period.startswith("2026-03")]
    Reviews(meters.world.books).move(march, "final", who="x", why="y", now=meters.world.now)
    await meters.send("m-1", {at(date(2026, 4, 1)): {COUNT: 744.0}})
    await meters.compute()
    for scope in ("meter:m-1", "district:gaoxin", "city"):
        assert [meters.used(scope, period) for period in ("2026-03", "2026-Q1", "2026")] == [480, 480, 480]


async def test_what_was_never_measured_is_no_zero_of_coal_or_carbon(meters: Meters) -> None:
    meters.meter("m-1", measures="electricity")
    meters.meter("m-2", measures="electricity gas", district="beibei")
    for name, sign in (("m-1", -1), ("m-2", 1)):
        await meters.send(name, {at(MARCH[0], n): {COUNT: 1000.0 + sign * n} for n in range(25)})
    await meters.compute(date(2026, 3, 3))
    nothing, part = meters.of("meter:m-1", "2026-03"), meters.of("meter:m-2", "2026-03")
    assert (nothing.value, nothing.detail["coal"]["exact"], nothing.detail["carbon"]["t"]) == (None, None, None)
    assert nothing.detail["sentence"].startswith("no carrier of energy was measured; electricity not measured")
    assert part.value is None
    assert part.detail["sentence"].startswith("no value: at no time was all of it measured; electricity 24.000 kWh")
    assert list(part.detail["coal"]["by_carrier"]) == ["electricity"]


async def test_amounts_at_uneven_times_lose_nothing(meters: Meters) -> None:
    meters.meter("m-1", measures="electricity", expected_period_s=900)
    uneven = Random(1)
    stamps = [at(MARCH[0], n / 4) + uneven.randrange(-60, 61) * 1000 for n in range(1, 4 * 96)]
    late = stamps[95]
    await meters.send("m-1", {when: {"electricity": 10.0} for when in [*stamps, at(MARCH[3], 24)] if when != late})
    await meters.compute(date(2026, 3, 6))
    await meters.send("m-1", {late: {"electricity": 10.0}})
    await meters.compute()
    before = stamps[0] - at(MARCH[0]) - 900_000
    of_february = Fraction(max(0, -before) * 10, 900_000)
    assert sum(meters.used("meter:m-1", day.isoformat()) for day in MARCH[:4]) == 4 * 96 * 10 - of_february
    assert meters.of("meter:m-1", "2026-03-02").valid == 1440


async def test_amounts_that_come_more_often_than_expected_are_cut_and_it_says_so(meters: Meters) -> None:
    meters.meter("m-1", measures="electricity", expected_period_s=1800)
    await meters.send("m-1", {at(MARCH[0], n / 4): {"electricity": 1.0} for n in range(1, 97)})
    await meters.compute(date(2026, 3, 3))
    day = meters.of("meter:m-1", "2026-03-01")
    assert "overlap left out" in day.detail["how"]["electricity"]


async def test_numbers_of_a_register_need_the_quantity_that_they_are_of(meters: Meters) -> None:
    with pytest.raises(ValidationError, match="meter_end is of one count: say which by `measures`"):
        meters.meter("m-1", device="a", active_to="2026-03-05T12:00:00+08:00", meter_end=5000.0)


async def test_one_finer_reading_does_not_hide_the_peak_of_an_hour(meters: Meters) -> None:
    meters.meter("m-1", measures="electricity")
    counts = {at(MARCH[0], n): {COUNT: float(n if n <= 10 else n + 499)} for n in range(25)}
    await meters.send("m-1", {**counts, at(MARCH[0], 3.25): {COUNT: 3.75}})
    await meters.compute(date(2026, 3, 3))
    demand = meters.of("meter:m-1", "2026-03-01").detail["demand"]
    assert (demand["kw"], demand["since"], demand["minutes"]) == ("500", at(MARCH[0], 10), 60)


async def test_a_day_of_which_nothing_is_left_is_the_same_when_computed_again(meters: Meters) -> None:
    meters.meter("m-1", measures="electricity")
    await meters.send("m-1", {at(MARCH[0]): {COUNT: 0.0}, at(MARCH[4]): {COUNT: 400.0}})
    await meters.compute(date(2026, 3, 20))
    await meters.send("m-1", {at(MARCH[4]): {}}, doubtful={COUNT: Doubt("withdrawn", None)})
    await meters.compute()
    world = meters.world
    found = explain_energy(world.books, world.store, "2026-03-02", "meter:m-1", ZONE, EnergyRules())
    assert (found["sentence"], found["same_when_computed_again"]) == ("nothing was measured", True)


async def test_days_not_measured_whole_are_among_the_days_of_anomalies_and_judged_by_none(meters: Meters) -> None:
    meters.meter("m-1", period="hour", measures="electricity")
    hours = {at(MARCH[0], n): {"electricity": 1.0} for n in range(1, 48) if n != 3}
    await meters.send("m-1", {**hours, at(MARCH[1], 24): {"electricity": 1.0}}, "hour")
    await meters.compute(date(2026, 3, 4))
    world = meters.world
    found = judged_days(world.store, world.books, ["m-1"], MARCH[0], MARCH[1], ZONE)
    assert [(one.use.day.day, float(one.measured_percent), one.verdict) for one in found] == [
        (1, 95.8, None), (2, 100, None),
    ]  # fmt: skip


async def test_days_of_a_period_that_the_entry_has_no_more_do_not_stand(meters: Meters) -> None:
    meters.meter("m-1", measures="electricity")
    await meters.send("m-1", {at(MARCH[0], n): {COUNT: float(n)} for n in range(49)})
    await meters.compute(date(2026, 3, 4))
    assert meters.used("meter:m-1", "2026-03-02") == 24
    meters.meter("m-1", measures="electricity", period="hour")
    await meters.compute()
    day = meters.of("meter:m-1", "2026-03-02")
    assert (day.value, day.status) == (None, "not assessable")
