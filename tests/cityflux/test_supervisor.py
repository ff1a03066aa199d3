"""The supervisor: what ends by itself is started again, but for an ingest whose session another one has."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import mqtt5
import pytest
import structlog

from cityflux.supervisor import Part, supervised
from ingest.journal import Journal
from tests.programs import clean_environment
from tests.servers.processes import HOST

TAKEN = mqtt5.DisconnectPacket(reason_code=mqtt5.DisconnectReasonCode.SESSION_TAKEN_OVER).write()


@asynccontextmanager
async def broker_that_gives_the_session_away() -> AsyncIterator[tuple[int, list[int]]]:
    """Its port, and an entry for every connection that was made."""
    connections: list[int] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(1)
        for data in (bytes.fromhex("20 03 00 00 00"), bytes.fromhex("90 04 00 01 00 01") + TAKEN):
            await reader.read(1 << 16)
            writer.write(data)
        writer.close()

    async with await asyncio.start_server(answer, HOST, 0) as server:
        yield server.sockets[0].getsockname()[1], connections


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not done():
            await asyncio.sleep(0.01)


async def test_a_locked_journal_is_tried_again_and_a_taken_session_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with broker_that_gives_the_session_away() as (port, connections):
        for name, value in clean_environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("CITYFLUX_MQTT_URL", f"mqtt://{HOST}:{port}")
        monkeypatch.setenv("CITYFLUX_DATA_DIR", str(tmp_path))
        part = Part("ingest")
        with ExitStack() as predecessor, structlog.testing.capture_logs() as logs:
            predecessor.enter_context(Journal(tmp_path / "journal"))
            async with supervised([part]):
                await until(lambda: bool(logs))
                predecessor.close()
                await until(lambda: logs[-1]["event"].startswith("a part ended for good"))
    again = [entry for entry in logs if entry["event"] == "a part ended by itself; it is started again"]
    assert {entry["exit_code"] for entry in again} == {2}, "while its predecessor has the journal"
    assert len(connections) == 1
    assert part.process is not None
    assert part.process.returncode == 3
