"""Energy through the runner over a real store: days, months, sub-meters, photovoltaics, bases and policies, late counts."""

from collections.abc import AsyncIterator
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from processors.energy.rules import EnergyRules, grid_policy
from processors.indicators.energy_balance import EnergyError
from processors.records.entries import checked
from processors.windows import days_between, period_bounds
from sensors.instants import HOUR_MS
from sensors.reading import Doubt
from store.records import Record, Records
from tests.processors.meters import Meters, at
from tests.processors.world import ZONE

MARCH = days_between(date(2026, 3, 1), date(2026, 3, 31))


@pytest.fixture
async def meters(tmp_path: Path) -> AsyncIterator[Meters]:
    made = Meters(tmp_path)
    yield made
    await made.world.store.close()
    made.world.books.close()


def hourly(first: date, days: int, per_hour: float, begin: float = 0.0) -> dict[int, dict[str, float]]:
    """Counts each whole hour, from midnight to midnight, both included."""
    return {
        at(first) + n * HOUR_MS: {"electricity_counter": round(begin + n * per_hour, 3)} for n in range(24 * days + 1)
    }


async def test_a_month_of_counts_is_days_a_month_a_district_and_the_city(meters: Meters) -> None:
    meters.meter("m-1")
    await meters.send("m-1", hourly(MARCH[0], 31, 2.5, 1000))
    await meters.compute(date(2026, 4, 2))
    day = meters.of("meter:m-1", "2026-03-05")
    assert meters.used("meter:m-1", "2026-03-05") == 60
    assert (day.valid, day.expected, day.status) == (1440, 1440, "stated")
    assert (day.value, day.unit) == ("0.007374", "tce"), "60 kWh × 0.1229 kgce"
    assert day.detail["demand"]["minutes"] == 60
    assert Fraction(day.detail["demand"]["kw"]) == Fraction("2.5")
    assert day.detail["how"] == {"electricity": ["counted"]}
    for scope in ("meter:m-1", "district:gaoxin", "city"):
        month = meters.of(scope, "2026-03")
        assert meters.used(scope, "2026-03") == 31 * 60
        assert month.value == "0.228594", "1,860 kWh × 0.1229 kgce"
        assert (month.valid, month.expected) == (31 * 1440, 31 * 1440)
        assert month.detail["coal"]["basis_zh"] == "当量值"
        assert month.detail["carbon"]["policy"] == "the latest factor by then, national"
        assert (month.detail["carbon"]["factor"], month.detail["carbon"]["of_year"]) == ("0.5306", 2023)
        assert Fraction(month.detail["carbon"]["exact"]) == 1860 * Fraction("0.5306") / 1000
        assert meters.used(scope, "2026-Q1") == meters.used(scope, "2026") == 1860
    periods = meters.of("meter:m-1", "2026-03").detail["totals"]["periods"]
    assert sum(Fraction(one) for one in periods.values()) == 1860
    assert Fraction(periods["valley"]) == 31 * 8 * Fraction("2.5")
    assert meters.of("meter:m-1", "2026").status == "not assessable", "nothing came of January and February"
    assert meters.of("meter:m-1", "2026-03").status == "stated"


async def test_a_count_that_comes_late_changes_the_days_between_its_neighbours(meters: Meters) -> None:
    meters.meter("m-1")
    first, tenth, fourth = at(MARCH[0]), at(MARCH[9]), at(MARCH[3])
    await meters.send("m-1", {first: {"electricity_counter": 0.0}})
    await meters.compute(date(2026, 3, 20))
    assert meters.world.judgements.current("energy_day", "meter:m-1", "2026-03-03") is None
    await meters.send("m-1", {tenth: {"electricity_counter": 900.0}})
    await meters.compute()
    assert [meters.used("meter:m-1", f"2026-03-0{n}") for n in (1, 5, 9)] == [100, 100, 100]
    day = meters.of("meter:m-1", "2026-03-05")
    assert day.detail["totals"]["used"]["electricity"]["apportioned"] == "100"
    assert day.detail["demand"] is None, "shared out by time: no power was seen"
    await meters.send("m-1", {fourth: {"electricity_counter": 600.0}})
    await meters.compute()
    assert [meters.used("meter:m-1", f"2026-03-0{n}") for n in (1, 3, 4, 9)] == [200, 200, 50, 50]
    assert meters.used("meter:m-1", "2026-03") == 900
    reason = meters.revisions("meter:m-1", "2026-03-08")[-1].reason
    assert "1 hour of m-1 on other days written" in reason
    assert len(meters.revisions("meter:m-1", "2026-03-08")) == 2
    month = meters.of("meter:m-1", "2026-03")
    assert month.status == "not assessable", "9 days of the 19 so far"
    assert month.valid == 9 * 1440


