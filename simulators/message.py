"""What a sender publishes: the common currency of simulators, replay and the publisher."""

from typing import NamedTuple


class OutMessage(NamedTuple):
    """One PUBLISH to be."""

    topic: str
    payload: bytes
