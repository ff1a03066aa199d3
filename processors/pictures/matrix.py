"""Stations by days: a row a station, each day in the colour of its class.

Rows and days share the room there is: few of them get numbers and gaps; many become narrow, and then the AQI and the marks of
days that may still change are left out.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import groupby, pairwise
from typing import Final

from matplotlib.figure import Figure

from processors.pictures.legend import legend
from processors.pictures.marks import DayMark, by_day
from processors.pictures.sheet import (
    FAINT,
    HATCH,
    HEIGHT,
    LIGHT,
    MARGIN,
    NO_VERDICT,
    NO_VERDICT_HATCH,
    QUIET,
    UNKNOWN_EDGE,
    WIDTH,
    Sheet,
    ink_on,
)  # fmt: skip
from processors.pictures.signs import Place, unsettled
from processors.pictures.words import Language, month_of, say
from processors.windows import days_between

# Chosen: room above and below the rows; the sheet is lower with few stations, and higher where 40 do not suffice [px].
_TOP, _BELOW = 180, 112
_LEAST_ROW, _GREATEST_ROW = 15.0, 64
# Chosen: names beyond it are shortened, so that the days keep two thirds of the sheet [px].
_MOST_NAME, _COUNT_ROOM = 300, 150
# Chosen: a cell of so much holds a number of three digits that can be read [px].
_NUMBER_WIDTH, _NUMBER_HEIGHT = 33, 24
# Chosen: from so much on, each column has its day above it, or only the tenth and twentieth have [px].
_DAY_WIDTH, _TENTH_WIDTH = 24, 7
# Chosen: with more days than two months and a half, months stand apart by less.
_NARROW_FROM = 75


def station_matrix(
    rows: Mapping[str, Sequence[DayMark]], first: date, last: date, title: str, subtitle: str = "",
    *, language: Language = "en",
) -> Figure:  # fmt: skip
    """The days from `first` to `last`, both included, of each station by its name; 1600 px wide, 900 high where there are many.
    The colours of a row are the face colours of the artist with gid row-N (N from 0), one for each day.

    Raises ValueError where `last` is before `first`.
    """
    if last < first:
        raise ValueError(f"the picture would end ({last}) before it begins ({first})")
    row = min(max((HEIGHT - _TOP - _BELOW) / max(len(rows), 1), _LEAST_ROW), _GREATEST_ROW)
    sheet = Sheet(title, subtitle, language, height=round(_TOP + max(len(rows), 1) * row + _BELOW))
    days = days_between(first, last)
    name_size = min(20.0, row * 0.86)
    room = max((sheet.width_of(name, name_size) for name in rows), default=0.0)
    left = round(MARGIN + min(room, _MOST_NAME) + 16)
    grid = _Grid(left, WIDTH - MARGIN - _COUNT_ROOM, days, row)
    if not rows:
        sheet.text(WIDTH / 2, _TOP + row / 2, say("no_station", sheet.language), 24, colour=QUIET, align="center")
    for number, (name, its) in enumerate(rows.items()):
        top = _TOP + number * row
        sheet.text(MARGIN, top + (row - grid.row_gap) / 2, sheet.fitted(name, name_size, _MOST_NAME), name_size)
        _row(sheet, grid, top, number, by_day(its, first, last), min(22.0, row * 0.86))
    _heads(sheet, grid)
    head = say("good", sheet.language)
    sheet.text(WIDTH - MARGIN, _TOP - 12, head, 18, colour=QUIET, align="right", level="baseline")
    every = [mark for its in rows.values() for mark in by_day(its, first, last).values()]
    shown = every if grid.has_numbers else [mark._replace(finality="final") for mark in every]
    legend(sheet, _TOP + max(len(rows), 1) * row + 24, shown, last, counted=False)
    return sheet.figure


class _Grid:
    """Where the days stand [px]. Edges are whole, so that no seam shows between narrow cells; months stand apart."""

    def __init__(self, left: float, right: float, days: Sequence[date], row: float) -> None:
        self.days = days
        self.row = row
        self.starts = [index for index, day in enumerate(days) if index == 0 or day.day == 1]
        between = 3 if len(days) > _NARROW_FROM else 8
        self.column: Final = (right - left - between * (len(self.starts) - 1)) / len(days)
        self.gap = 3 if self.column >= 16 else 1 if self.column >= 6 else 0
        self.row_gap = 3 if row >= 24 else 2
        self.has_numbers = self.column >= _NUMBER_WIDTH and row >= _NUMBER_HEIGHT
        before = [sum(start <= index for start in self.starts) - 1 for index in range(len(days))]
        self.spans = [
            (round(left + index * self.column + between * months),
             round(left + (index + 1) * self.column + between * months) - self.gap)
            for index, months in enumerate(before)
        ]  # fmt: skip


def _row(sheet: Sheet, grid: _Grid, top: float, number: int, marks: Mapping[date, DayMark], size: float) -> None:
    upper, height = round(top), round(top + grid.row) - round(top) - grid.row_gap
    of_days = [marks.get(day) for day in grid.days]
    cells = [(left, upper, right - left, height) for left, right in grid.spans]
    sheet.boxes(cells, [_face(mark) for mark in of_days], f"row-{number}")
    for kind, left, right in _runs(grid, of_days):
        if kind == "not_assessable":
            sheet.box(left, upper, right - left, height, NO_VERDICT, edge=NO_VERDICT_HATCH, hatch=HATCH)
        elif kind == "unknown":
            sheet.box(left + 0.5, upper + 0.5, right - left - 1, height - 1, edge=UNKNOWN_EDGE)
    if grid.has_numbers:
        for (x, y, width, tall), mark in zip(cells, of_days, strict=True):
            _inside(sheet, x, y, width, tall, mark)
    closed = [mark for mark in marks.values() if mark.is_closed]
    good = sum(mark.state == "good" for mark in closed)
    text = say("good_of_days", sheet.language, good=good, days=len(closed)) if closed else "–"
    sheet.text(WIDTH - MARGIN, top + (grid.row - grid.row_gap) / 2, text, size, align="right")


def _runs(grid: _Grid, of_days: Sequence[DayMark | None]) -> Iterator[tuple[str, int, int]]:
    """(kind, left, right) [px] of days; of days without a gap between them, those of one kind in one month together."""
    for start, end in pairwise([*grid.starts, len(of_days)]):
        for kind, members in groupby(range(start, end), key=lambda index: _kind(of_days[index])):
            run = list(members)
            for piece in [[index] for index in run] if grid.gap else [run]:
                yield kind, grid.spans[piece[0]][0], grid.spans[piece[-1]][1]


def _inside(sheet: Sheet, x: float, y: float, width: float, height: float, mark: DayMark | None) -> None:
    if mark is None or mark.state == "":
        return
    ink = ink_on(mark.colour or NO_VERDICT)
    if mark.aqi is not None:
        size = min(19.0, (width - 3) / 1.95)
        sheet.text(x + width / 2, y + height / 2, str(mark.aqi), size, colour=ink, align="center")
    unsettled(sheet, Place(x, y, width, height), min(10.0, height / 4), mark.finality, ink)


def _heads(sheet: Sheet, grid: _Grid) -> None:
    """Months above their columns where there is room, and the days where they are not too many."""
    by_days = grid.column >= _DAY_WIDTH
    for start, end in pairwise([*grid.starts, len(grid.days)]):
        left, right, first = grid.spans[start][0], grid.spans[end - 1][1], grid.days[start]
        month = month_of(first.month, sheet.language)
        if first.year != grid.days[0].year and first.month == 1:
            month = f"{month} {first.year}"
        if sheet.width_of(month, 18) <= right - left:
            sheet.text(left, _TOP - (36 if by_days else 12), month, 18, colour=QUIET, level="baseline")
    for day, (left, right) in zip(grid.days, grid.spans, strict=True):
        if by_days or (grid.column >= _TENTH_WIDTH and day.day in {10, 20}):
            middle = (left + right) / 2
            sheet.text(middle, _TOP - 12, str(day.day), 17, colour=QUIET, align="center", level="baseline")


def _kind(mark: DayMark | None) -> str:
    if mark is None or mark.state == "":
        return "unknown"
    return "not_assessable" if mark.state == "not_assessable" else "verdict"


def _face(mark: DayMark | None) -> str:
    return {"unknown": LIGHT, "not_assessable": NO_VERDICT}.get(_kind(mark)) or (mark and mark.colour) or FAINT