async def test_a_count_that_is_withdrawn_takes_the_days_with_it(meters: Meters) -> None:
    meters.meter("m-1")
    await meters.send("m-1", {at(MARCH[0]): {"electricity_counter": 0.0}, at(MARCH[4]): {"electricity_counter": 400.0}})
    await meters.compute(date(2026, 3, 20))
    assert meters.used("meter:m-1", "2026-03-02") == 100
    await meters.send("m-1", {at(MARCH[4]): {}}, doubtful={"electricity_counter": Doubt("withdrawn", None)})
    await meters.compute()
    day = meters.of("meter:m-1", "2026-03-02")
    assert (day.value, day.valid, day.status) == (None, 0, "not assessable")
    assert meters.of("meter:m-1", "2026-03").value is None


async def test_a_monthly_reading_three_months_later_is_found_however_far(meters: Meters) -> None:
    meters.meter("m-1")
    await meters.send("m-1", {at(date(2026, 1, 1)): {"gas_counter": 10.0}})
    await meters.compute(date(2026, 4, 20))
    await meters.send("m-1", {at(date(2026, 4, 1)): {"gas_counter": 100.0}})
    await meters.compute()
    assert meters.used("meter:m-1", "2026-02", "gas") == 28
    assert meters.used("meter:m-1", "2026-Q1", "gas") == 90
    assert meters.of("meter:m-1", "2026-Q1").value == "0.119700", "90 m³ × 1.33 kgce"


async def test_power_is_integrated_and_a_silence_is_a_gap(meters: Meters) -> None:
    meters.meter("m-1", period="minute")
    minutes = {at(MARCH[4]) + n * 60_000: {"active_power": 6.0} for n in range(1, 1441) if not 600 < n <= 660}
    await meters.send("m-1", minutes, "minute")
    await meters.compute(date(2026, 3, 7))
    day = meters.of("meter:m-1", "2026-03-05")
    assert meters.used("meter:m-1", "2026-03-05") == 23 * 6
    assert (day.valid, day.expected) == (1380, 1440)
    gap = day.detail["gaps"]["electricity"]
    assert (gap["count"], gap["ms"]) == (1, HOUR_MS)
    assert gap["spans"][0] == [at(MARCH[4], 10), at(MARCH[4], 11), "no reading"]
    assert day.detail["demand"]["minutes"] == 15


async def test_sub_meters_count_in_no_district_and_say_what_is_lost(meters: Meters) -> None:
    meters.meter("main")
    meters.meter("sub-1", main_meter="main")
    meters.meter("sub-2", main_meter="main", district="beibei")
    await meters.send("main", hourly(MARCH[0], 31, 10))
    await meters.send("sub-1", hourly(MARCH[0], 31, 6))
    await meters.send("sub-2", hourly(MARCH[0], 20, 3.5))
    await meters.compute(date(2026, 4, 2))
    assert meters.used("city", "2026-03") == meters.used("district:gaoxin", "2026-03") == 31 * 240
    assert meters.world.judgements.current("energy_use", "district:beibei", "2026-03") is None
    loss = meters.of("meter:main", "2026-03").detail["losses"]["electricity"]
    assert (loss["assessable"], loss["lacking"], loss["days"], loss["of"]) == (False, {"sub-2": 11}, 20, 31)
    assert loss["percent"] == "5.000", "of the twenty days on which all were measured"
    await meters.send("sub-2", {at(date(2026, 4, 1)): {"electricity_counter": 31 * 24 * 3.5}})
    await meters.compute()
    loss = meters.of("meter:main", "2026-03").detail["losses"]["electricity"]
    assert (loss["assessable"], loss["percent"]) == (True, "5.000"), (
        "a late count of a sub-meter is the main's news too"
    )
    assert meters.of("meter:main", "2026-Q1").detail["losses"]["electricity"]["loss"] == "372"


