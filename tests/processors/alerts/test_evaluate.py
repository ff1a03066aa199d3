"""Looking at little finds what looking at all finds: over random series, batches, orders, corrections, restarts, two watches."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from processors.alerts.history import look_back
from processors.alerts.rules import Rule, load_rules
from processors.alerts.signals import SIGNALS, Look
from processors.alerts.watch import Watch
from sensors.instants import DAY_MS, HOUR_MS, to_datetime
from sensors.quantities import MEASURED_FAMILIES, OF_FAMILY
from sensors.reading import Doubt, Reading
from store.books import Books
from store.incidents import Incidents
from store.intervals import Interval, Intervals
from store.sqlite import SqliteStore
from tests.processors.world import ZONE, World

MINUTE_MS = 60_000
FIRST = 1_772_600_400_000  # an hour of 4 March 2026
NAMES = ("hx-01", "hx-02", "hx-03")

ONE = """
[[rule]]
code = "{code}"
signal = "readings.air.minute"
zh = "甲"
en = "One"
runbook = "air"
roles = ["duty"]
document = "d"
clause = "c"
mark = "chosen"
effective_from = 2020-01-01
margin = 5
gap_min = 5
{rest}
"""
RULES = load_rules(
    "\n".join(
        ONE.format(code=code, rest=rest)
        for code, rest in {
            "plain": """
levels = [{ severity = "notice", of = "pm10", over = 100 }, { severity = "warning", of = "pm10", over = 200, dwell_min = 4 }]
dwell_min = 2
clear_min = 3
reopen_min = 6
""",
            "at_once": """
levels = [{ severity = "notice", of = "pm10", over = 100 }]
dwell_min = 0
clear_min = 0
reopen_min = 0
""",
            "below": """
levels = [{ severity = "notice", of = "pressure", below = 980 }, { severity = "serious", of = "pressure", below = 950 }]
dwell_min = 1
clear_min = 2
hold_min = 4
reopen_min = 3
""",
            "windows": """
levels = [{ severity = "notice", any = [
    [{ of = "pm10", over = 100, windows = 3 }], [{ of = "pm10", over = 200, within = 2 }, { of = "pressure", below = 980 }],
] }]
dwell_min = 0
clear_min = 2
reopen_min = 4
""",
            "covered": """
levels = [{ severity = "notice", of = "pm10", over = 100 }]
dwell_min = 4
clear_min = 2
reopen_min = 5
coverage_percent = 80
""",
            "flapping": """
levels = [{ severity = "notice", of = "pm10", over = 100 }]
dwell_min = 0
clear_min = 1
reopen_min = 5
flap_times = 3
flap_min = 12
""",
            "hours": """
