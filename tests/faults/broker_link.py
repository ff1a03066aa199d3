"""The link between ingest and broker: passes packets on, remembers what was delivered and acknowledged, and breaks on demand.

Ingest journals in order of receipt, so of the messages delivered on one connection exactly the first N are in the journal,
where N is what the journal's counter rose by between this connection and the next. The link reads the counter at each CONNECT,
when nothing of the connection before is under way any more; so it knows of every delivery whether it was journalled.
"""

import asyncio
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256

from tests.faults.messages import Key
from tests.faults.packets import (
    CONNACK,
    CONNECT,
    PUBACK,
    PUBLISH,
    kind_of,
    packets,
    puback_id,
    publish_of,
    version_of,
)
from tests.servers.processes import HOST

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER of no time: the socket closes with RST


@dataclass
class Leg:
    """One connection of ingest's, as the link saw it."""

    to_ingest: asyncio.StreamWriter
    to_broker: asyncio.StreamWriter
    version: int = 5
    journalled_before: int | None = None  # None: CONNECT never came
    delivered: list[tuple[int, Key]] = field(default_factory=list)  # (packet id, message), in order
    acknowledged: int = 0
    faults: list[str] = field(default_factory=list)
    frozen: bool = False
    holding: bytearray | None = None  # acknowledgements held back, while they are

    def acknowledge(self, packet_id: int) -> None:
        """A PUBACK came from ingest: it must be for the oldest delivery that has none."""
        expected = self.delivered[self.acknowledged][0] if self.acknowledged < len(self.delivered) else None
        if packet_id != expected:
            self.faults.append(f"PUBACK {packet_id} where {expected} was next")
        self.acknowledged += 1


