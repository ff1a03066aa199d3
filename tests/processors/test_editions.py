"""One span under several editions: counts, and the days on which the rule decides."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from processors.air.editions import compare, known_editions
from processors.standards.tables import UnknownStandardError
from tests.processors.world import CLEAN, DIRTY, ZONE, World, a_city

OLD, NEW, LATER = date(2026, 2, 27), date(2026, 3, 5), date(2026, 3, 6)
BETWEEN = {**CLEAN, "pm2_5": 70.0}
"""Good by HJ 633-2012 (75), polluted by HJ 633-2026 (60)."""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with a_city(tmp_path) as made:
        yield made


async def test_the_year_of_change_three_ways(world: World) -> None:
    for day, values in ((OLD, BETWEEN), (NEW, BETWEEN), (LATER, DIRTY)):
        await world.hours(day, values)
    found = compare(
        world.store, world.books.registry(), OLD, LATER, ZONE,
        scope="city", editions=["by-date", "HJ633-2012", "HJ633-2026", "EPA-2024"], intervals=(),
    )  # fmt: skip
    assert [(one.name, one.good, one.polluted, one.not_assessable) for one in found.counts] == [
        ("by-date", 1, 2, 5),
        ("HJ633-2012", 2, 1, 5),
        ("HJ633-2026", 0, 3, 5),
        ("EPA-2024", 0, 3, 5),
    ]
    assert found.counts[1].ratio_percent == Decimal("66.7")
    assert found.differing == [OLD, NEW]
    assert {name: under.aqi for name, under in found.days[OLD].items()} == {
        "by-date": 94, "HJ633-2012": 94, "HJ633-2026": 110, "EPA-2024": 161,
    }  # fmt: skip
    assert found.days[date(2026, 3, 1)]["by-date"].state == "not_assessable"


async def test_old_gas_is_brought_to_the_reference_state_of_the_edition(world: World) -> None:
    """Until 2018-08-31 gases were stated at 273 K: 100 µg/m³ then are 91.6 µg/m³ at 298.15 K."""
    day = date(2018, 8, 30)
    await world.hours(day, {**CLEAN, "o3": 100.0})
    found = compare(
        world.store, world.books.registry(), day, date(2018, 8, 31), ZONE,
        scope="city", editions=["by-date", "HJ633-2026"], intervals=(),
    )  # fmt: skip
    assert [found.days[day][name].aqi for name in ("by-date", "HJ633-2026")] == [50, 46]  # of 100, and of 92


async def test_a_district_has_its_own_count(world: World) -> None:
    await world.hours(NEW, DIRTY)
    found = compare(
        world.store, world.books.registry(), NEW, NEW, ZONE,
        scope="district:gaoxin", editions=["by-date"], intervals=(),
    )  # fmt: skip
    assert found.counts[0].polluted == 1


def test_an_unknown_edition_is_named_with_the_nearest(world: World) -> None:
    with pytest.raises(UnknownStandardError, match="did you mean HJ633-2026"):
        compare(
            world.store, world.books.registry(), NEW, NEW, ZONE, scope="city", editions=["HJ633-2025"], intervals=()
        )
    assert known_editions() == ["by-date", "HJ633-2012", "HJ633-2026", "EPA-2024"]
