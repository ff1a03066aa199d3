"""What slow, broken, hostile and too many peers can use up: each bound, made small, before a real broker."""

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from cityflux.settings import Settings
from gateway.doorman import Doorman
from gateway.limits import Limits
from gateway.publisher import Publisher
from gateway.server import Gateway
from gateway.watch import Watch
from ingest.transport import Broker
from store.books import BooksUnavailable
from store.devices import RECHECK_S
from tests.gateway.conftest import Subscriber
from tests.gateway.station import MN, PW, WAIT_S, Station, packet, segment, takes
from tests.programs import wait_for
from tests.servers.mosquitto import Mosquitto

LIMITS = Settings.model_validate({}).hj212_limits
FRAME = packet(segment())


def right(mn: str, pw: str) -> bool:
    return (mn, pw) == (MN, PW)


@contextmanager
def gateway(
    broker: Mosquitto, limits: Limits = LIMITS, verify: Callable[[str, str], bool] = right
) -> Iterator[tuple[str, int]]:
    """The address of a gateway in a thread of its own, with these bounds."""
    bound_to: queue.Queue[tuple[str, int]] = queue.Queue()
    ended: queue.Queue[Callable[[], object]] = queue.Queue()

    async def run() -> None:
        stopped, loop = asyncio.Event(), asyncio.get_running_loop()
        ended.put(lambda: loop.call_soon_threadsafe(stopped.set))
        doorman = Doorman(verify, time.monotonic)
        its = Gateway(doorman, Publisher(Broker(broker.host, broker.port), limits), limits, Watch().show)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(its.run("127.0.0.1", 0, stopped))
            while not its.addresses:
                await asyncio.sleep(0)
            bound_to.put(its.addresses[0])
        doorman.close()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    try:
        yield bound_to.get(timeout=WAIT_S)
    finally:
        ended.get(timeout=WAIT_S)()
        thread.join(WAIT_S)
    assert not thread.is_alive()


def send_for_ever(station: Station) -> None:
    for number in range(100_000):
        station.send(packet(segment(qn=f"{number:017d}")))


def test_of_one_address_only_so_many_are_let_in(mosquitto: Mosquitto, subscriber: Subscriber) -> None:
    with gateway(mosquitto, LIMITS._replace(connections_per_address=2)) as address:
        with Station(address) as one, Station(address) as two:
            for station in (one, two):
                station.send(FRAME)
                assert station.answer().cn == "9014"
            assert not takes(address)
        wait_for("a place to be free again", lambda: takes(address))


def test_only_so_many_are_let_in_at_all(mosquitto: Mosquitto, subscriber: Subscriber) -> None:
    with gateway(mosquitto, LIMITS._replace(connections=1)) as address:
        with Station(address) as one:
            one.send(FRAME)
            assert one.answer().cn == "9014"
            assert not takes(address)
        wait_for("a place to be free again", lambda: takes(address))


@pytest.mark.parametrize(
    ("limits", "data"),
    [
        (LIMITS._replace(first_frame_s=0.05), b""),
        (LIMITS._replace(frame_s=0.05), FRAME[:50]),
        (LIMITS._replace(frame_s=0.05), b"#"),
        (LIMITS._replace(garbage_bytes=19), b"x" * 20),
    ],
    ids=["nothing", "half a frame", "a beginning", "garbage"],
)
def test_who_sends_no_frame_is_closed(mosquitto: Mosquitto, limits: Limits, data: bytes) -> None:
    with gateway(mosquitto, limits) as address, Station(address) as station:
        station.send(data)
        assert station.is_closed()


def test_who_falls_silent_is_closed(mosquitto: Mosquitto, subscriber: Subscriber) -> None:
    with gateway(mosquitto, LIMITS._replace(idle_s=0.5)) as address, Station(address) as station:
        station.send(FRAME)
        assert station.answer().cn == "9014"
        assert station.is_closed()


def test_broken_frames_of_a_stranger_are_garbage(mosquitto: Mosquitto) -> None:
    with gateway(mosquitto, LIMITS._replace(garbage_bytes=1_000)) as address, Station(address) as station:
        station.send(FRAME.replace(b"35.0", b"36.0") * 10)
        assert station.is_closed()


def test_who_does_not_read_answers_is_cut_off(mosquitto: Mosquitto, subscriber: Subscriber) -> None:
    with (
        gateway(mosquitto, LIMITS._replace(unread_bytes=0)) as address,
        Station(address, receive_bytes=1024) as station,
    ):
        with pytest.raises(ConnectionError):
            send_for_ever(station)
        assert takes(address)


