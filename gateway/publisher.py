"""Frames to the broker at QoS 1 (MQTT 5), each with an outcome: taken, or why not. The only file here that names `mqtt5`.

A frame stays pending until its PUBACK. When the connection is lost all that is pending is sent again on the next one, in its
order. What is pending already is not sent twice: a station that repeats itself while the broker is away waits for the same
outcome. MQTT 5 is needed because only there does the broker say that nobody has subscribed to a topic: it takes such a message
and drops it, and a station that was answered would forget it.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, cast

import mqtt5
import structlog

from gateway.limits import Limits
from ingest.backoff import Backoff
from ingest.link import PERSON_MUST_ACT, connecting, tls_context
from ingest.transport import Broker, ConnectionLost, ConnectionRefused, Session, TransportError

_log = structlog.get_logger()

TAKEN: Final = ""
"""The outcome of what the broker has taken; every other says why it did not."""

Outcome = asyncio.Future[str]

_NOBODY: Final = "nobody has subscribed to its topic"
# Chosen: sent and without PUBACK at once, where the broker allows more: a second of a city's stations.
_WINDOW = 1_000
# Chosen: a broker that has PUBLISHed messages unanswered for so long [s] is connected to anew.
_STALLED_S = 60.0
# Chosen: looked this often [s]; also the interval of PINGREQ.
_LOOK_S = 10.0


class _Pending:
    """A frame on its way."""

    def __init__(self, topic: str, payload: bytes, outcome: Outcome) -> None:
        self.topic = topic
        self.payload = payload
        self.outcome = outcome


class Publisher:
    """Make it on the event loop, and `run` it. Holds at most `limits.pending_frames` frames of `limits.pending_bytes`."""

    def __init__(self, broker: Broker, limits: Limits) -> None:
        self._broker = broker
        self._limits = limits
        self._pending: dict[tuple[str, bytes], _Pending] = {}
        self._bytes = 0
        self._unsent: deque[_Pending] = deque()
        self._link: _Link | None = None
        self._changed = asyncio.Event()

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted us."""
        return self._link is not None

    @property
    def pending(self) -> int:
        """Frames without an outcome."""
        return len(self._pending)

    async def publish(self, topic: str, payload: bytes) -> Outcome:
        """Send it, once there is room. The outcome belongs to everybody who sent the same: do not cancel it."""
        key = topic, payload
        while key not in self._pending and self._full():
            self._changed.clear()
            await self._changed.wait()
        known = self._pending.get(key)
        if known is not None:
            return known.outcome
        entry = _Pending(topic, payload, asyncio.get_running_loop().create_future())
        self._pending[key] = entry
        self._bytes += len(payload)
        self._unsent.append(entry)
        self._send()
        return entry.outcome

    async def drained(self) -> None:
        """Until nothing is pending."""
        while self._pending:
            self._changed.clear()
            await self._changed.wait()

    async def run(self) -> None:
        """Connect, send, and connect again, until cancelled."""
        backoff, said = Backoff(), ""
        while True:
            try:
                async with _connected(self._broker, self._on_puback) as link:
                    _log.info("connected", broker=str(self._broker))
                    backoff, said = Backoff(), ""
                    self._link = link
                    self._unsent = deque(self._pending.values())
                    self._send()
                    await link.until_lost()
            except TransportError as lost:
                if str(lost) != said:
                    said = str(lost)
                    report = _log.error if isinstance(lost, ConnectionRefused) else _log.warning
                    report("no broker: stations are not answered, and not read once enough is pending", why=said)
            finally:
                self._link = None
            await asyncio.sleep(backoff.next_s())

    def _full(self) -> bool:
        return len(self._pending) >= self._limits.pending_frames or self._bytes >= self._limits.pending_bytes

    def _send(self) -> None:
        while self._link is not None and self._unsent and self._link.has_room:
            entry = self._unsent.popleft()
            if not self._link.send(entry):
                self._settle(entry, "it is larger than the broker takes")

    def _on_puback(self, entry: _Pending, why_not: str) -> None:
        self._settle(entry, why_not)
        self._send()

    def _settle(self, entry: _Pending, why_not: str) -> None:
        del self._pending[entry.topic, entry.payload]
        self._bytes -= len(entry.payload)
        entry.outcome.set_result(why_not)
        self._changed.set()


@asynccontextmanager
async def _connected(broker: Broker, on_puback: Callable[[_Pending, str], None]) -> AsyncIterator["_Link"]:
    """One connection to the broker, which has accepted us. Raises a TransportError."""
    # No session is kept at the broker: what is pending is kept here.
    session = Session(f"cityflux-gateway-{secrets.token_hex(6)}", (), expiry_s=0)
    link = _Link(broker, session, on_puback)
    try:
        with connecting(broker, session):
            async with asyncio.timeout(session.connect_timeout_s):
                await asyncio.get_running_loop().create_connection(
                    lambda: link, broker.host, broker.port, ssl=tls_context(broker)
                )
                await link.accepted
        yield link
    finally:
        link.close()


