"""Messages that no careful sender sends, from a seed: the same seed and batch number give the same messages.

Half of them are valid messages with a few tokens (numbers, strings, brackets, commas) replaced, removed, doubled or moved,
because what is nearly right goes deepest. The rest are flipped and cut bytes, splices of two messages, arbitrary JSON,
arbitrary bytes, deep nesting and, rarely, payloads of the greatest size. Topics are right, swapped, unknown or hostile; they
are UTF-8 without U+0000, which is what the transports promise.

What is mutated: the simulated city's messages with its named faults, shapes of the native format, and foreign payloads seen
in the wild where they are there (`corpus`); so a seed repeats exactly only beside the same corpus.
"""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from functools import lru_cache
from itertools import chain
from pathlib import Path
from random import Random
from typing import NamedTuple

from ingest.link import capped
from ingest.transport import KIBI, Message, Session
from sensors.formats.native import encode
from sensors.instants import DAY_MS, HOUR_MS, iso
from sensors.quantities import OF_FAMILY
from sensors.reading import STATUSES
from simulators.city import history, hour, live
from simulators.faults import Plan, inject
from simulators.message import OutMessage
from tests.programs import ROOT

NOW = 1_772_344_800_000
"""When every fuzzed batch is received: 2026-03-01T06:00:00Z, a full hour."""
BATCH = 100
"""Messages in a batch. Chosen: enough for topics and times to recur, few enough to look at."""
SESSION = Session("fuzz", ())
"""Its caps are those of a real session: larger payloads come as the transports hand them over."""
ARCHIVE = "archive"
"""The source that has a horizon of its own."""

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*|[a-zA-Z]+|.', re.DOTALL)

