"""Who is told what and when, over real books and a clock that a test turns: rosters, ladders, silences, rates."""

from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from processors.alerts.notify.channels import Message, NotSentError
from sensors.instants import DAY_MS, HOUR_MS, to_millis
from store.books import Books
from store.incidents import Incidents
from store.notices import GIVEN_UP, Outbox
from store.silences import Silence, Silences
from tests.processors.alerts.notify.room import CITY, MINUTE_MS, NOON, Room, acknowledge, ends, opens
from tests.processors.alerts.notify.told import draft, write
from tests.processors.world import ZONE


async def test_the_first_step_is_told_at_once_and_of_the_end_whoever_was_told(room: Room) -> None:
    one = opens(room)
    await room.look()
    assert room.whats("group") == ["opened"]
    ends(room, one)
    await room.look()
    assert room.whats("group") == ["opened", "resolved"]
    assert room.whats("topic") == ["opened", "resolved"]
    assert room.whats("leader") == room.whats("li-sms") == []
    await room.look(600)
    assert room.whats("group") == ["opened", "resolved"]


async def test_a_channel_with_a_least_severity_is_told_from_there_on(room: Room) -> None:
    one = opens(room, level=1, rule="air_aqi_city", subject="city")
    await room.look()
    raised = draft(room.now - HOUR_MS, 3)
    write(room.books, "raised", raised, now=room.now, number=one, subject="city", rule="air_aqi_city")
    await room.look()
    lowered = draft(room.now - HOUR_MS, 1, greatest=3)
    write(room.books, "lowered", lowered, now=room.now, number=one, subject="city", rule="air_aqi_city")
    await room.look()
    assert room.whats("group") == ["opened", "raised", "lowered"]
    assert room.whats("leader") == ["raised", "lowered"]


async def test_nobody_acknowledges_and_it_goes_up_step_by_step(room: Room) -> None:
    opens(room, level=3)
    await room.look()
    await room.look(14)
    assert room.whats("li-sms") == []
    await room.look(1)
    assert room.whats("li-sms") == ["escalation"]
    assert [one.person for one in room.notices("li-sms")] == ["Li"]
    await room.look(29)
    assert room.whats("leader") == []
    await room.look(1)
    assert (room.whats("leader"), room.whats("li-sms")) == (["escalation"], ["escalation", "escalation"])
    await room.look(600)
    assert room.whats("leader") == ["escalation"]


async def test_a_restart_goes_on_where_the_ladder_stands(room: Room) -> None:
    opens(room, level=3)
    await room.look()
    await room.look(10)
    room.restart()
    await room.look(5)
    assert room.whats("li-sms") == ["escalation"]
    room.restart()
    await room.look()
    assert room.whats("group") == ["opened"]


@pytest.mark.parametrize("how", ["acknowledged", "resolved"])
async def test_what_is_acknowledged_or_over_goes_no_further(room: Room, how: str) -> None:
    one = opens(room, level=3)
    await room.look()
    await room.look(10)
    if how == "acknowledged":
        acknowledge(room, one)
    else:
        ends(room, one)
    await room.look(600)
    assert room.whats("li-sms") == room.whats("leader") == []


async def test_a_higher_level_after_an_acknowledgement_begins_the_ladder_again(room: Room) -> None:
    one = opens(room, level=1)
    await room.look()
    acknowledge(room, one)
    await room.look(20)
    write(room.books, "raised", draft(room.now - HOUR_MS, 3), now=room.now, number=one)
    await room.look()
    await room.look(15)
    assert room.whats("li-sms") == ["escalation"]


async def test_a_step_that_nobody_is_on_at_night_is_passed(room: Room) -> None:
    room.now = to_millis(datetime(2026, 3, 5, 23, tzinfo=ZONE))
    opens(room, level=3)
    await room.look()
    await room.look(15)
    # Li's step is of the day: the one after it is told in its place.
    assert [one.person for one in room.notices("li-sms")] == ["Li"]
    assert room.whats("leader") == ["escalation"]


async def test_who_was_told_of_a_lower_level_hears_of_the_higher_one_when_others_are_on_duty(room: Room) -> None:
    text = CITY.replace(
        'tell = ["group"]',
        """shifts = [
        { tell = ["group"], from = "08:00", to = "20:00" }, { tell = ["Li"], from = "20:00", to = "08:00" },
    ]""",
    )
    changed = Room(room.books, text)
    one = opens(changed)
    await changed.look()
    acknowledge(changed, one)
    await changed.look(10 * 60)
    write(changed.books, "raised", draft(NOON - HOUR_MS, 3), now=changed.now, number=one)
    await changed.look()
    assert (changed.whats("group"), changed.whats("li-sms")) == (["opened", "raised"], ["raised"])