class _Link(asyncio.Protocol):
    """One connection to the broker."""

    def __init__(self, broker: Broker, session: Session, on_puback: Callable[[_Pending, str], None]) -> None:
        self._broker = broker
        self._session = session
        self._on_puback = on_puback
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._rest = b""
        self._sent: dict[int, _Pending] = {}
        self._last_id = 0
        self._window = _WINDOW
        self._largest: int | None = None
        self._last_read_s = self._last_puback_s = self._loop.time()
        self._lost: asyncio.Future[None] = self._loop.create_future()
        self.accepted: asyncio.Future[None] = self._loop.create_future()

    @property
    def has_room(self) -> bool:
        """Whether one more may be sent."""
        return len(self._sent) < self._window

    def send(self, entry: _Pending) -> bool:
        """PUBLISH; False where the broker does not take a packet so large."""
        packet_id = self._last_id
        while packet_id in self._sent or packet_id == 0:
            packet_id = packet_id % 65_535 + 1
        packet = mqtt5.PublishPacket(
            entry.topic, entry.payload, qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=packet_id
        ).write()
        if self._largest is not None and len(packet) > self._largest:
            return False
        if not self._sent:
            self._last_puback_s = self._loop.time()
        self._last_id = packet_id
        self._sent[packet_id] = entry
        self._write(packet)
        return True

    async def until_lost(self) -> None:
        """Keep the connection alive. Raises ConnectionLost, ConnectionRefused."""
        keep_alive_s = self._session.keep_alive_s
        while not self._lost.done():
            await asyncio.wait([self._lost], timeout=_LOOK_S)
            now = self._loop.time()
            if now - self._last_read_s > 1.5 * keep_alive_s:
                self._fail(ConnectionLost(f"{self._broker} has been silent for {now - self._last_read_s:.0f} s"))
            elif self._sent and now - self._last_puback_s > _STALLED_S:
                self._fail(ConnectionLost(f"{self._broker} has acknowledged nothing for {_STALLED_S:.0f} s"))
            else:
                self._write(mqtt5.PingReqPacket().write())
        self._lost.result()

    def close(self) -> None:
        """DISCONNECT, and close. Does nothing where the connection is lost already."""
        if self._transport is not None and not self._lost.done():
            self._write(mqtt5.DisconnectPacket().write())
            self._transport.close()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        password = self._broker.password
        connect = mqtt5.ConnectPacket(
            self._session.client_id,
            username=self._broker.username,
            password=None if password is None else password.encode(),
            clean_start=True,
            keep_alive=self._session.keep_alive_s,
        )
        self._write(connect.write())

    def data_received(self, data: bytes) -> None:
        self._last_read_s = self._loop.time()
        view, low = memoryview(self._rest + data), 0
        while not self._lost.done():
            try:
                packet, size = mqtt5.read(view[low:])
            except IndexError:  # more bytes are needed
                break
            except ValueError as error:
                self._fail(ConnectionLost(f"{self._broker}: it sent a malformed packet: {error}"))
                break
            low += size
            self._on_packet(packet)
        self._rest = bytes(view[low:])

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(ConnectionLost(f"{self._broker}: {exc or 'the broker closed the connection'}"))

    def _on_packet(self, packet: mqtt5.Packet) -> None:
        match packet:
            case mqtt5.ConnAckPacket():
                self._on_connack(packet)
            case mqtt5.PubAckPacket():
                entry = self._sent.pop(packet.packet_id, None)
                if entry is not None:
                    self._last_puback_s = self._loop.time()
                    self._on_puback(entry, _why_not(packet))
            case mqtt5.PingRespPacket():
                pass
            case mqtt5.DisconnectPacket():
                self._fail(ConnectionLost(f"{self._broker} ended the connection: {_said(packet)}"))
            case _:
                self._fail(ConnectionLost(f"{self._broker}: it sent {type(packet).__name__}"))

    def _on_connack(self, packet: mqtt5.ConnAckPacket) -> None:
        if packet.reason_code != mqtt5.ConnAckReasonCode.SUCCESS:
            kind = ConnectionRefused if packet.reason_code.value in PERSON_MUST_ACT else ConnectionLost
            self._fail(kind(f"{self._broker} refuses: {_said(packet)}"))
            return
        self._window = min(_WINDOW, packet.receive_max)
        self._largest = packet.max_packet_size
        if not self.accepted.done():
            self.accepted.set_result(None)

    def _fail(self, failure: TransportError) -> None:
        """The connection is cut, for this reason; the first reason stays."""
        if self._lost.done():
            return
        self._lost.set_exception(failure)
        self._lost.exception()  # asked for: where nobody waits for it any more, it is no news
        if not self.accepted.done():
            self.accepted.set_exception(failure)
            self.accepted.exception()
        if self._transport is not None:
            self._transport.abort()

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)


def _why_not(packet: mqtt5.PubAckPacket) -> str:
    if packet.reason_code == mqtt5.PubAckReasonCode.SUCCESS:
        return TAKEN
    if packet.reason_code == mqtt5.PubAckReasonCode.NO_MATCHING_SUBSCRIBERS:
        return _NOBODY
    return f"the broker refuses it: {_said(packet)}"


def _said(packet: mqtt5.PubAckPacket | mqtt5.ConnAckPacket | mqtt5.DisconnectPacket) -> str:
    name = packet.reason_code.name.lower().replace("_", " ")
    return f"{name} ({packet.reason_str})" if packet.reason_str else name
