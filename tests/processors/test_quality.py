"""What the neighbours of a value say of it, rule by rule; and that nothing depends on how the readings are asked for."""

from datetime import date
from random import Random
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.quality import Flagged, flags, reach_ms
from processors.quality_rules import RULE_NAMES, RULES, RULES_OF
from sensors.instants import HOUR_MS
from simulators.sensor_faults import KINDS, air_month, energy_month, spoiled, water_month

T0 = 1_772_323_200_000
ALL = (0, 2**62)


def readings(code: str, *values: float | None, station: str = "a", step_h: float = 1.0) -> list[dict[str, Any]]:
    return [
        {"station": station, "observed_at": at, "received_at": at + 5_000, code: value}
        for at, value in ((T0 + int(number * step_h * HOUR_MS), value) for number, value in enumerate(values))
        if value is not None
    ]


def found(
    rows: list[dict[str, Any]], family: str = "air", period: str = "hour", rule: str = ""
) -> list[tuple[float, str]]:
    """(hours after the first, rule) of each flag."""
    its = flags(pd.DataFrame(rows), family, period, *ALL)
    return [((flag.observed_at - T0) / HOUR_MS, flag.rule) for flag in its if rule in {"", flag.rule}]


def test_every_rule_has_a_fault_that_it_sees() -> None:
    assert {kind.rule for kind in KINDS} == set(RULE_NAMES)
    assert all(rule.source and rule.chosen for rule in RULES)


def test_a_spike_is_far_from_both_neighbours_on_one_side() -> None:
    assert found(readings("pm2_5", 20, 21, 180, 22, 20)) == [(2, "spike")]
    assert found(readings("pm2_5", 20, 21, 45, 22, 20)) == [], "not far enough"
    assert found(readings("pm2_5", 200, 210, 320, 220, 200)) == [], "not manifold"
    assert found(readings("pm2_5", 20, 21, 180, None, 20), rule="spike") == [], "one neighbour is missing"


def test_what_the_other_stations_do_too_is_weather() -> None:
    others = [row for name in "bcd" for row in readings("pm2_5", 20, 21, 120, 22, 20, station=name)]
    alone = [row for name in "bcd" for row in readings("pm2_5", 20, 21, 22, 22, 20, station=name)]
    spike = readings("pm2_5", 20, 21, 180, 22, 20)
    assert found([*spike, *others]) == []
    assert found([*spike, *alone]) == [(2, "spike")]


def test_a_jump_that_stays_is_no_spike_and_a_spike_is_no_jump() -> None:
    assert found(readings("no2", 20, 21, 120, 125, 118, 121)) == [(2, "rate")]
    assert found(readings("no2", 20, 21, 120, 22, 21, 20), rule="rate") == []


def test_a_value_again_and_again_is_stuck_only_while_others_move() -> None:
    stuck = readings("o3", *[40] * 8)
    moving = [row for name in "bcd" for row in readings("o3", *range(30, 110, 10), station=name)]
    still = [row for name in "bcd" for row in readings("o3", *[50] * 8, station=name)]
    assert [rule for _, rule in found([*stuck, *moving], rule="stuck")] == ["stuck"] * 8
    assert found([*stuck, *still]) == []
    assert found(readings("o3", *[40] * 8)) == [], "nobody to compare with"


def test_true_zeros_and_published_floors_are_not_stuck() -> None:
    moving = [row for name in "bcd" for row in readings("o3", *range(30, 110, 10), station=name)]
    assert found([*readings("o3", *[2] * 8), *moving]) == []
    floor = [row for name in "bcd" for row in readings("pm2_5", *range(10, 90, 10), station=name)]
    assert found([*readings("pm2_5", *[3] * 8), *floor]) == []
    assert found([*readings("pm2_5", *[4] * 8), *floor], rule="stuck") != []


def test_less_pm10_than_pm2_5_flags_pm10() -> None:
    rows = [{"station": "a", "observed_at": T0, "received_at": T0 + 1, "pm2_5": 60.0, "pm10": 40.0}]
    assert flags(pd.DataFrame(rows), "air", "hour", *ALL) == [
        Flagged("a", T0, "pm10", "part_above_whole", "pm2_5 60, pm10 40")
    ]
    rows[0]["pm10"] = 54.0
    assert flags(pd.DataFrame(rows), "air", "hour", *ALL) == [], "what two instruments may differ by"


def test_oxygen_above_twice_saturation() -> None:
    def at(oxygen: float, celsius: float | None) -> list[Flagged]:
        row = {"station": "a", "observed_at": T0, "received_at": T0, "dissolved_oxygen": oxygen}
        return flags(pd.DataFrame([{**row, "water_temperature": celsius}]), "water", "raw", *ALL)

    # Saturation at 20 °C and 1 atm is 9.09 mg/L (USGS DOTABLES), at 5 °C 12.77.
    assert at(18.1, 20.0) == []
    assert [flag.rule for flag in at(18.3, 20.0)] == ["oversaturated"]
    assert at(25.4, 5.0) == []
    assert at(30.0, None) == []


