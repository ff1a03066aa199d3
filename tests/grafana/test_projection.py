"""What Grafana draws is what the books say, while they change, after a restart and after a rebuild, and nothing else."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from processors.alerts.rules import shipped_rules
from processors.plans import shipped_plan
from processors.projection.projector import SAMPLE_EVERY_MS, Projector
from processors.windows import length_of, period_bounds
from store.books import Books
from store.incidents import Change, Draft, Incidents
from store.influx_projected import Projected, ProjectedStore, line_of
from store.judgements import Closed, Judgement, Judgements, Key, Running
from store.measurements import INCIDENTS, INDICATORS, MEASUREMENTS, PIPELINE, SCORECARD, STATIONS
from store.port import StoreMisconfigured
from store.reviews import Reviews
from tests.processors.world import World
from tests.servers.influx import Influx

ZONE = ZoneInfo("Asia/Shanghai")
DAY = date(2026, 3, 5)
AT = period_bounds("2026-03-05", ZONE)[0]
KEY = Key("air_daily_aqi", "city", "2026-03-05", "HJ633-2026")


class Drawing:
    """A small city with a projector, on buckets of their own."""

    def __init__(self, folder: Path, server: Influx) -> None:
        self.world = World(folder)
        name = server.new_bucket()
        for policy in ("books", "samples"):
            server.new_bucket(name=f"{name}/{policy}")
        self.target = ProjectedStore(server.url, server.org, name, server.token)
        self.projector = self.anew()

    def anew(self) -> Projector:
        """As a process that starts."""
        world = self.world
        return Projector(self.target, world.books, world.plan, shipped_rules(), zone=ZONE, clock=lambda: world.now)

    def project(self) -> None:
        while self.projector.step():
            continue

    def close_a_day(self, value: str | None, *, reason: str = "late hours") -> None:
        """A revision of the day's value."""
        judgements = Judgements(self.world.books)
        before = judgements.newest([KEY]).get(KEY)
        judgements.save([Closed(judged(KEY, value, self.world.now), before, reason)], (), ())

    def values(self, indicator: str = "air_daily_aqi", scope: str = "city") -> dict[int, Any]:
        where = f"\"indicator\" = '{indicator}' AND \"scope\" = '{scope}'"
        return {row["at_ns"]: row["value"] for row in self.target.stored(INDICATORS, ["value", "status"], where)}

    def incident(self, number: int | None, what: Any, **changes: Any) -> int:
        draft = Draft(AT, AT, 2, 2, "firing", None, None, AT, 1, {"value": "161", "peak_at": AT})
        incidents = Incidents(self.world.books)
        known = incidents.known("air_aqi_station", ["hx-01"], 0)["hx-01"]
        change = Change(number, what, "as measured", draft._replace(**changes))
        saved = incidents.save({("air_aqi_station", "hx-01"): (known.version, [change])}, (), self.world.now)
        return saved["air_aqi_station", "hx-01"][0]

    def incidents(self) -> list[dict[str, Any]]:
        return self.target.stored(INCIDENTS, ["id", "severity", "phase", "open", "asks", "resolved", "peak"])


@pytest.fixture
def drawing(tmp_path: Path, influx: Influx) -> Iterator[Drawing]:
    made = Drawing(tmp_path, influx)
    yield made
    made.target.close()
    made.world.books.close()


def judged(key: Key, value: str | None, now: int) -> Judgement:
    status = "not assessable" if value is None else "met"
    return Judgement(
        key, value, "1", status, 0 if value is None else 24, 24, "1", ("hx-01",), {"category": "优 ü"}, now
    )


def test_a_revision_takes_the_place_of_what_was_drawn(drawing: Drawing) -> None:
    drawing.close_a_day("42")
    drawing.project()
    assert drawing.values() == {AT * 1_000_000: 42.0}
    drawing.close_a_day("57")
    drawing.project()
    assert drawing.values() == {AT * 1_000_000: 57.0}
    (point,) = drawing.target.stored(INDICATORS, list(INDICATORS.fields))
    assert (point["revision"], point["reason"], point["finality"]) == (2, "late hours", "provisional")
    assert (point["period"], point["length"], point["category"], point["coverage"]) == (
        "2026-03-05",
        "day",
        "优 ü",
        1.0,
    )


