"""Captures: what devices and platforms send, each with the readings or refusals that its document says.

    tests/data/<format>/<case>/topic, payload, source.toml, expected.json

`expected.json` has `readings` (station, family, period, at: null where it is the receipt's; values; doubtful: flag and value),
`refusals` (code, field) and `vitals` (station and what is told of the device). What is expected was worked out from the document,
by hand.
"""

import json
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from ingest.intake import Intake, Verdict
from ingest.journal import JournalBatch
from ingest.transport import Message
from sensors.instants import to_millis
from sensors.sources import Sources, parse_sources
from sensors.stations import Registry

_FOLDER = Path(__file__).parent / "data"
NOW = to_millis(datetime.fromisoformat("2026-07-06T12:00:00+08:00"))


class Capture(NamedTuple):
    """One message, the source that takes it, and what it comes to."""

    name: str
    topic: str
    payload: bytes
    source: str
    readings: list[dict[str, Any]]
    refusals: list[dict[str, Any]]
    vitals: list[dict[str, Any]]

    @property
    def format(self) -> str:
        """The format it is of."""
        return self.name.partition("/")[0]

    def judged(self, payload: bytes | None = None) -> Verdict:
        """Intake's verdict on the message, or on another payload under its topic."""
        sources = Sources(parse_sources(self.source, self.name, ZoneInfo("Asia/Shanghai")))
        intake = Intake(Registry(()), set(), lambda topic: 1, horizon_days=400, horizons={}, sources=sources)
        sent = self.payload if payload is None else payload
        return intake.judge(JournalBatch(1, NOW, [Message(self.topic, sent)]))


def _read(folder: Path) -> Capture:
    return Capture(
        f"{folder.parent.name}/{folder.name}",
        (folder / "topic").read_text("utf-8").strip(),
        (folder / "payload").read_bytes(),
        (folder / "source.toml").read_text("utf-8"),
        **json.loads((folder / "expected.json").read_text("utf-8")),
    )


CAPTURES = [_read(path.parent) for path in sorted(_FOLDER.glob("*/*/topic"))]


def readings_of(verdict: Verdict) -> list[dict[str, Any]]:
    """The readings of a verdict, as `expected.json` writes them."""
    found = []
    for reading in verdict.readings:
        at = None if reading.observed_at == NOW else reading.observed_at
        one: dict[str, Any] = {
            "station": reading.station,
            "family": reading.family,
            "period": reading.period,
            "at": at,
            "values": reading.values,
        }
        if reading.doubtful:
            one["doubtful"] = {code: [doubt.flag, doubt.value] for code, doubt in reading.doubtful.items()}
        found.append(one)
    return found


def in_millis(readings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Expected readings, their times in ms."""
    return [
        {**one, "at": None if one["at"] is None else to_millis(datetime.fromisoformat(one["at"]))} for one in readings
    ]
