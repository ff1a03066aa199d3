"""Both transports before a hostile broker: every prefix of a valid session, and sessions changed by a seed.

`make fuzz` plays tens of thousands; here are a few hundred.
"""

import asyncio
import tracemalloc
from dataclasses import replace
from random import Random

import pytest

from ingest import mqtt3, mqtt5
from ingest.journal import pack, unpack
from ingest.transport import KIBI, Broker, ConnectionLost, Message, Oversized, Session, TransportError
from tests.fuzz.hostile import (
    SESSION,
    Misheard,
    Outcome,
    check,
    connack,
    fed,
    ordinary,
    packet,
    played,
    publish,
    said,
    session_batch,
    suback,
)
from tests.ingest.test_mqtt5 import Wire
from tests.servers.processes import HOST

# Text that is not UTF-8 makes mqtt5 0.8 panic; the interpreter calls the cause unraisable.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

VERSIONS = pytest.mark.parametrize("version", [5, 3])
IMPATIENT = replace(SESSION, keep_alive_s=1, connect_timeout_s=1)


def whole(version: int) -> bytes:
    return b"".join(ordinary(version))


@VERSIONS
def test_the_valid_session_says_what_was_put_in(version: int) -> None:
    messages, then = said(version, whole(version))
    assert then == "goes on"
    assert [packet_id for _, packet_id in messages] == [1, 0, *range(2, 9), 65_535, 9]
    assert messages[0] == (Message("city/a", b'{"at":1}'), 1)
    assert isinstance(messages[9][0].payload, Oversized)


async def test_every_prefix_fed_to_mqtt_5_gives_exactly_the_messages_that_are_whole_in_it() -> None:
    data = whole(5)
    for length in range(len(data) + 1):
        outcome = await fed(data[:length], Random(length))
        assert isinstance(outcome.end, ConnectionLost)
        assert outcome.given == said(5, data[:length]).given


@VERSIONS
async def test_every_prefix_on_a_socket_gives_exactly_the_messages_that_are_whole_in_it(version: int) -> None:
    data = whole(version)
    for length in range(len(data) + 1):
        outcome = await played(version, data[:length], Random(length), SESSION)
        assert isinstance(outcome.end, ConnectionLost)
        assert outcome.given == said(version, data[:length]).given


@VERSIONS
async def test_a_broker_that_falls_silent_anywhere_is_left(version: int) -> None:
    data = whole(version)
    lengths = range(0, len(data) + 1, 9)
    outcomes = await asyncio.gather(
        *(played(version, data[:length], Random(length), IMPATIENT, silent=True) for length in lengths)
    )
    for length, outcome in zip(lengths, outcomes, strict=True):
        assert isinstance(outcome.end, ConnectionLost)
        assert outcome.given == said(version, data[:length]).given


@pytest.mark.parametrize("number", range(10))
def test_changed_sessions_of_a_seed(number: int) -> None:
    totals = session_batch(2026, number)
    assert totals["messages given"] > 0


@VERSIONS
@pytest.mark.parametrize(
    "first",
    [publish(5, b"city/a", b"", 1), packet(0x90, b"\x00\x01\x00\x01"), packet(0xD0, b"")],
    ids=["a message", "SUBACK", "PINGRESP"],
)
async def test_what_comes_before_connack_does_not_leave_us_waiting_for_ever(version: int, first: bytes) -> None:
    outcome = await played(version, first, Random(1), IMPATIENT, silent=True)
    assert isinstance(outcome.end, TransportError)
    assert outcome.given == []


@VERSIONS
async def test_a_second_connack_ends_the_connection(version: int) -> None:
    data = connack(version) + suback(version, 1) + connack(version)
    outcome = await played(version, data, Random(1), IMPATIENT, silent=True)
    assert "out of turn" in str(outcome.end)


@VERSIONS
async def test_a_suback_that_answers_for_no_filter_is_not_a_subscription(version: int) -> None:
    outcome = await played(version, connack(version) + suback(version), Random(1), IMPATIENT, silent=True)
    assert "SUBACK" in str(outcome.end)


