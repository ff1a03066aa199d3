"""Radar: looks at some of the messages that come, and tells when a station's messages are other than they were, before that
becomes a flood of dead letters. Of every topic one message a minute is looked at, and every refused one up to a bound.

Beside the path: it reads what was judged and changes nothing. What it finds is kept by `store/drifts.py`.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import structlog

from ingest.intake import Verdict
from sensors.families.contract import instant
from sensors.formats.native import decode
from sensors.formats.sample import Sample
from sensors.refusals import Refusal, Refused
from sensors.shapes import LEARN, Part, Profile, part_of, shape_of_record
from sensors.sources import Source, Sources
from sensors.stations import Registry
from sensors.topics import NATIVE, parse_topic
from store.books import BooksUnavailable
from store.drifts import Drift, Drifts, Of

log = structlog.get_logger()

# Chosen: a change is told within a minute, and looking costs some 50 µs a topic and minute.
_LOOK_EVERY_MS = 60_000
# Chosen: refused messages of a batch that are looked at at once.
_MOST_REFUSED = 20
# Chosen: topics and stations that are remembered, as in intake; past them the oldest knowledge is learnt again.
_MOST_TOPICS = 100_000
# Chosen: samples of one message that are looked at.
_MOST_SAMPLES = 100
_EXAMPLE_BYTES = 2 << 10
_KEEP_EVERY_S = 5.0
# Chosen: a profile in which nothing is new is kept each so many looks; what a restart forgets of it is how often it was so.
_KEPT_EVERY = 60


@dataclass(slots=True)
class _Topic:
    """When a topic is to be looked at next [ms], and how many messages came since it was."""

    due: int
    count: int = 0


class _Look(NamedTuple):
    """One sample of a message, as the radar sees it; `at` [ms] where it has a time."""

    of: Of
    at: int | None
    shape: Mapping[str, Part]


class Radar:
    """`registry` gives the present registry. It looks at nothing before it is told what was known before (`know`)."""

    def __init__(self, sources: Sources, registry: Callable[[], Registry]) -> None:
        self._sources = sources
        self._registry = registry
        self._profiles: dict[Of, Profile] | None = None
        self._topics: dict[str, _Topic] = {}
        self._times: dict[Of, int] = {}
        self._changed: set[Of] = set()
        self._drifts: list[Drift] = []

    def know(self, profiles: Mapping[Of, Profile]) -> None:
        """Begin, with what was known before."""
        self._profiles = dict(profiles)

    def look(self, verdict: Verdict) -> None:
        """Look at a batch that was judged."""
        if self._profiles is None:
            return
        received_at, topics = verdict.batch.received_at, self._topics
        # By position how many messages came since the topic was looked at, this one among them; 0 where that is not known.
        chosen = dict.fromkeys(list(verdict.letters)[:_MOST_REFUSED], 0)
        for position, message in enumerate(verdict.batch.messages):
            topic = topics.get(message.topic)
            if topic is not None:
                topic.count += 1
                if received_at < topic.due:
                    continue
                chosen[position] = topic.count
            else:
                chosen[position] = 0
                if len(topics) >= _MOST_TOPICS:
                    topics.clear()
            topics[message.topic] = _Topic(received_at + _LOOK_EVERY_MS)
        for position, count in chosen.items():
            name, payload = verdict.batch.messages[position]
            if isinstance(payload, bytes):
                self._close(self._profiles, name, payload, received_at, count)

    def take(self) -> tuple[dict[Of, Profile], list[Drift]]:
        """Profiles that changed and drifts that were found since the last time."""
        changed, drifts = {of: (self._profiles or {})[of] for of in self._changed}, self._drifts
        self._changed, self._drifts = set(), []
        return changed, drifts

    def give_back(self, changed: Mapping[Of, Profile], drifts: list[Drift]) -> None:
        """What could not be kept, to be taken again."""
        self._changed |= changed.keys()
        self._drifts = [*drifts, *self._drifts][-_MOST_TOPICS:]

    def _close(self, profiles: dict[Of, Profile], topic: str, payload: bytes, received_at: int, count: int) -> None:
        looks = list(self._looks(topic, payload, received_at))
        for of, at, shape in looks:
            if len(profiles) >= _MOST_TOPICS and of not in profiles:
                continue
            profile = profiles.setdefault(of, Profile())
            # A rate is known where a topic is of one station; a gateway's many devices come as they like.
            interval_ms = None
            if at is not None and len(looks) == 1:
                before = self._times.get(of)
                interval_ms = (at - before) / count if before is not None and count else None
                if count or before is None:
                    self._times[of] = at
            changes = profile.look(shape, interval_ms)
            if changes or profile.looks <= LEARN + 1 or profile.looks % _KEPT_EVERY == 0:
                self._changed.add(of)
            self._drifts += [
                Drift(*of, *change, first_seen=received_at, topic=topic, example=payload[:_EXAMPLE_BYTES])
                for change in changes
            ]

    def _looks(self, topic: str, payload: bytes, received_at: int) -> Iterator[_Look]:
        """What can be read of a message; what cannot is intake's to refuse."""
        try:
            if topic.startswith(NATIVE):
                _, family, station, _ = parse_topic(topic)
                record = decode(payload)[-1]
                if shape := shape_of_record(record):
                    yield _Look(Of("native", family, station), _time(record), shape)
                return
            found = self._sources.of(topic)
            if found is None:
                return
            source, parts = found
            for sample in source.decode(payload)[:_MOST_SAMPLES]:
                if isinstance(sample, Refusal) or not sample.values:
                    continue
                station = self._station(source, sample, parts, received_at) or topic
                shape = {name: part_of(value, sample.units.get(name)) for name, value in sample.values.items()}
                yield _Look(Of(source.name, source.family, station), sample.at, shape)
        except Refused:
            return

    def _station(self, source: Source, sample: Sample, parts: Mapping[str, str], received_at: int) -> str | None:
        try:
            device = source.device_of(sample, parts)
            at = received_at if sample.at is None else sample.at
            entry = None if device is None else self._registry().station_of(device, at)
            return source.station_of(device, parts) if entry is None else entry[1]
        except Refused:
            return None


def _time(record: object) -> int | None:
    at = record.get("at") if isinstance(record, dict) else None
    try:
        return instant(at, "at") if isinstance(at, int | str) and not isinstance(at, bool) else None
    except Refused:
        return None


async def keep(radar: Radar, drifts: Drifts) -> None:
    """For ever: write to the books what the radar found, and say it. What cannot be written is kept for the next time."""
    while True:
        await asyncio.sleep(_KEEP_EVERY_S)
        changed, found = radar.take()
        try:
            new = drifts.add(changed, found) if changed or found else []
        except BooksUnavailable as error:
            log.debug("what the radar found is not written", why=str(error))
            radar.give_back(changed, found)
            continue
        for drift in new[:_MOST_REFUSED]:
            log.warning(
                "messages are other than they were",
                source=drift.source, station=f"{drift.family}/{drift.station}", change=drift.kind, field=drift.field,
                before=drift.before, after=drift.after, topic=drift.topic,
            )  # fmt: skip
        if len(new) > _MOST_REFUSED:
            log.warning("and more of them; `cityflux drifts list` shows all", more=len(new) - _MOST_REFUSED)
