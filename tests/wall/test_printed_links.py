"""What is printed leads to the wall: each number's link of a bulletin and of a scorecard is a page that is there, about it."""

import asyncio
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from cityflux.bulletin import month_document
from cityflux.printed import as_page
from processors.bulletin.composed import scorecard
from sensors.instants import HOUR_MS
from sensors.stations import load_registry
from simulators.figures import tunnels_text
from tests.processors.month import a_month, march
from tests.processors.river import River
from tests.processors.world import CLEAN, ZONE
from wall.app import make_app

WALL = "http://wall:8080"


@pytest.fixture
def river(tmp_path: Path) -> Iterator[River]:
    made = asyncio.run(a_month(tmp_path))
    made.world.books.register(load_registry(tunnels_text(), "tunnels.toml"), who="test", now=made.world.now)
    asyncio.run(made.world.hours(march(4), CLEAN, hours=range(8, 24)))
    asyncio.run(made.compute())
    yield made
    asyncio.run(made.world.store.close())
    made.world.books.close()


def test_each_link_is_a_page_that_is_there(river: River) -> None:
    world = river.world
    seen = TestClient(make_app(world.store, world.books, world.plan, ZONE, lambda: world.now))
    month = month_document(
        world.books, world.plan, "2026-03", zone=ZONE, grace_ms=HOUR_MS, now=world.now, language="en", wall=WALL
    )
    year = scorecard(world.books, world.plan, 2026, ZONE, world.now, "en")
    for document in (month, year):
        links = re.findall(r'<a href="([^"]*)">([^<]*)</a>', as_page(document, WALL))
        assert len(links) >= 5
        for address, text in links:
            path = unescape(address).removeprefix(WALL)
            assert path.startswith("/explain/"), text
            assert seen.get(path).status_code == 200, path
    # The first number of a row that is linked stands on the page that it leads to.
    page = seen.get("/explain/energy_intensity/2026-Q1").text
    assert "5.42" in page
    assert "2026-Q1, from 1 January" in page
    assert "8.30" in seen.get("/explain/tunnel_capacity/2026").text
    assert "48.3" in seen.get("/explain/forest_cover/2025").text
    status = seen.get("/").text
    assert '<a href="/explain/energy_intensity/2026-Q1">2026-Q1</a><b>5.42 %</b>' in status, (
        "the status page shows it too"
    )
