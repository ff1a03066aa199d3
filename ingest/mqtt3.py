"""MQTT 3.1.1 (OASIS standard, 2014) on paho-mqtt, inside the asyncio loop, for brokers that have nothing newer.

paho's `loop_misc` is never called: it takes a PINGRESP that waits in a socket we do not read for a dead broker, and ends
the connection. The keep-alive of `ingest/link.py` does not. Some of paho has no public form: `_send_pingreq`, `_sock_close`,
`_in_messages` (what came at QoS 2), `_topic` (as bytes). paho's reconnecting is off: who opened a connection opens the next.

One packet is read at a time, so the in-flight bound is exact. A payload over the cap is in memory once, whole, before
it becomes Oversized: paho hands it over so. How long a session lives is the broker's to say: 3.1.1 has no expiry.
"""

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from ingest.link import CLOSE_WITHIN_S, PERSON_MUST_ACT, Link, capped, connecting, legible, tls_context
from ingest.transport import (
    KIBI,
    Broker,
    Connection,
    ConnectionClosed,
    ConnectionLost,
    ConnectionRefused,
    Message,
    Session,
    TransportError,
)

# Chosen: after so many packets (about 10 ms) others on the loop have their turn.
_PACKETS_A_TURN = 500
_GRANTED_QOS_1 = 1
_PROTOCOL_ERROR = 0x82


@asynccontextmanager
async def open_connection(broker: Broker, session: Session) -> AsyncIterator[Connection]:
    """One connection, subscribed; DISCONNECT at its end. Raises a TransportError."""
    connection = Mqtt3Connection(broker, session)
    try:
        with connecting(broker, session):
            async with asyncio.timeout(session.connect_timeout_s):
                await connection.connect()
                await connection.opened
        yield connection
    finally:
        await connection.close()


