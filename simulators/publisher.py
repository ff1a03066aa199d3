"""Publishing with QoS 1, many in flight, each message confirmed: what simulators, replay and tests send with.

`publish` returns when the broker has acknowledged every message, in the order of the source as far as one connection
reaches. When a connection is lost, what has no PUBACK yet is sent again first, in its order, on the next one: at least
once, never less. A broker that cannot be reached is tried again with back-off for as long as the caller waits; a broker
that refuses is an exception, because sending the same again would be refused again.

aiomqtt on paho has four habits that this module answers, because each loses messages quietly or waits forever:
the reason code of a PUBACK is dropped (on MQTT 5 "not authorized" counts as published), the broker's Receive Maximum is
not read, a publish does not notice that its connection is gone, and only 20 messages are in flight by default.
"""

import asyncio
import math
import random
import secrets
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any

import aiomqtt
import paho.mqtt.client as paho
import structlog
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from simulators.message import OutMessage

IN_FLIGHT = (
    100  # measured: 21,000 msg/s on MQTT 3.1.1; 500 gives 16,000, for aiomqtt walks all pending calls at each one
)
KEEP_ALIVE_S = 30
STALLED_S = 60.0  # chosen: twice the keep-alive; a broker that answers pings and no PUBLISH for so long is broken
MAX_BACK_OFF_S = 15.0
FRUITLESS_CONNECTIONS = 5  # chosen: so many connections in a row that end before a single PUBACK are no accident

_NO_MATCHING_SUBSCRIBERS = 0x10  # MQTT 5, 3.4.2.1
_REFUSED_FOR_GOOD = frozenset({0x81, 0x82, 0x84, 0x85, 0x86, 0x87, 0x8A, 0x8C, 0x95, 0x9D})
"""Reason codes of CONNACK and DISCONNECT (MQTT 5, 2.4; paho translates those of MQTT 3.1.1): malformed, protocol error,
version, client id, password, authorisation, banned, method, packet too large, server moved."""

_log = structlog.get_logger(__name__)


class PublishRefused(Exception):
    """The broker will not take a message, or will not have us: a person must act. `confirmed` messages were taken."""

    def __init__(self, text: str, confirmed: int) -> None:
        super().__init__(f"{text}; {confirmed} messages were confirmed before")
        self.confirmed = confirmed


async def publish(
    messages: Iterable[OutMessage] | AsyncIterator[OutMessage],
    *,
    host: str,
    port: int,
    username: str | None = None,
    password: str | None = None,
    tls: bool = False,
    ca_file: Path | None = None,
    version: int = 5,
    progress: Callable[[int], None] | None = None,
    in_flight: int = IN_FLIGHT,
) -> int:
    """Publish all of `messages`; returns how many, each confirmed by the broker.

    `progress` is told the number confirmed so far, after each. A plain iterable is pulled on the event loop: what it
    does between two messages must be short. Raises PublishRefused, and whatever the source raises.
    """
    context = ssl.create_default_context(cafile=ca_file) if tls else None

    def connect() -> _Client:
        return _Client(
            host,
            port,
            username=username,
            password=password,
            tls_context=context,
            identifier=f"cityflux-publish-{secrets.token_hex(6)}",
            protocol=aiomqtt.ProtocolVersion.V5 if version == 5 else aiomqtt.ProtocolVersion.V311,
            keepalive=KEEP_ALIVE_S,
            max_inflight_messages=0,  # no second bound in paho: ours is the number of senders
        )

    outbox = _Outbox(in_flight, progress or (lambda _: None))
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(outbox.fill(messages), name="publish: source")
            tasks.create_task(_deliver(outbox, connect, f"{host}:{port}"), name="publish: broker")
    except BaseExceptionGroup as failed:
        first = failed.exceptions[0]  # of two tasks the first to fail ended the other: one cause, as it was raised
        raise first from first.__cause__
    return outbox.confirmed


class _Outbox:
    """Messages on their way: taken from the source, and kept until confirmed. Holds at most two windows of them."""

    def __init__(self, window: int, progress: Callable[[int], None]) -> None:
        self.window = window
        self.confirmed = 0
        self._progress = progress
        self._numbered = 0
        self._fresh: asyncio.Queue[OutMessage | None] = asyncio.Queue(window)
        self._again: deque[OutMessage] = deque()
        self._open: dict[int, OutMessage] = {}

    async def fill(self, messages: Iterable[OutMessage] | AsyncIterator[OutMessage]) -> None:
        """Take everything from the source, as room allows; None marks the end."""
        if isinstance(messages, AsyncIterator):
            async for message in messages:
                await self._fresh.put(message)
        else:
            for message in messages:
                await self._fresh.put(message)
        await self._fresh.put(None)

    def reopen(self) -> None:
        """What was sent and not confirmed is to be sent again, before anything else."""
        self._again.extendleft(reversed(self._open.values()))
        self._open.clear()

    async def next(self) -> tuple[int, OutMessage] | None:
        """The next message to send, under a number; None at the end. Awaits nothing once it has taken one."""
        message = self._again.popleft() if self._again else await self._fresh.get()
        if message is None:
            self._fresh.put_nowait(None)  # for the next one who asks
            return None
        self._numbered += 1
        self._open[self._numbered] = message
        return self._numbered, message

    def confirm(self, number: int) -> None:
        del self._open[number]
        self.confirmed += 1
        self._progress(self.confirmed)

    @property
    def oldest_open(self) -> int | None:
        """The number of the message that has waited longest for its PUBACK."""
        return next(iter(self._open), None)


