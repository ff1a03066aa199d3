"""Pictures of rivers: what stands in them, that silence never looks like clean water, that files are the same byte for byte."""

import random
from datetime import date, timedelta
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from processors.pictures import (
    ItemDay,
    Place,
    ProfileLine,
    SectionMark,
    SectionRow,
    item_calendar,
    river_profile,
    river_strip,
    save,
)
from processors.pictures.sheet import WIDTH, contrast, ink_on
from processors.pictures.water_marks import class_colour, class_name
from processors.standards.water import water_standard

ITEM = water_standard().by_code["nh3_n"]


def rows(count: int = 5) -> list[SectionRow]:
    chance = random.Random(1)

    def mark(finality: str = "provisional") -> SectionMark:
        cls = chance.choice([1, 2, 3, 4, 5, 6, None])
        return SectionMark(cls, None if cls is None else cls > 3, finality)

    return [
        SectionRow(
            f"梁滩河断面{number}", "liangtan", number == 2, 3, {n: mark("running" if n == 7 else "final") for n in range(1, 8)},
            mark("running"),
        )
        for number in range(count)
    ]  # fmt: skip


def cells(figure: Figure) -> dict[str, Rectangle]:
    found = [(artist.get_gid() or "", artist) for artist in figure.findobj(Rectangle)]
    return {name: artist for name, artist in found if name.startswith(("cell-", "day-", "missed-"))}


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def within(figure: Figure) -> bool:
    figure.canvas.draw()
    height = figure.get_size_inches()[1] * figure.dpi
    boxes = [text.get_window_extent() for text in figure.findobj(Text) if text.get_text()]
    return all(box.x0 >= -1 and box.x1 <= WIDTH + 1 and box.y0 >= -1 and box.y1 <= height + 1 for box in boxes)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("count", [1, 3, 15])
def test_a_strip_has_every_section_in_every_month(count: int, language: str) -> None:
    figure = river_strip(rows(count), 2026, "Water sections 2026", "river liangtan", language=language)  # type: ignore[arg-type]
    found = cells(figure)
    assert len([name for name in found if name.startswith("cell-")]) == 13 * count
    for number, row in enumerate(rows(count)):
        for month, mark in [*row.months.items(), ("year", row.year)]:
            cell = found[f"cell-{number}-{month}"]
            assert mark is not None
            assert bool(cell.get_hatch()) == (mark.cls is None), "what has no class is hatched"
            assert (f"missed-cell-{number}-{month}" in found) == bool(mark.missed)
        assert tuple(found[f"cell-{number}-9"].get_facecolor())[-1] == 0, "what is not known is empty"
    assert within(figure)


def test_the_class_stands_in_the_cell_and_is_legible_on_its_colour() -> None:
    assert {class_name(cls, "en") for cls in range(1, 7)} <= set(texts(river_strip(rows(15), 2026, "t")))
    for cls in range(1, 7):
        assert contrast(ink_on(class_colour(cls)), class_colour(cls)) >= 4.5
    assert len({class_colour(cls) for cls in range(1, 7)}) == 6


def days(until: int = 200) -> list[ItemDay]:
    chance = random.Random(2)
    found = []
    for number in range(until):
        cls = chance.choice([1, 2, 3, 4, 5, 6, None])
        found.append(
            ItemDay(
                date(2026, 1, 1) + timedelta(days=number), "" if cls is None else "0.1234", cls, cls is None, "final"
            )
        )
    return found


def test_a_calendar_has_every_day_and_says_what_is_not_known() -> None:
    figure = item_calendar(days(), 2026, ["≤ 0.15", "≤ 0.5"], "Ammonia", "Baishiyi")
    found = cells(figure)
    assert len(found) == 365
    by_day = {f"day-{one.day}": one for one in days()}
    for name, cell in found.items():
        assert bool(cell.get_hatch()) == (name in by_day and by_day[name].cls is None)
    assert "≤ 0.15" in texts(figure)
    assert within(figure)


PLACES = [
    Place(6.0, "走马桥", False),
    Place(15.0, "白市驿", False),
    Place(28.0, "虎溪河口", True),
    Place(46.0, "龙凤桥", False),
]


@pytest.mark.parametrize("code", ["nh3_n", "dissolved_oxygen", "ph", "total_phosphorus"])
def test_a_profile_has_its_lines_over_the_classes(code: str) -> None:
    item = water_standard().by_code[code]
    value = 7.0 if code in {"ph", "dissolved_oxygen"} else 0.2
    lines = [ProfileLine(f"2026-0{n}", [(place.km, value * (1 + n / 10)) for place in PLACES]) for n in (1, 2)]
    figure = river_profile(PLACES, lines, item, "river", "t", language="zh")
    assert {"2026-01", "2026-02", "虎溪河口 (支流)"} <= set(texts(figure))
    assert any((artist.get_gid() or "").startswith("band-") for artist in figure.findobj(Rectangle))
    assert within(figure)


def test_nothing_to_draw_says_so() -> None:
    with pytest.raises(ValueError, match="no section to draw"):
        river_strip([], 2026, "t")
    with pytest.raises(ValueError, match="no day to draw"):
        item_calendar([], 2026, [], "t")
    with pytest.raises(ValueError, match="nothing to draw of ammonia"):
        river_profile(PLACES, [ProfileLine("2026", [])], ITEM, "river", "t")


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_the_same_data_give_the_same_bytes(tmp_path: Path, ending: str) -> None:
    for number in (1, 2):
        save(river_strip(rows(), 2026, "t"), tmp_path / f"{number}.{ending}")
    assert (tmp_path / f"1.{ending}").read_bytes() == (tmp_path / f"2.{ending}").read_bytes()
