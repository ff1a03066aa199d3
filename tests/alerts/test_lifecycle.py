"""Random events through the whole lifecycle: readings that rise, fall, are doubtful, late, corrected, withdrawn; intervals that
people enter; watches that restart, die or run two at once; acknowledgements; rules that change. Whatever happens

    the log of an incident is a path of its lifecycle, and begins once
    no rule has two incidents of a subject at the same time
    what is stored is what one look at all data says, with new books
    looking again at everything writes nothing
"""

import asyncio
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from processors.alerts.rules import Rule, shipped_rules
from sensors.instants import HOUR_MS
from simulators.alerts.air import CITY_AQI, STATION_AQI, air
from simulators.alerts.sending import IN_ORDER, Row, entry, messages_of
from simulators.alerts.story import UPSETS
from store.books import ALL_HOURS
from store.incidents import Draft, Incident
from store.intervals import Interval, Intervals
from store.transaction import touch
from tests.alerts.city import City
from tests.alerts.lifecycle import wrong_in
from tests.alerts.play import altered
from tests.alerts.watchers import Watcher

START = 1_768_147_200_000
"""2026-01-12, midnight in Chongqing."""
HOURS = 30
STATIONS = ("hx-01", "hx-02")
# PM2.5 of each level of the index; and one that keeps level 1 up and is none.
VALUES = (20.0, 74.0, 95.0, 130.0, 200.0, 300.0)


