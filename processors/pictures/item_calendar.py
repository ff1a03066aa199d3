"""A year of one item at one section: a row a month, a column a day, each day in the colour of its class with its mean in it."""

from calendar import monthrange
from collections.abc import Sequence
from datetime import date
from typing import Final

from matplotlib.figure import Figure

from processors.pictures.cells import Place, cell
from processors.pictures.legend import Chip, chip
from processors.pictures.sheet import LIGHT, MARGIN, NO_VERDICT, QUIET, Sheet
from processors.pictures.water_marks import ItemDay, class_colour, class_name
from processors.pictures.words import Language, month_of, say

# Chosen: 31 columns and 12 rows on a sheet of 1600 × 900, as the calendar of air [px].
_LEFT, _TOP, _COLUMN, _ROW, _GAP = 118, 164, 46, 51, 3
_NUMBER_SIZE, _HEAD_SIZE, _MONTH_SIZE = 16, 18, 22
_LEGEND_TOP: Final = _TOP + 12 * _ROW + 18


def item_calendar(
    days: Sequence[ItemDay],
    year: int,
    limits: Sequence[str],
    title: str,
    subtitle: str = "",
    *,
    language: Language = "en",
) -> Figure:
    """The year, 1600 × 900 px; `limits` are those of the classes, for the legend. Days without a mean are hatched, those not
    known yet are empty. A cell's id in SVG is day-2026-03-05. ValueError without a day."""
    known = {one.day: one for one in days if one.day.year == year}
    if not known:
        raise ValueError(f"there is no day to draw in {year}")
    sheet = Sheet(title, subtitle, language)
    for number in range(1, 32):
        middle = _LEFT + (number - 1) * _COLUMN + (_COLUMN - _GAP) / 2
        sheet.text(middle, _TOP - 12, str(number), _HEAD_SIZE, colour=QUIET, align="center", level="baseline")
    for month in range(1, 13):
        top = _TOP + (month - 1) * _ROW
        sheet.text(MARGIN, top + (_ROW - _GAP) / 2, month_of(month, sheet.language), _MONTH_SIZE)
        for number in range(1, monthrange(year, month)[1] + 1):
            day = date(year, month, number)
            _cell(sheet, _LEFT + (number - 1) * _COLUMN, top, day, known.get(day))
    x: float = MARGIN
    for cls in range(1, 7):
        below = limits[cls - 1] if cls <= len(limits) else ""
        x = chip(sheet, x, _LEGEND_TOP, Chip(class_colour(cls), class_name(cls, sheet.language), [below])) + 8
    x = chip(sheet, x, _LEGEND_TOP, Chip(NO_VERDICT, say("too_few", sheet.language), [])) + 8
    chip(sheet, x, _LEGEND_TOP, Chip(LIGHT, say("unknown", sheet.language), []))
    return sheet.figure


def _cell(sheet: Sheet, left: float, top: float, day: date, one: ItemDay | None) -> None:
    place, name = Place(left, top, _COLUMN - _GAP, _ROW - _GAP), f"day-{day.isoformat()}"
    if one is None:
        cell(sheet, place, None, "", 0, "", name, known=False)
        return
    colour = None if one.cls is None else class_colour(one.cls)
    cell(sheet, place, colour, "" if one.cls is None else one.shown, _NUMBER_SIZE, one.finality, name)
