"""Looking at little finds what looking at everything finds: over random series, batches, orders, corrections and restarts."""

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
from processors.alerts.watch import Watch
from sensors.instants import DAY_MS, HOUR_MS
from sensors.reading import Doubt, Reading
from store.books import Books
from store.incidents import Incidents
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
        readings = [self._reading(one) for one in batch]
        asyncio.run(self._write(readings))
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

    async def _write(self, readings: Sequence[Reading]) -> None:
        await self.store.write(readings)
        await self.store.close()

    def _reading(self, one: Came) -> Reading:
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
        watch = world.watch()
        for batch in batches:
            world.take(batch)
            if restarts.random() < 0.2:
                watch = world.watch()
            world.look(watch)
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