@VERSIONS
@pytest.mark.parametrize("size", [1, 200 * KIBI])
async def test_a_topic_with_the_character_that_the_journal_joins_topics_with_never_gets_there(
    version: int, size: int
) -> None:
    ill = Message("city/a\0b", b"1")
    assert unpack(pack([ill, Message("city/c", b"2")])) != [ill, Message("city/c", b"2")]
    data = connack(version) + suback(version, 1) + publish(version, ill.topic.encode(), bytes(size), 1)
    given = (await played(version, data, Random(1))).given
    assert [message.topic for message, _ in given] == [r"city/a\x00b"]
    messages = [message for message, _ in given]
    assert unpack(pack(messages)) == messages


async def test_mqtt_3_sends_no_pubrec_for_what_is_not_in_the_journal() -> None:
    written = bytearray()

    async def broker(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(connack(3) + suback(3, 1) + publish(3, b"city/a", b"once", 1, qos=2))
        while received := await reader.read(1 << 16):
            written.extend(received)
        writer.close()

    async with await asyncio.start_server(broker, HOST, 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(TransportError, match="QoS 2, which we did not ask for"):
            async with mqtt3.open_connection(Broker(HOST, port), SESSION) as connection:
                await asyncio.wait_for(anext(aiter(connection)), 10)
    assert b"\x50\x02\x00\x01" not in written


async def test_a_message_of_a_quarter_gibibyte_takes_no_memory() -> None:
    connection, wire = mqtt5.Mqtt5Connection(Broker(HOST, 1883), SESSION), Wire()
    connection.connection_made(wire)
    chunk = bytes(64 * KIBI)
    begin = connack(5) + suback(5, 1) + b"\x32\xff\xff\xff\x7f\x00\x06city/a\x00\x01\x00"
    tracemalloc.start()
    try:
        for data in (begin, *[chunk] * 1000):
            room = connection.get_buffer(-1)
            room[: len(data)] = data
            connection.buffer_updated(len(data))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    connection.connection_lost(None)
    assert peak < 256 * KIBI


# The judge can fail.


@VERSIONS
@pytest.mark.parametrize("defect", ["one less", "one twice", "other bytes", "another packet id", "one made up"])
def test_what_was_not_said_is_seen(version: int, defect: str) -> None:
    data, end = whole(version), ConnectionLost("broker: the broker closed the connection")
    given = said(version, data).given
    check(data, version, Outcome(given, end))
    (message, packet_id), *rest = given
    spoiled = {
        "one less": given[:-1],
        "one twice": [given[0], *given],
        "other bytes": [(message._replace(payload=b"?"), packet_id), *rest],
        "another packet id": [(message, packet_id + 1), *rest],
        "one made up": [*given, given[0]],
    }
    with pytest.raises(Misheard):
        check(data, version, Outcome(spoiled[defect], end))


def test_taking_what_is_malformed_is_seen() -> None:
    data = whole(5) + publish(5, b"city/a", b"", 1, qos=3)
    given = said(5, data).given
    check(data, 5, Outcome(given, ConnectionLost("broker: it sent a malformed packet")))
    with pytest.raises(Misheard):
        check(data, 5, Outcome(given, ConnectionLost("broker: the broker closed the connection")))


async def _of_ten_seeds(session: Session = SESSION) -> None:
    for seed in range(10):
        check(whole(5), 5, await fed(whole(5), Random(seed), session))


async def test_a_connection_that_reads_no_more_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    await _of_ten_seeds()
    monkeypatch.setattr(Wire, "resume_reading", lambda self: None)
    with pytest.raises(Misheard, match="hangs"):
        await _of_ten_seeds()


async def test_a_connection_that_forgets_what_waits_in_its_buffer_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt5.Mqtt5Connection, "_room_made", lambda self: None)
    with pytest.raises(Misheard, match="gave"):
        await _of_ten_seeds()


async def test_a_bound_that_does_not_hold_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt5.Mqtt5Connection, "_room", lambda self: 100)
    with pytest.raises(Misheard, match="unacknowledged"):
        await _of_ten_seeds(replace(SESSION, batch_cap=100))