class _Client(aiomqtt.Client):
    """aiomqtt's client that also hears what CONNACK and PUBACK say, for which aiomqtt has no public place."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.pending_calls_threshold = 65_535  # many are pending by intention: no warning for each
        self.receive_maximum = 65_535  # MQTT 5, 3.2.2.3.3: the value where the broker names none
        self.unheard = 0
        self.refusal: asyncio.Future[ReasonCode] = asyncio.get_running_loop().create_future()

    def _on_connect(
        self,
        client: paho.Client,
        userdata: Any,
        flags: paho.ConnectFlags,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        self.receive_maximum = getattr(properties, "ReceiveMaximum", self.receive_maximum)
        super()._on_connect(client, userdata, flags, reason_code, properties)

    def _on_publish(
        self, client: paho.Client, userdata: Any, mid: int, reason_code: ReasonCode, properties: Properties
    ) -> None:
        if reason_code.is_failure:
            if not self.refusal.done():
                self.refusal.set_result(reason_code)
            return  # the message stays unconfirmed
        self.unheard += reason_code.value == _NO_MATCHING_SUBSCRIBERS
        super()._on_publish(client, userdata, mid, reason_code, properties)


async def _deliver(outbox: _Outbox, connect: Callable[[], _Client], broker: str) -> None:
    """Connect and send until the source has ended and everything is confirmed."""
    failures = fruitless = unheard = 0
    while True:
        before, connected, finished = outbox.confirmed, False, False
        client = connect()
        try:
            async with client:
                connected = True
                if failures:
                    _log.info("broker is back", broker=broker)
                    failures = 0
                await _send(outbox, client)
                finished = True
        except aiomqtt.MqttError as lost:
            if finished:  # only the farewell failed
                break
            why = lost.__cause__ or lost  # aiomqtt puts what the broker said into the cause
            reason = why.rc if isinstance(why, aiomqtt.MqttCodeError) else None
            if isinstance(reason, ReasonCode) and reason.value in _REFUSED_FOR_GOOD:
                raise PublishRefused(f"{broker} ends the connection: {reason}", outbox.confirmed) from lost
            if outbox.confirmed > before:
                fruitless = 0
            elif connected and outbox.oldest_open is not None:
                fruitless += 1
            if fruitless == FRUITLESS_CONNECTIONS:
                raise PublishRefused(
                    f"{broker} ends each connection when we publish ({why}): is a message larger than it takes?",
                    outbox.confirmed,
                ) from lost
            if not failures:
                _log.warning("broker cannot be reached, trying again", broker=broker, why=str(why))
        finally:
            unheard += client.unheard
        if finished:
            break
        outbox.reopen()
        failures += 1
        await asyncio.sleep(min(MAX_BACK_OFF_S, 0.1 * 2 ** min(failures, 10)) * random.uniform(0.5, 1))
    if unheard:
        _log.warning("nobody was subscribed: the broker took these messages and dropped them", messages=unheard)


async def _send(outbox: _Outbox, client: _Client) -> None:
    """Send over one connection until all is confirmed. Raises MqttError when it is lost, PublishRefused."""

    async def sender() -> None:
        while (taken := await outbox.next()) is not None:
            number, (topic, payload) = taken
            await client.publish(topic, payload, qos=1, timeout=math.inf)
            outbox.confirm(number)

    senders = [asyncio.create_task(sender()) for _ in range(min(outbox.window, client.receive_maximum))]
    watchers = [
        asyncio.create_task(_until_lost(client), name="publish: connection"),
        asyncio.create_task(_until_refused(client, outbox), name="publish: refusal"),
        asyncio.create_task(_until_stalled(outbox), name="publish: stall"),
    ]
    all_sent = asyncio.gather(*senders)
    ends: list[asyncio.Future[Any]] = [all_sent, *watchers]
    try:
        done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for ended in done:
            ended.result()
    finally:
        for task in (*senders, *watchers):
            task.cancel()
        await asyncio.gather(*ends, *senders, return_exceptions=True)


async def _until_lost(client: _Client) -> None:
    async for _ in client.messages:  # nothing is subscribed: this ends only by MqttError, when the connection does
        pass


async def _until_refused(client: _Client, outbox: _Outbox) -> None:
    reason = await client.refusal
    raise PublishRefused(f"the broker refuses a message: {reason}", outbox.confirmed)


async def _until_stalled(outbox: _Outbox) -> None:
    while True:
        oldest = outbox.oldest_open
        await asyncio.sleep(STALLED_S)
        if oldest is not None and outbox.oldest_open == oldest:
            raise aiomqtt.MqttError(f"no PUBACK for {STALLED_S:g} s")
