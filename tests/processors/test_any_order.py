"""However the hours come — in any order, in any batches, any of them again — the indicators end the same as all at once."""

import asyncio
from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from processors.windows import day_bounds, hours_of_day
from sensors.reading import Reading
from store.judgements import Judgement
from tests.processors.world import CLEAN, ZONE, World

DAYS = (date(2026, 2, 28), date(2026, 3, 1))
"""On both sides of the change of the rule, and of a month."""
STATIONS = ("hx-01", "hx-02", "hx-03", "hx-04")


class Hour(NamedTuple):
    """One station hour."""

    station: str
    end: int
    pm2_5: float
    o3: float


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[list[Hour], list[list[Hour]]]:
    """Station hours, most of two days of four stations; and the same in batches, in another order, some twice."""
    ends = [end for day in DAYS for end in hours_of_day(day, ZONE)]
    missing = draw(st.sets(st.tuples(st.sampled_from(STATIONS), st.sampled_from(ends)), max_size=30))
    level = draw(st.dictionaries(st.sampled_from(STATIONS), st.integers(20, 160), min_size=4, max_size=4))
    hours = [
        Hour(station, end, float(level[station] + number % 7), float(40 + 5 * (number % 24)))
        for station in STATIONS
        for number, end in enumerate(ends)
        if (station, end) not in missing
    ]
    again = draw(st.lists(st.sampled_from(hours), max_size=20))
    shuffled = draw(st.permutations([*hours, *again]))
    cuts = sorted(draw(st.sets(st.integers(1, len(shuffled) - 1), max_size=4)))
    edges = [0, *cuts, len(shuffled)]
    return hours, [list(shuffled[a:b]) for a, b in pairwise(edges)]


async def indicators(folder: Path, batches: Sequence[Sequence[Hour]]) -> list[tuple[object, ...]]:
    """What is in force after the batches, each computed as it came; and the hourly indices."""
    world = World(folder)
    try:
        world.go_to(date(2026, 3, 4), 2)
        for number, batch in enumerate(batches, start=1):
            await world.store.write(
                [
                    Reading("air", h.station, "hour", h.end, h.end, {**CLEAN, "pm2_5": h.pm2_5, "o3": h.o3})
                    for h in batch
                ]
            )
            mark(world, number, batch)
            await world.compute()
        found = [published(r.judgement) for r in world.judgements.latest()]
        found += [published(r.judgement) for r in world.judgements.running()]
        start, end = day_bounds(DAYS[0], ZONE)[0], day_bounds(DAYS[1], ZONE)[1]
        indices = world.store.readings("air-index", "hour", start, end, None)
        found += [tuple(str(cell) for cell in row) for row in indices.itertuples(index=False, name=None)]
    finally:
        await world.store.close()
        world.books.close()
    return sorted(found, key=str)


def mark(world: World, number: int, batch: Sequence[Hour]) -> None:
    changed: dict[tuple[str, str, int], set[str]] = {}
    for hour in batch:
        changed.setdefault(("air", "hour", hour.end // 3_600_000 - 1), set()).add(hour.station)
    known = world.books.registry()
    world.books.settle(
        "j", number, registry_version=known.version, now=world.now, letters=(), changed=changed, unknown={}
    )  # fmt: skip


def published(judgement: Judgement) -> tuple[object, ...]:
    return (*judgement.key, judgement.value, judgement.status, judgement.valid, judgement.expected, judgement.stations,
            str(sorted(judgement.detail.items())))  # fmt: skip


# Without shrinking: an example takes a second, and its hours say enough.
@settings(max_examples=15, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(arrivals())
def test_any_order_any_batches_any_duplicates(made: tuple[list[Hour], list[list[Hour]]]) -> None:
    hours, batches = made
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        at_once = asyncio.run(indicators(Path(one), [hours]))
        in_pieces = asyncio.run(indicators(Path(other), batches))
    assert len(at_once) > 30
    for one_of_pieces, one_at_once in zip(in_pieces, at_once, strict=True):
        assert one_of_pieces == one_at_once
