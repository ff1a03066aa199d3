"""However counts and vehicles come — in any order, in any batches, any of them again — days, hours and tunnels end the
same."""

import asyncio
from collections.abc import Sequence
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from processors.traffic.rules import traffic_rules
from processors.windows import day_bounds
from sensors.instants import HOUR_MS
from sensors.reading import Period, Reading
from tests.processors.test_any_order import published
from tests.processors.traffic import STEP_MS, Road
from tests.processors.world import ZONE

DAYS = (date(2026, 1, 31), date(2026, 2, 1))
"""On both sides of a month's end."""


class Sent(NamedTuple):
    """A count of an interval, or a single vehicle."""

    station: str
    period: Period
    at: int
    seq: int
    cars: int
    large: int


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[list[Sent], list[list[Sent]]]:
    """Counts of two directions and of lanes, single vehicles of another; and the same in batches, in another order, some
    twice."""
    ends = [day_bounds(day, ZONE)[0] + n * STEP_MS for day in DAYS for n in range(1, 289)]
    level = draw(st.integers(1, 40))
    missing = draw(st.sets(st.sampled_from(ends), max_size=60))
    made = [
        Sent(station, "minute", end, 0, level + number % 7, number % 3)
        for station in ("a-e", "a-w")
        for number, end in enumerate(ends)
        if end not in missing or station == "a-e"
    ]
    # Of a road the second lane first comes in the evening.
    made += [
        Sent("c-e", "minute", end, seq, level, 0)
        for number, end in enumerate(ends)
        for seq in ([0, 1] if number % 288 > 240 else [0])
    ]
    events = draw(
        st.lists(st.tuples(st.sampled_from(ends), st.integers(0, 2), st.integers(1, 9)), min_size=40, max_size=150)
    )
    made += [
        Sent("b-e", "raw", at, seq, cls, 0)
        for at, seq, cls in {(at, seq): (at, seq, cls) for at, seq, cls in events}.values()
    ]
    again = draw(st.lists(st.sampled_from(made), max_size=30))
    shuffled = list(draw(st.randoms(use_true_random=False)).sample([*made, *again], len(made) + len(again)))
    # All of it in a batch of its own: nothing else is written then.
    second = [one for one in shuffled if one.station == "c-e" and one.seq == 1]
    shuffled = [one for one in shuffled if not (one.station == "c-e" and one.seq == 1)]
    cuts = sorted(draw(st.sets(st.integers(1, len(shuffled) - 1), max_size=4)))
    return made, [*(shuffled[a:b] for a, b in pairwise([0, *cuts, len(shuffled)])), second]


async def in_force(folder: Path, batches: Sequence[Sequence[Sent]]) -> list[tuple[object, ...]]:
    """What is in force after the batches, each computed as it came; and the hours beside the readings."""
    road = Road(folder)
    road.rules = traffic_rules(percent_of_day=50, percent_of_period=1)
    for name in ("a-e", "a-w"):
        road.station(name, tunnel="a", capacity_pcu_h=900, free_flow_km_h=80)
    road.station("c-e")
    road.station("b-e", tunnel="b", period="raw", expected_period_s=7_200)
    world = road.world
    try:
        world.go_to(DAYS[-1] + timedelta(days=2), 2)
        for batch in batches:
            await road.write([_reading(one) for one in batch])
            await road.compute()
        found = [published(r.judgement) for r in world.judgements.latest()]
        found += [published(r.judgement) for r in world.judgements.running()]
        start, end = day_bounds(DAYS[0], ZONE)[0], day_bounds(DAYS[-1], ZONE)[1]
        hours = world.store.readings("traffic-flow", "hour", start, end, detail=True)
        columns = [name for name in hours.columns if name not in {"received_at", "issued", "batch", "origin"}]
        found += [tuple(str(value) for value in row) for row in hours[columns].itertuples(index=False)]
        return sorted(found, key=str)
    finally:
        await world.store.close()
        world.books.close()


def _reading(one: Sent) -> Reading:
    if one.period == "raw":
        values = {"vehicle_class": float(one.cars), "speed": 40.0 + one.cars}
    else:
        counts = {"vehicles_car": float(one.cars), "vehicles_large": float(one.large)}
        values = {"vehicles": sum(counts.values()), **counts, "speed": 30.0 + one.cars, "tunnel_co": 10.0 + one.large}
    return Reading("traffic", one.station, one.period, one.at, one.at + HOUR_MS, values, seq=one.seq)


@settings(max_examples=6, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(arrivals())
def test_any_order_any_batches_any_duplicates(made: tuple[list[Sent], list[list[Sent]]]) -> None:
    sent, batches = made
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        at_once = asyncio.run(in_force(Path(one), [sent]))
        in_pieces = asyncio.run(in_force(Path(other), batches))
    assert len(at_once) > 100
    for one_of_pieces, one_at_once in zip(in_pieces, at_once, strict=True):
        assert one_of_pieces == one_at_once