async def test_photovoltaics_are_used_oneself_or_fed_into_the_grid(meters: Meters) -> None:
    meters.meter("pv")
    hours = {
        at(MARCH[0]) + n * HOUR_MS: {
            "electricity_counter": 2.0 * n, "generation_counter": 3.0 * n, "exported_counter": 1.0 * n,
        }
        for n in range(31 * 24 + 1)
    }  # fmt: skip
    await meters.send("pv", hours)
    await meters.compute(date(2026, 4, 2))
    month = meters.of("meter:pv", "2026-03")
    pv = month.detail["photovoltaics"]
    n = 31 * 24
    amounts = [int(pv[name]) for name in ("generation", "exported", "self_use", "consumption")]
    assert amounts == [3 * n, n, 2 * n, 4 * n]
    assert pv["self_use_percent"] == "66.67"
    assert Fraction(month.detail["coal"]["exact"]) == 4 * n * Fraction("0.1229") / 1000
    assert Fraction(month.detail["carbon"]["exact"]) == 2 * n * Fraction("0.5306") / 1000, "of the grid's part only"


async def test_what_was_fed_into_the_grid_unmeasured_leaves_self_use_unknown(meters: Meters) -> None:
    meters.meter("pv", measures="electricity generation exported")
    hours = {at(MARCH[0]) + n * HOUR_MS: {"electricity_counter": n, "generation_counter": n} for n in range(25)}
    await meters.send("pv", hours)
    await meters.compute(date(2026, 3, 3))
    day = meters.of("meter:pv", "2026-03-01")
    assert day.detail["self_use"]["kwh"] is None
    assert "not measured at the same times" in day.detail["self_use"]["why"]
    assert day.valid == 0, "of what it is to measure one thing never came"


async def test_the_coal_equivalent_of_a_year_is_entered_and_never_taken_from_another(meters: Meters) -> None:
    meters.rules = EnergyRules(basis="coal_equivalent", grid=grid_policy("year", "chongqing"))
    meters.meter("m-1")
    await meters.send("m-1", hourly(MARCH[0], 31, 2.5))
    await meters.compute(date(2026, 4, 2))
    month = meters.of("city", "2026-03")
    assert (month.value, month.status) == (None, "not assessable")
    assert "等价值" in month.detail["coal"]["why"]
    assert month.detail["carbon"]["t"] is None
    assert "no grid factor of chongqing for 2026" in month.detail["carbon"]["why"]
    entry = checked(Record("coal_per_kwh", "city", "2026", Decimal("0.305"), "", "年鉴 2026, p. 9", "2026-03-20"))
    ends = period_bounds("2026", ZONE)[1] // HOUR_MS - 1
    Records(meters.world.books).add(entry, who="test", now=meters.world.now, ends=ends)
    await meters.compute()
    month = meters.of("city", "2026-03")
    assert (month.value, month.status) == ("0.567300", "stated"), "1,860 kWh × 0.305 kgce"
    assert month.detail["coal"]["coal_per_kwh"]["source"] == "年鉴 2026, p. 9"
    assert "coal_per_kwh 2026: 0.305 kgce/kWh" in meters.revisions("meter:m-1", "2026-03")[-1].reason
    with pytest.raises(EnergyError, match="write year, latest, or a year"):
        grid_policy("lately", "national")


async def test_a_meter_that_moves_counts_where_it_stood(meters: Meters) -> None:
    move = "2026-03-11T00:00:00+08:00"
    meters.meter("m-1", active_to=move)
    meters.meter("m-1", active_from=move, district="beibei")
    await meters.send("m-1", hourly(MARCH[0], 31, 1))
    await meters.compute(date(2026, 4, 2))
    assert meters.used("district:gaoxin", "2026-03") == 240
    assert meters.used("district:beibei", "2026-03") == 21 * 24
    assert meters.used("city", "2026-03") == 31 * 24
    assert meters.of("district:gaoxin", "2026-03").expected == 10 * 1440


