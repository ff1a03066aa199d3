"""The MQTT 5 protocol without a broker: whatever way the bytes are cut, the same messages come out."""

import asyncio
import random
from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256

import mqtt5
import pytest

from ingest.mqtt5 import Mqtt5Connection
from ingest.transport import (
    KIBI,
    Batch,
    Broker,
    ConnectionLost,
    ConnectionRefused,
    Message,
    Oversized,
    Session,
    SessionTaken,
    TransportError,
)

CAP, HEAD = 1 * KIBI, 16
SESSION = Session("test", ("city/#",), payload_cap=CAP, head_cap=HEAD)
AT_LEAST_ONCE = mqtt5.QoS.AT_LEAST_ONCE

Given = list[tuple[bytes | Oversized, int]]  # payload and packet id


class Wire(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.reading = True
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True


class Fed:
    """A connection that is fed by hand."""

    def __init__(self, session: Session = SESSION) -> None:
        self.connection = Mqtt5Connection(Broker("broker", 1883), session)
        self.wire = Wire()
        self.connection.connection_made(self.wire)

    def feed(self, data: bytes, sizes: Iterable[int] | None = None) -> None:
        """`data` in pieces of `sizes`; by default as large as the buffer allows."""
        view = memoryview(data)
        pieces = iter(sizes or ())
        while view and not self.wire.closed:
            room = self.connection.get_buffer(-1)
            size = min(next(pieces, len(view)), len(room), len(view))
            room[:size] = view[:size]
            self.connection.buffer_updated(size)
            view = view[size:]

    async def take(self) -> Batch:
        return await asyncio.wait_for(anext(self.connection), 5)

    async def take_all(self, count: int) -> tuple[list[Message], list[int]]:
        messages: list[Message] = []
        packet_ids: list[int] = []
        while len(messages) < count:
            batch = await self.take()
            messages += batch.messages
            packet_ids += batch.packet_ids
        return messages, packet_ids


def publish(payload: bytes, packet_id: int | None = None, **properties: str) -> bytes:
    qos = mqtt5.QoS.AT_MOST_ONCE if packet_id is None else AT_LEAST_ONCE
    user = list(properties.items())
    return mqtt5.PublishPacket("city/a", payload, qos=qos, packet_id=packet_id, user_properties=user).write()


def oversized(payload: bytes) -> Oversized:
    return Oversized(len(payload), sha256(payload).hexdigest(), payload[:HEAD])


CONNACK = mqtt5.ConnAckPacket().write()
SUBACK = mqtt5.SubAckPacket(1, [mqtt5.SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE]).write()
OPENING = CONNACK + SUBACK
PINGRESP = mqtt5.PingRespPacket().write()

SMALL = OPENING + publish(b"one", 7) + publish(b"none") + PINGRESP + publish(b"three" * 40, 9, note="x" * 200)
SMALL_GIVES: Given = [(b"one", 7), (b"none", 0), (b"three" * 40, 9)]

JUST = bytes(range(256)) * 4
OVER = JUST + b"!"
LARGE = random.Random(1).randbytes(200 * KIBI)
WITH_LARGE = OPENING + publish(b"before", 1) + publish(LARGE, 2, note="n" * 300) + publish(JUST, 3) + publish(OVER, 4)
WITH_LARGE_GIVES: Given = [(b"before", 1), (oversized(LARGE), 2), (JUST, 3), (oversized(OVER), 4)]
LARGE_AT = WITH_LARGE.index(LARGE)


async def gives(fed: Fed, expected: Given) -> None:
    messages, packet_ids = await fed.take_all(len(expected))
    assert [(message.payload, packet_id) for message, packet_id in zip(messages, packet_ids, strict=True)] == expected
    assert {message.topic for message in messages} == {"city/a"}


async def test_bytes_cut_anywhere_give_the_same_messages() -> None:
    for cut in range(1, len(SMALL)):
        fed = Fed()
        fed.feed(SMALL, [cut])
        await gives(fed, SMALL_GIVES)


async def test_what_tcp_held_back_until_we_read_comes_with_the_same_batch() -> None:
    fed = Fed()
    fed.feed(OPENING)
    taking = asyncio.ensure_future(anext(fed.connection))
    await asyncio.sleep(0)
    fed.feed(publish(b"one", 1))
    assert fed.wire.reading, "once more, before what has come is given"
    fed.feed(publish(b"two", 2))
    assert [message.payload for message in (await taking).messages] == [b"one", b"two"]
    assert not fed.wire.reading


async def test_what_came_before_the_broker_closed_is_given_and_what_came_before_nonsense_is_not() -> None:
    both: list[Given] = [[(b"one", 1)], [(b"two", 2)]]
    for end, given in (("closed", both), ("nonsense", [])):
        fed = Fed(replace(SESSION, batch_cap=1))
        fed.feed(OPENING)
        fed.feed(publish(b"one", 1) + publish(b"two", 2) + (b"" if end == "closed" else CONNACK + publish(b"three", 3)))
        if end == "closed":
            fed.connection.connection_lost(None)
        for expected in given:
            await gives(fed, expected)
        with pytest.raises(ConnectionLost):
            await fed.take()


async def test_single_bytes_give_the_same_messages() -> None:
    fed = Fed()
    fed.feed(SMALL, [1] * len(SMALL))
    await gives(fed, SMALL_GIVES)


async def test_a_payload_too_large_for_the_buffer_may_be_cut_anywhere() -> None:
    around_the_header = range(LARGE_AT - 350, LARGE_AT + 9)
    around_the_end = range(len(WITH_LARGE) - 2500, len(WITH_LARGE), 19)
    for cut in [*around_the_header, *around_the_end]:
        fed = Fed()
        fed.feed(WITH_LARGE, [cut])
        await gives(fed, WITH_LARGE_GIVES)


async def test_single_bytes_of_a_large_payload_are_as_good() -> None:
    fed = Fed()
    fed.feed(WITH_LARGE, [1] * len(WITH_LARGE))
    await gives(fed, WITH_LARGE_GIVES)


@pytest.mark.parametrize("seed", range(5))
async def test_pieces_of_any_size_give_every_message_in_order(seed: int) -> None:
    chance = random.Random(seed)
    payloads = [chance.randbytes(chance.choice([0, 10, CAP, CAP + 1, 100 * KIBI, 300 * KIBI])) for _ in range(60)]
    stream = OPENING + b"".join(publish(payload, number + 1) for number, payload in enumerate(payloads))
    fed = Fed()
    fed.feed(stream, [chance.choice([1, 3, 100, 5_000, 70_000, 400_000]) for _ in range(len(stream))])
    expected: Given = [
        (payload if len(payload) <= CAP else oversized(payload), number + 1) for number, payload in enumerate(payloads)
    ]
    await gives(fed, expected)


async def test_a_payload_under_the_cap_behind_very_many_properties_is_kept_whole() -> None:
    many = {f"note{number}": "n" * 60_000 for number in range(4)}
    fed = Fed()
    fed.feed(OPENING + publish(b"small", 1, **many) + publish(b"after", 2), [1000] * 1000)
    await gives(fed, [(b"small", 1), (b"after", 2)])


async def test_a_large_payload_never_fills_the_buffer() -> None:
    fed = Fed()
    fed.feed(OPENING + publish(LARGE * 20, 1)[:-1])
    assert len(fed.connection.get_buffer(-1)) > 900 * KIBI


async def test_the_in_flight_bound_is_exact_and_what_waits_in_the_buffer_follows() -> None:
    fed = Fed(replace(SESSION, in_flight=10, batch_cap=4))
    fed.feed(OPENING + b"".join(publish(b"%d" % number, number) for number in range(1, 31)))
    assert not fed.wire.reading
    batches = [await fed.take() for _ in range(3)]
    assert [len(batch.messages) for batch in batches] == [4, 4, 2]
    nothing = asyncio.ensure_future(anext(fed.connection))
    await asyncio.sleep(0)
    assert not nothing.done()
    assert not fed.wire.reading
    fed.connection.acknowledge(batches[0])
    assert len((await nothing).messages) == 4
    assert not fed.wire.reading


async def test_acknowledgements_are_the_packet_ids_in_order_without_qos_0() -> None:
    fed = Fed()
    fed.feed(OPENING + publish(b"", 258) + publish(b"") + publish(b"", 65_535) + publish(b"", 1))
    batch = await fed.take()
    fed.wire.written.clear()
    fed.connection.acknowledge(batch)
    assert bytes(fed.wire.written) == bytes.fromhex("4002 0102 4002 ffff 4002 0001")


async def test_two_reasons_not_to_read_are_independent() -> None:
    fed = Fed(replace(SESSION, in_flight=1))
    fed.feed(OPENING + publish(b"", 1))
    batch = await fed.take()
    waiting = asyncio.ensure_future(anext(fed.connection))
    await asyncio.sleep(0)
    fed.connection.pause()
    fed.connection.acknowledge(batch)
    assert not fed.wire.reading
    fed.connection.resume()
    assert fed.wire.reading
    waiting.cancel()


async def test_connect_asks_for_a_lasting_session_and_bounds_only_the_count() -> None:
    fed = Fed(replace(SESSION, in_flight=100_000, expiry_s=77, keep_alive_s=11))
    connect, _ = mqtt5.read(memoryview(fed.wire.written))
    assert isinstance(connect, mqtt5.ConnectPacket)
    assert not connect.clean_start
    assert (connect.session_expiry_interval, connect.receive_max, connect.keep_alive) == (77, 65_535, 11)
    assert connect.max_packet_size is None
    fed.wire.written.clear()
    fed.feed(CONNACK)
    subscribe, _ = mqtt5.read(memoryview(fed.wire.written))
    assert isinstance(subscribe, mqtt5.SubscribePacket)
    assert [(each.pattern, each.max_qos) for each in subscribe.topic_filters] == [("city/#", AT_LEAST_ONCE)]


MALFORMED = {
    "packet type 0": b"\x00\x00",
    "QoS 3": b"\x36\x02ab",
    "length of five bytes": b"\x32\xff\xff\xff\xff\x01",
    "topic longer than its packet": b"\x30\x04\x00\x09ab",
    "large packet that is no PUBLISH": b"\xd0\xff\xff\xff\x7f",
    "large PUBLISH of QoS 2": b"\x34\xff\xff\xff\x7f",
    "large PUBLISH without topic": b"\x30\xff\xff\xff\x7f\x00\x00" + bytes(8),
    "large PUBLISH with packet id 0": b"\x32\xff\xff\xff\x7f\x00\x01a\x00\x00" + bytes(8),
    "large PUBLISH with more properties than bytes": b"\x30\xff\xff\x7f\x00\x01a\xff\xff\xff\x7f" + bytes(8),
}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # mqtt5 0.8 panics on text not in UTF-8
@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED.keys())
async def test_malformed_bytes_end_the_connection_and_say_so_to_the_broker(data: bytes) -> None:
    fed = Fed()
    fed.feed(OPENING)
    fed.wire.written.clear()
    fed.feed(data)
    disconnect, _ = mqtt5.read(memoryview(fed.wire.written))
    assert isinstance(disconnect, mqtt5.DisconnectPacket)
    assert disconnect.reason_code == mqtt5.DisconnectReasonCode.MALFORMED_PACKET
    with pytest.raises(ConnectionLost, match="malformed"):
        await fed.take()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # mqtt5 0.8 panics on text not in UTF-8
