"""An item along the river: its value at each section over the kilometres, a line a period, over the classes as bands."""

from collections.abc import Callable, Sequence

from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure

from processors.pictures.sheet import DARK, FAINT, HEIGHT, LIGHT, MARGIN, QUIET, WIDTH, Sheet
from processors.pictures.water_marks import Place, ProfileLine, class_colour, class_name
from processors.pictures.words import Language, say
from processors.standards.water import Item, Kind

# Chosen: four lines can be told apart by their colours, each named above the sheet's right end [px].
_LEFT, _RIGHT, _TOP, _BOTTOM = 150, 220, 186, 200
_INKS = (DARK, "#7A1FA2", "#00695C", "#B23B00")
_TINT = 0.72  # of white in a band, chosen: lines and texts stay legible on it


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
    """The profile, 1600 × 900 px; lines beyond the fourth are left out. ValueError where there is nothing to draw."""
    shown = [line for line in lines if line.points][: len(_INKS)]
    if not shown or not places:
        raise ValueError(f"there is nothing to draw of {item.en}: no section with kilometres has a value")
    sheet = Sheet(title, subtitle, language)
    values = [value for line in shown for _, value in line.points]
    limits = [float(limit) for limit in item.limits_of(kind)]
    low, high = _span(values, limits, item)
    first, last = min(one.km for one in places), max(one.km for one in places)
    width, height = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM

    def x(km: float) -> float:
        return _LEFT + (width / 2 if last == first else width * (km - first) / (last - first))

    def y(value: float) -> float:
        return _TOP + height * (1 - (min(max(value, low), high) - low) / (high - low))

    for cls, bottom, top in _bands(limits, low, high, item):
        sheet.box(_LEFT, y(top), width, y(bottom) - y(top), _tinted(class_colour(cls)), name=f"band-{cls}")
        if y(bottom) - y(top) > 20:
            sheet.text(_LEFT + width + 16, (y(top) + y(bottom)) / 2, class_name(cls, sheet.language), 20, colour=QUIET)
    for limit in limits:
        if low <= limit <= high:
            sheet.text(_LEFT - 12, y(limit), f"{limit:g}", 18, colour=QUIET, align="right")
            sheet.line([(_LEFT, y(limit)), (_LEFT + width, y(limit))], FAINT, 1.5, below=True)
    name, unit = item.zh if sheet.language == "zh" else item.en, "1" if item.better == "band" else "mg/L"
    sheet.text(MARGIN, _TOP - 24, f"{name} [{unit}]", 18, colour=QUIET)
    _places(sheet, places, x, _TOP + height)
    tributaries = {one.km for one in places if one.tributary}
    for number, line in enumerate(shown):
        ink = _INKS[number]
        points = sorted((km, value) for km, value in line.points)
        main = [(x(km), y(value)) for km, value in points if km not in tributaries]
        if len(main) > 1:
            sheet.line(main, ink, 3.5, name=f"line-{number}")
        for km, value in points:
            sheet.dot((x(km), y(value)), ink, 16 if km not in tributaries else 12)
    _named(sheet, [line.label for line in shown], _LEFT + width)
    return sheet.figure


def _named(sheet: Sheet, labels: Sequence[str], right: float) -> None:
    """The lines' names above the picture, the last one at its right end."""
    x = right
    for number in range(len(labels) - 1, -1, -1):
        x -= sheet.width_of(labels[number], 19, bold=True)
        sheet.text(x, _TOP - 24, labels[number], 19, colour=_INKS[number], bold=True)
        sheet.line([(x - 42, _TOP - 24), (x - 10, _TOP - 24)], _INKS[number], 3.5)
        x -= 66


def _span(values: Sequence[float], limits: Sequence[float], item: Item) -> tuple[float, float]:
    """From where to where the axis goes: all values, and the limits next to them."""
    if item.better == "band":
        return min(*values, limits[0]) - 0.5, max(*values, limits[1]) + 0.5
    above = [limit for limit in limits if limit > max(values)]
    high = min(above) if above else max(*values, *limits)
    return 0.0, max(high, *values) * 1.15


def _bands(limits: Sequence[float], low: float, high: float, item: Item) -> list[tuple[int, float, float]]:
    """(class, from, to) of the classes within the axis."""
    if item.better == "band":
        edges = [(6, low, limits[0]), (1, limits[0], limits[1]), (6, limits[1], high)]
    elif item.better == "less":
        ends = [low, *limits, max(high, limits[-1] + 1)]
        edges = [(cls, ends[cls - 1], ends[cls]) for cls in range(1, 7)]
    else:
        ends = [max(high, limits[0] + 1), *limits, low]
        edges = [(cls, ends[cls], ends[cls - 1]) for cls in range(1, 7)]
    found: dict[tuple[float, float], int] = {}
    for cls, bottom, top in edges:
        span = (max(bottom, low), min(top, high))
        # Where classes share a limit the better one has it.
        if span[1] > span[0] and span not in found:
            found[span] = cls
    return [(cls, bottom, top) for (bottom, top), cls in found.items()]


def _places(sheet: Sheet, places: Sequence[Place], x: Callable[[float], float], bottom: float) -> None:
    """The sections below the axis, their names slanted so that neighbours keep apart."""
    for one in sorted(places):
        at = x(one.km)
        sheet.line([(at, bottom), (at, bottom + 8)], QUIET, 2)
        name = f"{one.name} ({say('tributary', sheet.language)})" if one.tributary else f"{one.name}, {one.km:g} km"
        sheet.text(
            at + 6,
            bottom + 24,
            sheet.fitted(name, 18, min(250.0, (WIDTH - at - 20) / 0.85)),
            18,
            rotation=-32,
            level="center",
        )


def _tinted(colour: str) -> str:
    red, green, blue = (part + (full - part) * _TINT for part, full in zip(to_rgb(colour), to_rgb(LIGHT), strict=True))
    return to_hex((red, green, blue))
