"""Commands for those who state the number: review, events, compare, statistics, forecast; over books that the runner filled."""

import asyncio
import json
import sqlite3
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cityflux.main import app
from processors.windows import days_between
from tests.processors.world import CLEAN, DIRTY, World
from tests.programs import Program, wait_for
from tests.programs import cityflux as run

DUSTY = {**CLEAN, "pm10": 200.0}
BETWEEN = {**CLEAN, "pm2_5": 70.0}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """March 2026 but for its last days: the 5th polluted, the 6th dusty, the 7th good by the old rule only."""
    folder = tmp_path_factory.mktemp("filled")
    asyncio.run(_fill(folder))
    return folder


async def _fill(folder: Path) -> None:
    world = World(folder)
    special = {date(2026, 3, 5): DIRTY, date(2026, 3, 6): DUSTY, date(2026, 3, 7): BETWEEN}
    world.go_to(date(2026, 4, 2), 2)
    for day in days_between(date(2026, 3, 1), date(2026, 3, 28)):
        await world.hours(day, special.get(day, CLEAN))
    await world.compute()
    await world.store.close()
    world.books.close()


@pytest.fixture
def data(filled: Path, tmp_path: Path) -> Path:
    """A copy of the month."""
    for name in ("books.sqlite", "readings.sqlite"):
        with closing(sqlite3.connect(filled / name)) as source, closing(sqlite3.connect(tmp_path / name)) as copy:
            source.backup(copy)
    return tmp_path


class City:
    def __init__(self, data: Path) -> None:
        self.environment = {"CITYFLUX_DATA_DIR": str(data)}
        self._data = data

    def __call__(self, *arguments: str, expect: int = 0) -> str:
        return run(*arguments, environment=self.environment, expect=expect)

    def rows(self, *arguments: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self(*arguments, "--format", "json"))
        return found

    def compute(self) -> None:
        """Let `cityflux process` work until nothing is marked."""
        process = Program("process", environment=self.environment, log=self._data / "process.log")
        with process:
            wait_for("every window to be computed", lambda: self.marks() == 0, process, within_s=120)
            assert process.stop() == 0, process.log()

    def marks(self) -> int:
        with closing(sqlite3.connect(self._data / "books.sqlite")) as db:
            return int(db.execute("SELECT count(*) FROM marks").fetchone()[0])

    def day(self, day: str) -> dict[str, Any]:
        asked = ("indicators", "--code", "air_daily_aqi", "--from", day, "--to", day)
        return next(row for row in self.rows(*asked) if row["scope"] == "city")


@pytest.fixture
def city(data: Path) -> City:
    return City(data)


def test_a_month_is_reviewed_to_the_end(city: City) -> None:
    waiting = city.rows("review", "list", "2026-03")
    assert {row["period"] for row in waiting if row["scope"] == "city"} >= {"2026-03-05", "2026-03"}
    assert "are now under review" in city("review", "open", "2026-03", "--why", "audit")
    assert "are now final" in city("review", "finish", "2026-03", "--why", "protocol 17")
    assert city.rows("review", "list", "2026-03") == []
    final = city.day("2026-03-05")
    assert final["finality"] == "final"
    assert "protocol 17" in final["reason"]
    assert "0 of" in city("review", "finish", "2026-03", "--why", "again")


