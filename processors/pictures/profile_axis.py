"""The upright axis of a profile: from where to where it goes, the classes as bands, and numbers that keep apart beside them."""

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.colors import to_hex, to_rgb
from matplotlib.ticker import MaxNLocator

from processors.pictures.sheet import FAINT, LIGHT, QUIET, Sheet, spread
from processors.pictures.signs import Place
from processors.pictures.water_marks import CLASSES, class_colour, class_name
from processors.pictures.words import Language
from processors.standards.water import Item, Kind

_TINT = 0.72  # of white in a band, chosen: lines and texts stay legible on it
# Chosen: texts of this size so far apart do not touch, in either language [px].
_SIZE, _APART, _TICK_SIZE = 18, 29, 16
_LEADER = 18  # from the picture to a text beside it [px]
_AIR = 1.15  # above the highest value or limit, chosen
_AROUND = 0.5  # of an item with a band, above and below, chosen
_TICKS = 5


class Axis(NamedTuple):
    """Where the picture stands, and the values at its lower and upper end."""

    place: Place
    low: float
    high: float

    def y(self, value: float) -> float:
        """Where a value within the axis stands [px]."""
        return self.place.top + self.place.height * (self.high - value) / (self.high - self.low)


class Band(NamedTuple):
    """A class from `bottom` to `top`, and the worse ones that have the same limit."""

    cls: int
    bottom: float
    top: float
    also: tuple[int, ...]

    def name(self, language: Language) -> str:
        """Ⅱ, or Ⅱ=Ⅲ=Ⅳ where they share a limit."""
        return "=".join(class_name(cls, language) for cls in (self.cls, *self.also))


def axis_of(values: Sequence[float], item: Item, kind: Kind, place: Place) -> Axis:
    """An axis that holds all values, and the limits next to them."""
    limits = [float(limit) for limit in item.limits_of(kind)]
    if item.better == "band":
        return Axis(place, min(*values, limits[0]) - _AROUND, max(*values, limits[1]) + _AROUND)
    above = [limit for limit in limits if limit > max(values)]
    return Axis(place, min(0.0, *values), (min(above) if above else max(*values, *limits)) * _AIR)


def draw_axis(sheet: Sheet, axis: Axis, item: Item, kind: Kind) -> None:
    """The bands with the names of their classes to the right, the limits and some values to the left."""
    left, _, width, _ = axis.place
    right = left + width
    bands = bands_of(axis, item, kind)
    for number, band in enumerate(bands):
        top, bottom = axis.y(band.top), axis.y(band.bottom)
        sheet.box(left, top, width, bottom - top, _tinted(class_colour(band.cls)), name=f"band-{band.cls}-{number}")
    upwards = sorted(bands, key=lambda band: -band.bottom)
    middles = [(axis.y(band.bottom) + axis.y(band.top)) / 2 for band in upwards]
    for band, middle, at in zip(upwards, middles, _apart(middles, axis), strict=True):
        sheet.line([(right + 2, middle), (right + _LEADER, at)], QUIET, 1.5)
        sheet.text(right + _LEADER + 6, at, band.name(sheet.language), 20)
    limits = sorted({limit for limit in item.limits_of(kind) if axis.low <= limit <= axis.high}, reverse=True)
    wanted = [axis.y(float(limit)) for limit in limits]
    written = _apart(wanted, axis)
    for limit, line, at in zip(limits, wanted, written, strict=True):
        sheet.line([(left, line), (right, line)], FAINT, 1.5, below=True)
        sheet.line([(left - _LEADER, at), (left, line)], QUIET, 1.5)
        sheet.text(left - _LEADER - 6, at, f"{limit.normalize():f}", _SIZE, align="right", bold=True)
    for value in MaxNLocator(_TICKS).tick_values(axis.low, axis.high):
        at = axis.y(value)
        if axis.low <= value <= axis.high and all(abs(at - other) >= _APART for other in written):
            sheet.line([(left - 7, at), (left, at)], QUIET, 1.5)
            sheet.text(left - _LEADER - 6, at, f"{value:.6g}", _TICK_SIZE, colour=QUIET, align="right")


def bands_of(axis: Axis, item: Item, kind: Kind) -> list[Band]:
    """The classes within the axis. Where classes share a limit the best one has the band: water that keeps it is of that."""
    limits = [float(limit) for limit in item.limits_of(kind)]
    if item.better == "band":
        worst = CLASSES[-1]
        low, high = limits
        edges = [(worst, axis.low, low), (1, low, high), (worst, high, axis.high)]
        return [Band(cls, bottom, top, ()) for cls, bottom, top in edges]
    ends = [axis.low, *limits, axis.high] if item.better == "less" else [axis.high, *limits, axis.low]
    found: list[Band] = []
    for cls in CLASSES:
        bottom, top = sorted(min(max(end, axis.low), axis.high) for end in ends[cls - 1 : cls + 1])
        also = tuple(worse for worse in CLASSES[cls:-1] if limits[worse - 1] == limits[cls - 1])
        if bottom < top:
            found.append(Band(cls, bottom, top, also))
    return found


def _apart(wanted: Sequence[float], axis: Axis) -> list[float]:
    """Places for texts near those wanted, in the same order, beside the picture."""
    return spread(wanted, _APART, axis.place.top, axis.place.top + axis.place.height)


def _tinted(colour: str) -> str:
    red, green, blue = (part + (full - part) * _TINT for part, full in zip(to_rgb(colour), to_rgb(LIGHT), strict=True))
    return to_hex((red, green, blue))