levels = [{ severity = "notice", of = "pm10", over = 100 }]
dwell_min = 1
clear_min = 2
reopen_min = 2
schedule = [{ from = "13:20", to = "13:35" }]
""",
        }.items()
    ),
    "the test's rules",
)


class Came(NamedTuple):
    """A reading that came: of a station, so many minutes after the first, with a value of each quantity (None: doubtful)."""

    name: str
    minute: int
    pm10: int | None
    pressure: int


class Minutes:
    """A store and books into which readings come in batches; `now` is far enough after them."""

    def __init__(self, folder: Path) -> None:
        self.now = FIRST + 2 * HOUR_MS
        self.books = Books(f"sqlite:///{folder / 'books.sqlite'}")
        self.books.prepare()
        self.store = SqliteStore(folder / "readings.sqlite")
        self.books.register([World.station(name) for name in NAMES], who="test", now=0)
        self._batch = 0

    def take(self, batch: Sequence[Came]) -> None:
        """A batch, marked as ingest does: of an hour all stations from its earliest instant on."""
        self.now += 1_000
        readings = [self.reading(one) for one in batch]
        asyncio.run(self.write(readings))
        changed: dict[tuple[str, str, int], set[str]] = {}
        earliest: dict[tuple[str, str, int], int] = {}
        for one in readings:
            window = ("air", "minute", (one.observed_at - 1) // HOUR_MS)
            changed.setdefault(window, set()).add(one.station)
            earliest[window] = min(one.observed_at, earliest.get(window, one.observed_at))
        self._batch += 1
        self.books.settle(
            "j", self._batch, registry_version=self.books.registry_version(), now=self.now, letters=(), changed=changed,
            unknown={}, earliest=earliest,
        )  # fmt: skip

    async def write(self, readings: Sequence[Reading]) -> None:
        await self.store.write(readings)
        await self.store.close()

    def reading(self, one: Came) -> Reading:
        good = {} if one.pm10 is None else {"pm10": float(one.pm10)}
        doubtful = {"pm10": Doubt("fault", 1.0)} if one.pm10 is None else {}
        at = FIRST + one.minute * MINUTE_MS
        return Reading("air", one.name, "minute", at, self.now, {**good, "pressure": float(one.pressure)}, doubtful)

    def watch(self, rules: Mapping[str, Rule] = RULES) -> Watch:
        return Watch(self.store, self.books, rules, prepare=lambda: None, zone=ZONE, clock=lambda: self.now)

    def look(self, watch: Watch) -> None:
        """Until there is nothing to look at."""
        self.now += 2_000
        while watch.step():
            continue


@contextmanager
def minutes() -> Iterator[Minutes]:
    with TemporaryDirectory() as folder:
        made = Minutes(Path(folder))
        try:
            yield made
        finally:
            made.books.close()


@st.composite
def arrivals(draw: st.DrawFn) -> list[list[Came]]:
    """Batches: mostly in order, some late, some again, some corrected."""
    found: list[Came] = []
    for name in NAMES[: draw(st.integers(1, 3))]:
        minute = draw(st.integers(0, 5))
        for _ in range(draw(st.integers(1, 30))):
            value = draw(st.sampled_from([None, 20, 20, 97, 120, 120, 120, 230]))
            found.append(Came(name, minute, value, draw(st.sampled_from([1000, 1000, 983, 970, 940]))))
            minute += draw(st.sampled_from([1, 1, 1, 1, 1, 2, 4, 7]))
    found.sort(key=lambda one: one.minute)
    for _ in range(draw(st.integers(0, 6))):
        late = found.pop(draw(st.integers(0, len(found) - 1)))
        found.insert(draw(st.integers(0, len(found))), late)
    for again in draw(st.lists(st.sampled_from(found), max_size=4)):
        found.append(again._replace(pm10=draw(st.sampled_from([again.pm10, 20, 120]))))
    batches = []
    while found:
        size = draw(st.integers(1, 12))
        batches.append(found[:size])
        found = found[size:]
    return batches


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(arrivals(), st.randoms(use_true_random=False))
def test_little_finds_what_everything_finds(batches: list[list[Came]], restarts: Random) -> None:
    with minutes() as world:
        watches = [world.watch(), world.watch()]
        for batch in batches:
            world.take(batch)
            number = restarts.randrange(2)
            if restarts.random() < 0.2:
                watches[number] = world.watch()
            world.look(watches[number])
        assert_is_what_everything_says(world)


def assert_is_what_everything_says(world: Minutes) -> None:
    stored, pending = Incidents(world.books).all(), Incidents(world.books).pending(list(RULES))
    for rule in RULES.values():
        seen = look_back(world.store, world.books.registry(), (), rule, ZONE, FIRST - DAY_MS, world.now)
        for name in NAMES:
            its = sorted(one.draft for one in stored if (one.rule, one.subject) == (rule.code, name))
            there = name in seen
            assert its == (sorted(seen[name].incidents) if there else []), (rule.code, name)
            assert pending.get((rule.code, name)) == (seen[name].pending if there else None), (rule.code, name)


GROUPED = load_rules(
    ONE.format(
        code="grouped",
        rest="""
