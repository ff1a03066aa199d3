"""What `cityflux doctor` asks of others: the broker of itself ($SYS), a running ingest of its health."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from http.client import HTTPConnection, HTTPException
from typing import Any, NamedTuple

from ingest.transport import Broker, Connect, Session, TransportError

VERSION = "$SYS/broker/version"
DROPPED = "$SYS/broker/publish/messages/dropped"
# Chosen: both are retained, so they come with the subscription or, where they are not there, not at all.
_RETAINED_WITHIN_S = 1.0
_HEALTH_WITHIN_S = 3.0


class BrokerSays(NamedTuple):
    """What the broker shows of itself; None: not shown."""

    version: str | None
    dropped: int | None
    """Messages that found no room in a queue, of all clients, since the broker was started."""


async def ask_broker(connect: Connect, broker: Broker, session: Session) -> BrokerSays:
    """What Mosquitto publishes of itself, as far as we may read it. `session` says how we connect."""
    found: dict[str, str] = {}
    try:
        async with (
            connect(broker, replace(session, topics=(VERSION, DROPPED), expiry_s=0)) as connection,
            asyncio.timeout(_RETAINED_WITHIN_S),
        ):
            async for batch in connection:
                found |= {topic: bytes(payload).decode() for topic, payload in batch.messages if type(payload) is bytes}
                connection.acknowledge(batch)
                if len(found) == 2:
                    break
    except (TransportError, TimeoutError, UnicodeDecodeError):
        pass  # forbidden, not there, or not Mosquitto's: not shown
    dropped = found.get(DROPPED, "")
    return BrokerSays(found.get(VERSION), int(dropped) if dropped.isdecimal() else None)


def ask_health(host: str, port: int) -> Mapping[str, Any] | None:
    """The /health of an ingest; None where nobody answers as one."""
    try:
        connection = HTTPConnection(host, port, timeout=_HEALTH_WITHIN_S)
        connection.request("GET", "/health")
        health = json.loads(connection.getresponse().read())
    except (OSError, HTTPException, ValueError):
        return None
    return health if isinstance(health, dict) and "causes" in health else None