@pytest.mark.parametrize("pieces", [None, [1] * 2000])
@pytest.mark.parametrize("payload", [b"", b"1", OVER, LARGE], ids=len)
@pytest.mark.parametrize(("topic", "shown"), [(b"cit\xff/a", r"cit\xff/a"), (b"cit\x00/a", r"cit\x00/a")])
async def test_a_topic_that_mqtt_forbids_is_taken_as_it_can_be_written(
    topic: bytes, shown: str, payload: bytes, pieces: list[int] | None
) -> None:
    """To end the connection would bring the message again, for ever."""
    fed = Fed()
    fed.feed(OPENING)
    fed.feed(publish(payload, 7).replace(b"city/a", topic, 1) + publish(b"next", 8), pieces)
    messages, packet_ids = await fed.take_all(2)
    kept = payload if len(payload) <= CAP else oversized(payload)
    assert messages == [Message(shown, kept), Message("city/a", b"next")]
    assert packet_ids == [7, 8]


async def test_a_packet_that_no_broker_sends_ends_the_connection() -> None:
    fed = Fed()
    fed.feed(OPENING + mqtt5.PingReqPacket().write())
    with pytest.raises(ConnectionLost, match="PingReqPacket"):
        await fed.take()


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("UNSUPPORTED_PROTOCOL_VERSION", ConnectionRefused),
        ("CLIENT_ID_NOT_VALID", ConnectionRefused),
        ("BAD_USER_NAME_OR_PASSWORD", ConnectionRefused),
        ("NOT_AUTHORIZED", ConnectionRefused),
        ("BANNED", ConnectionRefused),
        ("SERVER_BUSY", ConnectionLost),
        ("SERVER_UNAVAILABLE", ConnectionLost),
        ("QUOTA_EXCEEDED", ConnectionLost),
    ],
)
async def test_why_a_broker_refuses_decides_who_must_act(reason: str, kind: type[Exception]) -> None:
    fed = Fed()
    packet = mqtt5.ConnAckPacket(reason_code=getattr(mqtt5.ConnAckReasonCode, reason), reason_str="says the broker")
    fed.feed(packet.write())
    with pytest.raises(kind, match=reason.lower().replace("_", " ") + r" \(says the broker\)"):
        await fed.connection.opened


