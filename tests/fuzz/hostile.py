"""A hostile broker: a valid MQTT session's bytes, cut anywhere or changed by a seed, played to the real transports.

The judge: a connection ends with a TransportError and in no other way, soon; it never has more messages
unacknowledged than its bound; and what it gives is what the bytes say (`said`, a reader of its own): the first so many of the
messages in them, and all of them where the connection ended only because the bytes did.

`fed` drives the MQTT 5 protocol object as asyncio's transport does; `played` is a real server on a real socket.
"""

import asyncio
import os
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any, Literal, NamedTuple

from ingest import mqtt3, mqtt5
from ingest.transport import Batch, Broker, Connection, Message, Oversized, Session, TransportError
from tests.ingest.test_mqtt5 import Wire
from tests.servers.processes import HOST

SESSION = Session("fuzz", ("city/#",), in_flight=5, batch_cap=3, payload_cap=64, head_cap=16, connect_timeout_s=5)
SESSIONS = 20
"""Sessions in a batch, each played three times with other changes: fed to MQTT 5, and to both versions over a socket."""
WITHIN_S = 20.0  # chosen: what takes longer hangs; an ordinary session takes a few milliseconds
_IDLE_TURNS = 1000  # of the event loop without a byte taken or a message given: nothing will happen any more

CONNECT = {5: mqtt5.open_connection, 3: mqtt3.open_connection}
_DISCONNECTS = (b"\xe0\x00", b"\xe0\x01\x81", b"\xe0\x01\x82")  # normal, malformed packet, protocol error
_ENDED = ("closed the connection", "the connection is lost")  # how a transport says that the broker did

_CONNACK, _PUBLISH, _SUBACK = 2, 3, 9
_NUMBERS = {0x01: 1, 0x02: 4, 0x23: 2}  # properties of a PUBLISH: bytes of a number,
_STRINGS = {0x03: 1, 0x08: 1, 0x09: 1, 0x26: 2}  # how many strings or binaries,
_SUBSCRIPTION = 0x0B  # and the one that is a variable byte integer

Given = tuple[Message, int]
"""A message and its packet id (0 for QoS 0)."""


class Misheard(AssertionError):
    """A transport does not do with these bytes what it should: the message says what."""


class Outcome(NamedTuple):
    """What a connection gave, and how it ended."""

    given: list[Given]
    end: TransportError


class Said(NamedTuple):
    """What bytes say: messages in order. What follows is "goes on": nothing, "ends": not to be taken, whatever it is,
    "unclear": malformed, and the codec takes it."""

    given: list[Given]
    then: Literal["goes on", "ends", "unclear"]


# What a broker sends.


def packet(first: int, body: bytes) -> bytes:
    """A control packet: first byte, length, body."""
    length, rest = bytearray(), len(body)
    while True:
        rest, low = divmod(rest, 128)
        length.append(low | (0x80 if rest else 0))
        if not rest:
            return bytes([first]) + length + body


def publish(version: int, topic: bytes, payload: bytes, packet_id: int = 0, *, qos: int | None = None) -> bytes:
    """A PUBLISH, of QoS 1 where it has a packet id, with a property on MQTT 5."""
    qos = bool(packet_id) if qos is None else qos
    identifier = packet_id.to_bytes(2) if qos else b""
    properties = b"\x07\x26\x00\x01n\x00\x01v" if version == 5 else b""
    return packet(0x30 | qos << 1, len(topic).to_bytes(2) + topic + identifier + properties + payload)


def connack(version: int, flags: int = 0, reason: int = 0) -> bytes:
    """CONNACK."""
    return packet(0x20, bytes([flags, reason]) + (b"\x00" if version == 5 else b""))


def suback(version: int, *codes: int) -> bytes:
    """SUBACK of our first SUBSCRIBE."""
    return packet(0x90, b"\x00\x01" + (b"\x00" if version == 5 else b"") + bytes(codes))


