"""The status page over real stores: what is shown, what is grey, and that nothing on it is trusted."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from fastapi.testclient import TestClient

from processors.air.days import CITY_STATION
from processors.plans import shipped_plan
from sensors.instants import HOUR_MS
from sensors.reading import Doubt, Reading
from sensors.stations import Station
from store.books import Books, LedgerRow
from store.sqlite import SqliteStore
from wall.app import make_app
from wall.status import STALE_MS

NOON = 1_772_344_800_000  # 2026-03-01T14:00:00+08:00
INDEX = {"aqi": 101.0, "coverage": 1.0}


class Page:
    """The application with a clock that a test turns."""

    def __init__(self, folder: Path) -> None:
        self.now = NOON
        self.books = Books(f"sqlite:///{folder / 'books.sqlite'}")
        self.books.prepare()
        self.store = SqliteStore(folder / "readings.sqlite")
        app = make_app(self.store, self.books, shipped_plan(), ZoneInfo("Asia/Shanghai"), lambda: self.now)
        self.client = TestClient(app)

    def register(self, name: str, shown: str) -> None:
        entry = Station.model_validate({"id": name, "family": "air", "name_zh": shown, "district": "gaoxin"})
        self.books.register([entry], who="test", now=0)

    def index(self, station: str, at: int, values: dict[str, float], doubtful: dict[str, Doubt] | None = None) -> None:
        reading = Reading("air-index", station, "hour", at, at, values, doubtful or {})
        asyncio.run(self._write(reading))

    async def _write(self, reading: Reading) -> None:
        await self.store.write([reading])
        await self.store.close()


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    made = Page(tmp_path)
    yield made
    made.books.close()


def test_an_empty_city_says_so_and_shows_no_number(page: Page) -> None:
    text = page.client.get("/").text
    assert "no station in the registry" in text
    assert "no hour yet" in text
    assert "not computed" in text
    assert page.client.get("/livez").json() == {"status": "alive"}


def test_stations_have_their_class_by_the_edition_of_the_hour(page: Page) -> None:
    page.register("hx-01", "虎溪")
    page.index("hx-01", NOON, INDEX)
    page.index(CITY_STATION, NOON, {**INDEX, "aqi": 42.0})
    shown = page.client.get("/api/status").json()
    [station] = shown["stations"]
    assert (station["aqi"], station["category"], station["old"]) == (101, "轻度污染 Lightly polluted", False)
    assert shown["city"]["aqi"] == 42
    assert "#FF7E00" in page.client.get("/").text


def test_an_old_hour_is_grey_and_an_hour_without_index_is_na(page: Page) -> None:
    page.register("hx-01", "虎溪")
    page.register("hx-02", "曾家")
    page.index("hx-01", NOON, INDEX)
    page.index("hx-02", NOON + 3 * HOUR_MS, {"coverage": 0.5}, {"aqi": Doubt("not_assessable", None)})
    page.now = NOON + STALE_MS + 1
    old, without = page.client.get("/api/status").json()["stations"]
    assert old["old"]
    assert (without["aqi"], without["category"], without["old"]) == (None, "NA", False)
    assert "#FF7E00" not in page.client.get("/").text, "silence never looks like clean air, nor like any class"


def test_a_name_is_text_and_never_markup(page: Page) -> None:
    page.register("hx-01", "<script>alert(1)</script>")
    text = page.client.get("/").text
    assert "<script>" not in text
    assert "&lt;script&gt;" in text


def test_the_pipeline_shows_its_ledger_and_whether_ingest_is_alive(page: Page) -> None:
    page.books.copy_ledger(LedgerRow("j", NOON, 10, 7, 2, 1, 20, 18, 2, 0), [])
    pipeline = page.client.get("/api/status").json()["pipeline"]
    assert (pipeline["journalled"], pipeline["written"], pipeline["refused"], pipeline["pending"]) == (10, 7, 2, 1)
    assert not pipeline["ingest_silent"]
    page.now = NOON + 60_000
    assert page.client.get("/api/status").json()["pipeline"]["ingest_silent"]
