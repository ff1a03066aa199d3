"""Retiring: a worker that is no longer wanted gives its session at the broker up, and nothing in it is lost.

Its part of a shared subscription goes on being queued in its session, whether it runs or not, until the session expires;
then it is gone. So before it may stay away it gives its subscriptions up (`Session.unwanted`), takes what waits for it, and
only then ends the session. That nothing waits any more is told by heartbeats: the broker answers, and sends nothing else.
"""

import asyncio
from dataclasses import replace

from ingest.consume import Consumer
from ingest.journal import Journal
from ingest.transport import Broker, Connect, Session
from sensors.topics import HEARTBEATS

# Chosen: a broker with something to send sends it at once; ten heartbeats in between would have to overtake it.
_QUIET_S = 5.0
HEARTBEAT_S = 0.5
_LOOK_EVERY_S = 0.2


def leaving(session: Session) -> Session:
    """The session as it is subscribed while it is emptied: to its own heartbeat only."""
    return replace(session, topics=(f"{HEARTBEATS}{session.client_id}",))


async def emptied(consumer: Consumer) -> None:
    """Returns when nothing has come for a while except heartbeats; `consumer` must be running."""
    while True:
        await asyncio.sleep(_LOOK_EVERY_S)
        heard_at_s, opened_at_s = consumer.heartbeat.came_at_s, consumer.connected_at_s
        if consumer.connected and heard_at_s is not None and opened_at_s is not None:
            last_s = max(opened_at_s, consumer.message_at_s or 0.0)
            if heard_at_s - last_s >= _QUIET_S:
                return


async def end_session(connect: Connect, broker: Broker, session: Session, journal: Journal) -> None:
    """End a session that is empty, and that nobody is connected with. Raises TransportError, JournalError."""
    # In this order: a session that nobody knows of any more is empty and expires; one that is missed would be a gap.
    journal.end_session()
    async with connect(broker, replace(session, expiry_s=0)):
        pass
