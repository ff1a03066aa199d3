"""The watch on real books and a real store: what is told, in which order, once: over restarts, failures, late data."""

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from itertools import count
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import Connection

from processors.alerts.history import look_back
from processors.alerts.rules import Rule, shipped_rules
from processors.alerts.watch import Watch
from sensors.instants import DAY_MS, HOUR_MS, to_datetime
from sensors.reading import Doubt
from store.books import Books, BooksUnavailable
from store.incidents import Change, Draft, Incident, Incidents
from store.intervals import Interval, Intervals
from store.judgements import Superseded
from store.port import StoreUnavailable
from store.sqlite import SqliteStore
from tests.processors.world import CLEAN, ZONE, World

DAY = date(2026, 3, 5)
DIRTY = {**CLEAN, "pm2_5": 100.0}
ONE = ("hx-01",)
ALONE = {"air_aqi_station": shipped_rules()["air_aqi_station"]}


def watch(world: World, rules: Mapping[str, Rule] | None = None) -> Watch:
    return Watch(world.store, world.books, rules or ALONE, prepare=lambda: None, zone=ZONE, clock=lambda: world.now)


def look(world: World, *, rules: Mapping[str, Rule] | None = None) -> None:
    """A new watch, until there is nothing to look at: each call is a restart."""
    world.now += 2_000
    fresh = watch(world, rules)
    while fresh.step():
        pass


def told(world: World) -> list[tuple[str, str]]:
    """(subject, what) of all that was told, in order."""
    lines = [
        (line.at, one.id, one.subject, line.what)
        for one in _every(world)
        for line in Incidents(world.books).log(one.id)
    ]
    return [(subject, what) for _, _, subject, what in sorted(lines, key=lambda line: line[:2])]


def _every(world: World) -> list[Incident]:
    """Those that are gone too."""
    book = Incidents(world.books)
    found: list[Incident] = []
    for number in count(1):
        one = book.one(number)
        if one is None:
            break
        found.append(one)
    return found


async def afternoon(world: World, values: Sequence[Mapping[str, float]], first: int = 12) -> None:
    """Hour by hour at one station, the watch looking after each."""
    for number, one in enumerate(values):
        await world.hours(DAY, dict(one), stations=ONE, hours=[first + number])
        look(world)


async def test_an_afternoon_is_told_from_its_beginning_to_its_end_and_a_restart_tells_nothing(tmp_path: Path) -> None:
    world = World(tmp_path)
    await afternoon(world, [CLEAN, DIRTY, DIRTY, DIRTY, CLEAN, CLEAN, CLEAN, CLEAN])
    assert told(world) == [("hx-01", "opened"), ("hx-01", "recovering"), ("hx-01", "resolved")]
    look(world)
    assert len(told(world)) == 3


async def test_what_is_written_again_tells_nothing_and_later_hours_move_the_incident(tmp_path: Path) -> None:
    world = World(tmp_path)
    await afternoon(world, [DIRTY, DIRTY])
    before = Incidents(world.books).all()[0]
    await afternoon(world, [DIRTY, DIRTY])
    assert Incidents(world.books).all()[0] == before
    await afternoon(world, [DIRTY], first=14)
    after = Incidents(world.books).all()[0]
    assert (after.id, after.draft.since) == (before.id, before.draft.since)
    assert after.draft.last == before.draft.last + HOUR_MS
    assert len(told(world)) == 1


async def test_late_data_open_correct_and_withdraw_and_say_so(tmp_path: Path) -> None:
    world = World(tmp_path)
    await world.hours(DAY, CLEAN, stations=ONE)
    look(world)
    await world.hours(DAY, DIRTY, stations=ONE, hours=[10, 11, 12])
    look(world)
    (one,) = Incidents(world.books).all()
    (line,) = Incidents(world.books).log(one.id)
    assert (line.what, line.why) == ("opened", "it was over when the data came")
    await world.hours(DAY, DIRTY, stations=ONE, hours=[8, 9])
    look(world)
    assert [what for _, what in told(world)] == ["opened", "corrected"]
    fault = {"pm2_5": Doubt("fault", 100.0)}
    await world.hours(DAY, {}, stations=ONE, hours=range(8, 13), doubtful=fault)
    look(world)
    assert [what for _, what in told(world)][-1] == "withdrawn"
    assert Incidents(world.books).all() == []


async def test_what_people_withhold_withdraws_and_giving_it_back_tells_again(tmp_path: Path) -> None:
    world = World(tmp_path)
    await afternoon(world, [DIRTY, DIRTY, DIRTY, CLEAN, CLEAN, CLEAN])
    start = world.now - world.now % DAY_MS - 2 * DAY_MS
    interval = Interval("air", "hx-01", "", start, start + 4 * DAY_MS, "calibration", "span check")
    Intervals(world.books).add(interval, period="hour", who="test", now=world.now)
    look(world)
    assert Incidents(world.books).all() == []


class Full(Books):
    """Books that will not write now."""

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        raise BooksUnavailable("full")
        yield


