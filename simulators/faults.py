"""Named faults put into a stream of messages, each written down: what a real city does, with the truth beside it.

Off by default: every rate of a `Plan` is 0. The same plan, seed and stream give the same faults. What each one costs:

    duplicate      the message once more                                  nothing
    late           the message after up to `LATE_MESSAGES` others         nothing
    gap            the station says nothing for `GAP_MS`                  those readings
    calibration    one value is the calibration gas, and says so          that value (doubtful)
    spike          one value about 20 times what it was                   that value: wrong, and good by its looks
    out_of_range   one value beyond the quantity's physical range         that value (doubtful)
    corrected      a wrong value now, the true one with `issued` later    nothing
    poison         one more message, which cannot be taken                nothing, and makes a dead letter

A message has at most one of the four that change a value.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from random import Random
from typing import Any, Literal, NamedTuple, get_args

from pydantic import BaseModel, ConfigDict, Field

from sensors.formats.native import encode
from sensors.instants import HOUR_MS
from sensors.quantities import OF_FAMILY
from sensors.refusals import Code
from sensors.topics import parse_topic
from simulators.message import OutMessage

ValueFault = Literal["calibration", "spike", "out_of_range", "corrected"]
Kind = Literal["duplicate", "late", "gap", ValueFault, "poison"]
KINDS: tuple[Kind, ...] = get_args(Kind)

LATE_MESSAGES = 40  # chosen: with ten stations, up to four days of a history or four hours of live
GAP_MS = 6 * HOUR_MS  # chosen: leaves a day 18 hours, too few for a daily mean (GB 3095-2026 table 4: 20)
_CORRECTED_AFTER_MS = 60_000

_Record = dict[str, Any]


class Plan(BaseModel):
    """How often each fault happens: its probability per message."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    duplicate: float = Field(default=0, ge=0, le=1)
    late: float = Field(default=0, ge=0, le=1)
    gap: float = Field(default=0, ge=0, le=1)
    calibration: float = Field(default=0, ge=0, le=1)
    spike: float = Field(default=0, ge=0, le=1)
    out_of_range: float = Field(default=0, ge=0, le=1)
    corrected: float = Field(default=0, ge=0, le=1)
    poison: float = Field(default=0, ge=0, le=1)


class Fault(NamedTuple):
    """One fault that happened: under which topic, to which reading `at` [ms] and quantity, what was true and what sent.

    `refusal` is the reason that the dead letter of a poison must have.
    """

    kind: Kind
    topic: str
    at: int | None = None
    quantity: str | None = None
    true: float | None = None
    sent: float | None = None
    refusal: Code | None = None


def inject(messages: Iterable[OutMessage], plan: Plan, seed: int, log: Callable[[Fault], None]) -> Iterator[OutMessage]:
    """`messages`, with the faults of `plan` in them; every fault is given to `log` as it is made."""
    faults = _Faults(plan, Random(f"{seed}/faults"), log)
    held: list[tuple[int, OutMessage]] = []
    for number, message in enumerate(messages):
        yield from (late for due, late in held if due <= number)
        held = [(due, late) for due, late in held if due > number]
        for sent in faults.of(message):
            if faults.happens("late"):
                log(Fault("late", sent.topic))
                held.append((number + faults.rng.randint(1, LATE_MESSAGES), sent))
            else:
                yield sent
    yield from (late for _, late in held)


class _Faults:
    """What becomes of one message after another; remembers only since when stations are silent."""

    def __init__(self, plan: Plan, rng: Random, log: Callable[[Fault], None]) -> None:
        self.rng = rng
        self._rates: dict[str, float] = plan.model_dump()
        self._log = log
        self._silent_since: dict[str, int] = {}

    def happens(self, kind: Kind) -> bool:
        rate = self._rates[kind]
        return rate > 0 and self.rng.random() < rate

    def of(self, message: OutMessage) -> Iterator[OutMessage]:
        """The messages that are sent in place of this one, in order."""
        records = self._outside_gaps(message.topic, _records(message.payload))
        if not records:
            return
        if self.happens("poison"):
            yield self._poison(message.topic, records)
        kinds: tuple[ValueFault, ...] = get_args(ValueFault)
        for kind in kinds:
            if self.happens(kind):
                yield from self._change_a_value(kind, message.topic, records)
                break
        sent = OutMessage(message.topic, encode(records))
        yield sent
        if self.happens("duplicate"):
            self._log(Fault("duplicate", message.topic))
            yield sent

    def _outside_gaps(self, topic: str, records: list[_Record]) -> list[_Record]:
        if self.happens("gap"):
            self._silent_since[topic] = self.rng.choice(records)["at"]
        since = self._silent_since.get(topic)
        if since is None:
            return records
        spoken = []
        for record in records:
            if since <= record["at"] < since + GAP_MS:
                self._log(Fault("gap", topic, record["at"]))
            else:
                spoken.append(record)
        return spoken

    def _change_a_value(self, kind: ValueFault, topic: str, records: list[_Record]) -> Iterator[OutMessage]:
        """Change one value of `records` in place; yields the wrong first version where they become its correction."""
        number = self.rng.randrange(len(records))
        record = records[number]
        code = self.rng.choice(list(record["values"]))
        high = OF_FAMILY[parse_topic(topic).family][code].high
        true: float = record["values"][code]
        wrong = {
            "calibration": 0.8 * high,
            "spike": round(20 * abs(true) + 1, 2),
            "out_of_range": 1.5 * high,
            "corrected": round(1.5 * true + 1, 2),
        }[kind]
        self._log(Fault(kind, topic, record["at"], code, true, wrong))
        changed = record | {"values": record["values"] | {code: wrong}}
        if kind == "corrected":
            first = [*records[:number], changed | {"issued": record["at"]}, *records[number + 1 :]]
            records[number] = record | {"issued": record["at"] + _CORRECTED_AFTER_MS}
            yield OutMessage(topic, encode(first))
        else:
            records[number] = changed | ({"status": {code: "calibration"}} if kind == "calibration" else {})

    def _poison(self, topic: str, records: list[_Record]) -> OutMessage:
        """A message of which nothing can be taken (`invalid_value`: a reading whose only value is NaN)."""
        payload = encode(records)
        poisons: dict[Code, OutMessage] = {
            "undecodable": OutMessage(topic, b"\xff\xfe" + payload),
            "invalid_json": OutMessage(topic, payload[: len(payload) // 2]),
            "unknown_topic": OutMessage(f"{topic}/again", payload),
            # json writes NaN, though JSON does not know it: as careless senders do.
            "invalid_value": OutMessage(
                topic,
                json.dumps(
                    {"at": records[0]["at"], "values": {next(iter(records[0]["values"])): float("nan")}}
                ).encode(),
            ),
        }
        refusal = self.rng.choice(list(poisons))
        self._log(Fault("poison", topic, refusal=refusal))
        return poisons[refusal]


def _records(payload: bytes) -> list[_Record]:
    message = json.loads(payload)
    records: list[_Record] = message.get("readings", [message])
    return records