def ordinary(version: int) -> list[bytes]:
    """The packets of a valid session: more messages than may be in flight, one of them too large."""
    return [
        connack(version, 1),
        suback(version, 1),
        publish(version, b"city/a", b'{"at":1}', 1),
        publish(version, b"city/a", b""),
        packet(0xD0, b""),
        *(publish(version, "city/高新区".encode(), b"%d" % number, number) for number in range(2, 9)),
        publish(version, b"city/b", bytes(range(100)), 65_535),
        publish(version, b"city/b", b"last", 9),
    ]


def hostile(version: int) -> list[bytes]:
    """Packets that should not come, or not now."""
    reason = b"\x00" if version == 5 else b""
    return [
        *(connack(version), connack(version, 0, 2), connack(version, 0, 0x87), connack(version, 7), packet(0x20, b"")),
        *(suback(version, 1, 1), suback(version), suback(version, 0x80), suback(version, 0), packet(0x90, b"\x00")),
        *(packet(first, body) for first in range(0, 256, 16) for body in (b"", b"\x00\x01", b"\x00\x01" + reason, b"\x00" * 9)),
        *(publish(version, b"city/a", b"twice", number, qos=qos) for number in (0, 1) for qos in (0, 1, 2, 3)),
        *(publish(version, topic, b"x", 20) for topic in (b"", b"\xff", b"a\x00b", b"\xed\xa0\x80", b"+/#", b"x" * 65_535)),
        *(publish(version, b"city/large", bytes(size), 21) for size in (64, 65, 1000, 140_000)),
        *(b"\x32\xff\xff\xff\xff\x01", b"\x32\x80", b"\x32\xff\xff\xff\x7f\x00\x01a\x00\x16", b"\x30\x04\x00\x09ab", b"\x30\x00"),
        packet(0x62, b"\x00\x01"),
        packet(0xE0, b"\x8e\x00"),
    ]  # fmt: skip


def variant(version: int, rng: Random) -> bytes:
    """A valid session's bytes, changed."""
    packets = ordinary(version)
    for _ in range(rng.choice((0, 1, 1, 2))):
        at, other = rng.randrange(len(packets)), rng.randrange(len(packets))
        kind = rng.randrange(5)
        if kind == 0 and len(packets) > 1:
            del packets[at]
        elif kind == 1:
            packets.insert(other, packets[at])
        elif kind == 2:
            packets[at], packets[other] = packets[other], packets[at]
        else:
            packets.insert(at, rng.choice(hostile(version)))
    data = bytearray(b"".join(packets))
    for _ in range(rng.choice((0, 1, 1, 3))):
        at, other = sorted((rng.randrange(len(data) + 1), rng.randrange(len(data) + 1)))
        kind = rng.randrange(6)
        if kind < 3 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 3:
            del data[at : min(other, at + 40)]
        elif kind == 4:
            data[at:at] = data[at : min(other, at + 40)]
        else:
            del data[other:]
    return bytes(data)


# What the bytes say.


class _Malformed(Exception):
    """Not to be taken."""


class _Lax(Exception):
    """Malformed where the MQTT 5 codec does not look: properties that are none, or that run past their length."""


def said(version: int, data: bytes, session: Session = SESSION) -> Said:
    """The messages in what a broker sends, read without any of the code under test."""
    given: list[Given] = []
    accepted, at = False, 0
    try:
        while True:
            kind = data[at] >> 4
            length, body_at = _length(data, at + 1)
            if body_at + length > len(data):
                break
            _demand_turn(version, kind, accepted=accepted)
            accepted = accepted or kind == _CONNACK
            if kind == _PUBLISH:
                given.append(_published(version, data[at] >> 1 & 3, data[body_at : body_at + length], session))
            at = body_at + length
    except IndexError:
        pass  # the rest is not whole
    except _Malformed:
        # paho waits for a fifth byte of a length before it calls it malformed.
        return Said(given, "unclear" if version == 3 and len(data) - at <= 5 else "ends")
    except _Lax:
        return Said(given, "unclear")
    return Said(given, "goes on")