def test_what_a_final_month_would_become_is_proposed_and_decided(city: City) -> None:
    city("review", "finish", "2026-03-06", "--why", "protocol 17")
    city("events", "add", "dust", "--from", "2026-03-06", "--to", "2026-03-07", "--evidence", "notice 7")
    city.compute()
    [proposed] = [row for row in city.rows("review", "list", "2026-03-06") if row["scope"] == "city"]
    assert proposed["finality"] == "proposed"
    assert "event 1 entered" in proposed["reason"]
    said = city("review", "accept", str(proposed["revision"]), "--why", "notice seen")
    assert "air_daily_aqi city 2026-03-06 is 131, final" in said
    city.compute()
    year = json.loads(city("explain", "good_air_days", "2026", "--format", "json"))
    assert year["without_events"]["lifted"] == ["2026-03-06"]
    assert "accepted: notice seen" in year["revised_days"][-1]["reason"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("review", "finish", "2025-03", "--why", "x"), "no closed value lies in 2025-03"),
        (("review", "finish", "2026-3", "--why", "x"), "write a day"),
        (("review", "finish", "2026-03", "--why", " "), "--why is empty"),
        (("review", "accept", "9999", "--why", "x"), "no open proposal"),
        (("events", "remove", "9", "--why", "x"), "there is no event 9"),
        (("events", "add", "other", "--from", "2026-03-06", "--to", "2026-03-07", "--evidence", "x"), "--quantity"),
        (
            ("events", "add", "dust", "--from", "2026-03-07", "--to", "2026-03-06", "--evidence", "x"),
            "ends after it begins",
        ),
        (
            (
                "events",
                "add",
                "dust",
                "--from",
                "2026-03-06",
                "--to",
                "2026-03-07",
                "--evidence",
                "x",
                "--district",
                "z",
            ),
            "no district with an air station; there are gaoxin",
        ),
        (("compare", "2026-03", "--edition", "HJ633-2025"), "did you mean HJ633-2026"),
        (("compare", "2026-03-05"), "is a day"),
        (("statistics", "2026-03", "--scope", "district:z"), "is no scope"),
        (("forecast", "year", "2024"), "not computed yet"),
    ],
    ids=lambda value: " ".join(value[:3]) if isinstance(value, tuple) else "",
)
def test_wrong_use_is_said_with_the_remedy(
    city: City, arguments: tuple[str, ...], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process: a child of its own for each would take most of the time of this file."""
    monkeypatch.setenv("CITYFLUX_DATA_DIR", city.environment["CITYFLUX_DATA_DIR"])
    ended = CliRunner().invoke(app, arguments)
    assert ended.exit_code == 2
    assert says in " ".join(ended.stderr.split())


def test_events_are_listed_and_taken_back(city: City) -> None:
    city("events", "add", "dust", "--from", "2026-03-06T06:00", "--to", "2026-03-06T18:00", "--evidence", "notice 7")
    [event] = city.rows("events", "list")
    assert (event["kind"], event["scope"], event["quantities"]) == ("dust", "city", "pm10+pm2_5")
    city("events", "remove", "1", "--why", "withdrawn")
    assert city.rows("events", "list") == []
    [gone] = city.rows("events", "list", "--removed")
    assert gone["removed_why"] == "withdrawn"


def test_the_month_under_three_editions(city: City) -> None:
    found = json.loads(city("compare", "2026-03", "--format", "json"))
    assert {one["name"]: (one["good"], one["polluted"]) for one in found["counts"]} == {
        "by-date": (25, 3), "HJ633-2012": (26, 2), "HJ633-2026": (25, 3),
    }  # fmt: skip
    assert [day["day"] for day in found["days_that_differ"]] == ["2026-03-07"]
    assert "days that differ" in city("compare", "2026-03")


def test_statistics_of_the_city_and_of_a_station(city: City) -> None:
    found = json.loads(city("statistics", "2026-03", "--format", "json"))
    assert found["pollutants"]["pm2_5"]["days"] == 28
    assert found["pollutants"]["pm2_5"]["headline"] == "24.6"  # (26 x 20 + 100 + 70) / 28
    assert "composite index (weighted)" in city("statistics", "2026-03", "--scope", "station:hx-01")


def test_the_forecast_says_what_is_left_and_why_there_is_no_more(city: City) -> None:
    found = json.loads(city("forecast", "year", "2026", "--format", "json"))
    assert (found["bad_days_allowed"], found["good"]) == (45, 25)
    assert found["forecast"]["why"] == "0 days of earlier years have a verdict, 330 are needed"
    assert "no forecast: 0 days" in city("forecast", "year", "2026")


def test_a_year_with_history_has_a_forecast(tmp_path: Path) -> None:
    asyncio.run(_two_years(tmp_path))
    city = City(tmp_path)
    made = json.loads(city("forecast", "year", "2026", "--format", "json"))["forecast"]
    assert made["history_days"] == 365
    assert made["low"] <= made["median"] <= made["high"]
    assert 0 <= made["probability"] <= 1
    assert made["fan"][-1][0] == "2026-12-31"
    assert "target reached with" in city("forecast", "year", "2026")
    assert "may end with" in city("explain", "good_air_days", "2026")


async def _two_years(folder: Path) -> None:
    world = World(folder)
    world.go_to(date(2026, 2, 2), 2)
    start = date(2025, 1, 1)
    for number in range(365 + 32):
        day = start + timedelta(days=number)
        await world.hours(day, DIRTY if day.day in {3, 17} else CLEAN, stations=("hx-01", "hx-02", "hx-03", "hx-04"))
    await world.compute()
    await world.store.close()
    world.books.close()
