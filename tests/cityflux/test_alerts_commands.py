"""`cityflux alerts`: rules, back-test and why-not, on a real store and real books."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cityflux.alert_rows import level_of
from cityflux.main import app
from cityflux.settings import SettingsError
from processors.alerts.rules import shipped_rules
from store.books import Books
from store.incidents import Change, Draft, Grouping, Incidents
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
        (("explain", "99999999999999999999"), 2, "Invalid value for"),
        (("ack", "99999999999999999999", "--note", "x"), 2, "Invalid value for"),
    ],
)
def test_wrong_use_is_named(words: tuple[str, ...], code: int, said: str) -> None:
    result = CliRunner().invoke(app, ["alerts", *words])
    assert (result.exit_code, said in " ".join(result.output.split())) == (code, True), result.output


def test_a_level_that_a_rule_has_no_more_is_shown_by_its_number() -> None:
    rule = shipped_rules()["air_aqi_station"]
    assert [level_of(rule, number) for number in (0, 4, 5)] == ["–", "critical", "level 5, which the rule has no more"]


OWN = """
off = ["air_heavy_chongqing"]
[[rule]]
code = "pm_here"
signal = "readings.air.hour"
zh = "颗粒物"
en = "Particles"
runbook = "air"
roles = ["duty"]
document = "the city's own"
clause = "none"
mark = "chosen"
effective_from = 2020-01-01
levels = [{ severity = "notice", of = "pm2_5", over = 90 }, { severity = "warning", of = "pm2_5", over = 95, dwell_min = 600 }]
margin = 5
dwell_min = 60
clear_min = 60
gap_min = 120
reopen_min = 60
flap_times = 3
flap_min = 600
coverage_percent = 100
schedule = [{ days = ["mon"], from = "07:00", to = "19:00" }]
group = "district"
group_min = 60
"""


@pytest.fixture
def own(city: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rules.toml").write_text(OWN, "utf-8")
    monkeypatch.setenv("CITYFLUX_ALERT_RULES", str(tmp_path / "rules.toml"))


@pytest.mark.usefixtures("own")
def test_a_citys_own_rules_are_those_of_every_command() -> None:
    rows = {row["code"]: row for row in json.loads(run("rules", "--format", "json"))}
    assert "air_heavy_chongqing" not in rows
    assert rows["pm_here"]["levels"] == "notice pm2_5 > 90; warning pm2_5 > 95 after 600 min"
    words = ("why-not", "pm_here", "hx-01", "2026-03-12T16:00", "--hours", "4", "--format", "json")
    states = {row["at"][11:16]: row["state"] for row in json.loads(run(*words))}
    # 12 March 2026 is a Thursday.
    assert states["15:00"] == "pending: 60 min are needed, 0 were over"
    assert states["16:00"] == "pending: it lasted long enough; these are not its hours"


@pytest.mark.usefixtures("city")
def test_a_rules_file_that_is_wrong_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rules.toml").write_text(OWN.replace("pm2_5", "pm2.5"), "utf-8")
    monkeypatch.setenv("CITYFLUX_ALERT_RULES", str(tmp_path / "rules.toml"))
    result = CliRunner().invoke(app, ["alerts", "rules"])
    assert isinstance(result.exception, SettingsError)
    assert "rules.toml: rule 'pm_here': 'pm2.5' is no quantity of readings.air.hour; it has pm2_5" in str(
        result.exception
    )
    monkeypatch.setenv("CITYFLUX_ALERT_RULES", str(tmp_path / "none.toml"))
    assert "point CITYFLUX_ALERT_RULES at" in str(CliRunner().invoke(app, ["alerts", "rules"]).exception)


@pytest.mark.usefixtures("city")
def test_incidents_are_listed_with_their_group_and_explained_by_name_and_unit(tmp_path: Path) -> None:
    shown = {"peak_at": hour(12, 15), "value": "118.4"}
    draft = Draft(hour(12, 14), hour(12, 15), 1, 1, "firing", None, None, hour(12, 16), 4, shown, flapping=True)
    books = Books(f"sqlite:///{tmp_path / 'books.sqlite'}")
    keys = [("air_pm2_5_day", name) for name in ("city", "hx-02")]
    Incidents(books).save(
        {key: (0, [Change(None, "opened", "so", draft)]) for key in keys}, (), hour(12, 16),
        pending={("air_aqi_station", "hx-01"): hour(12, 15)}, groups=dict.fromkeys(keys, Grouping("city", 60_000)),
    )  # fmt: skip
    books.close()
    first, second = json.loads(run("list", "--days", "3000", "--format", "json"))
    assert (first["group"], second["group"], first["state"]) == (1, 1, "firing, flapping")
    said = " ".join(run("explain", "2").split())
    assert "group 1: 2 incidents, 2 firing or recovering" in said
    assert "PM2.5 二十四小时均值 PM2.5, 24-hour mean 118.4 µg/m³, 2026-03-12T16:00:00+08:00" in said
    (begun,) = json.loads(run("list", "--pending", "--format", "json"))
    assert (begun["rule"], begun["subject"], begun["since"][11:16], begun["said_from"][11:16]) == (
        "air_aqi_station", "hx-01", "16:00", "17:00",
    )  # fmt: skip
    assert "incident 2 and 1 more of its group are acknowledged" in run("ack", "2", "--note", "seen", "--group")
