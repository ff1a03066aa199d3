"""Messages of every sort, drawn from a seed, each with what it should come to: the readings it holds, or none.

What is expected is written down here by hand for each sort and never asked of cityflux. Every payload holds a number of its
own, so two messages are the same bytes only where a duplicate is meant.
"""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NamedTuple

from tests.faults.polluted import Air

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000

CODES = ("pm2_5", "pm10", "so2", "no2", "o3", "co")
PAYLOAD_CAP = 4_096
"""CITYFLUX_PAYLOAD_CAP_BYTES of a run: a longer payload is oversized."""

REFUSED_BY_STORE = {"never-422": 422, "never-400": 400}
"""Stations whose lines the link to InfluxDB never lets through, and the answer it gives."""

Key = tuple[str, str]
"""What identifies a message: topic, and SHA-256 of the payload."""

Identity = tuple[str, str, int]
"""(period, station, time [ms])."""


class Part(NamedTuple):
    """One reading that a message holds: values by code, None where the value is doubtful; `issued` [ms] where it says so."""

    identity: Identity
    values: dict[str, float | None]
    issued: int | None = None


@dataclass(frozen=True)
class Message:
    """What is published, what should be stored of it, and whether it leaves a dead letter."""

    topic: str
    payload: bytes
    sort: str
    parts: tuple[Part, ...] = ()
    refused: bool = False
    refused_readings: int = 0  # decoded, and refused as a whole
    key: Key = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", (self.topic, sha256(self.payload).hexdigest()))


