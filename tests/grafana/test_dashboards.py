"""Dashboards as JSON: nothing overlaps, each panel says what it is, no name that is not there, nothing grouped into days. What
Grafana itself makes of them is not tried, for there is none here; their types are (`test_schema.py`)."""

import json
import re
from datetime import date
from itertools import combinations

import pytest

from dashboards.asked import LANGUAGES, Asked, Language
from dashboards.catalogue import dashboards
from dashboards.colours import aqi_steps
from dashboards.influxql import UnknownName, equals, select
from dashboards.sending import put_in, sent
from processors.plans import shipped_plan
from processors.standards.tables import air_rules
from store.measurements import INDICATORS, MEASUREMENTS
from tests.grafana.drawn_boards import ALL, BOARDS, DAY, WALL, Json, asked

NAMES = ["scorecard", "air", "water", "energy", "traffic", "map", "alerts", "devices", "pipeline"]
PANELS = [(board["uid"], panel) for boards in BOARDS.values() for board in boards for panel in board["panels"]]
of_panels = pytest.mark.parametrize(
    "panel", [panel for _, panel in PANELS], ids=[f"{uid}-{p['id']}" for uid, p in PANELS]
)


@pytest.mark.parametrize("language", LANGUAGES)
def test_uids_are_for_ever(language: Language) -> None:
    assert [board["uid"] for board in BOARDS[language]] == [f"cityflux-{name}-{language}" for name in NAMES]


@of_panels
def test_a_panel_says_what_it_is_and_leads_on(panel: Json) -> None:
    assert panel["title"].strip()
    assert len(panel["description"]) >= 8
    defaults = panel["fieldConfig"]["defaults"]
    assert defaults["unit"]
    assert defaults["noValue"] in {"无数据", "no data"}
    (link,) = defaults["links"]
    assert link["title"].strip()
    assert link["url"].startswith((f"{WALL}/", "/d/cityflux-"))
    assert all(target["rawQuery"] and target["query"] for target in panel["targets"])


@pytest.mark.parametrize(
    "board", [board for boards in BOARDS.values() for board in boards], ids=lambda board: board["uid"]
)
def test_nothing_overlaps_and_all_is_on_the_page(board: Json) -> None:
    cells = {}
    for panel in board["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        assert place["w"] >= 4
        assert place["h"] >= 4
        cells[panel["id"]] = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
    assert len(cells) == len(board["panels"])
    assert not [pair for pair in combinations(cells, 2) if cells[pair[0]] & cells[pair[1]]]


def test_links_lead_to_dashboards_that_there_are() -> None:
    text = json.dumps(BOARDS)
    named = set(re.findall(r"/d/([a-z-]+)", text))
    assert named <= {board["uid"] for boards in BOARDS.values() for board in boards}


def test_both_languages_ask_and_show_the_same() -> None:
    """All but texts, the names of columns, and of stations in that language."""
    for ours, theirs in zip(BOARDS["zh"], BOARDS["en"], strict=True):
        for one, other in zip(ours["panels"], theirs["panels"], strict=True):
            assert (one["type"], one["gridPos"]) == (other["type"], other["gridPos"])
            assert list(map(_bare, one["targets"])) == list(map(_bare, other["targets"]))
        assert not re.search(r"[\u4e00-\u9fff]", json.dumps(_texts(theirs), ensure_ascii=False)), theirs["uid"]


def _bare(target: Json) -> str:
    return re.sub(r'AS "[^"]*"', "AS", target["query"]).replace("_zh", "").replace("_en", "")


def _texts(board: Json) -> list[str]:
    panels = [text for panel in board["panels"] for text in (panel["title"], panel["description"])]
    plan = shipped_plan()
    return [text.replace(plan.zh, "") for text in [board["title"], board["description"], *panels]]


@pytest.mark.parametrize("query", sorted({one.text for one in sent(ALL)}))
def test_a_query_names_what_there_is_and_groups_nothing_by_time(query: str) -> None:
    assert "time(" not in query.lower()
    # Several values of a variable are joined by | alone.
    assert not re.search(r"[^(|]\$(station|district|family)|\$(station|district|family)[^|)]", query)
    (policy, name), *more = re.findall(r'FROM "(\w+)"\."(\w+)"', query)
    assert not more
    of = MEASUREMENTS[name]
    assert of.policy == policy
    bare = re.sub(r'AS "[^"]*"|FROM "\w+"\."\w+"', "", query)
    named = set(re.findall(r'"(\w+)"', bare))
    assert named
    assert named <= {*of.tags, *of.fields}


def test_a_variable_that_nobody_puts_in_is_refused() -> None:
    assert put_in("a = '$year' AND b =~ /^($station|@city)$/ AND $timeFilter", 0, year=2026, days=0) == (
        "a = '2026' AND b =~ /^(.*|@city)$/ AND time >= 0ms and time <= 0ms"
    )
    with pytest.raises(ValueError, match="nobody puts in"):
        put_in("a = '$river'", 0, year=2026)


def test_a_name_that_is_not_there_is_refused() -> None:
    with pytest.raises(UnknownName, match=r"indicators has no 'colour'; it has indicator, scope"):
        select(INDICATORS, {"c": "last(colour)"})
    with pytest.raises(UnknownName, match="indicators has no 'city'"):
        equals(INDICATORS, "city", "x")
    with pytest.raises(UnknownName, match="mean"):
        select(INDICATORS, {"c": "mean(value)"})


def test_the_colours_are_those_of_the_edition_of_the_day() -> None:
    for day in (date(2026, 2, 28), date(2026, 3, 1)):
        classes = air_rules(day).index.categories
        assert [step["color"] for step in aqi_steps(day)["steps"]] == [one.hex for one in classes]
        assert [step["value"] for step in aqi_steps(day)["steps"]][1:] == [one.low for one in classes][1:]


def test_rules_rows_and_limits_come_from_the_tables() -> None:
    ours = asked("zh")
    shown = json.dumps(BOARDS["zh"], ensure_ascii=False)
    for rule in ours.rules.values():
        assert rule.zh in shown
    for row in ours.plan.indicators:
        assert row.zh in shown
        assert row.wanted in shown


def test_a_map_loads_what_the_city_has_and_else_nothing() -> None:
    grounds = {
        tiles: [
            panel["options"]["basemap"]["config"]["url"]
            for board in dashboards(Asked("en", shipped_plan(), {}, DAY, "Asia/Shanghai", WALL, tiles))
            for panel in board["panels"]
            if panel["type"] == "geomap"
        ]
        for tiles in ("", "http://tiles/{z}/{x}/{y}.png")
    }
    assert grounds == {"": ["about:blank"] * 2, "http://tiles/{z}/{x}/{y}.png": ["http://tiles/{z}/{x}/{y}.png"] * 2}


def test_a_plan_without_some_rows_has_dashboards_too() -> None:
    plan = shipped_plan()
    few = plan.model_copy(update={"indicators": tuple(row for row in plan.indicators if row.computation == "entered")})
    boards = dashboards(Asked("en", few, {}, DAY, "Asia/Shanghai", WALL))
    assert [board["uid"] for board in boards] == [f"cityflux-{name}-en" for name in NAMES]
    assert "good_air_days" not in json.dumps(boards)
