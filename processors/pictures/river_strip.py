"""The river as a strip: sections from source to mouth, by month and for the year, each in its class's colour with its name.

A line at the left joins the sections as the water does, a tributary stands in from it. What has no class is hatched, what is not
known yet is empty: silence never looks like clean water. A missed target has a bar beside the class's name.
"""

from collections.abc import Sequence
from itertools import pairwise

from matplotlib.figure import Figure

from processors.pictures.cells import cell
from processors.pictures.legend import Chip, finalities, row
from processors.pictures.sheet import DARK, HEIGHT, LIGHT, MARGIN, NO_VERDICT, QUIET, WIDTH, Sheet
from processors.pictures.signs import Place, missed
from processors.pictures.water_marks import CLASSES, SectionMark, SectionRow, class_colour, class_name
from processors.pictures.words import Language, month_of, say

# Chosen: room for the river, the target and thirteen columns; names up to so wide, smaller before they are shortened [px].
_TOP, _BELOW, _RIVER, _TARGET, _GAP, _YEAR_GAP = 176, 110, 44, 84, 3, 14
_LEAST_NAMES, _MOST_NAMES, _LEAST_NAME = 150, 360, 15
# Chosen: in the lowest row a class's name is still read from some metres; with many sections the sheet becomes higher [px].
_LEAST_ROW, _GREATEST_ROW = 34, 76
_NAME_SIZE, _CLASS_SIZE = 22.0, 24.0


def river_strip(
    rows: Sequence[SectionRow], year: int, title: str, subtitle: str = "", *, language: Language = "en"
) -> Figure:
    """The strip, 1600 px wide, 900 high or higher. A cell's id in SVG is cell-<row>-<month>, of the year cell-<row>-year, of the
    bar of a missed target missed-<cell>. ValueError without a row."""
    if not rows:
        raise ValueError(f"there is no section to draw in {year}")
    height = min(max((HEIGHT - _TOP - _BELOW) / len(rows), _LEAST_ROW), _GREATEST_ROW)
    sheet = Sheet(title, subtitle, language, height=round(_TOP + height * len(rows) + _BELOW))
    size = min(_NAME_SIZE, height * 0.5)
    widest = max(sheet.width_of(one.name, size) for one in rows)
    names = min(max(widest + 12, _LEAST_NAMES), _MOST_NAMES)
    left = MARGIN + _RIVER + names + _TARGET
    column = (WIDTH - MARGIN - left - _YEAR_GAP) / 13
    _heads(sheet, left, column)
    _river(sheet, rows, height)
    for number, one in enumerate(rows):
        top = _TOP + number * height
        middle = top + (height - _GAP) / 2
        name, fits = sheet.shrunk(one.name, size, names - 8, _LEAST_NAME)
        sheet.text(MARGIN + _RIVER, middle, name, fits)
        wanted = "–" if one.target is None else class_name(one.target, sheet.language)
        sheet.text(left - _TARGET / 2, middle, wanted, size, align="center")
        for month in range(1, 13):
            place = Place(left + (month - 1) * column, top, column - _GAP, height - _GAP)
            _cell(sheet, place, one.months.get(month), f"cell-{number}-{month}")
        year_left = left + 12 * column + _YEAR_GAP
        _cell(sheet, Place(year_left, top, column - _GAP, height - _GAP), one.year, f"cell-{number}-year")
    _legend(sheet, _TOP + height * len(rows) + 20, rows)
    return sheet.figure


def _heads(sheet: Sheet, left: float, column: float) -> None:
    head, middle = _TOP - 14, left + (column - _GAP) / 2
    said = say("target_class", sheet.language)
    sheet.text(left - _TARGET / 2, head, said, 18, colour=QUIET, align="center", level="baseline")
    for month in range(1, 13):
        said = month_of(month, sheet.language)
        at = middle + (month - 1) * column
        sheet.text(at, head, said, 18, colour=QUIET, align="center", level="baseline")
    said = say("whole_year", sheet.language)
    sheet.text(middle + 12 * column + _YEAR_GAP, head, said, 18, align="center", level="baseline", bold=True)


def _river(sheet: Sheet, rows: Sequence[SectionRow], height: float) -> None:
    """The line from source to mouth, with a dot at each section; a tributary comes in from the side."""
    x, side = MARGIN + 10, MARGIN + 28
    places = [_TOP + number * height + (height - _GAP) / 2 for number in range(len(rows))]
    main = [(place, one) for place, one in zip(places, rows, strict=True) if not one.tributary]
    for (place, one), (following, other) in pairwise(main):
        if one.river and one.river == other.river:
            sheet.line([(x, place), (x, following)], QUIET, 5, below=True)
    for place, one in zip(places, rows, strict=True):
        below = next((at for at, _ in main if at > place), None)
        if one.tributary and below is not None:
            joins = place + height / 2
            sheet.line([(side, place), (x, joins), (x, below)], QUIET, 3, below=True)
        sheet.dot((side if one.tributary else x, place), QUIET, 14)


def _cell(sheet: Sheet, place: Place, mark: SectionMark | None, name: str) -> None:
    if mark is None:
        cell(sheet, place, None, "", 0, "", name, known=False)
        return
    colour, text = (None, "") if mark.cls is None else (class_colour(mark.cls), class_name(mark.cls, sheet.language))
    size = min(_CLASS_SIZE, place.height * 0.7)
    cell(sheet, place, colour, text, size, mark.finality, name, is_missed=bool(mark.missed))


def _legend(sheet: Sheet, y: float, rows: Sequence[SectionRow]) -> None:
    """The classes, what has none, what is not known; and the marks that occur."""
    marks = [mark for one in rows for mark in (*one.months.values(), one.year) if mark is not None]
    chips = [Chip(class_colour(cls), class_name(cls, sheet.language)) for cls in CLASSES]
    chips += [Chip(NO_VERDICT, say("no_class", sheet.language)), Chip(LIGHT, say("unknown", sheet.language))]
    if any(mark.missed for mark in marks):
        name = say("missed", sheet.language)
        chips.append(Chip(LIGHT, name, sign=lambda sheet, place: missed(sheet, place, DARK)))
    finalities(sheet, row(sheet, y, chips) + 14, y, {mark.finality for mark in marks}, "still_open")
