"""The picture of a load curve: bars as high as their power, gaps hatched, shares outlined, all on the sheet, the same bytes."""

from pathlib import Path

import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from processors.pictures import LoadBar, LoadSpan, load_day, save
from processors.pictures.sheet import WIDTH

GROUNDS = [LoadSpan(0, 8, "valley"), LoadSpan(8, 11, "flat"), LoadSpan(11, 24, "peak")]


def drawn(powers: list[float | None], hours: float = 24) -> Figure:
    step = hours / len(powers)
    bars = [LoadBar(n * step, (n + 1) * step, power, is_apportioned=n == 1) for n, power in enumerate(powers)]
    gaps = [LoadSpan(bar.since, bar.until, "no reading") for bar in bars if bar.power is None]
    known = [bar for bar in bars if bar.power is not None]
    demand = max(known, key=lambda bar: bar.power or 0)
    return load_day(bars, GROUNDS, gaps, hours, "A meter with a name · 2026-03-05", "12 kWh", demand=demand)


def boxes(figure: Figure) -> dict[str, Rectangle]:
    return {
        name: one for one in figure.findobj(Rectangle) if (name := one.get_gid() or "").startswith(("bar-", "gap-"))
    }


@pytest.mark.parametrize("hours", [23, 24, 25])
def test_bars_are_as_high_as_their_power_and_what_is_not_known_is_hatched(hours: float) -> None:
    figure = drawn([10.0, 20.0, None, 40.0, *[5.0] * 19], hours)
    found = boxes(figure)
    heights = {name: one.get_height() for name, one in found.items()}
    assert heights["bar-3"] == pytest.approx(4 * heights["bar-0"])
    assert heights["bar-1"] == pytest.approx(2 * heights["bar-0"])
    assert "bar-2" not in found
    assert found["gap-0"].get_hatch()
    assert found["bar-1"].get_facecolor() != found["bar-0"].get_facecolor(), "a share looks like no measurement"
    texts = [text.get_text() for text in figure.findobj(Text) if text.get_text()]
    assert {"valley", "peak", "maximum demand 40 kW", "not measured"} <= set(texts)


def test_everything_is_on_the_sheet_wherever_the_demand_is() -> None:
    for place in (0, 23):
        figure = drawn([99.0 if n == place else 1.0 for n in range(24)])
        figure.canvas.draw()
        extents = [text.get_window_extent() for text in figure.findobj(Text) if text.get_text()]
        assert all(one.x0 >= 0 and one.x1 <= WIDTH for one in extents)


def test_power_that_is_fed_back_hangs_below_zero() -> None:
    found = boxes(drawn([-10.0, 5.0, 10.0, 5.0]))
    assert found["bar-0"].get_y() == pytest.approx(found["bar-2"].get_y() + found["bar-2"].get_height())


def test_a_day_without_power_is_not_drawn_and_files_are_the_same(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no bucket"):
        load_day([LoadBar(0, 1, None, is_apportioned=False)], [], [], 24, "x")
    for name in ("one.png", "other.png"):
        save(drawn([1.0, 2.0, None, 3.0]), tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "other.png").read_bytes()
