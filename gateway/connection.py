"""One station's connection: frames in, published; answers out, each only after the PUBACK of its own frame.

    bytes → Stream → frame → Doorman → Publisher → PUBACK → answer

Every frame must carry a right password. What is then done with it:

- A whole frame is published as it came, but for CR LF (a later packet of a message with the first one, `split.py`), under the
  topic of its ST and MN, and answered once the broker has taken it. A frame that comes again is published again: storing it twice
  is storing it once.
- What carries no data (a heartbeat, a request) is answered also where nobody takes it.
- A broken frame of a station that has shown its password is published too, under the topic of its last frame, so that it
  becomes a dead letter; it is not answered, and the station sends it again.
- With a wrong password nothing is published; data stay unanswered, a request is told so. The third such frame ends the
  connection.

The socket is read only as fast as the broker takes frames.
"""

import asyncio
import socket
from contextlib import suppress

from gateway.counts import Notices
from gateway.doorman import Doorman
from gateway.exchange import INTERACTION, answer_to, answer_to_stranger, carries_data, topic_of
from gateway.limits import Limits
from gateway.publisher import TAKEN, Outcome, Publisher
from gateway.split import FirstPackets
from gateway.stream import Broken, Stream, Whole
from store.books import BooksUnavailable

# Bytes read at once: chosen so that a connection's share of memory is a few KiB.
READ_BYTES = 4096
# Chosen: what the kernel may hold of a connection's answers [bytes]; of each 100 bytes, so 80 of them.
_KERNEL_SEND_BYTES = 8192
# Chosen: after so long [s] of silence TCP asks whether the peer is still there; mobile networks forget a station without a word.
_KEEP_ALIVE_S = 120
# Chosen: one is an accident of a line that lets bits through, two may be.
_WRONG_PASSWORDS = 3
# Chosen: after the peer's last byte, how long [s] answers that are due may still be sent to it.
_FAREWELL_S = 10.0


class _Enough(Exception):
    """A bound is reached, and the connection is over."""