@pytest.mark.parametrize("at_once", [True, False], ids=["in one look", "in two looks"])
def test_a_value_that_is_withdrawn_is_drawn_no_more(drawing: Drawing, at_once: bool) -> None:
    drawing.close_a_day("42")
    if not at_once:
        drawing.project()
    drawing.close_a_day(None, reason="hours withdrawn")
    drawing.project()
    (point,) = drawing.target.stored(INDICATORS, ["value", "status", "coverage"])
    assert (point["value"], point["status"], point["coverage"]) == (None, "not assessable", 0.0)


def test_what_is_proposed_is_drawn_when_somebody_accepts_it(drawing: Drawing) -> None:
    world, judgements = drawing.world, Judgements(drawing.world.books)
    drawing.close_a_day("42")
    reviews = Reviews(world.books)
    reviews.move(judgements.latest(), "final", who="clerk", why="seen", now=world.now)
    drawing.close_a_day("57")
    drawing.project()
    assert drawing.values() == {AT * 1_000_000: 42.0}
    (proposal,) = reviews.proposals()
    reviews.decide(proposal.id, "accept", who="clerk", why="right", now=world.now, window=None)
    drawing.project()
    assert drawing.values() == {AT * 1_000_000: 57.0}


def test_a_running_value_becomes_the_revision_that_its_period_closes_with(drawing: Drawing) -> None:
    world = drawing.world
    judgements = Judgements(world.books)
    judgements.save((), [Running(judged(KEY, "30", world.now), world.now + 1)], ())
    drawing.project()
    (point,) = drawing.target.stored(INDICATORS, ["value", "finality", "revision"])
    assert (point["value"], point["finality"], point["revision"]) == (30.0, "running", 0)
    judgements.save([Closed(judged(KEY, "31", world.now), None, "the period closed")], (), (), [KEY])
    drawing.project()
    (point,) = drawing.target.stored(INDICATORS, ["value", "finality", "revision"])
    assert (point["value"], point["finality"], point["revision"]) == (31.0, "provisional", 1)


def test_periods_that_begin_together_are_told_apart(drawing: Drawing) -> None:
    judgements = Judgements(drawing.world.books)
    periods = {"2026-01-01": "day", "2026-01": "month", "2026-Q1": "quarter", "2026": "year"}
    keys = [KEY._replace(period=period) for period in periods]
    judgements.save([Closed(judged(key, "1", drawing.world.now), None, "closed") for key in keys], (), ())
    drawing.project()
    stored = drawing.target.stored(INDICATORS, ["period"])
    assert {row["period"]: row["length"] for row in stored} == periods
    assert {length_of(period) for period in periods} == set(periods.values())
    assert len({row["at_ns"] for row in stored}) == 1


def test_an_incident_is_drawn_once_wherever_late_data_put_its_beginning(drawing: Drawing) -> None:
    number = drawing.incident(None, "opened")
    drawing.project()
    (drawn,) = drawing.incidents()
    assert (drawn["at_ns"], drawn["severity"], drawn["open"], drawn["asks"]) == (
        AT * 1_000_000 + number, "warning", True, True,
    )  # fmt: skip
    drawing.incident(number, "corrected", fired=AT - 3_600_000, level=3, greatest=3)
    drawing.project()
    (drawn,) = drawing.incidents()
    assert (drawn["at_ns"], drawn["severity"]) == ((AT - 3_600_000) * 1_000_000 + number, "serious")
    Incidents(drawing.world.books).acknowledge(number, who="crew", why="known", now=drawing.world.now)
    drawing.incident(number, "resolved", fired=AT - 3_600_000, phase="resolved", resolved=AT, well=AT)
    drawing.project()
    (drawn,) = drawing.incidents()
    assert (drawn["phase"], drawn["open"], drawn["resolved"]) == ("resolved", False, AT)
    drawing.incident(number, "fired again", fired=AT - 3_600_000)
    drawing.project()
    (drawn,) = drawing.incidents()
    assert (drawn["phase"], drawn["open"], drawn["resolved"]) == ("firing", True, None)


