"""`cityflux alerts`: rules, back-test and why-not, on a real store and real books."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cityflux.main import app
from tests.processors.alerts.test_history import filled, hour


@pytest.fixture
async def city(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A station that is dirty on the afternoon of 12 March."""
    raised = {hour(12, clock): {"pm2_5": 100.0} for clock in (14, 15, 16)}
    world = await filled(tmp_path, raised, hour(13, 5), stations=1)
    world.books.close()
    monkeypatch.setenv("CITYFLUX_DATA_DIR", str(tmp_path))


def run(*words: str) -> str:
    result = CliRunner().invoke(app, ["alerts", *words])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_rules_are_listed_with_their_source() -> None:
    rows = {row["code"]: row for row in json.loads(run("rules", "--format", "json"))}
    assert rows["air_heavy_chongqing"]["levels"] == (
        "yellow aqi > 200 or pm2_5 > 115 in 2 windows or mda8 > 215 in 2 windows; orange aqi > 200 in 3 windows or "
        "pm2_5 > 115 in 3 windows and pm2_5 > 150 in one of 3 windows or "
        "mda8 > 215 in 3 windows and mda8 > 265 in one of 3 windows"
    )
    assert "(1 source)" in rows["air_heavy_chongqing"]["source"]


@pytest.mark.usefixtures("city")
def test_a_backtest_gives_what_would_have_been_told() -> None:
    words = ("backtest", "air_aqi_station", "--from", "2026-03-12", "--to", "2026-03-13", "--format", "json")
    (row,) = json.loads(run(*words))
    assert row["subject"] == "hx-01"
    assert (row["since"], row["said"], row["well"]) == (
        "2026-03-12T15:00:00+08:00",
        "2026-03-12T16:00:00+08:00",
        "2026-03-12T18:00:00+08:00",
    )
    # PM2.5 of 100: 100 + 50 × (100 - 60) / (115 - 60) = 136.4, and up.
    assert (row["greatest"], row["state"]) == ("notice", "resolved")
    assert row["peak"] == "实时空气质量指数 real-time AQI 137, 2026-03-12T15:00:00+08:00"


@pytest.mark.usefixtures("city")
def test_why_not_shows_what_the_rule_saw_and_what_its_alert_was() -> None:
    words = ("why-not", "air_aqi_station", "hx-01", "2026-03-12T16:00", "--hours", "4", "--format", "json")
    rows = {row["at"][11:16]: row for row in json.loads(run(*words))}
    assert rows["14:00"]["state"] == "quiet"
    assert rows["15:00"]["state"] == "pending: 60 min are needed, 0 were over"
    assert rows["16:00"]["state"] == "firing since its beginning"
    assert rows["18:00"]["state"] == "firing since before"
    assert (rows["16:00"]["value"], rows["16:00"]["exceeds"], rows["18:00"]["exceeds"]) == ("137", "notice", "–")


@pytest.mark.usefixtures("city")
@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("backtest", "haze", "--from", "2026-03-12"), 2, "'haze' is no rule; there are air_aqi_station"),
        (("backtest", "air_aqi_city", "--from", "2026-03-12", "--to", "2026-03-11"), 2, "--to is not after --from"),
        (("why-not", "air_aqi_station", "hx-99", "2026-03-12T16:00"), 1, "saw nothing of 'hx-99'"),
        (("why-not", "air_aqi_station", "hx-01", "noon"), 2, "'noon' is not a time"),
    ],
)
def test_wrong_use_is_named(words: tuple[str, ...], code: int, said: str) -> None:
    result = CliRunner().invoke(app, ["alerts", *words])
    assert (result.exit_code, said in " ".join(result.output.split())) == (code, True), result.output