async def test_books_that_will_not_write_lose_and_repeat_nothing(tmp_path: Path) -> None:
    world = World(tmp_path)
    await world.hours(DAY, CLEAN, stations=ONE)
    look(world)
    await world.hours(DAY, DIRTY, stations=ONE, hours=[10, 11])
    world.now += 2_000
    full = Full(f"sqlite:///{tmp_path / 'books.sqlite'}")
    failing = Watch(world.store, full, ALONE, prepare=lambda: None, zone=ZONE, clock=lambda: world.now)
    with pytest.raises(BooksUnavailable):
        failing.step()
    assert told(world) == []
    look(world)
    look(world)
    assert told(world) == [("hx-01", "opened")]


class Interleaved(SqliteStore):
    """A store in whose reading another watch is first."""

    def __init__(self, world: World, folder: Path) -> None:
        super().__init__(folder / "readings.sqlite")
        self._world: World | None = world

    def readings(self, *words, **more) -> pd.DataFrame:  # type: ignore[no-untyped-def]  # as the port's
        frame = super().readings(*words, **more)
        if (world := self._world) is not None:
            self._world = None
            assert watch(world).step()
        return frame


async def test_of_two_watches_one_tells(tmp_path: Path) -> None:
    world = World(tmp_path)
    await world.hours(DAY, CLEAN, stations=ONE)
    look(world)
    await world.hours(DAY, DIRTY, stations=ONE, hours=[10, 11])
    world.now += 2_000
    store = Interleaved(world, tmp_path)
    slower = Watch(store, world.books, ALONE, prepare=lambda: None, zone=ZONE, clock=lambda: world.now)
    while slower.step():
        pass
    assert told(world) == [("hx-01", "opened")]


def test_a_save_that_knew_an_older_version_writes_nothing(tmp_path: Path) -> None:
    world, draft = World(tmp_path), Draft(1, 1, 1, 1, "firing", None, None, 1, 1, {})
    book = Incidents(world.books)
    book.save({("r", "s"): (0, [Change(None, "opened", "", draft)])}, (), 1)
    again = {("q", "s"): (0, [Change(None, "opened", "", draft)]), ("r", "s"): (0, [Change(1, "resolved", "", draft)])}
    with pytest.raises(Superseded):
        book.save(again, (), 2)
    assert [one.rule for one in book.all()] == ["r"]
    assert book.known("r", ["s"], 0)["s"].version == 1


async def test_a_store_that_cannot_be_reached_is_tried_again(tmp_path: Path) -> None:
    world = World(tmp_path)
    await world.hours(DAY, DIRTY, stations=ONE, hours=[10, 11])
    world.now += 2_000

    class Down(SqliteStore):
        def readings(self, *words, **more) -> pd.DataFrame:  # type: ignore[no-untyped-def]  # as the port's
            raise StoreUnavailable("down")

    store = Down(tmp_path / "readings.sqlite")
    down = Watch(store, world.books, ALONE, prepare=lambda: None, zone=ZONE, clock=lambda: world.now)
    with pytest.raises(StoreUnavailable):
        down.step()
    look(world)
    assert told(world) == [("hx-01", "opened")]


async def test_an_acknowledged_incident_asks_again_when_it_is_raised(tmp_path: Path) -> None:
    world, worse = World(tmp_path), {**CLEAN, "pm2_5": 200.0}
    await afternoon(world, [DIRTY, DIRTY])
    book = Incidents(world.books)
    assert book.all()[0].asks
    seen = book.acknowledge(1, who="li", why="we know: road works", now=world.now)
    assert seen is not None
    assert (seen.asks, seen.acknowledged_by) == (False, "li")
    assert book.acknowledge(99, who="li", why="", now=world.now) is None
    await afternoon(world, [worse, worse], first=14)
    assert book.all()[0].asks
    assert [line.what for line in book.log(1)] == ["opened", "acknowledged", "raised"]
    assert [line.who for line in book.log(1)] == ["cityflux", "li", "cityflux"]


async def test_a_year_that_is_loaded_tells_of_its_last_weeks_alone(tmp_path: Path) -> None:
    world = World(tmp_path)
    for day in (date(2025, 10, 1), date(2026, 2, 20)):
        await world.hours(day, DIRTY, stations=ONE)
    look(world)
    assert [one.draft.phase for one in Incidents(world.books).all()] == ["firing"]


@pytest.mark.parametrize("seed", range(6))
async def test_any_order_and_batches_end_with_what_a_backtest_says(tmp_path: Path, seed: int) -> None:
    rng, world, rules = random.Random(seed), World(tmp_path), shipped_rules()
    levels = (CLEAN, CLEAN, DIRTY, {**CLEAN, "pm2_5": 180.0})
    hours = [(name, hour, rng.choice(levels)) for name in ("hx-01", "hx-02") for hour in range(24)]
    arriving = [*hours, *rng.sample(hours, 8)]
    rng.shuffle(arriving)
    chosen = {code: rules[code] for code in ("air_aqi_station", "air_aqi_city")}
    while arriving:
        size = rng.randint(1, 12)
        for name, hour, values in arriving[:size]:
            await world.hours(DAY, values, stations=(name,), hours=[hour])
        arriving = arriving[size:]
        look(world, rules=chosen)
    start, end = world.now - 20 * DAY_MS, world.now
    for rule in chosen.values():
        seen = look_back(world.store, world.books.registry(), Intervals(world.books).all("air"), rule, ZONE, start, end)
        stored = Incidents(world.books).all()
        for subject in ("hx-01", "hx-02", "city"):
            its = sorted(one.draft for one in stored if (one.rule, one.subject) == (rule.code, subject))
            assert its == sorted(seen[subject].incidents if subject in seen else ())


