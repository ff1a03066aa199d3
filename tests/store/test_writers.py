"""Several writers of one bucket: each keeps series of its own, and whoever reads gets of each quantity the greatest version."""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.reading import Doubt, Reading
from store.books import Books
from store.hearing import Hearing, Span
from store.influx import InfluxStore
from store.merge import Point, join, merge
from store.sharing import Sharing
from store.sightings import Sighting
from tests.servers.influx import Influx
from tests.store.conftest import rows
from tests.store.test_contract import NOON, WITHDRAWN, issued

Writes = Callable[[int | None], InfluxStore]


@pytest.fixture
async def writes(influx: Influx) -> AsyncIterator[Writes]:
    """Opens the same bucket as the writer of this number; None: as one that is alone."""
    bucket = influx.new_bucket()
    async with AsyncExitStack() as stack:

        def opened(number: int | None) -> InfluxStore:
            store = InfluxStore(
                influx.url, influx.org, bucket, influx.token, writer=None if number is None else lambda: number
            )
            stack.push_async_callback(store.close)
            return store

        yield opened


def good(store: InfluxStore) -> list[dict[str, Any]]:
    """What is good of all that is stored of air by the hour; `latest` must agree where it is one instant."""
    found = [
        {k: v for k, v in row.items() if k in {"pm2_5", "o3", "seq"}}
        for row in rows(store.readings("air", "hour", 0, 2**62))
    ]
    newest = [
        {k: v for k, v in row.items() if k in {"pm2_5", "o3", "seq"}} for row in rows(store.latest("air", "hour"))
    ]
    assert newest == found[-1:]
    return found


async def test_whoever_writes_last_the_newest_counts(writes: Writes) -> None:
    one, two = writes(1), writes(2)
    await two.write([issued(NOON + 2, NOON + 10, pm2_5=36.0)])
    await one.write([issued(NOON + 1, NOON + 20, pm2_5=35.0, o3=80.0)])
    assert good(one) == good(two) == [{"pm2_5": 36.0, "o3": 80.0, "seq": 0}]


async def test_what_one_takes_back_the_other_does_not_keep(writes: Writes) -> None:
    one, two, reader = writes(1), writes(2), writes(None)
    await one.write([issued(NOON + 1, NOON + 10, pm2_5=35.0, o3=80.0)])
    await two.write([issued(NOON + 2, NOON + 20, pm2_5=WITHDRAWN)])
    assert good(reader) == [{"o3": 80.0, "seq": 0}]
    (row,) = rows(reader.readings("air", "hour", 0, 2**62, detail=True))
    assert row["doubtful"] == {"pm2_5": WITHDRAWN}
    await one.write([issued(NOON + 3, NOON + 30, pm2_5=37.0)])
    assert good(reader) == [{"pm2_5": 37.0, "o3": 80.0, "seq": 0}]


async def test_a_point_that_is_deleted_and_rewritten_leaves_those_of_others(writes: Writes) -> None:
    one, two = writes(1), writes(2)
    await one.write([issued(NOON + 1, NOON + 10, pm2_5=35.0)])
    await two.write([issued(NOON + 1, NOON + 11, o3=80.0)])
    await one.write([issued(NOON + 2, NOON + 12, pm2_5=WITHDRAWN)])
    assert good(two) == [{"o3": 80.0, "seq": 0}]


async def test_who_is_alone_again_takes_what_the_others_left(writes: Writes) -> None:
    two, alone = writes(2), writes(None)
    await two.write([issued(NOON + 1, NOON + 10, pm2_5=35.0, o3=80.0)])
    await alone.write([issued(NOON + 2, NOON + 20, pm2_5=WITHDRAWN)])
    assert good(alone) == [{"o3": 80.0, "seq": 0}]
    await alone.write([issued(NOON + 1, NOON + 30, o3=70.0)])
    assert good(alone) == [{"o3": 70.0, "seq": 0}], "of equal versions the later receipt"


async def test_events_of_one_instant_from_two_writers(writes: Writes) -> None:
    one, two = writes(1), writes(2)
    await one.write([issued(NOON + 1, NOON + 10, o3=float(n))._replace(seq=n) for n in (0, 2)])
    await two.write([issued(NOON + 1, NOON + 11, o3=float(n))._replace(seq=n) for n in (1, 2)])
    assert [row["o3"] for row in rows(one.readings("air", "hour", 0, 2**62))] == [0.0, 1.0, 2.0]