def test_two_incidents_of_one_moment_are_two_points(drawing: Drawing) -> None:
    drawing.incident(None, "opened")
    drawing.incident(None, "opened")
    drawing.project()
    assert [row["id"] for row in drawing.incidents()] == [1, 2]


def test_a_station_that_changes_its_district_is_in_one_of_them(drawing: Drawing) -> None:
    drawing.project()
    moved = drawing.world.station("hx-01").model_copy(update={"district": "beibei", "longitude": 106.5})
    drawing.world.books.register([moved], who="clerk", now=drawing.world.now)
    drawing.project()
    stored = drawing.target.stored(STATIONS, ["label_zh", "longitude"], "\"station\" = 'hx-01'")
    assert [(row["district"], row["label_zh"], row["longitude"]) for row in stored] == [
        ("beibei", "hx-01 (hx-01)", 106.5)
    ]
    assert len(drawing.target.stored(STATIONS, ["label_zh"])) == 5


def test_samples_are_of_a_minute_and_say_who_is_silent(drawing: Drawing) -> None:
    drawing.project()
    drawing.project()
    assert len(drawing.target.stored(PIPELINE, ["windows_waiting"])) == 1
    drawing.world.now += SAMPLE_EVERY_MS
    drawing.project()
    assert len(drawing.target.stored(PIPELINE, ["windows_waiting"])) == 2
    states = drawing.target.stored(MEASUREMENTS["devices"], ["state", "ill"])
    assert {(row["state"], row["ill"]) for row in states} == {("never seen", 2)}


def test_a_restart_goes_on_where_the_projection_is_and_an_empty_bucket_is_filled(drawing: Drawing) -> None:
    drawing.close_a_day("42")
    drawing.project()
    # Taken away behind its back: a projector that goes on does not look at it again, one whose projection is lost does.
    drawing.target.clear(INDICATORS)
    drawing.projector = drawing.anew()
    drawing.project()
    assert drawing.values() == {}
    drawing.target.clear(MEASUREMENTS["projection"])
    drawing.projector = drawing.anew()
    drawing.project()
    assert drawing.values() == {AT * 1_000_000: 42.0}


def test_a_rebuild_takes_away_what_the_books_do_not_say(drawing: Drawing) -> None:
    drawing.close_a_day("42")
    drawing.project()
    other = {"indicator": "made up", "scope": "city", "standard": "none", "length": "day"}
    fields = dict.fromkeys(INDICATORS.fields, 1) | {"value": 7.0}
    drawing.target.write([Projected(INDICATORS, other, fields, AT)])
    assert drawing.values("made up") == {AT: 7.0}
    drawing.projector.rebuild()
    assert drawing.values("made up") == {}
    assert drawing.values() == {AT * 1_000_000: 42.0}


def test_a_place_that_is_not_there_is_said(tmp_path: Path, influx: Influx) -> None:
    books = Books(f"sqlite:///{tmp_path / 'books.sqlite'}")
    books.prepare()
    target = ProjectedStore(influx.url, influx.org, "nowhere", influx.token)
    with pytest.raises(StoreMisconfigured, match=r"database not found|not found"):
        Projector(target, books, shipped_plan(), {}, zone=ZONE, clock=lambda: 0).step()
    books.close()


def test_only_what_the_table_has_can_be_written() -> None:
    whole = dict.fromkeys(SCORECARD.fields, 1)
    with pytest.raises(ValueError, match=r"scorecard: colour is not as"):
        line_of(Projected(SCORECARD, {"code": "c", "year": "2026"}, {**whole, "colour": 1}, 0))
    with pytest.raises(ValueError, match=r"scorecard: year is not as"):
        line_of(Projected(SCORECARD, {"code": "c"}, dict(whole), 0))
    with pytest.raises(ValueError, match=r"scorecard: status is always there"):
        line_of(Projected(SCORECARD, {"code": "c", "year": "2026"}, {**whole, "status": None}, 0))