NAMES = [
    *("at", "values", "status", "issued", "seq", "station", "source", "readings"),
    *OF_FAMILY["air"],
    *STATUSES,
    *("pm25", "PM2.5", "valeus", "time", "hx-01", "hx-02", ARCHIVE, "other"),
    *("", " ", "é", "细颗粒物", "\u202e", "\ufeff", "\U0010ffff", "a" * 300),
]
TIMES = [
    *(iso(NOW + shift) for shift in (0, -1, -HOUR_MS, HOUR_MS, HOUR_MS + 1, -400 * DAY_MS, -500 * DAY_MS)),
    *("2026-03-01T14:00:00+08:00", "2026-03-01T14:00:00", "2026-03-01 14:00:00+08:00", "2026-03-01", "20260301T06Z"),
    *("2026-W09-7T06:00:00Z", "2026-03-01T06:00:00.1234567Z", "2026-03-01T24:00:00Z", "2026-02-30T06:00:00Z"),
    *("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "0000-01-01T00:00:00Z", "1900-01-01T00:00:00Z"),
    *("2026-03-01T14:00:00+08:00:30", "2026-03-01T14:00:00+24:00", "2026-03-01T06:00Z", "T06", "yesterday"),
    "２０２６-03-01T14:00:00+08:00",
]
VALUES: Sequence[bytes] = [
    *b"true false null {} [] [[1]] 0 -0 -0.0 1 -1 35.0005 0.0005 1e-7 5e-324 1e-400 2000 2000.001 1e15 1e19 1e22 1e25".split(),
    *b"1e26 1e306 1e308 -1e308 1e400 -1e400 NaN Infinity -Infinity 9007199254740993 9223372036854775807".split(),
    *b"9223372036854775808 -9223372036854775809 1772344800 1772344800.0 1772344800000 1772344800000.0".split(),
    *b"1772344799999 1772348400000 1772348400001 -1772344800000 100000000000 253402300800000 -62135596800001".split(),
    *(b"9" * 4299, b"-" + b"9" * 4300, b"0." + b"9" * 5000, b"1e" + b"9" * 400),
    *(b'{"":{}}', b'{"o3":1}', b'"35"', b'"NaN"', b'"\\u0000"', b'"\\ud83d\\ude00"', b'"%s"' % (b"x" * 2000)),
    *(b'"%s"' % text.encode() for text in [*NAMES, *TIMES]),
]
"""JSON values, or nearly (NaN and the like), to put where another was."""
HOSTILE: Sequence[bytes] = [
    *VALUES,
    *(b"", b",", b":", b"{", b"}", b"[", b"]", b'"', b'\\"', b"//x\n", b"\x00", b"\xef\xbb\xbf", b"\xff\xfe{\x00", b"'x'"),
    *(b"01 +1 .5 5. 0x10 1_000 1e --1 undefined None".split()),
    *(b'"a\x00b"', b'"\\ud800"', b'"\\udfff\\ud800"', b'"\xff\xfe"', b'"\xed\xa0\x80"', b'"\\x"', b"9" * 5000),
]  # fmt: skip
"""Those, and what is not JSON."""

TOPICS: Sequence[str] = [
    *("", "/", "cityflux", "cityflux/v1", "cityflux/v1/gaoxin/air/hx-01", "cityflux/v1/gaoxin/air/hx-01/hour/again"),
    *("cityflux/v1/gaoxin/water/hx-01/hour", "cityflux/v1/gaoxin/air-index/hx-01/hour", "cityflux/v1/gaoxin/Air/hx-01/hour"),
    *("cityflux/v1/gaoxin/air/hx-01/week", "cityflux/v1//air/hx-01/hour", "cityflux/v1/gaoxin/air//hour", "CITYFLUX/v1"),
    *("cityflux/v2/gaoxin/air/hx-01/hour", "cityflux/v1/+/air/#/hour", "$SYS/broker/uptime", "$share/a/cityflux/v1"),
    *("cityflux/v1/gaoxin/air/" + "a" * 64 + "/hour", "cityflux/v1/gaoxin/air/" + "a" * 65 + "/hour", "/" * 200),
    *("cityflux/v1/高新区/air/hx-01/hour", "cityflux/v1/gaoxin/air/hx-01\n/hour", "cityflux/v1/\u202e", "\U0010ffff"),
    *("cityflux/v1/gaoxin/air/../hour", "cityflux/v1/gaoxin/air/'; DROP TABLE air_hour; --/hour", "x" * 65_535),
]  # fmt: skip


class Base(NamedTuple):
    """A message to mutate: its payload's tokens, where keys are among them, and where numbers, words and other strings are."""

    topic: str
    payload: bytes
    tokens: Sequence[bytes]
    keys: Sequence[int]
    scalars: Sequence[int]


def base_of(sent: OutMessage) -> Base:
    """A message, ready to be mutated."""
    tokens = _TOKEN.findall(sent.payload)
    keys = [at for at, following in enumerate(tokens[1:]) if following == b":"]
    scalars = [at for at, token in enumerate(tokens) if token not in b"[]{}:," and at not in keys]
    return Base(*sent, tokens, keys or [0], scalars or [0])


def corpus() -> list[bytes]:
    """Foreign payloads seen in the wild, in name order, read where they lie; none where the folder is not there."""
    place = os.environ.get("CITYFLUX_REAL_DATA", str(ROOT.parent / "shared" / "data"))
    return [path.read_bytes() for path in sorted(Path(place, "payloads").glob("*.json"))]


@lru_cache(maxsize=1)
def bases() -> Sequence[Base]:
    """What is mutated: simulated messages, with and without faults, every key of the native format, the corpus."""
    hours = chain.from_iterable(hour(1, NOW - back * HOUR_MS) for back in range(6))
    rates = Plan(duplicate=0.1, calibration=0.3, out_of_range=0.3, corrected=0.3, spike=0.1, poison=0.2)
    days = list(history(1, date(2026, 2, 27), NOW))
    simulated = [*live(1, NOW), *hour(1, NOW), *inject(hours, rates, 1, lambda fault: None), *days[:: len(days) // 4]]
    topic = days[0].topic
    station = topic.split("/")[4]
    shapes = [OutMessage(topic, encode(records)) for records in _shapes(station)]
    shapes += [OutMessage(topic, payload) for payload in corpus()]
    return [base_of(sent) for sent in [*simulated, *shapes * 4]]


def _shapes(station: str) -> Iterator[list[dict[str, object]]]:
    one = {"at": NOW, "values": {"pm2_5": 35.2, "o3": 61, "co": None}}
    yield [one]
    yield [{**one, "at": iso(NOW), "seq": 3, "station": station, "issued": NOW - 5000}]
    yield [{**one, "status": {"pm2_5": "calibration", "so2": "withdrawn", "o3": "normal"}}]
    yield [{"at": NOW, "status": {"no2": "fault"}}]
    yield [{**one, "at": NOW - 500 * DAY_MS, "source": ARCHIVE}]
    yield [{**one, "seq": number, "at": NOW - number % 2, "issued": iso(NOW - number)} for number in range(4)]
    yield [one, {**one, "values": {"o3": 62.5}}, {"at": NOW, "values": {"o3": -1}}, {**one, "at": NOW - HOUR_MS}]
    yield [{"at": NOW, "values": {}}]


def batch(seed: int, number: int) -> list[Message]:
    """The messages of one batch of a seed."""
    rng = Random(f"{seed}/{number}")
    makers = rng.choices(list(_MAKERS), list(_MAKERS.values()), k=BATCH)
    return [message(*make(rng), rng) for make in makers]


def message(base: Base, payload: bytes, rng: Random) -> Message:
    """`payload`, as a transport hands it over, under `base`'s topic or another."""
    return Message(_topic(base, rng), capped(payload, SESSION))


def _topic(base: Base, rng: Random) -> str:
    chance = rng.random()
    if chance < 0.8:
        return base.topic
    if chance < 0.88:
        return rng.choice(bases()).topic
    if chance < 0.93:
        return f"cityflux/v1/gaoxin/air/x-{rng.randrange(50_000)}/{rng.choice(('hour', 'raw'))}"
    if chance < 0.98:
        return rng.choice(TOPICS)
    at = rng.randrange(len(base.topic))
    return base.topic[:at] + chr(rng.choice((rng.randrange(1, 0xD800), rng.randrange(32, 127)))) + base.topic[at + 1 :]


_Made = tuple[Base, bytes]


def _valid(rng: Random) -> _Made:
    base = rng.choice(bases())
    return base, base.payload


def _tokens(rng: Random) -> _Made:
    base = rng.choice(bases())
    tokens = list(base.tokens)
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 6))):
        edit(tokens, base, rng)
    return base, b"".join(tokens)


