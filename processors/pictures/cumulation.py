"""Good days added up over the year, between the line that leads straight to the target and the edge below which it is lost.

straight line    target × day / length of the year: what is needed on each day to end at the target
last edge        target - days left: below it the target can no longer be reached, even if every day left is good
forecast         from the last known day, a fan between the ends of its interval, with its median

Numbers stand at the ends: so far, the target, the forecast.
"""

from calendar import monthrange
from collections.abc import Sequence
from datetime import date
from typing import Final, NamedTuple

from matplotlib.figure import Figure

from processors.pictures.marks import DayMark, FanPoint, by_day
from processors.pictures.sheet import FAINT, QUIET, Align, Sheet, spread
from processors.pictures.words import Language, day_of, month_of, say

# Blue and vermilion, which colour-blind people tell apart (Okabe and Ito, 2008), and greys.
GOOD: Final = "#0072B2"
FORECAST: Final = "#CBE1F0"
STRAIGHT: Final = "#333333"
LOST: Final = "#F0F0F0"
LOST_EDGE: Final = "#D55E00"

# Chosen: the days take the sheet but for a margin at the right, where the year's end is labelled, on 1600 × 900 [px].
_LEFT, _RIGHT, _TOP, _BOTTOM = 116, 1256, 146, 800
_LABEL_APART = 76
# Chosen: where texts end [day of the year], how far above the diagonal they begin [d], and until when the straight line is named
# at the right: so that the two texts never meet.
_EARLY_RIGHT, _MOST_RIGHT, _CLEAR, _EARLY_UNTIL = 96, 285, 12, 200


class _Scale(NamedTuple):
    """Days of the year and good days to px."""

    length: int

    def x(self, number: float) -> float:
        """Of the end of a day of the year."""
        return _LEFT + (_RIGHT - _LEFT) * number / self.length

    def day(self, x: float) -> float:
        """The other way."""
        return (x - _LEFT) / (_RIGHT - _LEFT) * self.length

    def y(self, count: float) -> float:
        """Of so many days."""
        return _BOTTOM - (_BOTTOM - _TOP) * count / self.length

    def at(self, number: float, count: float) -> tuple[float, float]:
        """Both."""
        return self.x(number), self.y(count)


def cumulative(
    days: Sequence[DayMark], year: int, target: int, fan: Sequence[FanPoint], title: str, subtitle: str = "",
    *, language: Language = "en", interval: float | None = None,
) -> Figure:  # fmt: skip
    """Good days of the year so far, 1600 × 900 px, with what the target [d] needs and the forecast; days without verdict are
    ticks at the foot. Open days do not count, and points of the fan up to the last closed day are left out. `interval` is the
    probability that the year ends within the fan.

    Raises ValueError where the year has not as many days as the target. gids of the artists, and ids in SVG:
    good-days, straight, last-edge, forecast-median, not-assessable-N (N: number of the day in the year).
    """
    first, last = date(year, 1, 1), date(year, 12, 31)
    scale = _Scale((last - first).days + 1)
    if not 0 <= target <= scale.length:
        raise ValueError(f"a target of {target} days: {year} has {scale.length}")
    sheet = Sheet(title, subtitle, language)
    marks = {_number(day): mark for day, mark in by_day(days, first, last).items() if mark.is_closed}
    until = max(marks, default=0)
    good = [0]
    for number in range(1, until + 1):
        good.append(good[-1] + (number in marks and marks[number].state == "good"))
    ahead = sorted(point for point in fan if point.day.year == year and _number(point.day) > until)
    _ground(sheet, scale, year, target)
    _fan(sheet, scale, [(until, good[-1], good[-1], good[-1]), *((_number(p.day), *p[1:]) for p in ahead)])
    sheet.line([scale.at(0, 0), scale.at(scale.length, target)], STRAIGHT, 2, name="straight")
    sheet.line([scale.at(number, count) for number, count in enumerate(good)], GOOD, 5, name="good-days")
    _rug(sheet, scale, [number for number, mark in sorted(marks.items()) if mark.state == "not_assessable"])
    _say_so_far(sheet, scale, until, good[-1], target, day_of(marks[until].day, sheet.language) if marks else "")
    _say_straight(sheet, scale, until, target)
    _say_lost(sheet, scale, target)
    _say_end(sheet, scale, target, ahead, interval)
    return sheet.figure


def _ground(sheet: Sheet, scale: _Scale, year: int, target: int) -> None:
    """Months, counts, and the ground from which the target cannot be reached."""
    start = max(0, scale.length - target)
    lost = [scale.at(start, target - scale.length + start), scale.at(scale.length, target), scale.at(scale.length, 0)]
    sheet.shape([*lost, scale.at(start, 0)], LOST, below=True)
    sheet.line(lost[:2], LOST_EDGE, 2, style=(0, (5, 3)), name="last-edge")
    for count in range(0, scale.length, 50):
        sheet.line([scale.at(0, count), scale.at(scale.length, count)], FAINT, 1, below=True)
        sheet.text(_LEFT - 16, scale.y(count), str(count), 19, colour=QUIET, align="right")
    number = 0
    for month in range(1, 13):
        length = monthrange(year, month)[1]
        sheet.text(
            scale.x(number + length / 2),
            _BOTTOM + 50,
            month_of(month, sheet.language),
            20,
            align="center",
            level="baseline",
        )
        number += length
        if month < 12:
            sheet.line([(scale.x(number), _BOTTOM + 32), (scale.x(number), _BOTTOM + 56)], FAINT, 1.5)


