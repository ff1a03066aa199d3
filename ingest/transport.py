"""The small interface that both MQTT transports keep: one connection that gives batches and acknowledges when told to.

    async with open_connection(broker, session) as connection:
        async for batch in connection:          # ends only by ConnectionLost
            ... make batch.messages durable ...
            connection.acknowledge(batch)       # PUBACKs in order of receipt

A connection never reads ahead of `Session.in_flight` unacknowledged messages: it pauses its socket, and while paused goes
on sending PINGREQ and does not count the PINGRESP that waits unread. An acknowledgement belongs to the connection that
delivered the message; at disconnect what is pending is dropped, and the broker sends it again.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

KIBI = 1024


class Oversized(NamedTuple):
    """What is kept of a payload over the cap: its length, SHA-256 (hex) and first 64 KiB. Never the whole of it in memory
    on MQTT 5; paho hands MQTT 3.1.1 payloads over whole."""

    length: int
    sha256: str
    head: bytes


class Message(NamedTuple):
    """One PUBLISH as received."""

    topic: str
    payload: bytes | Oversized


class Batch(NamedTuple):
    """Messages in order of receipt, and what it takes to acknowledge them (packet ids; 0 for QoS 0)."""

    messages: Sequence[Message]
    packet_ids: Sequence[int]


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is and who we are to it."""

    host: str
    port: int
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    version: int = 5

    def __str__(self) -> str:
        return f"{'mqtts' if self.tls else 'mqtt'}://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Session:
    """How we subscribe. All bounds are ours: Mosquitto 2.0 overshoots our Receive Maximum threefold."""

    client_id: str
    topics: tuple[str, ...]
    # Filters that the session may still have from earlier: given up once ours are asked for, so that nothing falls between.
    unwanted: tuple[str, ...] = ()
    expiry_s: int = 7 * 24 * 3600  # 0: the session ends with the connection
    keep_alive_s: int = 30
    connect_timeout_s: float = 10.0
    # Unacknowledged messages at once, told to the broker as Receive Maximum and held by pausing the socket.
    in_flight: int = 20_000
    # A larger payload becomes a dead letter with its head and its hash.
    payload_cap: int = 256 * KIBI
    # Bytes of an oversized payload that are kept.
    head_cap: int = 64 * KIBI
    # Messages given at once: more would delay the first one's acknowledgement.
    batch_cap: int = 5_000


class TransportError(Exception):
    """The tree: ConnectionLost is answered by connecting again, ConnectionRefused by connecting again, rarely, and saying
    so, SessionTaken by not connecting again."""


class ConnectionLost(TransportError):
    """The connection ended, or could not be made: connect again after a while."""


class ConnectionClosed(ConnectionLost):
    """The other side closed a connection that the broker had accepted, without a word. MQTT 3.1.1 has no word for it when
    somebody else connects with our client id; on MQTT 5 Mosquitto says it from 2.0.15 on."""


class SessionTaken(TransportError):
    """Somebody else has connected with our client id (MQTT 5, 3.14.2.1: 0x8E): connecting again would take it back, and so
    on for ever."""


class ConnectionRefused(TransportError):
    """The broker will not have us (name, password, permission, protocol version): a person must act."""


class Connection(Protocol):
    """One connection, subscribed."""

    session_present: bool
    """Whether the broker still had our session: where it had one before and has none now, messages may be lost."""

    def __aiter__(self) -> AsyncIterator[Batch]:
        """Batches of at least one message, as they come. Raises ConnectionLost, SessionTaken; and ConnectionRefused where the
        broker turns a filter down only after it has begun to deliver what waited in the session."""
        ...

    def acknowledge(self, batch: Batch) -> None:
        """Send PUBACK for every message of `batch`. Batches are acknowledged in the order they were given."""
        ...

    def pause(self) -> None:
        """Stop reading the socket until `resume` (journal full, disk short); keeps the connection alive meanwhile."""
        ...

    def resume(self) -> None:
        """Read again, as far as the in-flight bound allows."""
        ...

    def publish(self, topic: str, payload: bytes) -> None:
        """Send a message at QoS 0. On a connection that is gone: nothing."""
        ...

    def drop(self, why: str) -> None:
        """Cut the connection: the iteration raises ConnectionLost(why)."""
        ...


class Connect(Protocol):
    """Opens one connection: connects, subscribes, closes with DISCONNECT. Raises a TransportError."""

    def __call__(self, broker: Broker, session: Session) -> AbstractAsyncContextManager[Connection]: ...
