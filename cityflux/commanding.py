"""Commanding: a command to one device through the platform's topics, and its reply."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

from ingest.transport import Broker, Connect, Session
from sensors.downlink import Answer, DeviceModel, Request, answer


class Outcome(NamedTuple):
    """The answer, None where none came in time; and the reply's bytes."""

    answer: Answer | None
    payload: bytes | None


async def send(
    connect: Connect, broker: Broker, session: Session, model: DeviceModel, asked: Request, *, seconds: float
) -> Outcome:
    """Subscribe to the reply's topic, publish the command once, and wait for its reply. `session` says how we connect. Raises
    TransportError."""
    ours = replace(session, client_id=f"{session.client_id}-{asked.id}", topics=(asked.reply_topic,), expiry_s=0)
    async with connect(broker, ours) as connection:
        connection.publish(asked.topic, asked.payload)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                async for batch in connection:
                    connection.acknowledge(batch)
                    for _, payload in batch.messages:
                        found = answer(model, asked, payload) if isinstance(payload, bytes) else None
                        if found is not None and isinstance(payload, bytes):
                            return Outcome(found, payload)
    return Outcome(None, None)
