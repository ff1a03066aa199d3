"""Pictures of rivers: texts keep apart and nothing runs through them, silence never looks like clean water or like
a measured line, each mark is in its legend; files are the same byte for byte."""

import random
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.artist import Artist
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon, Rectangle
from matplotlib.text import Text

from processors.pictures import (
    ItemDay,
    Language,
    Place,
    ProfileLine,
    SectionMark,
    SectionRow,
    class_name,
    drawn_language,
    item_calendar,
    river_profile,
    river_strip,
    save,
    unit_of,
)
from processors.pictures.river_profile import MOST_LINES
from processors.pictures.sheet import LIGHT, NO_VERDICT, WIDTH, contrast, ink_on
from processors.pictures.signs import WHYS
from processors.pictures.water_marks import class_colour
from processors.standards.water import water_standard

ITEMS = water_standard().by_code
ITEM = ITEMS["nh3_n"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")
LONG: dict[Language, str] = {
    "en": "Liangtan River at the Baishiyi Township highway bridge, automatic station {}",
    "zh": "梁滩河白市驿镇高峰寺高速公路大桥自动监测站{}",
}


def named(figure: Figure, prefix: str) -> dict[str, Any]:
    found: list[tuple[str, Artist]] = [(artist.get_gid() or "", artist) for artist in figure.findobj()]
    return {name.removeprefix(prefix): artist for name, artist in found if name.startswith(prefix)}


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def outline(text: Text) -> np.ndarray[Any, Any]:
    """The corners of a text's box, as it stands: of a slanted one without the empty corners of its extent [px]."""
    slant = text.get_rotation()
    text.set_rotation(0)
    box = text.get_window_extent()
    text.set_rotation(slant)
    corners = np.array([(box.x0, box.y0), (box.x1, box.y0), (box.x1, box.y1), (box.x0, box.y1)])
    # Of a line of text the box has room above and below that no letter fills: 3 px of it on either side.
    corners[:, 1] += (3, 3, -3, -3)
    anchor = text.get_transform().transform(text.get_position())
    turn = np.radians(slant)
    return np.asarray(
        (corners - anchor) @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]) + anchor
    )


