"""Listening to a topic for a while, as somebody else than ingest: nothing is taken from it, and no session stays behind."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from ingest.transport import Broker, Connect, Session
from sensors.sources.learning import Heard


async def listen(
    connect: Connect,
    broker: Broker,
    session: Session,
    topic: str,
    *,
    seconds: float,
    most: int,
    clock: Callable[[], int],
) -> list[Heard]:
    """What comes under `topic` within `seconds`, at most `most` messages; `session` says how we connect.

    Raises TransportError."""
    heard: list[Heard] = []
    ours = replace(session, client_id=f"{session.client_id}-listener", topics=(topic,), expiry_s=0)
    async with connect(broker, ours) as connection:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                async for batch in connection:
                    now = clock()
                    heard += [Heard(to, payload, now) for to, payload in batch.messages if type(payload) is bytes]
                    connection.acknowledge(batch)
                    if len(heard) >= most:
                        break
    return heard[:most]
