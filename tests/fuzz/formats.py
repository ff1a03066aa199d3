"""Formats and sources under mutated captures: whatever the bytes are, a decoder gives samples or refusals that keep its contract,
intake gives each message an answer, and what was seen before changes neither.

A batch is of one capture, and the formats take turns. Tokens are replaced, doubled, removed and swapped, bytes flipped, payloads
cut, spliced with others of the format, or made of noise. Half of the frames of HJ 212 get a right length and checksum again:
nearly right goes deepest.
"""

import re
from collections import Counter
from functools import cache
from math import isfinite
from random import Random
from zoneinfo import ZoneInfo

from ingest.intake import Intake, Verdict
from ingest.journal import JournalBatch
from ingest.transport import Message
from sensors.formats.catalogue import formats
from sensors.formats.hj212_frame import crc_hj212
from sensors.formats.sample import Decode, Sample, Vitals
from sensors.quantities import OF_FAMILY
from sensors.reading import PERIODS, STATUSES
from sensors.refusals import Refusal, Refused
from sensors.sources import Sources, parse_sources
from sensors.stations import Registry, Station
from tests.captures import CAPTURES, NOW, Capture

BATCH = 100
"""Messages in a batch."""

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*|[a-zA-Z_]+|\s+|.', re.DOTALL)
_FRAME = re.compile(rb"##[0-9]{3,4}(.*?&&)[0-9A-Fa-f]{4}", re.DOTALL)
_ODD = [
    *b'0 -0 1 -1 1e400 1e22 5e-324 NaN Infinity null true false {} [] [[1]] {"a":{}} "" "x" , ; = : && ## -- # 35.5'.split(),
    *(b" ", b"\n", b"\r\n", b"\\", b'" "'),
    *(
        b"0.0005",
        b"99999999999999999999",
        b"1772344800",
        b"1772344800000",
        b"20260301140000",
        b"2026-03-01T14:00:00Z",
    ),
    *(
        b"N",
        b"F",
        b"DataTime",
        b"-Avg",
        b"-Rtd",
        b"-Flag=D",
        b"CP=&&",
        b"PNO=2;",
        b"\xff\xfe",
        b"\x00",
        "\u202e℃".encode(),
    ),
    *(b'"bn":"st-1:"', b'"bt":1772344800', b'"u":"K"', b'"t":-5', b'"vb":true', b"[" * 400, b'{"a":' * 400, b"9" * 400),
]


class Broken(AssertionError):
    """A promise that a decoder or intake does not keep."""


def demand(holds: bool, what: str) -> None:
    """Raises Broken."""
    if not holds:
        raise Broken(what)


def mutated(capture: Capture, rng: Random) -> bytes:
    """One payload made of the capture's."""
    payload = capture.payload
    kind = rng.random()
    if kind < 0.05:
        return rng.randbytes(rng.randrange(60))
    if kind < 0.15:
        return payload[: rng.randrange(len(payload) + 1)]
    if kind < 0.25:
        other = rng.choice([one for one in CAPTURES if one.format == capture.format]).payload
        payload = payload[: rng.randrange(len(payload) + 1)] + other[rng.randrange(len(other) + 1) :]
    elif kind < 0.35:
        data = bytearray(payload)
        for _ in range(rng.randint(1, 3)):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        payload = bytes(data)
    elif kind < 0.97:
        tokens = _TOKEN.findall(payload)
        for _ in range(rng.randint(1, 4)):
            place = rng.randrange(len(tokens))
            match rng.randrange(5):
                case 0:
                    tokens[place] = rng.choice(_ODD)
                case 1:
                    tokens.insert(place, tokens[rng.randrange(len(tokens))])
                case 2 if len(tokens) > 1:
                    del tokens[place]
                case 3:
                    tokens[place] = tokens[rng.randrange(len(tokens))]
                case _:
                    tokens.insert(place, rng.choice(_ODD))
        payload = b"".join(tokens)
    return _FRAME.sub(_sealed, payload) if capture.format == "hj212" and rng.random() < 0.5 else payload


def _sealed(frame: re.Match[bytes]) -> bytes:
    segment = frame[1]
    return b"##%04d%b%04X" % (len(segment), segment, crc_hj212(segment)) if len(segment) <= 1024 else frame[0]


@cache
def _warm(number: int) -> tuple[Intake, Decode]:
    """An intake that has seen the capture of that number, and a decoder of its own that has too."""
    capture = CAPTURES[number]
    intake, decode = _new(capture)
    for _ in range(2):
        intake.judge(JournalBatch(1, NOW, [Message(capture.topic, capture.payload)]))
        decoded(decode, capture.payload)
    return intake, decode


