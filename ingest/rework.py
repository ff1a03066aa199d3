"""Reworking a dead letter: the refused message is judged again as of its own receipt, with today's registry and settings.

Pure, as intake is: what it comes to is stored and booked by `ingest/replays.py`, out of order by nature. What was written
since may be newer, so the store keeps the greater version of each quantity.
"""

from collections.abc import Mapping
from typing import NamedTuple

from ingest.intake import Intake
from ingest.journal import JournalBatch
from ingest.transport import Message, Oversized
from sensors.reading import Reading
from sensors.refusals import Refusal
from store.books import Unknown
from store.letters import StoredDeadLetter


class Rework(NamedTuple):
    """What a dead letter comes to today: what can be stored, what is refused still, and its station where it is unknown."""

    stored: StoredDeadLetter
    readings: list[Reading]
    refusals: tuple[Refusal, ...]
    unknown: Mapping[tuple[str, str], Unknown]


def rework(stored: StoredDeadLetter, intake: Intake, origin: int) -> Rework:
    """Judge it again. `origin` is the books' number of its journal and topic: intake knows those of its own journal only."""
    letter = stored.letter
    payload = letter.payload
    whole = payload if letter.sha256 is None else Oversized(letter.length, letter.sha256, payload)
    verdict = intake.judge(JournalBatch(letter.batch, letter.received_at, [Message(letter.topic, whole)]))
    refusals = tuple(refusal for found in verdict.letters.values() for refusal in found.refusals)
    readings = [reading._replace(origin=origin) for reading in verdict.readings]
    return Rework(stored, readings, refusals, verdict.unknown)


def store_refusal(reading: Reading, why: str) -> Refusal:
    """The refusal of a reading that the store will never take, in the store's words."""
    return Refusal(
        "store_refused",
        "reading",
        f"the store refused the reading of {reading.station}: {why}",
        "mend what the store names, then cityflux dead-letters replay",
    )
