"""What a look knows of what was before: with another watch beside it, over restarts, and of data that count no more."""

from processors.alerts.courses import Courses
from processors.alerts.rules import load_rules
from sensors.instants import to_datetime
from sensors.stations import Station
from store.incidents import Incidents
from tests.processors.alerts.test_evaluate import FIRST, MINUTE_MS, ONE, RULES, Came, Minutes, minutes
from tests.processors.world import ZONE, World

PLAIN = {"plain": RULES["plain"]}

HOURS = load_rules(
    ONE.format(
        code="hours",
        rest="""
levels = [{ severity = "notice", of = "pm10", over = 100 }, { severity = "warning", of = "pm10", over = 200, dwell_min = 10 }]
dwell_min = 0
clear_min = 1
reopen_min = 10
schedule = [{ from = "13:00", to = "13:30" }]
""",
    ),
    "the test's rules",
)


def told(world: Minutes) -> list[tuple[int, str, int]]:
    """Since which minute, in which phase, and how many episodes."""
    its = [one.draft for one in reversed(Incidents(world.books).all())]
    return [((one.since - FIRST) // MINUTE_MS, one.phase, one.episodes) for one in its]


def test_what_another_watch_saw_is_not_left_out_of_a_run() -> None:
    with minutes() as world:
        one, other = world.watch(PLAIN), world.watch(PLAIN)
        for minute, value, watch in ((5, 120, one), (6, 20, other), (7, 120, one)):
            world.take([Came("hx-01", minute, value, 1000)])
            world.look(watch)
        assert told(world) == []
        assert Incidents(world.books).pending(["plain"]) == {("plain", "hx-01"): FIRST + 7 * MINUTE_MS}


def test_what_another_watch_told_goes_on_with_this_one() -> None:
    with minutes() as world:
        one, other = world.watch(PLAIN), world.watch(PLAIN)
        for minute, value, watch in ((5, 120, one), (6, 120, one), (7, 120, other), (8, 20, one)):
            world.take([Came("hx-01", minute, value, 1000)])
            world.look(watch)
        assert told(world) == [(5, "recovering", 1)]


def test_what_waits_for_its_hours_tells_nothing_again_of_what_was_before_it() -> None:
    with minutes() as world:
        for minute in range(20, 60):
            world.take([Came("hx-01", minute, 20 if 26 <= minute < 31 else 120, 1000)])
            world.look(world.watch(HOURS))
        assert told(world) == [(20, "resolved", 1)]


def minutely(**changed: object) -> Station:
    return World.station("hx-01").model_copy(update={"period": "minute", **changed})


def test_what_no_station_measured_is_withdrawn() -> None:
    with minutes() as world:
        world.books.register([minutely()], who="test", now=1)
        watch, book = world.watch(PLAIN), Incidents(world.books)
        world.take([Came("hx-01", minute, 120, 1000) for minute in (5, 6, 7)])
        world.look(watch)
        assert told(world) == [(5, "firing", 1)]
        left, back = (to_datetime(FIRST + minute * MINUTE_MS, ZONE) for minute in (4, 10))
        world.books.register([minutely(active_to=left), minutely(active_from=back)], who="test", now=world.now)
        world.look(watch)
        assert told(world) == []
        assert [line.what for line in book.log(1)] == ["opened", "withdrawn"]


def test_an_acknowledgement_of_a_group_takes_no_other_where_there_is_no_group() -> None:
    with minutes() as world:
        book = Incidents(world.books)
        world.take([Came(name, minute, 120, 1000) for minute in (5, 6, 7) for name in ("hx-01", "hx-02")])
        world.look(world.watch(PLAIN))
        one, other = book.all()
        assert [seen.id for seen in book.acknowledge_group(one.id, who="li", why="mine", now=world.now)] == [one.id]
        assert [each.id for each in book.all() if each.asks] == [other.id]


def test_what_was_closed_is_listed_for_a_time_and_not_for_ever() -> None:
    with minutes() as world:
        world.books.register([minutely()], who="test", now=1)
        watch, book = world.watch(PLAIN), Incidents(world.books)
        world.take([Came("hx-01", minute, 120, 1000) for minute in (5, 6, 7)])
        world.look(watch)
        world.books.register([minutely(active_to=to_datetime(world.now, ZONE))], who="test", now=world.now)
        world.look(watch)
        assert [one.gone for one in book.all(since=world.now)] == ["closed"]
        assert book.all(since=world.now + 1) == []


def test_what_comes_and_goes_for_ever_is_not_remembered_for_ever() -> None:
    with minutes() as world:
        courses, watch = Courses(), world.watch({"at_once": RULES["at_once"]})
        watch._courses = courses
        longest = 0
        for minute in range(50):
            world.take([Came("hx-01", minute, 120 if minute % 2 else 20, 1000)])
            world.look(watch)
            longest = max([longest, *(len(one.track.course.episodes) for one in courses.of("at_once").values())])
        assert 0 < longest < 20
        assert told(world) == [*((minute, "resolved", 1) for minute in range(1, 49, 2)), (49, "firing", 1)]
