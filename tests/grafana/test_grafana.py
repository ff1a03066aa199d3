"""`cityflux dashboards export|push|diff`: twice the same, what a person changed by hand is told and kept, nothing is said of
secrets. Against a server that answers as Grafana's API is documented."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cityflux.grafana import different
from tests.grafana.drawn_boards import ALL
from tests.grafana.grafana_server import TOKEN, GrafanaServer, grafana_server
from tests.programs import Asked

SECRET = "token-of-influx"
AIR = "cityflux-air-en"


@pytest.fixture
def grafana() -> Iterator[GrafanaServer]:
    with grafana_server() as server:
        yield server


@pytest.fixture
def asks(grafana: GrafanaServer, tmp_path: Path) -> Any:
    (tmp_path / "grafana-token").write_text(f"{TOKEN}\n")
    (tmp_path / "influx-token").write_text(f"{SECRET}\n")
    asked = Asked(tmp_path / "data")

    def ask(*arguments: str, expect: int = 0, **more: str) -> str:
        settings = {
            "CITYFLUX_GRAFANA_URL": grafana.url, "CITYFLUX_GRAFANA_TOKEN_FILE": str(tmp_path / "grafana-token"),
            "CITYFLUX_GRAFANA_INFLUX_TOKEN_FILE": str(tmp_path / "influx-token"), "CITYFLUX_INFLUX_URL": "http://influx:8086",
        }  # fmt: skip
        return asked("dashboards", *arguments, expect=expect, **(settings | more))

    return ask


def hows(said: str) -> dict[str, str]:
    return {f"{row['what']} {row['name']}": row["how"] for row in json.loads(said)}


def test_pushed_twice_is_pushed_once(asks: Any, grafana: GrafanaServer) -> None:
    said = asks("push", "--format", "json")
    assert set(hows(said).values()) == {"made"}
    assert len(grafana.boards) == 18
    view = [{"role": "Viewer", "permission": 1}, {"role": "Editor", "permission": 1}]
    assert grafana.permissions == {"cityflux-zh": view, "cityflux-en": view}
    source = grafana.sources["cityflux-influx"]
    assert (source["url"], source["jsonData"]["dbName"]) == ("http://influx:8086", "cityflux")
    assert grafana.secrets["cityflux-influx"] == {"httpHeaderValue1": f"Token {SECRET}"}
    assert SECRET not in said
    grafana.changes.clear()
    assert set(hows(asks("push", "--format", "json")).values()) == {"there"}
    # The token is sent each time, for nobody can see whether it is the same.
    assert grafana.changes == ["PUT /api/datasources/uid/cityflux-influx"]


def test_what_a_person_changed_is_told_and_kept(asks: Any, grafana: GrafanaServer) -> None:
    asks("push")
    assert json.loads(asks("diff", "--format", "json")) == []
    theirs = copy.deepcopy(grafana.boards[AIR])
    theirs["panels"][0]["options"]["textMode"] = "value"
    theirs["panels"][0]["transparent"] = True
    del theirs["panels"][1]["description"]
    grafana.save_by_hand(AIR, theirs)
    found = json.loads(asks("diff", "--format", "json", expect=1).split("]\n")[0] + "]")
    assert [(row["board"], row["where"], row["ours"], row["theirs"]) for row in found] == [
        (AIR, "panels.[1 City, real-time AQI].options.textMode", '"value_and_name"', '"value"'),
        (AIR, "panels.[1 City, real-time AQI].transparent", None, "true"),
        (AIR, "panels.[2 City, last day].description", '"The city\'s AQI of the last day that has closed."', None),
    ]
    said = asks("push", expect=1)
    assert "changed by hand in 3 places" in said
    assert grafana.boards[AIR]["panels"][0]["options"]["textMode"] == "value"
    assert hows(asks("push", "--force", "--format", "json"))[f"dashboard {AIR}"] == "changed"
    assert json.loads(asks("diff", "--format", "json")) == []


def test_an_older_one_of_ours_is_replaced(asks: Any, grafana: GrafanaServer) -> None:
    """Other than ours, and pushed by us: nobody has changed it by hand."""
    asks("push", CITYFLUX_WALL_URL="http://old.example")
    done = hows(asks("push", "--format", "json", CITYFLUX_WALL_URL="http://new.example"))
    assert done[f"dashboard {AIR}"] == "changed"
    assert "http://new.example/explain/" in json.dumps(grafana.boards[AIR])


def test_what_is_wrong_is_said(asks: Any, grafana: GrafanaServer, tmp_path: Path) -> None:
    (tmp_path / "other").write_text("other")
    said = asks("push", expect=1, CITYFLUX_GRAFANA_TOKEN_FILE=str(tmp_path / "other"))
    assert "HTTP 401, Invalid API key; give grafana_token_file a service account's token" in said
    assert "set grafana_url to where Grafana answers" in asks(
        "diff", expect=1, CITYFLUX_GRAFANA_URL="http://127.0.0.1:1"
    )
    assert not grafana.changes


def test_exported_is_what_is_pushed(asks: Any, grafana: GrafanaServer, tmp_path: Path) -> None:
    asks("export", str(tmp_path / "files"))
    asks("push")
    files = sorted((tmp_path / "files").rglob("*.json"))
    assert [file.name for file in files if file.parent.name == "zh"] == sorted(
        f"{board['uid']}.json" for board in ALL if board["uid"].endswith("-zh")
    )
    for file in files:
        board = json.loads(file.read_text("utf-8"))
        assert (
            different(board, {k: v for k, v in grafana.boards[board["uid"]].items() if k not in {"id", "version"}})
            == []
        )


@pytest.mark.parametrize(
    ("ours", "theirs", "found"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": True}, [("a", "1", "true")]),
        ({"a": 0}, {"a": 0.0}, []),
        ({"a": []}, {"a": [1]}, [("a.[0]", None, "1")]),
        ({"a": [1, 2]}, {"a": [1]}, [("a.[1]", "2", None)]),
        ({"a": {}}, {"a": []}, [("a", "{}", "[]")]),
        ({"p": [{"id": 1, "title": "t", "x": 1}]}, {"p": [{"id": 1, "title": "t", "x": 2}]}, [("p.[1 t].x", "1", "2")]),
    ],
)
def test_differences(ours: Any, theirs: Any, found: list[Any]) -> None:
    assert different(ours, theirs) == found