class Mqtt3Connection(Link):
    """One connection: paho's client, driven by the loop."""

    def __init__(self, broker: Broker, session: Session) -> None:
        super().__init__(session)
        self._broker = broker
        self._accepted = False
        # paho closes its socket right after DISCONNECT. With bytes unread that resets the connection, and the broker does
        # not see our last PUBACKs: so we hold a second descriptor of it, and read until the broker has closed as well.
        self._leaving = False
        self._lingering: socket.socket | None = None
        self._client = client = paho.Client(
            CallbackAPIVersion.VERSION2,
            session.client_id,
            clean_session=self._session.expiry_s == 0,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.connect_timeout = session.connect_timeout_s
        client.username_pw_set(broker.username, broker.password)
        context = tls_context(broker)
        if context is not None:
            client.tls_set_context(context)
        client.on_connect = self._on_connack
        client.on_subscribe = self._on_suback
        client.on_message = self._on_message
        client.on_disconnect = self._on_disconnect
        client.on_socket_open = self._on_socket_open

    async def connect(self) -> None:
        """Connect, with CONNECT sent. paho's connecting blocks, so that one call is made in a worker thread."""
        client = self._client
        await asyncio.to_thread(client.connect, self._broker.host, self._broker.port, self._session.keep_alive_s)
        sock = client.socket()
        if sock is None:
            raise ConnectionLost(f"{self._broker} closed the connection")
        self._closed.clear()
        client.on_socket_register_write = self._on_socket_register_write
        client.on_socket_unregister_write = self._on_socket_unregister_write
        client.on_socket_close = self._on_socket_close
        self._loop.add_reader(sock, self._on_readable)
        if client.want_write():
            self._loop.add_writer(sock, client.loop_write)

    async def close(self) -> None:
        await super().close()
        if self._lingering is not None:
            with self._lingering as sock, suppress(OSError, TimeoutError):
                async with asyncio.timeout(CLOSE_WITHIN_S):
                    while await self._loop.sock_recv(sock, 64 * KIBI):
                        pass

    # What the loop calls.

    def _on_readable(self) -> None:
        """Read packets until there are no more, the in-flight bound is reached, or others shall have their turn."""
        if not self._reading:
            return
        self._last_read_s = self._loop.time()
        for _ in range(min(self._room(), _PACKETS_A_TURN)):
            before = len(self._messages)
            self._client.loop_read()
            if self._client._in_messages:
                self._end(
                    ConnectionRefused(
                        f"{self._broker} sends at QoS 2, which we did not ask for: an older subscription of client id"
                        f" {self._session.client_id!r} is in its session; use another client id"
                    )
                )
                break
            if len(self._messages) == before and not self._decrypted_bytes_wait():
                break
        self._received()
        # What TLS has decrypted already does not make the socket readable.
        if self._decrypted_bytes_wait():
            self._loop.call_soon(self._on_readable)

    def _decrypted_bytes_wait(self) -> bool:
        sock = self._client.socket()
        return isinstance(sock, ssl.SSLSocket) and sock.pending() > 0

    # What paho calls; it holds a lock meanwhile that closing its socket takes as well.

    def _on_socket_open(self, client: paho.Client, data: Any, sock: Any) -> None:
        # In the worker thread, before CONNECT is sent: one that comes late would take the session from its successor.
        if self._failure is not None:
            raise ConnectionAbortedError("given up meanwhile")

    def _on_socket_register_write(self, client: paho.Client, data: Any, sock: Any) -> None:
        self._loop.add_writer(sock, client.loop_write)

    def _on_socket_unregister_write(self, client: paho.Client, data: Any, sock: Any) -> None:
        self._loop.remove_writer(sock)

    def _on_socket_close(self, client: paho.Client, data: Any, sock: Any) -> None:
        self._loop.remove_reader(sock)
        self._closed.set()
        if self._leaving:
            self._lingering = socket.socket(fileno=os.dup(sock.fileno()))
            self._lingering.setblocking(False)

    def _on_connack(
        self,
        client: paho.Client,
        data: Any,
        flags: paho.ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            kind = ConnectionRefused if reason.value in PERSON_MUST_ACT else ConnectionLost
            self._end(kind(f"{self._broker} refuses: {_said(reason)}"))
            return
        if self._accepted or self._messages:
            self._end(ConnectionLost(f"{self._broker}: it sent CONNACK out of turn"))
            return
        self._accepted = True
        self.session_present = flags.session_present
        self._keep_alive(self._session.keep_alive_s)
        client.subscribe([(topic, 1) for topic in self._session.topics])
        if flags.session_present and self._session.unwanted:
            client.unsubscribe(list(self._session.unwanted))

    def _on_suback(
        self, client: paho.Client, data: Any, mid: int, reasons: list[ReasonCode], properties: Properties | None
    ) -> None:
        if not self._accepted or len(reasons) != len(self._session.topics):
            self._end(ConnectionLost(f"{self._broker}: its SUBACK is not for what we asked"))
            return
        for topic, reason in zip(self._session.topics, reasons, strict=True):
            if reason.value != _GRANTED_QOS_1:
                self._end(ConnectionRefused(f"{self._broker} does not grant {topic!r} at QoS 1: {_said(reason)}"))
                return
        self._subscribed()

    def _on_message(self, client: paho.Client, data: Any, message: paho.MQTTMessage) -> None:
        if self._failure is not None:
            return
        if not self._accepted:
            self._end(ConnectionLost(f"{self._broker}: it sent a PUBLISH before CONNACK"))
            return
        self._messages.append(Message(legible(message._topic), capped(bytes(message.payload), self._session)))
        self._packet_ids.append(message.mid if message.qos else 0)

    def _on_disconnect(
        self,
        client: paho.Client,
        data: Any,
        flags: paho.DisconnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if reason.value != _PROTOCOL_ERROR and self._accepted:
            self._fail(ConnectionClosed(f"{self._broker}: the broker closed the connection"))
        elif reason.value != _PROTOCOL_ERROR:
            self._fail(ConnectionLost(f"{self._broker}: the connection is lost"))
        elif self._accepted:
            self._fail(ConnectionLost(f"{self._broker}: it sent a malformed packet"))
        else:
            self._fail(ConnectionRefused(f"{self._broker} does not speak MQTT 3.1.1"))

    def _end(self, failure: TransportError) -> None:
        self._forget_messages()
        self._fail(failure)
        self._loop.call_soon(self._cut)

    # What the link asks for.

    def _set_reading(self, wanted: bool) -> None:
        sock = self._client.socket()
        if sock is None:
            return
        if wanted:
            self._loop.add_reader(sock, self._on_readable)
            self._loop.call_soon(self._on_readable)
        else:
            self._loop.remove_reader(sock)

    def _room_made(self) -> None:
        self._read_or_not()

    def _send_pubacks(self, packet_ids: Sequence[int]) -> None:
        for packet_id in packet_ids:
            self._client.ack(packet_id, 1)

    def _send_publish(self, topic: str, payload: bytes) -> None:
        self._client.publish(topic, payload)

    def _send_pingreq(self) -> None:
        self._client._send_pingreq()

    def _send_disconnect(self) -> None:
        self._leaving = True
        self._client.disconnect()

    def _cut(self) -> None:
        self._client._sock_close()


def _said(reason: ReasonCode) -> str:
    return str(reason).lower()
