"""What both transports share: the messages that wait to be taken, when to read and when not, keep-alive, TLS.

The socket is read only while the consumer waits for messages. What comes while it is busy gathers in the kernel, and is
read and decoded in one go: 0.9 µs of CPU a message against 2.5 µs for reading as it comes (200,000 waiting in Mosquitto,
the consumer busy for 1 ms a batch). Then once more, because TCP at the other end may have held back small packets until it
saw us read: without that they wait for the next round (p99 at 10,000 messages/s: 96 ms instead of 61). Two more reasons,
each on its own, keep it from being read: `in_flight` messages are decoded and unacknowledged, or `pause` was called.

While it is not read PINGREQ still goes out and nothing is expected to come back; while it is, silence of one and a half
keep-alives means that the connection is lost.
"""

import asyncio
import hashlib
import ssl
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Self

from ingest.transport import (
    Batch,
    Broker,
    ConnectionLost,
    ConnectionRefused,
    Message,
    Oversized,
    Session,
    TransportError,
)

PERSON_MUST_ACT = frozenset({0x84, 0x85, 0x86, 0x87, 0x8A, 0x8C, 0x9D})
"""CONNACK reason codes that no later try mends (MQTT 5, 3.2.2.2): unsupported protocol version, client identifier not
valid, bad user name or password, not authorized, banned, bad authentication method, server moved."""

# Chosen: PINGREQ goes out twice in a keep-alive, so that one late tick of a busy loop does not cost the connection.
_PINGS_PER_KEEP_ALIVE = 2
# MQTT 5, 3.1.2.10: the patience that a server has with a client; we have the same with the server.
_PATIENCE = 1.5
# Chosen: a closing connection has this long [s] to flush its DISCONNECT, then it is cut.
CLOSE_WITHIN_S = 1.0


class Link(ABC):
    """The part of a Connection that does not depend on the MQTT version.

    A transport appends at most `_room()` messages to `_messages` and `_packet_ids`, then calls `_received`.
    """

    session_present = False

    def __init__(self, session: Session) -> None:
        self._loop = asyncio.get_running_loop()
        self._session = session
        self._messages: list[Message] = []
        self._packet_ids: list[int] = []
        self._unacknowledged = 0
        self._arrived = asyncio.Event()
        self._waited_for = True
        self._failure: TransportError | None = None
        self._paused = False
        self._reading = True
        self._last_read_s = self._loop.time()
        self._pings: asyncio.TimerHandle | None = None
        self._closed = asyncio.Event()
        self._closed.set()
        # Done when subscribed, or when messages come before SUBACK: a session that the broker still had is subscribed
        # already, and SUBACK may stand behind more messages than we take. What it says then reaches the iteration.
        self.opened: asyncio.Future[None] = self._loop.create_future()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Batch:
        """What has come, at most `batch_cap` messages, as soon as there is one.

        Raises what ended the connection; where the broker did, after what came before it: at QoS 0 nobody sends that again; at
        QoS 1 the broker does, since it can no longer be acknowledged, and writing twice is writing once.
        """
        while not self._messages:
            if self._failure is not None:
                raise self._failure
            self._waited_for = True
            self._arrived.clear()
            self._read_or_not()
            await self._arrived.wait()
            await asyncio.sleep(0)  # time for a second read (module docstring)
        self._waited_for = False
        self._read_or_not()
        cap = self._session.batch_cap
        batch = Batch(self._messages[:cap], self._packet_ids[:cap])
        del self._messages[:cap], self._packet_ids[:cap]
        self._unacknowledged += len(batch.messages)
        return batch

    def acknowledge(self, batch: Batch) -> None:
        """PUBACK for the batch's QoS 1 messages. On a connection that is gone: nothing, the broker sends them again."""
        if self._failure is None:
            self._send_pubacks([packet_id for packet_id in batch.packet_ids if packet_id])
            full = self._room() <= 0
            self._unacknowledged -= len(batch.messages)
            if full:
                self._room_made()

    def pause(self) -> None:
        """Stop reading the socket until `resume`; what is decoded already is still given."""
        self._paused = True
        self._read_or_not()

    def resume(self) -> None:
        """Read again, as far as the in-flight bound allows."""
        self._paused = False
        self._read_or_not()

    def publish(self, topic: str, payload: bytes) -> None:
        """Send a message at QoS 0. On a connection that is gone: nothing."""
        if self._failure is None:
            self._send_publish(topic, payload)

    def drop(self, why: str) -> None:
        """Cut the connection: the iteration raises ConnectionLost(why)."""
        self._fail(ConnectionLost(why))
        self._cut()

    async def close(self) -> None:
        """DISCONNECT, and wait until it is out. Pending acknowledgements are dropped."""
        self.opened.cancel()
        if self._failure is None:
            self._send_disconnect()
            self._fail(ConnectionLost("closed by us"))
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_WITHIN_S):
                await self._closed.wait()
        self._cut()

    def _room(self) -> int:
        return self._session.in_flight - self._unacknowledged - len(self._messages)

    def _received(self) -> None:
        if self._messages:
            self._arrived.set()
            self._subscribed()
        self._read_or_not()

    def _subscribed(self) -> None:
        if not self.opened.done():
            self.opened.set_result(None)

    def _read_or_not(self) -> None:
        wanted = self._waited_for and not self._paused and self._room() > 0
        if wanted != self._reading and self._failure is None:
            self._reading = wanted
            self._last_read_s = self._loop.time()
            self._set_reading(wanted)

    def _forget_messages(self) -> None:
        """Not to give what nobody has taken yet: who breaks the protocol is not believed."""
        self._messages.clear()
        self._packet_ids.clear()

    def _fail(self, failure: TransportError) -> None:
        """The connection is over, for this reason; the first reason stays."""
        if self._failure is not None:
            return
        self._failure = failure
        self._arrived.set()
        if self._pings is not None:
            self._pings.cancel()
        if not self.opened.done():
            self.opened.set_exception(failure)

    def _keep_alive(self, keep_alive_s: float) -> None:
        """Send PINGREQ from now on, and listen for silence; 0 is neither (MQTT 5, 3.1.2.10)."""
        if keep_alive_s:
            self._pings = self._loop.call_later(keep_alive_s / _PINGS_PER_KEEP_ALIVE, self._ping, keep_alive_s)

    def _ping(self, keep_alive_s: float) -> None:
        silence_s = self._loop.time() - self._last_read_s
        if self._reading and silence_s > _PATIENCE * keep_alive_s:
            self.drop(f"the broker has been silent for {silence_s:.1f} s")
        else:
            self._send_pingreq()
            self._keep_alive(keep_alive_s)

    @abstractmethod
    def _set_reading(self, wanted: bool) -> None:
        """Start or stop reading the socket."""

    @abstractmethod
    def _room_made(self) -> None:
        """The in-flight bound holds no longer: go on."""

    @abstractmethod
    def _send_pubacks(self, packet_ids: Sequence[int]) -> None: ...

    @abstractmethod
    def _send_publish(self, topic: str, payload: bytes) -> None:
        """At QoS 0."""

    @abstractmethod
    def _send_pingreq(self) -> None: ...

    @abstractmethod
    def _send_disconnect(self) -> None:
        """Send DISCONNECT; `_closed` is set when the socket is closed."""

    @abstractmethod
    def _cut(self) -> None:
        """Close the socket now. Does nothing where it is closed."""


