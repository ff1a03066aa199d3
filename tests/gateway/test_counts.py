"""What is said about peers: enough to act on, and never as much as they please."""

from structlog.testing import capture_logs

from gateway.counts import Counts, Notices


def test_a_peer_is_spoken_of_once_a_minute_and_of_each_kind_only_some() -> None:
    notices = Notices(Counts())
    with capture_logs() as lines:
        for _ in range(3):
            notices.say("broken frame", "a", peer="a")
        for number in range(100):
            notices.say("broken frame", str(number), peer=str(number))
        notices.say("a frame is not taken, and not answered", "topic", topic="topic")
    assert [line["event"] for line in lines].count("broken frame") == 5
    assert lines[-1]["topic"] == "topic"


def test_a_minute_in_which_nothing_happened_has_no_line() -> None:
    counts = Counts()
    notices = Notices(counts)
    with capture_logs() as lines:
        notices.sum_up(open=0)
        counts.frames += 1
        for number in range(8):
            notices.say("broken frame", str(number))
        notices.sum_up(open=1)
        notices.sum_up(open=1)
        notices.say("broken frame", "0")
    (line,) = (line for line in lines if line["event"] == "in all so far")
    assert (line["frames"], line["open"], line["lines_left_out"]) == (1, 1, 3)
    assert lines[-1]["event"] == "broken frame"