class Messages:
    """An endless seeded stream of messages around `now` [ms]. `store` says whether the store can refuse readings."""

    def __init__(self, rng: random.Random, now: int, *, store: str) -> None:
        self._rng = rng
        self._start = (now - 60 * HOUR_MS) // MINUTE_MS * MINUTE_MS
        self._count = 0
        self._sent: list[Message] = []
        self._last_issued = self._start
        self._air = Air(rng, now)
        sorts: dict[Callable[[], Message], int] = {
            self._plain: 40,
            self._many: 8,
            self._duplicate: 8,
            self._correction: 14,
            self._issued: 6,
            self._doubtful: 6,
            self._late: 4,
            self._poison: 10,
            self._partly: 4,
            self._oversized: 1,
            self._polluted: 15,
        }
        if store == "influx":
            sorts[self._refused_by_store] = 3
        self._sorts, self._weights = list(sorts), list(sorts.values())

    def next(self) -> Message:
        """The next message."""
        self._count += 1
        message = self._rng.choices(self._sorts, self._weights)[0]()
        self._sent.append(message)
        return message

    # The sorts.

    def _plain(self) -> Message:
        identity = self._new_identity()
        return self._good("plain", [Part(identity, self._values())])

    def _polluted(self) -> Message:
        """An hour that alerts look at."""
        return self._good("polluted", [Part(*self._air.next(self._count))])

    def _many(self) -> Message:
        station, period = self._station()
        identities = [(period, station, self._new_time()) for _ in range(self._rng.randint(2, 15))]
        return self._good("many readings", [Part(identity, self._values()) for identity in identities])

    def _late(self) -> Message:
        period, station, at = self._new_identity()
        identity = (period, station, at - self._rng.randint(2, 300) * DAY_MS)
        return self._good("late", [Part(identity, self._values())])

    def _duplicate(self) -> Message:
        if not self._sent:
            return self._plain()
        # Mostly of what was just sent, as devices repeat themselves; sometimes of anything.
        recent = self._sent[-20:] if self._rng.random() < 0.8 else self._sent
        return self._rng.choice(recent)

    def _correction(self) -> Message:
        """Other values, of all or some quantities, for a time that was sent before."""
        before = self._stored_before(issued=False)
        if before is None:
            return self._plain()
        return self._good("correction", [Part(before, self._values())])

    def _doubtful(self) -> Message:
        """A status instead of a value that was good before."""
        before = self._stored_before(issued=False)
        if before is None:
            return self._plain()
        return self._good("doubtful", [Part(before, dict.fromkeys(self._values()))])

    def _issued(self) -> Message:
        """A version that says when it was issued; versions of one time come in any order."""
        before = self._stored_before(issued=True) if self._rng.random() < 0.7 else None
        identity = before or self._new_identity()
        self._last_issued += self._rng.randint(-3, 6) * 1000
        return self._good("issued", [Part(identity, self._values(), self._last_issued)])

    def _refused_by_store(self) -> Message:
        station = self._rng.choice(list(REFUSED_BY_STORE))
        identity = ("hour", station, self._new_time())
        message = self._good("refused by the store", [Part(identity, self._values())])
        return Message(message.topic, message.payload, message.sort, refused=True, refused_readings=1)

    def _partly(self) -> Message:
        identity = self._new_identity()
        good = Part(identity, self._values())
        bad = {"at": "yesterday", "values": {"pm2_5": self._count}}
        payload = json.dumps({"readings": [self._record(good), bad]}).encode()
        return Message(self._topic(identity), payload, "partly good", (good,), refused=True, refused_readings=1)

    def _oversized(self) -> Message:
        identity = self._new_identity()
        filler = "x" * self._rng.choice([PAYLOAD_CAP, 60_000, 300_000])
        payload = json.dumps({"n": self._count, "filler": filler}).encode()
        return Message(self._topic(identity), payload, "oversized", refused=True)

    def _poison(self) -> Message:
        identity = self._new_identity()
        topic, n, at = self._topic(identity), self._count, identity[2]
        one = {"at": at, "values": {"pm2_5": n}}
        two_years_ago = self._start - 800 * DAY_MS
        refused_whole = {
            "a time without offset": {"at": "2026-01-01T00:00:00", "values": {"pm2_5": n}},
            "too old": {"at": two_years_ago, "values": {"pm2_5": n}},
            "no values": {"at": at, "value": n},
            "an unknown key": {**one, "colour": n},
            "an unknown quantity": {"at": at, "values": {f"gold{n}": 1}},
            "another station": {**one, "station": f"somebody-else-{n}"},
        }
        unreadable: dict[str, tuple[str, bytes]] = {
            "broken JSON": (topic, f'{{"readings": [{{"at": {n}'.encode()),
            "not UTF-8": (topic, b"\xff\xfe%d" % n),
            "no JSON at all": (topic, f"PM2.5={n}".encode()),
            "an unknown topic": (f"cityflux/v1/{n}", json.dumps({"readings": [one]}).encode()),
            "a family that is none": (
                f"cityflux/v1/gaoxin/noise/{identity[1]}/{identity[0]}",
                json.dumps({"readings": [one]}).encode(),
            ),
        }
        name = self._rng.choice([*refused_whole, *unreadable])
        if name in unreadable:
            return Message(*unreadable[name], f"poison: {name}", refused=True)
        payload = json.dumps({"readings": [refused_whole[name]]}).encode()
        return Message(topic, payload, f"poison: {name}", refused=True, refused_readings=1)

    # Their parts.

    def _station(self) -> tuple[str, str]:
        number = self._rng.randint(1, 12)
        return f"st-{number:02}", "hour" if number % 3 else "minute"

    def _new_time(self) -> int:
        # Rising by and large, as a live station's; in the past for 100,000 messages, whatever the clock of the run does.
        return self._start + self._count * 2_000 + self._rng.randrange(2_000)

    def _new_identity(self) -> Identity:
        station, period = self._station()
        return (period, station, self._new_time())

    def _stored_before(self, *, issued: bool) -> Identity | None:
        for message in reversed(self._sent[-self._rng.randint(1, 200) :]):
            if message.parts and (message.parts[0].issued is not None) == issued and message.sort != "late":
                return self._rng.choice(message.parts).identity
        return None

    def _values(self) -> dict[str, float | None]:
        # In range for every quantity, and its own within a run.
        codes = self._rng.sample(CODES, self._rng.randint(1, len(CODES)))
        return {code: self._count % 1000 / 100 if code == "co" else self._count % 100_000 / 100 for code in codes}

    def _record(self, part: Part) -> object:
        record: dict[str, object] = {
            "at": part.identity[2],
            "values": {code: value for code, value in part.values.items() if value is not None},
        }
        if doubtful := [code for code, value in part.values.items() if value is None]:
            record["status"] = dict.fromkeys(doubtful, self._rng.choice(["calibration", "fault", "withdrawn"]))
        if part.issued is not None:
            record["issued"] = part.issued
        return record

    def _good(self, sort: str, parts: list[Part]) -> Message:
        # The spaces make doubtful messages differ, which have no value to differ in.
        payload = json.dumps({"readings": [self._record(part) for part in parts]}).encode() + b" " * (self._count % 7)
        return Message(self._topic(parts[0].identity), payload, sort, tuple(parts))

    def _topic(self, identity: Identity) -> str:
        return f"cityflux/v1/gaoxin/air/{identity[1]}/{identity[0]}"
