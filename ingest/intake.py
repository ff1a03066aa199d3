"""Intake: topic and payload to readings, or a dead letter. The page to read first.

A function of (message, received_at, registry version, admitted unknown stations) and of nothing else: no clock, no
I/O, so a second verdict on a batch equals the first. `Intake.judge` looks at each message once:

    topic   → route: which family's contract, which station, whether the registry knows it      (cached per topic)
    payload → the ordinary case, in one call: one reading, all quantities known, finite and in range
            → the same of several readings
            → otherwise record by record: good values, doubtful values with their flag, refusals in words
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from ingest.journal import Counts, JournalBatch
from ingest.transport import Message, Oversized
from sensors.families import CONTRACTS
from sensors.families.contract import FUTURE_MS, NOT_NOMINAL, Contract, instant, values_of
from sensors.formats.native import decode
from sensors.instants import DAY_MS, HOUR_MS
from sensors.quantities import Family
from sensors.reading import NO_DOUBTS, Period, Reading
from sensors.refusals import Refusal, Refused
from sensors.stations import Registry
from sensors.topics import parse_topic
from store.books import Window
from store.letters import DeadLetter

# Chosen: a hundred times the devices of a large city. Past them a new unknown station is noise or an attack.
MAX_UNKNOWN_STATIONS = 10_000
# Chosen: routes are about 1 KB each; a broker with more topics than this is judged topic by topic, only slower.
_MAX_ROUTES = 100_000
# Chosen: what a dead letter shows of a message with thousands of bad parts; the bytes are all there.
MAX_REFUSALS_SHOWN = 100


class Verdict(NamedTuple):
    """What one batch comes to. `positions[i]` is the position in the batch of the message that `readings[i]` came in."""

    batch: JournalBatch
    readings: list[Reading]
    positions: list[int]
    letters: dict[int, DeadLetter]
    counts: Counts
    unknown: dict[tuple[str, str], str]


class _Route(NamedTuple):
    contract: Contract
    family: Family
    station: str
    period: Period
    unknown: bool
    origin: int


class Intake:
    """Judges batches with one version of the registry.

    `unknown` are the unknown stations admitted so far (it grows here, up to MAX_UNKNOWN_STATIONS), `origin_of` gives the
    books' number of a topic, `horizon_days` is how old a live reading may be and `horizons` the same by replay profile.
    """

    def __init__(
        self,
        registry: Registry,
        unknown: set[tuple[str, str]],
        origin_of: Callable[[str], int],
        *,
        horizon_days: int,
        horizons: Mapping[str, int],
    ) -> None:
        self.registry = registry
        self._unknown = unknown
        self._origin_of = origin_of
        self._horizon_ms = horizon_days * DAY_MS
        self._horizons_ms = {source: days * DAY_MS for source, days in horizons.items()}
        self._routes: dict[str, _Route] = {}

    def judge(self, batch: JournalBatch) -> Verdict:
        """The verdict on every message of `batch`."""
        received_at, number = batch.received_at, batch.id
        earliest, latest = received_at - self._horizon_ms, received_at + FUTURE_MS
        readings: list[Reading] = []
        positions: list[int] = []
        letters: dict[int, DeadLetter] = {}
        unknown: dict[tuple[str, str], str] = {}
        instants: dict[int | str, int] = {}
        readings_refused = quantities_refused = 0
        routes, new, add, add_position = self._routes, tuple.__new__, readings.append, positions.append
        for position, message in enumerate(batch.messages):
            topic, payload = message
            route = routes.get(topic) or self._route(topic)
            if type(route) is _Route and type(payload) is bytes:
                contract, family, station, period, is_unknown, origin = route
                if is_unknown:
                    unknown[family, station] = topic
                try:
                    sent = contract.nominal(payload)
                    at = sent.at
                    if type(at) is not int:
                        at = instants.get(at) or instants.setdefault(at, instant(at, "at"))
                except (*NOT_NOMINAL, Refused):
                    pass
                else:
                    if earliest <= at <= latest:
                        values = values_of(sent.values)
                        if contract.may_be_finer(payload):
                            values = contract.quantised(values)
                        # A third of the time of Reading(…), which is 0.3 µs. In the order of its fields.
                        it = (
                            family, station, period, at, received_at, values, NO_DOUBTS, 0, None, is_unknown, origin, number,
                        )  # fmt: skip
                        add(new(Reading, it))
                        add_position(position)
                        continue
            found, refusals, whole = self._judge_closely(message, route, received_at, number)
            readings += found
            positions += [position] * len(found)
            if refusals:
                letters[position] = dead_letter(number, position, received_at, message, refusals)
                readings_refused += whole
                quantities_refused += sum(refusal.quantity is not None for refusal in refusals)
        counts = Counts(
            written=len(batch.messages) - len(letters),
            refused=len(letters),
            readings_written=len(readings),
            readings_refused=readings_refused,
            quantities_refused=quantities_refused,
        )
        return Verdict(batch, readings, positions, letters, counts, unknown)

    def _judge_closely(
        self, message: Message, route: _Route | Refusal, received_at: int, batch: int
    ) -> tuple[list[Reading], list[Refusal], int]:
        """Readings, refusals, and how many readings were refused as a whole."""
        payload = message.payload
        if isinstance(payload, Oversized):
            return [], [_too_large(payload)], 0
        if isinstance(route, Refusal):
            return [], [route], 0
        ordinary = self._several(route, payload, received_at, batch)
        if ordinary:
            return ordinary, [], 0
        try:
            records = decode(payload)
        except Refused as refused:
            return [], [refused.refusal], 0
        readings: list[Reading] = []
        refusals: list[Refusal] = []
        whole = 0
        for index, sent in enumerate(records):
            try:
                record = route.contract.judge(sent, route.station, received_at, self._horizon_of(sent))
            except Refused as refused:
                refusals.append(refused.refusal._replace(reading=index))
                whole += 1
                continue
            refusals += [refusal._replace(reading=index) for refusal in record.refusals]
            if record.refusals and not record.values and not record.doubtful:
                whole += 1  # nothing of it is left to store
                continue
            readings.append(
                Reading(
                    route.family,
                    route.station,
                    route.period,
                    record.observed_at,
                    received_at,
                    record.values,
                    record.doubtful,
                    record.seq,
                    record.issued,
                    route.unknown,
                    route.origin,
                    batch,
                )
            )
        return readings, refusals, whole

    def _several(self, route: _Route, payload: bytes, received_at: int, batch: int) -> list[Reading]:
        """The readings of a message that holds several, where all of them are ordinary; else none."""
        contract, family, station, period, unknown, origin = route
        try:
            several = [(instant(sent.at, "at"), values_of(sent.values)) for sent in contract.nominals(payload)]
        except (*NOT_NOMINAL, Refused):
            return []
        if not all(received_at - self._horizon_ms <= at <= received_at + FUTURE_MS for at, _ in several):
            return []
        if contract.may_be_finer(payload):
            several = [(at, contract.quantised(values)) for at, values in several]
        return [
            Reading(family, station, period, at, received_at, values, NO_DOUBTS, 0, None, unknown, origin, batch)
            for at, values in several
        ]

    def _horizon_of(self, record: object) -> int:
        source = record.get("source") if isinstance(record, dict) else None
        return self._horizons_ms.get(source, self._horizon_ms) if isinstance(source, str) else self._horizon_ms

    def _route(self, topic: str) -> _Route | Refusal:
        if len(self._routes) >= _MAX_ROUTES:
            self._routes.clear()
        route = self._find_route(topic)
        # Only what was found: a refusal is as long as its topic (64 KiB), and cheap.
        if isinstance(route, _Route):
            self._routes[topic] = route
        return route

    def _find_route(self, topic: str) -> _Route | Refusal:
        try:
            address = parse_topic(topic)
        except Refused as refused:
            return refused.refusal
        contract = CONTRACTS.get(address.family)
        if contract is None:
            return Refusal(
                "unknown_topic",
                "family",
                f"family {address.family} has no contract yet",
                f"this version takes {', '.join(CONTRACTS)}",
            )
        unknown = not self.registry.knows(address.family, address.station)
        if unknown and (address.family, address.station) not in self._unknown:
            if len(self._unknown) >= MAX_UNKNOWN_STATIONS:
                return Refusal(
                    "too_many_unknown_stations",
                    "station",
                    f"{address.station} is not in the registry, and {MAX_UNKNOWN_STATIONS} other unknown stations came before it",
                    "adopt the stations that are yours (cityflux stations unknown) and shut out the others at the broker",
                )
            self._unknown.add((address.family, address.station))
        return _Route(contract, address.family, address.station, address.period, unknown, self._origin_of(topic))


def dead_letter(batch: int, position: int, received_at: int, message: Message, refusals: list[Refusal]) -> DeadLetter:
    """The dead letter of one message, with its bytes and the first hundred of its refusals."""
    payload, sha256 = message.payload, None
    length = len(payload)
    if isinstance(payload, Oversized):
        length, sha256, payload = payload.length, payload.sha256, payload.head
    return DeadLetter(
        batch, position, received_at, message.topic, payload, length, sha256, tuple(refusals[:MAX_REFUSALS_SHOWN])
    )


def changed_by(readings: Iterable[Reading]) -> dict[Window, set[str]]:
    """The windows that readings of known stations change: the UTC hour in which each of them ends."""
    windows: dict[Window, set[str]] = {}
    stations: set[str] = set()
    family = period = ""
    since = until = 0
    # By position, and the window looked up only where it is not that of the reading before: a third of the obvious way.
    for it in readings:
        if it[9]:  # of an unknown station
            continue
        at = it[3]
        if not since < at <= until or it[0] is not family or it[2] is not period:
            family, period, hour = it[0], it[2], (at - 1) // HOUR_MS
            since, until = hour * HOUR_MS, (hour + 1) * HOUR_MS
            stations = windows.setdefault((family, period, hour), set())
        stations.add(it[1])
    return windows


def _too_large(payload: Oversized) -> Refusal:
    return Refusal(
        "too_large",
        "payload",
        f"{payload.length} bytes, more than the cap; the first {len(payload.head)} are kept",
        "send fewer readings in one message, or raise payload_cap",
    )


__all__ = ["MAX_REFUSALS_SHOWN", "MAX_UNKNOWN_STATIONS", "Intake", "Verdict", "changed_by", "dead_letter"]
