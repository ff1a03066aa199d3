"""MQTT 5 (OASIS standard, 2019) on the `mqtt5` codec: bytes to batches at half a microsecond a message.

The in-flight bound is exact: of one connection at most `Session.in_flight` messages are decoded and unacknowledged at
any moment, given out or not. What was read beyond it stays undecoded in the buffer (1 MiB, or twice the largest packet
that may enter it), and the socket is not read. CONNECT tells `in_flight` as Receive Maximum and never a maximum packet
size: the broker would drop what is larger, unseen. A PUBLISH too large for the buffer is streamed past it instead.

The codec's IndexError means "wait for more bytes", its ValueError "malformed"; a PUBLISH that it refuses and whose lengths
are right is taken without it, and intake will say what is wrong with its topic.
"""

import asyncio
import hashlib
from array import array
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from enum import IntEnum
from sys import byteorder
from typing import cast

import mqtt5

from ingest.link import PERSON_MUST_ACT, Link, capped, connecting, legible, tls_context
from ingest.transport import (
    KIBI,
    Broker,
    Connection,
    ConnectionClosed,
    ConnectionLost,
    ConnectionRefused,
    Message,
    Oversized,
    Session,
    SessionTaken,
)

_BUFFER = 1024 * KIBI
# A packet over the payload cap by more than this is streamed past the buffer. Chosen: twice the longest topic (64 KiB,
# MQTT 5, 1.5.4), so that ordinary properties fit as well and the part before the properties fits in any case.
_HEADROOM = 128 * KIBI
# Chosen: with less room than this behind it, what is left in the buffer moves to its front before the next read.
_SHORT_OF_ROOM = 64 * KIBI

_PUBLISH = 3
_LONGEST_LENGTH = 4  # bytes of a variable byte integer (MQTT 5, 1.5.5)
_PUBACK = 0x4002  # fixed header of a PUBACK that says success: type 4, remaining length 2 (MQTT 5, 3.4)
_MQTT3_CONNACK = b"\x20\x02"  # MQTT 3.1.1 has no property length: how a broker without MQTT 5 answers (MQTT 5, 3.1.2.2)


@asynccontextmanager
async def open_connection(broker: Broker, session: Session) -> AsyncIterator[Connection]:
    """One connection, subscribed; DISCONNECT at its end. Raises a TransportError."""
    connection = Mqtt5Connection(broker, session)
    try:
        with connecting(broker, session):
            async with asyncio.timeout(session.connect_timeout_s):
                await asyncio.get_running_loop().create_connection(
                    lambda: connection, broker.host, broker.port, ssl=tls_context(broker)
                )
                await connection.opened
        yield connection
    finally:
        await connection.close()


