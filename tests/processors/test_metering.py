"""Meters: what was used between counts, over roll-over, replacement and gaps."""

from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.metering import Count, Part, Use, uses
from sensors.instants import HOUR_MS
from sensors.stations import Station

START = datetime(2026, 1, 1, tzinfo=UTC)
T0 = int(START.timestamp() * 1000)


def hour(number: float) -> datetime:
    return datetime.fromtimestamp(T0 / 1000 + number * 3600, UTC)


def at(number: float) -> int:
    return T0 + int(number * HOUR_MS)


def meter(**of: Any) -> Station:
    row = {
        "id": "m-1",
        "family": "energy",
        "name_zh": "电表",
        "district": "gaoxin",
        "longitude": 106.4,
        "latitude": 29.5,
    }
    return Station.model_validate({**row, "kind": "research", "measures": "electricity", **of})


def used(counts: list[tuple[float, float]], *entries: Station) -> list[tuple[float | None, str]]:
    found = uses([Count(at(when), count) for when, count in counts], entries or (meter(),), "electricity")
    return [(None if use.used is None else float(use.used), use.how) for use in found]


def test_what_a_count_rose_by_was_used() -> None:
    found = uses([Count(at(0), 999.9), Count(at(1), 1000.3)], [meter()], "electricity")
    used = Fraction("0.4")
    assert found == [Use(at(0), at(1), used, "counted", (Part(at(0), at(1), used, "counted"),))]


def test_the_factor_of_its_transformers_multiplies() -> None:
    assert used([(0, 10.0), (1, 11.5)], meter(meter_factor=80)) == [(120.0, "counted")]


def test_counts_that_come_late_or_twice_are_put_in_order() -> None:
    assert used([(2, 14.0), (0, 10.0), (1, 99.0), (1, 11.0)]) == [(1.0, "counted"), (3.0, "counted")]


def test_a_missing_count_loses_nothing() -> None:
    assert used([(0, 10.0), (5, 15.0)]) == [(5.0, "counted")]


def test_a_register_of_six_digits_rolls_over() -> None:
    assert used([(0, 999_998.0), (1, 3.5)], meter(meter_modulus=1e6)) == [(5.5, "rolled over")]


@pytest.mark.parametrize("modulus", [None, 1e6])
def test_a_register_that_was_set_to_zero_says_nothing_of_what_was_used(modulus: float | None) -> None:
    entry = meter(meter_modulus=modulus)
    assert used([(0, 500_000.0), (1, 2.0), (2, 5.0)], entry) == [(None, "went back"), (3.0, "counted")]


def test_a_replaced_meter_loses_nothing_where_both_counts_were_written_down() -> None:
    old = meter(device="a", meter_factor=2, active_to=hour(1.5), meter_end=105.0)
    new = meter(device="b", meter_factor=10, active_from=hour(1.5), meter_start=7.0)
    assert used([(0, 100.0), (1, 104.0), (2, 8.0)], old, new) == [(8.0, "counted"), (12.0, "replaced")]


def test_what_each_meter_used_is_told_apart_at_the_time_of_the_replacement() -> None:
    old = meter(device="a", active_to=hour(1), meter_end=105.0)
    new = meter(device="b", active_from=hour(1.5), meter_start=7.0)
    [use] = uses([Count(at(0), 100.0), Count(at(2), 8.0)], [old, new], "electricity")
    assert (use.used, use.how) == (Fraction(6), "replaced")
    assert [(part.since, part.until, part.used) for part in use.parts] == [
        (at(0), at(1), Fraction(5)),
        (at(1.5), at(2), Fraction(1)),
    ]


def test_counts_that_were_written_down_are_those_of_one_count_where_a_meter_has_several() -> None:
    noted = {"measures": "generation electricity"}
    old = meter(device="a", active_to=hour(1), meter_end=105.0, **noted)
    new = meter(device="b", active_from=hour(1), meter_start=7.0, **noted)
    counts = [Count(at(0), 100.0), Count(at(2), 8.0)]
    assert [use.used for use in uses(counts, [old, new], "generation")] == [Fraction(6)]
    assert [use.used for use in uses(counts, [old, new], "electricity")] == [None]


