"""A publisher that knows what the broker accepted: MQTT 5, QoS 1, in order, sent again until acknowledged.

A message whose acknowledgement was lost with the connection is sent again, so the broker may have it more than once:
`accepted` counts acknowledgements, `sent` every attempt.
"""

import asyncio
from collections import Counter, deque
from contextlib import suppress

import mqtt5

from tests.faults.messages import Key, Message
from tests.faults.packets import CONNACK, PUBACK, kind_of, packets, puback_id, puback_reason
from tests.servers.processes import HOST

_OPEN = 40  # unacknowledged at once
_NO_SUBSCRIBER = 0x10  # PUBACK's reason code "no matching subscribers" (MQTT 5, 3.4.2.1)


class Publisher:
    """Publishes to the broker on `port`, over its restarts. Use `run` as a task beside `publish`."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._waiting: deque[Message] = deque()
        self._open: deque[tuple[int, Message]] = deque()
        self._next_id = 1
        self._changed = asyncio.Event()
        self.accepted: Counter[Key] = Counter()
        self.sent: Counter[Key] = Counter()
        self.unheard = 0

    async def publish(self, message: Message) -> None:
        """Hand over one message; waits while too many are on their way."""
        while len(self._waiting) >= _OPEN:
            self._changed.clear()
            await self._changed.wait()
        self._waiting.append(message)
        self._changed.set()

    async def drain(self) -> None:
        """Until everything handed over is accepted."""
        while self._waiting or self._open:
            self._changed.clear()
            await self._changed.wait()

    async def run(self) -> None:
        """Keep a connection to the broker; for ever."""
        while True:
            with suppress(OSError, EOFError):
                await self._serve()
            await asyncio.sleep(0.05)

    async def _serve(self) -> None:
        reader, writer = await asyncio.open_connection(HOST, self._port)
        buffer = bytearray()
        receiving: asyncio.Task[None] | None = None
        try:
            writer.write(mqtt5.ConnectPacket("publisher", clean_start=True, keep_alive=0).write())
            first = await self._packet(reader, buffer)
            if kind_of(first) != CONNACK:
                return
            again = [message for _, message in self._open]
            self._open.clear()
            self._waiting.extendleft(reversed(again))
            receiving = asyncio.create_task(self._receive(reader, buffer))
            while not receiving.done():
                while self._waiting and len(self._open) < _OPEN:
                    self._send(writer, self._waiting.popleft())
                await writer.drain()
                self._changed.clear()
                changing = asyncio.create_task(self._changed.wait())
                await asyncio.wait([changing, receiving], return_when=asyncio.FIRST_COMPLETED)
                changing.cancel()
            await receiving
        finally:
            if receiving is not None:
                receiving.cancel()
            writer.transport.abort()

    def _send(self, writer: asyncio.StreamWriter, message: Message) -> None:
        packet = mqtt5.PublishPacket(
            message.topic, message.payload, qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=self._next_id
        )
        self._open.append((self._next_id, message))
        self._next_id = self._next_id % 65_535 + 1
        self.sent[message.key] += 1
        writer.write(packet.write())

    async def _receive(self, reader: asyncio.StreamReader, buffer: bytearray) -> None:
        while True:
            packet = await self._packet(reader, buffer)
            if kind_of(packet) != PUBACK:
                raise EOFError
            packet_id, message = self._open.popleft()
            assert packet_id == puback_id(packet), "Mosquitto acknowledges in order"
            if puback_reason(packet) == _NO_SUBSCRIBER:
                self.unheard += 1
            else:
                self.accepted[message.key] += 1
            self._changed.set()

    async def _packet(self, reader: asyncio.StreamReader, buffer: bytearray) -> bytes:
        while True:
            for packet in packets(buffer):
                return packet
            data = await reader.read(65_536)
            if not data:
                raise EOFError
            buffer += data