class Mqtt5Connection(Link, asyncio.BufferedProtocol):
    """One connection: the protocol that asyncio's transport feeds."""

    def __init__(self, broker: Broker, session: Session) -> None:
        super().__init__(session)
        self._broker = broker
        self._packet_cap = session.payload_cap + _HEADROOM
        self._buffer = memoryview(bytearray(max(_BUFFER, 2 * self._packet_cap)))
        self._low = self._high = 0
        self._passing: _Passing | None = None
        self._accepted = False
        self._transport: asyncio.Transport | None = None

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._closed.clear()
        password = self._broker.password
        connect = mqtt5.ConnectPacket(
            self._session.client_id,
            username=self._broker.username,
            password=None if password is None else password.encode(),
            clean_start=False,
            keep_alive=self._session.keep_alive_s,
            session_expiry_interval=self._session.expiry_s,
            receive_max=min(self._session.in_flight, 65_535),
        )
        self._transport.write(connect.write())

    def get_buffer(self, sizehint: int) -> memoryview:
        if len(self._buffer) - self._high < _SHORT_OF_ROOM:
            rest = self._high - self._low
            self._buffer[:rest] = self._buffer[self._low : self._high]
            self._low, self._high = 0, rest
        return self._buffer[self._high :]

    def buffer_updated(self, nbytes: int) -> None:
        if self._failure is not None:
            self._low = self._high = 0
            return
        self._high += nbytes
        self._last_read_s = self._loop.time()
        self._decode()

    def connection_lost(self, exc: Exception | None) -> None:
        kind = ConnectionClosed if exc is None and self._accepted else ConnectionLost
        self._fail(kind(f"{self._broker}: {exc or 'the broker closed the connection'}"))
        self._closed.set()

    # Bytes to messages.

    def _decode(self) -> None:
        """Everything in the buffer, as far as the in-flight bound allows; then read on, or not."""
        while self._failure is None and (room := self._room()) > 0 and self._decode_some(room):
            pass
        if self._low == self._high:
            self._low = self._high = 0
        if self._messages and not self._accepted:
            self._leave(mqtt5.DisconnectReasonCode.PROTOCOL_ERROR, "it sent PUBLISH before CONNACK")
        self._received()

    def _decode_some(self, room: int) -> bool:
        """At most `room` messages; whether there may be more to decode."""
        if self._passing is not None:
            return self._pass_on(self._passing)
        read, publish, new, cap = mqtt5.read, mqtt5.PublishPacket, tuple.__new__, self._session.payload_cap
        add_message, add_packet_id = self._messages.append, self._packet_ids.append
        view, low = self._buffer[: self._high], self._low
        refusal: BaseException | None = None
        for _ in range(room):
            try:
                packet, size = read(view[low:])
            except IndexError:
                break
            except BaseException as error:  # noqa: BLE001 - raised again where it is not the codec's
                refusal = error
                break
            low += size
            if type(packet) is publish:
                topic = packet.topic
                if "\0" in topic:
                    topic = legible(topic.encode())
                payload = packet.payload if size <= cap else capped(packet.payload, self._session)
                # Half the time of Message(…), which is what a third of this loop would be.
                add_message(new(Message, (topic, payload)))
                add_packet_id(packet.packet_id or 0)
            else:
                self._on_control(packet)
                if self._failure is not None:
                    break
        else:
            self._low = low
            return True
        self._low = low
        return self._failure is None and self._begin_passing(refusal)

    def _begin_passing(self, refusal: BaseException | None) -> bool:
        """Whether the rest begins a PUBLISH that the codec does not read: too large for the buffer, or refused by it for
        text that is not UTF-8. It is streamed past: to end the connection would bring it again, for ever.
        """
        _raise_where_not_about_bytes(refusal)
        least = self._packet_cap if refusal is None else -1
        try:
            self._passing = _passing_of(self._buffer[self._low : self._high], least, self._session)
        except IndexError:
            return False
        except ValueError as error:
            self._refuse(refusal or error)
        if self._passing is None:
            return False
        self._low += self._passing.header_size
        return True

    def _pass_on(self, passing: "_Passing") -> bool:
        self._low += passing.take(self._buffer[self._low : self._high])
        if not passing.done:
            return False
        self._messages.append(passing.message())
        self._packet_ids.append(passing.packet_id)
        self._passing = None
        return True

    def _refuse(self, error: BaseException) -> None:
        """Malformed bytes end the connection."""
        if not self.opened.done() and bytes(self._buffer[self._low : self._low + 2]) == _MQTT3_CONNACK:
            self._fail(ConnectionRefused(f"{self._broker} does not speak MQTT 5; add ?version=3 to its address"))
            self._cut()
        else:
            self._leave(mqtt5.DisconnectReasonCode.MALFORMED_PACKET, f"it sent a malformed packet: {error}")

    def _on_control(self, packet: mqtt5.Packet) -> None:
        # CONNACK comes first, and once (MQTT 5, 3.2): keep-alive begins with it.
        if isinstance(packet, mqtt5.ConnAckPacket) == (self._accepted or bool(self._messages)):
            self._leave(mqtt5.DisconnectReasonCode.PROTOCOL_ERROR, f"it sent {type(packet).__name__} out of turn")
            return
        match packet:
            case mqtt5.ConnAckPacket():
                self._on_connack(packet)
            case mqtt5.SubAckPacket():
                self._on_suback(packet)
            case mqtt5.PingRespPacket() | mqtt5.UnsubAckPacket():
                pass
            case mqtt5.DisconnectPacket():
                taken = packet.reason_code == mqtt5.DisconnectReasonCode.SESSION_TAKEN_OVER
                said = _said(packet.reason_code, packet.reason_str)
                self._fail((SessionTaken if taken else ConnectionLost)(f"{self._broker} ended the connection: {said}"))
                self._cut()
            case _:
                self._leave(mqtt5.DisconnectReasonCode.PROTOCOL_ERROR, f"it sent {type(packet).__name__}")

    def _on_connack(self, packet: mqtt5.ConnAckPacket) -> None:
        if packet.reason_code != mqtt5.ConnAckReasonCode.SUCCESS:
            # By value: the codec's reason codes are no integers and have no hash, whatever its stub says.
            kind = ConnectionRefused if packet.reason_code.value in PERSON_MUST_ACT else ConnectionLost
            self._fail(kind(f"{self._broker} refuses: {_said(packet.reason_code, packet.reason_str)}"))
            self._cut()
            return
        self._accepted = True
        self.session_present = packet.session_present
        asked_s, server_s = self._session.keep_alive_s, packet.server_keep_alive
        self._keep_alive(asked_s if server_s is None else server_s)
        filters = [
            mqtt5.TopicFilter(
                topic,
                max_qos=mqtt5.QoS.AT_LEAST_ONCE,
                retain_handling=mqtt5.RetainHandling.SEND_IF_SUBSCRIPTION_NOT_EXISTS,
            )
            for topic in self._session.topics
        ]
        self._write(mqtt5.SubscribePacket(1, filters).write())
        if packet.session_present and self._session.unwanted:
            self._write(mqtt5.UnsubscribePacket(2, list(self._session.unwanted)).write())

    def _on_suback(self, packet: mqtt5.SubAckPacket) -> None:
        if len(packet.reason_codes) != len(self._session.topics):
            self._leave(mqtt5.DisconnectReasonCode.PROTOCOL_ERROR, "its SUBACK is not for what we asked")
            return
        for topic, reason in zip(self._session.topics, packet.reason_codes, strict=True):
            if reason != mqtt5.SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE:
                said = _said(reason, packet.reason_str)
                self._fail(ConnectionRefused(f"{self._broker} does not grant {topic!r} at QoS 1: {said}"))
                self._cut()
                return
        self._subscribed()

    # What the link asks for.

    def _set_reading(self, wanted: bool) -> None:
        if self._transport is None:
            return
        if wanted:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def _room_made(self) -> None:
        self._decode()

    def _send_pubacks(self, packet_ids: Sequence[int]) -> None:
        words = array("H", [_PUBACK]) * (2 * len(packet_ids))
        words[1::2] = array("H", packet_ids)
        if byteorder == "little":
            words.byteswap()
        self._write(words.tobytes())

    def _send_publish(self, topic: str, payload: bytes) -> None:
        self._write(mqtt5.PublishPacket(topic, payload, qos=mqtt5.QoS.AT_MOST_ONCE).write())

    def _send_pingreq(self) -> None:
        self._write(mqtt5.PingReqPacket().write())

    def _send_disconnect(self) -> None:
        self._leave(mqtt5.DisconnectReasonCode.NORMAL_DISCONNECTION, "closed by us")

    def _leave(self, reason: mqtt5.DisconnectReasonCode, why: str) -> None:
        """Send DISCONNECT; the broker closes then. Until it does what it still sends is read and thrown away: a socket
        closed with bytes unread resets the connection, and the broker does not see our last PUBACKs."""
        self._forget_messages()
        self._write(mqtt5.DisconnectPacket(reason_code=reason).write())
        self._fail(ConnectionLost(f"{self._broker}: {why}"))
        self._set_reading(True)

    def _cut(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)


