"""Takeover: what counts as another client with our id, and that the consumer then ends for good."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ingest.consume import Consumer
from ingest.journal import Journal
from ingest.mqtt3 import open_connection as connect_mqtt3
from ingest.mqtt5 import open_connection as connect_mqtt5
from ingest.takeover import Takeovers
from ingest.transport import Broker, Connect, ConnectionLost, Session, SessionTaken
from tests.servers.mosquitto import Mosquitto
from tests.servers.processes import HOST

CLOSED_SOON, CLOSED_LATE, LOST_SOON, FAILED, TOLD = "closed soon", "closed late", "lost soon", "failed", "told"


def verdict(takeovers: Takeovers, event: str) -> bool:
    match event:
        case "closed soon":
            return takeovers.ended(1.0, closed=True)
        case "closed late":
            return takeovers.ended(11.0, closed=True)
        case "lost soon":
            return takeovers.ended(1.0, closed=False)
        case "told":
            return takeovers.told()
    takeovers.not_connected()
    return False


@pytest.mark.parametrize(
    ("events", "taken"),
    [
        ([TOLD], True),
        ([FAILED, TOLD], False),
        ([FAILED, TOLD, TOLD], True),
        ([FAILED] * 100 + [TOLD] * 3, False),
        ([FAILED] * 100 + [TOLD] * 4, True),
        ([CLOSED_SOON] * 2, False),
        ([CLOSED_SOON] * 3, True),
        ([CLOSED_LATE] * 9, False),
        ([CLOSED_SOON, CLOSED_SOON, CLOSED_LATE, CLOSED_SOON, CLOSED_SOON], False),
        ([CLOSED_SOON, FAILED] * 9, False),
        ([CLOSED_SOON, CLOSED_SOON, FAILED, CLOSED_SOON], False),
        ([LOST_SOON] * 9, False),
        ([CLOSED_SOON, LOST_SOON, CLOSED_SOON, CLOSED_SOON], True),
    ],
)
def test_what_counts_as_a_takeover(events: Sequence[str], taken: bool) -> None:
    takeovers = Takeovers()
    assert [verdict(takeovers, event) for event in events][-1] == taken


def test_only_after_a_suspicious_end_the_next_try_is_at_once() -> None:
    takeovers = Takeovers()
    suspected = []
    for event in (CLOSED_LATE, CLOSED_SOON, LOST_SOON, CLOSED_SOON, FAILED):
        verdict(takeovers, event)
        suspected.append(takeovers.suspected)
    assert suspected == [False, True, False, True, False]


class Taken:
    """A connection whose session is taken as soon as it is read."""

    session_present = True

    async def __aenter__(self) -> "Taken":
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    def __aiter__(self) -> "Taken":
        return self

    async def __anext__(self) -> Any:
        raise SessionTaken("session taken over")


async def test_a_consumer_whose_session_is_taken_does_not_connect_again(tmp_path: Path) -> None:
    opened = []

    def connect(broker: Broker, session: Session) -> Any:
        opened.append(1)
        return Taken()

    with Journal(tmp_path) as journal:
        consumer = Consumer(connect, Broker("h", 1), Session("c", ("t",)), journal, lambda: 0)
        async with asyncio.timeout(20):
            await consumer.run()
    assert len(opened) == 1
    assert consumer.taken is not None
    assert "CITYFLUX_MQTT_CLIENT_ID" in str(consumer.taken)


async def test_a_connect_of_our_own_that_comes_late_is_not_another_client(tmp_path: Path) -> None:
    opened = []

    def connect(broker: Broker, session: Session) -> Any:
        opened.append(1)
        if len(opened) == 1:
            raise ConnectionLost("does not answer")
        return Taken()

    with Journal(tmp_path) as journal:
        consumer = Consumer(connect, Broker("h", 1), Session("c", ("t",)), journal, lambda: 0)
        async with asyncio.timeout(20):
            await consumer.run()
    assert len(opened) == 3, "the takeover after the failed attempt is excused, the next one is not"


@pytest.mark.parametrize("connect", [connect_mqtt5, connect_mqtt3])
async def test_a_broker_that_is_restarted_again_and_again_is_no_takeover(connect: Connect, tmp_path: Path) -> None:
    with Mosquitto(tmp_path) as broker, Journal(tmp_path / "journal") as journal:
        consumer = Consumer(connect, Broker(HOST, broker.port), Session("c", ("t",)), journal, lambda: 0)
        running = asyncio.create_task(consumer.run())
        for restarts in range(6):
            async with asyncio.timeout(20):
                while consumer.connections == restarts:
                    await asyncio.sleep(0.005)
            await asyncio.to_thread(broker.restart)
        async with asyncio.timeout(20):
            while not consumer.connected:
                await asyncio.sleep(0.005)
        assert consumer.taken is None
        running.cancel()
        await asyncio.wait([running])
