"""MQTT packets, 3.1.1 and 5, as far as a link between client and broker has to understand them."""

from collections.abc import Iterator
from typing import NamedTuple

CONNECT, CONNACK, PUBLISH, PUBACK, DISCONNECT = 1, 2, 3, 4, 14


class Publish(NamedTuple):
    """A PUBLISH; `packet_id` is 0 at QoS 0."""

    topic: str
    payload: bytes
    packet_id: int


def packets(buffer: bytearray) -> Iterator[bytes]:
    """The whole packets at the front of `buffer`, taken out of it."""
    while (end := _end_of_first(buffer)) is not None:
        packet = bytes(buffer[:end])
        del buffer[:end]
        yield packet


def kind_of(packet: bytes) -> int:
    """The packet's type (MQTT 5, 2.1.2)."""
    return packet[0] >> 4


def version_of(connect: bytes) -> int:
    """The protocol level of a CONNECT: 4 is MQTT 3.1.1, 5 is MQTT 5."""
    _, body = _variable_byte_integer(connect, 1)
    return connect[body + 2 + int.from_bytes(connect[body : body + 2])]


def publish_of(packet: bytes, version: int) -> Publish:
    """What a PUBLISH says."""
    _, body = _variable_byte_integer(packet, 1)
    at = body + 2 + int.from_bytes(packet[body : body + 2])
    topic, packet_id = packet[body + 2 : at].decode(), 0
    if packet[0] & 0b110:
        packet_id, at = int.from_bytes(packet[at : at + 2]), at + 2
    if version == 5:
        length, at = _variable_byte_integer(packet, at)
        at += length
    return Publish(topic, packet[at:], packet_id)


def puback_id(packet: bytes) -> int:
    """The packet id that a PUBACK acknowledges."""
    return int.from_bytes(packet[2:4])


def puback_reason(packet: bytes) -> int:
    """The reason code of an MQTT 5 PUBACK (3.4.2.1): 0 where it is left out."""
    return packet[4] if len(packet) > 4 else 0


def _end_of_first(buffer: bytearray) -> int | None:
    for size in range(2, min(len(buffer), 5) + 1):
        if buffer[size - 1] < 0x80:
            length, at = _variable_byte_integer(buffer, 1)
            return at + length if len(buffer) >= at + length else None
    return None


def _variable_byte_integer(data: bytes | bytearray, at: int) -> tuple[int, int]:
    """(value, where it ends) (MQTT 5, 1.5.5)."""
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 0x80:
            return value, at
