"""A change of a dashboard is seen: what each panel is, where it stands, what it asks and how it shows it, as text beside this
file; of all else eight digits of a hash. `CITYFLUX_TEST_ACCEPT=1` writes what there is now; the commit then shows the change."""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboards.asked import LANGUAGES, Asked, Language
from dashboards.catalogue import dashboards
from processors.plans import shipped_plan
from tests.grafana.drawn_boards import DAY, WALL, Json

_HERE = Path(__file__).parent


def digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, ensure_ascii=False, sort_keys=True).encode()).hexdigest()[:8]


def described(board: Json) -> Iterator[str]:
    rest = {name: value for name, value in board.items() if name != "panels"}
    variables = " ".join(f"${one['name']}" for one in board["templating"]["list"])
    when = f"from {board['time']['from']}, each {board['refresh']}"
    yield f"{board['uid']} {board['title']} | {variables} | {when} | {digest(rest)}"
    for panel in board["panels"]:
        place = panel["gridPos"]
        where = f"{place['x']},{place['y']} {place['w']}x{place['h']}"
        yield f"  {panel['id']} {panel['type']} {where} {panel['title']} | {digest(panel)}"
        for target in panel["targets"]:
            yield f"    {target['refId']} {target['query']}"
        for one in panel["fieldConfig"]["overrides"]:
            of = {each["id"]: each["value"] for each in one["properties"]}
            limits = [f"{step['value']}:{step['color']}" for step in of.get("thresholds", {}).get("steps", ())]
            yield f"    {one['matcher']['options']}: {of.get('unit', 'grey')} {' '.join(limits)}"
        yield f"    → {panel['fieldConfig']['defaults']['links'][0]['url']}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_dashboards_are_as_they_were(language: Language) -> None:
    # Without rules: who adds one changes no dashboard.
    boards = dashboards(Asked(language, shipped_plan(), {}, DAY, "Asia/Shanghai", WALL))
    now = "".join(f"{line}\n" for board in boards for line in described(board))
    kept = _HERE / f"boards-{language}.txt"
    if os.environ.get("CITYFLUX_TEST_ACCEPT") == "1":
        kept.write_text(now, "utf-8")
    assert now.splitlines() == kept.read_text("utf-8").splitlines()
