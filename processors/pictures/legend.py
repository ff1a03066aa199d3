"""The classes in a row below a picture, each in its colour with its range, the signs, and the marks of what may still change."""

from collections.abc import Callable, Collection, Sequence
from datetime import date
from typing import NamedTuple

from processors.pictures.marks import DayMark
from processors.pictures.sheet import (
    DARK,
    HATCH,
    LIGHT,
    MARGIN,
    NO_VERDICT,
    NO_VERDICT_HATCH,
    QUIET,
    UNKNOWN_EDGE,
    Sheet,
    ink_on,
)  # fmt: skip
from processors.pictures.signs import Place, unsettled
from processors.pictures.words import Language, days_of, say
from processors.standards.tables import air_rules

# Chosen: of a row that is read from some metres and still leaves the picture its room [px].
_CHIP_HEIGHT, _GAP, _NAME_SIZE, _BELOW_SIZE = 34, 8, 16, 17
_LEAST_WIDTH = 84
_SIGN_GAP = 20
# Chosen: three marks below each other are as high as a chip with two lines below it [px].
_MARK, _STEP = 18, 23


class Chip(NamedTuple):
    """A colour with its name in it, and lines below; with a sign, this in a cell of the colour, and the name beside it."""

    colour: str
    name: str
    below: Sequence[str] = ()
    sign: Callable[[Sheet, Place], None] | None = None


def legend(sheet: Sheet, y: float, days: Sequence[DayMark], last: date, *, counted: bool) -> None:
    """The classes of the edition in force on `last`, with the number of closed days of each where `counted`; "not assessable" and
    "not known yet"; the marks that occur."""
    closed = [mark for mark in days if mark.is_closed]

    def count(colour: str) -> str:
        return days_of(sum(_colour(mark) == colour for mark in closed), sheet.language) if counted else ""

    chips = [Chip(colour, name, [text, count(colour)]) for colour, name, text in _classes(days, last, sheet.language)]
    chips.append(Chip(NO_VERDICT, say("not_assessable", sheet.language), [count(NO_VERDICT)]))
    chips.append(Chip(LIGHT, say("unknown", sheet.language), []))
    finalities(sheet, row(sheet, y, chips) + 14, y, {mark.finality for mark in days}, "running")


def row(sheet: Sheet, y: float, chips: Sequence[Chip]) -> float:
    """Draw chips beside each other; where the next one may begin [px]."""
    x: float = MARGIN
    for one in chips:
        x = _chip(sheet, x, y, one) + (_GAP if one.sign is None else _SIGN_GAP)
    return x


def _classes(days: Sequence[DayMark], last: date, language: Language) -> list[tuple[str, str, str]]:
    """(colour, name, range) of the edition's classes, then of colours that it does not have, by the lowest AQI they stand for."""
    edition = air_rules(last).index.categories
    known = [(one.hex, one.zh if language == "zh" else one.en, f"{one.low}–{one.high}") for one in edition]
    others: dict[str, tuple[int, str]] = {}
    for mark in days:
        if mark.colour and mark.colour not in {colour for colour, _, _ in known}:
            others[mark.colour] = min(others.get(mark.colour, (10**6, "")), (mark.aqi or 0, mark.label))
    return known + [(colour, label, "") for colour, (_, label) in sorted(others.items(), key=lambda item: item[1])]


def _chip(sheet: Sheet, x: float, y: float, one: Chip) -> float:
    """Draw one; where it ends [px]."""
    if one.sign is not None:
        return _signed(sheet, x, y, one, one.sign)
    texts = [sheet.width_of(text, _BELOW_SIZE) for text in one.below]
    width = round(max(sheet.width_of(one.name, _NAME_SIZE, bold=True) + 22, *texts, _LEAST_WIDTH))
    if one.colour == NO_VERDICT:
        _hatched(sheet, x, y, width)
        inside = sheet.width_of(one.name, _NAME_SIZE, bold=True) + 10
        sheet.box(x + (width - inside) / 2, y + 6, inside, _CHIP_HEIGHT - 12, NO_VERDICT)
    else:
        edge = UNKNOWN_EDGE if one.colour == LIGHT else "none"
        sheet.box(x, y, width, _CHIP_HEIGHT, one.colour, edge=edge)
    middle = x + width / 2
    sheet.text(middle, y + _CHIP_HEIGHT / 2, one.name, _NAME_SIZE, colour=ink_on(one.colour), align="center", bold=True)
    for line, text in enumerate(filter(None, one.below)):
        below = y + _CHIP_HEIGHT + 22 + 23 * line
        sheet.text(middle, below, text, _BELOW_SIZE, colour=QUIET, align="center", level="baseline")
    return x + width


def _signed(sheet: Sheet, x: float, y: float, one: Chip, sign: Callable[[Sheet, Place], None]) -> float:
    """A cell with the sign in it, its name beside it; where it ends [px]."""
    if one.colour == NO_VERDICT:
        _hatched(sheet, x, y, _CHIP_HEIGHT)
    else:
        sheet.box(x, y, _CHIP_HEIGHT, _CHIP_HEIGHT, one.colour, edge=UNKNOWN_EDGE)
    sign(sheet, Place(x, y, _CHIP_HEIGHT, _CHIP_HEIGHT))
    beside = x + _CHIP_HEIGHT + 8
    sheet.text(beside, y + _CHIP_HEIGHT / 2, one.name, _BELOW_SIZE)
    for line, text in enumerate(filter(None, one.below)):
        below = y + _CHIP_HEIGHT + 22 + 23 * line
        sheet.text(beside, below, text, _BELOW_SIZE, colour=QUIET, level="baseline")
    return beside + max(sheet.width_of(text, _BELOW_SIZE) for text in (one.name, *one.below))


def _hatched(sheet: Sheet, x: float, y: float, width: float) -> None:
    sheet.box(x, y, width, _CHIP_HEIGHT, NO_VERDICT, edge=NO_VERDICT_HATCH, hatch=HATCH)


def finalities(sheet: Sheet, x: float, y: float, there: Collection[str], running: str) -> None:
    """What the marks of what may still change mean, those that occur, one below the other; `running` is the word's key."""
    shown = [finality for finality in ("provisional", "under review", "running") if finality in there]
    for number, finality in enumerate(shown):
        top = y + number * _STEP + (0 if len(shown) > 2 else 4)
        if finality != "running":
            sheet.box(x, top, _MARK, _MARK, NO_VERDICT)
        unsettled(sheet, Place(x, top, _MARK, _MARK), 12, finality, DARK)
        said = say(running if finality == "running" else finality, sheet.language)
        sheet.text(x + 27, top + _MARK / 2, said, _BELOW_SIZE, colour=QUIET)


def _colour(mark: DayMark) -> str:
    return NO_VERDICT if mark.state == "not_assessable" else mark.colour