class Connection:
    """See the module; `run` is its life. `peer` is its address, for the log."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        peer: str,
        *,
        doorman: Doorman,
        publisher: Publisher,
        firsts: FirstPackets,
        limits: Limits,
        notices: Notices,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._peer = peer
        self._doorman = doorman
        self._publisher = publisher
        self._firsts = firsts
        self._limits = limits
        self._notices = notices
        self._counts = notices.counts
        self._loop = asyncio.get_running_loop()
        self._stream = Stream()
        self._window = asyncio.Semaphore(limits.in_flight)
        self._open: set[Outcome] = set()
        self._topic: str | None = None
        self._wrong_passwords = 0
        self._last_frame_s = self._frame_began_s = self._loop.time()
        its_socket = writer.get_extra_info("socket")
        its_socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNEL_SEND_BYTES)
        its_socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        its_socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEP_ALIVE_S)

    async def run(self) -> None:
        """Until the peer or a bound ends it. Where it is cancelled, nothing more is read, and what is due is still answered."""
        try:
            await self._take_all()
            await self._answer_what_is_due()
        except asyncio.CancelledError:
            await self._answer_what_is_due()
            raise
        except _Enough as enough:
            self._counts.cut += 1
            self._notices.say("connection ended", self._peer, peer=self._peer, why=str(enough))
        except BooksUnavailable as error:
            # Neither let in nor turned away: the station tries again.
            self._counts.cut += 1
            self._notices.say(
                "passwords cannot be looked up; connection ended", self._peer, peer=self._peer, why=str(error)
            )
        finally:
            self._counts.garbage_bytes += self._stream.all_garbage
            await self._close()

    async def _take_all(self) -> None:
        with suppress(OSError):  # the line was lost
            await self._read()
        rest = self._stream.rest()
        if rest is not None:
            await self._take_broken(rest)

    async def _answer_what_is_due(self) -> None:
        if self._open:
            await asyncio.wait(self._open, timeout=_FAREWELL_S)

    async def _close(self) -> None:
        self._writer.close()
        with suppress(OSError):  # TimeoutError among them
            async with asyncio.timeout(_FAREWELL_S):
                await self._writer.wait_closed()

    async def _read(self) -> None:
        """Frame by frame until the peer has sent its last byte. Raises _Enough, OSError, BooksUnavailable."""
        while True:
            try:
                async with asyncio.timeout_at(self._read_until_s()):
                    data = await self._reader.read(READ_BYTES)
            except TimeoutError as error:
                raise _Enough("it was silent for too long, or in the middle of a frame") from error
            if not data:
                return
            began = self._stream.waiting
            found = self._stream.feed(data)
            for each in found:
                if isinstance(each, Whole):
                    await self._take(each)
                else:
                    await self._take_broken(each)
            if found or not began:
                self._frame_began_s = self._loop.time()  # not sooner: waiting for the broker is not the peer's fault
            if self._stream.garbage > self._limits.garbage_bytes:
                raise _Enough(f"it sent {self._stream.garbage} bytes without a whole frame")

    def _read_until_s(self) -> float:
        patience_s = self._limits.first_frame_s if self._topic is None else self._limits.idle_s
        until_s = self._last_frame_s + patience_s
        return min(until_s, self._frame_began_s + self._limits.frame_s) if self._stream.waiting else until_s

    async def _take(self, whole: Whole) -> None:
        frame, data = whole
        self._counts.frames += 1
        topic, mn = topic_of(frame.head), frame.head.mn
        if topic is None or mn is None or not await self._doorman.admits(mn, frame.head.pw):
            self._turn_away(whole)
            return
        if frame.head.st == INTERACTION and self._topic is not None and self._topic.endswith(f"/{mn}"):
            topic = self._topic  # where the station's data are, so that it counts as online there
        self._topic = topic
        self._last_frame_s = self._loop.time()
        payload = self._firsts.payload_of(frame, data)
        await self._publish(topic, payload, answer_to(whole), may_be_lost=not carries_data(frame))

    def _turn_away(self, whole: Whole) -> None:
        self._counts.wrong_password += 1
        self._wrong_passwords += 1
        head = whole.frame.head
        self._notices.say(
            "ST, MN or PW is wrong: not let in",
            f"{self._peer} {head.mn}",
            peer=self._peer,
            st=repr(head.st)[:16],
            mn=repr(head.mn)[:64],
        )
        if topic_of(head) is not None and (answer := answer_to_stranger(whole)) is not None:
            self._write(answer)
        if self._wrong_passwords >= _WRONG_PASSWORDS:
            raise _Enough(f"{_WRONG_PASSWORDS} frames with a wrong ST, MN or PW")

    async def _take_broken(self, broken: Broken) -> None:
        self._counts.broken += 1
        self._notices.say(
            "broken frame", self._peer, peer=self._peer, topic=self._topic, why=str(broken.refusal.detail)[:120]
        )
        if self._topic is not None:
            await self._publish(self._topic, broken.data)

    async def _publish(
        self, topic: str, payload: bytes, answer: bytes | None = None, *, may_be_lost: bool = False
    ) -> None:
        try:
            async with asyncio.timeout(self._limits.broker_s):
                outcome = await self._pending(topic, payload)
        except TimeoutError as error:
            raise _Enough(f"the broker took nothing for {self._limits.broker_s:g} s: the station keeps it") from error
        self._counts.published += 1
        self._open.add(outcome)

        def settled(outcome: Outcome) -> None:
            self._window.release()
            self._open.discard(outcome)
            if outcome.cancelled():
                return
            why_not = outcome.result()
            if why_not != TAKEN and not may_be_lost:
                self._counts.not_taken += 1
                self._notices.say("a frame is not taken, and not answered", topic, topic=topic, why=why_not)
            elif answer is not None:
                self._write(answer)
                self._counts.answered += 1

        outcome.add_done_callback(settled)

    async def _pending(self, topic: str, payload: bytes) -> Outcome:
        """Once there is room for one more frame of this connection, and of all."""
        await self._window.acquire()
        try:
            return await self._publisher.publish(topic, payload)
        except BaseException:
            self._window.release()
            raise

    def _write(self, answer: bytes) -> None:
        transport = self._writer.transport
        if transport.is_closing():
            return
        self._writer.write(answer)
        if transport.get_write_buffer_size() > self._limits.unread_bytes:
            self._counts.cut += 1
            self._notices.say("connection ended", self._peer, peer=self._peer, why="it does not read our answers")
            transport.abort()
