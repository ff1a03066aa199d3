"""A year of one item at one section: a row a month, a column a day, each day in the colour of its class with its mean in it.

The class's name stands below the mean. A day without a mean is hatched and has the sign of its reason: too few values, values
that were withheld (maintenance, fault …), nothing at all.
"""

from calendar import monthrange
from collections import Counter
from collections.abc import Sequence
from datetime import date
from functools import partial
from typing import Final

from matplotlib.figure import Figure

from processors.pictures.cells import cell
from processors.pictures.legend import Chip, finalities, row
from processors.pictures.sheet import LIGHT, MARGIN, NO_VERDICT, QUIET, Sheet
from processors.pictures.signs import WHYS, Place, without
from processors.pictures.water_marks import CLASSES, ItemDay, class_colour, class_name
from processors.pictures.words import Language, days_of, month_of, say

# Chosen: 31 columns and 12 rows on a sheet of 1600 × 900, as the calendar of air [px].
_LEFT, _TOP, _COLUMN, _ROW, _GAP = 118, 164, 46, 51, 3
_NUMBER_SIZE, _CLASS_SIZE, _HEAD_SIZE, _MONTH_SIZE = 17, 14, 18, 22
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
    """The year, 1600 × 900 px; `limits` are those of the classes, for the legend, which counts closed days without a mean by
    reason. Days not known yet are empty. A cell's id in SVG is day-2026-03-05, of a reason's sign few-day-2026-03-05. ValueError
    without a day."""
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
    _legend(sheet, list(known.values()), limits)
    return sheet.figure


def _cell(sheet: Sheet, left: float, top: float, day: date, one: ItemDay | None) -> None:
    place, name = Place(left, top, _COLUMN - _GAP, _ROW - _GAP), f"day-{day.isoformat()}"
    if one is None:
        cell(sheet, place, None, "", 0, "", name, known=False)
    elif one.cls is None:
        cell(sheet, place, None, "", 0, one.finality, name, why=one.why)
    else:
        colour, of_class = class_colour(one.cls), class_name(one.cls, sheet.language)
        cell(sheet, place, colour, one.shown, _NUMBER_SIZE, one.finality, name, below=of_class, below_size=_CLASS_SIZE)


def _legend(sheet: Sheet, days: Sequence[ItemDay], limits: Sequence[str]) -> None:
    """The classes with their limits, why there is no mean, what is not known; and the marks that occur."""
    closed = Counter(one.why for one in days if one.cls is None and one.finality != "running")
    chips = [
        Chip(class_colour(cls), class_name(cls, sheet.language), [limits[cls - 1]] if cls <= len(limits) else [])
        for cls in CLASSES
    ]
    for why in WHYS:
        below = [days_of(closed[why], sheet.language)] + [say("withheld_as", sheet.language)] * (why == "withheld")
        chips.append(Chip(NO_VERDICT, say(why, sheet.language), below, partial(without, why=why)))
    chips.append(Chip(LIGHT, say("unknown", sheet.language)))
    x = row(sheet, _LEGEND_TOP, chips)
    finalities(sheet, x + 14, _LEGEND_TOP, {one.finality for one in days}, "running")