def _demand_turn(version: int, kind: int, *, accepted: bool) -> None:
    """CONNACK comes first, and once. (On MQTT 3.1.1 paho takes what is neither message nor answer before it.)"""
    if kind == _CONNACK if accepted else kind in (_PUBLISH, _SUBACK) or (version == 5 and kind != _CONNACK):
        raise _Malformed


def _published(version: int, qos: int, body: bytes, session: Session) -> Given:
    topic_end = 2 + int.from_bytes(body[:2])
    at = topic_end + (2 if qos else 0)
    if at > len(body) or qos > (2 if version == 5 else 1):
        raise _Malformed
    topic = body[2:topic_end].decode("utf-8", "backslashreplace").replace("\0", "\\x00")
    if version == 3 and not topic:
        raise _Malformed
    if version == 5:
        at = _after_properties(body, at)
    data = body[at:]
    payload: bytes | Oversized = data
    if len(data) > session.payload_cap:
        payload = Oversized(len(data), sha256(data).hexdigest(), data[: session.head_cap])
    return Message(topic, payload), int.from_bytes(body[topic_end : topic_end + 2]) if qos else 0


def _after_properties(body: bytes, at: int) -> int:
    """Where the properties of a PUBLISH end (MQTT 5, 3.3.2.3)."""
    try:
        length, at = _length(body, at)
        end = at + length
        while at < end:
            kind, at = body[at], at + 1
            if kind in _NUMBERS:
                at += _NUMBERS[kind]
            elif kind == _SUBSCRIPTION:
                _, at = _length(body, at)
            else:
                for _ in range(_STRINGS[kind]):
                    at += 2 + int.from_bytes(body[at : at + 2])
    except (IndexError, KeyError) as error:
        raise _Lax from error
    if at != end or end > len(body):
        raise _Lax
    return end


