"""Pictures of water from books that the real runner filled: why a day has no mean, units, what a profile joins and refuses."""

from collections.abc import AsyncIterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from cityflux.pictured import NoPicture
from cityflux.pictured_water import PicturedWater
from sensors.reading import Doubt
from tests.processors.river import CLEAN, FOUR_HOURS, River
from tests.processors.world import ZONE

OTHERS = {code: value for code, value in CLEAN.items() if code != "nh3_n"}
MAINTAINED = {"nh3_n": Doubt("maintenance", 0.1)}


def day(number: int) -> date:
    return date(2026, 1, number)


@pytest.fixture
async def river(tmp_path: Path) -> AsyncIterator[River]:
    """Of lt-01: 1 January is good, of 2 there is one sample, on 3 an analyser and on 6 all of them are in maintenance, on 4
    nothing comes, and after 6 never again. lt-02 stands since 4 January, and has values from 5 to 8. Two tributaries flow into
    it."""
    made = River(tmp_path)
    of_river: dict[str, Any] = {"river": "liangtan", "river_km": 6.0}
    made.section("lt-01", **of_river)
    made.section("lt-02", **{**of_river, "river_km": 46.0}, active_from=datetime(2026, 1, 4, tzinfo=ZONE))
    for name in ("hx-01", "hx-02"):
        made.section(name, river=name[:2] + name[-1], downstream="lt-02", water_body="lake")
    await made.samples("lt-01", day(1), 1, CLEAN)
    await made.samples("lt-01", day(2), 1, CLEAN, FOUR_HOURS[:1])
    await made.samples("lt-01", day(3), 1, OTHERS, doubtful=MAINTAINED)
    await made.samples("lt-01", day(5), 1, CLEAN)
    await made.samples("lt-01", day(6), 1, {}, doubtful={code: Doubt("maintenance", 1.0) for code in CLEAN})
    await made.samples("lt-02", day(5), 4, CLEAN)
    await made.compute(day(9))
    yield made
    await made.world.store.close()
    made.world.books.close()


async def fill_february(river: River) -> None:
    """A month in which lt-02 has values."""
    await river.samples("lt-02", date(2026, 2, 1), 28, CLEAN)
    await river.compute(date(2026, 3, 4))


def pictured(river: River) -> PicturedWater:
    return PicturedWater(river.world.books, 2026, ZONE, "en")


def gids(figure: Figure) -> dict[str, Any]:
    return {name: artist for artist in figure.findobj() if (name := artist.get_gid())}


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def reasons(figure: Figure, until: int) -> dict[int, str]:
    """What is drawn for the first days: why there is no mean, a mean, or nothing as it is not known."""
    drawn = gids(figure)
    found = {}
    for number in range(1, until + 1):
        name = f"day-{day(number)}"
        why = [gid.removesuffix(f"-{name}") for gid in drawn if gid.endswith(f"-{name}")]
        empty = drawn[name].get_facecolor()[-1] == 0
        found[number] = why[0] if why else "not known" if empty else "mean"
    return found


async def test_a_calendar_tells_why_a_day_has_no_mean(river: River) -> None:
    figure = pictured(river).item("lt-01", "nh3_n")
    assert reasons(figure, 9) == {
        1: "mean", 2: "few", 3: "withheld", 4: "nothing", 5: "mean", 6: "withheld", 7: "nothing", 8: "nothing",
        9: "not known",
    }  # fmt: skip
    of_ph = reasons(pictured(river).item("lt-01", "ph"), 6)
    assert (of_ph[3], of_ph[6]) == ("mean", "withheld")
    assert reasons(pictured(river).item("lt-01", "mercury"), 1) == {1: "nothing"}
    written = texts(figure)
    assert written[written.index("nothing came") + 1] == "3 days"


async def test_a_section_has_days_and_months_only_since_it_stands(river: River) -> None:
    found = reasons(pictured(river).item("lt-02", "nh3_n"), 8)
    assert found == dict.fromkeys((1, 2, 3), "not known") | {4: "nothing"} | dict.fromkeys((5, 6, 7, 8), "mean")


@pytest.mark.parametrize(("code", "unit"), [("ph", "dimensionless"), ("nh3_n", "mg/L"), ("mercury", "mg/L")])
async def test_the_unit_is_the_items_own(river: River, code: str, unit: str) -> None:
    assert f"lt-01 · target Ⅲ · {unit}" in texts(pictured(river).item("lt-01", code))
    if code in CLEAN:
        await fill_february(river)
        assert any(text.endswith(f"[{unit}]") for text in texts(pictured(river).profile("liangtan", code, ["2026-02"])))


async def test_a_profile_shows_who_has_no_value_and_whose_limits_stand(river: River) -> None:
    await fill_february(river)
    figure = pictured(river).profile("liangtan", "total_phosphorus", ["2026-02", "2026-02"])
    assert {gid for gid in gids(figure) if gid.startswith("none-")} == {"none-0-0", "none-0-1", "none-0-2"}
    assert "value-0-3" in gids(figure)
    written = texts(figure)
    assert written.count("2026-02") == 1
    assert "river liangtan · limits of rivers" in written
    assert {"hx-01 (lake) (tributary)", "hx-02 (lake) (tributary)", "lt-01, 6 km", "lt-02, 46 km"} <= set(written)
    assert not any("(lake)" in text for text in texts(pictured(river).profile("liangtan", "nh3_n", ["2026-02"])))


@pytest.mark.parametrize(
    ("periods", "says"),
    [
        ([f"2026-0{n}" for n in range(1, 6)], "5 lines cannot be told apart in one profile: draw at most 4"),
        (["2026-13"], "'2026-13' is no period"),
        (["2026-01-02"], "2026-01-02 is a day"),
        (["2025"], "no section with kilometres has a value"),
    ],
)
async def test_a_profile_that_cannot_be_drawn_says_why(river: River, periods: list[str], says: str) -> None:
    with pytest.raises(NoPicture, match=says):
        pictured(river).profile("liangtan", "nh3_n", periods)


async def test_a_strip_hatches_a_month_that_closed_for_others_only_where_a_section_stood(river: River) -> None:
    river.section("lt-03", river="liangtan", river_km=50.0, active_from=datetime(2026, 2, 3, tzinfo=ZONE))
    await fill_february(river)
    of = pictured(river)
    drawn = gids(of.strip(river="liangtan"))
    rows = ["lt-01", "hx-01", "hx-02", "lt-02", "lt-03"]
    january, february = ({name: drawn[f"cell-{n}-{month}"] for n, name in enumerate(rows)} for month in (1, 2))
    assert january["lt-03"].get_facecolor()[-1] == 0
    assert february["lt-03"].get_hatch()
    assert february["lt-01"].get_hatch(), "nothing came"
    assert not february["lt-02"].get_hatch()