levels = [{ severity = "notice", of = "pm10", over = 100 }]
dwell_min = 0
clear_min = 1
reopen_min = 0
group = "district"
group_min = 10
""",
    ),
    "the test's rules",
)


def dirty(name: str, minute: int) -> list[Came]:
    """A minute that exceeds, and two that do not."""
    return [Came(name, minute + n, value, 1000) for n, value in enumerate((120, 20, 20))]


def test_incidents_that_fire_close_together_are_a_group_of_the_first() -> None:
    with minutes() as world:
        watch, book = world.watch(GROUPED), Incidents(world.books)
        for came in (
            dirty("hx-02", 5),
            [*dirty("hx-01", 12), *dirty("hx-03", 16)],
            dirty("hx-01", 17),
            dirty("hx-02", 26),
        ):
            world.take(came)
            world.look(watch)
        groups = {(one.subject, (one.draft.since - FIRST) // MINUTE_MS): one.group_id for one in book.all()}
        first, second = groups["hx-02", 5], groups["hx-03", 16]
        assert groups == {
            ("hx-02", 5): first, ("hx-01", 12): first, ("hx-03", 16): second, ("hx-01", 17): second, ("hx-02", 26): second,
        }  # fmt: skip
        assert first != second
        assert next(one.id for one in book.group(first or 0)) == first
        seen = book.acknowledge_group(groups["hx-01", 12] or 0, who="li", why="one fire", now=world.now)
        assert [(one.subject, one.acknowledged_by) for one in seen] == [("hx-02", "li"), ("hx-01", "li")]


def test_one_acknowledgement_takes_a_group() -> None:
    with minutes() as world:
        watch, book = world.watch(GROUPED), Incidents(world.books)
        world.take([Came(name, 5, 120, 1000) for name in NAMES])
        world.look(watch)
        one, *others = book.all()
        book.acknowledge(others[0].id, who="wang", why="mine", now=world.now)
        seen = book.acknowledge_group(one.id, who="li", why="one fire", now=world.now)
        assert {each.id for each in seen} == {one.id, others[1].id}
        assert not any(each.asks for each in book.all())
        assert [line.who for line in book.log(others[0].id)] == ["cityflux", "wang"]
        assert book.acknowledge_group(99, who="li", why="", now=world.now) == []


def test_a_mark_in_the_future_of_a_fast_clock_is_looked_at() -> None:
    with minutes() as world:
        watch = world.watch(GROUPED)
        world.now = FIRST
        world.take([Came("hx-01", 30, 120, 1000)])
        world.look(watch)
        assert [one.subject for one in Incidents(world.books).all()] == ["hx-01"]


def test_a_rule_that_is_new_sees_when_it_began() -> None:
    with minutes() as world:
        world.take([Came("hx-01", minute, 120, 1000) for minute in range(90)])
        world.look(world.watch(GROUPED))
        world.take([Came("hx-01", 90, 120, 1000)])
        world.look(world.watch({"plain": RULES["plain"]}))
        (one,) = [one for one in Incidents(world.books).all() if one.rule == "plain"]
        assert one.draft.since == FIRST


def test_what_is_withheld_or_doubtful_exceeds_nothing() -> None:
    with minutes() as world:
        interval = Interval("air", "hx-01", "pm10", FIRST, FIRST + HOUR_MS, "calibration", "span check")
        Intervals(world.books).add(interval, period="minute", who="test", now=0)
        world.take([*dirty("hx-01", 5), *dirty("hx-02", 5), Came("hx-03", 5, None, 1000)])
        world.look(world.watch(GROUPED))
        assert [one.subject for one in Incidents(world.books).all()] == ["hx-02"]


def test_a_station_counts_while_it_is_active() -> None:
    with minutes() as world:
        begins = to_datetime(FIRST + 10 * MINUTE_MS, ZONE)
        world.books.register([World.station("hx-09").model_copy(update={"active_from": begins})], who="test", now=0)
        watch = world.watch(GROUPED)
        world.take([*dirty("hx-09", 4), *dirty("hx-09", 20)])
        world.look(watch)
        assert [(one.draft.since - FIRST) // MINUTE_MS for one in Incidents(world.books).all()] == [20]


def test_every_quantity_of_every_measured_family_has_a_signal_by_its_own_name_and_unit() -> None:
    for family in MEASURED_FAMILIES:
        for period in ("minute", "hour", "day"):
            shows = SIGNALS[f"readings.{family}.{period}"].shows
            assert {code: (one.zh, one.en, one.unit) for code, one in shows.items()} == {
                code: (one.zh, one.en, one.unit) for code, one in OF_FAMILY[family].items()
            }
    assert "readings.traffic.raw" not in SIGNALS


def test_of_events_of_one_instant_the_last_counts() -> None:
    with minutes() as world:
        one = world.reading(Came("hx-01", 5, 120, 1000))
        asyncio.run(
            world.write([one, one._replace(seq=1, values={"pm10": 20.0}), one._replace(station="hx-02", seq=7)])
        )
        look = Look(world.store, world.books.registry(), (), ZONE, FIRST, world.now, quantities=["pm10"])
        found = SIGNALS["readings.air.minute"].make(look)
        at = FIRST + 5 * MINUTE_MS
        assert found == {"hx-01": {at: {"pm10": 20}}, "hx-02": {at: {"pm10": 120}}}


def test_what_is_pending_is_listed_until_it_is_told_or_over_whoever_watches() -> None:
    with minutes() as world:
        rules, book = {"plain": RULES["plain"]}, Incidents(world.books)
        expected = {20: None, 120: 1, 130: 1, 97: None, 140: 4, 150: 4, 160: None}
        for minute, value in enumerate(expected):
            world.take([Came("hx-01", minute, value, 1000)])
            world.look(world.watch(rules))
            since = None if (begun := expected[value]) is None else FIRST + begun * MINUTE_MS
            assert book.pending(["plain"]).get(("plain", "hx-01")) == since
        assert [one.draft.since for one in book.all()] == [FIRST + 4 * MINUTE_MS]
