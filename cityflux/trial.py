"""What would become of a message: the steps it goes through, and intake's own verdict on it. Nothing is written anywhere.

The steps show what intake does, field by field; the verdict is intake's, so that the two cannot differ.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any

from ingest.intake import Intake
from ingest.journal import JournalBatch
from ingest.transport import Message
from sensors.formats.sample import Sample
from sensors.instants import iso
from sensors.reading import Reading
from sensors.refusals import Refusal, Refused
from sensors.sources import Source, Sources
from sensors.sources.source import Placed
from sensors.stations import Registry
from sensors.topics import NATIVE


@dataclass(frozen=True)
class Trial:
    """One message: who takes it, its samples with what became of each field, and the verdict."""

    topic: str
    source: Source | None
    """None: the native format, or nobody."""
    parts: Mapping[str, str] = field(default_factory=dict)
    samples: Sequence[tuple[Sample | Refusal, Sequence[Placed]]] = ()
    readings: Sequence[Reading] = ()
    refusals: Sequence[Refusal] = ()

    def as_data(self, zone: tzinfo) -> dict[str, Any]:
        """Plain data, for scripts; times in `zone`."""
        return {
            "topic": self.topic,
            "source": self.taken_by,
            "levels": dict(self.parts),
            "samples": [_sample(sample, placed, zone) for sample, placed in self.samples],
            "readings": [_reading(reading, zone) for reading in self.readings],
            "refusals": [refusal._asdict() for refusal in self.refusals],
        }

    @property
    def taken_by(self) -> str | None:
        """The source's name, `native`, or None where nobody takes the topic."""
        if self.source is not None:
            return self.source.name
        return "native" if self.topic.startswith(NATIVE) else None


def trial(
    topic: str, payload: bytes, sources: Sources, registry: Registry, *, received_at: int, horizon_days: int
) -> Trial:
    """The message as of its receipt at `received_at` [ms]."""
    intake = Intake(registry, set(), lambda _: 0, horizon_days=horizon_days, horizons={}, sources=sources)
    verdict = intake.judge(JournalBatch(1, received_at, [Message(topic, payload)]))
    refusals = [refusal for letter in verdict.letters.values() for refusal in letter.refusals]
    taken = None if topic.startswith(NATIVE) else sources.of(topic)
    if taken is None:
        return Trial(topic, None, {}, (), verdict.readings, refusals)
    source, parts = taken
    return Trial(topic, source, parts, _steps(source, parts, payload), verdict.readings, refusals)


def _steps(
    source: Source, parts: Mapping[str, str], payload: bytes
) -> Sequence[tuple[Sample | Refusal, Sequence[Placed]]]:
    try:
        samples = source.decode(payload)
    except Refused:
        return ()  # the verdict says it
    steps: list[tuple[Sample | Refusal, Sequence[Placed]]] = []
    for sample in samples:
        try:
            device = None if isinstance(sample, Refusal) else source.device_of(sample, parts)
        except Refused:
            device = None
        steps.append((sample, [] if isinstance(sample, Refusal) else source.placed(sample, device)))
    return steps


def _sample(sample: Sample | Refusal, placed: Sequence[Placed], zone: tzinfo) -> dict[str, Any]:
    if isinstance(sample, Refusal):
        return {"refused": sample._asdict()}
    return {
        "device": sample.device,
        "at": _shown(sample.at, zone),
        "vitals": None
        if sample.vitals is None
        else {k: v for k, v in sample.vitals._asdict().items() if v is not None},
        "fields": [
            {
                "field": one.field,
                "sent": one.sent,
                "unit": one.unit,
                "quantity": one.quantity,
                "value": one.value,
                "status": one.status,
                "outcome": outcome(one),
            }
            for one in placed
        ],
    }


def outcome(placed: Placed) -> str:
    """What became of a field, in a word or the refusal's text."""
    if placed.refusal is not None:
        return f"refused: {placed.refusal.detail}; {placed.refusal.fix}"
    return placed.why or "taken"


def _reading(reading: Reading, zone: tzinfo) -> dict[str, Any]:
    return {
        "family": reading.family,
        "station": reading.station,
        "period": reading.period,
        "observed_at": _shown(reading.observed_at, zone),
        "values": dict(reading.values),
        "flags": {code: doubt._asdict() for code, doubt in reading.doubtful.items()},
        "seq": reading.seq,
        "unknown_station": reading.unknown_station,
    }


def _shown(at: int | None, zone: tzinfo) -> str | None:
    try:
        return None if at is None else iso(at, zone)
    except OverflowError:
        return f"{at} ms"


__all__ = ["Trial", "outcome", "trial"]
