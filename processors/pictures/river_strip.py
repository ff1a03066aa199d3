"""The river as a strip: sections from source to mouth, by month and for the year, each in its class's colour with its name.

A line at the left joins the sections as the water does, a tributary stands in from it. What has no class is hatched, what is not
known yet is empty: silence never looks like clean water.
"""

from collections.abc import Sequence
from itertools import pairwise

from matplotlib.figure import Figure

from processors.pictures.cells import Place, cell
from processors.pictures.legend import Chip, chip, corner
from processors.pictures.sheet import DARK, HEIGHT, LIGHT, MARGIN, NO_VERDICT, QUIET, WIDTH, Sheet
from processors.pictures.water_marks import SectionMark, SectionRow, class_colour, class_name
from processors.pictures.words import Language, month_of, say

# Chosen: names of eight Chinese characters, thirteen columns, and rows that stay legible with twenty sections [px].
_TOP, _BELOW, _NAMES, _TARGET, _GAP, _YEAR_GAP = 176, 110, 250, 84, 3, 14
_LEAST_ROW, _GREATEST_ROW = 30, 76
_CLASSES = range(1, 7)


def river_strip(
    rows: Sequence[SectionRow], year: int, title: str, subtitle: str = "", *, language: Language = "en"
) -> Figure:
    """The strip, 1600 px wide. A cell's id in SVG is cell-<row>-<month>, of the year cell-<row>-year. ValueError without a
    row."""
    if not rows:
        raise ValueError(f"there is no section to draw in {year}")
    row = min(max((HEIGHT - _TOP - _BELOW) / len(rows), _LEAST_ROW), _GREATEST_ROW)
    sheet = Sheet(title, subtitle, language, height=round(_TOP + row * len(rows) + _BELOW))
    left = MARGIN + 44 + _NAMES + _TARGET
    column = (WIDTH - MARGIN - left - _YEAR_GAP) / 13
    head = _TOP - 14
    sheet.text(MARGIN + 44 + _NAMES + _TARGET / 2, head, say("target_class", sheet.language), 18, colour=QUIET, align="center",
               level="baseline")  # fmt: skip
    for month in range(1, 13):
        middle = left + (month - 0.5) * column
        sheet.text(middle, head, month_of(month, sheet.language), 18, colour=QUIET, align="center", level="baseline")
    year_left = left + 12 * column + _YEAR_GAP
    name = say("whole_year", sheet.language)
    sheet.text(year_left + column / 2, head, name, 18, align="center", level="baseline", bold=True)
    _river(sheet, rows, row)
    for number, one in enumerate(rows):
        top = _TOP + number * row
        middle = top + (row - _GAP) / 2
        size = min(22.0, row * 0.5)
        sheet.text(MARGIN + 44, middle, sheet.fitted(one.name, size, _NAMES - 8), size)
        wanted = "–" if one.target is None else class_name(one.target, sheet.language)
        sheet.text(MARGIN + 44 + _NAMES + _TARGET / 2, middle, wanted, size, align="center")
        for month in range(1, 13):
            place = Place(left + (month - 1) * column, top, column - _GAP, row - _GAP)
            _cell(sheet, place, one.months.get(month), f"cell-{number}-{month}")
        _cell(sheet, Place(year_left, top, column - _GAP, row - _GAP), one.year, f"cell-{number}-year")
    _legend(sheet, _TOP + row * len(rows) + 20, rows)
    return sheet.figure


def _river(sheet: Sheet, rows: Sequence[SectionRow], row: float) -> None:
    """The line from source to mouth, with a dot at each section; a tributary comes in from the side."""
    x, side = MARGIN + 10, MARGIN + 28
    places = [_TOP + (number + 0.5) * row for number in range(len(rows))]
    main = [(place, one) for place, one in zip(places, rows, strict=True) if not one.tributary]
    for (place, one), (following, other) in pairwise(main):
        if one.river and one.river == other.river:
            sheet.line([(x, place), (x, following)], QUIET, 5, below=True)
    mouth = max((place for place, _ in main), default=0.0)
    for place, one in zip(places, rows, strict=True):
        if one.tributary:
            sheet.line([(side, place), (x, min(place + row / 2, mouth))], QUIET, 3, below=True)
        sheet.dot((side if one.tributary else x, place), QUIET, 14)


def _cell(sheet: Sheet, place: Place, mark: SectionMark | None, name: str) -> None:
    if mark is None:
        cell(sheet, place, None, "", 0, "", name, known=False)
        return
    colour, text = (None, "") if mark.cls is None else (class_colour(mark.cls), class_name(mark.cls, sheet.language))
    ink = cell(sheet, place, colour, text, min(24.0, place.height * 0.6), mark.finality, name)
    if mark.missed:
        bar = max(4.0, place.height * 0.12)
        below = place.top + place.height - bar - 3
        sheet.box(place.left + 5, below, place.width - 10, bar, ink, name=f"missed-{name}")


def _legend(sheet: Sheet, y: float, rows: Sequence[SectionRow]) -> None:
    """The classes, what has none, what is not known; and the marks that occur."""
    x: float = MARGIN
    for cls in _CLASSES:
        x = chip(sheet, x, y, Chip(class_colour(cls), class_name(cls, sheet.language), [])) + 8
    x = chip(sheet, x, y, Chip(NO_VERDICT, say("no_class", sheet.language), [])) + 8
    x = chip(sheet, x, y, Chip(LIGHT, say("unknown", sheet.language), [])) + 22
    marks = [mark for one in rows for mark in (*one.months.values(), one.year) if mark is not None]
    if any(mark.missed for mark in marks):
        sheet.box(x, y, 34, 34, NO_VERDICT)
        sheet.box(x + 4, y + 26, 26, 5, DARK)
        x = _named(sheet, x + 44, y, "missed")
    for finality, key in (("running", "still_open"), ("provisional", "provisional"), ("under review", "under review")):
        if any(mark.finality == finality for mark in marks):
            sheet.box(x, y, 34, 34, NO_VERDICT)
            if finality == "running":
                sheet.box(x + 3, y + 3, 28, 28, edge=DARK, line=1.5, dashed=True)
            corner(sheet, x + 34, y, 12, finality, DARK)
            x = _named(sheet, x + 44, y, key)


def _named(sheet: Sheet, x: float, y: float, key: str) -> float:
    """A mark's name; where the next one may begin."""
    text = say(key, sheet.language)
    sheet.text(x, y + 17, text, 17, colour=QUIET)
    return x + sheet.width_of(text, 17) + 22
