"""A cell of a calendar or strip: its class's colour with a text in it; hatched without a class, empty while nothing is known."""

from typing import NamedTuple

from processors.pictures.legend import corner
from processors.pictures.sheet import DARK, HATCH, NO_VERDICT, NO_VERDICT_HATCH, UNKNOWN_EDGE, Sheet, ink_on

_CORNER = 10  # of the mark of what may still change [px]
_SIDE = 2  # between a text and the sides of its cell [px]


class Place(NamedTuple):
    """Where a cell is: upper left corner, width and height [px]."""

    left: float
    top: float
    width: float
    height: float


def cell(
    sheet: Sheet,
    place: Place,
    colour: str | None,
    text: str,
    size: float,
    finality: str,
    name: str,
    *,
    known: bool = True,
) -> str:
    """Draw it; the ink that is legible on it. `colour` is None without a class; a text that is too wide is made smaller;
    `finality` is marked in the corner, dashed while the period is open."""
    left, top, width, height = place
    if not known:
        sheet.box(left, top, width, height, edge=UNKNOWN_EDGE, name=name)
        return DARK
    ink = ink_on(colour or NO_VERDICT)
    if colour is None:
        sheet.box(left, top, width, height, NO_VERDICT, edge=NO_VERDICT_HATCH, hatch=HATCH, name=name)
    else:
        sheet.box(left, top, width, height, colour, name=name)
    if text:
        fits = size * (width - 2 * _SIDE) / max(sheet.width_of(text, size), 1.0)
        sheet.text(left + width / 2, top + height / 2, text, min(size, fits), colour=ink, align="center")
    if finality == "running":
        sheet.box(left + 2, top + 2, width - 4, height - 4, edge=ink, line=1.5, dashed=True)
    corner(sheet, left + width, top, _CORNER, finality, ink)
    return ink
