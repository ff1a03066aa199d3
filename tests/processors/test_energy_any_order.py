"""However the counts come — in any order, in any batches, any of them again — meters, districts and the city end the same; and a
meter that is replaced, rolls over and is read late in one month gives what was truly used."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from processors.indicators.energy_load import shared
from processors.indicators.energy_pieces import by_precedence, counted
from processors.metering import Count, uses
from processors.windows import days_between
from sensors.instants import HOUR_MS
from sensors.reading import Reading
from sensors.stations import Station
from tests.processors.meters import Meters, at
from tests.processors.test_any_order import published

DAYS = days_between(date(2026, 3, 1), date(2026, 3, 31))
HOURS = 31 * 24
MODULUS = 10_000


class History(NamedTuple):
    """A meter's month: its entries, all of its hourly counts, which of them were sent, and what was used in each hour."""

    entries: list[dict[str, Any]]
    counts: dict[int, float]
    read: list[int]
    used: list[Fraction]


@st.composite
def histories(draw: st.DrawFn) -> History:
    """One hour after another at random rates, over registers that roll over and meters that are replaced on the hour or between;
    read at the month's edges and now and then in it, with silences of days."""
    rates = draw(st.lists(st.integers(0, 9), min_size=31, max_size=31))
    replaced = sorted(draw(st.sets(st.integers(2, HOURS - 3), max_size=2)))
    entries: list[dict[str, Any]] = []
    counts: dict[int, float] = {}
    used: list[Fraction] = []
    # So high that most registers roll over within the month.
    shown = begin = draw(st.integers(0, MODULUS - 1))
    since: str | None = None
    factor = draw(st.sampled_from([1, 10]))
    for hour in range(HOURS + 1):
        if hour in replaced:
            when = _iso(at(DAYS[0], hour))
            entries.append(_entry(len(entries), factor, since, when, begin, shown))
            since, factor = when, draw(st.sampled_from([1, 10]))
            shown = begin = draw(st.integers(0, MODULUS - 1))
        counts[hour] = float(shown)
        if hour < HOURS:
            step = rates[hour // 24]
            used.append(Fraction(step * factor))
            shown = (shown + step) % MODULUS
    entries.append(_entry(len(entries), factor, since, None, begin, None))
    # Rolling over is told where less than a tenth of the register passed: four days at 9 an hour are 864 of 10,000.
    every = draw(st.integers(1, 96))
    extra = draw(st.sets(st.integers(0, HOURS), max_size=60))
    read = sorted({0, HOURS, *range(0, HOURS, every), *extra})
    return History(entries, counts, read, used)


def _entry(
    number: int, factor: int, since: str | None, until: str | None, begin: int, end: int | None
) -> dict[str, Any]:
    row = {
        "id": "m-1", "family": "energy", "name_zh": "电表", "district": "gaoxin", "period": "raw", "device": f"d{number}",
        "measures": "electricity",
        "meter_factor": factor, "meter_modulus": MODULUS, "active_from": since, "active_to": until, "meter_end": end,
        "meter_start": None if since is None else begin,
    }  # fmt: skip
    return {key: value for key, value in row.items() if value is not None}


def _iso(millis: int) -> str:
    return datetime.fromtimestamp(millis / 1000, UTC).isoformat()


def truth_between(history: History, first: int, last: int) -> Fraction:
    return sum(history.used[first:last], Fraction(0))


@settings(deadline=None, max_examples=60)
@given(histories(), st.data())
def test_a_meter_replaced_rolled_over_and_read_late_gives_what_was_used(history: History, data: st.DataObject) -> None:
    counts = [Count(at(DAYS[0], hour), history.counts[hour]) for hour in history.read]
    again = data.draw(st.lists(st.sampled_from(counts), max_size=20))
    shuffled = data.draw(st.permutations([*counts, *again]))
    entries = [Station.model_validate(one) for one in history.entries]
    pieces = by_precedence(counted(uses(shuffled, entries, "electricity")), [], [])
    assert sum((one.amount or Fraction(0) for one in pieces), Fraction(0)) == truth_between(history, 0, HOURS)
    edges = [at(DAYS[0], hour) for hour in history.read]
    for bucket, (first, last) in zip(shared(pieces, edges), pairwise(history.read), strict=True):
        assert bucket.amount == truth_between(history, first, last), "between any two counts"
    by_day = shared(pieces, [at(DAYS[0], 24 * n) for n in range(32)])
    assert sum(one.amount for one in by_day) == truth_between(history, 0, HOURS)
    for number, day in enumerate(by_day):
        if {24 * number, 24 * number + 24} <= set(history.read):
            assert day.amount == truth_between(history, 24 * number, 24 * number + 24)


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[History, list[list[int]]]:
    """A history, and its counts in batches, in another order, some twice."""
    history = draw(histories())
    again = draw(st.lists(st.sampled_from(history.read), max_size=10))
    shuffled = draw(st.permutations([*history.read, *again]))
    cuts = sorted(draw(st.sets(st.integers(1, max(1, len(shuffled) - 1)), max_size=4)))
    return history, [list(shuffled[a:b]) for a, b in pairwise([0, *cuts, len(shuffled)]) if a < b]


async def in_force(folder: Path, history: History, batches: Sequence[Sequence[int]]) -> list[tuple[object, ...]]:
    meters = Meters(folder)
    for entry in history.entries:
        meters.meter(**{"name" if key == "id" else key: value for key, value in entry.items()})
    meters.meter("main")
    try:
        meters.world.go_to(date(2026, 4, 10), 2)
        await meters.send(
            "main", {at(DAYS[0]): {"electricity_counter": 0}, at(DAYS[-1], 24): {"electricity_counter": 9e5}}
        )
        for batch in batches:
            await meters.write([
                Reading("energy", "m-1", "raw", at(DAYS[0], hour), 1, {"electricity_counter": history.counts[hour]})
                for hour in batch
            ])  # fmt: skip
            await meters.compute()
        assert meters.used("meter:m-1", "2026-03") == truth_between(history, 0, HOURS)
        assert meters.used("city", "2026-03") == truth_between(history, 0, HOURS) + 900_000
        assert meters.of("meter:m-1", "2026-03").valid == 31 * 1440
        found = [published(r.judgement) for r in meters.world.judgements.latest()]
        return sorted(found + [published(r.judgement) for r in meters.world.judgements.running()], key=str)
    finally:
        await meters.world.store.close()
        meters.world.books.close()


# Without shrinking: an example takes seconds, and its counts say enough.
@settings(max_examples=8, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(arrivals())
def test_any_order_any_batches_any_duplicates(made: tuple[History, list[list[int]]]) -> None:
    history, batches = made
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        at_once = asyncio.run(in_force(Path(one), history, [history.read]))
        in_pieces = asyncio.run(in_force(Path(other), history, batches))
    assert len(at_once) > 2 * 31
    for one_of_pieces, one_at_once in zip(in_pieces, at_once, strict=True):
        assert one_of_pieces == one_at_once


class Sent(NamedTuple):
    """One reading of a station that sends several things."""

    hour: int
    values: dict[str, float]


@st.composite
def mixed(draw: st.DrawFn) -> tuple[list[Sent], list[list[Sent]]]:
    """Counts now and then, some wrong, hours' amounts and powers beside them, of two quantities, with silences; in pieces, in any
    order."""
    hours = draw(st.sets(st.integers(1, 12 * 24), min_size=4, max_size=40))
    some = st.sets(st.sampled_from(["electricity_counter", "electricity", "active_power", "gas_counter"]), min_size=1)
    wrong = draw(st.sets(st.sampled_from(sorted(hours)), max_size=5))
    made = []
    for hour in sorted(hours):
        count = 0 if hour in wrong else hour
        values = {code: float(count if code.endswith("counter") else 1 + hour % 5) for code in sorted(draw(some))}
        made.append(Sent(hour, values))
    shuffled = draw(st.permutations([*made, *draw(st.lists(st.sampled_from(made), max_size=5))]))
    cuts = sorted(draw(st.sets(st.integers(1, len(shuffled) - 1), max_size=5)))
    return made, [list(shuffled[a:b]) for a, b in pairwise([0, *cuts, len(shuffled)])]


async def of_mixed(folder: Path, batches: Sequence[Sequence[Sent]]) -> list[tuple[object, ...]]:
    meters = Meters(folder)
    meters.meter("m-1", period="hour")
    try:
        meters.world.go_to(date(2026, 4, 10), 2)
        for batch in batches:
            start = at(DAYS[0])
            await meters.write(
                [Reading("energy", "m-1", "hour", start + one.hour * HOUR_MS, 1, one.values) for one in batch]
            )
            await meters.compute()
        return sorted((published(r.judgement) for r in meters.world.judgements.latest()), key=str)
    finally:
        await meters.world.store.close()
        meters.world.books.close()


@settings(max_examples=12, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(mixed())
def test_whatever_a_station_sends_the_order_changes_nothing(made: tuple[list[Sent], list[list[Sent]]]) -> None:
    sent, batches = made
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        at_once = asyncio.run(of_mixed(Path(one), [sent]))
        in_pieces = asyncio.run(of_mixed(Path(other), batches))
    for one_of_pieces, one_at_once in zip(in_pieces, at_once, strict=True):
        assert one_of_pieces == one_at_once
