"""Intake: topic and payload to readings, or a dead letter. The page to read first.

A function of (message, received_at, registry version, admitted unknown stations) and of nothing else: no clock, no
I/O, so a second verdict on a batch equals the first. `Intake.judge` looks at each message once:

    topic   → route: which family's contract, which station, whether the registry knows it      (cached per topic)
              or which source takes it, whose format then says the devices                      (`sensors/sources`)
    payload → the ordinary case, in one call: one reading, all quantities known, finite and in range
            → the same of several readings, or of a source's samples
            → otherwise record by record: good values, doubtful values with their flag, refusals in words
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, cast

from ingest.journal import Counts, JournalBatch
from ingest.transport import Message, Oversized
from sensors.families import CONTRACTS
from sensors.families.contract import FUTURE_MS, NOT_NOMINAL, Contract, instant, values_of
from sensors.formats.native import decode
from sensors.formats.sample import Sample, Vitals
from sensors.instants import DAY_MS, HOUR_MS
from sensors.quantities import Family
from sensors.reading import NO_DOUBTS, Period, Reading
from sensors.refusals import Refusal, Refused
from sensors.sources import NO_SOURCES, Source, Sources
from sensors.stations import Registry
from sensors.topics import NATIVE, parse_topic
from store.books import Unknown, Window
from store.letters import DeadLetter

# Chosen: a hundred times the devices of a large city. Past them a new unknown station is noise or an attack.
MAX_UNKNOWN_STATIONS = 10_000
# Chosen: routes are about 1 KB each; a broker with more topics than this is judged topic by topic, only slower.
_MAX_ROUTES = 100_000
# Chosen: devices that one topic of a gateway or platform speaks for, and are remembered; past them it is only slower.
_MAX_DEVICES = 10_000
# Chosen: what a dead letter shows of a message with thousands of bad parts; the bytes are all there.
MAX_REFUSALS_SHOWN = 100


class Verdict(NamedTuple):
    """What one batch comes to. `positions[i]` is the position in the batch of the message that `readings[i]` came in."""

    batch: JournalBatch
    readings: list[Reading]
    positions: list[int]
    letters: dict[int, DeadLetter]
    counts: Counts
    unknown: dict[tuple[str, str], Unknown]
    vitals: list[tuple[tuple[str, str], Vitals]]
    """What devices say of themselves, by (family, station), in the order of the batch."""


class _Route(NamedTuple):
    contract: Contract
    family: Family
    station: str
    period: Period
    unknown: bool
    origin: int


class _Sent(NamedTuple):
    """A route of a source's topic: `parts` is the topic's level by placeholder; `known` has (device, station) of samples, by the
    device they name, where the registry knows the station and at all times the same."""

    source: Source
    parts: Mapping[str, str]
    origin: int
    known: dict[str | None, tuple[str | None, str]]


class _Seen(NamedTuple):
    """What a batch tells beside its readings: unknown stations, and how devices are."""

    unknown: dict[tuple[str, str], Unknown]
    vitals: list[tuple[tuple[str, str], Vitals]]


_Found = tuple[list[Reading], list[Refusal], int]
"""Of one message: readings, refusals, and how many readings were refused as a whole."""


class Intake:
    """Judges batches with one version of the registry.

    `unknown` are the unknown stations admitted so far (it grows here, up to MAX_UNKNOWN_STATIONS), `origin_of` gives the
    books' number of a topic, `horizon_days` is how old a live reading may be and `horizons` the same by replay profile;
    `sources` take the topics that are not the native format's.
    """

    def __init__(
        self,
        registry: Registry,
        unknown: set[tuple[str, str]],
        origin_of: Callable[[str], int],
        *,
        horizon_days: int,
        horizons: Mapping[str, int],
        sources: Sources = NO_SOURCES,
    ) -> None:
        self.registry = registry
        self._sources = sources
        self._unknown = unknown
        self._origin_of = origin_of
        self._horizon_ms = horizon_days * DAY_MS
        self._horizons_ms = {source: days * DAY_MS for source, days in horizons.items()}
        self._routes: dict[str, _Route | _Sent] = {}

    def judge(self, batch: JournalBatch) -> Verdict:
        """The verdict on every message of `batch`."""
        received_at, number = batch.received_at, batch.id
        earliest, latest = received_at - self._horizon_ms, received_at + FUTURE_MS
        readings: list[Reading] = []
        positions: list[int] = []
        letters: dict[int, DeadLetter] = {}
        seen = _Seen({}, [])
        instants: dict[int | str, int] = {}
        readings_refused = quantities_refused = 0
        routes, new, add, add_position = self._routes, tuple.__new__, readings.append, positions.append
        for position, message in enumerate(batch.messages):
            topic, payload = message
            route = routes.get(topic) or self._route(topic)
            if type(route) is _Route and type(payload) is bytes:
                contract, family, station, period, is_unknown, origin = route
                if is_unknown and (family, station) not in seen.unknown:
                    seen.unknown[family, station] = _native_unknown(topic, payload)
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
            if type(route) is _Sent and type(payload) is bytes:
                one = self._judge_sent(message, route, received_at, number, seen)
                if type(one) is Reading:
                    add(one)
                    add_position(position)
                    continue
                found, refusals, whole = cast("_Found", one)
            else:
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
        return Verdict(batch, readings, positions, letters, counts, *seen)

    def _judge_sent(
        self, message: Message, route: _Sent, received_at: int, batch: int, seen: _Seen
    ) -> Reading | _Found:
        """A source's message: its reading where it is ordinary, else all there is to say of it."""
        try:
            samples = route.source.decode(cast("bytes", message.payload))
        except Refused as refused:
            return [], [refused.refusal], 0
        reading = self._ordinary(samples, route, received_at, batch)
        return reading or self._judge_samples(samples, message, route, received_at, batch, seen)

    def _ordinary(
        self, samples: Sequence[Sample | Refusal], route: _Sent, received_at: int, batch: int
    ) -> Reading | None:
        """The reading of a message that is one ordinary sample of a station we know; None for every other."""
        sample = samples[0] if len(samples) == 1 else None
        if type(sample) is not Sample:
            return None
        source, parts, origin, known = route
        device, at, _, statuses, _, period, issued, seq, vitals, _ = sample
        if at is None or statuses or issued is not None or vitals is not None:
            return None
        whose = known.get(device) or self._remember(sample, source, parts, known)
        if whose is None:
            return None
        if period is None:
            period = source.period
            if not source.stamps_end:
                at = source.end_of(sample, received_at)
        horizon_ms = self._horizon_ms if source.horizon_ms is None else source.horizon_ms
        if not received_at - horizon_ms <= at <= received_at + FUTURE_MS:
            return None
        values = source.ordinary(sample, whose[0])
        if not values:
            return None
        # As in `judge`, and for the same reason.
        it = (
            source.family, whose[1], period, at, received_at, values, NO_DOUBTS, seq, None, False, origin, batch,
        )  # fmt: skip
        return tuple.__new__(Reading, it)

    def _remember(
        self, sample: Sample, source: Source, parts: Mapping[str, str], known: dict[str | None, tuple[str | None, str]]
    ) -> tuple[str | None, str] | None:
        """Find device and station of a sample, for `known`; None where that depends on the time, or on more than the registry."""
        try:
            device = source.device_of(sample, parts)
            entries = () if device is None else self.registry.entries_of(device)
            station = source.station_of(device, parts) if not entries else entries[0].id
        except Refused:
            return None
        dated = [entry for entry in entries if entry.family != source.family or entry.active_from or entry.active_to]
        if dated or not self.registry.knows(source.family, station):
            return None
        if len(known) >= _MAX_DEVICES:
            known.clear()
        known[sample.device] = device, station
        return device, station

    def _judge_samples(
        self,
        samples: Sequence[Sample | Refusal],
        message: Message,
        route: _Sent,
        received_at: int,
        batch: int,
        seen: _Seen,
    ) -> _Found:
        """A source's message, sample by sample."""
        source = route.source
        readings: list[Reading] = []
        refusals: list[Refusal] = []
        whole = 0
        for index, sample in enumerate(samples):
            if isinstance(sample, Refusal):
                refusals.append(sample._replace(reading=index))
                whole += 1
                continue
            try:
                device, station, unknown = self._whose(sample, route, message, received_at, seen)
                if sample.vitals is not None:
                    seen.vitals.append(((source.family, station), sample.vitals))
                if not sample.values and not sample.statuses:
                    continue  # it says how the device is, and nothing else
                reading, refused_parts = self._judge_sample(sample, route, device, station, received_at)
            except Refused as refused:
                refusals.append(refused.refusal._replace(reading=index))
                whole += 1
                continue
            refusals += [refusal._replace(reading=index) for refusal in refused_parts]
            if not reading.values and not reading.doubtful:
                whole += bool(refused_parts)  # nothing of it is left to store, or nothing of it is ours
                continue
            readings.append(reading._replace(unknown_station=unknown, origin=route.origin, batch=batch))
        return readings, refusals, whole

    def _judge_sample(
        self, sample: Sample, route: _Sent, device: str | None, station: str, received_at: int
    ) -> tuple[Reading, list[Refusal]]:
        """The reading of one sample, and what was refused of it. Raises Refused."""
        source = route.source
        family, period = source.family, source.period_of(sample)
        at = source.end_of(sample, received_at)
        horizon_ms = self._horizon_ms if source.horizon_ms is None else source.horizon_ms
        values = source.ordinary(sample, device)
        if values is not None and sample.issued is None and received_at - horizon_ms <= at <= received_at + FUTURE_MS:
            return Reading(family, station, period, at, received_at, values, seq=sample.seq), []
        placed = source.placed(sample, device)
        record = source.contract.judge(source.record(sample, placed, at), station, received_at, horizon_ms)
        refusals = [one.refusal for one in placed if one.refusal is not None] + record.refusals
        reading = Reading(
            family, station, period, at, received_at, record.values, record.doubtful, record.seq, record.issued
        )
        return reading, refusals

    def _whose(
        self, sample: Sample, route: _Sent, message: Message, received_at: int, seen: _Seen
    ) -> tuple[str | None, str, bool]:
        """The device by its own name, its station, and whether the registry does not know it. Raises Refused."""
        source, parts, _, _ = route
        family = source.family
        device = source.device_of(sample, parts)
        station = None
        if device is not None:
            entry = self.registry.station_of(device, received_at if sample.at is None else sample.at)
            if entry is not None and entry[0] != family:
                raise Refused(
                    "unknown_device",
                    "device",
                    f"{device!r} is {entry[0]} station {entry[1]} in the registry, and source {source.name} is of {family}",
                    "correct the registry, or let another source take the topic",
                )
            station = None if entry is None else entry[1]
        if station is None:
            station = source.station_of(device, parts)
        if self.registry.knows(family, station):
            return device, station, False
        self._admit(family, station)
        if (family, station) not in seen.unknown:
            period = source.period_of(sample)
            payload = cast("bytes", message.payload)
            seen.unknown[family, station] = Unknown(
                message.topic, source.district_of(parts), period, source.name, device, payload
            )
        return device, station, True

    def _judge_closely(self, message: Message, route: _Route | _Sent | Refusal, received_at: int, batch: int) -> _Found:
        """A message of the native format, record by record; or one that is nobody's."""
        payload = message.payload
        if isinstance(payload, Oversized):
            return [], [_too_large(payload)], 0
        if isinstance(route, Refusal):
            return [], [route], 0
        assert isinstance(route, _Route)  # noqa: S101 - a source's message of bytes went another way
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

    def _route(self, topic: str) -> _Route | _Sent | Refusal:
        if len(self._routes) >= _MAX_ROUTES:
            self._routes.clear()
        route = self._find_route(topic)
        # Only what was found: a refusal is as long as its topic (64 KiB), and cheap.
        if not isinstance(route, Refusal):
            self._routes[topic] = route
        return route

    def _find_route(self, topic: str) -> _Route | _Sent | Refusal:
        if not topic.startswith(NATIVE) and (found := self._sources.of(topic)) is not None:
            return _Sent(*found, self._origin_of(topic), {})
        try:
            family, station, period = parse_topic(topic)[1:]
            unknown = not self.registry.knows(family, station)
            if unknown:
                self._admit(family, station)
        except Refused as refused:
            return refused.refusal
        return _Route(CONTRACTS[family], family, station, period, unknown, self._origin_of(topic))

    def _admit(self, family: Family, station: str) -> None:
        """Take in an unknown station. Raises Refused where there are too many."""
        if (family, station) in self._unknown:
            return
        if len(self._unknown) >= MAX_UNKNOWN_STATIONS:
            raise Refused(
                "too_many_unknown_stations",
                "station",
                f"{station} is not in the registry, and {MAX_UNKNOWN_STATIONS} other unknown stations came before it",
                "adopt the stations that are yours (cityflux stations unknown) and shut out the others at the broker",
            )
        self._unknown.add((family, station))


