"""Commands of traffic over books that the runner filled: flow, day, air, incidents, indicators, explain down to the
message."""

import asyncio
from datetime import date, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cityflux.main import app
from processors.windows import day_bounds
from sensors.instants import HOUR_MS
from sensors.reading import Doubt, Reading
from tests.processors.traffic import STEP_MS, Road, every_five
from tests.processors.world import ZONE
from tests.programs import Asked

FIRST = date(2026, 2, 1)
DAY = date(2026, 2, 26)
USUAL = {
    "vehicles": 60.0,
    "vehicles_car": 50.0,
    "vehicles_large": 10.0,
    "speed": 60.0,
    "occupancy": 8.0,
    "tunnel_co": 10.0,
}
JAM = {"vehicles": 6.0, "vehicles_car": 6.0, "speed": 4.0, "occupancy": 60.0, "tunnel_co": 160.0}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A month of a tunnel in both directions; a jam of an hour, an interval withdrawn, another that came late."""
    folder = tmp_path_factory.mktemp("road")
    asyncio.run(_fill(folder))
    return folder


async def _fill(folder: Path) -> None:
    road = Road(folder)
    road.world.go_to(FIRST, 0)
    for name in ("huxi-e", "huxi-w"):
        road.station(
            name, tunnel="huxi", capacity_pcu_h=2000, free_flow_km_h=80, length_km=2.9, lanes=2, name_zh="虎溪"
        )
    for number in range(28):
        day = FIRST + timedelta(days=number)
        for name in ("huxi-e", "huxi-w"):
            rows = every_five(day, USUAL, lacking=[200] if day == DAY else ())
            if day == DAY and name == "huxi-e":
                rows[120:132] = [(at, JAM) for at, _ in rows[120:132]]
            await road.send(name, rows)
    await road.compute(date(2026, 3, 1))
    start = day_bounds(DAY, ZONE)[0]
    await road.send("huxi-e", [(start + 201 * STEP_MS, USUAL)])
    gone = {code: Doubt("withdrawn", None) for code in USUAL}
    await road.write([Reading("traffic", "huxi-w", "minute", start + STEP_MS, road.world.now, {}, gone)])
    await road.compute()
    await road.world.store.close()
    road.world.books.close()


@pytest.fixture
def ask(filled: Path) -> Asked:
    return Asked(filled)


def test_the_flow_of_a_tunnel(ask: Asked) -> None:
    span = ("--from", "2026-02-26T08:00", "--to", "2026-02-26T18:00")
    hours = ask.json("traffic", "flow", "huxi", *span, "--minutes", "60")
    assert len(hours) == 20
    [eight] = [one for one in hours if one["station"] == "huxi-e" and one["from"].startswith("2026-02-26T08")]
    assert (eight["vehicles"], eight["pcu"], eight["saturation"], eight["level"]) == (720, "900.000", "0.450", 2)
    assert (eight["speed_km_h"], eight["travel_time_index"]) == ("60.00", "1.333")
    [short] = [one for one in hours if one["station"] == "huxi-w" and one["from"].startswith("2026-02-26T16")]
    assert (short["vehicles"], short["came"], short["saturation"]) == (660, 11, None), "a gap has no rate"
    fives = ask.json("traffic", "flow", "huxi-e", *span, "--minutes", "5")
    assert len(fives) == 120
    assert fives[24]["pcu_per_hour"] == "72.0"
    assert "is no station of traffic and no tunnel" in ask("traffic", "flow", "x", *span, expect=2)
    assert "write 5, 15 or 60" in ask("traffic", "flow", "huxi", *span, "--minutes", "7", expect=2)


def test_stations_that_cannot_be_shown_or_judged_are_named(tmp_path: Path) -> None:
    asyncio.run(_fill_by_the_hour(tmp_path))
    environment = {"CITYFLUX_DATA_DIR": str(tmp_path)}
    span = ["--from", "2026-02-26T08:00", "--to", "2026-02-26T18:00"]
    short = CliRunner().invoke(app, ["traffic", "flow", "t", *span], env=environment)
    assert "t-h counts by 3600 s: it is not shown by 15 minutes; ask with --minutes 60" in short.stderr
    watched = CliRunner().invoke(app, ["traffic", "incidents", "--at", "2026-02-27"], env=environment)
    assert "no hint can be given of t-h, t-m: neither speed nor occupancy came" in watched.stderr


async def _fill_by_the_hour(folder: Path) -> None:
    road = Road(folder)
    road.world.go_to(DAY, 23)
    road.station("t-h", tunnel="t", period="hour", expected_period_s=None)
    road.station("t-m", tunnel="t")
    start = day_bounds(DAY, ZONE)[0]
    await road.send("t-h", [(start + n * HOUR_MS, {"vehicles": 60.0}) for n in range(1, 20)], "hour")
    await road.send("t-m", every_five(DAY, {"vehicles": 5.0}))
    await road.world.store.close()
    road.world.books.close()


def test_days_and_their_air(ask: Asked) -> None:
    span = ("--from", "2026-02-25", "--to", "2026-02-26")
    days = {(one["day"], one["station"]): one for one in ask.json("traffic", "day", *span)}
    assert len(days) == 4
    jam = days["2026-02-26", "huxi-e"]
    assert (jam["vehicles"], jam["came"], jam["status"]) == (str(276 * 60 + 12 * 6), 288, "stated")
    assert days["2026-02-26", "huxi-w"]["came"] == 286
    [above] = ask.json("traffic", "air", *span, "--above")
    assert (above["station"], above["quantity"], above["while"], above["limit"]) == (
        "huxi-e",
        "tunnel_co",
        "slow",
        "150",
    )
    assert (above["greatest"], above["above"]) == ("160.00", 3)
    assert "from memory, unverified" in ask("traffic", "air", *span)
    assert "is no station of traffic" in ask("traffic", "day", *span, "--station", "x", expect=2)


def test_hints_at_the_incident(ask: Asked) -> None:
    found = ask.json("traffic", "incidents", "--days", "1", "--at", "2026-02-26T13:00")
    assert {one["rule"] for one in found} == {"drop", "standing"}
    for one in found:
        assert (one["station"], one["tunnel"]) == ("huxi-e", "huxi")
        assert one["since"].startswith("2026-02-26T10:00")
        assert one["said"].startswith("2026-02-26T10:10")
        assert one["until"].startswith("2026-02-26T11:00")
    during = ask.json("traffic", "incidents", "--at", "2026-02-26T10:30")
    assert {one["until"] for one in during} == {None}
    assert ask.json("traffic", "incidents", "--at", "2026-02-26T10:05") == [], "one interval is not said yet"
    assert "6 vehicles at 4.0 km/h, usually 60 at 60.0" in ask("traffic", "incidents", "--at", "2026-02-26T13:00")


def test_a_month_of_a_tunnel_down_to_its_messages(ask: Asked) -> None:
    found = ask.json("indicators", "--code", "tunnel_flow", "--from", "2026-02", "--to", "2026-02")
    [month] = [one for one in found if one["scope"] == "tunnel:huxi"]
    answer = ask.json("explain", "tunnel_flow", "2026-02", "--tunnel", "huxi")
    assert answer["value"] == month["value"]
    assert answer["coverage"] == {"valid": 56, "expected": 56}
    assert len(answer["days"]) == 28
    reasons = {one["station"]: one["reason"] for one in answer["revised_days"]}
    assert "1 late interval of huxi-e" in reasons["huxi-e"]
    assert "1 interval of huxi-w withdrawn" in reasons["huxi-w"]
    assert "1 late interval of huxi-e" in answer["revisions"][-1]["reason"]
    text = ask("explain", "tunnel_flow", "2026-02", "--tunnel", "huxi")
    assert "Directions" in text
    assert "from memory, unverified" in text
    day = ask.json("explain", "tunnel_flow", "2026-02", "--tunnel", "huxi", "--day", "2026-02-26")
    east, west = day["stations"]
    assert (east["station"], west["station"]) == ("huxi-e", "huxi-w")
    assert east["same_when_computed_again"]
    assert sum(one["vehicles"] for one in east["hours"]) == int(east["value"])
    assert (west["hours"][0]["coverage"]["valid"], west["hours"][0]["readings"]) == (11, 12)
    assert {one["quantity"] for one in west["left_out"]} == set(USUAL)
    assert {message["batch"] for one in east["hours"] for message in one["messages"]} == {0}
    assert "Hours" in ask("explain", "traffic_day", "2026-02-26", "--station", "huxi-e")
    city = ask.json("explain", "tunnel_flow", "2026-02")
    assert city["value"] == month["value"]


def test_explain_says_what_it_cannot_show(ask: Asked) -> None:
    assert "'x' is no tunnel of the registry; there are huxi" in ask(
        "explain", "tunnel_flow", "2026", "--tunnel", "x", expect=2
    )
    assert "a day is of a tunnel" in ask("explain", "tunnel_flow", "2026", "--day", "2026-02-01", expect=2)
    assert "is not computed" in ask("explain", "tunnel_flow", "2024", expect=2)
    assert "name it with --station" in ask("explain", "traffic_day", "2026-02-26", expect=2)
    assert "--tunnel is of tunnel_flow" in ask("explain", "good_air_days", "2026", "--tunnel", "huxi", expect=2)


def test_settings_of_traffic_name_what_there_is(ask: Asked, tmp_path: Path) -> None:
    asked = ("traffic", "day", "--from", "2026-02-26", "--to", "2026-02-26")
    said = ask(*asked, expect=2, CITYFLUX_TRAFFIC_PCU_SCHEME="JTG-B01")
    assert "known are JTG-B01-2014-design, traffic-survey, JTG-B01-2003, CJJ-37-2012; did you mean" in said
    assert "known are cityflux, kdd-tollgates" in ask(*asked, expect=2, CITYFLUX_TRAFFIC_VEHICLE_CODING="x")
    limits = tmp_path / "air.toml"
    limits.write_text('document = "x"\nmark = "1 source"\nslow_km_h = -1\nlimit = []\n', "utf-8")
    assert "air.toml: slow_km_h" in ask(*asked, expect=2, CITYFLUX_TUNNEL_AIR_LIMITS=str(limits))
    assert "point CITYFLUX_TUNNEL_AIR_LIMITS" in ask(
        *asked, expect=2, CITYFLUX_TUNNEL_AIR_LIMITS=str(tmp_path / "none")
    )
