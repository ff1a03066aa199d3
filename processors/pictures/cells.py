"""A cell of a calendar or strip: its class's colour with a text in it; hatched without a class, empty while nothing is known."""

from processors.pictures.sheet import HATCH, NO_VERDICT, NO_VERDICT_HATCH, UNKNOWN_EDGE, Sheet, ink_on
from processors.pictures.signs import BESIDE_BAR, Place, Why, missed, unsettled, without

_CORNER = 10  # of the mark of what may still change [px]
_SIDE, _SIDE_OPEN = 2, 5  # between a text and the sides of its cell, of one that is dashed inside [px]
# Chosen: two texts share a cell of 48 px, the upper one clear of the corner and the lower one of the edge.
_UPPER, _LOWER = 0.38, 0.76


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
    below: str = "",
    below_size: float = 0,
    is_missed: bool = False,
    why: Why | None = None,
) -> None:
    """Draw it. `colour` is None without a class, and `why` then the sign of the reason; a text that is too wide is made smaller;
    `below` is a second one. `finality` is marked in the corner, dashed while the period is open; a missed target by a bar."""
    left, top, width, height = place
    if not known:
        sheet.box(left, top, width, height, edge=UNKNOWN_EDGE, name=name)
        return
    ink = ink_on(colour or NO_VERDICT)
    if colour is None:
        sheet.box(left, top, width, height, NO_VERDICT, edge=NO_VERDICT_HATCH, hatch=HATCH, name=name)
        if why is not None:
            without(sheet, place, why, f"{why}-{name}")
    else:
        sheet.box(left, top, width, height, colour, name=name)
    side = _SIDE_OPEN if finality == "running" else _SIDE
    from_left = BESIDE_BAR if is_missed else side
    for said, wanted, at in ((text, size, _UPPER if below else 0.5), (below, below_size, _LOWER)):
        if said:
            long, room = sheet.width_of(said, wanted), width - from_left - side
            # In the middle of the cell, beside the bar only where it would meet it.
            middle = width / 2 if long <= width - 2 * from_left else from_left + room / 2
            fits = wanted * min(1.0, room / max(long, 1.0))
            sheet.text(left + middle, top + height * at, said, fits, colour=ink, align="center")
    if is_missed:
        missed(sheet, place, ink, f"missed-{name}")
    unsettled(sheet, place, _CORNER, finality, ink)
