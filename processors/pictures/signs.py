"""Signs in a cell that are told apart without colour: what may still change, a missed target, why there is no value.

A legend draws the same ones, so that nothing in a picture looks like what it is called by chance only.
"""

from typing import Final, Literal, NamedTuple

from processors.pictures.sheet import DARK, NO_VERDICT, Sheet

Why = Literal["few", "withheld", "nothing"]
"""Why there is no value: fewer came than one needs; those that came are not to be counted (maintenance, fault …); none came."""

WHYS: Final[tuple[Why, ...]] = ("few", "withheld", "nothing")

# Chosen: a bar of so much from the side of a cell, and so wide, is seen from some metres and leaves a name its room [px].
_BAR_FROM, _BAR, _BAR_SPACE = 6, 8, 5
BESIDE_BAR: Final = _BAR_FROM + _BAR + _BAR_SPACE
"""What a text keeps free at the sides of a cell whose target is missed [px]."""
# Chosen: a sign takes so much of the lower side of its cell, and a quarter of that around it is plain.
_SIGN, _GROUND = 0.46, 1 / 4


class Place(NamedTuple):
    """Where a cell is: upper left corner, width and height [px]."""

    left: float
    top: float
    width: float
    height: float


def unsettled(sheet: Sheet, place: Place, size: float, finality: str, ink: str) -> None:
    """What may still change: dashed inside while the period is open; else a corner so large [px], filled where provisional, open
    where under review."""
    left, top, width, height = place
    if finality == "running":
        sheet.box(left + 2, top + 2, width - 4, height - 4, edge=ink, line=1.5, dashed=True)
    right = left + width
    if finality == "provisional":
        sheet.shape([(right - size, top), (right, top), (right, top + size)], ink)
    elif finality == "under review":
        inner = [(right - size - 1, top + 1.5), (right - 1.5, top + 1.5), (right - 1.5, top + size + 1)]
        sheet.shape(inner, "none", edge=ink, line=1.5)


def missed(sheet: Sheet, place: Place, ink: str, name: str = "") -> None:
    """A bar at the left side: upright, so that it meets no name however low the cell is."""
    sheet.box(place.left + _BAR_FROM, place.top + 5, _BAR, place.height - 10, ink, name=name)


def without(sheet: Sheet, place: Place, why: Why, name: str = "") -> None:
    """In the middle of a cell on a plain ground: a vessel that is not full, two bars as of something held, or a dash."""
    size = round(min(place.width, place.height) * _SIGN)
    left, top = place.left + (place.width - size) / 2, place.top + (place.height - size) / 2
    around = size * _GROUND
    sheet.box(left - around, top - around, size + 2 * around, size + 2 * around, NO_VERDICT, name=name)
    part = size * 0.3
    if why == "few":
        sheet.box(left + 1, top + 1, size - 2, size - 2, edge=DARK, line=2)
        sheet.box(left + 1, top + size - part - 1, size - 2, part, DARK)
    elif why == "withheld":
        sheet.box(left + 1, top, part, size, DARK)
        sheet.box(left + size - part - 1, top, part, size, DARK)
    else:
        sheet.box(left, top + (size - part) / 2, size, part, DARK)