async def test_a_broker_without_mqtt_5_is_refused_with_the_fix() -> None:
    fed = Fed()
    fed.feed(b"\x20\x02\x00\x01")
    with pytest.raises(ConnectionRefused, match=r"does not speak MQTT 5; add \?version=3"):
        await fed.connection.opened


@pytest.mark.parametrize("reason", ["NOT_AUTHORIZED", "GRANTED_QOS_AT_MOST_ONCE", "TOPIC_FILTER_INVALID"])
async def test_a_filter_that_is_not_granted_is_named(reason: str) -> None:
    fed = Fed()
    fed.feed(CONNACK + mqtt5.SubAckPacket(1, [getattr(mqtt5.SubAckReasonCode, reason)]).write())
    with pytest.raises(ConnectionRefused, match="'city/#' at QoS 1"):
        await fed.connection.opened


async def test_messages_before_suback_open_the_connection_and_suback_is_still_heard() -> None:
    fed = Fed(replace(SESSION, in_flight=1))
    refusal = mqtt5.SubAckPacket(1, [mqtt5.SubAckReasonCode.NOT_AUTHORIZED]).write()
    fed.feed(mqtt5.ConnAckPacket(session_present=True).write() + publish(b"", 1) + refusal)
    await asyncio.wait_for(fed.connection.opened, 5)
    assert fed.connection.session_present
    batch = await fed.take()
    fed.connection.acknowledge(batch)
    with pytest.raises(ConnectionRefused, match="city/#"):
        await fed.take()


@pytest.mark.parametrize(
    ("reason", "kind", "said"),
    [
        (mqtt5.DisconnectReasonCode.SESSION_TAKEN_OVER, SessionTaken, "session taken over"),
        (mqtt5.DisconnectReasonCode.SERVER_SHUTTING_DOWN, ConnectionLost, "server shutting down"),
    ],
)
async def test_what_the_broker_says_at_the_end_is_passed_on(
    reason: mqtt5.DisconnectReasonCode, kind: type[TransportError], said: str
) -> None:
    fed = Fed()
    fed.feed(OPENING + mqtt5.DisconnectPacket(reason_code=reason).write())
    with pytest.raises(kind, match=said):
        await fed.take()


async def test_an_acknowledgement_after_the_end_is_nothing() -> None:
    fed = Fed()
    fed.feed(OPENING + publish(b"", 1))
    batch = await fed.take()
    fed.connection.connection_lost(None)
    fed.wire.written.clear()
    fed.connection.acknowledge(batch)
    assert not fed.wire.written
