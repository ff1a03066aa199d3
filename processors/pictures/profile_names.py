"""The sections' names below a profile: slanted, each with a line to its place, moved so that neighbours keep apart."""

from collections.abc import Sequence
from math import cos, radians, sin
from typing import Final, NamedTuple

from processors.pictures.sheet import QUIET, WIDTH, Sheet, spread
from processors.pictures.water_marks import Place
from processors.pictures.words import say

# Chosen: read without turning the head; names beside each other, so far apart, do not touch [°], [px].
_SLANT: Final = 35
_APART, _SIZE, _LEAST_SIZE, _LONGEST, _SIDE = 38, 17, 14, 290, 16
_DOWN, _TO_NAME, _BELOW = 34, 14, 26  # from the axis to a name's begin, from its line's end to it, below its end [px]


class Name(NamedTuple):
    """A section's name, its size, the place of the section and where its name begins [px]."""

    text: str
    size: float
    at: float
    stands: float


def most_names(width: float) -> int:
    """How many sections a picture so wide [px] can name."""
    return int(width // _APART) + 1


def names_of(sheet: Sheet, places: Sequence[Place], at: Sequence[float], left: float, right: float) -> list[Name]:
    """The names of places that lie at these pixels, beginning between left and right [px]."""
    in_order = sorted(zip(at, places, strict=True))
    found = []
    for (stands_for, one), stands in zip(in_order, spread(sorted(at), _APART, left, right), strict=True):
        suffix = f" ({say('tributary', sheet.language)})" if one.tributary else f", {round(one.km, 1):g} km"
        room = min(_LONGEST, (WIDTH - stands - _SIDE) / cos(radians(_SLANT))) - sheet.width_of(suffix, _SIZE)
        name, size = sheet.shrunk(one.name, _SIZE, room, _LEAST_SIZE)
        found.append(Name(name + suffix, size, stands_for, stands))
    return found


def room_of(sheet: Sheet, names: Sequence[Name]) -> float:
    """What they take below an axis [px]."""
    longest = max(sheet.width_of(one.text, one.size) for one in names)
    return _DOWN + longest * sin(radians(_SLANT)) + _BELOW


def draw_names(sheet: Sheet, names: Sequence[Name], top: float, y: float) -> None:
    """With their lines, which go from `top`, the lower end of the picture, by `y`, where nothing else is drawn."""
    for one in names:
        sheet.line([(one.at, top), (one.at, y + 4), (one.stands, y + _DOWN - _TO_NAME)], QUIET, 1.5)
        sheet.text(one.stands, y + _DOWN, one.text, one.size, rotation=-_SLANT, level="center")
