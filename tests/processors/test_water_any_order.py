"""However the samples come — in any order, in any batches, any of them again — sections, rivers and the plan end the same."""

import asyncio
from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from processors.water.validity import validity
from processors.windows import day_bounds
from sensors.instants import HOUR_MS
from sensors.reading import Doubt, Reading
from tests.processors.river import CLEAN, River
from tests.processors.test_any_order import published
from tests.processors.world import ZONE

DAYS = (date(2026, 1, 30), date(2026, 1, 31), date(2026, 2, 1))
STATIONS = ("lt-01", "lt-02", "lt-02-lab")


class Sampled(NamedTuple):
    """One sampling; `below` is of mercury, which only the laboratory measures."""

    station: str
    at: int
    nh3_n: float
    below: bool


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[list[Sampled], list[list[Sampled]]]:
    """Cycles of three days around a month's end, some missing; and the same in batches, in another order, some twice."""
    ends = [day_bounds(day, ZONE)[0] + hour * HOUR_MS for day in DAYS for hour in range(4, 25, 4)]
    missing = draw(st.sets(st.tuples(st.sampled_from(STATIONS), st.sampled_from(ends)), max_size=12))
    level = draw(st.lists(st.integers(1, 30), min_size=3, max_size=3))
    made = [
        Sampled(station, end, level[which] / 10 + number % 5 / 50, station.endswith("lab"))
        for which, station in enumerate(STATIONS)
        for number, end in enumerate(ends)
        if (station, end) not in missing
    ]
    shuffled = draw(st.permutations([*made, *draw(st.lists(st.sampled_from(made), max_size=10))]))
    cuts = sorted(draw(st.sets(st.integers(1, len(shuffled) - 1), max_size=4)))
    return made, [list(shuffled[a:b]) for a, b in pairwise([0, *cuts, len(shuffled)])]


async def in_force(folder: Path, batches: Sequence[Sequence[Sampled]]) -> list[tuple[object, ...]]:
    river = River(folder)
    river.rule = validity(percent_of_month=5, months_of_quarter=1)
    river.section("lt-01", river="liangtan", downstream="lt-02")
    river.section("lt-02", river="liangtan", target_class=2)
    river.section("lt-02-lab", section="lt-02", sampling="manual")
    world = river.world
    try:
        world.go_to(date(2026, 2, 4), 2)
        for number, batch in enumerate(batches, start=1):
            await world.store.write([_reading(one) for one in batch])
            changed: dict[tuple[str, str, int], set[str]] = {}
            for one in batch:
                changed.setdefault(("water", "raw", (one.at - 1) // HOUR_MS), set()).add(one.station)
            world.books.settle(
                "j", number, registry_version=world.books.registry().version, now=world.now, letters=(), changed=changed,
                unknown={},
            )  # fmt: skip
            await river.compute()
        found = [published(r.judgement) for r in world.judgements.latest()]
        return sorted(found + [published(r.judgement) for r in world.judgements.running()], key=str)
    finally:
        await world.store.close()
        world.books.close()


def _reading(one: Sampled) -> Reading:
    doubtful = {"mercury": Doubt("below_detection", 0.00004)} if one.below else {}
    return Reading("water", one.station, "raw", one.at, one.at, {**CLEAN, "nh3_n": one.nh3_n}, doubtful)


@settings(max_examples=10, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(arrivals())
def test_any_order_any_batches_any_duplicates(made: tuple[list[Sampled], list[list[Sampled]]]) -> None:
    samples, batches = made
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        at_once = asyncio.run(in_force(Path(one), [samples]))
        in_pieces = asyncio.run(in_force(Path(other), batches))
    assert len(at_once) > 12
    for one_of_pieces, one_at_once in zip(in_pieces, at_once, strict=True):
        assert one_of_pieces == one_at_once
