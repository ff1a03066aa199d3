"""A day's load curve: a bar a bucket as high as its power, on the ground of peak, flat and valley. What nobody measured is
hatched, and what was shared out by time is only outlined, so that no guess looks like a measurement."""

from collections.abc import Sequence
from math import floor, log10
from typing import Final, NamedTuple

from matplotlib.figure import Figure

from processors.pictures.sheet import FAINT, HATCH, LIGHT, MARGIN, NO_VERDICT, NO_VERDICT_HATCH, QUIET, Sheet
from processors.pictures.words import Language, say

# Blue for what was measured; warm, grey and cool grounds (Okabe and Ito, 2008, lightened), told apart by their names above too.
BAR: Final = "#0072B2"
GROUND: Final = {"peak": "#FBE3D3", "flat": "#F2F2F2", "valley": "#DDF0F7"}
DEMAND: Final = "#D55E00"

# Chosen: the day takes the sheet but for the scale at the left and the legend below, on 1600 × 900 [px].
_LEFT, _RIGHT, _TOP, _BOTTOM = 132, 1540, 190, 742
_LEGEND_TOP: Final = 826
# Chosen: tops of the scale whose quarters are short numbers.
_STEPS = (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10)


class LoadBar(NamedTuple):
    """A bucket from one hour of the day to another [h]: its mean power [kW], None where it was not measured whole; and whether
    that was shared out by time."""

    since: float
    until: float
    power: float | None
    is_apportioned: bool


class LoadSpan(NamedTuple):
    """A part of the day [h]: of a time of use its name (peak, flat, valley), of a gap why."""

    since: float
    until: float
    name: str


def load_day(
    bars: Sequence[LoadBar], grounds: Sequence[LoadSpan], gaps: Sequence[LoadSpan], hours: float, title: str,
    subtitle: str = "", *, demand: LoadBar | None = None, language: Language = "en",
) -> Figure:  # fmt: skip
    """The day, so many `hours` long, 1600 × 900 px; `demand` is the bar of the maximum demand. A bar's id in SVG is bar-N, a
    gap's gap-N. ValueError without a bar that has a power."""
    powers = [one.power for one in bars if one.power is not None]
    if not powers:
        raise ValueError("no bucket of the day was measured whole")
    sheet = Sheet(title, subtitle, language)
    top, low = _round_up(max(*powers, 0.0)), min(*powers, 0.0)

    def x(hour: float) -> float:
        return _LEFT + (_RIGHT - _LEFT) * hour / hours

    def y(power: float) -> float:
        return _BOTTOM - (_BOTTOM - _TOP) * (power - low) / ((top - low) or 1)

    for one in grounds:
        sheet.shape(
            [(x(one.since), _TOP), (x(one.until), _TOP), (x(one.until), _BOTTOM), (x(one.since), _BOTTOM)],
            GROUND[one.name], below=True,
        )  # fmt: skip
        name = say(f"period_{one.name}", sheet.language)
        if sheet.width_of(name, 18) < x(one.until) - x(one.since) - 8:
            sheet.text(
                x((one.since + one.until) / 2), _TOP - 14, name, 18, colour=QUIET, align="center", level="baseline"
            )
    for number in range(5):
        power = low + (top - low) * number / 4
        sheet.line([(_LEFT, y(power)), (_RIGHT, y(power))], FAINT, 1, below=True)
        sheet.text(_LEFT - 14, y(power), f"{power:.4g}", 19, colour=QUIET, align="right")
    sheet.text(_LEFT - 14, _TOP - 22, "kW", 19, colour=QUIET, align="right", level="baseline")
    for hour in range(0, floor(hours) + 1, 3):
        sheet.text(x(hour), _BOTTOM + 30, f"{hour}", 19, colour=QUIET, align="center", level="baseline")
    for number, bar in enumerate(bars):
        if bar.power is not None:
            upper, lower = sorted((y(bar.power), y(0)))
            sheet.box(
                x(bar.since), upper, max(1.0, x(bar.until) - x(bar.since) - 1), max(1.0, lower - upper),
                LIGHT if bar.is_apportioned else BAR, edge=BAR if bar.is_apportioned else "none", line=1.5,
                dashed=bar.is_apportioned, name=f"bar-{number}",
            )  # fmt: skip
    for number, gap in enumerate(gaps):
        sheet.box(
            x(gap.since), _TOP, max(2.0, x(gap.until) - x(gap.since)), _BOTTOM - _TOP, NO_VERDICT,
            edge=NO_VERDICT_HATCH, hatch=HATCH, name=f"gap-{number}",
        )  # fmt: skip
    if demand is not None and demand.power is not None:
        _say_demand(sheet, x((demand.since + demand.until) / 2), y(demand.power), demand.power)
    _legend(sheet)
    return sheet.figure


def _say_demand(sheet: Sheet, x: float, y: float, power: float) -> None:
    text = say("demand", sheet.language, power=f"{power:.4g}")
    width = sheet.width_of(text, 20)
    left = min(max(x - width / 2, _LEFT + 4), _RIGHT - width - 4)
    sheet.dot((x, y), DEMAND, 14)
    sheet.text(left, y - 18, text, 20, level="baseline")


def _legend(sheet: Sheet) -> None:
    x: float = MARGIN
    for key, face, edge, hatch in (
        ("measured", BAR, "none", ""),
        ("apportioned", LIGHT, BAR, ""),
        ("gap", NO_VERDICT, NO_VERDICT_HATCH, HATCH),
    ):
        sheet.box(x, _LEGEND_TOP, 34, 24, face, edge=edge, line=1.5, hatch=hatch, dashed=key == "apportioned")
        text = say(key, sheet.language)
        sheet.text(x + 46, _LEGEND_TOP + 12, text, 20)
        x += 46 + sheet.width_of(text, 20) + 44


def _round_up(power: float) -> float:
    """The top of the scale: a round number, a little above the greatest power."""
    if power <= 0:
        return 0.0 if power < 0 else 1.0
    wanted = power * 1.08
    size = 10.0 ** floor(log10(wanted))
    return next(step * size for step in _STEPS if step * size >= wanted)
