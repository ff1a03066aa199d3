"""Review: how far a published value is, as people decide it, each step with a person and a reason.

    provisional  → under review → final       a value of a closed period; each step is a revision with the same value
    final        → proposed                   what is computed anew of a final value, by the runner: it is not in force
    proposed     → final                      accepted by a person: the new value is in force; or rejected: the old one stays

Revisions are append-only; nothing here changes one.
"""

import re
from collections.abc import Iterable
from typing import Literal

from store.books import Books, Window
from store.events import EVERYWHERE
from store.judgements import Finality, Judgements, Revision, Superseded, insert_revisions
from store.transaction import note, touch

Decision = Literal["accept", "reject"]

_BEFORE: dict[Finality, tuple[Finality, ...]] = {
    "under review": ("provisional", "final"),
    "final": ("provisional", "under review"),
}
"""From where a value can go to each."""

_DECISION = re.compile(r"(under review|final|proposal \d+ (?:accept|reject)ed): ")
"""How the reason of a revision begins that a person made; what they say, and who they are, follows."""


class ReviewError(ValueError):
    """What was asked cannot be done: the message says why."""


def decision_of(reason: str) -> str | None:
    """What was decided, without what was said and by whom; None where the revision's reason is no person's decision."""
    found = _DECISION.match(reason)
    return None if found is None else found[1]


class Reviews:
    """In `books`. Calls raise BooksUnavailable; and Superseded where a processor wrote the same value first: ask again."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._judgements = Judgements(books)

    def move(self, revisions: Iterable[Revision], to: Finality, *, who: str, why: str, now: int) -> int:
        """Bring revisions in force to `under review` or `final`; how many were not there yet. Of one with an open proposal
        nothing is moved.

        Raises ReviewError, and then nothing was written.
        """
        asked = [revision for revision in revisions if revision.finality != to]
        newest = self._judgements.newest({revision.judgement.key for revision in asked})
        for revision in asked:
            key, last = revision.judgement.key, newest[revision.judgement.key]
            if last.finality == "proposed":
                raise ReviewError(
                    f"{key.indicator} {key.scope} {key.period}: revision {last.id} is proposed; accept or reject it first"
                )
            if revision.finality not in _BEFORE[to]:
                raise ReviewError(
                    f"{key.indicator} {key.scope} {key.period} is {revision.finality}: it cannot become {to}"
                )
        with self._books.writing() as connection:
            reason = f"{to}: {why} ({who})"
            insert_revisions(connection, ((r.judgement, to, newest[r.judgement.key].id, reason) for r in asked))
            if asked:
                periods = sorted({revision.judgement.key.period for revision in asked})
                detail = {"why": why, "revisions": [revision.id for revision in asked]}
                note(connection, now, who, f"review: {to}", f"{periods[0]} – {periods[-1]}", detail)
        return len(asked)

    def decide(
        self, number: int, decision: Decision, *, who: str, why: str, now: int, window: Window | None
    ) -> Revision:
        """Accept or reject the proposed revision of that number; the revision that is in force then. `window` is one of the
        proposal's day, whose longer periods are then computed again; None for a longer period.

        Raises ReviewError where there is no such open proposal.
        """
        proposed = self.proposal(number)
        key = proposed.judgement.key
        in_force = [r for r in self._judgements.history(key) if r.finality == "final"][-1]
        chosen = proposed if decision == "accept" else in_force
        reason = f"proposal {number} {decision}ed: {why} ({who})"
        with self._books.writing() as connection:
            try:
                insert_revisions(connection, [(chosen.judgement, "final", number, reason)])
            except Superseded as error:
                raise ReviewError(f"revision {number} is decided already, or superseded: look again") from error
            if window is not None and decision == "accept":
                touch(connection, {window: {EVERYWHERE}}, now)
            note(connection, now, who, f"review: {decision}", f"{key.indicator}/{key.scope}/{key.period}", {"why": why})
        return self._judgements.history(key)[-1]

    def proposal(self, number: int) -> Revision:
        """The open proposal of that number. Raises ReviewError."""
        for revision in self.proposals():
            if revision.id == number:
                return revision
        raise ReviewError(f"revision {number} is no open proposal; `cityflux review list` shows them")

    def proposals(self) -> list[Revision]:
        """Proposed revisions that nobody has decided, oldest first."""
        return self._judgements.last_ones("proposed")
