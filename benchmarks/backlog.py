"""A backlog of pre-encoded QoS 1 messages in a real Mosquitto, for one client id that is not connected yet."""

import asyncio
import random
from collections.abc import Iterator
from typing import NamedTuple

import mqtt5

from benchmarks.wires import NATIVE, Wire

STATIONS = 1_000
QUANTITIES = (
    ("pm2_5", 1),
    ("pm10", 1),
    ("so2", 1),
    ("no2", 1),
    ("co", 2),
    ("o3", 1),
    ("air_temperature", 2),
    ("humidity", 1),
)
# Values are between 1 and 40, which is in range of every quantity but one: air pressure [kPa] begins at 50.
_OFFSETS = {"pressure": 60}
_MINUTE_MS = 60_000
# The publisher's own window: Mosquitto takes its QoS 1 messages faster in bursts.
_WINDOW = 1_000
# Of a PUBACK that says success; one that says that nobody subscribes is longer, and here somebody does.
PUBACK_BYTES = 4


class Load(NamedTuple):
    """What messages are made of: stations in turn, (code, decimals) of each quantity of a reading, readings a message (the
    native format only), and how that is sent."""

    stations: int = STATIONS
    quantities: tuple[tuple[str, int], ...] = QUANTITIES
    readings: int = 1
    wire: Wire = NATIVE


ORDINARY = Load()


def station_id(number: int) -> str:
    """The name of a station. Five digits: in the order of the numbers up to 100,000."""
    return f"st-{number:05d}"


def payload(station: str, at: int, dice: random.Random, load: Load = ORDINARY) -> bytes:
    """A message: its readings a minute apart, the first `at` [ms]."""
    readings = []
    for minute in range(load.readings):
        values = {code: round(dice.uniform(1, 40) + _OFFSETS.get(code, 0), digits) for code, digits in load.quantities}
        readings.append((at + minute * _MINUTE_MS, values))
    return load.wire.payload(station, readings)


def span_ms(count: int, load: Load = ORDINARY) -> int:
    """How much time `packets` of so many messages goes over."""
    return -(-count // load.stations) * load.readings * _MINUTE_MS


def packets(count: int, last_at: int, seed: int, load: Load = ORDINARY) -> Iterator[tuple[int, bytes]]:
    """(packet id, PUBLISH) of `count` messages: the stations in turn, minute by minute up to `last_at` [ms]."""
    dice = random.Random(seed)
    first_at = last_at - span_ms(count, load) + _MINUTE_MS
    for number in range(count):
        at = first_at + number // load.stations * load.readings * _MINUTE_MS
        yield number % 65_535 + 1, packet(number, at, dice, load)


def packet(number: int, at: int, dice: random.Random, load: Load = ORDINARY) -> bytes:
    """The PUBLISH of message `number`, observed from `at` [ms] on: the stations in turn, packet ids in turn."""
    station, packet_id = station_id(number % load.stations), number % 65_535 + 1
    sent = payload(station, at, dice, load)
    return mqtt5.PublishPacket(load.wire.topic(station), sent, qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=packet_id).write()


async def prepare(port: int, client_id: str, subscription: str = NATIVE.subscription) -> None:
    """Make `client_id` a session with that subscription, and leave it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(mqtt5.ConnectPacket(client_id, clean_start=True, session_expiry_interval=3600).write())
    await packet_of(reader, mqtt5.ConnAckPacket)
    filters = [mqtt5.TopicFilter(subscription, max_qos=mqtt5.QoS.AT_LEAST_ONCE)]
    writer.write(mqtt5.SubscribePacket(1, topic_filters=filters).write())
    await packet_of(reader, mqtt5.SubAckPacket)
    writer.write(mqtt5.DisconnectPacket().write())
    await writer.drain()
    writer.close()


async def fill(port: int, count: int, last_at: int, seed: int, load: Load = ORDINARY) -> None:
    """Publish the backlog; returns when the broker has acknowledged every message."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(mqtt5.ConnectPacket("bench-publisher", clean_start=True).write())
    await packet_of(reader, mqtt5.ConnAckPacket)
    window: list[bytes] = []
    for _, publish in packets(count, last_at, seed, load):
        window.append(publish)
        if len(window) == _WINDOW:
            writer.writelines(window)
            await reader.readexactly(PUBACK_BYTES * len(window))
            window.clear()
    writer.writelines(window)
    await reader.readexactly(PUBACK_BYTES * len(window))
    writer.close()


async def packet_of(reader: asyncio.StreamReader, kind: type) -> None:
    """Read until one packet of `kind` is whole."""
    data = b""
    while True:
        data += await reader.read(4096)
        try:
            packet, size = mqtt5.read(memoryview(data))
        except IndexError:
            continue
        data = data[size:]
        if isinstance(packet, kind):
            return
