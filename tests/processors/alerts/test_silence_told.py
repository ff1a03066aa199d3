"""Silence as it is told, whatever happens: real vitals of ingest, real books, real watches, with a clock of their own; broker,
journal and store are lists. Outages of ingest, broker and store, backlogs and restarts at random: nobody is told of
silence that was none, and of a true one once."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from ingest.conditions import Clock
from ingest.devices import Devices
from ingest.journal import Ledger
from ingest.liveness import Liveness
from ingest.vitals import Vitals
from processors.alerts.rules import shipped_rules
from processors.alerts.watch import Watch
from sensors.instants import HOUR_MS
from sensors.stations import Station
from store.books import Books
from store.hearing import Hearing, Span
from store.incidents import Incident, Incidents
from store.sightings import Sighting, Sightings
from store.sqlite import SqliteStore
from tests.processors.world import ZONE

START = 1_772_344_800_000
MINUTE = 60_000
LIMIT = 7
SILENT = {"air_station_silent": shipped_rules()["air_station_silent"]}
STATIONS = ("a", "b")


class Times(NamedTuple):
    """Steps in which something is so."""

    since: int
    lasting: int

    def __contains__(self, step: object) -> bool:
        return isinstance(step, int) and self.since <= step < self.since + self.lasting


class World:
    """Station a falls silent, b never does; both send each minute. What is published waits at the broker while ingest is away,
    and in the journal while the store is; `settles` is how many batches of it are settled in a step."""

    def __init__(self, folder: Path, settles: int) -> None:
        self.now = START
        self.books = Books(f"sqlite:///{folder / 'books.sqlite'}")
        self.books.prepare()
        entry = {"family": "air", "name_zh": "站", "district": "gaoxin", "period": "minute"}
        self.books.register([Station.model_validate({"id": name, **entry}) for name in STATIONS], who="test", now=0)
        self.store = SqliteStore(folder / "readings.sqlite")
        self._settles = settles
        self._queued: set[str] = set()
        self._journal: list[tuple[int, set[str]]] = []
        self._ingest: tuple[Vitals, Liveness, Devices] | None = None
        self._watches: list[Watch] = []

    def step(self, *, silent: bool, ingest: bool, broker: bool, store: bool, watches: int) -> None:
        """A minute."""
        self.now += MINUTE
        if broker:
            self._queued |= {"b"} if silent else {"a", "b"}
        if ingest:
            self._run(connected=broker, store=store)
        else:
            self._ingest = None
        if not watches:
            self._watches = []
        while len(self._watches) < watches:
            made = Watch(self.store, self.books, SILENT, prepare=lambda: None, zone=ZONE, clock=lambda: self.now)
            self._watches.append(made)
        for watch in self._watches:
            while watch.step():
                pass

    def _run(self, *, connected: bool, store: bool) -> None:
        if self._ingest is None:
            self._ingest = self._started()
        vitals, liveness, devices = self._ingest
        if connected and self._queued:
            self._journal.append((self.now, self._queued))
            self._queued = set()
        if store:
            for received_at, stations in self._journal[: self._settles]:
                changed = {("air", "minute", received_at // HOUR_MS): sorted(stations)}
                liveness.stored(changed, received_at)
                devices.stored(changed, received_at, ())
            del self._journal[: self._settles]
        self.pending_bytes, self.connected = len(self._journal), connected
        vitals.look(self.now / 1000)

    def _started(self) -> tuple[Vitals, Liveness, Devices]:
        world, liveness, devices = self, Liveness(self.now), Devices(counts_lost=True)

        class Journal:
            uuid, cap_bytes = "journal", 1 << 20

            @property
            def pending_bytes(self) -> int:
                return world.pending_bytes

            def ledger(self) -> Ledger:
                return Ledger(*[0] * len(Ledger._fields))

            def gaps(self) -> list[Any]:
                return []

        class Consumer(SimpleNamespace):
            @property
            def connected(self) -> bool:
                return world.connected

        beat = SimpleNamespace(alarm=None, came_at_s=None)
        consumer = Consumer(full=None, heartbeat=beat, connections=1, failure=None, taken=None, message_at_s=None)
        settler = SimpleNamespace(failing=None)
        parts = cast("tuple[Any, Any, Any]", (consumer, settler, Journal()))
        vitals = Vitals(
            *parts, self.books, liveness, lambda: world.now, lambda _: None, devices, Clock(), stations_every_s=10
        )
        return vitals, liveness, devices

    def incidents(self) -> list[Incident]:
        """All that ever were."""
        book = Incidents(self.books)
        found: list[Incident] = []
        while (one := book.one(len(found) + 1)) is not None:
            found.append(one)
        return found


LAST = 70
times = st.builds(Times, st.integers(0, LAST), st.sampled_from([1, 2, 5, 10, 30]))
outages = st.lists(times, max_size=3)


# Shrinking a failure would take minutes: an example says what happened.
@settings(deadline=None, max_examples=10, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(
    silent=st.builds(Times, st.integers(5, 60), st.sampled_from([3, 6, 8, 10, 20, 40])),
    ingest_away=outages,
    broker_away=st.lists(times, max_size=2),
    store_away=outages,
    watch_away=outages,
    watches=st.sampled_from([1, 2]),
    settles=st.sampled_from([2, 1_000]),
)
# It is silent, and sends again, while the store is away: all of it comes at once.
@example(Times(20, 20), [], [], [Times(10, 40)], [], 1, 1_000)
def test_nobody_is_told_of_silence_that_was_none_and_of_a_true_one_once(
    silent: Times,
    ingest_away: Sequence[Times],
    broker_away: Sequence[Times],
    store_away: Sequence[Times],
    watch_away: Sequence[Times],
    watches: int,
    settles: int,
) -> None:
    def away(of: Sequence[Times], number: int) -> bool:
        return number <= LAST and any(number in one for one in of)

    quiet_for, longest = 0, 0
    with TemporaryDirectory() as folder:
        world = World(Path(folder), settles)
        for number in range(LAST + 50):
            ingest, broker = not away(ingest_away, number), not away(broker_away, number)
            world.step(
                silent=number in silent,
                ingest=ingest,
                broker=broker,
                store=not away(store_away, number),
                watches=0 if away(watch_away, number) else watches,
            )
            # While it was silent, how long ingest and broker were there without a break.
            quiet_for = quiet_for + 1 if number in silent and ingest and broker else 0
            longest = max(longest, quiet_for)
        found = world.incidents()
        log = [[line.what for line in Incidents(world.books).log(one.id)] for one in found]
    assert {one.subject for one in found} <= {"a"}
    if longest > LIMIT + 2:
        assert len(found) == 1, "a silence that could be heard is told"
    if silent.lasting < LIMIT - 2 and not broker_away:
        assert not found
    assert len(found) <= 1
    for one, whats in zip(found, log, strict=True):
        assert one.gone is None
        assert one.draft.phase == "resolved"
        # Where it was over when it came, its opening says so.
        assert whats == ["opened"] or (whats[0], whats[-1]) == ("opened", "resolved")
        assert set(whats) <= {"opened", "raised", "resolved"}
        assert whats.count("opened") == 1


def test_silence_that_turns_out_to_be_none_is_withdrawn(tmp_path: Path) -> None:
    """An ingest that shares the work was away with something of the station in its journal, and tells it late."""
    world = World(tmp_path, 1)
    sightings, hearing = Sightings(world.books), Hearing(world.books)
    watch = Watch(world.store, world.books, SILENT, prepare=lambda: None, zone=ZONE, clock=lambda: world.now)
    seen = []
    for minute in range(14):
        world.now = START + minute * MINUTE
        # The sixth minute is told in the ninth; nothing is longer apart than it may be.
        heard = {0: 0, 9: 6, 10: 10, 11: 11, 12: 12, 13: 13}
        its = [("b", minute), *([("a", heard[minute])] if minute in heard else [])]
        sightings.add([Sighting("air", name, START + at * MINUTE) for name, at in its], lambda *_: LIMIT * MINUTE)
        hearing.keep("j", Span(START - MINUTE, world.now))
        for _ in range(2):
            world.now += 3_000
            while watch.step():
                pass
        seen.append([(one.subject, one.gone, one.draft.phase) for one in world.incidents()])
    assert seen[8] == [("a", None, "firing")]
    assert seen[13] == [("a", "withdrawn", "firing")]