def _native_unknown(topic: str, payload: bytes) -> Unknown:
    district, _, _, period = parse_topic(topic)
    return Unknown(topic, district, period, "native", None, payload)


def dead_letter(batch: int, position: int, received_at: int, message: Message, refusals: list[Refusal]) -> DeadLetter:
    """The dead letter of one message, with its bytes and the first hundred of its refusals."""
    payload, sha256 = message.payload, None
    length = len(payload)
    if isinstance(payload, Oversized):
        length, sha256, payload = payload.length, payload.sha256, payload.head
    return DeadLetter(
        batch, position, received_at, message.topic, payload, length, sha256, tuple(refusals[:MAX_REFUSALS_SHOWN])
    )


def changed_by(readings: Iterable[Reading]) -> tuple[dict[Window, set[str]], dict[Window, int]]:
    """The windows that readings of known stations change, the UTC hour in which each of them ends; and of each window the
    earliest instant that changed [ms]."""
    windows: dict[Window, set[str]] = {}
    earliest: dict[Window, int] = {}
    stations: set[str] = set()
    family = period = ""
    since = until = first = 0
    window: Window | None = None
    # By position, and the window looked up only where it is not that of the reading before: a third of the obvious way.
    for it in readings:
        if it[9]:  # of an unknown station
            continue
        at = it[3]
        if not since < at <= until or it[0] is not family or it[2] is not period:
            if window is not None:
                earliest[window] = first
            family, period, hour = it[0], it[2], (at - 1) // HOUR_MS
            since, until = hour * HOUR_MS, (hour + 1) * HOUR_MS
            window = family, period, hour
            stations = windows.setdefault(window, set())
            first = min(at, earliest.get(window, at))
        elif at < first:
            first = at
        stations.add(it[1])
    if window is not None:
        earliest[window] = first
    return windows, earliest


def _too_large(payload: Oversized) -> Refusal:
    return Refusal(
        "too_large",
        "payload",
        f"{payload.length} bytes, more than the cap; the first {len(payload.head)} are kept",
        "send fewer readings in one message, or raise payload_cap",
    )


__all__ = ["MAX_REFUSALS_SHOWN", "MAX_UNKNOWN_STATIONS", "Intake", "Verdict", "changed_by", "dead_letter"]
