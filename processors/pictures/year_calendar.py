"""The year as a calendar: a row a month, a column a day, each day in the colour of its class with its AQI in it.

Months by days, not weeks by weekdays: a day is asked for by its date, and the air knows no weekdays.
"""

from calendar import monthrange
from collections.abc import Sequence
from datetime import date
from typing import Final

from matplotlib.figure import Figure

from processors.pictures.cells import cell
from processors.pictures.legend import legend
from processors.pictures.marks import DayMark, by_day
from processors.pictures.sheet import MARGIN, NO_VERDICT, QUIET, WIDTH, Sheet
from processors.pictures.signs import Place
from processors.pictures.words import Language, month_of, say

# Chosen: 31 columns and 12 rows on a sheet of 1600 × 900 between title and legend; three digits fit in a cell [px].
_LEFT, _TOP, _COLUMN, _ROW, _GAP = 118, 164, 42, 51, 3
_NUMBER_SIZE, _HEAD_SIZE, _MONTH_SIZE = 18, 18, 22
_LEGEND_TOP: Final = _TOP + 12 * _ROW + 18


def calendar(
    days: Sequence[DayMark], year: int, title: str, subtitle: str = "", *, language: Language = "en"
) -> Figure:
    """The year, 1600 × 900 px. Days without verdict are hatched, those not known yet are empty; closed days are counted by month
    and class. A cell's id in SVG, and the gid of its artist, is day-2026-03-05."""
    sheet = Sheet(title, subtitle, language)
    last = date(year, 12, 31)
    marks = by_day(days, date(year, 1, 1), last)
    for number in range(1, 32):
        middle = _LEFT + (number - 1) * _COLUMN + (_COLUMN - _GAP) / 2
        sheet.text(middle, _TOP - 12, str(number), _HEAD_SIZE, colour=QUIET, align="center", level="baseline")
    head = say("good", sheet.language)
    sheet.text(WIDTH - MARGIN, _TOP - 12, head, _HEAD_SIZE, colour=QUIET, align="right", level="baseline")
    for month in range(1, 13):
        top = _TOP + (month - 1) * _ROW
        middle = top + (_ROW - _GAP) / 2
        sheet.text(MARGIN, middle, month_of(month, sheet.language), _MONTH_SIZE)
        for number in range(1, monthrange(year, month)[1] + 1):
            day = date(year, month, number)
            _cell(sheet, _LEFT + (number - 1) * _COLUMN, top, day, marks.get(day))
        closed = [mark for mark in marks.values() if mark.day.month == month and mark.is_closed]
        if closed:
            good = sum(mark.state == "good" for mark in closed)
            text = say("good_of_days", sheet.language, good=good, days=len(closed))
            sheet.text(WIDTH - MARGIN, middle, text, _MONTH_SIZE, align="right")
    legend(sheet, _LEGEND_TOP, list(marks.values()), last, counted=True)
    return sheet.figure


def _cell(sheet: Sheet, left: float, top: float, day: date, mark: DayMark | None) -> None:
    place, name = Place(left, top, _COLUMN - _GAP, _ROW - _GAP), f"day-{day.isoformat()}"
    if mark is None or mark.state == "":
        cell(sheet, place, None, "", 0, "", name, known=False)
        return
    colour = None if mark.state == "not_assessable" else mark.colour or NO_VERDICT
    cell(sheet, place, colour, "" if mark.aqi is None else str(mark.aqi), _NUMBER_SIZE, mark.finality, name)
