"""Waiting between tries: exponential with full jitter, bounded; a server's own Retry-After goes first."""

import random


class Backoff:
    """Gives the next wait [s]: between half of and the whole of a bound that doubles from `first_s` to `most_s`."""

    def __init__(self, first_s: float = 0.2, most_s: float = 30.0) -> None:
        self._bound_s = first_s
        self._most_s = most_s

    def next_s(self, asked_s: float | None = None) -> float:
        """How long to wait now; `asked_s` is what the server asked for, obeyed up to ten times `most_s`."""
        wait_s = self._bound_s * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret
        self._bound_s = min(self._bound_s * 2, self._most_s)
        return wait_s if asked_s is None else max(wait_s, min(asked_s, 10 * self._most_s))
