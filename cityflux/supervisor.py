"""The supervisor: broker, ingest, process and wall as child processes, started in order, stopped in reverse.

A child that ends by itself is started again with back-off, and said; also one that found a wrong configuration or a locked
journal (exit 2: its predecessor may be dying). Not so an ingest whose session another one has (exit 3), nor a part that has an
end and reached it. Children die with
the supervisor, even with a killed one (Linux: PR_SET_PDEATHSIG), so nothing is left behind.
"""

import asyncio
import ctypes
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog

from cityflux.console import TAKEN
from ingest.backoff import Backoff

log = structlog.get_logger()

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
# Chosen: how long a child may drain before it is killed; ingest has then journalled what it acknowledged.
STOP_WITHIN_S = 30.0


class StartError(Exception):
    """A part did not come up; the message says which and why."""


@dataclass
class Part:
    """One child: `cityflux NAME ARGUMENTS…`; the next one is started when `ready` returns."""

    name: str
    arguments: Sequence[str] = ()
    ready: Callable[[], Awaitable[None]] | None = None
    ends: bool = False
    """Exit code 0 says that it has done what it was for."""
    process: asyncio.subprocess.Process | None = field(default=None, init=False)


@asynccontextmanager
async def supervised(parts: Sequence[Part]) -> AsyncIterator[Callable[[], Coroutine[Any, Any, object]]]:
    """Run `parts` during the block, in order, in our environment; stop them in reverse order at its end. Gives what to await
    until all of them have ended for good."""
    watchers: list[asyncio.Task[None]] = []
    stopping = asyncio.Event()
    try:
        for part in parts:
            await _start(part)
            watchers.append(asyncio.create_task(_keep(part, stopping), name=f"watch {part.name}"))
            if part.ready is not None:
                await part.ready()
        yield partial(asyncio.wait, watchers)
    finally:
        stopping.set()
        for part in reversed(parts):
            await _stop(part)
        await asyncio.gather(*watchers)


async def listening(host: str, port: int, within_s: float = 15.0) -> None:
    """Wait until something listens on `host`:`port`. Raises StartError."""
    deadline = asyncio.get_running_loop().time() + within_s
    while True:
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError as error:
            if asyncio.get_running_loop().time() > deadline:
                raise StartError(f"nothing listens on {host}:{port} after {within_s:.0f} s: {error}") from error
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


def die_with_parent() -> None:
    """In a child, before exec: be terminated when the parent dies. Does nothing where the system has no such thing."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


async def _start(part: Part) -> None:
    part.process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "cityflux",
        part.name,
        *part.arguments,
        stdin=asyncio.subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C reaches the supervisor only, which stops the parts in their order
        preexec_fn=die_with_parent,
    )


async def _keep(part: Part, stopping: asyncio.Event) -> None:
    backoff = Backoff()
    while part.process is not None:
        code = await part.process.wait()
        if stopping.is_set() or (part.ends and code == 0):
            return
        if code == TAKEN:
            log.error(
                "a part ended for good: another one has its place; mend that and start it by hand", part=part.name
            )
            return
        wait_s = backoff.next_s()
        log.error("a part ended by itself; it is started again", part=part.name, exit_code=code, in_s=round(wait_s, 1))
        try:
            await asyncio.wait_for(stopping.wait(), wait_s)
        except TimeoutError:
            await _start(part)
        else:
            return


async def _stop(part: Part) -> None:
    process = part.process
    if process is None or process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_WITHIN_S)
    except TimeoutError:
        log.error("a part did not stop and is killed", part=part.name, after_s=STOP_WITHIN_S)
        process.kill()
        await process.wait()
