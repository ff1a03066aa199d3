"""An item along the river: its value at each section over the kilometres, a line a period, over the classes as bands.

Lines differ by colour, dashes and markers. A line breaks at a section that has no value, which is crossed below the picture:
what was not measured is not drawn as if it had been.
"""

from collections.abc import Sequence
from itertools import groupby
from math import isfinite
from typing import Any, Final, NamedTuple

from matplotlib.figure import Figure

from processors.pictures.profile_axis import Axis, axis_of, draw_axis
from processors.pictures.profile_names import draw_names, most_names, names_of, room_of
from processors.pictures.sheet import DARK, HEIGHT, MARGIN, QUIET, WIDTH, Sheet
from processors.pictures.signs import Place as Area
from processors.pictures.water_marks import Place, ProfileLine, unit_of
from processors.pictures.words import Language, say
from processors.standards.water import Item, Kind

# Chosen: what stands beside and above the picture, and a row below it that says where a line has no value [px].
_LEFT, _RIGHT, _TOP, _BELOW, _LANE = 180, 230, 190, 10, 24
_WIDTH: Final = WIDTH - _LEFT - _RIGHT
_CROSS = 6  # half of what marks a section without a value [px]
_TRIBUTARY = 0.8  # the size of a tributary's markers, of those of the river


class _Look(NamedTuple):
    ink: str
    style: Any
    marker: str
    size: float


# Chosen: told apart by dashes and markers where colours are not, as in grey or by the colour-blind.
_LOOKS = (
    _Look(DARK, "solid", "o", 16),
    _Look("#7A1FA2", (0, (5, 2.5)), "s", 15),
    _Look("#00695C", (0, (1, 2)), "^", 19),
    _Look("#B23B00", (0, (6, 2.5, 1, 2.5)), "D", 14),
)

MOST_LINES: Final = len(_LOOKS)
"""As many lines as can be told apart."""


def river_profile(
    places: Sequence[Place],
    lines: Sequence[ProfileLine],
    item: Item,
    kind: Kind,
    title: str,
    subtitle: str = "",
    *,
    language: Language = "en",
) -> Figure:
    """The profile, 1600 × 900 px. In SVG a line's pieces are line-<line>-<first place>, its values value-<line>-<place>, what it
    has none of none-<line>-<place>. ValueError where there is nothing to draw, and with more lines or sections than can be told
    apart."""
    _check(places, lines, item)
    sheet = Sheet(title, subtitle, language)
    first, last = min(one.km for one in places), max(one.km for one in places)
    at = [_LEFT + (_WIDTH / 2 if last == first else _WIDTH * (one.km - first) / (last - first)) for one in places]
    names = names_of(sheet, places, at, _LEFT, _LEFT + _WIDTH)
    without = [number for number, line in enumerate(lines) if None in line.values]
    height = HEIGHT - _TOP - _BELOW - _LANE * len(without) - room_of(sheet, names)
    bottom = _TOP + height
    values = [value for line in lines for value in line.values if value is not None]
    axis = axis_of(values, item, kind, Area(_LEFT, _TOP, _WIDTH, height))
    draw_axis(sheet, axis, item, kind)
    draw_names(sheet, names, bottom, bottom + _BELOW + _LANE * len(without))
    for number, line in enumerate(lines):
        _line(sheet, axis, places, at, number, line)
    for lane, number in enumerate(without):
        _lane(sheet, at, bottom + _BELOW + (lane + 0.5) * _LANE, number, lines[number])
    left = _labels(sheet, [line.label for line in lines])
    name = item.zh if sheet.language == "zh" else item.en
    said, size = sheet.shrunk(f"{name} [{unit_of(item.code, sheet.language)}]", 18, left - MARGIN - 30, 14)
    sheet.text(MARGIN, _TOP - 36, said, size, colour=QUIET)
    return sheet.figure


def _check(places: Sequence[Place], lines: Sequence[ProfileLine], item: Item) -> None:
    if len(lines) > MOST_LINES:
        raise ValueError(f"{len(lines)} lines cannot be told apart in one profile: draw at most {MOST_LINES}")
    if not places or all(value is None for line in lines for value in line.values):
        raise ValueError(f"there is nothing to draw of {item.en}: no section with kilometres has a value")
    if len(places) > most_names(_WIDTH):
        raise ValueError(
            f"{len(places)} sections cannot be named in one profile: draw at most {most_names(_WIDTH)} of them"
        )
    for line in lines:
        if len(line.values) != len(places):
            raise ValueError(f"{line.label} has {len(line.values)} values for {len(places)} sections")
        if not all(value is None or isfinite(value) for value in line.values):
            raise ValueError(f"{line.label} has a value that is no number: a section without one has None")


def _line(
    sheet: Sheet, axis: Axis, places: Sequence[Place], at: Sequence[float], number: int, line: ProfileLine
) -> None:
    """Along the river without its tributaries, in pieces between sections that have no value; all values as markers."""
    look = _LOOKS[number]
    main = sorted((one.km, index) for index, one in enumerate(places) if not one.tributary)
    for has_value, of_piece in groupby((index for _, index in main), key=lambda index: line.values[index] is not None):
        piece = list(of_piece)
        if has_value and len(piece) > 1:
            points = [(at[index], axis.y(value)) for index in piece if (value := line.values[index]) is not None]
            sheet.line(points, look.ink, 3.5, style=look.style, name=f"line-{number}-{piece[0]}")
    for index, value in enumerate(line.values):
        if value is not None:
            size = look.size * (_TRIBUTARY if places[index].tributary else 1)
            sheet.dot((at[index], axis.y(value)), look.ink, size, marker=look.marker, name=f"value-{number}-{index}")


def _lane(sheet: Sheet, at: Sequence[float], y: float, number: int, line: ProfileLine) -> None:
    """Below the picture, a cross at each section of which a line, told by its marker, has no value."""
    look, said = _LOOKS[number], say("no_value", sheet.language)
    sheet.text(_LEFT - 20, y, said, 17, colour=QUIET, align="right")
    sheet.dot((_LEFT - 36 - sheet.width_of(said, 17), y), look.ink, look.size, marker=look.marker)
    for index, value in enumerate(line.values):
        if value is None:
            for side, name in ((_CROSS, f"none-{number}-{index}"), (-_CROSS, "")):
                sheet.line([(at[index] - side, y - _CROSS), (at[index] + side, y + _CROSS)], look.ink, 3, name=name)


def _labels(sheet: Sheet, labels: Sequence[str]) -> float:
    """The lines' names above the picture, the last one at its right end; where the first begins [px]."""
    x: float = WIDTH - MARGIN
    for number in range(len(labels) - 1, -1, -1):
        look, y = _LOOKS[number], _TOP - 36
        label = sheet.fitted(labels[number], 19, 170, bold=True)
        x -= sheet.width_of(label, 19, bold=True)
        sheet.text(x, y, label, 19, colour=look.ink, bold=True)
        sheet.line([(x - 66, y), (x - 10, y)], look.ink, 3.5, style=look.style)
        sheet.dot((x - 38, y), look.ink, look.size, marker=look.marker)
        x -= 94
    return x
