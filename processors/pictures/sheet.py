"""A blank sheet, measured in pixels from its upper left corner, and what is drawn on it: text, boxes, lines.

Positions and sizes are in pixels [px] of the PNG, so that what must be readable from some metres is chosen as such.
"""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any, Final, Literal

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon, Rectangle
from matplotlib.text import Text

from processors.pictures.letters import drawn_language, families
from processors.pictures.words import Language

WIDTH: Final = 1600
HEIGHT: Final = 900
DPI: Final = 100
MARGIN: Final = 56

DARK, LIGHT = "#111111", "#FFFFFF"
"""Ink: text is in one of the two on any colour."""
QUIET = "#5A5A5A"
"""What is said besides: 6.9:1 on white (WCAG 2.2 asks for 4.5:1)."""
FAINT = "#D9D9D9"
UNKNOWN_EDGE = "#CFCFCF"
NO_VERDICT, NO_VERDICT_HATCH = "#D6D6D6", "#808080"
HATCH = "////"

# Chosen: of a name that is shortened, so much of what is kept is its end.
_TAIL = 0.35

Align = Literal["left", "center", "right"]
Level = Literal["top", "center", "baseline", "bottom", "center_baseline"]
Point = tuple[float, float]


class Sheet:
    """A white figure `WIDTH` wide [px], with a title, in the language that can be drawn."""

    def __init__(self, title: str, subtitle: str, language: Language, height: float = HEIGHT) -> None:
        self.language = drawn_language(language)
        self.height = height
        self.figure = Figure(figsize=(WIDTH / DPI, height / DPI), dpi=DPI, facecolor=LIGHT)
        # It keeps its renderer, so that measuring a text does not make one each time.
        FigureCanvasAgg(self.figure)
        self._axes = self.figure.add_axes((0, 0, 1, 1))
        self._axes.set_axis_off()
        self._axes.set_xlim(0, WIDTH)
        self._axes.set_ylim(height, 0)
        self._families = families(self.language)
        room = WIDTH - 2 * MARGIN
        if title:
            title, size = self.shrunk(title, 36, room, 26, bold=True)
            self.text(MARGIN, 66, title, size, bold=True, level="baseline")
        if subtitle:
            subtitle, size = self.shrunk(subtitle, 22, room, 17)
            self.text(MARGIN, 106, subtitle, size, colour=QUIET, level="baseline")

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float,
        *,
        colour: str = DARK,
        align: Align = "left",
        level: Level = "center_baseline",
        bold: bool = False,
        rotation: float = 0,
    ) -> Text:
        """A text, its height in px; what looks like a formula is text too."""
        return self._axes.text(
            x, y, text, fontsize=_points(size), color=colour, horizontalalignment=align, verticalalignment=level,
            fontweight="bold" if bold else "normal", fontfamily=self._families, rotation=rotation, rotation_mode="anchor",
            parse_math=False, usetex=False, linespacing=1.25, zorder=5,
        )  # fmt: skip

    def width_of(self, text: str, size: float, *, bold: bool = False) -> float:
        """How wide a text would be [px]."""
        probe = self.text(0, 0, text, size, bold=bold)
        width = probe.get_window_extent().width
        probe.remove()
        return float(width)

    def fitted(self, text: str, size: float, room: float, *, bold: bool = False, tail: float = 0) -> str:
        """The text, shortened with … where it is wider than the room [px]; `tail` is the share of what is kept after the …."""
        if self.width_of(text, size, bold=bold) <= room:
            return text

        def cut(kept: int) -> str:
            after = round(kept * tail)
            return f"{text[: kept - after].rstrip()}…{text[len(text) - after :].lstrip()}"

        return cut(bisect_right(range(1, len(text)), room, key=lambda kept: self.width_of(cut(kept), size, bold=bold)))

    def shrunk(self, text: str, size: float, room: float, least: float, *, bold: bool = False) -> tuple[str, float]:
        """A text and its size [px]: smaller where it is wider than the room [px], down to `least`; then shortened in the middle,
        because names that begin alike end apart."""
        size = max(least, min(size, 0.99 * size * room / max(self.width_of(text, size, bold=bold), 1.0)))
        return self.fitted(text, size, room, bold=bold, tail=_TAIL), size

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        face: str = "none",
        *,
        edge: str = "none",
        line: float = 1,
        hatch: str = "",
        dashed: bool = False,
        name: str = "",
    ) -> Rectangle:
        """A rectangle from its upper left corner; `name` becomes its id in SVG. With a hatch, `edge` is the hatch's colour."""
        made = Rectangle(
            (x, y), width, height, facecolor=face, edgecolor=edge, linewidth=0 if hatch else _points(line),
            hatch=hatch or None, linestyle=(0, (3, 2)) if dashed else "solid", joinstyle="miter", zorder=2,
        )  # fmt: skip
        if name:
            made.set_gid(name)
        self._axes.add_patch(made)
        return made

    def shape(
        self, points: Sequence[Point], face: str, *, edge: str = "none", line: float = 1, below: bool = False
    ) -> None:
        """A filled polygon; `below` what else is drawn, where it is a ground."""
        made = Polygon(
            list(points), closed=True, facecolor=face, edgecolor=edge, linewidth=_points(line), zorder=1 if below else 3
        )
        self._axes.add_patch(made)

    def boxes(self, corners: Sequence[tuple[float, float, float, float]], faces: Sequence[str], name: str) -> None:
        """Many rectangles (x, y, width, height) at once, each with its colour."""
        outlines = [[(x, y), (x + w, y), (x + w, y + h), (x, y + h)] for x, y, w, h in corners]
        made = PolyCollection(
            outlines, facecolors=list(faces), edgecolors="none", linewidths=0, antialiaseds=False, zorder=2
        )
        made.set_gid(name)
        self._axes.add_collection(made, autolim=False)

    def line(
        self,
        points: Sequence[Point],
        colour: str,
        width: float,
        *,
        style: Any = "solid",
        below: bool = False,
        name: str = "",
    ) -> Line2D:
        """A line through points, so wide [px]; `below` what else is drawn, where it is of the ground."""
        made = Line2D(
            [x for x, _ in points], [y for _, y in points], color=colour, linewidth=_points(width), linestyle=style,
            solid_capstyle="round", solid_joinstyle="round", zorder=1 if below else 4,
        )  # fmt: skip
        if name:
            made.set_gid(name)
        self._axes.add_line(made)
        return made

    def dot(self, at: Point, colour: str, size: float, *, marker: str = "o", name: str = "") -> None:
        """A dot so wide [px] or another of matplotlib's markers, with a white rim."""
        made = Line2D(
            [at[0]], [at[1]], linestyle="none", marker=marker, markersize=_points(size), markerfacecolor=colour,
            markeredgecolor=LIGHT, markeredgewidth=_points(2), zorder=6,
        )  # fmt: skip
        if name:
            made.set_gid(name)
        self._axes.add_line(made)


def ink_on(colour: str) -> str:
    """Dark or light, whichever is told from the colour better; at least 4.5:1 on any (WCAG 2.2, contrast minimum)."""
    return max((DARK, LIGHT), key=lambda ink: contrast(ink, colour))


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours (WCAG 2.2, relative luminance), from 1 to 21."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def spread(wanted: Sequence[float], apart: float, top: float, bottom: float) -> list[float]:
    """Positions near those wanted (in rising order), at least so far apart and within top and bottom [px] where there is room."""
    found: list[float] = []
    for place in wanted:
        found.append(max(place, found[-1] + apart if found else top))
    for index in range(len(found) - 1, -1, -1):
        found[index] = min(found[index], found[index + 1] - apart if index + 1 < len(found) else bottom)
    return found


def _luminance(colour: str) -> float:
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _points(pixels: float) -> float:
    return pixels * 72 / DPI