def meet(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> bool:
    """Whether two convex outlines overlap: no side of either has them apart."""
    for shape in (one, other):
        sides = np.roll(shape, -1, axis=0) - shape
        for normal in np.column_stack([-sides[:, 1], sides[:, 0]]):
            first, second = one @ normal, other @ normal
            if first.max() <= second.min() or second.max() <= first.min():
                return False
    return True


def assert_texts_keep_apart(figure: Figure) -> None:
    """No two texts overlap, and all are on the sheet."""
    height = figure.get_figheight() * figure.dpi
    boxes = [(text.get_text(), outline(text)) for text in figure.findobj(Text) if text.get_text()]
    for name, box in boxes:
        (left, bottom), (right, top) = box.min(axis=0), box.max(axis=0)
        assert left >= 0, f"{name!r} is not on the sheet"
        assert right <= WIDTH, f"{name!r} is not on the sheet"
        assert bottom >= 0, f"{name!r} is not on the sheet"
        assert top <= height, f"{name!r} is not on the sheet"
    spans = [(*box.min(axis=0), *box.max(axis=0)) for _, box in boxes]
    for first, second in combinations(range(len(boxes)), 2):
        left, below, right, above = spans[first]
        other_left, other_below, other_right, other_above = spans[second]
        if left < other_right and other_left < right and below < other_above and other_below < above:
            assert not meet(boxes[first][1], boxes[second][1]), f"{boxes[first][0]!r} and {boxes[second][0]!r} overlap"


def texts_by_cell(figure: Figure, cells: Mapping[str, Rectangle]) -> dict[str, list[tuple[Text, Any]]]:
    """The texts that stand in each cell, with their extents [px]."""
    written = [(text, text.get_window_extent()) for text in figure.findobj(Text) if text.get_text()]
    found = {}
    for name, cell in cells.items():
        box = cell.get_window_extent()
        found[name] = [(text, of) for text, of in written if box.contains((of.x0 + of.x1) / 2, (of.y0 + of.y1) / 2)]
    return found


def rows(
    count: int = 5,
    *,
    classes: Sequence[int | None] = (1, 2, 3, 4, 5, 6, None),
    names: str = "断面{}",
    tributaries: Sequence[int] = (2,),
    until: int = 7,
) -> list[SectionRow]:
    chance = random.Random(1)

    def mark(finality: str) -> SectionMark:
        cls = chance.choice(classes)
        return SectionMark(cls, None if cls is None else cls > 3, finality)

    finalities = ("final", "provisional", "under review")
    return [
        SectionRow(
            names.format(number), "liangtan", number in tributaries, 3,
            {n: mark("running" if n == until else finalities[n % 3]) for n in range(1, until + 1)}, mark("running"),
        )
        for number in range(count)
    ]  # fmt: skip


def strip(of: Sequence[SectionRow], language: Language = "en") -> Figure:
    return river_strip(of, 2026, "Water sections 2026", "river liangtan", language=language)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("count", [1, 3, 6, 15, 22])
def test_a_strip_has_every_section_in_every_month(count: int, language: Language) -> None:
    figure = strip(rows(count), language)
    cells, bars = named(figure, "cell-"), named(figure, "missed-cell-")
    assert len(cells) == 13 * count
    for number, row in enumerate(rows(count)):
        for month, mark in [*row.months.items(), ("year", row.year)]:
            cell = cells[f"{number}-{month}"]
            assert mark is not None
            assert bool(cell.get_hatch()) == (mark.cls is None), "what has no class is hatched"
            assert (f"{number}-{month}" in bars) == bool(mark.missed)
        assert tuple(cells[f"{number}-9"].get_facecolor())[-1] == 0, "what is not known is empty"
    assert_texts_keep_apart(figure)


@pytest.mark.parametrize(("language", "names"), [("en", "S{}"), ("en", LONG["en"]), ("zh", LONG["zh"])])
@pytest.mark.parametrize("count", [1, 6, 15, 22])
def test_a_missed_target_and_the_classes_name_are_both_legible(count: int, names: str, language: Language) -> None:
    of = rows(count, classes=(4, 5, 6), names=names, until=12)
    figure = strip(of, language)
    cells, bars = named(figure, "cell-"), named(figure, "missed-cell-")
    assert len(bars) == len(cells) == 13 * count
    inside = texts_by_cell(figure, cells)
    for name, bar in bars.items():
        [(text, extent)] = inside[name]
        cell = cells[name]
        ground, about = to_hex(cell.get_facecolor()), f"{text.get_text()} in cell {name}"
        assert text.get_text() in {class_name(cls, language) for cls in (4, 5, 6)}
        assert not bar.get_window_extent().overlaps(extent), f"the bar runs through {about}"
        for ink in (bar.get_facecolor(), text.get_color()):
            assert contrast(to_hex(ink), ground) >= 4.5, about
        assert extent.x1 <= cell.get_window_extent().x1
        assert bar.get_window_extent().width >= 6
        assert bar.get_window_extent().height >= 0.5 * cell.get_window_extent().height
        assert float(text.get_fontsize()) * figure.dpi / 72 >= 19, f"{about} is too small to be read from some metres"


@pytest.mark.parametrize("count", [1, 15, 22])
def test_the_legend_of_a_strip_shows_what_occurs(count: int) -> None:
    every = strip(rows(count, until=12))
    marks = {"target missed", "provisional", "under review", "still open"}
    assert marks <= set(texts(every))
    settled = [
        row._replace(months={n: SectionMark(2, False, "final") for n in range(1, 13)}, year=None)
        for row in rows(count)
    ]  # fmt: skip
    assert not marks & set(texts(strip(settled)))
    [said] = [text for text in every.findobj(Text) if text.get_text() == "target missed"]
    left = said.get_window_extent()
    beside = [
        box
        for box in every.findobj(Rectangle)
        if 0 < left.x0 - box.get_window_extent().x1 < 40
        and abs(box.get_window_extent().y0 - left.y0) < 30
        and box.get_facecolor()[-1]
    ]
    assert {to_hex(box.get_facecolor()) for box in beside} == {LIGHT.lower(), "#111111"}, "the bar on white"


def test_a_strip_without_any_class_is_hatched_and_says_so() -> None:
    figure = strip(rows(3, classes=(None,)))
    cells = named(figure, "cell-")
    assert all(cells[f"{number}-{month}"].get_hatch() for number in range(3) for month in range(1, 8))
    assert {"No class", "Not known yet"} <= set(texts(figure))
    assert "target missed" not in texts(figure)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("count", [3, 22])
def test_long_names_are_shortened_and_still_differ(count: int, language: Language) -> None:
    language = drawn_language(language)
    of = rows(count, names=LONG[language].format("") + LONG[language])
    figure = strip(of, language)
    names = [text for text in texts(figure) if text.endswith(tuple("0123456789")) and "…" in text]
    assert len(set(names)) == count
    assert_texts_keep_apart(figure)


@pytest.mark.parametrize("tributaries", [(0,), (0, 1), (1, 2), (2,), (0, 2, 4)])
def test_a_tributary_reaches_the_river(tributaries: tuple[int, ...]) -> None:
    figure = strip(rows(6, tributaries=tributaries))
    cells = named(figure, "cell-")
    heights = [cells[f"{n}-1"].get_y() + cells[f"{n}-1"].get_height() / 2 for n in range(6) if n not in tributaries]
    into = [line for line in figure.findobj(Line2D) if len(np.asarray(line.get_xdata())) == 3]
    assert len(into) == len(tributaries)
    for line in into:
        assert any(abs(float(np.asarray(line.get_ydata())[-1]) - height) < 1 for height in heights)


def test_the_class_stands_in_the_cell_and_is_legible_on_its_colour() -> None:
    assert {class_name(cls, "en") for cls in range(1, 7)} <= set(texts(strip(rows(15))))
    for cls in range(1, 7):
        assert contrast(ink_on(class_colour(cls)), class_colour(cls)) >= 4.5
    assert len({class_colour(cls) for cls in range(1, 7)}) == 6


def days(until: int = 200, shown: str = "0.12") -> list[ItemDay]:
    chance = random.Random(2)
    found = []
    for number in range(until):
        cls = chance.choice([1, 2, 3, 4, 5, 6, None])
        why = chance.choice(WHYS) if cls is None else None
        finality = "running" if number == until - 1 else ("final", "provisional", "under review")[number % 3]
        day = date(2026, 1, 1) + timedelta(days=number)
        found.append(ItemDay(day, "" if cls is None else shown, cls, why, finality))
    return found


def test_a_calendar_has_every_day_and_says_what_is_not_known() -> None:
    figure = item_calendar(days(), 2026, ["≤ 0.15", "≤ 0.5"], "Ammonia", "Baishiyi")
    found = named(figure, "day-")
    assert len(found) == 365
    by_day = {one.day.isoformat(): one for one in days()}
    for name, cell in found.items():
        assert bool(cell.get_hatch()) == (name in by_day and by_day[name].cls is None)
        assert (cell.get_facecolor()[-1] == 0) == (name not in by_day)
    assert "≤ 0.15" in texts(figure)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("shown", ["7", "12.31", "0.00005"])
def test_each_day_names_its_class_beside_its_colour(shown: str, language: Language) -> None:
    figure = item_calendar(days(60, shown), 2026, ["≤ 0.00005"] * 5, "t", "Baishiyi", language=language)
    cells = named(figure, "day-")
    written = texts_by_cell(figure, cells)
    for one in days(60, shown):
        inside = written[one.day.isoformat()]
        wanted = [] if one.cls is None else sorted([shown, class_name(one.cls, language)])
        assert sorted(text.get_text() for text, _ in inside) == wanted
        box = cells[one.day.isoformat()].get_window_extent()
        assert all(box.x0 <= of.x0 <= of.x1 <= box.x1 for _, of in inside)
    assert_texts_keep_apart(figure)


def shapes_in(figure: Figure, cell: Rectangle) -> list[tuple[int, ...]]:
    """What is drawn in a cell, as left, bottom, width and height [px] from the cell's corner, and whether it is filled."""
    box, found = cell.get_window_extent(), []
    for artist in figure.findobj(lambda artist: isinstance(artist, Rectangle | Polygon)):
        of = artist.get_window_extent()
        if artist is not cell and 0 < of.width < WIDTH and box.contains((of.x0 + of.x1) / 2, (of.y0 + of.y1) / 2):
            size = (of.x0 - box.x0, of.y0 - box.y0, of.width, of.height)
            found.append((*map(round, size), int(artist.get_facecolor()[-1])))  # type: ignore[attr-defined]
    return sorted(found)


def test_why_a_day_has_no_mean_is_told_without_colour_and_in_the_legend() -> None:
    of = [ItemDay(date(2026, 1, 1 + n), "", None, why, "final") for n, why in enumerate(WHYS)]
    figure = item_calendar([*of, of[2]._replace(day=date(2026, 1, 4))], 2026, [], "t")
    cells = named(figure, "day-")
    few, withheld, nothing, again = (shapes_in(figure, cells[f"2026-01-0{n}"]) for n in (1, 2, 3, 4))
    assert len({tuple(shape) for shape in map(tuple, (few, withheld, nothing))}) == 3
    assert nothing == again
    for number, why in enumerate(WHYS):
        assert f"2026-01-0{number + 1}" in named(figure, f"{why}-day-")
    written = texts(figure)
    for said, count in (("too few values", "1 day"), ("values withheld", "1 day"), ("nothing came", "2 days")):
        assert written[written.index(said) + 1] == count
    assert contrast("#111111", NO_VERDICT) >= 4.5


@pytest.mark.parametrize(
    ("finality", "said"),
    [("provisional", "provisional"), ("under review", "under review"), ("running", "day still open"), ("final", None)],
)
@pytest.mark.parametrize("cls", [3, None])
def test_a_calendar_has_a_legend_of_what_may_still_change(finality: str, said: str | None, cls: int | None) -> None:
    why = None if cls else WHYS[0]
    there, final = (
        item_calendar([ItemDay(date(2026, 3, 1), "1.0", cls, why, one)], 2026, [], "t") for one in (finality, "final")
    )
    assert {"provisional", "under review", "day still open"} & set(texts(there)) == ({said} if said else set())
    cell = named(there, "day-2026-03-01")[""]
    assert len(shapes_in(there, cell)) - len(shapes_in(final, named(final, "day-2026-03-01")[""])) == (said is not None)


def test_units_are_those_of_the_quantities() -> None:
    assert {code: unit_of(code, "en") for code in ("ph", "nh3_n", "water_temperature", "conductivity", "turbidity")} == {
        "ph": "dimensionless", "nh3_n": "mg/L", "water_temperature": "°C", "conductivity": "µS/cm", "turbidity": "NTU",
    }  # fmt: skip
    assert unit_of("ph", "zh") == "无量纲"


def places(count: int, language: Language = "en", *, long: bool = False) -> list[Place]:
    """Sections of which the first two lie 0.3 km apart, and one in the middle on a tributary."""
    name = LONG[language] if long else {"en": "Baishiyi {}", "zh": "白市驿{}"}[language]
    km = [3.0, 3.3, *(3.0 + 60 * n / max(count - 1, 1) for n in range(2, count))][:count]
    return [Place(km[n], name.format(n), n == count // 2 and count > 3) for n in range(count)]


def profile(of: Sequence[Place], values: Sequence[Sequence[float | None]], **chosen: Any) -> Figure:
    lines = [ProfileLine(f"2026-{n + 1:02d}", one) for n, one in enumerate(values)]
    item, kind = chosen.pop("item", ITEM), chosen.pop("kind", "river")
    return river_profile(of, lines, item, kind, "t", "river liangtan", **chosen)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("long", [False, True])
@pytest.mark.parametrize(("count", "lines"), [(1, 1), (2, 2), (3, 4), (6, 1), (15, 4), (22, 1), (22, 4)])
def test_texts_of_a_profile_keep_apart(count: int, lines: int, long: bool, language: Language) -> None:
    language = drawn_language(language)
    chance = random.Random(count)
    values = [[chance.choice([0.1, 0.7, 1.3, None]) for _ in range(count)] for _ in range(lines)]
    values[0][0] = 0.5
    of = places(count, language, long=long)
    figure = profile(of, values, language=language)
    assert_texts_keep_apart(figure)
    written = " ".join(texts(figure))
    assert all(f", {round(one.km, 1):g} km" in written for one in of if not one.tributary)
    assert all(f"2026-{n + 1:02d}" in texts(figure) for n in range(lines))


@pytest.mark.parametrize("scale", [0.05, 1.0, 30.0, 1000.0])
@pytest.mark.parametrize(("code", "kind"), [*((code, "river") for code in sorted(ITEMS)), ("total_phosphorus", "lake")])
def test_limits_and_classes_keep_apart_however_high_the_values_are(code: str, kind: Any, scale: float) -> None:
    item = ITEMS[code]
    most = {"ph": 12.0, "dissolved_oxygen": 25.0}.get(code, 1e9)
    middle = min(most, float(item.limits_of(kind)[1]) * scale)
    figure = profile(places(3), [[middle, 1.1 * middle, 0.9 * middle]], item=item, kind=kind)
    assert_texts_keep_apart(figure)
    written, bands = texts(figure), named(figure, "band-")
    for cls in (int(name.split("-")[0]) for name in bands):
        assert any(text.split("=")[0] == class_name(cls, "en") for text in written), (
            "each band has its name, however narrow"
        )
    spans = [box.get_window_extent() for box in bands.values()]
    bottom, top = min(box.y0 for box in spans), max(box.y1 for box in spans)
    dots = named(figure, "value-0-")
    assert len(dots) == 3
    for dot in dots.values():
        _, y = dot.get_transform().transform((dot.get_xdata()[0], dot.get_ydata()[0]))
        assert bottom - 1 <= y <= top + 1, "a value is within the picture"


def test_classes_that_share_a_limit_have_it_once() -> None:
    written = texts(profile(places(3), [[0.5, 1.2, 0.8]], item=ITEMS["copper"]))
    assert written.count("1") == 1
    assert "Ⅱ=Ⅲ=Ⅳ=Ⅴ" in written


def test_the_unit_stands_beside_the_items_name() -> None:
    assert "pH [dimensionless]" in texts(profile(places(3), [[7.0, 7.5, 8.0]], item=ITEMS["ph"]))
    assert "ammonia nitrogen [mg/L]" in texts(profile(places(3), [[0.1, 0.2, 0.3]]))


def pieces(figure: Figure, line: int) -> list[list[float]]:
    """The kilometres-pixels of a line's pieces, along the river."""
    return sorted([float(x) for x in piece.get_xdata()] for piece in named(figure, f"line-{line}-").values())


def at(figure: Figure, line: int) -> dict[int, float]:
    """Where a line's values stand, by the number of the place."""
    return {int(name): float(dot.get_xdata()[0]) for name, dot in named(figure, f"value-{line}-").items()}


RIVER = [Place(float(km), f"S{km}", False) for km in (5, 15, 25, 35, 45)]


@pytest.mark.parametrize(
    ("values", "joined"),
    [
        ([0.1, 0.2, 0.3, 0.4, 0.5], [[0, 1, 2, 3, 4]]),
        ([0.1, 0.2, None, 0.4, 0.5], [[0, 1], [3, 4]]),
        ([0.1, None, 0.3, None, 0.5], []),
        ([None, 0.2, 0.3, 0.4, None], [[1, 2, 3]]),
        ([0.1, 0.2, 0.3, None, 0.5], [[0, 1, 2]]),
    ],
)
def test_a_line_breaks_at_a_section_without_a_value(values: list[float | None], joined: list[list[int]]) -> None:
    figure = profile(RIVER, [values, [0.3] * 5])
    stands = at(figure, 1)
    assert pieces(figure, 0) == [[stands[index] for index in piece] for piece in joined]
    assert set(at(figure, 0)) == {index for index, value in enumerate(values) if value is not None}
    crosses = named(figure, "none-0-")
    assert set(map(int, crosses)) == {index for index, value in enumerate(values) if value is None}
    for index, cross in crosses.items():
        assert np.mean(cross.get_xdata()) == pytest.approx(stands[int(index)])
    assert ("no value" in texts(figure)) == (None in values)


def test_a_tributary_is_not_on_the_line_and_does_not_break_it() -> None:
    of = [*RIVER[:2], Place(24.0, "T", True), *RIVER[2:]]
    for value in (0.9, None):
        figure = profile(of, [[0.1, 0.2, value, 0.3, 0.4, 0.5], [0.3] * 6])
        stands = at(figure, 1)
        assert pieces(figure, 0) == [[stands[index] for index in (0, 1, 3, 4, 5)]]
        assert ("2" in named(figure, "none-0-")) == (value is None)
        assert "T (tributary)" in texts(figure)


@pytest.mark.parametrize("lines", range(1, MOST_LINES + 1))
def test_lines_are_told_apart_without_colour(lines: int) -> None:
    figure = profile(RIVER, [[0.1 * (n + 1)] * 5 for n in range(lines)])
    drawn = [named(figure, f"line-{n}-")["0"] for n in range(lines)]
    assert len({str(line._dash_pattern) for line in drawn}) == lines
    assert len({named(figure, f"value-{n}-")["0"].get_marker() for n in range(lines)}) == lines


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: river_strip([], 2026, "t"), "no section to draw"),
        (lambda: item_calendar([], 2026, [], "t"), "no day to draw"),
        (lambda: profile(RIVER, [[None] * 5]), "nothing to draw of ammonia"),
        (lambda: profile([], [[]]), "nothing to draw of ammonia"),
        (lambda: profile(RIVER, [[0.1] * 5] * 5), "5 lines cannot be told apart in one profile: draw at most 4"),
        (lambda: profile(RIVER, [[0.1] * 4]), "2026-01 has 4 values for 5 sections"),
        (lambda: profile(RIVER, [[0.1, float("nan"), 0.1, 0.1, 0.1]]), "a section without one has None"),
        (lambda: profile(places(60), [[0.1] * 60]), "60 sections cannot be named in one profile: draw at most"),
    ],
)
def test_what_cannot_be_drawn_says_why(make: Callable[[], Figure], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make()


@pytest.mark.parametrize("ending", ["png", "svg"])
@pytest.mark.parametrize(
    "make",
    [
        lambda: strip(rows()),
        lambda: item_calendar(days(), 2026, [], "t"),
        lambda: profile(RIVER, [[0.1, None, 0.3, 0.4, 3.0]]),
    ],
)
def test_the_same_data_give_the_same_bytes(make: Callable[[], Figure], tmp_path: Path, ending: str) -> None:
    for number in (1, 2):
        save(make(), tmp_path / f"{number}.{ending}")
    assert (tmp_path / f"1.{ending}").read_bytes() == (tmp_path / f"2.{ending}").read_bytes()
