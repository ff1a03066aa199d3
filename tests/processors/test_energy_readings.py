"""What meters send, as it should not be: wrong counts, amounts of long or uneven periods."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from processors.windows import days_between
from tests.processors.meters import Meters, at

MARCH = days_between(date(2026, 3, 1), date(2026, 3, 31))
COUNT = "electricity_counter"


@pytest.mark.parametrize("wrong", [0.0, 90_000.0])
@pytest.mark.parametrize("late", [1, 2, 3, 4, 5])
async def test_a_wrong_count_is_no_consumption_whichever_came_late(tmp_path: Path, wrong: float, late: int) -> None:
    meters = Meters(tmp_path)
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
async def test_amounts_of_weeks_are_whole_whichever_came_late(tmp_path: Path, late: int | None) -> None:
    meters = Meters(tmp_path)
    meters.meter("oil", expected_period_s=7 * 86_400, measures="diesel")
    weeks = [at(date(2026, 1, 5) + timedelta(days=7 * n)) for n in range(14)]
    await meters.send("oil", {when: {"diesel": 70.0} for n, when in enumerate(weeks) if n != late})
    await meters.compute(date(2026, 4, 20))
    if late is not None:
        await meters.send("oil", {weeks[late]: {"diesel": 70.0}})
        await meters.compute()
    # Ten a day; four of the first week's lie in 2025.
    assert [meters.used("meter:oil", f"2026-0{n}", "diesel") for n in (1, 2, 3, 4)] == [310, 280, 310, 50]
