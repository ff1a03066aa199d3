"""Commands and pages of water over books that the runner filled: sections, explain from the plan down to a sample, scorecard."""

import asyncio
import json
from datetime import date
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from processors.plans import shipped_plan
from sensors.reading import Doubt
from store.books import Books
from store.sqlite import SqliteStore
from tests.processors.river import CLEAN, River
from tests.processors.world import ZONE
from tests.programs import cityflux
from wall.app import make_app


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two months of two sections: one class Ⅲ, then Ⅴ of target Ⅲ; one clean, sampled by people too."""
    folder = tmp_path_factory.mktemp("river")
    asyncio.run(_fill(folder))
    return folder


async def _fill(folder: Path) -> None:
    river = River(folder)
    river.section("lt-01", river="liangtan", name_zh="梁滩河一")
    river.section("lt-02", river="liangtan", name_zh="<梁滩河二>")
    river.section("lt-02-lab", section="lt-02", sampling="manual")
    await river.samples("lt-01", date(2026, 1, 1), 31, {**CLEAN, "nh3_n": 0.6})
    await river.samples(
        "lt-01", date(2026, 2, 1), 28, {**CLEAN, "nh3_n": 1.6}, doubtful={"turbidity": Doubt("fault", 9.0)}
    )
    await river.samples("lt-02", date(2026, 1, 1), 59, CLEAN)
    below = {"mercury": Doubt("below_detection", 0.00004)}
    await river.samples("lt-02-lab", date(2026, 2, 7), 1, {"copper": 0.02}, (10,), below)
    await river.compute(date(2026, 3, 1))
    await river.samples("lt-01", date(2026, 2, 28), 1, {**CLEAN, "nh3_n": 30.0}, (24,))
    await river.compute()
    await river.world.store.close()
    river.world.books.close()


class Asked:
    def __init__(self, folder: Path) -> None:
        self._environment = {"CITYFLUX_DATA_DIR": str(folder)}

    def __call__(self, *arguments: str, expect: int = 0) -> str:
        return cityflux(*arguments, environment=self._environment, expect=expect)

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "--format", "json"))


@pytest.fixture
def ask(filled: Path) -> Asked:
    return Asked(filled)


def test_sections_of_a_year_those_at_risk_first(ask: Asked) -> None:
    first, second = ask.json("sections", "2026")
    assert (first["section"], first["target"], first["class"], first["status"]) == ("lt-01", "Ⅲ", "Ⅳ", "at risk")
    assert (first["samples_percent"], first["by_samples"], first["main"]) == ("52.5", "not", "nh3_n")
    assert first["next"].startswith("nh3_n ≤ 0.")
    assert (second["section"], second["status"], second["months"]) == ("lt-02", "on track", 2)
    assert "1 of 2 sections keep their target" in ask("sections", "2026")
    [month] = ask.json("sections", "2026-02", "--section", "lt-01")
    assert (month["class"], month["definite"], month["finality"]) == ("Ⅴ", True, "provisional")


def test_sections_says_what_it_cannot_show(ask: Asked) -> None:
    assert "nothing is computed of section 'x'" in ask("sections", "2026", "--section", "x", expect=2)
    assert "is a day" in ask("sections", "2026-02-01", expect=2)
    assert "is no period" in ask("sections", "soon", expect=2)
    assert ask.json("sections", "2024") == []


def test_the_scorecard_has_the_plans_row(ask: Asked) -> None:
    said = ask.json("indicators", "--code", "water_sections")
    assert [(row["period"], row["value"], row["unit"], row["status"]) for row in said] == [
        ("2026", "50.0", "%", "at risk")
    ]


def test_the_plans_number_is_explained_down_to_a_sample(ask: Asked) -> None:
    plan = ask.json("explain", "water_sections", "2026")
    assert (plan["value"], plan["kept"], plan["with_target"], plan["status"]) == ("50.0", 1, 2, "at risk")
    assert plan["sections"]["lt-01"]["class"] == "Ⅳ"
    section = ask.json("explain", "water_sections", "2026", "--section", "lt-01")
    assert {month: one["class"] for month, one in section["months"].items()} == {"01": 3, "02": 5}
    assert section["would_keep"] == ["氨氮 Ammonia nitrogen ≤ 1.0 mg/L, not 1.10"] or section["would_keep"]
    assert [one["day"] for one in section["revised_days"]] == ["2026-02-28"]
    day = ask.json("explain", "water_sections", "2026", "--section", "lt-01", "--day", "2026-02-28")
    assert len(day["samples"]) == 6
    assert day["samples"][-1]["at"] == "2026-03-01T00:00:00+08:00", "a sample at 00:00 is the last of the day before"
    assert day["samples"][-1]["values"]["nh3_n"] == 30.0
    assert day["samples"][0]["left_out"] == {"turbidity": "fault"}
    assert day["same_when_computed_again"]
    assert [one["reason"] for one in day["revisions"]] == ["the period closed", "5 → 6: 1 corrected sample of lt-01"]
    drawn = ask.json("explain", "water_sections", "2026-02", "--section", "lt-02", "--day", "2026-02-07")
    assert {one["quantity"]: one["by"] for one in drawn["items"]} | {} == {
        **dict.fromkeys(CLEAN, "automatic"), "copper": "manual", "mercury": "manual",
    }  # fmt: skip
    assert [one["below"] for one in drawn["samples"] if one["by"] == "manual"] == [{"mercury": 0.00004}]


def test_an_explanation_reads_as_text(ask: Asked) -> None:
    plan = ask("explain", "water_sections", "2026")
    assert "1 of 2 sections keep their target by the mean of their months; not: 梁滩河一 Ⅳ/Ⅲ" in plan
    section = ask("explain", "water_sections", "2026", "--section", "lt-01")
    assert "to keep the target: 氨氮" in section
    assert "What the months left may average" in section
    assert "from memory, unverified" in section
    assert "1 corrected sample of lt-01" in ask(
        "explain", "water_sections", "2026", "--section", "lt-01", "--day", "2026-02-28"
    )
    assert "no sample of this day" in ask(
        "explain", "water_sections", "2026", "--section", "lt-01", "--day", "2026-03-09"
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("water_sections", "2026-02"), "add --section"),
        (("water_sections", "2024"), "is not computed yet"),
        (("water_sections", "2026", "--section", "x"), "'x' is no section of the registry; there are lt-01, lt-02"),
        (("water_sections", "2026", "--day", "2026-02-01"), "a day is of a section"),
        (("water_sections", "2026", "--section", "lt-01", "--day", "soon"), "soon is not a day of 2026"),
        (("water_sections", "2026", "--section", "lt-01", "--day", "2026-02-31"), "is not a day"),
        (("water_sections", "20x6", "--section", "lt-01"), "is no period"),
        (("good_air_days", "2026", "--section", "lt-01"), "has no sections"),
    ],
)
def test_what_cannot_be_explained_says_why(ask: Asked, arguments: tuple[str, ...], says: str) -> None:
    assert says in ask("explain", *arguments, expect=2)


def test_the_page_leads_from_the_plan_to_a_sample(filled: Path) -> None:
    books = Books(f"sqlite:///{filled / 'books.sqlite'}")
    books.prepare()
    store = SqliteStore(filled / "readings.sqlite")
    client = TestClient(make_app(store, books, shipped_plan(), ZONE, lambda: 0))
    plan = client.get("/explain/water_sections/2026")
    assert plan.status_code == 200
    assert 'href="/explain/water_sections/2026?section=lt-01"' in plan.text
    assert "<梁滩河二>" not in plan.text
    assert "<梁滩河二>" in unescape(plan.text)
    section = client.get("/explain/water_sections/2026", params={"section": "lt-01"})
    assert "section=lt-01&amp;day=2026-02-28" in section.text
    day = client.get("/explain/water_sections/2026", params={"section": "lt-01", "day": "2026-02-28"})
    assert "1 corrected sample of lt-01" in day.text
    assert client.get("/explain/water_sections/2026", params={"section": "x"}).status_code == 404
    assert client.get("/").status_code == 200
    books.close()


@pytest.mark.parametrize(
    "arguments",
    [
        ("river", "2026", "--river", "liangtan"),
        ("river", "2026", "--language", "zh"),
        ("item", "2026", "lt-01", "nh3_n"),
    ],
)
def test_pictures_of_the_river(ask: Asked, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    ask("picture", *arguments, "--out", str(tmp_path / "p.png"))
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("river", "2026", "--river", "nile"), "'nile' is no river of the registry: there are liangtan"),
        (("river", "2024"), "nothing is computed of any section in 2024"),
        (("item", "2026", "x", "nh3_n"), "'x' is no section in 2026: there are lt-01, lt-02"),
        (("item", "2026", "lt-01", "gold"), "'gold' is no item of GB 3838"),
        (("profile", "2026", "liangtan", "nh3_n"), "no section with kilometres has a value"),
        (
            (
                "profile",
                "2026",
                "liangtan",
                "nh3_n",
                *(part for n in range(1, 6) for part in ("--period", f"2026-0{n}")),
            ),
            "5 lines cannot be told apart in one profile: draw at most 4",
        ),
    ],
)
def test_a_picture_that_cannot_be_drawn_says_why(
    ask: Asked, tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    assert says in ask("picture", *arguments, "--out", str(tmp_path / "p.png"), expect=2)


def test_warnings_of_the_last_days(ask: Asked) -> None:
    found = ask.json("warnings", "--days", "35", "--at", "2026-03-01")
    kinds = {(row["section"], row["rule"], row["item"]) for row in found}
    assert ("lt-01", "exceedance", "nh3_n") in kinds
    assert ("lt-01", "class drop", "nh3_n") in kinds
    assert not [row for row in found if row["section"] == "lt-02"]
    first = next(row for row in found if row["rule"] == "exceedance")
    assert (first["since"], first["said"]) == ("2026-02-01T04:00:00+08:00", "2026-02-01T08:00:00+08:00")
    assert "against 1.0 (target class Ⅲ)" in ask("warnings", "--days", "35", "--at", "2026-03-01", "--format", "csv")
    assert ask.json("warnings", "--days", "35", "--at", "2026-03-01", "--section", "lt-02") == []
    assert "'x' is no section" in ask("warnings", "--section", "x", expect=2)
    assert ask.json("warnings", "--days", "35", "--at", "2026-03-01", "--pulses") == []
