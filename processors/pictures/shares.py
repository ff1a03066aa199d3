"""Which pollutants were primary: their shares of the days with an AQI above 50, month by month and in the whole year."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Final

from matplotlib.figure import Figure

from processors.pictures.marks import DayMark, by_day
from processors.pictures.sheet import FAINT, MARGIN, QUIET, WIDTH, Sheet, ink_on, spread
from processors.pictures.words import POLLUTANT, Language, days_of, month_of, say
from processors.standards.tables import POLLUTANTS, air_rules

NOT_NAMED: Final = ""
"""Stands for the share of days that name no primary pollutant."""

COLOURS: Final[Mapping[str, str]] = {
    "pm2_5": "#0072B2", "pm10": "#E69F00", "so2": "#CC79A7", "no2": "#D55E00", "co": "#009E73", "o3": "#56B4E9",
    NOT_NAMED: "#BDBDBD",
}  # fmt: skip
"""Colours that colour-blind people tell apart (M. Okabe and K. Ito, Color Universal Design, 2008): the frequent three, blue,
orange and sky blue, also differ in lightness."""

# Chosen: twelve columns at the left, the year at the right with room for its labels, on 1600 × 900 [px].
_TOP, _BOTTOM = 168, 736
_LEFT, _COLUMN, _GAP = 128, 76, 10
_YEAR_LEFT, _YEAR_WIDTH = 1116, 130
_LEAST_SEGMENT, _LABEL_APART = 26, 58


def primary_shares(days: Sequence[DayMark], title: str, subtitle: str = "", *, language: Language = "en") -> Figure:
    """Shares by month, each column 100 % with its number of days below, and of all days; 1600 × 900 px. All days must be of one
    year; open ones are left out. A segment's gid is share-03-pm2_5, or share-year-pm2_5."""
    sheet = Sheet(title, subtitle, language)
    months: defaultdict[int, list[DayMark]] = defaultdict(list)
    for mark in by_day(days, date.min, date.max).values():
        if mark.is_closed and mark.aqi is not None and mark.aqi > air_rules(mark.day).index.index.primary_above:
            months[mark.day.month].append(mark)
    every = [mark for its in months.values() for mark in its]
    if not every:
        sheet.text(WIDTH / 2, (_TOP + _BOTTOM) / 2, say("no_primary", sheet.language), 26, colour=QUIET, align="center")
        return sheet.figure
    for percent in (0, 25, 50, 75, 100):
        y = _BOTTOM - (_BOTTOM - _TOP) * percent / 100
        sheet.line([(_LEFT - 12, y), (_LEFT + 12 * _COLUMN - _GAP, y)], FAINT, 1, below=True)
        sheet.text(_LEFT - 20, y, f"{percent} %", 18, colour=QUIET, align="right")
    for month in range(1, 13):
        left = _LEFT + (month - 1) * _COLUMN
        _column(sheet, left, _COLUMN - _GAP, months[month], f"{month:02d}")
        _foot(sheet, left + (_COLUMN - _GAP) / 2, month_of(month, sheet.language), str(len(months[month]) or "–"))
    _column(sheet, _YEAR_LEFT, _YEAR_WIDTH, every, "year")
    _foot(sheet, _YEAR_LEFT + _YEAR_WIDTH / 2, say("year", sheet.language), days_of(len(every), sheet.language))
    sheet.text(_LEFT - 20, _BOTTOM + 64, say("days", sheet.language), 20, colour=QUIET, align="right", level="baseline")
    _labels(sheet, every)
    sheet.text(MARGIN, 868, say("shares", sheet.language), 20, colour=QUIET, level="baseline")
    return sheet.figure


def shares_of(days: Sequence[DayMark]) -> dict[str, Fraction]:
    """Days by primary pollutant, in the standard's order; a day with several counts for each in equal parts."""
    found: defaultdict[str, Fraction] = defaultdict(Fraction)
    for mark in days:
        named = mark.primary or (NOT_NAMED,)
        for code in named:
            found[code] += Fraction(1, len(named))
    return {code: found[code] for code in (*POLLUTANTS, NOT_NAMED) if code in found}


def _segments(days: Sequence[DayMark]) -> list[tuple[str, Fraction, float, float]]:
    """(code, days, top, bottom) of each segment, from below upwards."""
    segments, below = [], Fraction(0)
    for code, count in shares_of(days).items():
        above = below + count / len(days)
        top, bottom = (_BOTTOM - (_BOTTOM - _TOP) * float(edge) for edge in (above, below))
        segments.append((code, count, top, bottom))
        below = above
    return segments


def _column(sheet: Sheet, left: float, width: float, days: Sequence[DayMark], name: str) -> None:
    for code, count, top, bottom in _segments(days):
        of = f"share-{name}-{code or 'not-named'}"
        sheet.box(left, top, width, bottom - top, COLOURS[code], edge="#FFFFFF", line=2, name=of)
        if name != "year" and bottom - top >= _LEAST_SEGMENT:
            text = f"{100 * float(count / len(days)):.0f}"
            sheet.text(left + width / 2, (top + bottom) / 2, text, 20, colour=ink_on(COLOURS[code]), align="center")


def _foot(sheet: Sheet, middle: float, name: str, count: str) -> None:
    sheet.text(middle, _BOTTOM + 34, name, 21, align="center", level="baseline")
    sheet.text(middle, _BOTTOM + 64, count, 20, colour=QUIET, align="center", level="baseline")


def _labels(sheet: Sheet, days: Sequence[DayMark]) -> None:
    """Beside the year's column, from above: pollutant, share and days."""
    segments = _segments(days)[::-1]
    middles = [(top + bottom) / 2 for _, _, top, bottom in segments]
    placed = spread(middles, _LABEL_APART, _TOP + 20, _BOTTOM - 16)
    right = _YEAR_LEFT + _YEAR_WIDTH
    for (code, count, _, _), middle, place in zip(segments, middles, placed, strict=True):
        sheet.line([(right + 6, middle), (right + 20, place), (right + 28, place)], QUIET, 1.5)
        name = POLLUTANT[code] if code else say("not_named", sheet.language)
        sheet.text(right + 38, place - 12, f"{name}  {100 * float(count / len(days)):.0f} %", 26, bold=True)
        sheet.text(right + 38, place + 17, days_of(count, sheet.language), 18, colour=QUIET)
