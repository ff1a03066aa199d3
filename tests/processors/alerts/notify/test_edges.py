"""What is told where several things happen at once, or where something is not as it should be: nobody is left out by it."""

from processors.alerts.notify.channels import Message, NotSentError
from sensors.instants import HOUR_MS
from store.incidents import Change, Incidents
from store.notices import Outbox
from store.silences import Silence, Silences
from tests.processors.alerts.notify.room import Room, Shelf, ends, opens
from tests.processors.alerts.notify.told import draft, write


def told(room: Room, name: str = "group") -> list[tuple[int, str]]:
    """What a receiver was told of which incident, in order."""
    return [(message.incident, message.what) for message in room.shelves[name].kept]


async def test_of_a_group_nobody_is_left_out_because_its_first_stands_behind_another(room: Room) -> None:
    silent = opens(room, "hx-01", rule="air_station_silent")
    _, second = (opens(room, f"hx-0{number}", grouped=True) for number in (1, 2))
    await room.look()
    assert told(room) == [(silent, "opened"), (second, "opened")]


async def test_of_a_group_the_one_speaks_that_is_gravest_now(room: Room) -> None:
    first, second = (opens(room, f"hx-0{number}", level, grouped=True) for number, level in ((1, 3), (2, 1)))
    await room.look()
    lower = draft(room.now - HOUR_MS, 1, greatest=3)
    write(room.books, "lowered", lower, now=room.now, number=first, subject="hx-01", grouped=True)
    write(
        room.books, "raised", draft(room.now - HOUR_MS, 2), now=room.now, number=second, subject="hx-02", grouped=True
    )
    await room.look(1)
    assert told(room) == [(first, "opened"), (first, "lowered"), (second, "raised")]


async def test_what_stands_behind_a_silenced_incident_is_told(room: Room) -> None:
    Silences(room.books).add(Silence("air_station_silent", "", room.now, room.now + HOUR_MS, "drill"), who="wang")
    opens(room, "hx-01", rule="air_station_silent")
    second = opens(room, "hx-01")
    await room.look()
    assert told(room) == [(second, "opened")]


async def test_whoever_was_told_of_one_that_is_joined_hears_of_the_end_of_the_other(room: Room) -> None:
    first = opens(room, "city", 1, "air_aqi_city")
    second = opens(room, "city", 3, "air_aqi_city")
    await room.look()
    assert (told(room, "group"), told(room, "leader")) == (
        [(first, "opened"), (second, "opened")],
        [(second, "opened")],
    )
    book = Incidents(room.books)
    version = book.known("air_aqi_city", ["city"], 0)["city"].version
    joined = Change(second, "joined", f"late data made one incident of {first} and {second}", None, first)
    book.save({("air_aqi_city", "city"): (version, [joined])}, [], room.now)
    ends(room, first, "city", "air_aqi_city")
    await room.look()
    assert told(room, "leader") == [(second, "opened"), (second, "joined"), (first, "resolved")]


async def test_a_higher_level_begins_at_the_first_step_though_the_next_one_is_due(room: Room) -> None:
    one = opens(room)
    await room.look()
    write(room.books, "raised", draft(room.now - HOUR_MS, 2), now=room.now, number=one)
    await room.look(20)  # the notifier was not there meanwhile
    assert told(room) == [(one, "opened"), (one, "raised")]
    assert room.whats("li-sms") == []
    await room.look(15)
    assert room.whats("li-sms") == ["escalation"]


async def test_an_incident_of_a_rule_that_the_notifier_does_not_know_is_told_to_the_first_role(room: Room) -> None:
    one = opens(room, rule="brand_new_rule")
    await room.look()
    assert told(room) == [(one, "opened")]
    assert "brand_new_rule" in room.shelves["group"].kept[0].title


async def test_without_a_file_ladders_end_and_the_notifier_rests(room: Room) -> None:
    opens(room)
    await room.look()
    later = Room(room.books, "")
    later.now = room.now + HOUR_MS
    assert later.notifier.plan()
    assert not later.notifier.plan()
    assert Outbox(room.books).due_ladders(later.now, 10) == []


class Odd:
    """A receiver with an error of its own, which names a secret."""

    shown = "odd"

    def send(self, message: Message, timeout_s: float) -> None:
        raise ValueError("Invalid header value b'Bearer sesame-4711-open\\n'")


async def test_whatever_a_receiver_raises_stops_no_other_channel_and_shows_no_secret(room: Room) -> None:
    room.shelves["group"] = Odd()  # type: ignore[assignment]
    room.restart()
    opens(room)
    await room.look()
    await room.look(1)
    (waiting,) = room.notices("group")
    assert (waiting.state, waiting.error) == ("waiting", "odd: ValueError")
    assert room.whats("topic") == ["opened"]


class NoDigests(Shelf):
    """A receiver that takes no digest while it is `narrow`."""

    narrow = True

    def send(self, message: Message, timeout_s: float) -> None:
        if self.narrow and message.what == "digest":
            raise NotSentError("too long")
        super().send(message, timeout_s)


async def test_of_an_incident_in_a_digest_that_waits_the_end_comes_after_it(room: Room) -> None:
    room.shelves["group"] = group = NoDigests()
    room.restart()
    numbers = [opens(room, f"hx-0{number}") for number in range(1, 8)]
    await room.look()
    assert told(room) == [(number, "opened") for number in numbers[:4]]
    ends(room, numbers[-1], "hx-07")
    other = opens(room, "hx-08")
    for _ in range(4):
        await room.look(1)
    # It holds up nothing else.
    assert told(room)[4:] == [(other, "opened")]
    group.narrow = False
    for _ in range(4):
        await room.look(1)
    assert told(room)[5:] == [(0, "digest"), (numbers[-1], "resolved")]


async def test_whoever_was_told_before_a_silence_hears_of_the_end_in_it(room: Room) -> None:
    one = opens(room)
    await room.look()
    Silences(room.books).add(Silence("", "hx-01", room.now, room.now + HOUR_MS, "drill"), who="wang")
    write(room.books, "raised", draft(room.now - HOUR_MS, 2), now=room.now, number=one)
    ends(room, one)
    await room.look()
    await room.look(61)
    assert told(room) == [(one, "opened"), (one, "resolved")]
