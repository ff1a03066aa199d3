"""Pictures: what is on them, asked of the figure's own artists; texts keep apart; files are the same, byte for byte."""

import random
import warnings
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from fractions import Fraction
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import font_manager
from matplotlib.artist import Artist
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from processors.pictures import (
    DayMark,
    FanPoint,
    calendar,
    cumulative,
    drawn_language,
    primary_shares,
    save,
    station_matrix,
)
from processors.pictures.shares import COLOURS, NOT_NAMED, shares_of
from processors.pictures.sheet import HEIGHT, LIGHT, NO_VERDICT, WIDTH, contrast, ink_on, spread
from processors.pictures.words import POLLUTANT
from processors.standards.tables import INDEXES, POLLUTANTS, air_rules

FINALITIES = ("provisional", "under review", "final")


def day_mark(day: date, aqi: int | None, *, finality: str = "final", primary: tuple[str, ...] = ()) -> DayMark:
    if aqi is None:
        return DayMark(day, "not_assessable", None, "", "", (), finality)
    category = air_rules(day).index.category(aqi)
    return DayMark(day, "good" if aqi <= 100 else "polluted", aqi, category.hex, category.en, primary, finality)


def seeded(year: int, seed: int = 1, *, until: date | None = None) -> list[DayMark]:
    """Every class, days without verdict, each finality; after `until` nothing is known."""
    chance = random.Random(seed)
    days = []
    day = date(year, 1, 1)
    while day.year == year:
        aqi = None if chance.random() < 0.04 else chance.choice([30, 45, 70, 90, 120, 170, 250, 400])
        primary = () if aqi is None or aqi <= 50 else tuple(chance.sample(POLLUTANTS, chance.choice([1, 1, 2, 3])))
        mark = day_mark(day, aqi, finality=FINALITIES[day.month % 3], primary=primary)
        days.append(mark if until is None or day <= until else DayMark(day, "", None, "", "", (), ""))
        day += timedelta(days=1)
    return days