def _new(capture: Capture) -> tuple[Intake, Decode]:
    sources = [parse_sources(capture.source, capture.name, ZoneInfo("Asia/Shanghai")) for _ in range(2)]
    # Some of what is sent is of stations that the registry knows: they take the shortest way.
    known = [
        Station.model_validate({"id": one["station"], "family": one["family"], "name_zh": "x", "district": "x"})
        for one in {reading["station"]: reading for reading in capture.readings}.values()
    ]
    intake = Intake(Registry(known), set(), lambda topic: 1, horizon_days=400, horizons={}, sources=Sources(sources[0]))
    return intake, sources[1][0].decode


def decoded(decode: Decode, payload: bytes) -> object:
    """What a decoder gives: a list, or a refusal of the whole."""
    try:
        return list(decode(payload))
    except Refused as refused:
        return refused.refusal


def capture_of(number: int) -> int:
    """The capture that a batch is of: the formats in turn, of each its captures in turn."""
    names = formats()
    turn, name = divmod(number, len(names))
    of_it = [index for index, capture in enumerate(CAPTURES) if capture.format == names[name]]
    return of_it[turn % len(of_it)]


def format_batch(seed: int, number: int) -> Counter[str]:
    """Judge one batch; what it came to, by name. Raises Broken, or whatever escapes from a decoder."""
    capture = CAPTURES[capture_of(number)]
    rng = Random(f"{seed}/{number}")
    payloads = [mutated(capture, rng) for _ in range(BATCH)]
    warm, its_decode = _warm(capture_of(number))
    fresh, new_decode = _new(capture)
    totals: Counter[str] = Counter()
    for payload in payloads:
        try:
            found = decoded(its_decode, payload)
            check_decoded(found)
            demand(_shown(found) == _shown(decoded(new_decode, payload)), "another decoder says otherwise")
            batch = JournalBatch(1, NOW, [Message(capture.topic, payload)])
            verdict = warm.judge(batch)
            check_verdict(verdict)
            demand(verdict == fresh.judge(batch), "another intake says otherwise")
        except BaseException as error:
            error.add_note(f"{capture.name}: {payload!r}")
            raise
        totals[f"{capture.format}: messages"] += 1
        totals[f"{capture.format}: readings"] += len(verdict.readings)
        totals[f"{capture.format}: refused"] += verdict.counts.refused
    return totals


def check_decoded(found: object) -> None:
    """What a decoder gave keeps the contract of `sensors/formats/sample.py`. Raises Broken."""
    if isinstance(found, Refusal):
        demand(bool(found.detail and found.fix), f"a refusal without words: {found}")
        return
    demand(isinstance(found, list) and bool(found), f"neither samples nor a refusal: {found}")
    for part in found if isinstance(found, list) else []:
        if not isinstance(part, Refusal):
            demand(isinstance(part, Sample), f"neither a sample nor a refusal: {part}")
            _check_sample(part)


def _check_sample(sample: Sample) -> None:
    demand(sample.device is None or (type(sample.device) is str and sample.device != ""), f"device: {sample}")
    demand(sample.at is None or type(sample.at) is int, f"time: {sample}")
    demand(sample.period is None or sample.period in PERIODS, f"period: {sample}")
    demand(all(isinstance(field, str) for field in [*sample.values, *sample.statuses]), f"fields: {sample}")
    demand(all(type(v) in (float, int, str, bool, type(None)) for v in sample.values.values()), f"values: {sample}")
    demand(all(status in STATUSES - {"normal"} for status in sample.statuses.values()), f"statuses: {sample}")
    demand(type(sample.seq) is int and sample.seq >= 0, f"seq: {sample}")
    demand(sample.vitals is None or isinstance(sample.vitals, Vitals), f"vitals: {sample}")
    for told in (sample.vitals or Vitals())[:3]:
        demand(told is None or (type(told) is float and isfinite(told)), f"vitals: {sample}")


def _shown(found: object) -> str:
    """As text, in which NaN is NaN; whatever kind of mapping a sample has, and whatever the sign of a zero."""
    parts = found if isinstance(found, list) else [found]
    return repr([_plain(part) if isinstance(part, Sample) else part for part in parts])


def _plain(sample: Sample) -> tuple[object, ...]:
    values = {name: value + 0.0 if type(value) is float else value for name, value in sample.values.items()}
    return *sample[:2], values, dict(sample.statuses), dict(sample.units), *sample[5:-1]


def check_verdict(verdict: Verdict) -> None:
    """Every message is written or refused, and what is good is finite and in range. Raises Broken."""
    counts = verdict.counts
    demand(counts.written + counts.refused == len(verdict.batch.messages), f"messages are lost: {counts}")
    demand(counts.refused == len(verdict.letters), f"refused without a letter: {counts}")
    for position, letter in verdict.letters.items():
        demand(letter.payload == verdict.batch.messages[position].payload, "a letter lost its bytes")
        demand(bool(letter.refusals), "a letter without a reason")
    for reading in verdict.readings:
        demand(bool(reading.values or reading.doubtful), f"a reading of nothing: {reading}")
        for code, value in reading.values.items():
            quantity = OF_FAMILY[reading.family][code]
            demand(quantity.low <= value <= quantity.high, f"{code} out of range is good: {reading}")