def _length(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place in range(4):
        value |= (data[at + place] & 0x7F) << 7 * place
        if data[at + place] < 0x80:
            return value, at + place + 1
    raise _Malformed


def check(data: bytes, version: int, outcome: Outcome, session: Session = SESSION) -> None:
    """Whether a connection did right with `data`, after which the broker closed. Raises Misheard."""
    expected = said(version, data, session)
    given, end = outcome
    both = min(len(given), len(expected.given))
    _demand(given[:both] == expected.given[:both], f"{given} is not what was said: {expected}")
    if expected.then == "unclear":
        return
    _demand(both == len(given), f"{given} is more than was said: {expected}")
    if str(end).endswith(_ENDED):
        _demand(expected.then == "goes on", f"took what is malformed: {given}")
        _demand(given == expected.given, f"gave {given} of {expected.given}, and ended with {end}")


# Two ways to play them.


async def taken(
    connection: Connection, given: list[Given], session: Session, rng: Random, most: int, until: asyncio.Event
) -> None:
    """Take batches until the connection ends, acknowledging now at once and now when nothing more may come; sets `until`
    when there are `most` messages."""
    held: deque[Batch] = deque()
    async for batch in connection:
        _demand(1 <= len(batch.messages) <= session.batch_cap, f"a batch of {len(batch.messages)}")
        given += zip(batch.messages, batch.packet_ids, strict=True)
        if len(given) >= most:
            until.set()
        held.append(batch)
        waiting = sum(len(each.messages) for each in held)
        _demand(waiting <= session.in_flight, f"{waiting} messages are unacknowledged")
        while held and (rng.random() < 0.3 or sum(len(each.messages) for each in held) >= session.in_flight):
            connection.acknowledge(held.popleft())


async def fed(data: bytes, rng: Random, session: Session = SESSION) -> Outcome:
    """Feed `data` to the MQTT 5 protocol in pieces, as far as it reads; then the broker closes. Raises Misheard."""
    connection, wire, given = mqtt5.Mqtt5Connection(Broker(HOST, 1883), session), Wire(), list[Given]()
    connection.connection_made(wire)

    async def consume() -> TransportError:
        try:
            await connection.opened
            await taken(connection, given, session, rng, len(data), asyncio.Event())
        except TransportError as error:
            return error
        raise Misheard("the iteration ended without saying why")

    consumer = asyncio.create_task(consume())
    view, idle, closed = memoryview(data), 0, False
    while not consumer.done():
        if wire.reading and not closed and (wire.closed or not view):
            connection.connection_lost(None)
            closed = True
        elif wire.reading and not closed:
            room = connection.get_buffer(-1)
            _demand(len(room) > 0, "the buffer has no room")
            size = min(rng.choice((1, 2, 7, 100, 5_000, 100_000)), len(room), len(view))
            room[:size] = view[:size]
            connection.buffer_updated(size)
            view, idle = view[size:], 0
        idle += 1
        _demand(idle < _IDLE_TURNS, "hangs")
        await asyncio.sleep(0)
    if not closed:
        connection.connection_lost(None)
    await connection.close()
    return Outcome(given, consumer.result())


@asynccontextmanager
async def playing(data: bytes, until: asyncio.Event) -> AsyncIterator[int]:
    """The port of a broker that sends `data` to whoever connects, and closes its side when `until` is set."""

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def close() -> None:
            await until.wait()
            writer.write_eof()

        writer.write(data)
        closing = asyncio.create_task(close())
        with suppress(ConnectionError):  # the client may cut the connection
            while received := await reader.read(1 << 16):
                if received.endswith(_DISCONNECTS):
                    until.set()
        closing.cancel()
        writer.close()

    async with await asyncio.start_server(play, HOST, 0) as server:
        yield server.sockets[0].getsockname()[1]


async def played(
    version: int, data: bytes, rng: Random, session: Session = SESSION, *, silent: bool = False
) -> Outcome:
    """Play `data` to a transport over a socket; when all of it is given, or nothing can be, the broker closes (`silent`: it
    never does). Raises Misheard: it hangs, or something else than its end comes out."""
    loop, given, strange = asyncio.get_running_loop(), list[Given](), list[dict[str, Any]]()
    most, until = len(said(version, data, session).given), asyncio.Event()
    if silent:
        most = len(data)
    elif most == 0:
        until.set()
    loop.set_exception_handler(lambda _, context: strange.append(context))
    end: TransportError | None = None
    try:
        async with asyncio.timeout(WITHIN_S), playing(data, until) as port:
            try:
                async with CONNECT[version](Broker(HOST, port), session) as connection:
                    await taken(connection, given, session, rng, most, until)
            except TransportError as error:
                end = error
    except TimeoutError as error:
        raise Misheard(f"hangs after {len(given)} messages") from error
    finally:
        loop.set_exception_handler(None)
    _demand(not strange, f"in the event loop: {strange}")
    if end is None:
        raise Misheard("the iteration ended without saying why")
    return Outcome(given, end)


def session_batch(seed: int, number: int) -> Counter[str]:
    """Changed sessions of a seed, each version's over a socket and MQTT 5's fed as well; how they ended. Raises Misheard."""
    rng = Random(f"{seed}/sessions/{number}")
    totals: Counter[str] = Counter()

    async def all_of_them() -> None:
        for version, over_socket in ((5, False), (5, True), (3, True)):
            for _ in range(SESSIONS):
                data = variant(version, rng)
                try:
                    outcome = await (played(version, data, rng) if over_socket else fed(data, rng))
                    check(data, version, outcome)
                except Exception as error:
                    error.add_note(f"MQTT {version}, over a socket: {over_socket}\n{data[:500].hex(' ')}")
                    raise
                totals["over a socket" if over_socket else "fed"] += 1
                totals["messages given"] += len(outcome.given)
                totals[f"ended: {_reason(outcome.end)}"] += 1

    with unheard():
        asyncio.run(all_of_them())
    return totals


@contextmanager
def unheard() -> Iterator[None]:
    """Nothing of this process on file descriptor 2: the MQTT 5 codec writes each of its panics (text not in UTF-8) there."""
    before = os.dup(2)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)


def _reason(end: TransportError) -> str:
    words = str(end).partition(": ")[2].partition(":")[0] or str(end).partition(" ")[2]
    return f"{type(end).__name__}: {words[:40]}"


def _demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Misheard(otherwise)