def capped(payload: bytes, session: Session) -> bytes | Oversized:
    """The payload, or where it is over the cap what is kept of it."""
    if len(payload) <= session.payload_cap:
        return payload
    return Oversized(len(payload), hashlib.sha256(payload).hexdigest(), payload[: session.head_cap])


def legible(topic: bytes) -> str:
    """A topic as text. What MQTT forbids in one (MQTT 5, 1.5.4: bytes that are not UTF-8, U+0000) is written as an escape, so
    that the message can be kept, refused and shown; the journal joins topics with U+0000."""
    return topic.decode("utf-8", "backslashreplace").replace("\0", "\\x00")


def tls_context(broker: Broker) -> ssl.SSLContext | None:
    """TLS 1.2 or later with the broker's CA (or the system's) and our certificate. Raises ConnectionRefused."""
    if not broker.tls:
        return None
    try:
        context = ssl.create_default_context(cafile=broker.ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if broker.cert_file is not None:
            context.load_cert_chain(broker.cert_file, broker.key_file)
    except OSError as error:
        files = ", ".join(str(file) for file in (broker.ca_file, broker.cert_file, broker.key_file) if file is not None)
        raise ConnectionRefused(f"{broker}: the TLS files ({files}) cannot be used: {error}") from error
    return context


@contextmanager
def connecting(broker: Broker, session: Session) -> Iterator[None]:
    """What the network says while we connect, as ConnectionLost or ConnectionRefused."""
    try:
        yield
    except TimeoutError as error:
        raise ConnectionLost(f"{broker} does not answer within {session.connect_timeout_s:g} s") from error
    except ssl.SSLCertVerificationError as error:
        raise ConnectionRefused(f"{broker}: its certificate is not trusted: {error.verify_message}") from error
    except OSError as error:
        raise ConnectionLost(f"{broker}: {error}") from error