def edit(tokens: list[bytes], base: Base, rng: Random) -> None:
    """Change `tokens`, which began as those of `base`, in place. Their number stays, so that the base's places hold."""
    key, chance = rng.choice(base.keys), rng.random()
    if chance < 0.45:
        tokens[rng.choice(base.scalars)] = rng.choice(VALUES)
    elif chance < 0.6:
        tokens[key] = b'"%s"' % rng.choice(NAMES).encode()
    elif chance < 0.7:  # the same key twice
        tokens[key] = b"%s:%s,%s" % (tokens[key], rng.choice(VALUES), tokens[key])
    elif chance < 0.8:
        tokens[key] = b'"%s":%s,%s' % (rng.choice(NAMES).encode(), rng.choice(VALUES), tokens[key])
    elif chance < 0.88:
        tokens[key : key + 4] = [b""] * len(tokens[key : key + 4])
    elif chance < 0.95:
        tokens[rng.randrange(len(tokens))] = rng.choice(HOSTILE)
    else:
        one, other = rng.randrange(len(tokens)), rng.randrange(len(tokens))
        tokens[one], tokens[other] = tokens[other], tokens[one]


def _bytes(rng: Random) -> _Made:
    base = rng.choice(bases())
    data = bytearray(base.payload)
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(data) + 1)
        chance = rng.random()
        if chance < 0.4 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif chance < 0.6:
            del data[at:]
        elif chance < 0.7:
            del data[at : at + rng.randint(1, 8)]
        elif chance < 0.8:
            data[at:at] = data[at : at + rng.randint(1, 30)]
        else:
            data[at:at] = rng.randbytes(rng.randint(1, 4))
    return base, bytes(data)