async def test_only_assessed_meters_count_and_a_district_that_has_none_any_more_says_so(meters: Meters) -> None:
    meters.meter("m-1")
    meters.meter("m-2", kind="research")
    for name in ("m-1", "m-2"):
        await meters.send(name, hourly(MARCH[0], 31, 1))
    await meters.compute(date(2026, 4, 2))
    assert meters.used("city", "2026-03") == 744
    assert meters.used("meter:m-2", "2026-03") == 744
    meters.meter("m-1", district="beibei")
    await meters.compute()
    assert meters.used("district:beibei", "2026-03") == 744
    left = meters.of("district:gaoxin", "2026-03")
    assert (left.value, left.status, left.detail["totals"]["used"]) == (None, "not assessable", {})
    assert meters.of("district:gaoxin", "2026").value is None


async def test_what_a_meter_is_not_to_measure_counts_for_nothing(meters: Meters) -> None:
    meters.meter("m-1", measures="electricity")
    hours = {when: {**of, "gas_counter": 5.0 * n} for n, (when, of) in enumerate(hourly(MARCH[0], 2, 1).items())}
    await meters.send("m-1", hours)
    await meters.compute(date(2026, 3, 4))
    assert set(meters.of("meter:m-1", "2026-03-01").detail["totals"]["used"]) == {"electricity"}


async def test_a_first_count_at_midnight_makes_no_day_before_it(meters: Meters) -> None:
    meters.meter("m-1")
    await meters.send("m-1", hourly(MARCH[0], 2, 1))
    await meters.compute(date(2026, 3, 4))
    assert meters.world.judgements.current("energy_day", "meter:m-1", "2026-02-28") is None
    assert meters.world.judgements.current("energy_use", "city", "2026-02") is None


async def test_single_amounts_without_a_length_are_left_out_and_said(meters: Meters) -> None:
    meters.meter("m-1")
    meters.meter("m-2", expected_period_s=3600)
    for name in ("m-1", "m-2"):
        await meters.send(name, {at(MARCH[0], hour): {"electricity": 2.0} for hour in range(1, 25)})
    await meters.compute(date(2026, 3, 4))
    lost = meters.of("meter:m-1", "2026-03-01")
    assert (lost.value, lost.valid) == (None, 0)
    assert "24 amounts left out: nobody says of how long a time; set expected_period_s" in lost.detail["sentence"]
    assert meters.used("meter:m-2", "2026-03-01") == 48


async def test_a_day_runs_until_it_has_closed_and_a_silent_meter_is_named(meters: Meters) -> None:
    meters.meter("m-1", active_from="2026-03-01T00:00:00+08:00")
    meters.meter("m-2", active_from="2026-03-01T00:00:00+08:00")
    await meters.send("m-1", hourly(MARCH[0], 4, 1))
    meters.world.go_to(MARCH[4], 0)
    await meters.compute(MARCH[4], 0.5)
    found = meters.world.judgements.current("energy_day", "meter:m-1", "2026-03-04")
    assert found is not None
    assert found[1] == "running", "half an hour of its grace is left"
    await meters.compute(MARCH[4], 1.5)
    found = meters.world.judgements.current("energy_day", "meter:m-1", "2026-03-04")
    assert found is not None
    assert found[1] == "provisional"
    city = meters.world.judgements.current("energy_use", "city", "2026-03")
    assert city is not None
    assert city[1] == "running"
    assert city[0].detail["silent"] == ["m-2"]
    assert (city[0].valid, city[0].expected, city[0].status) == (4 * 1440, 8 * 1440, "not assessable")


async def test_a_replacement_in_the_middle_of_a_day_is_known_at_its_time(meters: Meters) -> None:
    when = "2026-03-05T06:00:00+08:00"
    meters.meter("m-1", measures="electricity", device="old", active_to=when, meter_end=1000.0)
    meters.meter("m-1", measures="electricity", device="new", active_from=when, meter_start=5.0)
    counts = {at(MARCH[0]): {"electricity_counter": 0.0}, at(MARCH[9]): {"electricity_counter": 5.0 + 114.0}}
    await meters.send("m-1", counts)
    await meters.compute(date(2026, 3, 20))
    # 1,000 kWh in 102 hours, then 114 in the 114 that follow.
    assert meters.used("meter:m-1", "2026-03-06") == 24
    assert meters.used("meter:m-1", "2026-03-05") == Fraction(6 * 1000, 102) + 18
    assert sum(meters.used("meter:m-1", (MARCH[0] + timedelta(days=n)).isoformat()) for n in range(9)) == 1114
