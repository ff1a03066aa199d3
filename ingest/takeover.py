"""Takeover: whether somebody else has connected with our client id. The loser must not connect again: two clients of one id
throw each other out for ever, and each gets a part of the messages.

Where the broker says so (MQTT 5; Mosquitto from 2.0.15) it is believed, but for one case: a CONNECT of our own that we gave
up waiting for may reach the broker late (a slow network), and then takes the session as anybody would. So each attempt that
failed excuses one takeover.

Where it says nothing (MQTT 3.1.1; older brokers) it closes the connection. Three connections that were closed within 10 s of
being accepted count as a takeover. After each of them we connect again at once: where that fails the broker is being
restarted and the count begins anew, as it does with a connection that lasted. Of two clients of one id one gets to three
first, and then the other is left alone.
"""

# Chosen: a takeover is answered in milliseconds, and a broker that works keeps a connection for longer.
_SOON_S = 10.0
_CLOSED_SOON = 3
# Chosen: attempts of ours that may still be under way. More would let two clients fight for longer.
_MOST_STRAYS = 3


class Takeovers:
    """What became of our connections so far, as far as it tells a takeover from ordinary trouble."""

    def __init__(self) -> None:
        self.suspected = False
        """Whether to connect again at once, to see if the broker is there."""
        self._strays = 0
        self._closed_soon = 0

    def not_connected(self) -> None:
        """An attempt to connect failed."""
        self.suspected = False
        self._strays = min(self._strays + 1, _MOST_STRAYS)
        self._closed_soon = 0

    def told(self) -> bool:
        """The broker says that our session was taken. Whether by somebody else."""
        self.suspected = False
        excused = self._strays > 0
        self._strays -= excused
        return not excused

    def ended(self, after_s: float, *, closed: bool) -> bool:
        """A connection ended so long after it was accepted, `closed` by the other side without a word or for another
        reason. Whether that was a takeover."""
        soon = after_s < _SOON_S
        self.suspected = soon and closed
        self._closed_soon = self._closed_soon + closed if soon else 0
        return self.suspected and self._closed_soon >= _CLOSED_SOON