class _Passing:
    """A PUBLISH that passes by the codec: its properties are not looked at, and of a large payload hash and head are kept."""

    def __init__(
        self, topic: str, packet_id: int, *, header_size: int, properties: int, length: int, session: Session
    ) -> None:
        self.packet_id = packet_id
        self.header_size = header_size
        self._topic = topic
        self._length = length
        self._oversized = length > session.payload_cap
        self._keep = session.head_cap if self._oversized else length
        self._skip = properties
        self._left = length
        self._digest = hashlib.sha256()
        self._head = bytearray()

    @property
    def done(self) -> bool:
        return not self._skip and not self._left

    def take(self, data: memoryview) -> int:
        """Take in the next bytes; how many of them belonged to this packet."""
        skipped = min(self._skip, len(data))
        payload = data[skipped : skipped + self._left]
        self._skip -= skipped
        self._left -= len(payload)
        self._digest.update(payload)
        self._head += payload[: self._keep - len(self._head)]
        return skipped + len(payload)

    def message(self) -> Message:
        """The message, once done."""
        payload = bytes(self._head)
        if not self._oversized:
            return Message(self._topic, payload)
        return Message(self._topic, Oversized(self._length, self._digest.hexdigest(), payload))


def _passing_of(data: memoryview, least: int, session: Session) -> _Passing | None:
    """The PUBLISH that `data` begins, where its remaining length is over `least`.

    Raises IndexError where more bytes are needed to tell, ValueError where they are malformed or anything but a PUBLISH at
    QoS 0 or 1.
    """
    remaining, at = _variable_byte_integer(data, 1)
    if remaining <= least:
        return None
    kind, qos = data[0] >> 4, data[0] >> 1 & 3
    if kind != _PUBLISH or qos > 1:
        raise ValueError(f"packet of type {kind}, QoS {qos}, with {remaining} bytes")
    end = at + remaining
    topic_end = at + 2 + int.from_bytes(data[at : at + 2])
    properties_at = topic_end + 2 * qos
    if len(data) < min(properties_at + _LONGEST_LENGTH, end):
        raise IndexError
    topic = legible(bytes(data[at + 2 : topic_end]))
    packet_id = int.from_bytes(data[topic_end:properties_at])
    try:
        properties, header_size = _variable_byte_integer(data[:end], properties_at)
    except IndexError as error:
        raise ValueError("PUBLISH that ends before its payload begins") from error
    length = end - header_size - properties
    if not topic or length < 0 or (qos and not packet_id):
        raise ValueError("PUBLISH without topic or packet id, or with more properties than bytes")
    return _Passing(topic, packet_id, header_size=header_size, properties=properties, length=length, session=session)


def _raise_where_not_about_bytes(error: BaseException | None) -> None:
    # Text that is not UTF-8 makes mqtt5 0.8 panic; pyo3 does not export the type of that exception.
    if error is not None and not isinstance(error, ValueError) and type(error).__name__ != "PanicException":
        raise error


def _variable_byte_integer(data: memoryview, at: int) -> tuple[int, int]:
    """(value, where it ends) (MQTT 5, 1.5.5). Raises IndexError, ValueError."""
    value = 0
    for place in range(_LONGEST_LENGTH):
        byte = data[at + place]
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value, at + place + 1
    raise ValueError("malformed variable byte integer")


def _said(reason: IntEnum, text: str | None) -> str:
    words = reason.name.lower().replace("_", " ")
    return f"{words} ({text})" if text else words
