"""What pictures of rivers are drawn from: a section in a month, an item on a day, a profile; and the colours of the classes."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final, NamedTuple

from processors.indicators.water_class import INFERIOR
from processors.pictures.signs import Why
from processors.pictures.words import Language, say
from processors.standards.water import water_standard
from sensors.quantities import OF_FAMILY

CLASSES: Final = range(1, 1 + len(water_standard().classes))
"""Ⅰ to 劣Ⅴ by number."""


class SectionMark(NamedTuple):
    """A section in a month or year. `cls` is 1 to 6, None without one; `missed` whether it missed its target, None where it has
    none; `finality` as of a judgement, running while the period is open."""

    cls: int | None
    missed: bool | None
    finality: str


class SectionRow(NamedTuple):
    """A section in the order of its river, which joins it to the next row of the same one; `months` by number, what is not there
    is not known yet. `target` is 1 to 5."""

    name: str
    river: str
    tributary: bool
    target: int | None
    months: Mapping[int, SectionMark]
    year: SectionMark | None


class ItemDay(NamedTuple):
    """An item on a day: its mean as it is shown and its class, or why it has none; `finality` as of a judgement, running while
    the day is open."""

    day: date
    shown: str
    cls: int | None
    why: Why | None
    finality: str


class Place(NamedTuple):
    """A section along the river [km]."""

    km: float
    name: str
    tributary: bool


class ProfileLine(NamedTuple):
    """An item along the river in a period: a value for each place, None where it has none."""

    label: str
    values: Sequence[float | None]


_COLOURS = {
    "blue": ("#1E63C6", "#6FB1F2"),
    "green": ("#3FA34D",),
    "yellow": ("#F2D024",),
    "orange": ("#F08A24",),
    "red": ("#D32F2F",),
}
"""The document names the colours and gives no values: chosen; of two classes of one name the better one is darker."""


def class_colour(cls: int) -> str:
    """The colour of a class, 1 to 6 (环办〔2011〕22号)."""
    classes = water_standard().classes
    name = classes[cls - 1].colour
    shades = _COLOURS[name]
    return shades[min(sum(one.colour == name for one in classes[: cls - 1]), len(shades) - 1)]


def class_name(cls: int, language: Language) -> str:
    """Ⅰ … 劣Ⅴ, of which the last has a name in English too."""
    return say("inferior", language) if cls == INFERIOR else water_standard().classes[cls - 1].name


def unit_of(code: str, language: Language) -> str:
    """The unit of a quantity of water, as people read it."""
    unit = OF_FAMILY["water"][code].unit
    return say("dimensionless", language) if unit == "1" else unit
