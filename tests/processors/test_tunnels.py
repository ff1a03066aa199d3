"""Capacity of the tunnels in service: by the registry as dated, against the plan's line; revised with the registry."""

import asyncio
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from processors.explain_page import page_of
from processors.explain_parts import NotFound
from processors.explaining import explained
from sensors.stations import Station, load_registry
from simulators.figures import TRUE_TUNNEL_CAPACITY, tunnels_text
from store.judgements import Judgement
from tests.processors.world import ZONE, World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    made.go_to(date(2026, 3, 6), 12)
    yield made
    asyncio.run(made.store.close())
    made.books.close()


def register(world: World, *entries: Station) -> None:
    world.books.register(entries, who="test", now=world.now)


def capacity(world: World, year: int) -> Judgement:
    found = world.judgements.current("tunnel_capacity", "city", str(year))
    assert found is not None
    return found[0]


async def test_the_capacity_of_a_year_is_that_of_the_tunnels_in_service_at_its_end(world: World) -> None:
    register(world, *load_registry(tunnels_text(), "tunnels.toml"))
    await world.compute()
    for year, true in TRUE_TUNNEL_CAPACITY.items():
        assert capacity(world, year).value == str(true)
    statuses = [capacity(world, year).status for year in (2020, 2021, 2022, 2023, 2024)]
    assert statuses == ["on track", "at risk", "on track", "at risk", "met"]
    assert set(capacity(world, 2024).detail["tunnels"]) == {"baishiyi", "huxi", "jinfeng", "kexuecheng", "xiyong"}
    assert capacity(world, 2020).detail["tunnels"]["huxi"]["entries"] == {"huxi-e": 8500.0, "huxi-w": 8500.0}


async def test_a_tunnel_that_closes_or_has_no_capacity_is_said(world: World) -> None:
    fields: dict[str, Any] = {
        "family": "traffic",
        "name_zh": "x",
        "district": "gaoxin",
        "tunnel": "huxi",
        "kind": "traffic",
    }
    register(world, Station(id="huxi-e", capacity_pcu_h=8500, **fields), Station(id="huxi-w", **fields))
    await world.compute()
    first = capacity(world, 2024)
    assert (first.value, first.valid, first.expected) == ("0.85", 1, 2)
    assert "no capacity is known of huxi-w" in first.detail["sentence"]
    register(world, Station(id="huxi-w", capacity_pcu_h=8000, **fields))
    await world.compute()
    assert capacity(world, 2024).value == "1.65"
    assert world.judgements.history(first.key)[-1].reason.startswith("0.85 → 1.65")


async def test_a_year_whose_last_tunnel_left_the_registry_is_not_assessable(world: World) -> None:
    fields: dict[str, Any] = {
        "id": "huxi-e",
        "family": "traffic",
        "name_zh": "x",
        "district": "gaoxin",
        "kind": "traffic",
    }
    register(world, Station(tunnel="huxi", capacity_pcu_h=60_000, **fields))
    await world.compute()
    assert [capacity(world, year).value for year in (2025, 2026)] == ["6.00", "6.00"]
    register(world, Station(capacity_pcu_h=60_000, **fields))
    await world.compute()
    for year in (2025, 2026):
        gone = capacity(world, year)
        assert (gone.value, gone.status, gone.expected) == (None, "not assessable", 0)
        assert gone.detail["sentence"].startswith("no tunnels in service on ")


async def test_it_is_explained_and_without_a_tunnel_there_is_none(world: World) -> None:
    row = world.plan.indicator("tunnel_capacity")
    with pytest.raises(NotFound, match="the registry has no tunnel"):
        explained(world.books, world.store, row, "2025", ZONE)
    register(world, *load_registry(tunnels_text(), "tunnels.toml"))
    await world.compute()
    answer = explained(world.books, world.store, row, "2025", ZONE)
    page = page_of(answer)
    assert page.title == "隧道通行能力 Capacity of the tunnels in service 2025"
    assert Decimal(answer["value"]) == Decimal("8.30")
    with pytest.raises(NotFound, match="has no days"):
        explained(world.books, world.store, row, "2025", ZONE, day="2025-01-01")