def _splice(rng: Random) -> _Made:
    one, other = rng.choice(bases()), rng.choice(bases())
    return one, one.payload[: rng.randrange(len(one.payload))] + other.payload[rng.randrange(len(other.payload)) :]


def _json(rng: Random) -> _Made:
    return rng.choice(bases()), _value(rng, rng.randint(0, 5))


def _value(rng: Random, depth: int) -> bytes:
    if depth == 0:
        return rng.choice(HOSTILE)
    parts = [_value(rng, rng.randrange(depth)) for _ in range(rng.randrange(4))]
    if rng.random() < 0.3:
        return b"[%s]" % b",".join(parts)
    return b"{%s}" % b",".join(b'"%s":%s' % (rng.choice(NAMES).encode(), part) for part in parts)


def _noise(rng: Random) -> _Made:
    return rng.choice(bases()), rng.randbytes(rng.choice((0, 1, 2, 3, 8, 60, 400)))


def _deep(rng: Random) -> _Made:
    depth = rng.choice((10, 100, 190, 199, 200, 201, 1000))
    opening, closing = rng.choice(((b"[", b"]"), (b'{"values":', b"}"), (b'{"readings":[', b"]}")))
    nest = opening * depth + rng.choice(HOSTILE) + closing * rng.choice((depth, depth, depth - 1))
    return rng.choice(bases()), nest if rng.random() < 0.5 else b'{"at":%d,"values":{"o3":%s}}' % (NOW, nest)


def _bulky(rng: Random) -> _Made:
    """Many or long parts, up to the payload cap and a little beyond."""
    room = round(SESSION.payload_cap * 2 ** -rng.uniform(-0.1, 12))
    around, part = rng.choice(
        (
            (b'{"readings":[%s]}', b"{}"),
            (b'{"readings":[%s]}', b'{"valeus":1}'),
            (b'{"readings":[%s]}', b'{"at":%d,"values":{"o3":1,"x":1e26}}' % NOW),
            (b'{"readings":[%s]}', b'{"at":%d,"values":{"o3":%d}}' % (NOW - rng.randrange(10**9), rng.randrange(200))),
            (b'{"at":%d,"values":{%%s}}' % NOW, b'"pm2_%d":1'),
            (b'{"at":%d,"values":{"o3":[%%s]}}' % NOW, b"1"),
            (b"{%s}", b'"%d":1'),
        )
    )
    parts = (part % number if b"%d" in part else part for number in range(room // (len(part) + 1)))
    if rng.random() < 0.6:
        return rng.choice(bases()), around % b",".join(parts)
    long = rng.choice((b"a", b"\\u0000", "µ".encode(), b"\\\\", b"9", b"'\\\""))
    around = rng.choice((b'{"at":%d,"values":{"o3":"%%s"}}' % NOW, b'{"at":"%s"}', b'{"%s":1}', b'{"station":"%s"}'))
    return rng.choice(bases()), around % (long * (room // len(long)))


def _huge(rng: Random) -> _Made:
    """A string of ten mebibytes."""
    letter = rng.choice((b"a", b"\x00", b"9", b"\xff", b"["))
    return rng.choice(bases()), b'{"at":%d,"values":{"o3":"%s"}}' % (NOW, letter * 10 * KIBI * KIBI)


_MAKERS: dict[Callable[[Random], _Made], float] = {
    _valid: 120,
    _tokens: 600,
    _bytes: 100,
    _splice: 50,
    _json: 80,
    _noise: 30,
    _deep: 20,
    _bulky: 0.2,
    _huge: 0.03,
}
"""By relative frequency. Chosen so that the costliest, which take up to a second, take about a tenth of the time."""
