"""Who is expected, who is overdue, when a family is silent; and the progress of a backlog. All with a clock that is passed in."""

from datetime import UTC, datetime

import pytest

from ingest.drain import BACKLOG, Drain
from ingest.liveness import Attendance, Liveness
from sensors.instants import DAY_MS, HOUR_MS
from sensors.reading import Period
from sensors.stations import Registry, Station
from store.books import Changed

START = 1_772_344_800_000
MINUTE_MS = 60_000


def station(name: str, period: Period = "hour", **more: object) -> Station:
    entry = {"id": name, "family": "air", "name_zh": name, "district": "gaoxin", "period": period, **more}
    return Station.model_validate(entry)


def watching(*stations: Station) -> Liveness:
    liveness = Liveness(START)
    liveness.registry = Registry(stations)
    return liveness


def of(*names: str) -> Changed:
    return {("air", "hour", START // HOUR_MS): names}


@pytest.mark.parametrize(
    ("period", "allowed_ms"),
    [("minute", 7 * MINUTE_MS), ("hour", 2 * HOUR_MS + 5 * MINUTE_MS), ("day", 2 * DAY_MS + 5 * MINUTE_MS)],
)
def test_a_station_is_overdue_after_two_periods_and_five_minutes(period: Period, allowed_ms: int) -> None:
    liveness = watching(station("a", period))
    assert liveness.attendance(START + allowed_ms) == {"air": Attendance(1, 0)}
    assert liveness.attendance(START + allowed_ms + 1) == {"air": Attendance(1, 1)}
    liveness.stored(of("a"), START + HOUR_MS)
    assert liveness.attendance(START + HOUR_MS + allowed_ms) == {"air": Attendance(1, 0)}
    assert liveness.attendance(START + HOUR_MS + allowed_ms + 1) == {"air": Attendance(1, 1)}


def test_a_family_is_silent_only_when_all_of_its_stations_are() -> None:
    liveness = watching(station("a"), station("b"), station("w", family="water"))
    late = START + 3 * HOUR_MS
    liveness.stored(of("b"), late)
    found = liveness.attendance(late)
    assert found == {"air": Attendance(2, 1), "water": Attendance(1, 1)}
    assert [family for family, attendance in found.items() if attendance.silent] == ["water"]


def test_raw_and_inactive_stations_are_not_expected() -> None:
    def at(ms: int) -> datetime:
        return datetime.fromtimestamp(ms / 1000, UTC)

    liveness = watching(
        station("raw", "raw"),
        station("gone", active_to=at(START)),
        station("to-come", active_from=at(START + 9 * DAY_MS)),
    )
    assert liveness.attendance(START + DAY_MS) == {}
    assert not Attendance(0, 0).silent


def test_what_is_known_reaches_as_far_as_what_was_stored() -> None:
    liveness = watching(station("a"))
    assert liveness.known_until == START
    liveness.stored({}, START + 5)
    assert liveness.known_until == START + 5


def test_a_backlog_is_said_every_ten_seconds_with_rate_and_end_and_its_end_once() -> None:
    drain, settled = Drain(), 0
    said = []
    pending = BACKLOG + 1
    for second in range(30):
        if (line := drain.look(float(second), max(pending, 0), settled)) is not None:
            said.append((second, line))
        pending -= 5_000
        settled += 5_000
    assert said == [
        (1, "settling a backlog: 95001 messages, 5000/s, done in about 19 s"),
        (11, "settling a backlog: 45001 messages, 5000/s, done in about 9 s"),
        (20, "caught up with the backlog"),
    ]


def test_a_backlog_that_is_not_settled_is_not_progress_and_one_that_grows_has_no_end() -> None:
    drain = Drain()
    assert [drain.look(float(second), 2 * BACKLOG, 0) for second in range(30)] == [None] * 30
    assert drain.backlog
    assert drain.look(30.0, 3 * BACKLOG, 1_000) == "settling a backlog: 300000 messages, 100/s, it grows"


def test_an_ordinary_day_is_not_worth_a_line() -> None:
    drain = Drain()
    assert [drain.look(float(second), 4_000, 5_000 * second) for second in range(30)] == [None] * 30
    assert drain.settled_per_s == 5_000


def test_of_several_ingests_none_forgets_a_later_receipt() -> None:
    one, two = watching(station("a"), station("b")), watching(station("a"), station("b"))
    one.stored(of("a"), START + HOUR_MS)
    two.stored(of("a", "b"), START + 2 * HOUR_MS)
    heard = {("air", "a"): START + 2 * HOUR_MS, ("air", "b"): START + 2 * HOUR_MS}
    one.heard_by_others(heard)
    two.heard_by_others(heard | {("air", "a"): START})
    late = START + 4 * HOUR_MS + 5 * MINUTE_MS
    assert one.attendance(late) == two.attendance(late) == {"air": Attendance(2, 0)}
