"""Publishing against a real Mosquitto: every message arrives, in order, whatever happens to the connection."""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from getpass import getuser
from itertools import cycle
from pathlib import Path

import aiomqtt
import pytest
from structlog.testing import capture_logs

from simulators import publisher
from simulators.message import OutMessage
from simulators.publisher import PublishRefused, publish
from tests.servers import free_port, missing

HOST = "127.0.0.1"
TOPIC = "cityflux/v1/gaoxin/air/hx-01/hour"
WAIT_S = 30


def numbered(count: int) -> list[OutMessage]:
    return [OutMessage(TOPIC, b"%d" % number) for number in range(count)]


@contextmanager
def mosquitto(folder: Path, *settings: str, port: int | None = None) -> Iterator[int]:
    """A broker on a port of its own; anonymous unless the settings say otherwise."""
    binary = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin")
    if binary is None:
        missing("mosquitto", "apt-get install mosquitto")
    port = port or free_port()
    lines = [f"listener {port} {HOST}", "max_queued_messages 0", "set_tcp_nodelay true", f"user {getuser()}", *settings]
    if not any(line.startswith("allow_anonymous") for line in settings):
        lines.append("allow_anonymous true")
    config = folder / "mosquitto.conf"
    config.write_text("\n".join(lines) + "\n")
    process = subprocess.Popen([binary, "-c", config], stderr=subprocess.DEVNULL)
    try:
        yield port
    finally:
        process.terminate()
        process.wait(WAIT_S)


@pytest.fixture
def passwords(tmp_path: Path) -> Path:
    """A password file of Mosquitto in which ops has the password right."""
    program = shutil.which("mosquitto_passwd")
    if program is None:
        missing("mosquitto_passwd", "apt-get install mosquitto")
    path = tmp_path / "passwords"
    subprocess.run([program, "-c", "-b", path, "ops", "right"], check=True)
    return path