async def test_what_is_silenced_is_told_to_programs_only_and_to_people_when_the_silence_ends(room: Room) -> None:
    silence = Silence("", "hx-01", room.now, room.now + 60 * MINUTE_MS, "road works")
    Silences(room.books).add(silence, who="wang")
    one, other = opens(room, level=3), opens(room, "hx-02")
    await room.look()
    await room.look(30)
    assert [message.incident for message in room.shelves["group"].kept] == [other]
    assert {message.incident: message.facts["withheld"] for message in room.shelves["topic"].kept} == {
        one: True,
        other: False,
    }
    assert room.whats("li-sms") == ["escalation"]
    await room.look(31)
    assert room.whats("group")[-1] == "still holds"
    assert room.shelves["group"].kept[-1].incident == one
    assert "静默 1 已结束" in room.shelves["group"].kept[-1].body
    await room.look(15)
    assert [message.incident for message in room.shelves["li-sms"].kept].count(one) == 1


async def test_what_is_over_before_its_silence_is_told_to_nobody(room: Room) -> None:
    Silences(room.books).add(Silence("air_aqi_station", "", room.now, room.now + HOUR_MS, "drill"), who="wang")
    one = opens(room)
    await room.look(1)
    ends(room, one)
    await room.look(120)
    assert room.whats("group") == []
    assert Outbox(room.books).withheld() == []


async def test_a_silence_that_is_ended_before_its_time_is_over_at_once(room: Room) -> None:
    number = Silences(room.books).add(Silence("", "hx-01", room.now, room.now + DAY_MS, "drill"), who="wang")
    opens(room)
    await room.look(1)
    assert Silences(room.books).end(number, who="wang", why="done", now=room.now)
    await room.look(0.1)
    assert room.whats("group") == ["still holds"]


async def test_a_silence_that_comes_while_a_ladder_stands_stops_it_until_it_ends(room: Room) -> None:
    one = opens(room, level=3)
    await room.look()
    Silences(room.books).add(Silence("", "hx-01", room.now, room.now + HOUR_MS, "drill"), who="wang")
    await room.look(20)
    assert room.whats("li-sms") == []
    await room.look(60)
    assert (room.whats("group"), room.shelves["group"].kept[-1].incident) == (["opened", "still holds"], one)


async def test_what_is_raised_and_whose_ladder_is_due_while_it_is_silenced_is_told_once_after_it(room: Room) -> None:
    one = opens(room)
    await room.look()
    Silences(room.books).add(Silence("", "hx-01", room.now, room.now + HOUR_MS, "drill"), who="wang")
    write(room.books, "raised", draft(room.now - HOUR_MS, 3), now=room.now, number=one)
    await room.look(1)
    await room.look(20)
    await room.look(60)
    assert room.whats("group") == ["opened", "still holds"]


async def test_what_stands_behind_a_wider_incident_is_told_when_that_is_over(room: Room) -> None:
    city = opens(room, "city", 2, "air_aqi_city")
    station = opens(room, "hx-01", 1)
    await room.look()
    assert [message.incident for message in room.shelves["group"].kept] == [city]
    ends(room, city, "city", "air_aqi_city")
    await room.look(1)
    told = [(message.incident, message.what) for message in room.shelves["group"].kept]
    assert told == [(city, "opened"), (city, "resolved"), (station, "still holds")]


async def test_of_a_group_one_is_told_and_a_graver_one_and_the_next_when_the_first_is_over(room: Room) -> None:
    first, *_ = (opens(room, f"hx-0{number}", grouped=True) for number in (1, 2, 3))
    await room.look()
    (told,) = room.shelves["group"].kept
    assert told.incident == first
    assert "同组另有 2 起告警持续" in told.body
    graver = opens(room, "hx-04", 2, grouped=True)
    await room.look(1)
    ends(room, first, "hx-01")
    await room.look(1)
    # The graver one speaks for all now; then the next one that holds.
    kept = [(message.incident, message.what) for message in room.shelves["group"].kept]
    assert kept == [(first, "opened"), (graver, "opened"), (first, "resolved")]
    ends(room, graver, "hx-04")
    await room.look(1)
    kept = [(message.incident, message.what) for message in room.shelves["group"].kept[3:]]
    assert kept == [(graver, "resolved"), (first + 1, "still holds")]


async def test_of_a_group_nobody_is_left_out_because_its_first_is_silenced(room: Room) -> None:
    Silences(room.books).add(Silence("", "hx-01", room.now, room.now + HOUR_MS, "drill"), who="wang")
    _, second = (opens(room, f"hx-0{number}", grouped=True) for number in (1, 2))
    await room.look()
    assert [message.incident for message in room.shelves["group"].kept] == [second]


async def test_of_a_group_that_somebody_acknowledged_nothing_more_is_told(room: Room) -> None:
    first, second = (opens(room, f"hx-0{number}", grouped=True) for number in (1, 2))
    await room.look()
    Incidents(room.books).acknowledge_group(first, who="wang", why="one haze", now=room.now)
    ends(room, first, "hx-01")
    await room.look(1)
    assert room.whats("group") == ["opened", "resolved"]
    assert not Outbox(room.books).withheld()
    assert second


