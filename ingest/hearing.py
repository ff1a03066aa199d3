"""Hearing: since when ingest hears without a break, so that silence of a station is told from silence of ours. Pure.

A break is longer than a minute, or one after which the broker had lost our session: whatever is shorter the broker holds for us,
and nothing is missing. A restart is a break like any other, and so is time in which nobody looked: a machine that slept, a clock
that was set.
"""

from store.hearing import Span

# Chosen: a restart, or a reconnect; stations that publish themselves wait or repeat for as long.
_SHORT_MS = 60_000


class Ears:
    """`before` is the last span that is known from before the start."""

    def __init__(self, before: Span | None) -> None:
        self._since: int | None = None if before is None else before.since
        self._heard_at = 0 if before is None else before.until
        self._hears = False

    def look(self, now: int, *, hears: bool, lost_at: int | None) -> None:
        """Whether anything that is published comes at `now` [ms]; when the broker lost our session last [ms]."""
        if hears and self._is_broken(now, lost_at):
            self._since = now
        if hears:
            self._heard_at = now
        self._hears = hears

    def span(self, known_until: int) -> Span | None:
        """The present or last span as far as all that came by `known_until` [ms] is told; None where there is nothing to tell."""
        until = min(self._heard_at, known_until)
        return None if self._since is None or until <= self._since else Span(self._since, until)

    def _is_broken(self, now: int, lost_at: int | None) -> bool:
        return (
            self._since is None
            or now - self._heard_at > _SHORT_MS
            or (not self._hears and lost_at is not None and lost_at >= self._heard_at)
        )