def fan_after(days: Sequence[DayMark], year: int) -> list[FanPoint]:
    closed = [mark for mark in days if mark.is_closed]
    good, last = sum(mark.state == "good" for mark in closed), closed[-1].day if closed else date(year - 1, 12, 31)
    ahead = [last + timedelta(days=number) for number in range(1, (date(year, 12, 31) - last).days + 1)]
    return [
        FanPoint(day, good + number // 2, good + number * 3 // 4, good + number)
        for number, day in enumerate(ahead, start=1)
    ]


def named(figure: Figure, name: str) -> list[Artist]:
    return [artist for artist in figure.findobj() if artist.get_gid() == name]


def cells(figure: Figure) -> dict[str, Rectangle]:
    """The cells of a calendar, by day."""
    found = [(artist.get_gid() or "", artist) for artist in figure.findobj(Rectangle)]
    return {name.removeprefix("day-"): artist for name, artist in found if name.startswith("day-")}


def colour(of: Any) -> str:
    return to_hex(of).upper()


def texts(figure: Figure) -> list[str]:
    return [found.get_text() for found in figure.findobj(Text) if found.get_text()]


def assert_texts_keep_apart(figure: Figure) -> None:
    """No two texts overlap, and all are on the sheet."""
    found = [text for text in figure.findobj(Text) if text.get_text()]
    boxes = [(text.get_text(), text.get_window_extent()) for text in found]
    height = figure.get_figheight() * figure.dpi
    for name, box in boxes:
        assert 0 <= box.x0 <= box.x1 <= WIDTH, f"{name!r} is not on the sheet"
        assert 0 <= box.y0 <= box.y1 <= height, f"{name!r} is not on the sheet"
    for (one, left), (other, right) in combinations(boxes, 2):
        # Of a line of text the box has room above and below that no letter fills: 6 px of it may overlap.
        across = min(left.x1, right.x1) - max(left.x0, right.x0)
        along = min(left.y1, right.y1) - max(left.y0, right.y0)
        assert across <= 0 or along <= 6, f"{one!r} and {other!r} overlap by {across:.0f} × {along:.0f} px"


def every_picture(language: Any = "en") -> dict[str, Callable[[], Figure]]:
    days = seeded(2026, until=date(2026, 10, 4))
    rows = {f"Station {number}": seeded(2026, number, until=date(2026, 10, 4)) for number in range(3)}
    may = (date(2026, 5, 1), date(2026, 5, 31))
    year = (date(2026, 1, 1), date(2026, 12, 31))
    return {
        "calendar": lambda: calendar(days, 2026, "Air & water $5_0$", "City", language=language),
        "few stations": lambda: station_matrix(rows, *may, "Air & water $5_0$", "May to May", language=language),
        "many days": lambda: station_matrix(rows, *year, "Air & water $5_0$", language=language),
        "primary": lambda: primary_shares(days, "Air & water $5_0$", "City", language=language),
        "days": lambda: cumulative(
            days, 2026, 320, fan_after(days, 2026), "Air & water $5_0$", language=language, interval=0.8
        ),
        "empty calendar": lambda: calendar([], 2026, "Air & water $5_0$", language=language),
        "no stations": lambda: station_matrix({}, *may, "Air & water $5_0$", language=language),
        "no primary": lambda: primary_shares([], "Air & water $5_0$", language=language),
        "no days": lambda: cumulative([], 2026, 320, [], "Air & water $5_0$", language=language),
    }


NAMES = sorted(every_picture())
FULL = [name for name in NAMES if not name.startswith(("empty", "no "))]


@pytest.mark.parametrize("name", FULL)
def test_the_same_data_give_the_same_bytes(name: str, tmp_path: Path) -> None:
    make = every_picture()[name]
    for suffix in (".png", ".svg"):
        for number in range(2):
            save(make(), tmp_path / f"{number}{suffix}")
        assert (tmp_path / f"0{suffix}").read_bytes() == (tmp_path / f"1{suffix}").read_bytes()
    png = (tmp_path / "0.png").read_bytes()
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert int.from_bytes(png[16:20]) == WIDTH
    assert b"matplotlib" not in png.lower()
    svg = (tmp_path / "0.svg").read_text("utf-8")
    assert "Air &amp; water $5_0$</text>" in svg
    assert "<dc:date>" not in svg
    assert "matplotlib.org" not in svg


@pytest.mark.parametrize("name", NAMES)
def test_texts_keep_apart(name: str) -> None:
    assert_texts_keep_apart(every_picture()[name]())


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", NAMES)
def test_every_letter_can_be_drawn(name: str, language: str, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a glyph that no font has is a warning of matplotlib's
        save(every_picture(language)[name](), tmp_path / "a.png")


def test_chinese_where_a_font_has_it() -> None:
    if drawn_language("zh") != "zh":
        pytest.skip("no font with Chinese characters is installed")
    for name, make in every_picture("zh").items():
        figure = make()
        assert any("\u4e00" <= letter <= "\u9fff" for text in texts(figure) for letter in text), name
        assert_texts_keep_apart(figure)


def test_english_where_no_font_has_chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    latin = [font for font in font_manager.fontManager.ttflist if font.name == "DejaVu Sans"]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", latin)
    assert drawn_language("zh") == "en"
    for name, make in every_picture("zh").items():
        figure = make()
        assert not any(letter >= "\u2e80" for text in texts(figure) for letter in text), name


@pytest.mark.parametrize("name", ["year.pdf", "year", "year.png.txt"])
def test_another_suffix_is_refused_with_those_that_are_possible(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"ends in \.png or \.svg"):
        save(calendar([], 2026, "a"), tmp_path / name)
    assert not (tmp_path / name).exists()


def test_a_suffix_in_capitals_is_one(tmp_path: Path) -> None:
    save(calendar([], 2026, "a"), tmp_path / "YEAR.PNG")
    assert (tmp_path / "YEAR.PNG").read_bytes().startswith(b"\x89PNG")


def test_each_day_of_the_calendar_has_the_colour_of_its_class() -> None:
    days = seeded(2026, until=date(2026, 10, 4))
    figure = calendar(days, 2026, "The year")
    of_day = cells(figure)
    assert len(of_day) == 365
    for mark in days:
        found = of_day[mark.day.isoformat()]
        if mark.state == "":
            assert to_hex(found.get_facecolor(), keep_alpha=True) == "#00000000"
            assert not found.get_hatch()
        elif mark.state == "not_assessable":
            assert colour(found.get_facecolor()) == NO_VERDICT
            assert found.get_hatch()
        else:
            assert colour(found.get_facecolor()) == mark.colour
            assert not found.get_hatch()
    written = texts(figure)
    numbers = sorted(str(mark.aqi) for mark in days if mark.aqi is not None and mark.aqi > 31)
    assert sorted(text for text in written if text.isdigit() and int(text) > 31) == numbers


def test_a_leap_year_has_its_day() -> None:
    assert named(calendar(seeded(2028), 2028, "2028"), "day-2028-02-29")
    assert not named(calendar(seeded(2026), 2026, "2026"), "day-2026-02-29")
    figure = cumulative(seeded(2028), 2028, 366, [], "2028")
    assert any("day 366 of 366" in text for text in texts(figure))


def test_the_legend_counts_closed_days_by_class() -> None:
    days = [
        day_mark(date(2026, 3, 1), 40),
        day_mark(date(2026, 3, 2), 80),
        day_mark(date(2026, 3, 3), 80),
        day_mark(date(2026, 3, 4), None),
        day_mark(date(2026, 3, 5), 90, finality="running"),
    ]
    written = texts(calendar(days, 2026, "2026"))
    assert "3 of 4" in written
    place = written.index("Good")
    assert written[place : place + 3] == ["Good", "51–100", "2 days"]
    assert written[written.index("Not assessable") + 1] == "1 day"
    assert "day still open" in written
    assert "provisional" not in written


def test_a_colour_that_no_edition_has_is_named_by_its_days() -> None:
    written = texts(calendar([DayMark(date(2026, 3, 1), "good", 5, "#123456", "Very good", (), "final")], 2026, "2026"))
    assert "Very good" in written


@pytest.mark.parametrize(
    ("finality", "said"),
    [
        ("provisional", "provisional"),
        ("under review", "under review"),
        ("running", "day still open"),
        ("final", None),
        ("", None),
    ],
)
def test_what_may_still_change_is_told_apart(finality: str, said: str | None) -> None:
    there = calendar([day_mark(date(2026, 3, 1), 80, finality=finality)], 2026, "2026")
    final = calendar([day_mark(date(2026, 3, 1), 80)], 2026, "2026")
    marks = {"provisional", "under review", "day still open"} & set(texts(there))
    assert marks == ({said} if said else set())
    assert (len(there.findobj()) > len(final.findobj())) == (said is not None)


def test_text_can_be_read_on_every_colour() -> None:
    classes = {category.hex for index in INDEXES for category in index.categories}
    for ground in classes | set(COLOURS.values()) | {NO_VERDICT, LIGHT}:
        assert contrast(ink_on(ground), ground) >= 4.5, ground
    yellow, purple, maroon = (
        next(category.hex for category in INDEXES[-1].categories if category.colour_en == name)
        for name in ("yellow", "purple", "maroon")
    )
    assert ink_on(yellow) != LIGHT
    assert ink_on(purple) == ink_on(maroon) == LIGHT


@pytest.mark.parametrize(
    ("stations", "last"), [(3, date(2026, 1, 31)), (5, date(2026, 3, 31)), (40, date(2026, 12, 31))]
)
def test_each_day_of_the_matrix_has_the_colour_of_its_class(stations: int, last: date) -> None:
    rows = {f"Station number {number:02d}": seeded(2026, number, until=date(2026, 10, 4)) for number in range(stations)}
    figure = station_matrix(rows, date(2026, 1, 1), last, "Stations")
    for number, days in enumerate(rows.values()):
        [found] = named(figure, f"row-{number}")
        assert isinstance(found, PolyCollection)
        expected = [
            {"": LIGHT, "not_assessable": NO_VERDICT}.get(mark.state, mark.colour) for mark in days if mark.day <= last
        ]
        assert [colour(face) for face in found.get_facecolor()] == expected
        edges = [tuple(path.get_extents().intervalx) for path in found.get_paths()]
        assert all(left < right for left, right in edges)
        assert all(right <= left for (_, right), (left, _) in pairwise(edges))
    hatched = [patch for patch in figure.findobj(Rectangle) if patch.get_hatch()]
    assert len(hatched) > 1
    assert figure.get_figheight() * figure.dpi <= HEIGHT + 1
    assert set(rows) <= set(texts(figure))
    assert_texts_keep_apart(figure)


def test_the_matrix_has_numbers_where_there_is_room() -> None:
    rows = {"one": [day_mark(date(2026, 3, 1), 77)]}
    assert "77" in texts(station_matrix(rows, date(2026, 3, 1), date(2026, 3, 31), "March"))
    assert "77" not in texts(station_matrix(rows, date(2026, 1, 1), date(2026, 12, 31), "Year"))


def test_a_long_name_is_shortened() -> None:
    figure = station_matrix({"x" * 200: []}, date(2026, 3, 1), date(2026, 3, 31), "March")
    assert any(text.startswith("xxx") and text.endswith("…") for text in texts(figure))
    assert_texts_keep_apart(figure)


def test_a_matrix_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ValueError, match="before it begins"):
        station_matrix({}, date(2026, 3, 2), date(2026, 3, 1), "March")


def test_a_day_with_two_primary_pollutants_counts_half_for_each() -> None:
    days = [
        day_mark(date(2026, 3, 1), 60, primary=("pm2_5",)),
        day_mark(date(2026, 3, 2), 60, primary=("pm2_5", "o3")),
        day_mark(date(2026, 3, 3), 60),
        day_mark(date(2026, 3, 4), 50, primary=("no2",)),
        day_mark(date(2026, 3, 5), None),
        day_mark(date(2026, 3, 6), 60, primary=("so2",), finality="running"),
    ]
    figure = primary_shares(days, "March")
    heights = {}
    for code in ("pm2_5", "o3", "not-named", "no2", "so2"):
        for column in ("03", "year"):
            heights[code, column] = [
                patch.get_height() for patch in named(figure, f"share-{column}-{code}") if isinstance(patch, Rectangle)
            ]
    assert not heights["no2", "03"]
    assert not heights["so2", "03"]
    for column in ("03", "year"):
        [pm2_5], [o3], [none] = (heights[code, column] for code in ("pm2_5", "o3", "not-named"))
        assert (pm2_5 / none, o3 / none) == pytest.approx((1.5, 0.5))
    written = texts(figure)
    assert {"PM₂.₅  50 %", "1.5 days", "O₃  17 %", "0.5 days", "3 days"} <= set(written)
    assert any("two primary pollutants counts half" in text for text in written)
    [segment] = named(figure, "share-year-pm2_5")
    assert isinstance(segment, Rectangle)
    assert colour(segment.get_facecolor()) == COLOURS["pm2_5"]


def test_every_pollutant_has_a_name_and_a_colour_of_its_own() -> None:
    assert tuple(POLLUTANT) == POLLUTANTS
    assert tuple(COLOURS) == (*POLLUTANTS, NOT_NAMED)
    assert len(set(COLOURS.values())) == len(COLOURS)


@given(st.integers(0, 2**32))
def test_shares_add_up_to_the_days(seed: int) -> None:
    days = [mark for mark in seeded(2026, seed) if mark.aqi is not None and mark.aqi > 50]
    found = shares_of(days)
    assert sum(found.values(), Fraction(0)) == len(days)
    assert list(found) == [code for code in (*POLLUTANTS, NOT_NAMED) if code in found]


def points(figure: Figure, name: str) -> list[tuple[float, float]]:
    [line] = named(figure, name)
    assert isinstance(line, Line2D)
    return [(float(x), float(y)) for x, y in np.asarray(line.get_xydata(), dtype=np.float64)]


def test_good_days_add_up_between_the_lines() -> None:
    days = seeded(2026, until=date(2026, 10, 4))
    good = sum(mark.state == "good" for mark in days)
    figure = cumulative(days, 2026, 320, fan_after(days, 2026), "Good days", interval=0.8)
    straight, edge, line = (points(figure, name) for name in ("straight", "last-edge", "good-days"))
    assert len(line) == 1 + 277
    foot, target = straight
    by_day = (foot[1] - target[1]) / 320
    assert (foot[1] - line[-1][1]) / by_day == pytest.approx(good)
    # The edge: nothing needed for 45 days, and then each day.
    assert edge[1] == target
    assert edge[0] == pytest.approx((foot[0] + (target[0] - foot[0]) * 45 / 365, foot[1]))
    end = fan_after(days, 2026)[-1]
    written = texts(figure)
    assert {f"{good} good days", "320", str(end.median), f"forecast {end.low}–{end.high} (80 %)"} <= set(written)
    none = [mark.day.timetuple().tm_yday for mark in days if mark.state == "not_assessable"]
    assert all(named(figure, f"not-assessable-{number}") for number in none)
    assert f"{len(none)} not assessable" in written
    assert points(figure, "forecast-median")[0] == line[-1]


@pytest.mark.parametrize(
    ("good", "bad", "target", "says"),
    [
        (0, 1, 365, "365 can no longer be reached"),
        (0, 1, 364, "0 of the 364 left may be lost"),
        (10, 0, 320, "45 of the 355 left may be lost"),
        (10, 0, 10, "the target is reached"),
        (1, 0, 320, "1 good day"),
        (8, 2, 292, "on the straight line"),
        (3, 7, 292, "5 behind the straight line"),
        (10, 0, 292, "2 ahead of the straight line"),
    ],
)
def test_what_the_count_means_is_said(good: int, bad: int, target: int, says: str) -> None:
    first = date(2026, 1, 1)
    days = [day_mark(first + timedelta(days=n), 40 if n < good else 150) for n in range(good + bad)]
    assert says in texts(cumulative(days, 2026, target, [], "Good days"))


def test_open_days_and_days_of_other_years_do_not_count() -> None:
    days = [
        day_mark(date(2025, 12, 31), 40),
        day_mark(date(2026, 1, 1), 40),
        day_mark(date(2026, 1, 2), 40, finality="running"),
        day_mark(date(2027, 1, 1), 40),
    ]
    assert "1 good day" in texts(cumulative(days, 2026, 320, [], "Good days"))


@pytest.mark.parametrize("target", [-1, 366])
def test_a_target_that_the_year_cannot_have_is_refused(target: int) -> None:
    with pytest.raises(ValueError, match="2026 has 365"):
        cumulative([], 2026, target, [], "Good days")


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 366), st.integers(0, 365), st.sampled_from([0, 30, 90, 100]), st.booleans())
def test_texts_of_any_day_of_any_year_keep_apart(until: int, target: int, percent: int, has_fan: bool) -> None:
    chance = random.Random(until)
    days = [
        day_mark(
            date(2028, 1, 1) + timedelta(days=n), 40 if chance.random() * 100 < percent else chance.choice([150, None])
        )
        for n in range(until)
    ]
    fan = fan_after(days, 2028) if has_fan else []
    assert_texts_keep_apart(cumulative(days, 2028, target, fan, "Good days", "City", interval=0.8))


@given(st.lists(st.floats(0, 500), max_size=7), st.floats(1, 70))
def test_labels_are_spread_without_changing_their_order(wanted: list[float], apart: float) -> None:
    placed = spread(sorted(wanted), apart, 0, 500)
    assert all(after - before >= apart - 1e-6 for before, after in pairwise(placed))
    assert all(place <= 500 for place in placed)
    if len(wanted) == 1:
        assert placed == wanted