class BrokerLink:
    """Listens on `port`; `journalled` reads the journal's counter (0 where there is no journal yet)."""

    def __init__(self, broker_port: int, journalled: Callable[[], int]) -> None:
        self._broker_port = broker_port
        self._journalled = journalled
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        self.legs: list[Leg] = []
        self.refusing = False
        self.refused = 0
        self.bytes_per_s: int | None = None
        self._reset_in_packet = False
        self._held: list[Leg] = []

    async def open(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._accepted, HOST, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Close everything."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # What was seen.

    def journalled(self) -> list[Key]:
        """Every delivery that was journalled, in order. Call when ingest has ended, or has nothing under way."""
        return [key for _, keys in self._journalled_by_leg() for key in keys]

    def faults(self) -> Iterator[str]:
        """What ingest did wrong on a connection."""
        for number, (leg, keys) in enumerate(self._journalled_by_leg()):
            yield from (f"connection {number}: {fault}" for fault in leg.faults)
            if not leg.acknowledged <= len(keys) <= len(leg.delivered):
                yield (
                    f"connection {number}: {len(leg.delivered)} delivered, {len(keys)} journalled,"
                    f" {leg.acknowledged} acknowledged"
                )

    def delivered(self) -> list[Key]:
        """Every delivery, journalled or not."""
        return [key for leg in self.legs for _, key in leg.delivered]

    def has_acknowledged(self, key: Key) -> bool:
        """Whether a delivery of this message has been acknowledged."""
        return any(key == its for leg in self.legs for _, its in leg.delivered[: leg.acknowledged])

    def _journalled_by_leg(self) -> Iterator[tuple[Leg, list[Key]]]:
        connected = [leg for leg in self.legs if leg.journalled_before is not None]
        ends = [leg.journalled_before for leg in connected[1:]] + [self._journalled()]
        for leg, end in zip(connected, ends, strict=True):
            assert leg.journalled_before is not None
            assert end is not None
            count = end - leg.journalled_before
            if count > len(leg.delivered):
                leg.faults.append(f"{count} journalled of {len(leg.delivered)} delivered")
            yield leg, [key for _, key in leg.delivered[:count]]

    # Faults.

    def cut(self) -> None:
        """Close every connection, on both sides."""
        for leg in self.legs:
            leg.to_ingest.close()
            leg.to_broker.close()

    def reset_in_packet(self) -> None:
        """At the next PUBLISH: half of it, then RST on both sides."""
        self._reset_in_packet = True

    def freeze(self) -> None:
        """Half-open: nothing passes on the connections of now, and nobody is told."""
        for leg in self.legs:
            leg.frozen = True

    def deliver_acknowledgements_late(self) -> None:
        """Cut ingest off while its acknowledgements are under way; the broker gets them after ingest is connected again."""
        for leg in self.legs:
            if leg.holding is None and not leg.to_broker.is_closing():
                leg.holding = bytearray()
                self._held.append(leg)

    # Passing on.

    async def _accepted(self, from_ingest: asyncio.StreamReader, to_ingest: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            if self.refusing:
                self.refused += 1
            else:
                with suppress(OSError):
                    await self._join(from_ingest, to_ingest)
        finally:
            to_ingest.close()

    async def _join(self, from_ingest: asyncio.StreamReader, to_ingest: asyncio.StreamWriter) -> None:
        """A leg from its beginning to its end. Raises OSError where the broker does not take it."""
        from_broker, to_broker = await asyncio.open_connection(HOST, self._broker_port)
        leg = Leg(to_ingest, to_broker)
        self.legs.append(leg)
        both = [
            asyncio.create_task(self._towards_broker(leg, from_ingest)),
            asyncio.create_task(self._towards_ingest(leg, from_broker)),
        ]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if leg.frozen:
                await asyncio.wait(both)
        finally:
            for one in both:
                one.cancel()
            await asyncio.gather(*both, return_exceptions=True)
            if leg not in self._held:
                to_broker.close()

    async def _towards_broker(self, leg: Leg, reader: asyncio.StreamReader) -> None:
        buffer = bytearray()
        with suppress(OSError):
            while data := await reader.read(65_536):
                buffer += data
                for packet in packets(buffer):
                    kind = kind_of(packet)
                    if kind == CONNECT:
                        leg.version = version_of(packet)
                        leg.journalled_before = self._journalled()
                    elif kind == PUBACK:
                        leg.acknowledge(puback_id(packet))
                    if leg.holding is not None:
                        leg.holding += packet
                        if kind == PUBACK:
                            leg.to_ingest.close()
                    elif not leg.frozen:
                        leg.to_broker.write(packet)
                        await leg.to_broker.drain()

    async def _towards_ingest(self, leg: Leg, reader: asyncio.StreamReader) -> None:
        buffer = bytearray()
        with suppress(OSError):
            while data := await reader.read(65_536):
                buffer += data
                for packet in packets(buffer):
                    if leg.frozen:
                        continue
                    await self._pass_to_ingest(leg, packet)

    async def _pass_to_ingest(self, leg: Leg, packet: bytes) -> None:
        kind = kind_of(packet)
        if kind == PUBLISH:
            publish = publish_of(packet, leg.version)
            if publish.packet_id:
                if self._reset_in_packet:
                    self._reset_in_packet = False
                    leg.to_ingest.write(packet[: len(packet) // 2])
                    await asyncio.sleep(0.05)  # so that the half is on its way before the reset
                    _reset(leg.to_ingest)
                    _reset(leg.to_broker)
                    return
                leg.delivered.append((publish.packet_id, (publish.topic, sha256(publish.payload).hexdigest())))
        if kind == CONNACK:
            self._release_held()
        if self.bytes_per_s is None:
            leg.to_ingest.write(packet)
        else:
            await self._trickle(leg, packet)
        await leg.to_ingest.drain()

    async def _trickle(self, leg: Leg, packet: bytes) -> None:
        for start in range(0, len(packet), 100):
            leg.to_ingest.write(packet[start : start + 100])
            if self.bytes_per_s is not None:
                await asyncio.sleep(100 / self.bytes_per_s)

    def _release_held(self) -> None:
        for leg in self._held:
            with suppress(OSError):
                leg.to_broker.write(bytes(leg.holding or b""))
                leg.to_broker.close()
        self._held.clear()


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