async def test_a_long_incident_of_one_station_opens_no_other_of_its_neighbours_again(tmp_path: Path) -> None:
    world = World(tmp_path)
    for day in (date(2026, 3, 3), date(2026, 3, 4)):
        for hour in range(24):
            dirty = (day, hour) in {(date(2026, 3, 3), 2), (date(2026, 3, 3), 3), (date(2026, 3, 3), 4)}
            await world.hours(day, DIRTY if dirty else CLEAN, stations=ONE, hours=[hour])
            await world.hours(day, DIRTY, stations=("hx-02",), hours=[hour])
            look(world)
    assert sorted(one.subject for one in Incidents(world.books).all()) == ["hx-01", "hx-02"]
    assert [what for subject, what in told(world) if subject == "hx-01"] == ["opened", "recovering", "resolved"]


async def test_an_incident_older_than_the_look_keeps_its_beginning(tmp_path: Path) -> None:
    world = World(tmp_path)
    for number in range(40):
        await world.hours(date(2026, 1, 24) + timedelta(days=number), DIRTY, stations=ONE)
    look(world)
    (first,) = Incidents(world.books).all()
    for hour in range(6):
        await world.hours(DAY, DIRTY, stations=ONE, hours=[hour])
        look(world)
    (one,) = Incidents(world.books).all()
    assert (one.draft.since, one.draft.fired) == (first.draft.since, first.draft.fired)
    assert [what for _, what in told(world)] == ["opened"]


async def test_an_analyser_that_falls_silent_ends_no_alert(tmp_path: Path) -> None:
    world = World(tmp_path)
    gases = {code: value for code, value in CLEAN.items() if code != "pm2_5"}
    await afternoon(world, [CLEAN, DIRTY, DIRTY, gases, gases, gases, gases, gases])
    assert [what for _, what in told(world)] == ["opened"]
    await afternoon(world, [CLEAN, CLEAN, CLEAN], first=20)
    assert [what for _, what in told(world)] == ["opened", "recovering", "resolved"]


async def test_a_station_that_is_taken_out_of_service_is_closed_and_stays_so(tmp_path: Path) -> None:
    world = World(tmp_path)
    await afternoon(world, [DIRTY, DIRTY, DIRTY])
    ends = to_datetime(world.now - HOUR_MS, ZONE)
    world.books.register([World.station("hx-01").model_copy(update={"active_to": ends})], who="test", now=world.now)
    look(world)
    look(world)
    book = Incidents(world.books)
    assert book.all(open_only=True) == []
    (one,) = book.all()
    assert (one.gone, one.asks) == ("closed", False)
    assert [(line.what, line.why) for line in book.log(one.id)][-1] == ("closed", "hx-01 is out of service")


async def test_a_watch_that_read_before_a_correction_tells_nothing_of_it(tmp_path: Path) -> None:
    world = World(tmp_path)
    await world.hours(DAY, CLEAN, stations=ONE)
    look(world)
    await world.hours(DAY, DIRTY, stations=ONE, hours=[10, 11])
    world.now += 2_000
    book = Incidents(world.books)
    stale = book.take(world.now, 100)
    await world.hours(DAY, CLEAN, stations=ONE, hours=[10, 11])
    look(world)
    draft = Draft(1, 1, 1, 1, "firing", None, None, 1, 1, {})
    with pytest.raises(Superseded):
        book.save({("air_aqi_station", "hx-01"): (0, [Change(None, "opened", "", draft)])}, stale, world.now)
    assert book.all() == []


def test_what_somebody_knows_of_an_incident_he_knows_of_the_one_it_is_joined_to(tmp_path: Path) -> None:
    world, draft = World(tmp_path), Draft(1, 1, 2, 2, "firing", None, None, 1, 1, {})
    book = Incidents(world.books)
    book.save({("r", "s"): (0, [Change(None, "opened", "", draft), Change(None, "opened", "", draft)])}, (), 1)
    book.acknowledge(2, who="li", why="seen", now=2)
    book.save({("r", "s"): (1, [Change(2, "joined", "", None, 1)])}, (), 3)
    (one,) = book.all()
    assert (one.id, one.acknowledged_by, one.asks) == (1, "li", False)


async def test_a_city_of_which_nothing_came_yet_is_told_nothing(tmp_path: Path) -> None:
    world = World(tmp_path)
    look(world, rules=shipped_rules())
    assert told(world) == []
