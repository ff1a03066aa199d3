"""The heartbeat: a message of our own through the broker and back, so that silence is told from having nothing to say.

It goes out empty, at QoS 0, on the connection that carries data, to a topic under the data subscription: it comes back only
where that very connection, subscription and permission work. (Of a shared subscription anybody may get it, so a worker
subscribes to its own besides, in the same SUBSCRIBE.) It is never journalled. When neither it nor a message came for
three intervals, although we are connected and reading, the connection is dropped (the next one subscribes again), and an
alarm stays until something comes.

A heartbeat has packet id 0, so a batch of ordinary messages costs one look for a zero. Not so with amqtt, which delivers at the
subscription's QoS: until the first one has come back, and then where it did not have packet id 0, topics are looked at.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from ingest.transport import Batch, Connection, Message
from sensors.topics import HEARTBEATS, SUBSCRIPTION

# Chosen: two may be late or lost (they are QoS 0) without anything being wrong.
_MISSED = 3


class Heartbeat:
    """The heartbeat of one client id, over all of its connections, every `interval_s`; 0 is off. Times are of the event loop.

    The consumer says when it begins to wait for messages (`listening`) and when it got some (`heard`).
    """

    def __init__(self, client_id: str, interval_s: float) -> None:
        self.topic = f"{HEARTBEATS}{client_id}"
        self.alarm: str | None = None
        """Why we think that nothing can reach us; None while all is well."""
        self.came_at_s: float | None = None
        """When the last one came back."""
        self._interval_s = interval_s
        self._listening_since_s: float | None = None
        self._at_qos_0 = interval_s == 0

    def listening(self, now_s: float) -> None:
        """From now on whatever the broker sends is taken."""
        self._listening_since_s = now_s

    def heard(self) -> None:
        """Something came; until `listening` nobody expects more."""
        self._listening_since_s = None
        self.alarm = None

    def sorted_out(self, batch: Batch, now_s: float) -> Sequence[Message]:
        """The batch's messages without heartbeats: ours is noted, those of other clients are none of our business."""
        if self._at_qos_0 and 0 not in batch.packet_ids:
            return batch.messages
        messages = []
        for message, packet_id in zip(batch.messages, batch.packet_ids, strict=True):
            if message.payload or not message.topic.startswith(HEARTBEATS):
                messages.append(message)
            elif message.topic == self.topic:
                self.came_at_s = now_s
                self._at_qos_0 = packet_id == 0
        return messages

    @asynccontextmanager
    async def beating(self, connection: Connection) -> AsyncIterator[None]:
        """Beat during the block, and drop `connection` where nothing comes."""
        beat = asyncio.create_task(self._beat(connection), name="heartbeat") if self._interval_s else None
        try:
            yield
        finally:
            if beat is not None:
                beat.cancel()

    async def _beat(self, connection: Connection) -> None:
        loop, patience_s = asyncio.get_running_loop(), _MISSED * self._interval_s
        while True:
            since_s = self._listening_since_s
            if since_s is not None and loop.time() - since_s >= patience_s:
                self.alarm = (
                    f"connected and subscribed, but for {patience_s:g} s neither a message nor our own heartbeat came: the "
                    f"broker's ACL lacks read on {SUBSCRIPTION} or write on {self.topic}, or it has lost our subscription, "
                    "or it is stuck"
                )
                connection.drop(self.alarm)
                return
            connection.publish(self.topic, b"")
            await asyncio.sleep(self._interval_s)
