"""The HJ 212 gateway: a TCP port that stations dial in to. It counts who is connected; everything else is the connection's."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict

import structlog

from gateway.connection import READ_BYTES, Connection
from gateway.counts import Counts, Notices
from gateway.doorman import Doorman
from gateway.limits import Limits
from gateway.publisher import Publisher
from gateway.split import FirstPackets
from gateway.watch import Snapshot

_log = structlog.get_logger()

_SHOW_S = 1.0
_SUM_UP_S = 60.0
# Chosen: at the end, how long [s] frames that were read may still reach the broker, and their answers the stations.
_DRAIN_S = 5.0


class Gateway:
    """Make it on the event loop; `run` it once. `show` is told each second how it is."""

    def __init__(
        self, doorman: Doorman, publisher: Publisher, limits: Limits, show: Callable[[Snapshot], None]
    ) -> None:
        self._doorman = doorman
        self._publisher = publisher
        self._limits = limits
        self._show = show
        self._firsts = FirstPackets()
        self._counts = Counts()
        self._notices = Notices(self._counts)
        self._by_address: Counter[str] = Counter()
        self._connections: set[asyncio.Task[None]] = set()
        self.addresses: list[tuple[str, int]] = []
        """Host and port of each socket, once it listens."""

    async def run(self, host: str | None, port: int, stopped: asyncio.Event) -> None:
        """Listen until stopped; `host` None is all addresses, `port` 0 any free one. Then nothing more is read, and what was
        read is published and answered, within a few seconds. Raises OSError where it cannot listen."""
        server = await asyncio.start_server(self._accept, host, port, limit=READ_BYTES, start_serving=False)
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            beside = [
                tasks.create_task(self._publisher.run(), name="publish"),
                tasks.create_task(self._sum_up(), name="sum up"),
                tasks.create_task(self._show_often(), name="show"),
            ]
            await server.start_serving()
            self.addresses = [listening.getsockname()[:2] for listening in server.sockets]
            for name, bound in self.addresses:
                _log.info("stations may dial in", address=f"{name}:{bound}")
            await stopped.wait()
            _log.info("stopping: no more is read, and what was read is published and answered")
            server.close()
            for task in self._connections:
                task.cancel()
            drained = tasks.create_task(self._publisher.drained(), name="drain")
            _, late = await asyncio.wait([drained, *self._connections], timeout=_DRAIN_S)
            for task in (*late, *beside):
                task.cancel()
        self._notices.sum_up()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address = str((writer.get_extra_info("peername") or ("?",))[0])
        if (
            len(self._connections) >= self._limits.connections
            or self._by_address[address] >= self._limits.connections_per_address
        ):
            self._counts.turned_away += 1
            self._notices.say(
                "too many connections: turned away", address, peer=address, connections=len(self._connections)
            )
            writer.transport.abort()
            return
        self._counts.connections += 1
        self._by_address[address] += 1
        task = self._tasks.create_task(self._serve(reader, writer, address), name=f"station at {address}")
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: str) -> None:
        try:
            await Connection(
                reader,
                writer,
                address,
                doorman=self._doorman,
                publisher=self._publisher,
                firsts=self._firsts,
                limits=self._limits,
                notices=self._notices,
            ).run()
        except Exception:  # noqa: BLE001 - a fault of ours that one peer's bytes bring out must not cost all others theirs
            _log.exception("a connection failed", peer=address)
        finally:
            writer.transport.abort()
            self._by_address[address] -= 1
            if not self._by_address[address]:
                del self._by_address[address]

    async def _show_often(self) -> None:
        while True:
            now_s = asyncio.get_running_loop().time()
            counts = asdict(self._counts)
            self._show(
                Snapshot(now_s, self._publisher.connected, len(self._connections), self._publisher.pending, counts)
            )
            await asyncio.sleep(_SHOW_S)

    async def _sum_up(self) -> None:
        while True:
            await asyncio.sleep(_SUM_UP_S)
            self._notices.sum_up(
                open=len(self._connections), pending=self._publisher.pending, broker=self._publisher.connected
            )
