"""A topic of the city's broker: what happens as events, and what holds as retained messages.

PREFIX/events            each piece of news, QoS 1
PREFIX/state/NUMBER      the incident as it is, retained; taken away when it is over, so that what is retained is what holds
"""

import json
import secrets
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from processors.alerts.notify.channels import Message, NotSentError

_OVER = frozenset({"resolved", "withdrawn", "joined", "closed"})
_NOBODY = 0x10  # MQTT 5, 3.4.2.1: taken, and nobody has subscribed
_KEEP_ALIVE_S = 30


class Server(NamedTuple):
    """Where the broker is and who we are to it."""

    host: str
    port: int
    username: str | None
    password: str | None
    tls: bool
    ca_file: Path | None
    cert_file: Path | None
    key_file: Path | None
    version: int

    def __repr__(self) -> str:
        return f"Server({self.host}:{self.port})"


class Topic:
    """A receiver under a topic."""

    def __init__(self, server: Server, prefix: str, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` [s] is what the time of a try is measured with."""
        self.shown = f"mqtt://{server.host}:{server.port}/{prefix}"
        self._server = server
        self._prefix = prefix
        self._clock = clock

    def send(self, message: Message, timeout_s: float) -> None:
        """As `Receiver.send`: a connection of its own, so that none has to be kept alive between alerts."""
        data = {"id": message.uid, **message.facts, "title": message.title, "text": message.body}
        payload = json.dumps(data, ensure_ascii=False).encode()
        state = b"" if message.facts.get("phase") in _OVER else payload
        client = _Client(self._server, self.shown, timeout_s, self._clock)
        try:
            client.connect()
            if message.incident:
                client.publish(f"{self._prefix}/state/{message.incident}", state, retain=True)
            client.publish(f"{self._prefix}/events", payload, retain=False)
        finally:
            client.close()


class _Client:
    """One connection, used by one thread; the network has its own. When its time is over it says nothing more: it is tried again
    then, and what came after it must not be overwritten."""

    def __init__(self, server: Server, shown: str, timeout_s: float, clock: Callable[[], float]) -> None:
        self._server = server
        self._shown = shown
        self._timeout_s = timeout_s
        self._clock = clock
        self._ends_at = clock() + timeout_s
        self._answered = threading.Event()
        self._why = ""
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"cityflux-notify-{secrets.token_hex(6)}",
            protocol=paho.MQTTv5 if server.version == 5 else paho.MQTTv311,
        )
        self._client.connect_timeout = timeout_s
        self._client.on_connect = self._on_connect
        self._client.on_publish = self._on_publish
        self._client.on_disconnect = self._on_disconnect
        if server.username is not None:
            self._client.username_pw_set(server.username, server.password)
        if server.tls:
            context = ssl.create_default_context(cafile=server.ca_file)
            if server.cert_file is not None:
                context.load_cert_chain(server.cert_file, server.key_file)
            self._client.tls_set_context(context)

    def connect(self) -> None:
        """Until the broker has accepted us. Raises NotSentError."""
        try:
            self._client.connect(self._server.host, self._server.port, _KEEP_ALIVE_S)
        except OSError as error:
            raise NotSentError(f"{self._shown}: {error}") from error
        self._client.loop_start()
        self._wait("it does not answer")

    def publish(self, topic: str, payload: bytes, *, retain: bool) -> None:
        """Until the broker has taken it. Raises NotSentError."""
        if self._clock() >= self._ends_at:
            raise NotSentError(f"{self._shown}: it answered too late, after {self._timeout_s:g} s")
        self._answered.clear()
        self._client.publish(topic, payload, qos=1, retain=retain)
        self._wait("no PUBACK came")

    def close(self) -> None:
        self._client.on_disconnect = None
        self._client.disconnect()
        self._client.loop_stop()

    def _wait(self, silent: str) -> None:
        if not self._answered.wait(max(0.0, self._ends_at - self._clock())):
            raise NotSentError(f"{self._shown}: {silent} within {self._timeout_s:g} s")
        if self._why:
            raise NotSentError(f"{self._shown}: {self._why}")

    def _on_connect(self, _: Any, __: Any, ___: Any, reason: ReasonCode, ____: Any) -> None:
        self._end(f"it refuses us: {reason}" if reason.is_failure else "")

    def _on_publish(self, _: Any, __: Any, ___: int, reason: ReasonCode, ____: Any) -> None:
        self._end(f"it refuses the message: {reason}" if reason.is_failure and reason.value != _NOBODY else "")

    def _on_disconnect(self, _: Any, __: Any, ___: Any, reason: ReasonCode, ____: Any) -> None:
        self._end(f"it closed the connection: {reason}")

    def _end(self, why: str) -> None:
        self._why = self._why or why
        self._answered.set()
