"""What cityflux says of itself: what ingest sees, what the watch sees, when it is written, and what rules make of it."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from ingest.conditions import Clock, Disk, Teller, seen
from ingest.health import Snapshot
from ingest.intake import Verdict
from ingest.journal import Counts, JournalBatch, Ledger
from ingest.settle import Failing
from processors.alerts.outage import OUTAGES, RULE_OF, is_not_known, not_known_since, said_of_ourselves
from processors.alerts.own import Own
from processors.alerts.rules import load_rules, shipped_rules
from processors.alerts.watch import Watch
from sensors.reading import Reading
from store.books import Books, LedgerRow
from store.conditions import CODES, STEPS, Code, Condition, Conditions, is_news
from store.incidents import Draft, Incident, Incidents
from store.sqlite import SqliteStore
from tests.processors.world import ZONE

NOW = 1_772_344_800_000
SECOND, MINUTE = 1_000, 60_000
WELL = Snapshot(
    made_s=0, ledger=Ledger(10, 6, 1, 3, 20, 18, 2, 0), pending_bytes=10, cap_bytes=100, journal_failure=None,
    journal_full=None, connected=True, connections=1, receiving_failure=None, silent=False, taken=False, message_age_s=None,
    heartbeat_age_s=None, store_failure=None, settled_per_s=0, backlog_left_s=None, backlog=False, gaps=0, gaps_of_late=0,
    attendance={},
)  # fmt: skip
OURS = {code: rule for code, rule in shipped_rules().items() if code.startswith("cityflux_")}


def values(now: Snapshot, failing: Failing | None = None, free: int = 1_000, ahead: int = 0) -> dict[Code, Decimal]:
    return {code: value for code, value, _ in seen(now, failing, Disk(free, 100), Decimal(ahead))}


@pytest.mark.parametrize(
    ("changed", "failing", "free", "found"),
    [
        ({}, None, 1_000, {"journal_percent": 10, "disk_percent": 10}),
        ({"ledger": Ledger(10, 6, 1, 2, 20, 18, 2, 0)}, None, 1_000, {"ledger_off": 1}),
        ({"ledger": Ledger(10, 6, 1, 3, 20, 17, 2, 0)}, None, 1_000, {"ledger_off": 1}),
        ({"pending_bytes": 101}, None, 1_000, {"journal_percent": 101}),
        ({}, Failing("store_down", "refused"), 1_000, {"store_down": 1, "store_refuses": 0}),
        ({}, Failing("store_refuses", "401"), 1_000, {"store_down": 0, "store_refuses": 1}),
        # The books, or the journal: the store is not to blame.
        ({}, Failing(None, "locked"), 1_000, {"store_down": 0, "store_refuses": 0}),
        ({"connected": False, "receiving_failure": "refused"}, None, 1_000, {"broker_lost": 1}),
        # Connected, but nothing reaches us: not even what we send ourselves.
        ({"silent": True}, None, 1_000, {"broker_lost": 1}),
        ({}, None, 50, {"disk_percent": 200}),
        ({}, None, 0, {"disk_percent": 10_000}),
    ],
)
def test_what_ingest_sees_of_itself(
    changed: Mapping[str, Any], failing: Failing | None, free: int, found: Mapping[Code, int]
) -> None:
    all_of_it = values(replace(WELL, **changed), failing, free)
    assert {code: all_of_it[code] for code in found} == found
    others = {code: value for code, value in all_of_it.items() if code not in found and not code.endswith("percent")}
    assert not any(others.values())


def test_what_is_not_known_is_not_said() -> None:
    assert "ledger_off" not in values(replace(WELL, journal_failure="locked"))
    assert "broker_lost" not in values(replace(WELL, connected=False)), "not connected yet"
    without_disk = {code: value for code, value, _ in seen(replace(WELL, silent=True), None, None, Decimal(0))}
    assert "disk_percent" not in without_disk
    assert without_disk["broker_lost"] == 1, "a disk that cannot be asked keeps nothing else from being said"


def verdict(received_at: int, observed: Mapping[str, int]) -> Verdict:
    readings = [Reading("air", name, "minute", at, received_at, {"pm2_5": 1.0}, {}) for name, at in observed.items()]
    return Verdict(JournalBatch(1, received_at, []), readings, [0] * len(readings), {}, Counts(), {}, [])


@pytest.mark.parametrize(
    ("ahead_ms", "percent"),
    [((0, 0, 0), 0), ((MINUTE,) * 3, 0), ((3 * MINUTE,) * 2, 0), ((3 * MINUTE,) * 3, 100), ((3 * MINUTE, 0, 0, 0), 25)],
)
def test_a_clock_is_behind_where_most_stations_send_times_to_come(ahead_ms: tuple[int, ...], percent: int) -> None:
    clock = Clock()
    clock.look(verdict(NOW, {f"s{number}": NOW + ahead for number, ahead in enumerate(ahead_ms)}))
    assert clock.percent(NOW) == percent
    assert clock.percent(NOW + 21 * MINUTE) == 0, "too long ago"


def test_limits_and_clear_limits_of_rules_are_among_the_steps_of_their_condition() -> None:
    assert {rule.signal.removeprefix("cityflux_") for rule in OURS.values()} == set(CODES)
    for rule in OURS.values():
        steps = STEPS[next(code for code in CODES if rule.signal == f"cityflux_{code}")]
        for level in rule.levels:
            (clause,) = level.any[0]
            assert clause.over is not None
            assert int(clause.over) in steps, rule.code
            assert int(clause.over - rule.margin) in steps, rule.code
    assert set(OURS) >= OUTAGES
    assert {rule: f"cityflux_{code}" for code, rule in RULE_OF.items()} == {
        one.code: one.signal for one in OURS.values()
    }


@pytest.mark.parametrize(
    ("code", "before", "now", "news"),
    [
        ("journal_percent", None, "39", False), ("journal_percent", None, "41", True), ("journal_percent", "41", "49", False),
        ("journal_percent", "41", "50.1", True), ("journal_percent", "50.1", "50", True), ("store_down", None, "0", False),
        ("store_down", "0", "1", True), ("store_down", "1", "1", False),
    ],
)  # fmt: skip
def test_a_value_is_news_when_it_passes_a_step(code: Code, before: str | None, now: str, news: bool) -> None:
    assert is_news(code, None if before is None else Decimal(before), Decimal(now)) == news


@pytest.fixture
def books(tmp_path: Path) -> Books:
    books = Books(f"sqlite:///{tmp_path}/books.sqlite")
    books.prepare()
    return books


def test_ingest_tells_changes_once_and_goes_on_after_a_restart(books: Books) -> None:
    down = replace(WELL, connected=False, receiving_failure="refused")
    for number, now in enumerate([WELL, down, down, WELL]):
        # Each is another ingest on the same journal.
        Teller(books, "j").tell(seen(now, None, Disk(1_000, 100), Decimal(0)), NOW + number)
    found = Conditions(books).series("broker_lost", None, NOW + 10)
    assert [(one.at - NOW, int(one.value), one.why) for one in found] == [(1, 1, "refused"), (3, 0, "")]


def test_a_clock_that_is_set_back_keeps_changes_in_order(books: Books) -> None:
    teller = Teller(books, "j")
    down = replace(WELL, connected=False, receiving_failure="refused")
    for now, at in [(down, NOW), (WELL, NOW - MINUTE)]:
        teller.tell(seen(now, None, Disk(1_000, 100), Decimal(0)), at)
    assert [one.value for one in Conditions(books).series("broker_lost", ["broker"], NOW + 10)] == [1, 0]


class Place:
    """Books that an ingest copies its ledger to, and a watch."""

    def __init__(self, folder: Path, books: Books) -> None:
        self.now = NOW
        self.books = books
        self._store = SqliteStore(folder / "readings.sqlite")
        self.watch = self.fresh_watch()

    def fresh_watch(self) -> Watch:
        return Watch(self._store, self.books, OURS, prepare=lambda: None, zone=ZONE, clock=lambda: self.now)

    def go(self, seconds: int, *, ingest: bool) -> None:
        for _ in range(seconds):
            self.now += SECOND
            if ingest:
                self.books.copy_ledger(LedgerRow("j", self.now, *[0] * 8), [])
            while self.watch.step():
                pass

    def told(self, rule: str) -> list[str]:
        return [
            line.what
            for one in reversed(Incidents(self.books).all())
            if one.rule == rule
            for line in Incidents(self.books).log(one.id)
        ]


def test_ingest_that_says_nothing_is_dead_and_a_watch_that_has_begun_waits(tmp_path: Path, books: Books) -> None:
    place = Place(tmp_path, books)
    place.go(40, ingest=True)
    place.now += 3_600 * SECOND
    place.go(2, ingest=False)
    assert place.told("cityflux_ingest_dead") == [], "the clock was set, or the machine slept: it may still speak"
    place.go(1, ingest=True)
    last = place.now
    place.go(29, ingest=False)
    assert place.told("cityflux_ingest_dead") == []
    place.watch = place.fresh_watch()
    place.go(58, ingest=False)
    assert place.told("cityflux_ingest_dead") == [], "they are started together"
    place.go(10, ingest=False)
    assert place.told("cityflux_ingest_dead") == ["opened"]
    (one,) = Incidents(books).all(open_only=True)
    assert one.draft.since == last + 30 * SECOND
    place.watch = place.fresh_watch()
    place.go(70, ingest=False)
    place.go(3, ingest=True)
    assert place.told("cityflux_ingest_dead") == ["opened", "resolved"]


def test_a_condition_that_lasts_fires_after_its_dwell_if_who_says_it_lives(tmp_path: Path, books: Books) -> None:
    place = Place(tmp_path, books)
    place.go(5, ingest=True)
    Conditions(books).add([Condition("broker", "broker_lost", place.now, Decimal(1), "refused", "j")], place.now)
    place.go(59, ingest=True)
    place.go(20, ingest=False)
    assert place.told("cityflux_broker_lost") == [], "nobody knows whether it lasted"
    place.go(3, ingest=True)
    assert place.told("cityflux_broker_lost") == ["opened"]
    (one,) = Incidents(books).all()
    assert said_of_ourselves(books, one) == "refused"
    assert said_of_ourselves(books, one._replace(rule="air_aqi_city")) == ""
    Conditions(books).add([Condition("broker", "broker_lost", place.now, Decimal(0), "", "j")], place.now)
    place.go(3, ingest=True)
    assert place.told("cityflux_broker_lost") == ["opened", "resolved"]


@pytest.mark.parametrize(("dwell_min", "told_min"), [(1, 1), (7, 10), (42, 45)])
def test_a_city_may_wait_longer_before_it_is_told(tmp_path: Path, books: Books, dwell_min: int, told_min: int) -> None:
    place = Place(tmp_path, books)
    shipped = files("processors.alerts.shipped").joinpath("cityflux.toml").read_text("utf-8")
    of_broker = next(part for part in shipped.split("[[rule]]") if 'code = "cityflux_broker_lost"' in part)
    rules = load_rules(f"[[rule]]{of_broker.replace('dwell_min = 1', f'dwell_min = {dwell_min}')}", "own.toml")
    place.watch = Watch(
        SqliteStore(tmp_path / "r"), books, rules, prepare=lambda: None, zone=ZONE, clock=lambda: place.now
    )
    place.go(5, ingest=True)
    Conditions(books).add([Condition("broker", "broker_lost", place.now, Decimal(1), "refused", "j")], place.now)
    seen = []
    for _ in range(told_min + 1):
        place.now += 60 * SECOND - 3 * SECOND
        seen.append(place.told("cityflux_broker_lost"))
        place.go(3, ingest=True)
    place.go(3, ingest=True)
    assert seen[told_min - 1] == []
    assert place.told("cityflux_broker_lost") == ["opened"]


def test_a_reconnect_within_a_minute_is_told_to_nobody(tmp_path: Path, books: Books) -> None:
    place = Place(tmp_path, books)
    place.go(5, ingest=True)
    for value, seconds in [(1, 40), (0, 10), (1, 50), (0, 90)]:
        Conditions(books).add([Condition("broker", "broker_lost", place.now, Decimal(value), "", "j")], place.now)
        place.go(seconds, ingest=True)
    assert place.told("cityflux_broker_lost") == []


def test_what_waits_long_for_the_processor_is_told(tmp_path: Path, books: Books) -> None:
    place = Place(tmp_path, books)
    books.settle(
        "j", 1, registry_version=0, now=NOW, letters=(), changed={("air", "hour", NOW // 3_600_000): ["a"]}, unknown={}
    )
    place.go(5, ingest=True)
    assert place.told("cityflux_processor_behind") == []
    place.now += 31 * MINUTE
    place.go(5, ingest=True)
    assert place.told("cityflux_processor_behind") == ["opened"]


def incident(rule: str, since: int, phase: str = "firing", gone: Any = None) -> Incident:
    draft = Draft(since, since, 1, 1, phase, None, None, since, 1, {})  # type: ignore[arg-type]
    return Incident(1, rule, "x", draft, gone, None, 0, None, None, None)


def test_what_holds_is_not_known_since_the_first_outage_that_holds() -> None:
    outages = [incident("cityflux_broker_lost", 70), incident("cityflux_ingest_dead", 50)]
    assert not_known_since(outages) == 50
    assert not_known_since([incident("cityflux_store_down", 50, "resolved"), incident("cityflux_disk_low", 40)]) is None
    assert is_not_known(incident("air_aqi_city", 10), 50)
    for known in (incident("air_aqi_city", 10, "resolved"), incident("air_aqi_city", 10, gone="closed"), outages[0]):
        assert not is_not_known(known, 50)
    assert not is_not_known(incident("air_aqi_city", 10), None)


def test_own_looks_once_a_second(books: Books) -> None:
    own = Own(books)
    books.copy_ledger(LedgerRow("j", NOW, *[0] * 8), [])
    for number in range(200):
        own.look(NOW + 60 * SECOND + number * 10)
    assert Conditions(books).latest() == {}