async def until(reached: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not await reached():
            await asyncio.sleep(0.01)


async def listens(port: int) -> bool:
    with suppress(OSError):
        _, writer = await asyncio.open_connection(HOST, port)
        writer.close()
        return True
    return False


@asynccontextmanager
async def collector(port: int) -> AsyncIterator[list[int]]:
    """The numbers that a subscriber receives, as they come."""
    await until(lambda: listens(port))
    received: list[int] = []

    async def collect(client: aiomqtt.Client) -> None:
        async for message in client.messages:
            assert isinstance(message.payload, bytes)
            received.append(int(message.payload))

    async with aiomqtt.Client(HOST, port) as client:
        await client.subscribe("#", qos=1)
        task = asyncio.create_task(collect(client))
        yield received
        task.cancel()


async def has_all(received: list[int], count: int) -> None:
    async def reached() -> bool:
        return len(set(received)) >= count

    await until(reached)


@pytest.mark.parametrize("version", [5, 3])
async def test_every_message_arrives_once_and_in_order(tmp_path: Path, version: int) -> None:
    told: list[int] = []
    with mosquitto(tmp_path) as port:
        async with collector(port) as received:
            count = await publish(numbered(3_000), host=HOST, port=port, version=version, progress=told.append)
            await has_all(received, 3_000)
    assert count == 3_000
    assert told == list(range(1, 3_001))
    assert received == list(range(3_000))


async def test_a_source_may_be_asynchronous_and_empty(tmp_path: Path) -> None:
    async def source(count: int) -> AsyncIterator[OutMessage]:
        for message in numbered(count):
            await asyncio.sleep(0)
            yield message

    with mosquitto(tmp_path) as port:
        async with collector(port) as received:
            assert await publish(source(50), host=HOST, port=port) == 50
            assert await publish(source(0), host=HOST, port=port) == 0
            await has_all(received, 50)
    assert received == list(range(50))


async def test_an_error_of_the_source_is_raised_as_it_is(tmp_path: Path) -> None:
    def source() -> Iterator[OutMessage]:
        yield from numbered(10)
        raise LookupError("row 11")

    with mosquitto(tmp_path) as port, pytest.raises(LookupError, match="row 11"):
        await publish(source(), host=HOST, port=port)


class CuttingProxy:
    """Passes bytes to the broker, and cuts each of the first connections after so many, its PUBACKs with it."""

    def __init__(self, broker_port: int, cuts: list[int]) -> None:
        self._broker_port = broker_port
        self.cuts = cuts

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        budget = self.cuts.pop(0) if self.cuts else None
        from_broker, to_broker = await asyncio.open_connection(HOST, self._broker_port)
        back = asyncio.create_task(self._back(from_broker, writer))
        while data := await reader.read(4096):
            to_broker.write(data)
            await to_broker.drain()
            if budget is not None:
                budget -= len(data)
                if budget <= 0:
                    break
        back.cancel()
        to_broker.close()
        writer.transport.abort()

    async def _back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(4096):
            writer.write(data)


@pytest.mark.parametrize("version", [5, 3])
async def test_what_had_no_puback_when_the_connection_went_is_sent_again_in_order(tmp_path: Path, version: int) -> None:
    with mosquitto(tmp_path) as port:
        async with collector(port) as received:
            proxy = CuttingProxy(port, cuts=[5_000, 20_000, 40_000])
            async with await asyncio.start_server(proxy.serve, HOST, 0) as server:
                proxy_port = server.sockets[0].getsockname()[1]
                with capture_logs() as logs:
                    count = await publish(numbered(3_000), host=HOST, port=proxy_port, version=version)
            await has_all(received, 3_000)
    assert (count, proxy.cuts) == (3_000, [])
    assert list(dict.fromkeys(received)) == list(range(3_000)), "first receipts are in order, and none is missing"
    assert [log["event"] for log in logs] == ["broker cannot be reached, trying again", "broker is back"] * 3


async def test_a_broker_that_comes_later_is_waited_for_and_said_once(tmp_path: Path) -> None:
    port = free_port()
    with capture_logs() as logs:
        publishing = asyncio.create_task(publish(numbered(100), host=HOST, port=port))

        async def said() -> bool:
            return bool(logs)

        await until(said)
        with mosquitto(tmp_path, port=port):
            assert await publishing == 100
    assert [log["event"] for log in logs][:2] == ["broker cannot be reached, trying again", "broker is back"]


async def test_a_message_that_the_broker_refuses_is_not_counted_as_published(tmp_path: Path) -> None:
    rules = tmp_path / "acl"
    rules.write_text("topic read #\ntopic write allowed/#\n")
    rules.chmod(0o700)
    with mosquitto(tmp_path, f"acl_file {rules}") as port:
        allowed = [OutMessage("allowed/x", b"1")] * 5
        await until(lambda: listens(port))
        assert await publish(allowed, host=HOST, port=port) == 5
        with pytest.raises(PublishRefused, match="refuses a message: Not authorized; 5 messages"):
            await publish([*allowed, *numbered(1)], host=HOST, port=port, in_flight=1)


@pytest.mark.parametrize("version", [5, 3])
async def test_a_wrong_password_is_not_tried_again(tmp_path: Path, passwords: Path, version: int) -> None:
    with mosquitto(tmp_path, "allow_anonymous false", f"password_file {passwords}") as port:
        await until(lambda: listens(port))
        one = numbered(1)
        assert await publish(one, host=HOST, port=port, username="ops", password="right", version=version) == 1
        with pytest.raises(PublishRefused, match="Not authorized"):
            await publish(one, host=HOST, port=port, username="ops", password="wrong", version=version)


@pytest.mark.parametrize("version", [5, 3])
async def test_a_message_that_ends_every_connection_is_not_sent_for_ever(tmp_path: Path, version: int) -> None:
    with mosquitto(tmp_path, "max_packet_size 1000") as port:
        await until(lambda: listens(port))
        with pytest.raises(PublishRefused, match=r"Packet too large|is a message larger than it takes"):
            await publish([OutMessage(TOPIC, b"x" * 2_000)], host=HOST, port=port, version=version)


async def test_a_broker_that_answers_nothing_is_left_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher, "STALLED_S", 0.05)

    async def accept_and_be_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1024)
        writer.write(b"\x20\x02\x00\x00")  # CONNACK of MQTT 3.1.1: accepted
        while await reader.read(1024):
            pass
        writer.close()

    async with await asyncio.start_server(accept_and_be_silent, HOST, 0) as server:
        with pytest.raises(PublishRefused, match="no PUBACK"):
            await publish(numbered(3), host=HOST, port=server.sockets[0].getsockname()[1], version=3)


async def test_publishing_without_end_stops_when_it_is_cancelled(tmp_path: Path) -> None:
    confirmed = asyncio.Event()
    with mosquitto(tmp_path) as port:
        endless = cycle(numbered(1))
        publishing = asyncio.create_task(publish(endless, host=HOST, port=port, progress=lambda _: confirmed.set()))
        async with asyncio.timeout(WAIT_S):
            await confirmed.wait()
            publishing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await publishing
    assert [task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


async def test_messages_that_nobody_is_subscribed_to_are_said(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as port:
        await until(lambda: listens(port))
        with capture_logs() as logs:
            assert await publish(numbered(7), host=HOST, port=port) == 7
    assert [(log["log_level"], log["messages"]) for log in logs] == [("warning", 7)]
