"""`cityflux alerts backtest` and `why-not` of rules that look at tunnels, at entered forecasts and at the plan."""

import json
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cityflux.main import app
from tests.processors.alerts.test_forecast_alerts import FIRST, enter
from tests.processors.alerts.test_indicator_alerts import stands
from tests.processors.alerts.test_tunnel_alerts import drive
from tests.processors.traffic import Road
from tests.processors.world import a_city


def run(*words: str) -> str:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder that the commands work on."""
    monkeypatch.setenv("CITYFLUX_DATA_DIR", str(tmp_path))
    return tmp_path


async def test_the_air_of_a_tunnel_by_the_citys_own_limits(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    road = Road(folder)
    road.station("t-e", tunnel="t", length_km=3.2)
    await drive(road, {(10, 10.5): {"tunnel_co": 90.0}}, 12)
    road.world.books.close()
    words = ("alerts", "backtest", "tunnel_air", "--from", "2026-03-10", "--to", "2026-03-10T13:00", "--format", "json")
    assert json.loads(run(*words)) == []
    own = folder / "air.toml"
    own.write_text(
        'document = "ours"\nmark = "1 source"\nslow_km_h = 20\n'
        '[[limit]]\nquantity = "tunnel_co"\nminutes = 15\nmost = "80"\nclause = "all"\n',
        "utf-8",
    )
    monkeypatch.setenv("CITYFLUX_TUNNEL_AIR_LIMITS", str(own))
    (row,) = json.loads(run(*words))
    assert (row["subject"], row["said"][11:16], row["greatest"]) == ("t-e", "10:15", "warning")
    assert "占限值的比例 share of its limit 1.125" in row["peak"]
    why_not = ("alerts", "why-not", "tunnel_air", "t-e", "2026-03-10T10:15", "--hours", "1", "--format", "json")
    seen = {one["at"][11:16]: one for one in json.loads(run(*why_not))}
    assert (seen["10:00"]["state"], seen["10:15"]["state"]) == ("quiet", "firing since its beginning")
    assert seen["10:15"]["tunnel_co"] == "90"


def test_a_forecast_says_when_it_was_issued_and_by_whom(folder: Path) -> None:
    with a_city(folder) as world:
        enter(world, FIRST, {"aqi": [120, 230, 120]})
    words = (
        "alerts",
        "backtest",
        "air_forecast_chongqing",
        "--from",
        "2026-01-10",
        "--to",
        "2026-01-13",
        "--format",
        "json",
    )
    (row,) = json.loads(run(*words))
    assert (row["subject"], row["greatest"]) == ("city", "yellow")
    assert "发布日期 issued 2026-01-11, 发布来源 by 市监测中心会商" in row["peak"]


def test_a_forecast_is_entered_with_record_add(folder: Path) -> None:
    with a_city(folder):
        pass
    add = ("record", "add", "forecast_aqi", "2026-01-13")
    of = ("--source", "市监测中心会商", "--dated")
    run(*add, "230", *of, "2026-01-11")
    run(*add, "210", *of, "2026-01-12")
    rows = json.loads(run("record", "list", "forecast_aqi", "--format", "json"))
    assert [(row["value"], row["dated"], row["reason"]) for row in rows] == [
        ("210", "2026-01-12", "issued on 2026-01-12")
    ]
    again = CliRunner().invoke(app, [*add, "190", *of, "2026-01-12"])
    assert (again.exit_code, "give the reason" in " ".join(again.output.split())) == (2, True)


def test_a_row_of_the_plan_is_seen_on_each_day(folder: Path) -> None:
    with a_city(folder) as world:
        stands(world, date(2026, 3, 1), "at risk")
    words = (
        "alerts",
        "why-not",
        "plan_target",
        "forest_cover",
        "2026-05-20T00:00",
        "--hours",
        "48",
        "--format",
        "json",
    )
    rows = json.loads(run(*words))
    assert {row["exceeds"] for row in rows} == {"warning"}
    assert {row["sentence"] for row in rows} == {"it is at risk"}
