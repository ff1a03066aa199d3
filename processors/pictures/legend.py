"""The classes in a row below a picture, each in its colour with its range, and the small marks of days that may still change."""

from collections.abc import Sequence
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
from processors.pictures.words import Language, days_of, say
from processors.standards.tables import air_rules

# Chosen: of a row that is read from some metres and still leaves the picture its room [px].
_CHIP_HEIGHT, _GAP, _NAME_SIZE, _BELOW_SIZE = 34, 8, 16, 17
_LEAST_WIDTH = 84


class Chip(NamedTuple):
    """A colour with its name in it, and lines below."""

    colour: str
    name: str
    below: Sequence[str]


def legend(sheet: Sheet, y: float, days: Sequence[DayMark], last: date, *, counted: bool) -> None:
    """The classes of the edition in force on `last`, with the number of closed days of each where `counted`; "not assessable" and
    "not known yet"; the marks that occur."""
    closed = [mark for mark in days if mark.is_closed]

    def count(colour: str) -> str:
        return days_of(sum(_colour(mark) == colour for mark in closed), sheet.language) if counted else ""

    chips = [Chip(colour, name, [text, count(colour)]) for colour, name, text in _classes(days, last, sheet.language)]
    chips.append(Chip(NO_VERDICT, say("not_assessable", sheet.language), [count(NO_VERDICT)]))
    chips.append(Chip(LIGHT, say("unknown", sheet.language), []))
    x: float = MARGIN
    for one in chips:
        x = chip(sheet, x, y, one) + _GAP
    _finalities(sheet, x + 14, y, {mark.finality for mark in days})


def corner(sheet: Sheet, right: float, top: float, size: float, finality: str, ink: str) -> None:
    """The mark of a day that may still change, in the upper right corner of its cell: filled where provisional, open where under
    review."""
    if finality == "provisional":
        sheet.shape([(right - size, top), (right, top), (right, top + size)], ink)
    elif finality == "under review":
        inner = [(right - size - 1, top + 1.5), (right - 1.5, top + 1.5), (right - 1.5, top + size + 1)]
        sheet.shape(inner, "none", edge=ink, line=1.5)


def _classes(days: Sequence[DayMark], last: date, language: Language) -> list[tuple[str, str, str]]:
    """(colour, name, range) of the edition's classes, then of colours that it does not have, by the lowest AQI they stand for."""
    edition = air_rules(last).index.categories
    known = [(one.hex, one.zh if language == "zh" else one.en, f"{one.low}–{one.high}") for one in edition]
    others: dict[str, tuple[int, str]] = {}
    for mark in days:
        if mark.colour and mark.colour not in {colour for colour, _, _ in known}:
            others[mark.colour] = min(others.get(mark.colour, (10**6, "")), (mark.aqi or 0, mark.label))
    return known + [(colour, label, "") for colour, (_, label) in sorted(others.items(), key=lambda item: item[1])]


def chip(sheet: Sheet, x: float, y: float, one: Chip) -> float:
    """Draw one; where it ends [px]."""
    texts = [sheet.width_of(text, _BELOW_SIZE) for text in one.below]
    width = round(max(sheet.width_of(one.name, _NAME_SIZE, bold=True) + 22, *texts, _LEAST_WIDTH))
    if one.colour == NO_VERDICT:
        sheet.box(x, y, width, _CHIP_HEIGHT, NO_VERDICT, edge=NO_VERDICT_HATCH, hatch=HATCH)
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


def _finalities(sheet: Sheet, x: float, y: float, there: set[str]) -> None:
    """What the small marks mean, those that occur, one below the other."""
    shown = [finality for finality in ("provisional", "under review", "running") if finality in there]
    step = 23
    for number, finality in enumerate(shown):
        top = y + number * step + (0 if len(shown) > 2 else 4)
        if finality == "running":
            sheet.box(x + 1, top + 1, 16, 16, edge=DARK, line=1.5, dashed=True)
        else:
            sheet.box(x, top, 18, 18, NO_VERDICT)
            corner(sheet, x + 18, top, 12, finality, DARK)
        sheet.text(x + 27, top + 9, say(finality, sheet.language), _BELOW_SIZE, colour=QUIET)


def _colour(mark: DayMark) -> str:
    return NO_VERDICT if mark.state == "not_assessable" else mark.colour