async def test_what_is_over_the_rate_comes_as_one_and_nothing_is_left_out(room: Room) -> None:
    numbers = [opens(room, f"hx-{number}") for number in range(30)]
    await room.look()
    assert room.whats("group") == ["opened"] * 4 + ["digest"]
    digest = room.shelves["group"].kept[-1]
    assert "26 条通知" in digest.title
    assert "另有 16 条" in digest.body
    inside = [one.incident for one in room.notices("group") if one.state == "in digest"]
    singly = [message.incident for message in room.shelves["group"].kept[:4]]
    assert sorted(inside + singly) == numbers
    # Programs get each by itself.
    assert sorted(message.incident for message in room.shelves["topic"].kept) == numbers
    ends(room, numbers[0], "hx-0")
    await room.look()
    assert len(room.whats("group")) == 5
    await room.look(1.1)
    assert room.whats("group")[-1] == "resolved"


async def test_what_is_never_taken_is_given_up_and_said_by_another_channel(room: Room) -> None:
    room.shelves["group"].broken = "HTTP 500"
    one = opens(room)
    await room.look()
    for _ in range(90):
        await room.look(1)
    (notice,) = [each for each in room.notices("group") if each.what == "opened"]
    assert (notice.state, notice.error) == ("given up", "HTTP 500")
    assert 10 < notice.tries < 90
    assert [line.what for line in Incidents(room.books).log(one)] == ["opened", GIVEN_UP]
    assert GIVEN_UP in room.whats("li-sms")
    # Nothing says of that notice that it was not delivered, where it is not.
    assert "group" not in {each.channel for each in room.notices("group") if each.what == GIVEN_UP}


async def test_a_notice_that_is_never_taken_holds_up_no_other(room: Room) -> None:
    poison = opens(room)
    shelf, send = room.shelves["group"], room.shelves["group"].send

    def picky(message: Message, timeout_s: float) -> None:
        if message.incident == poison:
            raise NotSentError("HTTP 400")
        send(message, timeout_s)

    shelf.send = picky  # type: ignore[method-assign]
    await room.look()
    others = [opens(room, f"hx-{number}") for number in range(2, 5)]
    await room.look(0.1)
    await room.look(0.1)
    assert [message.incident for message in shelf.kept] == others


async def test_a_receiver_that_is_back_gets_everything_in_order(room: Room) -> None:
    room.shelves["group"].broken = "connection refused"
    one = opens(room)
    await room.look()
    ends(room, one)
    await room.look(1)
    room.shelves["group"].broken = ""
    await room.look(3)
    assert room.whats("group") in (["opened", "resolved"], ["digest"])


async def test_books_with_a_history_tell_the_last_day_only(tmp_path: Path) -> None:
    with closing(Books(f"sqlite:///{tmp_path / 'books.sqlite'}")) as books:
        books.prepare()
        room = Room(books)
        for hours, subject in ((30, "hx-01"), (2, "hx-02")):
            at = room.now - hours * HOUR_MS
            write(books, "opened", draft(at - HOUR_MS), now=at, subject=subject)
        await room.look()
        assert [message.facts["subject"] for message in room.shelves["group"].kept] == ["hx-02"]


async def test_a_beginning_that_is_withdrawn_by_the_time_it_is_read_is_not_told(room: Room) -> None:
    one = opens(room)
    write(room.books, "withdrawn", None, now=room.now, number=one)
    await room.look()
    assert room.whats("group") == []


async def test_two_notifiers_decide_and_send_once(room: Room) -> None:
    opens(room)
    first, second = room.notifier, Room(room.books).notifier
    assert first.plan()
    assert not Outbox(room.books).lines(Outbox(room.books).cursor() or 0, 10)
    second.plan()
    await room.look()
    assert room.whats("group") == ["opened"]


async def test_without_a_file_lines_are_passed_over(tmp_path: Path) -> None:
    with closing(Books(f"sqlite:///{tmp_path / 'books.sqlite'}")) as books:
        books.prepare()
        room = Room(books, "")
        opens(room)
        await room.look()
        assert Outbox(books).deliveries() == []
        assert Outbox(books).cursor() == 1


async def test_a_notice_of_a_channel_that_is_no_more_is_given_up_and_said(room: Room) -> None:
    room.shelves["group"].broken = "HTTP 500"
    one = opens(room)
    await room.look()
    text = CITY.replace('"group"', '"team"')
    changed = Room(room.books, text)
    changed.now = room.now
    await changed.look(60)
    await changed.look(1)
    (old,) = changed.notices("group")
    assert (old.state, "no channel of the file any more" in old.error) == ("given up", True)
    assert [line.what for line in Incidents(room.books).log(one)] == ["opened", GIVEN_UP]
    assert GIVEN_UP in changed.whats("team")