def _fan(sheet: Sheet, scale: _Scale, points: Sequence[tuple[int, int, int, int]]) -> None:
    """From the last closed day; nothing where there is no forecast."""
    if len(points) < 2:
        return
    lower = [scale.at(number, low) for number, low, _, _ in points]
    upper = [scale.at(number, high) for number, _, _, high in points]
    sheet.shape([*lower, *reversed(upper)], FORECAST, below=True)
    sheet.line(
        [scale.at(number, median) for number, _, median, _ in points],
        GOOD,
        2.5,
        style=(0, (4, 2)),
        name="forecast-median",
    )


def _rug(sheet: Sheet, scale: _Scale, numbers: Sequence[int]) -> None:
    """A tick at the foot for each day without verdict."""
    for number in numbers:
        x = scale.x(number - 0.5)
        sheet.line([(x, _BOTTOM + 6), (x, _BOTTOM + 22)], STRAIGHT, 2, name=f"not-assessable-{number}")
    if numbers:
        text = say("rug", sheet.language, count=len(numbers))
        sheet.text(_RIGHT + 24, _BOTTOM + 14, text, 19, colour=STRAIGHT)


def _say_so_far(sheet: Sheet, scale: _Scale, until: int, good: int, target: int, day: str) -> None:
    """The count with its day, beside the end of the line. No line is ever above the diagonal: there is always room for text."""
    headline, lines = say("none_yet", sheet.language), []
    if until:
        headline = say("good_days", sheet.language, count=good, days="day" if good == 1 else "days")
        lines = _standing(sheet.language, scale.length, until, good, target, day)
    width = max([sheet.width_of(headline, 32, bold=True), *(sheet.width_of(line, 20) for line in lines)])
    least, most = _LEFT + 24 + width, scale.x(_MOST_RIGHT)
    right = min(max(scale.x(until), least), most)
    bottom = scale.y(scale.day(right) + _CLEAR)
    if until:
        place = scale.at(until, good)
        sheet.line([(min(max(place[0], right - width), right), bottom + 8), place], QUIET, 1.5)
        sheet.dot(place, GOOD, 15)
    align: Align = "left" if right == least else "right"
    anchor = right - width if align == "left" else right
    top = bottom - 28 * len(lines)
    sheet.text(anchor, top - 8, headline, 32, colour=GOOD, align=align, level="baseline", bold=True)
    for number, line in enumerate(lines, start=1):
        sheet.text(anchor, top + 28 * number, line, 20, align=align, level="baseline")


def _standing(language: Language, length: int, until: int, good: int, target: int, day: str) -> list[str]:
    """The day, how far from the straight line, and what is left."""
    ahead = round(good - target * until / length)
    pace = "ahead" if ahead > 0 else "behind" if ahead < 0 else "level"
    spare = good + length - until - target
    state = "reached" if good >= target else "lost" if spare < 0 else "spare"
    return [
        say("by", language, day=day, number=until, length=length),
        say(pace, language, count=abs(ahead)),
        say(state, language, count=spare, left=length - until, target=target),
    ]


def _say_straight(sheet: Sheet, scale: _Scale, until: int, target: int) -> None:
    """The straight line's name, where the count so far leaves room for it."""
    end = _EARLY_RIGHT if until > _EARLY_UNTIL else _MOST_RIGHT
    right, bottom = scale.at(end, end + _CLEAR)
    place = scale.at(end - 6, target * (end - 6) / scale.length)
    sheet.line([(place[0], bottom + 6), place], QUIET, 1.5)
    sheet.dot(place, STRAIGHT, 9)
    sheet.text(right, bottom, say("straight", sheet.language), 20, align="right", level="baseline")


def _say_lost(sheet: Sheet, scale: _Scale, target: int) -> None:
    """What the shaded ground means, in its corner; nowhere where the target leaves it too small."""
    text = say("beyond", sheet.language, target=target)
    if scale.x(scale.length - target) + sheet.width_of(text, 20) + 140 < _RIGHT:
        sheet.text(_RIGHT - 20, _BOTTOM - 30, text, 20, colour=QUIET, align="right")


def _say_end(sheet: Sheet, scale: _Scale, target: int, ahead: Sequence[FanPoint], interval: float | None) -> None:
    """At the year's end: the target, and the forecast with its interval."""
    ends = [(scale.y(target), str(target), say("target", sheet.language), STRAIGHT)]
    if ahead:
        end = ahead[-1]
        percent = "" if interval is None else f"{100 * interval:.0f}"
        words = say("likely" if percent else "forecast", sheet.language, low=end.low, high=end.high, percent=percent)
        ends.append((scale.y(end.median), str(end.median), words, GOOD))
        sheet.line([(_RIGHT + 6, scale.y(end.low)), (_RIGHT + 6, scale.y(end.high))], GOOD, 4)
    ends.sort()
    placed = spread([y for y, *_ in ends], _LABEL_APART, _TOP + 20, _BOTTOM - 40)
    for (y, number, words, colour), place in zip(ends, placed, strict=True):
        sheet.line([(_RIGHT + 10, y), (_RIGHT + 26, place), (_RIGHT + 34, place)], colour, 1.5)
        sheet.text(_RIGHT + 44, place - 3, number, 34, colour=colour, bold=True)
        sheet.text(_RIGHT + 44, place + 30, words, 19, colour=QUIET)
    sheet.dot(scale.at(scale.length, target), STRAIGHT, 11)


def _number(day: date) -> int:
    """Of the day in its year, from 1."""
    return day.timetuple().tm_yday