@pytest.mark.parametrize(
    ("before", "after", "flagged"),
    [
        (500.0, 480.0, True),
        (99_990.0, 3.0, False),
        (99_999.8, 16.3, False),
        (500.0, 501.0, False),
        (9_500.0, 20.0, False),
        (8_000.0, 20.0, True),
    ],
)
def test_a_counter_goes_back_unless_it_rolls_over(before: float, after: float, flagged: bool) -> None:
    rows = readings("electricity_counter", before, after)
    assert [rule for _, rule in found(rows, "energy", "hour")] == (["counter_back"] if flagged else [])


def test_a_reading_from_the_future_and_a_clock_that_is_always_late() -> None:
    def hours(name: str, late_s: float, number: int = 40) -> list[dict[str, Any]]:
        rows = readings("o3", *([10.0] * number), station=name)
        return [{**row, "received_at": row["observed_at"] + late_s * 1000 + 7 * i} for i, row in enumerate(rows)]

    others = [row for name in "bcd" for row in hours(name, 20)]
    assert {rule for _, rule in found([*hours("a", 1500), *others])} == {"clock_skew"}
    assert found([*hours("a", 25), *others]) == []
    early = hours("a", 20)
    early[7]["received_at"] = early[7]["observed_at"] - 300_000
    assert found([*early, *others]) == [(7, "clock_skew")]


def test_a_backlog_is_no_clock() -> None:
    def hours(name: str, late_s: list[int]) -> list[dict[str, Any]]:
        rows = readings("o3", *([10.0] * len(late_s)), station=name)
        return [{**row, "received_at": row["observed_at"] + s * 1000} for row, s in zip(rows, late_s, strict=True)]

    others = [row for name in "bcd" for row in hours(name, [20] * 40)]
    assert found([*hours("a", [max(20, 3600 * (20 - hour)) for hour in range(40)]), *others]) == []


def test_another_unit_is_a_step_that_every_hour_makes() -> None:
    def days(name: str, factor: float = 1.0, seed: int = 1) -> list[dict[str, Any]]:
        rng = Random(f"{seed}/{name}")
        day = [20 + 60 * max(0, 1 - abs(hour - 14) / 6) for hour in range(24)]
        values = [day[hour % 24] * rng.uniform(0.95, 1.05) * (factor if hour >= 72 else 1) for hour in range(144)]
        return readings("o3", *values, station=name)

    others = [row for name in "bcd" for row in days(name)]
    assert found([*days("a"), *others], rule="unit_shift") == []
    assert found([*days("a", 1 / 1.962), *others], rule="unit_shift") == [(72, "unit_shift")]
    assert found([*days("a", 0.001), *others], rule="unit_shift") == [(72, "unit_shift")]
    assert found([*days("a", 1.4), *others], rule="unit_shift") == [], "no unit is 1.4 of another"


MONTHS = {
    ("air", "hour"): air_month(7, date(2026, 3, 1), 6),
    ("water", "raw"): water_month(7, date(2026, 3, 1), 12),
    ("energy", "hour"): energy_month(7, date(2026, 3, 1), 8),
}


@pytest.mark.parametrize(("family", "period"), MONTHS)
def test_a_month_without_faults_is_silent(family: str, period: str) -> None:
    assert flags(pd.DataFrame(MONTHS[family, period]), family, period, *ALL) == []


@pytest.mark.parametrize(("family", "period"), MONTHS)
@settings(max_examples=5)
@given(data=st.data())
def test_order_batches_and_the_span_that_is_asked_for_change_nothing(
    family: str, period: str, data: st.DataObject
) -> None:
    """Flags of any span, from readings in any order that cover its reach, are the flags of all, cut to the span."""
    rows, _ = spoiled(MONTHS[family, period], family, data.draw(st.integers(0, 9), "seed"), events=2)
    whole = flags(pd.DataFrame(rows), family, period, *ALL)
    times = sorted({row["observed_at"] for row in rows})
    start, end = sorted(data.draw(st.lists(st.sampled_from(times), min_size=2, max_size=2, unique=True), "span"))
    reach = reach_ms(family, period)
    near = [row for row in rows if start - reach <= row["observed_at"] <= end + reach]
    Random(data.draw(st.integers(), "order")).shuffle(near)
    asked = flags(pd.DataFrame(near), family, period, start, end)
    assert asked == [flag for flag in whole if start < flag.observed_at <= end]


def test_a_pair_without_rules_has_no_flags_and_no_reach() -> None:
    assert ("traffic", "raw") not in RULES_OF
    assert reach_ms("traffic", "raw") == 0
    assert flags(pd.DataFrame(readings("vehicles", 1, 2)), "traffic", "raw", *ALL) == []
