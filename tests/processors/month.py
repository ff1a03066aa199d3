"""A month for tests of what is printed: March 2026 of a city with air, a river and figures, computed by the real runner.

air      1 March good, 2 polluted, 3 without a reading, 4 with too few hours, 5 good; then nothing more came
water    br keeps its target Ⅲ, tz misses its target Ⅱ by ammonia, nothing came of ls
figures  energy until March 2026 is 2.50 % down against March 2025, and 5.42 % since 2020
"""

from datetime import date
from pathlib import Path

from sensors.stations import Station
from tests.processors.entered import enter
from tests.processors.river import CLEAN as CLEAN_WATER
from tests.processors.river import River
from tests.processors.world import CLEAN, DIRTY

FIGURES = (
    ("gdp", "2020", "1000"), ("energy_total", "2020", "500"),
    ("gdp", "2025", "1000"), ("gdp_deflator", "2025", "1"), ("energy_total", "2025", "485"),
    ("gdp", "2025-Q1", "200"), ("gdp_deflator", "2025-Q1", "1"), ("energy_total", "2025-Q1", "100"),
    ("gdp", "2026-Q1", "220"), ("gdp_deflator", "2026-Q1", "1.1"), ("energy_total", "2026-Q1", "97.5"),
    ("forest_cover", "2025", "48.3"),
)  # fmt: skip
SECTIONS = (("br", "白市驿", "Baishiyi", 3), ("tz", "土主", "Tuzhu", 2), ("ls", "龙凤桥", "Longfeng bridge", 3))
AIR = (("hx-01", "虎溪", "Huxi"), ("hx-02", "曾家", "Zengjia"), ("hx-03", "西永", "Xiyong"), ("hx-04", "含谷", "Hangu"))


def march(day: int) -> date:
    return date(2026, 3, day)


async def a_month(folder: Path) -> River:
    """The city at noon of 1 April 2026."""
    river = River(folder)
    world = river.world
    named = {"family": "air", "district": "gaoxin", "kind": "assessment"}
    stations = [{**named, "id": name, "name_zh": zh, "name_en": en} for name, zh, en in AIR]
    world.books.register([Station.model_validate(one) for one in stations], who="test", now=0)
    for name, zh, en, target in SECTIONS:
        river.section(name, name_zh=zh, name_en=en, target_class=target, river="liangtan")
    world.go_to(march(6), 2)
    for day, values in ((1, CLEAN), (2, DIRTY), (5, CLEAN)):
        await world.hours(march(day), values)
    await world.hours(march(4), CLEAN, hours=range(8))
    world.go_to(date(2026, 4, 1), 11)
    await river.samples("br", march(1), 31, CLEAN_WATER)
    await river.samples("tz", march(1), 31, {**CLEAN_WATER, "nh3_n": 0.8})
    for code, period, value in FIGURES:
        enter(world, code, period, value, source="yearbook")
    await river.compute(date(2026, 4, 1))
    return river