class Lifecycle(RuleBasedStateMachine):
    """A city of two stations over thirty hours."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory(prefix="cityflux-lifecycle-")
        self._loop = asyncio.new_event_loop()
        self.city = City(Path(self._folder.name), [entry(name) for name in STATIONS])
        self.city.now = START + 40 * HOUR_MS
        self.alert_rules: dict[str, Rule] = {code: shipped_rules()[code] for code in (STATION_AQI, CITY_AQI)}
        self.watcher = Watcher(self.city, self.alert_rules)

    @initialize()
    def begin(self) -> None:
        """Registering has marked everything."""
        self.watcher.look()

    @rule(
        station=st.sampled_from(STATIONS),
        first=st.integers(1, HOURS),
        values=st.lists(st.sampled_from(VALUES), min_size=1, max_size=5),
        seed=st.randoms(use_true_random=False),
    )
    def readings(self, station: str, first: int, values: Sequence[float], seed: Any) -> None:
        """New ones, late ones or corrections."""
        self._write([self._row(station, first + number, value) for number, value in enumerate(values)], seed)

    @rule(
        station=st.sampled_from(STATIONS),
        first=st.integers(1, HOURS),
        count=st.integers(1, 5),
        status=st.sampled_from(["calibration", "fault", "withdrawn"]),
        seed=st.randoms(use_true_random=False),
    )
    def doubtful(self, station: str, first: int, count: int, status: str, seed: Any) -> None:
        """PM2.5 is not known in some hours."""
        rows = [self._row(station, hour, VALUES[0]) for hour in range(first, first + count)]
        self._write([row._replace(status={"pm2_5": status}) for row in rows], seed)

    @rule(station=st.sampled_from(STATIONS), first=st.integers(0, HOURS), count=st.integers(1, 6))
    def withheld(self, station: str, first: int, count: int) -> None:
        """What people enter is no good."""
        begins = START + first * HOUR_MS
        interval = Interval("air", station, "", begins, begins + count * HOUR_MS, "calibration", "span check")
        Intervals(self.city.books).add(interval, period="hour", who="li", now=self._now())

    @rule(upset=st.sampled_from(["", *UPSETS]))
    def look(self, upset: Any) -> None:
        """The watch looks, and something may become of it."""
        self.watcher.look(upset)

    @rule(number=st.integers(0, 3))
    def acknowledge(self, number: int) -> None:
        """Somebody knows of an open incident."""
        its = self.city.incidents.all(open_only=True)
        if its:
            one = its[number % len(its)]
            after = self.city.incidents.acknowledge(one.id, who="li", why="seen", now=self._now())
            assert after is not None
            assert not after.asks

    @rule(dwell_min=st.sampled_from([0, 60, 120]), margin=st.sampled_from([0, 5, 20]))
    def change_of_rules(self, dwell_min: int, margin: int) -> None:
        """Other rules, and everything is looked at with them."""
        changes = {"dwell_min": dwell_min, "margin": margin}
        self.alert_rules[STATION_AQI] = altered(shipped_rules()[STATION_AQI], changes)
        self._touch_all()
        self.watcher.look("restart")

    @rule()
    def look_again_at_everything(self) -> None:
        """Nothing follows of it."""
        self.watcher.look()
        self._is_what_one_look_says()
        before = self._all_there_is()
        self._touch_all()
        self.watcher.look("restart")
        assert self._all_there_is() == before

    @invariant()
    def logs_are_paths_of_the_lifecycle(self) -> None:
        for one in self.city.every_incident():
            told = [line.what for line in self.city.incidents.log(one.id)]
            assert not (wrong := wrong_in(told, one.draft.phase, gone=one.gone is not None)), wrong

    @invariant()
    def nobody_knows_of_more_than_there_was(self) -> None:
        for one in self.city.every_incident():
            greatest = max(line.level for line in self.city.incidents.log(one.id))
            assert (one.acknowledged_level or 0) <= greatest

    @invariant()
    def one_at_a_time(self) -> None:
        for of_one in _by_series(self.city.every_incident()).values():
            for before, after in pairwise(sorted(of_one, key=lambda draft: draft.since)):
                assert before.well is not None, of_one
                assert before.well < after.since, of_one

    def teardown(self) -> None:
        """In the end as after one look."""
        try:
            self.watcher.look()
            self._is_what_one_look_says()
        finally:
            self._loop.run_until_complete(self.city.close())
            self._loop.close()
            self._folder.cleanup()

    def _is_what_one_look_says(self) -> None:
        """New books over the same readings."""
        with tempfile.TemporaryDirectory(prefix="cityflux-once-") as folder:
            once = City(Path(folder), [entry(name) for name in STATIONS])
            once.now, once.store, once.folder = self.city.now, self.city.store, self.city.folder
            for interval in Intervals(self.city.books).all("air"):
                Intervals(once.books).add(interval, period="hour", who="li", now=0)
            Watcher(once, self.alert_rules).look()
            found, stored = _by_series(once.every_incident()), _by_series(self.city.every_incident())
            once.books.close()
        assert stored == found

    def _row(self, station: str, hour: int, value: float) -> Row:
        return Row(station, START + hour * HOUR_MS, air(value))

    def _write(self, rows: Sequence[Row], seed: Any) -> None:
        self._now()
        self._loop.run_until_complete(self.city.take(messages_of(seed, rows, IN_ORDER, "air", "hour")))

    def _touch_all(self) -> None:
        with self.city.books.writing() as connection:
            touch(connection, {("air", "hour", ALL_HOURS): set(STATIONS)}, self._now())

    def _now(self) -> int:
        self.city.now += 1_000
        return self.city.now

    def _all_there_is(self) -> list[Any]:
        return [(one, self.city.incidents.log(one.id)) for one in self.city.every_incident()]


def _by_series(incidents: Sequence[Incident]) -> dict[tuple[str, str], list[Draft]]:
    """The incidents that are there by rule and subject, in order of time."""
    found: dict[tuple[str, str], list[Draft]] = {}
    for one in incidents:
        if one.gone is None:
            found.setdefault((one.rule, one.subject), []).append(one.draft)
    return {key: sorted(of, key=lambda draft: draft.since) for key, of in found.items()}


TestLifecycle = pytest.mark.slow(Lifecycle.TestCase)
TestLifecycle.settings = settings(
    max_examples=15, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
