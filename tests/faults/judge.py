"""The judge: what store, dead letters and ledger must hold after a run, from what was published and what the link saw.

The rule of versions is written here a second time, on purpose and in few lines: per reading and quantity the last one wins,
or where versions say when they were issued the one issued last.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.faults.messages import Identity, Key, Message

Stored = dict[Identity, dict[str, float]]

MEMORY_BOUND_KIB = 200 * 1024
"""Resident memory of ingest. Chosen: three times what it takes to start."""


@dataclass
class Verdict:
    """What was found wrong, and the counts that the summary adds up."""

    wrong: list[str] = field(default_factory=list)
    accepted: int = 0
    journalled: int = 0
    redelivered: int = 0
    dead_letters: int = 0
    readings: int = 0
    lost_by_broker: int = 0
    incidents: int = 0
    peak_memory_kib: int = 0

    def check(self, holds: bool, otherwise: str) -> None:
        """Note what is wrong where it does not hold."""
        if not holds:
            self.wrong.append(otherwise)


def expected_store(journalled: Sequence[Message]) -> Stored:
    """What a reader must see when these messages have been taken in this order."""
    versions: dict[tuple[Identity, str], tuple[int, float | None]] = {}
    for message in journalled:
        if message.sort == "refused by the store":
            continue
        for identity, values, issued in message.parts:
            for code, value in values.items():
                before = versions.get((identity, code))
                if before is None or issued is None or issued >= before[0]:
                    versions[identity, code] = (issued or 0, value)
    stored: Stored = {}
    for (identity, code), (_, value) in versions.items():
        row = stored.setdefault(identity, {})
        if value is not None:
            row[code] = value
    return stored


def _history(journalled: Sequence[Message], identity: Identity) -> list[str]:
    """What came of one reading, in order: the place in the journal, the values, when issued."""
    return [
        f"{number}: {dict(part.values)}" + (f" issued {part.issued}" if part.issued else "")
        for number, message in enumerate(journalled)
        for part in message.parts
        if part.identity == identity
    ]


def judge_journal(
    verdict: Verdict,
    journalled: Sequence[Message],
    *,
    ledger: Mapping[str, int],
    dead_letters: Counter[Key],
    stored: Stored,
) -> None:
    """One journal and its store: conservation, each message once where it belongs, each reading once with its last value."""
    refused = Counter(message.key for message in journalled if message.refused)
    expected_ledger = {
        "journalled": len(journalled),
        "refused": refused.total(),
        "written": len(journalled) - refused.total(),
        "pending": 0,
        "readings_refused": sum(message.refused_readings for message in journalled),
        "readings_written": sum(len(message.parts) for message in journalled),
    }
    for name, count in expected_ledger.items():
        verdict.check(ledger[name] == count, f"ledger: {name} is {ledger[name]}, should be {count}")
    sorts = {message.key: message.sort for message in journalled}
    differing = [key for key in refused.keys() | dead_letters.keys() if dead_letters[key] != refused[key]]
    verdict.check(
        not differing,
        f"{len(differing)} messages with too many or too few dead letters, for example "
        + "; ".join(f"{sorts.get(k)} {k[0]}: {dead_letters[k]}, should be {refused[k]}" for k in differing[:3]),
    )
    expected = expected_store(journalled)
    verdict.check(
        stored.keys() == expected.keys(),
        f"readings: {len(expected.keys() - stored.keys())} lost, {len(stored.keys() - expected.keys())} invented,"
        f" for example {sorted(expected.keys() ^ stored.keys())[:3]}",
    )
    different = [identity for identity in expected.keys() & stored.keys() if stored[identity] != expected[identity]]
    verdict.check(
        not different,
        f"{len(different)} readings with a wrong value, for example "
        + ", ".join(
            f"{i}: {stored[i]}, should be {expected[i]} after {_history(journalled, i)}" for i in sorted(different)[:2]
        ),
    )
    verdict.journalled += len(journalled)
    verdict.dead_letters += dead_letters.total()
    verdict.readings += len(stored)


def judge_delivery(
    verdict: Verdict,
    accepted: Counter[Key],
    sent: Counter[Key],
    journalled: Counter[Key],
    *,
    broker_may_lose: bool,
) -> None:
    """Between publisher and journal: everything accepted is journalled, nothing more often than it was delivered."""
    lost = accepted - journalled
    verdict.accepted = accepted.total()
    verdict.redelivered = (journalled - accepted).total()
    verdict.lost_by_broker = lost.total() if broker_may_lose else 0
    verdict.check(
        broker_may_lose or not lost, f"{lost.total()} messages were accepted and never journalled: {list(lost)[:3]}"
    )
    strange = journalled.keys() - sent.keys()
    verdict.check(not strange, f"{len(strange)} messages were journalled that nobody sent: {list(strange)[:3]}")