def test_a_replaced_meter_without_them_says_nothing_even_where_the_count_rises() -> None:
    old, new = meter(device="a", active_to=hour(1)), meter(device="b", active_from=hour(1))
    assert used([(0, 100.0), (1, 400.0)], old, new) == [(None, "replaced")]


def test_an_entry_that_only_moves_the_meter_to_another_district_changes_nothing() -> None:
    old = meter(active_to=hour(1))
    new = meter(active_from=hour(1)).model_copy(update={"district": "beibei"})
    assert used([(0, 100.0), (1, 101.0)], old, new) == [(1.0, "counted")]


def test_counts_while_no_entry_holds_are_left_out() -> None:
    assert used([(0, 1.0), (1, 2.0), (2, 3.0)], meter(active_from=hour(1))) == [(1.0, "counted")]


@given(st.data())
def test_whatever_happens_to_meters_the_uses_add_up(data: st.DataObject) -> None:
    """Random consumption over registers that roll over and are replaced, read now and then: what is used adds up."""
    modulus, now, shown, truth = 1000, 0, 0, 0
    since = None
    entries: list[Station] = []
    counts: list[Count] = []
    for number in range(data.draw(st.integers(1, 4), "meters")):
        factor = data.draw(st.sampled_from([1, 2, 40]), "factor")
        shown = start = data.draw(st.integers(0, modulus - 1), "start")
        counts.append(Count(at(now), float(shown)))
        for step in data.draw(st.lists(st.integers(0, 19), max_size=30), "steps"):
            now += 1
            shown, truth = (shown + step) % modulus, truth + step * factor
            # Rolling over is seen where less than a tenth of the register passed: read at least each fifth hour.
            if data.draw(st.booleans(), "read") or now % 5 == 0:
                counts.append(Count(at(now), float(shown)))
        now += 1
        span = {"active_from": since, "active_to": hour(now)}
        noted = {"meter_start": float(start), "meter_end": float(shown)}
        entries.append(meter(device=f"d{number}", meter_factor=factor, meter_modulus=modulus, **span, **noted))
        since = hour(now)
    counts.append(Count(at(now - 1), float(shown)))
    shuffled = data.draw(st.permutations(counts))
    found = uses(shuffled, data.draw(st.permutations(entries)), "electricity")
    assert sum(use.used or 0 for use in found) == truth
    assert all(use.used is not None for use in found)
    assert [use.since for use in found[1:]] == [use.until for use in found[:-1]]


@pytest.mark.parametrize(
    ("shown", "used_in_all"),
    [
        ([600, 601, 0, 603, 604], 4),
        ([600, 601, 90_000, 603, 604], 4),
        ([600, 0, 602, 0, 604], 4),
        ([950_000, 0, 950_002, 950_003], 3),
        ([999_998, 999_999, 500_000, 999_999, 1], 3),
        ([10, 12, 11, 13], 3),
    ],
)
def test_a_count_out_of_line_is_left_out_and_named(shown: list[float], used_in_all: float) -> None:
    found = used(list(enumerate(shown)), meter(meter_modulus=1e6))
    assert sum(one or 0 for one, _ in found) == used_in_all
    assert [how for _, how in found].count("outlier left out") == 1


def test_counts_at_a_roll_over_or_after_a_reset_are_in_line() -> None:
    assert used([(0, 999_998.0), (1, 0.0), (2, 3.0)], meter(meter_modulus=1e6)) == [
        (2.0, "rolled over"),
        (3.0, "counted"),
    ]
    assert used([(0, 500.0), (1, 0.0), (2, 3.0)]) == [(None, "went back"), (3.0, "counted")]


def test_where_most_counts_contradict_each_other_nobody_knows_who_is_wrong() -> None:
    shown = [600.0, 0.0, 602.0, 0.0, 604.0, 0.0, 606.0]
    assert (None, "went back") in used(list(enumerate(shown)))
