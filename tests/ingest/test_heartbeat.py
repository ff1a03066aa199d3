"""The heartbeat: it comes back and is never journalled; where nothing comes back the subscription is made anew."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import structlog

from ingest.consume import Consumer
from ingest.heartbeat import Heartbeat
from ingest.journal import Journal
from ingest.mqtt3 import open_connection as connect_mqtt3
from ingest.mqtt5 import open_connection as connect_mqtt5
from ingest.transport import Batch, Broker, Connect, Message, Oversized, Session
from sensors.topics import SUBSCRIPTION
from simulators.message import OutMessage
from simulators.publisher import publish
from tests.faults.packets import kind_of, packets
from tests.servers.mosquitto import Mosquitto
from tests.servers.processes import HOST

SESSION = Session("me", (SUBSCRIPTION,))
MINE, THEIRS = "cityflux/v1/heartbeat/me", "cityflux/v1/heartbeat/other"
DATA = "cityflux/v1/gaoxin/air/hx-01/hour"
INTERVAL_S = 0.5
_UNSUBACK = 11


@pytest.fixture(params=[5, 3], ids=["mqtt5", "mqtt3"])
def version(request: pytest.FixtureRequest) -> int:
    chosen: int = request.param
    return chosen


def connect_of(version: int) -> Connect:
    return connect_mqtt5 if version == 5 else connect_mqtt3


@asynccontextmanager
async def consuming(journal: Journal, version: int, port: int, interval_s: float) -> AsyncIterator[Consumer]:
    consumer = Consumer(connect_of(version), Broker(HOST, port), SESSION, journal, lambda: 0, heartbeat_s=interval_s)
    running = asyncio.create_task(consumer.run())
    try:
        yield consumer
    finally:
        running.cancel()
        await asyncio.wait([running])


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not done():
            await asyncio.sleep(0.005)


def journalled(journal: Journal) -> list[Message]:
    return [message for batch in journal.front(1_000) for message in batch.messages]


@pytest.mark.parametrize(
    ("message", "packet_id", "kept"),
    [
        (Message(MINE, b""), 0, False),
        (Message(THEIRS, b""), 0, False),
        (Message(MINE, b"x"), 0, True),
        (Message(THEIRS, Oversized(300_000, "", b"")), 0, True),
        (Message(DATA, b""), 0, True),
        (Message(DATA, b""), 7, True),
    ],
)
def test_only_empty_messages_to_the_heartbeats_topics_are_heartbeats(
    message: Message, packet_id: int, kept: bool
) -> None:
    heartbeat = Heartbeat("me", 10)
    for _ in range(2):
        found = heartbeat.sorted_out(Batch([message, Message(DATA, b"1")], [packet_id, 8]), 5.0)
        assert list(found) == ([message] if kept else []) + [Message(DATA, b"1")]
    assert heartbeat.came_at_s == (5.0 if message == Message(MINE, b"") else None)


def test_a_broker_that_delivers_them_at_qos_1_gets_none_into_the_journal() -> None:
    heartbeat = Heartbeat("me", 10)
    for now_s in (1.0, 2.0):
        assert not heartbeat.sorted_out(Batch([Message(MINE, b"")], [9]), now_s)
        assert heartbeat.came_at_s == now_s


def test_once_they_are_known_to_come_at_qos_0_other_batches_are_given_as_they_are() -> None:
    heartbeat = Heartbeat("me", 10)
    heartbeat.sorted_out(Batch([Message(MINE, b"")], [0]), 1.0)
    batch = Batch([Message(DATA, b"1")], [9])
    assert heartbeat.sorted_out(batch, 2.0) is batch.messages


async def test_heartbeats_come_back_and_are_not_journalled(version: int, tmp_path: Path) -> None:
    with Mosquitto(tmp_path) as broker, Journal(tmp_path / "journal") as journal:
        async with consuming(journal, version, broker.port, 0.5) as consumer:
            await until(lambda: consumer.heartbeat.came_at_s is not None)
            first = consumer.heartbeat.came_at_s
            sent = [OutMessage(THEIRS, b""), OutMessage(DATA, b"1"), OutMessage(MINE, b"not empty")]
            assert await publish(sent, host=HOST, port=broker.port, version=version) == len(sent)
            await until(lambda: journal.ledger().journalled >= 2)
            await until(lambda: consumer.heartbeat.came_at_s != first)
            assert consumer.connections == 1
        # Somebody's empty message at QoS 1 is none of ours: it is acknowledged and accounted for.
        assert [m for m in journalled(journal) if m.topic != THEIRS] == [
            Message(DATA, b"1"),
            Message(MINE, b"not empty"),
        ]


async def test_without_a_heartbeat_silence_is_no_alarm(version: int, tmp_path: Path) -> None:
    async with between() as link:
        with Mosquitto(tmp_path) as broker, Journal(tmp_path / "journal") as journal:
            link.to = broker.port
            async with consuming(journal, version, link.port, 0) as consumer:
                await until(lambda: consumer.connected)
                link.unsubscribe(version)
                await asyncio.sleep(4 * INTERVAL_S)
                assert (consumer.connections, consumer.failure) == (1, None)


async def test_a_lost_subscription_is_noticed_and_made_anew(version: int, tmp_path: Path) -> None:
    async with between() as link:
        with (
            Mosquitto(tmp_path) as broker,
            Journal(tmp_path / "journal") as journal,
            structlog.testing.capture_logs() as logs,
        ):
            link.to = broker.port
            async with consuming(journal, version, link.port, INTERVAL_S) as consumer:
                await until(lambda: consumer.heartbeat.came_at_s is not None)
                link.unsubscribe(version)
                await until(lambda: consumer.heartbeat.alarm is not None)
                await until(lambda: consumer.connections >= 2 and consumer.failure is None)
                assert await publish([OutMessage(DATA, b"1")], host=HOST, port=broker.port, version=version) == 1
                await until(lambda: journal.ledger().journalled == 1)
                gaps = len(journal.gaps())
        alarms = [entry for entry in logs if entry["log_level"] == "error"]
        healed = [entry for entry in logs if entry["event"] == "receiving again"]
        # More than one only on a machine so slow that it takes its own heartbeats for lost.
        assert len(alarms) == len(healed) == gaps >= 1, (
            "said once each, and what was published meanwhile reached nobody"
        )
        for cause in (f"read on {SUBSCRIPTION}", f"write on {MINE}", "lost our subscription", "stuck"):
            assert cause in alarms[0]["why"]


async def test_a_journal_without_room_is_not_silence(tmp_path: Path) -> None:
    with Mosquitto(tmp_path) as broker, Journal(tmp_path / "journal", cap_bytes=1) as journal:
        async with consuming(journal, 5, broker.port, INTERVAL_S) as consumer:
            await until(lambda: consumer.connected)
            assert await publish([OutMessage(DATA, b"1")], host=HOST, port=broker.port, version=5) == 1
            await until(lambda: journal.pending_bytes > 0)
            assert await publish([OutMessage(DATA, b"2")], host=HOST, port=broker.port, version=5) == 1
            await until(lambda: consumer.full is not None)
            await asyncio.sleep(4 * INTERVAL_S)
            assert (consumer.connections, consumer.heartbeat.alarm) == (1, None)


class Between:
    """A link between client and broker that can take the client's subscription away behind its back."""

    def __init__(self) -> None:
        self.port = self.to = 0
        self._to_broker: asyncio.StreamWriter | None = None

    def unsubscribe(self, version: int) -> None:
        """Send the broker UNSUBSCRIBE in the client's name. What it answers is swallowed."""
        assert self._to_broker is not None
        topic = SUBSCRIPTION.encode()
        body = b"\xff\xfe" + (b"\0" if version == 5 else b"") + len(topic).to_bytes(2) + topic
        self._to_broker.write(bytes([0xA2, len(body)]) + body)

    async def accepted(self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        from_broker, self._to_broker = await asyncio.open_connection(HOST, self.to)
        await asyncio.gather(self._pass(from_client, self._to_broker), self._pass(from_broker, to_client))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        buffer = bytearray()
        while data := await reader.read(65_536):
            buffer += data
            for packet in packets(buffer):
                if kind_of(packet) != _UNSUBACK:
                    writer.write(packet)
        writer.close()


@asynccontextmanager
async def between() -> AsyncIterator[Between]:
    link = Between()
    async with await asyncio.start_server(link.accepted, HOST, 0) as server:
        link.port = server.sockets[0].getsockname()[1]
        yield link