@pytest.mark.parametrize("seed", range(4))
async def test_any_order_through_any_writer_gives_what_one_would_have(writes: Writes, seed: int) -> None:
    dice = random.Random(seed)
    versions = []
    for number in range(30):
        said: list[dict[str, float | Doubt]] = [{"pm2_5": float(number)}, {"o3": WITHDRAWN}, {"o3": 1.0 + number}]
        version = issued(NOON + number, NOON + 1000 + number, **dice.choice(said))
        versions.append(version._replace(station=f"st-{dice.randrange(3)}"))
    expected: dict[str, Point] = {}
    for version in versions:
        before = expected.get(version.station)
        expected[version.station] = Point(version, {}) if before is None else merge(before, version)
    stores = [writes(1), writes(2), writes(3)]
    dice.shuffle(versions)
    for version in versions:
        await dice.choice(stores).write([version])
    found = rows(stores[0].readings("air", "hour", 0, 2**62, detail=True))
    assert {row["station"]: (row.get("pm2_5"), row.get("o3"), row["doubtful"]) for row in found} == {
        station: (point.reading.values.get("pm2_5"), point.reading.values.get("o3"), dict(point.reading.doubtful))
        for station, point in expected.items()
    }


VALUES = st.dictionaries(
    st.sampled_from(["pm2_5", "o3", "co"]), st.one_of(st.floats(0, 9), st.just(Doubt("fault", 1.0))), min_size=1
)
READINGS = st.builds(
    lambda at, received, values: issued(NOON + at, NOON + received, **values),
    st.integers(0, 5),
    st.integers(0, 5),
    VALUES,
)


def point_of(readings: list[Reading]) -> Point:
    point = Point(readings[0], {})
    for reading in readings[1:]:
        point = merge(point, reading)
    return point


@given(st.lists(READINGS, min_size=1, max_size=4), st.lists(READINGS, min_size=1, max_size=4))
def test_joining_does_not_depend_on_the_order(ours: list[Reading], theirs: list[Reading]) -> None:
    one, other = point_of(ours), point_of(theirs)
    joined, swapped = join(one, other), join(other, one)
    if one.reading.version != other.reading.version:
        assert joined == swapped
    assert join(joined, other) == joined
    for code in {*joined.reading.values, *joined.reading.doubtful}:
        version = joined.older.get(code, joined.reading.version)
        assert all(
            version >= p.older.get(code, p.reading.version)
            for p in (one, other)
            if code in {*p.reading.values, *p.reading.doubtful}
        )


def test_writers_are_numbered_once(tmp_path: Path) -> None:
    books = Books(f"sqlite:///{tmp_path}/books.sqlite")
    books.prepare()
    assert [Sharing(books, journal).writer() for journal in ("a", "b", "a", "c", "b")] == [1, 2, 1, 3, 2]
    books.close()


def test_what_one_has_heard_the_others_know(tmp_path: Path) -> None:
    books = Books(f"sqlite:///{tmp_path}/books.sqlite")
    books.prepare()
    one, two = Sharing(books, "one"), Sharing(books, "two")
    assert one.exchange([Sighting("air", "a", 100)], 100, 100) == ({("air", "a"): 100}, 100)
    heard, until = two.exchange([Sighting("air", "a", 90), Sighting("air", "b", 95)], 95, 110)
    assert heard == {("air", "a"): 100, ("air", "b"): 95}
    assert until == 95, "so far all are"
    heard, until = one.exchange([], 120, 120)
    assert heard == {("air", "a"): 100, ("air", "b"): 95}
    assert until == 95
    assert two.exchange([], 130, 130)[1] == 120
    assert one.exchange([], 200_000, 200_000)[1] == 200_000, "who has stopped does not hold the others up"
    books.close()


def test_a_pause_is_one_only_where_everybody_had_told_until_it_was(tmp_path: Path) -> None:
    books = Books(f"sqlite:///{tmp_path}/books.sqlite")
    books.prepare()
    one, hearing = Sharing(books, "one"), Hearing(books)
    one.exchange([Sighting("air", "a", 100)], 100, 100, lambda *_: 50)
    hearing.keep("one", Span(90, 140))
    one.exchange([Sighting("air", "a", 200)], 200, 200, lambda *_: 50)
    assert hearing.pauses("air", ["a"], 0) == {}, "another may have heard it after 140"
    hearing.keep("one", Span(90, 260))
    one.exchange([Sighting("air", "a", 300)], 300, 300, lambda *_: 50)
    assert hearing.pauses("air", ["a"], 0) == {"a": [Span(200, 300)]}
