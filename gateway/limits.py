"""The bounds of the HJ 212 gateway: what a slow, broken or hostile peer can use up. Their defaults are the settings'."""

from typing import NamedTuple


class Limits(NamedTuple):
    """What fills each, and what happens when it is full."""

    connections: int
    """At once. A further peer is closed at once."""
    connections_per_address: int
    """At once from one address, so that one peer cannot take all. A further one is closed at once."""
    first_frame_s: float
    """Until the first frame with a right password [s]; then the connection is closed."""
    idle_s: float
    """Between two such frames [s]; then the connection is closed, and the station dials in again."""
    frame_s: float
    """From the first byte of a frame to its last [s]; then the connection is closed."""
    garbage_bytes: int
    """Bytes that are no frame, or a broken one, since the last whole one. With more the connection is closed."""
    in_flight: int
    """Frames of one connection that wait for the broker. With as many its socket is not read."""
    pending_frames: int
    pending_bytes: int
    """Frames of all connections that wait for the broker, and their size. With as many no socket is read."""
    broker_s: float
    """How long a frame waits for room among them [s], so that connections left behind do not fill the places of those that come.
    Then its connection is closed, and the station keeps it."""
    unread_bytes: int
    """Answers that a peer does not read, beside what the kernel holds. With more the connection is cut."""