@pytest.mark.parametrize(
    "limits",
    [LIMITS._replace(in_flight=3, pending_frames=5), LIMITS._replace(pending_bytes=300)],
    ids=["frames", "bytes"],
)
def test_what_the_broker_cannot_take_yet_waits_with_the_station(
    mosquitto: Mosquitto, subscriber: Subscriber, limits: Limits
) -> None:
    frames = [packet(segment(qn=f"{number:017d}")) for number in range(20)]
    with gateway(mosquitto, limits) as address:
        stations = [Station(address) for _ in range(4)]
        try:
            mosquitto.stop()
            for number, frame in enumerate(frames):
                stations[number % 4].send(frame)
            mosquitto.restart()
            answered = [station.answer().qn for station in stations for _ in range(5)]
        finally:
            for station in stations:
                station.__exit__(None, None, None)
    assert sorted(answered) == [f"{number:017d}" for number in range(20)]
    assert sorted(subscriber.next()[1] for _ in frames) == [frame[:-2] for frame in frames]


def test_who_has_waited_for_the_broker_for_long_is_closed(mosquitto: Mosquitto) -> None:
    with gateway(mosquitto, LIMITS._replace(pending_frames=1, broker_s=0.05)) as address, Station(address) as station:
        mosquitto.stop()
        station.send(FRAME + packet(segment(qn="20260701080009999")))
        assert station.is_closed()
        mosquitto.restart()


def test_whatever_becomes_of_the_broker_what_was_answered_has_come(
    mosquitto: Mosquitto, subscriber: Subscriber
) -> None:
    qns = [[f"{station:03d}{number:014d}" for number in range(100)] for station in range(4)]
    answered = threading.Semaphore(0)

    def send(address: tuple[str, int], its: list[str]) -> None:
        with Station(address) as station:
            for qn in its:
                station.send(packet(segment(qn=qn)))
                assert station.answer().qn == qn
                answered.release()

    with gateway(mosquitto) as address, ThreadPoolExecutor() as stations:
        sending = [stations.submit(send, address, its) for its in qns]
        for _ in range(3):
            for _ in range(50):
                assert answered.acquire(timeout=WAIT_S)
            mosquitto.restart()
        for each in sending:
            each.result(WAIT_S)
    expected = {packet(segment(qn=qn))[:-2] for its in qns for qn in its}
    while expected:
        expected.discard(subscriber.next()[1])


def test_where_passwords_cannot_be_looked_up_the_station_keeps_its_data(
    mosquitto: Mosquitto, subscriber: Subscriber
) -> None:
    def unavailable(mn: str, pw: str) -> bool:
        raise BooksUnavailable("the books are away")

    with gateway(mosquitto, verify=unavailable) as address, Station(address) as station:
        station.send(FRAME)
        assert station.is_closed()
    assert not subscriber.all_so_far()


def test_a_fault_of_ours_costs_one_connection(mosquitto: Mosquitto, subscriber: Subscriber) -> None:
    def faulty(mn: str, pw: str) -> bool:
        if mn != MN:
            raise RuntimeError("a fault of ours")
        return right(mn, pw)

    with gateway(mosquitto, verify=faulty) as address:
        with Station(address) as station:
            station.send(packet(segment(mn="OTHER")))
            assert station.is_closed()
        assert takes(address)


async def test_a_password_is_asked_for_once_in_a_while() -> None:
    asked: list[tuple[str, str]] = []
    now_s = 0.0

    def verify(mn: str, pw: str) -> bool:
        asked.append((mn, pw))
        return right(mn, pw)

    doorman = Doorman(verify, lambda: now_s)
    assert [await doorman.admits(MN, PW) for _ in range(3)] == [True] * 3
    assert [await doorman.admits(MN, "wrong") for _ in range(3)] == [False] * 3
    assert asked == [(MN, PW), (MN, "wrong")]
    now_s = RECHECK_S
    assert await doorman.admits(MN, PW)
    assert asked[2:] == [(MN, PW)]
    assert not await doorman.admits(MN, None)
    doorman.close()


async def test_what_the_broker_forbids_has_another_outcome_than_what_it_takes(tmp_path: Path) -> None:
    (tmp_path / "acl").write_text("topic write hj212/22/#\n")
    settings = (f"acl_file {tmp_path / 'acl'}", "max_inflight_messages 3")
    with Mosquitto(tmp_path, *settings) as broker:
        publisher = Publisher(Broker(broker.host, broker.port), LIMITS)
        running = asyncio.create_task(publisher.run())
        forbidden = await publisher.publish("hj212/21/A", b"frame")
        allowed = [await publisher.publish("hj212/22/A", b"%d" % number) for number in range(50)]
        assert "not authorized" in await forbidden
        assert set(await asyncio.gather(*allowed)) == {"nobody has subscribed to its topic"}
        await publisher.drained()
        running.cancel()
